//! The shift between PAN and MS: measured where it is known, corrected, refused; and what a wrong
//! half pixel costs.

use std::path::{Path, PathBuf};

use trapan::engine::{Device, Options};
use trapan::filter::{self, Grid};
use trapan::method::config::{Profile, Sensor};
use trapan::method::{self, Config, Coregistration};
use trapan::quality::rmse;
use trapan::remedy::Remedy;
use trapan::scene::{Alignment, Check, GeometryError, GeometryOptions, Registration, Scale, Scene, SceneError};
use trapan::simulate::town::{Town as Place, TownSpec, build};
use trapan::tiff::{GeoTags, Header, Raster, Sample};

use crate::support::skipped;

/// DN of reflectance 1.
const TOP: f32 = 2900.0;
const BANDS: usize = 4;

/// How far PAN lies off MS at a row and column of PAN.
type Field<'a> = &'a dyn Fn(f64, f64) -> [f64; 2];

fn place(width: usize, height: usize, seed: u64) -> Place {
    build(&TownSpec { width, height, bands: BANDS, seed }).expect("the spec is allowed")
}

fn dn(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| (v * TOP).round()).collect()
}

fn raster(name: &str, [width, height, bands]: [usize; 3], data: Vec<f32>, geo: GeoTags) -> Raster {
    Raster::new(Header { geo, ..Header::new(name, Sample::U16, [width, height, bands]) }, data)
}

/// A north-up georeference; `point`: its coordinates are those of the first pixel's centre.
fn georeference(pixel: f64, point: bool) -> GeoTags {
    GeoTags {
        pixel_scale: vec![pixel, pixel, 0.0],
        tiepoints: vec![0.0, 0.0, 0.0, 500_000.0, 4_000_000.0, 0.0],
        keys: vec![1, 1, 0, 2, 1024, 0, 1, 1, 1025, 0, 1, 1 + u16::from(point)],
        ..GeoTags::default()
    }
}

/// PAN and MS of a place, where MS pixel k shows what PAN shows around `ratio·k + phase + shift`.
fn pair_of(place: &Place, rows: Grid, columns: Grid, shift: [f64; 2], point: bool) -> (Raster, Raster) {
    let moved = |grid: Grid, shift: f64| Grid { phase: grid.phase + shift, ..grid };
    let operator = filter::degrade(0.3, moved(rows, shift[0]), moved(columns, shift[1]));
    let low = filter::apply(&place.truth, columns.fine, &vec![operator; BANDS]);
    let pan = raster("pan.tif", [columns.fine, rows.fine, 1], dn(&place.pan), georeference(0.5, point));
    let ms = [columns.coarse, rows.coarse, BANDS];
    (pan, raster("ms.tif", ms, dn(&low), georeference(0.5 * rows.ratio as f64, point)))
}

fn measured(scene: &Scene<'_>) -> Registration {
    let found = Registration::of(scene, |_, _| {}).expect("memory is readable");
    found.expect("there is texture")
}

#[track_caller]
fn near(found: [f64; 2], wanted: [f64; 2], tolerance: f64) {
    let off = (0..2).map(|i| (found[i] - wanted[i]).abs()).fold(0.0, f64::max);
    assert!(off <= tolerance, "{found:.3?} instead of {wanted:?}");
}

/// kvos/CoastSat#264: products whose PAN is shifted. Known shifts, ratios and phases, whole, fractional and none.
#[test]
fn known_shifts_are_measured_to_a_tenth_of_a_pixel() {
    for (ratio, size, shift) in [
        (4, 256, [0.0, 0.0]),
        (4, 256, [2.5, -1.25]),
        (4, 256, [-0.3, 0.45]),
        (4, 200, [-7.8, 9.1]),
        (2, 160, [0.5, 0.5]),
        (2, 160, [-1.7, 3.2]),
        (3, 192, [1.1, -0.6]),
        (8, 512, [3.0, -4.4]),
    ] {
        let grid = Grid::aligned(size, ratio);
        let (pan, ms) = pair_of(&place(size, size, 5), grid, grid, shift, false);
        let pair = Scene::of(pan, ms, &GeometryOptions::default()).expect("a pair");
        let found = measured(&pair);
        near(found.shift, shift, 0.1);
        assert!(found.fit > 0.8 && found.correlation.len() == BANDS, "{found:?}");
        found.is_one_shift().expect("one shift explains it");
    }
}

