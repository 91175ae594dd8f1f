//! Closed-form fusion against `classical.py`, and where its formulas have no answer.

use std::ops::ControlFlow;

use serde_json::Value;
use trapan::classical::{ClassicalError, Form, FormStream, Inputs, Method, TvSettings, fuse};
use trapan::engine::{Device, Options};
use trapan::filter::{Grid, Upsample};
use trapan::method::apply::{Application, FusedRows, apply};
use trapan::method::config::{Config, Profile, Sensor};
use trapan::method::{Model, Start, baseline};
use trapan::scene::{Image, Scale, Scene, Survey};
use trapan::tiff::{Header, Raster, Sample};

use crate::support::formula::{scene, scene_pan};
use crate::support::{Report, data, float, floats, list};

/// A result is f32: seven digits. The oracle is f64 all the way.
const TOLERANCE: f64 = 1e-6;

/// A pair by formula: the bands sampled at `ratio · k + ratio / 2`.
#[derive(Clone)]
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
            upsample: Upsample::Cubic,
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
        let upsample = if wanted["upsample"] == "interp23" { Upsample::Interp23 } else { Upsample::Cubic };
        let tv = TvSettings { weights: wanted.get("shares").map(floats), ..TvSettings::default() };
        let inputs = Inputs { upsample, pan_gain: float(&wanted["pan_gain"]), tv, ..case.inputs() };
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
    let thirds = Inputs { rows, columns, upsample: Upsample::Interp23, ..case.inputs() };
    assert!(matches!(refused(thirds), ClassicalError::Grids { .. }));
    let mut pan = case.pan.clone();
    pan[7] = f32::NAN;
    assert!(matches!(refused(Inputs { pan: &pan, ..case.inputs() }), ClassicalError::NotFinite { index: 7, .. }));
    let nothing = vec![false; pan.len()];
    assert!(matches!(refused(Inputs { valid: Some(&nothing), ..case.inputs() }), ClassicalError::NothingValid));
}

/// Methods with a closed form.
const CLOSED: [Method; 6] =
    [Method::Exp, Method::Brovey, Method::Gsa, Method::MtfGlpFs, Method::MtfGlpHpmR, Method::BdsdPc];

/// A streamed value is a sum of some fifty rounded products, relative to the largest value of the image.
const STREAMED: f64 = 2e-6;

fn fit(methods: &[Method], inputs: &Inputs<'_>) -> Vec<Form> {
    Form::fit(methods, std::slice::from_ref(inputs)).expect("the pair can be fitted")
}

fn stream(inputs: &Inputs<'_>, forms: &[Form]) -> FormStream {
    FormStream::new([inputs.rows, inputs.columns], inputs.upsample, inputs.ms_gains, forms)
        .expect("the grids can be used")
}

