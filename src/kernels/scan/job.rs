//! What all kernels read, run by run.

use std::ops::Range;

use rayon::prelude::*;

use super::Params;
use super::lanes::{LANES, Lanes, lanes};
use crate::graph::Args;
use crate::kernels::isa::Simd;
use crate::kernels::sigmoid::{exp, softplus};

/// Images, weights and sizes of a scan.
pub(super) struct Work<'a> {
    pub(super) raw: &'a [f32],
    pub(super) bc: &'a [f32],
    pub(super) w: &'a [f32],
    pub(super) d: usize,
    pub(super) s: usize,
    pub(super) pixels: usize,
    pub(super) run: usize,
    pub(super) runs: usize,
}

impl<'a> Work<'a> {
    pub(super) fn new(args: &Args<'a, f32>) -> Self {
        let p = args.params::<Params>();
        let [d, s, pixels, run, runs] = [p.d, p.s, p.pixels, p.run, p.runs].map(|size| size as usize);
        Self { raw: args.read(1), bc: args.read(2), w: args.read(3), d, s, pixels, run, runs }
    }

    /// Pixels of the k-th run of all images.
    pub(super) fn pixels_of(&self, k: usize) -> Range<usize> {
        let (image, first) = (k / self.runs * self.pixels, k % self.runs * self.run);
        image + first..image + (first + self.run).min(self.pixels)
    }

    #[inline(always)]
    pub(super) fn of<'x>(&self, x: &'x [f32], t: usize) -> &'x [f32] {
        &x[t * self.d..][..self.d]
    }

    /// B or, as the second half, C.
    #[inline(always)]
    pub(super) fn half(&self, t: usize, half: usize) -> &[f32] {
        &self.bc[(2 * t + half) * self.s..][..self.s]
    }

    /// `−e^alog` of a block of channels, by state.
    #[inline(always)]
    pub(super) fn rates<L: Simd>(&self, first: usize) -> Vec<Lanes> {
        let mut rates = vec![[0.0; LANES]; self.s];
        for (s, rate) in rates.iter_mut().enumerate() {
            *rate = lanes(self.of(self.w, s), first);
            for rate in rate.iter_mut() {
                *rate = -exp::<L>(*rate);
            }
        }
        rates
    }

    #[inline(always)]
    pub(super) fn step<L: Simd>(&self, t: usize, first: usize) -> Lanes {
        let mut steps = lanes(self.of(self.raw, t), first);
        for step in &mut steps {
            *step = softplus::<L>(*step);
        }
        steps
    }

    /// Runs `per_run` on the pixels of every run, with its part of an image of so many channels.
    pub(super) fn by_runs(&self, out: &mut [f32], channels: usize, per_run: impl Fn(usize, &mut [f32]) + Sync) {
        out.par_chunks_mut(self.pixels * channels).enumerate().for_each(|(image, out)| {
            let parts = out.par_chunks_mut(self.run * channels).enumerate();
            parts.for_each(|(run, out)| per_run(image * self.runs + run, out));
        });
    }
}
