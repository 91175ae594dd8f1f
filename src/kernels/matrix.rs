//! Products of matrices whose columns are channels, for the CPU forms.

use super::isa::Simd;
use super::tile::RegisterTile;

/// Channels as whole registers, or halves of them.
pub(super) fn padded(channels: usize) -> usize {
    channels.next_multiple_of(8)
}

/// Rows of `from` values as rows of `to`, zeros behind the values.
pub(super) fn widened(rows: &[f32], from: usize, to: usize) -> Vec<f32> {
    let mut wide = vec![0.0; rows.len() / from * to];
    widen(rows, from, &mut wide, to);
    wide
}

/// [`widened`] into memory that holds zeros behind the values already.
#[inline(always)]
pub(super) fn widen(rows: &[f32], from: usize, wide: &mut [f32], to: usize) {
    for (wide, row) in wide.chunks_exact_mut(to).zip(rows.chunks_exact(from)) {
        wide.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
    }
}

/// The transpose of `[rows, columns]`.
pub(super) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    (0..matrix.len()).map(|i| matrix[i % rows * columns + i / rows]).collect()
}

/// `out[i, ..] = Σ_k a[i · stride.0 + k · stride.1] · b[k, ..]`, added to what stands there if asked.
/// `b [depth, columns]` and `out [rows, columns]`, columns [`padded`]. Each element is summed in the order
/// of `k`, wherever it lies.
#[inline(always)]
pub(super) fn multiply<L: Simd>(
    a: &[f32],
    stride: (usize, usize),
    b: &[f32],
    out: &mut [f32],
    sizes: (usize, usize, usize),
    add: bool,
) {
    if !sizes.1.is_multiple_of(L::LANES) {
        return by_rows::<L::Narrow, 8, 1>(a, stride, b, out, sizes, add);
    }
    match (sizes.1.is_multiple_of(2 * L::LANES), L::REGISTERS) {
        (true, 32) => by_rows::<L, 8, 2>(a, stride, b, out, sizes, add),
        (true, _) => by_rows::<L, 4, 2>(a, stride, b, out, sizes, add),
        (false, _) => by_rows::<L, 8, 1>(a, stride, b, out, sizes, add),
    }
}

/// Tiles of `P` rows, then of single ones.
#[inline(always)]
fn by_rows<L: Simd, const P: usize, const N: usize>(
    a: &[f32],
    stride: (usize, usize),
    b: &[f32],
    out: &mut [f32],
    sizes: (usize, usize, usize),
    add: bool,
) {
    let whole = sizes.0 / P * P;
    for i in (0..whole).step_by(P) {
        tile_row::<L, P, N>(&a[i * stride.0..], stride, b, &mut out[i * sizes.1..], sizes, add);
    }
    for i in whole..sizes.0 {
        tile_row::<L, 1, N>(&a[i * stride.0..], stride, b, &mut out[i * sizes.1..], sizes, add);
    }
}

#[inline(always)]
fn tile_row<L: Simd, const P: usize, const N: usize>(
    a: &[f32],
    stride: (usize, usize),
    b: &[f32],
    out: &mut [f32],
    (_, columns, depth): (usize, usize, usize),
    add: bool,
) {
    for o in (0..columns).step_by(N * L::LANES) {
        let to = &mut out[o..];
        let mut sums = if add { RegisterTile::<L, P, N>::load(to, columns) } else { RegisterTile::zero() };
        sums.add(a, stride, &b[o..], columns, depth);
        sums.store(to, columns);
    }
}
