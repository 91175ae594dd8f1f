//! Direct convolution on register tiles, for channels that do not fill registers; where
//! they do, `winograd` takes over.
//!
//! For one row of taps, pixel `p` of a tile reads `x[p·Ci + k]`, `k` in `0..3·Ci`: the
//! three columns and all channels are one contiguous run. A tile keeps `P` pixels ×
//! `B` output channels in registers and walks that run once per tap row: per step one
//! load of `B` weights, and per pixel one broadcast and a fused multiply-add. The
//! weight gradient is the same tile with changed roles: `P` values of the run × `B`
//! channels of `dy`, summed over pixels.

use std::ops::Range;

use rayon::prelude::*;

use super::{Params, winograd};
use crate::graph::{Args, Isa, Shape};
use crate::kernels::isa::{Level, block, dispatch};
use crate::kernels::tile::Tile;

/// One convolution: input, weights and what happens on the way out.
pub(super) struct Job<'a> {
    pub x: &'a [f32],
    pub h: usize,
    pub w: usize,
    pub ci: usize,
    pub co: usize,
    /// `[3, 3, Ci, Co]`.
    pub weights: &'a [f32],
    /// `[Co]`.
    pub bias: &'a [f32],
    pub add: Option<&'a [f32]>,
    pub mask: Option<&'a [f32]>,
    pub relu: bool,
}

pub(super) fn forward(args: &mut Args<'_, f32>, isa: Isa) {
    let (x, co) = (args.shape(0), args.shape(3).c());
    let (weights, bias) = args.read(1).split_at(9 * x.c() * co);
    let (add, relu) = (args.maybe(2), args.params::<Params>().relu == 1);
    Job { weights, bias, add, relu, ..Job::new(args.read(0), x, co) }.run(args.write(3), isa);
}

pub(super) fn grad_input(args: &mut Args<'_, f32>, isa: Isa) {
    let (dy, ci, w) = (args.shape(0), args.shape(4).c(), args.read(1));
    let (weights, bias) = (&flipped(w, ci, dy.c()), &vec![0.0; ci]);
    let (add, mask) = (args.maybe(2), args.maybe(3));
    Job { weights, bias, add, mask, ..Job::new(args.read(0), dy, ci) }.run(args.write(4), isa);
}

/// The adjoint's weights: taps in reverse order, channels swapped.
fn flipped(w: &[f32], ci: usize, co: usize) -> Vec<f32> {
    let mut flipped = vec![0.0; 9 * ci * co];
    for (i, run) in flipped.chunks_exact_mut(ci).enumerate() {
        let from = &w[(8 - i / co) * ci * co + i % co..];
        run.iter_mut().zip(from.iter().step_by(co)).for_each(|(to, from)| *to = *from);
    }
    flipped
}

impl<'a> Job<'a> {
    /// Without weights, bias or epilogue.
    fn new(x: &'a [f32], shape: Shape, co: usize) -> Self {
        let (h, w, ci) = (shape.h(), shape.w(), shape.c());
        Self { x, h, w, ci, co, weights: &[], bias: &[], add: None, mask: None, relu: false }
    }

