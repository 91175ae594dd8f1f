//! From a scene to trained networks.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::base::{self, Start};
use super::estimate::Estimate;
use super::fitted::Fitted;
use super::sample::Sample;
use super::step::settle;
use super::view::View;
use super::windows::{self, Place};
use super::{Checkpoints, Config, Dims, Job, LOOK, MethodError, Model, Outcome, Progress, sharpness, train, units};
use crate::engine::{Device, EngineError, Loading, Options, Timing};
use crate::graph::{Grain, Program};
use crate::kernels::Isa;
use crate::raster::{Scale, Scene, Survey};

/// What a training did.
pub struct Learned {
    /// The networks.
    pub fitted: Fitted,
    /// Steps, losses, times.
    pub outcome: Outcome,
    /// Sizes of a training window.
    pub dims: Dims,
    /// The windows.
    pub windows: Vec<Place>,
    /// Device the engine ran on.
    pub device: String,
    /// The instruction set it computed with, if that was a CPU.
    pub isa: Option<Isa>,
    /// Time to build the program and load it on the device.
    pub load_time: Duration,
    /// What loading it took of the device.
    pub loading: Loading,
    /// Time of every call that ran; see [`Engine::timings`](crate::engine::Engine::timings).
    pub timings: Vec<Timing>,
    /// What did not go as asked.
    pub notes: Vec<String>,
}

