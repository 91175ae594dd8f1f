//! 3×3 convolution by a kernel for each cluster of pixels, stride 1, zero padding 1, and its gradients: that of CANNet
//! (method, section 1). The kernels are one that all share times factors of its taps, inputs and outputs:
//!
//! ```text
//! v[s,o] = Σ_t α[t] Σ_i γ[i] · x[s+t,i] · W[t,i,o]         y[s,o] = leaky(β[o] + ω[o] · v[s,o]) + add[s,o]
//! ```
//!
//! with the factors of the segment of s. Layouts: images `[N, H, W, C]`; `index [N, H, W, 1]` numbers of segments; weights
//! `[3, 3, Ci, Co]` without biases; factors `[N, SEGMENTS, 1, C]`.

mod cases;
mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{Factors, clustered, clustered_grad_factors, clustered_grad_input, clustered_grad_weight};

use super::segment::rows_shape;
use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Grain, Kernel, Launch, PlanBuilder, Shader, Shape, Shapes, Tensor};

pub use super::modulated::{TAPS, weight_len};

/// Parameters of the kernels; `struct Params` of `shaders/clustered.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    h: u32,
    w: u32,
    /// Channels of `x` and `dx`.
    ci: u32,
    /// Channels of `v` and `e`.
    co: u32,
    /// 1: argument `add` is present.
    add: u32,
    /// Rows (of `N·H`) each partial weight gradient sums over.
    rows: u32,
    /// Of the leaky ReLU below zero; 1 leaves all as it is.
    slope: f32,
}

impl Params {
    fn new(x: Shape, co: usize) -> Self {
        let [n, h, w, ci] = x.0.map(|s| s as u32);
        Self { n, h, w, ci, co: co as u32, ..Self::zeroed() }
    }
}

/// What the kernels of the clusters differ by.
#[derive(Clone, Copy, Debug)]
pub struct ClusterTables {
    /// Of the taps, `[N,SEGMENTS,1,9]`.
    pub alpha: Tensor,
    /// Of the inputs, `[N,SEGMENTS,1,Ci]`.
    pub gamma: Tensor,
    /// Each pixel's segment, `[N,H,W,1]`.
    pub index: Tensor,
}

/// Checks `alpha`, `gamma` and `index`, which follow one another from argument `first` on.
fn tables_fit(s: &Shapes<'_>, first: usize, x: Shape) -> Result<(), String> {
    same("alpha", s.get(first), rows_shape(x.n(), TAPS))?;
    same("gamma", s.get(first + 1), rows_shape(x.n(), x.c()))?;
    same("index", s.get(first + 2), x.with_c(1))
}

fn weights_fit(s: &Shapes<'_>, x: Shape, v: Shape) -> Result<(), String> {
    same("v or e", v, x.with_c(v.c()))?;
    same("w", s.get(1), Shape::flat(weight_len(x.c(), v.c())))
}

/// `v = Σ_t α[t] · (γ · x shifted by t) · W[t]`.
pub(super) static CLUSTERED: Kernel = Kernel {
    name: "clustered",
    family: "clustered",
    shader: Shader::new(wgsl!("clustered.wgsl"), "clustered", |s| per_quad(s.get(5))),
    args: &[
        Arg::read(0, "x"),
        Arg::read(1, "w"),
        Arg::read(2, "alpha"),
        Arg::read(3, "gamma"),
        Arg::read(4, "index"),
        Arg::write(5, "v"),
    ],
    shapes: |s| {
        weights_fit(s, s.get(0), s.get(5))?;
        tables_fit(s, 2, s.get(0))
    },
    terms: |s| TAPS * s.get(0).c() + 2,
    flops: |s| 18 * s.get(5).len() * s.get(0).c() + TAPS * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: cases::forward,
};

/// `dx[q] = Σ_t (α[t] · γ · W[t] · e[q−t] + share[t]) + add`, by the factors of q − t.
pub(super) static CLUSTERED_GRAD_INPUT: Kernel = Kernel {
    name: "clustered_grad_input",
    family: "clustered",
    shader: Shader::new(wgsl!("clustered.wgsl"), "clustered_grad_input", |s| per_quad(s.get(7))),
    args: &[
        Arg::read(6, "e"),
        Arg::read(1, "w"),
        Arg::read(2, "alpha"),
        Arg::read(3, "gamma"),
        Arg::read(4, "index"),
        Arg::read(7, "share"),
        Arg::maybe(8, "add"),
        Arg::write(9, "dx"),
    ],
    shapes: |s| {
        let dx = s.get(7);
        weights_fit(s, dx, s.get(0))?;
        tables_fit(s, 2, dx)?;
        same("share", s.get(5), rows_shape(dx.n(), TAPS * dx.c()))?;
        same_if_present(s, 6, "add", dx)
    },
    terms: |s| TAPS * (s.get(0).c() + 1) + 2,
    flops: |s| 18 * s.get(7).len() * s.get(0).c() + 3 * TAPS * s.get(7).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: cases::grad_input,
};

