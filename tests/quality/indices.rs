//! Rung 2 of quality: its numbers against programs that share nothing with it.

use ndarray::Array4;
use serde_json::Value;
use trapan::filter::{Grid, MetricBlur, metric_kernel, shrink};
use trapan::quality::{self, BlurredImage, Convention, Planar, QualityError, ResampledImage, Setup, TruthSetup};
use trapan::tiff::{Header, Raster, Sample};

use crate::support::formula::{scene, scene_pan};
use crate::support::{Report, data, float, floats, list, sizes};

/// The file's numbers are float64, printed in full.
const TOLERANCE: f64 = 1e-9;

/// An image of whole numbers in f32, which holds them exactly.
struct Scene {
    data: Vec<f32>,
    valid: Option<Vec<bool>>,
    size: [usize; 2],
}

impl Scene {
    fn of(image: &Array4<f64>) -> Self {
        let (_, h, w, _) = image.dim();
        Self { data: image.iter().map(|v| *v as f32).collect(), valid: None, size: [h, w] }
    }

    /// Makes rows and columns from, to invalid; the values stay.
    fn spoil(&mut self, spot: &Value) {
        if !spot.is_null() {
            let [top, bottom, left, right] = sizes(spot)[..] else { panic!("four edges") };
            let [h, w] = self.size;
            let inside = |i: usize| (top..bottom).contains(&(i / w)) && (left..right).contains(&(i % w));
            self.valid = Some((0..h * w).map(|i| !inside(i)).collect());
        }
    }

