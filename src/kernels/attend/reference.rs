//! The formulas in plain loops.

use super::Params;
use crate::graph::{Args, Real};

/// The factor's number for element `i` of an image.
fn factor(p: Params) -> impl Fn(usize) -> usize {
    let [c, pixels] = [p.c, p.pixels].map(|size| size as usize);
    move |i| i / c / pixels * c + i % c
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (v, s, x, at) = (args.read(0), args.read(1), args.read(2), factor(args.params()));
    args.write(3).iter_mut().enumerate().for_each(|(i, y)| *y = x[i] + s[at(i)] * v[i]);
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let (dy, s, dmean, p) = (args.read(0), args.read(1), args.read(2), args.params::<Params>());
    let (at, pixels) = (factor(p), T::of(p.pixels.into()));
    args.write(3).iter_mut().enumerate().for_each(|(i, dv)| *dv = s[at(i)] * dy[i] + dmean[at(i)] / pixels);
}

pub(super) fn grad_factor<T: Real>(args: &mut Args<'_, T>) {
    let (dy, v, p) = (args.read(0), args.read(1), args.params::<Params>());
    let [c, pixels, chunk] = [p.c, p.pixels, p.chunk].map(|size| size as usize);
    let runs = pixels.div_ceil(chunk);
    for (i, part) in args.write(2).iter_mut().enumerate() {
        let (image, first) = (i / c / runs * pixels, i / c % runs * chunk);
        let run = image + first..image + (first + chunk).min(pixels);
        *part = run.map(|t| dy[t * c + i % c] * v[t * c + i % c]).sum();
    }
}
