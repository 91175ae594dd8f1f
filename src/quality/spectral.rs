//! Errors against a reference, per pixel, band and block.

use std::ops::Range;

use rayon::prelude::*;

use super::block::{BLOCK, Deviation, Hypercomplex};
use super::full::{large_enough, same_shape};
use super::rows::strips;
use super::unit::{RmsLevel, same_unit};
use super::{Planar, Planes, QualityError};

/// How far an image is from its reference.
#[derive(Clone, Debug)]
pub(super) struct Spectral {
    /// Root mean square of the image over that of the reference.
    pub level: f64,
    pub q2n: f64,
    pub sam: f64,
    /// Mean squared error of each band.
    pub mse: Vec<f64>,
    /// Mean of each band of the reference.
    pub mean: Vec<f64>,
    /// Pixels valid in both images, and all.
    pub pixels: [usize; 2],
    /// Blocks counted, and all.
    pub blocks: [usize; 2],
    /// Q2n of each block, NaN where it contains an invalid pixel.
    pub(crate) q2n_map: Vec<f32>,
}

impl Spectral {
    /// `100 / ratio · √mean(MSE / mean²)`; infinite if a band that is 0 in the mean has errors.
    pub(super) fn ergas(&self, ratio: usize) -> f64 {
        let relative = |(mse, mean): (&f64, &f64)| if *mse == 0.0 { 0.0 } else { mse / (mean * mean) };
        let sum: f64 = self.mse.iter().zip(&self.mean).map(relative).sum();
        100.0 / ratio as f64 * (sum / self.mse.len() as f64).sqrt()
    }
}

/// Errors of some rows, pixel by pixel; NaN where a pixel is invalid.
pub struct PixelErrors {
    /// Which rows.
    pub rows: Range<usize>,
    /// Spectral angle in degrees, `[rows, W]`; 0 where either spectrum is 0.
    pub sam: Vec<f32>,
    /// Root mean square difference over the bands, `[rows, W]`.
    pub error: Vec<f32>,
}

/// Sums over one row.
#[derive(Default)]
struct RowSums {
    angles: f64,
    angled: usize,
    pixels: usize,
    squares: Vec<f64>,
    values: Vec<f64>,
}

/// Compares two images `[H, W, C]` of one place and unit.
pub(super) fn spectral(
    names: [&'static str; 2],
    image: &dyn Planar,
    reference: &dyn Planar,
    observe: &mut dyn FnMut(PixelErrors) -> Result<(), QualityError>,
) -> Result<Spectral, QualityError> {
    let size @ [height, width, bands] = reference.size();
    same_shape(names[0], image, size)?;
    large_enough(names[1], size)?;
    let algebra = Hypercomplex::new(bands);
    let mut total = RowSums { squares: vec![0.0; bands], values: vec![0.0; bands], ..RowSums::default() };
    let (mut q2n_map, mut levels) = (Vec::new(), [RmsLevel::default(); 2]);
    for (rows, read) in strips(&[image, reference], BLOCK) {
        let (image, reference) = (image.read(read.clone())?, reference.read(read)?);
        levels[0].add(&image, rows.clone());
        levels[1].add(&reference, rows.clone());
        let lines: Vec<_> = rows.clone().into_par_iter().map(|y| row(&image, &reference, y)).collect();
        let mut pixels = PixelErrors { rows: rows.clone(), sam: Vec::new(), error: Vec::new() };
        for (sums, sam, error) in lines {
            total.angles += sums.angles;
            total.angled += sums.angled;
            total.pixels += sums.pixels;
            total.squares.iter_mut().zip(sums.squares).for_each(|(total, v)| *total += v);
            total.values.iter_mut().zip(sums.values).for_each(|(total, v)| *total += v);
            pixels.sam.extend(sam);
            pixels.error.extend(error);
        }
        observe(pixels)?;
        let corners: Vec<[usize; 2]> =
            rows.step_by(BLOCK).flat_map(|y| (0..width).step_by(BLOCK).map(move |x| [y, x])).collect();
        let q2n = |at: &[usize; 2]| {
            let all =
                |image: &Planes| (0..bands).map(|b| Deviation::of(image, b, *at, height)).collect::<Option<Vec<_>>>();
            Some(algebra.q2n(&all(&reference)?, &all(&image)?))
        };
        q2n_map.extend(corners.par_iter().map(q2n).collect::<Vec<_>>());
    }
    let level = same_unit(levels, names)?;
    let valid: Vec<f64> = q2n_map.iter().flatten().copied().collect();
    if valid.is_empty() {
        return Err(QualityError::NothingValid { blocks: q2n_map.len(), side: BLOCK });
    }
    let per_pixel = |sums: &[f64]| sums.iter().map(|sum| sum / total.pixels as f64).collect();
    Ok(Spectral {
        level,
        q2n: valid.iter().sum::<f64>() / valid.len() as f64,
        sam: total.angles / total.angled.max(1) as f64,
        mse: per_pixel(&total.squares),
        mean: per_pixel(&total.values),
        pixels: [total.pixels, height * width],
        blocks: [valid.len(), q2n_map.len()],
        q2n_map: q2n_map.iter().map(|q| q.map_or(f32::NAN, |q| q as f32)).collect(),
    })
}

/// Sums of one row, and angle and error of its pixels.
fn row(image: &Planes, reference: &Planes, y: usize) -> (RowSums, Vec<f32>, Vec<f32>) {
    let (width, bands) = (image.width, image.bands());
    let mut sums = RowSums { squares: vec![0.0; bands], values: vec![0.0; bands], ..RowSums::default() };
    let (mut dot, mut norms, mut squares) = (vec![0.0; width], [vec![0.0; width], vec![0.0; width]], vec![0.0; width]);
    for band in 0..bands {
        for (x, (a, b)) in image.row(band, y).iter().zip(reference.row(band, y)).enumerate() {
            dot[x] += a * b;
            norms[0][x] += a * a;
            norms[1][x] += b * b;
            squares[x] += (a - b) * (a - b);
        }
    }
    let (mut angles, mut errors) = (vec![f32::NAN; width], vec![f32::NAN; width]);
    for x in (0..width).filter(|x| squares[*x].is_finite()) {
        sums.pixels += 1;
        errors[x] = (squares[x] / bands as f64).sqrt() as f32;
        for band in 0..bands {
            let (a, b) = (image.row(band, y)[x], reference.row(band, y)[x]);
            sums.squares[band] += (a - b) * (a - b);
            sums.values[band] += b;
        }
        let norm = (norms[0][x] * norms[1][x]).sqrt();
        angles[x] = 0.0;
        if norm > 0.0 {
            let angle = (dot[x] / norm).clamp(-1.0, 1.0).acos().to_degrees();
            sums.angles += angle;
            sums.angled += 1;
            angles[x] = angle as f32;
        }
    }
    (sums, angles, errors)
}
