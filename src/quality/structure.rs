//! Likeness of two images in windows around each pixel.

use std::ops::Range;

use rayon::prelude::*;

use super::block::BLOCK;
use super::rows::strips;
use super::{Planar, Planes, QualityError};

/// Likeness of structure, 1 for equal images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure {
    pub scc: f64,
    pub ssim: f64,
    pub q_avg: f64,
}

/// Distance a Gaussian window reaches, and its standard deviation.
const SSIM_RADIUS: usize = 5;
const SSIM_SIGMA: f64 = 1.5;

/// Sum and number of the values that are not NaN.
#[derive(Clone, Copy, Default)]
struct Sum {
    sum: f64,
    count: usize,
}

impl Sum {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        values.filter(|v| !v.is_nan()).fold(Self::default(), |s, v| Self { sum: s.sum + v, count: s.count + 1 })
    }
}

/// Compares two images of one size.
///
/// SCC is the cosine of the Sobel magnitudes of all bands, taken as the toolbox takes them: one pixel
/// cut off around, zeros beyond. SSIM has a Gaussian window of 11×11 (deviation 1.5), border
/// replicated; Q a box of 32×32 at every place inside. Both are means over pixels and bands.
pub(super) fn structure(image: &dyn Planar, reference: &dyn Planar, peak: f64) -> Result<Structure, QualityError> {
    let size @ [height, _, bands] = reference.size();
    let weights = gaussian();
    let (mut scc, mut ssim, mut q_avg) = ([0.0; 3], Sum::default(), Sum::default());
    for (rows, _) in strips(&[image, reference], BLOCK) {
        let read = rows.start.saturating_sub(SSIM_RADIUS)..(rows.end + BLOCK - 1).min(height);
        let (image, reference) = (image.read(read.clone())?, reference.read(read)?);
        let of_row = |i: usize| {
            let (y, band) = (rows.start + i / bands, i % bands);
            let edges = edges(&image, &reference, band, y, height);
            let around: Vec<usize> =
                (0..=2 * SSIM_RADIUS).map(|i| (y + i).saturating_sub(SSIM_RADIUS).min(height - 1)).collect();
            let likeness =
                Sum::of(local(&image, &reference, band, &around, SSIM_RADIUS, &weights).map(|m| m.ssim(peak)));
            let inside: Range<usize> = y..y + BLOCK;
            let index = if inside.end <= height {
                let inside: Vec<usize> = inside.collect();
                Sum::of(local(&image, &reference, band, &inside, 0, &[1.0 / BLOCK as f64; BLOCK]).map(|m| m.uqi()))
            } else {
                Sum::default()
            };
            (edges, likeness, index)
        };
        for (edges, likeness, index) in (0..rows.len() * bands).into_par_iter().map(of_row).collect::<Vec<_>>() {
            scc.iter_mut().zip(edges).for_each(|(total, v)| *total += v);
            for (total, row) in [(&mut ssim, likeness), (&mut q_avg, index)] {
                *total = Sum { sum: total.sum + row.sum, count: total.count + row.count };
            }
        }
    }
    if ssim.count == 0 || q_avg.count == 0 {
        return Err(QualityError::NothingValid {
            blocks: size[0].div_ceil(BLOCK) * size[1].div_ceil(BLOCK),
            side: BLOCK,
        });
    }
    let [cross, image, reference] = scc;
    // Two images without edges are alike, one without edges is like no other.
    let scc = match (image, reference) {
        (0.0, 0.0) => 1.0,
        (0.0, _) | (_, 0.0) => 0.0,
        _ => cross / (image * reference).sqrt(),
    };
    Ok(Structure { scc, ssim: ssim.sum / ssim.count as f64, q_avg: q_avg.sum / q_avg.count as f64 })
}

