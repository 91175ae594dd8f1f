//! 3×3 convolution whose taps are weighed at each pixel, stride 1, zero padding 1, and its gradients:
//! `y[s] = b + Σ_t a[s,t] · x[s+t] · W[t]`, one vector `b` for each image.
//!
//! Layouts: images `[N, H, W, C]`; the gates `a [N, H, W, 9]`; weights `[3, 3, Ci, Co]` without biases; what is added
//! to all pixels of an image, `[N, 1, 1, C]`. Gates are sigmoids, and their gradient is handed on as that before the
//! sigmoid. A sum with another image and ReLU ride in the epilogues.

mod cases;
mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{modulated, modulated_grad_gate, modulated_grad_input, modulated_grad_weight};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Grain, Kernel, Launch, PlanBuilder, Shader, Shape, Shapes, Tensor};

/// Taps, and gates of a pixel.
pub const TAPS: usize = 9;

/// Parameters of the kernels; `struct Params` of `shaders/modulated.wgsl`.
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
    /// Rows (of `N·H`) each partial weight gradient sums over.
    rows: u32,
}

impl Params {
    fn new(x: Shape, co: usize) -> Self {
        let [n, h, w, ci] = x.0.map(|s| s as u32);
        Self { n, h, w, ci, co: co as u32, ..Self::zeroed() }
    }
}

/// Elements of a layer's parameter.
pub const fn weight_len(ci: usize, co: usize) -> usize {
    TAPS * ci * co
}

fn of_each_image(images: Shape) -> Shape {
    Shape([images.n(), 1, 1, images.c()])
}

fn sizes_fit(s: &Shapes<'_>, x: Shape, y: Shape) -> Result<(), String> {
    same("y or dy", y, x.with_c(y.c()))?;
    same("w", s.get(1), Shape::flat(weight_len(x.c(), y.c())))?;
    same("a", s.get(2), x.with_c(TAPS))
}

/// `y = act(Σ_t a[t] · (x shifted by t) · W[t] + b + add)`, with `act` ReLU or nothing.
pub(super) static MODULATED: Kernel = Kernel {
    name: "modulated",
    family: "modulated",
    shader: Shader::new(wgsl!("modulated.wgsl"), "modulated", |s| per_quad(s.get(5))),
    args: &[
        Arg::read(0, "x"),
        Arg::read(1, "w"),
        Arg::read(2, "a"),
        Arg::read(3, "each"),
        Arg::maybe(4, "add"),
        Arg::write(5, "y"),
    ],
    shapes: |s| {
        let y = s.get(5);
        sizes_fit(s, s.get(0), y)?;
        same("each", s.get(3), of_each_image(y))?;
        same_if_present(s, 4, "add", y)
    },
    terms: |s| TAPS * s.get(0).c() + 2,
    flops: |s| 18 * s.get(5).len() * s.get(0).c() + TAPS * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: cases::forward,
};

/// `dx[q] = Σ_t a[q−t,t] · W[t] · dy[q−t] + each + add`.
pub(super) static MODULATED_GRAD_INPUT: Kernel = Kernel {
    name: "modulated_grad_input",
    family: "modulated",
    shader: Shader::new(wgsl!("modulated.wgsl"), "modulated_grad_input", |s| per_quad(s.get(5))),
    args: &[
        Arg::read(6, "dy"),
        Arg::read(1, "w"),
        Arg::read(2, "a"),
        Arg::read(3, "each"),
        Arg::maybe(4, "add"),
        Arg::write(7, "dx"),
    ],
    shapes: |s| {
        let dx = s.get(5);
        sizes_fit(s, dx, s.get(0))?;
        same("each", s.get(3), of_each_image(dx))?;
        same_if_present(s, 4, "add", dx)
    },
    terms: |s| TAPS * s.get(0).c() + 2,
    flops: |s| 18 * s.get(5).len() * s.get(0).c() + TAPS * s.get(0).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: cases::grad_input,
};

