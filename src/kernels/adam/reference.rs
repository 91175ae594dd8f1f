//! The update in plain loops.

use super::Params;
use crate::graph::{Args, Real};
use crate::kernels::Step;

/// One update of weight, first and second moment with gradient `g`.
#[inline]
pub(super) fn adam<T: Real>(p: &Params, rate: T, rescale: T, w: &mut T, g: T, m: &mut T, v: &mut T) {
    let of = |x: f32| T::of(x.into());
    *m = of(p.beta1) * *m + of(p.one_minus_beta1) * g;
    *v = of(p.beta2) * *v + of(p.one_minus_beta2) * g * g;
    *w = *w - rate * *m / (v.sqrt() * rescale + of(p.eps));
}

pub(super) fn adam_args<T: Real>(args: &mut Args<'_, T>) {
    let (p, step) = (args.params::<Params>(), args.step::<Step>());
    let (rate, rescale) = (T::of(step.rate.into()), T::of(step.rescale.into()));
    let (w, m, v) = (args.write(0), args.write(2), args.write(3));
    for (((w, g), m), v) in w.iter_mut().zip(args.read(1)).zip(m).zip(v).skip(p.first as usize) {
        adam(&p, rate, rescale, w, *g, m, v);
    }
}
