//! Winograd's F(4×4, 3×3): 36 multiplications for 16 outputs instead of 144.
//!
//! `Y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A` on 6×6 tiles of input and 4×4 tiles of output, with
//! the points 0, ±5/8, ±3/2, ∞ (Lavin and Gray, arXiv 1509.09308). Under the ⊙ stands, for
//! each of the 36 places, a matrix product over the channels of a batch of tiles. The
//! weight gradient is the adjoint in `w` of the same form: `dw = Gᵀ [ Σ (Bᵀ x B) ⊙
//! (A dy Aᵀ) ] G`. Channels-last makes every transform a run of whole registers.
//!
//! A chunk of tiles goes through in three passes. Down the columns, image rows become six
//! lines per row of tiles. Along one line after the other, a few tiles at a time: transform,
//! six products, transform back; the tiles stay in the first cache, and so do the weights of
//! the line's six places. Down the columns again, six lines become image rows.
//!
//! Error at 32→32, relative to the result's rms: 6e-6 at worst, twice that of the direct sum.
//! What else was tried, and what each choice gains, stands in `doc/notes-compute.md`.

mod forward;
mod prefetch;
mod transform;
mod weight;

use std::cell::RefCell;
use std::ops::Range;

use crate::kernels::Floats;
use crate::kernels::isa::Level;
use crate::kernels::tile::Tile;
use prefetch::Soon;
use transform::input_columns;

pub(super) use weight::weight_gradient;

/// Side of an output tile.
const OUT: usize = 4;
/// Side of an input tile, and of the transformed domain.
const IN: usize = 6;
/// Places of the transformed domain.
const PLACES: usize = IN * IN;
/// Floats between places, or between lines, beyond their own: without them they would lie
/// multiples of 4 KB apart, in the same few sets of the first cache, four times as slow.
const SKEW: usize = 16;

#[derive(Default)]
struct Scratch {
    work: Floats,
    /// Never written.
    zeros: Floats,
}

thread_local! {
    /// Kept between calls: a fresh one would cost more page faults than a row of tiles takes.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `f` on `len` floats of scratch, whose values are whatever was left there, and on
/// `zeros` zeros.
fn with_scratch<R>(len: usize, zeros: usize, f: impl FnOnce(&mut [f32], &[f32]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.work.len() < len {
            scratch.work = Floats::zeros(len);
        }
        if scratch.zeros.len() < zeros {
            scratch.zeros = Floats::zeros(zeros);
        }
        f(&mut scratch.work[..len], &scratch.zeros)
    })
}

/// Channels in lines and tiles: whole registers, or halves of them.
fn padded(channels: usize) -> usize {
    channels.next_multiple_of(8)
}

/// Copies `[.., from]` channels as `[.., to]`: zeros where there are more, cut where fewer.
fn repack(image: &[f32], from: usize, packed: &mut [f32], to: usize) {
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

/// Calls a function of the level on the side that has `$channels`, of the narrower level
/// where they do not fill its registers.
macro_rules! side {
    ($level:ident, $channels:expr, $body:ident($($arg:expr),* $(,)?)) => {
        if $channels.is_multiple_of($level::LANES) {
            $body::<$level>($($arg),*)
        } else {
            $body::<$level::Narrow>($($arg),*)
        }
    };
}
use side;

/// Tiles that go through the passes together.
#[derive(Clone, Copy)]
struct Chunk {
    /// Tiles side by side.
    across: usize,
    /// Rows of tiles: several where an image is narrow.
    down: usize,
}

impl Chunk {
    /// Their lines, 100 KB per 32 channels, and the weights, 147 KB, share the second cache
    /// with the pixels that come and go; with 64 the weight gradient takes 14 % longer.
    const TILES: usize = 32;

    /// For images `w` pixels wide.
    fn new(w: usize) -> Self {
        let across = w.div_ceil(OUT).min(Self::TILES);
        Self { across, down: Self::TILES / across }
    }

    /// Length of a line of input: the tiles' columns and one on each side.
    fn line(self, channels: usize) -> usize {
        (OUT * self.across + 2) * channels
    }
}

/// Stacked images of one size, `[.., h, w, c]`.
#[derive(Clone, Copy)]
struct Stack<'a> {
    data: &'a [f32],
    w: usize,
    c: usize,
}

impl<'a> Stack<'a> {
    /// `N` rows from `first`, columns `left..right`; zeros for rows that are not `inside`.
    fn rows<const N: usize>(
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
    fn padded_rows<'s, const N: usize>(self, rows: [&'s [f32]; N], wide: &'s mut [f32]) -> [&'s [f32]; N] {
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
fn input_lines<L: Level>(
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

/// Rows, and registers per row, of the tile of sums for so many columns. Eight sums at least
/// are under way at once, or the latency of multiply-add would show.
#[inline(always)]
fn register_tile<L: Level>(columns: usize) -> (usize, usize) {
    match (columns.is_multiple_of(2 * L::LANES), L::REGISTERS) {
        (true, 32) => (8, 2),
        (true, _) => (4, 2),
        (false, _) => (8, 1),
    }
}

/// Register tiles of a result.
#[inline(always)]
fn register_tiles<L: Level>(rows: usize, columns: usize) -> usize {
    let (p, n) = register_tile::<L>(columns);
    rows.div_ceil(p) * columns.div_ceil(n * L::LANES)
}

/// `out[i, ..] = Σ_k a[i · stride.0 + k · stride.1] · b[k, ..]` for `rows` rows and `depth`
/// terms, added to what stands there if asked; `b [depth, columns]`, `out [rows, columns]`.
/// Before each register tile it asks for what is needed soon.
#[inline(always)]
fn multiply<L: Level>(
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
fn multiply_by<L: Level, const P: usize, const N: usize>(
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
            let mut sums = if add { Tile::<L, P, N>::load(to, columns) } else { Tile::zero() };
            sums.add(&a[i * stride.0..], stride, &b[o..], columns, depth);
            sums.store(to, columns);
        }
    }
}
