//! The verification ladder, each rung independent of the one below.

mod checks;
mod cli;
mod cog;
mod creation;
mod damage;
mod filters;
mod fixture;
mod geometry;
mod golden;
mod gradients;
mod layouts;
mod parity;
mod products;
mod raster;
mod reading;
mod reference;
mod scene;
mod shaders;
mod sharpen;
mod startup;
mod support;
mod training;
mod writing;
