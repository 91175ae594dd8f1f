//! The banded sum in plain loops.

use ndarray::{Array4, ArrayView4};

use super::{Axis, Params};
use crate::graph::{Args, Real};

/// `y[.., k, ..] = Σ_t taps[k,t,c] · x[.., (start[k] + t) mod len, ..]` along `axis`.
/// `x [N,H,W,C]`, `taps [1, out, T, 1 or C]`, `start [out]`.
pub fn resample<T: Real>(x: ArrayView4<'_, T>, taps: ArrayView4<'_, T>, start: &[T], axis: Axis) -> Array4<T> {
    let (n, h, w, c) = x.dim();
    let (_, out, count, tap_channels) = taps.dim();
    let size = if axis == Axis::Y { (n, out, w, c) } else { (n, h, out, c) };
    Array4::from_shape_fn(size, |(n, i, j, c)| {
        let k = if axis == Axis::Y { i } else { j };
        let first = start[k].to_usize().expect("starts are whole numbers");
        let term = |t: usize| {
            let pixel = match axis {
                Axis::Y => x[[n, (first + t) % h, j, c]],
                Axis::X => x[[n, i, (first + t) % w, c]],
            };
            taps[[0, k, t, c.min(tap_channels - 1)]] * pixel
        };
        (0..count).map(term).sum()
    })
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let axis = if args.params::<Params>().axis == 0 { Axis::Y } else { Axis::X };
    let view = |i: usize| ArrayView4::from_shape(args.shape(i).0, args.read(i)).expect("shape and data agree");
    let mut out = resample(view(0), view(1), args.read(2), axis).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(3) {
        crate::kernels::conv2d::add(&mut out, other);
    }
    args.write(4).copy_from_slice(&out);
}
