//! From a pair of rasters to the fused image.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Config, Dims, Job, LOOK, MethodError, Model, Outcome, Progress, Sample, Sharpener, train};
use crate::engine::{Device, Loading, Options, Timing};
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
    /// What loading it took of the device.
    pub loading: Loading,
    /// Time of the last forward pass.
    pub infer_time: Duration,
    /// Time of every call that ran; see [`Engine::timings`](crate::engine::Engine::timings).
    pub timings: Vec<Timing>,
}

/// Sizes of a pair.
pub fn dims(pair: &Pair) -> Dims {
    Dims { rows: pair.rows, columns: pair.columns, bands: pair.ms.bands }
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
    let dims = dims(pair);
    let (pan, ms) = (scale.normalise(&pair.pan.data), scale.normalise(&pair.ms.data));
    let sample = Sample { pan, ms, weights: None };
    let model = build(dims, config, false);
    let mut engine = device.load(model.program.clone(), options)?;
    let (load_time, loading) = (start.elapsed(), engine.loading());
    let job = Job { model: &model, config, samples: std::slice::from_ref(&sample), checkpoints: None, look: LOOK };
    let outcome = train(engine.as_mut(), job, observe)?;
    let device_name = engine.name();
    let timings = engine.timings()?;
    drop(engine);
    let start = Instant::now();
    let network = (model.fusion.shape(), &outcome.trained.0[..]);
    let mut sharpener = Sharpener::new(device, options, &dims, config.upsample, network, [4096; 2])?;
    let strip = sharpener.strips()[0].clone();
    let [lms, hrms] = sharpener.strip(&strip, &sample.pan, &sample.ms, true)?.map(|x| scale.restore(&x));
    let infer_time = start.elapsed();
    Ok(Fused { hrms, lms, outcome, device: device_name, load_time, loading, infer_time, timings })
}

/// The model of a pair.
///
/// # Panics
/// If the program does not pass its own checks.
pub fn build(dims: Dims, config: &Config, weighted: bool) -> Model {
    Model::build(dims, config, weighted).unwrap_or_else(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("the program of {dims:?} is wrong: {}", list.join("; "))
    })
}
