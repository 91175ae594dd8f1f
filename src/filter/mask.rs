//! How far a filter carries a value that must not be read.

use std::ops::Range;

use super::{Grid, Upsample};

/// Reach of the MTF blur in coarse pixels: at 2.5 of them the widest sensor's kernel has fallen
/// below 1e-3 of its peak.
const MTF_REACH: f64 = 2.5;
/// Reach of cubic upsampling in coarse pixels.
const CUBIC_REACH: f64 = 2.0;
/// Reach of the quintic spline in coarse pixels: its weights beyond are below .03.
const SPLINE_REACH: f64 = 3.0;

/// Fine pixels that a coarse one rests on when it is made by MTF blur and decimation.
pub(crate) fn mtf_reach(grid: Grid) -> Vec<Range<usize>> {
    mtf_reach_within(grid, 1.0)
}

/// [`mtf_reach`] with a share of that reach.
pub(crate) fn mtf_reach_within(grid: Grid, share: f64) -> Vec<Range<usize>> {
    reach(grid.coarse, grid.fine, |k| grid.fine_at(k), share * MTF_REACH * grid.ratio as f64)
}

/// Coarse pixels that a fine one rests on when it is upsampled, within a share of that reach.
pub(crate) fn upsample_reach(grid: Grid, upsample: Upsample, share: f64) -> Vec<Range<usize>> {
    let whole = if upsample == Upsample::Spline { SPLINE_REACH } else { CUBIC_REACH };
    reach(grid.fine, grid.coarse, |i| grid.coarse_at(i), share * whole)
}

/// Fine pixels about a coarse one, or coarse pixels about a fine one: those that lie over it or under it, and their
/// neighbours.
pub fn about(grid: Grid, of_coarse: bool) -> Vec<Range<usize>> {
    /// In coarse pixels.
    const FAR: f64 = 1.5;
    if of_coarse {
        reach(grid.coarse, grid.fine, |k| grid.fine_at(k), FAR * grid.ratio as f64)
    } else {
        reach(grid.fine, grid.coarse, |i| grid.coarse_at(i), FAR)
    }
}

/// Positions of `from` within `radius` of the place `at` that position of `to` has there,
/// cut to the image but never empty.
fn reach(to: usize, from: usize, at: impl Fn(usize) -> f64, radius: f64) -> Vec<Range<usize>> {
    let last = from as isize - 1;
    let clamp = |v: f64| (v as isize).clamp(0, last) as usize;
    (0..to).map(|i| clamp((at(i) - radius).ceil())..clamp((at(i) + radius).floor()) + 1).collect()
}

/// Whether all of a rectangle of the mask is valid, for every pair of ranges.
pub(crate) fn all_within(mask: &[bool], width: usize, rows: &[Range<usize>], columns: &[Range<usize>]) -> Vec<bool> {
    // Row by row: how many invalid ones stand before each position.
    let invalid_within = |line: &mut dyn Iterator<Item = bool>, ranges: &[Range<usize>]| {
        let mut before = vec![0u32];
        line.for_each(|valid| before.push(before[before.len() - 1] + u32::from(!valid)));
        ranges.iter().map(|r| before[r.end] == before[r.start]).collect::<Vec<bool>>()
    };
    let half: Vec<bool> =
        mask.chunks_exact(width).flat_map(|row| invalid_within(&mut row.iter().copied(), columns)).collect();
    let mut all = vec![false; rows.len() * columns.len()];
    for j in 0..columns.len() {
        let column = invalid_within(&mut half.iter().skip(j).step_by(columns.len()).copied(), rows);
        for (i, valid) in column.into_iter().enumerate() {
            all[i * columns.len() + j] = valid;
        }
    }
    all
}
