//! Rung 2: the textbook functions and the kernels' references against `golden.json`,
//! values of PyTorch and numpy. The cases are those where plausible wrong formulas differ:
//! odd sizes, `Ci ≠ Co`, `H ≠ W`, ratios 2, 4 and 8, images smaller than the filter.

use std::path::Path;

use ndarray::{Array2, Array4};
use serde_json::Value;
use trapan::filter::{Grid, upsample_spline};
use trapan::graph::{AnyStep, Args, ProgramBuilder, Role, Shape};
use trapan::kernels::Step;
use trapan::kernels::adam::{self, Adam};
use trapan::kernels::conv2d::{conv2d, conv2d_grad_input, conv2d_grad_weight};
use trapan::kernels::image::reference_features;
use trapan::kernels::resample::{Axis, reference_resample};
use trapan::kernels::{loss, mlp, turn};

use crate::support::formula::{self, DAM_GOLDEN, wave};
use crate::support::textbook::{self, Dam, Degradation, Fusion, mse};
use crate::support::{Report, data, float, floats, list, python, sizes};

/// Both sides are f64; sums have up to 10⁴ terms.
const TOLERANCE: f64 = 1e-9;

fn case<const N: usize>(v: &Value) -> [usize; N] {
    sizes(&v["shape"]).try_into().expect("as many sizes as the case has")
}

fn flat(a: &Array4<f64>) -> Vec<f64> {
    a.iter().copied().collect()
}

#[test]
fn convolution() {
    let mut report = Report::default();
    for wanted in list(&data("golden.json")["conv2d"]) {
        let [n, h, w, ci, co] = case(wanted);
        let x = formula::image([n, h, w, ci], 0.7, 0.1);
        let weight = 0.5 * formula::image([3, 3, ci, co], 0.9, 0.2);
        let dy = formula::image([n, h, w, co], 1.1, 0.3);
        let y = conv2d(x.view(), weight.view(), &wave(co, 0.3, 0.5, 1.0));
        let dx = conv2d_grad_input(dy.view(), weight.view());
        let (dw, db) = conv2d_grad_weight(x.view(), dy.view(), 0..n * h);
        for (name, found) in [("y", flat(&y)), ("dx", flat(&dx)), ("dw", flat(&dw)), ("db", db.to_vec())] {
            report.digest(&format!("{:?} {name}", [n, h, w, ci, co]), &found, &wanted[name], TOLERANCE);
        }
    }
    report.finish();
}

#[test]
fn per_pixel_network() {
    let mut report = Report::default();
    for wanted in list(&data("golden.json")["mlp"]) {
        let [pixels, c, d] = case(wanted);
        let parameter = wave(mlp::weight_len(c, d), 0.7, 0.2, 0.8);
        let weights = mlp::MlpWeights::new(&parameter, c, d);
        let (x, dy) = (wave(pixels * c, 0.7, 0.1, 1.0), wave(pixels, 1.1, 0.3, 1.0));
        let (mut y, mut dx, mut dw) = (Vec::new(), Vec::new(), vec![0.0; parameter.len()]);
        for (x, dy) in x.chunks_exact(c).zip(&dy) {
            y.push(mlp::mlp(x, &weights));
            let (at_x, at_w) = mlp::mlp_backward(x, &weights, *dy);
            dx.extend(at_x);
            dw.iter_mut().zip(at_w).for_each(|(sum, term)| *sum += term);
        }
        for (name, found) in [("y", &y), ("dx", &dx), ("dw", &dw)] {
            report.digest(&format!("{:?} {name}", [pixels, c, d]), found, &wanted[name], TOLERANCE);
        }
    }
    report.finish();
}

#[test]
fn degradation_and_its_adjoint() {
    let mut report = Report::default();
    for wanted in list(&data("golden.json")["degrade"]) {
        let [h, w, c] = case(wanted);
        let ratio = float(&wanted["ratio"]) as usize;
        let degradation = Degradation::new(&floats(&wanted["gains"]), ratio);
        let x = formula::image([1, h, w, c], 0.7, 0.1);
        let dy = formula::image([1, h / ratio, w / ratio, c], 1.1, 0.3);
        let label = |name| format!("ratio {ratio} {h}×{w} {name}");
        report.digest(&label("y"), &flat(&degradation.apply(x.view())), &wanted["y"], TOLERANCE);
        report.digest(&label("dx"), &flat(&degradation.adjoint(dy.view(), (h, w))), &wanted["dx"], TOLERANCE);
    }
    report.finish();
}

