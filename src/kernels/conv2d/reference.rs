//! The formulas from the book, in plain loops.

use ndarray::{Array1, Array4, ArrayView4};

use super::Params;
use crate::graph::{Args, Real, Shape};

fn view<T>(data: &[T], shape: Shape) -> ArrayView4<'_, T> {
    ArrayView4::from_shape(shape.0, data).expect("shape and data agree")
}

/// `y[n,i,j,o] = b[o] + Σ_{u,v,c} x[n, i+u−1, j+v−1, c] · w[u,v,c,o]`, zero outside.
/// `w` is `[3, 3, Ci, Co]`.
pub fn conv2d<T: Real>(x: ArrayView4<'_, T>, w: ArrayView4<'_, T>, b: &[T]) -> Array4<T> {
    let (n, h, width, _) = x.dim();
    Array4::from_shape_fn((n, h, width, b.len()), |(n, i, j, o)| {
        let mut sum = b[o];
        for ((u, v, c), weight) in w.index_axis(ndarray::Axis(3), o).indexed_iter() {
            if let Some(pixel) = neighbour(&x, n, (i, u), (j, v), c) {
                sum = sum + pixel * *weight;
            }
        }
        sum
    })
}

/// `x[n, i+u−1, j+v−1, c]` if that is inside.
fn neighbour<T: Real>(
    x: &ArrayView4<'_, T>,
    n: usize,
    (i, u): (usize, usize),
    (j, v): (usize, usize),
    c: usize,
) -> Option<T> {
    x.get((n, (i + u).checked_sub(1)?, (j + v).checked_sub(1)?, c)).copied()
}

/// `dx[n,i,j,c] = Σ_{u,v,o} dy[n, i−u+1, j−v+1, o] · w[u,v,c,o]`, zero outside.
pub fn conv2d_grad_input<T: Real>(dy: ArrayView4<'_, T>, w: ArrayView4<'_, T>) -> Array4<T> {
    let (n, h, width, _) = dy.dim();
    Array4::from_shape_fn((n, h, width, w.dim().2), |(n, i, j, c)| {
        let mut sum = T::zero();
        for ((u, v, o), weight) in w.index_axis(ndarray::Axis(2), c).indexed_iter() {
            if let Some(grad) = neighbour(&dy, n, (i, 2 - u), (j, 2 - v), o) {
                sum = sum + grad * *weight;
            }
        }
        sum
    })
}

/// `dw[u,v,c,o] = Σ_{n,i,j} x[n, i+u−1, j+v−1, c] · dy[n,i,j,o]` and `db[o] = Σ dy[n,i,j,o]`,
/// both over the image rows `rows` of the stacked `N·H`.
pub fn conv2d_grad_weight<T: Real>(
    x: ArrayView4<'_, T>,
    dy: ArrayView4<'_, T>,
    rows: std::ops::Range<usize>,
) -> (Array4<T>, Array1<T>) {
    let (_, h, width, ci) = x.dim();
    let co = dy.dim().3;
    let pixels = || rows.clone().flat_map(|r| (0..width).map(move |j| (r / h, r % h, j)));
    let dw = Array4::from_shape_fn((3, 3, ci, co), |(u, v, c, o)| {
        pixels().filter_map(|(n, i, j)| Some(neighbour(&x, n, (i, u), (j, v), c)? * dy[[n, i, j, o]])).sum()
    });
    let db = Array1::from_shape_fn(co, |o| pixels().map(|(n, i, j)| dy[[n, i, j, o]]).sum());
    (dw, db)
}

/// `max(v, 0)`.
pub fn relu<T: Real>(v: T) -> T {
    v.max(T::zero())
}

/// Gradient of [`relu`] at output `y`: passes where `y > 0`.
pub fn relu_grad<T: Real>(y: T, dy: T) -> T {
    if y > T::zero() { dy } else { T::zero() }
}

/// Element-wise sum into `into`.
pub fn add<T: Real>(into: &mut [T], other: &[T]) {
    for (a, b) in into.iter_mut().zip(other) {
        *a = *a + *b;
    }
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (x, y, p) = (args.shape(0), args.shape(3), args.params::<Params>());
    let (w, b) = args.read(1).split_at(9 * x.c() * y.c());
    let mut out = conv2d(view(args.read(0), x), view(w, Shape([3, 3, x.c(), y.c()])), b).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(2) {
        add(&mut out, other);
    }
    if p.relu == 1 {
        out.iter_mut().for_each(|v| *v = relu(*v));
    }
    args.write(3).copy_from_slice(&out);
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let (dy, dx) = (args.shape(0), args.shape(4));
    let w = &args.read(1)[..9 * dx.c() * dy.c()];
    let weights = view(w, Shape([3, 3, dx.c(), dy.c()]));
    let mut out = conv2d_grad_input(view(args.read(0), dy), weights).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(2) {
        add(&mut out, other);
    }
    if let Some(mask) = args.maybe(3) {
        out.iter_mut().zip(mask).for_each(|(v, m)| *v = relu_grad(*m, *v));
    }
    args.write(4).copy_from_slice(&out);
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (x, dy, rows) = (args.shape(0), args.shape(1), args.params::<Params>().rows as usize);
    let (xs, dys) = (view(args.read(0), x), view(args.read(1), dy));
    let len = super::weight_len(x.c(), dy.c());
    for (i, part) in args.write(2).chunks_exact_mut(len).enumerate() {
        let end = ((i + 1) * rows).min(x.n() * x.h());
        let (dw, db) = conv2d_grad_weight(xs, dys, i * rows..end);
        for (into, value) in part.iter_mut().zip(dw.iter().chain(&db)) {
            *into = *value;
        }
    }
}
