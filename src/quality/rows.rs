//! Images given by rows, so that a large one is never whole in memory.

use std::ops::Range;

use super::QualityError;
use crate::scene::Image;

/// An image that gives its rows on demand: from memory, from a file, or computed from another.
pub trait Planar: Sync {
    /// Rows, columns and bands.
    fn size(&self) -> [usize; 3];
    /// Values in memory per row while rows are read: its own, and of the images it is computed from.
    fn load(&self) -> usize {
        let [_, width, bands] = self.size();
        width * bands
    }

    /// Some of the rows.
    ///
    /// # Errors
    /// Those of reading the files behind it.
    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError>;
}

/// Rows of an image in f64, one plane per band. An invalid pixel is NaN in all bands, so that
/// every filter carries it exactly as far as it reaches.
#[derive(Clone, Debug)]
pub struct Planes {
    /// Columns.
    pub width: usize,
    /// The rows of the image that these are.
    pub rows: Range<usize>,
    /// `[C, rows, W]`.
    pub data: Vec<f64>,
}

impl Planes {
    /// Planes of the values that `row` writes for a band and a row of the image, rows in parallel.
    pub fn fill([width, bands]: [usize; 2], rows: Range<usize>, row: impl Fn(usize, usize, &mut [f64]) + Sync) -> Self {
        use rayon::prelude::*;
        let mut data = vec![0.0; bands * rows.len() * width];
        data.par_chunks_mut(width)
            .enumerate()
            .for_each(|(i, out)| row(i / rows.len(), rows.start + i % rows.len(), out));
        Self { width, rows, data }
    }

    /// Bands.
    pub fn bands(&self) -> usize {
        self.data.len() / (self.rows.len() * self.width)
    }

    /// One row of one band; `y` counts in the image.
    pub fn row(&self, band: usize, y: usize) -> &[f64] {
        debug_assert!(self.rows.contains(&y), "row {y} of {:?}", self.rows);
        let start = (band * self.rows.len() + y - self.rows.start) * self.width;
        &self.data[start..start + self.width]
    }
}

/// Whatever gives its pixels on demand can be judged.
impl<I: Image> Planar for I {
    fn size(&self) -> [usize; 3] {
        let header = self.header();
        [header.height, header.width, header.bands]
    }

    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError> {
        let width = self.header().width;
        let block = self.block(rows.clone(), 0..width)?;
        Ok(planes(&block.data, block.valid.as_deref(), rows, width))
    }
}

/// Planes of channels-last pixels, NaN where a pixel is invalid or not finite.
fn planes(data: &[f32], valid: Option<&[bool]>, rows: Range<usize>, width: usize) -> Planes {
    let bands = data.len() / (rows.len() * width);
    let finite = |pixel: &[f32]| pixel.iter().all(|v| v.is_finite());
    let found: Vec<bool>;
    let valid = if finite(data) {
        valid
    } else {
        let pixels = data.chunks_exact(bands).enumerate();
        found = pixels.map(|(i, pixel)| finite(pixel) && valid.is_none_or(|valid| valid[i])).collect();
        Some(&found[..])
    };
    Planes::fill([width, bands], rows.clone(), |band, y, out| {
        for (x, out) in out.iter_mut().enumerate() {
            let i = (y - rows.start) * width + x;
            *out = if valid.is_none_or(|valid| valid[i]) { data[i * bands + band].into() } else { f64::NAN };
        }
    })
}

/// Values that all images together may hold at once: 64 MB. Blocks, and the rows that filters reach
/// beyond a strip, come on top.
const STRIP: usize = 1 << 23;

/// Splits the rows of images of one height into strips of whole blocks. Where the last block is not
/// whole and is mirrored, its strip comes with the rows above that the mirror needs:
/// `(rows of the strip, rows to read)`.
pub(super) fn strips(images: &[&dyn Planar], block: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let height = images[0].size()[0];
    let load: usize = images.iter().map(|image| image.load()).sum();
    let step = (STRIP / load / block).max(1) * block;
    let missing = height.next_multiple_of(block) - height;
    let strip = |start: usize| {
        let end = (start + step).min(height);
        let read = if end == height { start.min(height - missing) } else { start };
        (start..end, read..end)
    };
    (0..height).step_by(step).map(strip).collect()
}

/// The lowest and the highest valid value of each band; infinite, the wrong way round, without one.
///
/// # Errors
/// Those of reading.
pub fn ranges(image: &dyn Planar) -> Result<Vec<[f64; 2]>, QualityError> {
    let mut ranges = vec![[f64::INFINITY, f64::NEG_INFINITY]; image.size()[2]];
    for (rows, _) in strips(&[image], 1) {
        let planes = image.read(rows)?;
        for (range, band) in ranges.iter_mut().zip(planes.data.chunks_exact(planes.rows.len() * planes.width)) {
            // NaN is neither the lower nor the higher of two numbers.
            *range = band.iter().fold(*range, |[low, high], v| [low.min(*v), high.max(*v)]);
        }
    }
    Ok(ranges)
}
