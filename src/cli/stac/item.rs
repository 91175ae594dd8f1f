//! The STAC item of a result, written beside it.

use std::io::Write;
use std::path::{Path, PathBuf, absolute};

use clap::Args;
use serde_json::{Map, Value, json};
use trapan::tiff::{
    Affine, Format, Header, Output, Sample, Source, Version, check_output, is_address, sha256, write_atomically,
};

use super::footprint::{bounds, outline};
use super::time::{of_tiff, time};
use super::{CliError, Found};
use crate::cli::inputs::Files;

/// Of STAC, and of its extensions with what their fields begin with.
const VERSION: &str = "1.1.0";
const EXTENSIONS: [(&str, &str); 4] = [
    ("\"eo:", "https://stac-extensions.github.io/eo/v2.0.0/schema.json"),
    ("\"file:", "https://stac-extensions.github.io/file/v2.1.0/schema.json"),
    ("\"processing:", "https://stac-extensions.github.io/processing/v1.2.0/schema.json"),
    ("\"proj:", "https://stac-extensions.github.io/projection/v2.0.0/schema.json"),
];
/// Colours that the EO extension has a common name for.
const COMMON: [&str; 11] =
    ["coastal", "blue", "green", "yellow", "red", "rededge", "nir", "nir08", "nir09", "swir16", "swir22"];
/// What is as true of the result as of its source.
const KEPT: [&str; 4] = ["platform", "instruments", "constellation", "mission"];

/// Whether an item is written, and what it says.
#[derive(Args)]
pub(in crate::cli) struct ItemArgs {
    /// Write a STAC item beside the output: OUTPUT with .json in place of its suffix
    #[arg(long)]
    stac: bool,
    /// When the images were taken, for --stac, as 2024-05-01T10:20:30Z [default: as the input's STAC item or the TIFF tag
    /// DateTime of PAN says]
    #[arg(long, value_name = "TIME", requires = "stac", value_parser = time)]
    datetime: Option<String>,
}

impl ItemArgs {
    /// The file that is written.
    pub(in crate::cli) fn output(&self, image: &Path) -> Option<Output> {
        self.stac.then(|| Output::new(name(image), Format::Json))
    }

    /// Finds out, before a long computation, whether it can be written.
    pub(in crate::cli) fn check(&self, files: &Files, image: &Path, overwrite: bool) -> Result<(), CliError> {
        if !self.stac {
            return Ok(());
        }
        self.times(files).ok_or_else(|| CliError::Stac {
            path: files.pan.header().path.clone(),
            what: "does not say when it was taken, which a STAC item must".to_owned(),
            fix: "say it by --datetime",
        })?;
        Ok(check_output(&name(image), overwrite)?)
    }

    /// Writes the item of an image that was fused in some way, and gives its name.
    pub(in crate::cli) fn write(
        &self,
        files: &Files,
        image: &Path,
        method: &str,
        overwrite: bool,
    ) -> Result<Option<PathBuf>, CliError> {
        let Some(times) = self.times(files).filter(|_| self.stac) else { return Ok(None) };
        let written = Source::open(&[image])?;
        let (bytes, sha256) = (Version::of(image)?.bytes, sha256(image)?);
        let item = Written { image, header: written.header(), files, times, method, bytes, sha256 }.item();
        let text = serde_json::to_string_pretty(&item).expect("plain values") + "\n";
        let path = name(image);
        write_atomically(&path, overwrite, |file| file.write_all(text.as_bytes()))?;
        Ok(Some(path))
    }

    /// When it was taken, as STAC's properties say it.
    fn times(&self, files: &Files) -> Option<Map<String, Value>> {
        let one = |text: String| Map::from_iter([("datetime".to_owned(), text.into())]);
        let header = files.pan.header();
        let stated = header.metadata.date_time.as_deref();
        let mut items = header.metadata.items.iter();
        let stated = stated.or_else(|| Some(&items.find(|item| item.name == "TIFFTAG_DATETIME")?.value[..]));
        let given = self.datetime.clone().map(one);
        given.or_else(|| files.item.as_ref().and_then(times_of)).or_else(|| stated.and_then(of_tiff).map(one))
    }
}

/// The times of an item: one, or from when to when.
fn times_of(item: &Found) -> Option<Map<String, Value>> {
    let all = ["datetime", "start_datetime", "end_datetime"];
    let said = all.map(|key| item.properties.get(key).and_then(Value::as_str).and_then(|text| time(text).ok()));
    let count = match &said {
        // The one is there, if only as null, and the others are there together.
        [_, Some(_), Some(_)] => 3,
        [Some(_), ..] => 1,
        _ => return None,
    };
    Some(all.into_iter().zip(said).take(count).map(|(key, time)| (key.to_owned(), time.into())).collect())
}

