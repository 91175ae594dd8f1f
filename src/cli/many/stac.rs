//! STAC item collections: which assets of an item are PAN and MS.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use toml::Table;
use trapan::tiff::TiffError;

use super::ManyError;
use super::scenes::SceneSource;
use crate::cli::CliError;

/// Which assets.
#[derive(Args)]
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

/// A collection: what is not asked for is not read.
#[derive(Deserialize)]
struct Collection {
    features: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    assets: BTreeMap<String, Asset>,
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

/// The scenes of a collection.
pub(super) fn scenes(path: &Path, assets: &Assets) -> Result<Vec<SceneSource>, CliError> {
    let text = fs::read_to_string(path).map_err(|source| TiffError::Unreadable { path: path.to_owned(), source })?;
    let wrong = |what: String, fix| ManyError::Scenes { path: path.to_owned(), what, fix };
    let collection: Collection = serde_json::from_str(&text).map_err(|e| {
        wrong(format!("it is no STAC item collection: {e}"), "give one, as a search of a STAC API returns it")
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let scene = |item: Item| {
        let place = |asset: &Asset| local(&asset.href, folder);
        let reads = assets.of(&item).map_err(|what| {
            let there = item.assets.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            wrong(format!("item {} {what}; it has {there}", item.id), "name them by --pan-asset and --ms-assets")
        })?;
        let reads: Option<Vec<PathBuf>> = reads.into_iter().map(place).collect();
        let reads = reads.ok_or_else(|| {
            wrong(
                format!("item {} lies elsewhere", item.id),
                "download its assets and name the files; nothing is fetched here",
            )
        })?;
        Ok::<_, CliError>(SceneSource { name: item.id, reads, options: Table::new() })
    };
    collection.features.into_iter().map(scene).collect()
}

/// The file that a link of an item names, if it is on this machine.
fn local(href: &str, folder: &Path) -> Option<PathBuf> {
    match href.split_once("://") {
        None => Some(folder.join(href)),
        Some(("file", path)) => Some(PathBuf::from(path)),
        Some(_) => None,
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
