//! The formulas from the book, in plain loops.

use ndarray::{Array4, ArrayView2, ArrayView4};

use super::{Params, TAPS};
use crate::graph::{Args, Real, Shape};
use crate::kernels::conv2d::{add, relu};

/// Pixel `(i, j)` shifted by tap `t` of 3×3, or back by it, if that is inside `h × w`.
fn shifted(t: usize, (i, j): (usize, usize), (h, w): (usize, usize), back: bool) -> Option<(usize, usize)> {
    let (u, v) = if back { (2 - t / 3, 2 - t % 3) } else { (t / 3, t % 3) };
    let (i, j) = ((i + u).checked_sub(1)?, (j + v).checked_sub(1)?);
    (i < h && j < w).then_some((i, j))
}

/// `y[n,s,o] = each[n,o] + Σ_t a[n,s,t] Σ_c x[n,s+t,c] · w[t,c,o]`, zero outside. `w` is `[3, 3, Ci, Co]`.
pub fn modulated<T: Real>(
    x: ArrayView4<'_, T>,
    w: ArrayView4<'_, T>,
    a: ArrayView4<'_, T>,
    each: ArrayView2<'_, T>,
) -> Array4<T> {
    let (n, h, width, ci) = x.dim();
    Array4::from_shape_fn((n, h, width, w.dim().3), |(n, i, j, o)| {
        let mut sum = each[[n, o]];
        for t in 0..TAPS {
            let Some((k, l)) = shifted(t, (i, j), (h, width), false) else { continue };
            let inner: T = (0..ci).map(|c| x[[n, k, l, c]] * w[[t / 3, t % 3, c, o]]).sum();
            sum = sum + a[[n, i, j, t]] * inner;
        }
        sum
    })
}

/// `dx[n,q,c] = each[n,c] + Σ_t a[n,q−t,t] Σ_o dy[n,q−t,o] · w[t,c,o]`, where q−t is inside.
pub fn modulated_grad_input<T: Real>(
    dy: ArrayView4<'_, T>,
    w: ArrayView4<'_, T>,
    a: ArrayView4<'_, T>,
    each: ArrayView2<'_, T>,
) -> Array4<T> {
    let (n, h, width, co) = dy.dim();
    Array4::from_shape_fn((n, h, width, w.dim().2), |(n, i, j, c)| {
        let mut sum = each[[n, c]];
        for t in 0..TAPS {
            let Some((k, l)) = shifted(t, (i, j), (h, width), true) else { continue };
            let inner: T = (0..co).map(|o| dy[[n, k, l, o]] * w[[t / 3, t % 3, c, o]]).sum();
            sum = sum + a[[n, k, l, t]] * inner;
        }
        sum
    })
}

/// `da[n,s,t] = Σ_c x[n,s+t,c] Σ_o w[t,c,o] · dy[n,s,o]`.
pub fn modulated_grad_gate<T: Real>(x: ArrayView4<'_, T>, w: ArrayView4<'_, T>, dy: ArrayView4<'_, T>) -> Array4<T> {
    let (n, h, width, ci) = x.dim();
    Array4::from_shape_fn((n, h, width, TAPS), |(n, i, j, t)| {
        let Some((k, l)) = shifted(t, (i, j), (h, width), false) else { return T::zero() };
        let back = |c: usize| (0..dy.dim().3).map(|o| w[[t / 3, t % 3, c, o]] * dy[[n, i, j, o]]).sum::<T>();
        (0..ci).map(|c| x[[n, k, l, c]] * back(c)).sum()
    })
}

/// `dw[t,c,o] = Σ_{n,s} a[n,s,t] · x[n,s+t,c] · dy[n,s,o]` over the image rows `rows` of the stacked `N·H`.
pub fn modulated_grad_weight<T: Real>(
    x: ArrayView4<'_, T>,
    a: ArrayView4<'_, T>,
    dy: ArrayView4<'_, T>,
    rows: std::ops::Range<usize>,
) -> Array4<T> {
    let (_, h, width, ci) = x.dim();
    Array4::from_shape_fn((3, 3, ci, dy.dim().3), |(u, v, c, o)| {
        let t = 3 * u + v;
        let pixels = rows.clone().flat_map(|r| (0..width).map(move |j| (r / h, r % h, j)));
        let term = |(n, i, j): (usize, usize, usize)| {
            let (k, l) = shifted(t, (i, j), (h, width), false)?;
            Some(a[[n, i, j, t]] * x[[n, k, l, c]] * dy[[n, i, j, o]])
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

fn each<'a, T>(args: &Args<'a, T>) -> ArrayView2<'a, T> {
    let shape = args.shape(3);
    ArrayView2::from_shape((shape.n(), shape.c()), args.read(3)).expect("shape and data agree")
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let w = weights(args, args.shape(0).c(), args.shape(5).c());
    let mut out = modulated(view(args, 0), w, view(args, 2), each(args)).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(4) {
        add(&mut out, other);
    }
    if args.params::<Params>().relu == 1 {
        out.iter_mut().for_each(|v| *v = relu(*v));
    }
    args.write(5).copy_from_slice(&out);
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let w = weights(args, args.shape(5).c(), args.shape(0).c());
    let mut out = modulated_grad_input(view(args, 0), w, view(args, 2), each(args)).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(4) {
        add(&mut out, other);
    }
    args.write(5).copy_from_slice(&out);
}

pub(super) fn grad_gate<T: Real>(args: &mut Args<'_, T>) {
    let w = weights(args, args.shape(0).c(), args.shape(3).c());
    let da = modulated_grad_gate(view(args, 0), w, view(args, 3));
    let gates = args.read(2);
    for ((d, da), a) in args.write(4).iter_mut().zip(da).zip(gates) {
        *d = da * *a * (T::one() - *a);
    }
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (x, rows, len) = (args.shape(0), args.params::<Params>().rows as usize, args.shape(3).c());
    let images = (view(args, 0), view(args, 1), view(args, 2));
    for (i, part) in args.write(3).chunks_exact_mut(len).enumerate() {
        let end = ((i + 1) * rows).min(x.n() * x.h());
        let dw = modulated_grad_weight(images.0, images.1, images.2, i * rows..end);
        part.iter_mut().zip(dw).for_each(|(into, value)| *into = value);
    }
}
