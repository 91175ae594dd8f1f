//! One question has one answer wherever it is asked: the same grid, the coordinate system, the colours of bands.

use std::{fs, path::PathBuf};

use trapan::scene::{GeometryOptions, Scene};
use trapan::tiff::{Layout, Sample, Source, TiffError};

use crate::fixture::{Fixture, scene, utm};

const SIZE: [usize; 3] = [128, 128, 1];

/// A file of 128×128 pixels of 0.5 m, its first corner moved to the right by some pixels.
fn band(pixel: f64, moved: f64) -> Fixture {
    let doubles = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let file = Fixture::new(Sample::U16, SIZE).with(33550, 12, &doubles(&[pixel, pixel, 0.0]));
    file.with(33922, 12, &doubles(&[0.0, 0.0, 0.0, 5e5 + moved * pixel, 4e6, 0.0]))
}

fn with_crs(file: Fixture, epsg: u64) -> Fixture {
    file.with(34735, 3, &[1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, epsg])
}

/// Files in a folder, named by their number.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[Fixture]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (i, file) in files.iter().enumerate() {
            fs::write(folder.path().join(format!("{i}.tif")), file.bytes(&scene(Sample::U16, file.size))).unwrap();
        }
        Self(folder)
    }

    fn paths(&self, count: usize) -> Vec<PathBuf> {
        (0..count).map(|i| self.0.path().join(format!("{i}.tif"))).collect()
    }
}

/// As far as MS may lie off PAN unnoticed, bands may lie off each other.
#[test]
fn bands_need_the_same_grid_as_far_as_a_pair_does() {
    let stack = |moved: f64| {
        let files = Files::new(&[band(0.5, 0.0), band(0.5, moved)]);
        Source::open(&files.paths(2)).map(|source| source.header().bands)
    };
    assert_eq!(stack(2e-9).unwrap(), 2);
    assert_eq!(stack(0.9e-3).unwrap(), 2);
    let error = stack(0.25).unwrap_err();
    assert!(matches!(error, TiffError::Stack { .. }), "{error}");
    assert!(error.to_string().contains("up to 0.250 pixels off"), "{error}");
    let files = Files::new(&[with_crs(band(0.5, 0.0), 32630), with_crs(band(0.5, 0.0), 32631)]);
    let error = Source::open(&files.paths(2)).err().unwrap().to_string();
    assert!(error.contains("another coordinate system"), "{error}");
    let files = Files::new(&[band(0.5, 0.0), Fixture::new(Sample::U16, SIZE)]);
    let error = Source::open(&files.paths(2)).err().unwrap().to_string();
    assert!(error.contains("no georeference"), "{error}");
}

#[test]
fn pan_without_a_coordinate_system_takes_that_of_ms() {
    let ms = Fixture { size: [32, 32, 1], ..with_crs(band(2.0, 0.0), 32630) };
    // Its own statement of what a coordinate names stays: here the centres of pixels.
    let point = band(0.5, 0.5).with(34735, 3, &[1, 1, 0, 1, 1025, 0, 1, 2]);
    for (pan, is_point) in [(band(0.5, 0.0), false), (point, true)] {
        let files = Files::new(&[pan, ms.clone()]);
        let paths = files.paths(2);
        let scene = Scene::open(&paths[0], &paths[1..], &GeometryOptions::default()).unwrap();
        let fused = Layout::fused(scene.pan(), scene.ms()).geo;
        assert_eq!((fused.epsg(), fused.pixel_is_point()), (Some(32630), is_point));
        assert_eq!(fused.affine(), scene.pan().geo.affine());
        let said = scene.warnings.iter().find(|warning| warning.text.contains("no coordinate system")).unwrap();
        assert!(said.text.contains("0.tif") && said.text.contains("1.tif"), "{said}");
        let stored = scene.stored().unwrap();
        assert_eq!(stored.pan().geo.epsg(), Some(32630));
    }
    // One that names its own keeps it.
    let files = Files::new(&[with_crs(band(0.5, 0.0), 32630), Fixture { size: [32, 32, 1], ..band(2.0, 0.0) }]);
    let paths = files.paths(2);
    let scene = Scene::open(&paths[0], &paths[1..], &GeometryOptions::default()).unwrap();
    assert!(!scene.warnings.iter().any(|warning| warning.text.contains("no coordinate system")));
    assert_ne!(scene.pan().geo, utm());
}

