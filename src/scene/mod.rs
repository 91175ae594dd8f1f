//! PAN and MS of one place: how they lie on each other, what they hold, the unit of their values.
//!
//! An [`Image`] gives its rows on demand. [`Geometry`] says how two of them lie on each other, [`Scene`] and [`Pair`] are
//! their common part on demand and in memory, a [`Survey`] goes once over it. [`Scale`] maps values to the 0..1 the networks work in.

mod check;
mod error;
mod fill;
mod gaps;
mod geometry;
mod image;
mod pair;
mod register;
mod scale;
mod spread;
mod survey;

use std::{ops::Range, path::Path};

pub use check::{Check, Seen};
pub use error::SceneError;
pub(crate) use gaps::{AROUND, fill_near};
pub(crate) use geometry::least_ms;
pub use geometry::{Alignment, Extent, Geometry, GeometryError, GeometryOptions, MAX_BANDS, MAX_RATIO, MIN_RATIO};
pub use image::{Image, Part};
pub use pair::Pair;
pub(crate) use pair::fill;
pub use register::Registration;
pub use scale::{Scale, peak};
pub use survey::{Cells, Survey};

use crate::filter::Grid;
use crate::remedy::Note;
use crate::tiff::{Block, Header, Raster, Source, TiffError};

/// PAN and MS of the same place, on disk or in memory.
pub struct Scene<'a> {
    pan: Box<dyn Image + 'a>,
    ms: Box<dyn Image + 'a>,
    /// Rows of MS on those of PAN.
    pub rows: Grid,
    /// Columns of MS on those of PAN; the ratio is the same.
    pub columns: Grid,
    /// What the user should know; the scene is usable all the same.
    pub warnings: Vec<Note>,
}

impl Scene<'static> {
    /// Opens and matches files; several MS files have one band each, or some. Of the pixels nothing
    /// is read yet.
    ///
    /// # Errors
    /// Those of [`Source::open`] and [`Geometry::of`].
    pub fn open<P: AsRef<Path>>(pan: &Path, ms: &[P], options: &GeometryOptions) -> Result<Self, SceneError> {
        let (pan, ms) = (Source::open(&[pan])?, Source::open(ms)?);
        let geometry = Geometry::of(pan.header(), ms.header(), options)?;
        Ok(Self::new(pan, ms, geometry))
    }
}

impl<'a> Scene<'a> {
    /// The parts of two images that a geometry names.
    pub fn new(pan: impl Image + 'a, ms: impl Image + 'a, geometry: Geometry) -> Self {
        let Geometry { pan: pan_part, ms: ms_part, rows, columns, ms_flip, notes } = geometry;
        let pan = Part::new(pan, pan_part, [false; 2]).described(|header| header.take_crs(ms.header()));
        let ms = Part::new(ms, ms_part, ms_flip);
        let notes = [&notes, &pan.header().notes, &ms.header().notes].into_iter().flatten();
        let warnings = notes.map(|note| Note::from(note.as_str())).collect();
        Self { pan: Box::new(pan), ms: Box::new(ms), rows, columns, warnings }
    }

    /// A pair in memory.
    pub fn of(pair: &'a Pair) -> Self {
        let (rows, columns, warnings) = (pair.rows, pair.columns, pair.warnings.clone());
        Self { pan: Box::new(&pair.pan), ms: Box::new(&pair.ms), rows, columns, warnings }
    }

    /// Lets each of the images hold about this many bytes of decoded pixels: see [`Source::limit_memory`].
    pub fn limit_memory(&mut self, bytes: u64) {
        [&mut self.pan, &mut self.ms].into_iter().for_each(|image| image.limit(bytes));
    }

    /// PAN, its common part.
    pub fn pan(&self) -> &Header {
        self.pan.header()
    }

    /// MS, its common part, rows and columns in PAN's order.
    pub fn ms(&self) -> &Header {
        self.ms.header()
    }

    /// PAN pixels per MS pixel, along each axis.
    pub fn ratio(&self) -> usize {
        self.rows.ratio
    }

    /// Some rows and columns of PAN.
    ///
    /// # Errors
    /// Those of [`Source::read`].
    pub fn read_pan(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        self.pan.block(rows, columns)
    }

    /// Some rows and columns of MS.
    ///
    /// # Errors
    /// Those of [`Source::read`].
    pub fn read_ms(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        self.ms.block(rows, columns)
    }

    /// Row and column in the file of a pixel of PAN or, by `true`, of MS.
    pub(super) fn in_file(&self, of_ms: bool, pixel: [usize; 2]) -> [usize; 2] {
        if of_ms { &self.ms } else { &self.pan }.in_file(pixel)
    }

    /// The whole scene in memory.
    ///
    /// # Errors
    /// Those of [`Source::read`] and [`Pair::new`].
    pub fn pair(&self) -> Result<Pair, SceneError> {
        let image = |image: &dyn Image| {
            let header = image.header().clone();
            let Block { data, valid } = image.block(0..header.height, 0..header.width)?;
            Ok::<_, TiffError>(Raster { header, data, valid })
        };
        Pair::of_parts(image(&*self.pan)?, image(&*self.ms)?, self.rows, self.columns, self.warnings.clone())
    }

    /// Where the result of some rows of PAN is valid, `[rows, W]`: PAN is, and the MS pixel under its
    /// centre. `ms` are the rows of MS from `first` on that lie under them. `None`: everywhere.
    pub fn valid(
        &self,
        rows: Range<usize>,
        pan: Option<&[bool]>,
        first: usize,
        ms: Option<&[bool]>,
    ) -> Option<Vec<bool>> {
        let over: Vec<_> = (0..self.columns.fine).map(|i| self.columns.over(i)).collect();
        let covered = rows.clone().all(|i| self.rows.over(i).is_some()) && over.iter().all(Option::is_some);
        if covered && pan.is_none() && ms.is_none() {
            return None;
        }
        let at = |row: usize, column: usize| {
            let (Some(y), Some(x)) = (self.rows.over(row), over[column]) else { return false };
            pan.is_none_or(|v| v[(row - rows.start) * over.len() + column])
                && ms.is_none_or(|v| v[(y - first) * self.columns.coarse + x])
        };
        let columns = over.len();
        Some(
            rows.clone().flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| at(r, c)).collect(),
        )
    }
}
