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
use trapan::compare::{Classical, Contest, Fuser, Learner};
use trapan::engine::Device;
use trapan::method::config::{Effort, Profile, Sensor};
use trapan::method::{Config, Contender};
use trapan::quality::Convention;
use trapan::scene::{GeometryOptions, Scale, Scene};
use trapan::simulate::{Spec, simulate};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let simulated;
    let scene = match &files[..] {
        [pan, ms @ ..] if !ms.is_empty() => Scene::open(pan, ms, &GeometryOptions::default())?,
        [] => {
            simulated = simulate(&Spec { size: [512, 512], bands: 4, ratio: 4, sensor: Sensor::Generic, seed: 1 })?;
            simulated.scene()?
        }
        _ => return Err("usage: judge PAN.tif MS.tif …".into()),
    };
    let scene = scene.filled()?;
    let scale = Scale::of(&scene, None)?;
    let config = Config::new(Sensor::Generic, Profile::Trapan, scene.ms().bands)?;
    let contest = Contest::new(&scene, &scale, &config, Convention::True)?;

    println!("{:<20} {:>8} {:>8} {:>8}", "method", "ERGAS", "SAM", "Q2n");
    let show = |name: &str, fuser: &dyn Fuser| -> Result<(), Box<dyn Error>> {
        let (scores, _map) = contest.against_truth(&fuser.image(&contest.reduced, &scale, &mut ())?)?;
        println!("{name:<20} {:8.3} {:8.3} {:8.4}", scores.ergas, scores.sam, scores.q2n);
        Ok(())
    };
    for method in Method::ALL.into_iter().filter(|method| *method != Method::Tv) {
        show(method.name(), &Classical { method, config: &config })?;
    }
    // The best of three forms band by band, then the step: what `--effort fast` does.
    let (fast, device) = (config.clone().with_effort(Effort::Fast), Device::cpu(0));
    let contender = Contender::Trapan;
    show("fast", &Learner { contender, config: fast, scale: &scale, device: &device, learnt: None })
}
