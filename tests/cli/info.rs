//! `trapan info` and the geometry flags, as a user meets them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use trapan::filter::{self, Grid};
use trapan::simulate::town::{TownSpec, build};
use trapan::tiff::{Creation, GeoTags, Layout, Sample, read, write};

use crate::cli::program::ok;

const BANDS: usize = 4;
/// UTM zone 30 north.
const UTM: u16 = 32630;

/// A folder with a pair.
struct Files(TempDir);

/// Where an image lies: pixel size, corner, EPSG code.
type Place = (f64, [f64; 2], u16);

fn tags((pixel, [x, y], code): Place) -> GeoTags {
    let (model, key) = if code < 5000 { (2, 2048) } else { (1, 3072) };
    GeoTags {
        pixel_scale: vec![pixel, pixel, 0.0],
        tiepoints: vec![0.0, 0.0, 0.0, x, y, 0.0],
        keys: vec![1, 1, 0, 3, 1024, 0, 1, model, 1025, 0, 1, 1, key, 0, 1, code],
        ..GeoTags::default()
    }
}

impl Files {
    /// A place of `[columns, rows]`, MS of some columns and rows of it at a ratio, PAN `shift` off.
    fn new(pan: ([usize; 2], GeoTags), ms: ([usize; 2], GeoTags), ratio: usize, shift: [f64; 2]) -> Self {
        let files = Self(TempDir::new().expect("a temporary folder"));
        let ([width, height], [w, h]) = (pan.0, ms.0);
        let [wide, high] = [width.max(ratio * w), height.max(ratio * h)];
        let place = build(&TownSpec { width: wide, height: high, bands: BANDS, seed: 3 }).expect("allowed");
        let grid = |fine: usize, coarse: usize, shift: f64| {
            let whole = Grid::aligned(fine, ratio);
            Grid { phase: whole.phase + shift, coarse, ..whole }
        };
        let operator = filter::degrade(0.3, grid(high, h, shift[0]), grid(wide, w, shift[1]));
        let low = filter::apply(&place.truth, wide, &vec![operator; BANDS]);
        let dn = |values: Vec<f32>| values.iter().map(|v| (v * 2900.0).round()).collect::<Vec<_>>();
        let part = (0..height).flat_map(|y| place.pan[y * wide..][..width].to_vec()).collect();
        files.write("pan.tif", pan.0, 1, pan.1, &dn(part));
        files.write("ms.tif", ms.0, BANDS, ms.1, &dn(low));
        files
    }

    fn write(&self, name: &str, size: [usize; 2], bands: usize, geo: GeoTags, data: &[f32]) {
        let layout = Layout { geo, range: [0.0, 4095.0], ..Layout::new(size, bands, Sample::U16) };
        write(self.0.path().join(name).as_path(), &layout, data, None, &Creation::default(), true).expect("written");
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn run(&self, command: &[&str], extra: &[&str]) -> Output {
        let (pan, ms) = (self.path("pan.tif"), self.path("ms.tif"));
        let files = ["--pan", &pan, "--ms", &ms];
        Command::new(env!("CARGO_BIN_EXE_trapan")).args([command, &files, extra].concat()).output().expect("it starts")
    }

    fn info(&self, extra: &[&str]) -> (Value, Option<i32>, String) {
        let output = self.run(&["info", "--json"], extra);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
        (value, output.status.code(), said)
    }

    fn fuse(&self, extra: &[&str]) -> Output {
        let out = self.path("fused.tif");
        let short = ["-o", &out, "--epochs", "2", "--dam-epochs", "1", "--warm-up-epochs", "1", "--device", "cpu"];
        self.run(&["fuse", "--overwrite"], &[&short, extra].concat())
    }
}

#[track_caller]
fn fails(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} are not in: {said}");
}

