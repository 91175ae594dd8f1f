//! Zero-shot pansharpening on a hand-written compute engine.
#![warn(missing_docs)]

pub mod engine;
pub mod graph;
pub mod kernels;
pub mod method;
pub mod net;
pub mod quality;
pub mod raster;
