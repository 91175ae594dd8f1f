//! The verification ladder, each rung independent of the one below.

mod assess;
mod checks;
mod classical;
mod cli;
mod cog;
mod compare;
mod filters;
mod geometry;
mod golden;
mod gradients;
mod parity;
mod quality;
//mod raster;
mod reference;
mod scene;
mod shaders;
mod sharpen;
mod startup;
mod support;
mod training;
