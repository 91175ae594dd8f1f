//! Sums of an image's pixels by the cluster they belong to, and what is made of them: CANNet's centroids (method,
//! section 1) and the gradients of what its clusters have in common.
//!
//! An index `[N, H, W, 1]` holds the number of each pixel's segment: of its cluster, or the last for those that belong to
//! none. Sums begin as partial sums over runs of pixels, [`sums`], `[N, runs, SEGMENTS, columns]`, whose last column
//! counts pixels. Rows of segments, `[N, SEGMENTS, 1, C]`, are small images.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub(super) use reference::number;

use super::cluster::CLUSTERS;
use super::{groups, reference, same, same_if_present, wgsl};
use crate::graph::{Arg, Case, Grain, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Clusters, and the pixels that belong to none.
pub(crate) const SEGMENTS: usize = CLUSTERS + 1;

/// Parameters of the kernels; `struct Params` of `shaders/segment.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    h: u32,
    w: u32,
    /// Channels of the images that are summed, or of the rows.
    c: u32,
    /// Pixels of a neighbourhood that are summed side by side: 1, or 9 of 3×3.
    taps: u32,
    /// Pixels per partial sum.
    chunk: u32,
    /// Partial sums of an image.
    runs: u32,
    /// First column that becomes a row.
    first: u32,
    /// Columns of a partial sum.
    columns: u32,
    /// 1: argument `gate` is present.
    gated: u32,
    pad: [u32; 2],
}

impl Params {
    fn new(images: Shape, part: Shape) -> Self {
        let [n, h, w, c] = images.0.map(|s| s as u32);
        Self { n, h, w, c, runs: part.h() as u32, columns: part.c() as u32, ..Self::zeroed() }
    }

    /// Shape of partial sums.
    fn part(self) -> Shape {
        Shape([self.n as usize, self.runs as usize, SEGMENTS, self.columns as usize])
    }
}

/// Shape of rows of `c` numbers for the segments of `n` images.
pub fn rows_shape(n: usize, c: usize) -> Shape {
    Shape([n, SEGMENTS, 1, c])
}

/// Partial sums of the pixels' neighbourhoods by segment.
pub(super) static SEGMENT_SUMS: Kernel = Kernel {
    name: "segment_sums",
    family: "segment",
    shader: Shader::new(wgsl!("segment.wgsl"), "segment_sums", |s| {
        let sums = s.get(2);
        groups(sums.n() * sums.h() * sums.c().div_ceil(64))
    }),
    args: &[Arg::read(0, "x"), Arg::read(1, "index"), Arg::write(2, "sums")],
    shapes: |s| {
        let (x, p) = (s.get(0), s.params::<Params>());
        same("index", s.get(1), x.with_c(1))?;
        let runs = (x.h() * x.w()).div_ceil(p.chunk as usize);
        same("sums", s.get(2), Shape([x.n(), runs, SEGMENTS, p.taps as usize * x.c() + 1]))
    },
    terms: |s| s.params::<Params>().chunk as usize,
    flops: |s| s.params::<Params>().taps as usize * s.get(0).len(),
    reference: reference!(reference::sums),
    cpu: Some(cpu::sums),
    cases: sum_cases,
};

/// Means of the segments, the last of all pixels.
pub(super) static SEGMENT_MEANS: Kernel = Kernel {
    name: "segment_means",
    family: "segment",
    shader: Shader::new(wgsl!("segment.wgsl"), "segment_means", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(3, "part"), Arg::write(4, "rows")],
    shapes: |s| {
        let p = s.params::<Params>();
        same("part", s.get(0), p.part())?;
        same("rows", s.get(1), rows_shape(p.n as usize, p.columns as usize - 1))
    },
    terms: |s| SEGMENTS * s.get(0).h(),
    flops: |s| 2 * s.get(0).len(),
    reference: reference!(reference::means),
    cpu: None,
    cases: mean_cases,
};

