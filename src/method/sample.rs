//! What a training sees: a window of the pair, and how much each of its pixels counts.

use super::Dims;
use crate::filter::{Grid, all_within, cubic_reach, mtf_reach};

/// A window of the pair, values normalised to 0..1; nodata replaced by some usual value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `[H, W]`.
    pub pan: Vec<f32>,
    /// `[h, w, C]`.
    pub ms: Vec<f32>,
    /// How much each pixel counts, if some are nodata.
    pub weights: Option<SampleWeights>,
}

/// Weights of mean 1 that are 0 where a value rests on nodata; see
/// [`Weights`](super::model::Weights).
#[derive(Clone, Debug, PartialEq)]
pub struct SampleWeights {
    /// `[H, W]`: PAN and upsampled MS are valid.
    pub pan: Vec<f32>,
    /// `[h, w]`: MS is valid, and so is everything the degraded fused image reads there.
    pub ms: Vec<f32>,
    /// `[h, w]`: also the degraded and upsampled MS is valid.
    pub reduced: Vec<f32>,
}

/// Which pixels of a pair are valid, `[H, W]` and `[h, w]`.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'a> {
    /// PAN.
    pub pan: &'a [bool],
    /// MS: all bands.
    pub ms: &'a [bool],
}

impl SampleWeights {
    /// Weights of a window.
    pub fn new(dims: &Dims, valid: Validity<'_>) -> Self {
        // Coarse neighbours of a fine pixel, and fine neighbours of a coarse one.
        let up = |grids: [Grid; 2], mask: &[bool]| {
            let [rows, columns] = grids.map(cubic_reach);
            all_within(mask, grids[1].coarse, &rows, &columns)
        };
        let down = |grids: [Grid; 2], mask: &[bool]| {
            let [rows, columns] = grids.map(mtf_reach);
            all_within(mask, grids[1].fine, &rows, &columns)
        };
        let and = |a: &[bool], b: &[bool]| a.iter().zip(b).map(|(a, b)| *a && *b).collect::<Vec<_>>();
        let grids = [dims.rows, dims.columns];
        let small = grids.map(|g| g.coarser());
        let pan = and(valid.pan, &up(grids, valid.ms));
        let ms = and(valid.ms, &down(grids, &pan));
        let reduced = and(&ms, &up(small, &down(small, valid.ms)));
        Self { pan: mean_one(&pan), ms: mean_one(&ms), reduced: mean_one(&reduced) }
    }
}

/// 1 over the share of valid pixels, where valid.
fn mean_one(mask: &[bool]) -> Vec<f32> {
    let valid = mask.iter().filter(|v| **v).count();
    let weight = if valid == 0 { 0.0 } else { (mask.len() as f64 / valid as f64) as f32 };
    mask.iter().map(|v| if *v { weight } else { 0.0 }).collect()
}
