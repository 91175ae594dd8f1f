//! Scenes whose files are known by their names alone, in one folder.

use std::path::PathBuf;

use super::{Folder, Product, ProductError, name, unread};
use crate::tiff::MEAN;

/// How the files of a scene are called.
///
/// Names are those of the file in capitals without its suffix; `*` stands for any text, `#` for digits or none, `|` for "or".
struct Naming {
    /// In errors.
    what: &'static str,
    /// Files of PAN: several where it is their mean.
    pan: &'static [&'static str],
    /// Files of MS: one of all bands, or one for each.
    ms: &'static [&'static str],
    bands: &'static [&'static str],
    /// Parts between underscores that name the satellite.
    satellite: usize,
}

const BLUE_TO_NIR: &[&str] = &["Blue", "Green", "Red", "NIR"];

/// Sources of the names beside each; those of China's satellites also stand in PCI's list of sensors
/// (catalyst.earth, "GDB supported sensors"). Of a file with fewer bands the first names count.
const KNOWN: [Naming; 7] = [
    // CRESDA: `GF2_PMS1_…-PAN1.tiff`, the digit being the camera; GF-1B, C, D and GF-6: `GF6_PMS_…-MUX.tiff`.
    Naming { what: "GF", pan: &["GF*-PAN#"], ms: &["GF*-MSS#|GF*-MUX#"], bands: BLUE_TO_NIR, satellite: 1 },
    // Space View: `SV1-01_20171021_L2A0000192762_1109170051408_01-MUX.tiff`.
    Naming { what: "SuperView", pan: &["SV*-PAN#"], ms: &["SV*-MUX#|SV*-MSS#"], bands: BLUE_TO_NIR, satellite: 1 },
    // Chang Guang: `JL1GF03B02_PMS_20220516095811_200084559_101_0008_001_L1_PAN.tif`.
    Naming { what: "Jilin-1", pan: &["JL1*_PAN"], ms: &["JL1*_MSS"], bands: BLUE_TO_NIR, satellite: 1 },
    // SI Imaging Services: `K3A_20200426044703_28082_00286238_L1R_P.tif`, one file for each band.
    Naming {
        what: "KOMPSAT-3",
        pan: &["K3*_P"],
        ms: &["K3*_B", "K3*_G", "K3*_R", "K3*_N"],
        bands: BLUE_TO_NIR,
        satellite: 1,
    },
    // INPE: `CBERS_4A_WPM_20210829_223_129_L4_BAND0.tif`, 2 m; bands 1 to 4, 8 m.
    Naming {
        what: "CBERS-4A WPM",
        pan: &["CBERS_4A_WPM_*_BAND0"],
        ms: &["CBERS_4A_WPM_*_BAND1", "CBERS_4A_WPM_*_BAND2", "CBERS_4A_WPM_*_BAND3", "CBERS_4A_WPM_*_BAND4"],
        bands: BLUE_TO_NIR,
        satellite: 2,
    },
    // INPE: `CBERS_4_PAN5M_20161009_219_050_L2_BAND1.tif` and, of the same camera, `CBERS_4_PAN10M_…_BAND2.tif` to 4.
    Naming {
        what: "CBERS-4 PAN",
        pan: &["CBERS_4_PAN5M_*_BAND1"],
        ms: &["CBERS_4_PAN10M_*_BAND2", "CBERS_4_PAN10M_*_BAND3", "CBERS_4_PAN10M_*_BAND4"],
        bands: &["Green", "Red", "NIR"],
        satellite: 2,
    },
    // ESA: `T30SYJ_20200101T105441_B02_10m`, of level 1C without the pixel's size; others leave all but the band.
    Naming {
        what: "Sentinel-2",
        pan: &["T*_B02|T*_B02_10M|B02", "T*_B03|T*_B03_10M|B03", "T*_B04|T*_B04_10M|B04", "T*_B08|T*_B08_10M|B08"],
        ms: &[
            "T*_B05|T*_B05_20M|B05",
            "T*_B06|T*_B06_20M|B06",
            "T*_B07|T*_B07_20M|B07",
            "T*_B8A|T*_B8A_20M|B8A",
            "T*_B11|T*_B11_20M|B11",
            "T*_B12|T*_B12_20M|B12",
        ],
        bands: &["RedEdge1", "RedEdge2", "RedEdge3", "NIR2", "SWIR1", "SWIR2"],
        satellite: 0,
    },
];

