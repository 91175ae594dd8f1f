//! How far the step should go: by an experiment with a known truth, and by the noise in MS.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::{Step, Validity};
use crate::filter::Grid;

/// What [`choose`] tries, none first.
pub const CANDIDATES: [Option<f64>; 6] = [None, Some(1.0), Some(0.3), Some(0.1), Some(0.03), Some(0.01)];

/// A pair whose true image is known: the degraded pair, or a simulated one. All in one unit.
#[derive(Clone, Copy, Debug)]
pub struct Experiment<'a> {
    /// Grids of its image and its MS.
    pub grids: [Grid; 2],
    /// The fused image `[H, W, C]`.
    pub x: &'a [f32],
    /// `[h, w, C]`.
    pub ms: &'a [f32],
    /// `[H, W, C]`.
    pub truth: &'a [f32],
    /// How much each pixel counts, `[H, W]`; `None`: all alike. 0 where the image or the truth is invalid.
    pub weights: Option<&'a [f32]>,
    /// Which pixels are valid.
    pub valid: Option<Validity<'a>>,
}

/// How often the noise let in counts: an image's own error, which the step removes, is smaller at full scale
/// than in the experiment, by half on simulated scenes.
const SAFETY: f64 = 2.0;

/// What was found for one band.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The candidate with the least error.
    pub nu: Option<f64>,
    /// Mean square error to be expected of each candidate.
    pub errors: Vec<f64>,
}

/// The best candidate for each band. Of equal ones the first wins. `noise` is the standard deviation of white
/// noise in MS per band, see [`noise`].
///
/// Where `truth` is MS itself, degraded for the experiment, degrading has taken most of its noise away: the
/// share `1 − g` of its variance σ², with g the mean of the diagonal of `D Dᵀ`. The step on the pair itself
/// meets all of it. What that adds to the error is known: `(1 − g) σ²` times the sum of `λ / (λ + ν')²` over the
/// eigenvalues of `D Dᵀ`, per pixel of the image. It counts twice, to be safe.
///
/// # Panics
/// If there are not as many gains as standard deviations.
pub fn choose(experiment: &Experiment<'_>, gains: &[f64], noise: &[f64], candidates: &[Option<f64>]) -> Vec<Choice> {
    let Experiment { grids: [rows, columns], x, ms, truth, weights, valid } = *experiment;
    let bands = gains.len();
    assert_eq!(bands, noise.len(), "one gain and one deviation per band");
    let tables = Step::new(rows, columns, gains, &vec![Some(1.0); bands]);
    let mut choices = vec![Choice { nu: None, errors: Vec::new() }; bands];
    for nu in candidates {
        let step = tables.with_nu(&vec![*nu; bands]);
        let mut moved = x.to_vec();
        step.whole(&mut moved, ms, valid);
        for (band, choice) in choices.iter_mut().enumerate() {
            let missing = noise[band].powi(2) * (1.0 - tables.energy(band));
            let error =
                weighted_error(&moved[band..], &truth[band..], weights, bands) + SAFETY * missing * step.lets_in(band);
            if choice.errors.iter().all(|known| error < *known) {
                choice.nu = *nu;
            }
            choice.errors.push(error);
        }
    }
    choices
}

fn weighted_error(x: &[f32], truth: &[f32], weights: Option<&[f32]>, bands: usize) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (i, (x, truth)) in x.iter().step_by(bands).zip(truth.iter().step_by(bands)).enumerate() {
        let weight = weights.map_or(1.0, |weights| f64::from(weights[i]));
        if weight > 0.0 {
            sum += weight * (f64::from(*x) - f64::from(*truth)).powi(2);
            total += weight;
        }
    }
    sum / total
}

/// Side of the blocks that noise is sought in.
const SIDE: usize = 16;
/// Share of the blocks that counts as quiet.
const QUIET: f64 = 0.1;
/// Fewest blocks that an estimate rests on: a tenth of fewer is ground by chance, not the quietest there is.
const BLOCKS: usize = 40;
/// Mean of a normal variable below its quantile of [`QUIET`].
const QUIET_MEAN: f64 = -1.755;

/// Standard deviation of white noise in each band of `ms [h, w, C]`, in its unit, `[C]`.
///
/// The difference of two Laplacians (Immerkær 1996) hears no gradient and no straight edge along the axes. In
/// the tenth of the blocks of 16×16 that is quietest in a band, what the response of the other bands does
/// not predict is taken as noise (Roger and Arnold 1996): ground is alike in all bands, noise is not. Blocks of
/// pure noise differ too, which is corrected for. Texture of its own in a band counts as noise. 0 for images
/// of fewer than 40 blocks.
pub fn noise(ms: &[f32], width: usize, bands: usize, valid: Option<&[bool]>) -> Vec<f64> {
    /// Sum of squares of the mask's 9 weights.
    const SQUARES: f64 = 36.0;
    /// Values of the response that count as one independent one: the sum of its squared autocorrelation.
    const ALIKE: f64 = 3.778;
    let height = ms.len() / (width * bands);
    let starts = |len: usize| (1..len.saturating_sub(SIDE)).step_by(SIDE);
    let whole = |y: usize, x: usize| {
        let row = |i: usize| i * width + x - 1..i * width + x + SIDE + 1;
        valid.is_none_or(|valid| (y - 1..y + SIDE + 1).all(|i| !valid[row(i)].contains(&false)))
    };
    let response = |y: usize, x: usize, band: usize| {
        let at = |y: usize, x: usize| f64::from(ms[(y * width + x) * bands + band]);
        let line = |y: usize| at(y, x - 1) - 2.0 * at(y, x) + at(y, x + 1);
        line(y - 1) - 2.0 * line(y) + line(y + 1)
    };
    let covariance = |(y, x): (usize, usize)| {
        let pixels = SIDE * SIDE;
        let values = DMatrix::from_fn(pixels, bands, |i, band| response(y + i / SIDE, x + i % SIDE, band));
        values.tr_mul(&values) / (pixels as f64 * SQUARES)
    };
    let places: Vec<(usize, usize)> =
        starts(height).flat_map(|y| starts(width).map(move |x| (y, x))).filter(|(y, x)| whole(*y, *x)).collect();
    if places.len() < BLOCKS {
        return vec![0.0; bands];
    }
    let mut blocks: Vec<DMatrix<f64>> = places.into_par_iter().map(covariance).collect();
    let spread = (2.0 * ALIKE / (SIDE * SIDE) as f64).sqrt();
    let band = |band: usize| {
        blocks.sort_by(|a, b| a[(band, band)].total_cmp(&b[(band, band)]));
        let quiet = &blocks[..(QUIET * blocks.len() as f64).ceil() as usize];
        let Some(first) = quiet.first() else { return 0.0 };
        let mean = quiet[1..].iter().fold(first.clone(), |sum, block| sum + block) / quiet.len() as f64;
        // The variance of a band given the others; bands that depend on each other have no noise.
        let variance = mean.try_inverse().map_or(0.0, |inverse| 1.0 / inverse[(band, band)]);
        (variance.max(0.0) / (1.0 + QUIET_MEAN * spread)).sqrt()
    };
    (0..bands).map(band).collect()
}
