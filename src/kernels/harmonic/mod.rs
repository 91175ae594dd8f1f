//! A vector for each image from the mean of its pixels: `b = W1 · relu(W0 · mean + b0) + b1`, and its gradients: the
//! harmonic bias of LAGNet (method, section 1).
//!
//! Means begin as partial sums over runs of pixels, [`image_sums`], `[N, runs, 1, C]`, of the images forward and of
//! the gradients backward. Both matrices are layers of 1×1 convolutions, `[Ci, Co]` and `[Co, Co]`, each followed by
//! its biases.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{Vector, harmonic, harmonic_backward};

use super::{groups, reference, same, wgsl};
use crate::graph::{Arg, Case, Grain, Kernel, Launch, PlanBuilder, Role, Shader, Shape, Shapes, Tensor};

/// Parameters of the kernels; `struct Params` of `shaders/harmonic.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    /// Pixels of an image.
    pixels: u32,
    /// Channels summed; of the matrices, those of the images forward.
    ci: u32,
    /// Channels of the vector.
    co: u32,
    /// Pixels per partial sum.
    chunk: u32,
    /// Partial sums of an image forward.
    runs: u32,
    /// Partial sums of an image backward.
    back: u32,
    /// Of a weight gradient: the layer, 0 or 1.
    layer: u32,
}

/// Most numbers that all images' means, hidden values and gradients may be together: they share a workgroup's memory.
const MOST: usize = 4096;

/// Partial sums of each image over runs of its pixels.
pub(super) static IMAGE_SUMS: Kernel = Kernel {
    name: "image_sums",
    family: "harmonic",
    shader: Shader::new(wgsl!("harmonic.wgsl"), "image_sums", |s| {
        let part = s.get(1);
        Launch { consts: consts(part.c(), 1, 1), ..groups(part.pixels() * part.c().div_ceil(64)) }
    }),
    args: &[Arg::read(0, "x"), Arg::write(1, "sums")],
    shapes: |s| {
        let (x, chunk) = (s.get(0), s.params::<Params>().chunk as usize);
        same("sums", s.get(1), Shape([x.n(), (x.h() * x.w()).div_ceil(chunk), 1, x.c()]))
    },
    terms: |s| s.params::<Params>().chunk as usize,
    flops: |s| s.get(0).len(),
    reference: reference!(reference::image_sums),
    cpu: Some(cpu::image_sums),
    cases: sum_cases,
};

/// `y = W1 · relu(W0 · mean + b0) + b1` for each image.
pub(super) static HARMONIC: Kernel = Kernel {
    name: "harmonic",
    family: "harmonic",
    shader: Shader::new(wgsl!("harmonic.wgsl"), "harmonic", of_images),
    args: &[Arg::read(2, "part"), Arg::read(3, "w0"), Arg::read(4, "w1"), Arg::write(5, "y")],
    shapes: |s| {
        sizes_fit(s)?;
        same("y", s.get(3), Shape([s.get(0).n(), 1, 1, s.params::<Params>().co as usize]))
    },
    terms,
    flops: |s| 2 * s.get(0).n() * (s.get(1).len() + s.get(2).len()),
    reference: reference!(reference::forward),
    cpu: None,
    cases: forward_cases,
};

/// The gradient of each pixel by way of its image's mean.
pub(super) static HARMONIC_GRAD_INPUT: Kernel = Kernel {
    name: "harmonic_grad_input",
    family: "harmonic",
    shader: Shader::new(wgsl!("harmonic.wgsl"), "harmonic_grad_input", of_images),
    args: &[Arg::read(2, "part"), Arg::read(3, "w0"), Arg::read(4, "w1"), Arg::read(6, "dpart"), Arg::write(7, "dx")],
    shapes: |s| {
        sizes_fit(s)?;
        gradients_fit(s)?;
        same("dx", s.get(4), Shape([s.get(0).n(), 1, 1, s.get(0).c()]))
    },
    terms,
    flops: |s| 4 * s.get(0).n() * (s.get(1).len() + s.get(2).len()),
    reference: reference!(reference::grad_input),
    cpu: None,
    cases: grad_input_cases,
};