/// Sums over the segments, times `gate (1 − gate)`.
pub(super) static SEGMENT_TOTALS: Kernel = Kernel {
    name: "segment_totals",
    family: "segment",
    shader: Shader::new(wgsl!("segment.wgsl"), "segment_totals", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(3, "part"), Arg::maybe(5, "gate"), Arg::write(4, "rows")],
    shapes: |s| {
        let p = s.params::<Params>();
        same("part", s.get(0), p.part())?;
        same_if_present(s, 1, "gate", s.get(2))?;
        same("rows", s.get(2), rows_shape(p.n as usize, p.c as usize))?;
        let last = p.first + p.c;
        if last < p.columns { Ok(()) } else { Err(format!("columns up to {last} of {}", p.columns)) }
    },
    terms: |s| s.get(0).h(),
    flops: |s| s.get(0).h() * s.get(2).len(),
    reference: reference!(reference::totals),
    cpu: None,
    cases: total_cases,
};

/// What each pixel gets of a gradient at the means.
pub(super) static SEGMENT_SPREAD: Kernel = Kernel {
    name: "segment_spread",
    family: "segment",
    shader: Shader::new(wgsl!("segment.wgsl"), "segment_spread", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(6, "drows"), Arg::read(3, "part"), Arg::write(7, "share")],
    shapes: |s| {
        let p = s.params::<Params>();
        same("drows", s.get(0), rows_shape(p.n as usize, p.c as usize))?;
        same("part", s.get(1), p.part())?;
        same("share", s.get(2), s.get(0))
    },
    terms: |_| 2,
    flops: |s| 2 * s.get(2).len(),
    reference: reference!(reference::spread),
    cpu: None,
    cases: spread_cases,
};

/// Adds partial sums by segment, named `part`, of each pixel's neighbourhood of 1 or 9 `taps`. `x [N,H,W,C]`,
/// `index [N,H,W,1]`.
#[track_caller]
pub fn sums(p: &mut PlanBuilder<'_>, x: Tensor, index: Tensor, taps: usize, part: &str) -> Tensor {
    let [n, h, w, c] = x.shape().0;
    let chunk = match p.grain() {
        Grain::Coarse => (h * w / 128).max(2048),
        Grain::Fine => (h * w / 256).max(128),
    };
    let part = p.activation(part, Shape([n, (h * w).div_ceil(chunk), SEGMENTS, taps * c + 1]));
    sums_into(p, x, index, (taps, chunk), part);
    part
}

fn sums_into(p: &mut PlanBuilder<'_>, x: Tensor, index: Tensor, (taps, chunk): (usize, usize), part: Tensor) {
    let params = Params { taps: taps as u32, chunk: chunk as u32, ..Params::new(x.shape(), part.shape()) };
    p.call(&SEGMENT_SUMS, &[Some(x), Some(index), Some(part)], &params);
}

/// Adds the means of segments of `images`, from their partial sums: `rows [N,SEGMENTS,1,columns − 1]`. The last is that
/// of all pixels, one without pixels is 0.
#[track_caller]
pub fn means(p: &mut PlanBuilder<'_>, images: Shape, part: Tensor, rows: Tensor) {
    let params = Params::new(images.with_c(rows.shape().c()), part.shape());
    p.call(&SEGMENT_MEANS, &[Some(part), Some(rows)], &params);
}

/// Adds sums of the segments, from the `first` column on: `rows [N,SEGMENTS,1,C]`, times `gate (1 − gate)` if these are
/// gradients behind a sigmoid.
#[track_caller]
pub fn totals(p: &mut PlanBuilder<'_>, part: Tensor, first: usize, gate: Option<Tensor>, rows: Tensor) {
    let shape = rows.shape();
    let params = Params::new(Shape([shape.n(), 1, 1, shape.c()]), part.shape());
    let params = Params { first: first as u32, gated: gate.is_some().into(), ..params };
    p.call(&SEGMENT_TOTALS, &[Some(part), gate, Some(rows)], &params);
}

/// Adds what a pixel of each segment of `images` gets of the gradient `drows` at the [`means`]. `part`: partial sums by
/// the same index, for their counts.
#[track_caller]
pub fn spread(p: &mut PlanBuilder<'_>, images: Shape, drows: Tensor, part: Tensor, share: Tensor) {
    let params = Params::new(images.with_c(drows.shape().c()), part.shape());
    p.call(&SEGMENT_SPREAD, &[Some(drows), Some(part), Some(share)], &params);
}

