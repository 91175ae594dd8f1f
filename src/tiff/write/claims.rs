//! Which files a command reads and which it is going to write: none may be both, and none is written twice.

use std::{
    collections::HashSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    super::{beside::airbus_camera, remote::is_address},
    TiffError,
    target::{folder, resolve},
};

/// What an output contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    GeoTiff,
    Png,
    Html,
    Json,
    Safetensors,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::GeoTiff => "a GeoTIFF",
            Self::Png => "a PNG picture",
            Self::Html => "a page of HTML",
            Self::Json => "JSON",
            Self::Safetensors => "a safetensors file",
        })
    }
}

/// Suffixes that promise one of these formats.
const OWN: [(&str, Format); 7] = [
    ("tif", Format::GeoTiff),
    ("tiff", Format::GeoTiff),
    ("png", Format::Png),
    ("html", Format::Html),
    ("htm", Format::Html),
    ("json", Format::Json),
    ("safetensors", Format::Safetensors),
];

/// Suffixes that promise a format which is not written.
const OTHER: [(&str, &str); 26] = [
    ("jp2", "JPEG 2000"),
    ("j2k", "JPEG 2000"),
    ("vrt", "a GDAL virtual raster"),
    ("img", "an Erdas Imagine file"),
    ("nc", "NetCDF"),
    ("h5", "HDF5"),
    ("hdf", "HDF"),
    ("ntf", "NITF"),
    ("nitf", "NITF"),
    ("ecw", "ECW"),
    ("sid", "MrSID"),
    ("pix", "a PCIDSK file"),
    ("gpkg", "a GeoPackage"),
    ("bsq", "a raw image"),
    ("bil", "a raw image"),
    ("bip", "a raw image"),
    ("jpg", "JPEG"),
    ("jpeg", "JPEG"),
    ("webp", "WebP"),
    ("bmp", "a bitmap"),
    ("pdf", "PDF"),
    ("zip", "an archive"),
    ("npy", "a NumPy array"),
    ("pt", "a PyTorch file"),
    ("pth", "a PyTorch file"),
    ("onnx", "ONNX"),
];

/// What lies beside a raster and belongs to it, as GDAL and providers name it: behind the whole name …
const BEHIND: [&str; 5] = [".msk", ".ovr", ".aux.xml", ".msk.ovr", ".prj"];
/// … and in place of its suffix, in small or capital letters.
const INSTEAD: [&str; 16] = [
    ".tfw",
    ".tifw",
    ".tiffw",
    ".wld",
    ".prj",
    ".rpb",
    ".imd",
    ".til",
    ".xml",
    ".aux",
    ".rrd",
    ".eph",
    ".att",
    ".geo",
    "_rpc.txt",
    "_metadata.txt",
];

/// A file that is going to be written.
#[derive(Debug, Clone)]
pub struct Output {
    path: PathBuf,
    format: Format,
}

impl Output {
    /// A file of this name and contents.
    pub fn new(path: impl Into<PathBuf>, format: Format) -> Self {
        Self { path: path.into(), format }
    }

    /// Whether the suffix promises what the file will contain.
    fn check_suffix(&self) -> Result<(), TiffError> {
        let Some(suffix) = self.path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase()) else {
            return Ok(());
        };
        let own = OWN.iter().find(|(own, _)| *own == suffix).map(|(_, format)| *format);
        let other = OTHER.iter().find(|(other, _)| *other == suffix).map(|(_, name)| (*name).to_owned());
        let promised = own.filter(|format| *format != self.format).map(|format| format.to_string()).or(other);
        match promised {
            None => Ok(()),
            Some(promised) => Err(TiffError::Suffix { path: self.path.clone(), promised, format: self.format }),
        }
    }
}

/// Finds out before any work whether outputs can go where they are to go: no output is an input or
/// what lies beside one (mask, overviews, world file …), no two outputs are one file, whatever their names and
/// the links among them, none replaces a device, and every suffix promises what the file will contain.
/// Nothing is touched.
///
/// # Errors
/// [`TiffError::Claimed`], [`TiffError::Suffix`], [`TiffError::Special`], [`TiffError::Write`].
pub fn check_outputs(inputs: &[PathBuf], outputs: &[Output]) -> Result<(), TiffError> {
    let reads: HashSet<Identity> = inputs
        .iter()
        .filter(|path| !is_address(path))
        .flat_map(|path| with_company(path))
        .map(|p| Identity::of(&p))
        .collect();
    let mut writes = HashSet::new();
    for output in outputs {
        let claimed = |by| Err(TiffError::Claimed { path: output.path.clone(), by });
        let target = Identity::of(&resolve(&output.path)?);
        if reads.contains(&target) {
            return claimed("an input or a file that belongs to one, and would be lost");
        }
        if !writes.insert(target) {
            return claimed("the name of two outputs");
        }
        output.check_suffix()?;
    }
    Ok(())
}

/// A raster and the names of what may lie beside it.
fn with_company(path: &Path) -> Vec<PathBuf> {
    let joined = |stem: &Path, end: &str| {
        let mut name = OsString::from(stem);
        name.push(end);
        PathBuf::from(name)
    };
    let stem = path.with_extension("");
    let behind = BEHIND.iter().map(|end| joined(path, end));
    let instead = INSTEAD.iter().flat_map(|end| [joined(&stem, end), joined(&stem, &end.to_uppercase())]);
    [path.to_owned()].into_iter().chain(behind).chain(instead).chain(airbus_camera(path)).collect()
}

/// What makes two names the same file.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    /// Device and inode: links and spellings do not matter.
    #[cfg(unix)]
    Inode(u64, u64),
    /// For what does not exist yet, or has no inodes: the real path of its folder, and its name.
    Path(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Self {
        #[cfg(unix)]
        if let Ok(found) = path.metadata() {
            use std::os::unix::fs::MetadataExt;
            return Self::Inode(found.dev(), found.ino());
        }
        Self::Path(canonical(path))
    }
}

/// The real path, as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.file_name()) {
        (Ok(real), _) => real,
        (Err(_), Some(name)) => canonical(folder(path)).join(name),
        (Err(_), None) => path.to_owned(),
    }
}
