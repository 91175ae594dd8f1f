//! Why an image could not be judged.

use crate::remedy::Remedy;
use crate::tiff::TiffError;

/// Errors of [`quality`](super).
#[derive(Debug, thiserror::Error)]
pub enum QualityError {
    /// Two images that must have one size and number of bands have not.
    #[error(
        "{what} is {}x{} with {} bands, expected {}x{} with {}: give images of the same place and grid",
        found[1], found[0], found[2], wanted[1], wanted[0], wanted[2]
    )]
    Shape {
        /// Which image.
        what: &'static str,
        /// Its rows, columns, bands.
        found: [usize; 3],
        /// What the other images ask for.
        wanted: [usize; 3],
    },
    /// A side is shorter than one block.
    #[error("{what} is {}x{}: the indices need {least} pixels along each side at least", size[1], size[0])]
    TooSmall {
        /// Which image.
        what: &'static str,
        /// Rows and columns.
        size: [usize; 2],
        /// The side of a block.
        least: usize,
    },
    /// The toolbox's interpolator doubles, and the ratio is no power of two.
    #[error("ratio {ratio}: the toolbox's interpolator only doubles; compare at the true phase instead")]
    Ratio {
        /// PAN pixels per MS pixel.
        ratio: usize,
    },
    /// Not one gain per band, or a gain out of range.
    #[error(
        "{found} MTF gains for {bands} bands: give one per band, each between 0 and 1, and choose the right sensor"
    )]
    Gains {
        /// Gains given.
        found: usize,
        /// Bands of MS.
        bands: usize,
    },
    /// No block is free of nodata and of what the filters carry over from it.
    #[error(
        "none of {blocks} blocks of {side}x{side} pixels is free of nodata (a filter reaches 20 pixels and more): there \
         is nothing to judge; check the nodata values of the images, or give a larger area"
    )]
    NothingValid {
        /// Blocks there are.
        blocks: usize,
        /// The side of a block.
        side: usize,
    },
    /// An image is 0 everywhere, so that angles and relative errors have no meaning.
    #[error("{what} is 0 wherever it is valid: there is nothing to judge")]
    Blank {
        /// Which image.
        what: &'static str,
    },
    /// The images are in different units.
    #[error(
        "{what} has values around {found:.6} (root mean square), {reference} around {wanted:.6}: bring both to one \
         unit (DN, reflectance) before comparing them"
    )]
    Unit {
        /// The image judged.
        what: &'static str,
        /// Its root mean square.
        found: f64,
        /// What it is compared with.
        reference: &'static str,
        /// That one's root mean square.
        wanted: f64,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Tiff(#[from] TiffError),
}

impl QualityError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Tiff(error) => error.remedy(),
            _ => None,
        }
    }
}