/// A dense matrix as a table of the banded kernel: the whole input per output, starting
/// somewhere inside, so that positions wrap.
fn table(matrix: &Array2<f64>) -> (Array4<f64>, Vec<f64>) {
    let (out, n) = matrix.dim();
    let start = |k: usize| (3 * k + 1) % n;
    let taps = Array4::from_shape_fn((1, out, n, 1), |(_, k, t, _)| matrix[[k, (start(k) + t) % n]]);
    (taps, (0..out).map(|k| start(k) as f64).collect())
}

/// Both axes of an image operator through the kernel's reference.
fn resample(x: &Array4<f64>, rows: &Array2<f64>, columns: &Array2<f64>) -> Array4<f64> {
    let ((by_row, row_start), (by_column, column_start)) = (table(rows), table(columns));
    let tall = reference_resample(x.view(), by_row.view(), &row_start, Axis::Y);
    reference_resample(tall.view(), by_column.view(), &column_start, Axis::X)
}

#[test]
fn upsampling() {
    let golden = data("golden.json");
    let mut report = Report::default();
    let operators: [(&str, textbook::Line); 2] =
        [("upsample_cubic", textbook::cubic_upsampling), ("interp23", textbook::interp23)];
    for (name, matrix) in operators {
        for wanted in list(&golden[name]) {
            let [h, w, c] = case(wanted);
            let ratio = float(&wanted["ratio"]) as usize;
            let x = formula::image([1, h, w, c], 0.7, 0.1);
            let (rows, columns) = (matrix(h, ratio), matrix(w, ratio));
            let label = format!("{name} ratio {ratio} {h}×{w}");
            report.digest(&label, &flat(&textbook::upsample(x.view(), ratio, matrix)), &wanted["y"], TOLERANCE);
            report.digest(&format!("{label} banded"), &flat(&resample(&x, &rows, &columns)), &wanted["y"], TOLERANCE);
            if let Some(adjoint) = wanted.get("dx") {
                let dy = formula::image([1, h * ratio, w * ratio, c], 1.1, 0.3);
                let dx = resample(&dy, &rows.t().to_owned(), &columns.t().to_owned());
                report.digest(&format!("{label} adjoint"), &flat(&dx), adjoint, TOLERANCE);
            }
        }
    }
    report.finish();
}

/// The table ends where weights fall below 1e-5 of them, twice: on either side.
const SPLINE_TOLERANCE: f64 = 2e-5;

#[test]
fn spline_upsampling() {
    let mut report = Report::default();
    for wanted in list(&data("golden.json")["spline"]) {
        let [n, fine] = case(wanted);
        let ratio = float(&wanted["ratio"]) as usize;
        let (x, grid) = (wave(n, 0.7, 0.1, 1.0), Grid { coarse: n, ..Grid::aligned(fine, ratio) });
        let label = format!("ratio {ratio} {n}→{fine}");
        report.all(&label, &upsample_spline(grid).apply(|k| x[k]), &floats(&wanted["y"]), SPLINE_TOLERANCE);
    }
    report.finish();
}

#[test]
fn charbonnier_loss() {
    let mut report = Report::default();
    for wanted in list(&data("golden.json")["charbonnier"]) {
        let [n, h, w, c] = case(wanted);
        let len = n * h * w * c;
        let (y, target) = (wave(len, 0.7, 0.1, 1.0), wave(len, 0.9, 0.2, 1.0));
        let weight = wave(n * h * w, 1.1, 0.3, 0.9);
        let (factors, mut dy) = ((1.0, float(&wanted["bend"])), vec![0.0; len]);
        let sum = loss::reference_charbonnier(&y, &target, |i| 1.0 + weight[i / c], factors, &mut dy);
        report.near(&format!("{:?} loss", [n, h, w, c]), sum, float(&wanted["loss"]), TOLERANCE * sum);
        report.digest(&format!("{:?} dy", [n, h, w, c]), &dy, &wanted["dy"], TOLERANCE);
    }
    report.finish();
}

#[test]
fn what_the_network_sees() {
    let mut report = Report::default();
    for wanted in list(&data("golden.json")["features"]) {
        let [n, h, w, c] = case(wanted);
        let (pan, lms) = (formula::image([n, h, w, 1], 0.7, 0.1), formula::image([n, h, w, c], 0.9, 0.2));
        let d = flat(&reference_features(pan.view(), lms.view()));
        report.digest(&format!("{:?}", [n, h, w, c]), &d, &wanted["d"], TOLERANCE);
    }
    report.finish();
}

