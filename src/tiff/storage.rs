//! Where the values of an image are: size, coding and chunks (strips or tiles), from the tags.

use std::{io, ops::Range};

use super::{
    Sample, Window,
    chunk::{Codec, Coding},
    directory::Directory,
    error::{TiffError, translate},
    input::Input,
    picture::Jpeg,
    tags::{
        self, CompressionMethod, LERC_PARAMETERS, PhotometricInterpretation, PlanarConfiguration, Predictor,
        SampleFormat, Tag, compression_name,
    },
};

/// Most bytes of one decoded chunk, which is the least that is ever decoded at once.
const MAX_CHUNK: u64 = 1 << 30;
/// A chunk may have more values than its image: the tiles of a small one are not cut. So many bytes are let pass,
/// and so many times the image.
const ROOMY: u64 = 64 << 20;
const MOST_TIMES: u64 = 4;
/// Uncompressed strips are cut into smaller ones of about this many bytes: programs that do not
/// compress often write the whole image as one strip.
const STRIP: u64 = 1 << 20;

/// Where the values of an image are.
pub(super) struct Storage {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bands in the file, transparency included.
    pub(super) bands: usize,
    pub(super) coding: Coding,
    /// Whether each band has chunks of its own.
    pub(super) planar: bool,
    tiled: bool,
    /// Width and height of a chunk.
    pub(super) chunk: [usize; 2],
    /// Place and length of each chunk: by band if planar, then rows of chunks, then along the row.
    chunks: Vec<(u64, u64)>,
}

