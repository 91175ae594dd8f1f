//! Folders as providers deliver them: which files are PAN and MS, and what their metadata add.

mod error;
mod landsat;
mod maxar;
mod odl;

use std::path::{Path, PathBuf};

pub use error::ProductError;

use crate::remedy::{Note, Remedy};
use crate::tiff::{Source, TiffError, translate};

/// What a product folder holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Product {
    /// Name of the satellite as its metadata or file names give it: "LANDSAT_8", "WV02", "GF2", ….
    pub satellite: Option<String>,
    /// The panchromatic file, or its tiles.
    pub pan: Vec<PathBuf>,
    /// The multispectral files: one of several bands, one per band, or tiles.
    pub ms: Vec<PathBuf>,
    /// Whether those are tiles.
    pub ms_tiled: bool,
    /// Names of the MS bands, for files without them; empty if unknown.
    pub names: Vec<String>,
    /// Significant bits of the values, if the metadata state them.
    pub bits: Option<u8>,
    /// The value of pixels without data, for files that do not state one.
    pub nodata: Option<f64>,
    /// Bands to keep of the MS file or files, by name or number; empty: all.
    pub chosen: Vec<String>,
    /// All files of the delivery, read or not.
    pub files: Vec<PathBuf>,
}

impl Product {
    /// Finds the files of a Landsat Collection 2 level-1 scene, a Maxar (DigitalGlobe) delivery or a
    /// GF-1 or GF-2 scene. `bands` chooses by name or number, of Landsat by its own numbers ("B4" or
    /// "4"); empty: all, or those Landsat bands that PAN sees.
    ///
    /// # Errors
    /// [`ProductError::Folder`] for folders of another kind and for those that cannot be fused, with
    /// the reason and what to do; [`TiffError::Missing`] and [`TiffError::Unreadable`].
    pub fn open(folder: &Path, bands: &[String]) -> Result<Self, ProductError> {
        let folder = Folder::list(folder)?;
        if let Some(product) = landsat::find(&folder, bands)? {
            return Ok(product);
        }
        let product = match maxar::find(&folder)? {
            None => gaofen(&folder)?,
            found => found,
        };
        if let Some(product) = product {
            return Ok(Self { chosen: bands.to_vec(), ..product });
        }
        if let Some(other) = folder.files.iter().find(|path| unread(path)) {
            return Err(folder.convert(other));
        }
        Err(folder.error(
            "no Landsat level-1 scene (*_B8.TIF), Maxar delivery (folders *_PAN and *_MUL) or GF-1/2 scene \
             (*-PAN1.tiff, *-MSS1.tiff) is in it",
            by_name("the files"),
        ))
    }

    /// Opens PAN and MS, with the names and bits that the metadata add to them.
    ///
    /// # Errors
    /// Those of [`Source::open`], [`Source::mosaic`] and [`Source::choose`].
    pub fn sources(&self) -> Result<[Source; 2], ProductError> {
        let ms = if self.ms_tiled { Source::mosaic(&self.ms)? } else { Source::open(&self.ms)? };
        let mut sources = [Source::mosaic(&self.pan)?, ms];
        sources.iter_mut().for_each(|source| source.assume_bits(self.bits));
        sources[1].assume_names(&self.names);
        if !self.chosen.is_empty() {
            sources[1].choose(&self.chosen)?;
        }
        Ok(sources)
    }
}

/// A folder and the names in it, sorted.
struct Folder {
    path: PathBuf,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Folder {
    fn list(path: &Path) -> Result<Self, ProductError> {
        let failed = |e| TiffError::reading(path, e);
        let mut found = Self { path: path.to_owned(), files: Vec::new(), folders: Vec::new() };
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let list = if path.is_dir() { &mut found.folders } else { &mut found.files };
            list.push(path);
        }
        found.files.sort();
        found.folders.sort();
        Ok(found)
    }

    /// The files whose names begin as that of one of them does, up to its last `mark`.
    fn delivery(&self, file: &Path, mark: char) -> Vec<PathBuf> {
        let own = name(file);
        let start = own.rfind(mark).map_or(&own[..], |end| &own[..end]);
        self.files.iter().filter(|path| name(path).starts_with(start)).cloned().collect()
    }

    fn error(&self, what: &str, fix: impl Into<Note>) -> ProductError {
        ProductError::Folder { path: self.path.clone(), what: what.to_owned(), fix: fix.into() }
    }

    /// The error of a file in a format we do not read.
    fn convert(&self, file: &Path) -> ProductError {
        let kind = extension(file).to_uppercase();
        self.error(&format!("{} is {kind}, which is not read", name(file)), translate("", file))
    }

    /// The only file whose name, in capitals, passes; `what` names it in errors.
    fn only(&self, what: &str, test: impl Fn(&str) -> bool) -> Result<Option<&PathBuf>, ProductError> {
        let mut found = self.files.iter().filter(|path| test(&name(path).to_uppercase()));
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            (first, Some(second)) => {
                let [a, b] = [first.unwrap_or(second), second].map(|path| name(path));
                Err(self.error(&format!("it has several {what} files ({a}, {b}, …)"), by_name("the files of one")))
            }
        }
    }
}

/// The advice to name files.
fn by_name(files: &str) -> Note {
    Note::with(format!("name {files} {}", Remedy::NameFiles), Some(Remedy::NameFiles))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Extension in small letters.
fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn is_tiff(path: &Path) -> bool {
    matches!(&extension(path)[..], "tif" | "tiff")
}

/// Image formats that products come in and that we do not read.
fn unread(path: &Path) -> bool {
    matches!(&extension(path)[..], "jp2" | "j2k" | "ntf" | "nitf" | "h5" | "img")
}

/// GF-1 and GF-2 level 1: `GF2_PMS1_…-PAN1.tiff` beside `…-MSS1.tiff`, 1 or 2 being the camera.
fn gaofen(folder: &Folder) -> Result<Option<Product>, ProductError> {
    let part = |kind: &str| {
        let what = format!("GF {kind}");
        let test = |name: &str| {
            let stem = name.strip_suffix(".TIFF").or_else(|| name.strip_suffix(".TIF")).unwrap_or_default();
            name.starts_with("GF") && stem.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(kind)
        };
        folder.only(&what, test)
    };
    let (pan, ms) = match (part("-PAN")?, part("-MSS")?) {
        (Some(pan), Some(ms)) => (pan, ms),
        (None, None) => return Ok(None),
        (Some(there), None) | (None, Some(there)) => {
            let what = format!("only {} is there of a GF scene's *-PAN and *-MSS files", name(there));
            return Err(folder.error(&what, "download both"));
        }
    };
    let satellite = name(pan).split('_').next().map(str::to_uppercase);
    let names = ["Blue", "Green", "Red", "NIR"].map(String::from).to_vec();
    let (files, pan, ms) = (folder.delivery(pan, '-'), vec![pan.clone()], vec![ms.clone()]);
    Ok(Some(Product { satellite, pan, ms, names, files, ..Product::default() }))
}
