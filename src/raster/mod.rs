//! raster.
