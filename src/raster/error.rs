//! What can go wrong with files and pairs: what, where, the value seen, what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{CreationError, Format, Window, geometry::GeometryError, text::is_hidden};

/// An error of reading, matching or writing rasters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RasterError {
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
        fix: String,
    },
    /// A folder whose product cannot be fused as it is.
    #[error("{}: {what}; {fix}", path.display())]
    Product {
        /// The folder, or a metadata file.
        path: PathBuf,
        /// The reason.
        what: String,
        /// What to do.
        fix: String,
    },
    /// A band without any content.
    #[error("{}: band {band} is {value} everywhere: nothing to learn from; {fix}", path.display())]
    Constant {
        /// The file.
        path: PathBuf,
        /// The band, from 1.
        band: usize,
        /// The one value.
        value: f32,
        /// What to do, with the command that selects other bands.
        fix: String,
    },
    /// A few values beyond anything else in the images.
    #[error("{}: band {band}, row {row}, column {column} is {value:e}, where 99.9 % of all values are at most {usual}: no \
             image has such a range, and training would see nothing else; if it stands for no data give \
             --nodata={value:e}, else correct the file", path.display())]
    Outlier {
        /// The file.
        path: PathBuf,
        /// The band, from 1.
        band: usize,
        /// The row, from 1.
        row: usize,
        /// The column, from 1.
        column: usize,
        /// The value.
        value: f32,
        /// What hardly any value exceeds.
        usual: f32,
    },
    /// Every pixel is nodata.
    #[error("{}: every pixel is nodata ({nodata}) in this file or its partner; choose another area or correct the \
             nodata value: {fix}", path.display())]
    NoData {
        /// The file.
        path: PathBuf,
        /// The nodata value.
        nodata: f64,
        /// The command that removes the tag.
        fix: String,
    },
    /// Values larger than the bit depth asked for.
    #[error("{}: value {max} does not fit in {bits} bits; give a larger bit depth, or none to take it from the data", path.display())]
    BitDepth {
        /// The file.
        path: PathBuf,
        /// The largest value.
        max: f32,
        /// The bit depth asked for.
        bits: u8,
    },
    /// The panchromatic image has several bands.
    #[error("{}: the PAN image has {bands} bands, one is needed; take one: {fix}", path.display())]
    PanBands {
        /// The file.
        path: PathBuf,
        /// How many it has.
        bands: usize,
        /// The command that takes one band.
        fix: String,
    },
    /// The multispectral image has too many bands.
    #[error("{}: the MS image has {bands} bands, at most {most} are fused at once; choose some by name or number, as \
             --ms-bands 1,2,5, and the others in another run", path.display())]
    MsBands {
        /// The file.
        path: PathBuf,
        /// How many it has.
        bands: usize,
        /// The limit.
        most: usize,
    },
    /// A band that was asked for cannot be taken.
    #[error("{}: --ms-bands {wanted}: {why}; choose among {there}", path.display())]
    Bands {
        /// The file.
        path: PathBuf,
        /// The name or number asked for.
        wanted: String,
        /// What is wrong with it.
        why: &'static str,
        /// The bands there are.
        there: String,
    },
    /// The images do not lie on each other.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// Too small to train on.
    #[error("{}: the MS image is {}, at ratio {ratio} at least {least} pixels are needed in each direction; take a larger area", path.display(), Size(*size))]
    TooSmall {
        /// The MS file.
        path: PathBuf,
        /// Its width and height.
        size: [usize; 2],
        /// PAN to MS.
        ratio: usize,
        /// The limit.
        least: usize,
    },
    /// The output is there already.
    #[error("{}: exists already; give another name or --overwrite", path.display())]
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
pub enum Kind {
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

impl RasterError {
    /// The class of the error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Stack { .. } | Self::PanBands { .. } | Self::MsBands { .. } => Kind::Geometry,
            Self::TooSmall { .. } | Self::Geometry(_) => Kind::Geometry,
            Self::Exists { .. } | Self::Folder { .. } | Self::DiskFull { .. } | Self::Write { .. } => Kind::Output,
            Self::Special { .. } | Self::Claimed { .. } | Self::Suffix { .. } => Kind::Output,
            Self::Creation(_) | Self::Bands { .. } => Kind::Usage,
            Self::TooLarge { .. } => Kind::Memory,
            _ => Kind::Input,
        }
    }

    /// The error of a failed read of an existing or missing file.
    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Unreadable { path, source },
        }
    }

    /// The error of a part of an image that memory has no room for.
    pub(super) fn too_large(path: &Path, what: String, size: [usize; 2]) -> Self {
        // What is beyond the image GDAL would fill with zeros.
        let [width, height] = size.map(|side| side.min(4096));
        Self::TooLarge { path: path.to_owned(), what, fix: translate(&format!("-srcwin 0 0 {width} {height}"), path) }
    }

    /// The error of a failed write.
    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, source },
            _ => Self::Write { path, source },
        }
    }
}

/// `512x256`, width first, as GDAL prints sizes.
pub(super) struct Size(pub(super) [usize; 2]);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.0[0], self.0[1])
    }
}

/// The `gdal_translate` line that remedies a file.
pub(super) fn translate(options: &str, path: &Path) -> String {
    gdal("gdal_translate", options, path)
}

/// The line of a GDAL program that remedies a file: options, then input and a new name beside it.
pub(super) fn gdal(program: &str, options: &str, path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    let space = if options.is_empty() { "" } else { " " };
    let out = path.with_file_name(format!("{stem}_fixed.tif"));
    format!("{program}{space}{options} {} {}", quoted(path), quoted(&out))
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
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
