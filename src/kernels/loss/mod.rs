//! Losses with their gradients, and the fixed-order sums that finish reductions.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::charbonnier as reference_charbonnier;

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Shapes, Tensor};

/// Parameters of all kernels; `struct Params` of `shaders/loss.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    /// Elements compared, or elements of one row.
    len: u32,
    /// Elements per partial sum, or number of rows.
    count: u32,
    /// Factor on the gradient, or on the sum.
    scale: f32,
    /// Elements per weight, 0 without weights.
    channels: u32,
    /// Difference at which [`CHARBONNIER`] turns from a square into an absolute value.
    bend: f32,
    pad: [u32; 3],
}

/// `dy = scale · w · (y − target)` and partial sums of `w · (y − target)²`, with a weight `w` per pixel
/// or 1.
pub(super) static L2: Kernel = Kernel {
    name: "l2",
    family: "loss",
    shader: Shader::new(wgsl!("loss.wgsl"), "l2", |s| groups(s.get(4).n())),
    args: COMPARE,
    shapes: compare_shapes,
    terms: |s| s.params::<Params>().count as usize,
    flops: |s| 4 * s.get(0).len(),
    reference: reference!(reference::l2_args),
    cpu: Some(cpu::l2),
    cases: || compare_cases(Measure::Square),
};

/// `dy = scale · w · e / √(e² + bend²)` and partial sums of `w · √(e² + bend²)`, with `e = y − target` and a
/// weight `w` per pixel or 1: Charbonnier's loss, a square for small differences, absolute for large ones.
pub(super) static CHARBONNIER: Kernel = Kernel {
    name: "charbonnier",
    family: "loss",
    shader: Shader::new(wgsl!("loss.wgsl"), "charbonnier", |s| groups(s.get(4).n())),
    args: COMPARE,
    shapes: compare_shapes,
    terms: |s| s.params::<Params>().count as usize,
    flops: |s| 7 * s.get(0).len(),
    reference: reference!(reference::charbonnier_args),
    cpu: Some(cpu::charbonnier),
    cases: || compare_cases(Measure::Charbonnier(0.3)),
};

/// Arguments of a loss.
const COMPARE: &[Arg] =
    &[Arg::read(0, "y"), Arg::read(1, "target_"), Arg::maybe(6, "weight"), Arg::write(2, "dy"), Arg::write(3, "part")];

fn compare_shapes(s: &Shapes<'_>) -> Result<(), String> {
    let y = s.get(0);
    same("target", s.get(1), y)?;
    same_if_present(s, 2, "weight", y.with_c(1))?;
    same("dy", s.get(3), y)?;
    same("part", s.get(4), Shape([y.len().div_ceil(s.params::<Params>().count as usize), 1, 1, 1]))
}

/// `out[j] = scale · Σ_i part[i, j]`, in the order of the rows.
pub(super) static SUM_ROWS: Kernel = Kernel {
    name: "sum_rows",
    family: "loss",
    shader: Shader::new(wgsl!("loss.wgsl"), "sum_rows", |s| groups(s.get(1).len().div_ceil(32))),
    args: &[Arg::read(4, "rows"), Arg::write(5, "out")],
    shapes: |s| same("out", s.get(1), Shape::flat(s.get(0).c())),
    terms: |s| s.get(0).pixels(),
    flops: |s| s.get(0).len(),
    reference: reference!(reference::sum_rows_args),
    cpu: Some(cpu::sum_rows),
    cases: sum_rows_cases,
};

/// What is compared, and how much each pixel counts.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    /// `[N,H,W,C]`.
    pub y: Tensor,
    /// `[N,H,W,C]`.
    pub target: Tensor,
    /// `[N,H,W,1]`; every pixel counts 1 without it.
    pub weight: Option<Tensor>,
}

/// What a difference counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// `e²`.
    Square,
    /// `√(e² + bend²)`.
    Charbonnier(f32),
}

