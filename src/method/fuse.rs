//! From a pair in memory to the fused image in memory.

use std::ops::ControlFlow;

use super::apply::{Application, Applied, Rows, apply};
use super::learn::{Learned, closed_form, learn};
use super::{Config, Dims, MethodError, Model, Progress};
use crate::engine::{Device, Options};
use crate::scene::{Pair, Scale, Scene, Survey};

/// A fused pair.
pub struct Fused {
    /// The sharp multispectral image `[H, W, C]` in DN, neither rounded nor clamped.
    pub hrms: Vec<f32>,
    /// The upsampled multispectral image `[H, W, C]` in DN: what fusing improves on.
    pub lms: Vec<f32>,
    /// What training did.
    pub learned: Learned,
    /// What applying its result took.
    pub applied: Applied,
}

/// Fuses a pair by the closed form that the settings ask for: `[H, W, C]` in DN, neither rounded nor clamped.
///
/// # Errors
/// Settings out of range, what fitting reports.
pub fn fuse_untrained(pair: &Pair, scale: &Scale, config: &Config) -> Result<Vec<f32>, MethodError> {
    let scene = Scene::of(pair);
    let survey = Survey::of(&scene)?;
    let model = closed_form(&scene, &survey, scale, config)?;
    Ok(whole(&scene, &model, &Device::cpu(0), Options::default())?.0.hrms)
}

/// The whole scene in memory.
fn whole(scene: &Scene<'_>, model: &Model, device: &Device, options: Options) -> Result<(Rows, Applied), MethodError> {
    let part = [0..scene.rows.fine, 0..scene.columns.fine];
    let job = Application { scene, model, device, options, part, memory: u64::MAX, lms: true };
    let mut all = Rows { lms: Vec::new(), hrms: Vec::new(), valid: None };
    let mut collect = |rows: Rows| {
        all.lms.extend(rows.lms);
        all.hrms.extend(rows.hrms);
        Ok(())
    };
    let applied = apply(&job, &mut collect, &mut |_| ControlFlow::Continue(()))?;
    Ok((all, applied))
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
    let scene = Scene::of(pair);
    let survey = Survey::of(&scene)?;
    let learned = learn(&scene, &survey, scale, config, device, options, None, observe)?;
    let (Rows { lms, hrms, .. }, applied) = whole(&scene, &learned.model, device, options)?;
    Ok(Fused { hrms, lms, learned, applied })
}
