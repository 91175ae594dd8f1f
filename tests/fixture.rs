//! Files of every layout we read, written from the TIFF specification without code of the library.

use std::{fs, path::Path};

use tiff::encoder::compression::{CompressionAlgorithm, Deflate, Lzw, Packbits};
use trapan::scene::{Alignment, Extent, GeometryOptions};
use trapan::tiff::{GeoTags, Raster, Sample, Source, TiffError};

pub const SAMPLES: [Sample; 4] = [Sample::U8, Sample::U16, Sample::I16, Sample::F32];

/// Compressions of chunks that are pictures.
pub const JPEG: u64 = 7;
pub const WEBP: u64 = 50001;
/// And of numbers within an error.
pub const LERC: u64 = 34887;

/// A picture of `[height, width, bands]` values of 8 bits: colours as luminance and differences of two pixels by two,
/// or bands as they are.
fn jpeg(values: &[u8], [w, h, c]: [usize; 3], colours: bool) -> Vec<u8> {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 100);
    encoder.set_sampling_factor(if colours { SamplingFactor::F_2_2 } else { SamplingFactor::F_1_1 });
    let kind = match c {
        1 => ColorType::Luma,
        _ if colours => ColorType::Rgb,
        _ => ColorType::Ycbcr,
    };
    encoder.encode(values, w as u16, h as u16, kind).unwrap();
    out
}

/// LERC without loss, of values with the low byte first, and a mask where they are no numbers.
fn lerc(raw: &[u8], sample: Sample, [w, h, c]: [usize; 3]) -> Vec<u8> {
    use lerc::{DataType, Image, Precision, SampleData, bitmask::BitMask};
    let (pairs, fours) = (raw.chunks_exact(2), raw.chunks_exact(4));
    let (data_type, data) = match sample {
        Sample::U8 => (DataType::Byte, SampleData::U8(raw.to_vec())),
        Sample::U16 => (DataType::UShort, SampleData::U16(pairs.map(|v| u16::from_le_bytes([v[0], v[1]])).collect())),
        Sample::I16 => (DataType::Short, SampleData::I16(pairs.map(|v| i16::from_le_bytes([v[0], v[1]])).collect())),
        Sample::F32 => {
            let values = fours.map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]]));
            (DataType::Float, SampleData::F32(values.collect()))
        }
    };
    let mut mask = BitMask::all_valid(w * h);
    if let SampleData::F32(values) = &data {
        let gaps = values.chunks(c).enumerate().filter(|(_, pixel)| pixel[0].is_nan());
        gaps.for_each(|(i, _)| mask.set_invalid(i));
    }
    let valid_masks = vec![mask];
    let (width, height, depth) = (w as u32, h as u32, c as u32);
    let image = Image { width, height, depth, bands: 1, data_type, valid_masks, data, no_data_value: None };
    lerc::encode(&image, Precision::Lossless).unwrap()
}

/// A JPEG stream without its tables, and they alone.
fn without_tables(stream: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut picture, mut tables, mut at) = (stream[..2].to_vec(), stream[..2].to_vec(), 2);
    while stream[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([stream[at + 2], stream[at + 3]]));
        let to = if matches!(stream[at + 1], 0xc4 | 0xdb) { &mut tables } else { &mut picture };
        to.extend(&stream[at..end]);
        at = end;
    }
    picture.extend(&stream[at..]);
    tables.extend([0xff, 0xd9]);
    (picture, tables)
}

/// The tables of all pictures here, for tag 347: chunks of a file that has it do without.
pub fn jpeg_tables() -> Vec<u64> {
    let (_, tables) = without_tables(&jpeg(&[0; 16 * 16 * 3], [16, 16, 3], true));
    tables.into_iter().map(u64::from).collect()
}

/// Values that use most of the type's range, extremes included; `[H, W, C]`.
pub fn scene(sample: Sample, [w, h, c]: [usize; 3]) -> Vec<f32> {
    let [low, high] = match sample {
        Sample::F32 => [-3.5, 1e4],
        _ => sample.range(),
    };
    let value = |i: usize| {
        let noise = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let smooth = (i / (w * c)) as f32 / h as f32;
        let value = low + (high - low) * (0.7 * smooth + 0.3 * noise as f32 / (1 << 24) as f32);
        if sample == Sample::F32 { value } else { value.round() }
    };
    let mut data: Vec<f32> = (0..w * h * c).map(value).collect();
    data[0] = low;
    data[w * h * c - 1] = high;
    data
}

