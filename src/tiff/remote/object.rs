//! One object of a store, read in parts.

use std::{
    collections::HashSet,
    error::Error as _,
    io,
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes as Shared;
use futures_util::{StreamExt, stream};
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, client::HttpError, coalesce_ranges,
    path::Path,
};

use super::{
    address::{Address, Scheme},
    error::RemoteError,
    store::{Patience, find, wait},
};
use crate::tiff::input::{Bytes, Version};

/// What is fetched first: tags of a Cloud-Optimised GeoTIFF of some hundred megapixels, with the places of its tiles.
const HEAD: u64 = 128 << 10;
/// Parts of the file that are fetched for tags elsewhere, and how many of them are kept.
const BLOCK: u64 = 64 << 10;
const BLOCKS: usize = 16;
/// Parts that lie this near come by one request: about what arrives while another one is on its way.
const GAP: u64 = 64 << 10;
/// Most questions at once.
const AT_ONCE: usize = 16;

/// An object that is read.
pub(super) struct Object {
    address: Address,
    store: Arc<dyn ObjectStore>,
    place: Path,
    pub(super) version: Version,
    /// Its first bytes.
    head: Shared,
    /// Parts that were fetched one by one, each with the place where it begins; the latest last.
    blocks: Mutex<Vec<(u64, Shared)>>,
}

impl Object {
    /// Finds an object and fetches its head.
    pub(super) fn open(address: &Address) -> io::Result<Self> {
        let (host, key) = address.parts();
        if host.is_empty() || key.is_empty() {
            let what = if host.is_empty() { "it names no server and no bucket" } else { "it names no file" };
            return Err(io::Error::other(RemoteError::Address { what: what.to_owned() }));
        }
        if key.ends_with('/') {
            return Err(io::Error::other(RemoteError::Folder));
        }
        let (store, place) = find(address).map_err(|e| unfit(address, &e))?;
        let mut object = Self {
            address: address.clone(),
            store,
            place,
            version: Version::default(),
            head: Shared::new(),
            blocks: Mutex::default(),
        };
        let (meta, head) = wait(object.patiently(0..HEAD))?;
        (object.version, object.head) = (version(&meta), head);
        Ok(object)
    }

    /// Some bytes and what was said of the whole. The store tries again what fails before the bytes come; where they break
    /// off, it does so only of objects with a tag.
    async fn patiently(&self, range: Range<u64>) -> io::Result<(ObjectMeta, Shared)> {
        let mut left = Patience::usual().retries;
        loop {
            match self.once(range.clone()).await {
                Err(e) if e.kind() == io::ErrorKind::Interrupted && left > 0 => left -= 1,
                result => return result,
            }
        }
    }

    async fn once(&self, range: Range<u64>) -> io::Result<(ObjectMeta, Shared)> {
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        let found = self.store.get_opts(&self.place, options).await.map_err(|e| trouble(&self.address, &e))?;
        let (meta, length) = (found.meta.clone(), found.range.end - found.range.start);
        match found.bytes().await {
            Ok(bytes) if bytes.len() as u64 == length => Ok((meta, bytes)),
            bytes => {
                let what = bytes.err().map_or("the bytes broke off".to_owned(), |e| words(&self.address, &e));
                Err(io::Error::new(io::ErrorKind::Interrupted, failed(what)))
            }
        }
    }

    /// Bytes of the object as it was when it was opened.
    async fn part(&self, range: Range<u64>) -> io::Result<Shared> {
        let (meta, bytes) = self.patiently(range).await?;
        if !self.version.is_same(&version(&meta)) {
            return Err(io::Error::other(RemoteError::Changed));
        }
        Ok(bytes)
    }

    /// Whole blocks around a part, remembered or fetched, with the place where they begin.
    fn around(&self, part: &Range<u64>) -> io::Result<(u64, Shared)> {
        if part.end <= self.head.len() as u64 {
            return Ok((0, self.head.clone()));
        }
        let blocks = || self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |(at, bytes): &&(u64, Shared)| *at <= part.start && part.end <= at + bytes.len() as u64;
        if let Some(found) = blocks().iter().find(holds) {
            return Ok(found.clone());
        }
        let start = part.start / BLOCK * BLOCK;
        let end = part.end.next_multiple_of(BLOCK).min(self.version.bytes);
        let found = (start, wait(self.part(start..end))?);
        // What is larger is a list that is read once.
        if end - start <= BLOCK * BLOCKS as u64 {
            let mut blocks = blocks();
            blocks.push(found.clone());
            let old = blocks.len().saturating_sub(BLOCKS);
            blocks.drain(..old);
        }
        Ok(found)
    }
}

impl Bytes for Object {
    fn size(&self) -> io::Result<u64> {
        Ok(self.version.bytes)
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        let part = at..at + buffer.len() as u64;
        let (start, bytes) = self.around(&part)?;
        buffer.copy_from_slice(within(&bytes, start, &part)?);
        Ok(())
    }

