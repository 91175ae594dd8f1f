//! Records: beside each output, what has become of its entry.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use trapan::tiff::{TiffError, Version, is_address, sha256, write_atomically};

use super::manifest::{Entry, Manifest};
use crate::cli::CliError;

/// Version of the layout.
const SCHEMA: u32 = 1;

/// How far an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// A worker is at it, or was killed.
    Begun,
    Done,
    Failed,
}

/// What has become of an entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    schema: u32,
    pub state: State,
    entry: Entry,
    /// What it read, as it was before.
    inputs: Vec<Stamp>,
    output: Option<Stamp>,
    /// Of a training: how far PAN was found to lie off MS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<[f64; 2]>,
    /// Version of the program, host and process.
    program: String,
    worker: String,
    /// Seconds since 1970.
    began: u64,
    pub seconds: Option<f64>,
    pub error: Option<String>,
    exit_code: Option<u8>,
}

/// The contents of a file at some time.
///
/// Contents count. Size and time of change are only asked so that a file that nobody has touched is not read again: a checksum
/// of a scene takes seconds, and a manifest is gone through often. What lies at an address is not read for one at all: its size,
/// and the tag that the server gives to contents, or else their time, stand for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

impl Stamp {
    /// Of a file, by its path and as the manifest names it.
    fn of(path: &Path, name: &Path) -> Result<Self, TiffError> {
        let Version { bytes, modified, tag } = Version::of(path)?;
        let sha256 = if is_address(path) { None } else { Some(sha256(path)?) };
        Ok(Self { path: name.to_owned(), bytes, modified, sha256, etag: tag })
    }

    /// Whether this version of the file, at this path, has these contents.
    fn holds(&self, path: &Path, now: &Version) -> bool {
        let then = Version { bytes: self.bytes, modified: self.modified, tag: self.etag.clone() };
        let same = || self.sha256.is_some() && !is_address(path) && sha256(path).ok() == self.sha256;
        then.is_same(now) || now.bytes == self.bytes && same()
    }
}

impl Record {
    /// Where the record of an entry is.
    pub(super) fn path(manifest: &Manifest, entry: &Entry) -> PathBuf {
        let mut name = manifest.path_of(&entry.output).into_os_string();
        name.push(".record.json");
        name.into()
    }

    /// The record of an entry, if there is one.
    pub(super) fn read(manifest: &Manifest, entry: &Entry) -> Result<Option<Self>, CliError> {
        let path = Self::path(manifest, entry);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TiffError::Unreadable { path, source }.into()),
        };
        serde_json::from_str(&text).map(Some).map_err(|e| CliError::Line {
            path,
            line: e.line(),
            wanted: "record of an entry",
            reason: e.to_string(),
            fix: "move it and the output beside it away to do the entry anew",
        })
    }

    /// Of an entry that a worker takes up.
    pub(super) fn begin(entry: &Entry) -> Self {
        Self {
            schema: SCHEMA,
            state: State::Begun,
            entry: entry.shown(),
            inputs: Vec::new(),
            output: None,
            shift: None,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            worker: format!("{} {}", sysinfo::System::host_name().unwrap_or_default(), std::process::id()),
            began: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            seconds: None,
            error: None,
            exit_code: None,
        }
    }

    /// Notes what is going to be read. Where that was an address with a query, `self.entry` has lost it, `entry` has not.
    pub(super) fn take_inputs(
        &mut self,
        manifest: &Manifest,
        entry: &Entry,
        inputs: &[PathBuf],
    ) -> Result<(), TiffError> {
        let folder = manifest.path_of(Path::new(""));
        let stamp = |path: &PathBuf| Stamp::of(&entry.asked(path), path.strip_prefix(&folder).unwrap_or(path));
        self.inputs = inputs.iter().map(stamp).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Notes how it ended.
    pub(super) fn end(
        &mut self,
        manifest: &Manifest,
        start: Instant,
        result: &Result<(), CliError>,
    ) -> Result<(), TiffError> {
        self.seconds = Some(start.elapsed().as_secs_f64());
        match result {
            Ok(()) => {
                self.output = Some(Stamp::of(&manifest.path_of(&self.entry.output), &self.entry.output)?);
                self.state = State::Done;
            }
            Err(error) => {
                (self.error, self.exit_code) = (Some(error.to_string()), Some(error.exit_code()));
                self.state = State::Failed;
            }
        }
        Ok(())
    }

    /// Writes it beside the output.
    pub(super) fn write(&self, manifest: &Manifest) -> Result<(), TiffError> {
        let text = serde_json::to_string_pretty(self).expect("plain values") + "\n";
        write_atomically(&Self::path(manifest, &self.entry), true, |file| file.write_all(text.as_bytes()))
    }

    /// Whether it says that the entry, as it is now, is done, and nothing has changed since. Inputs that are gone, or that a server
    /// does not show any more, cannot be asked: what was made of them stays done.
    pub(super) fn is_done(&self, manifest: &Manifest, entry: &Entry) -> bool {
        let kept = |stamp: &Stamp, gone: bool| {
            let path = entry.asked(&manifest.path_of(&stamp.path));
            Version::of(&path).map_or(gone, |now| stamp.holds(&path, &now))
        };
        self.state == State::Done
            && self.entry == entry.shown()
            && self.output.as_ref().is_some_and(|output| kept(output, false))
            && self.inputs.iter().all(|input| kept(input, true))
    }
}
