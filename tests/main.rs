//! The verification ladder, each rung independent of the one below.

mod raster;
