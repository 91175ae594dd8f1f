//! STAC items: which of their assets are PAN and MS, and the item of a result.

mod footprint;
pub(super) mod item;
mod time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use trapan::tiff::{is_address, placed, read_text, shown};

use super::CliError;

/// Most bytes of an item or a collection: a page of a search has some megabytes.
const MOST: u64 = 256 << 20;

/// Which assets.
#[derive(Args, Clone)]
pub(super) struct Assets {
    /// Asset of a STAC item that is PAN [default: the one whose band is called pan]
    #[arg(long, value_name = "KEY")]
    pan_asset: Option<String>,
    /// Assets of a STAC item that are MS, in this order [default: one with the bands blue, green and red, or one each of
    /// those of coastal, blue, green, yellow, red, rededge, nir, nir08 and nir09 that there are]
    #[arg(long, value_delimiter = ',', value_name = "KEY,…")]
    ms_assets: Vec<String>,
}

/// Common names of bands that PAN may see, by wavelength.
const BANDS: [&str; 9] = ["coastal", "blue", "green", "yellow", "red", "rededge", "nir", "nir08", "nir09"];

/// An item: what is not asked for is not read.
#[derive(Deserialize)]
struct Item {
    id: String,
    assets: BTreeMap<String, Asset>,
    #[serde(default)]
    properties: Value,
}

#[derive(Deserialize)]
struct Asset {
    href: String,
    /// By the EO extension, up to STAC 1.0 and since.
    #[serde(default, rename = "eo:bands")]
    eo_bands: Vec<Band>,
    #[serde(default)]
    bands: Vec<Band>,
}

#[derive(Deserialize)]
struct Band {
    #[serde(alias = "eo:common_name")]
    common_name: Option<String>,
}

impl Asset {
    /// Common names of its bands.
    fn names(&self) -> Vec<&str> {
        self.eo_bands.iter().chain(&self.bands).filter_map(|band| band.common_name.as_deref()).collect()
    }
}

/// An item and its pair.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub id: String,
    /// PAN, then MS.
    pub reads: Vec<PathBuf>,
    /// Where the item lies, as it may be shown.
    pub href: PathBuf,
    /// What it says of itself.
    pub properties: Value,
}

/// Whether a path or an address must be an item, if it is an input alone: it is no folder and no image.
pub(super) fn is_item(path: &Path) -> bool {
    let end = shown(path).extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    let image = ["tif", "tiff", "vrt", "xml"].contains(&&end[..]);
    ["json", "geojson"].contains(&&end[..]) && !path.is_dir() || is_address(path) && !image && !is_folder(path)
}

/// Whether an address is written as that of a folder.
pub(super) fn is_folder(address: &Path) -> bool {
    shown(address).as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// The pairs of a collection, or of one item.
pub(super) fn items(path: &Path, assets: &Assets) -> Result<Vec<Found>, CliError> {
    let text = read_text(path, MOST)?;
    let wrong = |what: String, fix| CliError::Stac { path: shown(path), what, fix };
    let read: serde_json::Result<Vec<Item>> =
        serde_json::from_str(&text).and_then(|mut found: Value| match found.get_mut("features").map(Value::take) {
            Some(items) => serde_json::from_value(items),
            None => Ok(vec![serde_json::from_value(found)?]),
        });
    let read = read.map_err(|e| {
        let what = format!("it is no STAC item and no collection of items: {e}");
        wrong(what, "give one, as a search of a STAC API returns it")
    })?;
    let href = shown(path);
    let folder = href.parent().unwrap_or(Path::new(""));
    let found = |item: Item| {
        let reads = assets.of(&item).map_err(|what| {
            let there = item.assets.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            wrong(format!("item {} {what}; it has {there}", item.id), "name them by --pan-asset and --ms-assets")
        })?;
        let reads: Option<Vec<PathBuf>> = reads.into_iter().map(|asset| place(&asset.href, folder)).collect();
        let reads = reads.ok_or_else(|| {
            wrong(format!("item {} lies where nothing is read from", item.id), "download its assets and name the files")
        })?;
        Ok(Found { id: item.id, reads, href: href.clone(), properties: item.properties })
    };
    read.into_iter().map(found).collect()
}

/// The only item of a file.
pub(super) fn item(path: &Path, assets: &Assets) -> Result<Found, CliError> {
    let mut items = items(path, assets)?;
    match (items.pop(), items.len()) {
        (Some(item), 0) => Ok(item),
        (_, more) => Err(CliError::Stac {
            path: shown(path),
            what: format!("it has {} items", if more == 0 { 0 } else { more + 1 }),
            fix: "give one item, or plan all by `trapan plan`",
        }),
    }
}

/// What a link of an item names, if it can be read.
fn place(href: &str, folder: &Path) -> Option<PathBuf> {
    match href.split_once("://") {
        // An item from elsewhere names nothing here.
        Some(("file", path)) => (!is_address(folder)).then(|| path.into()),
        Some(_) if !is_address(href.as_ref()) => None,
        _ => Some(placed(folder, href.as_ref())),
    }
}

impl Assets {
    /// PAN, then MS; or what is missing.
    fn of<'a>(&self, item: &'a Item) -> Result<Vec<&'a Asset>, String> {
        let named = |key: &String| item.assets.get(key).ok_or_else(|| format!("has no asset {key}"));
        let by_names = |test: &dyn Fn(&[&str]) -> bool| item.assets.values().find(|asset| test(&asset.names()));
        let pan = match &self.pan_asset {
            Some(key) => named(key)?,
            None => by_names(&|names| names == ["pan"]).ok_or("has no asset with a band called pan")?,
        };
        let rgb = |names: &[&str]| ["blue", "green", "red"].iter().all(|name| names.contains(name));
        let ms: Vec<&Asset> = match by_names(&rgb) {
            _ if !self.ms_assets.is_empty() => self.ms_assets.iter().map(named).collect::<Result<_, _>>()?,
            Some(all) => vec![all],
            None => BANDS.iter().filter_map(|band| by_names(&|names| names == [*band])).collect(),
        };
        if ms.is_empty() {
            return Err("has no assets with bands called blue, green or red".to_owned());
        }
        Ok([vec![pan], ms].concat())
    }
}