impl Storage {
    pub(super) fn read(tiff: &Directory<'_>) -> Result<Self, TiffError> {
        let input = tiff.input;
        let unsupported = |what: String, options: &str| {
            let fix = translate(options, &input.path);
            TiffError::Unsupported { path: input.path.clone(), what, fix }
        };
        // A tag's only value; beyond 16 bits, which none of these has, it is no number that means something.
        let value = |tag: Tag, default: u16| Ok::<_, TiffError>(tiff.uint(tag)?.unwrap_or(default.into()));
        let number = |value: u64| u16::try_from(value).ok();
        let compression = value(Tag::Compression, CompressionMethod::None.to_u16())?;
        let codec = number(compression).map(CompressionMethod::from_u16_exhaustive).and_then(Codec::of);
        let mut codec = codec.ok_or_else(|| unsupported(compression_name(compression), "-co COMPRESS=DEFLATE"))?;
        let bits = value(Tag::BitsPerSample, 1)?;
        let sample = sample(bits, value(Tag::SampleFormat, SampleFormat::Uint.to_u16())?)
            .map_err(|(what, options)| unsupported(what, options))?;
        let photometric = value(Tag::PhotometricInterpretation, PhotometricInterpretation::BlackIsZero.to_u16())?;
        match (number(photometric).and_then(PhotometricInterpretation::from_u16), &mut codec) {
            (
                Some(
                    PhotometricInterpretation::WhiteIsZero
                    | PhotometricInterpretation::BlackIsZero
                    | PhotometricInterpretation::RGB
                    | PhotometricInterpretation::TransparencyMask,
                ),
                _,
            ) => {}
            // Only JPEG's decoder brings the colour differences of several pixels back to each of them.
            (Some(PhotometricInterpretation::YCbCr), Codec::Jpeg(jpeg)) => jpeg.ycbcr = true,
            (Some(PhotometricInterpretation::RGBPalette), _) => return Err(colour_table(tiff)?),
            _ => {
                let what = format!("photometric interpretation {photometric}");
                return Err(unsupported(what, "-co PHOTOMETRIC=MINISBLACK"));
            }
        }
        if tiff.uint(Tag::FillOrder)?.is_some_and(|order| order != tags::HIGH_BITS_FIRST) {
            return Err(unsupported("the reversed order of bits (FillOrder 2)".into(), "-co COMPRESS=DEFLATE"));
        }
        let predictor = value(Tag::Predictor, Predictor::None.to_u16())?;
        let predictor = match (number(predictor).and_then(Predictor::from_u16), sample) {
            // Only some compressions have predictors, whatever the tag says.
            _ if !codec.has_predictor() => Predictor::None,
            (Some(Predictor::None), _) => Predictor::None,
            (Some(Predictor::Horizontal), _) if matches!(bits, 8 | 16 | 32) => Predictor::Horizontal,
            (Some(Predictor::FloatingPoint), Sample::F32) => Predictor::FloatingPoint,
            _ => {
                let what = format!("predictor {predictor} for {bits}-bit {sample}");
                return Err(unsupported(what, "-co PREDICTOR=1"));
            }
        };
        let planar = value(Tag::PlanarConfiguration, PlanarConfiguration::Chunky.to_u16())?;
        let planar = match number(planar).and_then(PlanarConfiguration::from_u16) {
            Some(PlanarConfiguration::Chunky) => false,
            Some(PlanarConfiguration::Planar) => true,
            _ => return Err(tiff.damaged(format!("planar configuration is {planar}"))),
        };

        let side = |name: &str, value: u64| match usize::try_from(value) {
            Ok(side) if side > 0 && value <= u32::MAX.into() => Ok(side),
            _ => Err(tiff.damaged(format!("{name} is {value}"))),
        };
        let width = side("width", tiff.need(Tag::ImageWidth, "width")?)?;
        let height = side("height", tiff.need(Tag::ImageLength, "height")?)?;
        let bands = side("number of bands", value(Tag::SamplesPerPixel, 1)?)?;
        if bands > u16::MAX.into() {
            return Err(tiff.damaged(format!("number of bands is {bands}")));
        }

        let tiled = tiff.has(Tag::TileWidth) || tiff.has(Tag::TileOffsets);
        let strips = (Tag::StripOffsets, Tag::StripByteCounts);
        let (chunk, offsets, lengths) = if tiled {
            let [w, h] = [tiff.need(Tag::TileWidth, "tile width")?, tiff.need(Tag::TileLength, "tile height")?];
            // Old writers list tiles under the tags of strips.
            let (offsets, lengths) = match tiff.has(Tag::TileOffsets) {
                true => (Tag::TileOffsets, Tag::TileByteCounts),
                false => strips,
            };
            ([side("tile width", w)?, side("tile height", h)?], offsets, lengths)
        } else {
            let rows = tiff.uint(Tag::RowsPerStrip)?.unwrap_or(u32::MAX.into());
            ([width, side("rows per strip", rows)?.min(height)], strips.0, strips.1)
        };
        let missing = |tag: Tag| format!("tag {} (places or lengths of the data) is missing", tag.to_u16());
        let offsets = tiff.uints(offsets)?.ok_or_else(|| tiff.damaged(missing(offsets)))?;
        let lengths = tiff.uints(lengths)?.ok_or_else(|| tiff.damaged(missing(lengths)))?;
        let planes = if planar { bands } else { 1 };
        let count = (width.div_ceil(chunk[0]) as u128) * (height.div_ceil(chunk[1]) as u128) * planes as u128;
        if (offsets.len().min(lengths.len()) as u128) < count {
            let [w, h] = chunk;
            return Err(tiff.damaged(format!(
                "{width}x{height} pixels in {bands} bands make {count} chunks of {w}x{h}, the file lists {} places and {} lengths",
                offsets.len(),
                lengths.len()
            )));
        }
        let samples = if planar { 1 } else { bands };
        picture_of(&codec, bits, samples).map_err(|what| {
            unsupported(format!("{} of {what}", compression_name(compression)), "-co COMPRESS=DEFLATE")
        })?;
        match &mut codec {
            Codec::Jpeg(jpeg) => jpeg.tables = tiff.bytes(Tag::JPEGTables)?,
            Codec::Lerc(lerc) => {
                let parameters = tiff.uints(LERC_PARAMETERS)?.unwrap_or_default();
                lerc.packing = parameters.get(1).copied().unwrap_or_default();
            }
            _ => {}
        }
        let coding = Coding { order: tiff.order, sample, bits: bits as u8, samples, codec, predictor };
        let chunks = offsets.into_iter().zip(lengths).take(count as usize).collect();
        let mut storage = Self { width, height, bands, coding, planar, tiled, chunk, chunks };
        storage.check(input)?;
        storage.cut_strips();
        Ok(storage)
    }

