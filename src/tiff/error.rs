//! What can go wrong with files: what, where, the value seen, what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::remedy::{Note, Remedy};

use super::{
    CreationError, Format, Header, Sample, Window, crs_differ,
    remote::{Address, RemoteError, shown},
    text::is_hidden,
};

/// An error of reading or writing images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TiffError {
    /// The file does not exist.
    #[error("{}: no such file; check the path", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses to read the file.
    #[error("{}: cannot be read: {source}; check that it is a file and that you may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What lies at an address cannot be read.
    #[error("{}: {source}", path.display())]
    Remote {
        /// The address, as it may be shown.
        path: PathBuf,
        /// Why, and what to do.
        source: RemoteError,
    },
    /// The file is something else.
    #[error("{}: not a TIFF but {found}; convert it: {fix}", path.display())]
    NotTiff {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: String,
        /// The command that converts it.
        fix: String,
    },
    /// The file ends before its contents do.
    #[error("{}: truncated TIFF: {what} needs {needed} bytes, the file has {size}; copy or download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The part that is cut off.
        what: String,
        /// Length the file would need to have.
        needed: u64,
        /// Length it has.
        size: u64,
    },
    /// The file contradicts itself.
    #[error("{}: damaged TIFF: {what}; copy or download it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The contradiction, with the value seen.
        what: String,
    },
    /// A valid TIFF of a kind that is not read.
    #[error("{}: {what} is not supported; convert it: {fix}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The compression, bit depth or layout.
        what: String,
        /// The command that converts it.
        fix: String,
    },
    /// More pixels than are held in memory.
    #[error("{}: {what} does not fit in memory; fuse a part: {fix}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        what: String,
        /// The command that cuts a part out.
        fix: String,
    },
    /// A strip or tile of more bytes than may be held.
    #[error("{}: one strip or tile of {bytes} bytes is more than {}; allow more, or convert it: {fix}", path.display(),
        Remedy::Memory(*limit))]
    Chunk {
        /// The file.
        path: PathBuf,
        /// Bytes of the strip or tile, decoded.
        bytes: u64,
        /// Bytes that may be held.
        limit: u64,
        /// The command that makes its tiles smaller.
        fix: String,
    },
    /// A window beyond the image.
    #[error("{}: the image of {} has no {window}; give a window within it", path.display(), Size(*size))]
    Window {
        /// The file.
        path: PathBuf,
        /// The window asked for.
        window: Window,
        /// Width and height of the image.
        size: [usize; 2],
    },
    /// Files that are to be the bands of one image do not fit.
    #[error("{}: has {what} unlike {}; {fix}", path.display(), first.display())]
    Stack {
        /// The file that does not fit.
        path: PathBuf,
        /// The first file.
        first: PathBuf,
        /// The difference, with the values seen.
        what: String,
        /// What to do, with the command if there is one.
        fix: Box<Note>,
    },
    /// A file that lists others as its parts (VRT, DIMAP) cannot be followed.
    #[error("{}: {what}; {fix}", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// The reason, with the part or the value seen.
        what: String,
        /// What to do.
        fix: String,
    },
    /// Files that are to be the tiles of one image do not fit.
    #[error("{}: {what}; {fix}", path.display())]
    Tiles {
        /// The first file.
        path: PathBuf,
        /// The reason.
        what: String,
        /// What to do.
        fix: Note,
    },
    /// A band that was asked for cannot be taken.
    #[error("{}: band {wanted}: {why}; choose among {there}", path.display())]
    Bands {
        /// The file.
        path: PathBuf,
        /// The name or number asked for.
        wanted: String,
        /// What is wrong with it.
        why: &'static str,
        /// The bands there are.
        there: String,
        /// Whether it was to be the only one, as PAN.
        alone: bool,
    },
    /// The output is there already.
    #[error("{}: exists already; give another name or {}", path.display(), Remedy::Overwrite)]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The folder of the output is missing or not writable.
    #[error("{}: cannot write into folder {}: {source}; create it or choose another", path.display(), folder.display())]
    Folder {
        /// The output.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output is something that must not be replaced by a file.
    #[error("{}: is {kind}, and only regular files are replaced; give another name", path.display())]
    Special {
        /// The output.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The output is an address.
    #[error("{}: results are written to files: name one, and upload it afterwards", path.display())]
    Upload {
        /// The output, as it may be shown.
        path: PathBuf,
    },
    /// The output is needed otherwise.
    #[error("{}: is {by}; give each output a name of its own, nothing was written", path.display())]
    Claimed {
        /// The output.
        path: PathBuf,
        /// What it is already.
        by: &'static str,
    },
    /// The name of the output promises another format.
    #[error("{}: this name promises {promised}, but the file will be {format}; give it another suffix, \
             and convert the file afterwards if need be", path.display())]
    Suffix {
        /// The output.
        path: PathBuf,
        /// What its suffix stands for.
        promised: String,
        /// What it will contain.
        format: Format,
    },
    /// Creation options that do not exist or do not suit the values.
    #[error(transparent)]
    Creation(#[from] CreationError),
    /// No room left for the output.
    #[error("{}: disk full: {source}; make room, nothing was written", path.display())]
    DiskFull {
        /// The output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing failed in another way.
    #[error("{}: cannot be written: {source}; nothing was written", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Classes of errors that a program tells apart by its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// An option is wrong.
    Usage,
    /// An input cannot be read or used.
    Input,
    /// Two inputs do not fit together.
    Geometry,
    /// There is not enough memory.
    Memory,
    /// The output cannot be written.
    Output,
}

impl TiffError {
    /// The class of the error.
    pub fn kind(&self) -> ErrorClass {
        match self {
            Self::Stack { .. } => ErrorClass::Geometry,
            Self::Exists { .. } | Self::Folder { .. } | Self::DiskFull { .. } | Self::Write { .. } => {
                ErrorClass::Output
            }
            Self::Special { .. } | Self::Claimed { .. } | Self::Suffix { .. } | Self::Upload { .. } => {
                ErrorClass::Output
            }
            Self::Creation(_) | Self::Bands { .. } => ErrorClass::Usage,
            Self::TooLarge { .. } | Self::Chunk { .. } => ErrorClass::Memory,
            _ => ErrorClass::Input,
        }
    }

    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Stack { fix, .. } => fix.remedy.clone(),
            Self::Tiles { fix, .. } => fix.remedy.clone(),
            Self::Bands { wanted, alone: false, .. } => Some(Remedy::OtherBand(wanted.clone())),
            Self::Bands { wanted, alone: true, .. } => Some(Remedy::OtherPanBand(wanted.clone())),
            Self::Exists { .. } => Some(Remedy::Overwrite),
            Self::Chunk { limit, .. } => Some(Remedy::Memory(*limit)),
            _ => None,
        }
    }

    /// The error of a failed read of an existing or missing file.
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        let path = shown(path);
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => match source.downcast::<RemoteError>() {
                Ok(source) => Self::Remote { path, source },
                Err(source) => Self::Unreadable { path, source },
            },
        }
    }

    /// The error of a part of an image that memory has no room for.
    pub(crate) fn too_large(path: &Path, what: String, size: [usize; 2]) -> Self {
        // What is beyond the image GDAL would fill with zeros.
        let [width, height] = size.map(|side| side.min(4096));
        Self::TooLarge { path: path.to_owned(), what, fix: translate(&format!("-srcwin 0 0 {width} {height}"), path) }
    }

    /// The error of a failed write.
    pub(crate) fn writing(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, source },
            _ => Self::Write { path, source },
        }
    }
}

