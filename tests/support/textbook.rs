//! The method composed of textbook functions in f64: filters as full 2-D sums and dense
//! matrices, networks as short compositions of the kernels' references. Shares no code
//! with `method` and `net`, which are compared with it.

use ndarray::{Array1, Array2, Array4, ArrayView4};
use trapan::kernels::conv2d::{conv2d, conv2d_grad_input, conv2d_grad_weight, relu, relu_grad};
use trapan::kernels::image::reference_detail;
use trapan::kernels::mlp;

use super::formula::Named;

/// Taps of the MTF filters.
const TAPS: usize = 41;
const HALF: usize = TAPS / 2;

/// Modified Bessel function of order zero, `Σ ((x/2)^k / k!)²`.
fn bessel(x: f64) -> f64 {
    let terms = (1..30).scan(1.0, |term, k| {
        *term *= (x / 2.0 / f64::from(k)).powi(2);
        Some(*term)
    });
    1.0 + terms.sum::<f64>()
}

/// Kaiser window of 41 points, beta 0.5.
pub fn kaiser() -> Vec<f64> {
    let at = |k: usize| (k as f64 - HALF as f64) / HALF as f64;
    (0..TAPS).map(|k| bessel(0.5 * (1.0 - at(k).powi(2)).sqrt()) / bessel(0.5)).collect()
}

/// Width of the Gaussian whose response at the MS Nyquist frequency is `gain`.
pub fn alpha(gain: f64, ratio: usize) -> f64 {
    HALF as f64 / ratio as f64 / (-2.0 * gain.ln()).sqrt()
}

/// `s(m) = 1/41 Σ_u exp(−u²/2α²) cos(2π u m / 41)`, `m = −20..=20`.
pub fn line(gain: f64, ratio: usize) -> Vec<f64> {
    let alpha = alpha(gain, ratio);
    let centred = |k: usize| k as f64 - HALF as f64;
    let response = |u: f64| (-u * u / (2.0 * alpha * alpha)).exp();
    let wave = |u: f64, m: f64| (std::f64::consts::TAU * u * m / TAPS as f64).cos();
    let at = |m: f64| (0..TAPS).map(|k| response(centred(k)) * wave(centred(k), m)).sum::<f64>() / TAPS as f64;
    (0..TAPS).map(|k| at(centred(k))).collect()
}

/// The training kernel `[41, 41]`: windowed along columns, clipped at zero, sum 1.
pub fn training_kernel(gain: f64, ratio: usize) -> Array2<f64> {
    let (s, w) = (line(gain, ratio), kaiser());
    let kernel = Array2::from_shape_fn((TAPS, TAPS), |(i, j)| (s[i] * s[j] * w[j]).max(0.0));
    &kernel / kernel.sum()
}

/// Weight of a sample at distance `t` in cubic convolution with a = −0.75.
fn cubic(t: f64) -> f64 {
    const A: f64 = -0.75;
    let t = t.abs();
    if t <= 1.0 {
        ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0
    } else if t < 2.0 {
        ((t - 5.0) * t + 8.0) * t * A - 4.0 * A
    } else {
        0.0
    }
}

/// Cubic interpolation of `n` samples at the positions `at`, border clamped: `[at.len(), n]`.
fn cubic_matrix(n: usize, at: impl ExactSizeIterator<Item = f64>) -> Array2<f64> {
    let mut matrix = Array2::zeros((at.len(), n));
    for (k, at) in at.enumerate() {
        let first = at.floor() as isize - 1;
        for p in first..first + 4 {
            matrix[[k, p.clamp(0, n as isize - 1) as usize]] += cubic(at - p as f64);
        }
    }
    matrix
}

/// Cubic decimation at the centres of `ratio` pixels: `[n / ratio, n]`.
pub fn decimation(n: usize, ratio: usize) -> Array2<f64> {
    let r = ratio as f64;
    cubic_matrix(n, (0..n / ratio).map(|k| r * k as f64 + (r - 1.0) / 2.0))
}

/// Cubic upsampling of area-aligned grids: `[n · ratio, n]`.
pub fn cubic_upsampling(n: usize, ratio: usize) -> Array2<f64> {
    let r = ratio as f64;
    cubic_matrix(n, (0..n * ratio).map(|k| (k as f64 + 0.5) / r - 0.5))
}

