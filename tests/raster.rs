//! GeoTIFF in and out, against a writer of our own, the `tiff` crate's encoder and GDAL; damaged
//! files; pairs and their errors.

use std::{
    env, fs,
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
    process::Command,
};

use trapan::raster::{
    self, Alignment, Extent, GeoTags, GeometryOptions, Header, Kind, Output, Pair, Raster, RasterError, Sample, Scale,
    Source, check_output, encode, read, sha256, write, write_atomically,
};

use crate::fixture::{self, SAMPLES, listing, scene, utm, ALIGNED};
use crate::layouts::gdal;

/// An image as [`write`] takes it, all values valid and in range.
fn output<'a>(sample: Sample, [w, h, c]: [usize; 3], data: &'a [f32], geo: &'a GeoTags) -> Output<'a> {
    let (range, descriptions) = (sample.range(), &[]);
    Output { width: w, height: h, bands: c, sample, data, range, valid: None, nodata: None, geo, descriptions }
}

fn encoded(image: &Output, big: bool) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    encode(&mut file, image, big).unwrap();
    file.into_inner()
}

fn parse(bytes: &[u8]) -> Result<Raster, RasterError> {
    fixture::parse(bytes, "some.tif")
}

/// An image in memory, as if read from `name`.
fn image(name: &str, sample: Sample, size: [usize; 3]) -> Raster {
    Raster::new(Header::new(name, sample, size), scene(sample, size))
}

/// The same with other data or another nodata value.
fn masked(raster: Raster, nodata: Option<f64>, change: impl FnOnce(&mut [f32])) -> Raster {
    let mut data = raster.data;
    change(&mut data);
    Raster::new(Header { nodata, ..raster.header }, data)
}

#[test]
fn every_type_survives_a_round_trip() {
    let geo = utm();
    for sample in SAMPLES {
        for size in [[1, 1, 1], [70, 83, 3], [300, 260, 8], [256, 512, 1]] {
            for big in [false, true] {
                let data = scene(sample, size);
                let names: Vec<_> = (0..size[2]).map(|b| (b != 1).then(|| format!("bänd {b} <&\">"))).collect();
                let image = Output { nodata: Some(-7.25), descriptions: &names, ..output(sample, size, &data, &geo) };
                let back = parse(&encoded(&image, big)).unwrap();
                assert_eq!([back.width, back.height, back.bands], size);
                assert_eq!((back.sample, back.nodata, &back.geo), (sample, Some(-7.25), &geo));
                assert_eq!((&back.descriptions, back.alpha), (&names, None));
                assert_eq!(back.data, data, "{sample} {size:?}");
            }
        }
    }
}

#[test]
fn nodata_values_survive_a_round_trip() {
    let geo = GeoTags::default();
    for nodata in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f32::MIN.into(), -9999.0, 0.0, 1e-30, 0.1, 65535.0] {
        let image = Output { nodata: Some(nodata), ..output(Sample::F32, [1, 1, 1], &[5.0], &geo) };
        let back = parse(&encoded(&image, false)).unwrap().nodata.unwrap();
        assert!(back == nodata || back.is_nan() && nodata.is_nan(), "{nodata} came back as {back}");
    }
}

#[test]
fn values_are_rounded_clamped_and_kept_off_nodata() {
    let geo = GeoTags::default();
    let stored = |sample, range, nodata, data: &[f32]| {
        let size = [data.len(), 1, 1];
        let image = Output { range, nodata, ..output(sample, size, data, &geo) };
        parse(&encoded(&image, false)).unwrap().data
    };
    let values = [-0.5, 0.49, 0.5, 1.5, 2.5, 1023.4, 1023.5, 4000.0, f32::INFINITY];
    let rounded = [0.0, 0.0, 1.0, 2.0, 3.0, 1023.0, 1023.0, 1023.0, 1023.0];
    assert_eq!(stored(Sample::U16, [0.0, 1023.0], None, &values), rounded);
    // Zero means nodata: dark pixels become 1. The top means nodata: they go down.
    assert_eq!(stored(Sample::U8, [0.0, 300.0], Some(0.0), &[-5.0, 0.2, 1.0, 300.0]), [1.0, 1.0, 1.0, 255.0]);
    assert_eq!(stored(Sample::U8, [0.0, 255.0], Some(255.0), &[254.0, 255.0]), [254.0, 254.0]);
    assert_eq!(stored(Sample::I16, [-9e9, 9e9], None, &[-1.5, -0.4, -4e4, 4e4]), [-2.0, 0.0, -32768.0, 32767.0]);
    let [moved] = stored(Sample::F32, [-1.0, 1.0], Some(0.5), &[0.5])[..] else { panic!() };
    assert!(moved > 0.5 && moved < 0.500_001, "{moved}");
    assert_eq!(stored(Sample::F32, [-1.0, 1.0], None, &[0.5, -7.0, 7.0]), [0.5, -1.0, 1.0]);
}

