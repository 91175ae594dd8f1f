//! How a coarse image is brought onto the fine grid.

use serde::{Deserialize, Serialize};

use super::{BandMatrix, Grid, upsample_cubic, upsample_interp23, upsample_spline};

/// Upsampling of the multispectral image (method, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upsample {
    /// Cubic convolution at the true phase, border clamped.
    Cubic,
    /// The toolbox's 23-tap interpolator, half a PAN pixel off, border circular.
    Interp23,
    /// Quintic B-spline through the samples at the true phase, border clamped.
    Spline,
}

impl Upsample {
    /// One axis of it.
    pub fn operator(self, grid: Grid) -> BandMatrix {
        match self {
            Self::Cubic => upsample_cubic(grid),
            Self::Interp23 => upsample_interp23(grid),
            Self::Spline => upsample_spline(grid),
        }
    }
}
