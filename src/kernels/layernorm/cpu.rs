//! Runs of pixels side by side.

use rayon::prelude::*;

use super::Params;
use crate::graph::Args;
use crate::kernels::instance::EPSILON;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// Pixels one task works on.
const TASK: usize = 1 << 9;

/// Lanes of sums over channels: one after the other they would wait for each other.
const LANES: usize = 16;

/// The sum of `a − less` times `b − less`.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], less: f32) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - less) * (b - less);
        }
    }
    sums.iter().sum()
}

#[inline(always)]
fn mean(x: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for x in x.chunks(LANES) {
        sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
    }
    sums.iter().sum::<f32>() / x.len() as f32
}

/// Mean and the reciprocal of the deviation.
#[inline(always)]
fn moments(x: &[f32]) -> (f32, f32) {
    let mean = mean(x);
    (mean, 1.0 / (sum(x, x, mean) / x.len() as f32 + EPSILON as f32).sqrt())
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, c, w) = (Isa::of(args), args.shape(0).c(), args.read(1));
    let tasks = args.read(0).par_chunks(TASK * c).zip(args.write(2).par_chunks_mut(TASK * c));
    tasks.for_each(|(x, y)| dispatch!(isa, normalised(x: &[f32], w: &[f32], y: &mut [f32])));
}

#[inline(always)]
fn normalised<L: Simd>(x: &[f32], w: &[f32], y: &mut [f32]) {
    let (w, b) = w.split_at(w.len() / 2);
    for (x, y) in x.chunks_exact(w.len()).zip(y.chunks_exact_mut(w.len())) {
        let (mean, scale) = moments(x);
        for (((y, x), w), b) in y.iter_mut().zip(x).zip(w).zip(b) {
            *y = w * ((x - mean) * scale) + b;
        }
    }
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let (isa, c, w, add) = (Isa::of(args), args.shape(0).c(), args.read(1), args.maybe(3));
    let images = args.read(0).par_chunks(TASK * c).zip(args.read(2).par_chunks(TASK * c));
    images.zip(args.write(4).par_chunks_mut(TASK * c)).enumerate().for_each(|(task, ((x, dy), dx))| {
        dispatch!(isa, taken_back(x: &[f32], w: &[f32], dy: &[f32], dx: &mut [f32]));
        if let Some(add) = add {
            dx.iter_mut().zip(&add[task * TASK * c..]).for_each(|(dx, add)| *dx += add);
        }
    });
}

#[inline(always)]
fn taken_back<L: Simd>(x: &[f32], w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let c = w.len() / 2;
    let (mut g, mut n) = (vec![0.0; c], vec![0.0; c]);
    for ((x, dy), dx) in x.chunks_exact(c).zip(dy.chunks_exact(c)).zip(dx.chunks_exact_mut(c)) {
        let (m, scale) = moments(x);
        for k in 0..c {
            g[k] = w[k] * dy[k];
            n[k] = (x[k] - m) * scale;
        }
        let (m, along) = (mean(&g), sum(&g, &n, 0.0) / c as f32);
        for ((dx, g), n) in dx.iter_mut().zip(&g).zip(&n) {
            *dx = (g - m - n * along) * scale;
        }
    }
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>) {
    let (isa, c, chunk) = (Isa::of(args), args.shape(0).c(), args.params::<Params>().chunk as usize);
    let add = args.maybe(2);
    let images = args.read(0).par_chunks(chunk * c).zip(args.read(1).par_chunks(chunk * c));
    images.zip(args.write(3).par_chunks_mut(2 * c)).enumerate().for_each(|(run, ((x, dy), part))| {
        match add {
            Some(add) => part.copy_from_slice(&add[run * 2 * c..][..2 * c]),
            None => part.fill(0.0),
        }
        dispatch!(isa, summed(x: &[f32], dy: &[f32], part: &mut [f32]));
    });
}

#[inline(always)]
fn summed<L: Simd>(x: &[f32], dy: &[f32], part: &mut [f32]) {
    let (dw, db) = part.split_at_mut(part.len() / 2);
    for (x, dy) in x.chunks_exact(dw.len()).zip(dy.chunks_exact(dw.len())) {
        let (mean, scale) = moments(x);
        for (((dw, db), x), dy) in dw.iter_mut().zip(&mut *db).zip(x).zip(dy) {
            *dw += dy * ((x - mean) * scale);
            *db += dy;
        }
    }
}