/// A file to write; the `tiff` and `zstd` crates compress.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub sample: Sample,
    /// Width, height, bands.
    pub size: [usize; 3],
    /// Bits of a value, packed, where they are fewer than those of the type.
    pub bits: Option<u8>,
    pub big_endian: bool,
    pub big_tiff: bool,
    pub planar: bool,
    pub tile: Option<[usize; 2]>,
    pub compression: u64,
    pub predictor: u64,
    pub photometric: u64,
    /// Tags to add or replace: number, type, values.
    pub set: Vec<(u16, u16, Vec<u64>)>,
    /// Which pixels are valid: a mask as a second image of one bit.
    pub mask: Option<Vec<bool>>,
}

impl Fixture {
    pub fn new(sample: Sample, size: [usize; 3]) -> Self {
        Self {
            sample,
            size,
            bits: None,
            big_endian: false,
            big_tiff: false,
            planar: false,
            tile: None,
            compression: 1,
            predictor: 1,
            photometric: 1,
            set: Vec::new(),
            mask: None,
        }
    }

    pub fn with(mut self, tag: u16, kind: u16, values: &[u64]) -> Self {
        self.set.push((tag, kind, values.to_vec()));
        self
    }

    fn number(&self, value: u64, width: usize) -> Vec<u8> {
        match self.big_endian {
            true => value.to_be_bytes()[8 - width..].to_vec(),
            false => value.to_le_bytes()[..width].to_vec(),
        }
    }

    fn stored(&self, value: f32) -> u64 {
        match self.sample {
            Sample::U8 => value as u64,
            Sample::U16 => value as u64,
            Sample::I16 => u64::from(value as i16 as u16),
            Sample::F32 => u64::from(value.to_bits()),
        }
    }

    /// One row of a chunk: predicted, in the file's byte order.
    fn row(&self, values: &[u64], samples: usize) -> Vec<u8> {
        let width = self.sample.bytes();
        if let Some(bits) = self.bits {
            let bit = |i: usize| values[i / bits as usize] >> (bits as usize - 1 - i % bits as usize) & 1;
            let line: Vec<u8> = (0..values.len() * bits as usize).map(|i| bit(i) as u8).collect();
            return line.chunks(8).map(|byte| byte.iter().zip(0..).map(|(bit, i)| bit << (7 - i)).sum()).collect();
        }
        match self.predictor {
            3 => {
                let byte = |i: usize| (values[i % values.len()] >> (24 - 8 * (i / values.len()))) as u8;
                let bytes: Vec<u8> = (0..4 * values.len()).map(byte).collect();
                let before = |i: usize| if i < samples { 0 } else { bytes[i - samples] };
                (0..bytes.len()).map(|i| bytes[i].wrapping_sub(before(i))).collect()
            }
            predictor => {
                let before = |i: usize| if predictor == 1 || i < samples { 0 } else { values[i - samples] };
                (0..values.len()).flat_map(|i| self.number(values[i].wrapping_sub(before(i)), width)).collect()
            }
        }
    }

    pub fn bytes(&self, data: &[f32]) -> Vec<u8> {
        let offset = if self.big_tiff { 8 } else { 4 };
        let mut file = if self.big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        file.extend(self.number(if self.big_tiff { 43 } else { 42 }, 2));
        if self.big_tiff {
            file.extend([self.number(8, 2), self.number(0, 2)].concat());
        }
        let first = file.len();
        file.extend(vec![0; offset]);
        let link = self.append(&mut file, first, data);
        if let Some(mask) = &self.mask {
            let [width, height, _] = self.size;
            let mask: Vec<f32> = mask.iter().map(|valid| f32::from(u8::from(*valid))).collect();
            let image = Self {
                bits: Some(1),
                big_endian: self.big_endian,
                big_tiff: self.big_tiff,
                compression: 8,
                photometric: 4,
                ..Self::new(Sample::U8, [width, height, 1])
            };
            image.with(254, 4, &[4]).append(&mut file, link, &mask);
        }
        file
    }