fn gaussian() -> Vec<f64> {
    let at = |i: usize| (-(i.abs_diff(SSIM_RADIUS).pow(2) as f64) / (2.0 * SSIM_SIGMA * SSIM_SIGMA)).exp();
    let weights: Vec<f64> = (0..=2 * SSIM_RADIUS).map(at).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// Weighted means in one window: of both images, of their squares and of their product.
struct WindowMoments {
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl WindowMoments {
    fn ssim(&self, peak: f64) -> f64 {
        let (c1, c2) = ((0.01 * peak).powi(2), (0.03 * peak).powi(2));
        let (means, squares) = (self.x * self.y, self.x * self.x + self.y * self.y);
        let covariance = self.xy - means;
        let variances = self.xx + self.yy - squares;
        (2.0 * means + c1) * (2.0 * covariance + c2) / ((squares + c1) * (variances + c2))
    }

    /// As [`uqi`](super::block::uqi), the divisors n − 1 cancelling.
    fn uqi(&self) -> f64 {
        /// Share of the squares that rounding leaves in the variance of a constant window.
        const ROUNDING: f64 = 1e-13;
        let (means, squares) = (self.x * self.y, self.x * self.x + self.y * self.y);
        let variances = self.xx + self.yy - squares;
        let structure = if variances <= ROUNDING * squares { 1.0 } else { 2.0 * (self.xy - means) / variances };
        if squares == 0.0 { structure } else { structure * 2.0 * means / squares }
    }
}

/// Moments in the windows along one row, from the rows under the window; `pad` columns are
/// replicated at both ends.
fn local<'a>(
    image: &'a Planes,
    reference: &'a Planes,
    band: usize,
    rows: &[usize],
    pad: usize,
    weights: &'a [f64],
) -> impl Iterator<Item = WindowMoments> {
    let width = image.width;
    let mut sums: [Vec<f64>; 5] = std::array::from_fn(|_| vec![0.0; width + 2 * pad]);
    for (y, weight) in rows.iter().zip(weights) {
        let (a, b) = (image.row(band, *y), reference.row(band, *y));
        let [x, y, xx, yy, xy] = sums.each_mut().map(|sum| &mut sum[pad..pad + width]);
        for i in 0..width {
            let (wa, wb) = (weight * a[i], weight * b[i]);
            x[i] += wa;
            y[i] += wb;
            xx[i] += wa * a[i];
            yy[i] += wb * b[i];
            xy[i] += wa * b[i];
        }
    }
    let across = sums.map(|mut sum| {
        let (first, last) = (sum[pad], sum[pad + width - 1]);
        sum[..pad].fill(first);
        sum[pad + width..].fill(last);
        let mut out = vec![0.0; width + 2 * pad + 1 - weights.len()];
        for (t, weight) in weights.iter().enumerate() {
            out.iter_mut().zip(&sum[t..]).for_each(|(out, v)| *out += weight * v);
        }
        out
    });
    (0..across[0].len()).map(move |i| {
        let [x, y, xx, yy, xy] = across.each_ref().map(|v| v[i]);
        WindowMoments { x, y, xx, yy, xy }
    })
}

/// Sums over one row of the Sobel magnitudes: their product, and the squares of each.
fn edges(image: &Planes, reference: &Planes, band: usize, y: usize, height: usize) -> [f64; 3] {
    let width = image.width;
    if y == 0 || y + 1 == height {
        return [0.0; 3];
    }
    let magnitude = |planes: &Planes| {
        let zeros = vec![0.0; width];
        let row = |y: usize| if y == 0 || y + 1 == height { &zeros[..] } else { planes.row(band, y) };
        let (up, here, down) = (row(y - 1), row(y), row(y + 1));
        let inside = |row: &[f64], x: usize| if x == 0 || x + 1 == width { 0.0 } else { row[x] };
        let at = |x: usize| {
            let [left, mid, right] = [x - 1, x, x + 1].map(|x| [up, here, down].map(|row| inside(row, x)));
            let vertical = (left[0] + 2.0 * mid[0] + right[0]) - (left[2] + 2.0 * mid[2] + right[2]);
            let horizontal = (left[0] + 2.0 * left[1] + left[2]) - (right[0] + 2.0 * right[1] + right[2]);
            // Not hypot, which is slow: DN do not overflow.
            let magnitude = (vertical * vertical + horizontal * horizontal).sqrt();
            if here[x].is_nan() { f64::NAN } else { magnitude }
        };
        (1..width - 1).map(at).collect::<Vec<f64>>()
    };
    let (a, b) = (magnitude(image), magnitude(reference));
    let valid = a.iter().zip(&b).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    valid.fold([0.0; 3], |[ab, aa, bb], (a, b)| [ab + a * b, aa + a * a, bb + b * b])
}
