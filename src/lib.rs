//! `trapan`: zero-shot pansharpening on a hand-written compute engine.
//!
//! Given one panchromatic image (PAN) and one multispectral image of the same place at
//! lower resolution (MS), it trains two small networks on that pair alone (TRA-PAN,
//! arXiv 2505.06576) and computes the sharp multispectral image. There is no data set to
//! get, no deep-learning framework and no autodiff; what a training starts from comes with
//! the program, taught by places that it simulated.
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
//! - [`kernels`]: one folder per family (`conv2d`, `mlp`, `resample`, `scan`, `adam` …, and `ceiling` for
//!   measuring); the shader has the same stem in `shaders/`.
//! - [`engine`]: [`GpuEngine`](engine::GpuEngine) on wgpu, and [`CpuEngine`](engine::CpuEngine).
//! - [`net`]: the fusion network and the degradation network as pushes of calls.
//! - [`filter`]: MTF blur, decimation and upsampling as tables.
//! - [`consistency`]: moves a fused image as little as possible so that degrading it gives MS back.
//! - [`tiff`]: GeoTIFF in and out: bytes, tags, grids. It knows no PAN and no method.
//! - [`scene`]: any two images of one place: their common part, its values, what is to be known of them.
//! - [`product`]: which files of a provider's folder are PAN and MS.
//! - [`classical`]: fusion without training: what a training starts from, and is compared with.
//! - [`quality`]: how good a fused image is, by its pair or by a truth, row by row.
//! - [`method`]: settings, static plans, schedule, training, checkpoints, applying in strips; a [`method::run()`] is
//!   the whole way.
//! - [`compare`]: methods judged beside each other; the paper's experiments.
//! - [`simulate`]: pairs with a known truth.
//! - [`report`]: a run told as one HTML page, as JSON, as pictures.
//! - [`remedy`]: what to do about an error or a warning; any room may name one.
//! - [`mod@bench`]: what `trapan bench` and `cargo bench` measure, and what `trapan selftest` checks.
//!
//! Calls go one way: command line → {`report`, `bench`, `compare`, `simulate`} → `method` → {`scene`, `product`, `net`,
//! `classical`, `consistency`, `quality`} → {`tiff`, `kernels`, `filter`, `linalg`} → `graph`; `engine` runs graph values,
//! and of `kernels` it names only instruction sets and memory. `tests/rooms.rs` holds every arrow.
//!
//! # A run
//!
//! ```no_run
//! use trapan::engine::{Device, DeviceChoice, Options};
//! use trapan::method::{self, Config, config::{Profile, Sensor}};
//! use trapan::scene::{GeometryOptions, Scale, Scene};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scene = Scene::open("pan.tif".as_ref(), &["ms.tif"], &GeometryOptions::default())?;
//! let scale = Scale::of(&scene, None)?;
//! let config = Config::new(Sensor::Generic, Profile::Trapan, scene.ms().bands)?;
//! let (device, _why) = Device::open(DeviceChoice::Auto, 0)?;
//! let (fused, _run) = method::fuse(&scene, &scale, &config, &device, Options::default(), &mut ())?;
//! assert_eq!(fused.hrms.len(), scene.rows.fine * scene.columns.fine * scene.ms().bands);
//! # Ok(())
//! # }
//! ```

// The program's room, and tests, name the library as any other client does.
#[cfg(any(feature = "cli", test))]
extern crate self as trapan;

pub mod bench;
pub mod classical;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod compare;
pub mod consistency;
pub mod engine;
pub mod filter;
pub mod graph;
pub mod kernels;
mod linalg;
pub mod method;
pub mod net;
pub mod product;
pub mod quality;
pub mod remedy;
pub mod report;
pub mod scene;
pub mod simulate;
pub mod tiff;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests of all rooms share it, and those of `tests`")]
mod support;
