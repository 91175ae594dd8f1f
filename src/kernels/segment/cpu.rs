//! The sums over pixels, run by run; the rest is a few thousand additions.

use rayon::prelude::*;

use super::{Params, SEGMENTS};
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// An image and its pixels' segments.
struct Work<'a> {
    x: &'a [f32],
    index: &'a [f32],
    size: [usize; 3],
    taps: usize,
}

pub(super) fn sums(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let [_, h, w, c] = args.shape(0).0;
    let p = args.params::<Params>();
    let (taps, chunk, runs) = (p.taps as usize, p.chunk as usize, p.runs as usize);
    let (x, index) = (args.read(0), args.read(1));
    let len = SEGMENTS * (taps * c + 1);
    args.write(2).par_chunks_mut(len).enumerate().for_each(|(i, sums)| {
        let (image, run) = (i / runs * h * w, i % runs);
        let pixels = run * chunk..((run + 1) * chunk).min(h * w);
        let (x, index) = (&x[image * c..][..h * w * c], &index[image..][..h * w]);
        let job = &Work { x, index, size: [h, w, c], taps };
        dispatch!(isa, run_of(job: &Work<'_>, pixels: std::ops::Range<usize>, sums: &mut [f32]));
    });
}

#[inline(always)]
fn run_of<L: Simd>(job: &Work<'_>, pixels: std::ops::Range<usize>, sums: &mut [f32]) {
    let Work { x, index, size: [h, w, c], taps } = *job;
    let columns = taps * c + 1;
    sums.fill(0.0);
    for pixel in pixels {
        let row = &mut sums[index[pixel] as usize * columns..][..columns];
        row[columns - 1] += 1.0;
        for (t, row) in row[..columns - 1].chunks_exact_mut(c).enumerate() {
            let t = if taps == 1 { 4 } else { t };
            // Below zero wraps to outside.
            let (i, j) = ((pixel / w + t / 3).wrapping_sub(1), (pixel % w + t % 3).wrapping_sub(1));
            if i < h && j < w {
                row.iter_mut().zip(&x[(i * w + j) * c..]).for_each(|(sum, x)| *sum += x);
            }
        }
    }
}