    fn run(&self, y: &mut [f32], best: Isa) {
        if let Some(isa) = winograd::isa(self.ci, self.co, best) {
            return self.run_winograd(isa, y);
        }
        let (isa, block) = block(self.co, best);
        let (job, packed) = (self, &Packed::new(self, block));
        y.par_chunks_mut(self.w * self.co).enumerate().for_each(|(row, y)| {
            dispatch!(isa, output_row(job: &Job<'_>, packed: &Packed, row: usize, y: &mut [f32]));
        });
    }

    /// Input row `row + tap − 1` of the same image, if there is one.
    fn input_row(&self, row: usize, tap: usize) -> Option<&[f32]> {
        input_row(self.x, (self.h, self.w, self.ci), row, tap)
    }
}

/// Weights and bias in blocks of output channels, zero past the last.
struct Packed {
    block: usize,
    /// `[blocks, 3, 3·Ci, block]`.
    weights: Vec<f32>,
    /// `[blocks · block]`.
    bias: Vec<f32>,
}

impl Packed {
    fn new(job: &Job<'_>, block: usize) -> Self {
        let (ci, co) = (job.ci, job.co);
        let blocks = co.div_ceil(block);
        let mut weights = vec![0.0; blocks * 9 * ci * block];
        for (i, to) in weights.chunks_exact_mut(block).enumerate() {
            let (first, row) = (i / (9 * ci) * block, i % (9 * ci));
            let from = &job.weights[row * co..][first..co.min(first + block)];
            to[..from.len()].copy_from_slice(from);
        }
        let mut bias = job.bias.to_vec();
        bias.resize(blocks * block, 0.0);
        Self { block, weights, bias }
    }
}

fn input_row(x: &[f32], (h, w, c): (usize, usize, usize), row: usize, tap: usize) -> Option<&[f32]> {
    let inside = (row % h + tap).checked_sub(1).is_some_and(|i| i < h);
    inside.then(|| &x[(row + tap - 1) * w * c..][..w * c])
}

/// One row of the output. Tiles fill the registers: 12 pixels × 2 are 24 of 32, 6 × 2
/// or 12 × 1 are 12 of 16; the rest holds the operands.
#[inline(always)]
fn output_row<L: Level>(job: &Job<'_>, packed: &Packed, row: usize, y: &mut [f32]) {
    match (L::REGISTERS, packed.block / L::LANES) {
        (32, 2) => row_of_tiles::<L, 12, 2>(job, packed, row, y),
        (_, 2) => row_of_tiles::<L, 6, 2>(job, packed, row, y),
        _ => row_of_tiles::<L, 12, 1>(job, packed, row, y),
    }
}

#[inline(always)]
fn row_of_tiles<L: Level, const P: usize, const N: usize>(job: &Job<'_>, packed: &Packed, row: usize, y: &mut [f32]) {
    let (w, ci, co, block) = (job.w, job.ci, job.co, N * L::LANES);
    let mut border = Vec::new(); // zero-padded copy, for tiles that touch the border
    let mut sums = vec![0.0; P * block];
    for (b, weights) in packed.weights.chunks_exact(9 * ci * block).enumerate() {
        let bias = &packed.bias[b * block..][..block];
        for x0 in (0..w).step_by(P) {
            let mut tile = Tile::<L, P, N>::load(bias, 0);
            for (tap, weights) in weights.chunks_exact(3 * ci * block).enumerate() {
                let Some(x) = job.input_row(row, tap) else { continue };
                let run = if x0 > 0 && x0 + P < w {
                    &x[(x0 - 1) * ci..(x0 + P + 1) * ci]
                } else {
                    padded(x, (w, ci), x0, P, &mut border)
                };
                tile.add(run, (ci, 1), weights, block, 3 * ci);
            }
            tile.store(&mut sums, block);
            for (p, sums) in sums.chunks_exact(block).take(w - x0).enumerate() {
                let at = (x0 + p) * co + b * block;
                let channels = block.min(co - b * block);
                finish(job, row * w * co + at, &sums[..channels], &mut y[at..at + channels]);
            }
        }
    }
}

/// Columns `x0 − 1 .. x0 + P + 1` of a row, zero outside of it.
fn padded<'b>(x: &[f32], (w, c): (usize, usize), x0: usize, p: usize, border: &'b mut Vec<f32>) -> &'b [f32] {
    border.clear();
    border.resize((p + 2) * c, 0.0);
    let (first, last) = (x0.saturating_sub(1), (x0 + p + 1).min(w));
    border[(first + 1 - x0) * c..][..(last - first) * c].copy_from_slice(&x[first * c..last * c]);
    border
}

/// Epilogue of one pixel whose first channel is element `at` of the output.
#[inline(always)]
pub(super) fn finish(job: &Job<'_>, at: usize, sums: &[f32], y: &mut [f32]) {
    y.copy_from_slice(sums);
    if let Some(add) = job.add {
        y.iter_mut().zip(&add[at..]).for_each(|(y, a)| *y += a);
    }
    if let Some(mask) = job.mask {
        y.iter_mut().zip(&mask[at..]).for_each(|(y, m)| *y = if *m > 0.0 { *y } else { 0.0 });
    }
    if job.relu {
        y.iter_mut().for_each(|y| *y = y.max(0.0));
    }
}

