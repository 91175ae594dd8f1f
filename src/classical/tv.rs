//! Total variation: the smoothest bands that explain MS through the MTF and PAN as their sum.
//!
//! `argmin_x ‖MD x − L‖² + ‖Σ w_b x_b − P‖² + λ TV(x)`, TV the sum of the gradient's lengths per band.
//!
//! Majorisation–minimisation (Palsson 2013). With A the two observations, y what they saw and
//! α > ‖A‖², the data terms lie below `α ‖x − b‖²`, `b = x_k + Aᵀ(y − A x_k) / α`. With D the
//! differences, `|D x| ≤ |D x|² / (2 |D x_k|) + |D x_k| / 2`. The minimum of both bounds is
//! `x = b − Dᵀ z`, `(2α/λ |D x_k| + D Dᵀ) z = D b`, and z comes from the same trick once more:
//! `D Dᵀ ≤ c`. Nothing divides by a gradient, and no matrix is formed.

use rayon::prelude::*;

use super::TvSettings;
use super::pair::{Pair, Plane};
use super::solve::NormalEquations;
use super::stats::Valid;
use crate::filter::{self, BandMatrix, Terms};

/// Bound of `‖D Dᵀ‖` for differences along two axes.
const DIFFERENCES: f64 = 8.0;
/// A power iteration stays below the norm it finds.
const SAFETY: f64 = 1.02;
/// Weight of equal shares of the bands in PAN, relative to the mean square of a band.
const PULL: f64 = 1e-2;

pub(super) fn tv(pair: &Pair<'_>, settings: &TvSettings) -> Vec<Plane> {
    let weights = weights(pair, settings.weights.as_deref());
    let md: Vec<Terms> = pair.inputs.ms_gains.iter().map(|gain| pair.degradation(*gain)).collect();
    let adjoint: Vec<Terms> = md.iter().map(|terms| filter::transposed(terms)).collect();
    let lambda = settings.lambda * pair.valid.deviation(&pair.pan);
    let blur = md.iter().map(|terms| norm(terms)).fold(0.0, f64::max);
    let alpha = SAFETY * (blur.powi(2) + weights.iter().map(|w| w * w).sum::<f64>());

    let width = pair.inputs.columns.fine;
    let mut bands: Vec<TvBand> = pair.lms.iter().map(|l| TvBand::new(l.clone())).collect();
    for _ in 0..settings.iterations {
        let sum = |i: usize| bands.iter().zip(&weights).map(|(band, w)| w * band.x[i]).sum::<f64>();
        let pan: Plane =
            (0..pair.pan.len()).map(|i| if pair.valid.at(i) { pair.pan[i] - sum(i) } else { 0.0 }).collect();
        let change = bands.par_iter_mut().enumerate().map(|(b, band)| {
            let mut rest = filter::apply_plane(&band.x, &md[b]);
            residual(&mut rest, &pair.ms[b], &pair.ms_valid);
            let mut goal = filter::apply_plane(&rest, &adjoint[b]);
            for ((goal, pan), x) in goal.iter_mut().zip(&pan).zip(&band.x) {
                *goal = x + (*goal + weights[b] * pan) / alpha;
            }
            band.step(goal, width, lambda, alpha)
        });
        // Summed in the order of bands, so that threads do not decide when to stop.
        let (moved, size) = change.collect::<Vec<_>>().into_iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        if moved <= settings.tolerance.powi(2) * size {
            break;
        }
    }
    bands.into_iter().map(|band| band.x).collect()
}

/// `y − x` where y can be trusted, else 0.
fn residual(x: &mut [f64], y: &[f64], valid: &Valid) {
    for (i, (x, y)) in x.iter_mut().zip(y).enumerate() {
        *x = if valid.at(i) { y - *x } else { 0.0 };
    }
}

