//! Both on all threads: rows of memory, and sums that stay in registers.

use rayon::prelude::*;

use super::{PER_TURN, Params, SUMS};
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// Elements one task copies: 16 MiB, so that the copy bypasses the caches.
const COPY: usize = 4 << 20;
/// Elements one task computes.
const CHAIN: usize = 1 << 10;

pub(super) fn copy(args: &mut Args<'_, f32>) {
    let x = args.read(0).par_chunks(COPY);
    x.zip(args.write(1).par_chunks_mut(COPY)).for_each(|(x, y)| y.copy_from_slice(x));
}

pub(super) fn fma_chain(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (p, x) = (&args.params::<Params>(), args.read(0).par_chunks(CHAIN));
    x.zip(args.write(1).par_chunks_mut(CHAIN)).for_each(|(x, y)| {
        dispatch!(isa, chains(p: &Params, x: &[f32], y: &mut [f32]));
    });
}

#[inline(always)]
fn chains<L: Simd>(p: &Params, x: &[f32], y: &mut [f32]) {
    let rounds = PER_TURN * p.turns as usize;
    for (x, y) in x.chunks(L::LANES).zip(y.chunks_mut(L::LANES)) {
        let mut lanes = [0.0; 16];
        lanes[..x.len()].copy_from_slice(x);
        // SAFETY: a register has at most 16 lanes; the level is available where it is used.
        unsafe {
            let (rate, level, x) = (L::splat(p.rate), L::splat(p.level), L::load(lanes.as_ptr()));
            let mut sums = [x; SUMS];
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = L::add(x, L::splat(k as f32 / 8.0));
            }
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = L::fma(rate, *sum, level);
                }
            }
            let mut total = sums[0];
            for sum in &sums[1..] {
                total = L::add(total, *sum);
            }
            L::store(total, lanes.as_mut_ptr());
        }
        y.copy_from_slice(&lanes[..y.len()]);
    }
}
