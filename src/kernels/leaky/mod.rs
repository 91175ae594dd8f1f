//! Leaky ReLU: `y = leaky(x + b) + add`, one bias for each channel, and its gradient.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Parameters of the kernels; `struct Params` of `shaders/leaky.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    len: u32,
    c: u32,
    /// Below zero.
    slope: f32,
    /// One over it, a whole number: with that 1/5 is what it is in f64, too.
    inverse: f32,
    /// 1: argument `b` is present.
    bias: u32,
    /// 1: argument `add` is present.
    add: u32,
    pad: [u32; 2],
}

/// `y = leaky(x + b) + add`.
pub(super) static LEAKY: Kernel = Kernel {
    name: "leaky",
    family: "leaky",
    shader: Shader::new(wgsl!("leaky.wgsl"), "leaky", |s| groups(s.get(3).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::maybe(1, "b"), Arg::maybe(2, "add"), Arg::write(3, "y")],
    shapes: |s| {
        same_if_present(s, 1, "b", Shape::flat(s.get(0).c()))?;
        same_if_present(s, 2, "add", s.get(0))?;
        same("y", s.get(3), s.get(0))
    },
    terms: |_| 2,
    flops: |s| 2 * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: forward_cases,
};

/// `dx = dy`, times the slope where `x + b` is not positive.
pub(super) static LEAKY_GRAD: Kernel = Kernel {
    name: "leaky_grad",
    family: "leaky",
    shader: Shader::new(wgsl!("leaky.wgsl"), "leaky_grad", |s| groups(s.get(3).len().div_ceil(64))),
    args: &[Arg::read(4, "dy"), Arg::read(0, "x"), Arg::maybe(1, "b"), Arg::write(5, "dx")],
    shapes: |s| {
        same("x", s.get(1), s.get(0))?;
        same_if_present(s, 2, "b", Shape::flat(s.get(0).c()))?;
        same("dx", s.get(3), s.get(0))
    },
    terms: |_| 1,
    flops: |s| 2 * s.get(0).len(),
    reference: reference!(reference::grad),
    cpu: Some(cpu::grad),
    cases: grad_cases,
};

fn params(x: Shape, slope: f32, bias: Option<Tensor>) -> Params {
    let inverse = (1.0 / slope).round();
    Params { len: x.len() as u32, c: x.c() as u32, slope, inverse, bias: bias.is_some().into(), ..Params::zeroed() }
}

/// Adds `y = leaky(x + b) + add`. `b [C]`, the others `[N,H,W,C]`; the slope is one over a whole number.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, b: Option<Tensor>, slope: f32, add: Option<Tensor>, y: Tensor) {
    let params = Params { add: add.is_some().into(), ..params(x.shape(), slope, b) };
    p.call(&LEAKY, &[Some(x), b, add, Some(y)], &params);
}

/// Adds `y = a + b`, a leaky ReLU of slope 1. All of one shape.
#[track_caller]
pub fn sum(p: &mut PlanBuilder<'_>, a: Tensor, b: Tensor, y: Tensor) {
    forward(p, a, None, 1.0, Some(b), y);
}

/// Adds `dx`, the gradient at `x + b`. `b [C]`, the others `[N,H,W,C]`.
#[track_caller]
pub fn grad(p: &mut PlanBuilder<'_>, dy: Tensor, x: Tensor, b: Option<Tensor>, slope: f32, dx: Tensor) {
    p.call(&LEAKY_GRAD, &[Some(dy), Some(x), b, Some(dx)], &params(x.shape(), slope, b));
}

const ODD: [([usize; 4], bool); 4] =
    [([1, 1, 1, 1], true), ([2, 3, 7, 5], false), ([1, 9, 17, 32], true), ([1, 2, 1, 3], false)];

fn forward_cases() -> Vec<Case> {
    let case = |((x, bias), with_add): (([usize; 4], bool), bool)| {
        let x = Shape(x);
        Case::new(format!("{x:?} bias={bias} add={with_add}"), move |p| {
            let mut input = |name: &str, shape| p.tensor(name, shape, Role::Input);
            let xs = input("x", x);
            let b = bias.then(|| input("b", Shape::flat(x.c())));
            let add = with_add.then(|| input("add", x));
            let y = p.tensor("y", x, Role::Output);
            forward(p, xs, b, 0.2, add, y);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, false), (x, true)]).map(case).collect()
}

fn grad_cases() -> Vec<Case> {
    let case = |(x, bias): ([usize; 4], bool)| {
        let x = Shape(x);
        Case::new(format!("{x:?} bias={bias}"), move |p| {
            let mut input = |name: &str, shape| p.tensor(name, shape, Role::Input);
            let (dy, xs) = (input("dy", x), input("x", x));
            let b = bias.then(|| input("b", Shape::flat(x.c())));
            let dx = p.tensor("dx", x, Role::Output);
            grad(p, dy, xs, b, 0.01, dx);
        })
    };
    ODD.into_iter().map(case).collect()
}
