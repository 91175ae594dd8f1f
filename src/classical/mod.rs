//! Closed-form and variational fusion: what the trained network is judged against
//! (method, section 7).
//!
//! [`fuse`] takes a pair as arrays and gives the fused image in the same unit. All arithmetic is in
//! f64. Pixels outside the mask enter no statistic and no regression; filters do see the values
//! there, which must therefore be finite.
//!
//! For scenes of any size there are two halves: [`Form::fit`] finds the coefficients of closed forms from
//! windows, in f64, and a [`FormStream`] applies them to strips of rows, in f32. On one window that is everything
//! both together give what [`fuse`] gives, which shares with them filters only.

mod bdsd;
mod form;
mod moments;
mod multiresolution;
mod pair;
mod solve;
mod stats;
mod stream;
mod substitution;
mod tv;

use serde::{Deserialize, Serialize};

use crate::filter::{Grid, Upsample};
pub use form::{Band, Form};
use pair::Pair;
pub use stream::FormStream;

/// A method without training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Upsampled MS, no detail of PAN.
    Exp,
    /// Brovey transform: bands scaled by PAN over intensity.
    Brovey,
    /// Gram–Schmidt adaptive: intensity by regression (Aiazzi 2007).
    Gsa,
    /// MTF-matched Laplacian pyramid, gains from full-scale regression (Vivone 2018).
    MtfGlpFs,
    /// MTF-matched Laplacian pyramid, high-pass modulation after regression (Vivone 2018).
    MtfGlpHpmR,
    /// Band-dependent spatial detail under physical constraints (Vivone 2019).
    BdsdPc,
    /// Total variation, by majorisation–minimisation (Palsson 2013).
    Tv,
}

impl Method {
    /// All of them, from the simplest to the slowest.
    pub const ALL: [Self; 7] =
        [Self::Exp, Self::Brovey, Self::Gsa, Self::MtfGlpFs, Self::MtfGlpHpmR, Self::BdsdPc, Self::Tv];

    /// Its name, as on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exp => "exp",
            Self::Brovey => "brovey",
            Self::Gsa => "gsa",
            Self::MtfGlpFs => "mtf-glp-fs",
            Self::MtfGlpHpmR => "mtf-glp-hpm-r",
            Self::BdsdPc => "bdsd-pc",
            Self::Tv => "tv",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Settings of [`Method::Tv`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TvSettings {
    /// Shares of the bands in PAN, where the sensor's are known; their scale is fitted. `None`: by
    /// regression on the pair.
    pub weights: Option<Vec<f64>>,
    /// Weight of the total variation, as a share of the standard deviation of PAN, which means the same in
    /// every unit.
    ///
    /// The benchmark of Vivone 2020 has one per sensor, in DN of its 11-bit images and for a fixed number of
    /// iterations from 0: 0.001 for WorldView-2 and -3, 0.47 for IKONOS and QuickBird, 158 for GeoEye-1 and
    /// WorldView-4. Iterated to the end, none of them is better than the default on every pair.
    pub lambda: f64,
    /// Iterations at most.
    pub iterations: usize,
    /// Ends once an iteration changes the image by less than this, relative, root mean square.
    pub tolerance: f64,
}

impl Default for TvSettings {
    fn default() -> Self {
        Self { weights: None, lambda: 1e-3, iterations: 100, tolerance: 1e-4 }
    }
}

/// A pair to fuse, in DN or any other unit common to both images.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// PAN `[H, W]`.
    pub pan: &'a [f32],
    /// MS `[h, w, C]`.
    pub ms: &'a [f32],
    /// MS on PAN, rows: H is its `fine`, h its `coarse`.
    pub rows: Grid,
    /// MS on PAN, columns; the same ratio.
    pub columns: Grid,
    /// MTF gain at Nyquist, one per band.
    pub ms_gains: &'a [f64],
    /// MTF gain at Nyquist of PAN.
    pub pan_gain: f64,
    /// How MS is brought onto PAN's grid, and what PAN is compared with. By [`Upsample::Spline`] the low-pass
    /// PAN of a band went through what the band itself did: its degradation, then the same spline. By the
    /// others it is the toolbox's: sampled at `ratio · k + ratio / 2` and interpolated by 23 taps.
    pub upsample: Upsample,
    /// `[H, W]`: false where a value of PAN or MS says nothing.
    pub valid: Option<&'a [bool]>,
    /// Settings of [`Method::Tv`].
    pub tv: TvSettings,
}

/// Why a pair cannot be fused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassicalError {
    /// Arrays and sizes contradict each other.
    #[error("{what}: {found} values, {wanted} are needed")]
    Size {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits the grids.
        wanted: usize,
    },
    /// The grids cannot be used.
    #[error("ratio {} by {}, {} by {} MS pixels for {} by {} PAN pixels: the ratio must be the same and 2 or \
             more; interp23 needs a power of two and an MS that covers the PAN", .rows.ratio, .columns.ratio, .rows.coarse, .columns.coarse, .rows.fine, .columns.fine)]
    Grids {
        /// Rows.
        rows: Grid,
        /// Columns.
        columns: Grid,
    },
    /// NaN or infinite values.
    #[error(
        "{what}: value {index} is {value}; replace values that say nothing by the mean of their band and mask them"
    )]
    NotFinite {
        /// Which array.
        what: &'static str,
        /// Index of the first one.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A method that is no closed form.
    #[error(
        "{method} goes over the whole image again and again: it cannot be fitted to windows nor applied in strips, and \
         holds the whole pair in memory"
    )]
    NoForm {
        /// The method.
        method: Method,
    },
    /// The mask leaves nothing.
    #[error("no valid pixel: nothing to compute statistics from")]
    NothingValid,
}

/// Fuses a pair: `[H, W, C]`, neither rounded nor clamped.
///
/// Where a formula divides by zero (a flat PAN, a band without covariance, intensity 0) the pixel or
/// band gets no detail: the result is upsampled MS there.
///
/// # Errors
/// [`ClassicalError`] for sizes that contradict each other, values that are not finite, no valid pixel.
pub fn fuse(method: Method, inputs: &Inputs<'_>) -> Result<Vec<f32>, ClassicalError> {
    let pair = Pair::new(inputs)?;
    let planes = match method {
        Method::Exp => pair.lms,
        Method::Brovey => substitution::brovey(&pair),
        Method::Gsa => substitution::gsa(&pair),
        Method::MtfGlpFs => multiresolution::full_scale(&pair),
        Method::MtfGlpHpmR => multiresolution::high_pass_modulation(&pair),
        Method::BdsdPc => bdsd::bdsd_pc(&pair),
        Method::Tv => tv::tv(&pair, &inputs.tv),
    };
    let bands = planes.len();
    let mut out = vec![0.0; inputs.pan.len() * bands];
    for (band, plane) in planes.iter().enumerate() {
        out[band..].iter_mut().step_by(bands).zip(plane).for_each(|(out, x)| *out = *x as f32);
    }
    Ok(out)
}
