//! The formulas in plain loops.

use super::Params;
use crate::graph::{Args, Real};

/// `x + b`.
fn biased<'a, T: Real>(args: &Args<'a, T>, x: usize) -> impl Fn(usize) -> T + use<'a, T> {
    let (c, x, b) = (args.shape(x).c(), args.read(x), args.maybe(x + 1));
    move |i| x[i] + b.map_or(T::zero(), |b| b[i % c])
}

fn slope<T: Real>(args: &Args<'_, T>) -> T {
    T::one() / T::of(args.params::<Params>().inverse.into())
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (z, slope, add) = (biased(args, 0), slope(args), args.maybe(2));
    for (i, y) in args.write(3).iter_mut().enumerate() {
        let value = if z(i) > T::zero() { z(i) } else { slope * z(i) };
        *y = value + add.map_or(T::zero(), |add| add[i]);
    }
}

pub(super) fn grad<T: Real>(args: &mut Args<'_, T>) {
    let (z, slope, dy) = (biased(args, 1), slope(args), args.read(0));
    for (i, dx) in args.write(3).iter_mut().enumerate() {
        *dx = if z(i) > T::zero() { dy[i] } else { slope * dy[i] };
    }
}
