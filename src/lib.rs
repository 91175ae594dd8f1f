//! `trapan`: zero-shot pansharpening on a hand-written compute engine.
//!
//! Given one panchromatic image (PAN) and one multispectral image of the same place at
//! lower resolution (MS), it trains two small networks on that pair alone (TRA-PAN,
//! arXiv 2505.06576) and computes the sharp multispectral image. There is no data set,
//! no pre-trained weight, no deep-learning framework and no autodiff.
//!
//! # Six concepts
//!
//! | concept | what it is | does not know |
//! |---|---|---|
//! | [`graph::Tensor`] | handle to a named f32 tensor with a shape and a role | bytes, devices |
//! | [`graph::Kernel`] | one computation: shader, textbook reference, fast CPU form, test cases | plans, training |
//! | [`graph::Call`] | a kernel applied to tensors | other calls |
//! | [`graph::Plan`] | ordered calls: one training step of one phase | engines |
//! | [`graph::Program`] | the tensor table and all plans over it | engines |
//! | [`engine::Engine`] | runs a program: `write`, `run`, `read`, and the log of losses | the network, the method |
//!
//! The graph is data, a recorded list; the mathematics is order: the backward pass is the
//! forward list read bottom to top, written by hand. Randomness decides which static plan
//! runs next, and nothing else.
//!
//! # Rooms
//!
//! - [`graph`]: the concepts above, their static checks, and where tensors lie in memory.
//! - [`kernels`]: one folder per family (`conv2d`, `mlp`, `resample`, `image`, `loss`,
//!   `turn`, `adam`, and `ceiling` for measuring); the shader has the same stem in `shaders/`.
//! - [`engine`]: [`GpuEngine`](engine::GpuEngine) on wgpu, and [`CpuEngine`](engine::CpuEngine).
//! - [`net`]: the fusion network and the degradation network as pushes of calls.
//! - [`filter`]: MTF blur, decimation and upsampling as tables.
//! - [`consistency`]: moves a fused image as little as possible so that degrading it gives MS back.
//! - [`method`]: settings, schedule, training, checkpoints, inference in tiles, simulation, traces.
//! - [`raster`]: GeoTIFF in and out, the geometry of a pair, pictures.
//! - [`classical`]: fusion without training, to compare with.
//! - [`quality`]: how good a fused image is, by its pair or by a truth; reads `raster`, row by row.
//! - [`report`]: a run told as one HTML page, as JSON, as pictures.
//! - [`remedy`]: what to do about an error or a warning; any room may name one.
//! - [`mod@bench`]: what `trapan bench` and `cargo bench` measure, and what `trapan selftest` checks.
//!
//! Calls go one way: command line → {`report`, `bench`} → `method` → {`raster`, `net`, `classical`, `consistency`, `quality`}
//! → {`kernels`, `filter`} → `graph`; `engine` runs graph values and names only `graph`, and of `kernels` the instruction sets and aligned memory.
//!
//! # A run
//!
//! ```no_run
//! use trapan::engine::{Device, DeviceChoice, Options};
//! use trapan::method::{self, Config, config::{Profile, Sensor}};
//! use trapan::scene::{GeometryOptions, Pair, Scale};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pair = Pair::open("pan.tif".as_ref(), &["ms.tif"], &GeometryOptions::default())?;
//! let scale = Scale::of(&pair, None)?;
//! let config = Config::new(Sensor::Generic, Profile::Trapan, pair.ms.bands)?;
//! let (device, _why) = Device::open(DeviceChoice::Auto, 0)?;
//! let (fused, _run) = method::fuse(&pair, &scale, &config, &device, Options::default(), &mut ())?;
//! assert_eq!(fused.hrms.len(), pair.pan.data.len() * pair.ms.bands);
//! # Ok(())
//! # }
//! ```

pub mod bench;
pub mod classical;
pub mod compare;
pub mod consistency;
pub mod engine;
pub mod filter;
pub mod graph;
pub mod kernels;
pub mod method;
pub mod net;
pub mod product;
pub mod quality;
pub mod remedy;
pub mod report;
pub mod scene;
pub mod simulate;
pub mod tiff;