#[test]
fn stated_colours_choose_the_bands_of_pictures() {
    let text = |text: &str| text.bytes().chain([0]).map(u64::from).collect::<Vec<_>>();
    let names = |photometric: u64, names: &[&str]| {
        let item = |(i, name): (usize, &&str)| {
            format!("<Item name=\"DESCRIPTION\" sample=\"{i}\" role=\"description\">{name}</Item>")
        };
        let items: String = names.iter().enumerate().map(item).collect();
        let file = Fixture { photometric, ..Fixture::new(Sample::U16, [8, 8, 4]) }.with(338, 3, &[0]);
        let file = file.with(42112, 2, &text(&format!("<GDALMetadata>{items}</GDALMetadata>")));
        let files = Files::new(&[file]);
        let names = Source::open(&files.paths(1)).unwrap().header().colour_names();
        names.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    assert_eq!(names(2, &[]), ["Red", "Green", "Blue", ""]);
    assert_eq!(names(2, &["B1", "B2", "B3", "NIR"]), ["Red", "Green", "Blue", "NIR"]);
    // Names that tell colours know better: GDAL marks any three bands of bytes.
    assert_eq!(names(2, &["Blue", "Green", "Red", "NIR"]), ["Blue", "Green", "Red", "NIR"]);
    assert_eq!(names(1, &["B1", "", "", ""])[0], "B1");
}

/// GDAL marks the fourth of four bands as transparency unless it is told not to.
#[test]
fn a_spectrum_that_is_marked_as_transparency_is_a_band() {
    let read = |opacity: &dyn Fn(usize) -> f32| {
        let size = [300, 200, 4];
        let mut data: Vec<f32> = (0..300 * 200 * 4).map(|i| (i * 7 % 251) as f32).collect();
        data.iter_mut().skip(3).step_by(4).enumerate().for_each(|(i, v)| *v = opacity(i));
        let file = Fixture::new(Sample::U8, size).with(338, 3, &[2]);
        let source = Source::from_bytes(file.bytes(&data), "n.tif".as_ref()).unwrap();
        let header = source.header().clone();
        (header.bands, header.alpha, header.mistaken_alpha, header.notes.len())
    };
    let mask = (3, Some(3), None, 1);
    assert_eq!(read(&|i| (i * 31 % 256) as f32), (4, None, Some(3), 1), "near infrared");
    assert_eq!(
        read(&|i| if i % 300 < 150 { 0.0 } else { (40 + i * 31 % 200) as f32 }),
        (4, None, Some(3), 1),
        "with a collar"
    );
    assert_eq!(read(&|_| 255.0), mask, "opaque");
    assert_eq!(read(&|i| if i % 300 < 30 { 0.0 } else { 255.0 }), mask, "a collar");
    // Smooth edges: many values, of few pixels.
    assert_eq!(read(&|i| (i % 300 * 4).min(255) as f32), mask, "smooth");
}

/// It changes what the result is: said even to those who want to hear errors only.
#[test]
fn a_wrong_mark_is_named_even_quietly() {
    let pan = Fixture::new(Sample::U8, [128, 128, 1]);
    let ms = Fixture::new(Sample::U8, [32, 32, 4]).with(338, 3, &[0, 0, 2]);
    let files = Files::new(&[pan, ms]);
    let arguments = ["-q", "fuse", "0.tif", "1.tif", "-o", "out.tif", "--assume-aligned", "--method", "exp"];
    let ran =
        std::process::Command::new(env!("CARGO_BIN_EXE_trapan")).args(arguments).current_dir(files.0.path()).output();
    let ran = ran.unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success() && said.lines().count() == 1 && said.contains("band 4 is marked as alpha"), "{said}");
    assert_eq!(Source::open(&[files.0.path().join("out.tif")]).unwrap().header().bands, 4);
}
