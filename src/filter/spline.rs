//! Interpolation by quintic B-splines.

use std::collections::BTreeMap;

use super::cubic::clamp;
use super::{BandMatrix, Grid};

/// Samples on each side that a value rests on. The weights fall by .43 from one to the next: what is
/// left out is below 1e-5 of them.
const REACH: isize = 13;

/// The quintic B-spline at distance `t`, support ±3.
fn b_spline(t: f64) -> f64 {
    // Σ_k (−1)^k C(6, k) (t + 3 − k)₊⁵ / 5!
    let binomial = [1.0, -6.0, 15.0, -20.0, 15.0, -6.0, 1.0];
    let t = 3.0 - t.abs();
    let term = |(k, c): (usize, &f64)| c * (t - k as f64).max(0.0).powi(5);
    binomial.iter().enumerate().map(term).sum::<f64>() / 120.0
}

/// Coefficients of the spline through a single 1 among zeros, by their distance from it: the inverse of
/// the samples (1, 26, 66, 26, 1) / 120, whose poles are those of y² + 26 y + 64 in y = z + 1/z.
fn inverse(distance: isize) -> f64 {
    let root = 105f64.sqrt();
    let power = |y: f64| {
        let z = (y + (y * y - 4.0).sqrt()) / 2.0;
        z.powi(distance.unsigned_abs() as i32) / (z - 1.0 / z)
    };
    120.0 / (2.0 * root) * (power(root - 13.0) - power(-root - 13.0))
}

/// Weight of a sample at distance `t` in the interpolating spline.
fn cardinal(t: f64) -> f64 {
    let first = (t - 3.0).ceil() as isize;
    (first..=first + 5).map(|j| inverse(j) * b_spline(t - j as f64)).sum()
}

/// Upsampling from the coarse grid to the fine one by the quintic spline through the samples, the
/// values at the border repeated.
pub fn upsample_spline(grid: Grid) -> BandMatrix {
    let row = |i: usize| {
        let at = grid.coarse_at(i);
        let base = at.floor() as isize;
        let weights: Vec<(isize, f64)> =
            (1 - REACH..=REACH).map(|k| (base + k, cardinal(at - (base + k) as f64))).collect();
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut row = BTreeMap::new();
        for (sample, weight) in weights {
            *row.entry(clamp(sample, grid.coarse)).or_insert(0.0) += weight / sum;
        }
        row
    };
    BandMatrix::from_rows(grid.coarse, &(0..grid.fine).map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinal_is_one_at_its_sample_and_zero_at_others() {
        for k in -9..=9 {
            let wanted = if k == 0 { 1.0 } else { 0.0 };
            assert!((cardinal(k as f64) - wanted).abs() < 1e-14, "{k}: {}", cardinal(k as f64));
        }
    }

    #[test]
    fn polynomials_of_degree_five_come_back() {
        let grid = Grid::aligned(4 * 60, 4);
        let p = |x: f64| ((x - 30.0) / 30.0).powi(5) - 2.0 * ((x - 30.0) / 30.0).powi(4) + (x - 30.0) / 30.0;
        let up = upsample_spline(grid).apply(|k| p(k as f64));
        for (i, found) in up.iter().enumerate().take(160).skip(80) {
            let wanted = p(grid.coarse_at(i));
            assert!((found - wanted).abs() < 2e-5, "{i}: {found} instead of {wanted}");
        }
    }
}
