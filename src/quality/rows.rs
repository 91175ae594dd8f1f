//! Images given by rows, so that a large one is never whole in memory.

use std::ops::Range;

use super::QualityError;
use crate::tiff::{Source, Window};

/// An image that gives its rows on demand: from memory, from a file, or computed from another.
pub trait Rows: Sync {
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

/// An image in memory.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// `[H, W, C]`.
    pub data: &'a [f32],
    /// `[H, W]`: which pixels are valid; `None` if all are. Pixels that are not finite never are.
    pub valid: Option<&'a [bool]>,
    /// Rows and columns.
    pub size: [usize; 2],
}

impl Rows for Image<'_> {
    fn size(&self) -> [usize; 3] {
        [self.size[0], self.size[1], self.data.len() / (self.size[0] * self.size[1])]
    }

    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError> {
        let [_, width, bands] = self.size();
        let pixels = rows.start * width..rows.end * width;
        let data = &self.data[pixels.start * bands..pixels.end * bands];
        let valid = self.valid.map(|valid| &valid[pixels]);
        Ok(planes(data, valid, rows, width, [false; 2]))
    }
}

/// A window of a file, or of several stacked.
pub struct FileRows<'a> {
    /// The files.
    pub source: &'a Source,
    /// The part that is the image.
    pub window: Window,
    /// Whether rows and columns run against those of the file.
    pub flip: [bool; 2],
}

impl<'a> FileRows<'a> {
    /// The whole image of a file.
    pub fn whole(source: &'a Source) -> Self {
        Self { source, window: source.header().window(), flip: [false; 2] }
    }
}

impl Rows for FileRows<'_> {
    fn size(&self) -> [usize; 3] {
        [self.window.height, self.window.width, self.source.header().bands]
    }

    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError> {
        let Window { x, y, width, height } = self.window;
        let first = if self.flip[0] { height - rows.end } else { rows.start };
        let block = self.source.read(Window { x, y: y + first, width, height: rows.len() })?;
        Ok(planes(&block.data, block.valid.as_deref(), rows, width, self.flip))
    }
}

/// Planes of channels-last pixels, NaN where a pixel is invalid or not finite.
fn planes(data: &[f32], valid: Option<&[bool]>, rows: Range<usize>, width: usize, flip: [bool; 2]) -> Planes {
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
        let y = if flip[0] { rows.end - 1 - y } else { y - rows.start };
        for (x, out) in out.iter_mut().enumerate() {
            let i = y * width + if flip[1] { width - 1 - x } else { x };
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
pub(super) fn strips(images: &[&dyn Rows], block: usize) -> Vec<(Range<usize>, Range<usize>)> {
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
pub fn ranges(image: &dyn Rows) -> Result<Vec<[f64; 2]>, QualityError> {
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
