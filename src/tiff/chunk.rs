//! Decoding of one strip or tile: compression, byte order, packing of bits, predictor.

use std::io::{self, Read};

use weezl::{BitOrder, LzwStatus};

use super::{
    Sample,
    directory::ByteOrder,
    lerc::Lerc,
    picture::{Jpeg, PictureShape, webp},
    tags::{CompressionMethod, LERC, Predictor},
};

/// Compression of a chunk.
#[derive(Debug, Clone)]
pub(super) enum Codec {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstd,
    Jpeg(Jpeg),
    WebP,
    Lerc(Lerc),
}

impl Codec {
    /// That of a method, if it is one we have.
    pub(super) fn of(method: CompressionMethod) -> Option<Self> {
        Some(match method {
            CompressionMethod::None => Self::None,
            CompressionMethod::LZW => Self::Lzw,
            CompressionMethod::Deflate | CompressionMethod::OldDeflate => Self::Deflate,
            CompressionMethod::PackBits => Self::PackBits,
            CompressionMethod::ZSTD => Self::Zstd,
            CompressionMethod::ModernJPEG => Self::Jpeg(Jpeg::default()),
            CompressionMethod::WebP => Self::WebP,
            LERC => Self::Lerc(Lerc::default()),
            _ => return None,
        })
    }

    /// Whether values go through a predictor before they are compressed.
    pub(super) fn has_predictor(&self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstd)
    }

    /// Whether values are kept as they are.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether a chunk is a picture of its own, of values of 8 bits.
    pub(super) fn is_picture(&self) -> bool {
        matches!(self, Self::Jpeg(_) | Self::WebP)
    }

    /// Largest number of decoded bytes that one stored byte can stand for; more is a damaged size. `None`: pictures
    /// and LERC's streams state their own size, and a few bytes of them can stand for one of any size in one colour.
    pub(super) fn most(&self) -> Option<u64> {
        Some(match self {
            Self::None => 1,
            // Two bytes give 128.
            Self::PackBits => 64,
            // 258 bytes from two bits.
            Self::Deflate => 1032,
            // Strings of growing length in the table of 4096: each code adds at most that.
            Self::Lzw => 1400,
            // A block of 128 KiB in four bytes.
            Self::Zstd => 1 << 15,
            Self::Jpeg(_) | Self::WebP | Self::Lerc(_) => return None,
        })
    }
}

/// How the values of a strip or tile are stored.
#[derive(Debug, Clone)]
pub(super) struct Coding {
    pub(super) order: ByteOrder,
    pub(super) sample: Sample,
    /// Bits of a stored value: those of the sample, or fewer, packed without gaps within a row.
    pub(super) bits: u8,
    /// Values per pixel in one chunk: all bands, or 1 when bands are stored apart.
    pub(super) samples: usize,
    pub(super) codec: Codec,
    pub(super) predictor: Predictor,
}

impl Coding {
    /// Bytes of a chunk before compression; rows begin at whole bytes.
    pub(super) fn stored(&self, width: usize, height: usize) -> u64 {
        let bits = (width as u64).saturating_mul(self.samples as u64).saturating_mul(self.bits.into());
        bits.div_ceil(8).saturating_mul(height as u64)
    }

    /// Bytes of a decoded chunk.
    pub(super) fn decoded(&self, width: usize, height: usize) -> u64 {
        (width as u64).saturating_mul(height as u64).saturating_mul((self.samples * self.sample.bytes()) as u64)
    }

    /// The values `[height, width, samples]` of a chunk, each in the bytes of this machine's order; `most` rows are
    /// those of the largest chunk.
    pub(super) fn decode(&self, bytes: Vec<u8>, width: usize, height: usize, most: usize) -> io::Result<Vec<u8>> {
        let shape = PictureShape { width, rows: height, most_rows: most, samples: self.samples };
        match &self.codec {
            Codec::Jpeg(jpeg) => return jpeg.decode(&bytes, shape),
            Codec::WebP => return webp(&bytes, shape),
            Codec::Lerc(lerc) => return lerc.decode(bytes, self.sample, shape),
            _ => {}
        }
        let size = usize::try_from(self.stored(width, height)).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut values = self.codec.decode(bytes, size)?;
        let row = width * self.samples;
        if usize::from(self.bits) != 8 * self.sample.bytes() {
            return self.unpack(&values, row);
        }
        let bytes = self.sample.bytes();
        if self.predictor == Predictor::FloatingPoint {
            values.chunks_exact_mut(row * bytes).for_each(|row| float_sums(row, self.samples));
            return Ok(values);
        }
        if self.order != ByteOrder::NATIVE {
            values.chunks_exact_mut(bytes).for_each(<[u8]>::reverse);
        }
        if self.predictor == Predictor::Horizontal {
            for row in values.chunks_exact_mut(row * bytes) {
                match bytes {
                    1 => sums::<1>(row, self.samples, |[a], [b]| [a.wrapping_add(b)]),
                    2 => sums::<2>(row, self.samples, |a, b| {
                        u16::from_ne_bytes(a).wrapping_add(u16::from_ne_bytes(b)).to_ne_bytes()
                    }),
                    _ => sums::<4>(row, self.samples, |a, b| {
                        u32::from_ne_bytes(a).wrapping_add(u32::from_ne_bytes(b)).to_ne_bytes()
                    }),
                }
            }
        }
        Ok(values)
    }

