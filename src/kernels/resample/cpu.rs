//! Banded sums row by row.

use rayon::prelude::*;

use super::Params;
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// Pixels per period of the repeated tap pattern: a whole number of registers
/// whatever the number of channels.
const PERIOD: usize = 16;

struct Work<'a> {
    p: Params,
    x: &'a [f32],
    taps: &'a [f32],
    start: &'a [f32],
    add: Option<&'a [f32]>,
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (p, y) = (args.params::<Params>(), args.shape(4));
    let job = &Work { p, x: args.read(0), taps: args.read(1), start: args.read(2), add: args.maybe(3) };
    args.write(4).par_chunks_mut(y.w() * y.c()).enumerate().for_each(|(row, out)| {
        match job.add {
            Some(add) => out.copy_from_slice(&add[row * out.len()..][..out.len()]),
            None => out.fill(0.0),
        }
        if job.p.axis == 0 {
            dispatch!(isa, along_y(job: &Work<'_>, row: usize, out: &mut [f32]));
        } else {
            dispatch!(isa, along_x(job: &Work<'_>, row: usize, out: &mut [f32]));
        }
    });
}

impl Work<'_> {
    /// Taps `[1 or C]` of output `k` at `t`.
    fn tap(&self, k: usize, t: usize) -> &[f32] {
        let c = self.p.tap_channels as usize;
        &self.taps[(k * self.p.taps as usize + t) * c..][..c]
    }

    /// Input positions of output `k`, tap by tap, counting on: a division for every tap would
    /// double the time.
    fn positions(&self, k: usize) -> impl Iterator<Item = usize> {
        let (input, mut next) = (self.p.input as usize, self.start[k] as usize);
        (0..self.p.taps).map(move |_| {
            let at = next;
            next = if at + 1 == input { 0 } else { at + 1 };
            at
        })
    }
}

/// Output row `k` of an image is a sum of whole input rows.
#[inline(always)]
fn along_y<L: Simd>(job: &Work<'_>, row: usize, out: &mut [f32]) {
    let (h, c) = (job.p.height as usize, job.p.channels as usize);
    let (image, k) = (row / h, row % h);
    let mut pattern = vec![0.0; PERIOD * c];
    for (t, position) in job.positions(k).enumerate() {
        let tap = job.tap(k, t);
        pattern.chunks_exact_mut(tap.len()).for_each(|p| p.copy_from_slice(tap));
        let from = image * job.p.input as usize + position;
        let x = &job.x[from * out.len()..][..out.len()];
        for (out, x) in out.chunks_mut(pattern.len()).zip(x.chunks(pattern.len())) {
            for ((out, x), tap) in out.iter_mut().zip(x).zip(&pattern) {
                *out += tap * x;
            }
        }
    }
}

/// Output pixel `k` of a row is a sum over the input row's pixels.
#[inline(always)]
fn along_x<L: Simd>(job: &Work<'_>, row: usize, out: &mut [f32]) {
    let (input, c) = (job.p.input as usize, job.p.channels as usize);
    let x = &job.x[row * input * c..][..input * c];
    for (k, out) in out.chunks_exact_mut(c).enumerate() {
        for (t, position) in job.positions(k).enumerate() {
            let pixel = &x[position * c..][..c];
            match job.tap(k, t) {
                [tap] => out.iter_mut().zip(pixel).for_each(|(out, x)| *out += tap * x),
                taps => out.iter_mut().zip(pixel).zip(taps).for_each(|((out, x), tap)| *out += tap * x),
            }
        }
    }
}
