//! The formulas from the book, in plain loops.

use ndarray::{Array4, ArrayView3, ArrayView4};

use super::{Params, TAPS};
use crate::graph::{Args, Real, Shape};
use crate::kernels::segment::{SEGMENTS, number};

/// Factors of the segments of each image, and which segment a pixel belongs to.
#[derive(Clone, Copy)]
pub struct Factors<'a, T> {
    /// `[N, SEGMENTS, 9]`.
    pub alpha: ArrayView3<'a, T>,
    /// `[N, SEGMENTS, Ci]`.
    pub gamma: ArrayView3<'a, T>,
    /// `[N, H, W, 1]`.
    pub index: ArrayView4<'a, T>,
}

impl<T: Real> Factors<'_, T> {
    fn segment(&self, (n, i, j): (usize, usize, usize)) -> (usize, usize) {
        (n, number(self.index[[n, i, j, 0]]))
    }

    /// The factor of tap `t` and input `c` of a pixel's kernel.
    fn of(&self, at: (usize, usize, usize), t: usize, c: usize) -> T {
        let (n, k) = self.segment(at);
        self.alpha[[n, k, t]] * self.gamma[[n, k, c]]
    }
}

/// Pixel `(i, j)` shifted by tap `t` of 3×3, or back by it, if that is inside `h × w`.
fn shifted(t: usize, (i, j): (usize, usize), (h, w): (usize, usize), back: bool) -> Option<(usize, usize)> {
    let (u, v) = if back { (2 - t / 3, 2 - t % 3) } else { (t / 3, t % 3) };
    let (i, j) = ((i + u).checked_sub(1)?, (j + v).checked_sub(1)?);
    (i < h && j < w).then_some((i, j))
}

/// `v[n,s,o] = Σ_t α[t] Σ_c γ[c] · x[n,s+t,c] · w[t,c,o]`, zero outside, by the factors of s.
pub fn clustered<T: Real>(x: ArrayView4<'_, T>, w: ArrayView4<'_, T>, factors: Factors<'_, T>) -> Array4<T> {
    let (n, h, width, ci) = x.dim();
    Array4::from_shape_fn((n, h, width, w.dim().3), |(n, i, j, o)| {
        let mut sum = T::zero();
        for t in 0..TAPS {
            let Some((k, l)) = shifted(t, (i, j), (h, width), false) else { continue };
            for c in 0..ci {
                sum = sum + factors.of((n, i, j), t, c) * x[[n, k, l, c]] * w[[t / 3, t % 3, c, o]];
            }
        }
        sum
    })
}

/// `dx[n,q,c] = Σ_t (α[t] · γ[c] Σ_o e[n,q−t,o] · w[t,c,o] + share[t,c])`, by the factors of q − t, where that is inside.
pub fn clustered_grad_input<T: Real>(
    e: ArrayView4<'_, T>,
    w: ArrayView4<'_, T>,
    factors: Factors<'_, T>,
    share: ArrayView3<'_, T>,
) -> Array4<T> {
    let (n, h, width, co) = e.dim();
    let ci = w.dim().2;
    Array4::from_shape_fn((n, h, width, ci), |(n, i, j, c)| {
        let mut sum = T::zero();
        for t in 0..TAPS {
            let Some((k, l)) = shifted(t, (i, j), (h, width), true) else { continue };
            let inner: T = (0..co).map(|o| e[[n, k, l, o]] * w[[t / 3, t % 3, c, o]]).sum();
            let (n, segment) = factors.segment((n, k, l));
            sum = sum + factors.of((n, k, l), t, c) * inner + share[[n, segment, t * ci + c]];
        }
        sum
    })
}

/// With `S[t,c] = Σ_o w[t,c,o] · e[n,s,o]`: `dγ[c] = Σ_t α[t] · x[n,s+t,c] · S[t,c]`, then
/// `dα[t] = Σ_c γ[c] · x[n,s+t,c] · S[t,c]`.
pub fn clustered_grad_factors<T: Real>(
    x: ArrayView4<'_, T>,
    w: ArrayView4<'_, T>,
    factors: Factors<'_, T>,
    e: ArrayView4<'_, T>,
) -> Array4<T> {
    let (n, h, width, ci) = x.dim();
    let mut d = Array4::zeros((n, h, width, ci + TAPS));
    for (n, i, j) in (0..n).flat_map(|n| (0..h).flat_map(move |i| (0..width).map(move |j| (n, i, j)))) {
        let (_, segment) = factors.segment((n, i, j));
        for t in 0..TAPS {
            let Some((k, l)) = shifted(t, (i, j), (h, width), false) else { continue };
            for c in 0..ci {
                let back: T = (0..e.dim().3).map(|o| w[[t / 3, t % 3, c, o]] * e[[n, i, j, o]]).sum();
                let product = x[[n, k, l, c]] * back;
                d[[n, i, j, c]] = d[[n, i, j, c]] + factors.alpha[[n, segment, t]] * product;
                d[[n, i, j, ci + t]] = d[[n, i, j, ci + t]] + factors.gamma[[n, segment, c]] * product;
            }
        }
    }
    d
}

