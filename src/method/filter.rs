//! Design of the method's filters: MTF blur, decimation, upsampling (method, sections 3 and 4).
//!
//! Everything the network trains through is a [`Banded`] operator per axis, designed
//! here in f64 and run by [`kernels::resample`](crate::kernels::resample).

use std::collections::BTreeMap;
use std::f64::consts::PI;

use ndarray::Array2;

/// Taps of the MTF filter.
pub const TAPS: usize = 41;
const RADIUS: isize = (TAPS / 2) as isize;

/// Cubic convolution parameter, as PyTorch's bicubic and the method's decimation have it.
const CUBIC_A: f64 = -0.75;

/// `y[k] = Σ_t taps[k][t] · x[(start[k] + t) mod input]`: one axis of an image operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Banded {
    /// Positions before.
    pub input: usize,
    /// First input position per output.
    pub start: Vec<usize>,
    /// Taps per output, all rows of one length.
    pub taps: Vec<Vec<f64>>,
}

impl Banded {
    /// From sparse rows: input position → weight. Each row's band starts after its
    /// longest run of unused positions, counted around the end.
    fn from_rows(input: usize, rows: &[BTreeMap<usize, f64>]) -> Self {
        let band = |row: &BTreeMap<usize, f64>| {
            let used: Vec<usize> = row.keys().copied().collect();
            let gap = |i: usize| (used[(i + 1) % used.len()] + input - used[i] - 1) % input;
            let longest = (0..used.len()).max_by_key(|i| gap(*i)).unwrap_or(0);
            let start = used.get((longest + 1) % used.len().max(1)).copied().unwrap_or(0);
            (start, if used.len() < 2 { 1 } else { input - gap(longest) })
        };
        let bands: Vec<(usize, usize)> = rows.iter().map(band).collect();
        let count = bands.iter().map(|(_, len)| *len).max().unwrap_or(1);
        let tap = |row: &BTreeMap<usize, f64>, at: usize| row.get(&(at % input)).copied().unwrap_or(0.0);
        Self {
            input,
            start: bands.iter().map(|(start, _)| *start).collect(),
            taps: rows.iter().zip(&bands).map(|(r, (s, _))| (0..count).map(|t| tap(r, s + t)).collect()).collect(),
        }
    }

    /// Positions after.
    pub fn output(&self) -> usize {
        self.start.len()
    }

    fn rows(&self) -> Vec<BTreeMap<usize, f64>> {
        let row = |(start, taps): (&usize, &Vec<f64>)| {
            let mut row = BTreeMap::new();
            for (t, tap) in taps.iter().enumerate() {
                *row.entry((start + t) % self.input).or_insert(0.0) += tap;
            }
            row
        };
        self.start.iter().zip(&self.taps).map(row).collect()
    }

    /// The exact adjoint: the transposed table.
    pub fn transposed(&self) -> Self {
        let mut rows = vec![BTreeMap::new(); self.input];
        for (k, row) in self.rows().into_iter().enumerate() {
            for (i, tap) in row {
                rows[i].insert(k, tap);
            }
        }
        Self::from_rows(self.output(), &rows)
    }

    /// The same band with all taps zero.
    pub fn zeroed(&self) -> Self {
        Self { taps: vec![vec![0.0; self.taps[0].len()]; self.output()], ..self.clone() }
    }

    /// First `self`, then `next`.
    fn then(&self, next: &Self) -> Self {
        let own = self.rows();
        let compose = |row: &BTreeMap<usize, f64>| {
            let mut sum = BTreeMap::new();
            for (i, a) in row {
                for (j, b) in &own[*i] {
                    *sum.entry(*j).or_insert(0.0) += a * b;
                }
            }
            sum
        };
        Self::from_rows(self.input, &next.rows().iter().map(compose).collect::<Vec<_>>())
    }

    /// Only the first `output` positions after.
    fn truncated(mut self, output: usize) -> Self {
        self.start.truncate(output);
        self.taps.truncate(output);
        self
    }

    /// Applies the operator to one line, read with `x(position)`.
    pub fn apply(&self, x: impl Fn(usize) -> f64) -> Vec<f64> {
        let sum = |(start, taps): (&usize, &Vec<f64>)| -> f64 {
            taps.iter().enumerate().map(|(t, tap)| tap * x((start + t) % self.input)).sum()
        };
        self.start.iter().zip(&self.taps).map(sum).collect()
    }
}

