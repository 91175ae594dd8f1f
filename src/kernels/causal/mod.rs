//! Causal convolution of PanMamba (method, section 1): each channel with four taps on a pixel and the three before it, row by row, then
//! SiLU, `v σ(v)`; and its gradients.
//!
//! Layouts: images `[N, H, W, C]`; weights one flat tensor, `[4, C]`, the pixel's own last, followed by `C` biases.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::harmonic::run_pixels;
use super::{groups, reference, same, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Shapes, Tensor};

/// Pixels that each one sees.
pub const TAPS: usize = 4;

/// Parameters of all kernels; `struct Params` of `shaders/causal.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    /// Pixels of an image.
    pixels: u32,
    c: u32,
    /// Pixels of each partial weight gradient.
    chunk: u32,
}

impl Params {
    fn new(x: Shape) -> Self {
        let [n, h, w, c] = x.0.map(|size| size as u32);
        Self { n, pixels: h * w, c, chunk: 0 }
    }
}

/// Elements of a layer's parameter.
pub const fn weight_len(c: usize) -> usize {
    (TAPS + 1) * c
}

fn weights_fit(s: &Shapes<'_>, i: usize) -> Result<(), String> {
    same("w", s.get(i), Shape::flat(weight_len(s.get(0).c())))
}

/// `y = silu(v)`, `v_t = b + Σ_k w_k x_{t−3+k}`.
pub(super) static CAUSAL: Kernel = Kernel {
    name: "causal",
    family: "causal",
    shader: Shader::new(wgsl!("causal.wgsl"), "causal", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::write(2, "y")],
    shapes: |s| {
        weights_fit(s, 1)?;
        same("y", s.get(2), s.get(0))
    },
    terms: |_| TAPS + 1,
    flops: |s| 4 * TAPS * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: forward_cases,
};

/// The gradient at `v`.
pub(super) static CAUSAL_GRAD: Kernel = Kernel {
    name: "causal_grad",
    family: "causal",
    shader: Shader::new(wgsl!("causal.wgsl"), "causal_grad", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::read(3, "dy"), Arg::write(4, "dv")],
    shapes: |s| {
        weights_fit(s, 1)?;
        same("dy", s.get(2), s.get(0))?;
        same("dv", s.get(3), s.get(0))
    },
    terms: |_| TAPS + 1,
    flops: |s| 5 * TAPS * s.get(0).len(),
    reference: reference!(reference::grad),
    cpu: Some(cpu::grad),
    cases: grad_cases,
};

/// `dx_t = Σ_k w_k dv_{t+3−k}`.
pub(super) static CAUSAL_GRAD_INPUT: Kernel = Kernel {
    name: "causal_grad_input",
    family: "causal",
    shader: Shader::new(wgsl!("causal.wgsl"), "causal_grad_input", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(5, "e"), Arg::read(1, "w"), Arg::write(6, "dx")],
    shapes: |s| {
        weights_fit(s, 1)?;
        same("dx", s.get(2), s.get(0))
    },
    terms: |_| TAPS,
    flops: |s| 2 * TAPS * s.get(0).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: grad_input_cases,
};

/// Partial sums of the gradients of weights and biases, one row for each run of an image's pixels.
pub(super) static CAUSAL_GRAD_WEIGHT: Kernel = Kernel {
    name: "causal_grad_weight",
    family: "causal",
    shader: Shader::new(wgsl!("causal.wgsl"), "causal_grad_weight", |s| {
        groups(s.get(2).n() * s.get(2).c().div_ceil(64))
    }),
    args: &[Arg::read(0, "x"), Arg::read(5, "e"), Arg::write(7, "part")],
    shapes: |s| {
        let (x, chunk) = (s.get(0), s.params::<Params>().chunk as usize);
        same("e", s.get(1), x)?;
        same("part", s.get(2), part_shape(x, chunk))
    },
    terms: |s| s.params::<Params>().chunk as usize,
    flops: |s| 2 * (TAPS + 1) * s.get(0).len(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: grad_weight_cases,
};

fn part_shape(x: Shape, chunk: usize) -> Shape {
    Shape([x.n() * (x.h() * x.w()).div_ceil(chunk), 1, 1, weight_len(x.c())])
}

/// Adds `y = silu(x ∗ w + b)`. Images `[N,H,W,C]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, y: Tensor) {
    p.call(&CAUSAL, &[Some(x), Some(w), Some(y)], &Params::new(x.shape()));
}

/// Adds `dv`, the gradient before the SiLU. Images `[N,H,W,C]`.
#[track_caller]
pub fn grad(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, dy: Tensor, dv: Tensor) {
    p.call(&CAUSAL_GRAD, &[Some(x), Some(w), Some(dy), Some(dv)], &Params::new(x.shape()));
}

/// Adds `dx` from [`grad`]'s. Images `[N,H,W,C]`.
#[track_caller]
pub fn grad_input(p: &mut PlanBuilder<'_>, dv: Tensor, w: Tensor, dx: Tensor) {
    p.call(&CAUSAL_GRAD_INPUT, &[Some(dv), Some(w), Some(dx)], &Params::new(dv.shape()));
}

/// Adds the gradient of all weights from [`grad`]'s: partial sums named `part`, then their sum into `dw`.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, dv: Tensor, part: &str, dw: Tensor) {
    let chunk = run_pixels(p, x.shape());
    let part = p.activation(part, part_shape(x.shape(), chunk));
    partial(p, x, dv, chunk, part);
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, dv: Tensor, chunk: usize, part: Tensor) {
    let params = Params { chunk: chunk as u32, ..Params::new(x.shape()) };
    p.call(&CAUSAL_GRAD_WEIGHT, &[Some(x), Some(dv), Some(part)], &params);
}

/// Fewer pixels than taps, and images one after the other.
const ODD: [[usize; 4]; 5] = [[1, 1, 1, 1], [2, 1, 2, 3], [1, 3, 5, 20], [3, 2, 7, 5], [1, 9, 33, 64]];

/// Makes an input of a name.
type NamedInput<'a> = &'a dyn Fn(&mut PlanBuilder<'_>, &str) -> Tensor;

/// Cases by what adds the call, given inputs, the weights, and the output.
fn cases(add: fn(&mut PlanBuilder<'_>, NamedInput<'_>, Tensor, Tensor)) -> Vec<Case> {
    let case = |shape| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?}"), move |p| {
            let w = p.tensor("w", Shape::flat(weight_len(shape.c())), Role::Input);
            let to = p.tensor("to", shape, Role::Output);
            add(p, &|p, name| p.tensor(name, shape, Role::Input), w, to);
        })
    };
    ODD.into_iter().map(case).collect()
}

fn forward_cases() -> Vec<Case> {
    cases(|p, input, w, y| {
        let x = input(p, "x");
        forward(p, x, w, y);
    })
}

fn grad_cases() -> Vec<Case> {
    cases(|p, input, w, dv| {
        let (x, dy) = (input(p, "x"), input(p, "dy"));
        grad(p, x, w, dy, dv);
    })
}

fn grad_input_cases() -> Vec<Case> {
    cases(|p, input, w, dx| {
        let dv = input(p, "dv");
        grad_input(p, dv, w, dx);
    })
}

fn grad_weight_cases() -> Vec<Case> {
    let case = |(shape, chunk)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} chunk={chunk}"), move |p| {
            let [x, dv] = ["x", "dv"].map(|name| p.tensor(name, shape, Role::Input));
            let part = p.tensor("part", part_shape(shape, chunk), Role::Output);
            partial(p, x, dv, chunk, part);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, 1), (x, 6), (x, 1000)]).map(case).collect()
}
