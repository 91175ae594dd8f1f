//! Creation options, by the names and values of GDAL's COG driver.

use super::{super::tags::Predictor, Sample};

/// Compression of the tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compress {
    /// Stored as they are.
    None,
    /// LZW.
    Lzw,
    /// Deflate (zlib).
    Deflate,
    /// Zstandard.
    Zstd,
    /// Run lengths.
    PackBits,
}

/// What is done to values before they are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predict {
    /// By the type: differences of integers, differences of the bytes of floats.
    Auto,
    /// Nothing.
    No,
    /// Differences to the pixel on the left (2).
    Standard,
    /// The bytes of floats by significance, then differences (3).
    FloatingPoint,
}

/// When offsets take 64 bits, which files of more than 4 GiB need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BigTiff {
    /// Always.
    Yes,
    /// Never; a file that grows past 4 GiB is an error.
    No,
    /// If the file, once compressed, has more than 4 GiB.
    IfNeeded,
    /// If the image and its overviews have more than 2 GiB before compression: what is later added
    /// to such a file finds room too.
    IfSafer,
}

/// How a file is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// Compression of the tiles.
    pub compress: Compress,
    /// Effort: 1 to 12 for deflate, 1 to 22 for zstd; `None`: 1 and 3.
    pub level: Option<u8>,
    /// Predictor; used with LZW, deflate and zstd.
    pub predictor: Predict,
    /// Columns and rows of a tile, a multiple of 16 up to 4096. Smaller images have one tile of their size.
    pub block_size: usize,
    /// BigTIFF or not.
    pub big_tiff: BigTiff,
    /// Whether smaller versions of the image are written with it.
    pub overviews: bool,
    /// Threads that compress, at most one per core; `None`: one per core.
    pub threads: Option<usize>,
}

impl Default for Creation {
    /// Deflate with the type's predictor, tiles of 512, overviews, [`BigTiff::IfSafer`].
    fn default() -> Self {
        Self {
            compress: Compress::Deflate,
            level: None,
            predictor: Predict::Auto,
            block_size: 512,
            big_tiff: BigTiff::IfSafer,
            overviews: true,
            threads: None,
        }
    }
}

/// A creation option that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("creation option {option}: {why}; there are {LIST}")]
pub struct CreationError {
    /// The option as given.
    pub option: String,
    /// What is wrong with it.
    pub why: String,
}

const LIST: &str = "COMPRESS=NONE|LZW|DEFLATE|ZSTD|PACKBITS, LEVEL=1..12 (DEFLATE) or 1..22 (ZSTD), \
    PREDICTOR=YES|NO|STANDARD|FLOATING_POINT (or 1|2|3), BLOCKSIZE=16..4096 (a multiple of 16), \
    BIGTIFF=YES|NO|IF_NEEDED|IF_SAFER, OVERVIEWS=AUTO|NONE, NUM_THREADS=ALL_CPUS|1..1024";

impl Creation {
    /// Reads `KEY=VALUE` options, in any letter case; a later one wins over an earlier one.
    ///
    /// # Errors
    /// The first unknown key or bad value, with the list of those there are.
    pub fn parse<S: AsRef<str>>(options: &[S]) -> Result<Self, CreationError> {
        let mut creation = Self::default();
        let mut level = None;
        for option in options.iter().map(AsRef::as_ref) {
            if option.split('=').next().is_some_and(|key| key.eq_ignore_ascii_case("LEVEL")) {
                level = Some(option);
            }
            creation.set(option).map_err(|why| CreationError { option: option.to_owned(), why })?;
        }
        match (level, creation.top_level()) {
            (Some(option), None) => Err("only DEFLATE and ZSTD have levels".into()).map_err(|why| (option, why)),
            (Some(option), Some(most)) if creation.level.is_some_and(|level| level > most) => {
                Err((option, format!("this compression has levels 1 to {most}")))
            }
            _ => Ok(creation),
        }
        .map_err(|(option, why): (&str, String)| CreationError { option: option.to_owned(), why })
    }

