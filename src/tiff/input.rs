//! The bytes of a file, read at any place from any thread.

use std::{fs::File, io, ops::Range, path::Path, time::UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::{
    chunk::room,
    error::TiffError,
    remote::{self, Address},
};

/// Bytes that can be read at a place without a cursor that threads would have to share.
pub(crate) trait Bytes: Send + Sync {
    /// Number of bytes.
    fn size(&self) -> io::Result<u64>;

    /// Fills the buffer with the bytes from `at` on.
    fn fill(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// The same bytes of which these parts are at hand, where it takes long to ask for each by itself.
    fn fetch(&self, _parts: &[Range<u64>]) -> io::Result<Option<Box<dyn Bytes>>> {
        Ok(None)
    }
}

impl Bytes for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn fill(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, at)
    }

    #[cfg(windows)]
    fn fill(&self, mut at: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, buffer, at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => (at, buffer) = (at + n as u64, &mut buffer[n..]),
            }
        }
        Ok(())
    }
}

impl Bytes for Vec<u8> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let found = rest.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }
}

/// Opens a file to read it. Nothing else is opened: a pipe would wait for a writer, a device may have no end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if remote::is_address(path) {
        return Err(io::Error::other(remote::RemoteError::NoImage));
    }
    let kind = std::fs::metadata(path)?;
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe, a socket or a device, not a file"));
    }
    File::open(path)
}

/// Bytes of a TIFF with their length, and the name errors give them.
pub(super) struct Input {
    bytes: Box<dyn Bytes>,
    pub(super) path: std::path::PathBuf,
    pub(super) size: u64,
}

impl Input {
    /// Opens a file, or what lies at an address.
    pub(super) fn open(path: &Path) -> Result<Self, TiffError> {
        match Address::of(path) {
            Some(address) => Self::of(remote::open(&address)?.0, &address.shown()),
            None => Self::new(open(path).map_err(|e| TiffError::reading(path, e))?, path),
        }
    }

    pub(super) fn new(bytes: impl Bytes + 'static, path: &Path) -> Result<Self, TiffError> {
        Self::of(Box::new(bytes), path)
    }

    fn of(bytes: Box<dyn Bytes>, path: &Path) -> Result<Self, TiffError> {
        let size = bytes.size().map_err(|e| TiffError::reading(path, e))?;
        Ok(Self { bytes, path: path.to_owned(), size })
    }

    /// The same with these parts at hand, if they are better asked for together: see [`Bytes::fetch`].
    pub(super) fn fetch(&self, parts: &[Range<u64>]) -> Result<Option<Self>, TiffError> {
        let bytes = self.bytes.fetch(parts).map_err(|e| TiffError::reading(&self.path, e))?;
        Ok(bytes.map(|bytes| Self { bytes, path: self.path.clone(), size: self.size }))
    }

    /// Whether it lies elsewhere.
    pub(super) fn is_remote(&self) -> bool {
        remote::is_address(&self.path)
    }

    /// A text, of which no more than `most` bytes are read.
    pub(super) fn text(&self, most: u64) -> Result<String, TiffError> {
        Ok(String::from_utf8_lossy(&self.read("the text", 0, self.size.min(most))?).into_owned())
    }

    /// A part of the file, called `what` in errors; allocates no more than the file holds.
    pub(super) fn read(&self, what: &str, at: u64, length: u64) -> Result<Vec<u8>, TiffError> {
        let end = at.saturating_add(length);
        if end > self.size {
            return Err(self.truncated(what, end));
        }
        let too_large = |_| TiffError::too_large(&self.path, format!("{what} of {length} bytes"), [usize::MAX; 2]);
        let bytes = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory.into()).and_then(room);
        let mut bytes = bytes.map_err(too_large)?;
        bytes.resize(length as usize, 0);
        self.bytes.fill(at, &mut bytes).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(what, end),
            _ => TiffError::reading(&self.path, e),
        })?;
        Ok(bytes)
    }

    pub(super) fn truncated(&self, what: &str, needed: u64) -> TiffError {
        TiffError::Truncated { path: self.path.clone(), what: what.to_owned(), needed, size: self.size }
    }

    pub(super) fn damaged(&self, what: String) -> TiffError {
        TiffError::Damaged { path: self.path.clone(), what }
    }
}

/// What tells the contents of a file from those of a later one, without reading them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// Its size.
    pub bytes: u64,
    /// When it was changed: nanoseconds since 1970, 0 where a server does not say.
    pub modified: u64,
    /// The tag (`ETag`) that a store gives to contents.
    pub tag: Option<String>,
}

impl Version {
    /// Of a file, or of what lies at an address.
    ///
    /// # Errors
    /// [`TiffError::Missing`], [`TiffError::Unreadable`] and [`TiffError::Remote`].
    pub fn of(path: &Path) -> Result<Self, TiffError> {
        if let Some(address) = Address::of(path) {
            return Ok(remote::open(&address)?.1);
        }
        let touched = std::fs::metadata(path).and_then(|found| Ok((found.len(), found.modified()?)));
        let (bytes, modified) = touched.map_err(|e| TiffError::reading(path, e))?;
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { bytes, modified: since.as_nanos() as u64, tag: None })
    }

    /// Whether both are of the same contents: by their tags, or by their times where there are none.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = if self.tag.is_some() { self.tag == other.tag } else { self.modified == other.modified };
        same && self.bytes == other.bytes
    }
}

/// A text whole, from a file or from an address.
///
/// # Errors
/// [`TiffError::Missing`], [`TiffError::Unreadable`], [`TiffError::Remote`]; [`TiffError::Damaged`] if it has more than
/// `most` bytes.
pub fn read_text(path: &Path, most: u64) -> Result<String, TiffError> {
    let input = Input::open(path)?;
    match input.size > most {
        true => Err(input.damaged(format!("it has {} bytes, more than {most}", input.size))),
        false => input.text(most),
    }
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// [`TiffError::Missing`] and [`TiffError::Unreadable`].
pub fn sha256(path: &Path) -> Result<String, TiffError> {
    struct HashSink(Sha256);
    impl io::Write for HashSink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hash = HashSink(Sha256::new());
    let copied = open(path).and_then(|mut file| io::copy(&mut file, &mut hash));
    copied.map_err(|e| TiffError::reading(path, e))?;
    Ok(hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
