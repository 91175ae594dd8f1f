//! Finished runs, one JSON object per line.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use trapan::compare::FullResult;
use trapan::method::Config;
use trapan::tiff::TiffError;

use crate::cli::CliError;

/// What a run achieved.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Scores {
    pub d_lambda: f64,
    pub d_s: f64,
    pub hqnr: f64,
    /// ERGAS of the result, degraded again, against MS.
    pub consistency_ergas: f64,
}

impl From<FullResult> for Scores {
    fn from(result: FullResult) -> Self {
        let FullResult { full, consistency } = result;
        Self { d_lambda: full.d_lambda, d_s: full.d_s, hqnr: full.hqnr, consistency_ergas: consistency.ergas }
    }
}

/// What makes runs the same: the program, the pair, how its images lie on each other, the settings.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub version: String,
    /// SHA-256 of PAN and MS.
    pub pair: [String; 2],
    pub geometry: String,
    pub settings: Config,
}

impl Key {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }
}

/// A finished run; no scores if it diverged.
#[derive(Serialize, Deserialize)]
struct Run {
    #[serde(flatten)]
    key: Key,
    scores: Option<Scores>,
    seconds: f64,
}

/// The file, open for more runs, and what is in it.
pub struct Log {
    path: PathBuf,
    file: File,
    done: HashMap<String, Option<Scores>>,
}

impl Log {
    /// Opens or creates the file. A last line that an interruption cut short is dropped.
    pub fn open(path: &Path) -> Result<Self, CliError> {
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
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
        }
        let mut done = HashMap::new();
        for (i, line) in text[..whole].lines().enumerate() {
            let run: Run = serde_json::from_str(line).map_err(|e| CliError::Line {
                path: path.to_owned(),
                line: i + 1,
                wanted: "finished run",
                reason: e.to_string(),
                fix: "give another file to start anew",
            })?;
            done.insert(run.key.text(), run.scores);
        }
        Ok(Self { path: path.to_owned(), file, done })
    }

    /// The result of a run that is finished; inside, none if it diverged.
    pub fn find(&self, key: &Key) -> Option<Option<Scores>> {
        self.done.get(&key.text()).copied()
    }

    /// Adds a finished run, on the disk before this returns.
    pub fn add(&mut self, key: &Key, scores: Option<Scores>, seconds: f64) -> Result<(), TiffError> {
        self.done.insert(key.text(), scores);
        let line = serde_json::to_string(&Run { key: key.clone(), scores, seconds }).expect("plain values") + "\n";
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| TiffError::Write { path: self.path.clone(), source })
    }
}
