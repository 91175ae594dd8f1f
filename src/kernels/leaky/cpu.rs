//! Runs of pixels side by side.

use rayon::prelude::*;

use super::Params;
use crate::graph::Args;

/// Pixels one task works on.
const TASK: usize = 1 << 11;

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (c, slope) = (args.shape(0).c(), args.params::<Params>().slope);
    let (x, b, add) = (args.read(0).par_chunks(TASK * c), args.maybe(1), args.maybe(2));
    x.zip(args.write(3).par_chunks_mut(TASK * c)).enumerate().for_each(|(task, (x, y))| {
        y.copy_from_slice(x);
        if let Some(b) = b {
            y.chunks_exact_mut(c).for_each(|y| y.iter_mut().zip(b).for_each(|(y, b)| *y += b));
        }
        y.iter_mut().for_each(|y| *y = if *y > 0.0 { *y } else { slope * *y });
        if let Some(add) = add {
            y.iter_mut().zip(&add[task * TASK * c..]).for_each(|(y, add)| *y += add);
        }
    });
}

pub(super) fn grad(args: &mut Args<'_, f32>) {
    let (c, slope) = (args.shape(0).c(), args.params::<Params>().slope);
    let (dy, x, b) = (args.read(0).par_chunks(TASK * c), args.read(1).par_chunks(TASK * c), args.maybe(2));
    dy.zip(x).zip(args.write(3).par_chunks_mut(TASK * c)).for_each(|((dy, x), dx)| {
        dx.copy_from_slice(x);
        if let Some(b) = b {
            dx.chunks_exact_mut(c).for_each(|z| z.iter_mut().zip(b).for_each(|(z, b)| *z += b));
        }
        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = if *dx > 0.0 { *dy } else { slope * dy });
    });
}
