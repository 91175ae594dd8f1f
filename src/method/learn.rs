//! From a scene to trained networks.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::base::{self, Start};
use super::estimate::Estimate;
use super::example::Example;
use super::model::Model;
use super::step::settle;
use super::view::View;
use super::windows::{self, WindowPlace};
use super::{
    Checkpoints, Config, Dims, Job, LOOK, Lesson, MethodError, Plans, Prior, Progress, Run, Timings, sharpness, train,
    units,
};
use crate::engine::{Device, EngineError};
use crate::graph::{Grain, Program};
use crate::remedy::Note;
use crate::scene::{Scale, Scene, Survey};

/// Trains on a scene. `observe` hears of every epoch and may break off. A GPU that runs out of memory or
/// stops answering is replaced by the CPU, and a note says so.
///
/// # Errors
/// Settings out of range, divergence, interruption, what the device or reading reports.
///
/// # Panics
/// If the program does not pass its own checks: a mistake of this crate.
pub fn learn(job: &mut Job<'_>, observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>) -> Result<Run, MethodError> {
    let Job { scene, survey, scale, config, device, options, ref mut checkpoints, idle, .. } = *job;
    if !config.trains() {
        let wanted = "at least 1 where something is to be trained (not for Effort::Fast)".to_owned();
        return Err(MethodError::Setting { name: "epochs", value: "0".into(), wanted });
    }
    let prior = Prior::asked_for(config, scene.ms().bands, scene.ratio())?;
    let init = prior.as_ref().map(|prior| &prior.fusion[..]);
    let TrainingSet { config, scale, dims, windows, samples, start } = training_set(scene, survey, scale, config)?;
    let config = if prior.is_some() { &config.taught() } else { &config };
    let mut notes = Vec::new();
    let mut train_on = |device: &Device, checkpoints: Option<&mut Checkpoints>| {
        let start = Instant::now();
        let plans = build(dims, config, samples[0].weights.is_some(), device.grain());
        let mut engine = device.load(plans.program.clone(), options)?;
        let (load, loading) = (start.elapsed(), engine.loading());
        let lesson = Lesson { plans: &plans, config, samples: &samples, init, checkpoints, look: LOOK, idle };
        let log = train(engine.as_mut(), lesson, observe)?;
        let (device, isa, calls) = (engine.name(), engine.isa(), engine.timings()?);
        Ok((log, Timings { device, isa, load, loading, calls, ..Timings::default() }))
    };
    let result = match train_on(device, checkpoints.as_deref_mut()) {
        Err(error) if lost(device, &error) => {
            notes.push(Note::with(format!("{error}: the training ran on the CPU instead"), error.remedy()));
            checkpoints.iter_mut().try_for_each(|c| c.restart())?;
            train_on(&Device::cpu(0), checkpoints.as_deref_mut())
        }
        result => result,
    };
    let (mut log, timings) = result?;
    log.windows = windows;
    let (fusion, dam) = log.kept.clone();
    let statistics = log.statistics.clone();
    let settled = settle(&samples, &log.reduced, &dims, config);
    let model = Model {
        config: config.clone(),
        bands: dims.bands,
        ratio: dims.rows.ratio,
        scale,
        means: survey.means.clone(),
        start,
        fusion,
        statistics,
        dam,
        judgement: settled.judgement,
        sides: sides(scene, config),
        nu: settled.nu,
    };
    Ok(Run { model: Some(model), log: Some(log), timings, notes })
}

/// What a training sees.
pub(super) struct TrainingSet {
    /// The settings, with what the pair settles.
    pub config: Config,
    /// The unit of its values.
    pub scale: Scale,
    /// Sizes of its windows.
    pub dims: Dims,
    /// Their places.
    pub windows: Vec<WindowPlace>,
    /// Their images.
    pub samples: Vec<Example>,
    /// What the network adds to.
    pub start: Option<Start>,
}

pub(super) fn training_set(
    scene: &Scene<'_>,
    survey: &Survey,
    scale: &Scale,
    config: &Config,
) -> Result<TrainingSet, MethodError> {
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
    Ok(TrainingSet { config, scale, dims, windows, samples, start })
}

/// Factor and constant that bring PAN of a scene to the unit of its MS, as a training on it would have them.
///
/// # Errors
/// What reading reports.
pub(crate) fn pan_unit(
    scene: &Scene<'_>,
    survey: &Survey,
    scale: &Scale,
    config: &Config,
) -> Result<[f64; 2], MethodError> {
    let dims = windows::window_dims(scene, config);
    let windows = windows::choose(scene, &survey.cells, &dims, config);
    let view = View { scene, scale, means: &survey.means, near: true, trusting: false };
    units::fit(&view, &dims, &windows, config)
}

/// From how many sides a scene is seen: as asked for, or as many as take no longer than the training did.
fn sides(scene: &Scene<'_>, config: &Config) -> usize {
    if !config.backbone.turns() {
        return 1;
    }
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
pub fn closed_form(scene: &Scene<'_>, survey: &Survey, scale: &Scale, config: &Config) -> Result<Model, MethodError> {
    let TrainingSet { config, scale, dims, samples, start, .. } = training_set(scene, survey, scale, config)?;
    let nu = settle(&samples, &[], &dims, &config).nu;
    Ok(Model {
        config,
        bands: dims.bands,
        ratio: dims.rows.ratio,
        scale,
        means: survey.means.clone(),
        start,
        fusion: Vec::new(),
        statistics: Vec::new(),
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
    let TrainingSet { config, dims, samples, .. } = training_set(scene, survey, scale, config)?;
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
pub fn build(dims: Dims, config: &Config, weighted: bool, grain: Grain) -> Plans {
    Plans::build_for(dims, config, weighted, grain).unwrap_or_else(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("the program of {dims:?} is wrong: {}", list.join("; "))
    })
}
