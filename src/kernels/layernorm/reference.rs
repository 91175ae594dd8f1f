//! The formulas in plain loops, pixel by pixel.

use super::Params;
use crate::graph::{Args, Real};
use crate::kernels::instance::EPSILON;

/// `x̂` of a pixel, and what it was divided by.
fn normalised<T: Real>(x: &[T]) -> (Vec<T>, T) {
    let share = T::one() / T::of(x.len() as f64);
    let mean = x.iter().copied().sum::<T>() * share;
    let variance = x.iter().map(|x| (*x - mean) * (*x - mean)).sum::<T>() * share;
    let deviation = (variance + T::of(EPSILON)).sqrt();
    (x.iter().map(|x| (*x - mean) / deviation).collect(), deviation)
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let c = args.shape(0).c();
    let (w, b) = args.read(1).split_at(c);
    for (y, x) in args.write(2).chunks_exact_mut(c).zip(args.read(0).chunks_exact(c)) {
        let (x, _) = normalised(x);
        (0..c).for_each(|k| y[k] = w[k] * x[k] + b[k]);
    }
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let (c, w, add) = (args.shape(0).c(), args.read(1), args.maybe(3));
    let pixels = args.read(0).chunks_exact(c).zip(args.read(2).chunks_exact(c));
    let share = T::one() / T::of(c as f64);
    for (i, (dx, (x, dy))) in args.write(4).chunks_exact_mut(c).zip(pixels).enumerate() {
        let (x, deviation) = normalised(x);
        let g: Vec<T> = w.iter().zip(dy).map(|(w, dy)| *w * *dy).collect();
        let mean = g.iter().copied().sum::<T>() * share;
        let along = g.iter().zip(&x).map(|(g, x)| *g * *x).sum::<T>() * share;
        for k in 0..c {
            dx[k] = (g[k] - mean - x[k] * along) / deviation + add.map_or(T::zero(), |add| add[i * c + k]);
        }
    }
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (c, chunk, add) = (args.shape(0).c(), args.params::<Params>().chunk as usize, args.maybe(2));
    let part = args.write(3);
    match add {
        Some(add) => part.copy_from_slice(add),
        None => part.fill(T::zero()),
    }
    for (i, (x, dy)) in args.read(0).chunks_exact(c).zip(args.read(1).chunks_exact(c)).enumerate() {
        let (part, (x, _)) = (&mut part[i / chunk * 2 * c..][..2 * c], normalised(x));
        for k in 0..c {
            part[k] = part[k] + dy[k] * x[k];
            part[c + k] = part[c + k] + dy[k];
        }
    }
}
