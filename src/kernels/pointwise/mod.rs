//! 1×1 convolution: the same matrix for every pixel, and its gradients.
//!
//! Layouts: images `[N, H, W, C]`; weights one flat tensor, `[Ci, Co]`, followed by `Co` biases unless the
//! layer has none. Sums with other images, ReLU and sigmoid ride in the epilogues.

mod cases;
mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{pointwise, pointwise_grad_input, pointwise_grad_weight};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Grain, Kernel, PlanBuilder, Shader, Shape, Shapes, Tensor};

/// What the values go through on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    None,
    /// `max(v, 0)`.
    Relu,
    /// `1 / (1 + e^−v)`.
    Sigmoid,
}

impl Act {
    const ALL: [Self; 3] = [Self::None, Self::Relu, Self::Sigmoid];
}

/// Parameters of the three kernels; `struct Params` of `shaders/pointwise.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    pixels: u32,
    /// Channels of `x` and `dx`.
    ci: u32,
    /// Channels of `y` and `dy`.
    co: u32,
    /// 1: the weights end with biases.
    bias: u32,
    /// Number of an [`Act`].
    act: u32,
    /// 1: argument `add` is present.
    add: u32,
    /// 1: argument `plus` is present.
    plus: u32,
    /// 1: argument `mask` is present.
    mask: u32,
    /// Pixels each partial weight gradient sums over.
    chunk: u32,
    pad: [u32; 3],
}

impl Params {
    fn new(x: Shape, co: usize, weights: usize) -> Self {
        let ci = x.c();
        Self {
            pixels: x.pixels() as u32,
            ci: ci as u32,
            co: co as u32,
            bias: u32::from(weights > ci * co),
            ..Self::zeroed()
        }
    }

    fn act(self) -> Act {
        Act::ALL[self.act as usize]
    }
}

/// Elements of a layer's parameter: weights, then biases if it has some.
pub const fn weight_len(ci: usize, co: usize, bias: bool) -> usize {
    ci * co + if bias { co } else { 0 }
}

fn weights_fit(s: &Shapes<'_>, weights: usize, ci: usize, co: usize) -> Result<(), String> {
    let bias = s.params::<Params>().bias == 1;
    same("w", s.get(weights), Shape::flat(weight_len(ci, co, bias)))
}

/// `y = act(x · w + b + add) + plus`.
pub(super) static POINTWISE: Kernel = Kernel {
    name: "pointwise",
    family: "pointwise",
    shader: Shader::new(wgsl!("pointwise.wgsl"), "pointwise", |s| per_quad(s.get(4))),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::maybe(3, "add"), Arg::maybe(8, "plus"), Arg::write(2, "y")],
    shapes: |s| {
        let (x, y) = (s.get(0), s.get(4));
        same("y", y, x.with_c(y.c()))?;
        weights_fit(s, 1, x.c(), y.c())?;
        same_if_present(s, 2, "add", y)?;
        same_if_present(s, 3, "plus", y)
    },
    terms: |s| s.get(0).c() + 3,
    flops: |s| 2 * s.get(4).len() * s.get(0).c(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: cases::forward,
};

