//! What is known of an image without its pixels.

use std::path::PathBuf;

use super::{Affine, GeoTags, Item, Metadata, Sample, Window};

/// What is known of an image without its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Where it is read from, the first file of several; names it in errors.
    pub path: PathBuf,
    /// Further files: of bands that follow those of the first, of tiles beside it, or the parts that it lists.
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
    pub(crate) fn flipped(mut self, flip: [bool; 2]) -> Self {
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
