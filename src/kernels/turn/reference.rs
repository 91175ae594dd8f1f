//! The formula in a plain loop.

use super::Params;
use crate::graph::{Args, Real};
use crate::kernels::Step;

/// `y[i] = x[places[i]]`.
pub(super) fn turn<T: Real>(x: &[T], places: &[T], y: &mut [T]) {
    for (y, place) in y.iter_mut().zip(places) {
        *y = x[place.to_usize().expect("places are whole numbers")];
    }
}

pub(super) fn turn_args<T: Real>(args: &mut Args<'_, T>) {
    let (p, step) = (args.params::<Params>(), args.step::<Step>());
    let (len, which) = (p.len as usize, if p.back == 1 { step.unturn } else { step.turn } as usize);
    turn(args.read(0), &args.read(1)[which * len..][..len], args.write(2));
}