#[test]
fn invalid_pixels_become_nodata() {
    let geo = GeoTags::default();
    let valid = [true, false, true];
    let data = [9.0, 0.0, f32::NAN, 5.0, 8.0, 9.0];
    let image = Output { valid: Some(&valid), nodata: Some(9.0), ..output(Sample::U16, [3, 1, 2], &data, &geo) };
    assert_eq!(parse(&encoded(&image, false)).unwrap().data, [10.0, 0.0, 9.0, 9.0, 8.0, 10.0]);
}

#[test]
fn outputs_appear_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let geo = GeoTags::default();
    let good = output(Sample::U8, [2, 2, 1], &[1.0, 2.0, 3.0, 4.0], &geo);
    let bad = Output { data: &[1.0, f32::NAN, 3.0, 4.0], ..good };

    check_output(&path, false).unwrap();
    let error = write(&path, &bad, false).unwrap_err();
    assert!(
        matches!(&error, RasterError::Write { source, .. } if source.to_string().contains("row 1, column 2 is NaN"))
    );
    assert_eq!(listing(folder.path()), [""; 0]);

    write(&path, &good, false).unwrap();
    assert_eq!((read(&path).unwrap().data, listing(folder.path())), (good.data.to_vec(), vec!["out.tif".to_owned()]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "as readable as any new file");
        fs::remove_file(plain).unwrap();
    }

    for refused in [check_output(&path, false), write(&path, &good, false)] {
        assert!(matches!(refused, Err(RasterError::Exists { .. })));
    }
    // A failure in the middle leaves the old file as it was.
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        let error = write_atomically(&path, true, |file| file.write_all(b"half").and(Err(kind.into()))).unwrap_err();
        assert_eq!(matches!(error, RasterError::DiskFull { .. }), kind == io::ErrorKind::StorageFull, "{error}");
        assert_eq!(error.kind(), Kind::Output);
        assert_eq!((read(&path).unwrap().data, listing(folder.path()).len()), (good.data.to_vec(), 1));
    }
    // The name is taken while the contents are being made.
    let other = folder.path().join("other");
    let error = write_atomically(&other, false, |_| fs::write(&other, "theirs")).unwrap_err();
    assert!(matches!(error, RasterError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&other).unwrap(), b"theirs");

    let changed = Output { data: &[4.0, 3.0, 2.0, 1.0], ..good };
    write(&path, &changed, true).unwrap();
    assert_eq!((read(&path).unwrap().data, listing(folder.path()).len()), (changed.data.to_vec(), 2));
}

