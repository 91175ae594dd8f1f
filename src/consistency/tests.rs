//! The consistency step against its textbook form, and what must not change its result.

use nalgebra::{DMatrix, DVector};

use super::{ConsistencyStep, StripRows, Validity};
use crate::filter::{self, Grid, all_within, degrade_separable, mtf_reach, training_kernel};

use crate::support::Report;

/// A scene of some grids and bands, its values around `offset`.
struct Case {
    grids: [Grid; 2],
    gains: Vec<f64>,
    x: Vec<f32>,
    ms: Vec<f32>,
}

impl Case {
    fn new(grids: [Grid; 2], gains: &[f64], offset: f64) -> Self {
        let value = |i: usize, step: f64| (offset + 100.0 * noise(i as f64 * step)) as f32;
        let count = |[rows, columns]: [usize; 2]| rows * columns * gains.len();
        let x = (0..count(grids.map(|g| g.fine))).map(|i| value(i, 0.37)).collect();
        let ms = (0..count(grids.map(|g| g.coarse))).map(|i| value(i, 0.59)).collect();
        Self { grids, gains: gains.to_vec(), x, ms }
    }

    fn step(&self, nu: &[Option<f64>]) -> ConsistencyStep {
        ConsistencyStep::new(self.grids[0], self.grids[1], &self.gains, nu)
    }

    fn moved(&self, nu: f64, valid: Option<Validity<'_>>) -> Vec<f32> {
        let mut x = self.x.clone();
        self.step(&vec![Some(nu); self.gains.len()]).whole(&mut x, &self.ms, valid);
        x
    }

    fn band(&self, values: &[f32], band: usize) -> Vec<f64> {
        values[band..].iter().step_by(self.gains.len()).map(|v| f64::from(*v)).collect()
    }
}

/// Something between −1 and 1 without a pattern.
fn noise(t: f64) -> f64 {
    let v = (t + 1.0).sin() * 43758.547;
    2.0 * (v - v.floor()) - 1.0
}

fn grid(ratio: usize, phase: f64, fine: usize, coarse: usize) -> Grid {
    Grid { ratio, phase, fine, coarse }
}

/// Odd sizes, all ratios, and phases from one centre, one edge and between.
fn grids() -> Vec<[Grid; 2]> {
    let aligned = |h, w, r| [Grid::aligned(h, r), Grid::aligned(w, r)];
    vec![
        aligned(29, 37, 2),
        aligned(24, 31, 3),
        aligned(32, 45, 4),
        aligned(50, 49, 6),
        aligned(64, 72, 8),
        aligned(128, 140, 16),
        [grid(2, 0.0, 30, 15), grid(2, 0.0, 28, 14)],
        [grid(4, 1.2, 41, 10), grid(4, 2.7, 38, 9)],
        // MS that ends beyond the image, and an image beyond MS.
        [grid(4, 1.5, 38, 10), grid(4, 9.5, 60, 8)],
    ]
}

fn dense(table: &filter::BandMatrix) -> DMatrix<f64> {
    let mut d = DMatrix::zeros(table.output(), table.input);
    for k in 0..table.output() {
        let (start, taps) = table.row(k);
        taps.iter().enumerate().for_each(|(t, tap)| d[(k, start + t)] += tap);
    }
    d
}

