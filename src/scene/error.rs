//! Why two images cannot be fused: what, where, the value seen, what to do.

use std::path::PathBuf;

use super::GeometryError;
use crate::remedy::Remedy;
use crate::tiff::{ErrorClass, Size, TiffError};

/// An error of reading or matching PAN and MS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SceneError {
    /// A file cannot be read.
    #[error(transparent)]
    Tiff(#[from] TiffError),
    /// A band without any content.
    #[error("{}: band {band} is {value} everywhere: nothing to learn from; {fix}", path.display())]
    Constant {
        /// The file.
        path: PathBuf,
        /// The band, from 1.
        band: usize,
        /// The one value.
        value: f32,
        /// What to do, with the command that selects other bands.
        fix: String,
    },
    /// A few values beyond anything else in the images.
    #[error("{}: band {band}, row {row}, column {column} is {value:e}, where 99.9 % of all values are at most {usual}: no \
             image has such a range, and training would see nothing else; if it stands for no data {}",
             path.display(), Remedy::NodataOrFile(*value))]
    Outlier {
        /// The file.
        path: PathBuf,
        /// The band, from 1.
        band: usize,
        /// The row, from 1.
        row: usize,
        /// The column, from 1.
        column: usize,
        /// The value.
        value: f32,
        /// What hardly any value exceeds.
        usual: f32,
    },
    /// Every pixel is nodata.
    #[error("{}: every pixel is nodata ({nodata}) in this file or its partner; choose another area or correct the \
             nodata value: {fix}", path.display())]
    NoData {
        /// The file.
        path: PathBuf,
        /// The nodata value.
        nodata: f64,
        /// The command that removes the tag.
        fix: String,
    },
    /// Values larger than the bit depth asked for.
    #[error("{}: value {max} does not fit in {bits} bits; give a larger bit depth, or none to take it from the data", path.display())]
    BitDepth {
        /// The file.
        path: PathBuf,
        /// The largest value.
        max: f32,
        /// The bit depth asked for.
        bits: u8,
    },
    /// The panchromatic image has several bands.
    #[error("{}: the PAN image has {bands} bands, one is needed; take one or their mean, {}, or cut one out: {fix}",
            path.display(), Remedy::PanBand)]
    PanBands {
        /// The file.
        path: PathBuf,
        /// How many it has.
        bands: usize,
        /// The command that takes one band.
        fix: String,
    },
    /// The multispectral image has too many bands.
    #[error("{}: the MS image has {bands} bands, at most {most} are fused at once; choose some by name or number, {}, and the \
             others in another run", path.display(), Remedy::ChooseBands)]
    MsBands {
        /// The file.
        path: PathBuf,
        /// How many it has.
        bands: usize,
        /// The limit.
        most: usize,
    },
    /// The images do not lie on each other.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// Too small to train on.
    #[error("{}: the MS image is {}, at ratio {ratio} at least {least} pixels are needed in each direction; take a larger area", path.display(), Size(*size))]
    TooSmall {
        /// The MS file.
        path: PathBuf,
        /// Its width and height.
        size: [usize; 2],
        /// PAN to MS.
        ratio: usize,
        /// The limit.
        least: usize,
    },
}

impl SceneError {
    /// The class of the error.
    pub fn kind(&self) -> ErrorClass {
        match self {
            Self::Tiff(error) => error.kind(),
            Self::PanBands { .. } | Self::MsBands { .. } | Self::TooSmall { .. } | Self::Geometry(_) => {
                ErrorClass::Geometry
            }
            _ => ErrorClass::Input,
        }
    }

    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Tiff(error) => error.remedy(),
            Self::Geometry(error) => error.remedy(),
            Self::Outlier { value, .. } => Some(Remedy::NodataOrFile(*value)),
            Self::MsBands { .. } => Some(Remedy::ChooseBands),
            Self::PanBands { .. } => Some(Remedy::PanBand),
            _ => None,
        }
    }
}
