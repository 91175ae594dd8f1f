//! Selective scan, of PanMamba (method, section 1): a recurrence along an image's pixels, row by row, whose decay and
//! input are chosen by each pixel, and its gradients.
//!
//! With `Δ = softplus(raw)` and `A = −exp(alog)`, for each channel `d` and state `s`, from `h = 0`:
//! `h_t = exp(Δ_t A) h_{t−1} + Δ_t B_t u_t` and `y_t = Σ_s C_t h_t + D u_t`.
//!
//! Layouts: images `[N, H, W, D]`; `bc [N, H, W, 2S]`, B before C; weights one flat tensor, alog `[S, D]`, then D `[D]`.
//!
//! Side by side by runs of pixels. Over a run, `h_out = exp(A ΣΔ) h_in + h_own`, so that `SCAN_RUNS` makes `h_own` and
//! `ΣΔ` of each, `[N, runs, S + 1, D]`, `SCAN_EDGES` what each starts from, and `SCAN` goes over each again. The
//! gradients alike, from the last pixel to the first. States are kept at the edges of runs alone.

mod cases;
mod cpu;
mod job;
mod lanes;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Kernel, Launch, PlanBuilder, Shader, Shape, Shapes, Tensor};

/// Parameters of all kernels; `struct Params` of `shaders/scan.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    /// Pixels of an image.
    pixels: u32,
    /// Channels.
    d: u32,
    /// States of a channel.
    s: u32,
    /// Pixels of a run.
    run: u32,
    /// Runs of an image.
    runs: u32,
    /// Rows of states at the edges of a run: S, or 2S with those of the gradients.
    rows: u32,
    pad: u32,
}

impl Params {
    fn new(images: Shape, w: Shape, run: usize, rows: usize) -> Self {
        let [n, h, width, d] = images.0;
        let [s, pixels] = [w.len() / d - 1, h * width];
        let [n, pixels, d, s, run, runs, rows] =
            [n, pixels, d, s, run, pixels.div_ceil(run), rows].map(|size| size as u32);
        Self { n, pixels, d, s, run, runs, rows, pad: 0 }
    }

    /// A row of channels for each of some rows of each run.
    fn of_runs(self, rows: u32) -> Shape {
        Shape([self.n, self.runs, rows, self.d].map(|size| size as usize))
    }

    fn weights(self) -> Shape {
        Shape::flat(((self.s + 1) * self.d) as usize)
    }
}

/// Pixels of a run: 512 runs of 128² pixels keep a GPU busy, and the states of one stay in a core's second cache.
const RUN: usize = 32;

/// Most channels and states: those of a run share a workgroup and its memory.
const MOST: [u32; 2] = [64, 31];

/// What every kernel reads first: an image of the channels, `raw`, `bc` and the weights.
fn inputs_fit(s: &Shapes<'_>) -> Result<Params, String> {
    let (x, p) = (s.get(0), s.params::<Params>());
    same("raw", s.get(1), x)?;
    same("bc", s.get(2), x.with_c(2 * p.s as usize))?;
    same("w", s.get(3), p.weights())?;
    if p.d <= MOST[0] && p.s <= MOST[1] {
        Ok(p)
    } else {
        Err(format!("{} channels of {} states are too many", p.d, p.s))
    }
}

/// A workgroup for each run, a thread for each channel.
fn launch(s: &Shapes<'_>) -> Launch {
    let p = s.params::<Params>();
    Launch { consts: vec![("STATES", p.s), ("RUN", p.run)], ..groups((p.n * p.runs) as usize) }
}

/// States that each run ends with if it starts from 0, then the sum of its `Δ`.
pub(super) static SCAN_RUNS: Kernel = Kernel {
    name: "scan_runs",
    family: "scan",
    shader: Shader::new(wgsl!("scan.wgsl"), "scan_runs", launch),
    args: &[Arg::read(0, "u"), Arg::read(1, "raw"), Arg::read(2, "bc"), Arg::read(3, "w"), Arg::write(5, "ends")],
    shapes: |s| {
        let p = inputs_fit(s)?;
        same("ends", s.get(4), p.of_runs(p.s + 1))
    },
    terms: |s| s.params::<Params>().run as usize,
    flops: |s| STEP * s.get(0).len() * s.params::<Params>().s as usize,
    reference: reference!(reference::runs),
    cpu: Some(cpu::runs),
    cases: cases::runs,
};

