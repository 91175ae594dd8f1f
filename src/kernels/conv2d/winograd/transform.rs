//! The transforms of F(4×4, 3×3), in one dimension and on tiles.
//!
//! Loops instead of `array::from_fn` wherever registers are handled, as in
//! [`Tile`](crate::kernels::tile::Tile).

use super::{IN, OUT, PLACES};
use crate::kernels::isa::Level;

/// The points ±P and ±Q. With 1 and 2, as usual, the worst error is four times larger;
/// these were the best of those exact in few bits.
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
unsafe fn input<L: Level>(d: [L::V; 6]) -> [L::V; 6] {
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
pub(super) unsafe fn output<L: Level>(m: [L::V; 6]) -> [L::V; 4] {
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
unsafe fn output_adjoint<L: Level>(y: [L::V; 4]) -> [L::V; 6] {
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
unsafe fn weight<L: Level>(w: [L::V; 3]) -> [L::V; 6] {
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
unsafe fn weight_adjoint<L: Level>(u: [L::V; 6]) -> [L::V; 3] {
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
pub(super) fn row_of<V: Copy, const R: usize, const C: usize>(columns: &[[V; R]; C], i: usize) -> [V; C] {
    let mut row = [columns[0][0]; C];
    for (value, column) in row.iter_mut().zip(columns) {
        *value = column[i];
    }
    row
}

/// `Bᵀ x B` of one tile: `x [6 rows at `pitch`, 6, c]` to `to [place, .., c]`.
#[inline(always)]
pub(super) fn transform_input<L: Level>(x: &[f32], pitch: usize, c: usize, to: &mut [f32], place: usize) {
    assert!(x.len() >= (IN - 1) * pitch + IN * c && to.len() >= (PLACES - 1) * place + c);
    for v in (0..c).step_by(L::LANES) {
        // SAFETY: the largest indices are checked above; c is a multiple of LANES.
        unsafe {
            let (x, to) = (x.as_ptr().add(v), to.as_mut_ptr().add(v));
            let mut columns = [[L::splat(0.0); IN]; IN];
            for (j, column) in columns.iter_mut().enumerate() {
                for (i, value) in column.iter_mut().enumerate() {
                    *value = L::load(x.add(i * pitch + j * c));
                }
                *column = input::<L>(*column);
            }
            for i in 0..IN {
                let row = input::<L>(row_of(&columns, i));
                for (j, value) in row.into_iter().enumerate() {
                    L::store(value, to.add((i * IN + j) * place));
                }
            }
        }
    }
}

/// `A dy Aᵀ` of one tile: `dy [4 rows at `pitch`, 4, c]` to `to [place, .., c]`; adds the
/// tile's pixels to `sum [c]`.
#[inline(always)]
pub(super) fn transform_gradient<L: Level>(dy: &[f32], pitch: usize, to: &mut [f32], place: usize, sum: &mut [f32]) {
    let c = sum.len();
    assert!(dy.len() >= (OUT - 1) * pitch + OUT * c && to.len() >= (PLACES - 1) * place + c);
    for v in (0..c).step_by(L::LANES) {
        // SAFETY: the largest indices are checked above; c is a multiple of LANES.
        unsafe {
            let (dy, to, sum) = (dy.as_ptr().add(v), to.as_mut_ptr().add(v), sum.as_mut_ptr().add(v));
            let mut total = L::load(sum);
            let mut columns = [[L::splat(0.0); IN]; OUT];
            for (j, column) in columns.iter_mut().enumerate() {
                let mut dy_column = [L::splat(0.0); OUT];
                for (i, value) in dy_column.iter_mut().enumerate() {
                    *value = L::load(dy.add(i * pitch + j * c));
                    total = L::add(total, *value);
                }
                *column = output_adjoint::<L>(dy_column);
            }
            L::store(total, sum);
            for i in 0..IN {
                let row = output_adjoint::<L>(row_of(&columns, i));
                for (j, value) in row.into_iter().enumerate() {
                    L::store(value, to.add((i * IN + j) * place));
                }
            }
        }
    }
}

/// `G w Gᵀ` of `w [9, Ci · Co]` into `u [36, at least Ci · Co]`.
#[inline(always)]
pub(super) fn transform_weights<L: Level>(w: &[f32], u: &mut [f32]) {
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
pub(super) fn transform_back<L: Level>(du: &[f32], dw: &mut [f32]) {
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
