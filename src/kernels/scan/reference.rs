//! The recurrences in plain loops, a channel at a time.

use std::ops::Range;

use super::Params;
use crate::graph::{Args, Real};

/// `ln(1 + e^x)`.
fn softplus<T: Real>(x: T) -> T {
    x.max(T::zero()) + (-x.abs()).exp().ln_1p()
}

/// What all kernels read, by pixel of the stack of images, channel and state.
struct ScanValues<'a, T> {
    raw: &'a [T],
    bc: &'a [T],
    w: &'a [T],
    p: Params,
}

impl<'a, T: Real> ScanValues<'a, T> {
    fn new(args: &Args<'a, T>) -> Self {
        Self { raw: args.read(1), bc: args.read(2), w: args.read(3), p: args.params() }
    }

    fn channels(&self) -> usize {
        self.p.d as usize
    }

    fn states(&self) -> usize {
        self.p.s as usize
    }

    fn step(&self, t: usize, d: usize) -> T {
        softplus(self.raw[t * self.channels() + d])
    }

    fn rate(&self, s: usize, d: usize) -> T {
        -self.w[s * self.channels() + d].exp()
    }

    fn b(&self, t: usize, s: usize) -> T {
        self.bc[2 * t * self.states() + s]
    }

    fn c(&self, t: usize, s: usize) -> T {
        self.bc[(2 * t + 1) * self.states() + s]
    }

    /// Pixels of each run.
    fn runs(&self) -> impl Iterator<Item = Range<usize>> + use<T> {
        let [runs, run, pixels] = [self.p.runs, self.p.run, self.p.pixels].map(|size| size as usize);
        (0..self.p.n as usize * runs).map(move |k| {
            let (image, first) = (k / runs * pixels, k % runs * run);
            image + first..image + (first + run).min(pixels)
        })
    }

    /// The state after each pixel of a run.
    fn states_of(&self, u: &[T], run: Range<usize>, (s, d): (usize, usize), before: T) -> Vec<T> {
        let mut h = before;
        let after = |t: usize| {
            let step = self.step(t, d);
            h = (step * self.rate(s, d)).exp() * h + step * self.b(t, s) * u[t * self.channels() + d];
            h
        };
        run.map(after).collect()
    }

    /// The gradient at each pixel's state, from the last to the first, and what the first hands on.
    fn gradients_of(&self, dy: &[T], run: Range<usize>, (s, d): (usize, usize), behind: T) -> (Vec<T>, T) {
        let mut handed = behind;
        let at = |t: usize| {
            let gradient = dy[t * self.channels() + d] * self.c(t, s) + handed;
            handed = (self.step(t, d) * self.rate(s, d)).exp() * gradient;
            gradient
        };
        let gradients = run.rev().map(at).collect();
        (gradients, handed)
    }

    /// What each run ends with: of each state, then the sum of steps.
    fn ends(&self, out: &mut [T], end: impl Fn(Range<usize>, (usize, usize)) -> T) {
        let (channels, states) = (self.channels(), self.states());
        for (out, run) in out.chunks_exact_mut((states + 1) * channels).zip(self.runs()) {
            for (i, out) in out.iter_mut().enumerate() {
                let (s, d) = (i / channels, i % channels);
                *out = if s < states { end(run.clone(), (s, d)) } else { run.clone().map(|t| self.step(t, d)).sum() };
            }
        }
    }
}

pub(super) fn runs<T: Real>(args: &mut Args<'_, T>) {
    let (given, u) = (ScanValues::new(args), args.read(0));
    given.ends(args.write(4), |run, at| *given.states_of(u, run, at, T::zero()).last().expect("a pixel"));
}

pub(super) fn grad_runs<T: Real>(args: &mut Args<'_, T>) {
    let (given, dy) = (ScanValues::new(args), args.read(0));
    given.ends(args.write(4), |run, at| given.gradients_of(dy, run, at, T::zero()).1);
}

