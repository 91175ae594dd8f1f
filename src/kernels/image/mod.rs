//! Per-pixel image operations: what enters the networks, what a ReLU lets back, and crops.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{crop as reference_crop, detail as reference_detail, features as reference_features};

use super::{MAX_CROPS, Step, groups, reference, same, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Parameters of all kernels; `struct Params` of `shaders/image.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    /// Elements of the output.
    len: u32,
    channels: u32,
    /// Columns of the input of `crop`.
    input_w: u32,
    /// Rows of the output.
    h: u32,
    /// Columns of the output.
    w: u32,
    pad: [u32; 3],
}

/// `d = pan − lms`, PAN repeated over the bands (method, section 1).
pub(super) static DETAIL: Kernel = Kernel {
    name: "detail",
    family: "image",
    shader: Shader::new(wgsl!("image.wgsl"), "detail", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(0, "pan"), Arg::read(1, "lms"), Arg::write(2, "d")],
    shapes: |s| {
        same("pan", s.get(0), s.get(1).with_c(1))?;
        same("d", s.get(2), s.get(1))
    },
    terms: |_| 1,
    flops: |s| s.get(2).len(),
    reference: reference!(reference::detail_args),
    cpu: Some(cpu::detail),
    cases: detail_cases,
};

/// `y = [pan − lms, lms]`: the network sees MS beside what PAN adds to it.
pub(super) static FEATURES: Kernel = Kernel {
    name: "features",
    family: "image",
    shader: Shader::new(wgsl!("image.wgsl"), "features", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(0, "pan"), Arg::read(1, "lms"), Arg::write(2, "d")],
    shapes: |s| {
        same("pan", s.get(0), s.get(1).with_c(1))?;
        same("d", s.get(2), s.get(1).with_c(2 * s.get(1).c()))
    },
    terms: |_| 1,
    flops: |s| s.get(1).len(),
    reference: reference!(reference::features_args),
    cpu: Some(cpu::features),
    cases: features_cases,
};

/// `d = dy` where `after > before`, else 0: the gradient before a ReLU whose values were added to `before`.
pub(super) static RISEN: Kernel = Kernel {
    name: "risen",
    family: "image",
    shader: Shader::new(wgsl!("image.wgsl"), "risen", |s| groups(s.get(3).len().div_ceil(64))),
    args: &[Arg::read(5, "dy"), Arg::read(6, "before"), Arg::read(7, "after"), Arg::write(2, "d")],
    shapes: |s| (1..4).try_for_each(|i| same("image", s.get(i), s.get(0))),
    terms: |_| 1,
    flops: |s| s.get(0).len(),
    reference: reference!(reference::risen_args),
    cpu: Some(cpu::risen),
    cases: risen_cases,
};

/// The step's crops of one image, some flipped left-right, stacked into a batch.
pub(super) static CROP: Kernel = Kernel {
    name: "crop",
    family: "image",
    shader: Shader::new(wgsl!("image.wgsl"), "crop", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(3, "x"), Arg::write(4, "y")],
    shapes: |s| {
        let (x, y) = (s.get(0), s.get(1));
        let fits = x.n() == 1 && y.n() <= MAX_CROPS && y.h() <= x.h() && y.w() <= x.w() && y.c() == x.c();
        if fits { Ok(()) } else { Err(format!("cannot take crops {y:?} from {x:?}")) }
    },
    terms: |_| 1,
    flops: |_| 0,
    reference: reference!(reference::crop_args),
    cpu: Some(cpu::crop),
    cases: crop_cases,
};

/// Adds `d = pan − lms`. `pan [N,H,W,1]`, the others `[N,H,W,C]`.
#[track_caller]
pub fn detail(p: &mut PlanBuilder<'_>, pan: Tensor, lms: Tensor, d: Tensor) {
    p.call(&DETAIL, &[Some(pan), Some(lms), Some(d)], &per_pixel(lms.shape()));
}

/// Adds `d = [pan − lms, lms]`. `pan [N,H,W,1]`, `lms [N,H,W,C]`, `d [N,H,W,2C]`.
#[track_caller]
pub fn features(p: &mut PlanBuilder<'_>, pan: Tensor, lms: Tensor, d: Tensor) {
    p.call(&FEATURES, &[Some(pan), Some(lms), Some(d)], &per_pixel(lms.shape()));
}

/// Adds `d = dy` where `after > before`, else 0. All of one shape.
#[track_caller]
pub(crate) fn risen(p: &mut PlanBuilder<'_>, dy: Tensor, before: Tensor, after: Tensor, d: Tensor) {
    p.call(&RISEN, &[Some(dy), Some(before), Some(after), Some(d)], &per_pixel(dy.shape()));
}

fn per_pixel(lms: Shape) -> Params {
    Params { len: lms.len() as u32, channels: lms.c() as u32, input_w: 0, h: 0, w: 0, pad: [0; 3] }
}

/// Adds `y[k] =` crop `k` of this step. `x [1,H,W,C]`, `y [n,h,w,C]`, `n ≤ 16`.
#[track_caller]
pub fn crop(p: &mut PlanBuilder<'_>, x: Tensor, y: Tensor) {
    let (xs, ys) = (x.shape(), y.shape());
    let params = Params {
        len: ys.len() as u32,
        channels: ys.c() as u32,
        input_w: xs.w() as u32,
        h: ys.h() as u32,
        w: ys.w() as u32,
        pad: [0; 3],
    };
    p.call(&CROP, &[Some(x), Some(y)], &params);
}

fn detail_cases() -> Vec<Case> {
    per_pixel_cases(|c| c, detail)
}

fn features_cases() -> Vec<Case> {
    per_pixel_cases(|c| 2 * c, features)
}

fn per_pixel_cases(channels: fn(usize) -> usize, add: fn(&mut PlanBuilder<'_>, Tensor, Tensor, Tensor)) -> Vec<Case> {
    let case = |shape| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?}"), move |p| {
            let pan = p.tensor("pan", shape.with_c(1), Role::Input);
            let lms = p.tensor("lms", shape, Role::Input);
            let d = p.tensor("d", shape.with_c(channels(shape.c())), Role::Output);
            add(p, pan, lms, d);
        })
    };
    [[1, 1, 1, 1], [1, 7, 11, 3], [2, 33, 10, 8], [1, 5, 6, 16]].into_iter().map(case).collect()
}

fn risen_cases() -> Vec<Case> {
    let case = |shape| {
        let shape = Shape(shape);
        Case::new(format!("{shape:?}"), move |p| {
            let [dy, before, after] = ["dy", "before", "after"].map(|name| p.tensor(name, shape, Role::Input));
            let d = p.tensor("d", shape, Role::Output);
            risen(p, dy, before, after, d);
        })
    };
    [[1, 1, 2, 1], [2, 7, 11, 3], [1, 33, 10, 32]].into_iter().map(case).collect()
}

fn crop_cases() -> Vec<Case> {
    let case = |(x, y): ([usize; 4], [usize; 4])| {
        let (x, y) = (Shape(x), Shape(y));
        let mut step = Step::default();
        for (k, crop) in step.crops.iter_mut().enumerate() {
            *crop = [(k * 3 % (x.h() - y.h() + 1)) as u32, (k * 5 % (x.w() - y.w() + 1)) as u32, (k % 2) as u32, 0];
        }
        let build = move |p: &mut PlanBuilder<'_>| {
            let xs = p.tensor("x", x, Role::Input);
            let ys = p.tensor("y", y, Role::Output);
            crop(p, xs, ys);
        };
        Case::new(format!("{x:?}→{y:?}"), build).step(step)
    };
    let odd = [([1, 1, 1, 1], [1, 1, 1, 1]), ([1, 9, 14, 3], [8, 4, 7, 3]), ([1, 10, 7, 8], [16, 5, 3, 8])];
    odd.into_iter().map(case).collect()
}