/// `s(m)`, `m = −20..=20`: the frequency-sampled Gaussian whose response is `gain` at
/// the Nyquist frequency of the low resolution (method, section 3).
fn gaussian(gain: f64, ratio: usize) -> Vec<f64> {
    let alpha = (TAPS - 1) as f64 / (2 * ratio) as f64 / (-2.0 * gain.ln()).sqrt();
    let term = |u: isize, m: isize| {
        (-((u * u) as f64) / (2.0 * alpha * alpha)).exp() * (2.0 * PI * (u * m) as f64 / TAPS as f64).cos()
    };
    (-RADIUS..=RADIUS).map(|m| (-RADIUS..=RADIUS).map(|u| term(u, m)).sum::<f64>() / TAPS as f64).collect()
}

/// Kaiser window of 41 points, beta 0.5.
fn kaiser() -> Vec<f64> {
    // Modified Bessel function of order zero by its power series.
    let bessel = |x: f64| {
        let term = |k: i32| ((x / 2.0).powi(k) / (1..=k).map(f64::from).product::<f64>()).powi(2);
        (0..20).map(term).sum::<f64>()
    };
    let at = |m: isize| bessel(0.5 * (1.0 - (m as f64 / RADIUS as f64).powi(2)).sqrt()) / bessel(0.5);
    (-RADIUS..=RADIUS).map(at).collect()
}

/// The full 41×41 training kernel `[row, column]`: `max(0, s(i)·s(j)·w(j))`, sum 1.
pub fn training_kernel(gain: f64, ratio: usize) -> Array2<f64> {
    let (s, w) = (gaussian(gain, ratio), kaiser());
    let kernel = Array2::from_shape_fn((TAPS, TAPS), |(i, j)| (s[i] * s[j] * w[j]).max(0.0));
    let sum = kernel.sum();
    kernel / sum
}

/// The training kernel as a sum of separable ones, `(vertical, horizontal)` factors.
///
/// `max(0, a·b)` is `a⁺·b⁺ + a⁻·b⁻` with the positive and the negative parts of both
/// factors, so two terms are exact. At ratios 4 and 8 the second weighs less than
/// 1e-15 and is left out; at ratio 2 the Gaussian does not fit into 41 frequencies,
/// and leaving it out would be wrong by 1e-5.
pub fn separable_kernels(gain: f64, ratio: usize) -> Vec<(Vec<f64>, Vec<f64>)> {
    let s = gaussian(gain, ratio);
    let windowed: Vec<f64> = s.iter().zip(kaiser()).map(|(s, w)| s * w).collect();
    let part = |values: &[f64], sign: f64| values.iter().map(|v| (v * sign).max(0.0)).collect::<Vec<f64>>();
    let terms = [1.0, -1.0].map(|sign| (part(&s, sign), part(&windowed, sign)));
    let weight = |(v, h): &(Vec<f64>, Vec<f64>)| v.iter().sum::<f64>() * h.iter().sum::<f64>();
    let total: f64 = terms.iter().map(weight).sum();
    let normalised = |(v, h): (Vec<f64>, Vec<f64>)| (v.into_iter().map(|v| v / total).collect(), h);
    terms.into_iter().filter(|term| weight(term) > 1e-15 * total).map(normalised).collect()
}

/// Cubic convolution weight at distance `t`.
fn cubic(t: f64) -> f64 {
    let (t, a) = (t.abs(), CUBIC_A);
    if t <= 1.0 {
        ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
    } else if t < 2.0 {
        ((t - 5.0) * t + 8.0) * t * a - 4.0 * a
    } else {
        0.0
    }
}

fn clamp(at: isize, len: usize) -> usize {
    at.clamp(0, len as isize - 1) as usize
}

/// Cubic interpolation at position `at` of a line of `len`, border clamped.
fn cubic_row(at: f64, len: usize) -> BTreeMap<usize, f64> {
    let base = at.floor();
    let mut row = BTreeMap::new();
    for i in -1..=2 {
        *row.entry(clamp(base as isize + i, len)).or_insert(0.0) += cubic(at - base - i as f64);
    }
    row
}

