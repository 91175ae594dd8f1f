//! The formulas from the book, one pixel at a time.

use crate::graph::{Args, Real};

/// The flat parameter taken apart, all matrices `[out, in]` row by row.
pub struct MlpWeights<'a, T> {
    /// `[d, C]`.
    pub w1: &'a [T],
    /// `[d]`.
    pub b1: &'a [T],
    /// `[d, d]`.
    pub w2: &'a [T],
    /// `[d]`.
    pub b2: &'a [T],
    /// `[d]`.
    pub w3: &'a [T],
    /// Scalar.
    pub b3: T,
}

impl<'a, T: Real> MlpWeights<'a, T> {
    /// Takes apart the parameter for `c` bands and hidden width `d`.
    pub fn new(flat: &'a [T], c: usize, d: usize) -> Self {
        let (w1, rest) = flat.split_at(d * c);
        let (b1, rest) = rest.split_at(d);
        let (w2, rest) = rest.split_at(d * d);
        let (b2, rest) = rest.split_at(d);
        let (w3, b3) = rest.split_at(d);
        Self { w1, b1, w2, b2, w3, b3: b3[0] }
    }
}

fn sigmoid<T: Real>(v: T) -> T {
    T::one() / (T::one() + (-v).exp())
}

fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).map(|(a, b)| *a * *b).sum()
}

/// `σ(W v + b)` for `W [d, v.len()]`.
fn layer<T: Real>(w: &[T], b: &[T], v: &[T]) -> Vec<T> {
    w.chunks_exact(v.len()).zip(b).map(|(row, b)| sigmoid(dot(row, v) + *b)).collect()
}

/// `w3 · σ(W2 σ(W1 x + b1) + b2) + b3` for one pixel `x [C]`.
pub fn mlp<T: Real>(x: &[T], w: &MlpWeights<'_, T>) -> T {
    dot(w.w3, &layer(w.w2, w.b2, &layer(w.w1, w.b1, x))) + w.b3
}

/// Gradients of `dy · g(x)` at one pixel: `dx [C]`, and the flat parameter's.
pub fn mlp_backward<T: Real>(x: &[T], w: &MlpWeights<'_, T>, dy: T) -> (Vec<T>, Vec<T>) {
    let h1 = layer(w.w1, w.b1, x);
    let h2 = layer(w.w2, w.b2, &h1);
    // σ' = σ (1 − σ)
    let slope = |h: T| h * (T::one() - h);
    let d2: Vec<T> = h2.iter().zip(w.w3).map(|(h, w)| dy * *w * slope(*h)).collect();
    let back = |w: &[T], d: &[T], cols: usize, j: usize| -> T { (0..d.len()).map(|i| w[i * cols + j] * d[i]).sum() };
    let d1: Vec<T> = h1.iter().enumerate().map(|(j, h)| back(w.w2, &d2, h1.len(), j) * slope(*h)).collect();
    let dx = (0..x.len()).map(|j| back(w.w1, &d1, x.len(), j)).collect();
    let outer = |d: &[T], v: &[T]| -> Vec<T> { d.iter().flat_map(|d| v.iter().map(move |v| *d * *v)).collect() };
    let dw3: Vec<T> = h2.iter().map(|h| dy * *h).collect();
    let dw = [outer(&d1, x), d1.clone(), outer(&d2, &h1), d2, dw3, vec![dy]].concat();
    (dx, dw)
}

fn weights<'a, T: Real>(args: &Args<'a, T>) -> MlpWeights<'a, T> {
    MlpWeights::new(args.read(1), args.shape(0).c(), args.params::<super::Params>().d as usize)
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (w, c) = (weights(args), args.shape(0).c());
    for (x, y) in args.read(0).chunks_exact(c).zip(args.write(2)) {
        *y = mlp(x, &w);
    }
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let (w, c) = (weights(args), args.shape(0).c());
    let pixels = args.read(0).chunks_exact(c).zip(args.read(2));
    for ((x, dy), dx) in pixels.zip(args.write(3).chunks_exact_mut(c)) {
        dx.copy_from_slice(&mlp_backward(x, &w, *dy).0);
    }
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let (w, c, len) = (weights(args), args.shape(0).c(), args.shape(1).len());
    let chunk = args.params::<super::Params>().chunk as usize;
    let chunks = args.read(0).chunks(chunk * c).zip(args.read(2).chunks(chunk));
    for ((x, dy), part) in chunks.zip(args.write(3).chunks_exact_mut(len)) {
        part.fill(T::zero());
        for (x, dy) in x.chunks_exact(c).zip(dy) {
            for (sum, term) in part.iter_mut().zip(mlp_backward(x, &w, *dy).1) {
                *sum = *sum + term;
            }
        }
    }
}