/// `d[s,t] = a (1 − a) · Σ_i x[s+t,i] Σ_o W[t,i,o] · dy[s,o]`: the gradient before the gates' sigmoid.
pub(super) static MODULATED_GRAD_GATE: Kernel = Kernel {
    name: "modulated_grad_gate",
    family: "modulated",
    shader: Shader::new(wgsl!("modulated.wgsl"), "modulated_grad_gate", |s| groups(s.get(4).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::read(2, "a"), Arg::read(6, "dy"), Arg::write(8, "d")],
    shapes: |s| {
        sizes_fit(s, s.get(0), s.get(3))?;
        same("d", s.get(4), s.get(2))
    },
    terms: |s| s.get(0).c() * s.get(3).c(),
    flops: |s| 18 * s.get(3).len() * s.get(0).c() + 18 * s.get(0).len(),
    reference: reference!(reference::grad_gate),
    cpu: Some(cpu::grad_gate),
    cases: cases::grad_gate,
};

/// Partial sums of the weight gradient, one row per run of image rows.
pub(super) static MODULATED_GRAD_WEIGHT: Kernel = Kernel {
    name: "modulated_grad_weight",
    family: "modulated",
    shader: Shader::new(wgsl!("modulated.wgsl"), "modulated_grad_weight", blocked),
    args: &[Arg::read(0, "x"), Arg::read(2, "a"), Arg::read(6, "dy"), Arg::write(9, "part")],
    shapes: |s| {
        let (x, dy, p) = (s.get(0), s.get(2), s.params::<Params>());
        same("dy", dy, x.with_c(dy.c()))?;
        same("a", s.get(1), x.with_c(TAPS))?;
        let parts = (x.n() * x.h()).div_ceil(p.rows as usize);
        same("part", s.get(3), Shape([parts, 1, 1, weight_len(x.c(), dy.c())]))
    },
    terms: |s| (s.params::<Params>().rows as usize) * s.get(0).w(),
    flops: |s| 18 * s.get(2).len() * s.get(0).c() + TAPS * s.get(0).len(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: cases::grad_weight,
};

/// A thread for four channels of a pixel.
fn per_quad(output: Shape) -> Launch {
    groups((output.pixels() * output.c().div_ceil(4)).div_ceil(64))
}

/// A thread for an element of the gradient.
fn blocked(s: &Shapes<'_>) -> Launch {
    groups(s.get(3).n() * s.get(3).c().div_ceil(256))
}

/// Adds `y = act(Σ_t a[t] · (x shifted by t) · W[t] + each + add)`. `x [N,H,W,Ci]`, `a [N,H,W,9]`, `each [N,1,1,Co]`,
/// `y` and `add` `[N,H,W,Co]`.
#[track_caller]
pub fn forward(
    p: &mut PlanBuilder<'_>,
    (x, a, each): (Tensor, Tensor, Tensor),
    w: Tensor,
    add: Option<Tensor>,
    relu: bool,
    y: Tensor,
) {
    let params = Params { relu: relu.into(), add: add.is_some().into(), ..Params::new(x.shape(), y.shape().c()) };
    p.call(&MODULATED, &[Some(x), Some(w), Some(a), Some(each), add, Some(y)], &params);
}

/// Adds `dx = (∂/∂x)ᵀ dy + each + add`. `dy [N,H,W,Co]`, `a [N,H,W,9]`, `each [N,1,1,Ci]`, the others `[N,H,W,Ci]`.
#[track_caller]
pub fn grad_input(
    p: &mut PlanBuilder<'_>,
    (dy, a, each): (Tensor, Tensor, Tensor),
    w: Tensor,
    add: Option<Tensor>,
    dx: Tensor,
) {
    let params = Params { add: add.is_some().into(), ..Params::new(dx.shape(), dy.shape().c()) };
    p.call(&MODULATED_GRAD_INPUT, &[Some(dy), Some(w), Some(a), Some(each), add, Some(dx)], &params);
}

/// Adds `d`, the gradient of what the sigmoid makes the gates `a` of. `x [N,H,W,Ci]`, `dy [N,H,W,Co]`, the others
/// `[N,H,W,9]`.
#[track_caller]
pub fn grad_gate(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, a: Tensor, dy: Tensor, d: Tensor) {
    let params = Params::new(x.shape(), dy.shape().c());
    p.call(&MODULATED_GRAD_GATE, &[Some(x), Some(w), Some(a), Some(dy), Some(d)], &params);
}

/// Adds the weight gradient: partial sums named `part`, then their sum into `dw`.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, a: Tensor, dy: Tensor, part: &str, dw: Tensor) {
    let rows = part_rows(x.shape(), p.grain());
    let parts = (x.shape().n() * x.shape().h()).div_ceil(rows);
    let part = p.activation(part, Shape([parts, 1, 1, dw.shape().len()]));
    partial(p, x, a, dy, rows, part);
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, a: Tensor, dy: Tensor, rows: usize, part: Tensor) {
    let params = Params { rows: rows as u32, ..Params::new(x.shape(), dy.shape().c()) };
    p.call(&MODULATED_GRAD_WEIGHT, &[Some(x), Some(a), Some(dy), Some(part)], &params);
}

/// Image rows per partial sum, as in the other convolutions.
fn part_rows(x: Shape, grain: Grain) -> usize {
    let pixels = match grain {
        Grain::Coarse => (x.pixels() / 128).max(2048),
        Grain::Fine => (x.pixels() / 256).max(128),
    };
    pixels.div_ceil(x.w()).min(x.n() * x.h())
}
