//! The MTF filter that quality is measured with: another window than training's, so neither
//! separable nor normalised (method, section 3).

use std::collections::BTreeMap;

use ndarray::Array2;

use super::cubic::clamp;
use super::mtf::{TAPS, gaussian, kaiser};
use super::{BandMatrix, Grid, Terms};

/// Largest distance the filter reaches.
pub(crate) const RADIUS: usize = TAPS / 2;
/// Columns computed at once: the folded rows and their sums stay in the first-level cache.
const CHUNK: usize = 128;
const PADDED: usize = CHUNK + 2 * RADIUS;

/// The full 41×41 metric kernel: `s(i)·s(j)·W(ρ)`, `ρ = √(i² + j²) / 20`, with W the Kaiser
/// window interpolated linearly, 0 beyond its end. As in the toolbox its sum is not quite 1.
pub fn metric_kernel(gain: f64, ratio: usize) -> Array2<f64> {
    let (s, window) = (gaussian(gain, ratio), &kaiser()[RADIUS..]);
    let at = |distance: f64| {
        let (low, part) = (distance as usize, distance.fract());
        match () {
            () if distance > RADIUS as f64 => 0.0,
            () if part == 0.0 => window[low],
            () => window[low] * (1.0 - part) + window[low + 1] * part,
        }
    };
    Array2::from_shape_fn((TAPS, TAPS), |(i, j)| {
        let distance = (i.abs_diff(RADIUS).pow(2) + j.abs_diff(RADIUS).pow(2)) as f64;
        s[i] * s[j] * at(distance.sqrt())
    })
}

/// Correlation with the metric kernel, border replicated, at position `ratio · k + ratio / 2` of each axis: where
/// the toolbox takes its samples. Exact: rows at one distance above and below have one row of the kernel.
pub(crate) fn metric_samples(gain: f64, rows: Grid, columns: Grid) -> Terms {
    let kernel = metric_kernel(gain, rows.ratio);
    let sampled = |grid: Grid, taps: &[(isize, f64)]| {
        let row = |k: usize| {
            let at = (grid.ratio * k + grid.ratio / 2).min(grid.fine - 1) as isize;
            let mut row = BTreeMap::new();
            for (distance, tap) in taps {
                *row.entry(clamp(at + distance, grid.fine)).or_insert(0.0) += tap;
            }
            row
        };
        BandMatrix::from_rows(grid.fine, &(0..grid.coarse).map(row).collect::<Vec<_>>())
    };
    let radius = RADIUS as isize;
    let term = |i: isize| {
        let fold = if i == 0 { vec![(0, 1.0)] } else { vec![(-i, 1.0), (i, 1.0)] };
        let taps: Vec<(isize, f64)> =
            (-radius..=radius).zip(kernel.row((radius + i) as usize)).map(|(j, tap)| (j, *tap)).collect();
        (sampled(rows, &fold), sampled(columns, &taps))
    };
    (0..=radius).map(term).collect()
}

/// Correlation with the metric kernel, border replicated.
///
/// The kernel is even in both directions. Folding the image about its centre, rows first, leaves
/// one quadrant: 346 products per value instead of 1681. Separable terms would be no better: at
/// ratio 8 sixteen of them are still wrong by 5e-7.
#[derive(Clone, Debug)]
pub struct MetricBlur {
    /// `[column][row]` of the quadrant, each column only as far as the window reaches.
    quadrant: Vec<Vec<f64>>,
}

impl MetricBlur {
    /// The filter of one band.
    pub fn new(gain: f64, ratio: usize) -> Self {
        let kernel = metric_kernel(gain, ratio);
        let column = |j: usize| {
            let reach = (0..=RADIUS).take_while(|i| i * i + j * j <= RADIUS * RADIUS);
            reach.map(|i| kernel[[RADIUS + i, RADIUS + j]]).collect()
        };
        Self { quadrant: (0..=RADIUS).map(column).collect() }
    }

    /// One row of the result, from the rows of the image at distance −20 to 20.
    pub fn row<'a>(&self, image: impl Fn(isize) -> &'a [f64], out: &mut [f64]) {
        let mut folded = vec![[0.0; PADDED]; RADIUS + 1];
        for (chunk, out) in out.chunks_mut(CHUNK).enumerate() {
            for (i, folded) in folded.iter_mut().enumerate() {
                let (up, down) = (image(-(i as isize)), image(i as isize));
                fold(up, down, chunk * CHUNK, folded);
                if i == 0 {
                    folded.iter_mut().for_each(|v| *v *= 0.5);
                }
            }
            for (j, column) in self.quadrant.iter().enumerate() {
                let sum = combine(column, &folded);
                let (left, right) = (&sum[RADIUS - j..], &sum[RADIUS + j..]);
                match j {
                    0 => out.copy_from_slice(&left[..out.len()]),
                    _ => out.iter_mut().zip(left.iter().zip(right)).for_each(|(out, (l, r))| *out += l + r),
                }
            }
        }
    }
}

/// `up + down` from 20 columns before `from` on, border replicated.
fn fold(up: &[f64], down: &[f64], from: usize, folded: &mut [f64; PADDED]) {
    let inside = from >= RADIUS && from + PADDED - RADIUS <= up.len();
    if inside {
        let span = from - RADIUS..from + PADDED - RADIUS;
        let rows = up[span.clone()].iter().zip(&down[span]);
        folded.iter_mut().zip(rows).for_each(|(folded, (up, down))| *folded = up + down);
    } else {
        for (x, folded) in folded.iter_mut().enumerate() {
            let at = (from + x).saturating_sub(RADIUS).min(up.len() - 1);
            *folded = up[at] + down[at];
        }
    }
}

/// `Σ_i weights[i] · rows[i]`, four rows at a time.
fn combine(weights: &[f64], rows: &[[f64; PADDED]]) -> [f64; PADDED] {
    let mut sum = [0.0; PADDED];
    for (weights, rows) in weights.chunks(4).zip(rows.chunks(4)) {
        match (weights, rows) {
            ([a, b, c, d], [x, y, z, w]) => {
                for i in 0..PADDED {
                    sum[i] += (a * x[i] + b * y[i]) + (c * z[i] + d * w[i]);
                }
            }
            _ => {
                for (weight, row) in weights.iter().zip(rows) {
                    sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += weight * v);
                }
            }
        }
    }
    sum
}
