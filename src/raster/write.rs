//! Writing a GeoTIFF: tiled, deflated, and only ever whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rayon::prelude::*;
use tiff::{
    TiffError, TiffResult,
    encoder::{
        DirectoryEncoder, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard, TiffValue,
        compression::{CompressionAlgorithm, Deflate},
    },
    tags::{Tag, Type},
};

use super::{GeoTags, RasterError, Sample, geo, metadata};

/// Side of a tile, in pixels.
const TILE: usize = 256;
/// Uncompressed size from which offsets need 64 bits; deflate may lengthen data by a little.
const CLASSIC_LIMIT: u64 = 4_000_000_000;

/// An image to be written.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bands.
    pub bands: usize,
    /// Type of the values in the file.
    pub sample: Sample,
    /// `[H, W, C]` in DN; rounded half away from zero and clamped on the way out.
    pub data: &'a [f32],
    /// Smallest and largest DN to write.
    pub range: [f32; 2],
    /// `[H, W]`: false where nodata is to be written (0 if there is no nodata value); `None`: all valid.
    pub valid: Option<&'a [bool]>,
    /// The value that stands for "no data". A valid value that would become it is moved by one unit.
    pub nodata: Option<f64>,
    /// Georeference, written as it is.
    pub geo: &'a GeoTags,
    /// Names of the bands, `[C]` or empty.
    pub descriptions: &'a [Option<String>],
}

/// Writes a GeoTIFF: one image in tiles of 256×256, bands interleaved by pixel, deflate with a
/// predictor, BigTIFF if it might pass 4 GB. It appears under its name when it is complete.
///
/// # Errors
/// Those of [`check_output`]; [`RasterError::DiskFull`] and [`RasterError::Write`], also for a valid
/// pixel that is NaN and for data that do not fit the size. Nothing is left behind.
pub fn write(path: &Path, image: &Output, overwrite: bool) -> Result<(), RasterError> {
    let big = image.width as u64 * image.height as u64 * (image.bands * image.sample.bytes()) as u64 > CLASSIC_LIMIT;
    write_atomically(path, overwrite, |file| encode(BufWriter::new(file), image, big))
}

/// Writes a file under a temporary name in the same folder, flushes it to disk and renames it, so
/// that the name never shows half a file. `fill` writes the contents.
///
/// # Errors
/// Those of [`check_output`]; [`RasterError::DiskFull`] and [`RasterError::Write`] for errors of
/// `fill` and of the system. The temporary file is removed on any of them.
pub fn write_atomically(
    path: &Path,
    overwrite: bool,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), RasterError> {
    let mut file = Temporary::create(path, overwrite)?;
    let fail = |e| RasterError::writing(path, e);
    fill(file.file.as_file_mut()).map_err(fail)?;
    file.file.as_file().sync_all().map_err(fail)?;
    file.rename(path, overwrite)
}

/// Whether [`write()`] can be expected to succeed: to be asked before a long computation. Creates and
/// removes a file in the folder.
///
/// # Errors
/// [`RasterError::Exists`], [`RasterError::Folder`], [`RasterError::Write`] if the name is a folder.
pub fn check_output(path: &Path, overwrite: bool) -> Result<(), RasterError> {
    Temporary::create(path, overwrite).map(drop)
}

/// Removes the temporary files of writes under way; for a handler of interrupts, which ends the
/// process without running destructors.
pub fn remove_temporary_files() {
    for path in UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // Gone already if its write has just ended.
        let _ = fs::remove_file(path);
    }
}

/// Names of the temporary files that exist now.
static UNDER_WAY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A temporary file beside an output; removed when dropped.
struct Temporary {
    file: tempfile::NamedTempFile,
    _listed: Listed,
}

/// A name in the list of temporary files, taken off it when dropped.
struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.0);
    }
}

impl Temporary {
    fn create(path: &Path, overwrite: bool) -> Result<Self, RasterError> {
        // symlink_metadata: a dangling link exists too.
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => {
                return Err(RasterError::writing(path, io::Error::new(io::ErrorKind::IsADirectory, "is a folder")));
            }
            Ok(_) if !overwrite => return Err(RasterError::Exists { path: path.to_owned() }),
            _ => {}
        }
        if path.file_name().is_none() {
            let missing = io::Error::new(io::ErrorKind::InvalidInput, "the name has no file part");
            return Err(RasterError::writing(path, missing));
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        // Not the output's name, which may be as long as names can be.
        builder.prefix(".trapan-").suffix(".part");
        // As any new file: what the umask allows, not the owner only.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RasterError::writing(path, source),
            _ => RasterError::Folder { path: path.to_owned(), folder: folder.to_owned(), source },
        })?;
        let listed = Listed(file.path().to_owned());
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).push(listed.0.clone());
        Ok(Self { file, _listed: listed })
    }

    fn rename(self, path: &Path, overwrite: bool) -> Result<(), RasterError> {
        let renamed = match overwrite {
            true => self.file.persist(path),
            false => self.file.persist_noclobber(path).or_else(|e| match e.error.kind() {
                io::ErrorKind::AlreadyExists => Err(e),
                // A file system that cannot rename without replacing: the check of `create` must do.
                _ => e.file.persist(path),
            }),
        };
        renamed.map(drop).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => RasterError::Exists { path: path.to_owned() },
            _ => RasterError::writing(path, e.error),
        })
    }
}

