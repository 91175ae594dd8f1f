//! Writing a Cloud-Optimised GeoTIFF, row by row, in bounded memory, and only ever whole.
//!
//! Rows are rounded and cut into tiles, which are compressed on other threads; each row also goes
//! into the means that make the rows of the next overview. Compressed tiles wait in nameless files,
//! one per level, because such a file begins with its directories and its smallest overview, which
//! are known last. [`CogWriter::finish`] puts it together and gives it its name.
//!
//! Bands are interleaved by pixel, whatever their number: GDAL's COG driver does so too, old
//! readers know nothing else, and a fused pixel is read with all its bands. Validity is stored as
//! the nodata value where the type has one, else as an internal mask, which is left out if no pixel
//! is invalid.

mod assemble;
mod atomic;
mod claims;
mod creation;
mod encoder;
mod fields;
mod head;
mod layout;
mod level;
mod spool;
mod target;
mod values;

use std::{io, path::Path};

use super::{Sample, TiffError};
use atomic::PendingFile;
use encoder::Encoder;
use layout::LevelSizes;
use level::Level;
use spool::Compressor;
use values::Quantiser;

pub use atomic::{check_output, remove_temporary_files, write_atomically};
pub use claims::{Format, Output, check_outputs};
pub use creation::{BigTiff, Compress, Creation, CreationError, Predict};
pub use layout::Layout;
pub use target::create_folder;

/// Writes a Cloud-Optimised GeoTIFF from top to bottom. The file appears under its name when
/// [`finish`](Self::finish) has succeeded; a writer that is dropped before leaves nothing.
///
/// Memory is bounded by [`memory`](Self::memory). The disk needs room for the file once and, for a
/// moment at the end, 64 MiB.
///
/// ```no_run
/// use trapan::tiff::{CogWriter, Creation, Layout, Sample};
/// # fn main() -> Result<(), trapan::tiff::TiffError> {
/// let layout = Layout { nodata: Some(0.0), ..Layout::new([20_000, 10_000], 4, Sample::U16) };
/// let mut file = CogWriter::create("fused.tif".as_ref(), &layout, &Creation::default(), false)?;
/// for _ in 0..10_000 / 100 {
///     file.write_rows(&vec![1.0; 100 * 20_000 * 4], None)?;
/// }
/// file.finish()
/// # }
/// ```
pub struct CogWriter {
    layout: Layout,
    creation: Creation,
    encoder: Encoder,
    quantiser: Quantiser,
    geometries: Vec<LevelSizes>,
    levels: Vec<Level>,
    compressor: Compressor,
    file: PendingFile,
    /// The row under way, rounded.
    row: Vec<f32>,
}

impl CogWriter {
    /// Begins a file. An older one of that name stays as it is until the new one is whole.
    ///
    /// # Errors
    /// Those of [`check_output`]; [`TiffError::Creation`] for options that do not suit the type;
    /// [`TiffError::Write`] for a layout that cannot be stored; [`TiffError::DiskFull`].
    pub fn create(path: &Path, layout: &Layout, creation: &Creation, overwrite: bool) -> Result<Self, TiffError> {
        creation.check(layout.sample)?;
        let invalid = |what: String| TiffError::writing(path, io::Error::new(io::ErrorKind::InvalidInput, what));
        let geometries = layout.pyramid(creation).map_err(invalid)?;
        let quantiser = Quantiser::new(layout).map_err(invalid)?;
        let file = PendingFile::create(path, overwrite)?;
        let first = geometries[0];
        let encoder = Encoder {
            compress: creation.compress,
            level: creation.level,
            predictor: creation.predictor_of(layout.sample),
            sample: layout.sample,
            bands: layout.bands,
            columns: first.block[0],
        };
        let spools = geometries.iter().map(|_| file.spool()).collect::<io::Result<Vec<_>>>();
        let compressor = spools.and_then(|spools| Compressor::new(encoder, first.tile(), creation.threads, spools));
        let compressor = compressor.map_err(|e| TiffError::writing(path, e))?;
        let levels = (1..=geometries.len()).zip(&geometries);
        let levels = levels.map(|(i, geometry)| Level::new(*geometry, i == geometries.len())).collect();
        let (layout, creation) = (layout.clone(), creation.clone());
        Ok(Self { layout, creation, encoder, quantiser, geometries, levels, compressor, file, row: Vec::new() })
    }

    /// Most bytes that a writer holds: for each level a row of tiles, and the tiles under way.
    /// An overview has half the columns, so all levels together hold twice the first.
    ///
    /// `None` for a layout that cannot be stored.
    pub fn memory(layout: &Layout, creation: &Creation) -> Option<u64> {
        let levels = layout.pyramid(creation).ok()?;
        let rows: u64 = levels.iter().map(|level| (level.across() * level.tile()) as u64).sum();
        let threads = creation.threads.unwrap_or_else(rayon::current_num_threads);
        Some(rows + Compressor::limit(levels[0].tile(), threads) as u64)
    }