/// `dx = dy · wᵀ + add`, zero where `mask` is not positive.
pub(super) static POINTWISE_GRAD_INPUT: Kernel = Kernel {
    name: "pointwise_grad_input",
    family: "pointwise",
    shader: Shader::new(wgsl!("pointwise.wgsl"), "pointwise_grad_input", |s| per_quad(s.get(4))),
    args: &[Arg::read(4, "dy"), Arg::read(1, "w"), Arg::maybe(3, "add"), Arg::maybe(5, "mask"), Arg::write(6, "dx")],
    shapes: |s| {
        let (dy, dx) = (s.get(0), s.get(4));
        same("dx", dx, dy.with_c(dx.c()))?;
        weights_fit(s, 1, dx.c(), dy.c())?;
        same_if_present(s, 2, "add", dx)?;
        same_if_present(s, 3, "mask", dx)
    },
    terms: |s| s.get(0).c() + 1,
    flops: |s| 2 * s.get(4).len() * s.get(0).c(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: cases::grad_input,
};

/// Partial sums of the weight and bias gradients, one row per run of pixels.
pub(super) static POINTWISE_GRAD_WEIGHT: Kernel = Kernel {
    name: "pointwise_grad_weight",
    family: "pointwise",
    shader: Shader::new(wgsl!("pointwise.wgsl"), "pointwise_grad_weight", |s| {
        groups(s.get(2).n() * s.get(2).c().div_ceil(256))
    }),
    args: &[Arg::read(0, "x"), Arg::read(4, "dy"), Arg::write(7, "part")],
    shapes: |s| {
        let (x, dy, p) = (s.get(0), s.get(1), s.params::<Params>());
        same("dy", dy, x.with_c(dy.c()))?;
        let parts = x.pixels().div_ceil(p.chunk as usize);
        same("part", s.get(2), Shape([parts, 1, 1, weight_len(x.c(), dy.c(), p.bias == 1)]))
    },
    terms: |s| s.params::<Params>().chunk as usize,
    flops: |s| 2 * s.get(1).len() * s.get(0).c(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: cases::grad_weight,
};

/// A thread for four channels of a pixel.
fn per_quad(output: Shape) -> crate::graph::Launch {
    groups((output.pixels() * output.c().div_ceil(4)).div_ceil(64))
}

/// Adds `y = act(x · w + b + add) + plus`. `x [N,H,W,Ci]`, the images `[N,H,W,Co]`.
#[track_caller]
pub fn forward(
    p: &mut PlanBuilder<'_>,
    x: Tensor,
    w: Tensor,
    (add, plus): (Option<Tensor>, Option<Tensor>),
    act: Act,
    y: Tensor,
) {
    let flags = Params::new(x.shape(), y.shape().c(), w.shape().len());
    let params = Params { act: act as u32, add: add.is_some().into(), plus: plus.is_some().into(), ..flags };
    p.call(&POINTWISE, &[Some(x), Some(w), add, plus, Some(y)], &params);
}

/// Adds `dx = dy · wᵀ + add`, masked by `mask > 0`. `dy [N,H,W,Co]`, the others `[N,H,W,Ci]`.
#[track_caller]
pub fn grad_input(
    p: &mut PlanBuilder<'_>,
    dy: Tensor,
    w: Tensor,
    add: Option<Tensor>,
    mask: Option<Tensor>,
    dx: Tensor,
) {
    let flags = Params::new(dx.shape(), dy.shape().c(), w.shape().len());
    let params = Params { add: add.is_some().into(), mask: mask.is_some().into(), ..flags };
    p.call(&POINTWISE_GRAD_INPUT, &[Some(dy), Some(w), add, mask, Some(dx)], &params);
}

/// Adds the gradient of all weights: partial sums named `part`, then their sum into `dw`.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, part: &str, dw: Tensor) {
    let chunk = part_pixels(x.shape(), p.grain());
    let parts = x.shape().pixels().div_ceil(chunk);
    let part = p.activation(part, Shape([parts, 1, 1, dw.shape().len()]));
    partial(p, x, dy, chunk, part);
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, chunk: usize, part: Tensor) {
    let flags = Params::new(x.shape(), dy.shape().c(), part.shape().c());
    p.call(&POINTWISE_GRAD_WEIGHT, &[Some(x), Some(dy), Some(part)], &Params { chunk: chunk as u32, ..flags });
}

/// Pixels per partial sum: as the convolutions' rows, 128 or 256 partials of large images.
fn part_pixels(x: Shape, grain: Grain) -> usize {
    match grain {
        Grain::Coarse => (x.pixels() / 128).max(2048),
        Grain::Fine => (x.pixels() / 256).max(128),
    }
    .min(x.pixels())
}
