//! Closed-form fusion against `classical.py`, and where its formulas have no answer.

use serde_json::Value;
use trapan::classical::{ClassicalError, Inputs, Method, TvSettings, fuse};
use trapan::filter::Grid;

use crate::support::formula::{scene, scene_pan};
use crate::support::{Report, data, float, floats, list};

/// A result is f32: seven digits. The oracle is f64 all the way.
const TOLERANCE: f64 = 1e-6;

/// A pair by formula: the bands sampled at `ratio · k + ratio / 2`.
struct Case {
    pan: Vec<f32>,
    ms: Vec<f32>,
    gains: Vec<f64>,
    rows: Grid,
    columns: Grid,
    valid: Option<Vec<bool>>,
}

impl Case {
    fn new(h: usize, w: usize, ratio: usize, gains: &[f64]) -> Self {
        let bands = gains.len();
        let all = scene(h, w, bands);
        let at = |k: usize| ratio * k + ratio / 2;
        let (low_h, low_w) = (h / ratio, w / ratio);
        let pixel = |i: usize| (0..bands).map(move |b| (at(i / low_w), at(i % low_w), b));
        let ms = (0..low_h * low_w).flat_map(pixel).map(|(i, j, b)| all[[0, i, j, b]] as f32).collect();
        let pan = scene_pan(h, w).iter().map(|v| *v as f32).collect();
        let [rows, columns] = [h, w].map(|fine| Grid::aligned(fine, ratio));
        Self { pan, ms, gains: gains.to_vec(), rows, columns, valid: None }
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            pan: &self.pan,
            ms: &self.ms,
            rows: self.rows,
            columns: self.columns,
            ms_gains: &self.gains,
            pan_gain: 0.15,
            interp23: false,
            valid: self.valid.as_deref(),
            tv: TvSettings::default(),
        }
    }

    #[track_caller]
    fn fuse(&self, method: Method) -> Vec<f32> {
        let fused = fuse(method, &self.inputs()).expect("the pair can be fused");
        assert_eq!(fused.len(), self.pan.len() * self.gains.len());
        assert!(fused.iter().all(|v| v.is_finite()), "{method} gives values that are not finite");
        fused
    }
}

#[test]
fn all_methods_are_the_oracle_s() {
    let mut report = Report::default();
    for wanted in list(&data("classical.json")) {
        let size = |name: &str| float(&wanted[name]) as usize;
        let (h, w, ratio) = (size("h"), size("w"), size("ratio"));
        let mut case = Case::new(h, w, ratio, &floats(&wanted["gains"]));
        if let Some(phase) = wanted["phase"].as_f64() {
            case.rows.phase = phase;
            case.columns.phase = phase;
        }
        if wanted["masked"] == true {
            case.valid = Some((0..h * w).map(|i| 3 * (i / w) + 2 * (i % w) >= 40).collect());
        }
        let interp23 = wanted["upsample"] == "interp23";
        let tv = TvSettings { weights: wanted.get("shares").map(floats), ..TvSettings::default() };
        let inputs = Inputs { interp23, pan_gain: float(&wanted["pan_gain"]), tv, ..case.inputs() };
        for method in Method::ALL {
            let fused: Vec<f64> =
                fuse(method, &inputs).expect("the pair can be fused").into_iter().map(f64::from).collect();
            let label = format!("{method} {h}×{w}×{} ratio {ratio}", case.gains.len());
            compare(&mut report, &label, &fused, &wanted[method.name()]);
        }
    }
    report.finish();
}

/// 101 samples spread over the image, its sum and its sum of squares.
fn compare(report: &mut Report, label: &str, found: &[f64], wanted: &Value) {
    for (i, wanted) in floats(&wanted["samples"]).into_iter().enumerate() {
        let at = i * (found.len() - 1) / 100;
        report.near(&format!("{label}[{at}]"), found[at], wanted, TOLERANCE * wanted.abs().max(1.0));
    }
    for (name, sum) in [("sum", found.iter().sum()), ("squares", found.iter().map(|v| v * v).sum::<f64>())] {
        let wanted = float(&wanted[name]);
        report.near(&format!("{label} {name}"), sum, wanted, TOLERANCE * wanted.abs());
    }
}

#[test]
fn names_are_those_of_serde() {
    for method in Method::ALL {
        assert_eq!(serde_json::to_value(method).expect("a name"), Value::from(method.name()));
    }
}

