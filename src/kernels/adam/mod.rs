//! Adam over one flat parameter, without weight decay, as PyTorch computes it.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{Step, groups, reference, same, wave, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// The optimiser's constants.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adam {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Adam {
    /// Step values of update number `t ≥ 1` at learning rate `lr`.
    pub fn step(&self, lr: f64, t: u32) -> Step {
        let (b1, b2) = (self.beta1.powf(t.into()), self.beta2.powf(t.into()));
        Step { rate: (lr / (1.0 - b1)) as f32, rescale: (1.0 / (1.0 - b2).sqrt()) as f32, ..Step::default() }
    }
}

/// Parameters; `struct Params` of `shaders/adam.wgsl`. The complements are stored,
/// because `1 − 0.999` in f32 is off by 1e-5.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    len: u32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    eps: f32,
    /// Parameters before this one stay as they are.
    first: u32,
    pad: u32,
}

/// `m ← β1 m + (1−β1) g`, `v ← β2 v + (1−β2) g²`, `w ← w − rate · m / (√v · rescale + ε)`.
pub(super) static ADAM: Kernel = Kernel {
    name: "adam",
    family: "adam",
    shader: Shader::new(wgsl!("adam.wgsl"), "adam", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::update(0, "w"), Arg::read(1, "g"), Arg::update(2, "m"), Arg::update(3, "v")],
    shapes: |s| (1..4).try_for_each(|i| same("gradient or state", s.get(i), s.get(0))),
    terms: |_| 4,
    flops: |s| 12 * s.get(0).len(),
    reference: reference!(reference::adam_args),
    cpu: Some(cpu::adam),
    cases,
};

/// Adds one update of `w` with gradient `g` and state `m`, `v`: all flat, of one length.
#[track_caller]
pub fn adam(p: &mut PlanBuilder<'_>, adam: Adam, w: Tensor, g: Tensor, m: Tensor, v: Tensor) {
    adam_from(p, adam, 0, w, g, m, v);
}

/// Adds the same, but for the parameters before `first`, which stay as they are.
#[track_caller]
pub(crate) fn adam_from(p: &mut PlanBuilder<'_>, adam: Adam, first: usize, w: Tensor, g: Tensor, m: Tensor, v: Tensor) {
    let params = Params {
        len: w.shape().len() as u32,
        beta1: adam.beta1 as f32,
        one_minus_beta1: (1.0 - adam.beta1) as f32,
        beta2: adam.beta2 as f32,
        one_minus_beta2: (1.0 - adam.beta2) as f32,
        eps: adam.eps as f32,
        first: first as u32,
        pad: 0,
    };
    p.call(&ADAM, &[Some(w), Some(g), Some(m), Some(v)], &params);
}

fn cases() -> Vec<Case> {
    let case = |(len, first, t): (usize, usize, u32)| {
        let build = move |p: &mut PlanBuilder<'_>| {
            let shape = Shape::flat(len);
            let w = p.tensor("w", shape, Role::Param);
            let g = p.tensor("g", shape, Role::Input);
            let (m, v) = (p.tensor("m", shape, Role::State), p.tensor("v", shape, Role::State));
            p.trains(w);
            adam_from(p, Adam::default(), first, w, g, m, v);
        };
        let second_moment = wave(len, 1.0).iter().map(|v| v * v).collect();
        let from = if first > 0 { format!(" from {first}") } else { String::new() };
        Case::new(format!("{len}{from} at t={t}"), build).fill("v", second_moment).step(Adam::default().step(5e-4, t))
    };
    [(1, 0, 1), (63, 0, 2), (1000, 0, 300), (1000, 130, 3), (70, 69, 1)].into_iter().map(case).collect()
}
