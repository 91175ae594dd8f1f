//! From arrays in memory to an array in memory, `[H, W, C]` of f32.
//!
//! ```sh
//! cargo run --release --example fuse_arrays
//! ```
//!
//! The arrays are a simulated pair's, so that the result can be compared with the truth.
#![expect(clippy::print_stdout, reason = "an example tells what it did")]

use std::error::Error;

use trapan::engine::{Device, Options};
use trapan::method::config::{Profile, Sensor};
use trapan::method::{Config, fuse};
use trapan::scene::{Alignment, GeometryOptions, Scale, Scene};
use trapan::simulate::{Spec, simulate};
use trapan::tiff::{Header, Raster, Sample};

const SIDE: usize = 96;
const RATIO: usize = 4;
const BANDS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let spec = Spec { size: [SIDE, SIDE], bands: BANDS, ratio: RATIO, sensor: Sensor::Generic, seed: 1 };
    let simulated = simulate(&spec)?;
    let (pan, ms, truth) = (simulated.pan.data, simulated.ms.data, simulated.truth.data);

    // What an array does not say: the type its values came in, a name for messages, and that both images
    // start at one edge. NaN would be nodata.
    let header = |name: &str, side, bands| Header::new(name, Sample::F32, [side, side, bands]);
    let pan = Raster::new(header("PAN", SIDE, 1), pan);
    let ms = Raster::new(header("MS", SIDE / RATIO, BANDS), ms);
    let options = GeometryOptions { assume_aligned: Some(Alignment::Area), ..GeometryOptions::default() };
    let scene = Scene::of(pan, ms, &options)?;

    let scale = Scale::of(&scene, None)?;
    let config = Config { seed: 7, ..Config::new(Sensor::Generic, Profile::Trapan, BANDS)? };
    let (fused, run) = fuse(&scene, &scale, &config, &Device::cpu(0), Options::default(), &mut ())?;
    let steps = run.log.map_or(0, |log| log.steps.len());
    println!("{steps} steps; {}", run.model.expect("a model").summary());

    let error = |image: &[f32]| {
        let squares = image.iter().zip(&truth).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        (squares / truth.len() as f64).sqrt()
    };
    println!("error {:.2} upsampled, {:.2} fused", error(&fused.lms), error(&fused.hrms));
    Ok(())
}