    fn set(&mut self, option: &str) -> Result<(), String> {
        let Some((key, value)) = option.split_once('=') else { return Err("not of the form KEY=VALUE".into()) };
        let value = value.trim().to_ascii_uppercase();
        let number = |range: std::ops::RangeInclusive<usize>| {
            value
                .parse()
                .ok()
                .filter(|n| range.contains(n))
                .ok_or_else(|| format!("not a number from {} to {}", range.start(), range.end()))
        };
        match &key.trim().to_ascii_uppercase()[..] {
            "COMPRESS" => {
                self.compress = match &value[..] {
                    "NONE" => Compress::None,
                    "LZW" => Compress::Lzw,
                    "DEFLATE" => Compress::Deflate,
                    "ZSTD" => Compress::Zstd,
                    "PACKBITS" => Compress::PackBits,
                    _ => return Err("unknown compression".into()),
                }
            }
            "LEVEL" => self.level = Some(number(1..=22)? as u8),
            "PREDICTOR" => {
                self.predictor = match &value[..] {
                    "YES" => Predict::Auto,
                    "NO" | "1" => Predict::No,
                    "STANDARD" | "2" => Predict::Standard,
                    "FLOATING_POINT" | "3" => Predict::FloatingPoint,
                    _ => return Err("unknown predictor".into()),
                }
            }
            "BLOCKSIZE" => {
                self.block_size = number(16..=4096)?;
                if !self.block_size.is_multiple_of(16) {
                    return Err("not a multiple of 16".into());
                }
            }
            "BIGTIFF" => {
                self.big_tiff = match &value[..] {
                    "YES" => BigTiff::Yes,
                    "NO" => BigTiff::No,
                    "IF_NEEDED" => BigTiff::IfNeeded,
                    "IF_SAFER" => BigTiff::IfSafer,
                    _ => return Err("unknown choice".into()),
                }
            }
            "OVERVIEWS" => {
                self.overviews = match &value[..] {
                    "AUTO" => true,
                    "NONE" => false,
                    _ => return Err("unknown choice".into()),
                }
            }
            "NUM_THREADS" if value == "ALL_CPUS" => self.threads = None,
            "NUM_THREADS" => self.threads = Some(number(1..=1024)?),
            _ => return Err("unknown key".into()),
        }
        Ok(())
    }

    /// Whether values of a type can be stored this way.
    ///
    /// # Errors
    /// The floating-point predictor for integers.
    pub fn check(&self, sample: Sample) -> Result<(), CreationError> {
        if self.predictor == Predict::FloatingPoint && sample != Sample::F32 && self.has_predictor() {
            let why = format!("the values are {sample}, not floating point");
            return Err(CreationError { option: "PREDICTOR=FLOATING_POINT".into(), why });
        }
        Ok(())
    }

    /// The predictor of values of a type.
    pub(super) fn predictor_of(&self, sample: Sample) -> Predictor {
        match (self.predictor, sample) {
            _ if !self.has_predictor() => Predictor::None,
            (Predict::No, _) => Predictor::None,
            (Predict::Standard, _) => Predictor::Horizontal,
            (Predict::FloatingPoint, _) | (Predict::Auto, Sample::F32) => Predictor::FloatingPoint,
            (Predict::Auto, _) => Predictor::Horizontal,
        }
    }

    /// Whether the compression is one that takes a predictor.
    fn has_predictor(&self) -> bool {
        matches!(self.compress, Compress::Lzw | Compress::Deflate | Compress::Zstd)
    }

    /// The highest level of the compression, if it has levels.
    fn top_level(&self) -> Option<u8> {
        match self.compress {
            Compress::Deflate => Some(12),
            Compress::Zstd => Some(22),
            _ => None,
        }
    }
}
