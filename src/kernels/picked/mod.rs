//! Channels of one or two images side by side: the first of one, then those of another from some channel on.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Parameters; `struct Params` of `shaders/picked.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    pixels: u32,
    /// Channels of `y`.
    c: u32,
    /// Channels of `a`.
    ca: u32,
    /// Channels of `b`.
    cb: u32,
    /// Channels that come from `a`.
    split: u32,
    /// The first one of `b`.
    first: u32,
    pad: [u32; 2],
}

/// `y = [a[..split], b[first..]]`.
pub(super) static PICKED: Kernel = Kernel {
    name: "picked",
    family: "picked",
    shader: Shader::new(wgsl!("picked.wgsl"), "picked", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(1, "b"), Arg::maybe(0, "a"), Arg::write(2, "y")],
    shapes: |s| {
        let (b, y, p) = (s.get(0), s.get(2), s.params::<Params>());
        same("b", b, y.with_c(b.c()))?;
        same_if_present(s, 1, "a", y.with_c(p.ca as usize))?;
        if p.split <= p.ca && p.split <= p.c && p.first + p.c - p.split <= p.cb {
            return Ok(());
        }
        Err(format!("{} of {} channels, then {} from {} on of {}", p.split, p.ca, p.c - p.split, p.first, p.cb))
    },
    terms: |_| 1,
    flops: |_| 0,
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases,
};

/// Adds `y = [a, b]`: all channels of both. Images `[N,H,W,·]`.
#[track_caller]
pub fn stacked(p: &mut PlanBuilder<'_>, a: Tensor, b: Tensor, y: Tensor) {
    picked(p, Some((a, a.shape().c())), (b, 0), y);
}

/// Adds `y`, the channels of `x` from the `first` on, as many as `y` has.
#[track_caller]
pub fn part(p: &mut PlanBuilder<'_>, x: Tensor, first: usize, y: Tensor) {
    picked(p, None, (x, first), y);
}

/// Adds `y`, the first half of the channels of `a` and the second half of those of `b`.
#[track_caller]
pub fn swapped(p: &mut PlanBuilder<'_>, a: Tensor, b: Tensor, y: Tensor) {
    let half = y.shape().c() / 2;
    picked(p, Some((a, half)), (b, half), y);
}

fn picked(p: &mut PlanBuilder<'_>, a: Option<(Tensor, usize)>, (b, first): (Tensor, usize), y: Tensor) {
    let (ca, split) = a.map_or((0, 0), |(a, split)| (a.shape().c(), split));
    let [pixels, c, ca, cb, split, first] =
        [y.shape().pixels(), y.shape().c(), ca, b.shape().c(), split, first].map(|size| size as u32);
    let params = Params { pixels, c, ca, cb, split, first, pad: [0; 2] };
    p.call(&PICKED, &[Some(b), a.map(|(a, _)| a), Some(y)], &params);
}

fn cases() -> Vec<Case> {
    // Channels of a, of b, from a, the first of b, of y.
    let case = |(images, [ca, cb, split, first, c]): ([usize; 4], [usize; 5])| {
        let images = Shape(images);
        Case::new(format!("{images:?} {split} of {ca}, then {first}.. of {cb}"), move |p| {
            let a = (ca > 0).then(|| p.tensor("a", images.with_c(ca), Role::Input));
            let b = p.tensor("b", images.with_c(cb), Role::Input);
            let y = p.tensor("y", images.with_c(c), Role::Output);
            picked(p, a.map(|a| (a, split)), (b, first), y);
        })
    };
    [
        ([1, 1, 1, 1], [1, 1, 1, 0, 2]),
        ([2, 3, 7, 1], [1, 5, 1, 0, 6]),
        ([1, 9, 17, 1], [32, 32, 16, 16, 32]),
        ([1, 5, 6, 1], [0, 9, 0, 4, 3]),
        ([1, 33, 10, 1], [7, 9, 3, 2, 5]),
    ]
    .into_iter()
    .map(case)
    .collect()
}
