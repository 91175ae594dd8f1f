//! Every layout of GeoTIFF that is read, against a writer of our own, the `tiff` crate's encoder and GDAL;
//! real pairs.

use std::{
    env, fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use tiff::encoder::{TiffEncoder, colortype};
use trapan::scene::{Image, Scale, Scene};
use trapan::tiff::{Creation, GeoTags, Layout, Raster, Sample, TiffError, read, sha256, write};

use crate::fixture::{self, ALIGNED, Fixture, SAMPLES, listing, scene, utm};
use crate::support::{python, skipped};

fn parse(bytes: &[u8]) -> Result<Raster, TiffError> {
    fixture::parse(bytes, "some.tif")
}

#[test]
fn every_layout_is_read() {
    let mut read = 0;
    for sample in SAMPLES {
        for compression in [1, 5, 8, 32773, 32946] {
            for predictor in [1, 2, 3] {
                if predictor == 3 && sample != Sample::F32 || predictor > 1 && matches!(compression, 1 | 32773) {
                    continue;
                }
                for variant in 0..16 {
                    let fixture = Fixture {
                        big_endian: variant & 1 > 0,
                        big_tiff: variant & 2 > 0,
                        planar: variant & 4 > 0,
                        tile: (variant & 8 > 0).then_some([16, 32]),
                        compression,
                        predictor,
                        ..Fixture::new(sample, [37, 45, 3])
                    };
                    let data = scene(sample, fixture.size);
                    let found = parse(&fixture.bytes(&data)).unwrap_or_else(|e| panic!("{fixture:?}: {e}"));
                    assert_eq!((found.sample, found.size(), found.bands), (sample, [37, 45], 3), "{fixture:?}");
                    assert!(found.data == data, "{fixture:?}");
                    read += 1;
                }
            }
        }
    }
    assert_eq!(read, 16 * (3 * 8 + 11));
}

#[test]
fn the_crates_own_encoder_is_read() {
    let data: Vec<u16> = (0..40 * 30 * 3).map(|i| (i * 17 % 4096) as u16).collect();
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file).unwrap().write_image::<colortype::RGB16>(40, 30, &data).unwrap();
    let found = parse(file.get_ref()).unwrap();
    assert!(found.data.iter().zip(&data).all(|(a, b)| *a == f32::from(*b)) && found.data.len() == data.len());
}

#[test]
fn extra_bands_of_a_colour_picture_are_kept() {
    // RGB plus near infrared, as four-band products are often stored; 2 marks the fourth as alpha.
    for (extra, alpha) in [(0, None), (2, Some(3))] {
        for predictor in [1, 2] {
            let fixture =
                Fixture { photometric: 2, compression: 8, predictor, ..Fixture::new(Sample::U16, [20, 20, 4]) };
            let mut data = scene(Sample::U16, fixture.size);
            if extra == 2 {
                data.iter_mut().skip(3).step_by(4).for_each(|opacity| *opacity = 65535.0);
            }
            let found = parse(&fixture.with(338, 3, &[extra]).bytes(&data)).unwrap();
            let kept = if extra == 0 { 4 } else { 3 };
            let expected: Vec<f32> = data.chunks_exact(4).flat_map(|p| &p[..kept]).copied().collect();
            assert_eq!((found.bands, found.alpha, found.data == expected), (kept, alpha, true));
            let colours: Vec<_> = found.metadata.colours.iter().flatten().map(String::as_str).collect();
            assert_eq!(colours, ["Red", "Green", "Blue"]);
        }
    }
}

#[test]
fn a_predictor_without_its_compression_is_ignored() {
    // As libtiff does: only LZW and deflate have one.
    for compression in [1, 32773] {
        let fixture = Fixture { compression, ..Fixture::new(Sample::U16, [20, 20, 2]) };
        let data = scene(Sample::U16, fixture.size);
        assert!(parse(&fixture.with(317, 3, &[2]).bytes(&data)).unwrap().data == data);
    }
}

/// geotiffjs/geotiff.js#304: tiles of zero bytes, as GDAL's SPARSE_OK leaves them, end the reading.
#[test]
fn empty_tiles_are_nodata() {
    let fixture = Fixture { tile: Some([16, 16]), ..Fixture::new(Sample::U8, [32, 16, 1]) };
    let data = vec![5.0; 32 * 16];
    let expected: Vec<f32> = (0..32 * 16).map(|i| if i % 32 < 16 { 5.0 } else { 9.0 }).collect();
    let sparse = fixture.with(325, 4, &[256, 0]);
    assert_eq!(parse(&sparse.clone().with(42113, 2, &[b'9'.into(), 0]).bytes(&data)).unwrap().data, expected);
    let zeros: Vec<f32> = expected.iter().map(|v| if *v == 9.0 { 0.0 } else { *v }).collect();
    assert_eq!(parse(&sparse.bytes(&data)).unwrap().data, zeros);
}

