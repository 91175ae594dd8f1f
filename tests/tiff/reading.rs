//! Windows, stacked files, masks and the layouts of real products. Each fixture that stands for a
//! user's report names it.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
};

use proptest::prelude::*;
use trapan::scene::{Geometry, GeometryOptions};
use trapan::tiff::{Block, ErrorClass, Header, Item, Raster, Sample, Source, TiffError, Window, read};

use crate::fixture::{Fixture, parse, scene, utm};

fn source(fixture: &Fixture, data: &[f32]) -> Source {
    Source::from_bytes(fixture.bytes(data), Path::new("some.tif")).unwrap_or_else(|e| panic!("{fixture:?}: {e}"))
}

fn text(value: &str) -> Vec<u64> {
    value.bytes().chain([0]).map(u64::from).collect()
}

/// Values and validity of a window cut out of the whole image.
fn cut(whole: &Raster, window: Window) -> Block {
    let pixels = || {
        let rows = window.y..window.y + window.height;
        rows.flat_map(|y| (window.x..window.x + window.width).map(move |x| y * whole.width + x))
    };
    let data = pixels().flat_map(|p| whole.data[p * whole.bands..][..whole.bands].iter().copied()).collect();
    let valid = whole.valid.as_ref().map(|valid| pixels().map(|p| valid[p]).collect::<Vec<_>>());
    Block { data, valid: valid.filter(|valid| valid.contains(&false)) }
}

