//! GDAL's own file about an image, `scene.tif.aux.xml`, which QGIS, ArcGIS and GDAL write where they cannot or do not
//! want to change the image.

use std::{collections::BTreeMap, path::Path};

use super::super::{Affine, GeoTags, Item, error::gdal, nodata, xml::Element};
use super::{rpc, wkt};

/// What such a file states.
#[derive(Debug, Default)]
pub(in crate::tiff) struct Pam {
    pub(super) affine: Option<Affine>,
    /// The geokeys that its coordinate system amounts to.
    pub(super) crs: Option<GeoTags>,
    pub(in crate::tiff) rpc: Option<Vec<f64>>,
    /// Names, colours and all else, as GDAL's tag has them; `sample` counts the bands of the file.
    pub(in crate::tiff) items: Vec<Item>,
    /// The value of pixels without data, by band.
    pub(in crate::tiff) nodata: BTreeMap<usize, f64>,
    /// Whether it says where the image lies by control points only.
    control_points: bool,
    /// What of it is not used, and why.
    notes: Vec<String>,
}

impl Pam {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let root = Element::parse(text)?;
        if root.name != "PAMDataset" {
            return Err(format!("it holds <{}>, not the <PAMDataset> of GDAL", root.name));
        }
        Ok(Self::of(&root, "PAMRasterBand"))
    }

    /// What such a document says, or a VRT, whose bands have another name.
    pub(in crate::tiff) fn of(root: &Element, bands: &str) -> Self {
        let mut found = Self { items: metadata(root, None), ..Self::default() };
        let mut notes = Vec::new();
        found.affine = root.text_of("GeoTransform").and_then(|text| noted(affine(text), &mut notes));
        found.crs = root.text_of("SRS").and_then(|text| noted(wkt::keys(text), &mut notes));
        let camera = root.all("Metadata").find(|list| list.attribute("domain") == Some("RPC"));
        found.rpc = camera.and_then(|list| noted(rpc::of_items(&entries(list)), &mut notes));
        let warped = root.all("GCPList").any(|list| !list.children.is_empty())
            || root.all("Metadata").any(|list| list.all("GeodataXform").next().is_some());
        found.control_points = warped && found.affine.is_none();
        found.notes = notes;
        for (place, band) in root.all(bands).enumerate() {
            let number = band.attribute("band").map_or(Some(place + 1), |number| number.parse().ok());
            let Some(sample) = number.and_then(|number| number.checked_sub(1)) else { continue };
            let roles = [("Description", "description"), ("ColorInterp", "colorinterp"), ("UnitType", "unittype")];
            for (name, role) in roles.into_iter().chain([("Offset", "offset"), ("Scale", "scale")]) {
                let item = |value: &str| Item {
                    name: role.to_uppercase(),
                    sample: Some(sample),
                    role: Some(role.to_owned()),
                    domain: None,
                    value: value.to_owned(),
                };
                found.items.extend(band.text_of(name).map(item));
            }
            found.items.extend(metadata(band, Some(sample)));
            if let Some(value) = band.all("NoDataValue").next() {
                let exact = value.attribute("le_hex_equiv").and_then(nodata::from_hex);
                found.nodata.extend(exact.or_else(|| nodata::parse(&value.text)).map(|value| (sample, value)));
            }
        }
        found
    }

    /// What of it is not used of an image, for the user.
    pub(in crate::tiff) fn unused(&mut self, file: &Path, image: &Path) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        if self.control_points {
            let line = gdal("gdalwarp", "-r cubic -dstalpha", image);
            notes.push(format!("control points are to be applied first: {line}"));
        }
        notes.into_iter().map(|why| format!("{}: not all of it is used: {why}", file.display())).collect()
    }

    /// The colour that it states for a band of the file.
    pub(in crate::tiff) fn colour(&self, band: usize) -> Option<&str> {
        let of = |item: &&Item| item.sample == Some(band) && item.role.as_deref() == Some("colorinterp");
        self.items.iter().find(of).map(|item| &item.value[..])
    }
}

/// What could be understood; what could not is noted.
fn noted<T>(found: Result<T, String>, notes: &mut Vec<String>) -> Option<T> {
    found.map_err(|why| notes.push(why)).ok()
}

fn affine(text: &str) -> Result<Affine, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let affine = match numbers.as_deref() {
        Some([x0, dx, rx, y0, ry, dy]) => Affine { x0: *x0, dx: *dx, rx: *rx, y0: *y0, ry: *ry, dy: *dy }.checked(),
        _ => None,
    };
    affine.ok_or_else(|| format!("its GeoTransform is {text}, not a map of pixels"))
}

/// Keys and values of a list of metadata.
fn entries(list: &Element) -> Vec<(String, String)> {
    list.all("MDI")
        .filter_map(|entry| Some((entry.attribute("key")?.to_owned(), entry.text.trim().to_owned())))
        .collect()
}

/// The metadata of an image or a band but for the camera, and whether coordinates name points: that, the tags decide.
fn metadata(element: &Element, sample: Option<usize>) -> Vec<Item> {
    let mut items = Vec::new();
    for list in element.all("Metadata").filter(|list| list.attribute("domain") != Some("RPC")) {
        let domain = list.attribute("domain").filter(|domain| !domain.is_empty());
        for (name, value) in entries(list).into_iter().filter(|(name, _)| name != "AREA_OR_POINT") {
            items.push(Item { name, sample, role: None, domain: domain.map(str::to_owned), value });
        }
    }
    items
}
