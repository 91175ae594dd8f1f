//! The verification ladder, each rung independent of the one below.

mod checks;
mod cli;
mod cog;
mod filters;
mod geometry;
mod golden;
mod gradients;
mod info;
mod parity;
//mod raster;
mod reference;
mod registration;
mod scene;
mod shaders;
mod sharpen;
mod startup;
mod support;
mod training;