/// `x₀ + Dᵀ (D Dᵀ + ν')⁻¹ (L − D x₀)` of one band by dense matrices.
fn textbook(case: &Case, band: usize, nu: f64, valid: Option<Validity<'_>>) -> Vec<f64> {
    let [rows, columns] = case.grids;
    let (y, x) = degrade_separable(case.gains[band], rows, columns);
    let d = dense(&y).kronecker(&dense(&x));
    let all = vec![true; d.ncols().max(d.nrows())];
    let [image_valid, ms_valid] = valid.map_or([&all[..d.ncols()], &all[..d.nrows()]], |v| [v.image, v.ms]);
    let rests = all_within(image_valid, columns.fine, &mtf_reach(rows), &mtf_reach(columns));
    let used: Vec<usize> = (0..d.nrows()).filter(|k| rests[*k] && ms_valid[*k]).collect();
    let d = d.select_rows(&used);
    let mask = DVector::from_iterator(d.ncols(), image_valid.iter().map(|v| f64::from(u8::from(*v))));
    let x0 = case.band(&case.x, band);
    let seen = DVector::from_iterator(d.ncols(), x0.iter().zip(image_valid).map(|(x, v)| if *v { *x } else { 0.0 }));
    let mean = (&d * seen).component_div(&(&d * &mask));
    let ms = case.band(&case.ms, band);
    let residual = DVector::from_iterator(used.len(), used.iter().map(|k| ms[*k])) - mean;
    let system = &d * d.transpose() + DMatrix::identity(used.len(), used.len()) * (nu / (rows.ratio.pow(2) as f64));
    let z = system.cholesky().expect("positive").solve(&residual);
    let change = d.tr_mul(&z).component_mul(&mask);
    x0.iter().zip(change.iter()).map(|(x, change)| if *change == 0.0 { *x } else { x + change }).collect()
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Values reach 100; the system's condition is up to 30 and its solution that of f32.
const CLOSE: f64 = 100.0 * 30.0 * 1e-7;

#[test]
fn step_is_the_dense_solution() {
    let mut report = Report::default();
    for grids in grids() {
        let case = Case::new(grids, &[0.3, 0.22, 0.3], 0.0);
        for nu in [0.01, 0.1, 1.0] {
            let found = case.moved(nu, None);
            for band in 0..3 {
                let off = worst(&case.band(&found, band), &textbook(&case, band, nu, None));
                report.near(&format!("{grids:?} band {band} nu {nu}"), off, 0.0, CLOSE);
            }
        }
    }
    report.finish();
}

#[test]
fn step_with_gaps_is_the_dense_solution() {
    let mut report = Report::default();
    for grids in grids() {
        let mut case = Case::new(grids, &[0.3, 0.22], 0.0);
        let [rows, columns] = grids;
        // A slanted edge and a hole; MS has another.
        let image: Vec<bool> = (0..rows.fine * columns.fine)
            .map(|i| (i / columns.fine, i % columns.fine))
            .map(|(y, x)| 2 * x + y > columns.fine / 2 && (y, x) != (rows.fine * 3 / 4, columns.fine * 3 / 4))
            .collect();
        let ms: Vec<bool> = (0..rows.coarse * columns.coarse).map(|k| k != rows.coarse * columns.coarse / 2).collect();
        for (i, v) in case.x.iter_mut().enumerate().filter(|(i, _)| !image[i / 2]) {
            *v = [f32::NAN, 1e35, f32::NEG_INFINITY][i % 3];
        }
        case.ms.iter_mut().enumerate().filter(|(k, _)| !ms[k / 2]).for_each(|(_, v)| *v = f32::NAN);
        let valid = Validity { image: &image, ms: &ms };
        let found = case.moved(0.01, Some(valid));
        for (i, v) in found.iter().enumerate().filter(|(i, _)| !image[i / 2]) {
            assert_eq!(v.to_bits(), case.x[i].to_bits(), "{grids:?}: invalid value {i} was changed");
        }
        for band in 0..2 {
            let wanted = textbook(&case, band, 0.01, Some(valid));
            let at = |values: Vec<f64>| values.into_iter().zip(&image).filter(|(_, v)| **v).map(|(x, _)| x).collect();
            let (found, wanted): (Vec<f64>, Vec<f64>) = (at(case.band(&found, band)), at(wanted));
            report.all(&format!("{grids:?} band {band}"), &found, &wanted, CLOSE);
        }
    }
    report.finish();
}

#[test]
fn one_term_is_the_full_kernel() {
    for ratio in [2, 3, 4, 6, 8, 16] {
        for gain in [0.15, 0.22, 0.3, 0.365] {
            // The kernel itself, as the response to a pixel in the middle of a grid at every phase.
            let line = |at: usize| Grid { ratio, phase: at as f64, fine: 101, coarse: 1 };
            let full = training_kernel(gain, ratio);
            let mut off = 0.0;
            for i in 0..41 {
                let (y, x) = degrade_separable(gain, line(50), line(50));
                let (y, x) = (dense(&y), dense(&x));
                for j in 0..41 {
                    off += (y[(0, 30 + i)] * x[(0, 30 + j)] - full[[i, j]]).abs();
                }
            }
            let bound = if ratio == 2 { 2e-5 } else { 2e-7 };
            assert!(off < bound, "ratio {ratio} gain {gain}: {off:e}");
        }
    }
}

/// Root mean square.
fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn degrading_the_result_gives_ms() {
    for grids in grids() {
        let case = Case::new(grids, &[0.3], 0.0);
        let (y, x) = degrade_separable(0.3, grids[0], grids[1]);
        let found = case.moved(1e-6, None);
        let again = filter::apply_plane(&case.band(&found, 0), &[(y, x)]);
        let off = rms(&again.iter().zip(&case.ms).map(|(a, b)| a - f64::from(*b)).collect::<Vec<_>>());
        assert!(off < 1e-3, "{grids:?}: {off:e} of 100");
    }
}

#[test]
fn a_large_offset_costs_its_rounding_only() {
    let grids = [Grid::aligned(64, 4); 2];
    let [low, high] = [0.0, 131072.0].map(|offset| Case::new(grids, &[0.3], offset));
    let moved = high.moved(0.01, None);
    // The same differences, without the offset.
    let mut small = Case { x: high.x.iter().map(|v| v - 131072.0).collect(), ..low };
    small.ms = high.ms.iter().map(|v| v - 131072.0).collect();
    let wanted: Vec<f64> = small.moved(0.01, None).iter().map(|v| f64::from(*v) + 131072.0).collect();
    let found = high.band(&moved, 0);
    // Half the distance of two f32 at 2^17, and the step's own error.
    let off = worst(&found, &wanted);
    assert!(off < 0.5 / 64.0 + CLOSE, "{off:e}");
}

#[test]
fn bands_without_nu_stay() {
    let case = Case::new([Grid::aligned(40, 4); 2], &[0.3, 0.25], 0.0);
    let mut one = case.x.clone();
    case.step(&[None, Some(0.1)]).whole(&mut one, &case.ms, None);
    assert_eq!(case.band(&one, 0), case.band(&case.x, 0));
    assert_ne!(case.band(&one, 1), case.band(&case.x, 1));
    let mut none = case.x.clone();
    case.step(&[None, None]).whole(&mut none, &case.ms, None);
    assert_eq!(none, case.x);
}

/// Blocks against the same system on the whole grid, by its eigenvectors in f64.
#[test]
fn blocks_are_the_whole() {
    for (ratio, gain) in [(2, 0.3), (4, 0.2), (4, 0.36), (8, 0.3)] {
        let grids = [Grid::aligned(150 * ratio, ratio), Grid::aligned(170 * ratio, ratio)];
        let case = Case::new(grids, &[gain], 0.0);
        let nu = 0.01;
        let found = case.band(&case.moved(nu, None), 0);
        let (y, x) = degrade_separable(gain, grids[0], grids[1]);
        let x0 = case.band(&case.x, 0);
        let mean = filter::apply_plane(&x0, &[(y.clone(), x.clone())]);
        let residual = DMatrix::from_row_iterator(150, 170, case.ms.iter().zip(&mean).map(|(l, m)| f64::from(*l) - m));
        let (dy, dx) = (dense(&y), dense(&x));
        let (ey, ex) =
            (nalgebra::SymmetricEigen::new(&dy * dy.transpose()), nalgebra::SymmetricEigen::new(&dx * dx.transpose()));
        let mut t = ey.eigenvectors.tr_mul(&residual) * &ex.eigenvectors;
        for i in 0..150 {
            for j in 0..170 {
                t[(i, j)] /= ey.eigenvalues[i] * ex.eigenvalues[j] + nu / (ratio * ratio) as f64;
            }
        }
        let z = &ey.eigenvectors * t * ex.eigenvectors.transpose();
        let change = dy.tr_mul(&z) * &dx;
        let wanted: Vec<f64> = x0.iter().zip(change.transpose().iter()).map(|(x, change)| x + change).collect();
        let scale = rms(residual.as_slice());
        let off = worst(&found, &wanted) / scale;
        assert!(off < 1e-4, "ratio {ratio} gain {gain}: {off:e} of the residual");
    }
}

/// A scene of several blocks with gaps.
fn large() -> (Case, Vec<bool>, Vec<bool>) {
    let mut case = Case::new([Grid::aligned(4 * 150 - 1, 4), Grid::aligned(4 * 40 + 2, 4)], &[0.3, 0.25], 0.0);
    let width = case.grids[1].fine;
    let image: Vec<bool> = (0..case.x.len() / 2).map(|i| (i / width) / 3 + i % width > 90).collect();
    case.x.iter_mut().enumerate().filter(|(i, _)| !image[i / 2]).for_each(|(_, v)| *v = 1e35);
    let ms = vec![true; case.ms.len() / 2];
    (case, image, ms)
}

#[test]
fn strips_parts_and_threads_give_the_same_bytes() {
    let (case, image, ms) = large();
    let [rows, columns] = case.grids;
    let step = case.step(&[Some(0.01), Some(0.1)]);
    for valid in [None, Some(Validity { image: &image, ms: &ms })] {
        let case = if valid.is_some() { large().0 } else { Case::new(case.grids, &case.gains, 0.0) };
        let mut whole = case.x.clone();
        step.whole(&mut whole, &case.ms, valid);
        let mut alone = case.x.clone();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        pool.install(|| step.whole(&mut alone, &case.ms, valid));
        assert!(bits(&alone) == bits(&whole), "threads change the result");
        for (part, strip, ms_strip) in
            [(0..rows.fine, 1, 1), (0..rows.fine, 57, 3), (301..302, 10, 40), (130..511, 599, 7)]
        {
            let mut stream = step.stream(part.clone());
            let needs = stream.needs().clone();
            let (mut at, mut ms_at, mut given) = (needs.image.start, needs.ms.start, part.start);
            let mut largest = 0;
            while at < needs.image.end || ms_at < needs.ms.end {
                let lines = at..(at + strip).min(needs.image.end);
                let ms_lines = ms_at..(ms_at + ms_strip).min(needs.ms.end);
                (at, ms_at) = (lines.end, ms_lines.end);
                let pixels = |r: &std::ops::Range<usize>, width: usize| r.start * width..r.end * width;
                let (image_px, ms_px) = (pixels(&lines, columns.fine), pixels(&ms_lines, columns.coarse));
                let done = stream.push(StripRows {
                    image: &case.x[2 * image_px.start..2 * image_px.end],
                    valid: valid.map(|v| &v.image[image_px]),
                    ms: &case.ms[2 * ms_px.start..2 * ms_px.end],
                    ms_valid: valid.map(|v| &v.ms[ms_px]),
                });
                assert_eq!(done.rows.start, given);
                given = done.rows.end;
                largest = largest.max(at - given.min(at));
                let wanted = &whole[2 * done.rows.start * columns.fine..2 * done.rows.end * columns.fine];
                assert!(bits(&done.image) == bits(wanted), "{part:?} by {strip}: rows {:?}", done.rows);
                if let Some(found) = &done.valid {
                    assert_eq!(found[..], image[done.rows.start * columns.fine..done.rows.end * columns.fine]);
                }
            }
            assert_eq!(given, part.end, "{part:?} by {strip}");
            if strip == 1 && ms_strip == 1 {
                assert!(largest <= 128 + 24 * 4, "{largest} rows are held back");
            }
        }
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn invalid_values_do_not_matter() {
    let (case, image, ms) = large();
    let valid = Some(Validity { image: &image, ms: &ms });
    let found = case.moved(0.01, valid);
    let mut other = Case { x: case.x.clone(), ms: case.ms.clone(), gains: case.gains.clone(), ..case };
    other.x.iter_mut().enumerate().filter(|(i, _)| !image[i / 2]).for_each(|(_, v)| *v = f32::NAN);
    let again = other.moved(0.01, valid);
    for (i, (a, b)) in found.iter().zip(&again).enumerate().filter(|(i, _)| image[i / 2]) {
        assert!(a.is_finite() && a.to_bits() == b.to_bits(), "value {i}: {a} and {b}");
    }
}

/// The error against the truth falls where MS is clean, and never grows, whatever the noise.
#[test]
fn noise_is_not_let_in() {
    use super::{CANDIDATES, Experiment, choose, noise};
    use trapan::method::config::Sensor;
    use trapan::simulate::{Spec, simulate};
    // Noise is not estimated from fewer blocks than MS of this size has.
    let (side, bands) = (512, 4);
    let sensor = Sensor::Qb;
    let gains = sensor.ms_gains(bands).expect("4 bands");
    for seed in [1, 2] {
        let scene = simulate(&Spec { size: [side, side], bands, ratio: 4, sensor, seed }).expect("a scene");
        let grids = [Grid::aligned(side, 4); 2];
        let small = grids[0].coarser();
        for level in [0.0, 0.003, 0.01] {
            let sigma = level * 2047.0;
            let ms: Vec<f32> =
                scene.ms.data.iter().enumerate().map(|(i, v)| v + (sigma * gaussian(i)) as f32).collect();
            let up = |ms: &[f32], grid: Grid| {
                let up = filter::upsample_spline(grid);
                filter::apply(ms, grid.coarse, &vec![vec![(up.clone(), up)]; bands])
            };
            let down = |x: &[f32], grid: Grid| {
                let terms: Vec<_> = gains.iter().map(|gain| filter::degrade(*gain, grid, grid)).collect();
                filter::apply(x, grid.fine, &terms)
            };
            let pan: Vec<f32> = scene.pan.data.iter().flat_map(|v| [*v; 4]).collect();
            let low = |pan: &[f32], grid: Grid| up(&down(pan, grid), grid);
            // A closed form: upsampled MS and the detail of PAN.
            let fused = |ms: &[f32], pan: &[f32], grid: Grid| -> Vec<f32> {
                let detail = pan.iter().zip(low(pan, grid));
                up(ms, grid).iter().zip(detail).map(|(v, (p, low))| v + 0.7 * (p - low)).collect()
            };
            let (x, pan_low) = (fused(&ms, &pan, grids[0]), down(&pan, grids[0]));
            let ms_low = down(&ms, small);
            let experiment = Experiment {
                grids: [small; 2],
                x: &fused(&ms_low, &pan_low, small),
                ms: &ms_low,
                other: None,
                truth: &ms,
                known: None,
                judged: None,
                valid: None,
                noise: &noise(&ms, side / 4, bands, None),
            };
            let choices = choose(&[experiment], &gains, &CANDIDATES);
            let error = |x: &[f32], band: usize| {
                let at = |v: &[f32]| v[band..].iter().step_by(bands).map(|v| f64::from(*v)).collect::<Vec<_>>();
                rms(&at(x).iter().zip(at(&scene.truth.data)).map(|(a, b)| a - b).collect::<Vec<_>>())
            };
            for band in 0..bands {
                let tried: Vec<f64> = CANDIDATES
                    .iter()
                    .map(|nu| {
                        let mut x = x.clone();
                        ConsistencyStep::new(grids[0], grids[1], &gains, &vec![*nu; bands]).whole(&mut x, &ms, None);
                        error(&x, band)
                    })
                    .collect();
                let at = |nu| CANDIDATES.iter().position(|known| *known == nu).expect("a candidate");
                let (chosen, none) = (tried[at(choices[band].nu)], tried[0]);
                let best = tried.iter().copied().fold(f64::INFINITY, f64::min);
                let label = format!("seed {seed} noise {level} band {band}: {:?} of {tried:.2?}", choices[band].nu);
                assert!(chosen <= none, "{label} makes it worse");
                if level < 0.01 {
                    // Texture that only one band has counts as noise: near infrared then stops a candidate early.
                    assert!(chosen <= 1.05 * best && chosen < 0.97 * none, "{label} gains too little");
                }
            }
        }
    }
}

/// On ground that is flat, or alike in all bands, noise is found to a tenth.
#[test]
fn noise_is_found() {
    let (side, bands) = (128, 4);
    for level in [0.5, 5.0] {
        let value = |i: usize| {
            let (y, x) = (i / bands / side, i / bands % side);
            let ground = 300.0 + 40.0 * ((x / 40 + y / 40) % 2) as f64 + (x as f64 * 0.05).sin() * 20.0;
            (ground + level * gaussian(i)) as f32
        };
        let ms: Vec<f32> = (0..side * side * bands).map(value).collect();
        for found in super::noise(&ms, side, bands, None) {
            assert!((found / level - 1.0).abs() < 0.1, "{found} instead of {level}");
        }
    }
    let flat = vec![7.0; 64 * 64];
    assert_eq!(super::noise(&flat, 64, 1, None), [0.0]);
}

/// Roughly normal, from the sum of twelve.
fn gaussian(i: usize) -> f64 {
    (0..12).map(|k| noise((12 * i + k) as f64 * 0.731) / 2.0).sum()
}
