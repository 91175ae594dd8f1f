//! The report: what is in the page and in the JSON, and what a browser makes of the page.

mod browser;
mod html;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use trapan::method::{Run, Timings};
use trapan::quality::Thumbnail;
use trapan::report::picture::{Picture, Stretch};
use trapan::report::{
    Better, Colours, Column, Images, InputPair, Map, Preview, Ramp, Report, Row, Subject, Table, check_quicklook,
    quicklook,
};
use trapan::scene::Scale;
use trapan::tiff::{Header, Raster, Sample};

/// Columns and rows of the made-up images.
const SIZE: [usize; 2] = [200, 120];
const BANDS: usize = 4;

/// A made-up scene: flat, but for stripes in its right half; nodata in the upper left corner.
struct Scene {
    pan: Raster,
    lms: Vec<f32>,
    fused: Vec<f32>,
    valid: Vec<bool>,
}

impl Scene {
    fn new() -> Self {
        let [width, height] = SIZE;
        let at = |f: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..width * height).map(|i| f(i % width, i / width)).collect()
        };
        let stripes = |x: usize| if x >= width / 2 && x.is_multiple_of(2) { 40.0 } else { 0.0 };
        let ground = |x: usize, y: usize| 100.0 + (x / 25) as f32 * 30.0 + (y / 30) as f32 * 7.0;
        let pan = at(&|x, y| ground(x, y) + stripes(x));
        let bands = |f: &dyn Fn(usize, usize, usize) -> f32| -> Vec<f32> {
            (0..width * height * BANDS).map(|i| f(i / BANDS % width, i / BANDS / width, i % BANDS)).collect()
        };
        let lms = bands(&|x, y, b| ground(x, y) * (1.0 + b as f32 / 4.0));
        let fused = bands(&|x, y, b| ground(x, y) * (1.0 + b as f32 / 4.0) + stripes(x));
        let valid = (0..width * height).map(|i| i % width >= 20 || i / width >= 10).collect();
        let header = Header::new("no such file.tif", Sample::U16, [width, height, 1]);
        let header = Header { nodata: Some(f64::NAN), ..header };
        let raster = Raster { header, data: pan, valid: None };
        Self { pan: raster, lms, fused, valid }
    }

    fn images(&self) -> Images<'_> {
        Images::new(&self.pan, BANDS, &self.lms, &self.fused, Some(&self.valid)).expect("one size")
    }

    /// A report without a training, with names that would break a page that does not escape them.
    fn report(&self) -> Report {
        let images = self.images();
        let scale = Scale {
            offset: 0.0,
            scale: 255.0,
            bits: Some(8),
            declared: true,
            range: [0.0, 255.0],
            pan: [1.0, 0.0],
            bounds: None,
        };
        let names = ["</style><script>alert(1)</script>", "b & \"c\"", "red", "nir"].map(|n| Some(n.to_owned()));
        let colours = Colours::of(&images, &names, None);
        let warning = "<img src=http://example.com/x.png onerror=alert(1)>".to_owned();
        let timings = Timings { device: "CPU".into(), ..Timings::default() };
        let mut report = Report::new(Subject {
            method: "gsa",
            inputs: InputPair::of(&self.pan, &self.pan, 4).expect("no file to read"),
            bands: &names,
            warnings: &[warning],
            scale: &scale,
            images,
            colours: &colours,
            output: Path::new("out/fused.tif"),
            run: &Run { timings, ..Run::default() },
            seconds: vec![("read", Duration::from_millis(20)), ("total", Duration::from_millis(50))],
        })
        .expect("a report");
        report.tables.push(comparison());
        let values = [0.5, f32::NAN, f32::INFINITY, 2.0, -1.0, 0.0];
        let (ramp, shown) = (Ramp::errors(&values), Thumbnail::of([2, 3], &values));
        let map = |method: &str| Map::new("Spectral angle", "°", &shown, ramp).of_method(method);
        report.maps.extend(["gsa", "exp"].map(map));
        let nothing = Thumbnail::of([1, 2], &[f32::NAN; 2]);
        report.maps.push(Map::new("Nothing", "", &nothing, Ramp::Diverging { limit: 0.0 }));
        report
    }
}

