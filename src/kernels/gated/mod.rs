//! Images gated by others: `y = x silu(z) + add`, `silu(z) = z σ(z)`, and its gradients.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Parameters of both kernels; `struct Params` of `shaders/gated.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    len: u32,
    /// 1: argument `add` is present.
    add: u32,
    pad: [u32; 2],
}

/// `y = x silu(z) + add`.
pub(super) static GATED: Kernel = Kernel {
    name: "gated",
    family: "gated",
    shader: Shader::new(wgsl!("gated.wgsl"), "gated", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "z"), Arg::maybe(2, "add"), Arg::write(3, "y")],
    shapes: |s| {
        same("z", s.get(1), s.get(0))?;
        same_if_present(s, 2, "add", s.get(0))?;
        same("y", s.get(3), s.get(0))
    },
    terms: |_| 2,
    flops: |s| 18 * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: forward_cases,
};

/// `dx = dy silu(z)` and `dz = dy x silu′(z)`.
pub(super) static GATED_GRAD: Kernel = Kernel {
    name: "gated_grad",
    family: "gated",
    shader: Shader::new(wgsl!("gated.wgsl"), "gated_grad", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(4, "dy"), Arg::read(0, "x"), Arg::read(1, "z"), Arg::write(5, "dx"), Arg::write(6, "dz")],
    shapes: |s| (1..5).try_for_each(|i| same("image", s.get(i), s.get(0))),
    terms: |_| 3,
    flops: |s| 22 * s.get(0).len(),
    reference: reference!(reference::grad),
    cpu: Some(cpu::grad),
    cases: grad_cases,
};

/// Adds `y = x silu(z) + add`. All of one shape.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, z: Tensor, add: Option<Tensor>, y: Tensor) {
    let params = Params { len: x.shape().len() as u32, add: add.is_some().into(), pad: [0; 2] };
    p.call(&GATED, &[Some(x), Some(z), add, Some(y)], &params);
}

/// Adds the gradients at `x` and `z`. All of one shape.
#[track_caller]
pub fn grad(p: &mut PlanBuilder<'_>, dy: Tensor, [x, z]: [Tensor; 2], [dx, dz]: [Tensor; 2]) {
    let params = Params { len: x.shape().len() as u32, add: 0, pad: [0; 2] };
    p.call(&GATED_GRAD, &[Some(dy), Some(x), Some(z), Some(dx), Some(dz)], &params);
}

const ODD: [[usize; 4]; 3] = [[1, 1, 1, 1], [2, 3, 7, 5], [1, 9, 17, 64]];

fn forward_cases() -> Vec<Case> {
    let case = |(shape, with_add): ([usize; 4], bool)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} add={with_add}"), move |p| {
            let [x, z] = ["x", "z"].map(|name| p.tensor(name, shape, Role::Input));
            let add = with_add.then(|| p.tensor("add", shape, Role::Input));
            let y = p.tensor("y", shape, Role::Output);
            forward(p, x, z, add, y);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, false), (x, true)]).map(case).collect()
}

fn grad_cases() -> Vec<Case> {
    let case = |shape| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?}"), move |p| {
            let [dy, x, z] = ["dy", "x", "z"].map(|name| p.tensor(name, shape, Role::Input));
            let to = ["dx", "dz"].map(|name| p.tensor(name, shape, Role::Output));
            grad(p, dy, [x, z], to);
        })
    };
    ODD.into_iter().map(case).collect()
}
