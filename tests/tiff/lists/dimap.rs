//! DIMAP files: tiles as one image, and refused.

use std::{fs, path::Path};

use trapan::tiff::Sample;

use super::Parts;
use crate::fixture::{Fixture, scene};
use crate::support::skipped;

/// A DIMAP file of tiles of 16×10 pixels in an image of 24×18.
pub fn dimap(lists: &str, more: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<Dimap_Document><Raster_Data><Data_Access>{lists}</Data_Access>\
         <Raster_Dimensions><NROWS>18</NROWS><NCOLS>24</NCOLS><NBANDS>3</NBANDS><Tile_Set><Regular_Tiling>\
         <NTILES_SIZE nrows=\"10\" ncols=\"16\"/><OVERLAP_ROW>0</OVERLAP_ROW></Regular_Tiling></Tile_Set></Raster_Dimensions>{more}\
         </Raster_Data></Dimap_Document>"
    )
}

/// One list of four tiles.
pub fn tiles(end: &str) -> String {
    let tile = |(r, c): (usize, usize)| {
        format!(
            "<Data_File tile_R=\"{r}\" tile_C=\"{c}\"><DATA_FILE_PATH href=\"IMG_{end}_R{r}C{c}.TIF\"/></Data_File>"
        )
    };
    format!("<Data_Files>{}</Data_Files>", [(1, 1), (1, 2), (2, 1), (2, 2)].map(tile).concat())
}

/// Writes an image in four tiles without georeference.
fn write_tiles(folder: &Path, end: &str, whole: &[f32]) {
    for (r, top, height) in [(1, 0, 10), (2, 10, 8)] {
        for (c, left, width) in [(1, 0, 16), (2, 16, 8)] {
            let values = (top..top + height).flat_map(|y| &whole[(y * 24 + left) * 3..][..width * 3]).copied();
            let file = Fixture::new(Sample::U16, [width, height, 3]).bytes(&values.collect::<Vec<_>>());
            fs::write(folder.join(format!("IMG_{end}_R{r}C{c}.TIF")), file).unwrap();
        }
    }
}

#[test]
fn dimap_tiles_are_one_image() {
    let parts = Parts::new();
    let mut whole = scene(Sample::U16, [24, 18, 3]);
    whole[3 * 30..3 * 30 + 3].fill(0.0);
    write_tiles(parts.0.path(), "RGB", &whole);
    let special = "<Raster_Display><Special_Value><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_COUNT>0</SPECIAL_VALUE_COUNT></Special_Value></Raster_Display>";
    let bits = "<Raster_Encoding><NBITS>12</NBITS></Raster_Encoding>";
    let write = |lists: &str, more: &str| fs::write(parts.path("DIM.XML"), dimap(lists, more)).unwrap();
    write(&tiles("RGB"), &[special, bits].concat());
    let found = parts.read("DIM.XML");
    assert_eq!((found.size(), found.bands, found.nodata, found.bits), ([24, 18], 3, Some(0.0), Some(12)));
    assert!(found.data == whole && !found.valid.as_ref().unwrap()[30]);
    assert_eq!((found.path.clone(), found.others.len()), (parts.path("DIM.XML"), 4));
    // Pléiades Neo: six bands in two lists.
    write_tiles(parts.0.path(), "NED", &whole);
    let index = |names: [&str; 3]| {
        let one = |(i, name): (usize, &&str)| {
            format!("<Raster_Index><BAND_ID>{name}</BAND_ID><BAND_INDEX>{}</BAND_INDEX></Raster_Index>", i + 1)
        };
        format!(
            "<Raster_Display><Raster_Index_List>{}</Raster_Index_List></Raster_Display></Data_Files>",
            names.iter().enumerate().map(one).collect::<String>()
        )
    };
    let list = |end: &str, names| tiles(end).replace("</Data_Files>", &index(names));
    write(&[list("RGB", ["R", "G", "B"]), list("NED", ["NIR", "RE", "DB"])].concat(), "");
    let found = parts.read("DIM.XML");
    let names: Vec<_> = found.descriptions.iter().flatten().map(String::as_str).collect();
    assert_eq!(names, ["Red", "Green", "Blue", "NIR", "RedEdge", "DeepBlue"]);
    assert!(found.data.chunks(6).zip(whole.chunks(3)).all(|(found, wanted)| found == [wanted, wanted].concat()));
    if !parts.run("gdal_translate --version") {
        return skipped("DIMAP against GDAL's own reading: gdal_translate is not here");
    }
    write(
        &tiles("RGB"),
        "<Raster_Encoding><DATA_TYPE>INTEGER</DATA_TYPE><NBITS>16</NBITS><SIGN>UNSIGNED</SIGN></Raster_Encoding>",
    );
    let text = fs::read_to_string(parts.path("DIM.XML")).unwrap();
    // GDAL asks for the version.
    let text = text.replacen("<Raster_Data>", "<Metadata_Identification><METADATA_FORMAT version=\"2.15\">DIMAP</METADATA_FORMAT></Metadata_Identification><Raster_Data>", 1);
    let text = text.replace(
        "<OVERLAP_ROW>",
        "<NTILES_COUNT ntiles_R=\"2\" ntiles_C=\"2\"/><OVERLAP_COL>0</OVERLAP_COL><OVERLAP_ROW>",
    );
    fs::write(parts.path("DIM.XML"), text).unwrap();
    assert!(parts.run("gdal_translate -q DIM.XML plain.tif"));
    assert!(parts.read("DIM.XML").data == parts.read("plain.tif").data);
}

