//! Rung 2: the textbook functions against `reference.json`, numbers of float64 programs
//! that share nothing with this one.

use ndarray::Array4;
use serde_json::Value;
use trapan::kernels::conv2d::weight_len;

use crate::support::formula::{self, DAM_REFERENCE};
use crate::support::textbook::{self, Dam, Degradation, Fusion, mse};
use crate::support::{Report, data, float, floats, list, sizes};

/// The file's numbers are printed with 10 or more decimals.
const TOLERANCE: f64 = 1e-9;

/// The file's filter taps are printed with 14 decimals.
const TAP_TOLERANCE: f64 = 1e-13;

/// Central differences of a loss near 0.6 with a step near 1e-5 carry a rounding of about
/// 1e-16 · 0.6 / 1e-5 = 6e-12; 5e-12 is the largest seen. The smallest gradient is 1.6e-5.
const DIFFERENCE_TOLERANCE: f64 = 2e-11;

#[test]
fn training_kernels() {
    let file = data("reference.json");
    let mut report = Report::default();
    report.all("window", &textbook::kaiser()[20..], &floats(&file["kaiser_half"]), 1e-12);
    for wanted in list(&file["training_kernels"]) {
        let (sensor, gain) = (&wanted["sensor"], float(&wanted["gain"]));
        let kernel = textbook::training_kernel(gain, 4);
        report.near(&format!("{sensor} alpha"), textbook::alpha(gain, 4), float(&wanted["alpha"]), 1e-12);
        report.all(&format!("{sensor} line"), &textbook::line(gain, 4)[20..], &floats(&wanted["line"]), TAP_TOLERANCE);
        let row: Vec<f64> = (20..41).map(|j| kernel[[20, j]]).collect();
        report.all(&format!("{sensor} row"), &row, &floats(&wanted["centre_row"]), TAP_TOLERANCE);
        let column: Vec<f64> = (20..41).map(|i| kernel[[i, 20]]).collect();
        report.all(&format!("{sensor} column"), &column, &floats(&wanted["centre_column"]), TAP_TOLERANCE);
        for (i, row) in list(&wanted["centre"]).iter().enumerate() {
            let found: Vec<f64> = (18..23).map(|j| kernel[[18 + i, j]]).collect();
            report.all(&format!("{sensor} centre {i}"), &found, &floats(row), 1e-12);
        }
        let squares = kernel.iter().map(|v| v * v).sum();
        report.near(&format!("{sensor} squares"), squares, float(&wanted["squares"]), TAP_TOLERANCE);
    }
    report.finish();
}

#[test]
fn decimation_and_interp23() {
    let file = data("reference.json");
    let mut report = Report::default();
    let matrix = textbook::decimation(64, 4);
    let taps: Vec<f64> = (28..32).map(|p| matrix[[7, p]]).collect();
    report.all("quarter taps", &taps, &floats(&file["quarter_taps"]), 1e-15);
    let line = &file["interp23"]["line"];
    let x = ndarray::Array1::from(floats(&line["x"]));
    report.all("line", &textbook::interp23(8, 4).dot(&x).to_vec(), &floats(&line["y"]), TOLERANCE);
    let impulse = &file["interp23"]["impulse"];
    let [len, at, first] = ["len", "at", "first"].map(|key| float(&impulse[key]) as usize);
    let response = textbook::interp23(len, 4).column(at).to_vec();
    let wanted = floats(&impulse["y"]);
    report.all("impulse", &response[first..first + wanted.len()], &wanted, 1e-13);
    let outside: f64 = response[..first].iter().chain(&response[first + wanted.len()..]).map(|v| v.abs()).sum();
    report.near("impulse elsewhere", outside, 0.0, 0.0);
    report.finish();
}

/// Values at listed pixels, band by band.
fn points(report: &mut Report, label: &str, image: &Array4<f64>, wanted: &Value) {
    for point in list(wanted) {
        let at = sizes(&point["at"]);
        let found: Vec<f64> = image.slice(ndarray::s![0, at[0], at[1], ..]).to_vec();
        report.all(&format!("{label} {at:?}"), &found, &floats(&point["value"]), TOLERANCE);
    }
}

#[test]
fn degradation_of_a_scene() {
    let file = &data("reference.json")["scene"];
    let mut report = Report::default();
    let scene = formula::scene(64, 64, 4);
    let degraded = |gains: &[f64], x: &Array4<f64>| Degradation::new(gains, 4).apply(x.view());
    let images = [
        ("degraded_bands", degraded(&[0.34, 0.32, 0.30, 0.22], &scene)),
        ("degraded_pan", degraded(&[0.15], &formula::scene_pan(64, 64))),
    ];
    for (name, image) in images {
        let wanted = &file[name];
        points(&mut report, name, &image, &wanted["points"]);
        let mean = image.mean().expect("not empty");
        report.near(&format!("{name} mean"), mean, float(&wanted["mean"]), TOLERANCE);
        report.near(&format!("{name} deviation"), image.std(0.0), float(&wanted["deviation"]), TOLERANCE);
    }
    let ms = scene.slice(ndarray::s![.., 2..;4, 2..;4, ..]);
    let upsampled = textbook::upsample(ms, 4, textbook::interp23);
    points(&mut report, "interp23", &upsampled, &file["upsampled_interp23"]["points"]);
    report.finish();
}

