//! Layer norm: each pixel's channels brought to mean 0 and variance 1, then `w x̂ + b` channel by channel; and its
//! gradients.
//!
//! Layouts: images `[N, H, W, C]`; weights one flat tensor, `w [C]`, then `b [C]`. The variance is that of the channels,
//! not an estimate from them, plus 1e-5.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Grain, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Parameters of all kernels; `struct Params` of `shaders/layernorm.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    pixels: u32,
    c: u32,
    /// Pixels of each partial weight gradient.
    chunk: u32,
    /// 1: argument `add` is present.
    add: u32,
}

impl Params {
    fn new(x: Shape, add: Option<Tensor>) -> Self {
        Self { pixels: x.pixels() as u32, c: x.c() as u32, chunk: 0, add: add.is_some().into() }
    }
}

/// Elements of a layer's parameter.
pub const fn weight_len(c: usize) -> usize {
    2 * c
}

/// `y = w x̂ + b`.
pub(super) static LAYER_NORM: Kernel = Kernel {
    name: "layer_norm",
    family: "layernorm",
    shader: Shader::new(wgsl!("layernorm.wgsl"), "layer_norm", |s| groups(s.get(0).pixels().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::write(2, "y")],
    shapes: |s| {
        same("w", s.get(1), Shape::flat(weight_len(s.get(0).c())))?;
        same("y", s.get(2), s.get(0))
    },
    terms: |s| 2 * s.get(0).c(),
    flops: |s| 8 * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: forward_cases,
};

/// `dx = (g − mean g − x̂ mean(g x̂)) / σ + add` with `g = w dy`.
pub(super) static LAYER_NORM_GRAD_INPUT: Kernel = Kernel {
    name: "layer_norm_grad_input",
    family: "layernorm",
    shader: Shader::new(wgsl!("layernorm.wgsl"), "layer_norm_grad_input", |s| groups(s.get(0).pixels().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::read(3, "dy"), Arg::maybe(4, "add"), Arg::write(5, "dx")],
    shapes: |s| {
        same("w", s.get(1), Shape::flat(weight_len(s.get(0).c())))?;
        same("dy", s.get(2), s.get(0))?;
        same_if_present(s, 3, "add", s.get(0))?;
        same("dx", s.get(4), s.get(0))
    },
    terms: |s| 4 * s.get(0).c(),
    flops: |s| 16 * s.get(0).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: grad_input_cases,
};

/// Partial sums of the gradients of `w` and `b`, one row for each run of pixels, on those of another use of both.
pub(super) static LAYER_NORM_GRAD_WEIGHT: Kernel = Kernel {
    name: "layer_norm_grad_weight",
    family: "layernorm",
    shader: Shader::new(wgsl!("layernorm.wgsl"), "layer_norm_grad_weight", |s| {
        groups(s.get(3).n() * s.get(3).c().div_ceil(64))
    }),
    args: &[Arg::read(0, "x"), Arg::read(3, "dy"), Arg::maybe(4, "add"), Arg::write(6, "part")],
    shapes: |s| {
        let part = part_shape(s.get(0), s.params::<Params>().chunk as usize);
        same("dy", s.get(1), s.get(0))?;
        same_if_present(s, 2, "add", part)?;
        same("part", s.get(3), part)
    },
    terms: |s| s.params::<Params>().chunk as usize + 2 * s.get(0).c(),
    flops: |s| 8 * s.get(0).len(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: grad_weight_cases,
};

fn part_shape(x: Shape, chunk: usize) -> Shape {
    Shape([x.pixels().div_ceil(chunk), 1, 1, weight_len(x.c())])
}

/// Adds `y = w x̂ + b`. Images `[N,H,W,C]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, y: Tensor) {
    p.call(&LAYER_NORM, &[Some(x), Some(w), Some(y)], &Params::new(x.shape(), None));
}

/// Adds the gradient at `x`, plus `add`. Images `[N,H,W,C]`.
#[track_caller]
pub fn grad_input(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, dy: Tensor, add: Option<Tensor>, dx: Tensor) {
    p.call(&LAYER_NORM_GRAD_INPUT, &[Some(x), Some(w), Some(dy), add, Some(dx)], &Params::new(x.shape(), add));
}

/// Adds partial sums of the gradient of `w` and `b`, named `part`, on `add`, those of another use of both. Their sum is
/// [`sum_rows`](super::loss::sum_rows)'.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, add: Option<Tensor>, part: &str) -> Tensor {
    let chunk = match p.grain() {
        Grain::Coarse => (x.shape().pixels() / 128).max(2048),
        Grain::Fine => (x.shape().pixels() / 256).max(128),
    };
    let part = p.activation(part, part_shape(x.shape(), chunk));
    partial(p, x, dy, add, chunk, part);
    part
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, add: Option<Tensor>, chunk: usize, part: Tensor) {
    let params = Params { chunk: chunk as u32, ..Params::new(x.shape(), add) };
    p.call(&LAYER_NORM_GRAD_WEIGHT, &[Some(x), Some(dy), add, Some(part)], &params);
}

/// Three channels and more: of two, what a gradient leaves is rounding.
const ODD: [[usize; 4]; 4] = [[1, 1, 1, 3], [2, 3, 7, 5], [1, 9, 17, 32], [1, 2, 5, 70]];

fn forward_cases() -> Vec<Case> {
    let case = |shape| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?}"), move |p| {
            let x = p.tensor("x", shape, Role::Input);
            let w = p.tensor("w", Shape::flat(weight_len(shape.c())), Role::Input);
            let y = p.tensor("y", shape, Role::Output);
            forward(p, x, w, y);
        })
    };
    ODD.into_iter().map(case).collect()
}

fn grad_input_cases() -> Vec<Case> {
    let case = |(shape, with_add): ([usize; 4], bool)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} add={with_add}"), move |p| {
            let [x, dy] = ["x", "dy"].map(|name| p.tensor(name, shape, Role::Input));
            let add = with_add.then(|| p.tensor("add", shape, Role::Input));
            let w = p.tensor("w", Shape::flat(weight_len(shape.c())), Role::Input);
            let dx = p.tensor("dx", shape, Role::Output);
            grad_input(p, x, w, dy, add, dx);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, false), (x, true)]).map(case).collect()
}

fn grad_weight_cases() -> Vec<Case> {
    let case = |(shape, chunk, with_add): ([usize; 4], usize, bool)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} chunk={chunk} add={with_add}"), move |p| {
            let [x, dy] = ["x", "dy"].map(|name| p.tensor(name, shape, Role::Input));
            let part = part_shape(shape, chunk);
            let add = with_add.then(|| p.tensor("add", part, Role::Input));
            let to = p.tensor("part", part, Role::Output);
            partial(p, x, dy, add, chunk, to);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, 1, false), (x, 100, true)]).map(case).collect()
}
