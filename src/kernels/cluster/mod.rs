//! Pixels sorted into [`CLUSTERS`] clusters of like surroundings, image by image: the k-means of CANNet (method,
//! section 1). Nothing is learned here, and no gradient passes.
//!
//! A table, `[N, CLUSTERS, 1, C + 1]`, has a row for each cluster: its centre, and the number that pixels nearest to it
//! are given. That is the cluster's own; [`CLUSTERS`] where it is so small that its pixels are treated as all pixels
//! are; or −1 where it has none: it never gets one again. An index, `[N, H, W, 1]`, holds these numbers.

mod cpu;
mod reference;

use bytemuck::{Pod, Zeroable};

pub use reference::{box_mean, nearest};

use super::segment::{self, SEGMENTS};
use super::{groups, reference, same, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Clusters of an image.
pub const CLUSTERS: usize = 32;

/// Cells of the lattice of first centres along an axis; its corners are left out, so that there are [`CLUSTERS`], and
/// the same ones from every side of the image.
const LATTICE: usize = 6;

/// Times that the centres move to the means of their pixels.
const ROUNDS: usize = 10;

/// A cluster of at most one in so many pixels is too small to have kernels of its own.
const SMALL: usize = 200;

/// Parameters of the kernels; `struct Params` of `shaders/cluster.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    /// Partial sums of an image.
    runs: u32,
    /// Pixels of a cluster that are too few.
    least: u32,
    pad: [u32; 2],
}

impl Params {
    fn new(images: Shape) -> Self {
        let [n, h, w, c] = images.0.map(|s| s as u32);
        Self { n, h, w, c, ..Self::zeroed() }
    }
}

/// Shape of the table of images.
pub fn table_shape(images: Shape) -> Shape {
    Shape([images.n(), CLUSTERS, 1, images.c() + 1])
}

/// `f` = mean of `x` over 3×3 pixels, zeros outside counted.
pub(super) static BOX_MEAN: Kernel = Kernel {
    name: "box_mean",
    family: "cluster",
    shader: Shader::new(wgsl!("cluster.wgsl"), "box_mean", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::write(1, "f")],
    shapes: |s| same("f", s.get(1), s.get(0)),
    terms: |_| 9,
    flops: |s| 9 * s.get(1).len(),
    reference: reference!(reference::box_mean_args),
    cpu: Some(cpu::box_mean),
    cases: mean_cases,
};

/// Pixels of a lattice as the first centres.
pub(super) static CLUSTER_START: Kernel = Kernel {
    name: "cluster_start",
    family: "cluster",
    shader: Shader::new(wgsl!("cluster.wgsl"), "cluster_start", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(2, "features"), Arg::write(3, "table")],
    shapes: |s| same("table", s.get(1), table_shape(s.get(0))),
    terms: |_| 1,
    flops: |_| 0,
    reference: reference!(reference::start),
    cpu: None,
    cases: start_cases,
};

/// The number of each pixel's nearest centre.
pub(super) static CLUSTER_INDEX: Kernel = Kernel {
    name: "cluster_index",
    family: "cluster",
    shader: Shader::new(wgsl!("cluster.wgsl"), "cluster_index", |s| groups(s.get(2).len().div_ceil(64))),
    args: &[Arg::read(2, "features"), Arg::read(4, "centres"), Arg::write(5, "index")],
    shapes: |s| {
        same("centres", s.get(1), table_shape(s.get(0)))?;
        same("index", s.get(2), s.get(0).with_c(1))
    },
    terms: |_| 1,
    flops: |s| 3 * CLUSTERS * s.get(0).len(),
    reference: reference!(reference::index),
    cpu: Some(cpu::index),
    cases: index_cases,
};

/// Means of each cluster's pixels, from partial sums.
pub(super) static CLUSTER_CENTRES: Kernel = Kernel {
    name: "cluster_centres",
    family: "cluster",
    shader: Shader::new(wgsl!("cluster.wgsl"), "cluster_centres", |s| groups(s.get(1).len().div_ceil(64))),
    args: &[Arg::read(6, "part"), Arg::write(3, "table")],
    shapes: |s| {
        let p = s.params::<Params>();
        let [n, runs, c] = [p.n, p.runs, p.c].map(|v| v as usize);
        same("part", s.get(0), Shape([n, runs, SEGMENTS, c + 1]))?;
        same("table", s.get(1), Shape([n, CLUSTERS, 1, c + 1]))
    },
    terms: |s| s.get(0).h(),
    flops: |s| s.get(0).len(),
    reference: reference!(reference::centres),
    cpu: None,
    cases: centre_cases,
};

/// Adds `f`, what a pixel is compared by. `x` and `f` `[N,H,W,C]`.
#[track_caller]
pub fn features(p: &mut PlanBuilder<'_>, x: Tensor, f: Tensor) {
    p.call(&BOX_MEAN, &[Some(x), Some(f)], &Params::new(x.shape()));
}

