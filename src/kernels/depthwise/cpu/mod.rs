//! Registers of channels where these fill them, the first and the last pixel of a row, too: number by number those
//! take as long as all the others of a row of 64. Else rows of pixels are rows of numbers: with the weights repeated to
//! a whole number of registers, any number of channels fills them.

mod weight;

use rayon::prelude::*;

use crate::graph::{Args, Shape};
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::sigmoid::fma;

pub(super) use weight::grad_weight;

/// Rows one task works on.
const TASK: usize = 8;

/// The nine taps of every channel, repeated, and the biases.
struct ChannelTaps {
    /// Numbers after which the weights begin anew: whole pixels and whole registers.
    period: usize,
    /// `[9, period]`.
    w: Vec<f32>,
    /// `[period]`, zeros without biases.
    bias: Vec<f32>,
}

impl ChannelTaps {
    /// `w [9, C]`, then biases or nothing.
    fn new(w: &[f32], c: usize) -> Self {
        let period = period(c);
        let (taps, bias) = w.split_at(9 * c);
        let repeated = |values: &[f32]| values.iter().copied().cycle().take(period).collect::<Vec<_>>();
        Self {
            period,
            w: taps.chunks_exact(c).flat_map(repeated).collect(),
            bias: if bias.is_empty() { vec![0.0; period] } else { repeated(bias) },
        }
    }
}

/// Registers have at most 16 numbers.
fn period(c: usize) -> usize {
    if c.is_multiple_of(16) { c } else { 16 * c }
}

fn run(isa: Isa, x: &[f32], shape: Shape, taps: &ChannelTaps, add: Option<&[f32]>, y: &mut [f32]) {
    let (c, len) = (shape.c(), shape.w() * shape.c());
    let (image, zeros) = (shape.h() * len, &vec![0.0; len][..]);
    let images = x.par_chunks(image).zip(y.par_chunks_mut(image));
    images.enumerate().for_each(|(n, (x, y))| {
        y.par_chunks_mut(TASK * len).enumerate().for_each(|(i, y)| {
            let at = (c, n * image, i * TASK);
            dispatch!(isa, convolved(x: &[f32], at: (usize, usize, usize), taps: &ChannelTaps, add: Option<&[f32]>, zeros: &[f32], y: &mut [f32]));
        });
    });
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, x) = (Isa::of(args), args.shape(0));
    let taps = ChannelTaps::new(args.read(1), x.c());
    run(isa, args.read(0), x, &taps, None, args.write(2));
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let (isa, dy) = (Isa::of(args), args.shape(0));
    let flipped: Vec<f32> = args.read(1)[..9 * dy.c()].rchunks_exact(dy.c()).flatten().copied().collect();
    let taps = ChannelTaps::new(&flipped, dy.c());
    run(isa, args.read(0), dy, &taps, args.maybe(2), args.write(3));
}

/// Some rows of an image from row `first` on. `image` is where its numbers begin in `add`.
#[inline(always)]
fn convolved<L: Simd>(
    x: &[f32],
    (c, image, first): (usize, usize, usize),
    taps: &ChannelTaps,
    add: Option<&[f32]>,
    zeros: &[f32],
    y: &mut [f32],
) {
    let len = zeros.len();
    for (i, y) in y.chunks_mut(ROWS * len).enumerate() {
        let row = first + ROWS * i;
        if y.len() == ROWS * len {
            rows_of::<L, ROWS, { ROWS + 2 }>(neighbours(x, row, len, zeros), c, taps, y);
        } else {
            for (r, y) in y.chunks_exact_mut(len).enumerate() {
                rows_of::<L, 1, 3>(neighbours(x, row + r, len, zeros), c, taps, y);
            }
        }
        if let Some(add) = add {
            y.iter_mut().zip(&add[image + row * len..]).for_each(|(y, add)| *y += add);
        }
    }
}

/// Rows convolved at once: each register of the input serves both.
const ROWS: usize = 2;

/// `R` rows and those above and below them; zeros outside.
fn neighbours<'a, const N: usize>(image: &'a [f32], row: usize, len: usize, zeros: &'a [f32]) -> [&'a [f32]; N] {
    let mut rows = [zeros; N];
    for (k, to) in rows.iter_mut().enumerate() {
        if let Some(row) = (row + k).checked_sub(1) {
            *to = image.get(row * len..(row + 1) * len).unwrap_or(zeros);
        }
    }
    rows
}

/// `R` rows, `N − 2`, by registers where the channels fill them, else single numbers at the ends: all in one order of sums.
#[inline(always)]
fn rows_of<L: Simd, const R: usize, const N: usize>(rows: [&[f32]; N], c: usize, taps: &ChannelTaps, y: &mut [f32]) {
    let len = y.len() / R;
    assert!(
        N == R + 2
            && rows.iter().all(|row| row.len() == len)
            && taps.w.len() == 9 * taps.period
            && taps.bias.len() == taps.period
    );
    if c.is_multiple_of(L::LANES) {
        return by_pixels::<L, R, N>(rows, c, taps, y);
    }
    if c.is_multiple_of(L::Narrow::LANES) {
        return by_pixels::<L::Narrow, R, N>(rows, c, taps, y);
    }
    for (r, y) in y.chunks_exact_mut(len).enumerate() {
        let rows = [rows[r], rows[r + 1], rows[r + 2]];
        let done = by_pattern::<L>(rows, c, taps, y);
        single::<L>(rows, c, taps, 0..c.min(len), y);
        single::<L>(rows, c, taps, done.min(len)..len, y);
    }
}

