//! The formulas in plain loops.

use super::Params;
use crate::graph::{Args, Real};

/// Both layers, weights `[inputs, outputs]` before biases.
#[derive(Clone, Copy)]
pub struct Vector<'a, T> {
    /// `[Ci, Co]`, `[Co]`.
    pub w0: &'a [T],
    /// `[Co, Co]`, `[Co]`.
    pub w1: &'a [T],
    /// Co.
    pub co: usize,
}

/// `out[o] = b[o] + Σ_k v[k] · w[k,o]`.
fn layer<T: Real>(w: &[T], v: &[T], co: usize) -> Vec<T> {
    let (weights, bias) = w.split_at(v.len() * co);
    (0..co).map(|o| bias[o] + v.iter().enumerate().map(|(k, v)| *v * weights[k * co + o]).sum()).collect()
}

/// `out[k] = Σ_o w[k,o] · d[o]`.
fn layer_back<T: Real>(w: &[T], d: &[T], inputs: usize) -> Vec<T> {
    w.chunks_exact(d.len()).take(inputs).map(|w| w.iter().zip(d).map(|(w, d)| *w * *d).sum()).collect()
}

fn rectified<T: Real>(q: &[T]) -> Vec<T> {
    q.iter().map(|q| q.max(T::zero())).collect()
}

/// `W1 · relu(W0 · mean + b0) + b1`.
pub fn harmonic<T: Real>(mean: &[T], net: Vector<'_, T>) -> Vec<T> {
    layer(net.w1, &rectified(&layer(net.w0, mean, net.co)), net.co)
}

/// Gradients at the mean and of both layers, from `db` at the vector.
pub fn harmonic_backward<T: Real>(mean: &[T], net: Vector<'_, T>, db: &[T]) -> (Vec<T>, [Vec<T>; 2]) {
    let q = layer(net.w0, mean, net.co);
    let passed = layer_back(net.w1, db, net.co);
    let dq: Vec<T> = q.iter().zip(passed).map(|(q, d)| if *q > T::zero() { d } else { T::zero() }).collect();
    let outer = |v: &[T], d: &[T]| -> Vec<T> {
        v.iter().flat_map(|v| d.iter().map(move |d| *v * *d)).chain(d.iter().copied()).collect()
    };
    (layer_back(net.w0, &dq, mean.len()), [outer(mean, &dq), outer(&rectified(&q), db)])
}

pub(super) fn image_sums<T: Real>(args: &mut Args<'_, T>) {
    let (x, p) = (args.shape(0), args.params::<Params>());
    let (c, chunk) = (x.c(), p.chunk as usize);
    let images = args.read(0).chunks_exact(x.h() * x.w() * c);
    let runs = images.flat_map(|image| image.chunks(chunk * c));
    for (sums, run) in args.write(1).chunks_exact_mut(c).zip(runs) {
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = run.iter().skip(k).step_by(c).copied().sum();
        }
    }
}

/// Sums of each image's rows of partial sums.
fn added<T: Real>(part: &[T], runs: usize, c: usize) -> Vec<Vec<T>> {
    let image = |rows: &[T]| (0..c).map(|k| rows.iter().skip(k).step_by(c).copied().sum()).collect();
    part.chunks_exact(runs * c).map(image).collect()
}

fn means<T: Real>(args: &Args<'_, T>, p: Params) -> Vec<Vec<T>> {
    let share = T::one() / T::of(p.pixels.into());
    let sums = added(args.read(0), p.runs as usize, p.ci as usize);
    sums.into_iter().map(|sums| sums.into_iter().map(|sum| sum * share).collect()).collect()
}

fn net<'a, T>(args: &Args<'a, T>, p: Params) -> Vector<'a, T> {
    Vector { w0: args.read(1), w1: args.read(2), co: p.co as usize }
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let (means, net) = (means(args, p), net(args, p));
    for (y, mean) in args.write(3).chunks_exact_mut(net.co).zip(means) {
        y.copy_from_slice(&harmonic(&mean, net));
    }
}

pub(super) fn grad_input<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let (means, net, share) = (means(args, p), net(args, p), T::one() / T::of(p.pixels.into()));
    let gradients = added(args.read(3), p.back as usize, net.co);
    for (dx, (mean, db)) in args.write(4).chunks_exact_mut(p.ci as usize).zip(means.iter().zip(gradients)) {
        let at_mean = harmonic_backward(mean, net, &db).0;
        dx.iter_mut().zip(at_mean).for_each(|(dx, d)| *dx = d * share);
    }
}

pub(super) fn grad_weight<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let (means, net) = (means(args, p), net(args, p));
    let gradients = added(args.read(3), p.back as usize, net.co);
    let out = args.write(4);
    out.fill(T::zero());
    for (mean, db) in means.iter().zip(gradients) {
        let of_image = &harmonic_backward(mean, net, &db).1[p.layer as usize];
        out.iter_mut().zip(of_image).for_each(|(sum, d)| *sum = *sum + *d);
    }
}
