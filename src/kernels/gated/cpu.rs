//! Runs of numbers side by side.

use rayon::prelude::*;

use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::sigmoid::sigmoid;

/// Numbers one task works on.
const TASK: usize = 1 << 15;

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, add) = (Isa::of(args), args.maybe(2));
    let images = args.read(0).par_chunks(TASK).zip(args.read(1).par_chunks(TASK));
    images.zip(args.write(3).par_chunks_mut(TASK)).enumerate().for_each(|(task, ((x, z), y))| {
        dispatch!(isa, silu(x: &[f32], z: &[f32], y: &mut [f32]));
        if let Some(add) = add {
            y.iter_mut().zip(&add[task * TASK..]).for_each(|(y, add)| *y += add);
        }
    });
}

#[inline(always)]
fn silu<L: Simd>(x: &[f32], z: &[f32], y: &mut [f32]) {
    for ((y, x), z) in y.iter_mut().zip(x).zip(z) {
        *y = x * z * sigmoid::<L>(*z);
    }
}

pub(super) fn grad(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let images = args.read(0).par_chunks(TASK).zip(args.read(1).par_chunks(TASK)).zip(args.read(2).par_chunks(TASK));
    let gradients = args.write(3).par_chunks_mut(TASK).zip(args.write(4).par_chunks_mut(TASK));
    images.zip(gradients).for_each(|(((dy, x), z), d)| {
        let of = (dy, x, z);
        dispatch!(isa, silu_grad(of: (&[f32], &[f32], &[f32]), d: (&mut [f32], &mut [f32])));
    });
}

#[inline(always)]
fn silu_grad<L: Simd>((dy, x, z): (&[f32], &[f32], &[f32]), (dx, dz): (&mut [f32], &mut [f32])) {
    for ((((dy, x), z), dx), dz) in dy.iter().zip(x).zip(z).zip(dx).zip(dz) {
        let s = sigmoid::<L>(*z);
        *dx = dy * z * s;
        *dz = dy * x * s * (1.0 + z * (1.0 - s));
    }
}
