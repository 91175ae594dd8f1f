//! Odd files are read as GDAL reads them, and every command that an error suggests repairs what it is about.

use std::{fs, path::Path, process::Command};

use trapan::raster::{Pair, Raster, RasterError, Sample, read};

use crate::fixture::{ALIGNED, Fixture, parse, scene};
use crate::support::skipped;

const SIZE: [usize; 3] = [64, 48, 3];

/// Old writers list tiles under the tags of strips, as libtiff takes them.
#[test]
fn tiles_under_the_tags_of_strips_are_read() {
    let file = Fixture { tile: Some([16, 16]), compression: 8, predictor: 2, ..Fixture::new(Sample::U16, SIZE) };
    let data = scene(Sample::U16, SIZE);
    let mut bytes = file.bytes(&data);
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes([bytes[first], bytes[first + 1]]));
    let mut entries: Vec<[u8; 12]> =
        bytes[first + 2..first + 2 + 12 * count].chunks(12).map(|entry| entry.try_into().unwrap()).collect();
    for entry in &mut entries {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let new = match tag {
            324 => 273u16,
            325 => 279,
            tag => tag,
        };
        entry[..2].copy_from_slice(&new.to_le_bytes());
    }
    entries.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
    bytes[first + 2..first + 2 + 12 * count].copy_from_slice(&entries.concat());
    assert!(parse(&bytes, "old.tif").unwrap().data == data);
}

/// LZW of before TIFF 6: codes from the lower end of a byte, and a width that grows one code later.
#[test]
fn old_lzw_is_read() {
    let size = [97, 61, 1];
    let data: Vec<f32> = (0..97 * 61).map(|i| (i * i / 7 % 256) as f32).collect();
    let raw: Vec<u8> = data.iter().map(|v| *v as u8).collect();
    let packed = weezl::encode::Encoder::new(weezl::BitOrder::Lsb, 8).encode(&raw).unwrap();
    assert_eq!((packed[0], packed[1] & 1), (0, 1), "it begins by clearing the table");
    let file = |place: u64| {
        let file = Fixture { compression: 5, ..Fixture::new(Sample::U8, [1, 1, 1]) }.with(256, 4, &[size[0] as u64]);
        let file = file.with(257, 4, &[size[1] as u64]).with(278, 4, &[size[1] as u64]);
        file.with(273, 4, &[place]).with(279, 4, &[packed.len() as u64]).bytes(&[0.0])
    };
    let place = file(0).len() as u64;
    assert!(parse(&[file(place), packed.clone()].concat(), "old.tif").unwrap().data == data);
}

/// Scale and tie point go before a matrix, of zeros in some files, and the scale of y counts as positive.
#[test]
fn contradicting_georeferences_are_read_as_gdal_does() {
    let doubles = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let place = |scale: [f64; 3], matrix: Option<[f64; 16]>| {
        let file = Fixture::new(Sample::U16, SIZE).with(33550, 12, &doubles(&scale));
        let file = file.with(33922, 12, &doubles(&[0.0, 0.0, 0.0, 5e5, 4e6, 0.0]));
        let file = match matrix {
            Some(matrix) => file.with(34264, 12, &doubles(&matrix)),
            None => file,
        };
        parse(&file.bytes(&scene(Sample::U16, SIZE)), "g.tif").unwrap().header.geo
    };
    let plain = place([2.0, 2.0, 0.0], None);
    assert_eq!(plain.affine().map(|a| (a.x0, a.y0, a.dx, a.dy)), Some((5e5, 4e6, 2.0, -2.0)));
    assert_eq!(place([2.0, -2.0, 0.0], None), plain);
    assert_eq!(place([2.0, 2.0, 0.0], Some([0.0; 16])), plain);
    let mut other = [0.0; 16];
    (other[0], other[3], other[5], other[7]) = (3.0, 7.0, -3.0, 9.0);
    assert_eq!(place([2.0, 2.0, 0.0], Some(other)), plain);
    // Without a scale the matrix counts.
    let by_matrix = place([0.0; 3], Some(other));
    assert_eq!(by_matrix.affine().map(|a| (a.x0, a.y0, a.dx, a.dy)), Some((7.0, 9.0, 3.0, -3.0)));
}

/// GDAL's programs in a folder.
struct Gdal(tempfile::TempDir);

impl Gdal {
    /// `None`, loudly, where they are not installed.
    fn new() -> Option<Self> {
        let found = Command::new("gdal_translate").arg("--version").output().is_ok_and(|ran| ran.status.success());
        if !found {
            skipped("the commands that errors suggest: gdal_translate is not here");
        }
        found.then(|| Self(tempfile::tempdir().unwrap()))
    }

    /// Runs a line of a shell in the folder.
    fn run(&self, line: &str) -> bool {
        let ran = Command::new("sh").args(["-c", line]).current_dir(self.0.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() || said.contains("not supported") || said.contains("Unknown"), "{line}: {said}");
        ran.status.success()
    }

    /// Writes a file of three bands, then makes another of it by GDAL; false if this GDAL cannot.
    fn make(&self, options: &str) -> bool {
        let data: Vec<f32> = scene(Sample::U16, SIZE).iter().map(|v| (v / 257.0).floor()).collect();
        fs::write(self.0.path().join("plain.tif"), Fixture::new(Sample::U8, SIZE).bytes(&data)).unwrap();
        let _ = fs::remove_file(self.0.path().join("in.tif"));
        self.run(&format!("gdal_translate -q {options} plain.tif in.tif"))
    }

    fn open(&self) -> Result<Raster, RasterError> {
        read(&self.0.path().join("in.tif"))
    }

