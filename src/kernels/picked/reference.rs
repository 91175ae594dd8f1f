//! The formula in plain loops.

use super::Params;
use crate::graph::{Args, Real};

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (a, b, p) = (args.maybe(1), args.read(0), args.params::<Params>());
    let [c, ca, cb, split, first] = [p.c, p.ca, p.cb, p.split, p.first].map(|size| size as usize);
    for (i, y) in args.write(2).iter_mut().enumerate() {
        let (pixel, k) = (i / c, i % c);
        *y = if k < split {
            a.expect("channels are taken from it")[pixel * ca + k]
        } else {
            b[pixel * cb + first + k - split]
        };
    }
}
