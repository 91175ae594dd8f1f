//! Where an output really goes: symbolic links are followed, and only regular files are replaced.

use std::{
    fs::{self, FileType},
    io,
    path::{Path, PathBuf},
};

use super::{
    super::remote::{is_address, shown},
    TiffError,
};

/// Links that are followed one after the other: Linux follows as many.
const MOST_LINKS: usize = 40;

/// The file that a name leads to, which need not exist yet.
///
/// # Errors
/// [`TiffError::Upload`] if it is an address; [`TiffError::Special`] if it is a device, a pipe or a socket: renaming a file onto it would
/// replace it, which as root may be `/dev/null` for the whole machine. [`TiffError::Write`] if it is
/// a folder, if the name has no file part, or if the links go round in a circle.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, TiffError> {
    if is_address(path) {
        return Err(TiffError::Upload { path: shown(path) });
    }
    let refused = |kind: io::ErrorKind, why: &str| TiffError::writing(path, io::Error::new(kind, why));
    let mut target = path.to_owned();
    for _ in 0..=MOST_LINKS {
        let Ok(found) = target.symlink_metadata() else {
            let named = target.file_name().is_some();
            return if named {
                Ok(target)
            } else {
                Err(refused(io::ErrorKind::InvalidInput, "the name has no file part"))
            };
        };
        let kind = found.file_type();
        if kind.is_file() {
            return Ok(target);
        }
        if kind.is_dir() {
            return Err(refused(io::ErrorKind::IsADirectory, "is a folder"));
        }
        if !kind.is_symlink() {
            return Err(TiffError::Special { path: path.to_owned(), kind: name(kind) });
        }
        // The links in /proc name what is no file (pipe:[7]): the system has to be asked for its kind.
        if let Ok(found) = fs::metadata(&target)
            && !found.is_file()
            && !found.is_dir()
        {
            return Err(TiffError::Special { path: path.to_owned(), kind: name(found.file_type()) });
        }
        let next = fs::read_link(&target).map_err(|e| TiffError::writing(path, e))?;
        target = folder(&target).join(next);
    }
    Err(refused(io::ErrorKind::InvalidInput, "its symbolic links go round in a circle"))
}

/// The folder a file lies in.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes a folder for outputs, and those above it, unless it is there.
///
/// # Errors
/// [`TiffError::Write`] if something else has the name, or what the system reports.
pub fn create_folder(path: &Path) -> Result<(), TiffError> {
    if is_address(path) {
        return Err(TiffError::Upload { path: shown(path) });
    }
    fs::create_dir_all(path).map_err(|e| {
        let other = path.exists() && !path.is_dir();
        let e = if other { io::Error::new(io::ErrorKind::NotADirectory, "it is a file, not a folder") } else { e };
        TiffError::writing(path, e)
    })
}

/// What is no regular file, for messages.
fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    let _ = kind;
    "no regular file"
}
