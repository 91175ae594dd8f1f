//! GeoTIFF in and out: bytes, tags, chunks, grids. Nothing here knows of PAN or of a method.
//!
//! [`Source`] reads windows of files as `[H, W, C]` arrays of f32, which hold every u8, u16 and i16
//! exactly, with what lies beside the files; [`read`] and [`write()`] move whole images. Nothing here
//! changes a coordinate system: its tags go from the input to the output as they are.

mod alpha;
mod beside;
mod chunk;
mod crs;
mod directory;
mod error;
mod geo;
mod image;
mod input;
mod metadata;
mod mosaic;
mod nodata;
mod picture;
mod read;
mod storage;
mod tags;
mod text;
mod write;
mod xml;

use std::{
    io,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub(crate) use crs::differ as crs_differ;
pub use error::{Kind, TiffError};
pub(crate) use error::{Size, gdal, quoted, translate};
pub(crate) use geo::SAME;
pub use geo::{Affine, GeoTags};
pub(crate) use input::open as open_file;
pub use metadata::{Item, Metadata};
pub use read::{Source, read};
pub use text::{visible, visible_json};
pub use write::{
    BigTiff, CogWriter, Compress, Creation, CreationError, Format, Layout, Output, Predict, check_output,
    check_outputs, create_folder, remove_temporary_files, write, write_atomically,
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

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Its first column.
    pub x: usize,
    /// Its first row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Window {
    /// Whether it is not empty and lies within an image of this width and height.
    pub fn is_within(&self, [width, height]: [usize; 2]) -> bool {
        let fits = |start: usize, length: usize, all| length > 0 && start.checked_add(length).is_some_and(|e| e <= all);
        fits(self.x, self.width, width) && fits(self.y, self.height, height)
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{} pixels from column {}, row {}", self.width, self.height, self.x, self.y)
    }
}

/// What is known of an image without its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Where it is read from, the first file of several; names it in errors.
    pub path: PathBuf,
    /// Further files: of bands that follow those of the first, or of tiles beside it.
    pub others: Vec<PathBuf>,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bands, C: those with values. A band that the file marks as transparency is not among them.
    pub bands: usize,
    /// Type of the values in the file.
    pub sample: Sample,
    /// Significant bits, where the file declares them (NBITS) or packs its values.
    pub bits: Option<u8>,
    /// The value that stands for "no data", if there is one.
    pub nodata: Option<f64>,
    /// Georeference.
    pub geo: GeoTags,
    /// Names of the bands, `[C]`.
    pub descriptions: Vec<Option<String>>,
    /// What else the file says.
    pub metadata: Metadata,
    /// The band of the file (from 0) that is taken as transparency: 0 there means invalid.
    pub alpha: Option<usize>,
    /// The band (from 0) that the file marks as transparency though its values are a spectrum: it is a band like others.
    pub mistaken_alpha: Option<usize>,
    /// Files beside it that belong to it and were read: mask, metadata, world file, camera model.
    pub beside: Vec<PathBuf>,
    /// What the user should know of how it was read.
    pub notes: Vec<String>,
}

impl Header {
    /// An image of `[width, height, bands]` of which nothing more is known.
    pub fn new(path: impl Into<PathBuf>, sample: Sample, [width, height, bands]: [usize; 3]) -> Self {
        Self {
            path: path.into(),
            others: Vec::new(),
            width,
            height,
            bands,
            sample,
            bits: None,
            nodata: None,
            geo: GeoTags::default(),
            descriptions: vec![None; bands],
            metadata: Metadata { colours: vec![None; bands], ..Metadata::default() },
            alpha: None,
            mistaken_alpha: None,
            beside: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The file, or all of several.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.path).chain(&self.others)
    }

    /// Width and height.
    pub fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// The same with these bands only (from 0), in this order.
    ///
    /// # Panics
    /// If there is no such band.
    pub fn select(&self, bands: &[usize]) -> Self {
        let item = |item: &Item| match item.sample {
            None => Some(item.clone()),
            Some(sample) => {
                let sample = bands.iter().position(|band| *band == sample)?;
                Some(Item { sample: Some(sample), ..item.clone() })
            }
        };
        let metadata = Metadata {
            colours: bands.iter().map(|band| self.metadata.colours[*band].clone()).collect(),
            items: self.metadata.items.iter().filter_map(item).collect(),
            ..self.metadata.clone()
        };
        let descriptions = bands.iter().map(|band| self.descriptions[*band].clone()).collect();
        Self { bands: bands.len(), descriptions, metadata, ..self.clone() }
    }

    /// The whole image.
    pub fn window(&self) -> Window {
        Window { x: 0, y: 0, width: self.width, height: self.height }
    }

    /// Of the image with its rows, its columns or both in reverse order; its place is no longer known then.
    #[must_use]
    pub fn flipped(mut self, flip: [bool; 2]) -> Self {
        if flip != [false; 2] {
            self.geo = GeoTags::default();
            self.metadata.rpc.clear();
        }
        self
    }

    /// Takes the coordinate system of the other image of a pair if it names none itself, and says so.
    pub(crate) fn take_crs(&mut self, other: &Self) {
        if self.geo.affine().is_some() && !self.geo.has_crs() && other.geo.has_crs() {
            self.geo = self.geo.with_crs_of(&other.geo);
            let [path, from] = [&self.path, &other.path].map(|path| path.display());
            self.notes.push(format!("{path}: names no coordinate system; that of {from} is taken for it"));
        }
    }

