//! 3×3 convolution, stride 1, zero padding 1, with bias, and its gradients.
//!
//! Layouts: images `[N, H, W, C]`; weights one flat tensor, `[3, 3, Ci, Co]`
//! followed by `Co` biases, so that a layer is one parameter and one gradient.
//! ReLU, the residual add and the ReLU mask ride in the epilogues: each saves one
//! pass over the largest tensors of the step.

mod cases;
mod cpu;
mod job;
mod reference;
mod shader;
mod winograd;

use bytemuck::{Pod, Zeroable};

pub use reference::{add, conv2d, conv2d_grad_input, conv2d_grad_weight, relu, relu_grad};

use super::{reference, same, same_if_present};
use crate::graph::{Arg, Grain, Kernel, PlanBuilder, Shape, Tensor};
use shader::{blocked, direct, half, tiled, winograd, winograd_blocked, winograd_tiled};

/// Parameters of the three kernels; `struct Params` of `shaders/conv2d_common.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    h: u32,
    w: u32,
    /// Channels of `x` and `dx`.
    ci: u32,
    /// Channels of `y` and `dy`.
    co: u32,
    /// 1: ReLU on the way out of the forward pass.
    relu: u32,
    /// 1: argument `add` is present.
    add: u32,
    /// 1: argument `mask` is present.
    mask: u32,
    /// Rows (of `N·H`) each partial weight gradient sums over.
    rows: u32,
    pad: [u32; 3],
}

/// Elements of a layer's parameter: weights, then biases.
pub const fn weight_len(ci: usize, co: usize) -> usize {
    9 * ci * co + co
}

impl Params {
    fn new(x: Shape, co: usize) -> Self {
        let [n, h, w, ci] = x.0.map(|s| s as u32);
        Self { n, h, w, ci, co: co as u32, relu: 0, add: 0, mask: 0, rows: 0, pad: [0; 3] }
    }
}

/// `y = act(x ∗ w + b + add)`, with `act` ReLU or nothing.
pub(super) static CONV2D: Kernel = Kernel {
    name: "conv2d",
    family: "conv2d",
    shader: direct("conv2d", |s| tiled(s.get(3))).or(&[
        half("conv2d_f16", |s| Some(tiled(s.get(3)))),
        winograd("conv2d_winograd", |s| winograd_tiled(s.get(0).c(), s.get(3))),
    ]),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::maybe(3, "add"), Arg::write(2, "y")],
    shapes: |s| {
        let (x, y) = (s.get(0), s.get(3));
        same("y", y, x.with_c(y.c()))?;
        same("w", s.get(1), Shape::flat(weight_len(x.c(), y.c())))?;
        same_if_present(s, 2, "add", y)
    },
    terms: |s| 9 * s.get(0).c() + 2,
    flops: |s| 18 * s.get(3).len() * s.get(0).c(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: cases::forward,
};

