//! A panchromatic and a multispectral image of the same place, checked to fit together.

use std::path::Path;

use super::{
    Block, Geometry, GeometryOptions, Raster, Source, Window,
    error::{RasterError, translate},
};
use crate::filter::Grid;

/// The parts of PAN and MS to fuse, and how they lie on each other.
///
/// In the images invalid values are replaced by the mean of the valid ones of their band, so that a
/// fill value of −9999 enters no statistics and no training step.
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
    pub warnings: Vec<String>,
}

impl Pair {
    /// Opens and matches files and reads their common part; several MS files have one band each, or some.
    ///
    /// # Errors
    /// Those of [`Source::open`], [`Geometry::of`] and [`Pair::read`].
    pub fn open<P: AsRef<Path>>(pan: &Path, ms: &[P], options: &GeometryOptions) -> Result<Self, RasterError> {
        let (pan, ms) = (Source::open(&[pan])?, Source::open(ms)?);
        Self::read(&pan, &ms, Geometry::of(pan.header(), ms.header(), options)?)
    }

    /// Reads the parts that a geometry names.
    ///
    /// # Errors
    /// Those of [`Source::read`]; constant bands, nothing but nodata.
    pub fn read(pan: &Source, ms: &Source, geometry: Geometry) -> Result<Self, RasterError> {
        let part = |source: &Source, window: Window| {
            let Block { data, valid } = source.read(window)?;
            Ok::<_, RasterError>(Raster { header: source.header().part(window), data, valid })
        };
        let (pan, ms) = (part(pan, geometry.pan)?, part(ms, geometry.ms)?);
        Self::of_parts(pan, ms, geometry)
    }

    /// Matches two images in memory.
    ///
    /// # Errors
    /// Those of [`Geometry::of`]; constant bands, nothing but nodata.
    pub fn new(pan: Raster, ms: Raster, options: &GeometryOptions) -> Result<Self, RasterError> {
        let geometry = Geometry::of(&pan, &ms, options)?;
        Self::of_parts(pan.part(geometry.pan), ms.part(geometry.ms), geometry)
    }

    fn of_parts(mut pan: Raster, ms: Raster, geometry: Geometry) -> Result<Self, RasterError> {
        let Geometry { rows, columns, ms_flip, notes: mut warnings, .. } = geometry;
        let mut ms = ms.flipped(ms_flip);
        for image in [&pan, &ms] {
            warnings.extend(image.alpha.map(|band| {
                format!(
                    "{}: band {} is marked as alpha (transparency) and taken as a mask; if it has values, correct \
                     the file: {}",
                    image.path.display(),
                    band + 1,
                    translate(&format!("-colorinterp_{} undefined", band + 1), &image.path)
                )
            }));
        }
        prepare(&mut pan, &mut warnings)?;
        prepare(&mut ms, &mut warnings)?;
        let pair = Self { pan, ms, rows, columns, warnings };
        if pair.valid().is_some_and(|v| !v.contains(&true)) {
            return Err(all_nodata(if pair.ms.valid.is_some() { &pair.ms } else { &pair.pan }));
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
        let over = |grid: &Grid| (0..grid.fine).map(|i| grid.over(i)).collect::<Vec<_>>();
        let (rows, columns) = (over(&self.rows), over(&self.columns));
        let covered = rows.iter().chain(&columns).all(Option::is_some);
        if covered && self.pan.valid.is_none() && self.ms.valid.is_none() {
            return None;
        }
        let at = |row: usize, column: usize| {
            let (Some(y), Some(x)) = (rows[row], columns[column]) else { return false };
            self.pan.valid.as_ref().is_none_or(|v| v[row * columns.len() + column])
                && self.ms.valid.as_ref().is_none_or(|v| v[y * self.columns.coarse + x])
        };
        Some(
            (0..rows.len())
                .flat_map(|row| (0..columns.len()).map(move |column| (row, column)))
                .map(|(r, c)| at(r, c))
                .collect(),
        )
    }

    /// The nodata value of a fused image in the MS's data type: the MS's own, else PAN's if that
    /// type can hold it. Without either, where PAN alone has invalid pixels, there is none.
    pub fn nodata(&self) -> Option<f64> {
        [self.ms.nodata, self.pan.nodata].into_iter().flatten().find(|n| self.ms.sample.holds(*n))
    }
}

/// Checks the values of an image and replaces invalid ones by the band's mean.
fn prepare(raster: &mut Raster, warnings: &mut Vec<String>) -> Result<(), RasterError> {
    let bands = raster.bands;
    let valid = raster.valid.clone().unwrap_or_else(|| vec![true; raster.width * raster.height]);
    let invalid = valid.iter().filter(|v| !**v).count();
    if invalid == valid.len() {
        return Err(all_nodata(raster));
    }
    for band in 0..bands {
        let mut values = raster.data.iter().skip(band).step_by(bands).zip(&valid).filter(|(_, v)| **v).map(|(x, _)| *x);
        let first = values.next().unwrap_or_default();
        if values.all(|v| v == first) {
            return Err(constant(raster, band, first));
        }
    }
    if invalid == 0 {
        raster.valid = None;
        return Ok(());
    }
    warnings.push(format!(
        "{}: {invalid} of {} pixels are nodata and stay nodata in the result",
        raster.path.display(),
        valid.len(),
    ));
    let mut mean = vec![0.0f64; bands];
    for (pixel, _) in raster.data.chunks_exact(bands).zip(&valid).filter(|(_, v)| **v) {
        mean.iter_mut().zip(pixel).for_each(|(m, v)| *m += f64::from(*v));
    }
    let count = (valid.len() - invalid) as f64;
    for (pixel, _) in raster.data.chunks_exact_mut(bands).zip(&valid).filter(|(_, v)| !**v) {
        pixel.iter_mut().zip(&mean).for_each(|(v, m)| *v = (m / count) as f32);
    }
    Ok(())
}

fn constant(raster: &Raster, band: usize, value: f32) -> RasterError {
    let others: Vec<_> = (0..raster.bands).filter(|b| *b != band).map(|b| format!("-b {}", b + 1)).collect();
    let fix = match others.len() {
        0 => "choose another image or area".to_owned(),
        _ => format!("leave it out: {}", translate(&others.join(" "), &raster.path)),
    };
    RasterError::Constant { path: raster.path.clone(), band: band + 1, value, fix }
}

fn all_nodata(raster: &Raster) -> RasterError {
    let fix = translate("-a_nodata none", &raster.path);
    RasterError::NoData { path: raster.path.clone(), nodata: raster.nodata.unwrap_or_default(), fix }
}
