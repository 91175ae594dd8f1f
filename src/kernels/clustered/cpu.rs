//! Products of matrices: the pixels' neighbourhoods, times their factors, as rows of `9 · C` numbers.

use std::ops::Range;

use rayon::prelude::*;

use super::{Params, TAPS};
use crate::graph::{Args, Shape};
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::matrix::{multiply, padded, transposed, widen, widened};
use crate::kernels::segment::SEGMENTS;
use crate::kernels::sigmoid::fma;

/// Pixels of one row multiplied at once: two register tiles.
const BLOCK: usize = 16;

/// Factors of the segments, and which segment a pixel belongs to.
struct SegmentFactors<'a> {
    alpha: &'a [f32],
    gamma: &'a [f32],
    index: &'a [f32],
    h: usize,
    w: usize,
    /// Inputs.
    c: usize,
}

impl<'a> SegmentFactors<'a> {
    /// `alpha`, `gamma` and `index` from argument `first` on.
    fn new(args: &Args<'a, f32>, first: usize) -> Self {
        let [_, h, w, _] = args.shape(first + 2).0;
        let c = args.shape(first + 1).c();
        Self { alpha: args.read(first), gamma: args.read(first + 1), index: args.read(first + 2), h, w, c }
    }

    fn segment(&self, pixel: usize) -> usize {
        pixel / (self.h * self.w) * SEGMENTS + self.index[pixel] as usize
    }

    /// α and γ of a pixel.
    fn of(&self, pixel: usize) -> (&[f32], &[f32]) {
        let k = self.segment(pixel);
        (&self.alpha[k * TAPS..][..TAPS], &self.gamma[k * self.c..][..self.c])
    }

    /// The pixel that tap `t` of column `j` of row `row` of the stack reads, if it is inside.
    fn seen(&self, row: usize, j: usize, t: usize) -> Option<usize> {
        // Below zero wraps to outside.
        let (i, j) = ((row % self.h + t / 3).wrapping_sub(1), (j + t % 3).wrapping_sub(1));
        (i < self.h && j < self.w).then(|| (row / self.h * self.h + i) * self.w + j)
    }