/// Formulas that divide by a variance, a covariance or an intensity of zero.
#[test]
fn flat_images_give_upsampled_bands() {
    let normal = Case::new(32, 32, 4, &[0.3; 3]);
    let flat = |value: f32| Case { pan: vec![value; normal.pan.len()], ..Case::new(32, 32, 4, &[0.3; 3]) };
    let dark = |value: f32| Case { ms: vec![value; normal.ms.len()], ..Case::new(32, 32, 4, &[0.3; 3]) };
    for case in [flat(0.0), flat(400.0), dark(0.0), dark(300.0)] {
        let lms = case.fuse(Method::Exp);
        for method in Method::ALL {
            let fused = case.fuse(method);
            // Nothing ties a flat PAN to the bands, but Brovey sets a flat intensity, BDSD fits PAN as
            // an offset, and total variation smooths: those are only asked to stay finite.
            if !matches!(method, Method::Brovey | Method::BdsdPc | Method::Tv) {
                let worst = lms.iter().zip(&fused).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-3, "{method}: off by {worst}");
            }
        }
    }
}

/// What lies outside the mask changes no result inside, as far as filters do not reach: 20 pixels
/// for the blur and 33 for interp23.
#[test]
fn masked_pixels_enter_no_statistic() {
    let (h, w) = (32, 256);
    let half: Vec<bool> = (0..h * w).map(|i| i % w < 64).collect();
    let pair = || Case { valid: Some(half.clone()), ..Case::new(h, w, 4, &[0.3; 4]) };
    let (case, mut changed) = (pair(), pair());
    for (i, pan) in changed.pan.iter_mut().enumerate() {
        if (150..158).contains(&(i % w)) {
            *pan = 5000.0;
        }
    }
    for method in [Method::Brovey, Method::Gsa, Method::MtfGlpFs, Method::MtfGlpHpmR, Method::BdsdPc] {
        let (a, b) = (case.fuse(method), changed.fuse(method));
        let inside = |i: usize| i / 4 % w < 64;
        let worst = a.iter().zip(&b).enumerate().filter(|(i, _)| inside(*i)).map(|(_, (a, b))| (a - b).abs());
        let worst = worst.fold(0.0, f32::max);
        assert!(worst < 1e-3, "{method}: off by {worst}");
    }
}

/// More iterations come closer to the limit, and the stopping rule lets enough of them run.
#[test]
fn total_variation_converges() {
    let case = Case::new(64, 64, 4, &[0.3; 4]);
    let after = |iterations| {
        let tv = TvSettings { iterations, tolerance: 0.0, ..TvSettings::default() };
        fuse(Method::Tv, &Inputs { tv, ..case.inputs() }).expect("the pair can be fused")
    };
    let limit = after(1000);
    let distance = |a: &[f32]| trapan::quality::rmse(a, &limit);
    let distances: Vec<f64> = [0, 5, 20, 60, 200].map(|n| distance(&after(n))).to_vec();
    assert!(distances.is_sorted_by(|a, b| a > b), "no convergence: {distances:?}");
    let default = distance(&case.fuse(Method::Tv));
    assert!(default < distances[3], "stops too early: {default}, after 60 iterations {}", distances[3]);
}

#[test]
fn refusals() {
    let case = Case::new(32, 32, 4, &[0.3; 3]);
    let refused = |inputs: Inputs<'_>| fuse(Method::Gsa, &inputs).expect_err("refused");
    let short = &case.pan[1..];
    assert!(matches!(refused(Inputs { pan: short, ..case.inputs() }), ClassicalError::Size { what: "PAN", .. }));
    let rows = Grid::aligned(33, 3);
    assert!(matches!(refused(Inputs { rows, ..case.inputs() }), ClassicalError::Grids { .. }));
    let columns = Grid::aligned(33, 3);
    let thirds = Inputs { rows, columns, interp23: true, ..case.inputs() };
    assert!(matches!(refused(thirds), ClassicalError::Grids { .. }));
    let mut pan = case.pan.clone();
    pan[7] = f32::NAN;
    assert!(matches!(refused(Inputs { pan: &pan, ..case.inputs() }), ClassicalError::NotFinite { index: 7, .. }));
    let nothing = vec![false; pan.len()];
    assert!(matches!(refused(Inputs { valid: Some(&nothing), ..case.inputs() }), ClassicalError::NothingValid));
}
