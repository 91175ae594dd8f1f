//! Which method is best on a pair: the pair is degraded by its ratio, fused, and compared with its MS.
//!
//! ```sh
//! cargo run --release --example judge -- pan.tif ms.tif
//! ```
//!
//! Without arguments it judges on a simulated pair. Nothing is trained: closed forms, and the consistency step.
#![expect(clippy::print_stdout, reason = "an example tells what it did")]

use std::error::Error;
use std::path::PathBuf;

use trapan::classical::Method;
use trapan::compare::Contest;
use trapan::engine::{Device, Options};
use trapan::method::config::{Effort, Profile, Sensor};
use trapan::method::{Config, baseline, fuse};
use trapan::quality::Convention;
use trapan::scene::{GeometryOptions, Pair, Scale};
use trapan::simulate::{Spec, simulate};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let pair = match &files[..] {
        [pan, ms @ ..] if !ms.is_empty() => Pair::open(pan, ms, &GeometryOptions::default())?,
        [] => simulate(&Spec { size: [512, 512], bands: 4, ratio: 4, sensor: Sensor::Generic, seed: 1 })?.pair()?,
        _ => return Err("usage: judge PAN.tif MS.tif …".into()),
    };
    let scale = Scale::of(&pair, None)?;
    let config = Config::new(Sensor::Generic, Profile::Trapan, pair.ms.bands)?;
    let contest = Contest::new(&pair, &scale, &config, Convention::True);

    println!("{:<20} {:>8} {:>8} {:>8}", "method", "ERGAS", "SAM", "Q2n");
    let show = |name: &str, fused: &[f32]| -> Result<(), Box<dyn Error>> {
        let (scores, _map) = contest.against_truth(fused)?;
        println!("{name:<20} {:8.3} {:8.3} {:8.4}", scores.ergas, scores.sam, scores.q2n);
        Ok(())
    };
    for method in Method::ALL.into_iter().filter(|method| *method != Method::Tv) {
        show(method.name(), &baseline(method, &contest.reduced, &config)?)?;
    }
    // The best of three forms band by band, then the step: what `--effort fast` does.
    let fast = config.clone().with_effort(Effort::Fast);
    let (fused, _) = fuse(&contest.reduced, &scale, &fast, &Device::cpu(0), Options::default(), &mut ())?;
    show("fast", &fused.hrms)
}
