//! The kernels: one folder per family, same stem as its shader.
//!
//! Each family holds its parameter struct, its [`Kernel`] values with the functions
//! that add calls to a plan, the textbook `reference`, and a fast `cpu` form where
//! one pays. The reference is an independent opinion: plain loops, no tiling.

pub mod adam;
pub mod attend;
pub mod causal;
pub mod ceiling;
pub mod cluster;
pub mod clustered;
pub mod conv2d;
pub mod depthwise;
mod floats;
pub mod gated;
pub mod halves;
pub mod harmonic;
pub mod image;
pub mod instance;
mod isa;
pub mod layernorm;
pub mod leaky;
pub mod loss;
mod matrix;
pub mod mlp;
pub mod modulated;
pub mod picked;
pub mod pointwise;
pub mod resample;
pub mod scan;
pub mod segment;
mod sigmoid;
mod step;
mod tasks;
mod tile;
pub mod turn;

pub(crate) use floats::Floats;
pub use isa::Isa;
pub use step::{MAX_CROPS, Step};

use crate::graph::{Kernel, Launch, Shape, Shapes};

/// Every kernel the program can use.
pub static ALL: &[&Kernel] = &[
    &conv2d::CONV2D,
    &conv2d::CONV2D_GRAD_INPUT,
    &conv2d::CONV2D_GRAD_WEIGHT,
    &pointwise::POINTWISE,
    &pointwise::POINTWISE_GRAD_INPUT,
    &pointwise::POINTWISE_GRAD_WEIGHT,
    &depthwise::DEPTHWISE,
    &depthwise::DEPTHWISE_GRAD_INPUT,
    &depthwise::DEPTHWISE_GRAD_WEIGHT,
    &modulated::MODULATED,
    &modulated::MODULATED_GRAD_INPUT,
    &modulated::MODULATED_GRAD_GATE,
    &modulated::MODULATED_GRAD_WEIGHT,
    &harmonic::IMAGE_SUMS,
    &harmonic::HARMONIC,
    &harmonic::HARMONIC_GRAD_INPUT,
    &harmonic::HARMONIC_GRAD_WEIGHT,
    &cluster::BOX_MEAN,
    &cluster::CLUSTER_START,
    &cluster::CLUSTER_INDEX,
    &cluster::CLUSTER_CENTRES,
    &segment::SEGMENT_SUMS,
    &segment::SEGMENT_MEANS,
    &segment::SEGMENT_TOTALS,
    &segment::SEGMENT_SPREAD,
    &clustered::CLUSTERED,
    &clustered::CLUSTERED_GRAD_INPUT,
    &clustered::CLUSTERED_GRAD_FACTORS,
    &clustered::CLUSTERED_GRAD_WEIGHT,
    &clustered::SCALED,
    &clustered::SCALED_GRAD,
    &halves::FOLD,
    &halves::UNFOLD,
    &leaky::LEAKY,
    &leaky::LEAKY_GRAD,
    &scan::SCAN_RUNS,
    &scan::SCAN_EDGES,
    &scan::SCAN,
    &scan::SCAN_GRAD_RUNS,
    &scan::SCAN_GRAD,
    &causal::CAUSAL,
    &causal::CAUSAL_GRAD,
    &causal::CAUSAL_GRAD_INPUT,
    &causal::CAUSAL_GRAD_WEIGHT,
    &gated::GATED,
    &gated::GATED_GRAD,
    &layernorm::LAYER_NORM,
    &layernorm::LAYER_NORM_GRAD_INPUT,
    &layernorm::LAYER_NORM_GRAD_WEIGHT,
    &instance::IMAGE_MEANS,
    &instance::INSTANCE_SPREAD,
    &instance::INSTANCE_NORM,
    &instance::INSTANCE_GRAD_SUMS,
    &instance::INSTANCE_GRAD_INPUT,
    &attend::ATTEND,
    &attend::ATTEND_GRAD_INPUT,
    &attend::ATTEND_GRAD_FACTOR,
    &mlp::MLP,
    &mlp::MLP_GRAD_INPUT,
    &mlp::MLP_GRAD_WEIGHT,
    &resample::RESAMPLE,
    &image::DETAIL,
    &image::FEATURES,
    &picked::PICKED,
    &image::RISEN,
    &image::CROP,
    &loss::L2,
    &loss::CHARBONNIER,
    &loss::SUM_ROWS,
    &adam::ADAM,
    &turn::TURN,
    &ceiling::COPY,
    &ceiling::FMA_CHAIN,
];

/// Text of the files of a shader followed by the declarations all shaders share.
macro_rules! wgsl {
    ($($file:literal),+) => {
        concat!(
            $(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)),)+
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common.wgsl"))
        )
    };
}
pub(crate) use wgsl;

/// A generic function as the reference of a kernel, in both precisions.
macro_rules! reference {
    ($function:path) => {
        $crate::graph::Reference { f32: $function, f64: $function }
    };
}
pub(crate) use reference;

/// Most workgroups WebGPU guarantees per grid dimension.
const GRID_LIMIT: usize = 65535;

/// A grid of at least `groups` workgroups; shaders number them `y · width + x`.
pub(crate) fn grid(groups: usize) -> [u32; 3] {
    let rows = groups.div_ceil(GRID_LIMIT);
    [groups.div_ceil(rows) as u32, rows as u32, 1]
}

/// A launch of at least `count` workgroups, without constants.
pub(crate) fn groups(count: usize) -> Launch {
    Launch { consts: Vec::new(), grid: grid(count) }
}

/// Fails with both shapes unless they are equal.
pub(crate) fn same(what: &str, found: Shape, wanted: Shape) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what} is {found:?} instead of {wanted:?}")) }
}

/// Fails unless the optional argument `i` is absent or has the wanted shape.
pub(crate) fn same_if_present(s: &Shapes<'_>, i: usize, what: &str, wanted: Shape) -> Result<(), String> {
    s.args[i].map_or(Ok(()), |found| same(what, found, wanted))
}

/// Deterministic values in ±1 for test cases that need special ones.
pub(crate) fn wave(len: usize, phase: f32) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * 0.7 + phase).sin()).collect()
}