/// A convolution with turned weights is that of the turned image, turned back.
#[test]
fn turned_weights() {
    let mut report = Report::default();
    for wanted in list(&data("golden.json")["turn"]) {
        let [h, w, ci, co] = case(wanted);
        let which = float(&wanted["turn"]) as usize;
        let weight = wave(co * ci * 9, 0.9, 0.2, 1.0);
        let turned: Vec<f64> = (0..weight.len()).map(|i| weight[i - i % 9 + turn::place(which, i % 9, 3)]).collect();
        let x = formula::array([1, ci, h, w], wave(ci * h * w, 0.7, 0.1, 1.0)).permuted_axes([0, 2, 3, 1]);
        let kernel = textbook::to_kernel_layout(&[co, ci, 3, 3], &turned);
        let y = conv2d(x.view(), kernel.view(), &vec![0.0; co]).permuted_axes([0, 3, 1, 2]);
        report.digest(&format!("turn {which}"), &flat(&y), &wanted["y"], TOLERANCE);
    }
    report.finish();
}

/// Runs the kernel's reference, with the constants it gets from a plan: those are f32,
/// which moves a step of 5e-4 by about 3e-11.
fn adam_trace(theta: Vec<f64>, lr: f64, gradients: impl Iterator<Item = Vec<f64>>) -> Vec<Vec<f64>> {
    let shape = Shape::flat(theta.len());
    let mut builder = ProgramBuilder::new();
    let mut plan = builder.plan("adam");
    let [w, m, v] = [("w", Role::Param), ("m", Role::State), ("v", Role::State)].map(|(n, r)| plan.tensor(n, shape, r));
    let g = plan.tensor("g", shape, Role::Input);
    plan.trains(w);
    adam::adam(&mut plan, Adam::default(), w, g, m, v);
    let plan = plan.finish();
    let program = builder.finish().expect("one update passes the checks");
    let call = &program.plan(plan).calls[0];

    let (mut w, mut m, mut v) = (theta, vec![0.0; shape.len()], vec![0.0; shape.len()]);
    let mut update = |(t, g): (usize, Vec<f64>)| {
        let step: Step = Adam::default().step(lr, t as u32 + 1);
        let mut args = Args::new(&call.params, step.bytes());
        args.push_write(shape, &mut w);
        args.push_read(shape, &g);
        args.push_write(shape, &mut m);
        args.push_write(shape, &mut v);
        (call.kernel.reference.f64)(&mut args);
        w.clone()
    };
    gradients.enumerate().map(&mut update).collect()
}

#[test]
fn adam_updates() {
    let mut report = Report::default();
    let wanted = &data("golden.json")["adam"];
    let scale = floats(&wanted["scale"]);
    let gradient = |t: usize| {
        let wave = wave(scale.len(), 1.3, 0.7 * t as f64, 1.0);
        wave.iter().zip(&scale).map(|(g, s)| g * s).collect()
    };
    let found = adam_trace(formula::cosine(scale.len(), 1.0, 0.0, 1.0), 5e-4, (0..10).map(gradient));
    for (t, (found, wanted)) in found.iter().zip(list(&wanted["theta"])).enumerate() {
        report.all(&format!("step {t}"), found, &floats(wanted), TOLERANCE);
    }
    let wanted = &data("reference.json")["adam"];
    let gradients = floats(&wanted["grads"]).into_iter().map(|g| vec![g]);
    let found = adam_trace(vec![float(&wanted["theta0"])], float(&wanted["lr"]), gradients).concat();
    report.all("reference", &found, &floats(&wanted["theta"]), TOLERANCE);
    report.finish();
}