/// The gradient of one of the matrices and its biases.
pub(super) static HARMONIC_GRAD_WEIGHT: Kernel = Kernel {
    name: "harmonic_grad_weight",
    family: "harmonic",
    shader: Shader::new(wgsl!("harmonic.wgsl"), "harmonic_grad_weight", |s| {
        let p = s.params::<Params>();
        Launch { consts: consts(p.ci as usize, p.co as usize, p.n as usize), ..groups(1) }
    }),
    args: &[Arg::read(2, "part"), Arg::read(3, "w0"), Arg::read(4, "w1"), Arg::read(6, "dpart"), Arg::write(8, "dw")],
    shapes: |s| {
        sizes_fit(s)?;
        gradients_fit(s)?;
        same("dw", s.get(4), s.get(1 + s.params::<Params>().layer as usize))
    },
    terms,
    flops: |s| 4 * s.get(0).n() * (s.get(1).len() + s.get(2).len()),
    reference: reference!(reference::grad_weight),
    cpu: None,
    cases: grad_weight_cases,
};

fn terms(s: &Shapes<'_>) -> usize {
    let p = s.params::<Params>();
    (p.runs + p.back + p.ci + 2 * p.co) as usize
}

fn sizes_fit(s: &Shapes<'_>) -> Result<(), String> {
    let p = s.params::<Params>();
    let [n, ci, co] = [p.n, p.ci, p.co].map(|v| v as usize);
    same("part", s.get(0), Shape([n, p.runs as usize, 1, ci]))?;
    same("w0", s.get(1), Shape::flat((ci + 1) * co))?;
    same("w1", s.get(2), Shape::flat((co + 1) * co))?;
    if n * (ci + 3 * co) <= MOST { Ok(()) } else { Err(format!("{n} images of {ci} and {co} channels are too many")) }
}

fn gradients_fit(s: &Shapes<'_>) -> Result<(), String> {
    let p = s.params::<Params>();
    same("dpart", s.get(3), Shape([p.n as usize, p.back as usize, 1, p.co as usize]))
}

fn consts(ci: usize, co: usize, n: usize) -> Vec<(&'static str, u32)> {
    vec![("CI", ci as u32), ("CO", co as u32), ("IMAGES", n as u32)]
}

/// A workgroup for each image.
fn of_images(s: &Shapes<'_>) -> Launch {
    let p = s.params::<Params>();
    Launch { consts: consts(p.ci as usize, p.co as usize, 1), ..groups(p.n as usize) }
}

/// Sums of an image's pixels, `[N, runs, 1, C]`, and how many pixels an image has.
#[derive(Clone, Copy, Debug)]
pub struct Sums {
    part: Tensor,
    pixels: usize,
}

impl Sums {
    /// Those that [`image_sums`] made of images of a shape.
    pub fn of(images: Shape, part: Tensor) -> Self {
        Self { part, pixels: images.h() * images.w() }
    }

    /// The tensor that holds them.
    pub fn part(self) -> Tensor {
        self.part
    }

    /// Pixels of an image.
    pub(super) fn pixels(self) -> usize {
        self.pixels
    }
}

/// Adds partial sums of each image, named `part`. `x [N,H,W,C]`.
#[track_caller]
pub fn image_sums(p: &mut PlanBuilder<'_>, x: Tensor, part: &str) -> Sums {
    let [n, h, w, c] = x.shape().0;
    let chunk = run_pixels(p, x.shape());
    let part = p.activation(part, Shape([n, (h * w).div_ceil(chunk), 1, c]));
    sums_into(p, x, chunk, part);
    Sums::of(x.shape(), part)
}

/// Pixels of an image per partial sum.
pub(super) fn run_pixels(p: &PlanBuilder<'_>, images: Shape) -> usize {
    let pixels = images.h() * images.w();
    match p.grain() {
        Grain::Coarse => (pixels / 128).max(2048),
        Grain::Fine => (pixels / 256).max(128),
    }
}

fn sums_into(p: &mut PlanBuilder<'_>, x: Tensor, chunk: usize, part: Tensor) {
    let [n, h, w, c] = x.shape().0.map(|s| s as u32);
    let params = Params { n, pixels: h * w, ci: c, chunk: chunk as u32, ..Params::zeroed() };
    p.call(&IMAGE_SUMS, &[Some(x), Some(part)], &params);
}

fn params(sums: Sums, co: usize, back: usize) -> Params {
    let [n, runs, _, ci] = sums.part.shape().0.map(|s| s as u32);
    Params { n, pixels: sums.pixels as u32, ci, co: co as u32, runs, back: back as u32, ..Params::zeroed() }
}

/// Adds `y = W1 · relu(W0 · mean + b0) + b1`. `y [N,1,1,Co]`.
#[track_caller]
pub fn forward(p: &mut PlanBuilder<'_>, sums: Sums, w: [Tensor; 2], y: Tensor) {
    let params = params(sums, y.shape().c(), 0);
    p.call(&HARMONIC, &[Some(sums.part), Some(w[0]), Some(w[1]), Some(y)], &params);
}