/// interp23: doubling by zero-stuffing and the symmetric 23-tap filter, border circular: `[n · ratio, n]`.
pub fn interp23(n: usize, ratio: usize) -> Array2<f64> {
    const ODD: [f64; 6] = [
        0.610_668_182_37,
        -0.145_397_186_478,
        0.043_619_155_884,
        -0.010_385_513_306,
        0.001_615_524_292,
        -0.000_120_162_964,
    ];
    let mut total = Array2::eye(n);
    for stage in 0..ratio.ilog2() {
        let samples = total.nrows();
        let mut double = Array2::zeros((2 * samples, samples));
        for k in 0..samples {
            let at = 2 * k + usize::from(stage == 0);
            double[[at, k]] += 1.0;
            for (m, c) in ODD.iter().enumerate() {
                // Lines shorter than the filter wrap more than once.
                let reach = (2 * m + 1) % (2 * samples);
                double[[(at + reach) % (2 * samples), k]] += c;
                double[[(at + 2 * samples - reach) % (2 * samples), k]] += c;
            }
        }
        total = double.dot(&total);
    }
    total
}

/// `rows · x · columnsᵀ` for every image and band of `x [N,H,W,C]`.
pub fn separable(x: ArrayView4<'_, f64>, rows: &Array2<f64>, columns: &Array2<f64>) -> Array4<f64> {
    let (n, _, _, c) = x.dim();
    let mut y = Array4::zeros((n, rows.nrows(), columns.nrows(), c));
    for n in 0..n {
        for c in 0..c {
            let plane = x.slice(ndarray::s![n, .., .., c]);
            y.slice_mut(ndarray::s![n, .., .., c]).assign(&rows.dot(&plane).dot(&columns.t()));
        }
    }
    y
}

/// Makes the matrix of an operator along one axis from samples and ratio.
pub type Line = fn(usize, usize) -> Array2<f64>;

/// Upsampling of both axes by `matrix` ([`cubic_upsampling`] or [`interp23`]).
pub fn upsample(x: ArrayView4<'_, f64>, ratio: usize, matrix: Line) -> Array4<f64> {
    separable(x, &matrix(x.dim().1, ratio), &matrix(x.dim().2, ratio))
}

/// MTF blur of the whole image, then cubic decimation.
pub struct Degradation {
    /// One kernel per band.
    kernels: Vec<Array2<f64>>,
    ratio: usize,
}

impl Degradation {
    /// With the training kernels of `gains`, one per band.
    pub fn new(gains: &[f64], ratio: usize) -> Self {
        Self { kernels: gains.iter().map(|g| training_kernel(*g, ratio)).collect(), ratio }
    }

    /// Every term of the blur: output pixel, input pixel (clamped to the image), weight.
    fn terms(kernel: &Array2<f64>, (h, w): (usize, usize), mut visit: impl FnMut((usize, usize), (usize, usize), f64)) {
        let clamp = |at: usize, n: usize| at.saturating_sub(HALF).min(n - 1);
        for i in 0..h {
            for j in 0..w {
                for ((u, v), weight) in kernel.indexed_iter() {
                    visit((i, j), (clamp(i + u, h), clamp(j + v, w)), *weight);
                }
            }
        }
    }

    /// `x [N,H,W,C]` to `[N,h,w,C]`.
    pub fn apply(&self, x: ArrayView4<'_, f64>) -> Array4<f64> {
        let (n, h, w, _) = x.dim();
        let mut blurred = Array4::zeros(x.dim());
        for n in 0..n {
            for (c, kernel) in self.kernels.iter().enumerate() {
                Self::terms(kernel, (h, w), |(i, j), (p, q), weight| {
                    blurred[[n, i, j, c]] += weight * x[[n, p, q, c]];
                });
            }
        }
        separable(blurred.view(), &decimation(h, self.ratio), &decimation(w, self.ratio))
    }

    /// The transposed operator: `dy [N,h,w,C]` to `[N,H,W,C]`.
    pub fn adjoint(&self, dy: ArrayView4<'_, f64>, (h, w): (usize, usize)) -> Array4<f64> {
        let (rows, columns) = (decimation(h, self.ratio), decimation(w, self.ratio));
        let spread = separable(dy, &rows.t().to_owned(), &columns.t().to_owned());
        let mut dx = Array4::zeros(spread.dim());
        for n in 0..dy.dim().0 {
            for (c, kernel) in self.kernels.iter().enumerate() {
                Self::terms(kernel, (h, w), |(i, j), (p, q), weight| {
                    dx[[n, p, q, c]] += weight * spread[[n, i, j, c]];
                });
            }
        }
        dx
    }
}

/// PyTorch's convolution weight `[Co, Ci, 3, 3]` in the kernels' layout `[3, 3, Ci, Co]`.
pub fn to_kernel_layout(shape: &[usize], values: &[f64]) -> Array4<f64> {
    let torch = Array4::from_shape_vec([shape[0], shape[1], shape[2], shape[3]], values.to_vec());
    torch.expect("shape and data agree").permuted_axes([2, 3, 1, 0]).as_standard_layout().to_owned()
}

