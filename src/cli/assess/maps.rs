//! Maps of quality as GeoTIFFs.

use std::path::{Path, PathBuf};

use trapan::quality::{PixelErrors, QualityError};
use trapan::tiff::{self, CogWriter, Creation, Format, GeoTags, Layout, Output, Sample, TiffError};

/// A folder for maps.
pub(super) struct Maps {
    folder: PathBuf,
    overwrite: bool,
}

impl Maps {
    /// Makes the folder and finds out whether maps of these names can be expected to be written there.
    pub(super) fn create(
        folder: &Path,
        names: &[&str],
        inputs: &[PathBuf],
        overwrite: bool,
    ) -> Result<Self, TiffError> {
        let maps = Self { folder: folder.to_owned(), overwrite };
        let paths = || names.iter().map(|name| maps.path(name));
        tiff::check_outputs(inputs, &paths().map(|path| Output::new(path, Format::GeoTiff)).collect::<Vec<_>>())?;
        tiff::create_folder(folder)?;
        paths().try_for_each(|path| tiff::check_output(&path, overwrite))?;
        Ok(maps)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("tif")
    }

    /// Writes a whole map, `[rows, columns]`.
    pub(super) fn write(&self, name: &str, size: [usize; 2], geo: GeoTags, values: &[f32]) -> Result<(), TiffError> {
        let (path, layout, valid) = (self.path(name), layout(name, size, geo), there(values));
        tiff::write(&path, &layout, values, valid.as_deref(), &Creation::default(), self.overwrite)
    }

    /// Maps of the errors of pixels, written as they come.
    pub(super) fn pixels(&self, prefix: &str, size: [usize; 2], geo: &GeoTags) -> Result<PixelMaps, TiffError> {
        let file = |what: &str| {
            let name = format!("{prefix}{what}");
            CogWriter::create(
                &self.path(&name),
                &layout(&name, size, geo.clone()),
                &Creation::default(),
                self.overwrite,
            )
        };
        Ok(PixelMaps { sam: file("sam")?, error: file("error")? })
    }
}

/// Two files being written.
pub(super) struct PixelMaps {
    sam: CogWriter,
    error: CogWriter,
}

impl PixelMaps {
    /// Appends rows.
    pub(super) fn add(&mut self, rows: &PixelErrors) -> Result<(), QualityError> {
        self.sam.write_rows(&rows.sam, there(&rows.sam).as_deref())?;
        Ok(self.error.write_rows(&rows.error, there(&rows.error).as_deref())?)
    }

    /// Ends the files.
    pub(super) fn finish(self) -> Result<(), TiffError> {
        self.sam.finish()?;
        self.error.finish()
    }
}

/// Where there are values, if not everywhere: beside gaps of the images there are none.
fn there(values: &[f32]) -> Option<Vec<bool>> {
    let valid: Vec<bool> = values.iter().map(|v| !v.is_nan()).collect();
    valid.contains(&false).then_some(valid)
}

/// One band of f32, NaN where there is no value.
fn layout(name: &str, [rows, columns]: [usize; 2], geo: GeoTags) -> Layout {
    Layout {
        nodata: Some(f64::NAN),
        geo,
        descriptions: vec![Some(name.to_owned())],
        ..Layout::new([columns, rows], 1, Sample::F32)
    }
}
