//! Files that list others as their parts: VRT and DIMAP.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use proptest::prelude::*;
use tempfile::TempDir;
use trapan::tiff::{Kind, Raster, Sample, Source, TiffError, Window};

use crate::fixture::{Fixture, scene};
use crate::support::{memory::largest_request, skipped};

/// Tiles and bands of three shapes, some with nodata, mask or transparency.
struct Parts(TempDir);

impl Parts {
    fn new() -> Self {
        let parts = Self(tempfile::tempdir().unwrap());
        let nodata = |file: Fixture| file.with(42113, 2, &[b'0'.into(), 0]);
        let mask = Some((0..24 * 18).map(|i| i % 7 > 0).collect());
        parts.put("left.tif", nodata(placed(Sample::U16, [24, 18, 3], [0, 0])), 5);
        parts.put("right.tif", nodata(placed(Sample::U16, [24, 18, 3], [16, 4])), 5);
        parts.put("plain_left.tif", placed(Sample::U16, [24, 18, 3], [0, 0]), 0);
        parts.put("plain_right.tif", placed(Sample::U16, [24, 18, 3], [30, 4]), 0);
        parts.put("masked_left.tif", placed(Sample::U8, [24, 18, 3], [0, 0]), 0);
        let masked = Fixture { mask, ..placed(Sample::U8, [24, 18, 3], [16, 0]) };
        parts.put("masked_right.tif", masked, 0);
        parts.put("clear.tif", placed(Sample::U8, [24, 18, 4], [0, 0]).with(338, 3, &[0, 0, 2]), 3);
        for band in ["b1.tif", "b2.tif", "b3.tif"] {
            parts.put(band, placed(Sample::I16, [24, 18, 1], [0, 0]), 0);
        }
        parts.put("real.tif", placed(Sample::F32, [24, 18, 3], [0, 0]), 4);
        parts
    }