/// `dx = (dy ∗ flipped, transposed w) + add`, zero where `mask` is not positive.
pub(super) static CONV2D_GRAD_INPUT: Kernel = Kernel {
    name: "conv2d_grad_input",
    family: "conv2d",
    shader: direct("conv2d_grad_input", |s| tiled(s.get(4))).or(&[
        half("conv2d_grad_input_f16", |s| Some(tiled(s.get(4)))),
        winograd("conv2d_grad_input_winograd", |s| winograd_tiled(s.get(0).c(), s.get(4))),
    ]),
    args: &[Arg::read(4, "dy"), Arg::read(1, "w"), Arg::maybe(3, "add"), Arg::maybe(5, "mask"), Arg::write(6, "dx")],
    shapes: |s| {
        let (dy, dx) = (s.get(0), s.get(4));
        same("dx", dx, dy.with_c(dx.c()))?;
        same("w", s.get(1), Shape::flat(weight_len(dx.c(), dy.c())))?;
        same_if_present(s, 2, "add", dx)?;
        same_if_present(s, 3, "mask", dx)
    },
    terms: |s| 9 * s.get(0).c() + 1,
    flops: |s| 18 * s.get(4).len() * s.get(0).c(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: cases::grad_input,
};

/// Partial sums of the weight and bias gradients, one row per run of image rows.
/// [`loss::SUM_ROWS`](super::loss::SUM_ROWS) adds the rows in fixed order.
pub(super) static CONV2D_GRAD_WEIGHT: Kernel = Kernel {
    name: "conv2d_grad_weight",
    family: "conv2d",
    shader: direct("conv2d_grad_weight", blocked).or(&[
        half("conv2d_grad_weight_f16", |s| Some(blocked(s))),
        winograd("conv2d_grad_weight_winograd", winograd_blocked),
    ]),
    args: &[Arg::read(0, "x"), Arg::read(4, "dy"), Arg::write(7, "part")],
    shapes: |s| {
        let (x, dy, part, p) = (s.get(0), s.get(1), s.get(2), s.params::<Params>());
        same("dy", dy, x.with_c(dy.c()))?;
        let parts = (x.n() * x.h()).div_ceil(p.rows as usize);
        same("part", part, Shape([parts, 1, 1, weight_len(x.c(), dy.c())]))
    },
    terms: |s| (s.params::<Params>().rows as usize) * s.get(0).w(),
    flops: |s| 18 * s.get(1).len() * s.get(0).c(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: cases::grad_weight,
};

/// Adds `y = act(x ∗ w + b + add)`. `x [N,H,W,Ci]`, `y` and `add` `[N,H,W,Co]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, add: Option<Tensor>, relu: bool, y: Tensor) {
    let params = Params { relu: relu.into(), add: add.is_some().into(), ..Params::new(x.shape(), y.shape().c()) };
    p.call(&CONV2D, &[Some(x), Some(w), add, Some(y)], &params);
}

/// Adds `dx = (∂/∂x)ᵀ dy + add`, masked by `mask > 0`. `dy [N,H,W,Co]`, the others `[N,H,W,Ci]`.
#[track_caller]
pub fn grad_input(
    p: &mut PlanBuilder<'_>,
    dy: Tensor,
    w: Tensor,
    add: Option<Tensor>,
    mask: Option<Tensor>,
    dx: Tensor,
) {
    let flags = Params::new(dx.shape(), dy.shape().c());
    let params = Params { add: add.is_some().into(), mask: mask.is_some().into(), ..flags };
    p.call(&CONV2D_GRAD_INPUT, &[Some(dy), Some(w), add, mask, Some(dx)], &params);
}

/// Adds the weight and bias gradient: partial sums named `part`, then their sum into `dw`.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, part: &str, dw: Tensor) {
    let rows = part_rows(x.shape(), p.grain());
    let parts = (x.shape().n() * x.shape().h()).div_ceil(rows);
    let len = weight_len(x.shape().c(), dy.shape().c());
    let part = p.activation(part, Shape([parts, 1, 1, len]));
    partial(p, x, dy, rows, part);
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, rows: usize, part: Tensor) {
    let params = Params { rows: rows as u32, ..Params::new(x.shape(), dy.shape().c()) };
    p.call(&CONV2D_GRAD_WEIGHT, &[Some(x), Some(dy), Some(part)], &params);
}

/// Image rows per partial sum.
///
/// Coarse: about 128 partials, but no fewer than 2048 pixels each, so that writing them
/// stays small beside the sums: with half of that, the weight gradient of a reduced step's
/// crops takes a seventh longer. Fine: about 256, one workgroup each, so that of two on a
/// multiprocessor of a large GPU one computes while the other loads; and down to 128 pixels,
/// for the crops of a reduced step would otherwise be 32 workgroups.
fn part_rows(x: Shape, grain: Grain) -> usize {
    let pixels = match grain {
        Grain::Coarse => (x.pixels() / 128).max(2048),
        Grain::Fine => (x.pixels() / 256).max(128),
    };
    pixels.div_ceil(x.w()).min(x.n() * x.h())
}