/// The fusion network: conv_in, four pairs of convolutions, conv_out.
pub struct Fusion {
    /// Weight `[3, 3, Ci, Co]` and bias of each layer in order.
    pub layers: Vec<(Array4<f64>, Vec<f64>)>,
}

impl Fusion {
    /// From tensors in the order and layout of the trace files.
    pub fn new(tensors: &[Named]) -> Self {
        let layer = |pair: &[Named]| (to_kernel_layout(&pair[0].1, &pair[0].2), pair[1].2.clone());
        Self { layers: tensors.chunks_exact(2).map(layer).collect() }
    }

    fn conv(&self, layer: usize, x: &Array4<f64>) -> Array4<f64> {
        let (w, b) = &self.layers[layer];
        conv2d(x.view(), w.view(), b)
    }

    /// Fused image, and the input of each layer for the way back.
    pub fn forward(&self, lms: ArrayView4<'_, f64>, pan: ArrayView4<'_, f64>) -> (Array4<f64>, Vec<Array4<f64>>) {
        let mut inputs = vec![reference_detail(pan, lms)];
        let mut h = self.conv(0, &inputs[0]).mapv(relu);
        let last = self.layers.len() - 1;
        for a in (1..last).step_by(2) {
            let inner = self.conv(a, &h).mapv(relu);
            let sum = &h + &self.conv(a + 1, &inner);
            inputs.extend([std::mem::replace(&mut h, sum), inner]);
        }
        let fused = &lms + &self.conv(last, &h);
        inputs.push(h);
        (fused, inputs)
    }

    /// Gradients of weights and biases per layer, from the gradient at the fused image.
    pub fn backward(&self, inputs: &[Array4<f64>], dy: &Array4<f64>) -> Vec<(Array4<f64>, Array1<f64>)> {
        let last = self.layers.len() - 1;
        let weights = |layer: usize, dy: &Array4<f64>| {
            let (n, h, _, _) = dy.dim();
            conv2d_grad_weight(inputs[layer].view(), dy.view(), 0..n * h)
        };
        let input = |layer: usize, dy: &Array4<f64>| conv2d_grad_input(dy.view(), self.layers[layer].0.view());
        let masked = |mut d: Array4<f64>, activation: &Array4<f64>| {
            d.zip_mut_with(activation, |d, y| *d = relu_grad(*y, *d));
            d
        };
        let mut grads = vec![weights(last, dy)];
        let mut dh = input(last, dy);
        for a in (1..last).step_by(2).rev() {
            let inner = masked(input(a + 1, &dh), &inputs[a + 1]);
            grads.extend([weights(a + 1, &dh), weights(a, &inner)]);
            dh = &dh + &input(a, &inner);
        }
        grads.push(weights(0, &masked(dh, &inputs[1])));
        grads.reverse();
        grads
    }
}

/// The degradation network: one flat parameter in PyTorch order, hidden width 32.
pub struct Dam {
    flat: Vec<f64>,
    bands: usize,
}

impl Dam {
    /// From tensors in the order and layout of the trace files.
    pub fn new(tensors: &[Named]) -> Self {
        Self { flat: tensors.iter().flat_map(|(_, _, values)| values.clone()).collect(), bands: tensors[0].1[1] }
    }

    fn weights(&self) -> mlp::MlpWeights<'_, f64> {
        mlp::MlpWeights::new(&self.flat, self.bands, 32)
    }

    /// `[N,H,W,C]` to `[N,H,W,1]`.
    pub fn forward(&self, x: &Array4<f64>) -> Array4<f64> {
        let (n, h, w, c) = x.dim();
        let flat = x.as_slice().expect("standard layout");
        let y = flat.chunks_exact(c).map(|x| mlp::mlp(x, &self.weights())).collect();
        Array4::from_shape_vec((n, h, w, 1), y).expect("one value per pixel")
    }

    /// Gradient at `x` from `dy [N,H,W,1]`.
    pub fn backward(&self, x: &Array4<f64>, dy: &Array4<f64>) -> Array4<f64> {
        let pixels = x.as_slice().expect("standard layout").chunks_exact(x.dim().3);
        let dx = pixels.zip(dy).flat_map(|(x, dy)| mlp::mlp_backward(x, &self.weights(), *dy).0).collect();
        Array4::from_shape_vec(x.dim(), dx).expect("one gradient per value")
    }
}

/// Mean squared error and its gradient at `y`.
pub fn mse(y: &Array4<f64>, target: ArrayView4<'_, f64>) -> (f64, Array4<f64>) {
    let difference = y - &target;
    let n = y.len() as f64;
    (difference.iter().map(|d| d * d).sum::<f64>() / n, difference * (2.0 / n))
}