/// Files whose windows are read in every way there is.
fn files() -> Vec<Fixture> {
    let odd: Vec<bool> = (0..61 * 53).map(|i| i % 11 > 2).collect();
    let plain = |sample, bands| Fixture::new(sample, [61, 53, bands]);
    vec![
        Fixture { tile: Some([16, 32]), compression: 8, predictor: 2, ..plain(Sample::U16, 3) },
        Fixture { tile: Some([32, 16]), planar: true, compression: 50000, ..plain(Sample::I16, 4) },
        Fixture { compression: 5, mask: Some(odd.clone()), ..plain(Sample::U8, 2) },
        Fixture { planar: true, ..plain(Sample::F32, 2) },
        Fixture { bits: Some(11), tile: Some([16, 16]), ..plain(Sample::U16, 2) },
        Fixture { tile: Some([64, 64]), compression: 8, mask: Some(odd), ..plain(Sample::U8, 4) }.with(338, 3, &[2]),
        // The second tile is left out, as GDAL does with SPARSE_OK.
        Fixture { tile: Some([64, 32]), ..plain(Sample::U16, 1) }.with(325, 4, &[4096, 0]).with(42113, 2, &text("9")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_window_is_a_part_of_the_whole(
        file in prop::sample::select(files()),
        windows in prop::collection::vec((0usize..61, 0usize..53, 1usize..62, 1usize..54), 1..6),
    ) {
        let source = source(&file, &scene(file.sample, file.size));
        let whole = source.read_all().unwrap();
        for (x, y, width, height) in windows {
            let window = Window { x, y, width: width.min(61 - x), height: height.min(53 - y) };
            prop_assert_eq!(source.read(window).unwrap(), cut(&whole, window));
        }
    }
}

#[test]
fn windows_are_read_from_many_threads() {
    for file in files() {
        let source = source(&file, &scene(file.sample, file.size));
        let whole = source.read_all().unwrap();
        thread::scope(|scope| {
            for t in 0..4 {
                let (source, whole) = (&source, &whole);
                scope.spawn(move || {
                    for i in 0..12 {
                        let (x, y) = ((7 * i + 11 * t) % 50, (13 * i + 5 * t) % 40);
                        let window = Window { x, y, width: 11, height: 13 };
                        assert_eq!(source.read(window).unwrap(), cut(whole, window));
                    }
                });
            }
        });
    }
}

#[test]
fn windows_beyond_the_image_are_refused() {
    let file = Fixture::new(Sample::U8, [20, 10, 1]);
    let source = source(&file, &scene(Sample::U8, file.size));
    for (x, y, width, height) in [(0, 0, 0, 1), (0, 0, 1, 0), (20, 0, 1, 1), (0, 9, 1, 2), (usize::MAX, 0, 2, 1)] {
        let error = source.read(Window { x, y, width, height }).unwrap_err();
        assert!(matches!(error, TiffError::Window { size: [20, 10], .. }), "{error}");
        assert!(error.to_string().contains("some.tif: the image of 20x10"), "{error}");
    }
}

#[test]
fn only_the_chunks_of_a_window_are_read_and_only_once() {
    // Reading strips of rows out of tiles must not decode a tile for each of them: the file's
    // pixels are destroyed after the first strip.
    let file = Fixture { tile: Some([16, 16]), compression: 8, ..Fixture::new(Sample::U16, [64, 64, 2]) };
    let data = scene(Sample::U16, file.size);
    let bytes = file.bytes(&data);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.tif");
    fs::write(&path, &bytes).unwrap();
    let source = Source::open(&[&path]).unwrap();
    let rows = |y, height| Window { x: 0, y, width: 64, height };
    assert_eq!(source.read(rows(16, 3)).unwrap().data, data[16 * 128..19 * 128]);
    let mut writer = File::options().write(true).open(&path).unwrap();
    let pixels = bytes.len() - 600; // the directory and its tables stand at the end
    writer.seek(SeekFrom::Start(8)).unwrap();
    writer.write_all(&vec![0xff; pixels - 8]).unwrap();
    assert_eq!(source.read(rows(19, 13)).unwrap().data, data[19 * 128..32 * 128]);
    let error = source.read(rows(32, 1)).unwrap_err();
    assert!(matches!(error, TiffError::Damaged { .. }), "{error}");
}

#[test]
fn one_strip_does_not_mean_one_read() {
    // Programs that do not compress write images as one strip; 5 MiB here, of which the end is cut
    // off: its beginning can be read all the same.
    let file = Fixture::new(Sample::U8, [1024, 5120, 1]).with(278, 4, &[5120]);
    let data: Vec<f32> = (0..1024 * 5120).map(|i| (i / 1024 % 251) as f32).collect();
    let mut bytes = file.bytes(&data);
    // All strips of 7 rows follow each other: as one, from the first place.
    let file = file.with(273, 4, &[8]).with(279, 4, &[1024 * 5120]);
    bytes = file.bytes(&data[..]).into_iter().take(bytes.len()).collect();
    let source = Source::from_bytes(bytes, Path::new("some.tif")).unwrap();
    assert!(source.read_all().unwrap().data == data);
    let window = Window { x: 1000, y: 2559, width: 3, height: 2 };
    assert_eq!(source.read(window).unwrap().data, [49.0, 49.0, 49.0, 50.0, 50.0, 50.0]);
}

/// geotiffjs/geotiff.js#357 and #202: 11-bit scenes packed by GDAL's NBITS come out with wild values.
#[test]
fn packed_bits_are_read() {
    for bits in 1..16u8 {
        let sample = if bits < 9 { Sample::U8 } else { Sample::U16 };
        for variant in 0..8 {
            let file = Fixture {
                bits: (bits != 8).then_some(bits),
                big_endian: variant & 1 > 0,
                planar: variant & 2 > 0,
                tile: (variant & 4 > 0).then_some([16, 16]),
                compression: [1, 5, 8, 50000][variant % 4],
                ..Fixture::new(sample, [37, 21, 3])
            };
            let top = f32::exp2(bits.into());
            let data: Vec<f32> = (0..37 * 21 * 3).map(|i| ((i * 7919) as f32 % top).floor()).collect();
            let found = parse(&file.bytes(&data), "packed.tif").unwrap_or_else(|e| panic!("{file:?}: {e}"));
            assert_eq!((found.sample, found.bits), (sample, file.bits), "{file:?}");
            assert!(found.data == data, "{file:?}");
        }
    }
}

/// geotiffjs/geotiff.js#111: predictor and bands stored apart give wrong values together.
#[test]
fn eight_planes_of_lzw_with_predictor_are_read() {
    for tile in [None, Some([16, 16])] {
        let file =
            Fixture { planar: true, compression: 5, predictor: 2, tile, ..Fixture::new(Sample::U16, [45, 31, 8]) };
        let data = scene(Sample::U16, file.size);
        assert!(parse(&file.bytes(&data), "p.tif").unwrap().data == data);
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_truncated() {
    let file = Fixture { tile: Some([16, 16]), ..Fixture::new(Sample::U8, [64, 64, 1]) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.tif");
    fs::write(&path, file.bytes(&scene(Sample::U8, file.size))).unwrap();
    let source = Source::open(&[&path]).unwrap();
    let window = |y| Window { x: 0, y, width: 64, height: 16 };
    source.read(window(0)).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(2048).unwrap();
    let error = source.read(window(32)).unwrap_err();
    assert!(matches!(error, TiffError::Truncated { .. }) && error.to_string().contains("tile 9 of 16"), "{error}");
}

#[test]
fn zstd_is_read() {
    for (sample, predictor) in [(Sample::U8, 2), (Sample::U16, 1), (Sample::I16, 2), (Sample::F32, 3), (Sample::F32, 2)]
    {
        let file = Fixture { compression: 50000, predictor, ..Fixture::new(sample, [37, 45, 3]) };
        let data = scene(sample, file.size);
        assert!(parse(&file.bytes(&data), "z.tif").unwrap().data == data, "{sample} {predictor}");
    }
}

/// OSGeo/gdal#2328 and #3189, mapbox/rio-pansharpen#17: products with −9999, NaN or 65535 as nodata.
#[test]
fn nodata_is_validity() {
    for (sample, nodata, stored) in [
        (Sample::I16, "-9999", -9999.0),
        (Sample::F32, "nan", f32::NAN),
        (Sample::U16, "65535", 65535.0),
        (Sample::U8, "0", 0.0),
        (Sample::F32, "-3.4028234663852886e+38", f32::MIN),
    ] {
        let file = Fixture::new(sample, [10, 10, 2]).with(42113, 2, &text(nodata));
        let mut data: Vec<f32> = (0..200).map(|i| i as f32 + 1.0).collect();
        data[2 * 42 + 1] = stored;
        let found = parse(&file.bytes(&data), "n.tif").unwrap();
        let invalid: Vec<usize> = (0..100).filter(|i| !found.valid.as_ref().unwrap()[*i]).collect();
        assert_eq!(invalid, [42], "{nodata}");
        assert_eq!(found.data[2 * 42 + 1], if stored.is_nan() { 0.0 } else { stored });
    }
    // Valid zeros stay valid where 0 is not the nodata value (PolarGeospatialCenter/imagery_utils#73).
    let file = Fixture::new(Sample::U16, [4, 1, 1]).with(42113, 2, &text("65535"));
    assert_eq!(parse(&file.bytes(&[0.0, 1.0, 0.0, 7.0]), "n.tif").unwrap().valid, None);
    // NaN and infinity are never values, tag or not.
    let file = Fixture::new(Sample::F32, [4, 1, 1]);
    let found = parse(&file.bytes(&[0.5, f32::NAN, f32::INFINITY, 0.25]), "n.tif").unwrap();
    assert_eq!(
        (found.data.clone(), found.valid.clone()),
        (vec![0.5, 0.0, 0.0, 0.25], Some(vec![true, false, false, true]))
    );
}

/// rasterio/rasterio#1178: an alpha band behind four others is ignored. perrygeo/python-rasterstats#197:
/// so is an internal mask.
#[test]
fn alpha_and_masks_are_validity() {
    let valid: Vec<bool> = (0..400).map(|i| i % 7 > 1).collect();
    let colours: Vec<f32> = (0..1600).map(|i| (i % 251) as f32).collect();
    let with_alpha: Vec<f32> = colours
        .chunks(4)
        .zip(&valid)
        .flat_map(|(c, v)| c.iter().copied().chain([if *v { 255.0 } else { 0.0 }]))
        .collect();
    for (planar, kind) in [(false, 1), (false, 2), (true, 2)] {
        let file = Fixture { planar, ..Fixture::new(Sample::U8, [20, 20, 5]) }.with(338, 3, &[0, kind]);
        let found = parse(&file.bytes(&with_alpha), "a.tif").unwrap();
        assert_eq!((found.bands, found.alpha, found.descriptions.len()), (4, Some(4), 4));
        assert_eq!((&found.data, &found.valid), (&colours, &Some(valid.clone())));
    }
    let mask = Fixture { mask: Some(valid.clone()), ..Fixture::new(Sample::U8, [20, 20, 4]) };
    for file in [mask.clone(), Fixture { big_tiff: true, big_endian: true, tile: Some([16, 16]), ..mask.clone() }] {
        let found = parse(&file.bytes(&colours), "m.tif").unwrap();
        assert_eq!((found.bands, found.alpha), (4, None));
        assert_eq!((&found.data, &found.valid), (&colours, &Some(valid.clone())));
    }
    // Alpha, mask and nodata together: each makes invalid.
    let other: Vec<bool> = (0..400).map(|i| i % 5 > 0).collect();
    let file = Fixture { mask: Some(other.clone()), ..Fixture::new(Sample::U8, [20, 20, 5]) };
    let file = file.with(338, 3, &[2]).with(42113, 2, &text("250"));
    let all: Vec<bool> =
        (0..400).map(|i| valid[i] && other[i] && !colours[4 * i..4 * i + 4].contains(&250.0)).collect();
    assert_eq!(parse(&file.bytes(&with_alpha), "m.tif").unwrap().valid, Some(all));
    // The mask of an overview (5) is no mask of the image.
    let overview = Fixture { mask: None, ..mask }.bytes(&colours);
    assert_eq!(parse(&overview, "o.tif").unwrap().valid, None);
}

/// rasterio/rasterio#1191: masks beside the file (GDAL's `.msk`) are lost: one for all bands, or one for each.
#[test]
fn masks_beside_the_file_are_validity() {
    let folder = tempfile::tempdir().unwrap();
    let (path, beside) = (folder.path().join("s.tif"), folder.path().join("s.tif.msk"));
    let values = scene(Sample::U16, [20, 20, 3]);
    fs::write(&path, Fixture::new(Sample::U16, [20, 20, 3]).bytes(&values)).unwrap();
    assert_eq!(read(&path).unwrap().valid, None);
    let opaque = |i: usize, band: usize| (i + band) % 7 > 1;
    for bands in [1, 3] {
        let mask = Fixture { planar: true, compression: 8, ..Fixture::new(Sample::U8, [20, 20, bands]) };
        let opacity = (0..400 * bands).map(|k| if opaque(k / bands, k % bands) { 255.0 } else { 0.0 });
        fs::write(&beside, mask.bytes(&opacity.collect::<Vec<_>>())).unwrap();
        let found = read(&path).unwrap();
        assert_eq!((found.bands, &found.data), (3, &values));
        assert_eq!(found.valid, Some((0..400).map(|i| (0..bands).all(|band| opaque(i, band))).collect()), "{bands}");
    }
    // A mask inside the file goes before.
    let inside: Vec<bool> = (0..400).map(|i| i != 5).collect();
    fs::write(&path, Fixture { mask: Some(inside.clone()), ..Fixture::new(Sample::U16, [20, 20, 3]) }.bytes(&values))
        .unwrap();
    assert_eq!(read(&path).unwrap().valid, Some(inside));
    // One that does not fit is named, not left out.
    fs::write(&path, Fixture::new(Sample::U16, [20, 20, 3]).bytes(&values)).unwrap();
    fs::write(&beside, Fixture::new(Sample::U8, [10, 20, 1]).bytes(&[1.0; 200])).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("s.tif.msk") && error.contains("another size"), "{error}");
}

/// Writes single-band files b0.tif, b1.tif, … and gives their paths.
fn bands(folder: &Path, files: &[(Fixture, Vec<f32>)]) -> Vec<PathBuf> {
    let write = |(i, (file, data)): (usize, &(Fixture, Vec<f32>))| {
        let path = folder.join(format!("b{i}.tif"));
        fs::write(&path, file.bytes(data)).unwrap();
        path
    };
    files.iter().enumerate().map(write).collect()
}

/// OSGeo/gdal#2328: one file per band, as Landsat comes, with nodata.
#[test]
fn single_band_files_are_stacked() {
    let folder = tempfile::tempdir().unwrap();
    let place = |file: Fixture, x: f64| {
        let file = file.with(33550, 12, &[30f64.to_bits(); 3]);
        file.with(33922, 12, &[0.0, 0.0, 0.0, x, 5e6, 0.0].map(f64::to_bits))
    };
    let file = |i: usize| {
        let names = format!(
            "<GDALMetadata><Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">B{i}</Item><Item name=\"scale\" sample=\"0\" role=\"scale\">0.{i}</Item></GDALMetadata>"
        );
        let file = Fixture { compression: [1, 5, 8][i % 3], ..Fixture::new(Sample::U16, [30, 20, 1]) };
        place(file, 4e5).with(42113, 2, &text(["0", "7", "0"][i % 3])).with(42112, 2, &text(&names))
    };
    let data = |i: usize| -> Vec<f32> { (0..600).map(|p| (100 * i + p % 90 + 1) as f32).collect() };
    let mut files: Vec<_> = (0..3).map(|i| (file(i), data(i))).collect();
    files[0].1[5] = 0.0;
    files[1].1[9] = 7.0; // nodata of this file only
    files[2].1[11] = 7.0; // a value of this one
    let paths = bands(folder.path(), &files);
    let stack = Source::open(&paths).unwrap();
    assert_eq!((stack.header().bands, stack.header().nodata), (3, Some(0.0)));
    assert_eq!(stack.header().descriptions, [0, 1, 2].map(|i| Some(format!("B{i}"))));
    let scales: Vec<_> = stack.header().metadata.items.iter().map(|i| (i.sample, &i.value[..])).collect();
    assert_eq!(scales, [(Some(0), "0.0"), (Some(1), "0.1"), (Some(2), "0.2")]);
    let found = stack.read_all().unwrap();
    for (p, pixel) in found.data.chunks(3).enumerate() {
        assert_eq!(pixel, [files[0].1[p], files[1].1[p], files[2].1[p]]);
        assert_eq!(found.valid.as_ref().unwrap()[p], ![5, 9].contains(&p), "{p}");
    }
    let window = Window { x: 3, y: 0, width: 9, height: 4 };
    assert_eq!(stack.read(window).unwrap(), cut(&found, window));

    for (odd, what) in [
        (place(Fixture::new(Sample::U16, [30, 21, 1]), 4e5), "30x21 pixels, not 30x20"),
        (place(Fixture::new(Sample::U8, [30, 20, 1]), 4e5), "type u8, not u16"),
        (place(Fixture::new(Sample::U16, [30, 20, 1]), 4e5 + 15.0), "another georeference"),
    ] {
        let data = vec![1.0; odd.size[0] * odd.size[1]];
        let paths = bands(folder.path(), &[files[0].clone(), (odd, data)]);
        let error = Source::open(&paths).err().unwrap();
        assert!(matches!(error, TiffError::Stack { .. }) && error.kind() == ErrorClass::Geometry, "{error}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains("b1.tif") && text.contains("b0.tif"), "{text}");
    }
    let none: [&Path; 0] = [];
    assert!(matches!(Source::open(&none), Err(TiffError::Missing { .. })));
}

/// locationtech/geotrellis#3616: places of more than 32 bits overflow. The file is larger than 4 GiB, and
/// nearly all of it is left out.
#[test]
fn places_beyond_four_gigabytes_are_read() {
    const FAR: u64 = 5 << 30;
    let file = Fixture { big_tiff: true, tile: Some([16, 16]), ..Fixture::new(Sample::U16, [48, 16, 1]) };
    let data = scene(Sample::U16, file.size);
    let tile = file.bytes(&data)[16 + 2 * 512..][..512].to_vec();
    let path = tempfile::tempdir().unwrap();
    let path = path.path().join("big.tif");
    fs::write(&path, file.with(324, 16, &[0, 0, FAR]).with(325, 16, &[0, 0, 512]).bytes(&data)).unwrap();
    let mut writer = File::options().write(true).open(&path).unwrap();
    writer.seek(SeekFrom::Start(FAR)).unwrap();
    writer.write_all(&tile).unwrap();
    let found = read(&path).unwrap();
    assert_eq!(found.data, (0..768).map(|i| if i % 48 < 32 { 0.0 } else { data[i] }).collect::<Vec<_>>());
}

#[test]
fn a_huge_sparse_scene_is_read_by_windows() {
    // 60,000 × 60,000 × 8 in tiles of 512: 54 GiB of nothing in 110 KiB.
    let side = 60_000usize;
    let tiles = side.div_ceil(512).pow(2);
    let file = Fixture { tile: Some([512, 512]), compression: 8, ..Fixture::new(Sample::U16, [1, 1, 8]) };
    let file = file.with(256, 4, &[side as u64]).with(257, 4, &[side as u64]);
    let file = file.with(324, 4, &vec![0; tiles]).with(325, 4, &vec![0; tiles]).with(42113, 2, &text("3"));
    let source = Source::from_bytes(file.bytes(&[0.0; 8]), Path::new("sparse.tif")).unwrap();
    let block = source.read(Window { x: 1530, y: 59_990, width: 12, height: 10 }).unwrap();
    assert_eq!((block.data, block.valid), (vec![3.0; 960], Some(vec![false; 120])));
    assert!(matches!(source.read_all(), Err(TiffError::Damaged { .. })), "more than the file can hold");
}

#[test]
fn what_the_file_says_is_kept() {
    let xml = "<GDALMetadata>
        <Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">Coastal</Item>
        <Item name=\"COLORINTERP\" sample=\"2\" role=\"colorinterp\">NIR</Item>
        <Item name=\"scale\" sample=\"2\" role=\"scale\">2.75e-05</Item>
        <Item name=\"UNITTYPE\" sample=\"0\" role=\"unittype\">W/m2 &amp;lt;sr&amp;gt;</Item>
        <Item name=\"SATELLITE\" domain=\"IMAGERY\">WV02</Item>
        <Item name=\"STATISTICS_MAXIMUM\" sample=\"0\">2047</Item>
        <Item name=\"lost\" sample=\"1\">of the alpha band</Item>
        <Item name=\"NBITS\" sample=\"0\" domain=\"IMAGE_STRUCTURE\">11</Item>
        </GDALMetadata>";
    let rpc: Vec<u64> = (0..92).map(|i| (f64::from(i) / 7.0).to_bits()).collect();
    // Band 1 is transparency, between the others.
    let file = Fixture::new(Sample::U16, [9, 9, 3]).with(338, 3, &[2, 0]).with(42112, 2, &text(xml));
    let file = file.with(306, 2, &text("2026:11:22 10:00:00")).with(50844, 12, &rpc);
    let mut values = scene(Sample::U16, file.size);
    values.iter_mut().skip(1).step_by(3).for_each(|opacity| *opacity = 65535.0);
    let source = source(&file, &values);
    let header = source.header();
    assert_eq!((header.bands, header.alpha, header.bits), (2, Some(1), Some(11)));
    assert_eq!(header.descriptions, [Some("Coastal".into()), None]);
    let metadata = &header.metadata;
    assert_eq!(metadata.colours, [None, Some("NIR".into())]);
    assert_eq!(
        (metadata.date_time.as_deref(), metadata.rpc.len(), metadata.rpc[91]),
        (Some("2026:11:22 10:00:00"), 92, 13.0)
    );
    let item = |name: &str, sample, role: Option<&str>, domain: Option<&str>, value: &str| Item {
        name: name.into(),
        sample,
        role: role.map(Into::into),
        domain: domain.map(Into::into),
        value: value.into(),
    };
    assert_eq!(
        metadata.items,
        [
            item("scale", Some(1), Some("scale"), None, "2.75e-05"),
            item("UNITTYPE", Some(0), Some("unittype"), None, "W/m2 <sr>"),
            item("SATELLITE", None, None, Some("IMAGERY"), "WV02"),
        ]
    );
}

/// Numbers that mean something in a list of geokeys: ids, places of values, codes.
const GEO_KEYS: [u16; 12] = [0, 1, 2, 1024, 1025, 2048, 3072, 3076, 4326, 32630, 32767, 34736];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Metadata and geokeys of any bytes at all, read and matched with those of another file.
    #[test]
    fn odd_metadata_never_panics(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<Item", " name=\"", "DESCRIPTION", "NBITS", "\"", " sample=\"", "0", "99999999999999999999", ">", "</Item>",
            "&amp;", "&lt;", "<", "é", " role=\"", "colorinterp", "STATISTICS_", "11", "<GDALMetadata>", "\u{0}",
        ]), 0..40),
        keys in prop::collection::vec(prop_oneof![any::<u16>(), prop::sample::select(GEO_KEYS.to_vec())], 0..24),
        numbers in prop::collection::vec(any::<u64>(), 0..20),
        nodata in "\\PC{0,12}",
    ) {
        let mut file = Fixture::new(Sample::U8, [9, 9, 2]).with(42112, 2, &text(&pieces.concat()));
        file = file.with(34735, 3, &keys.iter().map(|k| u64::from(*k)).collect::<Vec<_>>()).with(42113, 2, &text(&nodata));
        for tag in [33550, 33922, 34264, 50844] {
            file = file.with(tag, 12, &numbers);
        }
        if let Ok(found) = parse(&file.bytes(&scene(Sample::U8, file.size)), "odd.tif") {
            prop_assert_eq!((found.descriptions.len(), found.metadata.colours.len()), (2, 2));
            let _ = (found.geo.affine(), found.geo.pixel_is_point(), found.geo.epsg());
            let other = Header { geo: utm(), ..found.header.clone() };
            let options = GeometryOptions::default();
            let _ = (Geometry::of(&found, &other, &options), Geometry::of(&other, &found, &options));
        }
    }
}