    /// Least x and y, greatest x and y, where this map places it.
    pub(crate) fn covers(&self, affine: &Affine) -> [f64; 4] {
        affine.bounds([0.0, 0.0], self.size().map(|n| n as f64))
    }

    /// What pictures choose bands by: the colours that the file states, and the names of the others.
    pub fn colour_names(&self) -> Vec<Option<String>> {
        let (names, colours) = (&self.descriptions, &self.metadata.colours);
        let said = |list: &[Option<String>], colour: &str| {
            list.iter().flatten().any(|name| name.trim().eq_ignore_ascii_case(colour))
        };
        let tell = |list: &[Option<String>]| ["Red", "Green", "Blue"].iter().all(|colour| said(list, colour));
        if tell(names) || !tell(colours) {
            return names.clone();
        }
        let stated = |colour: &&String| &colour[..] != "Undefined";
        colours
            .iter()
            .zip(names)
            .map(|(colour, name)| colour.as_ref().filter(stated).or(name.as_ref()).cloned())
            .collect()
    }

    /// Of a part of the image, its place shifted accordingly.
    #[must_use]
    pub fn part(&self, part: Window) -> Self {
        let mut header = Self { width: part.width, height: part.height, geo: self.geo.part(part), ..self.clone() };
        // Line and column that the camera's model counts from.
        if let [_, _, line, column, ..] = &mut header.metadata.rpc[..] {
            (*line, *column) = (*line - part.y as f64, *column - part.x as f64);
        }
        header
    }
}

/// Pixels of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// `[h, w, C]`, channels last, as stored; NaN and infinity are 0 and invalid.
    pub data: Vec<f32>,
    /// `[h, w]`: false where any band is nodata, NaN or infinite, or the file's alpha or mask is 0;
    /// `None` if every pixel is valid.
    pub valid: Option<Vec<bool>>,
}

/// An image in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// What is known of it.
    pub header: Header,
    /// `[H, W, C]` as in [`Block`].
    pub data: Vec<f32>,
    /// `[H, W]` as in [`Block`].
    pub valid: Option<Vec<bool>>,
}

impl Raster {
    /// An image of these values `[H, W, C]`, valid where they are finite and not nodata.
    pub fn new(header: Header, mut data: Vec<f32>) -> Self {
        let nodata = vec![header.nodata.map(|n| n as f32); header.bands];
        let valid = read::validity(&mut data, header.bands, header.bands, &nodata);
        Self { header, data, valid }
    }

    /// A part of the image.
    ///
    /// # Panics
    /// If the window reaches beyond the image.
    #[must_use]
    pub fn part(self, part: Window) -> Self {
        if part == self.window() {
            return self;
        }
        let Block { data, valid } = self.block(part);
        Self { header: self.header.part(part), data, valid }
    }

    /// The pixels of a part of the image.
    ///
    /// # Panics
    /// If the window reaches beyond the image.
    pub fn block(&self, part: Window) -> Block {
        let rows = |y: usize| (part.y + y) * self.width + part.x..(part.y + y) * self.width + part.x + part.width;
        let data = (0..part.height)
            .map(rows)
            .flat_map(|r| &self.data[r.start * self.bands..r.end * self.bands])
            .copied()
            .collect();
        let valid = self.valid.as_ref().map(|v| (0..part.height).map(rows).flat_map(|r| &v[r]).copied().collect());
        Block { data, valid }
    }

    /// The image with its rows, its columns or both in reverse order; its place is no longer known then.
    #[must_use]
    pub fn flipped(self, flip: [bool; 2]) -> Self {
        let size = self.size();
        let Block { data, valid } = Block { data: self.data, valid: self.valid }.flipped(size, flip);
        Self { header: self.header.flipped(flip), data, valid }
    }
}

impl Block {
    /// The block of this width and height with its rows, its columns or both in reverse order.
    #[must_use]
    pub fn flipped(self, [w, h]: [usize; 2], [rows, columns]: [bool; 2]) -> Self {
        if !rows && !columns {
            return self;
        }
        let c = self.data.len() / (w * h);
        let end = |i: usize, n: usize, flip: bool| if flip { n - 1 - i } else { i };
        let from = |i: usize| end(i / w, h, rows) * w + end(i % w, w, columns);
        let data = (0..w * h).flat_map(|i| &self.data[from(i) * c..][..c]).copied().collect();
        let valid = self.valid.map(|v| (0..w * h).map(|i| v[from(i)]).collect());
        Self { data, valid }
    }
}

impl Deref for Raster {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}

impl DerefMut for Raster {
    fn deref_mut(&mut self) -> &mut Header {
        &mut self.header
    }
}

/// These of the `bands` values of each pixel, in this order.
pub fn select(data: &[f32], bands: usize, wanted: &[usize]) -> Vec<f32> {
    data.chunks_exact(bands).flat_map(|pixel| wanted.iter().map(|band| pixel[*band])).collect()
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// [`TiffError::Missing`] and [`TiffError::Unreadable`].
pub fn sha256(path: &Path) -> Result<String, TiffError> {
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
    let copied = open_file(path).and_then(|mut file| io::copy(&mut file, &mut hash));
    copied.map_err(|e| TiffError::reading(path, e))?;
    Ok(hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
