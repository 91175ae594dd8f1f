//! Landsat 7, 8 and 9 scenes of Collection 2: one file per band, `…_B8.TIF` being PAN, which the satellites before do
//! not have.

use std::path::PathBuf;

use super::{Folder, Product, ProductError, is_tiff, name, odl::Entries};

/// Bands of PAN's satellites at 30 m, with names by number.
const OLI: [(&str, &str); 7] =
    [("2", "Blue"), ("3", "Green"), ("4", "Red"), ("5", "NIR"), ("6", "SWIR1"), ("7", "SWIR2"), ("1", "Coastal")];
const ETM: [(&str, &str); 6] =
    [("1", "Blue"), ("2", "Green"), ("3", "Red"), ("4", "NIR"), ("5", "SWIR1"), ("7", "SWIR2")];
/// The coastal band (1 of OLI) is fused on demand only: PAN does not see any of it.
const OLI_DEFAULT: usize = 6;

pub(super) fn find(folder: &Folder, chosen: &[String]) -> Result<Option<Product>, ProductError> {
    let mtl = folder.only("MTL", |name| name.starts_with('L') && name.ends_with("_MTL.JSON"))?;
    let mtl = match mtl {
        Some(json) => Some(json),
        None => folder.only("MTL", |name| name.starts_with('L') && name.ends_with("_MTL.TXT"))?,
    };
    let band = |number: &str| {
        let end = format!("_B{number}.TIF");
        folder.only(&format!("B{number}"), move |name| name.starts_with('L') && name.ends_with(&end))
    };
    let before = folder.files.iter().find(|path| is_tiff(path) && older(&name(path).to_uppercase()));
    let surface = folder.files.iter().find(|path| is_tiff(path) && name(path).to_uppercase().contains("_SR_B"));
    let pan = band("8")?;
    let Some(any) = pan.or(surface).or(mtl).or(before) else { return Ok(None) };
    let mtl = mtl.map(|path| Entries::read(path)).transpose()?;
    let stated = |key: &str| mtl.as_ref().and_then(|mtl| mtl.get(key));

    // LC08_L1TP_…: sensor and satellite, then the level.
    let any = name(any).to_uppercase();
    let mut parts = any.split('_');
    let (prefix, by_name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let satellite = stated("SPACECRAFT_ID").map_or_else(|| of_prefix(prefix), str::to_uppercase);
    if let Some(number @ "1" | number @ "2" | number @ "3" | number @ "4" | number @ "5") =
        satellite.strip_prefix("LANDSAT_")
    {
        return Err(folder.error(
            &format!(
                "it is a scene of Landsat {number}, which has no panchromatic band: there is nothing to fuse with"
            ),
            "take a scene of Landsat 7, 8 or 9",
        ));
    }
    let level = stated("PROCESSING_LEVEL").unwrap_or(by_name);
    if level.starts_with("L2") || (pan.is_none() && surface.is_some()) {
        return Err(folder.error(
            "it is a Landsat level-2 scene: surface reflectance is made of the 30 m bands only, there is no \
             panchromatic band (B8) to fuse",
            "download level 1 (L1TP) of the same scene",
        ));
    }
    let file = |number: &str| -> Result<Option<PathBuf>, ProductError> {
        // The metadata know names that someone has changed; a file that is not there does not count.
        let named = stated(&format!("FILE_NAME_BAND_{number}")).map(|file| folder.path.join(file));
        Ok(named.filter(|path| folder.files.contains(path)).or(band(number)?.cloned()))
    };
    let Some(pan) = file("8")? else {
        return Err(folder.error("the panchromatic band of a Landsat scene (*_B8.TIF) is not in it", "download it"));
    };
    let (known, usual) = match &satellite[..] {
        "LANDSAT_7" => (&ETM[..], ETM.len()),
        _ => (&OLI[..], OLI_DEFAULT),
    };
    let mut ms = Vec::new();
    let mut names = Vec::new();
    if chosen.is_empty() {
        for (number, name) in &known[..usual] {
            if let Some(path) = file(number)? {
                ms.push(path);
                names.push((*name).to_owned());
            }
        }
        if ms.is_empty() {
            return Err(folder.error("no 30 m band of a Landsat scene is in it", "download B2 to B7"));
        }
    }
    for wanted in chosen {
        let number = wanted.trim_start_matches(['B', 'b']);
        let is_wanted = |(own, name): &&(&str, &str)| *own == number || name.eq_ignore_ascii_case(wanted);
        let Some((number, name)) = known.iter().find(is_wanted) else {
            let list: Vec<String> = known.iter().map(|(number, name)| format!("B{number} ({name})")).collect();
            let what = format!("{satellite} has no 30 m reflective band {wanted}");
            return Err(folder.error(&what, format!("choose among {}", list.join(", "))));
        };
        let Some(path) = file(number)? else {
            return Err(folder.error(&format!("band B{number} is not in it"), "download it, or choose others"));
        };
        ms.push(path);
        names.push((*name).to_owned());
    }
    // Level-1 pixels without data are 0, which old files do not state.
    let (files, satellite, pan) = (folder.delivery(&pan), Some(satellite), vec![pan]);
    Ok(Some(Product { satellite, pan, ms, names, nodata: Some(0.0), files, ..Product::default() }))
}

/// Whether a name is that of a band of Landsat 1 to 5: LT05_…_B4.TIF, LM01_….
fn older(name: &str) -> bool {
    let satellite = name.strip_prefix("LT0").or_else(|| name.strip_prefix("LM0"));
    satellite.is_some_and(|rest| rest.starts_with(['1', '2', '3', '4', '5']) && rest.contains("_B"))
}

/// "LANDSAT_8" of LC08.
fn of_prefix(prefix: &str) -> String {
    format!("LANDSAT_{}", prefix.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches('0'))
}
