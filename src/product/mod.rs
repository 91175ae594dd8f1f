//! Folders as providers deliver them: which files are PAN and MS, and what their metadata add.

mod airbus;
mod error;
mod landsat;
mod maxar;
mod named;
mod odl;

use std::path::{Path, PathBuf};

pub use error::ProductError;

use crate::remedy::{Note, Remedy};
use crate::tiff::{RemoteError, Source, TiffError, is_address, shown, translate};

/// What a product folder holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Product {
    /// Name of the satellite as its metadata or file names give it: "LANDSAT_8", "WV02", "GF2", ….
    pub satellite: Option<String>,
    /// The panchromatic file, its tiles, or files of bands that stand for one.
    pub pan: Vec<PathBuf>,
    /// Which band of these is PAN, or [`MEAN`](crate::tiff::MEAN); `None`: there is one.
    pub pan_band: Option<String>,
    /// The multispectral files: one of several bands, one per band, or tiles.
    pub ms: Vec<PathBuf>,
    /// Whether several files are tiles.
    pub tiled: bool,
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
    /// Finds the files of a Landsat Collection 2 level-1 scene, of a delivery of Maxar (DigitalGlobe) or Airbus, or of
    /// a scene that is known by the names of its files: GF-1, 2 and 6, SuperView, Jilin-1, KOMPSAT-3, CBERS-4 and 4A,
    /// and Sentinel-2, whose 10 m bands are PAN. `bands` chooses by name or number, of Landsat by its own numbers
    /// ("B4" or "4"); empty: all, or those Landsat bands that PAN sees.
    ///
    /// # Errors
    /// [`ProductError::Folder`] for folders of another kind and for those that cannot be fused, with
    /// the reason and what to do; [`TiffError::Missing`] and [`TiffError::Unreadable`].
    pub fn open(folder: &Path, bands: &[String]) -> Result<Self, ProductError> {
        let folder = Folder::list(folder)?;
        if let Some(product) = landsat::find(&folder, bands)? {
            return Ok(product);
        }
        for find in [maxar::find, airbus::find, named::find] {
            if let Some(product) = find(&folder)? {
                return Ok(Self { chosen: bands.to_vec(), ..product });
            }
        }
        let what = format!(
            "no Landsat level-1 scene (*_B8.TIF), no delivery of Maxar (folders *_PAN and *_MUL) or Airbus (DIM_*.XML) and \
             none of these scenes as its provider names it is in it: {}",
            named::known()
        );
        Err(folder.error(&what, by_name("the files")))
    }

    /// Opens PAN and MS, with the names and bits that the metadata add to them.
    ///
    /// # Errors
    /// Those of [`Source::open`], [`Source::choose`] and [`Source::choose_one`]; [`TiffError::Tiles`].
    pub fn sources(&self) -> Result<[Source; 2], ProductError> {
        let open = |files| if self.tiled { Source::mosaic(files) } else { Source::open(files) };
        let mut sources = [open(&self.pan)?, open(&self.ms)?];
        sources.iter_mut().for_each(|source| source.assume_bits(self.bits));
        self.pan_band.iter().try_for_each(|band| sources[0].choose_one(band))?;
        sources[1].assume_names(&self.names);
        if !self.chosen.is_empty() {
            sources[1].choose(&self.chosen)?;
        }
        Ok(sources)
    }
}

/// Most folders within each other that are looked into: a Sentinel-2 product has four.
const MAX_DEPTH: usize = 4;

/// A folder and the names in it, sorted.
struct Folder {
    path: PathBuf,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Folder {
    fn list(path: &Path) -> Result<Self, ProductError> {
        if is_address(path) {
            return Err(TiffError::Remote { path: shown(path), source: RemoteError::Folder }.into());
        }
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

    /// The same with the files of the folders in it whose names, in capitals, pass, and of those in them, and so on.
    fn with(mut self, test: impl Fn(&str) -> bool) -> Result<Self, ProductError> {
        for _ in 0..MAX_DEPTH {
            let inner: Vec<PathBuf> = self.folders.extract_if(.., |path| test(&name(path).to_uppercase())).collect();
            for folder in inner {
                let Self { files, folders, .. } = Self::list(&folder)?;
                self.files.extend(files);
                self.folders.extend(folders);
            }
        }
        Ok(self)
    }

    /// The files whose names begin as that of one of them does, up to its last mark.
    fn delivery(&self, file: &Path) -> Vec<PathBuf> {
        let own = name(file);
        let start = own.rfind(['-', '_']).map_or(&own[..], |end| &own[..end]);
        self.files.iter().filter(|path| name(path).starts_with(start)).cloned().collect()
    }

    fn error(&self, what: &str, fix: impl Into<Note>) -> ProductError {
        ProductError::Folder { path: self.path.clone(), what: what.to_owned(), fix: fix.into() }
    }

    /// The error of a file in a format we do not read.
    fn convert(&self, file: &Path) -> ProductError {
        let kind = extension(file).to_uppercase();
        let fix = format!("convert it and others like it: {}", translate("", file));
        self.error(&format!("{} is {kind}, which is not read", name(file)), fix)
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
