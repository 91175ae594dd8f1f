//! A window of a pair, ready to be compared at any shift.

use std::ops::Range;

use crate::filter::Grid;
use crate::tiff::Block;

/// Nyquist gain of the blur that takes PAN to MS's resolution: about any sensor's. Being symmetric,
/// it moves nothing.
const GAIN: f64 = 0.3;
/// MS pixels along the side of a window.
const SIDE: usize = 32;
/// Most windows along an axis.
const MOST: usize = 8;
/// MS pixels of PAN read around a window: for the search, the blur and the interpolation.
const MARGIN: usize = 6;
/// Least neighbours in a window that say anything.
pub(super) const LEAST: usize = 64;

/// A part of an axis: of its PAN and of its MS.
#[derive(Clone, Debug)]
pub(super) struct PatchSpan {
    pub(super) pan: Range<usize>,
    pub(super) ms: Range<usize>,
}

/// An area of a scene.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub(super) rows: PatchSpan,
    pub(super) columns: PatchSpan,
}

/// The windows to compare, evenly spread: all of a small scene.
pub(super) fn areas(rows: &Grid, columns: &Grid) -> Vec<Area> {
    let axis = |grid: &Grid| -> Vec<PatchSpan> {
        let side = SIDE.min(grid.coarse);
        let count = (grid.coarse / side).clamp(1, MOST);
        let span = |i: usize| {
            let start = if count == 1 { (grid.coarse - side) / 2 } else { i * (grid.coarse - side) / (count - 1) };
            let margin = (MARGIN * grid.ratio) as f64;
            let end = |at: f64| at.clamp(0.0, grid.fine as f64) as usize;
            let pan = end(grid.fine_at(start) - margin)..end(grid.fine_at(start + side - 1) + margin + 1.0);
            PatchSpan { pan, ms: start..start + side }
        };
        (0..count).map(span).filter(|span| !span.pan.is_empty()).collect()
    };
    let columns = axis(columns);
    let row =
        |rows: PatchSpan| columns.iter().map(move |columns| Area { rows: rows.clone(), columns: columns.clone() });
    axis(rows).into_iter().flat_map(row).collect()
}

/// A window ready to be compared.
pub(super) struct Patch {
    /// PAN at MS's resolution, `[H, W]`.
    blurred: Vec<f32>,
    /// Rows and columns of MS on it.
    grids: [Grid; 2],
    /// Centre of its texture in the PAN of the pair: row, column.
    pub(super) at: [f64; 2],
    /// `[h, w, C]`.
    ms: Vec<f32>,
    /// MS pixels that are valid and on valid PAN.
    known: Vec<u32>,
    /// Two of them that are neighbours.
    pub(super) neighbours: Vec<[u32; 2]>,
    /// Bands, or 1 once mixed.
    pub(super) features: usize,
    /// Differences between neighbours, `[n, features]`.
    differences: Vec<f64>,
}

impl Patch {
    pub(super) fn new(area: &Area, pan: Block, ms: Block, rows: &Grid, columns: &Grid) -> Self {
        let grid = |whole: &Grid, span: &PatchSpan| Grid {
            phase: whole.fine_at(span.ms.start) - span.pan.start as f64,
            fine: span.pan.len(),
            coarse: span.ms.len(),
            ..*whole
        };
        let grids = [grid(rows, &area.rows), grid(columns, &area.columns)];
        let [height, width] = grids.map(|grid| grid.fine);
        let [mh, mw] = grids.map(|grid| grid.coarse);
        let kernel = gaussian(rows.ratio);
        // PAN must be known as far as half the blur, the interpolation and a shift of an MS pixel reach.
        let reach = (rows.ratio + 2 + kernel.len() / 2) as f64;
        let covered = covered(pan.valid.as_deref(), [height, width], &grids, reach);
        let known: Vec<bool> = match ms.valid {
            None => covered,
            Some(valid) => covered.iter().zip(valid).map(|(a, b)| *a && b).collect(),
        };
        let pair =
            |from: usize, to: usize| (known[from] && known.get(to) == Some(&true)).then_some([from as u32, to as u32]);
        let both = |k: usize| [if !(k + 1).is_multiple_of(mw) { pair(k, k + 1) } else { None }, pair(k, k + mw)];
        let neighbours: Vec<_> = (0..known.len()).flat_map(both).flatten().collect();
        let bands = ms.data.len() / (mw * mh);
        let pixel = |k: u32| ms.data[k as usize * bands..][..bands].iter().map(|v| f64::from(*v));
        let difference = |[from, to]: &[u32; 2]| pixel(*to).zip(pixel(*from)).map(|(b, a)| b - a).collect::<Vec<_>>();
        let differences: Vec<f64> = neighbours.iter().flat_map(difference).collect();
        Self {
            blurred: blur(&pan.data, width, &kernel),
            grids,
            at: centre(&differences, &neighbours, area, [rows, columns]),
            differences,
            known: (0..mw * mh).filter(|k| known[*k]).map(|k| k as u32).collect(),
            neighbours,
            features: bands,
            ms: ms.data,
        }
    }

