//! Maps of bounded size, of images however large.

use std::ops::Range;

/// Longest side of a thumbnail: it is for places and shapes, a GeoTIFF is for values.
const MOST: usize = 256;

/// One number per pixel or block of an image, or their means over squares where a side is longer than 256.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Columns of the image.
    width: usize,
    /// Values per mean, along each axis.
    step: usize,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Thumbnail {
    /// Of an image of so many rows and columns, still without values.
    pub fn new([height, width]: [usize; 2]) -> Self {
        let step = height.max(width).div_ceil(MOST).max(1);
        let size = [height.div_ceil(step), width.div_ceil(step)];
        let count = size[0] * size[1];
        Self { size, width, step, sums: vec![0.0; count], counts: vec![0; count] }
    }

    /// Of all values of an image, `[height, width]`.
    pub fn of(size: [usize; 2], values: &[f32]) -> Self {
        let mut thumbnail = Self::new(size);
        thumbnail.add(0..size[0], values);
        thumbnail
    }

    /// Adds the values of some rows, `[rows, width]`. What is not finite is not there.
    pub fn add(&mut self, rows: Range<usize>, values: &[f32]) {
        for (y, row) in rows.zip(values.chunks_exact(self.width)) {
            let first = y / self.step * self.size[1];
            for (x, v) in row.iter().enumerate().filter(|(_, v)| v.is_finite()) {
                self.sums[first + x / self.step] += f64::from(*v);
                self.counts[first + x / self.step] += 1;
            }
        }
    }

    /// The numbers, `[rows, columns]`, NaN where there is no value.
    pub fn values(&self) -> Vec<f32> {
        let mean = |(sum, count): (&f64, &u32)| if *count > 0 { (sum / f64::from(*count)) as f32 } else { f32::NAN };
        self.sums.iter().zip(&self.counts).map(mean).collect()
    }

    /// Mean of all values that were added, if there were any.
    pub fn mean(&self) -> Option<f64> {
        let count: u64 = self.counts.iter().map(|n| u64::from(*n)).sum();
        (count > 0).then(|| self.sums.iter().sum::<f64>() / count as f64)
    }
}