/// Floating-point operations of a step of a state: 15 of them are the exponential.
const STEP: usize = 20;

/// States before each run and, where `back` is given, gradients behind it.
pub(super) static SCAN_EDGES: Kernel = Kernel {
    name: "scan_edges",
    family: "scan",
    shader: Shader::new(wgsl!("scan.wgsl"), "scan_edges", |s| {
        let p = s.params::<Params>();
        let consts = vec![("STATES", p.s), ("RUN", p.run)];
        Launch { consts, ..groups(((p.n * p.rows * p.d) as usize).div_ceil(64)) }
    }),
    args: &[Arg::read(6, "forth"), Arg::maybe(7, "back"), Arg::read(3, "w"), Arg::write(8, "edges")],
    shapes: |s| {
        let p = s.params::<Params>();
        same("forth", s.get(0), p.of_runs(p.s + 1))?;
        same_if_present(s, 1, "back", p.of_runs(p.s + 1))?;
        same("w", s.get(2), p.weights())?;
        same("edges", s.get(3), p.of_runs(p.rows))
    },
    terms: |s| s.params::<Params>().runs as usize,
    flops: |s| STEP * s.get(3).len(),
    reference: reference!(reference::edges),
    cpu: Some(cpu::edges),
    cases: cases::edges,
};

/// `y` of all pixels, from the states before each run.
pub(super) static SCAN: Kernel = Kernel {
    name: "scan",
    family: "scan",
    shader: Shader::new(wgsl!("scan.wgsl"), "scan", launch),
    args: &[
        Arg::read(0, "u"),
        Arg::read(1, "raw"),
        Arg::read(2, "bc"),
        Arg::read(3, "w"),
        Arg::read(9, "states"),
        Arg::write(10, "y"),
    ],
    shapes: |s| {
        let p = inputs_fit(s)?;
        same("states", s.get(4), p.of_runs(p.rows))?;
        same("y", s.get(5), s.get(0))
    },
    terms: |s| {
        let p = s.params::<Params>();
        (p.run + p.s) as usize
    },
    flops: |s| (STEP + 2) * s.get(0).len() * s.params::<Params>().s as usize,
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: cases::forward,
};

/// Gradients that each run hands to the one before it if it gets 0, then the sum of its `Δ`.
pub(super) static SCAN_GRAD_RUNS: Kernel = Kernel {
    name: "scan_grad_runs",
    family: "scan",
    shader: Shader::new(wgsl!("scan.wgsl"), "scan_grad_runs", launch),
    args: &[Arg::read(4, "dy"), Arg::read(1, "raw"), Arg::read(2, "bc"), Arg::read(3, "w"), Arg::write(5, "ends")],
    shapes: |s| {
        let p = inputs_fit(s)?;
        same("ends", s.get(4), p.of_runs(p.s + 1))
    },
    terms: |s| s.params::<Params>().run as usize,
    flops: |s| STEP * s.get(0).len() * s.params::<Params>().s as usize,
    reference: reference!(reference::grad_runs),
    cpu: Some(cpu::grad_runs),
    cases: cases::grad_runs,
};

/// Gradients of all that enters, side by side: of `u`, of `raw`, of `bc`; and of the weights, one row for each run.
pub(super) static SCAN_GRAD: Kernel = Kernel {
    name: "scan_grad",
    family: "scan",
    shader: Shader::new(wgsl!("scan.wgsl"), "scan_grad", launch),
    args: &[
        Arg::read(0, "u"),
        Arg::read(1, "raw"),
        Arg::read(2, "bc"),
        Arg::read(3, "w"),
        Arg::read(4, "dy"),
        Arg::read(9, "states"),
        Arg::write(11, "d"),
        Arg::write(12, "part"),
    ],
    shapes: |s| {
        let p = inputs_fit(s)?;
        same("dy", s.get(4), s.get(0))?;
        same("states", s.get(5), p.of_runs(2 * p.s))?;
        same("d", s.get(6), s.get(0).with_c(2 * (p.d + p.s) as usize))?;
        same("part", s.get(7), Shape([(p.n * p.runs) as usize, 1, 1, p.weights().len()]))
    },
    terms: |s| {
        let p = s.params::<Params>();
        (2 * p.run + p.s + p.d) as usize
    },
    flops: |s| 2 * STEP * s.get(0).len() * s.params::<Params>().s as usize,
    reference: reference!(reference::grad),
    cpu: Some(cpu::grad),
    cases: cases::grad,
};

