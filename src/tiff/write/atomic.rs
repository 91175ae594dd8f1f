//! Files that appear under their name whole or not at all.
//!
//! A symbolic link is followed: the file it names is replaced, the link stays. Only regular files are replaced.
//!
//! On Linux the file has no name until it is complete (`O_TMPFILE`), so that a killed process leaves
//! nothing behind, except at the moment when an older file is replaced. Elsewhere, and on file systems
//! that cannot do that (NFS, FAT), it is a named temporary file in the same folder, which errors and
//! interrupts remove. What a kill -9 leaves, `.trapan-XXXXXX.part`, is removed by the next write into
//! the folder: a living write holds a lock on its file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    TiffError,
    target::{folder, resolve},
};

/// Writes a file, flushes it to disk and gives it its name, so that the name never shows half a
/// file; with `overwrite`, an older file is there until then. `fill` writes the contents.
///
/// # Errors
/// Those of [`check_output`]; [`TiffError::DiskFull`] and [`TiffError::Write`] for errors of
/// `fill` and of the system. Nothing is left behind on any of them.
pub fn write_atomically(
    path: &Path,
    overwrite: bool,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), TiffError> {
    let mut file = PendingFile::create(path, overwrite)?;
    fill(file.file()).map_err(|e| TiffError::writing(path, e))?;
    file.publish()
}

/// Whether [`write_atomically`] and [`CogWriter`](super::CogWriter) can be expected to succeed: to be
/// asked before a long computation. Creates and removes a file in the folder.
///
/// # Errors
/// [`TiffError::Exists`], [`TiffError::Folder`], [`TiffError::Special`], [`TiffError::Write`] if the
/// name is a folder.
pub fn check_output(path: &Path, overwrite: bool) -> Result<(), TiffError> {
    PendingFile::create(path, overwrite).map(drop)
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

/// A file to be, gone when dropped.
pub(super) struct PendingFile {
    /// As it was given.
    path: PathBuf,
    /// Behind symbolic links.
    target: PathBuf,
    overwrite: bool,
    file: Draft,
}

enum Draft {
    #[cfg(target_os = "linux")]
    Unnamed(File),
    Named(NamedDraft),
}

/// A temporary file with a name, which is listed as long as it exists.
struct NamedDraft(
    tempfile::NamedTempFile,
    #[expect(dead_code, reason = "takes the name off the list when dropped")] Listing,
);

/// A name in the list of temporary files, taken off it when dropped.
struct Listing(PathBuf);

impl Listing {
    fn new(path: &Path) -> Self {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.0);
    }
}

impl PendingFile {
    pub(super) fn create(path: &Path, overwrite: bool) -> Result<Self, TiffError> {
        let target = resolve(path)?;
        // symlink_metadata: a dangling link exists too.
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(TiffError::Exists { path: path.to_owned() });
        }
        let folder = folder(&target);
        remove_abandoned(folder);
        let file = Draft::create(folder).map_err(unnamed_cause).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TiffError::writing(path, source),
            _ => TiffError::Folder { path: path.to_owned(), folder: folder.to_owned(), source },
        })?;
        Ok(Self { path: path.to_owned(), target, overwrite, file })
    }

    /// The name it is to get.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&mut self) -> &mut File {
        match &mut self.file {
            #[cfg(target_os = "linux")]
            Draft::Unnamed(file) => file,
            Draft::Named(named) => named.0.as_file_mut(),
        }
    }

    /// A nameless file in the same folder, gone with the process.
    pub(super) fn spool(&self) -> io::Result<File> {
        tempfile::tempfile_in(folder(&self.target))
    }

    /// Flushes the file to disk, gives it its name, and flushes that.
    pub(super) fn publish(mut self) -> Result<(), TiffError> {
        self.file().sync_all().map_err(|e| TiffError::writing(&self.path, e))?;
        // Something else may have got the name since.
        resolve(&self.path)?;
        let published = match self.file {
            #[cfg(target_os = "linux")]
            Draft::Unnamed(file) => publish_unnamed(file, &self.target, self.overwrite),
            Draft::Named(named) => named.publish(&self.target, self.overwrite),
        };
        published.map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => TiffError::Exists { path: self.path },
            _ => TiffError::writing(&self.path, unnamed_cause(e)),
        })?;
        flush(folder(&self.target));
        Ok(())
    }
}

/// Flushes a folder to disk, so that the name, too, outlives a loss of power.
fn flush(folder: &Path) {
    // The file is whole under its name in any case; some systems cannot flush folders.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    #[cfg(not(unix))]
    let _ = folder;
}

/// What the system said, without the name of the temporary file, which `tempfile` adds and nobody has asked for.
fn unnamed_cause(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

impl Draft {
    fn create(folder: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Ok(file) = unnamed(folder) {
            return Ok(Self::Unnamed(file));
        }
        NamedDraft::create(folder).map(Self::Named)
    }
}

impl NamedDraft {
    fn create(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        // Not the output's name, which may be as long as names can be.
        builder.prefix(PREFIX).suffix(SUFFIX);
        // As any new file: what the umask allows, not the owner only.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        lock(file.as_file());
        let listed = Listing::new(file.path());
        Ok(Self(file, listed))
    }

    fn publish(self, path: &Path, overwrite: bool) -> io::Result<()> {
        let renamed = match overwrite {
            true => self.0.persist(path),
            false => self.0.persist_noclobber(path).or_else(|e| match e.error.kind() {
                io::ErrorKind::AlreadyExists => Err(e),
                // A file system that cannot rename without replacing: the check of `create` must do.
                _ => e.file.persist(path),
            }),
        };
        renamed.map(drop).map_err(|e| e.error)
    }
}

const PREFIX: &str = ".trapan-";
const SUFFIX: &str = ".part";

/// A file without a name, if it can be given one later.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, folder, flags, Mode::from_raw_mode(0o666))?);
    // The name is given through /proc, which a sandbox may lack.
    fs::metadata(in_proc(&file))?;
    Ok(file)
}

#[cfg(target_os = "linux")]
fn in_proc(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Says that the file's write is alive, until the file is closed.
fn lock(file: &File) {
    // Where there are no locks, nobody takes the file for abandoned either.
    let _ = file.lock();
}

/// Removes the temporary files of killed processes: those with contents that nobody locks. (A file is locked
/// before anything is written into it.)
fn remove_abandoned(folder: &Path) {
    let temporary = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX) && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    // Nobody has asked for it: what cannot be seen or removed stays.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(temporary) {
        let path = entry.path();
        if let Ok(file) = File::open(&path)
            && file.metadata().is_ok_and(|found| found.len() > 0)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Links the file to its name, or, where that is to replace another file, to a temporary name which
/// is then renamed: the only moment in which a kill leaves a temporary file.
#[cfg(target_os = "linux")]
fn publish_unnamed(mut file: File, path: &Path, overwrite: bool) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let link = |to: &Path| linkat(CWD, in_proc(&file), CWD, to, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from);
    match link(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && overwrite => {
            lock(&file);
            let linked = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).make_in(folder(path), link)?;
            let _listed = Listing::new(linked.path());
            linked.persist(path).map(drop).map_err(|e| e.error)
        }
        // A file system that makes nameless files and cannot name them.
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            let mut named = NamedDraft::create(folder(path))?;
            io::Seek::rewind(&mut file)?;
            io::copy(&mut file, named.0.as_file_mut())?;
            named.0.as_file().sync_all()?;
            named.publish(path, overwrite)
        }
        done => done,
    }
}
