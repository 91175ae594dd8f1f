//! Where each number comes from.

use crate::graph::{Args, Real, Shape};

/// Where number `i` of folded images stands in those of `pixels`, if that is inside.
fn source(i: usize, Shape([_, h, w, c]): Shape) -> Option<usize> {
    let (fh, fw) = (h.div_ceil(2), w.div_ceil(2));
    let (quad, tap) = (i / c / 4, i / c % 4);
    let (row, column) = (quad / fw % fh * 2 + tap / 2, quad % fw * 2 + tap % 2);
    (row < h && column < w).then(|| ((quad / fw / fh * h + row) * w + column) * c + i % c)
}

pub(super) fn fold<T: Real>(args: &mut Args<'_, T>) {
    let (shape, x) = (args.shape(0), args.read(0));
    for (i, y) in args.write(1).iter_mut().enumerate() {
        *y = source(i, shape).map_or(T::zero(), |at| x[at]);
    }
}

pub(super) fn unfold<T: Real>(args: &mut Args<'_, T>) {
    let (shape, quads, add) = (args.shape(2), args.read(0), args.maybe(1));
    let pixels = args.write(2);
    for (i, quad) in quads.iter().enumerate() {
        if let Some(at) = source(i, shape) {
            pixels[at] = *quad + add.map_or(T::zero(), |add| add[at]);
        }
    }
}
