//! Decoding of one strip or tile.
//!
//! Each is wrapped as a TIFF of its own, with one strip and the header we checked, and the `tiff`
//! crate decodes that: it undoes compression, predictor and byte order, and nothing else. So
//! photometric tags cannot drop bands (the crate reads an RGB file with a fourth, extra band as
//! three), and memory is bounded by the one chunk.

use std::io::Cursor;

use tiff::{
    TiffResult,
    decoder::{Decoder, DecodingResult, Limits},
};

use super::{Sample, directory::Order};

/// How the values of a strip or tile are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coding {
    pub(super) order: Order,
    pub(super) sample: Sample,
    /// Values per pixel in one chunk: all bands, or 1 when bands are stored apart.
    pub(super) samples: usize,
    pub(super) compression: u16,
    pub(super) predictor: u16,
}

impl Coding {
    /// Bytes of a decoded chunk.
    pub(super) fn decoded(&self, width: usize, height: usize) -> u64 {
        (width as u64).saturating_mul(height as u64).saturating_mul((self.samples * self.sample.bytes()) as u64)
    }

    /// The values `[height, width, samples]` of a chunk of fewer than 2³² bytes, stored and decoded.
    pub(super) fn decode(&self, bytes: &[u8], width: usize, height: usize) -> TiffResult<Vec<f32>> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = self.decoded(width, height) as usize;
        limits.intermediate_buffer_size = bytes.len();
        let tiff = self.wrap(bytes, width, height);
        Ok(match Decoder::new(Cursor::new(tiff))?.with_limits(limits).read_image()? {
            DecodingResult::U8(v) => v.into_iter().map(f32::from).collect(),
            DecodingResult::U16(v) => v.into_iter().map(f32::from).collect(),
            DecodingResult::I16(v) => v.into_iter().map(f32::from).collect(),
            DecodingResult::F32(v) => v,
            _ => return Err(tiff::TiffUnsupportedError::UnsupportedDataType.into()),
        })
    }

    /// A whole TIFF with this chunk as its only strip.
    fn wrap(&self, bytes: &[u8], width: usize, height: usize) -> Vec<u8> {
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        let format = match self.sample {
            Sample::U8 | Sample::U16 => 1,
            Sample::I16 => 2,
            Sample::F32 => 3,
        };
        let entries = [
            (256, LONG, width as u64),
            (257, LONG, height as u64),
            (258, SHORT, 8 * self.sample.bytes() as u64),
            (259, SHORT, self.compression.into()),
            (262, SHORT, 1), // black is zero: values as they are, for any number of bands
            (273, LONG, 0),  // place of the strip, filled in below
            (277, SHORT, self.samples as u64),
            (278, LONG, height as u64),
            (279, LONG, bytes.len() as u64),
            (317, SHORT, self.predictor.into()),
            (339, SHORT, format),
        ];
        let order = self.order;
        let start = 8 + 2 + 12 * entries.len() + 4;
        let mut tiff = Vec::with_capacity(start + bytes.len());
        tiff.extend(if order == Order::Little { *b"II" } else { *b"MM" });
        tiff.extend(order.bytes::<2>(42));
        tiff.extend(order.bytes::<4>(8));
        tiff.extend(order.bytes::<2>(entries.len() as u64));
        for (tag, kind, value) in entries {
            tiff.extend(order.bytes::<2>(tag));
            tiff.extend(order.bytes::<2>(kind.into()));
            tiff.extend(order.bytes::<4>(1));
            match kind {
                SHORT => tiff.extend([order.bytes::<2>(value), [0, 0]].concat()),
                _ if tag == 273 => tiff.extend(order.bytes::<4>(start as u64)),
                _ => tiff.extend(order.bytes::<4>(value)),
            }
        }
        tiff.extend(order.bytes::<4>(0));
        tiff.extend(bytes);
        tiff
    }
}
