//! The products at one place, over the channels of a batch of tiles.

use super::prefetch::Soon;
use crate::kernels::isa::Simd;
use crate::kernels::tile::RegisterTile;

/// Rows, and registers per row, of the tile of sums for so many columns. Eight sums at least
/// are under way at once, or the latency of multiply-add would show.
#[inline(always)]
fn register_tile<L: Simd>(columns: usize) -> (usize, usize) {
    match (columns.is_multiple_of(2 * L::LANES), L::REGISTERS) {
        (true, 32) => (8, 2),
        (true, _) => (4, 2),
        (false, _) => (8, 1),
    }
}

/// Register tiles of a result.
#[inline(always)]
pub(super) fn register_tiles<L: Simd>(rows: usize, columns: usize) -> usize {
    let (p, n) = register_tile::<L>(columns);
    rows.div_ceil(p) * columns.div_ceil(n * L::LANES)
}

/// `out[i, ..] = Σ_k a[i · stride.0 + k · stride.1] · b[k, ..]` for `rows` rows and `depth`
/// terms, added to what stands there if asked; `b [depth, columns]`, `out [rows, columns]`.
/// Before each register tile it asks for what is needed soon.
#[inline(always)]
pub(super) fn multiply<L: Simd>(
    a: &[f32],
    stride: (usize, usize),
    b: &[f32],
    out: &mut [f32],
    sizes: (usize, usize, usize),
    add: bool,
    soon: &mut [Soon<'_>],
) {
    match register_tile::<L>(sizes.1) {
        (8, 2) => multiply_by::<L, 8, 2>(a, stride, b, out, sizes, add, soon),
        (4, 2) => multiply_by::<L, 4, 2>(a, stride, b, out, sizes, add, soon),
        _ => multiply_by::<L, 8, 1>(a, stride, b, out, sizes, add, soon),
    }
}

#[inline(always)]
fn multiply_by<L: Simd, const P: usize, const N: usize>(
    a: &[f32],
    stride: (usize, usize),
    b: &[f32],
    out: &mut [f32],
    (rows, columns, depth): (usize, usize, usize),
    add: bool,
    soon: &mut [Soon<'_>],
) {
    for i in (0..rows).step_by(P) {
        for o in (0..columns).step_by(N * L::LANES) {
            for soon in &mut *soon {
                soon.prefetch::<L>();
            }
            let to = &mut out[i * columns + o..];
            let mut sums = if add { RegisterTile::<L, P, N>::load(to, columns) } else { RegisterTile::zero() };
            sums.add(&a[i * stride.0..], stride, &b[o..], columns, depth);
            sums.store(to, columns);
        }
    }
}
