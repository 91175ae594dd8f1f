//! Runs of pixels side by side.

use rayon::prelude::*;

use super::Params;
use crate::graph::Args;

/// Pixels one task works on.
const TASK: usize = 1 << 11;

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (a, b, p) = (args.maybe(1), args.read(0), args.params::<Params>());
    let [c, ca, cb, split, first] = [p.c, p.ca, p.cb, p.split, p.first].map(|size| size as usize);
    args.write(2).par_chunks_mut(TASK * c).enumerate().for_each(|(task, y)| {
        for (i, y) in y.chunks_exact_mut(c).enumerate() {
            let (pixel, (from_a, from_b)) = (task * TASK + i, y.split_at_mut(split));
            // Not `copy_from_slice`: a call per pixel.
            if let Some(a) = a {
                from_a.iter_mut().zip(&a[pixel * ca..]).for_each(|(to, from)| *to = *from);
            }
            from_b.iter_mut().zip(&b[pixel * cb + first..]).for_each(|(to, from)| *to = *from);
        }
    });
}