/// At each pixel the gradients of γ, then those of α.
pub(super) static CLUSTERED_GRAD_FACTORS: Kernel = Kernel {
    name: "clustered_grad_factors",
    family: "clustered",
    shader: Shader::new(wgsl!("clustered.wgsl"), "clustered_grad_factors", |s| groups(s.get(6).len().div_ceil(64))),
    args: &[
        Arg::read(0, "x"),
        Arg::read(1, "w"),
        Arg::read(2, "alpha"),
        Arg::read(3, "gamma"),
        Arg::read(4, "index"),
        Arg::read(6, "e"),
        Arg::write(10, "d"),
    ],
    shapes: |s| {
        let x = s.get(0);
        weights_fit(s, x, s.get(5))?;
        tables_fit(s, 2, x)?;
        same("d", s.get(6), x.with_c(x.c() + TAPS))
    },
    terms: |s| s.get(5).c() * s.get(0).c().max(TAPS),
    flops: |s| 18 * s.get(5).len() * s.get(0).c() + 5 * TAPS * s.get(0).len(),
    reference: reference!(reference::grad_factors),
    cpu: Some(cpu::grad_factors),
    cases: cases::grad_factors,
};

/// Partial sums of the weight gradient, one row per run of image rows.
pub(super) static CLUSTERED_GRAD_WEIGHT: Kernel = Kernel {
    name: "clustered_grad_weight",
    family: "clustered",
    shader: Shader::new(wgsl!("clustered.wgsl"), "clustered_grad_weight", |s| {
        groups(s.get(5).n() * s.get(5).c().div_ceil(256))
    }),
    args: &[
        Arg::read(0, "x"),
        Arg::read(2, "alpha"),
        Arg::read(3, "gamma"),
        Arg::read(4, "index"),
        Arg::read(6, "e"),
        Arg::write(11, "part"),
    ],
    shapes: |s| {
        let (x, e, p) = (s.get(0), s.get(4), s.params::<Params>());
        same("e", e, x.with_c(e.c()))?;
        tables_fit(s, 1, x)?;
        let parts = (x.n() * x.h()).div_ceil(p.rows as usize);
        same("part", s.get(5), Shape([parts, 1, 1, weight_len(x.c(), e.c())]))
    },
    terms: |s| (s.params::<Params>().rows as usize) * s.get(0).w(),
    flops: |s| 18 * s.get(4).len() * s.get(0).c() + TAPS * s.get(0).len(),
    reference: reference!(reference::grad_weight),
    cpu: Some(cpu::grad_weight),
    cases: cases::grad_weight,
};

/// `y = leaky(β + ω · sums) + add`.
pub(super) static SCALED: Kernel = Kernel {
    name: "scaled",
    family: "clustered",
    shader: Shader::new(wgsl!("clustered.wgsl"), "scaled", |s| groups(s.get(5).len().div_ceil(64))),
    args: &[
        Arg::read(12, "sums"),
        Arg::read(13, "omega"),
        Arg::read(14, "beta"),
        Arg::read(4, "index"),
        Arg::maybe(8, "add"),
        Arg::write(15, "y"),
    ],
    shapes: |s| {
        scales_fit(s, 1, s.get(0))?;
        same_if_present(s, 4, "add", s.get(0))?;
        same("y", s.get(5), s.get(0))
    },
    terms: |_| 3,
    flops: |s| 4 * s.get(0).len(),
    reference: reference!(reference::scaled),
    cpu: Some(cpu::scaled),
    cases: cases::scaled,
};

/// The gradient at the sums, and at each pixel those of ω, then those of β.
pub(super) static SCALED_GRAD: Kernel = Kernel {
    name: "scaled_grad",
    family: "clustered",
    shader: Shader::new(wgsl!("clustered.wgsl"), "scaled_grad", |s| groups(s.get(5).len().div_ceil(64))),
    args: &[
        Arg::read(16, "dy"),
        Arg::read(12, "sums"),
        Arg::read(13, "omega"),
        Arg::read(14, "beta"),
        Arg::read(4, "index"),
        Arg::write(17, "de"),
        Arg::write(18, "dtable"),
    ],
    shapes: |s| {
        let dy = s.get(0);
        same("sums", s.get(1), dy)?;
        scales_fit(s, 2, dy)?;
        same("de", s.get(5), dy)?;
        same("dtable", s.get(6), dy.with_c(2 * dy.c()))
    },
    terms: |_| 3,
    flops: |s| 5 * s.get(0).len(),
    reference: reference!(reference::scaled_grad),
    cpu: Some(cpu::scaled_grad),
    cases: cases::scaled_grad,
};

/// Checks `omega`, `beta` and `index`, which follow one another from argument `first` on.
fn scales_fit(s: &Shapes<'_>, first: usize, v: Shape) -> Result<(), String> {
    same("omega", s.get(first), rows_shape(v.n(), v.c()))?;
    same("beta", s.get(first + 1), rows_shape(v.n(), v.c()))?;
    same("index", s.get(first + 2), v.with_c(1))
}

