//! Spectra at a few places: what fusing does to the colours of a pixel.

use serde::Serialize;

use super::colours::Colours;
use super::view::Images;

/// Places to sample.
const PLACES: usize = 6;
/// Candidates looked at, about: large scenes are thinned out.
const CANDIDATES: usize = 20_000;
/// Distance to the neighbours a candidate is compared with, px: about an MS pixel.
const REACH: usize = 4;
/// Places are so many parts of the longer side apart, so that their marks do not hide each other.
const APART: usize = 12;
/// Pixels at the border that are not sampled: upsampling extrapolates there.
const MARGIN: usize = 8;

/// Spectra of one place.
#[derive(Clone, Debug, Serialize)]
pub struct Spectrum {
    /// Column of the PAN pixel, from 0.
    pub column: usize,
    /// Row of the PAN pixel, from 0.
    pub row: usize,
    /// PAN, DN.
    pub pan: f32,
    /// Upsampled MS, DN per band.
    pub upsampled: Vec<f32>,
    /// Fused image, DN per band.
    pub fused: Vec<f32>,
}

/// Spectra of places as different as the pair has them: in the smoother half of the upsampled image (an edge has no
/// spectrum of its own) the one nearest to the mean spectrum, then always the one farthest from all before.
pub(super) fn sample(images: &Images, colours: &Colours) -> Vec<Spectrum> {
    let (width, height, bands) = (images.width, images.height, images.bands);
    let value = |at: usize, band: usize| {
        let [low, high] = colours.ms[band];
        ((images.lms[at * bands + band] - low) / (high - low)).clamp(0.0, 1.0)
    };
    let distance = |p: usize, q: usize| (0..bands).map(|b| (value(p, b) - value(q, b)).powi(2)).sum::<f32>();
    let stride = (((width * height) as f64 / CANDIDATES as f64).sqrt().ceil() as usize).max(1);
    let inside = |side: usize| (MARGIN..side.saturating_sub(MARGIN)).step_by(stride);
    let mut candidates: Vec<(f32, usize)> = inside(height)
        .flat_map(|row| inside(width).map(move |column| row * width + column))
        .filter_map(|at| {
            let around = [at - REACH, at + REACH, at - REACH * width, at + REACH * width];
            let valid = around.iter().chain([&at]).all(|i| images.is_valid(*i));
            valid.then(|| (around.into_iter().map(|i| distance(at, i)).sum(), at))
        })
        .collect();
    candidates.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    candidates.truncate(candidates.len().div_ceil(2));

    let count = candidates.len().max(1) as f32;
    let mean: Vec<f32> = (0..bands).map(|b| candidates.iter().map(|c| value(c.1, b)).sum::<f32>() / count).collect();
    let to_mean = |at: usize| (0..bands).map(|b| (value(at, b) - mean[b]).powi(2)).sum::<f32>();
    let mut next = candidates.iter().map(|c| c.1).min_by(|p, q| to_mean(*p).total_cmp(&to_mean(*q)));
    let mut chosen: Vec<usize> = Vec::new();
    let mut nearest = vec![f32::INFINITY; candidates.len()];
    while let Some(at) = next.filter(|_| chosen.len() < PLACES) {
        chosen.push(at);
        for (d, (_, c)) in nearest.iter_mut().zip(&candidates) {
            let [down, right] = [(at / width).abs_diff(c / width), (at % width).abs_diff(c % width)];
            let apart = down.max(right) * APART >= width.max(height);
            *d = if apart { d.min(distance(at, *c)) } else { 0.0 };
        }
        let farthest = nearest.iter().zip(&candidates).max_by(|a, b| a.0.total_cmp(b.0));
        next = farthest.filter(|(d, _)| **d > 0.0).map(|(_, c)| c.1);
    }
    chosen.sort_unstable();
    let place = |at: usize| {
        let of = |data: &[f32]| data[at * bands..][..bands].to_vec();
        let (upsampled, fused) = (of(images.lms), of(images.fused));
        Spectrum { column: at % width, row: at / width, pan: images.pan[at], upsampled, fused }
    };
    chosen.into_iter().map(place).collect()
}