/// Model to one window that is everything, applied to the whole: what [`fuse`] gives.
#[track_caller]
fn streamed_is_fused(report: &mut Report, label: &str, inputs: &Inputs<'_>) {
    let forms = fit(&CLOSED, inputs);
    let (lms, fused) = stream(inputs, &forms).whole(inputs.pan, inputs.ms);
    assert_eq!(lms, fused[0], "upsampled MS is what exp gives");
    for (method, found) in CLOSED.into_iter().zip(&fused) {
        let wanted = fuse(method, inputs).expect("the pair can be fused");
        let largest = wanted.iter().chain(inputs.pan).fold(0.0f32, |a, v| a.max(v.abs()));
        let [found, wanted] = [found, &wanted].map(|v| v.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
        report.all(&format!("{method} {label}"), &found, &wanted, STREAMED * f64::from(largest));
    }
}

#[test]
fn streamed_forms_are_the_reference_s() {
    let mut report = Report::default();
    let gains = [0.34, 0.32, 0.3, 0.22, 0.3];
    for upsample in [Upsample::Cubic, Upsample::Interp23, Upsample::Spline] {
        for (h, w, ratio, bands, phase) in [
            (64, 96, 4, 4, None),
            (61, 83, 4, 3, None),
            (50, 44, 2, 5, None),
            (51, 65, 3, 1, None),
            (75, 60, 5, 2, Some(0.0)),
            (96, 104, 8, 4, Some(3.2)),
            (272, 289, 16, 3, None),
        ] {
            let doubles = usize::is_power_of_two(ratio);
            if upsample == Upsample::Interp23 && !(doubles && h % ratio == 0 && w % ratio == 0) {
                continue;
            }
            let mut case = Case::new(h, w, ratio, &gains[..bands]);
            [case.rows, case.columns] = [h, w].map(|fine| Grid { coarse: fine / ratio, ..Grid::aligned(fine, ratio) });
            if let Some(phase) = phase {
                (case.rows.phase, case.columns.phase) = (phase, phase + 0.4);
            }
            for masked in [false, true] {
                case.valid = masked.then(|| (0..h * w).map(|i| 3 * (i / w) + 2 * (i % w) >= 40).collect());
                let label = format!("{upsample:?} {h}×{w}×{bands} ratio {ratio} masked {masked}");
                streamed_is_fused(&mut report, &label, &Inputs { upsample, ..case.inputs() });
            }
        }
    }
    report.finish();
}

/// A pair of odd sizes for each upsampling.
fn odd_pairs() -> [(Case, Upsample); 3] {
    [(Upsample::Cubic, 203, 61, 4), (Upsample::Interp23, 208, 64, 4), (Upsample::Spline, 187, 67, 3)].map(
        |(upsample, h, w, ratio)| {
            let mut case = Case::new(h, w, ratio, &[0.34, 0.3, 0.3]);
            (case.rows.coarse, case.columns.coarse) = (h / ratio, w / ratio);
            (case, upsample)
        },
    )
}

/// The rows that a strip needs, and nothing else, give the bytes of the whole image, on any number of threads.
#[test]
fn strips_and_threads_change_no_byte() {
    for (case, upsample) in odd_pairs() {
        let inputs = Inputs { upsample, ..case.inputs() };
        let stream = stream(&inputs, &fit(&CLOSED, &inputs));
        let (lms, fused) = stream.whole(&case.pan, &case.ms);
        let (h, w, bands) = (case.rows.fine, case.columns.fine, case.gains.len());
        let line = w * bands;
        for (threads, step) in [(1, 1), (3, 7), (2, 64), (1, h)] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            for first in (0..h).step_by(step) {
                let rows = first..(first + step).min(h);
                let [pan_rows, ms_rows] = stream.needs(rows.clone());
                let pick = |image: &[f32], width: usize, rows: std::ops::Range<usize>| -> Vec<f32> {
                    let height = image.len() / width;
                    rows.flat_map(|row| image[row % height * width..][..width].to_vec()).collect()
                };
                let pan = pick(&case.pan, w, pan_rows.clone());
                let ms = pick(&case.ms, case.columns.coarse * bands, ms_rows);
                let mut found = vec![vec![f32::NAN; rows.len() * line]; 1 + fused.len()];
                let (found_lms, found_fused) = found.split_first_mut().expect("not empty");
                let mut out: Vec<&mut [f32]> = found_fused.iter_mut().map(|f| &mut f[..]).collect();
                pool.install(|| stream.rows(rows.clone(), &pan, &ms, found_lms, &mut out));
                for (found, whole) in found.iter().zip([&lms].into_iter().chain(&fused)) {
                    let whole = &whole[rows.start * line..rows.end * line];
                    assert!(found == whole, "{upsample:?}: rows {rows:?} of {h} differ on {threads} threads");
                }
                let reach = 2 * (13 * case.rows.ratio + 41) + step;
                assert!(pan_rows.len() <= reach.min(h), "{upsample:?}: rows {rows:?} need {pan_rows:?} of PAN");
            }
        }
    }
}

