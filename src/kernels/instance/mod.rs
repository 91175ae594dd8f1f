//! Instance norm: the first channels of each image brought to mean 0 and variance 1 over its pixels, then `w x̂ + b`; the
//! others pass. And its gradients.
//!
//! Layouts: images `[N, H, W, C]`; weights one flat tensor, `w [K]`, then `b [K]`, of K channels; means and variances
//! `[N, 1, 1, C]`. Sums over pixels begin as partial sums over runs, `[N, runs, 1, ..]`; the variance is that of the
//! pixels, plus 1e-5.

mod cases;
mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::harmonic::{Sums, image_sums, run_pixels};
use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Kernel, PlanBuilder, Shader, Shape, Shapes, Tensor};

/// Added to variances before their root.
pub(super) const EPSILON: f64 = 1e-5;

/// Parameters of all kernels; `struct Params` of `shaders/instance.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    /// Pixels of an image.
    pixels: u32,
    /// Channels.
    c: u32,
    /// Channels that are normalised.
    k: u32,
    /// Pixels per partial sum.
    chunk: u32,
    /// Partial sums of an image.
    runs: u32,
    /// Of a mean: what the sum is divided by.
    count: u32,
    /// 1: argument `gate` is present.
    gated: u32,
}

impl Params {
    fn new(x: Shape) -> Self {
        let [n, h, w, c] = x.0.map(|size| size as u32);
        Self { n, pixels: h * w, c, ..Self::zeroed() }
    }

    fn with_runs(self, chunk: usize) -> Self {
        Self { chunk: chunk as u32, runs: self.pixels.div_ceil(chunk as u32), ..self }
    }

    fn part(self, columns: u32) -> Shape {
        Shape([self.n as usize, self.runs as usize, 1, columns as usize])
    }

    fn of_images(self, c: u32) -> Shape {
        Shape([self.n as usize, 1, 1, c as usize])
    }
}

/// `y = Σ part / count`, times `gate (1 − gate)`.
pub(super) static IMAGE_MEANS: Kernel = Kernel {
    name: "image_means",
    family: "instance",
    shader: Shader::new(wgsl!("instance.wgsl"), "image_means", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(0, "part"), Arg::maybe(1, "gate"), Arg::write(2, "y")],
    shapes: |s| {
        let p = s.params::<Params>();
        same("part", s.get(0), p.part(p.c))?;
        same_if_present(s, 1, "gate", p.of_images(p.c))?;
        same("y", s.get(2), p.of_images(p.c))
    },
    terms: |s| s.get(0).h() + 2,
    flops: |s| s.get(0).len(),
    reference: reference!(reference::means),
    cpu: None,
    cases: cases::means,
};

/// Partial sums of `(x − mean)²`.
pub(super) static INSTANCE_SPREAD: Kernel = Kernel {
    name: "instance_spread",
    family: "instance",
    shader: Shader::new(wgsl!("instance.wgsl"), "instance_spread", |s| of_part(s.get(2))),
    args: &[Arg::read(3, "x"), Arg::read(4, "mean"), Arg::write(5, "sums")],
    shapes: |s| {
        let p = s.params::<Params>();
        same("mean", s.get(1), p.of_images(p.c))?;
        same("sums", s.get(2), p.part(p.c))
    },
    terms: |s| s.params::<Params>().chunk as usize + 1,
    flops: |s| 3 * s.get(0).len(),
    reference: reference!(reference::spread),
    cpu: Some(cpu::spread),
    cases: cases::spread,
};

/// `y = w x̂ + b`.
pub(super) static INSTANCE_NORM: Kernel = Kernel {
    name: "instance_norm",
    family: "instance",
    shader: Shader::new(wgsl!("instance.wgsl"), "instance_norm", |s| groups(s.get(4).len().div_ceil(64))),
    args: &[Arg::read(3, "x"), Arg::read(4, "mean"), Arg::read(6, "variance"), Arg::read(7, "w"), Arg::write(2, "y")],
    shapes: |s| {
        moments_fit(s, 1)?;
        weights_fit(s, 3)?;
        same("y", s.get(4), s.get(0))
    },
    terms: |_| 4,
    flops: |s| 4 * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: cases::forward,
};

/// Partial sums of `dy x̂`, then of `dy`.
pub(super) static INSTANCE_GRAD_SUMS: Kernel = Kernel {
    name: "instance_grad_sums",
    family: "instance",
    shader: Shader::new(wgsl!("instance.wgsl"), "instance_grad_sums", |s| of_part(s.get(4))),
    args: &[
        Arg::read(3, "x"),
        Arg::read(4, "mean"),
        Arg::read(6, "variance"),
        Arg::read(8, "dy"),
        Arg::write(5, "sums"),
    ],
    shapes: |s| {
        let p = s.params::<Params>();
        moments_fit(s, 1)?;
        same("dy", s.get(3), s.get(0))?;
        same("sums", s.get(4), p.part(2 * p.k))
    },
    terms: |s| s.params::<Params>().chunk as usize + 2,
    flops: |s| 5 * s.get(0).len(),
    reference: reference!(reference::grad_sums),
    cpu: Some(cpu::grad_sums),
    cases: cases::grad_sums,
};

