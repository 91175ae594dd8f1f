//! Files of text that name others as their parts: VRT and DIMAP. Which files they are, and what is wrong with them.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use super::{dimap, vrt};
use crate::tiff::{
    Source, TiffError,
    error::{quoted, translate},
    input::Input,
    remote::{is_address, placed},
    xml::Element,
};

/// Most bytes of such a file: a thousand tiles of eight bands take some megabytes.
const MOST: u64 = 16 << 20;
/// Most bytes before the name of the outermost element.
const HEAD: u64 = 4096;
/// Most lists within each other.
const MAX_DEPTH: usize = 8;
/// Most files that all lists within each other name together.
const MAX_FILES: usize = 1 << 12;

/// The lists that are being opened, each named by the one before it, and the number of files that were.
#[derive(Default)]
pub(in crate::tiff) struct Nest {
    chain: Vec<PathBuf>,
    files: usize,
}

/// The image that a list makes, if the file is one.
pub(in crate::tiff) fn open(input: &Input, nest: &mut Nest) -> Result<Option<Source>, TiffError> {
    let head = input.read("the header", 0, input.size.min(HEAD))?;
    let head = String::from_utf8_lossy(&head);
    if !head.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return Ok(None);
    }
    type Open = fn(&Element, &mut List<'_>) -> Result<Source, TiffError>;
    let known: [(&str, &'static str, Open); 2] =
        [("<VRTDataset", "VRT", vrt::open), ("<Dimap_Document", "DIMAP file", dimap::open)];
    let Some((_, kind, open)) = known.into_iter().find(|(name, ..)| head.contains(name)) else { return Ok(None) };
    let path = input.path.clone();
    let same = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let mut list = List { path: &path, kind, nest };
    if list.nest.chain.contains(&same) {
        return Err(list.wrong("names itself among its parts"));
    }
    if list.nest.chain.len() == MAX_DEPTH {
        return Err(list.wrong(format!("is the {}th within others", MAX_DEPTH + 1)));
    }
    if input.size > MOST {
        return Err(list.wrong(format!("has {} bytes, more than {MOST}", input.size)));
    }
    let text = input.read("the text", 0, input.size)?;
    let root =
        Element::parse(&String::from_utf8_lossy(&text)).map_err(|why| list.wrong(format!("is broken: {why}")))?;
    list.nest.chain.push(same);
    let source = open(&root, &mut list)?;
    list.nest.chain.pop();
    Ok(Some(source))
}

/// A list that is being opened.
pub(super) struct List<'a> {
    pub(super) path: &'a Path,
    /// What it is, in errors.
    kind: &'static str,
    nest: &'a mut Nest,
}

impl List<'_> {
    /// The path of a part by the name that the list gives it. One from elsewhere names nothing here.
    pub(super) fn part(&self, name: &str, beside: bool) -> PathBuf {
        match self.path.parent() {
            Some(folder) if beside || is_address(self.path) => placed(folder, name.as_ref()),
            _ => name.into(),
        }
    }

    /// Opens a part.
    pub(super) fn open(&mut self, part: &Path) -> Result<Source, TiffError> {
        self.nest.files += 1;
        if self.nest.files > MAX_FILES {
            return Err(self.wrong(format!("names more than {MAX_FILES} files, with those within each other")));
        }
        Source::one(part, self.nest).map_err(|error| match error {
            TiffError::Missing { path } if path == part => {
                self.wrong(format!("names {}, which is not there", quoted(part)))
            }
            // To convert the part alone would leave the list as it is.
            TiffError::NotTiff { path, found, .. } if path == part => {
                self.unsupported(format!("its part {}, {found},", quoted(part)))
            }
            TiffError::Unsupported { path, what, .. } if path == part => {
                self.unsupported(format!("{what} in its part {}", quoted(part)))
            }
            other => other,
        })
    }

    /// The error of a list that says nothing that could be followed.
    pub(super) fn wrong(&self, what: impl Display) -> TiffError {
        let fix = format!("copy the {} and its parts again, or write it anew", self.kind);
        TiffError::List { path: self.path.to_owned(), what: format!("the {} {what}", self.kind), fix }
    }

    /// The error of a list that GDAL can make an image of and we cannot.
    pub(super) fn unsupported(&self, what: impl Display) -> TiffError {
        self.unsupported_but("", what)
    }

    /// The same where GDAL needs options.
    pub(super) fn unsupported_but(&self, options: &str, what: impl Display) -> TiffError {
        let fix = translate(options, self.path);
        TiffError::Unsupported { path: self.path.to_owned(), what: what.to_string(), fix }
    }
}

/// A number of pixels or bands, not 0.
pub(super) fn count(text: Option<&str>) -> Option<usize> {
    text?.trim().parse().ok().filter(|count| (1..=i32::MAX as usize).contains(count))
}
