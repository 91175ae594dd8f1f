//! Deliveries of Airbus (Pléiades, Pléiades Neo, SPOT 6 and 7): `DIM_…_P_….XML` and `DIM_…_MS_….XML`, together or each
//! in a folder of its own (`IMG_…`), with the tiles that they list.

use std::path::PathBuf;

use super::{Folder, Product, ProductError, name};

pub(super) fn find(folder: &Folder) -> Result<Option<Product>, ProductError> {
    let folder = Folder::list(&folder.path)?.with(|name| name.starts_with("IMG_"))?;
    let image = |kinds: &[&str]| {
        let test = |name: &str| {
            let stem = name.strip_prefix("DIM_").and_then(|name| name.strip_suffix(".XML"));
            stem.is_some_and(|stem| stem.split('_').any(|part| kinds.contains(&part)))
        };
        Ok::<_, ProductError>(folder.only(&format!("DIM_*_{}_*.XML", kinds[0]), test)?.cloned())
    };
    // Without and with the two lists of Pléiades Neo: four bands, or six.
    let (pan, ms) = (image(&["P", "PAN"])?, image(&["MS", "MS-FS"])?);
    let (pan, ms) = match (pan, ms) {
        (Some(pan), Some(ms)) => (pan, ms),
        (None, None) => {
            let Some(sharp) = image(&["PMS", "PMS-N", "PMS-X", "PMS-FS"])? else { return Ok(None) };
            let what = format!("{} is an image that was fused already", name(&sharp));
            return Err(folder.error(&what, "order the bundle of P and MS"));
        }
        (Some(there), None) | (None, Some(there)) => {
            let what = format!("only {} is there of an Airbus bundle's DIM_*_P_*.XML and DIM_*_MS_*.XML", name(&there));
            return Err(folder.error(&what, "order or unpack both, into one folder"));
        }
    };
    // DIM_PHR1A_P_….
    let satellite = name(&pan).split('_').nth(1).map(str::to_uppercase);
    let own = |path: &&PathBuf| ["DIM_", "IMG_", "RPC_"].iter().any(|start| name(path).starts_with(start));
    let files = folder.files.iter().filter(own).cloned().collect();
    Ok(Some(Product { satellite, pan: vec![pan], ms: vec![ms], files, ..Product::default() }))
}
