//! What the kernels read of the step they run in.

use bytemuck::{Pod, Zeroable};

/// Most crops one step can take.
pub const MAX_CROPS: usize = 16;

/// Values of one step, read by the kernels that depend on time or chance.
/// Same layout as `struct Step` in `shaders/common.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Step {
    /// Adam step size with its first bias correction, `lr / (1 − β1^t)`.
    pub rate: f32,
    /// Adam's second bias correction, `1 / sqrt(1 − β2^t)`.
    pub rescale: f32,
    /// Symmetry of the square that weights are turned by: see [`turn`](super::turn).
    pub turn: u32,
    /// The one that turns them back.
    pub unturn: u32,
    /// Crops of this step: first row, first column, 1 to flip left-right, unused.
    pub crops: [[u32; 4]; MAX_CROPS],
}
