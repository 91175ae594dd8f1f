//! The formulas in plain loops.

use super::Params;
use crate::graph::{Args, Real};

/// Sum of squared differences, and `scale · (y − target)` into `dy`, both times the element's weight.
pub(super) fn l2<T: Real>(y: &[T], target: &[T], weight: impl Fn(usize) -> T, scale: T, dy: &mut [T]) -> T {
    let mut sum = T::zero();
    for (i, ((y, target), dy)) in y.iter().zip(target).zip(dy).enumerate() {
        let (w, difference) = (weight(i), *y - *target);
        *dy = scale * w * difference;
        sum = sum + w * difference * difference;
    }
    sum
}

/// Sum of `√(e² + bend²)` over the differences e, and `scale · e / √(e² + bend²)` into `dy`, both times the
/// element's weight.
pub fn charbonnier<T: Real>(
    y: &[T],
    target: &[T],
    weight: impl Fn(usize) -> T,
    (scale, bend): (T, T),
    dy: &mut [T],
) -> T {
    let mut sum = T::zero();
    for (i, ((y, target), dy)) in y.iter().zip(target).zip(dy).enumerate() {
        let (w, difference) = (weight(i), *y - *target);
        let length = (difference * difference + bend * bend).sqrt();
        *dy = scale * w * difference / length;
        sum = sum + w * length;
    }
    sum
}

/// `out[j] = scale · Σ_i rows[i, j]`.
pub(super) fn sum_rows<T: Real>(rows: &[T], scale: T, out: &mut [T]) {
    out.fill(T::zero());
    for row in rows.chunks_exact(out.len()) {
        for (sum, value) in out.iter_mut().zip(row) {
            *sum = *sum + *value;
        }
    }
    out.iter_mut().for_each(|sum| *sum = *sum * scale);
}

pub(super) fn l2_args<T: Real>(args: &mut Args<'_, T>) {
    let scale = T::of(args.params::<Params>().scale.into());
    compared(args, |y, target, weight, dy| l2(y, target, weight, scale, dy));
}

pub(super) fn charbonnier_args<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let factors = (T::of(p.scale.into()), T::of(p.bend.into()));
    compared(args, |y, target, weight, dy| charbonnier(y, target, weight, factors, dy));
}

/// Runs a loss over each partial sum's elements.
fn compared<T: Real>(args: &mut Args<'_, T>, loss: impl Fn(&[T], &[T], &dyn Fn(usize) -> T, &mut [T]) -> T) {
    let p = args.params::<Params>();
    let count = p.count as usize;
    let pairs = args.read(0).chunks(count).zip(args.read(1).chunks(count));
    let weight = args.maybe(2);
    let outputs = args.write(3).chunks_mut(count).zip(args.write(4));
    for (k, ((y, target), (dy, part))) in pairs.zip(outputs).enumerate() {
        let weight = |i: usize| weight.map_or(T::one(), |w| w[(k * count + i) / p.channels as usize]);
        *part = loss(y, target, &weight, dy);
    }
}

pub(super) fn sum_rows_args<T: Real>(args: &mut Args<'_, T>) {
    let scale = T::of(args.params::<Params>().scale.into());
    sum_rows(args.read(0), scale, args.write(1));
}