    fn fetch(&self, parts: &[Range<u64>]) -> io::Result<Option<Box<dyn Bytes>>> {
        // They are at hand.
        if parts.iter().all(|part| part.end <= self.head.len() as u64) {
            return Ok(None);
        }
        let fetched = wait(coalesce_ranges(parts, |range| self.part(range), GAP))?;
        let parts = parts.iter().map(|part| part.start).zip(fetched).collect();
        Ok(Some(Box::new(Parts { size: self.version.bytes, parts })))
    }
}

/// Some parts of an object.
struct Parts {
    size: u64,
    /// Each with the place where it begins.
    parts: Vec<(u64, Shared)>,
}

impl Bytes for Parts {
    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let part = at..at + buffer.len() as u64;
        let found = self.parts.iter().find_map(|(start, bytes)| within(bytes, *start, &part).ok());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A part of bytes that begin at `start`.
fn within<'a>(bytes: &'a Shared, start: u64, part: &Range<u64>) -> io::Result<&'a [u8]> {
    let from = part.start.checked_sub(start).ok_or(io::ErrorKind::UnexpectedEof)?;
    let to = part.end - start;
    Ok(bytes.get(from as usize..to as usize).ok_or(io::ErrorKind::UnexpectedEof)?)
}

/// Which of some addresses lead to something; one round of questions. What may not be seen is not there.
pub(super) fn there(asked: Vec<(PathBuf, Address)>) -> io::Result<HashSet<PathBuf>> {
    let is_there = async |(path, address): (PathBuf, Address)| {
        let (store, place) = find(&address).map_err(|e| unfit(&address, &e))?;
        match store.head(&place).await {
            Ok(found) => Ok((found.size > 0).then_some(path)),
            Err(e) if is_answer(&e) => Ok(None),
            Err(e) => Err(trouble(&address, &e)),
        }
    };
    let answers = stream::iter(asked).map(is_there).buffer_unordered(AT_ONCE);
    let answers: Vec<io::Result<Option<PathBuf>>> = wait(answers.collect());
    answers.into_iter().filter_map(Result::transpose).collect()
}

/// The causes of an error, from the outermost on.
fn chain(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let found = next?;
        next = found.source();
        Some(found)
    })
}

/// Whether a server has said no, as opposed to nothing.
fn is_answer(error: &Error) -> bool {
    !chain(error).any(|e| e.is::<HttpError>()) && !status(error).starts_with('5')
}

fn version(meta: &ObjectMeta) -> Version {
    // A server that does not know gives 1970.
    let modified = meta.last_modified.timestamp_nanos_opt().and_then(|ns| u64::try_from(ns).ok()).unwrap_or(0);
    Version { bytes: meta.size, modified, tag: meta.e_tag.clone() }
}

/// The number that the server answered with, or nothing.
fn status(error: &Error) -> String {
    let text = causes(error);
    let (_, rest) = text.split_once("status code: ").unwrap_or_default();
    rest.chars().take_while(char::is_ascii_digit).collect()
}

/// What the innermost errors say, but for those that name the whole address.
fn causes(error: &Error) -> String {
    let mut all: Vec<String> = chain(error).map(ToString::to_string).filter(|text| !text.contains("://")).collect();
    all.reverse();
    all.dedup();
    all.truncate(2);
    all.reverse();
    all.join(": ")
}

/// The same in one line, without a query that the server may have repeated.
fn words(address: &Address, error: &Error) -> String {
    let text = causes(error);
    let text = address.query().filter(|query| !query.is_empty()).map_or(text.clone(), |query| text.replace(query, "…"));
    let line: String = text.lines().next().unwrap_or_default().chars().take(300).collect();
    if line.is_empty() { error.to_string().replace(&address.url(), "it") } else { line }
}

fn failed(what: String) -> RemoteError {
    let Patience { timeout, retries } = Patience::usual();
    RemoteError::Failed { what, tries: retries + 1, timeout: timeout.to_string() }
}

/// The error of an address, or of what the environment says of its store, before anything was asked for.
fn unfit(address: &Address, error: &Error) -> io::Error {
    let what = words(address, error);
    io::Error::other(match (error, address.scheme) {
        (Error::InvalidPath { .. }, _) | (_, Scheme::Http | Scheme::Https) => RemoteError::Address { what },
        (_, scheme) => RemoteError::Denied { status: what, fix: scheme.credentials() },
    })
}

/// An error of a store in our words.
fn trouble(address: &Address, error: &Error) -> io::Error {
    let denied = |status: &str| {
        let fix = address.scheme.credentials();
        io::Error::other(RemoteError::Denied { status: status.to_owned(), fix })
    };
    match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound.into(),
        Error::PermissionDenied { .. } => denied("403"),
        Error::Unauthenticated { .. } => denied("401"),
        Error::NotSupported { .. } => io::Error::other(RemoteError::NoRanges),
        // Where machines of Amazon, Google and Microsoft ask for their own credentials.
        e if ["169.254.", "metadata.google"].iter().any(|host| e.to_string().contains(host)) => {
            denied("there are no credentials")
        }
        e => io::Error::other(failed(words(address, e))),
    }
}