/// The first losses of each phase come from the textbook networks alone, without an update.
#[test]
fn first_losses() {
    let mut report = Report::default();
    for case in list(&data("golden.json")["steps"]) {
        let [ratio, c] = ["ratio", "bands"].map(|key| float(&case[key]) as usize);
        let [h, w] = sizes(&case["pan"]).try_into().expect("two sizes");
        let (pan, ms) = formula::pair(h, w, c, ratio);
        let fusion = Fusion::new(&formula::fusion_weights(c));
        let dam = Dam::new(&formula::dam_weights(c, &DAM_GOLDEN));
        let bands = Degradation::new(&floats(&case["ms_gains"]), ratio);
        let lms = textbook::upsample(ms.view(), ratio, textbook::cubic_upsampling);
        let reduced_pan = Degradation::new(&[float(&case["pan_gain"])], ratio).apply(pan.view());
        let reduced_lms = textbook::upsample(bands.apply(ms.view()).view(), ratio, textbook::cubic_upsampling);
        for (name, image) in [("lms", &lms), ("reduced_pan", &reduced_pan), ("reduced_lms", &reduced_lms)] {
            report.digest(&format!("ratio {ratio} {name}"), &flat(image), &case["inputs"][name], TOLERANCE);
        }

        let fused = fusion.forward(lms.view(), pan.view()).0;
        let spectral = mse(&dam.forward(&fused), pan.view()).0;
        let spatial = mse(&bands.apply(fused.view()), ms.view()).0;
        let wanted = floats(&case["full"]["losses"][0]);
        report.all("full", &[spectral, spatial, spectral + 8.0 * spatial], &wanted, TOLERANCE);

        let crops: Vec<[u32; 4]> = list(&case["crops"])
            .iter()
            .map(|crop| {
                let [row, column, flip] = sizes(crop).try_into().expect("row, column, flip");
                [row as u32, column as u32, flip as u32, 0]
            })
            .collect();
        let take = |image: &Array4<f64>, which: &[usize]| {
            let picked: Vec<_> = which.iter().map(|k| crops[*k]).collect();
            trapan::kernels::image::reference_crop(image.view(), &picked, ms.dim().1 / 2, ms.dim().2 / 2)
        };
        let batch = sizes(&case["batches"][0]);
        let fused = fusion.forward(take(&reduced_lms, &batch).view(), take(&reduced_pan, &batch).view()).0;
        let reduced = mse(&fused, take(&ms, &batch).view()).0;
        report.near("reduced", reduced, float(&case["reduced"]["losses"][0]), TOLERANCE);

        let crop = &sizes(&case["dam_crops"])[..1];
        let squeezed = dam.forward(&take(&ms, crop));
        let loss = mse(&squeezed, take(&reduced_pan, crop).view()).0;
        report.near("dam", loss, float(&case["dam"]["losses"][0]), TOLERANCE);
    }
    report.finish();
}

/// Every number of two JSON trees, in f64 within 1e-9; single-precision losses within what
/// another order of sums does to ten steps.
fn same_tree(report: &mut Report, at: &str, found: &Value, wanted: &Value) {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            assert!(found.keys().eq(wanted.keys()), "{at}: keys differ");
            found.iter().for_each(|(key, value)| same_tree(report, &format!("{at}.{key}"), value, &wanted[key]));
        }
        (Value::Array(found), Value::Array(wanted)) => {
            assert_eq!(found.len(), wanted.len(), "{at}: lengths");
            let pairs = found.iter().zip(wanted).enumerate();
            pairs.for_each(|(i, (found, wanted))| same_tree(report, &format!("{at}[{i}]"), found, wanted));
        }
        _ => {
            let tolerance = if at.contains("losses_f32") { 1e-4 } else { TOLERANCE };
            report.near(at, float(found), float(wanted), tolerance * float(wanted).abs().max(1e-3));
        }
    }
}

/// A digest must notice one wrong element anywhere, and two that changed places.
#[test]
fn digests_notice_mistakes() {
    let wanted = &data("golden.json")["conv2d"][0];
    let [n, h, w, ci, co] = case(wanted);
    let x = formula::image([n, h, w, ci], 0.7, 0.1);
    let weight = 0.5 * formula::image([3, 3, ci, co], 0.9, 0.2);
    let y = flat(&conv2d(x.view(), weight.view(), &wave(co, 0.3, 0.5, 1.0)));
    let failures = |change: &dyn Fn(&mut Vec<f64>)| {
        let (mut y, mut report) = (y.clone(), Report::default());
        change(&mut y);
        report.digest("y", &y, &wanted["y"], TOLERANCE);
        report.failures().len()
    };
    assert_eq!(failures(&|_| ()), 0);
    assert!(failures(&|y| y[0] += 1e-6) >= 1);
    assert!(failures(&|y| y[101] += 1e-6) >= 1);
    assert!(failures(&|y| y.swap(101, 102)) >= 1);
    assert!(failures(&|y| y[101] = f64::NAN) >= 1);
}

/// The committed values are those the committed script makes.
#[test]
fn script_makes_the_committed_values() {
    let Some(mut python) = python("golden.py", &["torch", "numpy"]) else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden.py");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = folder.path().join("golden.json");
    let output = python.args([&script, &made]).output().expect("python3 starts");
    assert!(output.status.success(), "golden.py failed:\n{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(made).expect("golden.py wrote its file");
    let mut report = Report::default();
    same_tree(&mut report, "golden", &serde_json::from_str(&text).expect("JSON"), &data("golden.json"));
    report.finish();
}
