//! Flags on how PAN and MS lie on each other.

use clap::{Args, ValueEnum};
use trapan::scene::{Alignment, Extent, GeometryOptions};

/// How PAN and MS lie on each other.
#[derive(Args, Clone, Copy)]
#[command(next_help_heading = "Geometry")]
pub(super) struct GeometryArgs {
    /// Take images without georeference to be aligned: by the outer corner of the first pixels
    /// (area), or by their centre (centre: Landsat)
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "area")]
    assume_aligned: Option<AlignmentArg>,
    /// Fuse the common area, or all of PAN with nodata where there is no MS
    #[arg(long, value_name = "EXTENT", default_value = "intersection")]
    extent: ExtentArg,
}

/// See [`Alignment`].
#[derive(Clone, Copy, ValueEnum)]
enum AlignmentArg {
    Area,
    Centre,
}

/// See [`Extent`].
#[derive(Clone, Copy, ValueEnum)]
enum ExtentArg {
    Intersection,
    Pan,
}

impl GeometryArgs {
    /// The library's options.
    pub(super) fn options(&self) -> GeometryOptions {
        GeometryOptions {
            assume_aligned: self.assume_aligned.map(|how| match how {
                AlignmentArg::Area => Alignment::Area,
                AlignmentArg::Centre => Alignment::Centre,
            }),
            extent: match self.extent {
                ExtentArg::Intersection => Extent::Intersection,
                ExtentArg::Pan => Extent::Pan,
            },
            ..GeometryOptions::default()
        }
    }
}
