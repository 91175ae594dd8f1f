//! `trapan assess` as a user meets it.

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use trapan::method::Model;
use trapan::tiff::{Creation, Layout, read, write};

use crate::support::{Report, float};

fn trapan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapan")).args(args).output().expect("the program starts")
}

/// A folder with a simulated pair of 128×128 and its truth.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().expect("a temporary folder"));
        let made = trapan(&["simulate", "-o", &place.path("."), "--size", "128", "--overwrite"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        place
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn by_pair(&self, extra: &[&str]) -> Output {
        let [pan, ms, fused] = ["pan.tif", "ms.tif", "truth.tif"].map(|name| self.path(name));
        trapan(&[&["assess", "--pan", &pan, "--ms", &ms, "--fused", &fused], extra].concat())
    }

    fn by_truth(&self, fused: &str, extra: &[&str]) -> Output {
        let [truth, fused] = ["truth.tif", fused].map(|name| self.path(name));
        trapan(&[&["assess", "--truth", &truth, "--fused", &fused], extra].concat())
    }
}

#[track_caller]
fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[track_caller]
fn json(output: Output) -> Value {
    serde_json::from_str(&text(output)).expect("JSON")
}

#[track_caller]
fn refused(output: Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "{word:?} is not in: {said}"));
    assert!(output.stdout.is_empty(), "a refusal prints no table");
}

/// The truth of a simulation is the perfect fused image of its pair: at the true phase that shows, and
/// the toolbox's half pixel costs.
#[test]
fn judging_by_the_pair() {
    let place = Place::new();
    let found = json(place.by_pair(&["--json", "--phase", "true"]));
    let of = |phase: &str, key: &str| float(&found["distortion"][phase][key]);
    assert!(of("true", "hqnr") > of("toolbox", "hqnr"), "{found}");
    assert_eq!(found["toolbox_offset"], serde_json::json!([0.5, 0.5]));
    // MS is stored in whole DN, else the truth degraded again would be MS.
    assert!(float(&found["consistency"]["q2n"]) > 0.999, "{found}");
    assert!(float(&found["commutation"]["relative"]) < 0.2, "{found}");
    let table = text(place.by_pair(&[]));
    for words in ["HQNR", "0.5 rows and 0.5 columns of PAN off", &format!("{:.4}", of("toolbox", "d_lambda"))] {
        assert!(table.contains(words), "{words:?} is not in:\n{table}");
    }
    assert!(!table.contains("   true"), "only when asked for:\n{table}");
}

#[test]
fn judging_by_the_truth() {
    let place = Place::new();
    let found = json(place.by_truth("truth.tif", &["--json"]));
    let mut report = Report::default();
    report.near("q2n", float(&found["scores"]["q2n"]), 1.0, 1e-12);
    report.near("rmse", float(&found["scores"]["rmse"]), 0.0, 0.0);
    report.near("pixels", float(&found["scores"]["pixels"]), 87.0 * 87.0, 0.0);
    report.finish();
    assert!(found["scores"]["psnr"].is_null(), "infinite");
    assert!(text(place.by_truth("truth.tif", &["--whole"])).contains("16384 pixels; 0 invalid"));
}

#[test]
fn maps_lie_where_the_images_do() {
    let place = Place::new();
    let maps = place.path("maps");
    text(place.by_pair(&["--maps", &maps]));
    text(place.by_truth("truth.tif", &["--maps", &maps]));
    let pan = read(place.path("pan.tif").as_ref()).expect("PAN");
    let map = |name: &str| read(place.path(&format!("maps/{name}.tif")).as_ref()).expect(name);
    let corner = |map: &trapan::tiff::Raster| map.geo.affine().map(|a| (a.at(0.0, 0.0), a.pixel_size()));
    let grid = pan.geo.affine().expect("simulated pairs have a place");
    let size = grid.pixel_size();
    for name in ["d_lambda_toolbox", "d_s_toolbox"] {
        let map = map(name);
        assert_eq!(map.size(), [4, 4]);
        assert_eq!(corner(&map), Some((grid.at(0.0, 0.0), size.map(|s| 32.0 * s))), "{name}");
        assert!(map.data.iter().all(|v| (0.0..1.0).contains(v)), "{name}: {:?}", map.data);
    }
    for (name, side, from, factor) in [
        ("consistency_sam", 32, 0.0, 4.0),
        ("consistency_error", 32, 0.0, 4.0),
        ("sam", 87, 20.0, 1.0),
        ("error", 87, 20.0, 1.0),
    ] {
        let map = map(name);
        assert_eq!(map.size(), [side, side], "{name}");
        assert_eq!(corner(&map), Some((grid.at(from, from), size.map(|s| factor * s))), "{name}");
    }
    assert_eq!(corner(&map("q2n")), Some((grid.at(20.0, 20.0), size.map(|s| 32.0 * s))));
    refused(place.by_pair(&["--maps", &maps]), 8, &["exists", "--overwrite"]);
    text(place.by_pair(&["--maps", &maps, "--overwrite"]));
}

