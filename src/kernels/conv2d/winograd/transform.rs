//! The transforms of F(4×4, 3×3): in one dimension, and passes of them over lines of pixels.
//! Passes take any channels that fill registers of their level.
//!
//! Loops instead of `array::from_fn` wherever registers are handled, as in
//! [`RegisterTile`](crate::kernels::tile::RegisterTile).

use super::{IN, OUT, PLACES};
use crate::kernels::isa::Simd;

/// The points ±P and ±Q. With 1 and 2, as usual, the worst error is four times larger.
const P: f32 = 0.625;
const Q: f32 = 1.5;
const P2: f32 = P * P;
const Q2: f32 = Q * Q;
/// Products of the differences from a point to the others: the scale of its row of `G`.
const AT_0: f32 = P2 * Q2;
const AT_P: f32 = 2.0 * P2 * (P2 - Q2);
const AT_Q: f32 = 2.0 * Q2 * (Q2 - P2);

/// `Bᵀ d`.
#[inline(always)]
unsafe fn input<L: Simd>(d: [L::V; 6]) -> [L::V; 6] {
    // SAFETY: the caller runs on the level.
    unsafe {
        let (both, sum) = (L::splat(P2 * Q2), L::splat(-(P2 + Q2)));
        let (minus_p2, minus_q2) = (L::splat(-P2), L::splat(-Q2));
        let (e, f) = (L::fma(minus_q2, d[2], d[4]), L::fma(minus_q2, d[1], d[3]));
        let (g, h) = (L::fma(minus_p2, d[2], d[4]), L::fma(minus_p2, d[1], d[3]));
        [
            L::fma(both, d[0], L::fma(sum, d[2], d[4])),
            L::fma(L::splat(P), f, e),
            L::fma(L::splat(-P), f, e),
            L::fma(L::splat(Q), h, g),
            L::fma(L::splat(-Q), h, g),
            L::fma(both, d[1], L::fma(sum, d[3], d[5])),
        ]
    }
}

/// `Aᵀ m`.
#[inline(always)]
pub(super) unsafe fn output<L: Simd>(m: [L::V; 6]) -> [L::V; 4] {
    // SAFETY: the caller runs on the level.
    unsafe {
        let (s, t) = (L::add(m[1], m[2]), L::sub(m[1], m[2]));
        let (u, v) = (L::add(m[3], m[4]), L::sub(m[3], m[4]));
        let zero = L::splat(0.0);
        [
            L::add(m[0], L::add(s, u)),
            L::fma(L::splat(P), t, L::fma(L::splat(Q), v, zero)),
            L::fma(L::splat(P2), s, L::fma(L::splat(Q2), u, zero)),
            L::fma(L::splat(P2 * P), t, L::fma(L::splat(Q2 * Q), v, m[5])),
        ]
    }
}

/// `A y`.
#[inline(always)]
unsafe fn output_adjoint<L: Simd>(y: [L::V; 4]) -> [L::V; 6] {
    // SAFETY: the caller runs on the level.
    unsafe {
        let (e, f) = (L::fma(L::splat(P2), y[2], y[0]), L::fma(L::splat(P2), y[3], y[1]));
        let (g, h) = (L::fma(L::splat(Q2), y[2], y[0]), L::fma(L::splat(Q2), y[3], y[1]));
        [
            y[0],
            L::fma(L::splat(P), f, e),
            L::fma(L::splat(-P), f, e),
            L::fma(L::splat(Q), h, g),
            L::fma(L::splat(-Q), h, g),
            y[3],
        ]
    }
}

/// `G w`.
#[inline(always)]
unsafe fn weight<L: Simd>(w: [L::V; 3]) -> [L::V; 6] {
    // SAFETY: the caller runs on the level.
    unsafe {
        let zero = L::splat(0.0);
        let e = L::fma(L::splat(1.0 / AT_P), w[0], L::fma(L::splat(P2 / AT_P), w[2], zero));
        let g = L::fma(L::splat(1.0 / AT_Q), w[0], L::fma(L::splat(Q2 / AT_Q), w[2], zero));
        [
            L::fma(L::splat(1.0 / AT_0), w[0], zero),
            L::fma(L::splat(P / AT_P), w[1], e),
            L::fma(L::splat(-P / AT_P), w[1], e),
            L::fma(L::splat(Q / AT_Q), w[1], g),
            L::fma(L::splat(-Q / AT_Q), w[1], g),
            w[2],
        ]
    }
}

/// `Gᵀ u`.
#[inline(always)]
unsafe fn weight_adjoint<L: Simd>(u: [L::V; 6]) -> [L::V; 3] {
    // SAFETY: the caller runs on the level.
    unsafe {
        let (s, t) = (L::add(u[1], u[2]), L::sub(u[1], u[2]));
        let (x, y) = (L::add(u[3], u[4]), L::sub(u[3], u[4]));
        let zero = L::splat(0.0);
        let first = L::fma(L::splat(1.0 / AT_0), u[0], zero);
        [
            L::fma(L::splat(1.0 / AT_P), s, L::fma(L::splat(1.0 / AT_Q), x, first)),
            L::fma(L::splat(P / AT_P), t, L::fma(L::splat(Q / AT_Q), y, zero)),
            L::fma(L::splat(P2 / AT_P), s, L::fma(L::splat(Q2 / AT_Q), x, u[5])),
        ]
    }
}

