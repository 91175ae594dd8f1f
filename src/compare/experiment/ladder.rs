//! A pair at scale after scale (supplement, Fig. 1).

use crate::method::Config;
use crate::scene::{Image, Scene, StoredImage, shrunk};
use crate::tiff::TiffError;

/// Least side of an image that is learnt from and judged: a patch, and a block of the indices.
pub(crate) const LEAST: usize = 32;

/// Scales looked at: the pair's own, and after three degradations.
const SCALES: u32 = 4;

/// A pair at one scale.
pub struct Rung {
    /// Scale, from 1.
    pub scale: u32,
    /// PAN and MS there.
    pub scene: Scene<'static>,
    /// The truth there, of the size of PAN, where it is known.
    pub truth: Option<StoredImage>,
}

/// A pair and what degrading it again and again makes of it, as far as there is something to learn from.
///
/// Where the truth is known it is degraded with the pair, by 2 each time, and every rung has a truth. Without one the
/// pair is degraded by its ratio, so that MS of each rung is the truth of the next, and the first has none.
///
/// # Errors
/// Those of [`StoredImage::of`].
pub fn ladder(scene: &Scene<'_>, truth: Option<&dyn Image>, config: &Config) -> Result<Vec<Rung>, TiffError> {
    let (gains, pan_gain) = (&config.ms_gains, config.pan_gain);
    let first = Rung { scale: 1, scene: scene.stored()?, truth: truth.map(StoredImage::of).transpose()? };
    let mut rungs = vec![first];
    for scale in supervised(scene, truth.is_some()).into_iter().filter(|scale| *scale > 1) {
        let last = &rungs[rungs.len() - 1];
        rungs.push(match (truth, &last.truth) {
            (Some(_), Some(truth)) => Rung {
                scale,
                scene: last.scene.shrunk(2, gains, pan_gain).stored()?,
                truth: Some(StoredImage::of(&shrunk(truth, 2, gains))?),
            },
            _ => Rung {
                scale,
                scene: last.scene.coarser(gains, pan_gain).stored()?,
                truth: Some(StoredImage::of(last.scene.images()[1])?),
            },
        });
    }
    Ok(rungs)
}

/// Scales whose truth is known, of a scene with a truth at its own or without.
pub fn supervised(scene: &Scene<'_>, with_truth: bool) -> Vec<u32> {
    let side = scene.rows.fine.min(scene.columns.fine);
    let (first, by) = if with_truth { (1, 2) } else { (2, scene.ratio()) };
    (first..=SCALES).filter(|scale| side / by.pow(scale - 1) >= LEAST).collect()
}

/// The pair at a scale, degraded by 2 each time, whatever is known of its truth.
///
/// # Errors
/// Those of [`Scene::stored`].
pub(crate) fn halved(scene: &Scene<'_>, config: &Config, scale: u32) -> Result<Scene<'static>, TiffError> {
    let mut scene = scene.stored()?;
    for _ in 1..scale {
        let next = scene.shrunk(2, &config.ms_gains, config.pan_gain).stored()?;
        scene = next;
    }
    Ok(scene)
}

/// Scales at which the pair, degraded by 2 each time, can be judged.
pub fn judged(scene: &Scene<'_>) -> Vec<u32> {
    let side = scene.rows.coarse.min(scene.columns.coarse);
    (1..=SCALES).filter(|scale| side >> (scale - 1) >= LEAST).collect()
}
