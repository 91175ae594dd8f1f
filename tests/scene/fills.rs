//! Nodata: what counts as it, what is said where nothing does, and how it is given.

use std::{fs, path::Path};

use trapan::remedy::{Note, Remedy};
use trapan::scene::{GeometryOptions, Scene, Survey};
use trapan::tiff::{Header, Raster, Sample, Source};

use crate::fixture::{ALIGNED, Fixture, parse};

fn text(value: &str) -> Vec<u64> {
    value.bytes().chain([0]).map(u64::from).collect()
}

/// The nodata value of a file with this text, and whether the value `stored` is one.
fn read(sample: Sample, nodata: &str, stored: f32) -> (Option<f64>, bool) {
    let file = Fixture::new(sample, [4, 4, 1]).with(42113, 2, &text(nodata));
    let mut values = vec![1.0; 16];
    values[5] = stored;
    let found = parse(&file.bytes(&values), "n.tif").unwrap();
    (found.nodata, found.valid.is_some_and(|valid| !valid[5]))
}

#[test]
fn nodata_texts_are_read_as_gdal_does() {
    let lowest = f64::from(f32::MIN);
    // 15 digits, as GDAL wrote them before 2.0, lie beyond the smallest f32.
    for digits in ["-3.40282346638529e+38", "-3.4028234663852886e+38", "-3.4028235e+38", " -3,4028234663852886e+38\n"] {
        assert_eq!(read(Sample::F32, digits, f32::MIN), (Some(lowest), true), "{digits}");
    }
    assert_eq!(read(Sample::F32, "0.1", 0.1), (Some(0.1), true), "rounded to the type");
    for name in ["nan", "NaN", "-nan", "1.#QNAN", "-1.#IND", "1.#SNAN0"] {
        let (nodata, invalid) = read(Sample::F32, name, f32::NAN);
        assert!(nodata.unwrap().is_nan() && invalid, "{name}");
    }
    assert_eq!(read(Sample::F32, "-1.#INF", 1.0).0, Some(f64::NEG_INFINITY));
    assert_eq!(read(Sample::I16, "-9999.0 (fill)", -9999.0), (Some(-9999.0), true));
    assert_eq!(read(Sample::U16, "65535.0000001", 65535.0), (Some(65535.0), true));
    // One that the type cannot hold is kept, and met by no pixel.
    assert_eq!(read(Sample::U8, "-9999", 255.0), (Some(-9999.0), false));
    assert_eq!(read(Sample::U8, "none", 0.0), (None, false));
}

const OPTIONS: GeometryOptions = ALIGNED;

/// PAN 128×128 and MS 32×32 with texture, values from 200 to about 1200, of which `change` makes what it wants.
fn pair(change: impl Fn(usize, usize, f32) -> f32, sample: Sample) -> [Raster; 2] {
    let image = |name: &str, side: usize, bands: usize, sample, change: &dyn Fn(usize, usize, f32) -> f32| {
        let value = |i: usize| {
            let (x, y) = (i / bands % side, i / bands / side);
            let noise = ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as f32;
            change(x, y, 200.0 + noise)
        };
        let data = (0..side * side * bands).map(value).collect();
        Raster::new(Header::new(name, sample, [side, side, bands]), data)
    };
    [image("pan.tif", 128, 1, Sample::U16, &|_, _, v| v), image("ms.tif", 32, 3, sample, &change)]
}

/// What a survey says of nodata.
fn said(pair: [Raster; 2]) -> Vec<Note> {
    let [pan, ms] = pair;
    let survey = Survey::of(&Scene::of(pan, ms, &OPTIONS).unwrap()).unwrap();
    survey.warnings.into_iter().filter(|warning| warning.text.contains("W-NODATA")).collect()
}

#[test]
fn a_collar_that_nothing_declares_is_noticed() {
    for (value, sample, remedy) in [
        (f32::MIN, Sample::F32, -3.4028235e38),
        (-9999.0, Sample::I16, -9999.0),
        (65535.0, Sample::U16, 65535.0),
        (0.0, Sample::U16, 0.0),
    ] {
        let found = said(pair(|x, _, v| if x < 6 { value } else { v }, sample));
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        assert!(found[0].text.contains("ms.tif: 18.8 %") && found[0].text.contains("set nodata to"), "{found:?}");
        assert_eq!(found[0].remedy, Some(Remedy::Nodata(vec![remedy])));
    }
    // Dark pixels reach down to 0, and still the collar is seen.
    let dark = |x: usize, y: usize, v: f32| if x < 6 || (x + 7 * y).is_multiple_of(50) { 0.0 } else { v - 199.0 };
    assert_eq!(said(pair(dark, Sample::U16)).len(), 1);
    // What the other file states is kept.
    let [mut pan, ms] = pair(|x, _, v| if x < 6 { -9999.0 } else { v }, Sample::I16);
    pan.nodata = Some(0.0);
    let found = said([pan, ms]);
    assert_eq!(found[0].remedy, Some(Remedy::Nodata(vec![0.0, -9999.0])), "{found:?}");
    assert!(found[0].text.ends_with("if so, set nodata of PAN to 0 and of MS to -9999"), "{found:?}");
}