/// Value `i` of every column.
#[inline(always)]
fn row_of<V: Copy, const R: usize, const C: usize>(columns: &[[V; R]; C], i: usize) -> [V; C] {
    let mut row = [columns[0][0]; C];
    for (value, column) in row.iter_mut().zip(columns) {
        *value = column[i];
    }
    row
}

/// `Bᵀ` down the columns: six rows to six lines `pitch` apart.
#[inline(always)]
pub(super) fn input_columns<L: Simd>(rows: [&[f32]; IN], to: &mut [f32], pitch: usize) {
    let len = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == len) && len.is_multiple_of(L::LANES));
    assert!(to.len() >= (IN - 1) * pitch + len);
    for k in (0..len).step_by(L::LANES) {
        // SAFETY: the largest indices are checked above.
        unsafe {
            let mut d = [L::splat(0.0); IN];
            for (value, row) in d.iter_mut().zip(rows) {
                *value = L::load(row.as_ptr().add(k));
            }
            for (i, value) in input::<L>(d).into_iter().enumerate() {
                L::store(value, to.as_mut_ptr().add(i * pitch + k));
            }
        }
    }
}

/// `B` along a line of `count` tiles, `[4 · count + 2, c]`, to six places `[.., c]`.
#[inline(always)]
pub(super) fn input_row<L: Simd>(line: &[f32], c: usize, count: usize, to: &mut [f32], place: usize) {
    assert!(line.len() >= (OUT * count + 2) * c && c.is_multiple_of(L::LANES));
    assert!(to.len() >= (IN - 1) * place + count * c);
    for t in 0..count {
        for v in (0..c).step_by(L::LANES) {
            // SAFETY: the largest indices are checked above.
            unsafe {
                let (from, to) = (line.as_ptr().add(t * OUT * c + v), to.as_mut_ptr().add(t * c + v));
                let mut d = [L::splat(0.0); IN];
                for (j, value) in d.iter_mut().enumerate() {
                    *value = L::load(from.add(j * c));
                }
                for (j, value) in input::<L>(d).into_iter().enumerate() {
                    L::store(value, to.add(j * place));
                }
            }
        }
    }
}

/// `A` along `count` tiles at six places `[.., c]`, to a line of `[4 · count, c]`.
#[inline(always)]
pub(super) fn output_row<L: Simd>(m: &[f32], place: usize, c: usize, count: usize, to: &mut [f32]) {
    assert!(m.len() >= (IN - 1) * place + count * c && c.is_multiple_of(L::LANES));
    assert!(to.len() >= OUT * count * c);
    for t in 0..count {
        for v in (0..c).step_by(L::LANES) {
            // SAFETY: the largest indices are checked above.
            unsafe {
                let (from, to) = (m.as_ptr().add(t * c + v), to.as_mut_ptr().add(t * OUT * c + v));
                let mut places = [L::splat(0.0); IN];
                for (j, value) in places.iter_mut().enumerate() {
                    *value = L::load(from.add(j * place));
                }
                for (j, value) in output::<L>(places).into_iter().enumerate() {
                    L::store(value, to.add(j * c));
                }
            }
        }
    }
}

/// `Aᵀ` down the columns: `len` elements of six lines `pitch` apart to four rows `[4, len]`.
#[inline(always)]
pub(super) fn output_columns<L: Simd>(lines: &[f32], pitch: usize, len: usize, to: &mut [f32]) {
    assert!(lines.len() >= (IN - 1) * pitch + len && to.len() >= OUT * len && len.is_multiple_of(L::LANES));
    for k in (0..len).step_by(L::LANES) {
        // SAFETY: the largest indices are checked above.
        unsafe {
            let mut m = [L::splat(0.0); IN];
            for (i, value) in m.iter_mut().enumerate() {
                *value = L::load(lines.as_ptr().add(i * pitch + k));
            }
            for (i, value) in output::<L>(m).into_iter().enumerate() {
                L::store(value, to.as_mut_ptr().add(i * len + k));
            }
        }
    }
}

/// `A` down the columns of a gradient: four rows to six lines `pitch` apart; adds all pixels
/// to `sum [c]`.
#[inline(always)]
pub(super) fn gradient_columns<L: Simd>(rows: [&[f32]; OUT], to: &mut [f32], pitch: usize, sum: &mut [f32]) {
    // Whole pixels at a time where that takes two registers: one by one they take twice as long.
    if sum.len().is_multiple_of(2 * L::LANES) {
        gradient_columns_by::<L, 2>(rows, to, pitch, sum);
    } else {
        gradient_columns_by::<L, 1>(rows, to, pitch, sum);
    }
}

