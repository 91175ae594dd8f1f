//! PAN and MS of one place: how they lie on each other, what they hold, the unit of their values.
//!
//! An [`Image`] gives its rows on demand. [`Geometry`] says how two of them lie on each other, a [`Scene`] is their common
//! part, a [`Survey`] goes once over it. [`Scale`] maps values to the 0..1 the networks work in.

mod check;
mod coarser;
mod error;
mod fill;
mod filled;
mod gaps;
mod geometry;
mod image;
mod register;
mod scale;
mod spread;
mod stored;
mod survey;

use std::{ops::Range, path::Path};

pub use check::{Check, ValueSummary};
pub use error::SceneError;
pub(crate) use gaps::{AROUND, fill, fill_near};
pub(crate) use geometry::least_ms;
pub use geometry::{Alignment, Extent, Geometry, GeometryError, GeometryOptions, MAX_BANDS, MAX_RATIO, MIN_RATIO};
pub use image::{Image, Part};
pub use register::{Registration, off_ms};
pub use scale::{Scale, peak};
pub use stored::StoredImage;
pub use survey::{Cells, Survey};

pub(crate) use coarser::shrunk;
use coarser::{Fusable, joint};
use filled::FilledImage;

use crate::filter::Grid;
use crate::remedy::Note;
use crate::tiff::{Block, Header, Source, TiffError};

/// PAN and MS of the same place: two images, on disk, in memory or computed, owned or borrowed.
pub struct Scene<'a> {
    pan: Box<dyn Image + 'a>,
    ms: Box<dyn Image + 'a>,
    /// Rows of MS on those of PAN.
    pub rows: Grid,
    /// Columns of MS on those of PAN; the ratio is the same.
    pub columns: Grid,
    /// How far PAN is taken to lie off MS, beside what the files say: see [`GeometryOptions::shift`].
    pub shift: [f64; 2],
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
        Self { warnings, ..Self::on_grids(pan, ms, [rows, columns]) }
    }

    /// Two images of one place, matched by what is known of them.
    ///
    /// # Errors
    /// Those of [`Geometry::of`].
    pub fn of(pan: impl Image + 'a, ms: impl Image + 'a, options: &GeometryOptions) -> Result<Self, SceneError> {
        let geometry = Geometry::of(pan.header(), ms.header(), options)?;
        Ok(Self { shift: options.shift, ..Self::new(pan, ms, geometry) })
    }

    /// Images whose rows and columns are known to lie on each other like this.
    pub fn on_grids(pan: impl Image + 'a, ms: impl Image + 'a, [rows, columns]: [Grid; 2]) -> Self {
        Self { pan: Box::new(pan), ms: Box::new(ms), rows, columns, shift: [0.0; 2], warnings: Vec::new() }
    }

    /// PAN and MS, each its common part.
    pub fn images(&self) -> [&(dyn Image + 'a); 2] {
        [&*self.pan, &*self.ms]
    }

    /// PAN as far as a result is valid there: invalid, too, are the pixels whose centres lie over no valid pixel of MS.
    pub fn fusable(&self) -> impl Image + '_ {
        Fusable(self)
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
    pub(crate) fn read_pan(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        self.pan.block(rows, columns)
    }

    /// Some rows and columns of MS.
    ///
    /// # Errors
    /// Those of [`Source::read`].
    pub(crate) fn read_ms(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        self.ms.block(rows, columns)
    }

    /// Row and column in the file of a pixel of PAN or, by `true`, of MS.
    pub fn in_file(&self, of_ms: bool, pixel: [usize; 2]) -> [usize; 2] {
        if of_ms { &self.ms } else { &self.pan }.in_file(pixel)
    }

    /// The scene with its gaps filled: invalid pixels hold what lies near, else the mean of their band, so that what
    /// stands for "no data" is not filtered with the rest. They stay invalid. What a survey has to say joins the
    /// warnings.
    ///
    /// # Errors
    /// Those of [`Survey::of`].
    pub fn filled(&self) -> Result<Scene<'_>, SceneError> {
        let Survey { means, warnings, .. } = Survey::of(self)?;
        let ms = FilledImage { image: &*self.ms, means: means[1..].to_vec() };
        let pan = FilledImage { image: &*self.pan, means: means[..1].to_vec() };
        let warnings = self.warnings.iter().cloned().chain(warnings).collect();
        Ok(Scene { warnings, ..Scene::on_grids(pan, ms, [self.rows, self.columns]) })
    }

    /// A copy that is fast to read again and again: in memory, or in temporary files where it is large.
    ///
    /// # Errors
    /// Those of [`StoredImage::of`].
    pub fn stored(&self) -> Result<Scene<'static>, TiffError> {
        let [pan, ms] = [StoredImage::of(&*self.pan)?, StoredImage::of(&*self.ms)?];
        Ok(Scene { warnings: self.warnings.clone(), ..Scene::on_grids(pan, ms, [self.rows, self.columns]) })
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
        valid([self.rows, self.columns], rows, pan, first, ms)
    }
}

/// [`Scene::valid`] by the grids alone.
pub(crate) fn valid(
    [on_rows, on_columns]: [Grid; 2],
    rows: Range<usize>,
    pan: Option<&[bool]>,
    first: usize,
    ms: Option<&[bool]>,
) -> Option<Vec<bool>> {
    let columns: Vec<_> = (0..on_columns.fine).map(|i| on_columns.over(i)).collect();
    let rows: Vec<_> = rows.map(|i| on_rows.over(i)).collect();
    joint([&rows, &columns], pan, ms.map(|valid| (valid, on_columns.coarse, [first, 0])))
}