/// What a scan reads.
#[derive(Clone, Copy, Debug)]
pub struct ScanInput {
    /// `[N, H, W, D]`.
    pub u: Tensor,
    /// `[N, H, W, D]`: steps before the softplus.
    pub raw: Tensor,
    /// `[N, H, W, 2S]`: B, then C.
    pub bc: Tensor,
    /// `[S, D]`, `[D]`: alog, then D.
    pub w: Tensor,
}

impl ScanInput {
    fn params(self, run: usize, rows: usize) -> Params {
        Params::new(self.u.shape(), self.w.shape(), run, rows)
    }

    fn states(self) -> usize {
        self.bc.shape().c() / 2
    }
}

/// Adds `y [N,H,W,D]`; gives what the way back needs, `NAME.forth`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, x: ScanInput, name: &str, y: Tensor) -> Tensor {
    let params = x.params(RUN, x.states());
    let forth = p.activation(&format!("{name}.forth"), params.of_runs(params.s + 1));
    let states = p.activation(&format!("{name}.states"), params.of_runs(params.rows));
    runs(p, (x, RUN), forth);
    edges(p, (x.w, params), (forth, None), states);
    over(p, (x, RUN), states, y);
    forth
}

/// Adds the gradients from `dy`: that of the weights, and `d [N,H,W,2D+2S]`, those of `u`, `raw` and `bc` side by side.
/// `forth`: what [`forward`] gave.
#[track_caller]
pub fn backward(
    p: &mut PlanBuilder<'_>,
    x: ScanInput,
    name: &str,
    (forth, dy): (Tensor, Tensor),
    d: Tensor,
    dw: Tensor,
) {
    let params = x.params(RUN, 2 * x.states());
    let back = p.activation(&format!("{name}.back"), forth.shape());
    let edge = p.activation(&format!("{name}.edges"), params.of_runs(params.rows));
    let part =
        p.activation(&format!("part.{name}.scan"), Shape([(params.n * params.runs) as usize, 1, 1, dw.shape().len()]));
    grad_runs(p, (x, RUN), dy, back);
    edges(p, (x.w, params), (forth, Some(back)), edge);
    grad(p, (x, RUN), dy, edge, (d, part));
    super::loss::sum_rows(p, part, 1.0, dw);
}

fn runs(p: &mut PlanBuilder<'_>, (x, run): (ScanInput, usize), ends: Tensor) {
    p.call(&SCAN_RUNS, &[Some(x.u), Some(x.raw), Some(x.bc), Some(x.w), Some(ends)], &x.params(run, 0));
}

fn edges(p: &mut PlanBuilder<'_>, (w, params): (Tensor, Params), (forth, back): (Tensor, Option<Tensor>), to: Tensor) {
    p.call(&SCAN_EDGES, &[Some(forth), back, Some(w), Some(to)], &Params { rows: to.shape().w() as u32, ..params });
}

fn over(p: &mut PlanBuilder<'_>, (x, run): (ScanInput, usize), states: Tensor, y: Tensor) {
    let args = [Some(x.u), Some(x.raw), Some(x.bc), Some(x.w), Some(states), Some(y)];
    p.call(&SCAN, &args, &x.params(run, states.shape().w()));
}

fn grad_runs(p: &mut PlanBuilder<'_>, (x, run): (ScanInput, usize), dy: Tensor, ends: Tensor) {
    p.call(&SCAN_GRAD_RUNS, &[Some(dy), Some(x.raw), Some(x.bc), Some(x.w), Some(ends)], &x.params(run, 0));
}

fn grad(
    p: &mut PlanBuilder<'_>,
    (x, run): (ScanInput, usize),
    dy: Tensor,
    states: Tensor,
    (d, part): (Tensor, Tensor),
) {
    let args = [Some(x.u), Some(x.raw), Some(x.bc), Some(x.w), Some(dy), Some(states), Some(d), Some(part)];
    p.call(&SCAN_GRAD, &args, &x.params(run, states.shape().w()));
}