/// What these scenes are called, for the error of a folder that nobody knows.
pub(super) fn known() -> String {
    KNOWN.map(|naming| naming.what).join(", ")
}

/// The first of these scenes that is there.
pub(super) fn find(folder: &Folder) -> Result<Option<Product>, ProductError> {
    // Sentinel-2's files lie in GRANULE/L2A_…/IMG_DATA/R10m.
    let inner = ["GRANULE", "L1C_", "L2A_", "IMG_DATA", "R10M", "R20M"];
    let folder = Folder::list(&folder.path)?.with(|name| inner.iter().any(|start| name.starts_with(start)))?;
    for naming in &KNOWN {
        if let Some(product) = naming.find(&folder)? {
            return Ok(Some(product));
        }
    }
    match folder.files.iter().find(|path| unread(path)) {
        Some(other) => Err(folder.convert(other)),
        None => Ok(None),
    }
}

impl Naming {
    fn find(&self, folder: &Folder) -> Result<Option<Product>, ProductError> {
        let one = |pattern: &str| {
            let parts: Vec<&str> = pattern.split('|').collect();
            let test = |name: &str| {
                // Files that were converted as an error said are known, too.
                let stem = name.strip_suffix(".TIFF").or_else(|| name.strip_suffix(".TIF"));
                let stem = stem.map(|stem| stem.strip_suffix("_FIXED").unwrap_or(stem));
                stem.is_some_and(|stem| parts.iter().any(|part| matches(part.as_bytes(), stem.as_bytes())))
            };
            Ok::<_, ProductError>(folder.only(pattern, test)?.cloned())
        };
        let all = |patterns: &[&str]| {
            let found = patterns.iter().enumerate().map(|(i, pattern)| Ok(one(pattern)?.map(|file| (i, file))));
            found.filter_map(Result::transpose).collect::<Result<Vec<(usize, PathBuf)>, ProductError>>()
        };
        let (pan, ms) = (all(self.pan)?, all(self.ms)?);
        let (any, missing) = match (pan.first(), ms.first()) {
            (None, None) => return Ok(None),
            (Some((_, pan)), Some(_)) => (name(pan), None),
            (Some((_, pan)), None) => (name(pan), self.ms.first()),
            (None, Some((_, ms))) => (name(ms), self.pan.first()),
        };
        if let Some(pattern) = missing {
            let what = format!("only {any} is there of a {} scene, and no {}", self.what, pattern.replace('|', " or "));
            return Err(folder.error(&what, "download both"));
        }
        let satellite = any.split('_').take(self.satellite).collect::<Vec<_>>().join("_").to_uppercase();
        // Of bands in files of their own, those that are there; else all of the one file.
        let names =
            if self.ms.len() > 1 { ms.iter().map(|(i, _)| self.bands[*i]).collect() } else { self.bands.to_vec() };
        let files = pan.iter().chain(&ms).flat_map(|(_, file)| folder.delivery(file)).collect();
        Ok(Some(Product {
            satellite: Some(satellite).filter(|name| !name.is_empty()),
            pan_band: (pan.len() > 1).then(|| MEAN.to_owned()),
            pan: pan.into_iter().map(|(_, file)| file).collect(),
            ms: ms.into_iter().map(|(_, file)| file).collect(),
            names: names.into_iter().map(str::to_owned).collect(),
            files,
            ..Product::default()
        }))
    }
}

/// Whether all of a name is as a pattern has it.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        ([b'#', rest @ ..], [b'0'..=b'9', others @ ..]) => matches(pattern, others) || matches(rest, name),
        ([b'#', rest @ ..], _) => matches(rest, name),
        ([own, rest @ ..], [first, others @ ..]) => own == first && matches(rest, others),
        _ => false,
    }
}