/// 1e5 on every value moves the result by 1e5 and nothing else: f32 then resolves 1/128.
#[test]
fn a_large_offset_moves_the_result() {
    const OFFSET: f32 = 1e5;
    let lift = |values: &[f32]| values.iter().map(|v| v + OFFSET).collect::<Vec<_>>();
    let case = Case::new(96, 120, 4, &[0.34, 0.32, 0.3, 0.22]);
    // So that the lifted values are exactly those plus the offset.
    let whole = |values: &[f32]| values.iter().map(|v| v.round()).collect::<Vec<_>>();
    let case = Case { pan: whole(&case.pan), ms: whole(&case.ms), ..case };
    let lifted = Case { pan: lift(&case.pan), ms: lift(&case.ms), ..Case::new(96, 120, 4, &case.gains) };
    // Formulas that are about differences; the others see ratios of values, which an offset changes.
    let methods = [Method::Exp, Method::Gsa, Method::MtfGlpFs];
    let fused = |case: &Case| {
        let inputs = Inputs { upsample: Upsample::Spline, ..case.inputs() };
        let forms = fit(&methods, &inputs);
        stream(&inputs, &forms).whole(&case.pan, &case.ms).1
    };
    for ((method, low), high) in methods.into_iter().zip(fused(&case)).zip(fused(&lifted)) {
        let error = |(a, b): (&f32, &f32)| (f64::from(*b) - f64::from(OFFSET) - f64::from(*a)).abs();
        let worst = low.iter().zip(&high).map(error).fold(0.0, f64::max);
        // Measured 0.04 to 0.08: some ten roundings of 1/128 in three sums of up to fifty terms.
        assert!(worst < 0.12, "{method}: off by {worst}");
    }
}

/// As [`flat_images_give_upsampled_bands`].
#[test]
fn flat_images_stay_as_they_are_in_strips() {
    let normal = Case::new(64, 64, 4, &[0.3; 3]);
    let flat = |value: f32| Case { pan: vec![value; normal.pan.len()], ..Case::new(64, 64, 4, &[0.3; 3]) };
    let dark = |value: f32| Case { ms: vec![value; normal.ms.len()], ..Case::new(64, 64, 4, &[0.3; 3]) };
    for (case, upsample) in [flat(0.0), flat(400.0), dark(0.0), dark(300.0)]
        .into_iter()
        .flat_map(|case| [Upsample::Cubic, Upsample::Spline].map(|upsample| (case.clone(), upsample)))
    {
        let inputs = Inputs { upsample, ..case.inputs() };
        let forms = fit(&CLOSED, &inputs);
        let (lms, fused) = stream(&inputs, &forms).whole(&case.pan, &case.ms);
        for (method, fused) in CLOSED.into_iter().zip(&fused) {
            assert!(fused.iter().all(|v| v.is_finite()), "{method} gives values that are not finite");
            if !matches!(method, Method::Brovey | Method::BdsdPc) {
                let worst = lms.iter().zip(fused).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-3, "{method} {upsample:?}: off by {worst}");
            }
        }
    }
}

/// Statistics of windows are those of their pixels together: the same window twice is that window, and one
/// without a valid pixel is none.
#[test]
fn windows_are_pooled() {
    let (a, b) = (Case::new(64, 48, 4, &[0.3, 0.25]), Case::new(40, 64, 4, &[0.3, 0.25]));
    let nothing = Case { valid: Some(vec![false; 64 * 48]), ..a.clone() };
    let fit = |cases: &[&Case]| {
        Form::fit(&CLOSED, &cases.iter().map(|case| case.inputs()).collect::<Vec<_>>()).expect("can be fitted")
    };
    assert_eq!(fit(&[&a]), fit(&[&nothing, &a, &nothing]));
    let coefficients = |form: &Form| -> Vec<f64> {
        fn numbers(value: &Value, all: &mut Vec<f64>) {
            match value {
                Value::Array(values) => values.iter().for_each(|v| numbers(v, all)),
                Value::Object(values) => values.values().for_each(|v| numbers(v, all)),
                value => all.extend(value.as_f64()),
            }
        }
        let mut all = Vec::new();
        numbers(&serde_json::to_value(form).expect("plain values"), &mut all);
        all
    };
    let mut report = Report::default();
    let near = |report: &mut Report, label: &str, found: &[Form], wanted: &[Form]| {
        for ((method, found), wanted) in CLOSED.into_iter().zip(found).zip(wanted) {
            for (found, wanted) in coefficients(found).into_iter().zip(coefficients(wanted)) {
                report.near(&format!("{label} {method}"), found, wanted, 1e-9 * wanted.abs().max(1.0));
            }
        }
    };
    near(&mut report, "twice", &fit(&[&a, &a])[1..], &fit(&[&a])[1..]);
    near(&mut report, "order", &fit(&[&a, &b]), &fit(&[&b, &a]));
    report.finish();
    assert_ne!(fit(&[&a, &b])[3], fit(&[&a])[3], "a second window has its say");
    assert!(matches!(Form::fit(&[Method::Exp], &[nothing.inputs()]), Err(ClassicalError::NothingValid)));
    let no_form = Form::fit(&[Method::Gsa, Method::Tv], &[a.inputs()]);
    assert!(matches!(no_form, Err(ClassicalError::NoForm { method: Method::Tv })));
}

