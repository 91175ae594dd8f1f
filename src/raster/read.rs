//! Reading a GeoTIFF: layout from the tags, then strip by strip or tile by tile.

use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};

use super::{
    GeoTags, Raster, Sample,
    chunk::Coding,
    directory::Directory,
    error::{RasterError, translate},
    metadata,
};

/// Largest number of decoded bytes one stored byte can stand for: PackBits 64, deflate 1032, LZW
/// about 1370 (a table of strings of growing length). More is a damaged size, not an image.
const MAX_RATIO: u64 = 1400;
/// The same for a whole file, in which empty tiles take no bytes but a table entry.
const MAX_FILE_RATIO: u64 = 4096;
/// Most bytes of one image in memory, as f32.
const MAX_BYTES: u64 = 16 << 30;

/// Reads the first image of a GeoTIFF: u8, u16, i16 or f32; strips or tiles; bands interleaved by
/// pixel or stored apart; uncompressed, LZW, deflate or PackBits; predictors 2 and 3; either byte
/// order; BigTIFF. Tiles that are left out (sparse files) become nodata, or 0 without a nodata tag.
///
/// # Errors
/// All input errors of [`RasterError`]. Nothing in the file, however damaged, makes it panic or
/// allocate more than a small multiple of what the file can hold.
pub fn read(path: &Path) -> Result<Raster, RasterError> {
    let file = File::open(path).map_err(|e| RasterError::reading(path, e))?;
    decode(file, path)
}

/// [`read`] from any source; `path` is its name in errors.
pub fn decode(source: impl Read + Seek, path: &Path) -> Result<Raster, RasterError> {
    let mut tiff = Directory::read(source, path)?;
    let layout = Layout::read(&mut tiff)?;
    let nodata = nodata(&tiff.text(42113)?);
    let xml = String::from_utf8_lossy(&tiff.text(42112)?).into_owned();
    let extra = tiff.uints(338)?.unwrap_or_default();
    // ExtraSamples describes the last bands; 1 and 2 are kinds of alpha.
    let alpha = extra.iter().rposition(|kind| matches!(kind, 1 | 2));
    let alpha = alpha.and_then(|i| (layout.bands + i).checked_sub(extra.len()));
    Ok(Raster {
        path: path.to_owned(),
        width: layout.width,
        height: layout.height,
        bands: layout.bands,
        sample: layout.coding.sample,
        bits: metadata::nbits(&xml),
        geo: GeoTags::read(&mut tiff)?,
        descriptions: metadata::descriptions(&xml, layout.bands),
        alpha,
        nodata,
        data: layout.pixels(&mut tiff, nodata)?,
    })
}

/// Where the values are.
struct Layout {
    width: usize,
    height: usize,
    bands: usize,
    coding: Coding,
    /// Whether each band has chunks of its own.
    planar: bool,
    tiled: bool,
    /// Size of a strip or tile.
    chunk: [usize; 2],
    /// Place and length of each chunk: by band if planar, then rows of chunks, then along the row.
    chunks: Vec<(u64, u64)>,
}