/// PAN as a sum of bands at MS resolution: the given shares at the scale that fits, or a regression
/// without negative shares. Bands are alike, so a regression alone puts PAN on a few of them by
/// chance; a pull towards equal shares steadies it.
fn weights(pair: &Pair<'_>, shares: Option<&[f64]>) -> Vec<f64> {
    let bands = pair.ms.len();
    let pan = pair.pan_at_ms();
    let trusted: Vec<usize> = (0..pan.len()).filter(|i| pair.ms_valid.at(*i)).collect();
    let at = |i: usize| pair.ms.iter().map(move |m| m[i]);
    let equal = vec![1.0; bands];
    let known = shares.is_some();
    let shares = shares.unwrap_or(&equal);
    let mut scale = NormalEquations::new(1);
    for i in &trusted {
        scale.add(&[at(*i).zip(shares).map(|(m, w)| m * w).sum()], pan[*i]);
    }
    let scale = scale.solve()[0].max(0.0);
    if known {
        return shares.iter().map(|w| scale * w).collect();
    }
    let mut normal = NormalEquations::new(bands);
    for i in &trusted {
        normal.add(&at(*i).collect::<Vec<_>>(), pan[*i]);
    }
    normal.pull(PULL, scale);
    normal.solve_non_negative()
}

/// Bound of an image operator's norm: the product of its axes', summed over the terms.
fn norm(terms: &[(BandMatrix, BandMatrix)]) -> f64 {
    terms.iter().map(|(y, x)| axis_norm(y) * axis_norm(x)).sum()
}

/// Largest singular value of one axis, by power iteration from a constant, which a blur keeps best.
fn axis_norm(axis: &BandMatrix) -> f64 {
    let back = axis.transposed();
    let mut x = vec![1.0; axis.input];
    let mut norm = 0.0f64;
    for _ in 0..30 {
        let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let y = axis.apply(|i| x[i] / length);
        norm = y.iter().map(|y| y * y).sum::<f64>().sqrt();
        x = back.apply(|i| y[i]);
    }
    norm
}

/// One band and the multipliers of its differences.
struct TvBand {
    x: Plane,
    /// Along x and along y.
    z: [Plane; 2],
}

impl TvBand {
    fn new(x: Plane) -> Self {
        let zeros = vec![0.0; x.len()];
        Self { z: [zeros.clone(), zeros], x }
    }

    /// One step towards the minimum of `α ‖x − b‖² + λ TV(x)`; gives the squared length of the step
    /// and of the result.
    fn step(&mut self, b: Plane, width: usize, lambda: f64, alpha: f64) -> (f64, f64) {
        if lambda > 0.0 {
            let [gx, gy] = differences(&self.x, width);
            let current: Plane = b.iter().zip(adjoint(&self.z, width)).map(|(b, dz)| b - dz).collect();
            for (z, d) in self.z.iter_mut().zip(differences(&current, width)) {
                for (i, (z, d)) in z.iter_mut().zip(d).enumerate() {
                    let slope = 2.0 * alpha * gx[i].hypot(gy[i]);
                    *z = lambda * (d + DIFFERENCES * *z) / (slope + lambda * DIFFERENCES);
                }
            }
        }
        let x: Plane = b.iter().zip(adjoint(&self.z, width)).map(|(b, dz)| b - dz).collect();
        let moved = x.iter().zip(&self.x).map(|(a, b)| (a - b).powi(2)).sum();
        let size = x.iter().map(|x| x * x).sum();
        self.x = x;
        (moved, size)
    }
}

/// Differences to the next pixel along x and along y; 0 at the far border.
fn differences(x: &[f64], width: usize) -> [Plane; 2] {
    let along_x = x.iter().enumerate().map(|(i, v)| if (i + 1).is_multiple_of(width) { 0.0 } else { x[i + 1] - v });
    let along_y = x.iter().enumerate().map(|(i, v)| x.get(i + width).map_or(0.0, |next| next - v));
    [along_x.collect(), along_y.collect()]
}

/// The adjoint of [`differences`].
fn adjoint(z: &[Plane; 2], width: usize) -> Plane {
    let [zx, zy] = z;
    let last = |i: usize| i + width >= zy.len();
    let at = |i: usize| {
        let x = if i.is_multiple_of(width) { 0.0 } else { zx[i - 1] }
            - if (i + 1).is_multiple_of(width) { 0.0 } else { zx[i] };
        let y = if i < width { 0.0 } else { zy[i - width] } - if last(i) { 0.0 } else { zy[i] };
        x + y
    };
    (0..zx.len()).map(at).collect()
}
