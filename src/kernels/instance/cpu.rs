//! Runs of pixels side by side; the moments of an image are few.

use rayon::prelude::*;

use super::{EPSILON, Params};
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::tasks::by_pixels;

/// Mean and the reciprocal of the deviation of each channel that is normalised; 0 and 1 of the others.
fn normal(mean: &[f32], variance: &[f32], k: usize) -> [Vec<f32>; 2] {
    let scale = |(c, v): (usize, &f32)| if c < k { 1.0 / (v + EPSILON as f32).sqrt() } else { 1.0 };
    let mean = mean.iter().enumerate().map(|(c, m)| if c < k { *m } else { 0.0 });
    [mean.collect(), variance.iter().enumerate().map(scale).collect()]
}

/// Runs `per_run` on the image and the elements of each run, with its row of partial sums.
fn by_runs(
    sums: &mut [f32],
    columns: usize,
    p: Params,
    per_run: impl Fn(usize, std::ops::Range<usize>, &mut [f32]) + Sync,
) {
    let [c, pixels, chunk, runs] = [p.c, p.pixels, p.chunk, p.runs].map(|size| size as usize);
    sums.par_chunks_mut(columns).enumerate().for_each(|(k, sums)| {
        let (image, first) = (k / runs, k % runs * chunk);
        let range = image * pixels + first..image * pixels + (first + chunk).min(pixels);
        per_run(image, range.start * c..range.end * c, sums);
    });
}

pub(super) fn spread(args: &mut Args<'_, f32>) {
    let (isa, x, mean, p) = (Isa::of(args), args.read(0), args.read(1), args.params::<Params>());
    let c = p.c as usize;
    by_runs(args.write(2), c, p, |image, run, sums| {
        let (x, mean) = (&x[run], &mean[image * c..][..c]);
        dispatch!(isa, squares(x: &[f32], mean: &[f32], sums: &mut [f32]));
    });
}

#[inline(always)]
fn squares<L: Simd>(x: &[f32], mean: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for x in x.chunks_exact(mean.len()) {
        for ((sum, x), mean) in sums.iter_mut().zip(x).zip(mean) {
            *sum += (x - mean) * (x - mean);
        }
    }
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, x, mean, variance) = (Isa::of(args), args.read(0), args.read(1), args.read(2));
    let (w, p) = (args.read(3), args.params::<Params>());
    let [pixels, c, k] = [p.pixels, p.c, p.k].map(|size| size as usize);
    // As if the others had weights of 1 and 0.
    let pad = |of: &[f32], other: f32| [of, &vec![other; c - k]].concat();
    let affine = &[pad(&w[..k], 1.0), pad(&w[k..], 0.0)];
    by_pixels(args.write(4), [pixels, c], |image, pixel, y| {
        let first = (image * pixels + pixel) * c;
        let normal = &normal(&mean[image * c..][..c], &variance[image * c..][..c], k);
        let x = &x[first..][..y.len()];
        dispatch!(isa, normalised(x: &[f32], normal: &[Vec<f32>; 2], affine: &[Vec<f32>; 2], y: &mut [f32]));
    });
}

#[inline(always)]
fn normalised<L: Simd>(x: &[f32], [mean, scale]: &[Vec<f32>; 2], [w, b]: &[Vec<f32>; 2], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(mean.len()).zip(y.chunks_exact_mut(mean.len())) {
        for (c, (y, x)) in y.iter_mut().zip(x).enumerate() {
            *y = w[c] * ((x - mean[c]) * scale[c]) + b[c];
        }
    }
}

pub(super) fn grad_sums(args: &mut Args<'_, f32>) {
    let (isa, x, mean, variance) = (Isa::of(args), args.read(0), args.read(1), args.read(2));
    let (dy, p) = (args.read(3), args.params::<Params>());
    let [c, k] = [p.c, p.k].map(|size| size as usize);
    by_runs(args.write(4), 2 * k, p, |image, run, sums| {
        let normal = &normal(&mean[image * c..][..c], &variance[image * c..][..c], k);
        let (x, dy) = (&x[run.clone()], &dy[run]);
        dispatch!(isa, products(x: &[f32], dy: &[f32], normal: &[Vec<f32>; 2], sums: &mut [f32]));
    });
}

#[inline(always)]
fn products<L: Simd>(x: &[f32], dy: &[f32], [mean, scale]: &[Vec<f32>; 2], sums: &mut [f32]) {
    sums.fill(0.0);
    let (dw, db) = sums.split_at_mut(sums.len() / 2);
    for (x, dy) in x.chunks_exact(mean.len()).zip(dy.chunks_exact(mean.len())) {
        for (c, (dw, db)) in dw.iter_mut().zip(&mut *db).enumerate() {
            *dw += dy[c] * ((x[c] - mean[c]) * scale[c]);
            *db += dy[c];
        }
    }
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let (isa, x, mean, variance) = (Isa::of(args), args.read(0), args.read(1), args.read(2));
    let (w, dy, means, p) = (args.read(3), args.read(4), args.read(5), args.params::<Params>());
    let [pixels, c, k] = [p.pixels, p.c, p.k].map(|size| size as usize);
    by_pixels(args.write(6), [pixels, c], |image, pixel, dx| {
        let first = (image * pixels + pixel) * c;
        let normal = &normal(&mean[image * c..][..c], &variance[image * c..][..c], k);
        let (of, weights) =
            ((&x[first..][..dx.len()], &dy[first..][..dx.len()]), (&w[..k], &means[2 * image * k..][..2 * k]));
        dispatch!(isa, taken_back(of: (&[f32], &[f32]), normal: &[Vec<f32>; 2], weights: (&[f32], &[f32]), dx: &mut [f32]));
    });
}

#[inline(always)]
fn taken_back<L: Simd>(
    (x, dy): (&[f32], &[f32]),
    [mean, scale]: &[Vec<f32>; 2],
    (w, means): (&[f32], &[f32]),
    dx: &mut [f32],
) {
    dx.copy_from_slice(dy);
    let (along, level) = means.split_at(w.len());
    for (x, dx) in x.chunks_exact(mean.len()).zip(dx.chunks_exact_mut(mean.len())) {
        for (c, w) in w.iter().enumerate() {
            let normal = (x[c] - mean[c]) * scale[c];
            dx[c] = w * (dx[c] - level[c] - normal * along[c]) * scale[c];
        }
    }
}