impl Layout {
    fn read<R: Read + Seek>(tiff: &mut Directory<'_, R>) -> Result<Self, RasterError> {
        let (path, order) = (tiff.path, tiff.order);
        let unsupported = |what: String, options: &str| {
            let fix = translate(options, path);
            RasterError::Unsupported { path: path.to_owned(), what, fix }
        };
        let compression = tiff.uint(259)?.unwrap_or(1);
        let codec = match compression {
            1 | 5 | 8 | 32773 | 32946 => compression as u16,
            _ => return Err(unsupported(compression_name(compression), "-co COMPRESS=DEFLATE")),
        };
        let bits = tiff.uint(258)?.unwrap_or(1);
        let format = tiff.uint(339)?.unwrap_or(1);
        let sample = match (bits, format) {
            (8, 1 | 4) => Sample::U8,
            (16, 1 | 4) => Sample::U16,
            (16, 2) => Sample::I16,
            (32, 3) => Sample::F32,
            (b @ 1..=7, 1) => return Err(unsupported(format!("{b}-bit packed data"), "-co NBITS=8")),
            (b @ 9..=15, 1) => return Err(unsupported(format!("{b}-bit packed data"), "-co NBITS=16")),
            (b, 1) => return Err(unsupported(format!("{b}-bit unsigned data"), "-ot Float32")),
            (8, 2) => return Err(unsupported("8-bit signed data".into(), "-ot Int16")),
            (b, 2) => return Err(unsupported(format!("{b}-bit signed data"), "-ot Float32")),
            (b, 3) => return Err(unsupported(format!("{b}-bit floating-point data"), "-ot Float32")),
            (b, 5 | 6) => return Err(unsupported(format!("{b}-bit complex data"), "-ot Float32")),
            (b, f) => return Err(unsupported(format!("{b}-bit data of sample format {f}"), "-ot Float32")),
        };
        match tiff.uint(262)?.unwrap_or(1) {
            0..=2 => {}
            3 => return Err(unsupported("a colour table".into(), "-expand rgb")),
            p => return Err(unsupported(format!("photometric interpretation {p}"), "-co PHOTOMETRIC=MINISBLACK")),
        }
        let predictor = tiff.uint(317)?.unwrap_or(1);
        match (predictor, sample) {
            (1 | 2, _) | (3, Sample::F32) => {}
            (p, _) => return Err(unsupported(format!("predictor {p} for {sample}"), "-co PREDICTOR=1")),
        }
        // Uncompressed data have no predictor, whatever the tag says.
        let predictor = if matches!(codec, 1 | 32773) { 1 } else { predictor as u16 };
        let planar = match tiff.uint(284)?.unwrap_or(1) {
            1 => false,
            2 => true,
            p => return Err(tiff.damaged(format!("planar configuration is {p}"))),
        };

        let side = |tiff: &Directory<'_, R>, name: &str, value: u64| match usize::try_from(value) {
            // The decoder, like TIFF, counts in u32.
            Ok(side) if side > 0 && value <= u32::MAX.into() => Ok(side),
            _ => Err(tiff.damaged(format!("{name} is {value}"))),
        };
        let width = tiff.need(256, "width")?;
        let width = side(tiff, "width", width)?;
        let height = tiff.need(257, "height")?;
        let height = side(tiff, "height", height)?;
        let bands = tiff.uint(277)?.unwrap_or(1);
        let bands = side(tiff, "number of bands", bands)?;
        if bands > u16::MAX.into() {
            return Err(tiff.damaged(format!("number of bands is {bands}")));
        }

