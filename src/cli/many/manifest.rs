//! Manifests: files of JSON lines, an entry each.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use trapan::classical::Method;
use trapan::tiff::{TiffError, is_address, placed, shown};

use crate::cli::CliError;
use crate::cli::infer::Strip;

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// Fuses a pair, from its files to the result.
    Fuse,
    /// Trains on a pair and writes the networks.
    Train,
    /// Applies networks to a strip of a pair.
    Apply,
    /// Joins strips.
    Assemble,
}

impl Action {
    /// As manifests name it.
    pub(crate) const NAMES: &[&str] = &["fuse", "train", "apply", "assemble"];

    pub(super) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// What it reads, how, and what it writes. Files are named from where the manifest lies. Whoever reads another's output waits
/// for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub run: Action,
    /// PAN and MS, or the folder of a product; of `assemble` the strips.
    pub reads: Vec<PathBuf>,
    /// Networks to apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// Where to apply them; without, everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<Strip>,
    pub output: PathBuf,
    /// Options of `fuse`, as in a file for `--config`.
    #[serde(default)]
    pub options: Table,
}

/// Options that an entry states in its own words, or that make no sense in it.
const OWN: [&str; 7] = ["pan", "ms", "files", "output", "overwrite", "resume", "dump-plan"];
/// Options of an image that is trained and fused in one go.
const WHOLE: [&str; 10] =
    ["stac", "datetime", "report", "quicklook", "rgb", "compare", "quality-gate", "save-model", "trace", "profile"];

impl Entry {
    /// What contradicts itself.
    fn check(&self) -> Result<(), String> {
        if self.reads.is_empty() {
            return Err("it reads nothing".to_owned());
        }
        if self.model.is_some() != (self.run == Action::Apply) {
            return Err("apply has a model, and nothing else has".to_owned());
        }
        if self.strip.is_some() && self.run != Action::Apply {
            return Err("only apply has a strip".to_owned());
        }
        if is_address(&self.output) {
            return Err("results are written to files, and this output is an address".to_owned());
        }
        if let Some(option) = self.untrained().filter(|_| self.run == Action::Train) {
            return Err(format!("with {option} there is nothing to train: fuse such scenes in one go, without strips"));
        }
        let refused = |key: &&String| {
            let key = key.replace('_', "-");
            OWN.contains(&&key[..]) || self.run != Action::Fuse && WHOLE.contains(&&key[..])
        };
        match self.options.keys().find(refused) {
            Some(key) => Err(format!("{} has no option {key}", self.run.name())),
            None => Ok(()),
        }
    }

    /// The option with which nothing is trained.
    fn untrained(&self) -> Option<String> {
        let stated = |key: &str, wanted: &dyn Fn(&str) -> bool| {
            let value = self.options.get(key).and_then(Value::as_str).filter(|value| wanted(value));
            value.map(|value| format!("{key} {value}"))
        };
        let closed = |name: &str| Method::ALL.iter().any(|method| method.name() == name);
        stated("effort", &|effort| effort == "fast").or_else(|| stated("method", &closed))
    }

    /// The address by which it reads what is shown as this; a file as it is.
    pub(super) fn asked(&self, noted: &Path) -> PathBuf {
        self.reads.iter().find(|path| is_address(path) && shown(path) == noted).map_or(noted.to_owned(), PathBuf::clone)
    }

    /// The same as it may be noted down: addresses without what may be a signature, which changes from day to day.
    pub(super) fn shown(&self) -> Self {
        Self { reads: self.reads.iter().map(|path| shown(path)).collect(), ..self.clone() }
    }
}

/// The entries of a file.
pub(super) struct Manifest {
    pub path: PathBuf,
    pub entries: Vec<Entry>,
    /// Of each entry, those that it waits for.
    pub after: Vec<Vec<usize>>,
}

impl Manifest {
    /// Reads and checks a file.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let failed = |source| TiffError::Unreadable { path: path.to_owned(), source };
        Self::parse(path, &fs::read_to_string(path).map_err(failed)?)
    }

    /// Checks the contents of a file.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, CliError> {
        let wrong = |line: usize, reason: String| CliError::Line {
            path: path.to_owned(),
            line: line + 1,
            wanted: "entry of a manifest",
            reason,
            fix: "write it by `trapan plan`; `trapan schema entry` has its form",
        };
        let mut manifest = Self { path: path.to_owned(), entries: Vec::new(), after: Vec::new() };
        let mut writers: HashMap<PathBuf, usize> = HashMap::new();
        for (i, line) in text.lines().enumerate() {
            let entry: Entry = serde_json::from_str(line).map_err(|e| wrong(i, e.to_string()))?;
            entry.check().map_err(|reason| wrong(i, reason))?;
            let reads = entry.reads.iter().chain(&entry.model).map(|path| plain(path));
            manifest.after.push(reads.filter_map(|path| writers.get(&path).copied()).collect());
            if let Some(first) = writers.insert(plain(&entry.output), i) {
                return Err(wrong(i, format!("line {} writes {}, too", first + 1, entry.output.display())));
            }
            manifest.entries.push(entry);
        }
        let late = |(i, entry): (usize, &Entry)| {
            let mut reads = entry.reads.iter().chain(&entry.model);
            reads.find_map(|path| writers.get(&plain(path)).filter(|writer| **writer >= i)).map(|writer| (i, *writer))
        };
        if let Some((i, writer)) = manifest.entries.iter().enumerate().find_map(late) {
            return Err(wrong(i, format!("it reads what line {} writes, which must stand above it", writer + 1)));
        }
        match manifest.entries.is_empty() {
            true => Err(wrong(0, "there is none".to_owned())),
            false => Ok(manifest),
        }
    }

    /// A file that an entry names.
    pub(super) fn path_of(&self, path: &Path) -> PathBuf {
        placed(self.path.parent().unwrap_or(Path::new("")), path)
    }

    /// Entries whose turn comes together: of each, how many others come one after another before it.
    pub(super) fn stages(&self) -> Vec<usize> {
        let mut stages: Vec<usize> = Vec::new();
        for after in &self.after {
            stages.push(after.iter().map(|other| stages[*other] + 1).max().unwrap_or(0));
        }
        stages
    }
}

/// A path without what changes nothing of it.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
