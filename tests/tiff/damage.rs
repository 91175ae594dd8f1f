//! Files that cannot be read, and damaged ones: what is said, and that nothing else happens.

use std::fs;

use proptest::prelude::*;
use trapan::tiff::{self, Creation, ErrorClass, Sample, TiffError, read, write};

use crate::fixture::{Fixture, JPEG, LERC, SAMPLES, WEBP, jpeg_tables, parse, scene};
use crate::support::memory::largest_request;

/// Reads a file with these bytes; the error must be an input error that names the file.
fn refused(name: &str, bytes: &[u8]) -> TiffError {
    let error = parse(bytes, name).expect_err(name);
    assert_eq!(error.kind(), ErrorClass::Input, "{error}");
    assert!(error.to_string().contains(name), "{error}");
    error
}

#[test]
fn files_that_are_not_tiff_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("none.tif")).unwrap_err();
    assert!(matches!(missing, TiffError::Missing { .. }), "{missing}");
    let directory = read(folder.path()).unwrap_err();
    assert!(matches!(directory, TiffError::Unreadable { .. }), "{directory}");
    for (bytes, name) in [(&b"\x89PNG\r\n\x1a\n"[..], "PNG"), (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"", "empty")] {
        let error = refused("a scene.jp2", bytes);
        let TiffError::NotTiff { found, fix, .. } = &error else { panic!("{error}") };
        assert_eq!(found, name);
        assert_eq!(fix, "gdal_translate 'a scene.jp2' 'a scene_fixed.tif'");
    }
    assert!(matches!(refused("a.tif", b"II\x2b\0tra-la-la-la-la"), TiffError::Truncated { .. }));
    assert!(matches!(refused("a.tif", b"IIII"), TiffError::NotTiff { .. }));
}

#[test]
fn every_truncation_is_recognised() {
    let fixture = Fixture { compression: 5, ..Fixture::new(Sample::U16, [20, 20, 2]) };
    let bytes = fixture.bytes(&scene(Sample::U16, fixture.size));
    for length in 2..bytes.len() - 4 {
        let error = refused("cut.tif", &bytes[..length]);
        assert!(matches!(error, TiffError::Truncated { .. }), "{length} of {}: {error}", bytes.len());
    }
    // Header first, data last: the end of the data is missing.
    let bytes = written([20, 20, 2], Sample::U16);
    assert!(matches!(refused("cut.tif", &bytes[..bytes.len() - 100]), TiffError::Truncated { .. }));
}

/// A file of our own writer.
fn written(size: [usize; 3], sample: Sample) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let layout = tiff::Layout::new([size[0], size[1]], size[2], sample);
    write(&path, &layout, &scene(sample, size), None, &Creation::default(), false).unwrap();
    fs::read(&path).unwrap()
}