#[test]
fn impossible_outputs_are_refused_early() {
    let folder = tempfile::tempdir().unwrap();
    let error = check_output(&folder.path().join("none/out.tif"), false).unwrap_err();
    assert!(matches!(error, RasterError::Folder { .. }) && error.kind() == Kind::Output, "{error}");
    for overwrite in [false, true] {
        let error = check_output(folder.path(), overwrite).unwrap_err();
        assert!(matches!(error, RasterError::Write { .. }), "{error}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = check_output(&file.join("out.tif"), false).unwrap_err();
    assert!(matches!(error, RasterError::Folder { .. }), "{error}");
    assert_eq!(listing(folder.path()), ["file"]);

    let geo = GeoTags::default();
    let good = output(Sample::U8, [2, 1, 1], &[1.0, 2.0], &geo);
    for bad in [
        Output { width: 3, ..good },
        Output { bands: 0, data: &[], ..good },
        Output { range: [2.0, 1.0], ..good },
        Output { range: [f32::NAN, 1.0], ..good },
        Output { range: [300.0, 400.0], ..good },
        Output { valid: Some(&[true]), ..good },
    ] {
        assert_eq!(encode(Cursor::new(Vec::new()), &bad, false).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

/// Runs one ignored test of this binary in a process of its own, through a shell line.
fn child(test: &str, folder: &Path, shell: &str) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{shell} exec \"$0\" \"$@\"")]).arg(env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).env("TRAPAN_TEST_FOLDER", folder).output().unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupted_process_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ended = child("raster::child_is_interrupted", folder.path(), "");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_eq!(listing(folder.path()), ["seen"], "the temporary file was there, and was removed");
}

#[test]
#[ignore = "run by an_interrupted_process_leaves_nothing"]
fn child_is_interrupted() {
    let folder = PathBuf::from(env::var_os("TRAPAN_TEST_FOLDER").unwrap());
    let _ = write_atomically(&folder.join("out.tif"), false, |file| {
        file.write_all(b"half")?;
        if listing(&folder).iter().any(|name| name.starts_with(".trapan-") && name.ends_with(".part")) {
            fs::write(folder.join("seen"), "")?;
        }
        // What a handler of interrupts does.
        raster::remove_temporary_files();
        std::process::exit(130)
    });
}

#[cfg(unix)]
#[test]
fn a_refused_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Files of at most 4 to 8 KiB, and the signal that would end the process ignored.
    let ended = child("raster::child_runs_out_of_room", folder.path(), "trap '' XFSZ; ulimit -f 8;");
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[test]
#[ignore = "run by a_refused_write_leaves_nothing"]
fn child_runs_out_of_room() {
    let path = PathBuf::from(env::var_os("TRAPAN_TEST_FOLDER").unwrap()).join("out.tif");
    let (size, geo) = ([300, 300, 1], GeoTags::default());
    let error = write(&path, &output(Sample::F32, size, &scene(Sample::F32, size), &geo), false).unwrap_err();
    assert!(matches!(error, RasterError::Write { .. } | RasterError::DiskFull { .. }), "{error}");
}

fn pair_error(pan: Raster, ms: Raster) -> RasterError {
    Pair::new(pan, ms, &ALIGNED).expect_err("a pair that does not fit")
}

#[test]
fn pairs_take_their_ratio_from_the_sizes() {
    for ratio in [2, 4, 8] {
        let (w, h) = (40, 33);
        let pair = Pair::new(
            image("pan.tif", Sample::U16, [ratio * w, ratio * h, 1]),
            image("ms.tif", Sample::U16, [w, h, 5]),
            &ALIGNED,
        );
        let pair = pair.unwrap();
        assert_eq!((pair.ratio(), pair.valid(), pair.warnings), (ratio, None, vec![]));
    }
}

#[test]
fn pairs_that_do_not_fit_say_what_would() {
    let pan = |w, h, c| image("p.tif", Sample::U16, [w, h, c]);
    let ms = |w, h, c| image("m.tif", Sample::U16, [w, h, c]);
    let geometry = |pan, ms, parts: &[&str]| {
        let error = pair_error(pan, ms);
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Geometry, "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        error
    };
    let error = geometry(pan(128, 128, 4), ms(32, 32, 4), &["4 bands", "gdal_translate -b 1 p.tif p_fixed.tif"]);
    assert!(matches!(error, RasterError::PanBands { bands: 4, .. }));
    let error = geometry(pan(128, 128, 1), ms(32, 32, 17), &["17 bands", "16"]);
    assert!(matches!(error, RasterError::MsBands { .. }));
    let error = geometry(pan(60, 60, 1), ms(15, 15, 3), &["15x15", "16"]);
    assert!(matches!(error, RasterError::TooSmall { least: 16, .. }));
    assert!(matches!(pair_error(pan(248, 248, 1), ms(31, 31, 3)), RasterError::TooSmall { least: 32, ratio: 8, .. }));
}

#[test]
fn unusable_values_are_refused() {
    let pan = || image("p.tif", Sample::F32, [64, 64, 1]);
    let ms = || image("m.tif", Sample::F32, [16, 16, 3]);
    let mut flat = ms();
    flat.data.iter_mut().skip(1).step_by(3).for_each(|v| *v = 8.0);
    let error = pair_error(pan(), flat);
    assert!(matches!(error, RasterError::Constant { band: 2, value: 8.0, .. }), "{error}");
    assert!(error.to_string().contains("gdal_translate -b 1 -b 3 m.tif"), "{error}");
    let flat = masked(pan(), None, |data| data.fill(0.0));
    let error = pair_error(flat, ms());
    assert!(matches!(error, RasterError::Constant { band: 1, .. }) && error.kind() == Kind::Input, "{error}");
    let empty = masked(pan(), Some(-9999.0), |data| data.fill(-9999.0));
    assert!(matches!(pair_error(empty, ms()), RasterError::NoData { .. }));
    // PAN valid on the left only, MS on the right only.
    let left = masked(pan(), Some(-9999.0), |data| {
        data.iter_mut().enumerate().filter(|(i, _)| i % 64 > 31).for_each(|(_, v)| *v = -9999.0);
    });
    let right = masked(ms(), Some(-9999.0), |data| {
        data.iter_mut().enumerate().filter(|(i, _)| i / 3 % 16 < 8).for_each(|(_, v)| *v = -9999.0);
    });
    assert!(matches!(pair_error(left, right), RasterError::NoData { .. }));
}

#[test]
fn nodata_is_masked_and_filled() {
    // NaN and infinity need no tag.
    for (value, nodata) in
        [(-9999.0, Some(-9999.0)), (f32::NAN, Some(f64::NAN)), (f32::NAN, None), (f32::INFINITY, None)]
    {
        let pan = masked(image("p.tif", Sample::F32, [64, 64, 1]), nodata, |data| data[64 * 10 + 3] = value);
        // One band is enough. MS pixel (row 2, column 5) covers PAN rows 8..12, columns 20..24.
        let ms = image("m.tif", Sample::F32, [16, 16, 2]);
        let ms = masked(ms, nodata, |data| data[2 * (16 * 2 + 5) + 1] = value);
        let mean = |data: &[f32], first: usize, skipped: usize| {
            let values = data.iter().skip(first).step_by(2).enumerate().filter(|(i, _)| *i != skipped);
            (values.map(|(_, v)| f64::from(*v)).sum::<f64>() / 255.0) as f32
        };
        let means = [mean(&ms.data, 0, 37), mean(&ms.data, 1, 37)];
        let pair = Pair::new(pan, ms, &ALIGNED).unwrap();
        let invalid: Vec<usize> =
            pair.valid().unwrap().iter().enumerate().filter(|(_, v)| !**v).map(|(i, _)| i).collect();
        let mut expected: Vec<usize> = (8..12).flat_map(|y| (20..24).map(move |x| 64 * y + x)).collect();
        expected.push(64 * 10 + 3);
        expected.sort();
        assert_eq!(invalid, expected);
        assert_eq!(pair.ms.data[2 * 37..2 * 38], means);
        assert!(pair.pan.data.iter().all(|v| *v >= -3.5), "no fill value is left");
        assert_eq!(pair.warnings.len(), 2);
        assert!(pair.warnings[1].contains("m.tif: 1 of 256 pixels are nodata"), "{:?}", pair.warnings);
    }
    let mut pair =
        Pair::new(image("p", Sample::U16, [64, 64, 1]), image("m", Sample::U8, [16, 16, 2]), &ALIGNED).unwrap();
    assert_eq!(pair.nodata(), None);
    pair.pan.nodata = Some(65535.0);
    assert_eq!(pair.nodata(), None, "does not fit in the MS's u8");
    pair.pan.nodata = Some(255.0);
    assert_eq!(pair.nodata(), Some(255.0));
    pair.ms.nodata = Some(0.0);
    assert_eq!(pair.nodata(), Some(0.0));
}

#[test]
fn an_alpha_band_is_reported() {
    let mut ms = image("m.tif", Sample::U16, [16, 16, 2]);
    ms.alpha = Some(2);
    let alpha = Pair::new(image("p.tif", Sample::U16, [64, 64, 1]), ms, &ALIGNED).unwrap().warnings;
    assert!(alpha.len() == 1 && alpha[0].contains("band 3 is marked as alpha"), "{alpha:?}");
}

#[test]
fn the_scale_is_the_real_bit_depth() {
    let pair = |sample, top: f32| {
        let [mut pan, mut ms] = [image("p.tif", sample, [64, 64, 1]), image("m.tif", sample, [16, 16, 2])];
        let [low, high] = [0.0f32, top];
        for data in [&mut pan.data, &mut ms.data] {
            let n = data.len() as f32;
            data.iter_mut().enumerate().for_each(|(i, v)| *v = low + (high - low) * i as f32 / (n - 1.0));
        }
        Pair::new(pan, ms, &ALIGNED).unwrap()
    };
    for (top, bits) in
        [(200.0, 8), (255.0, 8), (256.0, 10), (1024.0, 11), (2047.0, 11), (2048.0, 12), (9e3, 14), (6e4, 16)]
    {
        let scale = Scale::of(&pair(Sample::U16, top), None).unwrap();
        let most = f32::exp2(bits as f32) - 1.0;
        assert_eq!((scale.bits, scale.declared, scale.offset), (Some(bits), false, 0.0));
        assert_eq!((scale.scale, scale.range), (f64::from(most), [0.0, most]));
    }
    let mut declared = pair(Sample::U16, 900.0);
    declared.ms.bits = Some(11);
    let scale = Scale::of(&declared, None).unwrap();
    assert_eq!((scale.bits, scale.declared), (Some(11), true));
    declared.ms.bits = Some(8);
    assert_eq!(Scale::of(&declared, None).unwrap().bits, Some(10), "a declaration that the data refute");
    assert_eq!(Scale::of(&declared, Some(12)).unwrap().scale, 4095.0);
    for bits in [0, 9, 17, 255] {
        let error = Scale::of(&declared, Some(bits)).unwrap_err();
        assert!(matches!(error, RasterError::BitDepth { max: 900.0, .. }), "{error}");
    }
    let reflectance = Scale::of(&pair(Sample::F32, 0.8), None).unwrap();
    assert_eq!((reflectance.bits, reflectance.offset, reflectance.range), (None, 0.0, [0.0, 0.8]));
    let mut signed = pair(Sample::I16, 1000.0);
    signed.ms.data[0] = -24.0;
    let scale = Scale::of(&signed, None).unwrap();
    assert_eq!((scale.offset, scale.scale, scale.range), (-24.0, 1024.0, [-24.0, 1000.0]));
    assert_eq!(scale.normalise(&[-24.0, 488.0, 1000.0]), [0.0, 0.5, 1.0]);
    let dn: Vec<f32> = (0..=65535).map(|v| v as f32).collect();
    let scale = Scale::of(&pair(Sample::U16, 65535.0), None).unwrap();
    let back = scale.restore(&scale.normalise(&dn));
    assert!(dn.iter().zip(&back).all(|(a, b)| *a == b.round()), "every value comes back");
}

#[test]
fn gdal_reads_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let [file, json, values] = ["f.tif", "f.json", "f.f32"].map(|name| folder.path().join(name));
    let point =
        GeoTags { keys: utm().keys.iter().enumerate().map(|(i, k)| if i == 11 { 2 } else { *k }).collect(), ..utm() };
    for (i, sample) in SAMPLES.into_iter().enumerate() {
        let size = [300, 260, [1, 3, 4, 8][i]];
        let geo = if i == 1 { &point } else { &utm() };
        let shift = if i == 1 { 1.0 } else { 0.0 };
        let nodata = [0.0, 65535.0, -32768.0, f64::NAN][i];
        let valid: Vec<bool> = (0..300 * 260).map(|p| p % 7 != 3).collect();
        let names: Vec<_> = (0..size[2]).map(|b| (b > 0).then(|| format!("b{b} <&\" é>"))).collect();
        let data = scene(sample, size);
        let image = Output {
            nodata: Some(nodata),
            valid: Some(&valid),
            descriptions: &names,
            ..output(sample, size, &data, geo)
        };
        fs::write(&file, encoded(&image, i > 1)).unwrap();
        // What must be there, from the rules: the mask, and one unit away from nodata.
        let store = |(j, v): (usize, &f32)| match valid[j / size[2]] {
            false => nodata as f32,
            true if f64::from(*v) == nodata => v + if nodata == 65535.0 { -1.0 } else { 1.0 },
            true => *v,
        };
        let bytes: Vec<u8> = data.iter().enumerate().map(store).flat_map(f32::to_le_bytes).collect();
        fs::write(&values, bytes).unwrap();
        let wanted = serde_json::json!({
            "sample": sample.to_string(), "size": size, "epsg": 32630, "nodata": nodata, "descriptions": names,
            "transform": [2.0, 0.0, 452085.0 - shift, 0.0, -2.0, 4484715.0 + shift],
            "area_or_point": if i == 1 { "Point" } else { "Area" },
        });
        // JSON has no NaN; Python's reader takes the bare word.
        let wanted = wanted.to_string().replace("\"nodata\":null", "\"nodata\":NaN");
        fs::write(&json, wanted).unwrap();
        let Some(ran) = gdal(&[Path::new("check"), &file, &json, &values]) else { return };
        assert!(
            ran.status.success(),
            "{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        // The comparison can fail: one pixel changed.
        let mut bytes = fs::read(&values).unwrap();
        bytes[5] ^= 64;
        fs::write(&values, bytes).unwrap();
        let ran = gdal(&[Path::new("check"), &file, &json, &values]).unwrap();
        assert_eq!(ran.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&ran.stdout).contains("1 pixels differ"));
    }
}
