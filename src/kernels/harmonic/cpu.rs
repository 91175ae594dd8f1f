//! The sums over pixels; the rest is a few thousand multiplications.

use rayon::prelude::*;

use super::Params;
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};

pub(super) fn image_sums(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (x, chunk) = (args.shape(0), args.params::<Params>().chunk as usize);
    let (c, image, runs) = (x.c(), x.h() * x.w() * x.c(), args.shape(1).h());
    let pixels = args.read(0);
    args.write(1).par_chunks_mut(c).enumerate().for_each(|(i, sums)| {
        let image = &pixels[i / runs * image..][..image];
        let run = &image[i % runs * chunk * c..];
        let run = &run[..run.len().min(chunk * c)];
        dispatch!(isa, added(run: &[f32], sums: &mut [f32]));
    });
}

#[inline(always)]
fn added<L: Simd>(run: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for pixel in run.chunks_exact(sums.len()) {
        sums.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += v);
    }
}
