//! Rows of pixels side by side.

use rayon::prelude::*;

use super::folded;
use crate::graph::Args;

pub(super) fn fold(args: &mut Args<'_, f32>) {
    let [_, h, w, c] = args.shape(0).0;
    let [_, fh, fw, fc] = args.shape(1).0;
    let x = args.read(0);
    args.write(1).par_chunks_mut(fw * fc).enumerate().for_each(|(row, y)| {
        for (j, y) in y.chunks_exact_mut(fc).enumerate() {
            for (tap, y) in y.chunks_exact_mut(c).enumerate() {
                let (i, j) = (row % fh * 2 + tap / 2, j * 2 + tap % 2);
                match i < h && j < w {
                    true => y.copy_from_slice(&x[((row / fh * h + i) * w + j) * c..][..c]),
                    false => y.fill(0.0),
                }
            }
        }
    });
}

pub(super) fn unfold(args: &mut Args<'_, f32>) {
    let pixels = args.shape(2);
    let [_, fh, fw, _] = folded(pixels).0;
    let [_, h, w, c] = pixels.0;
    let (quads, add) = (args.read(0), args.maybe(1));
    args.write(2).par_chunks_mut(w * c).enumerate().for_each(|(row, to)| {
        let i = row % h;
        for (j, to) in to.chunks_exact_mut(c).enumerate() {
            let quad = (row / h * fh + i / 2) * fw + j / 2;
            to.copy_from_slice(&quads[(quad * 4 + i % 2 * 2 + j % 2) * c..][..c]);
        }
        if let Some(add) = add {
            to.iter_mut().zip(&add[row * w * c..]).for_each(|(to, add)| *to += add);
        }
    });
}
