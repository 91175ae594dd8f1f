//! A panchromatic and a multispectral image of the same place, checked to fit together.

use std::path::Path;

use super::{Geometry, GeometryOptions, Scene, SceneError, Survey, fill_near};
use crate::filter::{self, Grid, Terms};
use crate::remedy::Note;
use crate::tiff::{Header, Raster};

/// The parts of PAN and MS to fuse, and how they lie on each other.
///
/// In the images invalid values are replaced by what lies near, else by the mean of the valid ones of their band, so
/// that a fill value of −9999 enters no statistics, no filter beside it and no training step.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The panchromatic image, one band.
    pub pan: Raster,
    /// The multispectral image, 1 to [`MAX_BANDS`](super::MAX_BANDS) bands, its rows and columns in PAN's order.
    pub ms: Raster,
    /// Rows of MS on those of PAN.
    pub rows: Grid,
    /// Columns of MS on those of PAN; the ratio is the same.
    pub columns: Grid,
    /// What the user should know; the pair is usable all the same.
    pub warnings: Vec<Note>,
}

impl Pair {
    /// Opens and matches files and reads their common part; several MS files have one band each, or some.
    ///
    /// # Errors
    /// Those of [`Scene::open`], [`Source::read`](crate::tiff::Source::read) and [`Pair::new`].
    pub fn open<P: AsRef<Path>>(pan: &Path, ms: &[P], options: &GeometryOptions) -> Result<Self, SceneError> {
        Scene::open(pan, ms, options)?.pair()
    }

    /// Matches two images in memory.
    ///
    /// # Errors
    /// Those of [`Geometry::of`]; constant bands, nothing but nodata.
    pub fn new(mut pan: Raster, ms: Raster, options: &GeometryOptions) -> Result<Self, SceneError> {
        let geometry = Geometry::of(&pan, &ms, options)?;
        pan.take_crs(&ms);
        let notes = [&geometry.notes, &pan.notes, &ms.notes].into_iter().flatten();
        let warnings = notes.map(|note| Note::from(note.as_str())).collect();
        let (pan, ms) = (pan.part(geometry.pan), ms.part(geometry.ms).flipped(geometry.ms_flip));
        Self::of_parts(pan, ms, geometry.rows, geometry.columns, warnings)
    }

    /// The pair degraded by its own ratio, in DN, so that fusing it should give back MS: PAN through its MTF onto
    /// the grid of MS, MS through its own onto the next grid of the same ratio and phase. A pixel made of invalid ones
    /// is invalid.
    #[must_use]
    pub fn coarser(&self, ms_gains: &[f64], pan_gain: f64) -> Self {
        let (rows, columns) = (self.rows, self.columns);
        let [small_rows, small_columns] = [rows, columns].map(|grid| grid.coarser());
        let degrade = |gains: &[f64], rows, columns| -> Vec<Terms> {
            gains.iter().map(|gain| filter::degrade(*gain, rows, columns)).collect()
        };
        let pan_valid = self.valid().map(|v| filter::covered(&v, rows, columns));
        let ms_valid = pan_valid.as_ref().map(|v| filter::covered(v, small_rows, small_columns));
        let pan = filter::apply(&self.pan.data, columns.fine, &degrade(&[pan_gain], rows, columns));
        let ms = filter::apply(&self.ms.data, columns.coarse, &degrade(ms_gains, small_rows, small_columns));
        let image = |like: &Raster, data, [height, width]: [usize; 2], valid| Raster {
            header: Header { width, height, ..like.header.clone() },
            data,
            valid,
        };
        Self {
            pan: image(&self.pan, pan, [rows.coarse, columns.coarse], pan_valid),
            ms: image(&self.ms, ms, [small_rows.coarse, small_columns.coarse], ms_valid),
            rows: small_rows,
            columns: small_columns,
            warnings: Vec::new(),
        }
    }

    /// The common parts of two images, with what is to be said about them.
    pub(super) fn of_parts(
        pan: Raster,
        ms: Raster,
        rows: Grid,
        columns: Grid,
        warnings: Vec<Note>,
    ) -> Result<Self, SceneError> {
        let mut pair = Self { pan, ms, rows, columns, warnings };
        let survey = Survey::of(&Scene::of(&pair))?;
        for (image, means) in [(&mut pair.pan, &survey.means[..1]), (&mut pair.ms, &survey.means[1..])] {
            if let Some(valid) = &image.valid {
                fill_near(&mut image.data, valid, image.header.width, means);
            }
        }
        pair.warnings.extend(survey.warnings);
        for image in [&mut pair.pan, &mut pair.ms] {
            image.valid.take_if(|valid| !valid.contains(&false));
        }
        Ok(pair)
    }

    /// PAN pixels per MS pixel, along each axis.
    pub fn ratio(&self) -> usize {
        self.rows.ratio
    }

    /// `[H, W]` of PAN: false where PAN or the MS pixel under its centre is nodata, or there is no
    /// MS; `None` if every pixel is valid.
    pub fn valid(&self) -> Option<Vec<bool>> {
        Scene::of(self).valid(0..self.rows.fine, self.pan.valid.as_deref(), 0, self.ms.valid.as_deref())
    }
}

/// Replaces invalid pixels of `[n, C]` values by the means of the bands.
pub(crate) fn fill(data: &mut [f32], valid: Option<&[bool]>, means: &[f32]) {
    let Some(valid) = valid else { return };
    data.chunks_exact_mut(means.len())
        .zip(valid)
        .filter(|(_, v)| !**v)
        .for_each(|(pixel, _)| pixel.copy_from_slice(means));
}
