//! The formulas from the book, in plain loops.

use ndarray::{Array1, Array3, Array4, ArrayView3, ArrayView4};

use super::Params;
use crate::graph::{Args, Real, Shape};
use crate::kernels::conv2d::add;

/// `x[n, i+u−1, j+v−1, c]`, zero outside.
fn neighbour<T: Real>(x: &ArrayView4<'_, T>, n: usize, (i, u): (usize, usize), (j, v): (usize, usize), c: usize) -> T {
    let inside = (i + u).checked_sub(1).zip((j + v).checked_sub(1));
    inside.and_then(|(i, j)| x.get((n, i, j, c)).copied()).unwrap_or(T::zero())
}

/// `y[n,i,j,c] = b[c] + Σ_{u,v} x[n, i+u−1, j+v−1, c] · w[u,v,c]`, zero outside; without biases where `b` is empty.
pub fn depthwise<T: Real>(x: ArrayView4<'_, T>, w: ArrayView3<'_, T>, b: &[T]) -> Array4<T> {
    Array4::from_shape_fn(x.dim(), |(n, i, j, c)| {
        let mut sum = b.get(c).copied().unwrap_or(T::zero());
        for ((u, v), weight) in w.index_axis(ndarray::Axis(2), c).indexed_iter() {
            sum = sum + neighbour(&x, n, (i, u), (j, v), c) * *weight;
        }
        sum
    })
}

/// `dx[n,i,j,c] = Σ_{u,v} dy[n, i−u+1, j−v+1, c] · w[u,v,c]`, zero outside.
pub fn depthwise_grad_input<T: Real>(dy: ArrayView4<'_, T>, w: ArrayView3<'_, T>) -> Array4<T> {
    Array4::from_shape_fn(dy.dim(), |(n, i, j, c)| {
        let taps = w.index_axis(ndarray::Axis(2), c);
        taps.indexed_iter().map(|((u, v), weight)| neighbour(&dy, n, (i, 2 - u), (j, 2 - v), c) * *weight).sum()
    })
}

/// `dw[u,v,c] = Σ_{n,i,j} x[n, i+u−1, j+v−1, c] · dy[n,i,j,c]` and `db[c] = Σ dy[n,i,j,c]`, both over the image rows
/// `rows` of the stacked `N·H`.
pub fn depthwise_grad_weight<T: Real>(
    x: ArrayView4<'_, T>,
    dy: ArrayView4<'_, T>,
    rows: std::ops::Range<usize>,
) -> (Array3<T>, Array1<T>) {
    let (_, h, width, c) = x.dim();
    let pixels = || rows.clone().flat_map(|r| (0..width).map(move |j| (r / h, r % h, j)));
    let dw = Array3::from_shape_fn((3, 3, c), |(u, v, c)| {
        pixels().map(|(n, i, j)| neighbour(&x, n, (i, u), (j, v), c) * dy[[n, i, j, c]]).sum()
    });
    (dw, Array1::from_shape_fn(c, |c| pixels().map(|(n, i, j)| dy[[n, i, j, c]]).sum()))
}

fn view<T>(data: &[T], shape: Shape) -> ArrayView4<'_, T> {
    ArrayView4::from_shape(shape.0, data).expect("shape and data agree")
}

fn taps<T>(w: &[T], c: usize) -> ArrayView3<'_, T> {
    ArrayView3::from_shape((3, 3, c), &w[..9 * c]).expect("nine taps")
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (x, w) = (args.shape(0), args.read(1));
    let y = depthwise(view(args.read(0), x), taps(w, x.c()), &w[9 * x.c()..]);
    args.write(2).iter_mut().zip(y).for_each(|(into, v)| *into = v);
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let dy = args.shape(0);
    let mut out = depthwise_grad_input(view(args.read(0), dy), taps(args.read(1), dy.c())).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(2) {
        add(&mut out, other);
    }
    args.write(3).copy_from_slice(&out);
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (x, rows, len) = (args.shape(0), args.params::<Params>().rows as usize, args.shape(2).c());
    let (xs, dys) = (view(args.read(0), x), view(args.read(1), x));
    for (i, part) in args.write(2).chunks_exact_mut(len).enumerate() {
        let end = ((i + 1) * rows).min(x.n() * x.h());
        let (dw, db) = depthwise_grad_weight(xs, dys, i * rows..end);
        for (into, value) in part.iter_mut().zip(dw.iter().chain(&db)) {
            *into = *value;
        }
    }
}
