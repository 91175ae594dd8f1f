//! The report of a run: one value, written as a page to look at or as data.
//!
//! [`Report::new`] gathers what a run knows: the pair's facts, settings, losses, timings, pictures, spectra, numbers
//! per band. Whoever knows more adds it to the public lists: [`Table`]s (a comparison of methods), [`Map`]s (error,
//! distortion), sentences in [`Report::notes`] and [`Report::warnings`]. [`Report::html`] is one self-contained
//! page: pictures embedded, charts as SVG, no network, light and dark. [`Report::json`] holds the same as data,
//! pictures aside. No number that is not finite ever appears: it becomes `null`, a dash or a transparent pixel.
//!
//! # Layout of the JSON, version 2
//! `schema`, `versions`, `method`, `inputs` (`pan` and `ms` with `path`, `sha256`, `others` of a stack, sizes, `sample`, `nodata`,
//! `georeferenced`, `pixel_size`; `ratio`), `output`, `warnings`, `notes`, `device`, `scale`
//! (`DN = offset + scale · x`), `fusion` (base, network and consistency
//! step; `null` of an image as a whole), `seconds` by part of the run, `pictures` (bands and DN range shown, places of overview
//! and detail), `spectra`, `tables`, `added` and `maps` as the types here have them. After a training also `seed`,
//! `instruction_set` (of a CPU), `settings`, `result`, `losses` (per phase `columns` and `rows`); else these are `null`. `profile` is empty unless
//! the time per call was taken. Adding keys keeps the version; changing or removing one raises it. Version 1 had no
//! `method`, `notes`, `pictures`, `spectra`, `tables`, `added`, `maps`.

mod bands;
mod chart;
mod collect;
mod colours;
mod losses;
mod map;
mod page;
pub mod picture;
mod pictures;
mod run;
mod sheet;
mod spectra;
mod table;
mod view;

use std::io::Write;
use std::path::Path;

pub use chart::{Chart, ChartLine, YAxis};
pub use collect::Collector;
pub use colours::{Channels, Colours};
pub use losses::{Losses, Series};
pub use map::{Map, Ramp};
pub use pictures::{ImageKind, Look, PageImage, check_quicklook, quicklook, quicklook_outputs};
pub use run::{BestEpochs, CallTime, InputImage, InputPair, Other, PictureLayout, Report, Subject};
pub use sheet::{Sheet, SheetPart};
pub use spectra::Spectrum;
pub use table::{Better, Column, Row, Table};
pub use view::{Images, Preview};

use picture::PictureError;

use crate::remedy::Remedy;
use crate::tiff::{TiffError, write_atomically};

/// Version of the JSON's layout.
pub const SCHEMA: u32 = 2;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Images that do not fit together.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A file that could not be read or written.
    #[error(transparent)]
    File(#[from] TiffError),
}

impl ReportError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Picture(error) => error.remedy(),
            Self::File(error) => error.remedy(),
        }
    }
}

/// Writes a file whole or not at all.
fn save(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), TiffError> {
    write_atomically(path, overwrite, |file| file.write_all(bytes))
}
