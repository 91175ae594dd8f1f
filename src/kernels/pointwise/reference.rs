//! The formulas from the book, in plain loops.

use ndarray::{Array1, Array2, ArrayView2};

use super::{Act, Params};
use crate::graph::{Args, Real};
use crate::kernels::conv2d::{add, relu, relu_grad};

/// `y[p,o] = b[o] + Σ_c x[p,c] · w[c,o]`, without biases where `b` is empty.
pub fn pointwise<T: Real>(x: ArrayView2<'_, T>, w: ArrayView2<'_, T>, b: &[T]) -> Array2<T> {
    Array2::from_shape_fn((x.dim().0, w.dim().1), |(p, o)| {
        let mut sum = b.get(o).copied().unwrap_or(T::zero());
        for c in 0..w.dim().0 {
            sum = sum + x[[p, c]] * w[[c, o]];
        }
        sum
    })
}

/// `dx[p,c] = Σ_o dy[p,o] · w[c,o]`.
pub fn pointwise_grad_input<T: Real>(dy: ArrayView2<'_, T>, w: ArrayView2<'_, T>) -> Array2<T> {
    Array2::from_shape_fn((dy.dim().0, w.dim().0), |(p, c)| (0..w.dim().1).map(|o| dy[[p, o]] * w[[c, o]]).sum())
}

/// `dw[c,o] = Σ_p x[p,c] · dy[p,o]` and `db[o] = Σ_p dy[p,o]`.
pub fn pointwise_grad_weight<T: Real>(x: ArrayView2<'_, T>, dy: ArrayView2<'_, T>) -> (Array2<T>, Array1<T>) {
    let pixels = || 0..x.dim().0;
    let dw = Array2::from_shape_fn((x.dim().1, dy.dim().1), |(c, o)| pixels().map(|p| x[[p, c]] * dy[[p, o]]).sum());
    (dw, Array1::from_shape_fn(dy.dim().1, |o| pixels().map(|p| dy[[p, o]]).sum()))
}

/// `1 / (1 + e^−v)`.
fn sigmoid<T: Real>(v: T) -> T {
    T::one() / (T::one() + (-v).exp())
}

fn rows<T>(data: &[T], columns: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((data.len() / columns, columns), data).expect("whole rows")
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (ci, co, p) = (args.shape(0).c(), args.shape(4).c(), args.params::<Params>());
    let (w, b) = args.read(1).split_at(ci * co);
    let mut out = pointwise(rows(args.read(0), ci), rows(w, co), b).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(2) {
        add(&mut out, other);
    }
    for v in &mut out {
        *v = match p.act() {
            Act::None => *v,
            Act::Relu => relu(*v),
            Act::Sigmoid => sigmoid(*v),
        };
    }
    if let Some(other) = args.maybe(3) {
        add(&mut out, other);
    }
    args.write(4).copy_from_slice(&out);
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let (co, ci) = (args.shape(0).c(), args.shape(4).c());
    let w = &args.read(1)[..ci * co];
    let mut out = pointwise_grad_input(rows(args.read(0), co), rows(w, co)).into_raw_vec_and_offset().0;
    if let Some(other) = args.maybe(2) {
        add(&mut out, other);
    }
    if let Some(mask) = args.maybe(3) {
        out.iter_mut().zip(mask).for_each(|(v, m)| *v = relu_grad(*m, *v));
    }
    args.write(4).copy_from_slice(&out);
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (ci, co, p) = (args.shape(0).c(), args.shape(1).c(), args.params::<Params>());
    let (len, chunk) = (args.shape(2).c(), p.chunk as usize);
    let pairs = args.read(0).chunks(chunk * ci).zip(args.read(1).chunks(chunk * co));
    for (part, (x, dy)) in args.write(2).chunks_exact_mut(len).zip(pairs) {
        let (dw, db) = pointwise_grad_weight(rows(x, ci), rows(dy, co));
        // Where there are no biases the part ends before their gradients.
        for (into, value) in part.iter_mut().zip(dw.iter().chain(&db)) {
            *into = *value;
        }
    }
}