/// Writes the GeoTIFF of [`write()`] to any sink; `big`: as BigTIFF.
///
/// # Errors
/// Those of the sink, and `InvalidInput` if sizes disagree, the range is empty or a valid value is NaN.
pub fn encode(sink: impl Write + Seek, image: &Output, big: bool) -> io::Result<()> {
    image.check().map_err(|what| io::Error::new(io::ErrorKind::InvalidInput, what))?;
    let done = match big {
        false => image.encode::<_, TiffKindStandard>(sink),
        true => image.encode::<_, TiffKindBig>(sink),
    };
    done.map_err(|e| match e {
        TiffError::IoError(e) => e,
        e => io::Error::other(e),
    })
}

impl Output<'_> {
    /// What is wrong with the image, if anything.
    fn check(&self) -> Result<(), String> {
        let (w, h, c) = (self.width, self.height, self.bands);
        let size = |n: usize| (1..=u32::MAX as usize).contains(&n);
        if !size(w) || !size(h) || !(1..=u16::MAX.into()).contains(&c) {
            return Err(format!("{w}x{h} pixels in {c} bands cannot be stored"));
        }
        if self.data.len() as u128 != w as u128 * h as u128 * c as u128 {
            return Err(format!("{} values are given for {w}x{h} pixels in {c} bands", self.data.len()));
        }
        if self.valid.is_some_and(|v| v.len() != w * h) {
            return Err("the mask has another size than the image".into());
        }
        let ordered = |[low, high]: [f32; 2]| low <= high; // false where either is NaN
        if !ordered(self.range) || !ordered(self.limits()) {
            return Err(format!("no {} value lies in the range {:?}", self.sample, self.range));
        }
        match self.data.iter().enumerate().find(|(i, v)| v.is_nan() && self.is_valid(i / c)) {
            None => Ok(()),
            Some((i, _)) => {
                let (row, column) = (i / c / w + 1, i / c % w + 1);
                Err(format!("band {}, row {row}, column {column} is NaN", i % c + 1))
            }
        }
    }

    fn is_valid(&self, pixel: usize) -> bool {
        self.valid.is_none_or(|v| v[pixel])
    }

    /// Smallest and largest value to write, both storable.
    fn limits(&self) -> [f32; 2] {
        let ([low, high], [least, most]) = (self.range, self.sample.range());
        match self.sample {
            Sample::F32 => [low, high],
            _ => [low.ceil().max(least), high.floor().min(most)],
        }
    }

    /// The value as it is stored.
    fn quantise(&self, value: f32) -> f32 {
        let [low, high] = self.limits();
        let float = self.sample == Sample::F32;
        // f32::round is half away from zero.
        let value = if float { value } else { value.round() }.clamp(low, high);
        if self.nodata.is_none_or(|n| value != n as f32) {
            return value;
        }
        let [up, down] = if float { [value.next_up(), value.next_down()] } else { [value + 1.0, value - 1.0] };
        if up <= high { up } else { down }
    }

    /// Bytes of the value in this machine's order, in the lower end of the number.
    fn bits(&self, value: f32) -> u32 {
        match self.sample {
            Sample::U8 => (value as u8).into(),
            Sample::U16 => (value as u16).into(),
            Sample::I16 => (value as i16 as u16).into(),
            Sample::F32 => value.to_bits(),
        }
    }

    /// A tile, compressed. Beyond the image its last column and row are repeated: differences of zero.
    fn tile(&self, left: usize, top: usize) -> io::Result<Vec<u8>> {
        let (c, size) = (self.bands, self.sample.bytes());
        let fill = self.nodata.filter(|n| self.sample.holds(*n)).unwrap_or(0.0) as f32;
        let mut bytes = Vec::with_capacity(TILE * TILE * c * size);
        let mut row = vec![0u32; TILE * c];
        for y in top..top + TILE {
            for x in 0..TILE {
                let pixel = y.min(self.height - 1) * self.width + (left + x).min(self.width - 1);
                for band in 0..c {
                    let value = match self.is_valid(pixel) {
                        true => self.quantise(self.data[pixel * c + band]),
                        false => fill,
                    };
                    row[x * c + band] = self.bits(value);
                }
            }
            match self.sample {
                Sample::F32 => float_differences(&row, c, &mut bytes),
                _ => {
                    for i in (c..row.len()).rev() {
                        row[i] = row[i].wrapping_sub(row[i - c]);
                    }
                    match size {
                        1 => bytes.extend(row.iter().map(|v| *v as u8)),
                        _ => row.iter().for_each(|v| bytes.extend((*v as u16).to_ne_bytes())),
                    }
                }
            }
        }
        let mut packed = Vec::new();
        Deflate::default().write_to(&mut packed, &bytes)?;
        Ok(packed)
    }

    fn encode<W: Write + Seek, K: TiffKind>(&self, mut sink: W) -> TiffResult<()> {
        let mut tiff = TiffEncoder::<_, K>::new_generic(&mut sink)?;
        let mut ifd = tiff.image_directory()?;
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for top in (0..self.height).step_by(TILE) {
            // One row of tiles at a time: compressed on all cores, written in order.
            let row = (0..self.width.div_ceil(TILE)).into_par_iter().map(|i| self.tile(i * TILE, top));
            for tile in row.collect::<io::Result<Vec<_>>>()? {
                offsets.push(K::convert_offset(ifd.write_data(&tile[..])?)?);
                lengths.push(K::convert_offset(tile.len() as u64)?);
            }
        }
        let bands = self.bands;
        let (format, predictor) = match self.sample {
            Sample::U8 | Sample::U16 => (1u16, 2u16),
            Sample::I16 => (2, 2),
            Sample::F32 => (3, 3),
        };
        ifd.write_tag(Tag::ImageWidth, self.width as u32)?;
        ifd.write_tag(Tag::ImageLength, self.height as u32)?;
        ifd.write_tag(Tag::BitsPerSample, &vec![8 * self.sample.bytes() as u16; bands][..])?;
        ifd.write_tag(Tag::Compression, 8u16)?; // deflate
        ifd.write_tag(Tag::PhotometricInterpretation, 1u16)?; // black is zero
        ifd.write_tag(Tag::SamplesPerPixel, bands as u16)?;
        ifd.write_tag(Tag::PlanarConfiguration, 1u16)?; // by pixel
        ifd.write_tag(Tag::Predictor, predictor)?;
        ifd.write_tag(Tag::TileWidth, TILE as u32)?;
        ifd.write_tag(Tag::TileLength, TILE as u32)?;
        ifd.write_tag(Tag::TileOffsets, K::convert_slice(&offsets))?;
        ifd.write_tag(Tag::TileByteCounts, K::convert_slice(&lengths))?;
        ifd.write_tag(Tag::SampleFormat, &vec![format; bands][..])?;
        if bands > 1 {
            // Unspecified: a fourth band is near infrared, not transparency.
            ifd.write_tag(Tag::ExtraSamples, &vec![0u16; bands - 1][..])?;
        }
        ifd.write_tag(Tag::Software, concat!("trapan ", env!("CARGO_PKG_VERSION")))?;
        self.geo.write(&mut ifd)?;
        let xml = metadata::write(self.descriptions);
        if !xml.is_empty() {
            ifd.write_tag(Tag::Unknown(42112), Text(xml.as_bytes()))?;
        }
        if let Some(nodata) = self.nodata {
            ifd.write_tag(Tag::Unknown(42113), Text(nodata_text(nodata).as_bytes()))?;
        }
        ifd.finish()?;
        sink.flush()?;
        Ok(())
    }
}