/// Adds a mean error: its value into `loss [1]`, and `dy [N,H,W,C]`, the gradient of
/// `factor` times it. Partial sums are named `part`. The sum of weighted errors is divided by
/// the number of elements: weights of mean 1 make it a mean.
#[track_caller]
pub fn mean(
    p: &mut PlanBuilder<'_>,
    compared: Operands,
    measure: Measure,
    factor: f32,
    part: &str,
    dy: Tensor,
    loss: Tensor,
) {
    let y = compared.y;
    let len = y.shape().len();
    // One partial is one workgroup's work; at most 256 of them leave the last sum short.
    let count = (len / 256).next_multiple_of(256).max(1024);
    let part = p.activation(part, Shape([len.div_ceil(count), 1, 1, 1]));
    let slope = if measure == Measure::Square { 2.0 } else { 1.0 };
    partial(p, compared, measure, slope * factor / len as f32, count, dy, part);
    sum_rows(p, part, 1.0 / len as f32, loss);
}

/// Adds a mean squared error; see [`mean()`].
#[track_caller]
pub fn l2(p: &mut PlanBuilder<'_>, compared: Operands, factor: f32, part: &str, dy: Tensor, loss: Tensor) {
    mean(p, compared, Measure::Square, factor, part, dy, loss);
}

fn partial(
    p: &mut PlanBuilder<'_>,
    compared: Operands,
    measure: Measure,
    scale: f32,
    count: usize,
    dy: Tensor,
    part: Tensor,
) {
    let Operands { y, target, weight } = compared;
    let channels = if weight.is_some() { y.shape().c() as u32 } else { 0 };
    let (kernel, bend) = match measure {
        Measure::Square => (&L2, 0.0),
        Measure::Charbonnier(bend) => (&CHARBONNIER, bend),
    };
    let params = Params { len: y.shape().len() as u32, count: count as u32, scale, channels, bend, pad: [0; 3] };
    p.call(kernel, &[Some(y), Some(target), weight, Some(dy), Some(part)], &params);
}

/// Adds `out = scale · Σ rows`. `rows [..,n]`, `out [n]`.
#[track_caller]
pub fn sum_rows(p: &mut PlanBuilder<'_>, rows: Tensor, scale: f32, out: Tensor) {
    let params = Params {
        len: rows.shape().c() as u32,
        count: rows.shape().pixels() as u32,
        scale,
        channels: 0,
        bend: 0.0,
        pad: [0; 3],
    };
    p.call(&SUM_ROWS, &[Some(rows), Some(out)], &params);
}

fn compare_cases(measure: Measure) -> Vec<Case> {
    let case = move |(shape, count, weighted): ([usize; 4], usize, bool)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} count={count} weighted={weighted}"), move |p| {
            let y = p.tensor("y", shape, Role::Input);
            let target = p.tensor("target", shape, Role::Input);
            let weight = weighted.then(|| p.tensor("weight", shape.with_c(1), Role::Input));
            let dy = p.tensor("dy", shape, Role::Output);
            let part = p.tensor("part", Shape([shape.len().div_ceil(count), 1, 1, 1]), Role::Output);
            partial(p, Operands { y, target, weight }, measure, 0.37, count, dy, part);
        })
    };
    let sizes = [([1, 1, 1, 1], 1024), ([1, 9, 7, 3], 50), ([2, 33, 31, 8], 1024), ([1, 70, 41, 1], 300)];
    sizes.into_iter().flat_map(|(s, n)| [(s, n, false), (s, n, true)]).map(case).collect()
}

fn sum_rows_cases() -> Vec<Case> {
    let case = |(rows, len): (usize, usize)| {
        Case::new(format!("{rows}×{len}"), move |p| {
            let rows = p.tensor("rows", Shape([rows, 1, 1, len]), Role::Input);
            let out = p.tensor("out", Shape::flat(len), Role::Output);
            sum_rows(p, rows, 0.71, out);
        })
    };
    [(1, 1), (257, 1), (3, 100), (128, 2313)].into_iter().map(case).collect()
}
