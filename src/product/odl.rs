//! The `key = value` text of Landsat's MTL and Maxar's IMD and TIL files, and Landsat's as JSON.

use std::{io::Read, path::Path};

use serde_json::Value;

use super::ProductError;
use crate::tiff::{TiffError, open_file};

/// Most bytes of a metadata file: they have some kilobytes.
const MOST: u64 = 4 << 20;

/// Keys and values of a metadata file in the order they stand; groups are not told apart, but for
/// their own lines (`BEGIN_GROUP = BAND_C`).
pub(super) struct Entries(Vec<(String, String)>);

impl Entries {
    /// Reads a file: JSON if it is called so, else text.
    pub(super) fn read(path: &Path) -> Result<Self, ProductError> {
        let mut bytes = Vec::new();
        let read = open_file(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
        read.map_err(|e| TiffError::reading(path, e))?;
        let text = String::from_utf8_lossy(&bytes);
        if super::extension(path) != "json" {
            return Ok(Self::text(&text));
        }
        let mut entries = Vec::new();
        let value = serde_json::from_str(&text).map_err(|e| ProductError::Folder {
            path: path.to_owned(),
            what: format!("it is not the JSON it should be ({e})"),
            fix: "download it again, or remove it if there is an _MTL.txt beside it".into(),
        })?;
        flatten("", &value, &mut entries);
        Ok(Self(entries))
    }

    /// `key = value` by line, values with or without quotes and semicolon.
    fn text(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let clean = |value: &str| value.trim().trim_end_matches(';').trim().trim_matches('"').to_owned();
        Self(lines.map(|(key, value)| (key.trim().to_owned(), clean(value))).collect())
    }

    /// All values of a key.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, value)| &value[..])
    }

    /// The first value of a key, unless it is empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| &value[..]).filter(|value| !value.is_empty())
    }
}

/// The texts and numbers of a JSON value; its depth is bounded by the parser.
fn flatten(key: &str, value: &Value, entries: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(key, value, entries)),
        Value::Array(list) => list.iter().for_each(|value| flatten(key, value, entries)),
        Value::String(text) => entries.push((key.to_owned(), text.clone())),
        other => entries.push((key.to_owned(), other.to_string())),
    }
}