    fn image(&self) -> Raster {
        let [h, w] = self.size;
        let header = Header::new("memory.tif", Sample::F32, [w, h, self.data.len() / (h * w)]);
        Raster { header, data: self.data.clone(), valid: self.valid.clone() }
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
    Setup { rows, columns, ms_gains, pan_gain, phase: Convention::Toolbox }
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
    let small = ResampledImage { source: &pan.image(), operators: vec![vec![(operator.clone(), operator)]] };
    let small = small.read(0..16).expect("in memory");
    let bands = Scene::of(&scene(64, 64, 4));
    let filters = setup("qb", 64, 64, 4).ms_gains.iter().map(|gain| MetricBlur::new(*gain, 4)).collect();
    let blurred = BlurredImage { source: &bands.image(), filters }.read(0..64).expect("in memory");
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
        let reference = TruthSetup { ratio: 4, peak: 2047.0, cut: true };
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
    let uncut = TruthSetup { ratio: 4, peak: 2047.0, cut: false };
    let found = quality::reduced(&truth.image(), &fused.image(), &uncut).expect("a good pair");
    // The file's value needs the added band to be 1 after normalisation: 0 there is off by 5e-10.
    report.near("q2n 70×90×3", found.q2n, float(&file["q2n_70x90x3"]), 1e-12);
    report.finish();
}

/// Compares two records of numbers, key by key; `relative` to the wanted value where that is large.
fn same(report: &mut Report, label: &str, found: &Value, wanted: &Value) {
    match wanted {
        Value::Object(wanted) => wanted.iter().for_each(|(k, v)| same(report, &format!("{label} {k}"), &found[k], v)),
        Value::Null => assert!(found.is_null(), "{label}: {found}"),
        _ => report.near(label, float(found), float(wanted), TOLERANCE * float(wanted).abs().max(1.0)),
    }
}

/// PAN, MS and fused image of a case of `metrics.json`.
fn pair(case: &Value) -> (Setup, [Scene; 3]) {
    let number = |key: &str| float(&case[key]);
    let ([h, w], [rows, columns]) = (pick(&case["fine"]), pick(&case["coarse"]));
    let (ratio, phase, bands) = (number("ratio") as usize, number("phase"), number("bands") as usize);
    let (truth, fused) = truth_and_fused(h, w, bands);
    let at = |k: usize, end: usize| (k * ratio + (phase + 0.5) as usize).min(end - 1);
    let ms = Array4::from_shape_fn((1, rows, columns, bands), |(_, i, j, b)| {
        truth[[0, at(i, h), at(j, w), b]] + ((5 * i + 7 * j + b) % 9) as f64
    });
    let grid = |fine, coarse| Grid { ratio, phase, fine, coarse };
    let setup = Setup {
        rows: grid(h, rows),
        columns: grid(w, columns),
        ms_gains: (0..bands).map(|b| 0.2 + 0.01 * b as f64).collect(),
        pan_gain: 0.15,
        phase: Convention::Toolbox,
    };
    let mut fused = Scene::of(&fused);
    fused.spoil(&case["spot"]);
    (setup, [Scene::of(&scene_pan(h, w)), Scene::of(&ms), fused])
}

fn pick(v: &Value) -> [usize; 2] {
    sizes(v).try_into().expect("two sizes")
}

/// Ratios 2, 4 and 8, sizes off the block and off the ratio, Landsat's phase, 1 to 16 bands, nodata.
#[test]
fn numpy_agrees() {
    let file = data("metrics.json");
    let mut report = Report::default();
    for case in list(&file["full"]) {
        let (setup, scenes) = pair(case);
        let [pan, ms, fused] = scenes.each_ref().map(Scene::image);
        for (key, phase) in [("toolbox", Convention::Toolbox), ("true", Convention::True)] {
            let (setup, wanted) = (Setup { phase, ..setup.clone() }, &case[key]);
            let label = format!("{} {} {key}", case["fine"], case["bands"]);
            let (scores, _) = quality::full(&pan, &ms, &fused, &setup).expect("a good pair");
            let found = serde_json::to_value(scores).expect("plain numbers");
            for key in ["d_lambda", "d_s", "hqnr", "d_s_regression", "blocks"] {
                same(&mut report, &format!("{label} {key}"), &found[key], &wanted[key]);
            }
            let response = quality::linear_response(&pan, &ms, &setup).expect("a good pair");
            // Normal equations here, a decomposition there: coefficients agree to fewer digits.
            report.all(&format!("{label} response"), &response, &floats(&wanted["response"]), 1e-6);
            if let Some(wanted) = wanted.get("commutation") {
                let g = |v: &[f64]| v.iter().chain([&1.0]).zip(&response).map(|(v, weight)| v * weight).sum();
                let found = quality::commutation(&pan, &fused, &setup, &g).expect("a good pair");
                same(&mut report, &label, &serde_json::to_value(found).expect("plain numbers"), wanted);
            }
            if let Some(wanted) = wanted.get("consistency").filter(|wanted| !wanted.is_null()) {
                let found = quality::consistency(&ms, &fused, &setup).expect("a good pair");
                same(&mut report, &label, &serde_json::to_value(found).expect("plain numbers"), wanted);
            }
        }
    }
    for case in list(&file["reduced"]) {
        let ([h, w], bands) = (pick(&case["size"]), float(&case["bands"]) as usize);
        let (truth, fused) = truth_and_fused(h, w, bands);
        let [truth, mut fused] = [truth, fused].map(|image| Scene::of(&image));
        fused.spoil(&case["spot"]);
        let setup = TruthSetup { ratio: 4, peak: 1023.0, cut: case["cut"] == true };
        let found = quality::reduced(&truth.image(), &fused.image(), &setup).expect("a good pair");
        let found = serde_json::to_value(found).expect("plain numbers");
        same(&mut report, &format!("{h}×{w}×{bands}"), &found, &case["values"]);
    }
    report.finish();
}

/// A good pair of 128×160, for errors and properties.
fn small(bands: usize) -> (Setup, [Scene; 3]) {
    let case = serde_json::json!({"fine": [128, 160], "coarse": [32, 40], "ratio": 4, "phase": 1.5, "bands": bands});
    pair(&case)
}

/// What lies under an invalid pixel must not matter, be it 0, 1e9 or NaN.
#[test]
fn invalid_values_do_not_count() {
    let (setup, [mut pan, mut ms, mut fused]) = small(3);
    let spots = [(&mut pan, "[9, 12, 100, 103]"), (&mut ms, "[30, 31, 3, 4]"), (&mut fused, "[60, 61, 70, 71]")];
    for (image, spot) in spots {
        image.spoil(&serde_json::from_str(spot).expect("JSON"));
    }
    let judge = |value: Option<f32>| {
        let fill = |scene: &Scene| {
            let valid = scene.valid.as_ref().expect("spoiled");
            let bands = scene.data.len() / valid.len();
            let fill = |(i, v): (usize, &f32)| value.filter(|_| !valid[i / bands]).unwrap_or(*v);
            // NaN needs no mask.
            let mask = value.is_none_or(|v| !v.is_nan()).then(|| valid.clone());
            Scene { data: scene.data.iter().enumerate().map(fill).collect(), valid: mask, size: scene.size }
        };
        let scenes = [&pan, &ms, &fused].map(fill);
        let [pan, ms, fused] = scenes.each_ref().map(Scene::image);
        let full = quality::full(&pan, &ms, &fused, &setup).expect("mostly valid");
        let again = quality::consistency(&ms, &fused, &setup);
        let truth = quality::reduced(&fused, &fused, &TruthSetup { ratio: 4, peak: 1023.0, cut: false });
        format!("{full:?} {again:?} {truth:?}")
    };
    let expected = judge(None);
    for value in [0.0, 1e9, f32::NAN] {
        assert_eq!(judge(Some(value)), expected, "{value} under the mask");
    }
}

#[test]
fn left_out_blocks_are_counted() {
    let (setup, [pan, ms, mut fused]) = small(2);
    // In the middle of a block: the blur reaches 20 pixels around, that is four blocks.
    fused.spoil(&serde_json::json!([33, 34, 33, 34]));
    let (scores, maps) = quality::full(&pan.image(), &ms.image(), &fused.image(), &setup).expect("mostly valid");
    assert_eq!((scores.blocks, scores.blocks_left_out), (16, 4));
    let left_out: Vec<usize> = (0..20).filter(|i| maps.d_lambda[*i].is_nan()).collect();
    assert_eq!(left_out, [0, 1, 5, 6]);
    assert_eq!(maps.size, [4, 5]);
}

/// Strips of 32 rows (wide) and of thousands (tall): the same image, transposed, has the same
/// distortions, and every number of threads the same bits.
#[test]
fn strips_and_threads_do_not_matter() {
    let (h, w) = (64, 8192);
    let (_, fused) = truth_and_fused(h, w, 4);
    let ms = fused.slice(ndarray::s![.., 1..;4, 1..;4, ..]).to_owned();
    let images = [scene_pan(h, w), ms, fused];
    let judge = |images: &[Array4<f64>; 3], [h, w]: [usize; 2]| {
        let [pan, ms, fused] = images.each_ref().map(Scene::of);
        let setup = Setup { phase: Convention::True, ..setup("qb", h, w, 4) };
        let full = quality::full(&pan.image(), &ms.image(), &fused.image(), &setup).expect("a good pair").0;
        let up = quality::consistency(&ms.image(), &fused.image(), &setup);
        assert!(matches!(up, Err(QualityError::TooSmall { .. })), "MS of 16 rows: {up:?}");
        full
    };
    let wide = judge(&images, [h, w]);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    assert_eq!(pool(1).install(|| judge(&images, [h, w])), wide);
    assert_eq!(pool(3).install(|| judge(&images, [h, w])), wide);
    let transposed = images.map(|image| image.permuted_axes([0, 2, 1, 3]).as_standard_layout().to_owned());
    let tall = judge(&transposed, [w, h]);
    let mut report = Report::default();
    report.near("d_lambda", tall.d_lambda, wide.d_lambda, 1e-12);
    report.near("d_s", tall.d_s, wide.d_s, 1e-12);
    report.near("d_s_regression", tall.d_s_regression, wide.d_s_regression, 1e-9);
    report.finish();
}

#[test]
fn a_perfect_image_and_a_worse_one() {
    let (truth, fused) = truth_and_fused(96, 96, 4);
    let worse = Array4::from_shape_fn(truth.dim(), |at| truth[at] + 3.0 * (fused[at] - truth[at]));
    let [truth, fused, worse] = [truth, fused, worse].map(|image| Scene::of(&image));
    let setup = TruthSetup { ratio: 4, peak: 2047.0, cut: true };
    let judge = |image: &Scene| quality::reduced(&truth.image(), &image.image(), &setup).expect("a good pair");
    let (perfect, fused, worse) = (judge(&truth), judge(&fused), judge(&worse));
    let mut report = Report::default();
    for (label, value) in [("q2n", perfect.q2n), ("scc", perfect.scc), ("ssim", perfect.ssim), ("q", perfect.q_avg)] {
        report.near(label, value, 1.0, 1e-12);
    }
    // An angle's cosine is known to 1e-16, so the angle to 1e-8 rad.
    report.near("sam", perfect.sam, 0.0, 1e-5);
    report.near("ergas", perfect.ergas, 0.0, 0.0);
    report.finish();
    assert_eq!(perfect.psnr, f64::INFINITY);
    assert!(1.0 > fused.q2n && fused.q2n > worse.q2n, "{} {}", fused.q2n, worse.q2n);
    assert!(1.0 > fused.scc && fused.scc > worse.scc, "{} {}", fused.scc, worse.scc);
    assert!(1.0 > fused.ssim && fused.ssim > worse.ssim, "{} {}", fused.ssim, worse.ssim);
    assert!(0.1 < fused.sam && fused.sam < worse.sam, "{} {}", fused.sam, worse.sam);
    assert!(0.1 < fused.ergas && fused.ergas < worse.ergas, "{} {}", fused.ergas, worse.ergas);
}

/// Nothing may come out as NaN, whatever bands are constant, and equal constants are perfect.
#[test]
fn constant_bands_have_results() {
    let (setup, [mut pan, mut ms, mut fused]) = small(3);
    // 0.1 is no binary fraction: sums of it are rounded.
    for scene in [&mut ms, &mut fused] {
        scene.data.iter_mut().skip(1).step_by(3).for_each(|v| *v = 123.1);
        scene.data.iter_mut().skip(2).step_by(3).for_each(|v| *v = 0.0);
    }
    let finite = |pan: &Scene| {
        let (scores, _) = quality::full(&pan.image(), &ms.image(), &fused.image(), &setup).expect("defined");
        let values = [scores.d_lambda, scores.d_s, scores.hqnr, scores.d_s_regression];
        assert!(values.iter().all(|v| (0.0..=1.0).contains(v)), "{scores:?}");
        let again = quality::consistency(&ms.image(), &fused.image(), &setup).expect("defined");
        assert!([again.q2n, again.sam, again.ergas].iter().all(|v| v.is_finite()), "{again:?}");
        let response = quality::linear_response(&pan.image(), &ms.image(), &setup).expect("defined");
        assert!(response.iter().all(|v| v.is_finite() && v.abs() < 1e4), "{response:?}");
    };
    finite(&pan);
    pan.data.fill(77.7);
    finite(&pan);
    let constant = Scene { data: vec![5.3; 64 * 64 * 3], valid: None, size: [64, 64] };
    let reference = TruthSetup { ratio: 4, peak: 255.0, cut: false };
    let found = quality::reduced(&constant.image(), &constant.image(), &reference).expect("defined");
    assert_eq!(
        [found.q2n, found.scc, found.ssim, found.q_avg, found.ergas, found.rmse],
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    );
    let (truth, other) = truth_and_fused(64, 64, 3);
    for pair in [[&constant, &Scene::of(&truth)], [&Scene::of(&other), &constant]] {
        match quality::reduced(&pair[0].image(), &pair[1].image(), &reference) {
            Ok(found) => panic!("5.3 is another unit than 200 and more: {found:?}"),
            Err(error) => assert!(matches!(error, QualityError::Unit { .. }), "{error}"),
        }
    }
    let level = Scene { data: vec![412.7; 64 * 64 * 3], valid: None, size: [64, 64] };
    for pair in [[&level, &Scene::of(&truth)], [&Scene::of(&other), &level]] {
        let found = quality::reduced(&pair[0].image(), &pair[1].image(), &reference).expect("defined");
        let values = [found.q2n, found.sam, found.ergas, found.scc, found.psnr, found.ssim, found.q_avg];
        assert!(values.iter().all(|v| v.is_finite()), "{found:?}");
    }
}

#[test]
fn wrong_input_is_named() {
    let (good, [pan, ms, fused]) = small(3);
    let full = |pan: &Scene, ms: &Scene, fused: &Scene, setup: &Setup| {
        quality::full(&pan.image(), &ms.image(), &fused.image(), setup)
            .map(|_| ())
            .expect_err("wrong input")
            .to_string()
    };
    let says = |error: String, what: &str| assert!(error.contains(what), "{what:?} is not in {error:?}");
    says(full(&ms, &ms, &fused, &good), "PAN is 40x32 with 3 bands, expected 160x128 with 1");
    says(full(&pan, &ms, &ms, &good), "the fused image is 40x32 with 3 bands, expected 160x128 with 3");
    let gains = Setup { ms_gains: vec![0.3; 8], ..good.clone() };
    says(full(&pan, &ms, &fused, &gains), "8 MTF gains for 3 bands");
    let zero = Setup { pan_gain: 0.0, ..good.clone() };
    says(full(&pan, &ms, &fused, &zero), "between 0 and 1");
    let unit = Scene { data: fused.data.iter().map(|v| v / 2047.0).collect(), valid: None, size: fused.size };
    says(full(&pan, &ms, &unit, &good), "bring both to one unit");
    let blank = Scene { data: vec![0.0; fused.data.len()], valid: None, size: fused.size };
    says(full(&pan, &ms, &blank, &good), "the fused image is 0 wherever it is valid");
    let nothing = Scene { valid: Some(vec![false; 128 * 160]), data: fused.data.clone(), size: fused.size };
    says(full(&pan, &ms, &nothing, &good), "none of 20 blocks");
    let three = Setup { rows: Grid { ratio: 5, ..good.rows }, columns: Grid { ratio: 5, ..good.columns }, ..good };
    says(full(&pan, &ms, &fused, &three), "ratio 5");

    let reduced = |truth: &Scene, fused: &Scene| {
        let setup = TruthSetup { ratio: 4, peak: 2047.0, cut: true };
        quality::reduced(&truth.image(), &fused.image(), &setup).expect_err("wrong input").to_string()
    };
    says(reduced(&ms, &fused), "the fused image is 160x128 with 3 bands, expected 40x32 with 3");
    // 87×119 pixels without the border.
    says(reduced(&fused, &nothing), "none of 12 blocks");
    let tiny = Scene { data: vec![1.0; 31 * 40], valid: None, size: [31, 40] };
    says(reduced(&tiny, &tiny), "32 pixels along each side");
}
