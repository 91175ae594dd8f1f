//! Rows of images, and lines of tiles made of them.

use std::ops::Range;

use super::transform::input_columns;
use super::{IN, OUT, side};
use crate::kernels::isa::Simd;

/// Stacked images of one size, `[.., h, w, c]`.
#[derive(Clone, Copy)]
pub(super) struct Stack<'a> {
    pub data: &'a [f32],
    pub w: usize,
    pub c: usize,
}

impl<'a> Stack<'a> {
    /// `N` rows from `first`, columns `left..right`; zeros for rows that are not `inside`.
    pub(super) fn rows<const N: usize>(
        self,
        first: isize,
        inside: &Range<usize>,
        (left, right): (usize, usize),
        zeros: &'a [f32],
    ) -> [&'a [f32]; N] {
        let len = (right - left) * self.c;
        let mut rows = [&zeros[..len]; N];
        for (row, at) in rows.iter_mut().zip(first..) {
            if let Some(at) = usize::try_from(at).ok().filter(|at| inside.contains(at)) {
                *row = &self.data[(at * self.w + left) * self.c..][..len];
            }
        }
        rows
    }

    /// Rows as lines have them; through `wide`, `[N, columns, padded c]`, if they differ.
    pub(super) fn padded_rows<'s, const N: usize>(self, rows: [&'s [f32]; N], wide: &'s mut [f32]) -> [&'s [f32]; N] {
        let to = padded(self.c);
        if to == self.c {
            return rows;
        }
        let len = rows[0].len() / self.c * to;
        for (row, wide) in rows.iter().zip(wide.chunks_exact_mut(len)) {
            repack(row, self.c, wide, to);
        }
        let mut wide = wide.chunks_exact(len);
        rows.map(|_| wide.next().expect("as many as rows"))
    }
}

/// `Bᵀ` down the columns of `count` tiles from tile `first` on, whose output begins at row
/// `top`: six lines of `[4 · count + 2, padded c]`, zero beyond the image.
#[inline(always)]
pub(super) fn input_lines<L: Simd>(
    x: Stack<'_>,
    inside: &Range<usize>,
    top: usize,
    (first, count): (usize, usize),
    zeros: &[f32],
    wide: &mut [f32],
    (lines, pitch): (&mut [f32], usize),
) {
    let c = padded(x.c);
    let (left, right) = ((first * OUT).saturating_sub(1), ((first + count) * OUT + 1).min(x.w));
    let rows = x.padded_rows(x.rows(top as isize - 1, inside, (left, right), zeros), wide);
    let before = (left + 1 - first * OUT) * c;
    let (after, end) = (before + rows[0].len(), (OUT * count + 2) * c);
    for line in lines.chunks_mut(pitch).take(IN) {
        line[..before].fill(0.0);
        line[after..end].fill(0.0);
    }
    side!(L, c, input_columns(rows, &mut lines[before..], pitch));
}

/// Channels in lines and tiles: whole registers, or halves of them.
pub(super) fn padded(channels: usize) -> usize {
    channels.next_multiple_of(8)
}

/// Copies `[.., from]` channels as `[.., to]`: zeros where there are more, cut where fewer.
pub(super) fn repack(image: &[f32], from: usize, packed: &mut [f32], to: usize) {
    /// In steps known to the compiler: calls would take as long as the transforms.
    fn copy<const N: usize>(image: &[f32], from: usize, packed: &mut [f32], to: usize) {
        for (packed, pixel) in packed.chunks_exact_mut(to).zip(image.chunks_exact(from)) {
            packed[..N].copy_from_slice(&pixel[..N]);
        }
    }
    if from < to {
        packed.fill(0.0);
    }
    match from.min(to) {
        1 => copy::<1>(image, from, packed, to),
        2 => copy::<2>(image, from, packed, to),
        3 => copy::<3>(image, from, packed, to),
        4 => copy::<4>(image, from, packed, to),
        common => {
            for (packed, pixel) in packed.chunks_exact_mut(to).zip(image.chunks_exact(from)) {
                packed[..common].copy_from_slice(&pixel[..common]);
            }
        }
    }
}
