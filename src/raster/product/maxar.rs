//! Deliveries of Maxar (DigitalGlobe): folders `…_PAN` and `…_MUL`, each with tiles
//! `…_R1C1-….TIF`, their list (`.TIL`) and metadata (`.IMD`).

use std::path::Path;

use super::{Folder, Product, RasterError, extension, fuse_line, is_tiff, name, odl::Entries, unread};
use crate::raster::error::{gdal_to, quoted};

/// One of the two folders.
struct Part {
    folder: Folder,
    imd: Option<Entries>,
}

pub(super) fn find(folder: &Folder) -> Result<Option<Product>, RasterError> {
    let parts = |end: &str| {
        let ends = |path: &&std::path::PathBuf| name(path).to_uppercase().ends_with(end);
        folder.folders.iter().filter(ends).collect::<Vec<_>>()
    };
    let (pan, ms) = match (&parts("_PAN")[..], &parts("_MUL")[..]) {
        ([], []) => return Ok(None),
        ([pan], [ms]) => (Part::open(pan)?, Part::open(ms)?),
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
    let files = [pan.file()?, ms.file()?];
    let [pan_file, ms_file] = match files {
        [Ok(pan), Ok(ms)] => [pan, ms],
        [pan, ms] => return Err(tiles(folder, pan, ms)),
    };
    let imd = ms.imd.as_ref();
    let bits = imd.and_then(|imd| imd.get("bitsPerPixel")).and_then(|bits| bits.parse().ok());
    Ok(Some(Product {
        satellite: imd.or(pan.imd.as_ref()).and_then(|imd| imd.get("satId")).map(str::to_uppercase),
        pan: pan_file,
        ms: vec![ms_file],
        names: imd.map(bands).unwrap_or_default(),
        // 16 is the type of the file, in which 11 bits are stored: nothing is known then.
        bits: bits.filter(|bits| (1..16).contains(bits)),
        // Pixels outside the area ordered are 0 and no tag says so; real ones are larger.
        nodata: Some(0.0),
    }))
}

/// The one file of a part, or the list of its tiles.
type File = Result<std::path::PathBuf, Tiles>;

struct Tiles {
    list: std::path::PathBuf,
    count: usize,
}

impl Part {
    fn open(path: &Path) -> Result<Self, RasterError> {
        let folder = Folder::list(path)?;
        let imd = folder.only("IMD", |name| name.ends_with(".IMD"))?;
        let imd = imd.map(|path| Entries::read(path)).transpose()?;
        Ok(Self { folder, imd })
    }

    fn file(&self) -> Result<File, RasterError> {
        let files: Vec<_> = self.folder.files.iter().filter(|path| is_tiff(path)).collect();
        let list = self.folder.only("TIL", |name| name.ends_with(".TIL"))?;
        let count = match list {
            None => files.len(),
            Some(list) => Entries::read(list)?.all("filename").count().max(files.len()),
        };
        match (&files[..], self.folder.files.iter().find(|path| unread(path))) {
            ([file], _) if count == 1 => Ok(Ok((*file).clone())),
            ([], Some(other)) if count < 2 => Err(self.folder.convert(other)),
            ([], None) => Err(self.folder.error("no image (*.TIF) is in it", "unpack or download it again")),
            _ => {
                // GDAL opens the list as one image; without it the tiles have to be named.
                let list = list.or(files.first().copied()).unwrap_or(&self.folder.path).clone();
                Ok(Err(Tiles { list, count }))
            }
        }
    }
}

/// The error of images in several tiles, with the commands that join them.
fn tiles(folder: &Folder, pan: File, ms: File) -> RasterError {
    let (mut lines, mut counts) = (Vec::new(), Vec::new());
    let names = [(pan, "pan.tif"), (ms, "ms.tif")].map(|(file, joined)| match file {
        Ok(file) => file,
        Err(Tiles { list, count }) => {
            let to = folder.path.join(joined);
            counts.push(format!("{} in {count}", name(&list)));
            lines.push(if extension(&list) == "til" {
                gdal_to("gdal_translate", "", &list, &to)
            } else {
                let from = list.with_file_name("*.TIF");
                let vrt = to.with_extension("vrt");
                format!(
                    "gdalbuildvrt {} {} && {}",
                    quoted(&vrt),
                    from.display(),
                    gdal_to("gdal_translate", "", &vrt, &to)
                )
            });
            to
        }
    });
    lines.push(fuse_line(&names[0], &names[1]));
    let what = format!("its images come in tiles ({}), which are not joined here", counts.join(", "));
    folder.error(&what, &format!("join them: {}", lines.join(" && ")))
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