/// Trains on a scene. `observe` hears of every epoch and may break off. A GPU that runs out of memory or
/// stops answering is replaced by the CPU, and a note says so.
///
/// # Errors
/// Settings out of range, divergence, interruption, what the device or reading reports.
///
/// # Panics
/// If the program does not pass its own checks: a mistake of this crate.
pub fn learn(
    scene: &Scene<'_>,
    survey: &Survey,
    scale: &Scale,
    config: &Config,
    device: &Device,
    options: Options,
    mut checkpoints: Option<&mut Checkpoints>,
    observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Learned, MethodError> {
    if !config.trains() {
        let wanted = "at least 1 where something is to be trained (not with --effort fast)".to_owned();
        return Err(MethodError::Setting { name: "epochs", value: "0".into(), wanted });
    }
    let Prepared { config, scale, dims, windows, samples, start } = prepare(scene, survey, scale, config)?;
    let config = &config;
    let mut notes = Vec::new();
    let mut run = |device: &Device, checkpoints: Option<&mut Checkpoints>| {
        let start = Instant::now();
        let model = build(dims, config, samples[0].weights.is_some(), device.grain());
        let mut engine = device.load(model.program.clone(), options)?;
        let (load_time, loading) = (start.elapsed(), engine.loading());
        let job = Job { model: &model, config, samples: &samples, checkpoints, look: LOOK };
        let outcome = train(engine.as_mut(), job, observe)?;
        Ok((outcome, (engine.name(), engine.isa()), load_time, loading, engine.timings()?))
    };
    let result = match run(device, checkpoints.as_deref_mut()) {
        Err(error) if lost(device, &error) => {
            notes.push(format!("{error}: the training ran on the CPU instead"));
            checkpoints.iter_mut().try_for_each(|c| c.restart())?;
            run(&Device::cpu(0), checkpoints)
        }
        result => result,
    };
    let (outcome, (device, isa), load_time, loading, timings) = result?;
    let (fusion, dam) = outcome.trained.clone();
    let settled = settle(&samples, &outcome.reduced, &dims, config);
    let fitted = Fitted {
        config: config.clone(),
        bands: dims.bands,
        ratio: dims.rows.ratio,
        scale,
        means: survey.means.clone(),
        start,
        fusion,
        dam,
        judgement: settled.judgement,
        sides: sides(scene, config),
        nu: settled.nu,
    };
    Ok(Learned { fitted, outcome, dims, windows, device, isa, load_time, loading, timings, notes })
}

/// What a training sees.
pub(super) struct Prepared {
    /// The settings, with what the pair settles.
    pub config: Config,
    /// The unit of its values.
    pub scale: Scale,
    /// Sizes of its windows.
    pub dims: Dims,
    /// Their places.
    windows: Vec<Place>,
    /// Their images.
    pub samples: Vec<Sample>,
    /// What the network adds to.
    start: Option<Start>,
}

pub(super) fn prepare(
    scene: &Scene<'_>,
    survey: &Survey,
    scale: &Scale,
    config: &Config,
) -> Result<Prepared, MethodError> {
    config.check(scene.ms().bands)?;
    config.check_grids(&scene.rows, &scene.columns)?;
    let dims = windows::window_dims(scene, config);
    let windows = windows::choose(scene, &survey.cells, &dims, config);
    let mut scale = *scale;
    if config.robust {
        scale = scale.robust(survey);
        scale = Scale { pan: pan_unit(scene, survey, &scale, config)?, ..scale };
    }
    let view = View { scene, scale: &scale, means: &survey.means, near: config.robust, trusting: false };
    let mut samples = windows::samples(&view, &dims, &windows, config)?;
    let pan_gain = sharpness::pan_gain(&samples, dims.columns.fine, config);
    let config = Config { pan_gain, ..config.sized(&dims) };
    let start = base::choose(&mut samples, &dims, &config)?;
    Ok(Prepared { config, scale, dims, windows, samples, start })
}

/// Factor and constant that bring PAN of a scene to the unit of its MS, as a training on it would have them.
///
/// # Errors
/// What reading reports.
pub fn pan_unit(scene: &Scene<'_>, survey: &Survey, scale: &Scale, config: &Config) -> Result<[f64; 2], MethodError> {
    let dims = windows::window_dims(scene, config);
    let windows = windows::choose(scene, &survey.cells, &dims, config);
    let view = View { scene, scale, means: &survey.means, near: true, trusting: false };
    units::fit(&view, &dims, &windows, config)
}

/// From how many sides a scene is seen: as asked for, or as many as take no longer than the training did.
fn sides(scene: &Scene<'_>, config: &Config) -> usize {
    if config.sides > 0 {
        return config.sides;
    }
    let Estimate { training, inference, .. } = Estimate::of(scene, config);
    // Applied in tiles with a rim, an operation takes up to twice as long as in training.
    [8, 4, 2].into_iter().find(|sides| 2.0 * f64::from(*sides) * inference <= training).unwrap_or(1) as usize
}

/// Fits the closed form that `config` names, or the best one, to a scene, without training: the result of
/// [`Effort::Fast`](super::config::Effort::Fast).
///
/// # Errors
/// Settings out of range, what reading or fitting reports.
pub fn closed_form(scene: &Scene<'_>, survey: &Survey, scale: &Scale, config: &Config) -> Result<Fitted, MethodError> {
    let Prepared { config, scale, dims, samples, start, .. } = prepare(scene, survey, scale, config)?;
    let nu = settle(&samples, &[], &dims, &config).nu;
    Ok(Fitted {
        config,
        bands: dims.bands,
        ratio: dims.rows.ratio,
        scale,
        means: survey.means.clone(),
        start,
        fusion: Vec::new(),
        dam: Vec::new(),
        judgement: None,
        sides: 1,
        nu,
    })
}

/// The program that [`learn`] would run, with weights if its windows have nodata.
///
/// # Errors
/// Settings out of range, what reading reports.
///
/// # Panics
/// If the program does not pass its own checks: a mistake of this crate.
pub fn program(
    scene: &Scene<'_>,
    survey: &Survey,
    scale: &Scale,
    config: &Config,
) -> Result<Arc<Program>, MethodError> {
    let Prepared { config, dims, samples, .. } = prepare(scene, survey, scale, config)?;
    Ok(build(dims, &config, samples[0].weights.is_some(), Grain::default()).program)
}

/// Whether a GPU cannot go on, where another device might.
pub(super) fn lost(device: &Device, error: &MethodError) -> bool {
    let gone = matches!(
        error,
        MethodError::Engine(EngineError::OutOfMemory { .. } | EngineError::Limits { .. } | EngineError::Device { .. })
    );
    gone && matches!(device, Device::Gpu(_))
}

/// The model of windows of one size, cut for a sort of device: [`Device::grain`].
///
/// # Panics
/// If the program does not pass its own checks.
pub fn build(dims: Dims, config: &Config, weighted: bool, grain: Grain) -> Model {
    Model::build_for(dims, config, weighted, grain).unwrap_or_else(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("the program of {dims:?} is wrong: {}", list.join("; "))
    })
}
