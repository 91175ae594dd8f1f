//! Cubic convolution.

use std::collections::BTreeMap;

use super::{BandMatrix, Grid};

/// Cubic convolution parameter, as PyTorch's bicubic and the method's decimation have it.
const CUBIC_A: f64 = -0.75;

/// Cubic convolution weight of parameter `a` at distance `t`.
pub(super) fn cubic(t: f64, a: f64) -> f64 {
    let t = t.abs();
    if t <= 1.0 {
        ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
    } else if t < 2.0 {
        ((t - 5.0) * t + 8.0) * t * a - 4.0 * a
    } else {
        0.0
    }
}

pub(super) fn clamp(at: isize, len: usize) -> usize {
    at.clamp(0, len as isize - 1) as usize
}

/// Cubic interpolation at position `at` of a line of `len`, border clamped.
pub(super) fn cubic_row(at: f64, len: usize) -> BTreeMap<usize, f64> {
    let base = at.floor();
    let mut row = BTreeMap::new();
    for i in -1..=2 {
        *row.entry(clamp(base as isize + i, len)).or_insert(0.0) += cubic(at - base - i as f64, CUBIC_A);
    }
    row
}

/// Cubic upsampling from the coarse grid to the fine one, border clamped; where both start at one
/// edge, `torch.nn.functional.interpolate(mode="bicubic", align_corners=False)`.
pub fn upsample_cubic(grid: Grid) -> BandMatrix {
    let row = |i: usize| cubic_row(grid.coarse_at(i), grid.coarse);
    BandMatrix::from_rows(grid.coarse, &(0..grid.fine).map(row).collect::<Vec<_>>())
}