#[test]
fn georeference_follows_the_pixel_convention() {
    let area = utm();
    assert_eq!(area.affine().unwrap().at(0.0, 0.0), [452085.0, 4484715.0]);
    assert_eq!(area.affine().unwrap().at(10.0, 1.0), [452105.0, 4484713.0]);
    let mut point = utm();
    point.keys[11] = 2;
    // The tie point names the centre of the first pixel: its corner lies half a pixel up and left.
    assert_eq!(point.affine().unwrap().at(0.0, 0.0), [452084.0, 4484716.0]);
    let matrix = [3.0, 1.0, 0.0, 100.0, 1.0, -3.0, 0.0, 200.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let rotated = GeoTags { transformation: matrix.to_vec(), ..GeoTags::default() }.affine().unwrap();
    assert_eq!(rotated.at(1.0, 2.0), [105.0, 195.0]);
    let [column, row] = rotated.find([105.0, 195.0]);
    assert!((column - 1.0).abs() + (row - 2.0).abs() < 1e-12);
    assert_eq!(rotated.pixel_size(), [10f64.sqrt(); 2]);
    let flat = GeoTags { pixel_scale: vec![0.0, 2.0, 0.0], ..utm() };
    assert_eq!((flat.affine(), GeoTags::default().affine()), (None, None));
}

#[test]
fn declared_bits_are_read() {
    let xml = "<GDALMetadata>\n<Item name=\"NBITS\">11</Item>\n</GDALMetadata>\0";
    let fixture = Fixture::new(Sample::U16, [9, 9, 1]);
    let fixture = fixture.with(42112, 2, &xml.bytes().map(u64::from).collect::<Vec<_>>());
    assert_eq!(parse(&fixture.bytes(&scene(Sample::U16, fixture.size))).unwrap().bits, Some(11));
}

#[test]
fn checksums_are_those_of_the_standard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abc");
    fs::write(&path, "abc").unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(sha256(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(matches!(sha256(&folder.path().join("none")), Err(TiffError::Missing { .. })));
}

/// Folder of real pairs, which cannot be distributed.
fn real_data() -> Option<PathBuf> {
    let folder = env::var_os("TRAPAN_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("no real pairs in {}; set TRAPAN_DATA to their folder", folder.display()));
    None
}

#[test]
fn real_pairs_are_read() {
    let Some(folder) = real_data() else { return };
    // Sizes and extremes as GDAL reports them.
    for (name, pan, ms, pan_range, ms_range, bits) in [
        ("wv2", [512, 512], [128, 128, 8], [1.0, 2047.0], [1.0, 2047.0], 11),
        ("pleiades", [512, 512], [128, 128, 4], [118.0, 2901.0], [26.0, 1101.0], 12),
        ("spot6", [512, 512], [128, 128, 4], [89.0, 1202.0], [97.0, 889.0], 11),
        ("gf2_patch0", [256, 256], [64, 64, 4], [49.0, 949.0], [45.0, 469.0], 10),
        ("landsat8_momotombo", [512, 512], [256, 256, 6], [6613.0, 23279.0], [5120.0, 51264.0], 16),
        ("landsat8_madrid", [512, 512], [256, 256, 3], [7953.0, 33672.0], [7475.0, 33389.0], 16),
        ("wv3_tiny", [128, 128], [32, 32, 8], [1.0, 2047.0], [1.0, 2047.0], 11),
    ] {
        let file = |kind: &str| folder.join(format!("{name}_{kind}.tif"));
        let scene = Scene::open(&file("pan"), &[&file("ms")], &ALIGNED).unwrap_or_else(|e| panic!("{e}"));
        let [pan_image, ms_image] = scene.images().map(|image| image.raster().unwrap());
        let range = |r: &Raster| r.data.iter().fold([f32::MAX, f32::MIN], |[low, high], v| [low.min(*v), high.max(*v)]);
        assert_eq!((pan_image.size(), ms_image.size(), ms_image.bands), (pan, [ms[0], ms[1]], ms[2]), "{name}");
        assert_eq!((range(&pan_image), range(&ms_image)), (pan_range, ms_range), "{name}");
        assert_eq!(
            (pan_image.sample, scene.fusable().raster().unwrap().valid.is_none()),
            (Sample::U16, true),
            "{name}"
        );
        assert_eq!(scene.ratio(), pan[0] / ms[0]);
        assert_eq!(Scale::of(&scene, None).unwrap().bits, Some(bits), "{name}");
        assert!(scene.warnings.is_empty(), "{name}: {:?}", scene.warnings);
        if name == "landsat8_madrid" {
            let affine = pan_image.geo.affine().unwrap();
            assert_eq!((affine.at(0.0, 0.0), affine.pixel_size()), ([452077.5, 4484722.5], [15.0; 2]));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pan.tif");
            let layout = Layout { geo: pan_image.geo.clone(), ..Layout::new(pan, 1, Sample::U16) };
            write(&path, &layout, &pan_image.data, None, &Creation::default(), false).unwrap();
            let back = read(&path).unwrap();
            assert_eq!((back.header.geo, back.data == pan_image.data), (pan_image.geo.clone(), true));
        }
    }
}

/// The script that asks GDAL; `None`, loudly, where Python has no rasterio.
pub fn gdal(arguments: &[&Path]) -> Option<std::process::Output> {
    let mut python = python("comparison with GDAL", &["rasterio", "numpy"])?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/check_geotiff.py");
    Some(python.arg(script).args(arguments).output().unwrap())
}

#[test]
fn we_read_what_gdal_writes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(ran) = gdal(&[Path::new("write"), folder.path()]) else { return };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut compared = 0;
    for name in listing(folder.path()).iter().filter_map(|name| name.strip_suffix(".tif")) {
        let file = |end: &str| folder.path().join(format!("{name}.{end}"));
        let about: serde_json::Value = serde_json::from_slice(&fs::read(file("json")).unwrap()).unwrap();
        let values: Vec<f32> =
            fs::read(file("f32")).unwrap().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let found = read(&file("tif")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(about["sample"], found.sample.to_string(), "{name}");
        assert_eq!(about["bands"], found.bands, "{name}");
        assert_eq!(about["description"].as_str(), found.descriptions[0].as_deref(), "{name}");
        assert_eq!((found.size(), found.nodata), ([70, 83], about["nodata"].as_f64()), "{name}");
        assert_eq!((found.bits.map(u64::from), found.data == values), (about["bits"].as_u64(), true), "{name}");
        let valid: Vec<bool> = fs::read(file("mask")).unwrap().iter().map(|v| *v > 0).collect();
        assert_eq!(found.valid, valid.contains(&false).then_some(valid), "{name}");
        if name == "metadata" {
            assert_metadata(&found);
        }
        assert_eq!(found.geo.affine().unwrap().at(0.0, 0.0), [452085.0, 4484715.0], "{name}");
        compared += 1;
    }
    assert_eq!(compared, 1 + 4 * (20 + 2 + 3) + 2 + 14 + 2, "all of GDAL's files");
}

/// What the script tells GDAL to say.
fn assert_metadata(found: &Raster) {
    let metadata = &found.metadata;
    assert_eq!(metadata.date_time.as_deref(), Some("2026:11:22 10:00:00"));
    let colours: Vec<_> = metadata.colours.iter().map(Option::as_deref).collect();
    assert_eq!(colours[..3], [Some("Blue"), Some("Green"), Some("Red")]);
    // Error bias and random error, five offsets, five scales, four times twenty coefficients.
    assert_eq!((metadata.rpc.len(), metadata.rpc[0], metadata.rpc[1], metadata.rpc[91]), (92, 0.5, 0.25, 19.0 / 7.0));
    assert_eq!((&metadata.rpc[2..7], &metadata.rpc[7..12]), (&[3.5; 5][..], &[7.25; 5][..]));
    let has = |name: &str, sample, value: &str| {
        assert!(
            metadata.items.iter().any(|i| (&i.name[..], i.sample, &i.value[..]) == (name, sample, value)),
            "{name}"
        );
    };
    has("AREA", None, "x & y");
    has("SUN", Some(1), "45");
    has("SATELLITEID", None, "WV02");
    has("SCALE", Some(1), "0.5");
    has("OFFSET", Some(2), "-3");
    has("UNITTYPE", Some(1), "m <");
    assert!(!metadata.items.iter().any(|i| i.name.starts_with("STATISTICS_")), "statistics are of one image only");
}
