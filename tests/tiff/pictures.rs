//! Chunks that are pictures or streams of their own, JPEG, WebP and LERC: files of our own making everywhere, GDAL's where it is.

use std::{fs, path::Path, process::Command};

use trapan::tiff::{ErrorClass, Sample, Source, TiffError, Window, read};

use crate::fixture::{Fixture, JPEG, LERC, SAMPLES, WEBP, jpeg_tables, parse, scene};
use crate::support::{memory::largest_request, skipped};

/// Values that a picture keeps: they change slowly, no two bands alike.
fn smooth([w, h, c]: [usize; 3]) -> Vec<f32> {
    let value = |i: usize| {
        let (band, x, y) = ((i % c) as f32, (i / c % w) as f32, (i / c / w) as f32);
        (128.0 + 90.0 * (x / 23.0 + band).sin() * (y / 31.0 - 0.7 * band).cos()).round()
    };
    (0..w * h * c).map(value).collect()
}

/// The largest difference of two images.
fn apart(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn jpeg_is_read() {
    let mut files = 0;
    for bands in [1, 3] {
        for photometric in if bands == 1 { &[1][..] } else { &[1, 2, 6] } {
            for variant in 0..8 {
                let planar = variant & 1 > 0;
                if planar && *photometric == 6 {
                    continue;
                }
                let file = Fixture {
                    planar,
                    tile: (variant & 2 > 0).then_some([32, 16]),
                    big_endian: variant & 4 > 0,
                    compression: JPEG,
                    photometric: *photometric,
                    ..Fixture::new(Sample::U8, [61, 53, bands])
                };
                let file = if variant & 4 > 0 { file.with(347, 7, &jpeg_tables()) } else { file };
                let data = smooth(file.size);
                let found = parse(&file.bytes(&data), "j.tif").unwrap_or_else(|e| panic!("{file:?}: {e}"));
                // The encoder's finest steps; colour differences are of two pixels by two.
                let most = if *photometric == 6 { 6.0 } else { 2.0 };
                let off = apart(&found.data, &data);
                assert!(off <= most, "{file:?}: {off}");
                let named = found.metadata.colours.iter().flatten().count();
                assert_eq!(named, if *photometric == 1 { 0 } else { 3 }, "{file:?}");
                files += 1;
            }
        }
    }
    assert_eq!(files, 8 + 8 + 8 + 4);
}

#[test]
fn webp_is_read() {
    for bands in [3, 4] {
        for tile in [None, Some([32, 16])] {
            let file = Fixture { tile, compression: WEBP, photometric: 2, ..Fixture::new(Sample::U8, [61, 53, bands]) };
            let data = scene(Sample::U8, file.size);
            assert!(parse(&file.bytes(&data), "w.tif").unwrap().data == data, "{file:?}");
        }
    }
}

#[test]
fn lerc_is_read() {
    for sample in SAMPLES {
        for (planar, tile) in [(false, None), (true, Some([32, 16]))] {
            let file = Fixture { planar, tile, compression: LERC, ..Fixture::new(sample, [61, 53, 3]) };
            let data = scene(sample, file.size);
            assert!(parse(&file.bytes(&data), "l.tif").unwrap().data == data, "{file:?}");
        }
    }
    // What is no number has a mask.
    let file = Fixture { compression: LERC, ..Fixture::new(Sample::F32, [61, 53, 2]) };
    let mut data = scene(Sample::F32, file.size);
    data[2 * 100..2 * 102].fill(f32::NAN);
    let found = parse(&file.bytes(&data), "l.tif").unwrap();
    let gaps: Vec<usize> = (0..61 * 53).filter(|i| !found.valid.as_ref().unwrap()[*i]).collect();
    assert_eq!(gaps, [100, 101]);
    assert!(found.data[..200] == data[..200] && found.data[204..] == data[204..]);
    let file = Fixture { compression: LERC, ..Fixture::new(Sample::U16, [61, 53, 3]) };
    let data = scene(Sample::U16, file.size);
    for (file, what) in [
        (file.clone().with(50674, 4, &[4, 7]), "packed by method 7"),
        (file.clone().with(339, 3, &[2; 3]), "3 values of UShort, not 3 of i16"),
        (file.clone().with(277, 3, &[4]), "not 4 of u16"),
        (file.clone().with(256, 4, &[60]), "61x7 pixels, not 60x7"),
    ] {
        let error = parse(&file.bytes(&data), "l.tif").unwrap_err();
        assert!(matches!(error, TiffError::Damaged { .. }) && error.to_string().contains(what), "{error}");
    }
}

/// GDAL writes a mask instead of a band of bytes that is 0 and 255 only.
#[test]
fn lerc_has_the_values_that_gdal_gives_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |line: &str| {
        let ran = Command::new("sh").args(["-c", line]).current_dir(folder.path()).output().unwrap();
        ran.status.success()
    };
    if !run("gdal_translate --version") {
        return skipped("comparison of LERC with GDAL: gdal_translate is not here");
    }
    let mut compared = 0;
    for (sample, bands) in [(Sample::U8, 4), (Sample::U16, 1), (Sample::I16, 3), (Sample::F32, 3)] {
        let file = Fixture::new(sample, [103, 49, bands]);
        let mut data = scene(sample, file.size);
        if bands == 4 {
            data.chunks_mut(bands).enumerate().for_each(|(i, p)| p[3] = if i % 5 > 0 { 255.0 } else { 0.0 });
        }
        let file = if bands == 4 { file.with(338, 3, &[0, 0, 2]) } else { file };
        fs::write(at("plain.tif"), file.bytes(&data)).unwrap();
        for options in [
            "LERC",
            "LERC_DEFLATE -co TILED=YES -co BLOCKXSIZE=64 -co BLOCKYSIZE=32",
            "LERC_ZSTD",
            "LERC -co MAX_Z_ERROR=2",
        ] {
            let _ = (fs::remove_file(at("in.tif")), fs::remove_file(at("back.tif")));
            if !run(&format!(
                "gdal_translate -q -co COMPRESS={options} plain.tif in.tif && gdal_translate -q in.tif back.tif"
            )) {
                skipped(&format!("this GDAL writes no {options}"));
                continue;
            }
            let [ours, gdal] =
                ["in.tif", "back.tif"].map(|name| read(&at(name)).unwrap_or_else(|e| panic!("{options}: {e}")));
            assert_eq!(
                (ours.bands, ours.alpha, &ours.valid),
                (gdal.bands, gdal.alpha, &gdal.valid),
                "{sample} {options}"
            );
            assert!(ours.data == gdal.data, "{sample} {options}");
            compared += 1;
        }
    }
    assert!(compared >= 8, "{compared}");
}

