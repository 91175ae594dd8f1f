//! Banded linear resampling along one axis: `y[k] = Σ_t taps[k,t] · x[start[k] + t]`.
//!
//! MTF blur with replicate border followed by cubic decimation, its exact adjoint,
//! cubic upsampling and interp23 are all such operators: borders are folded into
//! the table (replicate: weights added onto the edge pixel; circular: positions
//! wrap), and the adjoint is the transposed table. An image operator is two calls,
//! one per axis. The tables are designed in `filter`.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::resample as reference_resample;

use super::{groups, reference, same, same_if_present, wave, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Axis of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Axis {
    /// Along rows' order: changes `H`.
    Y = 0,
    /// Along columns' order: changes `W`.
    X = 1,
}

/// Parameters; `struct Params` of `shaders/resample.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    /// 0: along y, 1: along x.
    axis: u32,
    /// Positions along the axis before.
    input: u32,
    /// Positions along the axis after.
    output: u32,
    /// Rows of the output, `N·H`.
    rows: u32,
    /// Rows of one output image.
    height: u32,
    /// Columns of the output.
    width: u32,
    channels: u32,
    taps: u32,
    /// Channels of the table: 1 (shared) or all.
    tap_channels: u32,
    /// 1: argument `add` is present.
    add: u32,
    pad: [u32; 2],
}

/// `y = A x + add` along one axis.
pub(super) static RESAMPLE: Kernel = Kernel {
    name: "resample",
    family: "resample",
    shader: Shader::new(wgsl!("resample.wgsl"), "resample", |s| groups(s.get(4).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "taps"), Arg::read(2, "start"), Arg::maybe(3, "add"), Arg::write(4, "y")],
    shapes: |s| {
        let (x, taps, y) = (s.get(0), s.get(1), s.get(4));
        let [one, out, count, channels] = taps.0;
        let wanted = match s.params::<Params>().axis {
            0 => Shape([x.n(), out, x.w(), x.c()]),
            _ => Shape([x.n(), x.h(), out, x.c()]),
        };
        same("y", y, wanted)?;
        same("start", s.get(2), Shape::flat(out))?;
        same_if_present(s, 3, "add", y)?;
        let input = s.params::<Params>().input as usize;
        if one == 1 && (channels == 1 || channels == x.c()) && count <= input {
            Ok(())
        } else {
            Err(format!("table {taps:?} does not fit {x:?}: at most {input} taps for 1 or {} channels", x.c()))
        }
    },
    terms: |s| s.get(1).w() + 1,
    flops: |s| 2 * s.get(4).len() * s.get(1).w(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases,
};

/// A banded operator's table on the device.
#[derive(Clone, Copy, Debug)]
pub struct OperatorTable {
    /// `[1, out, T, 1 or C]`.
    pub taps: Tensor,
    /// `[out]`: first input position of each output, whole numbers.
    pub start: Tensor,
}

/// Adds `y = A x + add` along `axis`. `x [N,H,W,C]`; `y` has `table.taps.h()` positions there.
#[track_caller]
pub fn resample(p: &mut PlanBuilder<'_>, x: Tensor, table: OperatorTable, axis: Axis, add: Option<Tensor>, y: Tensor) {
    let (xs, ys, taps) = (x.shape(), y.shape(), table.taps.shape());
    let input = if axis == Axis::Y { xs.h() } else { xs.w() };
    let params = Params {
        axis: axis as u32,
        input: input as u32,
        output: taps.h() as u32,
        rows: (ys.n() * ys.h()) as u32,
        height: ys.h() as u32,
        width: ys.w() as u32,
        channels: xs.c() as u32,
        taps: taps.w() as u32,
        tap_channels: taps.c() as u32,
        add: add.is_some().into(),
        pad: [0; 2],
    };
    p.call(&RESAMPLE, &[Some(x), Some(table.taps), Some(table.start), add, Some(y)], &params);
}

/// Down and up, both axes, shared and separate tables, wrapping starts.
fn cases() -> Vec<Case> {
    let odd = [
        ([1, 1, 1, 1], 1, 1, 1),
        ([2, 16, 9, 3], 4, 7, 3),
        ([1, 24, 31, 8], 6, 24, 8),
        ([1, 9, 20, 5], 36, 4, 1),
        ([3, 21, 11, 16], 5, 11, 1),
    ];
    let mut cases = Vec::new();
    for (x, out, taps, tap_channels) in odd {
        for (axis, with_add) in [(Axis::Y, false), (Axis::X, true)] {
            let x = Shape(x);
            let input = if axis == Axis::Y { x.h() } else { x.w() };
            let taps = taps.min(input);
            let y = if axis == Axis::Y { Shape([x.n(), out, x.w(), x.c()]) } else { Shape([x.n(), x.h(), out, x.c()]) };
            let start = (0..out).map(|k| ((k * 5 + 3) % input) as f32).collect();
            let label = format!("{x:?} {axis:?}→{out} taps={taps}×{tap_channels} add={with_add}");
            let build = move |p: &mut PlanBuilder<'_>| {
                let add = with_add.then(|| p.tensor("add", y, Role::Input));
                let xs = p.tensor("x", x, Role::Input);
                let table = OperatorTable {
                    taps: p.tensor("taps", Shape([1, out, taps, tap_channels]), Role::Input),
                    start: p.tensor("start", Shape::flat(out), Role::Input),
                };
                let ys = p.tensor("y", y, Role::Output);
                resample(p, xs, table, axis, add, ys);
            };
            cases.push(Case::new(label, build).fill("start", start).fill("taps", wave(out * taps * tap_channels, 0.3)));
        }
    }
    cases
}
