//! Deliveries of Maxar (DigitalGlobe): folders `…_PAN` and `…_MUL`, each with tiles
//! `…_R1C1-….TIF`, their list (`.TIL`) and metadata (`.IMD`).

use std::path::{Path, PathBuf};

use super::{Folder, Product, ProductError, is_tiff, name, odl::Entries, unread};

/// One of the two folders.
struct Half {
    folder: Folder,
    imd: Option<Entries>,
}

pub(super) fn find(folder: &Folder) -> Result<Option<Product>, ProductError> {
    let parts = |end: &str| {
        let ends = |path: &&PathBuf| name(path).to_uppercase().ends_with(end);
        folder.folders.iter().filter(ends).collect::<Vec<_>>()
    };
    let (pan, ms) = match (&parts("_PAN")[..], &parts("_MUL")[..]) {
        ([], []) => return Ok(None),
        ([pan], [ms]) => (Half::open(pan)?, Half::open(ms)?),
        ([], [there, ..]) | ([there, ..], []) => {
            let what = format!("it has {} but no folder of the other kind (_PAN, _MUL)", name(there));
            return Err(folder.error(&what, "order or unpack both"));
        }
        (pans, mss) => {
            let what =
                format!("it has {} _PAN and {} _MUL folders, one for each part of the order", pans.len(), mss.len());
            return Err(folder.error(&what, "fuse each part: put its _PAN and _MUL folder into a folder of their own"));
        }
    };
    let imd = ms.imd.as_ref();
    let bits = imd.and_then(|imd| imd.get("bitsPerPixel")).and_then(|bits| bits.parse().ok());
    let files = [&pan, &ms].into_iter().flat_map(|half| half.folder.files.iter().cloned()).collect();
    Ok(Some(Product {
        files,
        satellite: imd.or(pan.imd.as_ref()).and_then(|imd| imd.get("satId")).map(str::to_uppercase),
        pan: pan.files()?,
        ms: ms.files()?,
        tiled: true,
        names: imd.map(bands).unwrap_or_default(),
        // 16 is the type of the file, in which 11 bits are stored: nothing is known then.
        bits: bits.filter(|bits| (1..16).contains(bits)),
        // Pixels outside the area ordered are 0 and no tag says so; real ones are larger.
        nodata: Some(0.0),
        ..Product::default()
    }))
}

impl Half {
    fn open(path: &Path) -> Result<Self, ProductError> {
        let folder = Folder::list(path)?;
        let imd = folder.only("IMD", |name| name.ends_with(".IMD"))?;
        let imd = imd.map(|path| Entries::read(path)).transpose()?;
        Ok(Self { folder, imd })
    }

    /// The image, or all tiles of it.
    fn files(&self) -> Result<Vec<PathBuf>, ProductError> {
        let files: Vec<_> = self.folder.files.iter().filter(|path| is_tiff(path)).cloned().collect();
        let list = self.folder.only("TIL", |name| name.ends_with(".TIL"))?;
        let listed = list.map(|list| Ok::<_, ProductError>((list, Entries::read(list)?.all("filename").count())));
        match (files.len(), listed.transpose()?, self.folder.files.iter().find(|path| unread(path))) {
            (0, _, Some(other)) => Err(self.folder.convert(other)),
            (0, ..) => Err(self.folder.error("no image (*.TIF) is in it", "unpack or download it again")),
            (there, Some((list, count)), _) if count > there => {
                let what = format!("{} names {count} tiles, and {there} are there", name(list));
                Err(self.folder.error(&what, "unpack or download it again"))
            }
            _ => Ok(files),
        }
    }
}

/// Names of the bands in the order of the file: the groups BAND_C, BAND_B, ….
fn bands(imd: &Entries) -> Vec<String> {
    let name = |group: &str| match group.strip_prefix("BAND_")? {
        "C" => Some("Coastal"),
        "B" => Some("Blue"),
        "G" => Some("Green"),
        "Y" => Some("Yellow"),
        "R" => Some("Red"),
        "RE" => Some("RedEdge"),
        "N" => Some("NIR1"),
        "N2" => Some("NIR2"),
        _ => None,
    };
    imd.all("BEGIN_GROUP").filter_map(name).map(str::to_owned).collect()
}
