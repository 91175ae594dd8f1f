//! The verification ladder, each rung independent of the one below.

mod checks;
mod cli;
mod filters;
mod golden;
mod gradients;
mod parity;
mod raster;
mod reference;
mod report;
mod scene;
mod shaders;
mod support;
mod training;