/// Nodata takes no part: the shift of a scene with a collar and holes full of wild values is the same.
#[test]
fn nodata_takes_no_part() {
    let grid = Grid::aligned(256, 4);
    let (mut pan, mut ms) = pair_of(&place(256, 256, 6), grid, grid, [1.4, -0.7], false);
    (pan.nodata, ms.nodata) = (Some(0.0), Some(65535.0));
    for i in 0..256 * 256 {
        if i % 256 < 60 + i / 1024 || (i / 256 % 90 < 9 && i % 256 % 70 < 9) {
            pan.data[i] = 0.0;
        }
    }
    for k in (0..64 * 64).filter(|k| k % 64 > 55 || k / 64 % 30 == 3 && k % 11 == 2) {
        ms.data[BANDS * k + 1] = 65535.0;
    }
    let [pan, ms] = [pan, ms].map(|image| Raster::new(image.header, image.data));
    let pair = Scene::of(pan, ms, &GeometryOptions::default()).expect("a pair");
    near(measured(&pair).shift, [1.4, -0.7], 0.1);
}

/// PAN seen through a field of shifts, by bilinear interpolation.
fn warped(pan: &Raster, field: Field<'_>) -> Raster {
    let (w, h) = (pan.width, pan.height);
    let value = |i: usize| {
        let (y, x) = ((i / w) as f64, (i % w) as f64);
        let [dy, dx] = field(y, x);
        let (y, x) = ((y - dy).clamp(0.0, h as f64 - 1.001), (x - dx).clamp(0.0, w as f64 - 1.001));
        let (fy, fx) = (y.fract() as f32, x.fract() as f32);
        let at = |j: usize, k: usize| pan.data[(y as usize + j) * w + x as usize + k];
        (at(0, 0) * (1.0 - fx) + at(0, 1) * fx) * (1.0 - fy) + (at(1, 0) * (1.0 - fx) + at(1, 1) * fx) * fy
    };
    let data = (0..w * h).map(value).collect();
    Raster { data, ..pan.clone() }
}