    /// The bands replaced by one mixture of them.
    pub(super) fn mixed(self, weights: &[f64]) -> Self {
        let mix = |row: &[f64]| row.iter().zip(weights).map(|(d, w)| d * w).sum();
        let differences = self.differences.chunks_exact(self.features).map(mix).collect();
        Self { differences, features: 1, ..self }
    }

    /// PAN where it lies `shift` off and its slopes along rows and columns, per MS pixel, by cubic
    /// interpolation (Catmull–Rom: true to parabolas); 0 where MS is not known.
    fn sample(&self, shift: [f64; 2]) -> Vec<[f64; 3]> {
        let axis = |i: usize| -> Vec<(usize, [f64; 4], [f64; 4])> {
            let place = |k: usize| {
                let last = self.grids[i].fine as f64 - 1.0;
                let at = (self.grids[i].fine_at(k) + shift[i]).clamp(1.0, last - 1.001);
                let (value, slope) = catmull_rom(at.fract());
                (at as usize - 1, value, slope)
            };
            (0..self.grids[i].coarse).map(place).collect()
        };
        let (rows, columns) = (axis(0), axis(1));
        let mut out = vec![[0.0; 3]; rows.len() * columns.len()];
        for k in self.known.iter().map(|k| *k as usize) {
            let (row, value_y, slope_y) = &rows[k / columns.len()];
            let (column, value_x, slope_x) = &columns[k % columns.len()];
            for i in 0..4 {
                let line = &self.blurred[(row + i) * self.grids[1].fine + column..][..4];
                let dot = |w: &[f64; 4]| line.iter().zip(w).map(|(v, w)| f64::from(*v) * w).sum::<f64>();
                let value = dot(value_x);
                out[k][0] += value_y[i] * value;
                out[k][1] += slope_y[i] * value;
                out[k][2] += value_y[i] * dot(slope_x);
            }
        }
        out
    }

    /// Calls `row` for each two neighbours with the differences of: features; minus the slopes of PAN
    /// along rows and columns, so that their factors are what the shift lacks; PAN.
    pub(super) fn rows(&self, shift: [f64; 2], mut row: impl FnMut(&mut [f64])) {
        let samples = self.sample(shift);
        let mut values = vec![0.0; self.features + 3];
        for ([from, to], differences) in self.neighbours.iter().zip(self.differences.chunks_exact(self.features)) {
            let (a, b) = (samples[*from as usize], samples[*to as usize]);
            values[..self.features].copy_from_slice(differences);
            values[self.features..].copy_from_slice(&[a[1] - b[1], a[2] - b[2], b[0] - a[0]]);
            row(&mut values);
        }
    }

    /// Calls `pixel` for each MS pixel, with PAN there.
    pub(super) fn pixels(&self, shift: [f64; 2], mut pixel: impl FnMut(f64, &[f32])) {
        let samples = self.sample(shift);
        let bands = self.ms.len() / samples.len();
        self.known.iter().for_each(|k| pixel(samples[*k as usize][0], &self.ms[*k as usize * bands..][..bands]));
    }
}

