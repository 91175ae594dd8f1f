//! A panchromatic and a multispectral image of the same place, checked to fit together.

use std::path::Path;

use super::{
    Raster,
    error::{RasterError, translate},
    read,
};

/// Most bands of a multispectral image.
pub const MAX_BANDS: usize = 16;
/// Ratios of PAN to MS pixels that are supported.
const RATIOS: [usize; 3] = [2, 4, 8];
/// Least side of the MS image. Training crops are half of it, and less texture than 8×8 teaches nothing.
const MIN_SIDE: usize = 16;
/// Least side of the MS image once degraded by the ratio: cubic interpolation reads four samples.
const MIN_DEGRADED: usize = 4;
/// Disagreement of pixel sizes with the ratio that is reported: one MS pixel of drift every 500.
const SCALE_TOLERANCE: f64 = 0.002;

/// PAN and MS of the same area, MS pixel (i, j) covering the block of `ratio`×`ratio` PAN pixels
/// from row `ratio·i`, column `ratio·j`.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The panchromatic image, one band.
    pub pan: Raster,
    /// The multispectral image, 1 to [`MAX_BANDS`] bands.
    pub ms: Raster,
    /// PAN pixels per MS pixel, along each axis: 2, 4 or 8.
    pub ratio: usize,
    /// `[H, W]` of PAN: false where PAN or any MS band is nodata; `None` if every pixel is valid.
    /// In the images themselves these values are replaced by the mean of the valid ones of their
    /// band, so that a fill value of −9999 or NaN enters no statistics and no training step.
    pub valid: Option<Vec<bool>>,
    /// What the user should know; the pair is usable all the same.
    pub warnings: Vec<String>,
}

impl Pair {
    /// Reads and matches two files.
    ///
    /// # Errors
    /// Those of [`read`](super::read) and [`Pair::new`].
    pub fn open(pan: &Path, ms: &Path) -> Result<Self, RasterError> {
        Self::new(read(pan)?, read(ms)?)
    }

    /// Matches two images.
    ///
    /// # Errors
    /// PAN of several bands, MS of more than [`MAX_BANDS`], images swapped, sizes without a common
    /// ratio, MS too small; constant bands, nothing but nodata.
    pub fn new(mut pan: Raster, mut ms: Raster) -> Result<Self, RasterError> {
        if pan.width < ms.width && pan.height < ms.height {
            let (pan_size, ms_size) = (pan.size(), ms.size());
            return Err(RasterError::Swapped { pan: pan.path.clone(), pan_size, ms: ms.path.clone(), ms_size });
        }
        if pan.bands != 1 {
            let fix = translate("-b 1", &pan.path);
            return Err(RasterError::PanBands { bands: pan.bands, path: pan.path.clone(), fix });
        }
        if ms.bands > MAX_BANDS {
            let fix = translate("-b 1 -b 2 -b 3 -b 4", &ms.path);
            return Err(RasterError::MsBands { bands: ms.bands, most: MAX_BANDS, path: ms.path.clone(), fix });
        }
        let ratio = ratio(&pan, &ms)?;
        let least = MIN_SIDE.max(MIN_DEGRADED * ratio);
        if ms.width.min(ms.height) < least {
            return Err(RasterError::TooSmall { size: ms.size(), path: ms.path.clone(), ratio, least });
        }
        let mut warnings = Vec::new();
        warnings.extend(georeference(&pan, &ms, ratio));
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
        let pan_valid = prepare(&mut pan, &mut warnings)?;
        let ms_valid = prepare(&mut ms, &mut warnings)?;
        let valid = (pan_valid.is_some() || ms_valid.is_some()).then(|| {
            (0..pan.width * pan.height)
                .map(|i| {
                    let of_ms = i / pan.width / ratio * ms.width + i % pan.width / ratio;
                    pan_valid.as_ref().is_none_or(|v| v[i]) && ms_valid.as_ref().is_none_or(|v| v[of_ms])
                })
                .collect::<Vec<_>>()
        });
        if valid.as_ref().is_some_and(|v| !v.contains(&true)) {
            return Err(all_nodata(if ms_valid.is_some() { &ms } else { &pan }));
        }
        Ok(Self { pan, ms, ratio, valid, warnings })
    }