/// "Why pansharpening fails" (earthtodate.com): shifts that vary over the scene; and a scale error, as in a
/// pair whose files were resampled by hand.
#[test]
fn shifts_that_vary_are_told_apart_and_refused() {
    let grid = Grid::aligned(512, 4);
    let (pan, ms) = pair_of(&place(512, 512, 7), grid, grid, [0.0; 2], false);
    let wave = |y: f64, x: f64| [3.0 * (y * 0.005).sin(), 3.0 * (x * 0.005 + 1.0).cos()];
    let drift = |y: f64, x: f64| [0.01 * (y - 256.0), -0.005 * (x - 256.0)];
    for (field, word) in [(&wave as Field<'_>, "from place to place|over the scene"), (&drift, "the scales differ")] {
        let pair = Scene::of(warped(&pan, field), ms.clone(), &GeometryOptions::default()).expect("a pair");
        let found = measured(&pair);
        assert_eq!(found.windows.len(), 16);
        for window in &found.windows {
            near(window.shift, field(window.at[0], window.at[1]), 0.3);
        }
        let error = found.is_one_shift().expect_err("many shifts").to_string();
        assert!(word.split('|').any(|word| error.contains(word)), "{error}");
        let options = GeometryOptions::default();
        let refused = Check::of(&pair).expect("readable").corrected(&options);
        assert!(matches!(refused, Err(SceneError::Geometry(GeometryError::Misregistered { .. }))));
    }
    let pair = Scene::of(warped(&pan, &drift), ms, &GeometryOptions::default()).expect("a pair");
    near(measured(&pair).drift, [5.12, 2.56], 0.3);
}

/// Root mean square errors in DN of what fusing makes of a pair and of plain upsampling, away from the
/// border; PAN starts at `[top, left]` of the square place.
fn errors(scene: &Scene<'_>, place: &Place, [top, left]: [usize; 2]) -> [f64; 2] {
    let config = Config::new(Sensor::Generic, Profile::Faithful, BANDS).expect("4 bands");
    let config = Config { epochs: 60, dam_epochs: 30, width: 16, ..config };
    let scale = Scale::of(scene, None).expect("11 bits");
    let device = Device::cpu(0);
    let (fused, _) = method::fuse(scene, &scale, &config, &device, Options::default(), &mut ()).expect("it trains");
    let [w, h] = scene.pan().size();
    let side = place.pan.len().isqrt();
    let inner = |image: &[f32], [top, left]: [usize; 2], width: usize| -> Vec<f32> {
        let row = |y: usize| &image[((top + y) * width + left + 8) * BANDS..][..(w - 16) * BANDS];
        (8..h - 8).flat_map(row).copied().collect()
    };
    let truth = inner(&dn(&place.truth), [top, left], side);
    [&fused.hrms, &fused.lms].map(|image| rmse(&inner(image, [0, 0], w), &truth))
}

/// Landsat: sizes 2N−1, PixelIsPoint, first centres equal. The truth is known; the same pair taken to be
/// area-aligned, half a pixel off, is visibly worse: RMSE 63.9 instead of 51.0 DN fused, 76.1 instead of 66.2
/// upsampled.
#[test]
fn a_wrong_half_pixel_costs_what_the_right_phase_gives() {
    let place = place(127, 127, 8);
    let grid = Grid { ratio: 2, phase: 0.0, fine: 127, coarse: 64 };
    let (pan, ms) = pair_of(&place, grid, grid, [0.0; 2], true);
    let [right, mut wrong] = [(); 2].map(|()| Scene::of(&pan, &ms, &GeometryOptions::default()).expect("a pair"));
    assert_eq!([right.rows, right.columns], [grid; 2]);
    (wrong.rows.phase, wrong.columns.phase) = (0.5, 0.5);
    let [[fused, upsampled], [fused_wrong, upsampled_wrong]] =
        [&right, &wrong].map(|pair| errors(pair, &place, [0, 0]));
    assert!(fused < 0.85 * upsampled, "{fused} fused, {upsampled} upsampled");
    assert!(fused_wrong > 1.1 * fused && upsampled_wrong > 1.1 * upsampled, "{fused_wrong} {upsampled_wrong}");
}

/// Correcting a known shift brings the result closer to the truth: RMSE 69.3 instead of 126.6 DN fused,
/// 95.5 instead of 135.2 upsampled.
#[test]
fn correcting_a_shift_brings_the_result_closer_to_the_truth() {
    let (place, shift) = (place(192, 192, 9), [2.5, -1.25]);
    let grid = Grid::aligned(192, 4);
    let (pan, ms) = pair_of(&place, grid, grid, shift, false);
    let off = Scene::of(pan.clone(), ms.clone(), &GeometryOptions::default()).expect("a pair");
    let check = Check::of(&off).expect("readable");
    assert!(
        check.warnings.iter().any(|w| w.text.starts_with("W-SHIFT") && w.remedy == Some(Remedy::Coregister)),
        "{:?}",
        check.warnings
    );
    let options = check.corrected(&GeometryOptions::default()).expect("one shift");
    near(options.shift, shift, 0.1);
    let corrected = Scene::of(pan, ms, &options).expect("a pair");
    assert_eq!(corrected.pan().size(), [191, 190]);
    near(measured(&corrected).shift, [0.0; 2], 0.05);
    let [fused_off, upsampled_off] = errors(&off, &place, [0, 0]);
    let [fused, upsampled] = errors(&corrected, &place, [2, 0]);
    assert!(
        fused < 0.8 * fused_off && upsampled < 0.9 * upsampled_off,
        "{fused} {fused_off} {upsampled} {upsampled_off}"
    );
}

/// What `--coregister=auto` makes of a pair.
fn tried(scene: &Scene<'_>) -> Coregistration {
    let config = Config::new(Sensor::Generic, Profile::Trapan, BANDS).expect("4 bands");
    Coregistration::of(&Check::of(scene).expect("readable"), scene, &config).expect("readable")
}

#[test]
fn a_shift_is_corrected_where_the_degraded_pair_is_fused_better_then() {
    let grid = Grid::aligned(256, 4);
    for shift in [[2.5, -1.25], [-0.3, 1.8], [0.8, 0.0]] {
        let (pan, ms) = pair_of(&place(256, 256, 9), grid, grid, shift, false);
        let found = tried(&Scene::of(pan, ms, &GeometryOptions::default()).expect("a pair"));
        near(found.correction().unwrap_or_else(|| panic!("{found}")), shift, 0.1);
        assert!(found.to_string().contains("is taken to lie"), "{found}");
    }
    let (pan, ms) = pair_of(&place(256, 256, 9), grid, grid, [0.1, -0.2], false);
    let found = tried(&Scene::of(pan, ms, &GeometryOptions::default()).expect("a pair"));
    assert!(matches!(found, Coregistration::Small(_)) && found.correction().is_none(), "{found}");
}

/// A shift that was measured wrongly: the degraded pair is fused worse with it.
#[test]
fn a_shift_that_the_degraded_pair_does_not_confirm_is_left_alone() {
    let grid = Grid::aligned(256, 4);
    let (pan, ms) = pair_of(&place(256, 256, 9), grid, grid, [0.0; 2], false);
    let scene = Scene::of(pan, ms, &GeometryOptions::default()).expect("a pair");
    let mut check = Check::of(&scene).expect("readable");
    check.registration.as_mut().expect("texture").shift = [1.0, 0.5];
    let config = Config::new(Sensor::Generic, Profile::Trapan, BANDS).expect("4 bands");
    let found = Coregistration::of(&check, &scene, &config).expect("readable");
    let Coregistration::Tried { left: Some(left), .. } = found else { panic!("{found}") };
    assert!(left > 1.01 && found.correction().is_none() && found.to_string().contains("is left"), "{found}");
}

/// A collar of nodata, whatever its value, does not judge a correction.
#[test]
fn nodata_does_not_judge_a_correction() {
    let grid = Grid::aligned(256, 4);
    let (pan, ms) = pair_of(&place(256, 256, 9), grid, grid, [2.5, -1.25], false);
    let with_collar = |value: f32| {
        let mut pan = pan.clone();
        pan.nodata = Some(f64::from(value));
        pan.data.iter_mut().enumerate().filter(|(i, _)| i % 256 < 40).for_each(|(_, v)| *v = value);
        let mut pan = Raster::new(pan.header, pan.data);
        // As a file gives it.
        pan.data.iter_mut().enumerate().filter(|(i, _)| i % 256 < 40).for_each(|(_, v)| *v = value);
        let found = tried(&Scene::of(pan, ms.clone(), &GeometryOptions::default()).expect("a pair"));
        near(found.correction().expect("a correction"), [2.5, -1.25], 0.1);
        found.to_string()
    };
    assert_eq!(with_collar(0.0), with_collar(65535.0));
}

/// What no single shift explains, and what cannot be measured, stays as it lies.
#[test]
fn what_one_shift_does_not_explain_is_left_alone() {
    let grid = Grid::aligned(512, 4);
    let (pan, ms) = pair_of(&place(512, 512, 7), grid, grid, [0.0; 2], false);
    let drift = |y: f64, x: f64| [0.01 * (y - 256.0), -0.005 * (x - 256.0)];
    let found = tried(&Scene::of(warped(&pan, &drift), ms, &GeometryOptions::default()).expect("a pair"));
    assert!(matches!(found, Coregistration::Refused(_)) && found.correction().is_none(), "{found}");
    assert!(found.to_string().contains("the scales differ"), "{found}");
    let grid = Grid::aligned(64, 4);
    let (pan, mut ms) = pair_of(&place(64, 64, 12), grid, grid, [0.0; 2], false);
    ms.nodata = Some(7.0);
    ms.data.iter_mut().enumerate().filter(|(i, _)| i / BANDS % 16 != 8).for_each(|(_, v)| *v = 7.0);
    let found = tried(&Scene::of(pan, Raster::new(ms.header, ms.data), &GeometryOptions::default()).expect("a pair"));
    assert!(matches!(found, Coregistration::Unknown) && found.correction().is_none(), "{found}");
}

/// Landsat 8's PAN sees neither near infrared nor shortwave (SCP#131, CoastSat#560): a band it does not see is named.
#[test]
fn bands_that_pan_does_not_see_are_named() {
    let grid = Grid::aligned(192, 4);
    let (pan, mut ms) = pair_of(&place(192, 192, 10), grid, grid, [0.0; 2], false);
    // Another place in the last band.
    let other = place(48, 48, 11);
    ms.data.iter_mut().skip(3).step_by(BANDS).zip(other.pan.iter()).for_each(|(v, other)| *v = (other * TOP).round());
    ms.descriptions[3] = Some("SWIR".into());
    let check = Check::of(&Scene::of(pan, ms, &GeometryOptions::default()).expect("a pair")).expect("readable");
    let warning = check.warnings.iter().find(|w| w.text.starts_with("W-PAN-COVERAGE")).expect("a warning");
    let warning = &warning.text;
    assert!(warning.contains("band 4 (SWIR)") && !warning.contains("band 3"), "{warning}");
}

#[test]
fn nothing_is_measured_where_there_is_nothing() {
    let grid = Grid::aligned(64, 4);
    let (pan, mut ms) = pair_of(&place(64, 64, 12), grid, grid, [0.0; 2], false);
    ms.nodata = Some(7.0);
    ms.data.iter_mut().enumerate().filter(|(i, _)| i / BANDS % 16 != 8).for_each(|(_, v)| *v = 7.0);
    let ms = Raster::new(ms.header, ms.data);
    let pair = Scene::of(pan, ms, &GeometryOptions::default()).expect("a pair");
    assert_eq!(Registration::of(&pair, |_, _| {}).expect("readable"), None);
    let check = Check::of(&pair).expect("readable");
    assert!(check.warnings[0].text.contains("cannot be measured"), "{:?}", check.warnings);
    assert!(check.corrected(&GeometryOptions::default()).is_err());
}

/// Shifts that others measured on real pairs, in rows and columns.
#[test]
fn real_pairs_are_measured_as_others_did() {
    let folder = std::env::var_os("TRAPAN_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if !folder.is_dir() {
        return skipped(&format!("no real pairs in {}; set TRAPAN_DATA to their folder", folder.display()));
    }
    let check = |name: &str, drifting: bool| {
        let file = |kind: &str| folder.join(format!("{name}_{kind}.tif"));
        let options = GeometryOptions { assume_aligned: Some(Alignment::Area), drifting, ..GeometryOptions::default() };
        Check::of(&Scene::open(&file("pan"), &[file("ms")], &options)?)
    };
    for (name, shift) in [
        ("wv2", [-0.16, 0.03]),
        ("pleiades", [-0.36, -0.15]),
        ("spot6", [0.12, 0.04]),
        ("gf2_patch0", [-1.4, 0.0]),
        ("gf2_patch4", [-2.3, 1.0]),
        ("landsat8_momotombo", [0.5, 0.5]),
        ("landsat8_madrid", [0.0, 0.0]), // georeferenced, with Landsat's phase
    ] {
        let found = check(name, false).unwrap_or_else(|e| panic!("{name}: {e}")).registration.expect("texture");
        near(found.shift, shift, 0.15);
        found.is_one_shift().unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let error = check("misregistered", false).expect_err("a ratio of 4.015").to_string();
    assert!(error.contains("gdalwarp -te") && error.contains("4.01506"), "{error}");
    let found = check("misregistered", true).expect("nearly 4").registration.expect("texture");
    let error = found.is_one_shift().expect_err("a drift").to_string();
    assert!(error.contains("the scales differ"), "{error}");
}
