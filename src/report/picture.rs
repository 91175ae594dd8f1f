//! PNG pictures of rasters: a stretch of values to grey levels, a choice of bands, a montage.

use std::io::Write;
use std::path::Path;

use png::{BitDepth, ColorType, Encoder, Filter};

use crate::remedy::Remedy;
use crate::tiff::{TiffError, write_atomically};

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The data do not have the shape they are said to have.
    #[error("{what}: {seen} values where {width}x{height} pixels of {bands} bands need {expected}")]
    Shape {
        /// Which input.
        what: &'static str,
        /// Width said, px.
        width: usize,
        /// Height said, px.
        height: usize,
        /// Bands said.
        bands: usize,
        /// Values that shape has.
        expected: usize,
        /// Values given.
        seen: usize,
    },
    /// A channel that is not among the bands.
    #[error("channel {channel} of a picture from {bands} bands: choose channels below {bands}")]
    Channel {
        /// Channel asked for.
        channel: usize,
        /// Bands there are.
        bands: usize,
    },
    /// A side that is zero or beyond what a PNG can hold.
    #[error("a picture of {width}x{height} pixels cannot be written: both sides must be 1 to 2147483647")]
    Size {
        /// Width of the picture.
        width: usize,
        /// Height of the picture.
        height: usize,
    },
    /// Panels of a montage differ in height.
    #[error("panel {index} of a montage is {seen} pixels high, the first {expected}: make them equal")]
    Panels {
        /// Which panel, from 0.
        index: usize,
        /// Height of the first.
        expected: usize,
        /// Its height.
        seen: usize,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] TiffError),
}

impl PictureError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Write(error) => error.remedy(),
            _ => None,
        }
    }
}

/// The values that become black and white, per picture channel (red, green, blue). Use one stretch for all pictures
/// that are to be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Becomes 0.
    pub low: [f32; 3],
    /// Becomes 255.
    pub high: [f32; 3],
}

impl Stretch {
    /// Percentiles (0 to 100) of three bands of `data` `[pixels, bands]`, not-finite values left out.
    ///
    /// A band without finite values or not among `bands` gets 0 and 1; a constant one gets a unit range above it.
    pub fn from_percentiles(data: &[f32], bands: usize, channels: [usize; 3], low: f32, high: f32) -> Stretch {
        let ends = channels.map(|channel| band_ends(data, bands, channel, low, high));
        Stretch { low: ends.map(|e| e.0), high: ends.map(|e| e.1) }
    }

    /// Grey level of a value in a picture channel (0 red, 1 green, 2 blue); what is not a number is black.
    pub fn level(&self, channel: usize, value: f32) -> u8 {
        let (low, high) = (self.low[channel], self.high[channel]);
        let level = (value - low) / (high - low) * 255.0;
        // `as` sends NaN to 0 and saturates.
        (level + 0.5) as u8
    }
}

fn band_ends(data: &[f32], bands: usize, channel: usize, low: f32, high: f32) -> (f32, f32) {
    if channel >= bands {
        return (0.0, 1.0);
    }
    let mut values: Vec<f32> = data.chunks_exact(bands).map(|p| p[channel]).filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return (0.0, 1.0);
    }
    let last = values.len() - 1;
    let mut at = |percent: f32| {
        let k = (f64::from(percent.clamp(0.0, 100.0)) / 100.0 * last as f64).round() as usize;
        *values.select_nth_unstable_by(k, f32::total_cmp).1
    };
    let (low, high) = (at(low), at(high));
    (low, if high > low { high } else { low + 1.0 })
}

/// The bands that make a true-colour picture (red, green, blue): bands come as B, G, R, NIR (4), as WorldView's eight,
/// or as grey (1); of any other number the first three, taken as B, G, R.
pub fn rgb_channels(bands: usize) -> [usize; 3] {
    match bands {
        0 | 1 => [0, 0, 0],
        2 => [1, 1, 0],
        8 => [4, 2, 1],
        _ => [2, 1, 0],
    }
}