#[inline(always)]
fn gradient_columns_by<L: Simd, const N: usize>(rows: [&[f32]; OUT], to: &mut [f32], pitch: usize, sum: &mut [f32]) {
    let (len, c) = (rows[0].len(), sum.len());
    assert!(rows.iter().all(|row| row.len() == len) && len.is_multiple_of(c) && c.is_multiple_of(N * L::LANES));
    assert!(to.len() >= (IN - 1) * pitch + len);
    for v in (0..c).step_by(N * L::LANES) {
        // SAFETY: the largest indices are checked above.
        unsafe {
            let mut totals = [L::splat(0.0); N];
            for (n, total) in totals.iter_mut().enumerate() {
                *total = L::load(sum.as_ptr().add(v + n * L::LANES));
            }
            for k in (v..len).step_by(c) {
                for (n, total) in totals.iter_mut().enumerate() {
                    let k = k + n * L::LANES;
                    let mut dy = [L::splat(0.0); OUT];
                    for (value, row) in dy.iter_mut().zip(rows) {
                        *value = L::load(row.as_ptr().add(k));
                        *total = L::add(*total, *value);
                    }
                    for (i, value) in output_adjoint::<L>(dy).into_iter().enumerate() {
                        L::store(value, to.as_mut_ptr().add(i * pitch + k));
                    }
                }
            }
            for (n, total) in totals.into_iter().enumerate() {
                L::store(total, sum.as_mut_ptr().add(v + n * L::LANES));
            }
        }
    }
}

/// `Aᵀ` along a line of `count` tiles of a gradient, `[4 · count, c]`, to six places `[.., c]`.
#[inline(always)]
pub(super) fn gradient_row<L: Simd>(line: &[f32], c: usize, count: usize, to: &mut [f32], place: usize) {
    assert!(line.len() >= OUT * count * c && c.is_multiple_of(L::LANES));
    assert!(to.len() >= (IN - 1) * place + count * c);
    for t in 0..count {
        for v in (0..c).step_by(L::LANES) {
            // SAFETY: the largest indices are checked above.
            unsafe {
                let (from, to) = (line.as_ptr().add(t * OUT * c + v), to.as_mut_ptr().add(t * c + v));
                let mut dy = [L::splat(0.0); OUT];
                for (j, value) in dy.iter_mut().enumerate() {
                    *value = L::load(from.add(j * c));
                }
                for (j, value) in output_adjoint::<L>(dy).into_iter().enumerate() {
                    L::store(value, to.add(j * place));
                }
            }
        }
    }
}

/// `G w Gᵀ` of `w [9, Ci · Co]` into `u [36, at least Ci · Co]`.
#[inline(always)]
pub(super) fn transform_weights<L: Simd>(w: &[f32], u: &mut [f32]) {
    let len = w.len() / 9;
    let place = u.len() / PLACES;
    assert!(place >= len && w.len() == 9 * len && len.is_multiple_of(L::LANES));
    for k in (0..len).step_by(L::LANES) {
        // SAFETY: whole registers, checked above.
        unsafe {
            let mut columns = [[L::splat(0.0); IN]; 3];
            for (j, column) in columns.iter_mut().enumerate() {
                let mut taps = [L::splat(0.0); 3];
                for (i, tap) in taps.iter_mut().enumerate() {
                    *tap = L::load(w.as_ptr().add((i * 3 + j) * len + k));
                }
                *column = weight::<L>(taps);
            }
            for i in 0..IN {
                let row = weight::<L>(row_of(&columns, i));
                for (j, value) in row.into_iter().enumerate() {
                    L::store(value, u.as_mut_ptr().add((i * IN + j) * place + k));
                }
            }
        }
    }
}

/// `Gᵀ du G` of `du [36, at least Ci · Co]` into `dw [9, Ci · Co]`.
#[inline(always)]
pub(super) fn transform_back<L: Simd>(du: &[f32], dw: &mut [f32]) {
    let len = dw.len() / 9;
    let place = du.len() / PLACES;
    assert!(place >= len && dw.len() == 9 * len && len.is_multiple_of(L::LANES));
    for k in (0..len).step_by(L::LANES) {
        // SAFETY: whole registers, checked above.
        unsafe {
            let mut columns = [[L::splat(0.0); 3]; IN];
            for (j, column) in columns.iter_mut().enumerate() {
                let mut u = [L::splat(0.0); IN];
                for (i, value) in u.iter_mut().enumerate() {
                    *value = L::load(du.as_ptr().add((i * IN + j) * place + k));
                }
                *column = weight_adjoint::<L>(u);
            }
            for i in 0..3 {
                let row = weight_adjoint::<L>(row_of(&columns, i));
                for (j, value) in row.into_iter().enumerate() {
                    L::store(value, dw.as_mut_ptr().add((i * 3 + j) * len + k));
                }
            }
        }
    }
}
