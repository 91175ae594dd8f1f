//! Rung 2 of quality: its numbers against programs that share nothing with it.

use ndarray::Array4;
use trapan::filter::{Grid, MetricBlur, metric_kernel, shrink};
use trapan::quality::{self, Blurred, Image, Phase, Reference, Resampled, Rows, Setup};

use crate::support::formula::{scene, scene_pan};
use crate::support::{Report, data, float, floats, list, sizes};

/// The file's numbers are float64, printed in full.
const TOLERANCE: f64 = 1e-9;

/// An image of whole numbers in f32, which holds them exactly.
struct Scene {
    data: Vec<f32>,
    size: [usize; 2],
}

impl Scene {
    fn of(image: &Array4<f64>) -> Self {
        let (_, h, w, _) = image.dim();
        Self { data: image.iter().map(|v| *v as f32).collect(), size: [h, w] }
    }

    fn image(&self) -> Image<'_> {
        Image { data: &self.data, valid: None, size: self.size }
    }
}

/// The truth of `reference.json` and what stands for its fused image.
fn truth_and_fused(h: usize, w: usize, c: usize) -> (Array4<f64>, Array4<f64>) {
    let truth = scene(h, w, c);
    let error = |(_, i, j, b): (usize, usize, usize, usize)| ((5 * i + 3 * j + 11 * b) % 23) as f64 - 11.0;
    let fused = Array4::from_shape_fn(truth.dim(), |at| truth[at] + error(at));
    (truth, fused)
}

fn setup(sensor: &str, h: usize, w: usize, ratio: usize) -> Setup {
    let (ms_gains, pan_gain) = match sensor {
        "qb" => (vec![0.34, 0.32, 0.30, 0.22], 0.15),
        _ => (vec![0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315], 0.14),
    };
    let (rows, columns) = (Grid::aligned(h, ratio), Grid::aligned(w, ratio));
    Setup { rows, columns, ms_gains, pan_gain, phase: Phase::Toolbox }
}

#[test]
fn metric_kernels() {
    let file = &data("reference.json")["metrics"];
    let mut report = Report::default();
    for wanted in list(&file["kernels"]) {
        let name = &wanted["sensor"];
        let kernel = metric_kernel(float(&wanted["gain"]), 4);
        report.near(&format!("{name} sum"), kernel.sum(), float(&wanted["sum"]), 1e-12);
        let squares = kernel.iter().map(|v| v * v).sum();
        report.near(&format!("{name} squares"), squares, float(&wanted["squares"]), 1e-13);
        let row: Vec<f64> = (20..41).map(|j| kernel[[20, j]]).collect();
        report.all(&format!("{name} row"), &row, &floats(&wanted["row"]), 1e-13);
        for (i, row) in list(&wanted["centre"]).iter().enumerate() {
            let found: Vec<f64> = (18..23).map(|j| kernel[[18 + i, j]]).collect();
            report.all(&format!("{name} centre {i}"), &found, &floats(row), 1e-12);
        }
    }
    report.finish();
}

#[test]
fn shrinking_and_blurring() {
    let file = &data("reference.json")["metrics"];
    let mut report = Report::default();
    let operator = shrink(Grid::aligned(64, 4));
    let impulse = |at: usize| operator.apply(|i| f64::from(u8::from(i == at)))[7];
    let taps: Vec<f64> = (22..38).map(impulse).collect();
    report.all("taps", &taps, &floats(&file["shrink_taps"]), 1e-15);

    let pan = Scene::of(&scene_pan(64, 64));
    let small = Resampled { source: &pan.image(), operators: vec![vec![(operator.clone(), operator)]] };
    let small = small.read(0..16).expect("in memory");
    let bands = Scene::of(&scene(64, 64, 4));
    let filters = setup("qb", 64, 64, 4).ms_gains.iter().map(|gain| MetricBlur::new(*gain, 4)).collect();
    let blurred = Blurred { source: &bands.image(), filters }.read(0..64).expect("in memory");
    for (name, planes, step, first) in [("shrunk_pan", &small, 1, 0), ("blurred_at_2_of_4", &blurred, 4, 2)] {
        let at = |b: usize, i: usize, j: usize| planes.row(b, first + step * i)[first + step * j];
        for point in list(&file[name]["points"]) {
            let [i, j] = sizes(&point["at"])[..] else { panic!("two places") };
            let found: Vec<f64> = (0..planes.bands()).map(|b| at(b, i, j)).collect();
            report.all(&format!("{name} {i},{j}"), &found, &floats(&point["value"]), TOLERANCE);
        }
        let all = (0..planes.bands()).flat_map(|b| (0..16).flat_map(move |i| (0..16).map(move |j| (b, i, j))));
        let all = ndarray::Array1::from_iter(all.map(|(b, i, j)| at(b, i, j)));
        report.near(&format!("{name} mean"), all.mean().expect("not empty"), float(&file[name]["mean"]), TOLERANCE);
        report.near(&format!("{name} deviation"), all.std(0.0), float(&file[name]["deviation"]), TOLERANCE);
    }
    report.finish();
}

#[test]
fn toolbox_numbers() {
    let file = &data("reference.json")["metrics"];
    let mut report = Report::default();
    for wanted in list(&file["pairs"]) {
        let (sensor, c) = (wanted["sensor"].as_str().expect("a name"), float(&wanted["bands"]) as usize);
        let (truth, fused) = truth_and_fused(64, 64, c);
        let ms = Scene::of(&truth.slice(ndarray::s![.., 2..;4, 2..;4, ..]).to_owned());
        let [truth, fused, pan] = [truth, fused, scene_pan(64, 64)].map(|image| Scene::of(&image));
        let mut near = |key: &str, found: f64| {
            report.near(&format!("{sensor} {key}"), found, float(&wanted[key]), TOLERANCE);
        };
        let reference = Reference { ratio: 4, peak: 2047.0, cut: true };
        let found = quality::reduced(&truth.image(), &fused.image(), &reference).expect("a good pair");
        near("q2n", found.q2n);
        near("sam", found.sam);
        near("ergas", found.ergas);
        near("scc", found.scc);
        near("q_avg", found.q_avg);
        near("psnr", found.psnr);
        near("ssim", found.ssim);
        let (found, _) =
            quality::full(&pan.image(), &ms.image(), &fused.image(), &setup(sensor, 64, 64, 4)).expect("a good pair");
        near("d_lambda", found.d_lambda);
        near("d_s", found.d_s);
        near("hqnr", found.hqnr);
        near("d_s_regression", found.d_s_regression);
    }
    let (truth, fused) = truth_and_fused(70, 90, 3);
    let [truth, fused] = [truth, fused].map(|image| Scene::of(&image));
    let uncut = Reference { ratio: 4, peak: 2047.0, cut: false };
    let found = quality::reduced(&truth.image(), &fused.image(), &uncut).expect("a good pair");
    // The file's value needs the added band to be 1 after normalisation: 0 there is off by 5e-10.
    report.near("q2n 70×90×3", found.q2n, float(&file["q2n_70x90x3"]), 1e-12);
    report.finish();
}
