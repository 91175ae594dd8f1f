//! The images of a scene as it is fused: whole if it is small, else averaged to what pictures need.

use std::ops::Range;

use super::Images;
use crate::method::apply::FusedRows;
use crate::scene::Scene;
use crate::tiff::TiffError;

/// Longest side that is kept in full, px.
const MOST: usize = 2048;

/// Collects PAN, upsampled and fused image from top to bottom.
pub struct Collector {
    /// Pixels of the scene per pixel kept, along each axis.
    pub step: usize,
    width: usize,
    bands: usize,
    columns: Range<usize>,
    range: [f32; 2],
    /// Row of the scene that comes next, and the end.
    rows: Range<usize>,
    /// Sums and number of the valid pixels of the row under way: PAN, upsampled, fused.
    sums: Vec<f32>,
    counts: Vec<u32>,
    pan: Vec<f32>,
    lms: Vec<f32>,
    fused: Vec<f32>,
    valid: Vec<bool>,
    first: usize,
}

impl Collector {
    /// For rows and columns of a scene of `bands` MS bands, whose fused values are written within `range`.
    pub fn new(part: [Range<usize>; 2], bands: usize, range: [f32; 2]) -> Self {
        let [rows, columns] = part;
        let step = rows.len().max(columns.len()).div_ceil(MOST);
        let width = columns.len().div_ceil(step);
        let first = rows.start;
        let (sums, counts) = (vec![0.0; width * (1 + 2 * bands)], vec![0; width]);
        let [pan, lms, fused] = [(); 3].map(|()| Vec::new());
        Self { step, width, bands, columns, range, rows, sums, counts, pan, lms, fused, valid: Vec::new(), first }
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// What reading PAN gives.
    pub fn take(&mut self, scene: &Scene<'_>, rows: &FusedRows) -> Result<(), TiffError> {
        let width = self.columns.len();
        let count = rows.hrms.len() / (width * self.bands);
        let pan = scene.read_pan(self.rows.start..self.rows.start + count, self.columns.clone())?.data;
        for y in 0..count {
            for x in 0..width {
                let at = y * width + x;
                if rows.valid.as_ref().is_none_or(|v| v[at]) {
                    let sums = &mut self.sums[x / self.step * (1 + 2 * self.bands)..];
                    let bands = at * self.bands..(at + 1) * self.bands;
                    let [low, high] = self.range;
                    let fused = rows.hrms[bands.clone()].iter().map(|v| v.clamp(low, high));
                    let values = pan[at..=at].iter().chain(&rows.lms[bands]).copied().chain(fused);
                    sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
                    self.counts[x / self.step] += 1;
                }
            }
            self.rows.start += 1;
            if (self.rows.start - self.first).is_multiple_of(self.step) || self.rows.is_empty() {
                self.end_row();
            }
        }
        Ok(())
    }

    fn end_row(&mut self) {
        for (sums, count) in self.sums.chunks_exact_mut(1 + 2 * self.bands).zip(&mut self.counts) {
            let values = sums.iter_mut().map(|sum| std::mem::take(sum) / (*count).max(1) as f32).collect::<Vec<_>>();
            self.pan.push(values[0]);
            self.lms.extend(&values[1..=self.bands]);
            self.fused.extend(&values[1 + self.bands..]);
            self.valid.push(std::mem::take(count) > 0);
        }
    }

    /// The images so far.
    pub fn images(&self) -> Images<'_> {
        let (width, height) = (self.width, self.pan.len() / self.width);
        let valid = self.valid.contains(&false).then_some(&self.valid[..]);
        Images { width, height, bands: self.bands, pan: &self.pan, lms: &self.lms, fused: &self.fused, valid }
    }
}