    /// Rows `[9 · C]` of the pixels `first..` of row `row` of the stack, as many as there is room for.
    #[inline(always)]
    fn gather(&self, x: &[f32], row: usize, first: usize, patches: &mut [f32]) {
        for (p, patch) in patches.chunks_exact_mut(TAPS * self.c).enumerate() {
            let (alpha, gamma) = self.of(row * self.w + first + p);
            for ((t, patch), alpha) in patch.chunks_exact_mut(self.c).enumerate().zip(alpha) {
                let Some(at) = self.seen(row, first + p, t) else {
                    patch.fill(0.0);
                    continue;
                };
                for ((to, x), gamma) in patch.iter_mut().zip(&x[at * self.c..]).zip(gamma) {
                    *to = x * (alpha * gamma);
                }
            }
        }
    }
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, co) = (Isa::of(args), args.shape(5).c());
    let w = &widened(args.read(1), co, padded(co))[..];
    let (factors, x) = (&SegmentFactors::new(args, 2), args.read(0));
    args.write(5).par_chunks_mut(factors.w * co).enumerate().for_each(|(row, v)| {
        dispatch!(isa, row_of(factors: &SegmentFactors<'_>, x: &[f32], w: &[f32], row: usize, v: &mut [f32]));
    });
}

#[inline(always)]
fn row_of<L: Simd>(factors: &SegmentFactors<'_>, x: &[f32], w: &[f32], row: usize, v: &mut [f32]) {
    let (co, depth) = (v.len() / factors.w, TAPS * factors.c);
    let wide = padded(co);
    let mut patches = vec![0.0; BLOCK * depth];
    let mut sums = vec![0.0; BLOCK * wide];
    for (b, v) in v.chunks_mut(BLOCK * co).enumerate() {
        let count = v.len() / co;
        let patches = &mut patches[..count * depth];
        factors.gather(x, row, b * BLOCK, patches);
        multiply::<L>(patches, (depth, 1), w, &mut sums, (count, wide, depth), false);
        for (v, sums) in v.chunks_exact_mut(co).zip(sums.chunks_exact(wide)) {
            v.iter_mut().zip(sums).for_each(|(v, sum)| *v = *sum);
        }
    }
}

/// What a gradient at the input is made of.
struct Back<'a> {
    factors: SegmentFactors<'a>,
    e: &'a [f32],
    co: usize,
    /// For each row of taps `[Co, padded 3 · Ci]`.
    w: [Vec<f32>; 3],
    share: &'a [f32],
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (co, ci) = (args.shape(0).c(), args.shape(7).c());
    let rows: Vec<_> = args.read(1).chunks_exact(3 * ci * co).collect();
    let w = std::array::from_fn(|u| widened(&transposed(rows[u], co), 3 * ci, padded(3 * ci)));
    let back = &Back { factors: SegmentFactors::new(args, 2), e: args.read(0), co, w, share: args.read(5) };
    let add = args.maybe(6);
    let len = back.factors.w * ci;
    args.write(7).par_chunks_mut(len).enumerate().for_each(|(row, dx)| {
        match add {
            Some(add) => dx.copy_from_slice(&add[row * len..][..len]),
            None => dx.fill(0.0),
        }
        dispatch!(isa, seen_from(back: &Back<'_>, row: usize, dx: &mut [f32]));
    });
}

/// Adds what a row of pixels gets from the three rows that see it.
#[inline(always)]
fn seen_from<L: Simd>(back: &Back<'_>, row: usize, dx: &mut [f32]) {
    let Back { factors, e, co, w, share } = back;
    let (c, i) = (factors.c, row % factors.h);
    let wide = padded(3 * c);
    let mut sums = vec![0.0; BLOCK * wide];
    for (u, w) in w.iter().enumerate().filter(|(u, _)| i + 1 >= *u && i + 1 - u < factors.h) {
        let source = (row + 1 - u) * factors.w;
        for first in (0..factors.w).step_by(BLOCK) {
            let count = BLOCK.min(factors.w - first);
            multiply::<L>(&e[(source + first) * co..], (*co, 1), w, &mut sums, (count, wide, *co), false);
            for (p, sums) in sums.chunks_exact(wide).take(count).enumerate() {
                let (j, k) = (first + p, factors.segment(source + first + p));
                let (alpha, gamma) = factors.of(source + j);
                for v in (0..3).filter(|v| j + v >= 1 && j + v - 1 < factors.w) {
                    let t = 3 * u + v;
                    let share = &share[(k * TAPS + t) * c..][..c];
                    let dx = &mut dx[(j + v - 1) * c..][..c];
                    let given = sums[v * c..][..c].iter().zip(gamma).zip(share);
                    for (dx, ((sum, gamma), share)) in dx.iter_mut().zip(given) {
                        *dx += fma::<L>(alpha[t] * gamma, *sum, *share);
                    }
                }
            }
        }
    }
}

pub(super) fn grad_factors(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (factors, x, e) = (&SegmentFactors::new(args, 2), args.read(0), args.read(5));
    let (co, len) = (args.shape(5).c(), TAPS * factors.c);
    let w = &widened(&transposed(args.read(1), co), len, padded(len))[..];
    args.write(6).par_chunks_mut(factors.w * (factors.c + TAPS)).enumerate().for_each(|(row, d)| {
        let e = &e[row * factors.w * co..][..factors.w * co];
        dispatch!(isa, factors_of(factors: &SegmentFactors<'_>, x: &[f32], w: &[f32], e: &[f32], row: usize, d: &mut [f32]));
    });
}

#[inline(always)]
fn factors_of<L: Simd>(factors: &SegmentFactors<'_>, x: &[f32], w: &[f32], e: &[f32], row: usize, d: &mut [f32]) {
    let (c, co, wide) = (factors.c, e.len() / factors.w, padded(TAPS * factors.c));
    let mut sums = vec![0.0; BLOCK * wide];
    for (b, (e, d)) in e.chunks(BLOCK * co).zip(d.chunks_mut(BLOCK * (c + TAPS))).enumerate() {
        let count = e.len() / co;
        multiply::<L>(e, (co, 1), w, &mut sums, (count, wide, co), false);
        for (p, (d, sums)) in d.chunks_exact_mut(c + TAPS).zip(sums.chunks_exact(wide)).enumerate() {
            let j = b * BLOCK + p;
            let (alpha, gamma) = factors.of(row * factors.w + j);
            d.fill(0.0);
            let (dgamma, dalpha) = d.split_at_mut(c);
            for (t, sums) in sums[..TAPS * c].chunks_exact(c).enumerate() {
                let Some(at) = factors.seen(row, j, t) else { continue };
                let x = &x[at * c..][..c];
                for ((dgamma, x), sum) in dgamma.iter_mut().zip(x).zip(sums) {
                    *dgamma = fma::<L>(alpha[t] * x, *sum, *dgamma);
                }
                // In lanes, which add up in registers.
                let mut lanes = [0.0f32; 8];
                for ((x, sum), gamma) in x.chunks(8).zip(sums.chunks(8)).zip(gamma.chunks(8)) {
                    for (((lane, x), sum), gamma) in lanes.iter_mut().zip(x).zip(sum).zip(gamma) {
                        *lane = fma::<L>(gamma * x, *sum, *lane);
                    }
                }
                dalpha[t] = lanes.iter().sum();
            }
        }
    }
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (x, co, len) = (args.shape(0), args.shape(4).c(), args.shape(5).c());
    let rows = args.params::<Params>().rows as usize;
    let (factors, xs, e) = (&SegmentFactors::new(args, 1), args.read(0), args.read(4));
    args.write(5).par_chunks_mut(len).enumerate().with_max_len(1).for_each(|(i, part)| {
        let (rows, shape) = (i * rows..((i + 1) * rows).min(x.n() * x.h()), x.with_c(co));
        let images = (xs, e);
        dispatch!(isa, part_sum(factors: &SegmentFactors<'_>, images: (&[f32], &[f32]), shape: Shape, rows: Range<usize>, part: &mut [f32]));
    });
}

#[inline(always)]
fn part_sum<L: Simd>(
    factors: &SegmentFactors<'_>,
    (x, e): (&[f32], &[f32]),
    shape: Shape,
    rows: Range<usize>,
    part: &mut [f32],
) {
    let (w, co, wide, depth) = (shape.w(), shape.c(), padded(shape.c()), TAPS * factors.c);
    let mut patches = vec![0.0; BLOCK * depth];
    let mut wide_e = vec![0.0; BLOCK * wide];
    let mut sums = vec![0.0; depth * wide];
    for row in rows {
        for first in (0..w).step_by(BLOCK) {
            let count = BLOCK.min(w - first);
            factors.gather(x, row, first, &mut patches[..count * depth]);
            let mut e = &e[(row * w + first) * co..][..count * co];
            if wide != co {
                widen(e, co, &mut wide_e, wide);
                e = &wide_e;
            }
            multiply::<L>(&patches, (1, depth), e, &mut sums, (depth, wide, count), true);
        }
    }
    for (part, sums) in part.chunks_exact_mut(co).zip(sums.chunks_exact(wide)) {
        part.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
    }
}

/// ω and β of the segments, and which segment a pixel belongs to.
struct Scales<'a> {
    omega: &'a [f32],
    beta: &'a [f32],
    index: &'a [f32],
    image: usize,
    c: usize,
}

impl<'a> Scales<'a> {
    /// `omega`, `beta` and `index` from argument `first` on.
    fn new(args: &Args<'a, f32>, first: usize) -> Self {
        let [_, h, w, _] = args.shape(first + 2).0;
        let (omega, beta, index) = (args.read(first), args.read(first + 1), args.read(first + 2));
        Self { omega, beta, index, image: h * w, c: args.shape(first).c() }
    }

    /// ω and β of a pixel.
    fn of(&self, pixel: usize) -> impl Iterator<Item = (&f32, &f32)> {
        let at = (pixel / self.image * SEGMENTS + self.index[pixel] as usize) * self.c;
        self.omega[at..][..self.c].iter().zip(&self.beta[at..])
    }
}

/// Pixels one task works on.
const TASK: usize = 1 << 10;

pub(super) fn scaled(args: &mut Args<'_, f32>) {
    let slope = args.params::<Params>().slope;
    let (scales, sums, add) = (&Scales::new(args, 1), args.read(0), args.maybe(4));
    let c = scales.c;
    args.write(5).par_chunks_mut(TASK * c).enumerate().for_each(|(task, y)| {
        for (p, y) in y.chunks_exact_mut(c).enumerate() {
            let pixel = task * TASK + p;
            let values = y.iter_mut().zip(scales.of(pixel)).zip(&sums[pixel * c..]);
            for ((y, (omega, beta)), sum) in values {
                let z = beta + omega * sum;
                *y = if z > 0.0 { z } else { slope * z };
            }
            if let Some(add) = add {
                y.iter_mut().zip(&add[pixel * c..]).for_each(|(y, add)| *y += add);
            }
        }
    });
}

pub(super) fn scaled_grad(args: &mut Args<'_, f32>) {
    let slope = args.params::<Params>().slope;
    let (scales, dy, sums) = (&Scales::new(args, 2), args.read(0), args.read(1));
    let c = scales.c;
    let outputs = args.write(5).par_chunks_mut(TASK * c).zip(args.write(6).par_chunks_mut(TASK * 2 * c));
    outputs.enumerate().for_each(|(task, (e, dtable))| {
        for (p, (e, dtable)) in e.chunks_exact_mut(c).zip(dtable.chunks_exact_mut(2 * c)).enumerate() {
            let pixel = task * TASK + p;
            let (domega, dbeta) = dtable.split_at_mut(c);
            let inputs = scales.of(pixel).zip(&sums[pixel * c..]).zip(&dy[pixel * c..]);
            for ((((omega, beta), sum), dy), ((e, domega), dbeta)) in inputs.zip(e.iter_mut().zip(domega).zip(dbeta)) {
                let dz = if beta + omega * sum > 0.0 { *dy } else { slope * dy };
                *e = omega * dz;
                *domega = dz * sum;
                *dbeta = dz;
            }
        }
    });
}
