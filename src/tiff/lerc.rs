//! Chunks in LERC, Esri's compression of numbers up to an error that was asked for, by the crate `lerc-rs`.
//!
//! How such a stream lies in a TIFF: libtiff's codec, which GDAL has made.

use std::io::{self, Read};

use ::lerc::{DataType, decode_info, decode_into_with_nodata};

use super::{Sample, chunk::room, picture::PictureShape};

/// What the streams of an image have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Lerc {
    /// What they are compressed by once more (LercParameters, second number): 0 nothing, 1 deflate, 2 ZSTD.
    pub(super) packing: u64,
}

impl Lerc {
    /// The values of a stream `[rows, width, samples]`, each in the bytes of this machine's order. A pixel that its
    /// mask leaves out is NaN; in bytes the mask stands for the last band, which is transparency.
    pub(super) fn decode(&self, bytes: Vec<u8>, sample: Sample, shape: PictureShape) -> io::Result<Vec<u8>> {
        // A stream has no more bytes than plain values, but for its head and its mask.
        let most = 2 * shape.bytes(shape.most_rows) * sample.bytes() + (1 << 16);
        let stream = match self.packing {
            0 => bytes,
            1 => unpack(flate2::read::ZlibDecoder::new(&bytes[..]), most)?,
            2 => unpack(zstd::Decoder::new(&bytes[..])?, most)?,
            other => return Err(io::Error::other(format!("LERC: packed by method {other}"))),
        };
        let info = decode_info(&stream).map_err(failed)?;
        let height = shape.height([info.width as usize, info.height as usize])?;
        let kind = match sample {
            Sample::U8 => DataType::Byte,
            Sample::U16 => DataType::UShort,
            Sample::I16 => DataType::Short,
            Sample::F32 => DataType::Float,
        };
        let masked = info.depth as usize + 1 == shape.samples && sample == Sample::U8;
        if info.bands != 1 || info.data_type != kind || !(masked || info.depth as usize == shape.samples) {
            let what = format!(
                "LERC: it holds {} values of {:?}, not {} of {sample}",
                info.depth, info.data_type, shape.samples
            );
            return Err(io::Error::other(what));
        }
        let pixels = shape.width * height;
        let mut values = match sample {
            Sample::U8 if masked => with_mask(&stream, pixels, info.depth as usize)?,
            Sample::U8 => plain(&stream, pixels * shape.samples, 0u8, |v| [v])?,
            Sample::U16 => plain(&stream, pixels * shape.samples, 0u16, u16::to_ne_bytes)?,
            Sample::I16 => plain(&stream, pixels * shape.samples, 0i16, i16::to_ne_bytes)?,
            Sample::F32 => plain(&stream, pixels * shape.samples, f32::NAN, f32::to_ne_bytes)?,
        };
        values.truncate(shape.bytes(shape.rows) * sample.bytes());
        Ok(values)
    }
}

fn failed(error: ::lerc::LercError) -> io::Error {
    io::Error::other(format!("LERC: {error}"))
}

/// At most so many bytes.
fn unpack(reader: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(most as u64).read_to_end(&mut out)?;
    Ok(out)
}

/// So many values as bytes; what the mask leaves out becomes `gap`.
fn plain<T: ::lerc::Sample + Copy, const N: usize>(
    stream: &[u8],
    count: usize,
    gap: T,
    bytes: impl Fn(T) -> [u8; N],
) -> io::Result<Vec<u8>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| io::ErrorKind::OutOfMemory)?;
    values.resize(count, gap);
    decode_into_with_nodata(stream, &mut values, gap).map_err(failed)?;
    let mut out = room(count * N)?;
    values.into_iter().for_each(|value| out.extend(bytes(value)));
    Ok(out)
}

/// Pixels of bytes, each with what the mask says of it behind them.
fn with_mask(stream: &[u8], pixels: usize, depth: usize) -> io::Result<Vec<u8>> {
    let mut values = room(pixels * depth)?;
    values.resize(pixels * depth, 0);
    let decoded = decode_into_with_nodata(stream, &mut values, 0).map_err(failed)?;
    let mask = decoded.valid_masks.first();
    let mut out = room(pixels * (depth + 1))?;
    for (i, pixel) in values.chunks_exact(depth).enumerate() {
        out.extend(pixel);
        out.push(if mask.is_none_or(|mask| mask.is_valid(i)) { u8::MAX } else { 0 });
    }
    Ok(out)
}
