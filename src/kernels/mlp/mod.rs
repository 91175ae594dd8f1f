//! The degradation network: per pixel, Linear–sigmoid–Linear–sigmoid–Linear.
//!
//! Weights are one flat tensor in PyTorch order: `W1 [d, C]`, `b1 [d]`, `W2 [d, d]`,
//! `b2 [d]`, `w3 [d]`, `b3`. Backward passes compute the hidden values again: that is
//! cheaper than writing and reading `2·d` numbers per pixel.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{MlpWeights, mlp, mlp_backward};

use super::{grid, reference, same, wgsl};
use crate::graph::{Arg, Case, Kernel, Launch, PlanBuilder, Role, Shader, Shape, Shapes, Tensor};

/// Parameters of the three kernels; `struct Params` of `shaders/mlp.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    pixels: u32,
    /// Hidden width.
    d: u32,
    /// Pixels each partial weight gradient sums over.
    chunk: u32,
    pad: u32,
}

/// Elements of the parameter for `c` bands and hidden width `d`.
pub const fn weight_len(c: usize, d: usize) -> usize {
    d * c + d + d * d + d + d + 1
}

/// `y = g(x)`: one value per pixel.
pub(super) static MLP: Kernel = Kernel {
    name: "mlp",
    family: "mlp",
    shader: Shader::new(wgsl!("mlp.wgsl"), "mlp", per_pixel),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::write(2, "y")],
    shapes: |s| {
        weights_fit(s)?;
        same("y", s.get(2), s.get(0).with_c(1))
    },
    terms: |s| 2 * width(s) + s.get(0).c(),
    flops: |s| 2 * s.get(0).pixels() * s.get(1).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: || {
        cases(|p, x, w, _| {
            let y = output(p, "y", x.shape().with_c(1));
            forward(p, x, w, y);
        })
    },
};

/// `dx = (∂g/∂x)ᵀ dy`.
pub(super) static MLP_GRAD_INPUT: Kernel = Kernel {
    name: "mlp_grad_input",
    family: "mlp",
    shader: Shader::new(wgsl!("mlp.wgsl"), "mlp_grad_input", per_pixel),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::read(3, "dy"), Arg::write(4, "dx")],
    shapes: |s| {
        weights_fit(s)?;
        same("dy", s.get(2), s.get(0).with_c(1))?;
        same("dx", s.get(3), s.get(0))
    },
    terms: |s| 3 * width(s) + s.get(0).c(),
    flops: |s| 4 * s.get(0).pixels() * s.get(1).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: || {
        cases(|p, x, w, _| {
            let dy = p.tensor("dy", x.shape().with_c(1), Role::Input);
            let dx = output(p, "dx", x.shape());
            grad_input(p, x, w, dy, dx);
        })
    },
};

/// Partial sums of the weight gradient, one row per run of pixels.
pub(super) static MLP_GRAD_WEIGHT: Kernel = Kernel {
    name: "mlp_grad_weight",
    family: "mlp",
    shader: Shader::new(wgsl!("mlp.wgsl"), "mlp_grad_weight", |s| Launch {
        consts: consts(s),
        grid: grid(s.get(3).n()),
    }),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::read(3, "dy"), Arg::write(5, "part")],
    shapes: |s| {
        weights_fit(s)?;
        same("dy", s.get(2), s.get(0).with_c(1))?;
        let parts = s.get(0).pixels().div_ceil(s.params::<Params>().chunk as usize);
        same("part", s.get(3), Shape([parts, 1, 1, s.get(1).len()]))
    },
    terms: |s| s.params::<Params>().chunk as usize * 3,
    flops: |s| 6 * s.get(0).pixels() * s.get(1).len(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: || {
        cases(|p, x, w, chunk| {
            let dy = p.tensor("dy", x.shape().with_c(1), Role::Input);
            let parts = x.shape().pixels().div_ceil(chunk);
            let part = output(p, "part", Shape([parts, 1, 1, w.shape().len()]));
            partial(p, x, w, dy, chunk, part);
        })
    },
};

fn width(s: &Shapes<'_>) -> usize {
    s.params::<Params>().d as usize
}

fn weights_fit(s: &Shapes<'_>) -> Result<(), String> {
    same("w", s.get(1), Shape::flat(weight_len(s.get(0).c(), width(s))))
}

fn consts(s: &Shapes<'_>) -> Vec<(&'static str, u32)> {
    vec![("C", s.get(0).c() as u32), ("D", width(s) as u32)]
}

fn per_pixel(s: &Shapes<'_>) -> Launch {
    // As `Q` of the shader: what fits 16 KiB of workgroup memory.
    let quads = (1024 / (2 * width(s) + s.get(0).c())).min(8);
    Launch { consts: consts(s), grid: grid(s.get(0).pixels().div_ceil(4 * quads)) }
}

/// Hidden width of a parameter of `len` elements for `c` bands.
fn hidden(c: usize, len: usize) -> usize {
    (1..).find(|d| weight_len(c, *d) >= len).expect("grows without bound")
}

fn params(x: Tensor, w: Tensor, chunk: usize) -> Params {
    let d = hidden(x.shape().c(), w.shape().len()) as u32;
    Params { pixels: x.shape().pixels() as u32, d, chunk: chunk as u32, pad: 0 }
}

/// Adds `y = g(x)`. `x [N,H,W,C]`, `y [N,H,W,1]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, y: Tensor) {
    p.call(&MLP, &[Some(x), Some(w), Some(y)], &params(x, w, 0));
}

/// Adds `dx = (∂g/∂x)ᵀ dy`. `x` and `dx` `[N,H,W,C]`, `dy [N,H,W,1]`.
#[track_caller]
pub fn grad_input(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, dy: Tensor, dx: Tensor) {
    p.call(&MLP_GRAD_INPUT, &[Some(x), Some(w), Some(dy), Some(dx)], &params(x, w, 0));
}

/// Adds the weight gradient: partial sums named `part`, then their sum into `dw`.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, dy: Tensor, part: &str, dw: Tensor) {
    // About 128 partials fill a large GPU; 64 pixels are one tile of the shader.
    let chunk = (x.shape().pixels() / 128).next_multiple_of(64).max(64);
    let parts = x.shape().pixels().div_ceil(chunk);
    let part = p.activation(part, Shape([parts, 1, 1, w.shape().len()]));
    partial(p, x, w, dy, chunk, part);
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, dy: Tensor, chunk: usize, part: Tensor) {
    p.call(&MLP_GRAD_WEIGHT, &[Some(x), Some(w), Some(dy), Some(part)], &params(x, w, chunk));
}

fn output(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Output)
}

/// Image sizes, hidden widths and chunks off every tile; 1 and 16 bands.
fn cases(add: fn(&mut PlanBuilder<'_>, Tensor, Tensor, usize)) -> Vec<Case> {
    let odd = [
        ([1, 1, 1, 1], 1, 64),
        ([1, 3, 5, 3], 7, 4),
        ([2, 9, 13, 4], 32, 50),
        ([1, 17, 31, 8], 32, 64),
        ([1, 8, 20, 16], 33, 160),
        ([1, 3, 7, 5], 128, 64),
    ];
    let case = |(x, d, chunk)| {
        let x = Shape(x);
        Case::new(format!("{x:?} d={d} chunk={chunk}"), move |p| {
            let w = p.tensor("w", Shape::flat(weight_len(x.c(), d)), Role::Input);
            let x = p.tensor("x", x, Role::Input);
            add(p, x, w, chunk);
        })
    };
    odd.into_iter().map(case).collect()
}
