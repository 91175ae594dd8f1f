//! The reductions on all threads: fixed chunks, fixed order.

use rayon::prelude::*;

use super::{Params, reference};
use crate::graph::{Args, Isa};

/// Columns one task sums: a cache line's multiple, so that tasks share none.
const COLUMNS: usize = 256;

pub(super) fn l2(args: &mut Args<'_, f32>, _: Isa) {
    let p = args.params::<Params>();
    let count = p.count as usize;
    let pairs = args.read(0).par_chunks(count).zip(args.read(1).par_chunks(count));
    let weight = args.maybe(2);
    let outputs = args.write(3).par_chunks_mut(count).zip(args.write(4));
    pairs.zip(outputs).enumerate().for_each(|(k, ((y, target), (dy, part)))| {
        *part = match weight {
            None => reference::l2(y, target, |_| 1.0, p.scale, dy),
            Some(w) => reference::l2(y, target, |i| w[(k * count + i) / p.channels as usize], p.scale, dy),
        };
    });
}

pub(super) fn sum_rows(args: &mut Args<'_, f32>, _: Isa) {
    let (rows, scale) = (args.read(0), args.params::<Params>().scale);
    let out = args.write(1);
    let len = out.len();
    out.par_chunks_mut(COLUMNS).enumerate().for_each(|(i, out)| {
        out.fill(0.0);
        for row in rows.chunks_exact(len) {
            out.iter_mut().zip(&row[i * COLUMNS..]).for_each(|(sum, value)| *sum += value);
        }
        out.iter_mut().for_each(|sum| *sum *= scale);
    });
}