/// `dw[t,c,o] = Σ_{n,s} α[t] · γ[c] · x[n,s+t,c] · e[n,s,o]` over the image rows `rows` of the stacked `N·H`.
pub fn clustered_grad_weight<T: Real>(
    x: ArrayView4<'_, T>,
    factors: Factors<'_, T>,
    e: ArrayView4<'_, T>,
    rows: std::ops::Range<usize>,
) -> Array4<T> {
    let (_, h, width, ci) = x.dim();
    Array4::from_shape_fn((3, 3, ci, e.dim().3), |(u, v, c, o)| {
        let t = 3 * u + v;
        let pixels = rows.clone().flat_map(|r| (0..width).map(move |j| (r / h, r % h, j)));
        let term = |(n, i, j): (usize, usize, usize)| {
            let (k, l) = shifted(t, (i, j), (h, width), false)?;
            Some(factors.of((n, i, j), t, c) * x[[n, k, l, c]] * e[[n, i, j, o]])
        };
        pixels.filter_map(term).sum()
    })
}

fn view<'a, T>(args: &Args<'a, T>, i: usize) -> ArrayView4<'a, T> {
    ArrayView4::from_shape(args.shape(i).0, args.read(i)).expect("shape and data agree")
}

fn weights<'a, T>(args: &Args<'a, T>, ci: usize, co: usize) -> ArrayView4<'a, T> {
    ArrayView4::from_shape(Shape([3, 3, ci, co]).0, args.read(1)).expect("shape and data agree")
}

fn rows<'a, T>(args: &Args<'a, T>, i: usize) -> ArrayView3<'a, T> {
    let shape = args.shape(i);
    ArrayView3::from_shape((shape.n(), SEGMENTS, shape.c()), args.read(i)).expect("shape and data agree")
}

/// `alpha`, `gamma` and `index` from argument `first` on.
fn factors<'a, T>(args: &Args<'a, T>, first: usize) -> Factors<'a, T> {
    Factors { alpha: rows(args, first), gamma: rows(args, first + 1), index: view(args, first + 2) }
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let w = weights(args, args.shape(0).c(), args.shape(5).c());
    let v = clustered(view(args, 0), w, factors(args, 2));
    args.write(5).iter_mut().zip(v).for_each(|(to, v)| *to = v);
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let w = weights(args, args.shape(7).c(), args.shape(0).c());
    let mut out = clustered_grad_input(view(args, 0), w, factors(args, 2), rows(args, 5)).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(6) {
        crate::kernels::conv2d::add(&mut out, other);
    }
    args.write(7).copy_from_slice(&out);
}

pub(super) fn grad_factors<T: Real>(args: &mut Args<'_, T>) {
    let w = weights(args, args.shape(0).c(), args.shape(5).c());
    let d = clustered_grad_factors(view(args, 0), w, factors(args, 2), view(args, 5));
    args.write(6).iter_mut().zip(d).for_each(|(to, d)| *to = d);
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (x, rows, len) = (args.shape(0), args.params::<Params>().rows as usize, args.shape(5).c());
    let (xs, factors, e) = (view(args, 0), factors(args, 1), view(args, 4));
    for (i, part) in args.write(5).chunks_exact_mut(len).enumerate() {
        let end = ((i + 1) * rows).min(x.n() * x.h());
        let dw = clustered_grad_weight(xs, factors, e, i * rows..end);
        part.iter_mut().zip(dw).for_each(|(to, value)| *to = value);
    }
}

/// ω and β, arguments from `first` on, of each element of images of `shape`.
fn scales<'a, T: Real>(args: &Args<'a, T>, first: usize, shape: Shape) -> impl Fn(usize) -> (T, T) + use<'a, T> {
    let (omega, beta, index) = (args.read(first), args.read(first + 1), args.read(first + 2));
    let (c, image) = (shape.c(), shape.h() * shape.w());
    move |i| {
        let pixel = i / c;
        let at = (pixel / image * SEGMENTS + number(index[pixel])) * c + i % c;
        (omega[at], beta[at])
    }
}

pub(super) fn scaled<T: Real>(args: &mut Args<'_, T>) {
    let slope = T::of(args.params::<Params>().slope.into());
    let (scale, sums, add) = (scales(args, 1, args.shape(0)), args.read(0), args.maybe(4));
    for (i, y) in args.write(5).iter_mut().enumerate() {
        let (omega, beta) = scale(i);
        let z = beta + omega * sums[i];
        let value = if z > T::zero() { z } else { slope * z };
        *y = value + add.map_or(T::zero(), |add| add[i]);
    }
}

pub(super) fn scaled_grad<T: Real>(args: &mut Args<'_, T>) {
    let (slope, c) = (T::of(args.params::<Params>().slope.into()), args.shape(0).c());
    let (scale, dy, sums) = (scales(args, 2, args.shape(0)), args.read(0), args.read(1));
    let (e, dtable) = (args.write(5), args.write(6));
    for i in 0..dy.len() {
        let (omega, beta) = scale(i);
        let dz = if beta + omega * sums[i] > T::zero() { dy[i] } else { slope * dy[i] };
        let at = i / c * 2 * c + i % c;
        e[i] = omega * dz;
        dtable[at] = dz * sums[i];
        dtable[at + c] = dz;
    }
}