/// Numbers of segments that leave some out.
pub(super) fn numbers(pixels: usize) -> Vec<f32> {
    (0..pixels).map(|i| (i * 7 % 11 * 13 % 64 % SEGMENTS) as f32).collect()
}

fn sum_cases() -> Vec<Case> {
    let case = |(x, taps, chunk): ([usize; 4], usize, usize)| {
        let x = Shape(x);
        let build = move |p: &mut PlanBuilder<'_>| {
            let [xs, index] = [("x", x), ("index", x.with_c(1))].map(|(name, s)| p.tensor(name, s, Role::Input));
            let runs = (x.h() * x.w()).div_ceil(chunk);
            let part = p.tensor("part", Shape([x.n(), runs, SEGMENTS, taps * x.c() + 1]), Role::Output);
            sums_into(p, xs, index, (taps, chunk), part);
        };
        Case::new(format!("{x:?} taps={taps} chunk={chunk}"), build).fill("index", numbers(x.pixels()))
    };
    let odd = [([1, 1, 1, 1], 9, 1), ([2, 5, 7, 3], 9, 8), ([1, 9, 17, 32], 9, 200), ([3, 4, 11, 70], 1, 30)];
    odd.into_iter().map(case).collect()
}

/// Images, partial sums and columns, filled with counts in the last.
fn of_part(n: usize, runs: usize, columns: usize) -> (Shape, Vec<f32>) {
    let shape = Shape([n, runs, SEGMENTS, columns]);
    let mut part = super::wave(shape.len(), 0.4);
    let counts = part.iter_mut().skip(columns - 1).step_by(columns);
    counts.enumerate().for_each(|(i, count)| *count = (i % SEGMENTS % 5) as f32);
    (shape, part)
}

const ODD: [[usize; 3]; 4] = [[1, 1, 2], [2, 3, 10], [1, 40, 33], [3, 2, 65]];

fn mean_cases() -> Vec<Case> {
    let case = |[n, runs, columns]: [usize; 3]| {
        let (shape, part) = of_part(n, runs, columns);
        let build = move |p: &mut PlanBuilder<'_>| {
            let part = p.tensor("part", shape, Role::Input);
            let rows = p.tensor("rows", rows_shape(n, columns - 1), Role::Output);
            means(p, Shape([n, 9, 7, 1]), part, rows);
        };
        Case::new(format!("{shape:?}"), build).fill("part", part)
    };
    ODD.into_iter().map(case).collect()
}

fn total_cases() -> Vec<Case> {
    let case = |([n, runs, columns], gated): ([usize; 3], bool)| {
        let (shape, part) = of_part(n, runs, columns);
        let build = move |p: &mut PlanBuilder<'_>| {
            let part = p.tensor("part", shape, Role::Input);
            let rows = rows_shape(n, columns.div_ceil(2) - 1 + columns % 2);
            let gate = gated.then(|| p.tensor("gate", rows, Role::Input));
            let to = p.tensor("rows", rows, Role::Output);
            totals(p, part, columns - 1 - rows.c(), gate, to);
        };
        Case::new(format!("{shape:?} gated={gated}"), build).fill("part", part)
    };
    [([1, 1, 3], true), ([2, 3, 10], false), ([1, 40, 33], true), ([3, 2, 65], false)].into_iter().map(case).collect()
}

fn spread_cases() -> Vec<Case> {
    let case = |[n, runs, columns]: [usize; 3]| {
        let (shape, part) = of_part(n, runs, columns);
        let build = move |p: &mut PlanBuilder<'_>| {
            let drows = p.tensor("drows", rows_shape(n, 17), Role::Input);
            let part = p.tensor("part", shape, Role::Input);
            let share = p.tensor("share", rows_shape(n, 17), Role::Output);
            spread(p, Shape([n, 9, 7, 1]), drows, part, share);
        };
        Case::new(format!("{shape:?}"), build).fill("part", part)
    };
    ODD.into_iter().map(case).collect()
}