/// A thread for four channels of a pixel.
fn per_quad(output: Shape) -> Launch {
    groups((output.pixels() * output.c().div_ceil(4)).div_ceil(64))
}

/// Adds `v = Σ_t α[t] · (γ · x shifted by t) · W[t]`. `x [N,H,W,Ci]`, `v [N,H,W,Co]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, tables: ClusterTables, v: Tensor) {
    let ClusterTables { alpha, gamma, index } = tables;
    let args = [x, w, alpha, gamma, index, v].map(Some);
    p.call(&CLUSTERED, &args, &Params::new(x.shape(), v.shape().c()));
}

/// Adds `dx = (∂v/∂x)ᵀ e + add`, and what each pixel gets by way of the means of the segments it is seen from:
/// `share [N,SEGMENTS,1,9·Ci]`.
#[track_caller]
pub fn grad_input(
    p: &mut PlanBuilder<'_>,
    e: Tensor,
    w: Tensor,
    tables: ClusterTables,
    (share, add): (Tensor, Option<Tensor>),
    dx: Tensor,
) {
    let ClusterTables { alpha, gamma, index } = tables;
    let params = Params { add: add.is_some().into(), ..Params::new(dx.shape(), e.shape().c()) };
    let [e, w, alpha, gamma, index, share, dx] = [e, w, alpha, gamma, index, share, dx].map(Some);
    p.call(&CLUSTERED_GRAD_INPUT, &[e, w, alpha, gamma, index, share, add, dx], &params);
}

/// Adds the gradients of the factors at each pixel, `d [N,H,W,Ci + 9]`: of γ, then of α.
#[track_caller]
pub fn grad_factors(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, tables: ClusterTables, e: Tensor, d: Tensor) {
    let ClusterTables { alpha, gamma, index } = tables;
    let args = [x, w, alpha, gamma, index, e, d].map(Some);
    p.call(&CLUSTERED_GRAD_FACTORS, &args, &Params::new(x.shape(), e.shape().c()));
}

/// Adds the weight gradient: partial sums named `part`, then their sum into `dw`.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, x: Tensor, tables: ClusterTables, e: Tensor, part: &str, dw: Tensor) {
    let rows = part_rows(x.shape(), p.grain());
    let parts = (x.shape().n() * x.shape().h()).div_ceil(rows);
    let part = p.activation(part, Shape([parts, 1, 1, dw.shape().len()]));
    partial(p, x, tables, e, rows, part);
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn partial(p: &mut PlanBuilder<'_>, x: Tensor, tables: ClusterTables, e: Tensor, rows: usize, part: Tensor) {
    let ClusterTables { alpha, gamma, index } = tables;
    let params = Params { rows: rows as u32, ..Params::new(x.shape(), e.shape().c()) };
    p.call(&CLUSTERED_GRAD_WEIGHT, &[x, alpha, gamma, index, e, part].map(Some), &params);
}

/// Image rows per partial sum, as in the other convolutions.
fn part_rows(x: Shape, grain: Grain) -> usize {
    let pixels = match grain {
        Grain::Coarse => (x.pixels() / 128).max(2048),
        Grain::Fine => (x.pixels() / 256).max(128),
    };
    pixels.div_ceil(x.w()).min(x.n() * x.h())
}

/// What follows the sums of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue {
    /// Factors of the outputs, `[N,SEGMENTS,1,Co]`.
    pub omega: Tensor,
    /// Biases, `[N,SEGMENTS,1,Co]`.
    pub beta: Tensor,
    /// Each pixel's segment, `[N,H,W,1]`.
    pub index: Tensor,
    /// Of the leaky ReLU below zero; 1 for none.
    pub slope: f32,
}

/// Adds `y = leaky(β + ω · v) + add`. Images `[N,H,W,Co]`.
#[track_caller]
pub fn scaled(p: &mut PlanBuilder<'_>, v: Tensor, scale: Epilogue, add: Option<Tensor>, y: Tensor) {
    let Epilogue { omega, beta, index, slope } = scale;
    let params = Params { slope, add: add.is_some().into(), ..Params::new(v.shape(), v.shape().c()) };
    p.call(&SCALED, &[Some(v), Some(omega), Some(beta), Some(index), add, Some(y)], &params);
}

/// Adds `e`, the gradient at `v` `[N,H,W,Co]`, and those of ω and β at each pixel, `dtable [N,H,W,2·Co]`.
#[track_caller]
pub fn scaled_grad(p: &mut PlanBuilder<'_>, dy: Tensor, v: Tensor, scale: Epilogue, (e, dtable): (Tensor, Tensor)) {
    let Epilogue { omega, beta, index, slope } = scale;
    let params = Params { slope, ..Params::new(v.shape(), v.shape().c()) };
    p.call(&SCALED_GRAD, &[dy, v, omega, beta, index, e, dtable].map(Some), &params);
}
