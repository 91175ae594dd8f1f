//! Rasters: GeoTIFF in and out, the geometry of a PAN/MS pair, scaling of values.
//!
//! [`read`] and [`write()`] move whole images between files and `[H, W, C]` arrays of f32, which hold
//! every u8, u16 and i16 exactly. [`Pair`] checks that two images belong together. [`Scale`] maps
//! their values to the 0..1 the networks work in. Nothing here interprets a coordinate system: its
//! tags go from PAN to the output as they are.

mod chunk;
mod directory;
mod error;
mod geo;
mod metadata;
mod pair;
pub mod picture;
mod read;
mod scale;
mod write;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub use error::{Kind, RasterError};
pub use geo::{Affine, GeoTags};
pub use pair::{MAX_BANDS, Pair};
pub use read::{decode, read};
pub use scale::Scale;
pub use metadata::{Item, Metadata};
pub use write::{
    BigTiff, CogWriter, Compress, Creation, CreationError, Layout, Predictor, check_output, remove_temporary_files,
    write, write_atomically,
};

/// Type of the stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sample {
    /// 8-bit unsigned.
    U8,
    /// 16-bit unsigned.
    U16,
    /// 16-bit signed.
    I16,
    /// 32-bit floating point.
    F32,
}

impl Sample {
    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::F32 => 4,
        }
    }

    /// Smallest and largest value, both exact in f32.
    pub fn range(self) -> [f32; 2] {
        match self {
            Self::U8 => [0.0, 255.0],
            Self::U16 => [0.0, 65535.0],
            Self::I16 => [-32768.0, 32767.0],
            Self::F32 => [f32::MIN, f32::MAX],
        }
    }

    /// Whether a value can be stored exactly (for f32: within its range, or NaN).
    pub fn holds(self, value: f64) -> bool {
        let [low, high] = self.range().map(f64::from);
        match self {
            Self::F32 => value.is_nan() || (low..=high).contains(&value),
            _ => value.fract() == 0.0 && (low..=high).contains(&value),
        }
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::F32 => "f32",
        })
    }
}

/// An image in memory, values as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Where it was read from; names it in errors.
    pub path: PathBuf,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bands.
    pub bands: usize,
    /// Type of the values in the file.
    pub sample: Sample,
    /// Significant bits, where the metadata declare them (NBITS).
    pub bits: Option<u8>,
    /// `[H, W, C]`, channels last, as stored.
    pub data: Vec<f32>,
    /// The value that stands for "no data", if there is one.
    pub nodata: Option<f64>,
    /// Georeference.
    pub geo: GeoTags,
    /// Names of the bands, `[C]`.
    pub descriptions: Vec<Option<String>>,
    /// The band (from 0) that the file marks as transparency.
    pub alpha: Option<usize>,
}

impl Raster {
    /// Whether a value stands for "no data".
    pub fn is_nodata(&self, value: f32) -> bool {
        self.nodata.is_some_and(|n| if n.is_nan() { value.is_nan() } else { value == n as f32 })
    }

    /// Width and height.
    pub fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// [`RasterError::Missing`] and [`RasterError::Unreadable`].
pub fn sha256(path: &Path) -> Result<String, RasterError> {
    struct Sink(Sha256);
    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hash = Sink(Sha256::new());
    let copied = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash));
    copied.map_err(|e| RasterError::reading(path, e))?;
    Ok(hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
