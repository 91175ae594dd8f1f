//! Depthwise 3×3 convolution, stride 1, zero padding 1: each channel with a filter of its own, and its gradients.
//!
//! Layouts: images `[N, H, W, C]`; weights one flat tensor, `[3, 3, C]`, followed by `C` biases unless the layer
//! has none.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{depthwise, depthwise_grad_input, depthwise_grad_weight};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Grain, Kernel, PlanBuilder, Role, Shader, Shape, Shapes, Tensor};

/// Parameters of the three kernels; `struct Params` of `shaders/depthwise.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    /// 1: the weights end with biases.
    bias: u32,
    /// 1: argument `add` is present.
    add: u32,
    /// Rows (of `N·H`) each partial weight gradient sums over.
    rows: u32,
    pad: u32,
}

impl Params {
    fn new(x: Shape, weights: usize) -> Self {
        let [n, h, w, c] = x.0.map(|s| s as u32);
        Self { n, h, w, c, bias: u32::from(weights > 9 * x.c()), ..Self::zeroed() }
    }
}

/// Elements of a layer's parameter: weights, then biases if it has some.
pub const fn weight_len(c: usize, bias: bool) -> usize {
    if bias { 10 * c } else { 9 * c }
}

fn weights_fit(s: &Shapes<'_>) -> Result<(), String> {
    same("w", s.get(1), Shape::flat(weight_len(s.get(0).c(), s.params::<Params>().bias == 1)))
}

/// `y = x ∗ w + b`, channel by channel.
pub(super) static DEPTHWISE: Kernel = Kernel {
    name: "depthwise",
    family: "depthwise",
    shader: Shader::new(wgsl!("depthwise.wgsl"), "depthwise", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::write(2, "y")],
    shapes: |s| {
        weights_fit(s)?;
        same("y", s.get(2), s.get(0))
    },
    terms: |_| 10,
    flops: |s| 18 * s.get(2).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: forward_cases,
};

/// `dx = (dy ∗ flipped w) + add`.
pub(super) static DEPTHWISE_GRAD_INPUT: Kernel = Kernel {
    name: "depthwise_grad_input",
    family: "depthwise",
    shader: Shader::new(wgsl!("depthwise.wgsl"), "depthwise_grad_input", |s| groups(s.get(3).len().div_ceil(64))),
    args: &[Arg::read(4, "dy"), Arg::read(1, "w"), Arg::maybe(3, "add"), Arg::write(5, "dx")],
    shapes: |s| {
        weights_fit(s)?;
        same_if_present(s, 2, "add", s.get(0))?;
        same("dx", s.get(3), s.get(0))
    },
    terms: |_| 10,
    flops: |s| 18 * s.get(3).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: grad_input_cases,
};

/// Partial sums of the weight and bias gradients, one row per run of image rows.
pub(super) static DEPTHWISE_GRAD_WEIGHT: Kernel = Kernel {
    name: "depthwise_grad_weight",
    family: "depthwise",
    shader: Shader::new(wgsl!("depthwise.wgsl"), "depthwise_grad_weight", |s| {
        groups(s.get(2).n() * s.get(2).c().div_ceil(256))
    }),
    args: &[Arg::read(0, "x"), Arg::read(4, "dy"), Arg::write(6, "part")],
    shapes: |s| {
        let (x, p) = (s.get(0), s.params::<Params>());
        same("dy", s.get(1), x)?;
        let parts = (x.n() * x.h()).div_ceil(p.rows as usize);
        same("part", s.get(2), Shape([parts, 1, 1, weight_len(x.c(), p.bias == 1)]))
    },
    terms: |s| (s.params::<Params>().rows as usize) * s.get(0).w(),
    flops: |s| 18 * s.get(0).len(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: grad_weight_cases,
};

/// Adds `y = x ∗ w + b`. `x` and `y` `[N,H,W,C]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, y: Tensor) {
    p.call(&DEPTHWISE, &[Some(x), Some(w), Some(y)], &Params::new(x.shape(), w.shape().len()));
}

/// Adds `dx = (∂/∂x)ᵀ dy + add`. All `[N,H,W,C]`.
#[track_caller]
pub fn grad_input(p: &mut PlanBuilder<'_>, dy: Tensor, w: Tensor, add: Option<Tensor>, dx: Tensor) {
    let params = Params { add: add.is_some().into(), ..Params::new(dy.shape(), w.shape().len()) };
    p.call(&DEPTHWISE_GRAD_INPUT, &[Some(dy), Some(w), add, Some(dx)], &params);
}

/// Adds the gradient of all weights: partial sums named `part`, then their sum into `dw`.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, part: &str, dw: Tensor) {
    let rows = part_rows(x.shape(), p.grain());
    let parts = (x.shape().n() * x.shape().h()).div_ceil(rows);
    let part = p.activation(part, Shape([parts, 1, 1, dw.shape().len()]));
    partial(p, x, dy, rows, part);
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, rows: usize, part: Tensor) {
    let params = Params { rows: rows as u32, ..Params::new(x.shape(), part.shape().c()) };
    p.call(&DEPTHWISE_GRAD_WEIGHT, &[Some(x), Some(dy), Some(part)], &params);
}

/// Image rows per partial sum, as in the other convolutions.
fn part_rows(x: Shape, grain: Grain) -> usize {
    let pixels = match grain {
        Grain::Coarse => (x.pixels() / 128).max(2048),
        Grain::Fine => (x.pixels() / 256).max(128),
    };
    pixels.div_ceil(x.w()).min(x.n() * x.h())
}

/// Two pixels, one column, one row, channels off and on every register.
const ODD: [[usize; 4]; 10] = [
    [1, 1, 2, 1],
    [1, 5, 1, 3],
    [2, 1, 9, 4],
    [1, 5, 7, 20],
    [2, 9, 17, 8],
    [1, 6, 50, 5],
    [1, 13, 33, 32],
    [2, 4, 21, 16],
    [2, 5, 1, 32],
    [1, 3, 2, 8],
];

fn image(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

fn forward_cases() -> Vec<Case> {
    let case = |(shape, bias)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} bias={bias}"), move |p| {
            let (x, w) = (image(p, "x", shape), image(p, "w", Shape::flat(weight_len(shape.c(), bias))));
            let y = p.tensor("y", shape, Role::Output);
            forward(p, x, w, y);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, true), (x, false)]).map(case).collect()
}

fn grad_input_cases() -> Vec<Case> {
    let case = |(shape, bias, with_add): ([usize; 4], bool, bool)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} bias={bias} add={with_add}"), move |p| {
            let add = with_add.then(|| image(p, "add", shape));
            let (dy, w) = (image(p, "dy", shape), image(p, "w", Shape::flat(weight_len(shape.c(), bias))));
            let dx = p.tensor("dx", shape, Role::Output);
            grad_input(p, dy, w, add, dx);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, true, false), (x, false, true)]).map(case).collect()
}

fn grad_weight_cases() -> Vec<Case> {
    let case = |(shape, rows, bias): ([usize; 4], usize, bool)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} rows={rows} bias={bias}"), move |p| {
            let (x, dy) = (image(p, "x", shape), image(p, "dy", shape));
            let rows = rows.min(shape.n() * shape.h());
            let parts = (shape.n() * shape.h()).div_ceil(rows);
            let part = p.tensor("part", Shape([parts, 1, 1, weight_len(shape.c(), bias)]), Role::Output);
            partial(p, x, dy, rows, part);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, 1, true), (x, 3, false), (x, 1000, true)]).map(case).collect()
}