    /// Adds an image, whose directory goes into the link; gives the link to the next one.
    fn append(&self, file: &mut Vec<u8>, link: usize, data: &[f32]) -> usize {
        let [w, h, c] = self.size;
        let [cw, ch] = self.tile.unwrap_or([w, 7]);
        let (planes, samples) = if self.planar { (c, 1) } else { (1, c) };
        let offset = if self.big_tiff { 8 } else { 4 };
        let (mut places, mut lengths) = (Vec::new(), Vec::new());
        for plane in 0..planes {
            for top in (0..h).step_by(ch) {
                for left in (0..w).step_by(cw) {
                    let rows = if self.tile.is_some() { ch } else { ch.min(h - top) };
                    let mut raw = Vec::new();
                    for y in top..top + rows {
                        let at = |x: usize, s: usize| (y.min(h - 1) * w + x.min(w - 1)) * c + plane + s;
                        let value = |i: usize| self.stored(data[at(left + i / samples, i % samples)]);
                        raw.extend(self.row(&(0..cw * samples).map(value).collect::<Vec<_>>(), samples));
                    }
                    let mut packed = Vec::new();
                    match self.compression {
                        5 => _ = Lzw.write_to(&mut packed, &raw).unwrap(),
                        8 | 32946 => _ = Deflate::default().write_to(&mut packed, &raw).unwrap(),
                        32773 => _ = Packbits.write_to(&mut packed, &raw).unwrap(),
                        50000 => packed = zstd::encode_all(&raw[..], 3).unwrap(),
                        JPEG if self.sample == Sample::U8 && matches!(samples, 1 | 3) => {
                            packed = jpeg(&raw, [cw, rows, samples], self.photometric == 6);
                            if self.set.iter().any(|(tag, ..)| *tag == 347) {
                                packed = without_tables(&packed).0;
                            }
                        }
                        WEBP if self.sample == Sample::U8 && matches!(samples, 3 | 4) => {
                            use image_webp::{ColorType, WebPEncoder};
                            let kind = if samples == 3 { ColorType::Rgb8 } else { ColorType::Rgba8 };
                            WebPEncoder::new(&mut packed).encode(&raw, cw as u32, rows as u32, kind).unwrap();
                        }
                        LERC => packed = lerc(&raw, self.sample, [cw, rows, samples]),
                        _ => packed = raw,
                    }
                    places.push(file.len() as u64);
                    lengths.push(packed.len() as u64);
                    file.extend(packed);
                }
            }
        }
        let format = [1, 1, 2, 3][SAMPLES.iter().position(|s| *s == self.sample).unwrap()];
        let mut tags = vec![
            (256, 4, vec![w as u64]),
            (257, 3, vec![h as u64]),
            (258, 3, vec![self.bits.map_or(8 * self.sample.bytes() as u64, u64::from); c]),
            (259, 3, vec![self.compression]),
            (262, 3, vec![self.photometric]),
            (277, 3, vec![c as u64]),
            (284, 3, vec![1 + u64::from(self.planar)]),
            (317, 3, vec![self.predictor]),
            (339, 3, vec![format; c]),
        ];
        let kind = if self.big_tiff { 16 } else { 4 };
        match self.tile {
            None => tags.extend([(273, kind, places), (278, 3, vec![ch as u64]), (279, kind, lengths)]),
            Some(_) => {
                tags.extend([(322, 3, vec![cw as u64]), (323, 3, vec![ch as u64])]);
                tags.extend([(324, kind, places), (325, kind, lengths)]);
            }
        }
        for new in &self.set {
            tags.retain(|tag| tag.0 != new.0);
            tags.push(new.clone());
        }
        tags.sort();
        let mut directory = self.number(tags.len() as u64, if self.big_tiff { 8 } else { 2 });
        for (tag, kind, values) in tags {
            let width = match kind {
                2 | 7 => 1,
                3 => 2,
                4 => 4,
                _ => 8,
            };
            let mut value: Vec<u8> = values.iter().flat_map(|v| self.number(*v, width)).collect();
            if value.len() > offset {
                let at = file.len() as u64;
                file.extend(value);
                value = self.number(at, offset);
            }
            value.resize(offset, 0);
            directory.extend([self.number(tag.into(), 2), self.number(kind.into(), 2)].concat());
            directory.extend([self.number(values.len() as u64, offset), value].concat());
        }
        let at = self.number(file.len() as u64, offset);
        file[link..link + offset].copy_from_slice(&at);
        file.extend(directory);
        file.extend(vec![0; offset]);
        file.len() - offset
    }
}

/// Reads a file in memory.
pub fn parse(bytes: &[u8], name: &str) -> Result<Raster, TiffError> {
    Source::from_bytes(bytes.to_vec(), name.as_ref())?.read_all()
}

/// A georeference with every kind of tag.
pub fn utm() -> GeoTags {
    GeoTags {
        pixel_scale: vec![2.0, 2.0, 0.0],
        tiepoints: vec![0.0, 0.0, 0.0, 452085.0, 4484715.0, 0.0],
        transformation: vec![],
        keys: vec![1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 1026, 34737, 8, 0, 3072, 0, 1, 32630],
        double_params: vec![],
        ascii_params: b"UTM 30N|".to_vec(),
    }
}

/// Names in a folder, sorted.
pub fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Most images here have no georeference.
pub const ALIGNED: GeometryOptions = GeometryOptions {
    assume_aligned: Some(Alignment::Area),
    extent: Extent::Intersection,
    shift: [0.0; 2],
    drifting: false,
};
