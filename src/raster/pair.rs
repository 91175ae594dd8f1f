//! A panchromatic and a multispectral image of the same place, checked to fit together.

use std::path::Path;

use super::{
    Geometry, GeometryOptions, Raster,
    error::{RasterError, translate},
    read,
};
use crate::filter::Grid;

/// Most bands of a multispectral image.
pub const MAX_BANDS: usize = 16;
/// Least side of the MS image. Training crops are half of it, and less texture than 8×8 teaches nothing.
const MIN_SIDE: usize = 16;
/// Least side of the MS image once degraded by the ratio: cubic interpolation reads four samples.
const MIN_DEGRADED: usize = 4;

/// The parts of PAN and MS to fuse, and how they lie on each other.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The panchromatic image, one band.
    pub pan: Raster,
    /// The multispectral image, 1 to [`MAX_BANDS`] bands, its rows and columns in PAN's order.
    pub ms: Raster,
    /// Rows of MS on those of PAN.
    pub rows: Grid,
    /// Columns of MS on those of PAN; the ratio is the same.
    pub columns: Grid,
    /// `[H, W]` of PAN: false where it is nodata; `None` if every pixel is valid. In the images
    /// themselves these values are replaced by the mean of the valid ones of their band, so that a
    /// fill value of −9999 or NaN enters no statistics and no training step.
    pub pan_valid: Option<Vec<bool>>,
    /// `[h, w]` of MS: false where any band is nodata.
    pub ms_valid: Option<Vec<bool>>,
    /// What the user should know; the pair is usable all the same.
    pub warnings: Vec<String>,
}

impl Pair {
    /// Reads and matches two files.
    ///
    /// # Errors
    /// Those of [`read`](super::read) and [`Pair::new`].
    pub fn open(pan: &Path, ms: &Path, options: &GeometryOptions) -> Result<Self, RasterError> {
        Self::new(read(pan)?, read(ms)?, options)
    }

    /// Matches two images.
    ///
    /// # Errors
    /// PAN of several bands, MS of more than [`MAX_BANDS`]; those of [`Geometry::of`]; a common area
    /// that is too small; NaN or infinite pixels, constant bands, nothing but nodata.
    pub fn new(pan: Raster, ms: Raster, options: &GeometryOptions) -> Result<Self, RasterError> {
        if pan.bands != 1 {
            let fix = translate("-b 1", &pan.path);
            return Err(RasterError::PanBands { bands: pan.bands, path: pan.path, fix });
        }
        if ms.bands > MAX_BANDS {
            let fix = translate("-b 1 -b 2 -b 3 -b 4", &ms.path);
            return Err(RasterError::MsBands { bands: ms.bands, most: MAX_BANDS, path: ms.path, fix });
        }
        let Geometry { pan: pan_part, ms: ms_part, rows, columns, ms_flip, notes } = Geometry::of(&pan, &ms, options)?;
        let ratio = rows.ratio;
        let least = MIN_SIDE.max(MIN_DEGRADED * ratio);
        if ms_part.width.min(ms_part.height) < least {
            let size = [ms_part.width, ms_part.height];
            return Err(RasterError::TooSmall { size, path: ms.path, ratio, least });
        }
        let mut warnings = notes;
        let (mut pan, mut ms) = (pan.part(pan_part), ms.part(ms_part).flipped(ms_flip));
        if let Some(band) = ms.alpha {
            warnings.push(format!(
                "{}: band {} is marked as alpha (transparency) and is fused like the others; to leave it out, choose \
                 the other bands with gdal_translate -b",
                ms.path.display(),
                band + 1
            ));
        }
        let pan_valid = prepare(&mut pan, &mut warnings)?;
        let ms_valid = prepare(&mut ms, &mut warnings)?;
        let pair = Self { pan, ms, rows, columns, pan_valid, ms_valid, warnings };
        if pair.valid().is_some_and(|v| !v.contains(&true)) {
            return Err(all_nodata(if pair.ms_valid.is_some() { &pair.ms } else { &pair.pan }));
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
        if covered && self.pan_valid.is_none() && self.ms_valid.is_none() {
            return None;
        }
        let at = |row: usize, column: usize| {
            let (Some(y), Some(x)) = (rows[row], columns[column]) else { return false };
            self.pan_valid.as_ref().is_none_or(|v| v[row * columns.len() + column])
                && self.ms_valid.as_ref().is_none_or(|v| v[y * self.columns.coarse + x])
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

/// Checks the values of an image and replaces nodata by the band's mean. Returns which pixels are
/// valid, `[H, W]`, if not all are.
fn prepare(raster: &mut Raster, warnings: &mut Vec<String>) -> Result<Option<Vec<bool>>, RasterError> {
    let bands = raster.bands;
    let bad = |v: f32| !v.is_finite() && !raster.is_nodata(v);
    if let Some(first) = raster.data.iter().position(|v| bad(*v)) {
        let count = raster.data.iter().filter(|v| bad(**v)).count();
        let (pixel, band) = (first / bands, first % bands + 1);
        let (row, column) = (pixel / raster.width + 1, pixel % raster.width + 1);
        let value = if raster.data[first].is_nan() { "nan" } else { "inf" };
        let fix = translate(&format!("-a_nodata {value}"), &raster.path);
        return Err(RasterError::NotFinite { path: raster.path.clone(), count, band, row, column, fix });
    }
    let valid: Vec<bool> = raster.data.chunks_exact(bands).map(|p| !p.iter().any(|v| raster.is_nodata(*v))).collect();
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
        return Ok(None);
    }
    warnings.push(format!(
        "{}: {invalid} of {} pixels are nodata ({}) and stay nodata in the result",
        raster.path.display(),
        valid.len(),
        raster.nodata.unwrap_or_default()
    ));
    let mut mean = vec![0.0f64; bands];
    for (pixel, _) in raster.data.chunks_exact(bands).zip(&valid).filter(|(_, v)| **v) {
        mean.iter_mut().zip(pixel).for_each(|(m, v)| *m += f64::from(*v));
    }
    let count = (valid.len() - invalid) as f64;
    for (pixel, _) in raster.data.chunks_exact_mut(bands).zip(&valid).filter(|(_, v)| !**v) {
        pixel.iter_mut().zip(&mean).for_each(|(v, m)| *v = (m / count) as f32);
    }
    Ok(Some(valid))
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