/// A picture in memory: 8-bit red, green, blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
    /// Levels `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Three bands of `data` `[height, width, bands]` under a stretch.
    ///
    /// # Errors
    /// [`PictureError::Shape`] or [`PictureError::Channel`].
    pub fn rgb(
        data: &[f32],
        width: usize,
        height: usize,
        bands: usize,
        channels: [usize; 3],
        stretch: &Stretch,
    ) -> Result<Picture, PictureError> {
        let expected = width * height * bands;
        if data.len() != expected {
            return Err(PictureError::Shape { what: "picture", width, height, bands, expected, seen: data.len() });
        }
        if let Some(&channel) = channels.iter().find(|&&c| c >= bands) {
            return Err(PictureError::Channel { channel, bands });
        }
        let levels = |p: &[f32]| [0, 1, 2].map(|c| stretch.level(c, p[channels[c]]));
        Ok(Picture { width, height, rgb: data.chunks_exact(bands).flat_map(levels).collect() })
    }

    /// One band `[height, width]` in grey, under the first channel of a stretch.
    ///
    /// # Errors
    /// [`PictureError::Shape`].
    pub fn grey(data: &[f32], width: usize, height: usize, stretch: &Stretch) -> Result<Picture, PictureError> {
        let same = Stretch { low: [stretch.low[0]; 3], high: [stretch.high[0]; 3] };
        Picture::rgb(data, width, height, 1, [0, 0, 0], &same)
    }

    /// Pictures of one height side by side, `gap` white pixels between them.
    ///
    /// # Errors
    /// [`PictureError::Panels`] if the heights differ; [`PictureError::Size`] if there is none.
    pub fn beside(panels: &[Picture], gap: usize) -> Result<Picture, PictureError> {
        let Some(first) = panels.first() else { return Err(PictureError::Size { width: 0, height: 0 }) };
        let height = first.height;
        if let Some((index, p)) = panels.iter().enumerate().find(|(_, p)| p.height != height) {
            return Err(PictureError::Panels { index, expected: height, seen: p.height });
        }
        let width = panels.iter().map(|p| p.width).sum::<usize>() + gap * (panels.len() - 1);
        let mut rgb = Vec::with_capacity(width * height * 3);
        for row in 0..height {
            for (k, p) in panels.iter().enumerate() {
                rgb.resize(rgb.len() + if k > 0 { gap * 3 } else { 0 }, 255);
                rgb.extend_from_slice(&p.rgb[row * p.width * 3..(row + 1) * p.width * 3]);
            }
        }
        Ok(Picture { width, height, rgb })
    }

    /// The picture as a PNG: grey if all its levels are, else RGB; what is not `valid` `[height, width]` is
    /// transparent.
    ///
    /// # Errors
    /// [`PictureError::Size`], or [`PictureError::Shape`] for a mask of another size.
    pub fn png(&self, valid: Option<&[bool]>) -> Result<Vec<u8>, PictureError> {
        let (width, height) = (self.width, self.height);
        let side = |n: usize| u32::try_from(n).ok().filter(|n| (1..=i32::MAX as u32).contains(n));
        let (Some(w), Some(h)) = (side(width), side(height)) else {
            return Err(PictureError::Size { width, height });
        };
        let expected = width * height;
        if let Some(seen) = valid.map(<[bool]>::len).filter(|seen| *seen != expected) {
            return Err(PictureError::Shape { what: "mask", width, height, bands: 1, expected, seen });
        }
        let grey = self.rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]);
        let (levels, color) = match (grey, valid) {
            (true, None) => (1, ColorType::Grayscale),
            (true, Some(_)) => (1, ColorType::GrayscaleAlpha),
            (false, None) => (3, ColorType::Rgb),
            (false, Some(_)) => (3, ColorType::Rgba),
        };
        let mut data = Vec::with_capacity(expected * (levels + 1));
        for (i, pixel) in self.rgb.chunks_exact(3).enumerate() {
            data.extend_from_slice(&pixel[..levels]);
            data.extend(valid.map(|v| if v[i] { 255 } else { 0 }));
        }
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, w, h);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_filter(Filter::Adaptive);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&data)?;
            writer.finish()
        });
        written.expect("size and data fit, and memory takes all bytes");
        Ok(file)
    }

    /// Writes the picture as a PNG; the file appears whole or not at all.
    ///
    /// # Errors
    /// [`PictureError::Size`] or [`PictureError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), PictureError> {
        let bytes = self.png(None)?;
        Ok(write_atomically(path, true, |file| file.write_all(&bytes))?)
    }
}
