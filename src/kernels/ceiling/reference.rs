//! The same in plain loops.

use super::{PER_TURN, Params, SUMS};
use crate::graph::{Args, Real};

/// `y = x`.
pub(super) fn copy<T: Real>(x: &[T], y: &mut [T]) {
    for (x, y) in x.iter().zip(y) {
        *y = *x;
    }
}

/// `Σ_k a_k` after `rounds` of `a_k ← rate · a_k + level`, `a_k = x + k/8` at first.
pub(crate) fn fma_chain<T: Real>(x: T, rounds: usize, rate: T, level: T) -> T {
    let end = |k: usize| (0..rounds).fold(x + T::of(k as f64 / 8.0), |a, _| rate * a + level);
    (0..SUMS).map(end).sum()
}

pub(super) fn copy_args<T: Real>(args: &mut Args<'_, T>) {
    copy(args.read(0), args.write(1));
}

pub(super) fn fma_chain_args<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let (rate, level) = (T::of(p.rate.into()), T::of(p.level.into()));
    for (x, y) in args.read(0).iter().zip(args.write(1)) {
        *y = fma_chain(*x, PER_TURN * p.turns as usize, rate, level);
    }
}
