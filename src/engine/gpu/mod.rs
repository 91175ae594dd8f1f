//! The GPU engine on wgpu.

/// Runs plans on a GPU.
pub struct GpuEngine {}
