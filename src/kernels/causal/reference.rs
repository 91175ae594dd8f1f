//! The formulas in plain loops.

use super::{Params, TAPS};
use crate::graph::{Args, Real};

/// Channel `c` of the pixel `back` before the t-th of all images, 0 before its image.
fn before<T: Real>(x: &[T], p: Params, (t, c): (usize, usize), back: usize) -> T {
    if t % p.pixels as usize >= back { x[(t - back) * p.c as usize + c] } else { T::zero() }
}

/// `v_t = b + Σ_k w_k x_{t−3+k}`.
fn convolved<T: Real>(x: &[T], w: &[T], p: Params, i: usize) -> T {
    let channels = p.c as usize;
    let (t, c) = (i / channels, i % channels);
    let taps = (0..TAPS).map(|k| w[k * channels + c] * before(x, p, (t, c), TAPS - 1 - k));
    w[TAPS * channels + c] + taps.sum()
}

fn sigmoid<T: Real>(v: T) -> T {
    T::one() / (T::one() + (-v).exp())
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (x, w, p) = (args.read(0), args.read(1), args.params::<Params>());
    for (i, y) in args.write(2).iter_mut().enumerate() {
        let v = convolved(x, w, p, i);
        *y = v * sigmoid(v);
    }
}

pub(super) fn grad<T: Real>(args: &mut Args<'_, T>) {
    let (x, w, dy, p) = (args.read(0), args.read(1), args.read(2), args.params::<Params>());
    for (i, dv) in args.write(3).iter_mut().enumerate() {
        let v = convolved(x, w, p, i);
        *dv = dy[i] * sigmoid(v) * (T::one() + v * (T::one() - sigmoid(v)));
    }
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let (dv, w, p) = (args.read(0), args.read(1), args.params::<Params>());
    let [channels, pixels] = [p.c, p.pixels].map(|size| size as usize);
    for (i, dx) in args.write(2).iter_mut().enumerate() {
        let (t, c) = (i / channels, i % channels);
        let later = (0..TAPS).filter(|ahead| t % pixels + ahead < pixels);
        *dx = later.map(|ahead| w[(TAPS - 1 - ahead) * channels + c] * dv[(t + ahead) * channels + c]).sum();
    }
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (x, dv, p) = (args.read(0), args.read(1), args.params::<Params>());
    let [channels, pixels, chunk] = [p.c, p.pixels, p.chunk].map(|size| size as usize);
    let runs = pixels.div_ceil(chunk);
    for (i, part) in args.write(2).iter_mut().enumerate() {
        let (run, k, c) = (i / channels / (TAPS + 1), i / channels % (TAPS + 1), i % channels);
        let first = run / runs * pixels + run % runs * chunk;
        let end = (first + chunk).min((run / runs + 1) * pixels);
        let factor = |t| if k < TAPS { before(x, p, (t, c), TAPS - 1 - k) } else { T::one() };
        *part = (first..end).map(|t| factor(t) * dv[t * channels + c]).sum();
    }
}
