//! Copies of images that are read again and again.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use tempfile::SpooledTempFile;

use super::Image;
use crate::tiff::{Block, Header, TiffError};

/// Bytes of an image that are kept in memory; a larger one goes to a file. A scene of 4096 by 4096 pixels is about
/// there.
const IN_MEMORY: usize = 64 << 20;
/// Values that are copied at once.
const AT_ONCE: usize = 1 << 18;

/// A copy of an image: in memory, or in a temporary file without a name where it is large.
pub struct StoredImage {
    header: Header,
    /// `[H, W, C]` of f32.
    values: Mutex<SpooledTempFile>,
    /// `[H, W]` of 0 and 1, once a pixel is invalid.
    valid: Option<Mutex<SpooledTempFile>>,
    /// Rows that are there.
    rows: usize,
}

impl StoredImage {
    /// An image of which no row is there yet.
    ///
    /// # Errors
    /// [`TiffError::Write`] and [`TiffError::DiskFull`], naming the folder of temporary files.
    pub fn new(header: Header) -> Result<Self, TiffError> {
        let values = room(header.width * header.height * header.bands * size_of::<f32>())?;
        Ok(Self { header, values, valid: None, rows: 0 })
    }

    /// A copy.
    ///
    /// # Errors
    /// What reading gives; those of [`new`](Self::new).
    pub fn of(image: &dyn Image) -> Result<Self, TiffError> {
        let mut stored = Self::new(image.header().clone())?;
        let Header { width, height, bands, .. } = *image.header();
        let step = (AT_ONCE / (width * bands)).clamp(8, 256);
        for start in (0..height).step_by(step) {
            let Block { data, valid } = image.block(start..(start + step).min(height), 0..width)?;
            stored.push(&data, valid.as_deref())?;
        }
        Ok(stored)
    }

    /// Takes the next rows, `[n, W, C]` with `[n, W]` of validity.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn push(&mut self, data: &[f32], valid: Option<&[bool]>) -> Result<(), TiffError> {
        let Header { width, height, bands, .. } = self.header;
        append(&mut self.values, bytemuck::cast_slice(data))?;
        let before = self.rows * width;
        self.rows += data.len() / (width * bands);
        if self.valid.is_none() && valid.is_some_and(|valid| valid.contains(&false)) {
            let mut all = room(width * height)?;
            append(&mut all, &vec![1; before])?;
            self.valid = Some(all);
        }
        let Some(all) = &mut self.valid else { return Ok(()) };
        let pixels = self.rows * width - before;
        append(all, &valid.map_or_else(|| vec![1; pixels], |valid| valid.iter().map(|v| u8::from(*v)).collect()))
    }
}

impl Image for StoredImage {
    fn header(&self) -> &Header {
        &self.header
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let Header { width, bands, .. } = self.header;
        let mut data = vec![0.0; rows.len() * columns.len() * bands];
        let size = size_of::<f32>() * bands;
        read(
            &self.values,
            width * size,
            &rows,
            columns.start * size..columns.end * size,
            bytemuck::cast_slice_mut(&mut data),
        )?;
        Ok(Block { data, valid: self.validity(rows, columns)? })
    }

    fn validity(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Option<Vec<bool>>, TiffError> {
        let Some(all) = &self.valid else { return Ok(None) };
        let mut valid = vec![0; rows.len() * columns.len()];
        read(all, self.header.width, &rows, columns, &mut valid)?;
        Ok(Some(valid.into_iter().map(|v| v != 0).collect()))
    }
}

/// Room for so many bytes.
fn room(bytes: usize) -> Result<Mutex<SpooledTempFile>, TiffError> {
    let mut file = SpooledTempFile::new(IN_MEMORY);
    file.set_len(bytes as u64).map_err(unwritten)?;
    Ok(Mutex::new(file))
}

fn append(file: &mut Mutex<SpooledTempFile>, bytes: &[u8]) -> Result<(), TiffError> {
    file.get_mut().unwrap_or_else(PoisonError::into_inner).write_all(bytes).map_err(unwritten)
}

/// These bytes of some rows, of a file with so many bytes to a row.
fn read(
    file: &Mutex<SpooledTempFile>,
    line: usize,
    rows: &Range<usize>,
    bytes: Range<usize>,
    out: &mut [u8],
) -> Result<(), TiffError> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    let mut at = |start: usize, out: &mut [u8]| -> io::Result<()> {
        file.seek(SeekFrom::Start(start as u64))?;
        file.read_exact(out)
    };
    let read = match bytes.len() == line {
        true => at(rows.start * line, out),
        false => rows
            .clone()
            .zip(out.chunks_exact_mut(bytes.len()))
            .try_for_each(|(row, out)| at(row * line + bytes.start, out)),
    };
    read.map_err(|source| TiffError::reading(&std::env::temp_dir(), source))
}

fn unwritten(source: io::Error) -> TiffError {
    TiffError::writing(&std::env::temp_dir(), source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiff::{Raster, Sample};

    /// Gaps from the second push on: the rows before them are valid.
    fn image() -> Raster {
        let data = (0..31 * 17 * 3).map(|i| i as f32).collect();
        let valid = (0..31 * 17).map(|i| i < 200 || i % 5 > 0).collect();
        Raster { header: Header::new("memory.tif", Sample::F32, [17, 31, 3]), data, valid: Some(valid) }
    }

    #[test]
    fn parts_are_those_of_the_image_in_memory_and_in_a_file() {
        let (image, in_memory) = (image(), StoredImage::of(&image()).expect("room"));
        let mut in_file = StoredImage::of(&image).expect("room");
        let valid = in_file.valid.as_mut().expect("there are gaps");
        for file in [&mut in_file.values, valid] {
            file.get_mut().expect("no panic").roll().expect("a temporary file");
        }
        for (rows, columns) in [(0..31, 0..17), (3..20, 0..17), (11..12, 4..9), (30..31, 16..17)] {
            let wanted = Image::block(&image, rows.clone(), columns.clone()).expect("in memory");
            for stored in [&in_memory, &in_file] {
                assert_eq!(stored.block(rows.clone(), columns.clone()).expect("it can be read"), wanted);
            }
        }
    }

    #[test]
    fn without_gaps_there_is_no_mask() {
        let image = Raster { valid: Some(vec![true; 31 * 17]), ..image() };
        assert_eq!(StoredImage::of(&image).expect("room").raster().expect("it can be read").valid, None);
    }
}
