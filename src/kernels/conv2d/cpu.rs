//! The kernels on a CPU: their arguments, for `winograd` to compute.

use rayon::prelude::*;

use super::job::{GradientImages, Work};
use super::{Params, winograd};
use crate::graph::Args;
use crate::kernels::isa::Isa;

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (x, co) = (args.shape(0), args.shape(3).c());
    let (weights, bias) = args.read(1).split_at(9 * x.c() * co);
    let (add, relu) = (args.maybe(2), args.params::<Params>().relu == 1);
    Work { weights, bias, add, relu, ..Work::new(args.read(0), x, co) }.run(isa, args.write(3));
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (dy, ci, w) = (args.shape(0), args.shape(4).c(), args.read(1));
    let (weights, bias) = (&flipped(w, ci, dy.c()), &vec![0.0; ci]);
    let (add, mask) = (args.maybe(2), args.maybe(3));
    Work { weights, bias, add, mask, ..Work::new(args.read(0), dy, ci) }.run(isa, args.write(4));
}

/// The adjoint's weights: taps in reverse order, channels swapped.
fn flipped(w: &[f32], ci: usize, co: usize) -> Vec<f32> {
    let mut flipped = vec![0.0; 9 * ci * co];
    for (i, run) in flipped.chunks_exact_mut(ci).enumerate() {
        let from = &w[(8 - i / co) * ci * co + i % co..];
        run.iter_mut().zip(from.iter().step_by(co)).for_each(|(to, from)| *to = *from);
    }
    flipped
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (x, co, len) = (args.shape(0), args.shape(1).c(), args.shape(2).c());
    let rows = args.params::<Params>().rows as usize;
    let (h, w, ci) = (x.h(), x.w(), x.c());
    let pair = &GradientImages { x: args.read(0), dy: args.read(1), h, w, ci, co };
    args.write(2).par_chunks_mut(len).enumerate().with_max_len(1).for_each(|(i, part)| {
        winograd::weight_gradient(pair, i * rows..((i + 1) * rows).min(x.n() * h), part, isa);
    });
}
