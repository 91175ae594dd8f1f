//! How time and memory of a full step grow with the size of the image and its bands.

use super::{BANDS, Budget, SIDE, Steps};
use crate::engine::Device;
use crate::method::config::Backbone;
use crate::method::{MethodError, Phase};

/// Rows and columns of PAN, and bands, of each measurement: sizes at the main case's
/// number of bands, then bands at its size.
pub const GROWTH: [(usize, usize); 9] = [
    (128, BANDS),
    (256, BANDS),
    (SIDE, BANDS),
    (1024, BANDS),
    (2048, BANDS),
    (SIDE, 1),
    (SIDE, 2),
    (SIDE, 4),
    (SIDE, 16),
];

/// A full step at one size.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Rows and columns of PAN.
    pub side: usize,
    /// Bands.
    pub bands: usize,
    /// Seconds of a full step.
    pub seconds: f64,
    /// Bytes of all buffers.
    pub bytes: usize,
}

impl Growth {
    /// Measures a device at one of [`GROWTH`]'s sizes.
    ///
    /// # Errors
    /// What the device reports, such as that an image is too large for it.
    pub fn measure(device: &Device, (side, bands): (usize, usize), effort: Budget) -> Result<Self, MethodError> {
        let mut steps = Steps::load(device, side, bands, Backbone::default())?;
        let seconds = effort.median(|count| steps.time(Phase::Full, count))?;
        Ok(Self { side, bands, seconds, bytes: steps.bytes() })
    }

    /// PAN pixels.
    pub fn pixels(&self) -> usize {
        self.side * self.side
    }
}
