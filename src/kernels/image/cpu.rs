//! Crops as row copies.

use crate::graph::{Args, Isa};

pub(super) fn crop(args: &mut Args<'_, f32>, _: Isa) {
    let (x, y) = (args.shape(0), args.shape(1));
    let (input, c) = (args.read(0), x.c());
    let crops = args.step().crops;
    for (i, row) in args.write(1).chunks_exact_mut(y.w() * c).enumerate() {
        let [top, left, flip, _] = crops[i / y.h()].map(|v| v as usize);
        let from = &input[((top + i % y.h()) * x.w() + left) * c..][..y.w() * c];
        if flip == 1 {
            let pixels = from.chunks_exact(c).rev();
            row.chunks_exact_mut(c).zip(pixels).for_each(|(to, from)| to.copy_from_slice(from));
        } else {
            row.copy_from_slice(from);
        }
    }
}