fn comparison() -> Table {
    let row = |name: &str, hqnr: f64, d: Option<f64>| Row {
        name: name.into(),
        values: vec![Some(hqnr), d, Some(1.0)],
        own: name == "gsa",
    };
    Table {
        title: "Methods".into(),
        note: String::new(),
        rows_are: "method".into(),
        columns: vec![
            Column::new("HQNR", "", Better::Higher, 3),
            Column::new("Dλ", "", Better::Lower, 3),
            Column::new("time", "s", Better::Neither, 1),
        ],
        rows: vec![
            row("gsa", 0.91, Some(0.02)),
            row("exp", 0.9101, None),
            row("brovey", f64::NAN, Some(f64::NEG_INFINITY)),
        ],
    }
}

#[test]
fn the_best_of_a_column_is_marked() {
    let table = comparison();
    assert_eq!(table.best(0), [0, 1], "equal as printed");
    assert_eq!(table.best(1), [0usize; 0], "one value is no comparison");
    assert_eq!(table.best(2), [0usize; 0], "time judges nothing");
    assert_eq!(table.best(9), [0usize; 0]);
    let json: Value = serde_json::to_value(&table).expect("plain values");
    assert_eq!(json["best"], serde_json::json!([[0, 1], [], []]));
    assert_eq!(json["rows"][2]["values"], serde_json::json!([null, null, 1.0]));
}

#[test]
fn ramps_end_where_they_say() {
    let values: Vec<f32> = (0..=100).map(|v| v as f32).chain([f32::NAN]).collect();
    assert_eq!(Ramp::errors(&values).ends(), [0.0, 98.0], "two in a hundred may be far off");
    assert_eq!(Ramp::errors(&[f32::NAN]).ends(), [0.0, 1.0]);
    let brightness = |ramp: Ramp, v: f32| ramp.colour(v).map(u32::from).iter().sum::<u32>();
    let ramp = Ramp::Sequential { low: 1.0, high: 3.0 };
    let steps: Vec<u32> = (0..=20).map(|i| brightness(ramp, 1.0 + i as f32 / 10.0)).collect();
    assert!(steps.windows(2).all(|s| s[0] < s[1]), "brighter with every step: {steps:?}");
    assert_eq!(ramp.colour(99.0), ramp.colour(3.0));
    let [red, _, blue] = Ramp::Diverging { limit: 2.0 }.colour(-2.0);
    assert!(blue > red);
}

/// A thumbnail of a large image is made of means, whatever the strips its rows come in.
#[test]
fn thumbnails_are_bounded() {
    let [height, width] = [7, 600];
    let values: Vec<f32> = (0..height * width).map(|i| if i == 0 { f32::NAN } else { (i % width) as f32 }).collect();
    let mut shown = Thumbnail::new([height, width]);
    for rows in [0..2, 2..3, 3..7] {
        shown.add(rows.clone(), &values[rows.start * width..rows.end * width]);
    }
    assert_eq!(shown.size, [3, 200], "means of 3×3");
    assert_eq!(shown.values(), Thumbnail::of([height, width], &values).values());
    // Columns 0, 1, 2 of rows 0, 1, 2 without the first value, which is 0 where it is there.
    assert_eq!(shown.values()[0], 9.0 / 8.0);
    assert_eq!(shown.values()[2 * 200 + 199], 598.0, "a last row of one");
    let mean = values[1..].iter().map(|v| f64::from(*v)).sum::<f64>() / (values.len() - 1) as f64;
    assert_eq!(shown.mean(), Some(mean));
    let map = Map::new("m", "", &shown, Ramp::errors(&shown.values()));
    assert_eq!([map.width, map.height], [200, 3]);
    assert_eq!(Thumbnail::of([2, 2], &[f32::NAN; 4]).mean(), None);
}

#[test]
fn views_average_what_is_valid() {
    let scene = Scene::new();
    let view = Preview::overview(&scene.images(), 50);
    assert_eq!((view.step, view.width, view.height), (4, 50, 30));
    let valid = view.valid.as_ref().expect("a corner without data");
    // Nodata reach down to row 10: half of the third row of 4×4 blocks, which counts as valid.
    for (row, column, wanted) in [(0, 0, false), (1, 4, false), (2, 0, true), (0, 5, true), (29, 49, true)] {
        assert_eq!(valid[row * view.width + column], wanted, "row {row}, column {column}");
    }
    let half = 2 * view.width;
    assert_eq!(view.pan[half], scene.pan.data[10 * SIZE[0]], "the mean of the valid pixels");
    let [x, y] = Preview::detail(&scene.images(), [64, 48]).origin;
    assert!(x >= SIZE[0] / 2 - 16 && y < SIZE[1], "the stripes are the busy place, not column {x}");
    let whole = Preview::detail(&scene.images(), [1000, 1000]);
    assert_eq!((whole.origin, whole.width, whole.height), ([0, 0], SIZE[0], SIZE[1]));
    let same = |i: usize| whole.fused[i * BANDS..][..BANDS] == scene.fused[i * BANDS..][..BANDS];
    assert!((0..scene.valid.len()).all(|i| same(i) == scene.valid[i]), "all that is valid, and nothing else");
}