/// Windows decode no more than their own pictures, which are kept as other chunks are.
#[test]
fn windows_of_pictures_are_parts_of_the_whole() {
    for (compression, photometric) in [(JPEG, 6), (WEBP, 2)] {
        let file = Fixture { tile: Some([32, 16]), compression, photometric, ..Fixture::new(Sample::U8, [61, 53, 3]) };
        let bytes = file.bytes(&smooth(file.size));
        let source = Source::from_bytes(bytes, Path::new("p.tif")).unwrap();
        let whole = source.read_all().unwrap();
        for (x, y, width, height) in [(0, 0, 61, 1), (30, 14, 5, 20), (60, 52, 1, 1), (7, 3, 40, 50)] {
            let window = Window { x, y, width, height };
            assert_eq!(source.read(window).unwrap(), whole.block(window));
        }
    }
}

#[test]
fn pictures_of_what_they_cannot_hold_are_refused() {
    let u8s = |bands| Fixture::new(Sample::U8, [20, 20, bands]);
    for (file, what) in [
        (Fixture { compression: WEBP, ..u8s(1) }, "WebP compression (method 50001) of 1 values per pixel"),
        (Fixture { compression: WEBP, planar: true, ..u8s(3) }, "of 1 values per pixel"),
        (Fixture { compression: JPEG, ..u8s(5) }, "JPEG compression (method 7) of 5 values per pixel"),
        (Fixture { compression: JPEG, ..Fixture::new(Sample::U16, [20, 20, 1]) }, "of 16-bit data"),
        (Fixture { compression: JPEG, photometric: 6, ..u8s(1) }, "luminance and colour in 1 values"),
        (Fixture { compression: WEBP, photometric: 6, ..u8s(3) }, "photometric interpretation 6"),
        (Fixture { compression: 6, photometric: 6, ..u8s(3) }, "JPEG compression (method 6)"),
    ] {
        let error = parse(&file.bytes(&scene(file.sample, file.size)), "in.tif").unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, TiffError::Unsupported { .. }) && text.contains(what), "{text}");
    }
}

