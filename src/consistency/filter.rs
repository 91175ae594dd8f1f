//! D and Dᵀ along rows, the inner loops of the step.

use super::axis::{AxisOperator, Taps};

/// One row of one band of the image, and which of its pixels are valid, if not all.
pub(super) type BandRow<'a> = (&'a [f32], Option<&'a [bool]>);

/// `Σ_t taps[t] · row(start + t)` into `sum [W]`, invalid pixels counted as 0.
pub(crate) fn down_rows<'a>(taps: &Taps, row: impl Fn(usize) -> BandRow<'a>, sum: &mut [f64]) {
    /// Sums that stay in the first-level cache.
    const CHUNK: usize = 1024;
    let rows: Vec<BandRow<'_>> = (taps.start..taps.start + taps.taps.len()).map(row).collect();
    for (chunk, sum) in sum.chunks_mut(CHUNK).enumerate() {
        let span = chunk * CHUNK..chunk * CHUNK + sum.len();
        sum.fill(0.0);
        for (taps, rows) in taps.taps.chunks(4).zip(rows.chunks(4)) {
            match (taps, rows) {
                ([a, b, c, d], [(x, None), (y, None), (z, None), (w, None)]) => {
                    let [x, y, z, w] = [x, y, z, w].map(|row| &row[span.clone()]);
                    for i in 0..sum.len() {
                        let [x, y, z, w] = [x[i], y[i], z[i], w[i]].map(f64::from);
                        sum[i] += (a * x + b * y) + (c * z + d * w);
                    }
                }
                _ => taps.iter().zip(rows).for_each(|(tap, row)| add_row(*tap, *row, span.clone(), sum)),
            }
        }
    }
}

fn add_row(tap: f64, (row, valid): BandRow<'_>, span: std::ops::Range<usize>, sum: &mut [f64]) {
    let row = &row[span.clone()];
    match valid {
        None => sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += tap * f64::from(*v)),
        Some(valid) => {
            for ((sum, v), valid) in sum.iter_mut().zip(row).zip(&valid[span]) {
                *sum += if *valid { tap * f64::from(*v) } else { 0.0 };
            }
        }
    }
}

/// Share of the taps on valid pixels, per column, into `sum [W]`.
pub(crate) fn weigh_rows<'a>(taps: &Taps, valid: impl Fn(usize) -> Option<&'a [bool]>, sum: &mut [f64]) {
    sum.fill(0.0);
    for (t, tap) in taps.taps.iter().enumerate() {
        match valid(taps.start + t) {
            None => sum.iter_mut().for_each(|sum| *sum += tap),
            Some(valid) => {
                for (sum, valid) in sum.iter_mut().zip(valid) {
                    *sum += if *valid { *tap } else { 0.0 };
                }
            }
        }
    }
}

/// One MS pixel of a row that [`down_rows`] made.
pub(crate) fn down_column(taps: &Taps, line: &[f64]) -> f64 {
    let line = &line[taps.start..taps.start + taps.taps.len()];
    let mut sums = [0.0; 4];
    let (pairs, rest) = (taps.taps.chunks_exact(4).zip(line.chunks_exact(4)), line.len() / 4 * 4);
    for (taps, line) in pairs {
        for i in 0..4 {
            sums[i] += taps[i] * line[i];
        }
    }
    let rest: f64 = taps.taps[rest..].iter().zip(&line[rest..]).map(|(tap, v)| tap * v).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// `D_xᵀ z`: a row of MS onto the fine columns, added to `line [W]`.
pub(crate) fn up_columns(axis: &AxisOperator, z: &[f32], line: &mut [f32]) {
    for (taps, z) in axis.rows.iter().zip(z) {
        let line = &mut line[taps.start..taps.start + taps.short.len()];
        line.iter_mut().zip(&taps.short).for_each(|(sum, tap)| *sum += z * tap);
    }
}