#[test]
fn images_of_different_sizes_are_refused() {
    let scene = Scene::new();
    for (lms, valid, word) in
        [(&scene.lms[1..], &scene.valid[..], "upsampled"), (&scene.lms, &scene.valid[1..], "mask")]
    {
        let error = Images::new(&scene.pan, BANDS, lms, &scene.fused, Some(valid)).err().expect("refused").to_string();
        assert!(error.contains(word) && error.contains("200x120"), "{error}");
    }
}

#[test]
fn colours_follow_names_then_wishes_then_order() {
    let scene = Scene::new();
    let of = |names: &[&str], wish: Option<&[usize]>| {
        let names: Vec<_> = names.iter().map(|n| Some((*n).to_owned())).collect();
        let c = Colours::of(&scene.images(), &names, wish);
        (c.natural, c.infrared)
    };
    assert_eq!(of(&[], None), ([2, 1, 0], Some([3, 2, 1])), "B, G, R, NIR");
    assert_eq!(of(&["Red", "Green", "BLUE", "NIR"], None), ([0, 1, 2], Some([3, 0, 1])));
    assert_eq!(of(&["Red", "Green", "BLUE", "NIR"], Some(&[1, 1, 1])), ([1, 1, 1], None));
    assert_eq!(of(&["x"], Some(&[7, 1, 1])), ([2, 1, 0], Some([3, 2, 1])), "a band that is not there");
}

/// The stretch is that of the valid pixels: fill values must not darken the pictures.
#[test]
fn nodata_enter_no_stretch() {
    let mut scene = Scene::new();
    let plain = Colours::of(&scene.images(), &[], None);
    for (i, _) in scene.valid.iter().enumerate().filter(|(_, valid)| !**valid) {
        scene.lms[i * BANDS..][..BANDS].fill(-9999.0);
        scene.pan.data[i] = 1e6;
    }
    let filled = Colours::of(&scene.images(), &[], None);
    assert_eq!((plain.ms, plain.pan), (filled.ms, filled.pan));
}

#[test]
fn masked_pictures_are_transparent_and_grey_ones_small() {
    let stretch = Stretch { low: [0.0; 3], high: [3.0; 3] };
    let grey = Picture::grey(&[0.0, 1.0, 2.0, 3.0], 2, 2, &stretch).expect("a picture");
    let read = |bytes: &[u8]| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
        let mut data = vec![0; reader.output_buffer_size().expect("fits")];
        let info = reader.next_frame(&mut data).expect("a frame");
        (info.color_type, data)
    };
    assert_eq!(read(&grey.png(None).expect("a PNG")), (png::ColorType::Grayscale, vec![0, 85, 170, 255]));
    let masked = grey.png(Some(&[true, false, true, true])).expect("a PNG");
    assert_eq!(read(&masked), (png::ColorType::GrayscaleAlpha, vec![0, 255, 85, 0, 170, 255, 255, 255]));
    assert!(grey.png(Some(&[true])).is_err(), "a mask of another size");
}

#[test]
fn quicklooks_are_written_once() {
    let (scene, dir) = (Scene::new(), TempDir::new().expect("a temporary folder"));
    let colours = Colours::of(&scene.images(), &[], None);
    let folder = dir.path().join("looks");
    check_quicklook(&folder, false).expect("nothing in the way");
    quicklook(&scene.images(), &colours, &folder, false).expect("written");
    for name in ["pan", "upsampled", "upsampled-false-colour", "fused", "fused-false-colour"] {
        let bytes = std::fs::read(folder.join(format!("{name}.png"))).expect("the picture is there");
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
        assert_eq!([reader.info().width as usize, reader.info().height as usize], SIZE, "{name}");
        let alpha = matches!(reader.info().color_type, png::ColorType::Rgba | png::ColorType::GrayscaleAlpha);
        assert!(alpha, "{name}: nodata are transparent");
    }
    assert!(check_quicklook(&folder, false).is_err(), "they are in the way now");
    check_quicklook(&folder, true).expect("but may be replaced");
}

