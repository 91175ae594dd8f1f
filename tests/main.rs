//! The verification ladder, each rung independent of the one below.

mod golden;
mod gradients;
mod parity;
mod raster;
mod reference;
mod shaders;
mod support;