/// `512x256`, width first, as GDAL prints sizes.
pub(crate) struct Size(pub(crate) [usize; 2]);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.0[0], self.0[1])
    }
}

/// The `gdal_translate` line that remedies a file.
pub(crate) fn translate(options: &str, path: &Path) -> String {
    gdal("gdal_translate", options, path)
}

/// The line of a GDAL program that remedies a file: options, then input and a new name beside it.
pub(crate) fn gdal(program: &str, options: &str, path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    let space = if options.is_empty() { "" } else { " " };
    let name = format!("{stem}_fixed.tif");
    // What was elsewhere comes here.
    let (from, to) = match Address::of(path) {
        Some(address) => (address.for_gdal(), name.into()),
        None => (path.to_owned(), path.with_file_name(name)),
    };
    format!("{program}{space}{options} {} {}", quoted(&from), quoted(&to))
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    if !text.contains(is_hidden) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    // What must not be shown as it is, a shell can read as a number.
    let coded = |c: char| match c {
        '\\' | '\'' => format!("\\{c}"),
        c if is_hidden(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("$'{}'", text.chars().map(coded).collect::<String>())
}

/// What makes the bands of a file fit those of another.
pub(super) fn onto_grid(first: &Header, other: &Header) -> Box<Note> {
    let kind = match first.sample {
        Sample::U8 => "Byte",
        Sample::U16 => "UInt16",
        Sample::I16 => "Int16",
        Sample::F32 => "Float32",
    };
    let [width, height] = first.size();
    let system = match (crs_differ(&first.geo, &other.geo), first.geo.epsg()) {
        (false, _) => Some(String::new()),
        (true, code) => code.map(|code| format!("-t_srs EPSG:{code} ")),
    };
    let line = match (first.geo.affine(), other.geo.affine(), system) {
        (Some(grid), Some(_), Some(system)) if grid.rx == 0.0 && grid.ry == 0.0 && grid.dx > 0.0 && grid.dy < 0.0 => {
            let [x0, y0, x1, y1] = first.covers(&grid);
            let options = format!("{system}-te {x0} {y0} {x1} {y1} -ts {width} {height} -r cubic -ot {kind}");
            gdal("gdalwarp", &options, &other.path)
        }
        (None, None, _) => {
            gdal("gdal_translate", &format!("-r cubic -outsize {width} {height} -ot {kind}"), &other.path)
        }
        _ => return Box::new("files can only be stacked on one grid: bring all onto it".into()),
    };
    Box::new(format!("files can only be stacked on one grid: resample it: {line}").into())
}
