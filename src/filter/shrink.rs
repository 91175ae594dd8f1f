//! Shrinking with an antialiased cubic.

use std::collections::BTreeMap;

use super::cubic::cubic;
use super::{BandMatrix, Grid};

/// Cubic convolution parameter of MATLAB's bicubic.
const CUBIC_A: f64 = -0.5;

/// From the fine grid to the coarse one as MATLAB's `imresize(image, 1/ratio)` does it: the cubic
/// stretched by the ratio, weights of sum 1, border mirrored. With both grids starting at one edge
/// it is that function; any other phase is followed.
pub fn shrink(grid: Grid) -> BandMatrix {
    let row = |k: usize| {
        let centre = grid.fine_at(k);
        let reach = 2.0 * grid.ratio as f64;
        let taps: Vec<(usize, f64)> = ((centre - reach).ceil() as isize..=(centre + reach).floor() as isize)
            .map(|at| (mirror(at, grid.fine), cubic((at as f64 - centre) / grid.ratio as f64, CUBIC_A)))
            .filter(|(_, weight)| *weight != 0.0)
            .collect();
        let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
        let mut row = BTreeMap::new();
        taps.iter().for_each(|(at, weight)| *row.entry(*at).or_insert(0.0) += weight / sum);
        row
    };
    BandMatrix::from_rows(grid.fine, &(0..grid.coarse).map(row).collect::<Vec<_>>())
}

/// The line mirrored about its ends, as often as it takes.
fn mirror(at: isize, len: usize) -> usize {
    let at = at.rem_euclid(2 * len as isize) as usize;
    at.min(2 * len - 1 - at)
}
