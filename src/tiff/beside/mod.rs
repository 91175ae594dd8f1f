//! What lies beside an image: its mask, GDAL's own file about it, a world file, a camera model.
//!
//! They are read in GDAL's order: its own file (`.aux.xml`, PAM) goes before the tags, the tags before a world file,
//! a camera model in a file of its own before both, Maxar's before Airbus's. A `.prj`, which GDAL does not look for
//! beside a TIFF, names the coordinate system of an image that has a world file and no system of its own.

mod pam;
mod rpc;
mod wkt;
mod world;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{
    Affine, GeoTags,
    error::TiffError,
    input::Input,
    remote::{self, Address},
};
pub(super) use pam::Pam;
pub(super) use wkt::keys;

/// Most bytes of a file of text that is read: they have some kilobytes, with histograms some more.
const MOST: u64 = 16 << 20;

/// What was found beside an image.
#[derive(Default)]
pub(super) struct Beside {
    /// The mask in a file of its own.
    pub(super) mask: Option<Input>,
    pub(super) pam: Pam,
    /// The map of a world file.
    world: Option<Affine>,
    /// The geokeys that a `.prj` amounts to.
    prj: Option<GeoTags>,
    /// The camera's 92 numbers.
    rpc: Option<Vec<f64>>,
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
    /// What the user should know of those that could not be.
    pub(super) notes: Vec<String>,
    around: Around,
}

impl Beside {
    /// Looks for everything that can lie beside an image.
    pub(super) fn of(image: &Path) -> Result<Self, TiffError> {
        let mut found = Self { around: Around::of(image)?, ..Self::default() };
        if let Some(path) = found.around.first([appended(image, ".msk")]) {
            found.mask = Some(Input::open(&path)?);
            found.files.push(path);
        }
        found.pam = found.text([appended(image, ".aux.xml")], Pam::parse)?.unwrap_or_default();
        let path = appended(image, ".aux.xml");
        found.notes.extend(found.pam.unused(&path, image));
        found.world = found.text(world::names(image), world::parse)?;
        if found.world.is_some() {
            found.prj = found.text([image.with_extension("prj"), image.with_extension("PRJ")], wkt::keys)?;
        }
        let stem = image.with_extension("");
        let rpb = [image.with_extension("RPB"), image.with_extension("rpb")];
        found.rpc = found.text(rpb, rpc::of_rpb)?;
        if found.rpc.is_none() {
            let names = ["_RPC.TXT", "_rpc.txt", "_RPC.txt", "_rpc.TXT"].map(|end| appended(&stem, end));
            found.rpc = found.text(names, rpc::of_text)?;
        }
        if found.rpc.is_none() {
            let first = stem.to_string_lossy().ends_with("_R1C1");
            let parse = |text: &str| match first {
                true => rpc::of_dimap(text),
                false => Err("it counts pixels from tile R1C1, and this is another one".to_owned()),
            };
            found.rpc = found.text(airbus_camera(image), parse)?;
        }
        Ok(found)
    }

    /// Nothing but what GDAL says.
    pub(super) fn of_pam(pam: Pam) -> Self {
        Self { pam, ..Self::default() }
    }

    /// Reads the first of some files that is there; one that cannot be understood is named in the notes.
    fn text<T>(
        &mut self,
        names: impl IntoIterator<Item = PathBuf>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, TiffError> {
        let Some(path) = self.around.first(names) else { return Ok(None) };
        let input = Input::open(&path)?;
        let found = match input.size > MOST {
            true => Err(format!("it has more than {MOST} bytes")),
            false => parse(&input.text(MOST)?),
        };
        match found {
            Ok(found) => {
                self.files.push(path);
                Ok(Some(found))
            }
            Err(why) => {
                self.notes.push(format!("{}: not used: {why}; repair or remove it", path.display()));
                Ok(None)
            }
        }
    }

    /// The place of an image whose tags say `tags`.
    pub(super) fn place(&self, tags: GeoTags) -> GeoTags {
        let keys = self.pam.crs.as_ref().or(self.prj.as_ref().filter(|_| !tags.has_crs()));
        let affine = self.pam.affine.or(self.world.filter(|_| tags.affine().is_none()));
        let geo = keys.map_or_else(|| tags.clone(), |keys| tags.with_crs_of(keys));
        affine.map_or(geo.clone(), |affine| geo.placed(affine))
    }

    /// The camera model of an image whose tag says `tag`.
    pub(super) fn camera(&self, tag: Vec<f64>) -> Vec<f64> {
        self.rpc.clone().or(self.pam.rpc.clone()).unwrap_or(tag)
    }
}

/// Where Airbus puts the camera model of `IMG_X_R1C1.TIF`, one of all tiles: `RPC_X_R1C1.XML`, or `RPC_X.XML`.
pub(super) fn airbus_camera(image: &Path) -> Vec<PathBuf> {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let Some((scene, tile)) = stem.strip_prefix("IMG_").and_then(|name| name.rsplit_once('_')) else {
        return Vec::new();
    };
    let number = |part: &str| part.parse::<u32>().is_ok();
    let numbers = tile.strip_prefix('R').and_then(|tile| tile.split_once('C'));
    if !numbers.is_some_and(|(row, column)| number(row) && number(column)) {
        return Vec::new();
    }
    let names = [format!("{scene}_{tile}"), scene.to_owned()];
    names.iter().flat_map(|name| ["XML", "xml"].map(|end| image.with_file_name(format!("RPC_{name}.{end}")))).collect()
}

/// What is known of the names around an image.
#[derive(Default)]
enum Around {
    /// It can be asked for each.
    #[default]
    Folder,
    /// These are there.
    Only(HashSet<PathBuf>),
}

impl Around {
    /// Of an image. At an address every question takes its time: they are asked at once, and about the names in use alone.
    /// A query is for one file: who signs one does not sign those beside it.
    fn of(image: &Path) -> Result<Self, TiffError> {
        let Some(address) = Address::of(image) else { return Ok(Self::Folder) };
        if address.query().is_some() {
            return Ok(Self::Only(HashSet::new()));
        }
        let stem = image.with_extension("");
        let behind = [".msk", ".aux.xml"].map(|end| appended(image, end));
        let instead = ["RPB", "tfw", "prj"].map(|end| image.with_extension(end));
        let camera = ["_RPC.TXT", "_rpc.txt"].map(|end| appended(&stem, end));
        let names = behind.into_iter().chain(instead).chain(camera).chain(airbus_camera(image));
        remote::there(names.collect()).map(Self::Only)
    }

    /// The first of some paths at which there is anything.
    fn first(&self, names: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
        names.into_iter().find(|path| match self {
            Self::Folder => path.exists(),
            Self::Only(there) => there.contains(path),
        })
    }
}

/// A name with something after it: `scene.tif.msk`.
fn appended(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
