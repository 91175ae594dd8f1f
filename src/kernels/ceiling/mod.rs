//! What a device can do at most, as kernels like the others: copying, and fused
//! multiply-adds that never wait for memory. Rooflines rest on these two.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{groups, reference, same, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Independent sums per element: a core that starts two fused multiply-adds per cycle,
/// each taking four, needs eight; with the factors, twelve fit 16 registers.
const SUMS: usize = 12;
/// Multiply-adds per sum and turn.
const PER_TURN: usize = 8;

/// Parameters of both kernels; `struct Params` of `shaders/ceiling.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    /// Elements.
    len: u32,
    /// Eightfold multiply-adds per sum.
    turns: u32,
    rate: f32,
    level: f32,
}

impl Params {
    /// `a ← a + (1 − a) / 128` stays between its start and 1, and rounding errors decay;
    /// but slowly enough that one round more or less of a hundred shows.
    fn new(x: Tensor, turns: usize) -> Self {
        Self { len: x.shape().len() as u32, turns: turns as u32, rate: 127.0 / 128.0, level: 1.0 / 128.0 }
    }
}

/// `y = x`.
pub(super) static COPY: Kernel = Kernel {
    name: "copy",
    family: "ceiling",
    shader: Shader::new(wgsl!("ceiling.wgsl"), "copy", |s| groups(s.get(1).len().div_ceil(1024))),
    args: &[Arg::read(0, "x"), Arg::write(1, "y")],
    shapes: |s| same("y", s.get(1), s.get(0)),
    terms: |_| 0, // exact
    flops: |_| 0,
    reference: reference!(reference::copy_args),
    cpu: Some(cpu::copy),
    cases: || cases(|p, x, y, _| copy(p, x, y)),
};

/// `y = Σ_k a_k` over twelve sums that start at `x + k/8` and go through
/// `a_k ← rate · a_k + level` eight times per turn.
pub(super) static FMA_CHAIN: Kernel = Kernel {
    name: "fma_chain",
    family: "ceiling",
    shader: Shader::new(wgsl!("ceiling.wgsl"), "fma_chain", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::write(1, "y")],
    shapes: |s| same("y", s.get(1), s.get(0)),
    terms: |s| SUMS + PER_TURN * s.params::<Params>().turns as usize,
    flops: |s| 2 * SUMS * PER_TURN * s.params::<Params>().turns as usize * s.get(0).len(),
    reference: reference!(reference::fma_chain_args),
    cpu: Some(cpu::fma_chain),
    cases: || cases(fma_chain),
};

/// Adds `y = x`, of one shape.
#[track_caller]
pub fn copy(p: &mut PlanBuilder<'_>, x: Tensor, y: Tensor) {
    p.call(&COPY, &[Some(x), Some(y)], &Params::new(x, 0));
}

/// Adds `96 · turns` fused multiply-adds per element of `x`; `y` has its shape.
#[track_caller]
pub(crate) fn fma_chain(p: &mut PlanBuilder<'_>, x: Tensor, y: Tensor, turns: usize) {
    p.call(&FMA_CHAIN, &[Some(x), Some(y)], &Params::new(x, turns));
}

fn cases(add: fn(&mut PlanBuilder<'_>, Tensor, Tensor, usize)) -> Vec<Case> {
    let case = |(len, turns): (usize, usize)| {
        Case::new(format!("{len} turns={turns}"), move |p| {
            let x = p.tensor("x", Shape::flat(len), Role::Input);
            let y = p.tensor("y", Shape::flat(len), Role::Output);
            add(p, x, y, turns);
        })
    };
    [(1, 1), (17, 3), (1000, 16), (70_001, 2)].into_iter().map(case).collect()
}
