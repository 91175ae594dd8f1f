//! The 23-tap interpolator of the published codes.

use std::collections::BTreeMap;

use super::{BandMatrix, Grid};

/// Odd coefficients of the 23-tap interpolator, from the centre outwards; the even
/// ones are 0 but for the centre's 1.
const INTERP23: [f64; 6] =
    [0.61066818237, -0.145397186478, 0.043619155884, -0.010385513306, 0.001615524292, -0.000120162964];

/// The toolbox's interpolator: doubles `log2 ratio` times, border circular. The first
/// stage puts samples on odd positions, later ones on even: `out[4k + 2] = in[k]`, whatever
/// the phase of the grid.
///
/// # Panics
/// If the ratio is not a power of two.
pub(crate) fn upsample_interp23(grid: Grid) -> BandMatrix {
    assert!(grid.ratio.is_power_of_two() && grid.ratio > 1, "interp23 doubles: ratio {}", grid.ratio);
    let stage = |len: usize, phase: usize| {
        let coefficient = |m: isize| match m.unsigned_abs() {
            0 => 1.0,
            m if m % 2 == 1 && m <= 11 => INTERP23[m / 2],
            _ => 0.0,
        };
        let row = |i: usize| {
            let mut row = BTreeMap::new();
            for m in -11..=11 {
                let at = (i as isize + m).rem_euclid(2 * len as isize) as usize;
                if at % 2 == phase && coefficient(m) != 0.0 {
                    *row.entry(at / 2).or_insert(0.0) += coefficient(m);
                }
            }
            row
        };
        BandMatrix::from_rows(len, &(0..2 * len).map(row).collect::<Vec<_>>())
    };
    let mut operator = stage(grid.coarse, 1);
    while operator.output() < grid.ratio * grid.coarse {
        operator = operator.then(&stage(operator.output(), 0));
    }
    operator.truncated(grid.fine)
}