/// Where the differences are, on the whole: a shift that varies within a window is measured there.
fn centre(differences: &[f64], neighbours: &[[u32; 2]], area: &Area, grids: [&Grid; 2]) -> [f64; 2] {
    let (width, bands) = (area.columns.ms.len(), differences.len() / neighbours.len().max(1));
    let mut sums = [0.0; 3];
    for ([from, to], differences) in neighbours.iter().zip(differences.chunks_exact(bands.max(1))) {
        let weight: f64 = differences.iter().map(|d| d * d).sum();
        for k in [*from as usize, *to as usize] {
            let row = grids[0].fine_at(area.rows.ms.start + k / width);
            let column = grids[1].fine_at(area.columns.ms.start + k % width);
            sums = [sums[0] + weight * row, sums[1] + weight * column, sums[2] + weight];
        }
    }
    [sums[0] / sums[2], sums[1] / sums[2]]
}

/// Weights of four samples, of which the second and third surround a place, for its value and its slope.
fn catmull_rom(t: f64) -> ([f64; 4], [f64; 4]) {
    let (t2, t3) = (t * t, t * t * t);
    (
        [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2],
        [-1.5 * t2 + 2.0 * t - 0.5, 4.5 * t2 - 5.0 * t, -4.5 * t2 + 4.0 * t + 0.5, 1.5 * t2 - t],
    )
}

/// Which MS pixels `[h, w]` have valid PAN all around them.
fn covered(valid: Option<&[bool]>, [height, width]: [usize; 2], grids: &[Grid; 2], reach: f64) -> Vec<bool> {
    // Counts of valid pixels up to a corner give those of any rectangle.
    let stride = width + 1;
    let mut counts = vec![0u32; stride * (height + 1)];
    for y in 0..height {
        let mut row = 0;
        for x in 0..width {
            row += u32::from(valid.is_none_or(|v| v[y * width + x]));
            counts[(y + 1) * stride + x + 1] = counts[y * stride + x + 1] + row;
        }
    }
    let around = |grid: &Grid| {
        let range = |k: usize| {
            let (low, high) = (grid.fine_at(k) - reach, grid.fine_at(k) + reach);
            (low >= 0.0 && high <= grid.fine as f64 - 1.0).then_some((low as usize, high as usize + 1))
        };
        (0..grid.coarse).map(range).collect::<Vec<_>>()
    };
    let columns = around(&grids[1]);
    let complete = |rows: Option<(usize, usize)>, columns: Option<(usize, usize)>| {
        let (Some((y0, y1)), Some((x0, x1))) = (rows, columns) else { return false };
        let count = |y: usize, x: usize| counts[y * stride + x];
        count(y1, x1) + count(y0, x0) - count(y0, x1) - count(y1, x0) == ((y1 - y0) * (x1 - x0)) as u32
    };
    around(&grids[0])
        .into_iter()
        .flat_map(|row| columns.iter().map(move |column| (row, *column)))
        .map(|(r, c)| complete(r, c))
        .collect()
}

/// Gaussian of the blur, from the centre outwards.
fn gaussian(ratio: usize) -> Vec<f32> {
    // Its gain at frequency f is exp(−2π²σ²f²); MS's Nyquist frequency is 1 / (2·ratio).
    let sigma = ratio as f64 * (-2.0 * GAIN.ln()).sqrt() / std::f64::consts::PI;
    let half: Vec<f64> =
        (0..=(3.5 * sigma).ceil() as usize).map(|m| (-0.5 * (m as f64 / sigma).powi(2)).exp()).collect();
    let sum = 2.0 * half.iter().sum::<f64>() - 1.0;
    half.iter().map(|v| (v / sum) as f32).collect()
}

/// Blurs along both axes, border repeated.
fn blur(image: &[f32], width: usize, kernel: &[f32]) -> Vec<f32> {
    let along = |image: &[f32], width: usize| {
        let mut out = vec![0.0; image.len()];
        for (line, out) in image.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for (i, out) in out.iter_mut().enumerate() {
                let both = |(m, k): (usize, &f32)| k * (line[i.saturating_sub(m)] + line[(i + m).min(width - 1)]);
                *out = kernel[0] * line[i] + kernel.iter().enumerate().skip(1).map(both).sum::<f32>();
            }
        }
        out
    };
    let transposed = |image: &[f32], width: usize| {
        let height = image.len() / width;
        (0..image.len()).map(|i| image[i % height * width + i / height]).collect::<Vec<_>>()
    };
    let height = image.len() / width;
    transposed(&along(&transposed(&along(image, width), width), height), height)
}
