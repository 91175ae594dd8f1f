//! From two GeoTIFFs to a fused one, of any size: trained on windows, fused and written strip by strip.
//!
//! ```sh
//! cargo run --release --example fuse_files -- pan.tif ms.tif fused.tif
//! ```
//!
//! Without arguments it simulates a small pair in the folder for temporary files and fuses that.
#![expect(clippy::print_stdout, reason = "an example tells what it did")]

use std::error::Error;
use std::path::PathBuf;

use trapan::engine::{Device, DeviceChoice};
use trapan::method::config::Sensor;
use trapan::method::{self, Job, Request};
use trapan::scene::GeometryOptions;
use trapan::simulate::{Spec, simulate};
use trapan::tiff::{CogWriter, Creation, Layout, Source};

fn main() -> Result<(), Box<dyn Error>> {
    let [pan, ms, fused] = files()?;
    let [pan, ms] = [Source::open(&[pan])?, Source::open(&[ms])?];
    // What is not asked for follows from the images and the method.
    let request = Request { sensor: Some(Sensor::Generic), ..Request::default() };
    let config = request.config(None, ms.header().bands)?;
    let ready = request.prepare([&pan, &ms], &GeometryOptions::default(), config)?;
    ready.scene.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    let (device, why) = Device::open(DeviceChoice::Auto, 0)?;
    println!("on {device} ({why})");

    let layout = Layout { range: ready.scale.range, ..Layout::fused(ready.scene.pan(), ready.scene.ms()) };
    let mut file = CogWriter::create(&fused, &layout, &Creation::default(), true)?;
    let job = Job { memory: 1 << 30, ..ready.job(&device) };
    // `()` hears nothing of how it goes on.
    let run = method::run(job, &mut |rows| file.write_rows(&rows.hrms, rows.valid.as_deref()), &mut ())?;
    println!("{}", run.model.expect("a model").summary());
    file.finish()?;
    println!("wrote {}", fused.display());
    Ok(())
}

/// PAN, MS and the result: as named, or simulated.
fn files() -> Result<[PathBuf; 3], Box<dyn Error>> {
    let given: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match <[PathBuf; 3]>::try_from(given) {
        Ok(files) => Ok(files),
        Err(none) if none.is_empty() => {
            let folder = std::env::temp_dir().join("trapan-fuse-files");
            let spec = Spec { size: [96, 96], bands: 4, ratio: 4, sensor: Sensor::Generic, seed: 1 };
            simulate(&spec)?.write(&folder, true)?;
            Ok(["pan.tif", "ms.tif", "fused.tif"].map(|name| folder.join(name)))
        }
        Err(_) => Err("usage: fuse_files PAN.tif MS.tif FUSED.tif".into()),
    }
}