/// Blur with `kernel` (replicate border), then cubic decimation by `ratio` at phase
/// `(ratio − 1) / 2`, as one strided operator of `⌈len / ratio⌉` outputs.
fn blur_decimate(kernel: &[f64], len: usize, ratio: usize) -> Banded {
    let row = |k: usize| {
        let mut row = BTreeMap::new();
        for (i, weight) in cubic_row((ratio * k) as f64 + (ratio as f64 - 1.0) / 2.0, len) {
            for (m, tap) in kernel.iter().enumerate() {
                *row.entry(clamp(i as isize + m as isize - RADIUS, len)).or_insert(0.0) += weight * tap;
            }
        }
        row
    };
    Banded::from_rows(len, &(0..len.div_ceil(ratio)).map(row).collect::<Vec<_>>())
}

/// An image operator: a sum of separable terms, each `(along y, along x)`.
pub type Terms = Vec<(Banded, Banded)>;

/// MTF blur and decimation of an image of `h × w`.
pub fn degrade(gain: f64, ratio: usize, h: usize, w: usize) -> Terms {
    let axes = |(vertical, horizontal): (Vec<f64>, Vec<f64>)| {
        (blur_decimate(&vertical, h, ratio), blur_decimate(&horizontal, w, ratio))
    };
    separable_kernels(gain, ratio).into_iter().map(axes).collect()
}

/// The exact adjoint of an image operator.
pub fn transposed(terms: &[(Banded, Banded)]) -> Terms {
    terms.iter().map(|(y, x)| (y.transposed(), x.transposed())).collect()
}

/// Cubic upsampling to `output` positions on area-aligned grids, border clamped:
/// `torch.nn.functional.interpolate(mode="bicubic", align_corners=False)`.
pub fn upsample_cubic(input: usize, output: usize, ratio: usize) -> Banded {
    let row = |i: usize| cubic_row((i as f64 + 0.5) / ratio as f64 - 0.5, input);
    Banded::from_rows(input, &(0..output).map(row).collect::<Vec<_>>())
}

/// Odd coefficients of the 23-tap interpolator, from the centre outwards; the even
/// ones are 0 but for the centre's 1.
const INTERP23: [f64; 6] =
    [0.61066818237, -0.145397186478, 0.043619155884, -0.010385513306, 0.001615524292, -0.000120162964];

/// The toolbox's interpolator: doubles `log2 ratio` times, border circular. The first
/// stage puts samples on odd positions, later ones on even: `out[4k + 2] = in[k]`.
pub fn upsample_interp23(input: usize, output: usize, ratio: usize) -> Banded {
    let stage = |len: usize, phase: usize| {
        let coefficient = |m: isize| match m.unsigned_abs() {
            0 => 1.0,
            m if m % 2 == 1 && m <= 11 => INTERP23[m / 2],
            _ => 0.0,
        };
        let row = |i: usize| {
            let mut row = BTreeMap::new();
            for m in -11..=11 {
                let at = (i as isize + m).rem_euclid(2 * len as isize) as usize;
                if at % 2 == phase && coefficient(m) != 0.0 {
                    *row.entry(at / 2).or_insert(0.0) += coefficient(m);
                }
            }
            row
        };
        Banded::from_rows(len, &(0..2 * len).map(row).collect::<Vec<_>>())
    };
    let mut operator = stage(input, 1);
    while operator.output() < ratio * input {
        operator = operator.then(&stage(operator.output(), 0));
    }
    operator.truncated(output)
}

/// Applies one operator per band to an image `[H, W, C]`, in f64.
pub fn apply(image: &[f32], width: usize, operators: &[Terms]) -> Vec<f32> {
    let bands = operators.len();
    let (h_out, w_out) = (operators[0][0].0.output(), operators[0][0].1.output());
    let mut out = vec![0.0; h_out * w_out * bands];
    for (band, terms) in operators.iter().enumerate() {
        let mut sum = vec![0.0; h_out * w_out];
        for (y, x) in terms {
            let columns: Vec<Vec<f64>> =
                (0..width).map(|j| y.apply(|i| f64::from(image[(i * width + j) * bands + band]))).collect();
            for (i, row) in sum.chunks_exact_mut(w_out).enumerate() {
                row.iter_mut().zip(x.apply(|j| columns[j][i])).for_each(|(sum, value)| *sum += value);
            }
        }
        out[band..].iter_mut().step_by(bands).zip(&sum).for_each(|(out, sum)| *out = *sum as f32);
    }
    out
}