/// The floating-point predictor (3): the bytes of a row by significance, most significant first,
/// then differences between pixels.
fn float_differences(row: &[u32], bands: usize, out: &mut Vec<u8>) {
    let start = out.len();
    for byte in 0..4 {
        out.extend(row.iter().map(|v| v.to_be_bytes()[byte]));
    }
    let bytes = &mut out[start..];
    for i in (bands..bytes.len()).rev() {
        bytes[i] = bytes[i].wrapping_sub(bytes[i - bands]);
    }
}

/// The number as GDAL writes it: shortest text that reads back the same.
fn nodata_text(value: f64) -> String {
    match value {
        v if v.is_nan() => "nan".into(),
        v if v.is_infinite() => if v > 0.0 { "inf" } else { "-inf" }.into(),
        v if v != 0.0 && !(1e-5..1e16).contains(&v.abs()) => format!("{v:e}"),
        v => format!("{v}"),
    }
}

impl GeoTags {
    fn write<W: Write + Seek, K: TiffKind>(&self, ifd: &mut DirectoryEncoder<'_, W, K>) -> TiffResult<()> {
        let doubles = [
            (geo::PIXEL_SCALE, &self.pixel_scale),
            (geo::TIEPOINT, &self.tiepoints),
            (geo::TRANSFORMATION, &self.transformation),
            (geo::DOUBLE_PARAMS, &self.double_params),
        ];
        for (tag, values) in doubles.into_iter().filter(|(_, values)| !values.is_empty()) {
            ifd.write_tag(Tag::Unknown(tag), &values[..])?;
        }
        if !self.keys.is_empty() {
            ifd.write_tag(Tag::Unknown(geo::KEY_DIRECTORY), &self.keys[..])?;
        }
        if !self.ascii_params.is_empty() {
            ifd.write_tag(Tag::Unknown(geo::ASCII_PARAMS), Text(&self.ascii_params))?;
        }
        Ok(())
    }
}

/// Text in any encoding, closed by a zero; the crate's own takes ASCII only.
struct Text<'a>(&'a [u8]);

impl TiffValue for Text<'_> {
    const BYTE_LEN: u8 = 1;
    const FIELD_TYPE: Type = Type::ASCII;

    fn count(&self) -> usize {
        self.0.len() + 1
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        [self.0, &[0]].concat().into()
    }
}
