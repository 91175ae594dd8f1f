//! Trains once, keeps the model in a file, and fuses tiles by it, each as another process could: the same
//! values as of the whole.
//!
//! ```sh
//! cargo run --release --example train_once_apply_tiles
//! ```
//!
//! The pair is simulated; with files it is `Scene::open`, as in `fuse_files`.
#![expect(clippy::print_stdout, reason = "an example tells what it did")]

use std::error::Error;
use std::ops::{ControlFlow, Range};

use trapan::engine::{Device, Options};
use trapan::method::apply::{Application, FusedRows, apply};
use trapan::method::config::{Profile, Sensor};
use trapan::method::{Config, Job, MethodError, Model, learn};
use trapan::scene::{Scale, Survey};
use trapan::simulate::{Spec, simulate};

const TILE: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let spec = Spec { size: [192, 128], bands: 4, ratio: 4, sensor: Sensor::Generic, seed: 1 };
    let simulated = simulate(&spec)?;
    let (scene, device) = (simulated.scene()?, Device::cpu(0));
    let survey = Survey::of(&scene)?;
    let scale = Scale::new(&scene, &survey, None)?;
    // Few epochs: this example is about tiles.
    let config =
        Config { epochs: 40, prolong: false, dam_epochs: 20, ..Config::new(Sensor::Generic, Profile::Trapan, 4)? };
    let mut job = Job::new((&scene, &survey), &scale, &config, &device);
    let run = learn(&mut job, &mut |_| ControlFlow::Continue(()))?;
    let file = std::env::temp_dir().join("trapan-model.safetensors");
    run.model.expect("a model").save(&file, true)?;

    let model = Model::load(&file)?;
    model.check(&scene, &scale)?;
    let fuse = |part: [Range<usize>; 2]| -> Result<Vec<f32>, MethodError> {
        let (model, options, memory) = (&model, Options::default(), u64::MAX);
        let job = Application { scene: &scene, model, device: &device, options, part, memory, lms: false };
        let mut fused = Vec::new();
        let mut sink = |rows: FusedRows| {
            fused.extend(rows.hrms);
            Ok(())
        };
        apply(&job, &mut sink, &mut |_| ControlFlow::Continue(()))?;
        Ok(fused)
    };
    let [height, width, bands] = [scene.rows.fine, scene.columns.fine, model.bands];
    let whole = fuse([0..height, 0..width])?;
    let (mut tiles, mut different) = (0, 0);
    for (y, x) in (0..height).step_by(TILE).flat_map(|y| (0..width).step_by(TILE).map(move |x| (y, x))) {
        let tile = fuse([y..y + TILE, x..x + TILE])?;
        tiles += 1;
        let row_of_whole = |row: usize| &whole[((y + row) * width + x) * bands..][..TILE * bands];
        different += tile.chunks_exact(TILE * bands).enumerate().filter(|(i, row)| *row != row_of_whole(*i)).count();
    }
    println!("{}: {tiles} tiles, {different} rows differ from the whole", file.display());
    Ok(())
}