#[test]
fn values_of_a_scene_are_not_taken_for_fill() {
    // Saturated clouds: next to other values. Single odd pixels: not connected. Dark water in one band.
    let clouds = |x: usize, y: usize, v: f32| if x < 9 && y < 9 { 1223.0 } else { v };
    let noise = |x: usize, y: usize, v: f32| if (5 * x + 3 * y).is_multiple_of(17) { 65535.0 } else { v };
    for (name, found) in [
        ("nothing", said(pair(|_, _, v| v, Sample::U16))),
        ("clouds", said(pair(clouds, Sample::U16))),
        ("noise", said(pair(noise, Sample::U16))),
    ] {
        assert_eq!(found, Vec::<Note>::new(), "{name}");
    }
    let [pan, mut ms] = pair(|_, _, v| v - 199.0, Sample::U16);
    ms.data.chunks_mut(3).take(300).for_each(|pixel| pixel[2] = 0.0);
    assert_eq!(said([pan, ms]), Vec::<Note>::new(), "water");
    // Nor is what is declared.
    let [pan, ms] = pair(|x, _, v| if x < 6 { -9999.0 } else { v }, Sample::I16);
    let ms = Raster::new(Header { nodata: Some(-9999.0), ..ms.header }, ms.data);
    assert_eq!(said([pan, ms]), Vec::<Note>::new(), "declared");
}

#[test]
fn nodata_that_is_given_goes_before_the_tag() {
    let file = Fixture::new(Sample::I16, [4, 2, 1]).with(42113, 2, &text("-1"));
    let values = [-1.0, -9999.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    let mut source = Source::from_bytes(file.bytes(&values), Path::new("n.tif")).unwrap();
    let mut invalid = |given: Option<Option<f64>>| {
        if let Some(given) = given {
            source.set_nodata(given);
        }
        let valid = source.read_all().unwrap().valid;
        (source.header().nodata, valid.and_then(|valid| valid.iter().position(|valid| !valid)))
    };
    assert_eq!(invalid(None), (Some(-1.0), Some(0)));
    assert_eq!(invalid(Some(Some(-9999.2))), (Some(-9999.0), Some(1)));
    assert_eq!(invalid(Some(None)), (None, None));
    // What is assumed stands back behind a tag.
    let mut source = Source::from_bytes(file.bytes(&values), Path::new("n.tif")).unwrap();
    source.assume_nodata(-9999.0);
    assert_eq!(source.header().nodata, Some(-1.0));
}

/// The whole way: warned of, given by the option, absent from the result.
#[test]
fn the_option_of_the_warning_works() {
    let folder = tempfile::tempdir().unwrap();
    let [pan, ms] = pair(|x, _, v| if x < 6 { f32::MIN } else { v }, Sample::F32);
    for (image, name) in [(&pan, "pan.tif"), (&ms, "ms.tif")] {
        let file = Fixture::new(image.sample, [image.width, image.height, image.bands]);
        // Rounded in the wrong place: met by no pixel.
        let file = file.with(42113, 2, &text(if name == "ms.tif" { "-3.4e+38" } else { "0" }));
        fs::write(folder.path().join(name), file.bytes(&image.data)).unwrap();
    }
    let fuse = |option: Option<&str>| {
        let arguments =
            ["fuse", "pan.tif", "ms.tif", "-o", "out.tif", "--overwrite", "--assume-aligned", "--method", "exp"];
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_trapan"));
        let ran = command.args(arguments).args(option).current_dir(folder.path()).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stderr).unwrap()
    };
    let text = fuse(None);
    let option = text.lines().find_map(|line| line.split("give ").nth(1)).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(option, "--nodata=0,-3.4028235e38");
    assert!(!text.contains("W-SHIFT") && !text.contains("W-REGISTRATION"), "the cause alone is named: {text}");
    assert!(!fuse(Some(option)).contains("W-NODATA"));
    let found = trapan::tiff::read(&folder.path().join("out.tif")).unwrap();
    assert_eq!(found.nodata, Some(f64::from(f32::MIN)));
    assert!((0..128 * 128).all(|i| found.valid.as_ref().unwrap()[i] == (i % 128 >= 24)));
}