/// Pixels whose channels are whole registers.
#[inline(always)]
fn by_pixels<L: Simd, const R: usize, const N: usize>(rows: [&[f32]; N], c: usize, taps: &ChannelTaps, y: &mut [f32]) {
    let len = rows[0].len();
    let inner = (len / c).saturating_sub(2);
    for at in (0..c).step_by(L::LANES) {
        // SAFETY: the level is available where it is used; at + LANES ≤ c ≤ period.
        let (mut w, bias) = unsafe { ([L::splat(0.0); 9], L::load(taps.bias.as_ptr().add(at))) };
        for (i, w) in w.iter_mut().enumerate() {
            // SAFETY: as above, and there are nine periods.
            *w = unsafe { L::load(taps.w.as_ptr().add(i * taps.period + at)) };
        }
        let whole = inner / PIXELS * PIXELS;
        for j in (0..whole).step_by(PIXELS) {
            pixels_at::<L, PIXELS, R, N>(rows, c, j * c + at, &w, bias, y);
        }
        for j in whole..inner {
            pixels_at::<L, 1, R, N>(rows, c, j * c + at, &w, bias, y);
        }
        for end in [0, len - c] {
            end_at::<L, R, N>(rows, c, end + at, &w, bias, y);
        }
    }
}

/// Pixels summed at once: each register of the input serves three of them.
const PIXELS: usize = 4;

/// One register of `P` pixels beside each other in `R` rows; `at` is where the first one's left neighbour is read.
#[inline(always)]
fn pixels_at<L: Simd, const P: usize, const R: usize, const N: usize>(
    rows: [&[f32]; N],
    c: usize,
    at: usize,
    w: &[L::V; 9],
    bias: L::V,
    y: &mut [f32],
) {
    let len = rows[0].len();
    assert!(at + (P + 1) * c + L::LANES <= len && rows.iter().all(|row| row.len() == len) && y.len() == R * len);
    // SAFETY: the largest index is checked above.
    unsafe {
        let mut sums = [[bias; P]; R];
        for (u, row) in rows.iter().enumerate() {
            for k in 0..P + 2 {
                let x = L::load(row.as_ptr().add(at + k * c));
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (p, sum) in sums.iter_mut().enumerate() {
                        if r <= u && u <= r + 2 && p <= k && k <= p + 2 {
                            *sum = L::fma(x, w[3 * (u - r) + k - p], *sum);
                        }
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (p, sum) in sums.into_iter().enumerate() {
                L::store(sum, y.as_mut_ptr().add(r * len + at + (p + 1) * c));
            }
        }
    }
}

/// One register, at `at`, of the first or the last pixel in `R` rows: what is beyond the row counts as zeros.
#[inline(always)]
fn end_at<L: Simd, const R: usize, const N: usize>(
    rows: [&[f32]; N],
    c: usize,
    at: usize,
    w: &[L::V; 9],
    bias: L::V,
    y: &mut [f32],
) {
    let len = rows[0].len();
    assert!(at + L::LANES <= len && rows.iter().all(|row| row.len() == len) && y.len() == R * len);
    for r in 0..R {
        // SAFETY: no register is read that does not end within its row; the place written is checked above.
        unsafe {
            let mut sum = bias;
            for u in 0..3 {
                for v in 0..3 {
                    let from = (at + v * c).checked_sub(c).filter(|from| from + L::LANES <= len);
                    let x = from.map_or(L::splat(0.0), |from| L::load(rows[r + u].as_ptr().add(from)));
                    sum = L::fma(x, w[3 * u + v], sum);
                }
            }
            L::store(sum, y.as_mut_ptr().add(r * len + at));
        }
    }
}

/// Numbers between the first and the last pixel by the repeated weights; gives where the rest begins.
#[inline(always)]
fn by_pattern<L: Simd>(rows: [&[f32]; 3], c: usize, taps: &ChannelTaps, y: &mut [f32]) -> usize {
    let (inner, period) = (y.len().saturating_sub(c), taps.period); // the last pixel begins there
    // The pattern of the weights may begin with any pixel.
    let (mut k, mut at) = (c, 0);
    while k + L::LANES <= inner && at + L::LANES <= period {
        // SAFETY: k ≥ c and k + LANES + c ≤ the row's length; at + LANES ≤ period.
        unsafe {
            let mut sum = L::load(taps.bias.as_ptr().add(at));
            for (u, row) in rows.iter().enumerate() {
                for v in 0..3 {
                    let w = L::load(taps.w.as_ptr().add((3 * u + v) * period + at));
                    sum = L::fma(L::load(row.as_ptr().add(k + v * c - c)), w, sum);
                }
            }
            L::store(sum, y.as_mut_ptr().add(k));
        }
        k += L::LANES;
        at += L::LANES;
        if at == period {
            at = 0;
        }
    }
    k
}

/// Numbers one by one.
#[inline(always)]
fn single<L: Simd>(rows: [&[f32]; 3], c: usize, taps: &ChannelTaps, which: std::ops::Range<usize>, y: &mut [f32]) {
    for k in which {
        let at = k % c;
        let mut sum = taps.bias[at];
        for (u, row) in rows.iter().enumerate() {
            for v in 0..3 {
                let x = (k + v * c).checked_sub(c).and_then(|k| row.get(k)).copied().unwrap_or(0.0);
                sum = fma::<L>(x, taps.w[(3 * u + v) * taps.period + at], sum);
            }
        }
        y[k] = sum;
    }
}
