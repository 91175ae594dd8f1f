//! Pictures of a view: PAN, upsampled and fused, in true and in false colour, under one stretch.

use std::path::Path;

use super::colours::Colours;
use super::view::{Images, Preview};
use super::{ReportError, save};
use crate::report::picture::{Picture, PictureError, Stretch};
use crate::tiff::{Format, Output, TiffError, check_output, create_folder};

/// Longest side of a quicklook, px.
const QUICKLOOK: usize = 1024;

/// Names of the quicklooks.
const FILES: [&str; 5] = ["pan", "upsampled", "upsampled-false-colour", "fused", "fused-false-colour"];

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// The panchromatic image.
    Pan,
    /// The upsampled multispectral image.
    Upsampled,
    /// The fused image.
    Fused,
}

/// How a picture shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Grey levels.
    Grey,
    /// Red, green, blue.
    Natural,
    /// Near infrared, red, green.
    Infrared,
}

/// A picture.
pub struct PageImage {
    /// What it shows.
    pub layer: ImageKind,
    /// How.
    pub look: Look,
    /// The picture as a PNG; pixels without data are transparent.
    pub png: Vec<u8>,
}

impl PageImage {
    /// Its file name among the quicklooks, without the ending.
    pub fn name(&self) -> &'static str {
        match (self.layer, self.look) {
            (ImageKind::Pan, _) => FILES[0],
            (ImageKind::Upsampled, Look::Infrared) => FILES[2],
            (ImageKind::Upsampled, _) => FILES[1],
            (ImageKind::Fused, Look::Infrared) => FILES[4],
            (ImageKind::Fused, _) => FILES[3],
        }
    }
}

/// All pictures of a view.
pub(super) fn pictures(view: &Preview, colours: &Colours) -> Result<Vec<PageImage>, PictureError> {
    let (width, height, valid) = (view.width, view.height, view.valid.as_deref());
    let [low, high] = colours.pan.map(|v| [v; 3]);
    let pan = Picture::grey(&view.pan, width, height, &Stretch { low, high })?;
    let mut shown = vec![PageImage { layer: ImageKind::Pan, look: Look::Grey, png: pan.png(valid)? }];
    let looks = [(Look::Natural, Some(colours.natural)), (Look::Infrared, colours.infrared)];
    for (layer, data) in [(ImageKind::Upsampled, &view.lms), (ImageKind::Fused, &view.fused)] {
        for (look, channels) in looks.iter().filter_map(|(look, c)| Some((*look, (*c)?))) {
            let picture = Picture::rgb(data, width, height, colours.ms.len(), channels, &colours.stretch(channels))?;
            shown.push(PageImage { layer, look, png: picture.png(valid)? });
        }
    }
    Ok(shown)
}

/// Writes `pan.png`, `upsampled.png`, `fused.png` and, with a near-infrared band, `upsampled-false-colour.png` and
/// `fused-false-colour.png` into a folder, which `check_quicklook` makes: at most 1024 px a side, averaged if need
/// be, all with the same stretch, transparent without data.
///
/// # Errors
/// [`ReportError::File`] if the folder or a file cannot be written; without `overwrite` also if one exists.
pub fn quicklook(images: &Images, colours: &Colours, dir: &Path, overwrite: bool) -> Result<(), ReportError> {
    let view = Preview::overview(images, QUICKLOOK);
    for shown in pictures(&view, colours)? {
        save(&dir.join(format!("{}.png", shown.name())), &shown.png, overwrite)?;
    }
    Ok(())
}

/// The files that [`quicklook`] may write into a folder.
pub fn quicklook_outputs(dir: &Path) -> impl Iterator<Item = Output> {
    FILES.iter().map(|name| Output::new(dir.join(format!("{name}.png")), Format::Png))
}

/// Makes the folder and finds out whether [`quicklook`] can be expected to succeed: to be asked before a long
/// computation.
///
/// # Errors
/// [`TiffError::Exists`] without `overwrite`, or what the file system reports.
pub fn check_quicklook(dir: &Path, overwrite: bool) -> Result<(), TiffError> {
    create_folder(dir)?;
    FILES.iter().try_for_each(|name| check_output(&dir.join(format!("{name}.png")), overwrite))
}
