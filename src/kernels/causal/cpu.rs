//! Runs of pixels side by side, channels in registers.

use rayon::prelude::*;

use super::{Params, TAPS};
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::sigmoid::{fma, sigmoid};
use crate::kernels::tasks::by_pixels;

/// `v` of pixels from the `first` on; `pixel` is the first one's number in its image.
#[inline(always)]
fn convolved<L: Simd>(x: &[f32], w: &[f32], (first, pixel): (usize, usize), v: &mut [f32]) {
    let c = w.len() / (TAPS + 1);
    for (i, v) in v.chunks_exact_mut(c).enumerate() {
        v.copy_from_slice(&w[TAPS * c..]);
        for k in (TAPS - 1).saturating_sub(pixel + i)..TAPS {
            let x = &x[(first + i + k + 1 - TAPS) * c..][..c];
            for ((v, w), x) in v.iter_mut().zip(&w[k * c..]).zip(x) {
                *v = fma::<L>(*w, *x, *v);
            }
        }
    }
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, x, w, p) = (Isa::of(args), args.read(0), args.read(1), args.params::<Params>());
    let pixels = p.pixels as usize;
    by_pixels(args.write(2), [pixels, p.c as usize], |image, pixel, y| {
        let at = (image * pixels + pixel, pixel);
        dispatch!(isa, silu(x: &[f32], w: &[f32], at: (usize, usize), y: &mut [f32]));
    });
}

#[inline(always)]
fn silu<L: Simd>(x: &[f32], w: &[f32], at: (usize, usize), y: &mut [f32]) {
    convolved::<L>(x, w, at, y);
    for v in y.iter_mut() {
        *v *= sigmoid::<L>(*v);
    }
}

pub(super) fn grad(args: &mut Args<'_, f32>) {
    let (isa, x, w, p) = (Isa::of(args), args.read(0), args.read(1), args.params::<Params>());
    let (pixels, c, dy) = (p.pixels as usize, p.c as usize, args.read(2));
    by_pixels(args.write(3), [pixels, c], |image, pixel, dv| {
        let first = image * pixels + pixel;
        let (at, dy) = ((first, pixel), &dy[first * c..][..dv.len()]);
        dispatch!(isa, silu_grad(x: &[f32], w: &[f32], at: (usize, usize), dy: &[f32], dv: &mut [f32]));
    });
}

#[inline(always)]
fn silu_grad<L: Simd>(x: &[f32], w: &[f32], at: (usize, usize), dy: &[f32], dv: &mut [f32]) {
    convolved::<L>(x, w, at, dv);
    for (v, dy) in dv.iter_mut().zip(dy) {
        let s = sigmoid::<L>(*v);
        *v = dy * s * (1.0 + *v * (1.0 - s));
    }
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let (isa, dv, w, p) = (Isa::of(args), args.read(0), args.read(1), args.params::<Params>());
    let (pixels, c) = (p.pixels as usize, p.c as usize);
    by_pixels(args.write(2), [pixels, c], |image, pixel, dx| {
        let dv = &dv[(image * pixels + pixel) * c..(image + 1) * pixels * c];
        dispatch!(isa, taken_back(dv: &[f32], w: &[f32], dx: &mut [f32]));
    });
}

/// `dv`: from the first pixel to the end of the image.
#[inline(always)]
fn taken_back<L: Simd>(dv: &[f32], w: &[f32], dx: &mut [f32]) {
    let c = w.len() / (TAPS + 1);
    for (i, dx) in dx.chunks_exact_mut(c).enumerate() {
        dx.fill(0.0);
        for (ahead, dv) in dv[i * c..].chunks_exact(c).take(TAPS).enumerate() {
            for ((dx, w), dv) in dx.iter_mut().zip(&w[(TAPS - 1 - ahead) * c..]).zip(dv) {
                *dx = fma::<L>(*w, *dv, *dx);
            }
        }
    }
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>) {
    let (isa, x, dv, p) = (Isa::of(args), args.read(0), args.read(1), args.params::<Params>());
    let [c, pixels, chunk] = [p.c, p.pixels, p.chunk].map(|size| size as usize);
    let runs = pixels.div_ceil(chunk);
    args.write(2).par_chunks_mut((TAPS + 1) * c).enumerate().for_each(|(run, part)| {
        let pixel = run % runs * chunk;
        let first = run / runs * pixels + pixel;
        let dv = &dv[first * c..][..chunk.min(pixels - pixel) * c];
        let at = (first, pixel);
        dispatch!(isa, part_of(x: &[f32], at: (usize, usize), dv: &[f32], part: &mut [f32]));
    });
}

#[inline(always)]
fn part_of<L: Simd>(x: &[f32], (first, pixel): (usize, usize), dv: &[f32], part: &mut [f32]) {
    let c = part.len() / (TAPS + 1);
    part.fill(0.0);
    let (taps, biases) = part.split_at_mut(TAPS * c);
    for (i, dv) in dv.chunks_exact(c).enumerate() {
        biases.iter_mut().zip(dv).for_each(|(sum, dv)| *sum += dv);
        for k in (TAPS - 1).saturating_sub(pixel + i)..TAPS {
            let x = &x[(first + i + k + 1 - TAPS) * c..][..c];
            for ((sum, x), dv) in taps[k * c..].iter_mut().zip(x).zip(dv) {
                *sum = fma::<L>(*x, *dv, *sum);
            }
        }
    }
}
