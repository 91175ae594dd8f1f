//! Channel attention: `y = x + s v`, with one factor for each channel of an image, and its gradients.
//!
//! Layouts: images `[N, H, W, C]`, factors `[N, 1, 1, C]`. The factors come from the means of `v`, so that its gradient has
//! a part by way of them, the same for all pixels.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::harmonic::run_pixels;
use super::{groups, instance, reference, same, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Shapes, Tensor};

/// Parameters of all kernels; `struct Params` of `shaders/attend.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    /// Pixels of an image.
    pixels: u32,
    c: u32,
    /// Pixels per partial sum.
    chunk: u32,
}

impl Params {
    fn new(x: Shape) -> Self {
        let [n, h, w, c] = x.0.map(|size| size as u32);
        Self { n, pixels: h * w, c, chunk: 0 }
    }
}

fn factors_fit(s: &Shapes<'_>, name: &str, i: usize) -> Result<(), String> {
    same(name, s.get(i), factors(s.get(0)))
}

/// Shape of the factors of images.
fn factors(images: Shape) -> Shape {
    Shape([images.n(), 1, 1, images.c()])
}

/// `y = x + s v`.
pub(super) static ATTEND: Kernel = Kernel {
    name: "attend",
    family: "attend",
    shader: Shader::new(wgsl!("attend.wgsl"), "attend", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(0, "v"), Arg::read(1, "s"), Arg::read(2, "x"), Arg::write(3, "y")],
    shapes: |s| {
        factors_fit(s, "s", 1)?;
        same("x", s.get(2), s.get(0))?;
        same("y", s.get(3), s.get(0))
    },
    terms: |_| 2,
    flops: |s| 2 * s.get(0).len(),
    reference: reference!(reference::forward),
    cpu: Some(cpu::forward),
    cases: forward_cases,
};

/// `dv = s dy + dmean / pixels`.
pub(super) static ATTEND_GRAD_INPUT: Kernel = Kernel {
    name: "attend_grad_input",
    family: "attend",
    shader: Shader::new(wgsl!("attend.wgsl"), "attend_grad_input", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(4, "dy"), Arg::read(1, "s"), Arg::read(5, "dmean"), Arg::write(6, "dv")],
    shapes: |s| {
        factors_fit(s, "s", 1)?;
        factors_fit(s, "dmean", 2)?;
        same("dv", s.get(3), s.get(0))
    },
    terms: |_| 2,
    flops: |s| 2 * s.get(0).len(),
    reference: reference!(reference::grad_input),
    cpu: Some(cpu::grad_input),
    cases: grad_input_cases,
};

/// Partial sums of `dy v` over each image.
pub(super) static ATTEND_GRAD_FACTOR: Kernel = Kernel {
    name: "attend_grad_factor",
    family: "attend",
    shader: Shader::new(wgsl!("attend.wgsl"), "attend_grad_factor", |s| {
        groups(s.get(2).pixels() * s.get(2).c().div_ceil(64))
    }),
    args: &[Arg::read(4, "dy"), Arg::read(0, "v"), Arg::write(7, "part")],
    shapes: |s| {
        same("v", s.get(1), s.get(0))?;
        same("part", s.get(2), part_shape(s.get(0), s.params::<Params>().chunk as usize))
    },
    terms: |s| s.params::<Params>().chunk as usize,
    flops: |s| 2 * s.get(0).len(),
    reference: reference!(reference::grad_factor),
    cpu: Some(cpu::grad_factor),
    cases: grad_factor_cases,
};

fn part_shape(images: Shape, chunk: usize) -> Shape {
    Shape([images.n(), (images.h() * images.w()).div_ceil(chunk), 1, images.c()])
}

/// Adds `y = x + s v`. `s [N,1,1,C]`, the others `[N,H,W,C]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, v: Tensor, s: Tensor, x: Tensor, y: Tensor) {
    p.call(&ATTEND, &[Some(v), Some(s), Some(x), Some(y)], &Params::new(x.shape()));
}

/// Adds `dv = s dy + dmean / pixels`, `dmean` the gradient at the means of `v`. `s` and `dmean` `[N,1,1,C]`.
#[track_caller]
pub fn grad_input(p: &mut PlanBuilder<'_>, dy: Tensor, s: Tensor, dmean: Tensor, dv: Tensor) {
    p.call(&ATTEND_GRAD_INPUT, &[Some(dy), Some(s), Some(dmean), Some(dv)], &Params::new(dy.shape()));
}

/// Adds the gradient at the factors `s`, which a sigmoid made, before that: partial sums named `part`, then their sum into
/// `ds [N,1,1,C]`.
#[track_caller]
pub fn grad_factor(p: &mut PlanBuilder<'_>, dy: Tensor, v: Tensor, s: Tensor, part: &str, ds: Tensor) {
    let chunk = run_pixels(p, v.shape());
    let part = p.activation(part, part_shape(v.shape(), chunk));
    partial(p, dy, v, chunk, part);
    instance::total(p, part, 1, Some(s), ds);
}

fn partial(p: &mut PlanBuilder<'_>, dy: Tensor, v: Tensor, chunk: usize, part: Tensor) {
    let params = Params { chunk: chunk as u32, ..Params::new(v.shape()) };
    p.call(&ATTEND_GRAD_FACTOR, &[Some(dy), Some(v), Some(part)], &params);
}

const ODD: [[usize; 4]; 4] = [[1, 1, 1, 1], [2, 3, 7, 5], [1, 9, 17, 32], [3, 2, 5, 70]];

fn cases(add: fn(&mut PlanBuilder<'_>, Shape)) -> Vec<Case> {
    let case = |images| Case::new(format!("{:?}", Shape(images)), move |p| add(p, Shape(images)));
    ODD.into_iter().map(case).collect()
}

fn input(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

fn forward_cases() -> Vec<Case> {
    cases(|p, images| {
        let (v, s, x) = (input(p, "v", images), input(p, "s", factors(images)), input(p, "x", images));
        let y = p.tensor("y", images, Role::Output);
        forward(p, v, s, x, y);
    })
}

fn grad_input_cases() -> Vec<Case> {
    cases(|p, images| {
        let (dy, s) = (input(p, "dy", images), input(p, "s", factors(images)));
        let (dmean, dv) = (input(p, "dmean", factors(images)), p.tensor("dv", images, Role::Output));
        grad_input(p, dy, s, dmean, dv);
    })
}

fn grad_factor_cases() -> Vec<Case> {
    cases(|p, images| {
        let (dy, v) = (input(p, "dy", images), input(p, "v", images));
        let part = p.tensor("part", part_shape(images, 6), Role::Output);
        partial(p, dy, v, 6, part);
    })
}
