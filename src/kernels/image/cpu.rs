//! The difference by rows of pixels; crops as row copies, one task per crop.

use rayon::prelude::*;

use crate::graph::Args;
use crate::kernels::Step;

pub(super) fn detail(args: &mut Args<'_, f32>) {
    let (w, c) = (args.shape(1).w(), args.shape(1).c());
    let rows = args.read(0).par_chunks(w).zip(args.read(1).par_chunks(w * c));
    rows.zip(args.write(2).par_chunks_mut(w * c)).for_each(|((pan, lms), d)| {
        for ((pan, lms), d) in pan.iter().zip(lms.chunks_exact(c)).zip(d.chunks_exact_mut(c)) {
            d.iter_mut().zip(lms).for_each(|(d, lms)| *d = pan - lms);
        }
    });
}

pub(super) fn features(args: &mut Args<'_, f32>) {
    let (w, c) = (args.shape(1).w(), args.shape(1).c());
    let rows = args.read(0).par_chunks(w).zip(args.read(1).par_chunks(w * c));
    rows.zip(args.write(2).par_chunks_mut(2 * w * c)).for_each(|((pan, lms), d)| {
        for ((pan, lms), d) in pan.iter().zip(lms.chunks_exact(c)).zip(d.chunks_exact_mut(2 * c)) {
            let (difference, copy) = d.split_at_mut(c);
            difference.iter_mut().zip(lms).for_each(|(d, lms)| *d = pan - lms);
            copy.iter_mut().zip(lms).for_each(|(d, lms)| *d = *lms);
        }
    });
}

/// Numbers one task works on.
const TASK: usize = 1 << 15;

pub(super) fn risen(args: &mut Args<'_, f32>) {
    let sides = args.read(1).par_chunks(TASK).zip(args.read(2).par_chunks(TASK));
    let images = args.read(0).par_chunks(TASK).zip(sides);
    images.zip(args.write(3).par_chunks_mut(TASK)).for_each(|((dy, (before, after)), d)| {
        for (((d, dy), before), after) in d.iter_mut().zip(dy).zip(before).zip(after) {
            *d = if after > before { *dy } else { 0.0 };
        }
    });
}

pub(super) fn crop(args: &mut Args<'_, f32>) {
    let (x, y) = (args.shape(0), args.shape(1));
    let (input, c, step) = (args.read(0), x.c(), args.step::<Step>());
    let crops = args.write(1).par_chunks_mut(y.h() * y.w() * c).zip(&step.crops);
    crops.for_each(|(to, crop)| {
        let [top, left, flip, _] = crop.map(|v| v as usize);
        for (i, row) in to.chunks_exact_mut(y.w() * c).enumerate() {
            let from = &input[((top + i) * x.w() + left) * c..][..y.w() * c];
            if flip == 1 {
                let pixels = row.chunks_exact_mut(c).zip(from.chunks_exact(c).rev());
                // Not `copy_from_slice`: a call per pixel.
                pixels.for_each(|(to, from)| to.iter_mut().zip(from).for_each(|(to, from)| *to = *from));
            } else {
                row.copy_from_slice(from);
            }
        }
    });
}