/// The layout that version 2 promises. Whoever changes it changes the version, and the docs of `report`.
#[test]
fn the_json_has_the_layout_of_its_version() {
    let report: Value = serde_json::from_str(&Scene::new().report().json()).expect("JSON");
    let keys: Vec<&str> = report.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut wanted = vec![
        "schema",
        "versions",
        "method",
        "inputs",
        "output",
        "warnings",
        "notes",
        "device",
        "instruction_set",
        "seed",
        "settings",
        "scale",
        "result",
        "fusion",
        "losses",
        "seconds",
        "profile",
        "pictures",
        "spectra",
        "tables",
        "added",
        "maps",
    ];
    wanted.sort_unstable();
    assert_eq!(keys, wanted);
    assert_eq!((&report["schema"], &report["method"]), (&2.into(), &"gsa".into()));
    assert_eq!(report["seconds"], serde_json::json!({ "read": 0.02, "total": 0.05 }));
    assert_eq!(report["inputs"]["pan"]["nodata"], Value::Null, "NaN is no number of JSON");
    assert_eq!(report["inputs"]["pan"]["sha256"], Value::Null, "never a file");
    assert_eq!((&report["settings"], &report["losses"]), (&Value::Null, &Value::Null), "nothing was trained");
    assert_eq!(report["tables"][1]["title"], "Methods");
    assert_eq!(report["maps"][0]["mean"], serde_json::json!(0.375), "over the finite values");
    assert_eq!(report["maps"][1]["method"], "exp");
    assert_eq!(report["maps"][2]["mean"], Value::Null);
    let spectra = report["spectra"].as_array().expect("a list");
    assert!(spectra.len() > 2, "a scene of many greys");
    let scene = Scene::new();
    for s in spectra {
        let [row, column] = ["row", "column"].map(|k| s[k].as_u64().expect("a place") as usize);
        let at = row * SIZE[0] + column;
        assert!(scene.valid[at], "row {row}, column {column} has no data");
        let fused: Vec<f32> =
            s["fused"].as_array().expect("values").iter().map(|v| v.as_f64().expect("one") as f32).collect();
        assert_eq!(fused, scene.fused[at * BANDS..][..BANDS]);
    }
    for (i, p) in spectra.iter().enumerate() {
        for q in &spectra[..i] {
            let far = |k: &str| p[k].as_u64().expect("a place").abs_diff(q[k].as_u64().expect("a place"));
            assert!(far("row").max(far("column")) >= 200 / 12, "{p} and {q} would hide each other");
        }
    }
    // Band 0 by hand: deviations over the valid pixels, not over the fill values.
    let bands = &report["tables"][0]["rows"][0]["values"];
    let mean = |data: &[f32]| {
        let valid = data.chunks(BANDS).zip(&scene.valid).filter(|(_, v)| **v).map(|(p, _)| f64::from(p[0]));
        valid.clone().sum::<f64>() / valid.count() as f64
    };
    for (i, data) in [&scene.lms, &scene.fused].into_iter().enumerate() {
        let found = bands[i].as_f64().expect("a mean");
        assert!((found - mean(data)).abs() < 1e-9, "{found} instead of {}", mean(data));
    }
    let like_pan = bands[5].as_f64().expect("a correlation");
    assert!((like_pan - 1.0).abs() < 1e-9, "band 0 of the fused image is PAN: {like_pan}");
}

#[test]
fn the_page_is_whole_safe_and_asks_for_nothing() {
    let report = Scene::new().report();
    let page = report.html();
    html::check(&page);
    for text in ["Methods", "Spectral angle", "Nothing", "Bands", "Spectra before and after", "hatch", "0.910"] {
        assert!(page.contains(text), "{text} is not on the page");
    }
    assert_eq!(page.matches("class=\"best\"").count(), 2, "two best values");
    assert_eq!(page.matches("<h3>Spectral angle</h3>").count(), 1, "maps of one kind stand together");
    assert_eq!(page.matches("class=\"own\"").count(), 2, "one row and one map are of the method itself");
    assert!(page.contains("&lt;script&gt;alert(1)"), "names are escaped");
}