pub(super) fn edges<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let [n, runs, d, s, rows] = [p.n, p.runs, p.d, p.s, p.rows].map(|size| size as usize);
    let (forth, back, w) = (args.read(0), args.maybe(1), args.read(2));
    let out = args.write(3);
    for (image, row, d_) in (0..n).flat_map(|n| (0..rows).flat_map(move |row| (0..d).map(move |d_| (n, row, d_)))) {
        let from = if row < s { forth } else { back.expect("gradients where there is room for them") };
        let at = |run: usize, row: usize| ((image * runs + run) * (s + 1) + row) * d + d_;
        let rate = -w[row % s * d + d_].exp();
        let mut edge = T::zero();
        for k in 0..runs {
            let run = if row < s { k } else { runs - 1 - k };
            out[((image * runs + run) * rows + row) * d + d_] = edge;
            edge = (rate * from[at(run, s)]).exp() * edge + from[at(run, row % s)];
        }
    }
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (given, u, before) = (ScanValues::new(args), args.read(0), args.read(4));
    let (channels, rows) = (given.channels(), given.p.rows as usize);
    let y = args.write(5);
    for (k, run) in given.runs().enumerate() {
        for d in 0..channels {
            let first = run.start;
            for t in run.clone() {
                y[t * channels + d] = given.w[given.states() * channels + d] * u[t * channels + d];
            }
            for s in 0..given.states() {
                let states = given.states_of(u, run.clone(), (s, d), before[(k * rows + s) * channels + d]);
                for t in run.clone() {
                    y[t * channels + d] = y[t * channels + d] + given.c(t, s) * states[t - first];
                }
            }
        }
    }
}

pub(super) fn grad<T: Real>(args: &mut Args<'_, T>) {
    let (given, u, dy, edges) = (ScanValues::new(args), args.read(0), args.read(4), args.read(5));
    let (channels, states) = (given.channels(), given.states());
    let columns = 2 * (channels + states);
    let (out, part) = (args.write(6), args.write(7));
    out.fill(T::zero());
    part.fill(T::zero());
    for ((k, run), part) in given.runs().enumerate().zip(part.chunks_exact_mut((states + 1) * channels)) {
        for (s, d) in (0..states).flat_map(|s| (0..channels).map(move |d| (s, d))) {
            let (a, before) = (given.rate(s, d), edges[(2 * k * states + s) * channels + d]);
            let after = given.states_of(u, run.clone(), (s, d), before);
            let behind = edges[((2 * k + 1) * states + s) * channels + d];
            let gradients = given.gradients_of(dy, run.clone(), (s, d), behind).0;
            for ((t, gradient), i) in run.clone().rev().zip(gradients).zip((0..run.len()).rev()) {
                let (step, u) = (given.step(t, d), u[t * channels + d]);
                let decayed = (step * a).exp() * if i == 0 { before } else { after[i - 1] };
                let out = &mut out[t * columns..][..columns];
                out[d] = out[d] + step * gradient * given.b(t, s);
                // Of the step, before the softplus.
                out[channels + d] = out[channels + d]
                    + (u * gradient * given.b(t, s) + gradient * a * decayed)
                        / (T::one() + (-given.raw[t * channels + d]).exp());
                out[2 * channels + s] = out[2 * channels + s] + gradient * step * u;
                out[2 * channels + states + s] = out[2 * channels + states + s] + dy[t * channels + d] * after[i];
                // Of the rate, a = −exp(w): its own logarithm's is a times that.
                part[s * channels + d] = part[s * channels + d] + gradient * step * decayed * a;
            }
        }
        for (t, d) in run.flat_map(|t| (0..channels).map(move |d| (t, d))) {
            let (u, dy) = (u[t * channels + d], dy[t * channels + d]);
            out[t * columns + d] = out[t * columns + d] + given.w[states * channels + d] * dy;
            part[states * channels + d] = part[states * channels + d] + dy * u;
        }
    }
}
