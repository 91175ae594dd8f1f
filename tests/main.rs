//! The verification ladder, each rung independent of the one below.

mod parity;
mod raster;
mod shaders;
mod support;
