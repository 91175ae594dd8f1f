//! 3×3 convolution, stride 1, zero padding 1, with bias, and its gradients.
//!
//! Layouts: images `[N, H, W, C]`; weights one flat tensor, `[3, 3, Ci, Co]`
//! followed by `Co` biases, so that a layer is one parameter and one gradient.
//! ReLU, the residual add and the ReLU mask ride in the epilogues: each saves one
//! pass over the largest tensors of the step.

mod cpu;
mod reference;
mod winograd;

use bytemuck::{Pod, Zeroable};

pub use reference::{add, conv2d, conv2d_grad_input, conv2d_grad_weight, relu, relu_grad};

use super::{grid, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Form, Grain, Kernel, Launch, PlanBuilder, Role, Shape, Shapes, Tensor};

/// Parameters of the three kernels; `struct Params` of `shaders/conv2d_common.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Params {
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

const DIRECT: &str = wgsl!("conv2d.wgsl", "conv2d_common.wgsl");
/// The f16 forms share bindings and bounds with the direct forms.
const HALF: &str = wgsl!("conv2d.wgsl", "conv2d_f16.wgsl", "conv2d_common.wgsl");
const WINOGRAD: &str = wgsl!(
    "conv2d_winograd.wgsl",
    "conv2d_winograd_weight.wgsl",
    "conv2d_winograd_transform.wgsl",
    "conv2d_common.wgsl"
);