/// The 16 × 16 pair of 4 bands, and both networks on it.
struct Case {
    lms: Array4<f64>,
    pan: Array4<f64>,
    ms: Array4<f64>,
    fusion: Fusion,
    dam: Dam,
    degradation: Degradation,
}

impl Case {
    fn new() -> Self {
        let wave = |i: usize, j: usize, a: f64, b: f64| a * i as f64 + b * j as f64;
        let lms = |(_, i, j, c)| 0.5 + 0.3 * (wave(i, j, 0.2, 0.1) + c as f64).sin();
        let ms = |(_, i, j, c)| 0.5 + 0.2 * (wave(i, j, 0.5, 0.4) + c as f64).sin();
        Self {
            lms: Array4::from_shape_fn((1, 16, 16, 4), lms),
            pan: Array4::from_shape_fn((1, 16, 16, 1), |(_, i, j, _)| 0.5 + 0.3 * wave(i, j, 0.15, -0.05).cos()),
            ms: Array4::from_shape_fn((1, 4, 4, 4), ms),
            fusion: Fusion::new(&formula::fusion_weights(4)),
            dam: Dam::new(&formula::dam_weights(4, &DAM_REFERENCE)),
            degradation: Degradation::new(&[0.34, 0.32, 0.30, 0.22], 4),
        }
    }
}

#[test]
fn networks_and_losses() {
    let file = &data("reference.json")["network"];
    let mut report = Report::default();
    let case = Case::new();
    let (fused, _) = case.fusion.forward(case.lms.view(), case.pan.view());
    points(&mut report, "fused", &fused, &file["fused"]);
    let dam = case.dam.forward(&fused);
    points(&mut report, "dam", &dam, &file["dam"]);
    let degraded = case.degradation.apply(fused.view());
    let spatial = mse(&degraded, case.ms.view()).0;
    let spectral = mse(&dam, case.pan.view()).0;
    let numbers = [
        ("fused_sum", fused.sum()),
        ("fused_squares", fused.iter().map(|v| v * v).sum()),
        ("dam_of_lms_sum", case.dam.forward(&case.lms).sum()),
        ("spatial_loss", spatial),
        ("spectral_loss", spectral),
        ("full_loss", 8.0 * spatial + spectral),
    ];
    for (name, found) in numbers {
        report.near(name, found, float(&file[name]), TOLERANCE);
    }
    let half = Array4::from_elem(fused.dim(), 0.5);
    report.near("loss_to_half", mse(&fused, half.view()).0, float(&file["loss_to_half"]), TOLERANCE);
    report.finish();
}

#[test]
fn gradients_of_the_losses() {
    let file = &data("reference.json")["network"];
    let mut report = Report::default();
    let case = Case::new();
    let (fused, inputs) = case.fusion.forward(case.lms.view(), case.pan.view());

    let dam = case.dam.forward(&fused);
    let spectral = case.dam.backward(&fused, &mse(&dam, case.pan.view()).1);
    let degraded = case.degradation.apply(fused.view());
    let spatial = case.degradation.adjoint(mse(&degraded, case.ms.view()).1.view(), (16, 16));
    let full = case.fusion.backward(&inputs, &(spectral + 8.0 * spatial));

    let half = Array4::from_elem(fused.dim(), 0.5);
    let to_half = case.fusion.backward(&inputs, &mse(&fused, half.view()).1);

    for (name, gradients) in [("full_gradient", &full), ("half_gradient", &to_half)] {
        for wanted in list(&file[name]) {
            let [tensor, index] = ["tensor", "index"].map(|key| float(&wanted[key]) as usize);
            let (dw, db) = &gradients[tensor / 2];
            // Even tensors are weights; the index counts in PyTorch's layout.
            let torch = dw.view().permuted_axes([3, 2, 0, 1]);
            let found = if tensor % 2 == 1 { db[index] } else { *torch.iter().nth(index).expect("index is inside") };
            let wanted = float(&wanted["value"]);
            report.near(&format!("{name} of tensor {tensor}[{index}]"), found, wanted, DIFFERENCE_TOLERANCE);
        }
    }
    report.finish();
}

#[test]
fn parameter_counts() {
    let file = &data("reference.json")["parameters"];
    let total = |tensors: &[formula::Named]| tensors.iter().map(|(_, _, v)| v.len()).sum::<usize>();
    for [bands, count] in list(&file["fusion"]).iter().map(|v| <[usize; 2]>::try_from(sizes(v)).expect("a pair")) {
        assert_eq!(total(&formula::fusion_weights(bands)), count);
        assert_eq!(weight_len(bands, 32) + 8 * weight_len(32, 32) + weight_len(32, bands), count);
    }
    for [bands, count] in list(&file["dam"]).iter().map(|v| <[usize; 2]>::try_from(sizes(v)).expect("a pair")) {
        assert_eq!(total(&formula::dam_weights(bands, &DAM_REFERENCE)), count);
        assert_eq!(trapan::kernels::mlp::weight_len(bands, 32), count);
    }
}