/// The item of an image.
fn name(image: &Path) -> PathBuf {
    image.with_extension("json")
}

/// An image that was written, and what it came of.
struct Written<'a> {
    image: &'a Path,
    header: &'a Header,
    files: &'a Files,
    times: Map<String, Value>,
    method: &'a str,
    sha256: String,
    bytes: u64,
}

impl Written<'_> {
    fn item(&self) -> Value {
        let stem = self.image.file_stem().unwrap_or_default().to_string_lossy();
        let outline = outline(self.header);
        let mut item = json!({
            "type": "Feature",
            "stac_version": VERSION,
            "id": stem,
            "geometry": outline.as_ref().map(|outline| json!({ "type": "Polygon", "coordinates": [outline] })),
            "properties": self.properties(),
            "links": self.links(),
            "assets": { "pansharpened": self.asset() },
        });
        // An extension without one of its fields is an error.
        let text = item.to_string();
        let used = EXTENSIONS.iter().filter(|(field, _)| text.contains(field)).map(|(_, schema)| *schema);
        item["stac_extensions"] = used.collect();
        // Only where there is a geometry may there be one.
        if let Some(outline) = outline {
            item["bbox"] = json!(bounds(&outline));
        }
        item
    }

    fn properties(&self) -> Map<String, Value> {
        let header = self.header;
        let mut all = self.times.clone();
        let source = self.files.item.as_ref().map(|item| &item.properties);
        let kept = KEPT.iter().filter_map(|key| Some(((*key).to_owned(), source?.get(key)?.clone())));
        all.extend(kept);
        let names: Vec<String> = self.files.paths.iter().map(|path| file_name(path)).collect();
        all.insert("processing:lineage".into(), format!("{} by {}", names.join(", "), self.method).into());
        all.insert("processing:software".into(), json!({ "trapan": env!("CARGO_PKG_VERSION") }));
        if let Some(affine) = header.geo.affine() {
            let code = header.geo.epsg().map(|code| format!("EPSG:{code}"));
            let Affine { x0, dx, rx, y0, ry, dy } = affine;
            all.insert("proj:code".into(), code.into());
            all.insert("proj:shape".into(), json!([header.height, header.width]));
            all.insert("proj:transform".into(), json!([dx, rx, x0, ry, dy, y0]));
        }
        all
    }

    /// What it came of, where that is an item.
    fn links(&self) -> Vec<Value> {
        let link = |item: &Found| {
            let whole =
                if is_address(&item.href) { item.href.clone() } else { absolute(&item.href).unwrap_or_default() };
            json!({ "rel": "derived_from", "href": whole, "type": "application/geo+json" })
        };
        self.files.item.iter().map(link).collect()
    }

    fn asset(&self) -> Value {
        let header = self.header;
        let data_type = match header.sample {
            Sample::U8 => "uint8",
            Sample::U16 => "uint16",
            Sample::I16 => "int16",
            Sample::F32 => "float32",
        };
        let mut asset = json!({
            "href": format!("./{}", file_name(self.image)),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "title": "Pansharpened image",
            "roles": ["data"],
            "data_type": data_type,
            "bands": self.bands(),
            "file:size": self.bytes,
            // A multihash: SHA-256, 32 bytes.
            "file:checksum": format!("1220{}", self.sha256),
        });
        match header.nodata {
            Some(nodata) if nodata.is_nan() => asset["nodata"] = "nan".into(),
            Some(nodata) => asset["nodata"] = nodata.into(),
            None => {}
        }
        asset
    }

    fn bands(&self) -> Vec<Value> {
        let colours = self.header.colour_names();
        let band = |(i, name): (usize, &Option<String>)| {
            let mut band = json!({ "name": name.clone().unwrap_or_else(|| format!("band {}", i + 1)) });
            let known = |text: &Option<String>| text.as_ref().map(|text| text.trim().to_lowercase());
            let common = [known(name), known(&colours[i])].into_iter().flatten();
            if let Some(common) = common.into_iter().find(|name| COMMON.contains(&&name[..])) {
                band["eo:common_name"] = common.into();
            }
            band
        };
        self.header.descriptions.iter().enumerate().map(band).collect()
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