    /// Whether the file can hold what it claims, before any of it is allocated.
    fn check(&self, input: &Input) -> Result<(), TiffError> {
        for (i, &(at, length)) in self.chunks.iter().enumerate() {
            if length == 0 {
                continue;
            }
            let (what, end) = (self.name(i), at.saturating_add(length));
            if end > input.size {
                return Err(input.truncated(&what, end));
            }
            let stored = self.coding.stored(self.chunk[0], self.rows(i));
            if self.coding.codec.most().is_some_and(|most| stored > length.saturating_mul(most)) {
                return Err(input.damaged(format!("{what} has {length} bytes and claims to hold {stored}")));
            }
            let decoded = self.coding.decoded(self.chunk[0], self.rows(i));
            let needed = self.coding.decoded(self.width, self.height);
            if decoded.max(stored) > ROOMY.max(needed.saturating_mul(MOST_TIMES)) {
                let ([w, h], [across, down]) = ([self.width, self.height], self.chunk);
                return Err(input.damaged(format!("{what} has {across}x{down} pixels, the image {w}x{h}")));
            }
            if !self.coding.codec.is_none() && decoded.max(stored) > MAX_CHUNK {
                let (path, fix) = (input.path.clone(), translate("-co TILED=YES", &input.path));
                return Err(TiffError::Unsupported { path, what: format!("{what} of {decoded} bytes"), fix });
            }
        }
        Ok(())
    }

    /// Makes uncompressed strips small, so that a window does not read a whole image.
    fn cut_strips(&mut self) {
        let row = self.coding.stored(self.width, 1);
        let mut rows = (STRIP / row).max(1) as usize;
        if self.tiled || !self.coding.codec.is_none() || rows >= self.chunk[1] {
            return;
        }
        if self.across_and_down()[1] > 1 {
            // Equal parts, so that chunks stay a grid.
            rows = (1..=rows).rev().find(|rows| self.chunk[1].is_multiple_of(*rows)).unwrap_or(1);
        }
        let mut chunks = Vec::new();
        for (i, &(at, length)) in self.chunks.iter().enumerate() {
            for top in (0..self.rows(i)).step_by(rows) {
                let bytes = row * rows.min(self.rows(i) - top) as u64;
                chunks.push(if length == 0 { (0, 0) } else { (at + row * top as u64, bytes) });
            }
        }
        self.chunk[1] = rows;
        self.chunks = chunks;
    }

    /// Chunks along a row, and along a column.
    pub(super) fn across_and_down(&self) -> [usize; 2] {
        [self.width.div_ceil(self.chunk[0]), self.height.div_ceil(self.chunk[1])]
    }

    /// Number of a chunk from its band (0 unless planar), row of chunks and place in the row.
    pub(super) fn index(&self, band: usize, row: usize, column: usize) -> usize {
        let [across, down] = self.across_and_down();
        (band * down + row) * across + column
    }

    /// Stored rows of a chunk: the last strip is cut off, a tile is always whole.
    fn rows(&self, index: usize) -> usize {
        let [across, down] = self.across_and_down();
        let top = index % (across * down) / across * self.chunk[1];
        if self.tiled { self.chunk[1] } else { self.chunk[1].min(self.height - top) }
    }

    fn name(&self, index: usize) -> String {
        format!("{} {} of {}", if self.tiled { "tile" } else { "strip" }, index + 1, self.chunks.len())
    }

    /// Where a chunk lies in the file; `None` if it is left out.
    pub(super) fn place(&self, index: usize) -> Option<Range<u64>> {
        let (at, length) = self.chunks[index];
        (length > 0).then(|| at..at + length)
    }