/// `dx = w (dy − mean dy − x̂ mean(dy x̂)) / σ`.
pub(super) static INSTANCE_GRAD_INPUT: Kernel = Kernel {
    name: "instance_grad_input",
    family: "instance",
    shader: Shader::new(wgsl!("instance.wgsl"), "instance_grad_input", |s| groups(s.get(6).len().div_ceil(64))),
    args: &[
        Arg::read(3, "x"),
        Arg::read(4, "mean"),
        Arg::read(6, "variance"),
        Arg::read(7, "w"),
        Arg::read(8, "dy"),
        Arg::read(9, "means"),
        Arg::write(10, "dx"),
    ],
    shapes: |s| {
        let p = s.params::<Params>();
        moments_fit(s, 1)?;
        weights_fit(s, 3)?;
        same("dy", s.get(4), s.get(0))?;
        same("means", s.get(5), p.of_images(2 * p.k))?;
        same("dx", s.get(6), s.get(0))
    },
    terms: |_| 6,
    flops: |s| 8 * s.get(0).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: cases::grad_input,
};

fn moments_fit(s: &Shapes<'_>, first: usize) -> Result<(), String> {
    let p = s.params::<Params>();
    same("mean", s.get(first), p.of_images(p.c))?;
    same("variance", s.get(first + 1), p.of_images(p.c))
}

fn weights_fit(s: &Shapes<'_>, i: usize) -> Result<(), String> {
    let p = s.params::<Params>();
    same("w", s.get(i), Shape::flat(2 * p.k as usize))?;
    if p.k <= p.c { Ok(()) } else { Err(format!("{} of {} channels", p.k, p.c)) }
}

/// A workgroup for 64 columns of a row of partial sums.
fn of_part(part: Shape) -> crate::graph::Launch {
    groups(part.pixels() * part.c().div_ceil(64))
}

/// Means and variances of images, `[N,1,1,C]`.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// Of all pixels.
    pub mean: Tensor,
    /// Around it.
    pub variance: Tensor,
}

/// Adds the means of images from sums of their pixels: `mean [N,1,1,C]`.
#[track_caller]
pub fn means(p: &mut PlanBuilder<'_>, sums: Sums, mean: Tensor) {
    total(p, sums.part(), sums.pixels(), None, mean);
}

/// Adds `y = Σ part / count`, times `gate (1 − gate)` if it is a gradient behind a sigmoid. `part [N,runs,1,C]`, the others
/// `[N,1,1,C]`.
#[track_caller]
pub fn total(p: &mut PlanBuilder<'_>, part: Tensor, count: usize, gate: Option<Tensor>, y: Tensor) {
    let [n, runs, _, c] = part.shape().0.map(|size| size as u32);
    let params = Params { n, runs, c, count: count as u32, gated: gate.is_some().into(), ..Params::zeroed() };
    p.call(&IMAGE_MEANS, &[Some(part), gate, Some(y)], &params);
}

/// Adds means and variances of `x [N,H,W,C]`.
#[track_caller]
pub fn moments(p: &mut PlanBuilder<'_>, x: Tensor, name: &str, to: Moments) {
    let sums = image_sums(p, x, &format!("{name}.sums"));
    means(p, sums, to.mean);
    let params = Params::new(x.shape()).with_runs(run_pixels(p, x.shape()));
    let part = p.activation(&format!("{name}.squares"), params.part(params.c));
    spread(p, x, to.mean, params.chunk as usize, part);
    means(p, Sums::of(x.shape(), part), to.variance);
}

fn spread(p: &mut PlanBuilder<'_>, x: Tensor, mean: Tensor, chunk: usize, part: Tensor) {
    p.call(&INSTANCE_SPREAD, &[Some(x), Some(mean), Some(part)], &Params::new(x.shape()).with_runs(chunk));
}

fn normalising(x: Tensor, channels: usize) -> Params {
    Params { k: channels as u32, ..Params::new(x.shape()) }
}

/// Adds `y`, the first channels of `x` normalised, as many as `w` has weights. Images `[N,H,W,C]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, of: Moments, w: Tensor, y: Tensor) {
    let args = [Some(x), Some(of.mean), Some(of.variance), Some(w), Some(y)];
    p.call(&INSTANCE_NORM, &args, &normalising(x, w.shape().len() / 2));
}

/// Adds the gradients of `w` and `x` from `dy`, by way of the moments too. Images `[N,H,W,C]`.
#[track_caller]
pub fn backward(
    p: &mut PlanBuilder<'_>,
    x: Tensor,
    of: Moments,
    (w, dw): (Tensor, Tensor),
    name: &str,
    (dy, dx): (Tensor, Tensor),
) {
    let k = w.shape().len() / 2;
    let chunk = run_pixels(p, x.shape());
    let part = p.activation(&format!("part.{name}"), normalising(x, k).with_runs(chunk).part(2 * k as u32));
    grad_sums(p, (x, of), dy, chunk, part);
    super::loss::sum_rows(p, part, 1.0, dw);
    let means_of = p.activation(&format!("{name}.dmeans"), Shape([x.shape().n(), 1, 1, 2 * k]));
    means(p, Sums::of(x.shape(), part), means_of);
    grad_input(p, (x, of), w, (dy, means_of), dx);
}

fn grad_sums(p: &mut PlanBuilder<'_>, (x, of): (Tensor, Moments), dy: Tensor, chunk: usize, part: Tensor) {
    let args = [Some(x), Some(of.mean), Some(of.variance), Some(dy), Some(part)];
    p.call(&INSTANCE_GRAD_SUMS, &args, &normalising(x, part.shape().c() / 2).with_runs(chunk));
}

fn grad_input(
    p: &mut PlanBuilder<'_>,
    (x, of): (Tensor, Moments),
    w: Tensor,
    (dy, means): (Tensor, Tensor),
    dx: Tensor,
) {
    let args = [Some(x), Some(of.mean), Some(of.variance), Some(w), Some(dy), Some(means), Some(dx)];
    p.call(&INSTANCE_GRAD_INPUT, &args, &normalising(x, w.shape().len() / 2));
}