    /// The nodata value of a fused image in the MS's data type: the MS's own, else PAN's if that
    /// type can hold it. Without either, where PAN alone has invalid pixels, there is none.
    pub fn nodata(&self) -> Option<f64> {
        [self.ms.nodata, self.pan.nodata].into_iter().flatten().find(|n| self.ms.sample.holds(*n))
    }
}

/// The common ratio of the sizes.
fn ratio(pan: &Raster, ms: &Raster) -> Result<usize, RasterError> {
    let ([pw, ph], [w, h]) = (pan.size(), ms.size());
    if let Some(ratio) = RATIOS.into_iter().find(|r| [pw, ph] == [r * w, r * h]) {
        return Ok(ratio);
    }
    // The nearest ratio, in the logarithm so that 2.8 is as far from 2 as from 4.
    let found = [pw as f64 / w as f64, ph as f64 / h as f64];
    let distance = |r: usize| found.map(|f| (f / r as f64).ln().abs()).into_iter().fold(0.0, f64::max);
    let nearest = RATIOS.into_iter().min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap_or(4);
    // The largest common area from the upper-left corner, where the footprints of products agree best.
    let (cw, ch) = (w.min(pw / nearest), h.min(ph / nearest));
    // A crop that would throw away more than a tenth hides another ratio.
    let fix = if distance(nearest) < 1.1f64.ln() && cw.min(ch) > 0 {
        let crop = |raster: &Raster, w: usize, h: usize| translate(&format!("-srcwin 0 0 {w} {h}"), &raster.path);
        let mut lines = Vec::new();
        if [cw, ch] != [w, h] {
            lines.push(crop(ms, cw, ch));
        }
        if [cw * nearest, ch * nearest] != [pw, ph] {
            lines.push(crop(pan, cw * nearest, ch * nearest));
        }
        format!("crop to the common area at ratio {nearest}: {}", lines.join(" && "))
    } else {
        let size = format!("-r cubic -outsize {} {}", pw.div_ceil(nearest), ph.div_ceil(nearest));
        format!("resample MS to ratio {nearest} if both show the same area: {}", translate(&size, &ms.path))
    };
    Err(RasterError::Ratio { pan_size: pan.size(), ms_size: ms.size(), fix })
}

/// Warnings about two georeferences that contradict the sizes.
fn georeference(pan: &Raster, ms: &Raster, ratio: usize) -> Vec<String> {
    let (Some(fine), Some(coarse)) = (pan.geo.affine(), ms.geo.affine()) else { return Vec::new() };
    let mut warnings = Vec::new();
    let (a, b) = (fine.pixel_size(), coarse.pixel_size());
    let scale: [f64; 2] = std::array::from_fn(|i| b[i] / a[i]);
    if scale.iter().any(|s| (s / ratio as f64 - 1.0).abs() > SCALE_TOLERANCE) {
        warnings.push(format!(
            "pixel sizes {:.6}x{:.6} of {} and {:.6}x{:.6} of {} have ratio {:.4} by {:.4}, the image sizes {ratio}: \
             the images drift apart; resample both to one grid with gdalwarp -te -tr",
            a[0],
            a[1],
            pan.path.display(),
            b[0],
            b[1],
            ms.path.display(),
            scale[0],
            scale[1]
        ));
    }
    // + 0.0: no −0.00 in the message.
    let [column, row] = coarse.find(fine.at(0.0, 0.0)).map(|v| v + 0.0);
    if column.abs().max(row.abs()) > 1.0 {
        warnings.push(format!(
            "the upper-left corner of {} lies at column {column:.2}, row {row:.2} of {}: the images do not cover the \
             same area; cut both to one with gdal_translate -projwin",
            pan.path.display(),
            ms.path.display()
        ));
    }
    warnings
}

/// Checks the values of an image and replaces nodata by the band's mean. Returns which pixels are
/// valid, `[H, W]`, if not all are.
fn prepare(raster: &mut Raster, warnings: &mut Vec<String>) -> Result<Option<Vec<bool>>, RasterError> {
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
        return Ok(None);
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