/// Bands that hold nothing and values in another unit are named; no index is NaN.
#[test]
fn doubtful_input_is_named() {
    let place = Place::new();
    let change = |from: &str, to: &str, value: &dyn Fn(usize, f32) -> f32| {
        let image = read(place.path(from).as_ref()).expect(from);
        let data: Vec<f32> = image.data.iter().enumerate().map(|(i, v)| value(i % image.bands, *v)).collect();
        let layout = Layout { geo: image.geo.clone(), ..Layout::new(image.size(), image.bands, image.sample) };
        write(place.path(to).as_ref(), &layout, &data, None, &Creation::default(), false).expect("written");
    };
    for name in ["ms", "truth"] {
        let level = |band, v| if band == 1 { 412.0 } else { v };
        change(&format!("{name}.tif"), &format!("level_{name}.tif"), &level);
        change(&format!("{name}.tif"), &format!("half_{name}.tif"), &|_, v| (v / 2.0).round());
    }
    let [pan, ms, fused] = ["pan.tif", "level_ms.tif", "level_truth.tif"].map(|name| place.path(name));
    let found = json(trapan(&["assess", "--pan", &pan, "--ms", &ms, "--fused", &fused, "--json"]));
    let warning = found["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("band 2 of MS is 412"), "{warning}");
    // Degraded with kernels of sum 1, the constant band comes back but for rounding.
    assert!(float(&found["consistency"]["q2n"]) > 0.999, "{found}");
    assert!((0.0..=1.0).contains(&float(&found["distortion"]["toolbox"]["hqnr"])), "{found}");

    let found = json(trapan(&["assess", "--truth", &fused, "--fused", &place.path("truth.tif"), "--json"]));
    assert!(found["warnings"][0].as_str().expect("a warning").contains("band 2 of the truth"), "{found}");
    let scores = found["scores"].as_object().expect("scores");
    let finite = |(name, v): (&String, &Value)| name == "psnr" || v.as_f64().is_some_and(f64::is_finite);
    assert!(scores.iter().all(finite), "PSNR of the equal bands is infinite, and nothing else: {found}");

    let half = json(place.by_truth("half_truth.tif", &["--json"]));
    assert!((float(&half["scores"]["level"]) - 0.5).abs() < 1e-3, "{half}");
    assert!(half["warnings"][0].as_str().expect("a warning").contains("times those of the truth"), "{half}");
    assert_eq!(json(place.by_truth("truth.tif", &["--json"]))["warnings"], serde_json::json!([]));
    // Reflectance against DN is further off than any fused image.
    change("truth.tif", "eighth_truth.tif", &|_, v| (v / 8.0).round());
    refused(place.by_truth("eighth_truth.tif", &[]), 4, &["bring both to one unit"]);
    let small = place.path("small");
    assert!(trapan(&["simulate", "-o", &small, "--size", "64"]).status.success());
    let [pan, ms, fused] = ["pan", "ms", "truth"].map(|name| format!("{small}/{name}.tif"));
    refused(trapan(&["assess", "--truth", &ms, "--fused", &ms]), 4, &["the truth is 16x16", "32 pixels"]);
    let found = json(trapan(&["assess", "--pan", &pan, "--ms", &ms, "--fused", &fused, "--json"]));
    assert!(found["consistency"].is_null(), "MS is smaller than a block: {found}");
}

/// The trained degradation network as the response of PAN: section 10 of the method with its own g.
#[test]
fn degradations_commute_by_a_trained_response() {
    let place = Place::new();
    let [pan, ms, out, model] = ["pan.tif", "ms.tif", "fused.tif", "m.safetensors"].map(|name| place.path(name));
    let short = ["--epochs", "2", "--warm-up-epochs", "1", "--dam-epochs", "60", "--device", "cpu"];
    let files = ["--pan", &pan, "--ms", &ms, "-o", &out, "--save-model", &model];
    text(trapan(&[&["fuse"], &files[..], &short].concat()));
    let found = json(place.by_pair(&["--json", "--model", &model]));
    assert_eq!(found["commutation"]["response"], "trained");
    let [trained, linear] =
        [&found, &json(place.by_pair(&["--json"]))].map(|found| float(&found["commutation"]["relative"]));
    assert!(trained > 0.0 && trained < 0.5 && trained != linear, "{trained} {linear}");

    // The response is the network's, in DN.
    let networks = Model::load(model.as_ref()).expect("networks");
    let layer = |x: &[f64], layer: &trapan::net::Layer| -> Vec<f64> {
        let row = |(weights, bias): (&[f32], &f32)| {
            weights.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>() + f64::from(*bias)
        };
        layer.weight.chunks_exact(x.len()).zip(&layer.bias).map(row).collect()
    };
    let sigmoid = |x: Vec<f64>| -> Vec<f64> { x.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect() };
    let dn = [310.0, 420.0, 530.0, 640.0];
    let (offset, scale) = (networks.scale.offset, networks.scale.scale);
    let hidden = sigmoid(layer(&dn.map(|v| (v - offset) / scale), &networks.dam[0]));
    let wanted = layer(&sigmoid(layer(&hidden, &networks.dam[1])), &networks.dam[2])[0] * scale + offset;
    // It is trained on PAN in the unit of MS.
    let [gain, constant] = networks.scale.pan;
    let wanted = (wanted - constant) / gain;
    let given = networks.response()(&dn);
    assert!((given - wanted).abs() < 1e-9 * wanted.abs(), "{given} {wanted}");

    let eight = place.path("eight");
    assert!(trapan(&["simulate", "-o", &eight, "--size", "128", "--bands", "8"]).status.success());
    let [pan, ms, fused] = ["pan", "ms", "truth"].map(|name| format!("{eight}/{name}.tif"));
    let other = trapan(&["assess", "--pan", &pan, "--ms", &ms, "--fused", &fused, "--model", &model]);
    refused(other, 4, &["bands", "4", "8"]);
}

/// Where the toolbox's interpolator cannot double, the true phase is all there is, and nothing need be said.
#[test]
fn other_ratios_are_judged_at_the_true_phase() {
    let place = Place::new();
    let truth = read(place.path("truth.tif").as_ref()).expect("truth");
    let pan = read(place.path("pan.tif").as_ref()).expect("PAN");
    let (side, bands) = (96, truth.bands);
    let at = |image: &[f32], bands: usize, y: usize, x: usize, b: usize| image[(y * 128 + x) * bands + b];
    let fine = |image: &[f32], bands: usize| -> Vec<f32> {
        (0..side * side * bands).map(|i| at(image, bands, i / bands / side, i / bands % side, i % bands)).collect()
    };
    let mean = |i: usize| -> f32 {
        let (y, x, b) = (i / bands / 32 * 3, i / bands % 32 * 3, i % bands);
        (0..9).map(|k| at(&truth.data, bands, y + k / 3, x + k % 3, b)).sum::<f32>() / 9.0
    };
    let save = |name: &str, side: usize, bands: usize, data: &[f32]| {
        let layout = Layout::new([side, side], bands, truth.sample);
        write(place.path(name).as_ref(), &layout, data, None, &Creation::default(), false).expect("written");
        place.path(name)
    };
    let pan = save("pan3.tif", side, 1, &fine(&pan.data, 1));
    let fused = save("fused3.tif", side, bands, &fine(&truth.data, bands));
    let ms = save("ms3.tif", 32, bands, &(0..32 * 32 * bands).map(mean).collect::<Vec<_>>());
    let pair = ["--pan", &pan, "--ms", &ms, "--assume-aligned"];
    let assess = |extra: &[&str]| trapan(&[&["assess"], &pair[..], &["--fused", &fused], extra].concat());
    for extra in [&["--json"][..], &["--json", "--phase", "true"]] {
        let found = json(assess(extra));
        assert!(found["distortion"]["toolbox"].is_null() && found["toolbox_offset"].is_null(), "{found}");
        assert!(float(&found["distortion"]["true"]["hqnr"]) > 0.8, "{found}");
    }
    assert!(!text(assess(&[])).contains("The toolbox's upsampled MS"));
    refused(assess(&["--phase", "toolbox"]), 2, &["ratio 3", "true phase"]);
    let compare = |extra: &[&str]| trapan(&[&["compare", "--methods", "exp,gsa"], &pair[..], extra].concat());
    assert!(text(compare(&[])).contains("MS upsampled to the true grid"));
    refused(compare(&["--phase", "toolbox"]), 2, &["ratio 3"]);
}

#[test]
fn refusals() {
    let place = Place::new();
    refused(trapan(&["assess", "--fused", &place.path("truth.tif")]), 2, &["--pan", "--truth"]);
    refused(place.by_pair(&["--ratio", "4"]), 2, &["--ratio"]);
    refused(place.by_pair(&["--sensor", "wv3"]), 4, &["wv3", "8"]);
    refused(place.by_pair(&["--mtf-gains", "0.3,0.3"]), 2, &["2 MTF gains for 4 bands"]);
    refused(place.by_truth("ms.tif", &[]), 4, &["32x32 with 4 bands, expected 128x128 with 4"]);
    refused(place.by_truth("pan.tif", &[]), 4, &["1 bands, expected 128x128 with 4"]);
    refused(place.by_truth("none.tif", &[]), 3, &["none.tif"]);
    refused(place.by_truth("truth.tif", &["--bit-depth", "2"]), 3, &["2"]);
}
