//! The reductions on all threads: fixed chunks, fixed order.

use rayon::prelude::*;

use super::{Params, reference};
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// Columns one task sums: a cache line's multiple, so that tasks share none.
const COLUMNS: usize = 256;

/// Sums under way at once, whatever the registers: every machine adds in one order.
const SUMS: usize = 16;

pub(super) fn l2(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let p = args.params::<Params>();
    let (count, scale) = (p.count as usize, p.scale);
    let pairs = args.read(0).par_chunks(count).zip(args.read(1).par_chunks(count));
    let weight = args.maybe(2);
    let outputs = args.write(3).par_chunks_mut(count).zip(args.write(4));
    pairs.zip(outputs).enumerate().for_each(|(k, ((y, target), (dy, part)))| match weight {
        None => dispatch!(isa, squares(y: &[f32], target: &[f32], scale: f32, dy: &mut [f32], part: &mut f32)),
        Some(w) => *part = reference::l2(y, target, |i| w[(k * count + i) / p.channels as usize], scale, dy),
    });
}

pub(super) fn charbonnier(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let p = args.params::<Params>();
    let (count, channels) = (p.count as usize, p.channels.max(1) as usize);
    let pairs = args.read(0).par_chunks(count).zip(args.read(1).par_chunks(count));
    let weight = args.maybe(2);
    let outputs = args.write(3).par_chunks_mut(count).zip(args.write(4));
    pairs.zip(outputs).enumerate().for_each(|(k, ((y, target), (dy, part)))| {
        let weights: Vec<f32> = match weight {
            Some(w) => (k * count..k * count + y.len()).map(|i| w[i / channels]).collect(),
            None => vec![1.0; y.len()],
        };
        let (weights, factors) = (&weights[..], (p.scale, p.bend));
        dispatch!(isa, lengths(y: &[f32], target: &[f32], weights: &[f32], factors: (f32, f32), dy: &mut [f32], part: &mut f32));
    });
}

#[inline(always)]
fn lengths<L: Simd>(
    y: &[f32],
    target: &[f32],
    weights: &[f32],
    (scale, bend): (f32, f32),
    dy: &mut [f32],
    part: &mut f32,
) {
    let mut sums = [0.0; SUMS];
    let inputs = y.chunks(SUMS).zip(target.chunks(SUMS)).zip(weights.chunks(SUMS));
    for (((y, target), w), dy) in inputs.zip(dy.chunks_mut(SUMS)) {
        for ((((y, target), w), dy), sum) in y.iter().zip(target).zip(w).zip(dy).zip(&mut sums) {
            let difference = y - target;
            let length = (difference * difference + bend * bend).sqrt();
            *dy = scale * w * difference / length;
            *sum += w * length;
        }
    }
    *part = sums.iter().sum();
}

#[inline(always)]
fn squares<L: Simd>(y: &[f32], target: &[f32], scale: f32, dy: &mut [f32], part: &mut f32) {
    let mut sums = [0.0; SUMS];
    for ((y, target), dy) in y.chunks(SUMS).zip(target.chunks(SUMS)).zip(dy.chunks_mut(SUMS)) {
        for (((y, target), dy), sum) in y.iter().zip(target).zip(dy).zip(&mut sums) {
            let difference = y - target;
            *dy = scale * difference;
            *sum += difference * difference;
        }
    }
    *part = sums.iter().sum();
}

pub(super) fn sum_rows(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (rows, scale) = (args.read(0), args.params::<Params>().scale);
    let out = args.write(1);
    let len = out.len();
    out.par_chunks_mut(COLUMNS).enumerate().for_each(|(i, out)| {
        let first = i * COLUMNS;
        dispatch!(isa, columns(rows: &[f32], len: usize, first: usize, scale: f32, out: &mut [f32]));
    });
}

#[inline(always)]
fn columns<L: Simd>(rows: &[f32], len: usize, first: usize, scale: f32, out: &mut [f32]) {
    out.fill(0.0);
    for row in rows.chunks_exact(len) {
        out.iter_mut().zip(&row[first..]).for_each(|(sum, value)| *sum += value);
    }
    out.iter_mut().for_each(|sum| *sum *= scale);
}
