//! The shaders: the direct form, and those that take its place where they fit.

use super::super::{grid, wgsl};
use crate::graph::{DeviceNeeds, Launch, Shader, ShaderForm, Shape, Shapes, When};

/// As the sum of nine products.
pub(super) const fn direct(entry: &'static str, launch: fn(&Shapes<'_>) -> Launch) -> Shader {
    Shader::new(wgsl!("conv2d.wgsl", "conv2d_common.wgsl"), entry, launch)
}

/// Tolerance of the f16 forms. Each factor is rounded by at most 2^-11 of itself, a product
/// of two by 2^-11 · √(2/3) on average; such errors add up like the products themselves, so
/// that their share of a sum does not grow with its terms. Eight times 2^-11 leaves room for
/// the worst of a million sums.
const HALF_TOLERANCE: f64 = 8.0 / 2048.0;

/// On f16 matrices. Shares bindings and bounds with the direct form.
pub(super) const fn half(entry: &'static str, launch: fn(&Shapes<'_>) -> Option<Launch>) -> ShaderForm {
    let source = wgsl!("conv2d.wgsl", "conv2d_f16.wgsl", "conv2d_common.wgsl");
    ShaderForm { source, entry, launch, needs: DeviceNeeds::Matrices, when: When::F16, tolerance: Some(HALF_TOLERANCE) }
}

/// In f32 with half as many multiplications.
pub(super) const fn winograd(entry: &'static str, launch: fn(&Shapes<'_>) -> Option<Launch>) -> ShaderForm {
    let source = wgsl!(
        "conv2d_winograd.wgsl",
        "conv2d_winograd_weight.wgsl",
        "conv2d_winograd_transform.wgsl",
        "conv2d_common.wgsl"
    );
    ShaderForm { source, entry, launch, needs: DeviceNeeds::Nothing, when: When::Faster, tolerance: None }
}

/// Channels per register block: the shader keeps one block of each side in
/// workgroup memory, at most 32 channels so that it stays under 16 KiB.
fn block_consts(ci: usize, co: usize) -> Vec<(&'static str, u32)> {
    vec![("CI", ci as u32), ("CO", co as u32)]
}

/// A weight gradient: a workgroup per partial sum and block of channels.
pub(super) fn blocked(s: &Shapes<'_>) -> Launch {
    let (x, dy, part) = (s.get(0), s.get(1), s.get(2));
    let (ci, co) = (x.c().min(32), dy.c().min(32));
    let blocks = x.c().div_ceil(ci) * dy.c().div_ceil(co);
    Launch { consts: block_consts(ci, co), grid: [part.n() as u32, blocks as u32, 1] }
}

/// Pixels of one workgroup's tile; `TILE_W` and `TILE_H` of the shader.
const TILE: (usize, usize) = (32, 4);

pub(super) fn tiled(output: Shape) -> Launch {
    // CI is the weight gradient's alone: one value, so that layers share pipelines.
    let (ci, co) = (1, output.c().min(32));
    Launch { consts: block_consts(ci, co), grid: tile_grid(output, TILE, co) }
}

fn tile_grid(output: Shape, tile: (usize, usize), channels: usize) -> [u32; 3] {
    let [x, y, _] = grid(output.w().div_ceil(tile.0) * output.h().div_ceil(tile.1) * output.n());
    [x, y, output.c().div_ceil(channels) as u32]
}

/// `COLUMNS` and `ROWS` of the Winograd shader, and the channels its workgroups make.
const WINOGRAD_TILE: (usize, usize) = (32, 6);
const WINOGRAD_CHANNELS: usize = 32;

/// Channels come as whole vec4s. Fewer than 32 of the output would leave most threads without
/// work: a third slower than the direct form.
pub(super) fn winograd_tiled(sums: usize, output: Shape) -> Option<Launch> {
    let fits = sums.is_multiple_of(4) && output.c().is_multiple_of(WINOGRAD_CHANNELS);
    fits.then(|| Launch { consts: Vec::new(), grid: tile_grid(output, WINOGRAD_TILE, WINOGRAD_CHANNELS) })
}

/// The workgroups of the direct form. Narrow layers, too, whose direct form is one warp each.
pub(super) fn winograd_blocked(s: &Shapes<'_>) -> Option<Launch> {
    let fits = [0, 1].iter().all(|i| s.get(*i).c().is_multiple_of(4));
    fits.then(|| Launch { consts: Vec::new(), ..blocked(s) })
}
