//! From a pair of rasters to the fused image.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Config, Dims, MethodError, Model, Outcome, Progress, train};
use crate::engine::{Device, Options, Timing};
use crate::graph::Step;
use crate::raster::{Pair, Scale};

/// A fused pair.
pub struct Fused {
    /// The sharp multispectral image `[H, W, C]` in DN, neither rounded nor clamped.
    pub hrms: Vec<f32>,
    /// The upsampled multispectral image `[H, W, C]` in DN: what fusing improves on.
    pub lms: Vec<f32>,
    /// What training did.
    pub outcome: Outcome,
    /// Device the engine ran on.
    pub device: String,
    /// Time to build the program and load it on the device.
    pub load_time: Duration,
    /// Time of the last forward pass.
    pub infer_time: Duration,
    /// Time of every call that ran; see [`Engine::timings`](crate::engine::Engine::timings).
    pub timings: Vec<Timing>,
}

/// Sizes of a pair.
pub fn dims(pair: &Pair) -> Dims {
    Dims::aligned(pair.ms.height, pair.ms.width, pair.ms.bands, pair.ratio)
}

/// Trains on a pair and fuses it, with `options` for the engine. `observe` hears of every epoch and may break off.
///
/// # Errors
/// Settings out of range, divergence, interruption, or what the device reports.
///
/// # Panics
/// If the program does not pass its own checks: a mistake of this crate.
pub fn fuse(
    pair: &Pair,
    scale: &Scale,
    config: &Config,
    device: &Device,
    options: Options,
    observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Fused, MethodError> {
    config.check(pair.ms.bands)?;
    let start = Instant::now();
    let model = build(dims(pair), config);
    let mut engine = device.load(model.program.clone(), options)?;
    let load_time = start.elapsed();
    let (pan, ms) = (scale.normalise(&pair.pan.data), scale.normalise(&pair.ms.data));
    let outcome = train(engine.as_mut(), &model, config, &pan, &ms, observe)?;
    let start = Instant::now();
    engine.run(model.full_step, model.infer.clone(), &Step::default())?;
    let (device, timings) = (engine.name(), engine.timings()?);
    let images = engine.finish(&[model.hrms, model.lms])?;
    let [hrms, lms] = [0, 1].map(|i| scale.restore(&images[i]));
    let infer_time = start.elapsed();
    Ok(Fused { hrms, lms, outcome, device, load_time, infer_time, timings })
}

/// The model of a pair.
///
/// # Panics
/// If the program does not pass its own checks.
pub fn build(dims: Dims, config: &Config) -> Model {
    Model::build(dims, config).unwrap_or_else(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("the program of {dims:?} is wrong: {}", list.join("; "))
    })
}
