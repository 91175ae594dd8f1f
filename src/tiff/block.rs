//! Pixels in memory: of a window, and of a whole image with what is known of it.

use std::ops::{Deref, DerefMut};

use super::{Header, Window, read::validity};

/// Pixels of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// `[h, w, C]`, channels last, as stored; NaN and infinity are 0 and invalid.
    pub data: Vec<f32>,
    /// `[h, w]`: false where any band is nodata, NaN or infinite, or the file's alpha or mask is 0;
    /// `None` if every pixel is valid.
    pub valid: Option<Vec<bool>>,
}

/// An image in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// What is known of it.
    pub header: Header,
    /// `[H, W, C]` as in [`Block`].
    pub data: Vec<f32>,
    /// `[H, W]` as in [`Block`].
    pub valid: Option<Vec<bool>>,
}

impl Raster {
    /// An image of these values `[H, W, C]`, valid where they are finite and not nodata.
    pub fn new(header: Header, mut data: Vec<f32>) -> Self {
        let nodata = vec![header.nodata.map(|n| n as f32); header.bands];
        let valid = validity(&mut data, header.bands, header.bands, &nodata);
        Self { header, data, valid }
    }

    /// The pixels of a part of the image.
    ///
    /// # Panics
    /// If the window reaches beyond the image.
    pub fn block(&self, part: Window) -> Block {
        let rows = |y: usize| (part.y + y) * self.width + part.x..(part.y + y) * self.width + part.x + part.width;
        let data = (0..part.height)
            .map(rows)
            .flat_map(|r| &self.data[r.start * self.bands..r.end * self.bands])
            .copied()
            .collect();
        let valid = self.valid.as_ref().map(|v| (0..part.height).map(rows).flat_map(|r| &v[r]).copied().collect());
        Block { data, valid }
    }
}

impl Block {
    /// The block of this width and height with its rows, its columns or both in reverse order.
    #[must_use]
    pub(crate) fn flipped(self, [w, h]: [usize; 2], [rows, columns]: [bool; 2]) -> Self {
        if !rows && !columns {
            return self;
        }
        let c = self.data.len() / (w * h);
        let end = |i: usize, n: usize, flip: bool| if flip { n - 1 - i } else { i };
        let from = |i: usize| end(i / w, h, rows) * w + end(i % w, w, columns);
        let data = (0..w * h).flat_map(|i| &self.data[from(i) * c..][..c]).copied().collect();
        let valid = self.valid.map(|v| (0..w * h).map(|i| v[from(i)]).collect());
        Self { data, valid }
    }
}

impl Deref for Raster {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}

impl DerefMut for Raster {
    fn deref_mut(&mut self) -> &mut Header {
        &mut self.header
    }
}

/// These of the `bands` values of each pixel, in this order.
pub fn select(data: &[f32], bands: usize, wanted: &[usize]) -> Vec<f32> {
    data.chunks_exact(bands).flat_map(|pixel| wanted.iter().map(|band| pixel[*band])).collect()
}
