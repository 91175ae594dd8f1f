//! Pairs, their errors and their scale.

use trapan::scene::{Image, Scale, Scene, SceneError};
use trapan::tiff::{ErrorClass, Header, Layout, Raster, Sample};

use crate::fixture::{ALIGNED, Fixture, parse, scene};

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

fn pair_error(pan: Raster, ms: Raster) -> SceneError {
    let scene = Scene::of(pan, ms, &ALIGNED);
    scene.and_then(|scene| scene.filled().map(drop)).expect_err("a pair that does not fit")
}

#[test]
fn pairs_take_their_ratio_from_the_sizes() {
    for ratio in [2, 4, 8] {
        let (w, h) = (40, 33);
        let pair = Scene::of(
            image("pan.tif", Sample::U16, [ratio * w, ratio * h, 1]),
            image("ms.tif", Sample::U16, [w, h, 5]),
            &ALIGNED,
        );
        let pair = pair.unwrap();
        let valid = pair.fusable().raster().unwrap().valid;
        assert_eq!((pair.ratio(), valid, pair.warnings), (ratio, None, vec![]));
    }
}

#[test]
fn pairs_that_do_not_fit_say_what_would() {
    let pan = |w, h, c| image("p.tif", Sample::U16, [w, h, c]);
    let ms = |w, h, c| image("m.tif", Sample::U16, [w, h, c]);
    let geometry = |pan, ms, parts: &[&str]| {
        let error = pair_error(pan, ms);
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorClass::Geometry, "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        error
    };
    let error = geometry(pan(128, 128, 4), ms(32, 32, 4), &["4 bands", "gdal_translate -b 1 p.tif p_fixed.tif"]);
    assert!(matches!(error, SceneError::PanBands { bands: 4, .. }));
    let error = geometry(pan(128, 128, 1), ms(32, 32, 17), &["17 bands", "16", "Source::choose"]);
    assert!(matches!(error, SceneError::MsBands { .. }));
    let error = geometry(pan(60, 60, 1), ms(15, 15, 3), &["15x15", "16"]);
    assert!(matches!(error, SceneError::TooSmall { least: 16, .. }));
    assert!(matches!(pair_error(pan(248, 248, 1), ms(31, 31, 3)), SceneError::TooSmall { least: 32, ratio: 8, .. }));
}

#[test]
fn unusable_values_are_refused() {
    let pan = || image("p.tif", Sample::F32, [64, 64, 1]);
    let ms = || image("m.tif", Sample::F32, [16, 16, 3]);
    let mut flat = ms();
    flat.data.iter_mut().skip(1).step_by(3).for_each(|v| *v = 8.0);
    let error = pair_error(pan(), flat);
    assert!(matches!(error, SceneError::Constant { band: 2, value: 8.0, .. }), "{error}");
    assert!(error.to_string().contains("gdal_translate -b 1 -b 3 m.tif"), "{error}");
    let flat = masked(pan(), None, |data| data.fill(0.0));
    let error = pair_error(flat, ms());
    assert!(matches!(error, SceneError::Constant { band: 1, .. }) && error.kind() == ErrorClass::Input, "{error}");
    let empty = masked(pan(), Some(-9999.0), |data| data.fill(-9999.0));
    assert!(matches!(pair_error(empty, ms()), SceneError::NoData { .. }));
    // PAN valid on the left only, MS on the right only.
    let left = masked(pan(), Some(-9999.0), |data| {
        data.iter_mut().enumerate().filter(|(i, _)| i % 64 > 31).for_each(|(_, v)| *v = -9999.0);
    });
    let right = masked(ms(), Some(-9999.0), |data| {
        data.iter_mut().enumerate().filter(|(i, _)| i / 3 % 16 < 8).for_each(|(_, v)| *v = -9999.0);
    });
    assert!(matches!(pair_error(left, right), SceneError::NoData { .. }));
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
        // From its neighbours above, to the left, to the right and below.
        let near = [0, 1].map(|band| [21, 36, 38, 53].map(|i| ms.data[2 * i + band]).iter().sum::<f32>() / 4.0);
        let pair = Scene::of(pan, ms, &ALIGNED).unwrap();
        let pair = pair.filled().unwrap();
        let [pan, ms] = [pair.fusable().raster().unwrap(), pair.images()[1].raster().unwrap()];
        let invalid: Vec<usize> = pan.valid.unwrap().iter().enumerate().filter(|(_, v)| !**v).map(|(i, _)| i).collect();
        let mut expected: Vec<usize> = (8..12).flat_map(|y| (20..24).map(move |x| 64 * y + x)).collect();
        expected.push(64 * 10 + 3);
        expected.sort();
        assert_eq!(invalid, expected);
        let filled = &ms.data[2 * 37..2 * 38];
        assert!(filled.iter().zip(near).all(|(f, n)| (f - n).abs() < 1e-3 * n.abs()), "{filled:?} instead of {near:?}");
        assert!(pan.data.iter().all(|v| *v >= -3.5), "no fill value is left");
        assert_eq!(pair.warnings.len(), 2);
        assert!(pair.warnings[1].text.contains("m.tif: 1 of 256 pixels are nodata"), "{:?}", pair.warnings);
    }
    let mut pan = Header::new("p", Sample::U16, [64, 64, 1]);
    let mut ms = Header::new("m", Sample::U8, [16, 16, 2]);
    assert_eq!(Layout::fused(&pan, &ms).nodata, None);
    pan.nodata = Some(65535.0);
    assert_eq!(Layout::fused(&pan, &ms).nodata, None, "does not fit in the MS's u8");
    pan.nodata = Some(255.0);
    assert_eq!(Layout::fused(&pan, &ms).nodata, Some(255.0));
    ms.nodata = Some(0.0);
    assert_eq!(Layout::fused(&pan, &ms).nodata, Some(0.0));
}

