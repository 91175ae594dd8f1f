//! The formulas in plain loops.

use super::Params;
use crate::graph::{Args, Real};

/// Sum of squared differences, and `scale · (y − target)` into `dy`.
pub fn l2<T: Real>(y: &[T], target: &[T], scale: T, dy: &mut [T]) -> T {
    let mut sum = T::zero();
    for ((y, target), dy) in y.iter().zip(target).zip(dy) {
        let difference = *y - *target;
        *dy = scale * difference;
        sum = sum + difference * difference;
    }
    sum
}

/// `out[j] = scale · Σ_i rows[i, j]`.
pub fn sum_rows<T: Real>(rows: &[T], scale: T, out: &mut [T]) {
    out.fill(T::zero());
    for row in rows.chunks_exact(out.len()) {
        for (sum, value) in out.iter_mut().zip(row) {
            *sum = *sum + *value;
        }
    }
    out.iter_mut().for_each(|sum| *sum = *sum * scale);
}

pub(super) fn l2_args<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let count = p.count as usize;
    let pairs = args.read(0).chunks(count).zip(args.read(1).chunks(count));
    let outputs = args.write(2).chunks_mut(count).zip(args.write(3));
    for ((y, target), (dy, part)) in pairs.zip(outputs) {
        *part = l2(y, target, T::of(p.scale.into()), dy);
    }
}

pub(super) fn sum_rows_args<T: Real>(args: &mut Args<'_, T>) {
    let scale = T::of(args.params::<Params>().scale.into());
    sum_rows(args.read(0), scale, args.write(1));
}
