//! PAN and MS of one place: how they lie on each other, what they hold, the unit of their values.
//!
//! [`Geometry`] says how two images lie on each other, [`Scene`] and [`Pair`] are their common part
//! on disk and in memory, a [`Survey`] goes once over it. [`Scale`] maps values to the 0..1 the networks work in.

mod check;
mod error;
mod fill;
mod gaps;
mod geometry;
mod pair;
mod register;
mod scale;
mod spread;
mod survey;

use std::{ops::Range, path::Path};

pub use check::{Check, Seen};
pub use error::SceneError;
pub(crate) use gaps::{AROUND, fill_near};
pub use geometry::{
    Alignment, Extent, Geometry, GeometryError, GeometryOptions, MAX_BANDS, MAX_RATIO, MIN_RATIO, least_ms,
};
pub use pair::Pair;
pub(crate) use pair::fill;
pub use register::Registration;
pub use scale::{Scale, peak};
pub use survey::{Cells, Survey};

use crate::filter::Grid;
use crate::remedy::Note;
use crate::tiff::{Block, Header, Raster, Source, TiffError, Window};

/// PAN and MS of the same place, on disk or in memory.
pub struct Scene<'a> {
    pan: Image<'a>,
    ms: Image<'a>,
    /// Rows of MS on those of PAN.
    pub rows: Grid,
    /// Columns of MS on those of PAN; the ratio is the same.
    pub columns: Grid,
    /// What the user should know; the scene is usable all the same.
    pub warnings: Vec<Note>,
}

/// A part of a file or an image in memory.
enum Image<'a> {
    Memory(&'a Raster),
    File(Box<File>),
}

struct File {
    source: Source,
    /// Of the part.
    header: Header,
    part: Window,
    /// Whether rows and columns run backwards.
    flip: [bool; 2],
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

    /// The parts of two files that a geometry names.
    pub fn new(pan: Source, ms: Source, geometry: Geometry) -> Self {
        let Geometry { pan: pan_part, ms: ms_part, rows, columns, ms_flip, notes } = geometry;
        let mut pan_header = pan.header().part(pan_part);
        pan_header.take_crs(ms.header());
        let ms_header = ms.header().part(ms_part).flipped(ms_flip);
        let notes = [&notes, &pan_header.notes, &ms_header.notes].into_iter().flatten();
        let warnings = notes.map(|note| Note::from(note.as_str())).collect();
        let file = |source, header, part, flip| Image::File(Box::new(File { source, header, part, flip }));
        let (pan, ms) = (file(pan, pan_header, pan_part, [false; 2]), file(ms, ms_header, ms_part, ms_flip));
        Self { pan, ms, rows, columns, warnings }
    }

    /// Lets each of the files hold about this many bytes of decoded pixels: see [`Source::limit_memory`].
    pub fn limit_memory(&mut self, bytes: u64) {
        for image in [&mut self.pan, &mut self.ms] {
            if let Image::File(file) = image {
                file.source.limit_memory(bytes);
            }
        }
    }
}

impl<'a> Scene<'a> {
    /// A pair in memory.
    pub fn of(pair: &'a Pair) -> Self {
        let (pan, ms) = (Image::Memory(&pair.pan), Image::Memory(&pair.ms));
        Self { pan, ms, rows: pair.rows, columns: pair.columns, warnings: pair.warnings.clone() }
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
        self.pan.read(rows, columns)
    }

    /// Some rows and columns of MS.
    ///
    /// # Errors
    /// Those of [`Source::read`].
    pub fn read_ms(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        self.ms.read(rows, columns)
    }

    /// Row and column in the file of a pixel of PAN or, by `true`, of MS.
    pub(super) fn in_file(&self, of_ms: bool, [row, column]: [usize; 2]) -> [usize; 2] {
        match if of_ms { &self.ms } else { &self.pan } {
            Image::Memory(_) => [row, column],
            Image::File(file) => {
                let File { part, flip, .. } = &**file;
                let place = |i: usize, first: usize, len: usize, flip: bool| first + if flip { len - 1 - i } else { i };
                [place(row, part.y, part.height, flip[0]), place(column, part.x, part.width, flip[1])]
            }
        }
    }

    /// The whole scene in memory.
    ///
    /// # Errors
    /// Those of [`Source::read`] and [`Pair::new`].
    pub fn pair(&self) -> Result<Pair, SceneError> {
        let image = |image: &Image<'_>| {
            let header = image.header().clone();
            let Block { data, valid } = image.read(0..header.height, 0..header.width)?;
            Ok::<_, TiffError>(Raster { header, data, valid })
        };
        Pair::of_parts(image(&self.pan)?, image(&self.ms)?, self.rows, self.columns, self.warnings.clone())
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

impl Image<'_> {
    fn header(&self) -> &Header {
        match self {
            Self::Memory(raster) => &raster.header,
            Self::File(file) => &file.header,
        }
    }

    fn read(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let window = |rows: &Range<usize>, columns: &Range<usize>| Window {
            x: columns.start,
            y: rows.start,
            width: columns.len(),
            height: rows.len(),
        };
        match self {
            Self::Memory(raster) => Ok(raster.block(window(&rows, &columns))),
            Self::File(file) => {
                let File { source, part, flip, .. } = &**file;
                let place = |range: Range<usize>, first: usize, len: usize, flip: bool| match flip {
                    false => first + range.start..first + range.end,
                    true => first + len - range.end..first + len - range.start,
                };
                let rows = place(rows, part.y, part.height, flip[0]);
                let columns = place(columns, part.x, part.width, flip[1]);
                let window = window(&rows, &columns);
                let block = source.read(window)?;
                Ok(block.flipped([window.width, window.height], *flip))
            }
        }
    }
}