/// Images of a weight gradient.
pub(super) struct Pair<'a> {
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub h: usize,
    pub w: usize,
    pub ci: usize,
    pub co: usize,
    pub block: usize,
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>, best: Isa) {
    let (x, co, len) = (args.shape(0), args.shape(1).c(), args.shape(2).c());
    let rows = args.params::<Params>().rows as usize;
    let (h, w, ci) = (x.h(), x.w(), x.c());
    let (isa, block) = block(co, best);
    let pair = &Pair { x: args.read(0), dy: args.read(1), h, w, ci, co, block };
    args.write(2).par_chunks_mut(len).enumerate().for_each(|(i, part)| {
        let rows = i * rows..((i + 1) * rows).min(x.n() * h);
        if let Some(isa) = winograd::isa(ci, co, best) {
            return winograd::weight_gradient(pair, rows, part, isa);
        }
        dispatch!(isa, part_sum(pair: &Pair<'_>, rows: Range<usize>, part: &mut [f32]));
    });
}

#[inline(always)]
fn part_sum<L: Level>(pair: &Pair<'_>, rows: Range<usize>, part: &mut [f32]) {
    let (dw, db) = part.split_at_mut(9 * pair.ci * pair.co);
    match (L::REGISTERS, pair.block / L::LANES) {
        (32, 2) => blocks::<L, 12, 2>(pair, &rows, dw),
        (_, 2) => blocks::<L, 6, 2>(pair, &rows, dw),
        _ => blocks::<L, 12, 1>(pair, &rows, dw),
    }
    db.fill(0.0);
    for dy in pair.dy[rows.start * pair.w * pair.co..rows.end * pair.w * pair.co].chunks_exact(pair.co) {
        db.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
    }
}

/// `dw[tap row]` is a `3·Ci × Co` matrix: tiles of `P` rows, then single rows of it.
#[inline(always)]
fn blocks<L: Level, const P: usize, const N: usize>(pair: &Pair<'_>, rows: &Range<usize>, dw: &mut [f32]) {
    let (ci, co, block) = (pair.ci, pair.co, N * L::LANES);
    let mut sums = vec![0.0; P * block];
    for (tap, dw) in dw.chunks_exact_mut(3 * ci * co).enumerate() {
        for first in (0..co).step_by(block) {
            let mut k = 0;
            while k < 3 * ci {
                let height = if k + P <= 3 * ci { P } else { 1 };
                let sums = &mut sums[..height * block];
                if height == P {
                    correlate::<L, P, N>(pair, rows, tap, k, first).store(sums, block);
                } else {
                    correlate::<L, 1, N>(pair, rows, tap, k, first).store(sums, block);
                }
                for (p, sums) in sums.chunks_exact(block).enumerate() {
                    let channels = block.min(co - first);
                    dw[(k + p) * co + first..][..channels].copy_from_slice(&sums[..channels]);
                }
                k += height;
            }
        }
    }
}

/// `Σ_pixels run[k..k + P] ⊗ dy[first..]` over some image rows. Lanes past the last
/// channel gather values of the next pixel; they are never stored.
#[inline(always)]
fn correlate<L: Level, const P: usize, const N: usize>(
    pair: &Pair<'_>,
    rows: &Range<usize>,
    tap: usize,
    k: usize,
    first: usize,
) -> Tile<L, P, N> {
    let (w, ci, co) = (pair.w, pair.ci, pair.co);
    let mut tile = Tile::zero();
    let mut border = Vec::new();
    for row in rows.clone() {
        let Some(x) = input_row(pair.x, (pair.h, w, ci), row, tap) else { continue };
        let dy = &pair.dy[row * w * co + first..];
        // The first and the last pixel see a zero column.
        for j in (0..w).step_by((w - 1).max(1)) {
            let run = padded(x, (w, ci), j, 1, &mut border);
            outer(&mut tile, &run[k..], ci, &dy[j * co..], co, 1);
        }
        if w > 2 {
            outer(&mut tile, &x[k..], ci, &dy[co..], co, w - 2);
        }
    }
    tile
}

/// `tile[p] += Σ_j x[j·Ci + p] · dy[j·Co ..]` over `pixels` pixels.
#[inline(always)]
fn outer<L: Level, const P: usize, const N: usize>(
    tile: &mut Tile<L, P, N>,
    x: &[f32],
    ci: usize,
    dy: &[f32],
    co: usize,
    pixels: usize,
) {
    let block = N * L::LANES;
    // The tensor's last pixels may hold less than a block.
    let whole = if dy.len() < block { 0 } else { pixels.min((dy.len() - block) / co + 1) };
    if whole > 0 {
        tile.add(x, (1, ci), dy, co, whole);
    }
    for j in whole..pixels {
        let mut narrow = vec![0.0; block];
        narrow[..dy.len() - j * co].copy_from_slice(&dy[j * co..]);
        tile.add(&x[j * ci..], (1, 0), &narrow, 0, 1);
    }
}
