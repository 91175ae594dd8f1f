//! The matrix on blocks of pixels that stay in the first cache.

use rayon::prelude::*;

use super::{Act, Params};
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::matrix::{multiply, padded, transposed, widen, widened};
use crate::kernels::sigmoid::sigmoid;

/// Pixels multiplied at once.
const BLOCK: usize = 64;
/// Pixels one task works on.
const TASK: usize = 16 * BLOCK;

/// A product of pixels with a matrix, and what happens on the way out.
struct Work<'a> {
    ci: usize,
    co: usize,
    /// `[Ci, padded Co]`.
    w: &'a [f32],
    /// `[Co]`, or empty.
    bias: &'a [f32],
    add: Option<&'a [f32]>,
    plus: Option<&'a [f32]>,
    mask: Option<&'a [f32]>,
    act: Act,
}

impl Work<'_> {
    fn run(&self, isa: Isa, x: &[f32], y: &mut [f32]) {
        let tasks = x.par_chunks(TASK * self.ci).zip(y.par_chunks_mut(TASK * self.co));
        tasks.enumerate().for_each(|(i, (x, y))| {
            let (job, first) = (self, i * TASK);
            dispatch!(isa, pixels(job: &Work<'_>, first: usize, x: &[f32], y: &mut [f32]));
        });
    }
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (ci, co, p) = (args.shape(0).c(), args.shape(4).c(), args.params::<Params>());
    let (w, bias) = args.read(1).split_at(ci * co);
    let w = &widened(w, co, padded(co));
    let job = Work { ci, co, w, bias, add: args.maybe(2), plus: args.maybe(3), mask: None, act: p.act() };
    job.run(isa, args.read(0), args.write(4));
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (co, ci) = (args.shape(0).c(), args.shape(4).c());
    let w = &widened(&transposed(&args.read(1)[..ci * co], co), ci, padded(ci));
    let (add, mask) = (args.maybe(2), args.maybe(3));
    let job = Work { ci: co, co: ci, w, bias: &[], add, plus: None, mask, act: Act::None };
    job.run(isa, args.read(0), args.write(4));
}

#[inline(always)]
fn pixels<L: Simd>(job: &Work<'_>, first: usize, x: &[f32], y: &mut [f32]) {
    let (ci, co, wide) = (job.ci, job.co, padded(job.co));
    let mut sums = vec![0.0; if wide == co { 0 } else { BLOCK * wide }];
    for (i, (x, y)) in x.chunks(BLOCK * ci).zip(y.chunks_mut(BLOCK * co)).enumerate() {
        let (count, at) = (x.len() / ci, (first + i * BLOCK) * co);
        if wide == co {
            multiply::<L>(x, (ci, 1), job.w, y, (count, co, ci), false);
        } else {
            multiply::<L>(x, (ci, 1), job.w, &mut sums, (count, wide, ci), false);
            for (y, sums) in y.chunks_exact_mut(co).zip(sums.chunks_exact(wide)) {
                y.iter_mut().zip(sums).for_each(|(y, sum)| *y = *sum);
            }
        }
        epilogue::<L>(job, at, y);
    }
}

/// What follows the product, on a run of it whose first is element `at` of the output.
#[inline(always)]
fn epilogue<L: Simd>(job: &Work<'_>, at: usize, y: &mut [f32]) {
    if !job.bias.is_empty() {
        for y in y.chunks_exact_mut(job.co) {
            y.iter_mut().zip(job.bias).for_each(|(y, bias)| *y += bias);
        }
    }
    if let Some(add) = job.add {
        y.iter_mut().zip(&add[at..]).for_each(|(y, add)| *y += add);
    }
    match job.act {
        Act::None => {}
        Act::Relu => y.iter_mut().for_each(|y| *y = y.max(0.0)),
        Act::Sigmoid => y.iter_mut().for_each(|y| *y = sigmoid::<L>(*y)),
    }
    if let Some(plus) = job.plus {
        y.iter_mut().zip(&plus[at..]).for_each(|(y, plus)| *y += plus);
    }
    if let Some(mask) = job.mask {
        y.iter_mut().zip(&mask[at..]).for_each(|(y, mask)| *y = if *mask > 0.0 { *y } else { 0.0 });
    }
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (ci, co, p) = (args.shape(0).c(), args.shape(1).c(), args.params::<Params>());
    let (len, chunk) = (args.shape(2).c(), p.chunk as usize);
    let pairs = args.read(0).par_chunks(chunk * ci).zip(args.read(1).par_chunks(chunk * co));
    pairs.zip(args.write(2).par_chunks_mut(len)).for_each(|((x, dy), part)| {
        let sizes = (ci, co);
        dispatch!(isa, part_sum(x: &[f32], dy: &[f32], sizes: (usize, usize), part: &mut [f32]));
    });
}

/// Gradients of one chunk; biases' only where the part has room for them.
#[inline(always)]
fn part_sum<L: Simd>(x: &[f32], dy: &[f32], (ci, co): (usize, usize), part: &mut [f32]) {
    // Rows of x fill tiles of eight, too.
    let (xw, yw) = (padded(ci), padded(co));
    let (mut sums, mut db) = (vec![0.0; xw * yw], vec![0.0; co]);
    let (mut wide_x, mut wide_dy) = (vec![0.0; BLOCK * xw], vec![0.0; BLOCK * yw]);
    for (x, dy) in x.chunks(BLOCK * ci).zip(dy.chunks(BLOCK * co)) {
        let count = x.len() / ci;
        for dy in dy.chunks_exact(co) {
            db.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
        }
        if xw != ci {
            widen(x, ci, &mut wide_x, xw);
        }
        if yw != co {
            widen(dy, co, &mut wide_dy, yw);
        }
        let x = if xw == ci { x } else { &wide_x };
        let dy = if yw == co { dy } else { &wide_dy };
        multiply::<L>(x, (1, xw), dy, &mut sums, (xw, yw, count), true);
    }
    let (dw, rest) = part.split_at_mut(ci * co);
    for (dw, sums) in dw.chunks_exact_mut(co).zip(sums.chunks_exact(yw)) {
        dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw = *sum);
    }
    rest.iter_mut().zip(&db).for_each(|(to, sum)| *to = *sum);
}