    /// Runs the command at the end of a text; the repaired file.
    fn repaired(&self, text: &str) -> Raster {
        let line = &text[text.find("gdal_translate").unwrap_or_else(|| panic!("no command in: {text}"))..];
        let fixed = self.0.path().join("in_fixed.tif");
        let _ = fs::remove_file(&fixed);
        assert!(self.run(&line.replace("gdal_translate", "gdal_translate -q")), "{line}");
        read(&fixed).unwrap_or_else(|e| panic!("{line}: {e}"))
    }
}

#[test]
fn suggested_conversions_are_accepted() {
    let Some(gdal) = Gdal::new() else { return };
    let mut repaired = 0;
    for options in [
        "-co COMPRESS=JPEG",
        "-co COMPRESS=JPEG -co PHOTOMETRIC=YCBCR",
        "-co COMPRESS=LZMA",
        "-co COMPRESS=LERC",
        "-co COMPRESS=WEBP -co WEBP_LOSSLESS=YES",
        "-ot UInt32",
        "-ot Int32",
        "-ot Float64",
        "-ot CFloat32",
        "-ot Byte -co PIXELTYPE=SIGNEDBYTE",
        "-ot Float32 -co NBITS=16",
        "-of PNG",
        "-of JPEG",
    ] {
        if !gdal.make(options) {
            skipped(&format!("this GDAL writes no file with {options}"));
            continue;
        }
        let error = gdal.open().map(drop).expect_err(options);
        let found = gdal.repaired(&error.to_string());
        assert_eq!((found.width, found.height, found.bands), (SIZE[0], SIZE[1], SIZE[2]), "{options}: {error}");
        repaired += 1;
    }
    assert!(repaired > 8, "{repaired}");
}

/// A table of colours makes three bands, a table of greys one.
#[test]
fn colour_tables_become_the_bands_that_they_stand_for() {
    let Some(gdal) = Gdal::new() else { return };
    for (blue, bands, what) in [("99", 3, "never PAN"), ("7", 1, "greys")] {
        let vrt = format!(
            "<VRTDataset rasterXSize=\"64\" rasterYSize=\"48\"><VRTRasterBand dataType=\"Byte\" band=\"1\">\
             <ColorInterp>Palette</ColorInterp><ColorTable><Entry c1=\"0\" c2=\"0\" c3=\"0\" c4=\"255\"/>\
             <Entry c1=\"7\" c2=\"7\" c3=\"{blue}\" c4=\"255\"/></ColorTable></VRTRasterBand></VRTDataset>"
        );
        fs::write(gdal.0.path().join("table.vrt"), vrt).unwrap();
        assert!(gdal.run("gdal_translate -q table.vrt in.tif"));
        let error = gdal.open().map(drop).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert_eq!(gdal.repaired(&error).bands, bands);
        fs::remove_file(gdal.0.path().join("in.tif")).unwrap();
    }
}

/// What cannot be learnt from is left out, and transparency stays what it is.
#[test]
fn constant_bands_are_left_out_without_the_mask() {
    let Some(gdal) = Gdal::new() else { return };
    let path = gdal.0.path().join("in.tif");
    // Band 2 is constant; the mask stands at the end, or between.
    for (extra, alpha) in [(vec![0, 0, 2], 3), (vec![0, 2, 0], 2)] {
        let value = |i: usize| match i % 4 {
            1 => 9.0,
            band if band == alpha => f32::from(u8::from(i / 4 % 64 > 3)) * 255.0,
            _ => (i * 7 % 251) as f32,
        };
        let data: Vec<f32> = (0..64 * 64 * 4).map(value).collect();
        let file = Fixture::new(Sample::U8, [64, 64, 4]).with(338, 3, &extra);
        fs::write(&path, file.bytes(&data)).unwrap();
        let ms = read(&path).unwrap();
        assert_eq!(ms.alpha, Some(alpha));
        let pan = Fixture::new(Sample::U8, [256, 256, 1]);
        let pan = parse(&pan.bytes(&scene(Sample::U8, pan.size)), "pan.tif").unwrap();
        let error = Pair::new(pan.clone(), ms.clone(), &ALIGNED).map(drop).unwrap_err();
        assert!(matches!(error, RasterError::Constant { band: 2, .. }), "{error}");
        let found = gdal.repaired(&error.to_string());
        assert_eq!((found.bands, found.alpha.is_some(), &found.valid), (2, true, &ms.valid), "{error}");
        Pair::new(pan, found, &ALIGNED).unwrap();
    }
}

/// One band of PAN, few of MS, a mark or a value taken away.
#[test]
fn other_suggestions_are_accepted() {
    let Some(gdal) = Gdal::new() else { return };
    let image = |name: &str, file: &Fixture| {
        let data = scene(file.sample, file.size);
        let path = gdal.0.path().join("in.tif");
        fs::write(&path, file.bytes(&data)).unwrap();
        let found = read(&path).unwrap();
        assert!(found.path.ends_with(Path::new("in.tif")), "{name}");
        found
    };
    let small = Fixture::new(Sample::U16, [32, 32, 3]);
    let small = parse(&small.bytes(&scene(Sample::U16, small.size)), "ms.tif").unwrap();
    let pan = image("PAN of two bands", &Fixture::new(Sample::U16, [128, 128, 2]));
    let error = Pair::new(pan, small, &ALIGNED).map(drop).unwrap_err();
    assert!(matches!(error, RasterError::PanBands { .. }) && gdal.repaired(&error.to_string()).bands == 1, "{error}");
    let marked = image("near infrared as alpha", &Fixture::new(Sample::U16, [64, 64, 4]).with(338, 3, &[0, 0, 2]));
    let found = gdal.repaired(&marked.notes[0]);
    assert_eq!((found.bands, found.notes.len()), (4, 0), "{:?}", marked.notes);
}
