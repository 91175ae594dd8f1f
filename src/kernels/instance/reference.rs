//! The formulas in plain loops.

use super::{EPSILON, Params};
use crate::graph::{Args, Real};

/// Runs of pixels of all images: the image of each, and its first and last pixel's numbers.
fn runs(p: Params) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    let [pixels, chunk, runs] = [p.pixels, p.chunk, p.runs].map(|size| size as usize);
    (0..p.n as usize * runs).map(move |k| {
        let (image, first) = (k / runs, k % runs * chunk);
        (image, image * pixels + first..image * pixels + (first + chunk).min(pixels))
    })
}

/// What brings a channel of an image to mean 0 and variance 1.
struct Standardization<'a, T> {
    mean: &'a [T],
    variance: &'a [T],
    channels: usize,
    pixels: usize,
}

impl<'a, T: Real> Standardization<'a, T> {
    fn new(args: &Args<'a, T>) -> Self {
        let p = args.params::<Params>();
        Self { mean: args.read(1), variance: args.read(2), channels: p.c as usize, pixels: p.pixels as usize }
    }

    fn deviation(&self, i: usize) -> T {
        let (image, c) = (i / self.channels / self.pixels, i % self.channels);
        (self.variance[image * self.channels + c] + T::of(EPSILON)).sqrt()
    }

    /// `x̂` of element `i`.
    fn of(&self, x: &[T], i: usize) -> T {
        let (image, c) = (i / self.channels / self.pixels, i % self.channels);
        (x[i] - self.mean[image * self.channels + c]) / self.deviation(i)
    }
}

pub(super) fn means<T: Real>(args: &mut Args<'_, T>) {
    let (part, gate, p) = (args.read(0), args.maybe(1), args.params::<Params>());
    let [runs, c] = [p.runs, p.c].map(|size| size as usize);
    for (i, y) in args.write(2).iter_mut().enumerate() {
        let sum: T = (0..runs).map(|run| part[(i / c * runs + run) * c + i % c]).sum();
        *y = sum / T::of(p.count.into()) * gate.map_or(T::one(), |gate| gate[i] * (T::one() - gate[i]));
    }
}

pub(super) fn spread<T: Real>(args: &mut Args<'_, T>) {
    let (x, mean, p) = (args.read(0), args.read(1), args.params::<Params>());
    let c = p.c as usize;
    for ((image, run), sums) in runs(p).zip(args.write(2).chunks_exact_mut(c)) {
        for (k, sum) in sums.iter_mut().enumerate() {
            let square = |t: usize| (x[t * c + k] - mean[image * c + k]) * (x[t * c + k] - mean[image * c + k]);
            *sum = run.clone().map(square).sum();
        }
    }
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (x, normal, p) = (args.read(0), Standardization::new(args), args.params::<Params>());
    let (w, b) = args.read(3).split_at(p.k as usize);
    for (i, y) in args.write(4).iter_mut().enumerate() {
        let c = i % normal.channels;
        *y = if c < w.len() { w[c] * normal.of(x, i) + b[c] } else { x[i] };
    }
}

pub(super) fn grad_sums<T: Real>(args: &mut Args<'_, T>) {
    let (x, normal, dy, p) = (args.read(0), Standardization::new(args), args.read(3), args.params::<Params>());
    let [c, k] = [p.c, p.k].map(|size| size as usize);
    for ((_, run), sums) in runs(p).zip(args.write(4).chunks_exact_mut(2 * k)) {
        for (j, sum) in sums.iter_mut().enumerate() {
            let at = |t: usize| t * c + j % k;
            let value = |i: usize| if j < k { dy[i] * normal.of(x, i) } else { dy[i] };
            *sum = run.clone().map(|t| value(at(t))).sum();
        }
    }
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let (x, normal, w, dy, means) =
        (args.read(0), Standardization::new(args), args.read(3), args.read(4), args.read(5));
    let p = args.params::<Params>();
    let [c, k, pixels] = [p.c, p.k, p.pixels].map(|size| size as usize);
    for (i, dx) in args.write(6).iter_mut().enumerate() {
        let (image, channel) = (i / c / pixels, i % c);
        *dx = dy[i];
        if channel < k {
            let mean = |j: usize| means[(2 * image + j) * k + channel];
            *dx = w[channel] * (dy[i] - mean(1) - normal.of(x, i) * mean(0)) / normal.deviation(i);
        }
    }
}