    /// The values of a chunk as [`Coding::decode`] gives them; `None` if the file leaves it out.
    pub(super) fn decode(&self, input: &Input, index: usize) -> Result<Option<Vec<u8>>, TiffError> {
        let Some(place) = self.place(index) else { return Ok(None) };
        let name = self.name(index);
        let bytes = input.read(&name, place.start, place.end - place.start)?;
        let values = self.coding.decode(bytes, self.chunk[0], self.rows(index), self.chunk[1]);
        values.map(Some).map_err(|e| match e.kind() {
            io::ErrorKind::OutOfMemory => {
                let bytes = self.coding.decoded(self.chunk[0], self.rows(index));
                TiffError::too_large(&input.path, format!("{name} of {bytes} bytes"), [self.width, self.height])
            }
            _ => input.damaged(format!("{name}: {e}")),
        })
    }

    /// Bytes of a decoded chunk.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.coding.decoded(self.chunk[0], self.chunk[1])
    }

    pub(super) fn window(&self) -> Window {
        Window { x: 0, y: 0, width: self.width, height: self.height }
    }
}

/// Values that are numbers of colours. A table of greys stands for one band, any other for three.
fn colour_table(tiff: &Directory<'_>) -> Result<TiffError, TiffError> {
    let table = tiff.uints(Tag::ColorMap)?.unwrap_or_default();
    let third = table.len() / 3;
    let grey = third > 0 && table[..third] == table[third..2 * third] && table[third..2 * third] == table[2 * third..];
    let (what, options) = match grey {
        true => ("a colour table of greys", "-expand gray"),
        false => ("a colour table, which stands for three bands (MS, never PAN),", "-expand rgb"),
    };
    let path = tiff.input.path.clone();
    Ok(TiffError::Unsupported { what: what.into(), fix: translate(options, &path), path })
}

/// What cannot be a picture in chunks of this many bits and values per pixel.
fn picture_of(codec: &Codec, bits: u64, samples: usize) -> Result<(), String> {
    match (codec, samples) {
        (Codec::Lerc(_), _) if !matches!(bits, 8 | 16 | 32) => Err(format!("{bits}-bit data")),
        _ if codec.is_picture() && bits != 8 => Err(format!("{bits}-bit data")),
        (Codec::Jpeg(Jpeg { ycbcr: true, .. }), 3) => Ok(()),
        (Codec::Jpeg(Jpeg { ycbcr: true, .. }), _) => {
            Err(format!("luminance and colour in {samples} values per pixel"))
        }
        (Codec::Jpeg(_), 1 | 3 | 4) | (Codec::WebP, 3 | 4) => Ok(()),
        (Codec::Jpeg(_) | Codec::WebP, _) => Err(format!("{samples} values per pixel")),
        _ => Ok(()),
    }
}

/// The type of values of so many bits, or what they are and the options of GDAL that convert them.
fn sample(bits: u64, format: u64) -> Result<Sample, (String, &'static str)> {
    let known = u16::try_from(format).ok().map(SampleFormat::from_u16_exhaustive);
    let kind = match (bits, known) {
        // Undefined values are taken for unsigned ones, as by GDAL.
        (1..=8, Some(SampleFormat::Uint | SampleFormat::Void)) => return Ok(Sample::U8),
        (9..=16, Some(SampleFormat::Uint | SampleFormat::Void)) => return Ok(Sample::U16),
        (16, Some(SampleFormat::Int)) => return Ok(Sample::I16),
        (32, Some(SampleFormat::IEEEFP)) => return Ok(Sample::F32),
        (8, Some(SampleFormat::Int)) => return Err(("8-bit signed data".into(), "-ot Int16")),
        (_, Some(SampleFormat::Uint)) => "unsigned data".to_owned(),
        (_, Some(SampleFormat::Int)) => "signed data".to_owned(),
        (_, Some(SampleFormat::IEEEFP)) => "floating-point data".to_owned(),
        (_, Some(format)) if tags::COMPLEX.contains(&format) => "complex data".to_owned(),
        _ => format!("data of sample format {format}"),
    };
    Err((format!("{bits}-bit {kind}"), "-ot Float32"))
}
