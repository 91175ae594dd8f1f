//! DIMAP, the format of Pléiades, SPOT 6 and 7 and Pléiades Neo: a file `DIM_….XML` that lists TIFF tiles of one size,
//! and for products of six bands a second list, of the tiles of the last three.
//!
//! Names of the elements: Airbus's user guides of these satellites, chapters on DIMAP V2.

use super::list::{List, count};
use crate::tiff::{Source, TiffError, nodata, xml::Element};

/// The image of a DIMAP file.
pub(super) fn open(root: &Element, list: &mut List<'_>) -> Result<Source, TiffError> {
    let side = |name: &str| {
        let found = root.find("Raster_Dimensions").and_then(|dimensions| dimensions.text_of(name));
        count(found).ok_or_else(|| list.wrong(format!("has {name} {}", found.unwrap_or("(none)"))))
    };
    let size = [side("NCOLS")?, side("NROWS")?];
    let tiling = root.find("Regular_Tiling");
    let overlap = |name| tiling.and_then(|tiling| tiling.text_of(name)).is_some_and(|found| found.parse() != Ok(0.0));
    if overlap("OVERLAP_ROW") || overlap("OVERLAP_COL") {
        return Err(list.unsupported("tiles that overlap"));
    }
    let lists: Vec<&Element> =
        root.find("Data_Access").into_iter().flat_map(|access| access.all("Data_Files")).collect();
    let images = lists.iter().map(|files| tiles(files, tiling, size, list)).collect::<Result<Vec<_>, _>>()?;
    if images.is_empty() {
        return Err(list.unsupported("a DIMAP file of another version than 2"));
    }
    let mut source = Source::stacked(images)?.called(list.path);
    let lists = if lists.len() > 1 { lists } else { vec![root] };
    let names: Vec<String> = lists.into_iter().flat_map(names).collect();
    if names.len() == source.header().bands {
        source.assume_names(&names);
    }
    let bits = root.find("Raster_Encoding").and_then(|encoding| count(encoding.text_of("NBITS")));
    source.assume_bits(bits.filter(|bits| *bits < 8 * source.header().sample.bytes()).map(|bits| bits as u8));
    let special = root.find("Raster_Display").into_iter().flat_map(|display| display.all("Special_Value"));
    let mut special = special.filter(|value| value.text_of("SPECIAL_VALUE_TEXT") == Some("NODATA"));
    if let Some(value) = special.find_map(|value| nodata::parse(value.text_of("SPECIAL_VALUE_COUNT")?)) {
        source.assume_nodata(value);
    }
    Ok(source)
}

/// The image of one list of tiles.
fn tiles(
    files: &Element,
    tiling: Option<&Element>,
    [width, height]: [usize; 2],
    list: &mut List<'_>,
) -> Result<Source, TiffError> {
    // One file that is no tile has no size of tiles.
    let step = |name, all| tiling.and_then(|tiling| count(tiling.find("NTILES_SIZE")?.attribute(name))).unwrap_or(all);
    let step = [step("ncols", width), step("nrows", height)];
    let (mut tiles, mut places) = (Vec::<Source>::new(), Vec::new());
    for file in files.all("Data_File") {
        let name = file.all("DATA_FILE_PATH").next().and_then(|path| path.attribute("href"));
        let name = name.ok_or_else(|| list.wrong("has a tile without a name"))?;
        let number = |name| count(file.attribute(name)).ok_or_else(|| list.wrong(format!("has a tile without {name}")));
        let numbers = [number("tile_C")?, number("tile_R")?];
        let place = [0, 1].map(|axis| (numbers[axis] - 1).saturating_mul(step[axis]));
        let tile = list.open(&list.part(name, true))?;
        let (own, first) = (tile.header(), tiles.first().unwrap_or(&tile).header());
        let [right, bottom] = [0, 1].map(|axis| place[axis].saturating_add(own.size()[axis]));
        if right > width || bottom > height {
            return Err(list.wrong(format!("has {width}x{height} pixels, and {name} ends at {right}x{bottom}")));
        }
        if (own.sample, own.bands) != (first.sample, first.bands) {
            let [first, own] = [first, own].map(|header| format!("{} bands of {}", header.bands, header.sample));
            return Err(list.wrong(format!("has tiles of {first}, and {name} has {own}")));
        }
        tiles.push(tile);
        places.push(place);
    }
    match places.iter().position(|place| *place == [0; 2]) {
        Some(corner) => Ok(Source::tiled(tiles, places, corner, [width, height])),
        None => Err(list.wrong("names no first tile")),
    }
}

/// Names of the bands, in the order of the file, where they are stated.
fn names(files: &Element) -> Vec<String> {
    let index = |index: &Element| {
        let id = index.text_of("BAND_ID")?;
        let name = match id {
            "R" => "Red",
            "G" => "Green",
            "B" => "Blue",
            "NIR" | "N" => "NIR",
            "RE" => "RedEdge",
            "DB" => "DeepBlue",
            other => index.text_of("BAND_NAME").unwrap_or(other),
        };
        Some((count(index.text_of("BAND_INDEX"))?, name.to_owned()))
    };
    let list = files.find("Raster_Index_List");
    let mut names: Vec<_> = list.into_iter().flat_map(|list| list.all("Raster_Index")).filter_map(index).collect();
    names.sort_by_key(|(place, _)| *place);
    names.into_iter().map(|(_, name)| name).collect()
}
