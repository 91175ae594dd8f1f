//! How far the step should go: by an experiment with a known truth, and by the noise in MS.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::{ConsistencyStep, Validity};
use crate::filter::Grid;

/// What [`choose`] tries, none first.
pub(crate) const CANDIDATES: [Option<f64>; 6] = [None, Some(1.0), Some(0.3), Some(0.1), Some(0.03), Some(0.01)];

/// A pair whose true image is known: the degraded pair, or a simulated one. All in one unit.
#[derive(Clone, Copy, Debug)]
pub struct Experiment<'a> {
    /// Grids of its image and its MS.
    pub grids: [Grid; 2],
    /// The fused image `[H, W, C]`.
    pub x: &'a [f32],
    /// Another one, `[H, W, C]`, of which a share may be taken: `x + α (other − x)`, with α from 0 to 1.
    pub other: Option<&'a [f32]>,
    /// `[h, w, C]`.
    pub ms: &'a [f32],
    /// `[H, W, C]`.
    pub truth: &'a [f32],
    /// Pixels to judge `x` by, `[H, W]`; `None`: all.
    pub known: Option<&'a [bool]>,
    /// Those of them to judge `other` by: what it has not learnt from.
    pub judged: Option<&'a [bool]>,
    /// Which pixels are valid.
    pub valid: Option<Validity<'a>>,
    /// Standard deviation of white noise in MS per band, see [`noise`].
    pub noise: &'a [f64],
}

/// How often the noise let in counts: an image's own error, which the step removes, is smaller at full scale
/// than in the experiment, by half on simulated scenes.
const SAFETY: f64 = 2.0;
/// Neighbouring pixels that count as one where it is asked how sure a share is: errors of fused images are alike
/// over some two pixels.
const ALIKE: f64 = 4.0;

/// Pixels of which half a share is believed, of twice as many nearly all: what so little ground tells is one place's,
/// and often the filters' at its border.
const FEW: f64 = 60.0;

/// What was found for one band.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The candidate with the least error.
    pub nu: Option<f64>,
    /// α: the share of the other image that goes with it.
    pub share: f64,
    /// Mean square error to be expected of the two together, on ground that the other image has not learnt from.
    pub error: f64,
    /// The same without the other image.
    pub alone: f64,
    /// Sum of the truth over the pixels judged.
    pub level: f64,
}

/// Sums over pixels: f is what the other image adds after the step, e what the first lacks.
#[derive(Clone, Copy, Default)]
struct Sums {
    ff: f64,
    fe: f64,
    ee: f64,
    truth: f64,
    count: f64,
    price: f64,
}

impl Sums {
    /// The share with the least error, and less the less sure it is: with R² the part of the error that f
    /// explains, its variance over n independent pixels is `α² (1 − R²) / (R² n)`, and the positive-part estimate of
    /// James and Stein takes so much off. A share found on little ground is cut: [`FEW`].
    fn share(&self) -> f64 {
        let alpha = if self.ff > 0.0 { (self.fe / self.ff).max(0.0) } else { 0.0 };
        let explained = alpha * self.fe / self.ee;
        let unsure = (1.0 - explained) / explained * ALIKE / self.count;
        let believed = 1.0 / (1.0 + (FEW / self.count).powi(3));
        if alpha > 0.0 && unsure < 1.0 { (alpha * (1.0 - unsure)).min(1.0) * believed } else { 0.0 }
    }

    /// Mean square error with a share of f.
    fn error(&self, share: f64) -> f64 {
        (self.ee - 2.0 * share * self.fe + share * share * self.ff + self.price) / self.count
    }
}

/// The best candidate for each band, and the share of the other images. Of equal ones the first wins. The
/// candidate is what the first image needs on all ground that is known, the share what the other one betters after
/// that step on ground that it has not learnt from.
///
/// Where `truth` is MS itself, degraded for the experiment, degrading has taken most of its noise away: the
/// share `1 − g` of its variance σ², with g the mean of the diagonal of `D Dᵀ`. The step on the pair itself
/// meets all of it. What that adds to the error is known: `(1 − g) σ²` times the sum of `λ / (λ + ν')²` over the
/// eigenvalues of `D Dᵀ`, per pixel of the image. It counts twice, to be safe.
///
/// # Panics
/// If there are not as many gains as standard deviations.
pub fn choose(experiments: &[Experiment<'_>], gains: &[f64], candidates: &[Option<f64>]) -> Vec<Choice> {
    let bands = gains.len();
    let none = Choice { nu: None, share: 0.0, error: f64::INFINITY, alone: f64::INFINITY, level: 0.0 };
    let mut best = vec![(f64::INFINITY, none); bands];
    let tables: Vec<ConsistencyStep> = experiments
        .iter()
        .map(|Experiment { grids: [rows, columns], .. }| {
            ConsistencyStep::new(*rows, *columns, gains, &vec![Some(1.0); bands])
        })
        .collect();
    for nu in candidates {
        let mut sums = vec![[Sums::default(); 2]; bands];
        experiments.iter().zip(&tables).for_each(|(experiment, tables)| experiment.add(tables, *nu, &mut sums));
        for ((least, choice), [known, judged]) in best.iter_mut().zip(&sums).filter(|(_, [_, j])| j.count > 0.0) {
            let expected = known.error(0.0);
            if expected < *least {
                let share = judged.share();
                let (error, alone) = (judged.error(share), judged.error(0.0));
                *least = expected;
                *choice = Choice { nu: *nu, share, error, alone, level: judged.truth };
            }
        }
    }
    best.into_iter().map(|(_, choice)| choice).collect()
}

impl Experiment<'_> {
    /// Adds to the sums of each band over known pixels and over judged ones.
    fn add(&self, tables: &ConsistencyStep, nu: Option<f64>, sums: &mut [[Sums; 2]]) {
        let bands = sums.len();
        assert_eq!(bands, self.noise.len(), "one gain and one deviation per band");
        let step = tables.with_nu(&vec![nu; bands]);
        let moved = |x: &[f32]| {
            let mut moved = x.to_vec();
            step.whole(&mut moved, self.ms, self.valid);
            moved
        };
        let x = moved(self.x);
        let other = self.other.map(moved);
        let other = other.as_deref().unwrap_or(&x);
        let pixels = x.chunks_exact(bands).zip(other.chunks_exact(bands)).zip(self.truth.chunks_exact(bands));
        let price = |band: usize| {
            let missing = self.noise[band].powi(2) * (1.0 - tables.energy(band));
            SAFETY * missing * step.lets_in(band)
        };
        let prices: Vec<f64> = (0..bands).map(price).collect();
        for (i, ((x, other), truth)) in pixels.enumerate() {
            let used = [self.known, self.judged].map(|pixels| pixels.is_none_or(|pixels| pixels[i]));
            for (band, sums) in sums.iter_mut().enumerate() {
                let (f, e) = (f64::from(other[band] - x[band]), f64::from(truth[band] - x[band]));
                for (sums, _) in sums.iter_mut().zip(used).filter(|(_, used)| *used) {
                    (sums.ff, sums.fe, sums.ee) = (sums.ff + f * f, sums.fe + f * e, sums.ee + e * e);
                    sums.truth += f64::from(truth[band]);
                    sums.price += prices[band];
                    sums.count += 1.0;
                }
            }
        }
    }
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
