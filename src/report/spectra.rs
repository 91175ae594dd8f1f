//! Spectra at a few places: what fusing does to the colours of a pixel.

use serde::Serialize;

use super::colours::Colours;
use super::view::Images;
use crate::raster::Pair;

/// Places to sample.
const PLACES: usize = 6;
/// Candidates looked at, about: large scenes are thinned out.
const CANDIDATES: usize = 20_000;
/// MS pixels at the border that are not sampled: upsampling extrapolates there.
const MARGIN: usize = 3;

/// Spectra of one place.
#[derive(Clone, Debug, Serialize)]
pub struct Spectrum {
    /// Column of the PAN pixel, from 0.
    pub column: usize,
    /// Row of the PAN pixel, from 0.
    pub row: usize,
    /// PAN, DN.
    pub pan: f32,
    /// The MS pixel that holds it, DN per band.
    pub ms: Vec<f32>,
    /// Upsampled MS, DN per band.
    pub upsampled: Vec<f32>,
    /// Fused image, DN per band.
    pub fused: Vec<f32>,
}

/// Spectra of places as different as the pair has them: in the smoother half of the MS pixels (an edge has no
/// spectrum of its own) the one nearest to the mean spectrum, then always the one farthest from all before.
pub fn sample(pair: &Pair, images: &Images, colours: &Colours) -> Vec<Spectrum> {
    let (ms, ratio) = (&pair.ms, pair.ratio);
    let (bands, [width, height]) = (ms.bands, ms.size());
    let value = |at: usize, band: usize| {
        let [low, high] = colours.ms[band];
        ((ms.data[at * bands + band] - low) / (high - low)).clamp(0.0, 1.0)
    };
    let stride = (((width * height) as f64 / CANDIDATES as f64).sqrt() as usize).max(1);
    let inside = |side: usize| (MARGIN..side.saturating_sub(MARGIN)).step_by(stride);
    let all_valid = |row: usize, column: usize| {
        let mut pixels =
            (0..ratio * ratio).map(|k| (row * ratio + k / ratio) * images.width + column * ratio + k % ratio);
        pixels.all(|at| images.is_valid(at))
    };
    let mut candidates: Vec<(f32, usize)> = inside(height)
        .flat_map(|row| inside(width).map(move |column| (row, column)))
        .filter(|(row, column)| all_valid(*row, *column))
        .map(|(row, column)| {
            let at = row * width + column;
            let neighbours = [at - 1, at + 1, at - width, at + width];
            let step = |n: usize| (0..bands).map(|b| (value(n, b) - value(at, b)).abs()).sum::<f32>();
            (neighbours.into_iter().map(step).sum(), at)
        })
        .collect();
    candidates.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    candidates.truncate(candidates.len().div_ceil(2));

    let mean: Vec<f32> = (0..bands)
        .map(|b| candidates.iter().map(|c| value(c.1, b)).sum::<f32>() / candidates.len().max(1) as f32)
        .collect();
    let to_mean = |at: usize| (0..bands).map(|b| (value(at, b) - mean[b]).powi(2)).sum::<f32>();
    let between = |p: usize, q: usize| (0..bands).map(|b| (value(p, b) - value(q, b)).powi(2)).sum::<f32>();
    let mut chosen: Vec<usize> = Vec::new();
    let first = candidates.iter().map(|c| c.1).min_by(|p, q| to_mean(*p).total_cmp(&to_mean(*q)));
    let mut distance = vec![f32::INFINITY; candidates.len()];
    let mut next = first;
    while let Some(at) = next.filter(|_| chosen.len() < PLACES) {
        chosen.push(at);
        distance.iter_mut().zip(&candidates).for_each(|(d, c)| *d = d.min(between(at, c.1)));
        let farthest = distance.iter().zip(&candidates).max_by(|a, b| a.0.total_cmp(b.0));
        next = farthest.filter(|(d, _)| **d > 0.0).map(|(_, c)| c.1);
    }
    chosen.sort_unstable();
    let place = |at: usize| {
        let [row, column] = [at / width, at % width].map(|i| i * ratio + ratio / 2);
        let pixel = row * images.width + column;
        let of = |data: &[f32], at: usize| data[at * bands..][..bands].to_vec();
        Spectrum {
            column,
            row,
            pan: images.pan[pixel],
            ms: of(&ms.data, at),
            upsampled: of(images.lms, pixel),
            fused: of(images.fused, pixel),
        }
    };
    chosen.into_iter().map(place).collect()
}