/// A pair with holes in both images.
fn scene_with_nodata(case: &Case) -> Scene<'static> {
    let raster = |data: &[f32], grids: [usize; 2], bands: usize, hole: usize| {
        let mut data = data.to_vec();
        data[hole * bands..(hole + 3) * bands].fill(f32::NAN);
        Raster::new(Header::new("image.tif", Sample::F32, [grids[1], grids[0], bands]), data)
    };
    let (rows, columns) = (case.rows, case.columns);
    let pan = raster(&case.pan, [rows.fine, columns.fine], 1, 5 * columns.fine + 30);
    let ms = raster(&case.ms, [rows.coarse, columns.coarse], case.gains.len(), 20 * columns.coarse + 7);
    Scene::on_grids(pan, ms, [rows, columns])
}

/// Strips of a scene, read from it, give what the scene gives whole, nodata and windows included.
#[test]
fn scenes_pass_by_in_strips() {
    let case = Case::new(160, 128, 4, &[0.3; 3]);
    let scene = scene_with_nodata(&case);
    let survey = Survey::of(&scene).expect("there are values");
    let filled = scene.filled().expect("there are values");
    let filled_valid = filled.fusable().raster().expect("in memory").valid;
    for (upsample, train_size) in [(Upsample::Cubic, 512), (Upsample::Interp23, 512), (Upsample::Spline, 64)] {
        let config = Config::new(Sensor::Generic, Profile::Trapan, 3).expect("three bands");
        // Gaps filled from beside them, as in the pair that is fused whole.
        let config = Config { upsample, train_size, robust: true, ..config };
        for method in CLOSED {
            let mut wanted = Vec::new();
            let mut whole = |rows: FusedRows| {
                wanted.extend(rows.hrms);
                Ok(())
            };
            baseline(method, &filled, &config, &mut whole).expect("the scene can be fused");
            let form = baseline::fit(&[method], &scene, &survey, &config).expect("it can be fitted").remove(0);
            // In DN, as the whole is fused.
            let scale = Scale {
                offset: 0.0,
                scale: 1.0,
                bits: None,
                declared: true,
                range: [0.0, 65535.0],
                pan: [1.0, 0.0],
                bounds: None,
            };
            let model = Model {
                config: config.clone(),
                bands: 3,
                ratio: 4,
                scale,
                means: survey.means.clone(),
                fusion: Vec::new(),
                statistics: Vec::new(),
                dam: Vec::new(),
                start: Some(Start { form, methods: vec![method; 3] }),
                judgement: None,
                sides: 1,
                nu: vec![None; 3],
            };
            for memory in [0, 3_000_000, u64::MAX] {
                let (device, options) = (&Device::cpu(2), Options::default());
                let part = [0..160, 0..128];
                let job = Application { scene: &scene, model: &model, device, options, part, memory, lms: true };
                let (mut hrms, mut valid, mut strips) = (Vec::new(), Vec::new(), 0);
                let mut take = |rows: FusedRows| {
                    assert_eq!(rows.lms.len(), rows.hrms.len());
                    hrms.extend(rows.hrms);
                    valid.extend(rows.valid.expect("there are holes"));
                    strips += 1;
                    Ok(())
                };
                apply(&job, &mut take, &mut |_| ControlFlow::Continue(())).expect("it can be fused");
                assert!(hrms == wanted, "{method} {upsample:?}: strips differ from the whole");
                assert_eq!(Some(&valid), filled_valid.as_ref());
                assert_eq!(
                    strips,
                    if memory == 0 {
                        10
                    } else if memory == u64::MAX {
                        1
                    } else {
                        strips
                    }
                );
            }
        }
    }
}
