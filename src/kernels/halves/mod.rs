//! Four pixels as the channels of one, and back: a 2×2 convolution of stride 2 is a 1×1 convolution behind
//! [`fold`], a transposed one is one before [`unfold`]. Either is the other's gradient.
//!
//! Images `[N, H, W, C]` and `[N, ⌈H/2⌉, ⌈W/2⌉, 4·C]`, taps row by row, channels fastest. A side that is odd is one pixel of
//! zeros longer.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Parameters of the kernels; `struct Params` of `shaders/halves.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    /// 1: argument `add` is present.
    add: u32,
    pad: [u32; 3],
}

impl Params {
    fn new(pixels: Shape) -> Self {
        let [n, h, w, c] = pixels.0.map(|s| s as u32);
        Self { n, h, w, c, ..Self::zeroed() }
    }
}

/// Shape of folded images.
pub(crate) fn folded(pixels: Shape) -> Shape {
    let [n, h, w, c] = pixels.0;
    Shape([n, h.div_ceil(2), w.div_ceil(2), 4 * c])
}

/// Four pixels as the channels of one.
pub(super) static FOLD: Kernel = Kernel {
    name: "fold",
    family: "halves",
    shader: Shader::new(wgsl!("halves.wgsl"), "fold", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::write(1, "y")],
    shapes: |s| same("y", s.get(1), folded(s.get(0))),
    terms: |_| 1,
    flops: |_| 0,
    reference: reference!(reference::fold),
    cpu: Some(cpu::fold),
    cases: fold_cases,
};

/// Each channel's four as pixels, plus another image.
pub(super) static UNFOLD: Kernel = Kernel {
    name: "unfold",
    family: "halves",
    shader: Shader::new(wgsl!("halves.wgsl"), "unfold", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(2, "quads"), Arg::maybe(3, "add"), Arg::write(4, "pixels")],
    shapes: |s| {
        same("quads", s.get(0), folded(s.get(2)))?;
        same_if_present(s, 1, "add", s.get(2))
    },
    terms: |_| 1,
    flops: |_| 0,
    reference: reference!(reference::unfold),
    cpu: Some(cpu::unfold),
    cases: unfold_cases,
};

/// Adds `y`, the `folded` image of `x`.
#[track_caller]
pub fn fold(p: &mut PlanBuilder<'_>, x: Tensor, y: Tensor) {
    p.call(&FOLD, &[Some(x), Some(y)], &Params::new(x.shape()));
}

/// Adds the image whose folded one is `quads`, plus `add`.
#[track_caller]
pub fn unfold(p: &mut PlanBuilder<'_>, quads: Tensor, add: Option<Tensor>, pixels: Tensor) {
    let params = Params { add: add.is_some().into(), ..Params::new(pixels.shape()) };
    p.call(&UNFOLD, &[Some(quads), add, Some(pixels)], &params);
}

const ODD: [[usize; 4]; 4] = [[1, 1, 1, 1], [2, 3, 8, 3], [1, 10, 7, 16], [2, 5, 33, 5]];

fn fold_cases() -> Vec<Case> {
    let case = |x| {
        let x = Shape(x);
        Case::new(format!("{x:?}"), move |p| {
            let (from, to) = (p.tensor("x", x, Role::Input), p.tensor("y", folded(x), Role::Output));
            fold(p, from, to);
        })
    };
    ODD.into_iter().map(case).collect()
}

fn unfold_cases() -> Vec<Case> {
    let case = |(x, with_add): ([usize; 4], bool)| {
        let x = Shape(x);
        Case::new(format!("{x:?} add={with_add}"), move |p| {
            let quads = p.tensor("quads", folded(x), Role::Input);
            let add = with_add.then(|| p.tensor("add", x, Role::Input));
            let to = p.tensor("pixels", x, Role::Output);
            unfold(p, quads, add, to);
        })
    };
    ODD.into_iter().flat_map(|x| [(x, false), (x, true)]).map(case).collect()
}