#[test]
fn unsupported_layouts_name_themselves_and_the_remedy() {
    let u16s = || Fixture::new(Sample::U16, [20, 20, 1]);
    for (fixture, what, fix) in [
        (u16s().with(259, 3, &[7]), "JPEG", "-co COMPRESS=DEFLATE"),
        (u16s().with(259, 3, &[34925]), "LZMA", "-co COMPRESS=DEFLATE"),
        (u16s().with(259, 3, &[4711]), "method 4711", "-co COMPRESS=DEFLATE"),
        (u16s().with(258, 3, &[32]), "32-bit unsigned", "-ot Float32"),
        (u16s().with(258, 3, &[64]).with(339, 3, &[3]), "64-bit floating-point", "-ot Float32"),
        (u16s().with(258, 3, &[8]).with(339, 3, &[2]), "8-bit signed", "-ot Int16"),
        (u16s().with(339, 3, &[5]), "complex", "-ot Float32"),
        (u16s().with(262, 3, &[3]), "colour table", "-expand rgb"),
        (u16s().with(262, 3, &[6]), "photometric interpretation 6", "-co PHOTOMETRIC=MINISBLACK"),
        (u16s().with(259, 3, &[5]).with(317, 3, &[3]), "predictor 3 for 16-bit u16", "-co PREDICTOR=1"),
        (u16s().with(258, 3, &[16, 8]), "different values per band", "-ot UInt16"),
    ] {
        let error = refused("in.tif", &fixture.bytes(&scene(Sample::U16, fixture.size)));
        assert!(matches!(error, TiffError::Unsupported { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(&format!("gdal_translate {fix} in.tif in_fixed.tif")), "{text}");
    }
}

#[test]
fn contradictions_are_damage() {
    let u8s = || Fixture { compression: 8, ..Fixture::new(Sample::U8, [20, 21, 2]) };
    let huge = u32::MAX.into();
    for fixture in [
        u8s().with(256, 4, &[0]),
        u8s().with(256, 4, &[huge]),
        u8s().with(257, 4, &[huge]),
        u8s().with(277, 4, &[0]),
        u8s().with(277, 4, &[huge]),
        u8s().with(278, 4, &[0]),
        u8s().with(284, 3, &[3]),
        u8s().with(273, 4, &[]),
        u8s().with(279, 4, &[1, 2]),
        u8s().with(279, 4, &[1, 1, 1]),
        u8s().with(256, 2, &[20]),
        u8s().with(256, 99, &[20]),
        u8s().with(33550, 3, &[1, 2, 3]),
        // As planar, rows times bands overflow 32 bits.
        u8s().with(257, 4, &[huge]).with(278, 4, &[1]).with(284, 3, &[2]),
        Fixture { tile: Some([16, 16]), ..u8s() }.with(322, 4, &[huge]).with(323, 4, &[huge]),
        Fixture { tile: Some([16, 16]), ..u8s() }.with(322, 4, &[1]).with(323, 4, &[1]).with(256, 4, &[huge]),
        // Sparse, and far larger than any file of this size.
        u8s().with(279, 4, &[0, 0, 0]).with(256, 4, &[huge]),
    ] {
        let error = refused("odd.tif", &fixture.bytes(&scene(Sample::U8, fixture.size)));
        assert!(matches!(error, TiffError::Damaged { .. }), "{fixture:?}: {error}");
    }
    // The compressed data themselves.
    let mut bytes = u8s().bytes(&scene(Sample::U8, [20, 21, 2]));
    bytes[8..40].fill(0xff);
    let error = refused("odd.tif", &bytes);
    assert!(error.to_string().contains("strip 1 of 3"), "{error}");
}

/// Where the entry of a tag stands in the first directory of a small TIFF of the lower byte first.
fn entry(bytes: &[u8], tag: u16) -> Option<usize> {
    let number = |at: usize, width: usize| bytes[at..at + width].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
    let first = number(4, 4);
    (0..number(first, 2)).map(|i| first + 2 + 12 * i).find(|at| number(*at, 2) == usize::from(tag))
}

/// A tag may say that it has four thousand million values.
#[test]
fn lying_counts_allocate_nothing() {
    let text: Vec<u64> = "<GDALMetadata></GDALMetadata>".bytes().map(u64::from).collect();
    let file = Fixture { compression: 8, ..Fixture::new(Sample::U16, [20, 20, 3]) };
    let file = file.with(33550, 12, &[1; 3]).with(33922, 12, &[1; 6]).with(34735, 3, &[1; 8]).with(34737, 2, &text);
    let file = file.with(42112, 2, &text).with(42113, 2, &text).with(50844, 12, &[1; 92]).with(338, 3, &[0, 0]);
    let bytes = file.bytes(&scene(Sample::U16, file.size));
    assert!(parse(&bytes, "whole.tif").is_ok());
    for tag in [256, 258, 259, 273, 277, 278, 279, 284, 317, 338, 339, 33550, 33922, 34735, 34737, 42112, 42113, 50844]
    {
        for count in [u32::MAX, u32::MAX / 8, 1 << 28] {
            let mut bytes = bytes.clone();
            let at = entry(&bytes, tag).unwrap();
            bytes[at + 4..at + 8].copy_from_slice(&count.to_le_bytes());
            let (found, largest) = largest_request(|| parse(&bytes, "odd.tif").map(drop));
            let error = found.expect_err("more values than the file has bytes");
            assert!(matches!(error, TiffError::Truncated { .. } | TiffError::Damaged { .. }), "{tag}: {error}");
            assert!(largest < 1 << 16, "{tag}: {count} values asked for {largest} bytes");
        }
    }
}

/// A small image in one enormous tile, which its compression could hold: the image bounds what is decoded.
#[test]
fn tiles_far_larger_than_the_image_are_refused() {
    let bomb = |side: u64, bands: usize| {
        let file = Fixture {
            tile: Some([64, 64]),
            planar: true,
            compression: 8,
            ..Fixture::new(Sample::U16, [64, 64, bands])
        };
        let data = scene(Sample::U16, file.size);
        // As many bytes as the best compression needs, the same for each band.
        let room = vec![0; (2 * side * side / 1032 + 1) as usize];
        let (places, lengths) = (vec![8; bands], vec![room.len() as u64; bands]);
        let file = file.with(322, 4, &[side]).with(323, 4, &[side]).with(324, 4, &places).with(325, 4, &lengths);
        file.with(65000, 2, &room).bytes(&data)
    };
    for (side, bands) in [(8192, 1), (16384, 40), (22000, 200)] {
        let bytes = bomb(side, bands);
        let (found, largest) = largest_request(|| parse(&bytes, "bomb.tif").map(drop));
        let error = found.unwrap_err();
        assert!(matches!(error, TiffError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(&format!("has {side}x{side} pixels, the image 64x64")), "{error}");
        assert!(largest < bytes.len() + (1 << 16), "{largest} bytes for {} of them", bytes.len());
    }
    // Tiles of usual size around a small image are no bomb.
    let file = Fixture { tile: Some([1024, 1024]), compression: 8, ..Fixture::new(Sample::U16, [20, 20, 4]) };
    let data = scene(Sample::U16, file.size);
    assert!(parse(&file.bytes(&data), "small.tif").unwrap().data == data);
}

/// Small files of different make, and the most values that a byte of them can stand for.
fn corpus() -> Vec<(Vec<u8>, usize)> {
    let mut files = Vec::new();
    for (i, sample) in SAMPLES.into_iter().enumerate() {
        for compression in [1, 5, 8, 32773, 50000] {
            let fixture = Fixture {
                big_endian: i % 2 > 0,
                big_tiff: compression == 5,
                planar: i > 1,
                tile: (compression > 5).then_some([16, 16]),
                compression,
                predictor: if matches!(compression, 5 | 8) { 2 + u64::from(i == 3) } else { 1 },
                bits: (i < 2 && compression > 8).then_some(7 + 5 * i as u8),
                mask: (compression == 8).then(|| (0..24 * 18).map(|i| i % 5 > 0).collect()),
                ..Fixture::new(sample, [24, 18, 3])
            };
            let fixture = fixture.with(33550, 12, &[2f64.to_bits(); 3]).with(34735, 3, &[1, 1, 0, 1, 1025, 0, 1, 2]);
            let fixture = if i == 0 { fixture.with(338, 3, &[2]) } else { fixture };
            let most = if compression == 50000 { 1 << 15 } else { 4096 };
            files.push((fixture.bytes(&scene(sample, fixture.size)), most));
        }
        files.push((written([24, 18, 3], sample), 4096));
    }
    // Pictures: with tables of their own or shared, colours or bands.
    for sample in SAMPLES {
        let file = Fixture { tile: Some([16, 16]), compression: LERC, ..Fixture::new(sample, [24, 18, 3]) };
        files.push((file.bytes(&scene(sample, file.size)), 1 << 15));
    }
    for (compression, photometric, tables) in [(JPEG, 6, false), (JPEG, 6, true), (JPEG, 1, true), (WEBP, 2, false)] {
        let file = Fixture { tile: Some([16, 16]), compression, photometric, ..Fixture::new(Sample::U8, [24, 18, 3]) };
        let file = if tables { file.with(347, 7, &jpeg_tables()) } else { file };
        files.push((file.bytes(&scene(Sample::U8, file.size)), 1 << 15));
    }
    files
}

/// Reads damaged bytes: any answer but a panic or an allocation beyond what the documentation of
/// the reader allows (so many values per stored byte, each of them an f32).
fn survives(bytes: &[u8], most: usize) -> Result<(), TestCaseError> {
    let (found, largest) = largest_request(|| parse(bytes, "some.tif"));
    if let Ok(found) = found {
        prop_assert_eq!(found.data.len(), found.width * found.height * found.bands);
        prop_assert!(found.valid.as_ref().is_none_or(|v| v.len() == found.width * found.height));
        prop_assert!(found.data.iter().all(|v| v.is_finite()));
        let _ = (found.geo.affine(), found.geo.pixel_is_point());
    }
    prop_assert!(largest <= bytes.len() * 4 * most + (1 << 16), "{} bytes asked for {largest}", bytes.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        file in prop::sample::select(corpus()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..6),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let (mut bytes, most) = file;
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        survives(&bytes, most)?;
    }

    /// Most of a file is pixels: here the damage goes where sizes and places are.
    #[test]
    fn damaged_directories_never_panic(
        file in prop::sample::select(corpus()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (mut bytes, most) = file;
        // Our fixtures, like the encoder, put the directory at the end.
        let tail = bytes.len().min(420);
        let start = bytes.len() - tail;
        for (at, value) in damage {
            bytes[start + at.index(tail)] = value;
        }
        survives(&bytes, most)?;
    }
}
