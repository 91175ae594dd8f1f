//! Whether a fused image, degraded again, gives back what it was made from.

use rayon::prelude::*;
use serde::Serialize;

use super::block::BLOCK;
use super::regression::Gram;
use super::rows::strips;
use super::spectral::{PixelErrors, spectral};
use super::{PerPixel, Planar, QualityError, ResampledImage, Setup};
use crate::filter::degrade;

/// The fused image, degraded by the sensor's MTF to the MS grid, against MS.
///
/// Blur and decimation are those of training, at the true phase of the pair and with kernels of sum
/// 1: what an MS pixel has measured. The toolbox's half a pixel is in `d_lambda` already.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ConsistencyScores {
    /// Q2n, 1 is best.
    pub q2n: f64,
    /// Mean spectral angle in degrees.
    pub sam: f64,
    /// Relative error over all bands.
    pub ergas: f64,
}

/// How far spectral and spatial degradation are from commuting on a fused image: the root mean square
/// of `g(MD(fused)) − MD_PAN(g(fused))` (method, section 10).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Commutation {
    /// In the images' unit.
    pub rms: f64,
    /// Relative to the standard deviation of degraded PAN.
    pub relative: f64,
}

impl Setup {
    /// MTF blur and decimation with these gains.
    fn degradation<'a>(&self, source: &'a dyn Planar, gains: &[f64]) -> ResampledImage<'a> {
        ResampledImage { source, operators: gains.iter().map(|gain| degrade(*gain, self.rows, self.columns)).collect() }
    }
}

/// Degrades the fused image again and compares it with MS.
///
/// # Errors
/// As [`full`](super::full()); MS sides below 32.
pub fn consistency(ms: &dyn Planar, fused: &dyn Planar, setup: &Setup) -> Result<ConsistencyScores, QualityError> {
    consistency_maps(ms, fused, setup, &mut |_| Ok(()))
}

/// As [`consistency`], giving the errors of all pixels of MS as well, strip by strip from the top.
///
/// # Errors
/// Those of [`consistency`] and of `observe`.
pub fn consistency_maps(
    ms: &dyn Planar,
    fused: &dyn Planar,
    setup: &Setup,
    observe: &mut dyn FnMut(PixelErrors) -> Result<(), QualityError>,
) -> Result<ConsistencyScores, QualityError> {
    let degraded = setup.degradation(fused, &setup.ms_gains);
    let errors = spectral(["the degraded fused image", "MS"], &degraded, ms, observe)?;
    Ok(ConsistencyScores { q2n: errors.q2n, sam: errors.sam, ergas: errors.ergas(setup.rows.ratio) })
}

/// How PAN responds to the bands, where no trained network is at hand: the coefficients of least
/// squares of degraded PAN on MS, one per band and a constant, per pixel.
///
/// # Errors
/// Those of reading.
pub fn linear_response(pan: &dyn Planar, ms: &dyn Planar, setup: &Setup) -> Result<Vec<f64>, QualityError> {
    let degraded = setup.degradation(pan, &[setup.pan_gain]);
    let mut gram = Gram::new(ms.size()[2], true);
    for (rows, _) in strips(&[ms, &degraded], 1) {
        gram.add(&ms.read(rows.clone())?, &degraded.read(rows.clone())?, rows);
    }
    Ok(gram.solve())
}

/// The commutation figure for a per-pixel response `g` from `[C]` bands to PAN, in the images' unit:
/// the trained degradation network, or [`linear_response`].
///
/// # Errors
/// Those of reading; [`QualityError::NothingValid`] if nodata reaches every pixel.
pub fn commutation(
    pan: &dyn Planar,
    fused: &dyn Planar,
    setup: &Setup,
    g: &(dyn Fn(&[f64]) -> f64 + Sync),
) -> Result<Commutation, QualityError> {
    let bands = setup.degradation(fused, &setup.ms_gains);
    let first = PerPixel { source: &bands, value: g };
    let response = PerPixel { source: fused, value: g };
    let second = setup.degradation(&response, &[setup.pan_gain]);
    let wanted = setup.degradation(pan, &[setup.pan_gain]);
    let size = wanted.size();
    let (mut squares, mut differences) = (Squares::default(), Squares::default());
    for (rows, _) in strips(&[&first, &second, &wanted], 1) {
        let (first, second) = (first.read(rows.clone())?, second.read(rows.clone())?);
        let wanted = wanted.read(rows.clone())?;
        let of_row = |y: usize| {
            let difference = first.row(0, y).iter().zip(second.row(0, y)).map(|(a, b)| a - b);
            (Squares::of(wanted.row(0, y).iter().copied()), Squares::of(difference))
        };
        for (row, difference) in rows.into_par_iter().map(of_row).collect::<Vec<_>>() {
            squares.add(row);
            differences.add(difference);
        }
    }
    if differences.count == 0 || squares.count == 0 {
        let blocks = size[0].div_ceil(BLOCK) * size[1].div_ceil(BLOCK);
        return Err(QualityError::NothingValid { blocks, side: BLOCK });
    }
    let rms = (differences.squares / differences.count as f64).sqrt();
    let mean = squares.sum / squares.count as f64;
    let deviation = (squares.squares / squares.count as f64 - mean * mean).max(0.0).sqrt();
    Ok(Commutation { rms, relative: if deviation == 0.0 { 0.0 } else { rms / deviation } })
}

/// Sums over valid values.
#[derive(Clone, Copy, Default)]
struct Squares {
    sum: f64,
    squares: f64,
    count: usize,
}

impl Squares {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        values.filter(|v| v.is_finite()).fold(Self::default(), |s, v| Self {
            sum: s.sum + v,
            squares: s.squares + v * v,
            count: s.count + 1,
        })
    }

    fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.squares += other.squares;
        self.count += other.count;
    }
}
