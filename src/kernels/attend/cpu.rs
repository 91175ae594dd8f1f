//! Runs of pixels side by side.

use rayon::prelude::*;

use super::Params;
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::tasks::by_pixels;

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (v, s, x, p) = (args.read(0), args.read(1), args.read(2), args.params::<Params>());
    let [pixels, c] = [p.pixels, p.c].map(|size| size as usize);
    by_pixels(args.write(3), [pixels, c], |image, pixel, y| {
        let (factor, first) = (image * c, (image * pixels + pixel) * c);
        let pixels = v[first..].chunks_exact(c).zip(x[first..].chunks_exact(c));
        for (y, (v, x)) in y.chunks_exact_mut(c).zip(pixels) {
            for (((y, v), x), s) in y.iter_mut().zip(v).zip(x).zip(&s[factor..]) {
                *y = x + s * v;
            }
        }
    });
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let (dy, s, dmean, p) = (args.read(0), args.read(1), args.read(2), args.params::<Params>());
    let ([pixels, c], share) = ([p.pixels, p.c].map(|size| size as usize), 1.0 / p.pixels as f32);
    by_pixels(args.write(3), [pixels, c], |image, pixel, dv| {
        let (factor, first) = (image * c, (image * pixels + pixel) * c);
        for (dv, dy) in dv.chunks_exact_mut(c).zip(dy[first..].chunks_exact(c)) {
            for (((dv, dy), s), dmean) in dv.iter_mut().zip(dy).zip(&s[factor..]).zip(&dmean[factor..]) {
                *dv = s * dy + dmean * share;
            }
        }
    });
}

pub(super) fn grad_factor(args: &mut Args<'_, f32>) {
    let (isa, dy, v, p) = (Isa::of(args), args.read(0), args.read(1), args.params::<Params>());
    let [c, pixels, chunk] = [p.c, p.pixels, p.chunk].map(|size| size as usize);
    let runs = pixels.div_ceil(chunk);
    args.write(2).par_chunks_mut(c).enumerate().for_each(|(k, part)| {
        let first = k % runs * chunk;
        let start = (k / runs * pixels + first) * c;
        let len = chunk.min(pixels - first) * c;
        let (dy, v) = (&dy[start..][..len], &v[start..][..len]);
        dispatch!(isa, products(dy: &[f32], v: &[f32], part: &mut [f32]));
    });
}

#[inline(always)]
fn products<L: Simd>(dy: &[f32], v: &[f32], part: &mut [f32]) {
    part.fill(0.0);
    for (dy, v) in dy.chunks_exact(part.len()).zip(v.chunks_exact(part.len())) {
        for ((part, dy), v) in part.iter_mut().zip(dy).zip(v) {
            *part += dy * v;
        }
    }
}
