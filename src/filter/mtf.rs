//! The sensor's modulation transfer function (MTF) as a blur, alone and with decimation
//! (method, section 3).

use std::collections::BTreeMap;
use std::f64::consts::PI;

use ndarray::Array2;

use super::cubic::{clamp, cubic_row};
use super::{BandMatrix, Grid, Terms};

/// Taps of the MTF filter.
pub const TAPS: usize = 41;
const RADIUS: isize = (TAPS / 2) as isize;

/// `s(m)`, `m = −20..=20`: the frequency-sampled Gaussian whose response is `gain` at
/// the Nyquist frequency of the low resolution (method, section 3).
pub(super) fn gaussian(gain: f64, ratio: usize) -> Vec<f64> {
    let alpha = (TAPS - 1) as f64 / (2 * ratio) as f64 / (-2.0 * gain.ln()).sqrt();
    let term = |u: isize, m: isize| {
        (-((u * u) as f64) / (2.0 * alpha * alpha)).exp() * (2.0 * PI * (u * m) as f64 / TAPS as f64).cos()
    };
    (-RADIUS..=RADIUS).map(|m| (-RADIUS..=RADIUS).map(|u| term(u, m)).sum::<f64>() / TAPS as f64).collect()
}

/// Kaiser window of 41 points, beta 0.5.
pub(super) fn kaiser() -> Vec<f64> {
    // Modified Bessel function of order zero by its power series.
    let bessel = |x: f64| {
        let term = |k: i32| ((x / 2.0).powi(k) / (1..=k).map(f64::from).product::<f64>()).powi(2);
        (0..20).map(term).sum::<f64>()
    };
    let at = |m: isize| bessel(0.5 * (1.0 - (m as f64 / RADIUS as f64).powi(2)).sqrt()) / bessel(0.5);
    (-RADIUS..=RADIUS).map(at).collect()
}

/// The full 41×41 training kernel `[row, column]`: `max(0, s(i)·s(j)·w(j))`, sum 1.
pub fn training_kernel(gain: f64, ratio: usize) -> Array2<f64> {
    let (s, w) = (gaussian(gain, ratio), kaiser());
    let kernel = Array2::from_shape_fn((TAPS, TAPS), |(i, j)| (s[i] * s[j] * w[j]).max(0.0));
    let sum = kernel.sum();
    kernel / sum
}

/// The training kernel as a sum of separable ones, `(vertical, horizontal)` factors.
///
/// `max(0, a·b)` is `a⁺·b⁺ + a⁻·b⁻` with the positive and the negative parts of both
/// factors, so two terms are exact. At ratios 4 and 8 the second weighs less than
/// 1e-15 and is left out; at ratio 2 the Gaussian does not fit into 41 frequencies,
/// and leaving it out would be wrong by 1e-5.
pub(crate) fn separable_kernels(gain: f64, ratio: usize) -> Vec<(Vec<f64>, Vec<f64>)> {
    let s = gaussian(gain, ratio);
    let windowed: Vec<f64> = s.iter().zip(kaiser()).map(|(s, w)| s * w).collect();
    let part = |values: &[f64], sign: f64| values.iter().map(|v| (v * sign).max(0.0)).collect::<Vec<f64>>();
    let terms = [1.0, -1.0].map(|sign| (part(&s, sign), part(&windowed, sign)));
    let weight = |(v, h): &(Vec<f64>, Vec<f64>)| v.iter().sum::<f64>() * h.iter().sum::<f64>();
    let total: f64 = terms.iter().map(weight).sum();
    let normalised = |(v, h): (Vec<f64>, Vec<f64>)| (v.into_iter().map(|v| v / total).collect(), h);
    terms.into_iter().filter(|term| weight(term) > 1e-15 * total).map(normalised).collect()
}

/// Blur with `kernel` (replicate border), then cubic decimation at the grid's phase, as one
/// strided operator.
fn blur_decimate(kernel: &[f64], grid: Grid) -> BandMatrix {
    let row = |k: usize| {
        let mut row = BTreeMap::new();
        for (i, weight) in cubic_row(grid.fine_at(k), grid.fine) {
            for (m, tap) in kernel.iter().enumerate() {
                *row.entry(clamp(i as isize + m as isize - RADIUS, grid.fine)).or_insert(0.0) += weight * tap;
            }
        }
        row
    };
    BandMatrix::from_rows(grid.fine, &(0..grid.coarse).map(row).collect::<Vec<_>>())
}

/// MTF blur and decimation from the fine grids of both axes to the coarse ones.
pub fn degrade(gain: f64, rows: Grid, columns: Grid) -> Terms {
    let axes = |(vertical, horizontal): (Vec<f64>, Vec<f64>)| {
        (blur_decimate(&vertical, rows), blur_decimate(&horizontal, columns))
    };
    separable_kernels(gain, rows.ratio).into_iter().map(axes).collect()
}

/// Share of a kernel that may be cut off at its ends: below the rounding of f32.
const TAIL: f64 = 3e-8;

/// The kernel of sum 1, without the ends that weigh nothing.
fn trimmed(mut kernel: Vec<f64>) -> Vec<f64> {
    let (mut tail, last) = (0.0, kernel.len() - 1);
    let total: f64 = kernel.iter().sum();
    for m in 0..RADIUS as usize {
        tail += kernel[m] + kernel[last - m];
        if tail > TAIL * total {
            break;
        }
        (kernel[m], kernel[last - m]) = (0.0, 0.0);
    }
    let total: f64 = kernel.iter().sum();
    kernel.iter().map(|tap| tap / total).collect()
}

/// [`degrade`] as one separable term, `(along y, along x)`: the first of `separable_kernels`, without ends
/// below the rounding of f32. From ratio 3 up it is within 2e-7 of the full kernel, by the sum of absolute
/// differences; at ratio 2 within 2e-6 up to a gain of .3 and 1.3e-5 at .365.
pub(crate) fn degrade_separable(gain: f64, rows: Grid, columns: Grid) -> (BandMatrix, BandMatrix) {
    let (vertical, horizontal) = separable_kernels(gain, rows.ratio).swap_remove(0);
    (blur_decimate(&trimmed(vertical), rows), blur_decimate(&trimmed(horizontal), columns))
}