/// A picture that says another size than its chunk has, or ends early, is damage, and nothing is allocated for it.
#[test]
fn pictures_that_contradict_the_file_are_damage() {
    for compression in [JPEG, WEBP] {
        let photometric = if compression == JPEG { 6 } else { 2 };
        let file = Fixture { tile: Some([16, 16]), compression, photometric, ..Fixture::new(Sample::U8, [16, 16, 3]) };
        let bytes = file.bytes(&smooth(file.size));
        let place = |what: &[u8]| bytes.windows(what.len()).position(|part| part == what).unwrap();
        // Where the width and the height of the picture stand.
        let (at, size): (usize, &[u8]) = match compression {
            JPEG => (place(&[0xff, 0xc0]) + 5, &[0xff, 0xf0, 0xff, 0xf0]),
            // 14 bits each behind the signature.
            _ => (place(b"VP8L") + 9, &[0xff, 0xff, 0xff, 0x0f]),
        };
        let mut large = bytes.clone();
        large[at..at + 4].copy_from_slice(size);
        let (found, largest) = largest_request(|| parse(&large, "large.tif").map(drop));
        let error = found.unwrap_err();
        assert!(matches!(error, TiffError::Damaged { .. }) && error.to_string().contains("tile 1 of 1"), "{error}");
        assert!(largest < 1 << 18, "{largest}");
        // The stream breaks off.
        let (start, length) = (8, bytes.len());
        for cut in [3, 40, 150] {
            let Some(first) = length.checked_sub(cut + 400).filter(|first| *first > start + 40) else { continue };
            let mut short = bytes.clone();
            short[first..first + cut].fill(0);
            if let Err(error) = parse(&short, "short.tif") {
                assert_eq!(error.kind(), ErrorClass::Input, "{error}");
            }
        }
        let tiles = file.clone().with(325, 4, &[60]).bytes(&smooth(file.size));
        let error = parse(&tiles, "short.tif").unwrap_err();
        assert!(matches!(error, TiffError::Damaged { .. }) && error.to_string().contains("tile 1 of 1"), "{error}");
    }
}

/// Lets GDAL compress, decompress by itself, and compares what we read of both.
#[test]
fn pictures_have_the_values_that_gdal_gives_them() {
    let found = Command::new("gdal_translate").arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !found {
        return skipped("comparison of JPEG and WebP with GDAL: gdal_translate is not here");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |options: &str, from: &str, to: &str| {
        let line = format!("gdal_translate -q {options} {from} {to}");
        let ran = Command::new("sh").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        ran.status.success()
    };
    let mut compared = 0;
    for bands in [1, 2, 3, 4] {
        let size = [203, 149, bands];
        let data: Vec<f32> = smooth(size)
            .into_iter()
            .zip(scene(Sample::U8, size))
            .map(|(v, noise)| (v * 0.85 + noise * 0.1).round())
            .collect();
        fs::write(at("plain.tif"), Fixture::new(Sample::U8, size).bytes(&data)).unwrap();
        let jpeg = "-co COMPRESS=JPEG -co JPEG_QUALITY=90";
        let mut options = Vec::new();
        for shape in ["-co BLOCKYSIZE=32", "-co TILED=YES -co BLOCKXSIZE=64 -co BLOCKYSIZE=32"] {
            for interleave in ["-co INTERLEAVE=PIXEL", "-co INTERLEAVE=BAND"] {
                options.push(format!("{jpeg} {shape} {interleave} -co PHOTOMETRIC=MINISBLACK"));
            }
            if bands != 2 {
                options.push(format!("{jpeg} {shape} -co JPEGTABLESMODE=0"));
                options.push(format!("{jpeg} {shape} -co JPEGTABLESMODE=3"));
            }
            if bands == 3 {
                options.push(format!("{jpeg} {shape} -co PHOTOMETRIC=YCBCR"));
                options.push(format!("{jpeg} {shape} -co PHOTOMETRIC=RGB"));
            }
            if bands > 2 {
                options.push(format!("-co COMPRESS=WEBP -co WEBP_LOSSLESS=YES {shape}"));
                options.push(format!("-co COMPRESS=WEBP -co WEBP_LEVEL=75 {shape}"));
            }
        }
        for options in options {
            let _ = (fs::remove_file(at("in.tif")), fs::remove_file(at("back.tif")));
            if !run(&options, "plain.tif", "in.tif") || !run("-co COMPRESS=NONE", "in.tif", "back.tif") {
                skipped(&format!("this GDAL writes no file of {bands} bands with {options}"));
                continue;
            }
            let gdal = read(&at("back.tif")).unwrap();
            let ours = match read(&at("in.tif")) {
                // Two values per pixel: the decoder would fill up a stream that breaks off.
                Err(error) if bands == 2 && options.contains("PIXEL") => {
                    assert!(error.to_string().contains("2 values per pixel"), "{error}");
                    continue;
                }
                found => found.unwrap_or_else(|e| panic!("{bands} bands, {options}: {e}")),
            };
            assert_eq!((ours.bands, &ours.valid), (gdal.bands, &gdal.valid), "{options}");
            let off = apart(&ours.data, &gdal.data);
            // WebP is defined to the bit. The inverse transforms of libjpeg and our decoder round differently, by one
            // at most. Colour differences of two pixels by two, which count 1.8 times, are also rounded once more on
            // their way to each pixel: most results are within two, few reach four.
            let most = match (options.contains("WEBP"), options.contains("YCBCR")) {
                (true, _) => 0.0,
                (_, true) => 4.0,
                _ => 1.0,
            };
            assert!(off <= most, "{bands} bands, {options}: {off}");
            let far = ours.data.iter().zip(&gdal.data).filter(|(a, b)| (*a - *b).abs() > 2.0).count();
            assert!(1000 * far <= ours.data.len(), "{bands} bands, {options}: {far} beyond two");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}
