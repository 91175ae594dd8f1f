//! Finished runs, one JSON object per line.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use trapan::compare::experiment::{Key, RunRecord};
use trapan::tiff::TiffError;

use crate::cli::CliError;

/// The file, open for more runs, and what is in it.
pub(super) struct RunFile {
    path: PathBuf,
    file: File,
    /// In the order of the file.
    pub lines: Vec<RunRecord>,
    /// Places in the list by what makes runs the same.
    done: HashMap<String, usize>,
}

impl RunFile {
    /// Opens or creates the file. A last line that an interruption cut short is dropped.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let failed = |source| TiffError::Write { path: path.to_owned(), source };
        let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = opened.map_err(|source| match (source.kind(), path.parent()) {
            (ErrorKind::NotFound, Some(folder)) => {
                TiffError::Folder { path: path.to_owned(), folder: folder.to_owned(), source }
            }
            _ => failed(source),
        })?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let whole = whole(&text);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
        }
        let lines = parse(path, &text[..whole])?;
        let done = lines.iter().enumerate().map(|(i, line)| (line.key.text(), i)).collect();
        Ok(Self { path: path.to_owned(), file, lines, done })
    }

    /// A run that is finished.
    pub(super) fn find(&self, key: &Key) -> Option<&RunRecord> {
        self.done.get(&key.text()).map(|i| &self.lines[*i])
    }

    /// Adds a finished run, on the disk before this returns.
    pub(super) fn add(&mut self, line: RunRecord) -> Result<(), TiffError> {
        let text = serde_json::to_string(&line).expect("plain values") + "\n";
        self.done.insert(line.key.text(), self.lines.len());
        self.lines.push(line);
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| TiffError::Write { path: self.path.clone(), source })
    }
}

/// The runs of a log that is only read.
pub(super) fn read(path: &Path) -> Result<Vec<RunRecord>, CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| TiffError::Unreadable { path: path.to_owned(), source })?;
    parse(path, &text[..whole(&text)])
}

/// Where the last whole line ends.
fn whole(text: &str) -> usize {
    text.rfind('\n').map_or(0, |end| end + 1)
}

fn parse(path: &Path, text: &str) -> Result<Vec<RunRecord>, CliError> {
    let line = |(i, line)| {
        serde_json::from_str(line).map_err(|e| CliError::Line {
            path: path.to_owned(),
            line: i + 1,
            wanted: "finished run",
            reason: e.to_string(),
            fix: "give another file to start anew",
        })
    };
    text.lines().enumerate().map(line).collect()
}