#[test]
fn info_tells_grids_shift_values_and_needs() {
    let place = |pixel| tags((pixel, [500_000.0, 4_000_000.0], UTM));
    let files = Files::new(([200, 240], place(0.5)), ([50, 60], place(2.0)), 4, [1.8, -0.75]);
    let (found, code, said) = files.info(&[]);
    assert_eq!(
        (code, &found["problem"], found["verdict"].as_str()),
        (Some(0), &Value::Null, Some("can be fused; see the warnings")),
        "{said}"
    );
    assert_eq!(
        (&found["ratio"], &found["rows"]["phase"], &found["rows"]["alignment"]),
        (&4.into(), &1.5.into(), &"area-aligned".into())
    );
    assert_eq!(found["area"]["pan"], serde_json::json!({ "x": 0, "y": 0, "width": 200, "height": 240 }));
    let near = |value: &Value, wanted: f64| (value.as_f64().expect("a number") - wanted).abs() < 0.1;
    assert!(near(&found["shift"]["rows"], 1.8) && near(&found["shift"]["columns"], -0.75), "{}", found["shift"]);
    let decision = &found["coregistration"];
    assert!(near(&decision["corrected"][0], 1.8) && near(&decision["corrected"][1], -0.75), "{decision}");
    assert_eq!((&found["pan"]["epsg"], &found["ms"]["sample"]), (&UTM.into(), &"u16".into()));
    assert!(matches!(found["pan"]["bits"].as_u64(), Some(11 | 12)), "{}", found["pan"]);
    assert_eq!(found["correlation"].as_array().map(Vec::len), Some(BANDS));
    let warning = found["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("W-SHIFT") && warning.contains("--coregister"), "{warning}");
    let cpu = &found["estimate"]["cpu"];
    assert!(cpu["seconds"].as_f64() > Some(0.0) && cpu["bytes"].as_u64() > Some(1 << 20), "{cpu}");

    // As text, with positional files.
    let output = Command::new(env!("CARGO_BIN_EXE_trapan"))
        .args(["info", &files.path("pan.tif"), &files.path("ms.tif")])
        .output()
        .expect("it starts");
    let text = String::from_utf8(output.stdout).expect("text");
    for word in [
        "ratio 4",
        "area-aligned",
        "PAN lies +1.",
        "PAN is taken to lie +1.",
        "changes the error of mtf-glp-hpm-r by -",
        "correlation with PAN",
        "cpu,",
        "W-SHIFT",
        "EPSG:32630",
    ] {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }

    // One file is no pair, and has the bands it has.
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_trapan")).args(args).output().expect("it starts");
    fails(&run(&["info", &files.path("pan.tif")]), 2, &["pan.tif is one file: name PAN and MS"]);
    let [pan, ms] = ["pan.tif", "ms.tif"].map(|name| files.path(name));
    fails(&run(&["info", &pan, &ms, "--bands", "B9"]), 2, &["--ms-bands B9", "no such band", "1 to"]);

    // fuse corrects it, as the degraded pair is the better for it, and when told to. Told not to, and where the
    // method is the paper's, it warns of the same.
    for how in [&[] as &[&str], &["--coregister=auto"], &["--coregister"], &["--coregister=require"]] {
        fails(&files.fuse(how), 0, &["PAN is taken to lie +1.", "(--coregister)"]);
        let fused = read(Path::new(&files.path("fused.tif"))).expect("readable");
        // MS reaches from row 1.8 and to column 199.25 of PAN.
        assert_eq!(fused.size(), [199, 238]);
        assert_eq!(fused.geo.affine().map(|a| a.at(0.0, 0.0)), Some([500_000.0, 3_999_999.0]));
    }
    for how in [&["--coregister=off"] as &[&str], &["--preset", "faithful"]] {
        fails(&files.fuse(how), 0, &["warning: W-SHIFT"]);
        assert_eq!(read(Path::new(&files.path("fused.tif"))).expect("readable").size(), [200, 240]);
    }
    // interp23 is refused where the grids are not those it was made for.
    fails(&files.fuse(&["--coregister", "--preset", "paper"]), 2, &["interp23", "cubic on this pair"]);
    fails(&files.fuse(&["--preset", "paper"]), 0, &[]);
}

/// The strips of a manifest take the shift that was found where their networks were trained, and measure nothing.
#[test]
fn strips_of_a_shifted_pair_make_the_bytes_of_one_run() {
    let place = |pixel| tags((pixel, [500_000.0, 4_000_000.0], UTM));
    let files = Files::new(([200, 240], place(0.5)), ([50, 60], place(2.0)), 4, [1.8, -0.75]);
    fails(&files.fuse(&[]), 0, &["PAN is taken to lie +1."]);
    let [pan, ms, manifest, into] = ["pan.tif", "ms.tif", "m.jsonl", "into"].map(|name| files.path(name));
    let short = ["--epochs", "2", "--dam-epochs", "1", "--warm-up-epochs", "1", "--device", "cpu"];
    ok(&[&["plan", &pan, &ms, "-o", &manifest, "--into", &into, "--strips", "2", "--"], &short[..]].concat());
    let said = ok(&["task", "--manifest", &manifest]).stderr;
    assert_eq!(String::from_utf8_lossy(&said).matches("PAN is taken to lie").count(), 1, "{said:?}");
    // Called by the folder that it is in, as all pan.tif are.
    let name = files.0.path().file_name().expect("a name");
    let result = std::fs::read(Path::new(&into).join(name).with_extension("tif")).expect("a result");
    assert!(result == std::fs::read(files.path("fused.tif")).expect("readable"), "other bytes");
}

/// A pair whose phase the published codes were not made for is refused before a pixel is read: these have none
/// that could be read.
#[test]
fn interp23_is_refused_at_once() {
    let place = |pixel, at| tags((pixel, [500_000.0 + at, 4_000_000.0 - at], UTM));
    let files = Files::new(([64, 64], place(15.0, 7.5)), ([32, 32], place(30.0, 0.0)), 2, [0.0; 2]);
    for name in ["pan.tif", "ms.tif"] {
        let mut bytes = std::fs::read(files.path(name)).expect("readable");
        // Our writer puts pixels behind everything else.
        let half = bytes.len() / 2;
        bytes[half..].fill(0xff);
        std::fs::write(files.path(name), bytes).expect("writable");
    }
    fails(&files.fuse(&["--preset", "paper"]), 2, &["interp23", "cubic on this pair"]);
    fails(&files.fuse(&[]), 3, &["damaged TIFF"]);
}

/// OSGeo/gdal#11889 scaled down, rio-pansharpen#25's odd sizes, and a part of PAN without MS.
#[test]
fn odd_extents_are_fused_whole() {
    let place = |pixel| tags((pixel, [500_000.0, 4_000_000.0], UTM));
    let files = Files::new(([83, 102], place(0.5)), ([20, 25], place(2.0)), 4, [0.0; 2]);
    let (found, ..) = files.info(&[]);
    assert_eq!(found["area"]["notes"][0], "PAN reaches beyond MS; left out: the last 2 rows, the last 3 columns");
    fails(&files.fuse(&[]), 0, &["left out: the last 2 rows, the last 3 columns"]);
    assert_eq!(read(Path::new(&files.path("fused.tif"))).expect("readable").size(), [80, 100]);
    fails(&files.fuse(&["--extent", "pan"]), 0, &["nodata: the last"]);
    let fused = read(Path::new(&files.path("fused.tif"))).expect("readable");
    assert_eq!(fused.size(), [83, 102]);
    let valid = fused.valid.as_ref().expect("a mask");
    assert!((0..83 * 102).all(|i| valid[i] == (i % 83 < 80 && i / 83 < 100)));

    let files = Files::new(([36, 74], place(0.5)), ([18, 38], place(1.0)), 2, [0.0; 2]);
    fails(&files.fuse(&[]), 0, &["MS reaches beyond PAN; left out: the last row"]);
    assert_eq!(read(Path::new(&files.path("fused.tif"))).expect("readable").size(), [36, 74]);
}

#[test]
fn pairs_that_do_not_fit_exit_with_4_and_the_command_that_helps() {
    let pan = (([80, 80]), tags((0.5, [500_000.0, 4_000_000.0], UTM)));
    let refused = |ms: GeoTags, words: &[&str]| {
        let files = Files::new(pan.clone(), ([20, 20], ms), 4, [0.0; 2]);
        fails(&files.fuse(&[]), 4, words);
        let (found, code, said) = files.info(&[]);
        assert_eq!((code, found["verdict"].as_str()), (Some(4), Some("cannot be fused as it is")), "{said}");
        let problem = found["problem"].as_str().expect("a problem");
        assert!(words.iter().all(|word| problem.contains(word)), "{problem}");
        assert!(!Path::new(&files.path("fused.tif")).exists());
    };
    // WGS84 against UTM.
    refused(
        tags((1.8e-5, [-3.0, 36.1], 4326)),
        &["EPSG:4326", "gdalwarp -t_srs EPSG:32630 -te 500000 3999960 500040 4000000"],
    );
    // SkySat: MS at PAN's pixel size already.
    refused(tags((0.5, [500_000.0, 4_000_000.0], UTM)), &["1.00000", "resampled before"]);
    refused(tags((2.0, [600_000.0, 4_000_000.0], UTM)), &["do not overlap"]);
    refused(GeoTags::default(), &["ms.tif: it has no georeference", "--assume-aligned"]);
}

#[test]
fn pairs_without_georeference_are_aligned_when_told_so() {
    let files = Files::new(([80, 80], GeoTags::default()), ([20, 20], GeoTags::default()), 4, [0.0; 2]);
    fails(&files.fuse(&[]), 4, &["--assume-aligned"]);
    fails(&files.fuse(&["--assume-aligned"]), 0, &[]);
    let (found, code, _) = files.info(&["--assume-aligned=area"]);
    assert_eq!((code, &found["rows"]["phase"]), (Some(0), &1.5.into()));
    let (found, ..) = files.info(&["--assume-aligned=centre"]);
    assert_eq!(
        (&found["rows"]["phase"], &found["area"]["notes"][0]),
        (&0.0.into(), &"PAN reaches beyond MS; left out: the last row, the last column".into())
    );
}

/// A model for PAN in the units of MS meets one in others.
#[test]
fn infer_says_that_pan_has_another_unit_than_the_model_s() {
    let place = |pixel| tags((pixel, [500_000.0, 4_000_000.0], UTM));
    let files = Files::new(([128; 2], place(0.5)), ([32; 2], place(2.0)), 4, [0.0; 2]);
    let (model, out) = (files.path("m.safetensors"), files.path("fused.tif"));
    let output = files.fuse(&["--save-model", &model]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let infer = || {
        let output = files.run(&["infer", "--overwrite"], &["--model", &model, "-o", &out, "--device", "cpu"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = infer();
    assert!(!said.contains("W-UNITS"), "{said}");
    let pan = read(Path::new(&files.path("pan.tif"))).expect("a raster").data;
    files.write("pan.tif", [128; 2], 1, place(0.5), &pan.iter().map(|v| (v / 3.0).round()).collect::<Vec<_>>());
    let said = infer();
    assert!(said.contains("W-UNITS") && said.contains("times PAN") && said.contains("trapan fuse"), "{said}");
}

/// MS made by averaging blocks is sharper than any sensor's.
#[test]
fn gains_far_from_the_pair_s_are_replaced_and_said() {
    let size = 256;
    let place = |pixel| tags((pixel, [500_000.0, 4_000_000.0], UTM));
    let files = Files::new(([size; 2], place(0.5)), ([size / 4; 2], place(2.0)), 4, [0.0; 2]);
    let truth = build(&TownSpec { width: size, height: size, bands: BANDS, seed: 3 }).expect("allowed").truth;
    let said = |extra: &[&str]| {
        let output = files.fuse(&[&["--effort", "fast"], extra].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let fused = read(Path::new(&files.path("fused.tif"))).expect("a raster").data;
        let error = fused.iter().zip(&truth).map(|(f, t)| f64::from(f - t * 2900.0).powi(2)).sum::<f64>();
        ((error / fused.len() as f64).sqrt(), said)
    };
    let (_, usual) = said(&[]);
    assert!(!usual.contains("W-GAINS"), "{usual}");

    let mean = |i: usize| {
        let (y, x, b) = (i / BANDS / (size / 4), i / BANDS % (size / 4), i % BANDS);
        let block = (0..16).map(|k| truth[((4 * y + k / 4) * size + 4 * x + k % 4) * BANDS + b]);
        (block.sum::<f32>() / 16.0 * 2900.0).round()
    };
    let blocks: Vec<f32> = (0..size * size / 16 * BANDS).map(mean).collect();
    files.write("ms.tif", [size / 4; 2], BANDS, place(2.0), &blocks);
    let (found, warned) = said(&[]);
    assert!(warned.contains("W-GAINS") && warned.contains("--mtf-gains"), "{warned}");
    let (given, silent) = said(&["--mtf-gains", "0.3,0.3,0.3,0.3"]);
    assert!(!silent.contains("W-GAINS") && found < 0.8 * given, "{found:.1} instead of {given:.1}: {silent}");
}