/// `y = act(x ∗ w + b + add)`, with `act` ReLU or nothing.
pub static CONV2D: Kernel = Kernel {
    name: "conv2d",
    family: "conv2d",
    source: DIRECT,
    entry: "conv2d",
    args: &[Arg::read(0, "x"), Arg::read(1, "w"), Arg::maybe(3, "add"), Arg::write(2, "y")],
    shapes: |s| {
        let (x, y) = (s.get(0), s.get(3));
        same("y", y, x.with_c(y.c()))?;
        same("w", s.get(1), Shape::flat(weight_len(x.c(), y.c())))?;
        same_if_present(s, 2, "add", y)
    },
    launch: |s| tiled(s.get(3)),
    terms: |s| 9 * s.get(0).c() + 2,
    flops: |s| 18 * s.get(3).len() * s.get(0).c(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    half: Some(Form { source: HALF, entry: "conv2d_f16", launch: |s| Some(tiled(s.get(3))) }),
    winograd: Some(Form {
        source: WINOGRAD,
        entry: "conv2d_winograd",
        launch: |s| winograd_tiled(s.get(0).c(), s.get(3)),
    }),
    cases: forward_cases,
};

/// `dx = (dy ∗ flipped, transposed w) + add`, zero where `mask` is not positive.
pub static CONV2D_GRAD_INPUT: Kernel = Kernel {
    name: "conv2d_grad_input",
    family: "conv2d",
    source: DIRECT,
    entry: "conv2d_grad_input",
    args: &[Arg::read(4, "dy"), Arg::read(1, "w"), Arg::maybe(3, "add"), Arg::maybe(5, "mask"), Arg::write(6, "dx")],
    shapes: |s| {
        let (dy, dx) = (s.get(0), s.get(4));
        same("dx", dx, dy.with_c(dx.c()))?;
        same("w", s.get(1), Shape::flat(weight_len(dx.c(), dy.c())))?;
        same_if_present(s, 2, "add", dx)?;
        same_if_present(s, 3, "mask", dx)
    },
    launch: |s| tiled(s.get(4)),
    terms: |s| 9 * s.get(0).c() + 1,
    flops: |s| 18 * s.get(4).len() * s.get(0).c(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    half: Some(Form { source: HALF, entry: "conv2d_grad_input_f16", launch: |s| Some(tiled(s.get(4))) }),
    winograd: Some(Form {
        source: WINOGRAD,
        entry: "conv2d_grad_input_winograd",
        launch: |s| winograd_tiled(s.get(0).c(), s.get(4)),
    }),
    cases: grad_input_cases,
};

/// Partial sums of the weight and bias gradients, one row per run of image rows.
/// [`loss::SUM_ROWS`](super::loss::SUM_ROWS) adds the rows in fixed order.
pub static CONV2D_GRAD_WEIGHT: Kernel = Kernel {
    name: "conv2d_grad_weight",
    family: "conv2d",
    source: DIRECT,
    entry: "conv2d_grad_weight",
    args: &[Arg::read(0, "x"), Arg::read(4, "dy"), Arg::write(7, "part")],
    shapes: |s| {
        let (x, dy, part, p) = (s.get(0), s.get(1), s.get(2), s.params::<Params>());
        same("dy", dy, x.with_c(dy.c()))?;
        let parts = (x.n() * x.h()).div_ceil(p.rows as usize);
        same("part", part, Shape([parts, 1, 1, weight_len(x.c(), dy.c())]))
    },
    launch: blocked,
    terms: |s| (s.params::<Params>().rows as usize) * s.get(0).w(),
    flops: |s| 18 * s.get(1).len() * s.get(0).c(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    half: Some(Form { source: HALF, entry: "conv2d_grad_weight_f16", launch: |s| Some(blocked(s)) }),
    winograd: Some(Form {
        source: WINOGRAD,
        entry: "conv2d_grad_weight_winograd",
        launch: |s| {
            let fits = [0, 1].iter().all(|i| s.get(*i).c().is_multiple_of(4));
            fits.then(|| Launch { consts: Vec::new(), ..blocked(s) })
        },
    }),
    cases: grad_weight_cases,
};

/// Channels per register block: the shader keeps one block of each side in
/// workgroup memory, at most 32 channels so that it stays under 16 KiB.
fn block_consts(ci: usize, co: usize) -> Vec<(&'static str, u32)> {
    vec![("CI", ci as u32), ("CO", co as u32)]
}

/// A weight gradient: a workgroup per partial sum and block of channels.
fn blocked(s: &Shapes<'_>) -> Launch {
    let (x, dy, part) = (s.get(0), s.get(1), s.get(2));
    let (ci, co) = (x.c().min(32), dy.c().min(32));
    let blocks = x.c().div_ceil(ci) * dy.c().div_ceil(co);
    Launch { consts: block_consts(ci, co), grid: [part.n() as u32, blocks as u32, 1] }
}

/// Pixels of one workgroup's tile; `TILE_W` and `TILE_H` of the shader.
const TILE: (usize, usize) = (32, 4);

fn tiled(output: Shape) -> Launch {
    // CI is the weight gradient's alone: one value, so that layers share pipelines.
    let (ci, co) = (1, output.c().min(32));
    Launch { consts: block_consts(ci, co), grid: tile_grid(output, TILE, co) }
}

fn tile_grid(output: Shape, tile: (usize, usize), channels: usize) -> [u32; 3] {
    let [x, y, _] = grid(output.w().div_ceil(tile.0) * output.h().div_ceil(tile.1) * output.n());
    [x, y, output.c().div_ceil(channels) as u32]
}

/// `COLUMNS` and `ROWS` of the Winograd shader, and the channels its workgroups make.
const WINOGRAD_TILE: (usize, usize) = (32, 6);
const WINOGRAD_CHANNELS: usize = 32;

/// Channels come as whole vec4s. Fewer than 32 of the output would leave most threads without
/// work: 65 us of an H200 for a layer 32→8, which the direct form counts to 50. (For a weight
/// gradient it is the other way round: 65 us where workgroups of one warp take 190.)
fn winograd_tiled(sums: usize, output: Shape) -> Option<Launch> {
    let fits = sums.is_multiple_of(4) && output.c().is_multiple_of(WINOGRAD_CHANNELS);
    fits.then(|| Launch { consts: Vec::new(), grid: tile_grid(output, WINOGRAD_TILE, WINOGRAD_CHANNELS) })
}

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
/// stays small beside the sums: 16 for a reduced step's crops, whose weight gradient took
/// 0.66 ms instead of 0.75 with 32. Fine: about 256, one workgroup each, so that of two on a
/// multiprocessor of a large GPU one computes while the other loads; and down to 128 pixels,
/// for the crops of a reduced step would otherwise be 32 workgroups. Writing and adding 256
/// partials of a layer 32→32 moves 19 MB: 5 us of an H200 beside 80.
fn part_rows(x: Shape, grain: Grain) -> usize {
    let pixels = match grain {
        Grain::Coarse => (x.pixels() / 128).max(2048),
        Grain::Fine => (x.pixels() / 256).max(128),
    };
    pixels.div_ceil(x.w()).min(x.n() * x.h())
}

/// `[N, H, W, Ci]` and `Co` that separate plausible wrong formulas: H ≠ W, Ci ≠ Co,
/// sizes off every tile, one-pixel images, more channels than one register block.
const ODD: [([usize; 4], usize); 10] = [
    ([1, 1, 1, 1], 1),
    ([1, 5, 7, 3], 2),
    ([2, 9, 17, 4], 32),
    ([1, 33, 16, 8], 32),
    ([1, 13, 50, 32], 32),
    ([3, 8, 31, 32], 5),
    ([1, 7, 19, 40], 16),
    ([1, 10, 11, 16], 48),
    ([2, 7, 37, 32], 64),
    ([1, 9, 26, 64], 32),
];

fn image(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

fn forward_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for (relu, with_add) in [(false, false), (true, false), (false, true)] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} relu={relu} add={with_add}"), move |p| {
                let add = with_add.then(|| image(p, "add", x.with_c(co)));
                let xs = image(p, "x", x);
                let w = image(p, "w", Shape::flat(weight_len(x.c(), co)));
                let y = p.tensor("y", x.with_c(co), Role::Output);
                forward(p, xs, w, add, relu, y);
            }));
        }
    }
    cases
}

fn grad_input_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for (with_add, with_mask) in [(false, false), (true, false), (true, true), (false, true)] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} add={with_add} mask={with_mask}"), move |p| {
                let add = with_add.then(|| image(p, "add", x));
                let mask = with_mask.then(|| image(p, "mask", x));
                let dy = image(p, "dy", x.with_c(co));
                let w = image(p, "w", Shape::flat(weight_len(x.c(), co)));
                let dx = p.tensor("dx", x, Role::Output);
                grad_input(p, dy, w, add, mask, dx);
            }));
        }
    }
    cases
}

fn grad_weight_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for rows in [1, 3, 1000] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} rows={rows}"), move |p| {
                let dy = image(p, "dy", x.with_c(co));
                let xs = image(p, "x", x);
                let rows = rows.min(x.n() * x.h());
                let parts = (x.n() * x.h()).div_ceil(rows);
                let part = p.tensor("part", Shape([parts, 1, 1, weight_len(x.c(), co)]), Role::Output);
                partial(p, xs, dy, rows, part);
            }));
        }
    }
    cases
}
