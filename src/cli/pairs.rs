//! Lists of pairs, as `simulate --count` writes them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use trapan::method::config::Sensor;
use trapan::tiff::{TiffError, placed};

use super::CliError;

/// A pair of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairEntry {
    /// Of results; else made from the files' names.
    pub name: Option<String>,
    pub pan: PathBuf,
    pub ms: OneOrMany,
    pub truth: Option<PathBuf>,
    pub sensor: Option<Sensor>,
    #[serde(default)]
    pub validation: bool,
}

/// One file, or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl PairEntry {
    /// The files of MS.
    pub(super) fn ms(&self) -> &[PathBuf] {
        match &self.ms {
            OneOrMany::One(path) => std::slice::from_ref(path),
            OneOrMany::Several(paths) => paths,
        }
    }

    /// Its files as they lie beside the list.
    fn beside(mut self, folder: &Path) -> Self {
        let join = |path: &mut PathBuf| *path = placed(folder, path);
        join(&mut self.pan);
        self.truth.iter_mut().for_each(join);
        match &mut self.ms {
            OneOrMany::One(path) => join(path),
            OneOrMany::Several(paths) => paths.iter_mut().for_each(join),
        }
        self
    }
}

/// The pairs of a folder, or of a list.
pub(super) fn entries(pairs: &Path) -> Result<Vec<PairEntry>, CliError> {
    let failed = |source| TiffError::Unreadable { path: pairs.to_owned(), source };
    if !pairs.is_dir() {
        let text = fs::read_to_string(pairs).map_err(failed)?;
        let folder = pairs.parent().unwrap_or(Path::new(""));
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let entry = |(i, line): (usize, &str)| {
            let entry: PairEntry = serde_json::from_str(line).map_err(|e| CliError::Line {
                path: pairs.to_owned(),
                line: i + 1,
                wanted: "pair",
                reason: e.to_string(),
                fix: "write {\"pan\": FILE, \"ms\": FILE}",
            })?;
            Ok(entry.beside(folder))
        };
        return lines.map(entry).collect();
    }
    let listed = fs::read_dir(pairs).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()).map_err(failed)?;
    let mut folders: Vec<PathBuf> = listed.into_iter().map(|entry| entry.path()).collect();
    folders.sort();
    folders.insert(0, pairs.to_owned());
    let found = folders.into_iter().filter(|folder| folder.join("pan.tif").is_file());
    let entry = |folder: PathBuf| PairEntry {
        name: None,
        pan: folder.join("pan.tif"),
        ms: OneOrMany::One(folder.join("ms.tif")),
        truth: Some(folder.join("truth.tif")).filter(|path| path.is_file()),
        sensor: None,
        validation: false,
    };
    Ok(found.map(entry).collect())
}