    /// Writes a file with values of its own, of which those of the last band that `every` divides are 0: files show
    /// through each other band by band.
    fn put(&self, name: &str, file: Fixture, every: usize) {
        let [.., bands] = file.size;
        let mut data = scene(file.sample, file.size);
        data.rotate_left(name.bytes().map(usize::from).sum::<usize>() % 97);
        for (i, pixel) in data.chunks_mut(bands).enumerate() {
            let last = &mut pixel[bands - 1];
            match (bands, every) {
                (4, _) => *last = if i % 3 > 0 { 255.0 } else { 0.0 },
                (_, every) if every > 0 && i % every == 0 => *last = 0.0,
                _ => {}
            }
        }
        fs::write(self.path(name), file.bytes(&data)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a line of a shell among the files; false if GDAL is not here.
    fn run(&self, line: &str) -> bool {
        let ran = Command::new("sh").args(["-c", line]).current_dir(self.0.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() || ran.status.code() == Some(127), "{line}: {said}");
        ran.status.success()
    }

    fn open(&self, name: &str) -> Result<Source, TiffError> {
        Source::open(&[self.path(name)])
    }

    fn read(&self, name: &str) -> Raster {
        self.open(name).and_then(|source| source.read_all()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Writes a VRT of 24×18 pixels.
    fn vrt(&self, bands: &str) {
        let place = "<GeoTransform>500000, 2, 0, 4000000, 0, -2</GeoTransform>";
        let text = format!("<VRTDataset rasterXSize=\"24\" rasterYSize=\"18\">{place}{bands}</VRTDataset>");
        fs::write(self.path("in.vrt"), text).unwrap();
    }

    /// What is said of a list that cannot be read.
    fn refused(&self, name: &str, words: &[&str]) {
        let error = self.open(name).map(|_| ()).expect_err(&format!("{words:?}"));
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Input, "{text}");
        assert!(words.iter().all(|word| text.contains(word)) && text.contains(name), "{words:?} in {text}");
    }
}

/// A file in metres, its corner so many pixels from that of all.
fn placed(sample: Sample, size: [usize; 3], [x, y]: [usize; 2]) -> Fixture {
    let tie = [0.0, 0.0, 0.0, 5e5 + 2.0 * x as f64, 4e6 - 2.0 * y as f64, 0.0].map(f64::to_bits);
    let keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32630];
    let file = Fixture::new(sample, size).with(33550, 12, &[2f64.to_bits(), 2f64.to_bits(), 0]);
    file.with(33922, 12, &tie).with(34735, 3, &keys)
}

/// A source of a band, of all pixels unless they are given.
fn source(file: &str, more: &str) -> String {
    format!(
        "<SimpleSource><SourceFilename relativeToVRT=\"1\">{file}</SourceFilename><SourceBand>1</SourceBand>{more}</SimpleSource>"
    )
}

fn band(kind: &str, inner: &str) -> String {
    format!("<VRTRasterBand dataType=\"{kind}\">{inner}</VRTRasterBand>")
}

#[test]
fn vrts_are_read_as_by_gdal() {
    let parts = Parts::new();
    if !parts.run("gdal_translate --version") {
        return skipped("VRTs against GDAL's own reading: gdal_translate is not here");
    }
    for (line, bands) in [
        ("gdalbuildvrt -q -separate in.vrt b1.tif b2.tif b3.tif", 3),
        ("gdalbuildvrt -q in.vrt left.tif right.tif", 3),
        ("gdalbuildvrt -q -vrtnodata 9 in.vrt right.tif left.tif", 3),
        ("gdalbuildvrt -q in.vrt plain_left.tif plain_right.tif", 3),
        ("gdalbuildvrt -q in.vrt masked_left.tif masked_right.tif", 3),
        ("gdalbuildvrt -q -te 500004 3999980 500060 3999996 in.vrt left.tif right.tif", 3),
        ("gdalbuildvrt -q in.vrt clear.tif", 3),
        ("gdal_translate -q -of VRT -a_nodata 7 -b 3 -b 1 -b 1 left.tif in.vrt", 3),
        ("gdal_translate -q -of VRT -a_nodata none left.tif in.vrt", 3),
        ("gdal_translate -q -of VRT -srcwin 5 3 9 8 -ot Float32 b2.tif in.vrt", 1),
        ("gdal_translate -q -of VRT -a_nodata nan real.tif in.vrt", 3),
        ("mkdir -p sub && gdalbuildvrt -q sub/a.vrt left.tif right.tif && gdalbuildvrt -q in.vrt sub/a.vrt", 3),
    ] {
        let _ = fs::remove_file(parts.path("in.vrt"));
        assert!(parts.run(&format!("{line} && gdal_translate -q in.vrt plain.tif")), "{line}");
        let (found, wanted) = (parts.read("in.vrt"), parts.read("plain.tif"));
        let place = |image: &Raster| (image.size(), image.sample, image.geo.affine(), image.geo.epsg());
        assert_eq!(place(&found), place(&wanted), "{line}");
        assert_eq!((found.bands, found.alpha), (bands, wanted.alpha), "{line}");
        assert!(found.nodata == wanted.nodata || wanted.nodata.is_some_and(f64::is_nan), "{line}");
        let valid = |image: &Raster, i: usize| image.valid.as_ref().is_none_or(|valid| valid[i]);
        let mut compared = 0;
        for (i, (own, theirs)) in found.data.chunks(bands).zip(wanted.data.chunks(bands)).enumerate() {
            // What no part covers GDAL takes for a value if none stands for no data.
            let bare = found.nodata.is_none() && theirs.iter().all(|v| *v == 0.0);
            assert!(valid(&found, i) == valid(&wanted, i) || bare, "{line}: pixel {i}");
            assert!(own == theirs || !valid(&found, i), "{line}: pixel {i}: {own:?} {theirs:?}");
            compared += usize::from(valid(&found, i));
        }
        assert!(2 * compared > found.data.len() / bands, "{line}: {compared}");
        // A window is the same part of all.
        let window = Window { x: 3, y: 2, width: found.width - 4, height: found.height - 3 };
        let part = parts.open("in.vrt").unwrap().read(window).unwrap();
        assert!(part.data == found.block(window).data, "{line}");
    }
}

#[test]
fn vrts_are_images_like_others() {
    let parts = Parts::new();
    let two = [("b1.tif", "Blue"), ("b2.tif", "")]
        .map(|(file, name)| band("Int16", &format!("<Description>{name}</Description>{}", source(file, ""))));
    parts.vrt(&two.concat());
    let paths = ["in.vrt", "b3.tif"].map(|name| parts.path(name));
    let mut stack = Source::open(&paths).unwrap();
    let header = stack.header();
    assert_eq!((header.bands, header.descriptions[0].as_deref()), (3, Some("Blue")));
    assert_eq!(
        header.files().cloned().collect::<Vec<_>>(),
        ["in.vrt", "b1.tif", "b2.tif", "b3.tif"].map(|n| parts.path(n))
    );
    let all = stack.read_all().unwrap();
    let [b1, b3] = ["b1.tif", "b3.tif"].map(|name| parts.read(name));
    stack.choose(&["3", "Blue"]).unwrap();
    let some = stack.read_all().unwrap();
    let pairs = b3.data.iter().zip(&b1.data).flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>();
    assert!(some.data == pairs && all.data.len() == 3 * b1.data.len());
    // Nodata that the user knows, in the parts too.
    stack.set_nodata(Some(f64::from(b3.data[40])));
    assert!(!stack.read_all().unwrap().valid.unwrap()[40]);
    // An absolute name, and a part that lies beyond the edge.
    let moved = "<SrcRect xOff=\"-2\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/><DstRect xOff=\"4\" yOff=\"1\" xSize=\"24\" ySize=\"18\"/>";
    let absolute = source(&parts.path("b1.tif").display().to_string(), moved).replace("relativeToVRT=\"1\"", "");
    parts.vrt(&band("Int16", &absolute));
    let found = parts.read("in.vrt");
    assert_eq!((found.data[24 + 6], found.data[17 * 24 + 23]), (b1.data[0], b1.data[16 * 24 + 17]));
    assert_eq!(found.valid.unwrap().iter().filter(|valid| **valid).count(), 17 * 18);
}

#[test]
fn vrts_that_cannot_be_read_say_why() {
    let parts = Parts::new();
    let simple = |more: &str| band("Int16", &source("b1.tif", more));
    let complex = |more: &str| simple(more).replace("SimpleSource", "ComplexSource");
    let rectangle =
        |kind: &str, x: &str, size: &str| format!("<{kind} xOff=\"{x}\" yOff=\"0\" xSize=\"{size}\" ySize=\"18\"/>");
    let fixed = format!("gdal_translate {}", parts.path("in.vrt").display());
    for (bands, words) in [
        (simple("<Oops/>"), &["Oops of a part", &fixed][..]),
        (complex("<ScaleOffset>1</ScaleOffset>"), &["ScaleOffset", &fixed]),
        (complex("<LUT>0:1,2:3</LUT>"), &["LUT", &fixed]),
        (simple("").replace("SimpleSource", "KernelFilteredSource"), &["a KernelFilteredSource", &fixed]),
        (simple(&rectangle("SrcRect", "0", "12")), &["resampling to 24x18 from 12x18 pixels", "b1.tif", &fixed]),
        (simple(&rectangle("DstRect", "0.5", "24")), &["between pixels", "0.5", &fixed]),
        (simple(&rectangle("DstRect", "nan", "24")), &["xOff \"nan\""]),
        (simple(&rectangle("DstRect", "1e300", "24")), &["xOff \"1e300\""]),
        (simple(&[rectangle("SrcRect", "90", "24"), rectangle("DstRect", "0", "24")].concat()), &["shows nothing"]),
        (
            simple("").replace("dataType", "subClass=\"VRTDerivedRasterBand\" dataType"),
            &["VRTDerivedRasterBand", &fixed],
        ),
        (band("Float64", &source("b1.tif", "")), &["Float64 data", "-ot Float32"]),
        (band("Byte", &source("b1.tif", "")), &["i16 of", "as u8", &fixed]),
        (simple("") + &band("Byte", &source("masked_left.tif", "")), &["i16 beside bands of u8", "-ot Float32"]),
        (simple("").replace("SourceBand>1<", "SourceBand>2<"), &["names band 2", "which has 1"]),
        (simple("").replace("SourceBand>1<", "SourceBand>mask,1<"), &["band mask,1", &fixed]),
        (simple("").replace(">b1.tif<", ">/vsizip/a.zip/b.tif<"), &["no file of its own", &fixed]),
        (simple("").replace(">b1.tif<", ">gone.tif<"), &["names", "gone.tif, which is not there", "again"]),
        (simple("").replace(">b1.tif<", "><"), &["without a name"]),
        (band("Int16", ""), &["a band without parts"]),
        (String::new(), &["has no band"]),
        (band("Byte", &source("clear.tif", "").replace(">1<", ">4<")), &["band 1, transparency", &fixed]),
        (
            simple("")
                + "<MaskBand><VRTRasterBand dataType=\"Byte\">"
                + &source("b2.tif", "")
                + "</VRTRasterBand></MaskBand>",
            &["a mask", &fixed],
        ),
        (simple("<SrcRect"), &["is broken", "again"]),
        (simple("").replace("b1.tif", "in.vrt"), &["names itself among its parts"]),
    ] {
        parts.vrt(&bands);
        parts.refused("in.vrt", words);
    }
    for (head, words) in [
        ("rasterXSize=\"0\" rasterYSize=\"18\"", &["rasterXSize 0"][..]),
        ("rasterYSize=\"18\"", &["rasterXSize (none)"]),
        ("rasterXSize=\"3000000000\" rasterYSize=\"18\"", &["rasterXSize 3000000000"]),
        ("rasterXSize=\"24\" rasterYSize=\"18\" subClass=\"VRTWarpedDataset\"", &["VRTWarpedDataset", &fixed]),
    ] {
        fs::write(parts.path("in.vrt"), format!("<VRTDataset {head}>{}</VRTDataset>", simple(""))).unwrap();
        parts.refused("in.vrt", words);
    }
    // A file within that is no TIFF: the whole is to be converted, not the part.
    fs::write(parts.path("b1.jp2"), b"\0\0\0\x0cjP  ").unwrap();
    parts.vrt(&simple("").replace("b1.tif", "b1.jp2"));
    parts.refused("in.vrt", &["b1.jp2", "JPEG 2000", &fixed]);
    // A circle of two, and a ladder without an end.
    let names = |from: &str, to: &str| {
        parts.vrt(&simple("").replace("b1.tif", to));
        fs::rename(parts.path("in.vrt"), parts.path(from)).unwrap();
    };
    names("b.vrt", "in.vrt");
    parts.vrt(&simple("").replace("b1.tif", "b.vrt"));
    parts.refused("in.vrt", &["names itself"]);
    (0..12).for_each(|i| names(&format!("{i}.vrt"), &format!("{}.vrt", i + 1)));
    names("12.vrt", "b1.tif");
    let deep = parts.open("3.vrt").map(drop).unwrap_err().to_string();
    assert!(deep.contains("11.vrt: the VRT is the 9th within others"), "{deep}");
    assert_eq!(parts.read("5.vrt").data, parts.read("b1.tif").data);
}

/// An image larger than anything its parts could hold.
#[test]
fn vrts_claim_no_memory() {
    let parts = Parts::new();
    let text = band(
        "Int16",
        &source(
            "b1.tif",
            "<SrcRect xOff=\"0\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/><DstRect xOff=\"0\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/>",
        ),
    );
    let text = format!("<VRTDataset rasterXSize=\"2147483647\" rasterYSize=\"2147483647\">{text}</VRTDataset>");
    fs::write(parts.path("in.vrt"), text).unwrap();
    let (found, largest) = largest_request(|| parts.open("in.vrt").unwrap().read_all().map(drop));
    assert!(matches!(found, Err(TiffError::Damaged { .. })) && largest < 1 << 16, "{found:?}, {largest}");
    let corner = parts.open("in.vrt").unwrap().read(Window { x: 0, y: 0, width: 24, height: 18 }).unwrap();
    assert!(corner.data == parts.read("b1.tif").data && corner.valid.is_none());
}

/// A DIMAP file of tiles of 16×10 pixels in an image of 24×18.
fn dimap(lists: &str, more: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<Dimap_Document><Raster_Data><Data_Access>{lists}</Data_Access>\
         <Raster_Dimensions><NROWS>18</NROWS><NCOLS>24</NCOLS><NBANDS>3</NBANDS><Tile_Set><Regular_Tiling>\
         <NTILES_SIZE nrows=\"10\" ncols=\"16\"/><OVERLAP_ROW>0</OVERLAP_ROW></Regular_Tiling></Tile_Set></Raster_Dimensions>{more}\
         </Raster_Data></Dimap_Document>"
    )
}

/// One list of four tiles.
fn tiles(end: &str) -> String {
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

/// Pieces of lists, in any order and with numbers of any size.
fn shreds() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(vec![
        "0",
        "1",
        "24",
        "-3",
        "0.5",
        "2147483647",
        "1e99",
        "nan",
        "b1.tif",
        "in.vrt",
        "x",
        "mask",
    ]);
    let piece = prop::sample::select(vec![
        "<VRTRasterBand dataType=\"Int16\">",
        "</VRTRasterBand>",
        "<SimpleSource>",
        "</SimpleSource>",
        "<ComplexSource>",
        "</ComplexSource>",
        "<SourceFilename relativeToVRT=\"1\">b1.tif</SourceFilename>",
        "<SourceBand>@</SourceBand>",
        "<SrcRect xOff=\"@\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/>",
        "<DstRect xOff=\"@\" yOff=\"@\" xSize=\"@\" ySize=\"18\"/>",
        "<NODATA>@</NODATA>",
        "<NoDataValue>@</NoDataValue>",
        "<ColorInterp>Alpha</ColorInterp>",
        "<MaskBand>",
        "</MaskBand>",
        "<SourceFilename>@</SourceFilename>",
        "<Data_Access>",
        "</Data_Access>",
        "<Data_Files>",
        "</Data_Files>",
        "&#@;",
        "<",
        "\0",
        "<Data_File tile_R=\"@\" tile_C=\"@\"><DATA_FILE_PATH href=\"b1.tif\"/></Data_File>",
    ]);
    let pieces = prop::collection::vec((piece, attribute.clone()), 0..16);
    (any::<bool>(), attribute, pieces).prop_map(|(vrt, size, pieces)| {
        let body: String = pieces.into_iter().map(|(piece, value)| piece.replace('@', value)).collect();
        match vrt {
            true => format!("<VRTDataset rasterXSize=\"{size}\" rasterYSize=\"18\">{body}</VRTDataset>"),
            false => format!("<Dimap_Document><Raster_Dimensions><NROWS>{size}</NROWS><NCOLS>24</NCOLS></Raster_Dimensions>{body}</Dimap_Document>"),
        }
    })
}

/// Reads a list among its parts: an image or an error, for no more memory than its parts are worth.
fn survives(parts: &Parts, text: &[u8]) -> Result<(), TestCaseError> {
    fs::write(parts.path("in.vrt"), text).unwrap();
    let (found, largest) = largest_request(|| {
        let source = parts.open("in.vrt")?;
        let [width, height] = source.header().size();
        source.read(Window { x: width / 2, y: height / 2, width: 1, height: 1 })?;
        source.read_all()
    });
    if let Ok(found) = found {
        prop_assert_eq!(found.data.len(), found.width * found.height * found.bands);
        prop_assert!(found.data.iter().all(|value| value.is_finite()));
    }
    prop_assert!(largest <= 1 << 25, "{largest} bytes asked for");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn odd_lists_never_panic(text in shreds()) {
        thread_local!(static PARTS: Parts = Parts::new());
        PARTS.with(|parts| survives(parts, text.as_bytes()))?;
    }

    #[test]
    fn damaged_lists_never_panic(
        dimap_file in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        thread_local!(static PARTS: Parts = Parts::new());
        let one = band("Int16", &source("b1.tif", "<DstRect xOff=\"0\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/>"));
        let vrt = format!("<VRTDataset rasterXSize=\"24\" rasterYSize=\"18\">{one}</VRTDataset>");
        let mut bytes = if dimap_file { dimap(&tiles("RGB"), "") } else { vrt }.into_bytes();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        PARTS.with(|parts| survives(parts, &bytes))?;
    }
}