/// Adds the gradient of each pixel by way of the mean: `dx [N,1,1,Ci]`. `dsums` are those of the gradient.
#[track_caller]
pub fn grad_input(p: &mut PlanBuilder<'_>, sums: Sums, w: [Tensor; 2], dsums: Sums, dx: Tensor) {
    let shape = dsums.part.shape();
    let args = [Some(sums.part), Some(w[0]), Some(w[1]), Some(dsums.part), Some(dx)];
    p.call(&HARMONIC_GRAD_INPUT, &args, &params(sums, shape.c(), shape.h()));
}

/// Adds the gradients of both layers.
#[track_caller]
pub fn grad_weight(p: &mut PlanBuilder<'_>, sums: Sums, w: [Tensor; 2], dsums: Sums, dw: [Tensor; 2]) {
    dw.into_iter().enumerate().for_each(|of_layer| grad_of_layer(p, sums, w, dsums, of_layer));
}

fn grad_of_layer(p: &mut PlanBuilder<'_>, sums: Sums, w: [Tensor; 2], dsums: Sums, (layer, dw): (usize, Tensor)) {
    let shape = dsums.part.shape();
    let params = Params { layer: layer as u32, ..params(sums, shape.c(), shape.h()) };
    p.call(&HARMONIC_GRAD_WEIGHT, &[Some(sums.part), Some(w[0]), Some(w[1]), Some(dsums.part), Some(dw)], &params);
}

fn sum_cases() -> Vec<Case> {
    let case = |(shape, chunk): ([usize; 4], usize)| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?} chunk={chunk}"), move |p| {
            let x = p.tensor("x", shape, Role::Input);
            let runs = (shape.h() * shape.w()).div_ceil(chunk);
            let part = p.tensor("sums", Shape([shape.n(), runs, 1, shape.c()]), Role::Output);
            sums_into(p, x, chunk, part);
        })
    };
    [([1, 1, 1, 1], 5), ([2, 5, 7, 3], 10), ([3, 9, 17, 70], 64), ([1, 40, 31, 32], 128)]
        .into_iter()
        .map(case)
        .collect()
}

/// Images, partial sums of each forward and backward, pixels, channels: of odd numbers.
const ODD: [([usize; 3], usize, [usize; 2]); 5] = [
    ([1, 1, 1], 1, [2, 7]),
    ([2, 3, 2], 5, [5, 6]),
    ([3, 4, 4], 7, [9, 32]),
    ([1, 130, 70], 9, [32, 8]),
    ([8, 2, 2], 3, [32, 32]),
];

/// What a case's call takes: sums, weights, sums of gradients.
type CaseOperands = (Sums, [Tensor; 2], Sums);

fn cases(add: impl Fn(&mut PlanBuilder<'_>, CaseOperands) + Copy + Send + Sync + 'static) -> Vec<Case> {
    let case = |([n, runs, back], pixels, [ci, co]): ([usize; 3], usize, [usize; 2])| {
        Case::new(format!("{n} images, {runs} and {back} sums, {ci}→{co}"), move |p| {
            let part = p.tensor("part", Shape([n, runs, 1, ci]), Role::Input);
            let w0 = p.tensor("w0", Shape::flat((ci + 1) * co), Role::Input);
            let w1 = p.tensor("w1", Shape::flat((co + 1) * co), Role::Input);
            let dpart = p.tensor("dpart", Shape([n, back, 1, co]), Role::Input);
            add(p, (Sums { part, pixels }, [w0, w1], Sums { part: dpart, pixels }));
        })
    };
    ODD.into_iter().map(case).collect()
}

fn forward_cases() -> Vec<Case> {
    cases(|p, (sums, w, dsums)| {
        let shape = dsums.part.shape();
        let y = p.tensor("y", Shape([shape.n(), 1, 1, shape.c()]), Role::Output);
        forward(p, sums, w, y);
    })
}

fn grad_input_cases() -> Vec<Case> {
    cases(|p, (sums, w, dsums)| {
        let shape = sums.part.shape();
        let dx = p.tensor("dx", Shape([shape.n(), 1, 1, shape.c()]), Role::Output);
        grad_input(p, sums, w, dsums, dx);
    })
}

fn grad_weight_cases() -> Vec<Case> {
    let of_layer = |layer: usize| {
        cases(move |p, (sums, w, dsums)| {
            let dw = p.tensor("dw", w[layer].shape(), Role::Output);
            grad_of_layer(p, sums, w, dsums, (layer, dw));
        })
    };
    [0, 1].into_iter().flat_map(of_layer).collect()
}