#[test]
fn an_alpha_band_is_reported() {
    let file = Fixture::new(Sample::U16, [16, 16, 3]).with(338, 3, &[0, 2]);
    let mut data = scene(Sample::U16, file.size);
    data.iter_mut().skip(2).step_by(3).for_each(|opacity| *opacity = 65535.0);
    let ms = parse(&file.bytes(&data), "m.tif").unwrap();
    let alpha = Scene::of(image("p.tif", Sample::U16, [64, 64, 1]), ms, &ALIGNED).unwrap().warnings;
    assert!(alpha.len() == 1 && alpha[0].text.contains("band 3 is marked as alpha"), "{alpha:?}");
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
        [pan, ms]
    };
    let scale = |[pan, ms]: &[Raster; 2], bits| Scale::of(&Scene::of(pan, ms, &ALIGNED).unwrap(), bits);
    for (top, bits) in
        [(200.0, 8), (255.0, 8), (256.0, 10), (1024.0, 11), (2047.0, 11), (2048.0, 12), (9e3, 14), (6e4, 16)]
    {
        let found = scale(&pair(Sample::U16, top), None).unwrap();
        let most = f32::exp2(bits as f32) - 1.0;
        assert_eq!((found.bits, found.declared, found.offset), (Some(bits), false, 0.0));
        assert_eq!((found.scale, found.range), (f64::from(top), [0.0, most]));
        assert_eq!((found.by_depth().scale, found.by_depth().range), (f64::from(most), [0.0, most]));
    }
    let mut declared = pair(Sample::U16, 900.0);
    declared[1].bits = Some(11);
    let found = scale(&declared, None).unwrap();
    assert_eq!((found.bits, found.declared), (Some(11), true));
    declared[1].bits = Some(8);
    assert_eq!(scale(&declared, None).unwrap().bits, Some(10), "a declaration that the data refute");
    assert_eq!(scale(&declared, Some(12)).unwrap().scale, 4095.0);
    for bits in [0, 9, 17, 255] {
        let error = scale(&declared, Some(bits)).unwrap_err();
        assert!(matches!(error, SceneError::BitDepth { max: 900.0, .. }), "{error}");
    }
    let mut fire = pair(Sample::U16, 900.0);
    fire[1].data[7] = 9000.0;
    let found = scale(&fire, None).unwrap();
    assert!((1.49 * 900.0..1.6 * 900.0).contains(&found.scale), "one hot pixel set the unit: {found}");
    assert_eq!((found.bits, found.range), (Some(14), [0.0, 16383.0]), "and keeps its value");
    let reflectance = scale(&pair(Sample::F32, 0.8), None).unwrap();
    assert_eq!((reflectance.bits, reflectance.offset, reflectance.range), (None, 0.0, [0.0, 0.8]));
    let mut signed = pair(Sample::I16, 1000.0);
    signed[1].data[0] = -24.0;
    let found = scale(&signed, None).unwrap();
    assert_eq!((found.offset, found.scale, found.range), (-24.0, 1024.0, [-24.0, 1000.0]));
    assert_eq!(found.normalise(&[-24.0, 488.0, 1000.0]), [0.0, 0.5, 1.0]);
    let dn: Vec<f32> = (0..=65535).map(|v| v as f32).collect();
    let found = scale(&pair(Sample::U16, 65535.0), None).unwrap();
    let mut back = found.normalise(&dn);
    found.restore(&mut back);
    assert!(dn.iter().zip(&back).all(|(a, b)| *a == b.round()), "every value comes back");
}
