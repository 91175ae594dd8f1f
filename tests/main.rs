//! The verification ladder, each rung independent of the one below.

mod checks;
mod cli;
mod filters;
mod fixture;
mod golden;
mod gradients;
mod parity;
mod raster;
mod reading;
mod reference;
mod scene;
mod shaders;
mod support;
mod training;