    /// Takes the next rows, `[n, W, C]` in DN, and where they are valid, `[n, W]` (`None`: everywhere).
    /// Values are rounded half away from zero and clamped to the range; a valid one that would
    /// become nodata moves by one unit. What stands in invalid pixels does not matter.
    ///
    /// # Errors
    /// [`TiffError::Write`] for a valid value that is NaN, for rows past the last and for lengths
    /// that do not fit; what the disk reports, maybe of earlier rows. A writer that has failed can
    /// only be dropped.
    pub fn write_rows(&mut self, rows: &[f32], valid: Option<&[bool]>) -> Result<(), TiffError> {
        self.check(rows, valid).and_then(|()| self.push(rows, valid)).map_err(|e| self.failed(e))
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`TiffError::Write`] if rows are missing or a file with `BIGTIFF=NO` would pass 4 GiB; what
    /// the disk reports; [`TiffError::Exists`] if another file has got the name since.
    pub fn finish(self) -> Result<(), TiffError> {
        let (rows, height) = (self.levels[0].rows(), self.layout.height);
        if rows < height {
            return Err(self.failed(invalid(format!("{rows} of {height} rows are given"))));
        }
        let Self { layout, creation, encoder, geometries, compressor, mut file, .. } = self;
        let done = compressor
            .finish()
            .and_then(|spools| assemble::assemble(file.file(), &layout, &creation, encoder, &geometries, spools));
        match done {
            Ok(()) => file.publish(),
            Err(e) => Err(TiffError::writing(file.path(), e)),
        }
    }

    fn failed(&self, error: io::Error) -> TiffError {
        TiffError::writing(self.file.path(), error)
    }

    fn check(&self, rows: &[f32], valid: Option<&[bool]>) -> io::Result<()> {
        let (width, height, bands) = (self.layout.width, self.layout.height, self.layout.bands);
        let (line, done) = (width * bands, self.levels[0].rows());
        if !rows.len().is_multiple_of(line) {
            return Err(invalid(format!(
                "{} values are given, not whole rows of {width} pixels in {bands} bands",
                rows.len()
            )));
        }
        let count = rows.len() / line;
        if done + count > height {
            return Err(invalid(format!("{} rows are given for {height}", done + count)));
        }
        if valid.is_some_and(|valid| valid.len() != count * width) {
            return Err(invalid("the mask has another size than the rows".into()));
        }
        let is_valid = |pixel: usize| valid.is_none_or(|valid| valid[pixel]);
        match rows.iter().enumerate().find(|(i, v)| v.is_nan() && is_valid(i / bands)) {
            None => Ok(()),
            Some((i, _)) => {
                let (row, column) = (done + i / line + 1, i / bands % width + 1);
                Err(invalid(format!("band {}, row {row}, column {column} is NaN", i % bands + 1)))
            }
        }
    }

    fn push(&mut self, rows: &[f32], valid: Option<&[bool]>) -> io::Result<()> {
        let Self { layout, quantiser, levels, compressor, row, .. } = self;
        for (y, values) in rows.chunks_exact(layout.width * layout.bands).enumerate() {
            let valid = valid.map(|valid| &valid[y * layout.width..(y + 1) * layout.width]);
            let valid = valid.filter(|valid| valid.contains(&false));
            row.clear();
            row.extend(values);
            push(levels, 0, row, valid, quantiser, compressor)?;
        }
        Ok(())
    }
}

/// Takes a row into a level, and the rows that are complete with it into the next ones.
fn push(
    levels: &mut [Level],
    index: usize,
    row: &mut [f32],
    valid: Option<&[bool]>,
    quantiser: &Quantiser,
    compressor: &mut Compressor,
) -> io::Result<()> {
    let Some((level, smaller)) = levels.split_first_mut() else { return Ok(()) };
    quantiser.round(row, valid);
    let mask = valid.filter(|_| !quantiser.has_nodata());
    for tile in level.take(row, mask, quantiser) {
        compressor.take(index, tile)?;
    }
    match &mut level.halving {
        None => Ok(()),
        Some(halving) => halving.take(row, valid, |means, valid| {
            let valid = Some(valid).filter(|valid| valid.contains(&false));
            push(smaller, index + 1, means, valid, quantiser, compressor)
        }),
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// Writes an image in memory, `[H, W, C]` in DN, with its valid pixels `[H, W]`; see [`CogWriter`].
///
/// # Errors
/// Those of [`CogWriter`].
pub fn write(
    path: &Path,
    layout: &Layout,
    data: &[f32],
    valid: Option<&[bool]>,
    creation: &Creation,
    overwrite: bool,
) -> Result<(), TiffError> {
    let mut file = CogWriter::create(path, layout, creation, overwrite)?;
    file.write_rows(data, valid)?;
    file.finish()
}