        let tiled = tiff.has(324);
        let (chunk, offsets, lengths) = if tiled {
            let (w, h) = (tiff.need(322, "tile width")?, tiff.need(323, "tile height")?);
            ([side(tiff, "tile width", w)?, side(tiff, "tile height", h)?], 324, 325)
        } else {
            let rows = tiff.uint(278)?.unwrap_or(u32::MAX.into());
            ([width, side(tiff, "rows per strip", rows)?.min(height)], 273, 279)
        };
        let missing = |tag: u16| format!("tag {tag} (places or lengths of the data) is missing");
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
        let coding = Coding { order, sample, samples: if planar { 1 } else { bands }, compression: codec, predictor };
        let chunks = offsets.into_iter().zip(lengths).take(count as usize).collect();
        let layout = Self { width, height, bands, coding, planar, tiled, chunk, chunks };
        layout.check(path, tiff.size)?;
        Ok(layout)
    }

    /// Whether the file can hold what it claims, before any of it is allocated.
    fn check(&self, path: &Path, size: u64) -> Result<(), RasterError> {
        let damaged = |what: String| Err(RasterError::Damaged { path: path.to_owned(), what });
        for (i, &(at, length)) in self.chunks.iter().enumerate() {
            if length == 0 {
                continue;
            }
            let (what, end) = (self.name(i), at.saturating_add(length));
            if end > size {
                return Err(RasterError::Truncated { path: path.to_owned(), what, needed: end, size });
            }
            let most = length.saturating_mul(if self.coding.compression == 1 { 1 } else { MAX_RATIO });
            let decoded = self.coding.decoded(self.chunk[0], self.rows(i));
            if decoded > most || decoded.max(length) > u32::MAX.into() {
                return damaged(format!("{what} has {length} bytes and claims to hold {decoded}"));
            }
        }
        let values = (self.width as u64).saturating_mul(self.height as u64).saturating_mul(self.bands as u64);
        let what = || format!("an image of {}x{} pixels in {} bands", self.width, self.height, self.bands);
        if values.saturating_mul(self.coding.sample.bytes() as u64) > size.saturating_mul(MAX_FILE_RATIO) {
            return damaged(format!("{} cannot be in a file of {size} bytes", what()));
        }
        if values.saturating_mul(4) > MAX_BYTES {
            return Err(self.too_large(path));
        }
        Ok(())
    }

    fn too_large(&self, path: &Path) -> RasterError {
        let what = format!("an image of {}x{} pixels in {} bands", self.width, self.height, self.bands);
        let fix = translate("-srcwin 0 0 4096 4096", path);
        RasterError::TooLarge { path: path.to_owned(), what, fix }
    }

    /// Chunks along a row, and in a plane.
    fn across(&self) -> (usize, usize) {
        let across = self.width.div_ceil(self.chunk[0]);
        (across, across * self.height.div_ceil(self.chunk[1]))
    }

    /// Stored rows of a chunk: the last strip is cut off, a tile is always whole.
    fn rows(&self, index: usize) -> usize {
        let (across, per_plane) = self.across();
        let top = index % per_plane / across * self.chunk[1];
        if self.tiled { self.chunk[1] } else { self.chunk[1].min(self.height - top) }
    }

    fn name(&self, index: usize) -> String {
        format!("{} {} of {}", if self.tiled { "tile" } else { "strip" }, index + 1, self.chunks.len())
    }

    /// All values, `[H, W, C]`.
    fn pixels<R: Read + Seek>(
        &self,
        tiff: &mut Directory<'_, R>,
        nodata: Option<f64>,
    ) -> Result<Vec<f32>, RasterError> {
        let (width, height, bands) = (self.width, self.height, self.bands);
        let mut data = Vec::new();
        data.try_reserve_exact(width * height * bands).map_err(|_| self.too_large(tiff.path))?;
        data.resize(width * height * bands, nodata.unwrap_or(0.0) as f32);
        let (across, per_plane) = self.across();
        let samples = self.coding.samples;
        for (i, &(at, length)) in self.chunks.iter().enumerate() {
            if length == 0 {
                continue;
            }
            let bytes = tiff.bytes(&self.name(i), at, length)?;
            let values = self.coding.decode(&bytes, self.chunk[0], self.rows(i));
            let values = values.map_err(|e| tiff.damaged(format!("{}: {e}", self.name(i))))?;
            let band = i / per_plane;
            let [left, top] = [i % per_plane % across * self.chunk[0], i % per_plane / across * self.chunk[1]];
            let columns = self.chunk[0].min(width - left);
            for (y, row) in (top..height).zip(values.chunks_exact(self.chunk[0] * samples)) {
                let start = (y * width + left) * bands;
                let out = &mut data[start..start + columns * bands];
                if self.planar {
                    out.iter_mut().skip(band).step_by(bands).zip(row).for_each(|(out, v)| *out = *v);
                } else {
                    out.copy_from_slice(&row[..columns * bands]);
                }
            }
        }
        Ok(data)
    }
}

/// The nodata value of GDAL's tag (42113), which is text.
fn nodata(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    text.trim_matches(['\0', ' ']).parse().ok()
}

fn compression_name(code: u64) -> String {
    let name = match code {
        2..=4 => "CCITT fax",
        6 | 7 => "JPEG",
        34712 => "JPEG 2000",
        34887 => "LERC",
        34925 => "LZMA",
        50000 => "ZSTD",
        50001 => "WebP",
        50002 | 52546 => "JPEG XL",
        _ => return format!("compression method {code}"),
    };
    format!("{name} compression (method {code})")
}
