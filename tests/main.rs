//! The verification ladder, each rung independent of the one below.

mod checks;
mod cli;
mod cog;
mod damage;
mod filters;
mod fixture;
mod geometry;
mod golden;
mod gradients;
mod info;
mod layouts;
mod parity;
mod products;
mod raster;
mod reading;
mod reference;
mod registration;
mod scene;
mod shaders;
mod sharpen;
mod startup;
mod support;
mod training;
mod writing;