/// Adds the table of the images of `f`, as k-means makes it. Tensors are named after `name`.
#[track_caller]
pub fn table(p: &mut PlanBuilder<'_>, f: Tensor, name: &str, table: Tensor) {
    let mut centres = p.activation(&format!("{name}.start"), table.shape());
    start(p, f, centres);
    for round in 1..=ROUNDS {
        let sorted = p.activation(&format!("{name}.index{round}"), f.shape().with_c(1));
        index(p, f, centres, sorted);
        let part = segment::sums(p, f, sorted, 1, &format!("{name}.part{round}"));
        let (least, to) = match round {
            ROUNDS => (f.shape().h() * f.shape().w() / SMALL, table),
            _ => (0, p.activation(&format!("{name}.centres{round}"), table.shape())),
        };
        means(p, f.shape(), part, least, to);
        centres = to;
    }
}

fn start(p: &mut PlanBuilder<'_>, f: Tensor, table: Tensor) {
    p.call(&CLUSTER_START, &[Some(f), Some(table)], &Params::new(f.shape()));
}

/// Adds the means of each cluster's pixels; those of at most `least` pixels lose their number.
#[track_caller]
pub fn means(p: &mut PlanBuilder<'_>, images: Shape, part: Tensor, least: usize, table: Tensor) {
    let params = Params { runs: part.shape().h() as u32, least: least as u32, ..Params::new(images) };
    p.call(&CLUSTER_CENTRES, &[Some(part), Some(table)], &params);
}

/// Adds the number of each pixel by a table. `f [N,H,W,C]`, `index [N,H,W,1]`.
#[track_caller]
pub fn index(p: &mut PlanBuilder<'_>, f: Tensor, table: Tensor, index: Tensor) {
    p.call(&CLUSTER_INDEX, &[Some(f), Some(table), Some(index)], &Params::new(f.shape()));
}

const ODD: [[usize; 4]; 5] = [[1, 1, 1, 1], [2, 3, 7, 2], [1, 12, 10, 5], [2, 13, 9, 32], [1, 5, 31, 3]];

fn images(build: impl Fn(&mut PlanBuilder<'_>, Shape) + Copy + Send + Sync + 'static) -> Vec<Case> {
    ODD.into_iter().map(|x| Case::new(format!("{x:?}"), move |p| build(p, Shape(x)))).collect()
}

fn mean_cases() -> Vec<Case> {
    images(|p, x| {
        let xs = p.tensor("x", x, Role::Input);
        let f = p.tensor("f", x, Role::Output);
        features(p, xs, f);
    })
}

fn start_cases() -> Vec<Case> {
    images(|p, x| {
        let f = p.tensor("f", x, Role::Input);
        let table = p.tensor("table", table_shape(x), Role::Output);
        start(p, f, table);
    })
}

/// Every third cluster without pixels, some of the others without a number of their own.
fn numbered(x: Shape) -> Vec<f32> {
    let mut table = super::wave(table_shape(x).len(), 0.3);
    for (k, row) in table.chunks_exact_mut(x.c() + 1).enumerate() {
        row[x.c()] = [-1.0, CLUSTERS as f32, (k % CLUSTERS) as f32, (k % CLUSTERS) as f32][k % 4];
    }
    table
}

fn index_cases() -> Vec<Case> {
    let build = |x: Shape| {
        move |p: &mut PlanBuilder<'_>| {
            let f = p.tensor("f", x, Role::Input);
            let table = p.tensor("table", table_shape(x), Role::Input);
            let to = p.tensor("index", x.with_c(1), Role::Output);
            index(p, f, table, to);
        }
    };
    let case = |x: [usize; 4]| Case::new(format!("{x:?}"), build(Shape(x))).fill("centres", numbered(Shape(x)));
    ODD.into_iter().map(case).collect()
}

fn centre_cases() -> Vec<Case> {
    let case = |([n, runs, c], least): ([usize; 3], usize)| {
        let (images, part) = (Shape([n, 5, 7, c]), Shape([n, runs, SEGMENTS, c + 1]));
        let mut sums = super::wave(part.len(), 0.9);
        // Counts, some of them 0 in all runs.
        let counts = sums.iter_mut().skip(c).step_by(c + 1);
        counts.enumerate().for_each(|(i, count)| *count = (i % SEGMENTS % 4) as f32);
        let build = move |p: &mut PlanBuilder<'_>| {
            let part = p.tensor("part", part, Role::Input);
            let table = p.tensor("table", table_shape(images), Role::Output);
            means(p, images, part, least, table);
        };
        Case::new(format!("{n} images, {runs} sums of {c}, least {least}"), build).fill("part", sums)
    };
    [([1, 1, 1], 0), ([2, 3, 5], 4), ([1, 40, 32], 50)].into_iter().map(case).collect()
}