#[test]
fn dimap_files_that_cannot_be_read_say_why() {
    let parts = Parts::new();
    let whole = scene(Sample::U16, [24, 18, 3]);
    write_tiles(parts.0.path(), "RGB", &whole);
    fs::write(parts.path("IMG_RGB_R1C1.JP2"), b"\0\0\0\x0cjP  ").unwrap();
    let fixed = format!("gdal_translate {}", parts.path("DIM.XML").display());
    let good = dimap(&tiles("RGB"), "");
    for (text, words) in [
        (good.replace("IMG_RGB_R1C1.TIF", "IMG_RGB_R1C1.JP2"), &["IMG_RGB_R1C1.JP2", "JPEG 2000", &fixed][..]),
        (good.replace("R2C2.TIF", "R3C3.TIF"), &["R3C3.TIF, which is not there"]),
        (good.replace("tile_R=\"1\" tile_C=\"1\"", "tile_R=\"3\" tile_C=\"1\""), &["24x18 pixels", "ends at 16x30"]),
        (good.replace("tile_R=\"1\" tile_C=\"1\"", "tile_C=\"1\""), &["a tile without tile_R"]),
        (good.replace("<NCOLS>24", "<NCOLS>-24"), &["NCOLS -24"]),
        (good.replace("<OVERLAP_ROW>0", "<OVERLAP_ROW>2"), &["overlap", &fixed]),
        (
            good.replace(
                "R2C2.TIF",
                "R2C2.TIF\"/></Data_File><Data_File tile_R=\"1\" tile_C=\"1\"><DATA_FILE_PATH href=\"b1.tif",
            ),
            &["3 bands of u16", "1 bands of i16"],
        ),
        (good.replace("Data_Files", "Data_File"), &["another version than 2", &fixed]),
        (
            dimap(
                &tiles("RGB")
                    .replace("tile_R=\"1\" tile_C=\"1\"", "tile_R=\"2\" tile_C=\"2\"")
                    .replace("R1C1.TIF", "R2C2.TIF"),
                "",
            ),
            &["names no first tile"],
        ),
        (good.replace("</Raster_Data>", ""), &["is broken"]),
    ] {
        fs::write(parts.path("DIM.XML"), text).unwrap();
        parts.refused("DIM.XML", words);
    }
}