    /// Values of fewer bits than their type has, most significant bit first, as whole numbers.
    fn unpack(&self, packed: &[u8], row: usize) -> io::Result<Vec<u8>> {
        let bits = u32::from(self.bits);
        let stride = (row * self.bits as usize).div_ceil(8);
        let mut values = room(packed.len() / stride.max(1) * row * self.sample.bytes())?;
        for line in packed.chunks_exact(stride) {
            let (mut held, mut count, mut next) = (0u32, 0, line.iter());
            for _ in 0..row {
                while count < bits {
                    held = held << 8 | u32::from(*next.next().unwrap_or(&0));
                    count += 8;
                }
                count -= bits;
                let value = held >> count & ((1 << bits) - 1);
                match self.sample.bytes() {
                    1 => values.push(value as u8),
                    _ => values.extend((value as u16).to_ne_bytes()),
                }
            }
        }
        Ok(values)
    }
}

/// An empty list with room for so many bytes.
pub(super) fn room(bytes: usize) -> io::Result<Vec<u8>> {
    let mut list = Vec::new();
    list.try_reserve_exact(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    Ok(list)
}

impl Codec {
    /// Exactly `size` bytes; surplus ones, as some programs write after the last row, are dropped.
    fn decode(&self, mut bytes: Vec<u8>, size: usize) -> io::Result<Vec<u8>> {
        let out = match self {
            Self::None => {
                bytes.truncate(size);
                bytes
            }
            Self::Lzw => lzw(&bytes, size)?,
            Self::Deflate => take(flate2::read::ZlibDecoder::new(&bytes[..]), size)?,
            Self::PackBits => pack_bits(&bytes, size)?,
            Self::Zstd => {
                let mut out = room(size)?;
                zstd::bulk::Decompressor::new()?.decompress_to_buffer(&bytes, &mut out)?;
                out
            }
            Self::Jpeg(_) | Self::WebP | Self::Lerc(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        match out.len() == size {
            true => Ok(out),
            false => Err(io::Error::other(format!("{} bytes instead of {size}", out.len()))),
        }
    }
}

fn take(reader: impl Read, size: usize) -> io::Result<Vec<u8>> {
    let mut out = room(size)?;
    reader.take(size as u64).read_to_end(&mut out)?;
    Ok(out)
}

fn lzw(mut bytes: &[u8], size: usize) -> io::Result<Vec<u8>> {
    // Before TIFF 6 codes began at the other end of a byte and grew one later; a first code of 256, which clears the
    // table, tells the two apart.
    let old = matches!(bytes, [0, second, ..] if second & 1 == 1);
    let mut decoder = match old {
        true => weezl::decode::Decoder::new(BitOrder::Lsb, 8),
        false => weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
    };
    let (mut out, mut done) = (room(size)?, 0);
    out.resize(size, 0);
    while done < size {
        let step = decoder.decode_bytes(bytes, &mut out[done..]);
        (bytes, done) = (&bytes[step.consumed_in..], done + step.consumed_out);
        match step.status {
            Ok(LzwStatus::Ok) => {}
            Ok(LzwStatus::Done | LzwStatus::NoProgress) => break,
            Err(e) => return Err(io::Error::other(e)),
        }
    }
    out.truncate(done);
    Ok(out)
}

/// Runs: n < 128 copies the n + 1 bytes that follow, n > 128 repeats the next one 257 − n times.
fn pack_bits(bytes: &[u8], size: usize) -> io::Result<Vec<u8>> {
    // The last run may go beyond.
    let (mut out, mut rest) = (room(size + 128)?, bytes);
    while let (true, [head, tail @ ..]) = (out.len() < size, rest) {
        let n = usize::from(*head);
        rest = match (n, tail) {
            (128, _) | (129.., []) => tail,
            (129.., [value, tail @ ..]) => {
                out.resize(out.len() + 257 - n, *value);
                tail
            }
            _ => {
                let (run, tail) = tail.split_at(tail.len().min(n + 1));
                out.extend(run);
                tail
            }
        };
    }
    out.truncate(size);
    Ok(out)
}

/// Undoes differences between pixels of `samples` values of N bytes.
fn sums<const N: usize>(row: &mut [u8], samples: usize, add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (values, _) = row.as_chunks_mut::<N>();
    for i in samples..values.len() {
        values[i] = add(values[i], values[i - samples]);
    }
}

/// Undoes the floating-point predictor: differences, then the order by significance.
fn float_sums(row: &mut [u8], samples: usize) {
    for i in samples..row.len() {
        row[i] = row[i].wrapping_add(row[i - samples]);
    }
    let count = row.len() / 4;
    let values: Vec<u8> = (0..count)
        .flat_map(|i| u32::from_be_bytes(std::array::from_fn(|b| row[b * count + i])).to_ne_bytes())
        .collect();
    row.copy_from_slice(&values);
}
