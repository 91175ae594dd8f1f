//! The update on all threads and in registers.

use rayon::prelude::*;

use super::{Params, reference};
use crate::graph::Args;
use crate::kernels::Step;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// Elements one task updates.
const TASK: usize = 1 << 13;

pub(super) fn adam(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (p, step) = (&args.params::<Params>(), &args.step::<Step>());
    let first = p.first as usize;
    let state = args.write(2)[first..].par_chunks_mut(TASK).zip(args.write(3)[first..].par_chunks_mut(TASK));
    let weights = args.write(0)[first..].par_chunks_mut(TASK).zip(args.read(1)[first..].par_chunks(TASK));
    weights.zip(state).for_each(|((w, g), (m, v))| {
        dispatch!(isa, update(p: &Params, step: &Step, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]));
    });
}

#[inline(always)]
fn update<L: Simd>(p: &Params, step: &Step, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        reference::adam(p, step.rate, step.rescale, w, *g, m, v);
    }
}
