//! Indices of one 32×32 block.

use super::Planes;

/// Side of a block.
pub const BLOCK: usize = 32;
const PIXELS: usize = BLOCK * BLOCK;

/// One band of a block, split into mean and remainder.
pub(super) struct Deviation {
    pub mean: f64,
    /// `value − mean`, `[32·32]`.
    pub rest: Vec<f64>,
}

impl Deviation {
    /// One band of the block whose first pixel is at row `y`, column `x` of an image of this height;
    /// beyond the image it is mirrored. `None` if the block contains an invalid pixel.
    pub(super) fn of(planes: &Planes, band: usize, [y, x]: [usize; 2], height: usize) -> Option<Self> {
        let mirror = |at: usize, len: usize| if at < len { at } else { 2 * len - 1 - at };
        let mut rest = Vec::with_capacity(PIXELS);
        for y in y..y + BLOCK {
            let row = planes.row(band, mirror(y, height));
            match row.get(x..x + BLOCK) {
                Some(inside) => rest.extend_from_slice(inside),
                None => rest.extend((x..x + BLOCK).map(|x| row[mirror(x, planes.width)])),
            }
        }
        // Counted from the first value, so that a constant band has deviation 0 exactly.
        let first = rest[0];
        let mean = first + rest.iter().map(|v| v - first).sum::<f64>() / PIXELS as f64;
        rest.iter_mut().for_each(|v| *v -= mean);
        mean.is_finite().then_some(Self { mean, rest })
    }

    /// Covariance with the divisor n − 1.
    pub(super) fn covariance(&self, other: &Self) -> f64 {
        self.rest.iter().zip(&other.rest).map(|(a, b)| a * b).sum::<f64>() / (PIXELS - 1) as f64
    }
}

/// The universal image quality index of one band. Two constant bands have one structure, two of mean
/// 0 one luminance.
pub(super) fn uqi(x: &Deviation, y: &Deviation) -> f64 {
    let ratio = |part: f64, whole: f64| if whole == 0.0 { 1.0 } else { 2.0 * part / whole };
    ratio(x.covariance(y), x.covariance(x) + y.covariance(y))
        * ratio(x.mean * y.mean, x.mean * x.mean + y.mean * y.mean)
}

/// Products of the basis units of 2^n-dimensional hypercomplex numbers, doubled as the toolbox
/// doubles them: `e_a ∘ conj(e_b) = sign · e_(a xor b)`.
pub(super) struct Hypercomplex {
    /// A power of two.
    pub(crate) dimension: usize,
    /// `[a][b]`.
    signs: Vec<f64>,
}

impl Hypercomplex {
    /// The algebra that holds so many bands.
    pub(super) fn new(bands: usize) -> Self {
        let dimension = bands.next_power_of_two();
        let unit = |i: usize, sign: f64| (0..dimension).map(|k| if k == i { sign } else { 0.0 }).collect::<Vec<_>>();
        let sign = |i: usize| {
            let (a, b) = (i / dimension, i % dimension);
            let conjugate = unit(b, if b == 0 { 1.0 } else { -1.0 });
            product(&unit(a, 1.0), &conjugate)[a ^ b]
        };
        Self { dimension, signs: (0..dimension * dimension).map(sign).collect() }
    }

    /// Q2n of one block. Means, standard deviations and the cross covariance say it all, because the
    /// product is linear in both factors. Bands are normalised by the reference's mean and deviation;
    /// added ones are 1 everywhere, as the toolbox's zeros are after its normalisation. A constant band of
    /// the reference has deviation 0, in the toolbox eps: any error there brings Q2n to 0. Here errors of
    /// rounding do not.
    pub(super) fn q2n(&self, reference: &[Deviation], image: &[Deviation]) -> f64 {
        /// Share of the mean that rounding may leave as the deviation of a constant band.
        const ROUNDING: f64 = 1e-12;
        let deviation = |x: &Deviation| x.covariance(x).sqrt().max(ROUNDING * x.mean.abs()).max(f64::EPSILON);
        let deviations: Vec<f64> = reference.iter().map(deviation).collect();
        let mut product = vec![0.0; self.dimension];
        let (mut variance, mut square) = (0.0, self.dimension as f64 - reference.len() as f64);
        for (a, x) in reference.iter().enumerate() {
            let (y, s) = (&image[a], deviations[a]);
            variance += (x.covariance(x) + y.covariance(y)) / (s * s);
            square += ((y.mean - x.mean) / s + 1.0).powi(2);
            for (b, y) in image.iter().enumerate() {
                product[a ^ b] += self.signs[a * self.dimension + b] * x.covariance(y) / (s * deviations[b]);
            }
        }
        let reference = self.dimension as f64;
        let bias = 2.0 * (reference * square).sqrt() / (reference + square);
        if variance == 0.0 {
            return bias;
        }
        product.iter().map(|v| v * v).sum::<f64>().sqrt() * bias * 2.0 / variance
    }
}

/// The hypercomplex product by doubling (method, section 6).
fn product(x: &[f64], y: &[f64]) -> Vec<f64> {
    let n = x.len();
    if n == 1 {
        return vec![x[0] * y[0]];
    }
    let conjugate = |v: &[f64]| v.iter().enumerate().map(|(i, v)| if i == 0 { *v } else { -v }).collect::<Vec<_>>();
    let sum = |a: Vec<f64>, b: Vec<f64>, sign: f64| a.iter().zip(&b).map(|(a, b)| a + sign * b).collect::<Vec<_>>();
    let ((a, b), (c, d)) = (x.split_at(n / 2), y.split_at(n / 2));
    let (b, d) = (conjugate(b), conjugate(d));
    let (real, other) = if n == 2 {
        (sum(product(a, c), product(&d, &b), -1.0), sum(product(a, &d), product(c, &b), 1.0))
    } else {
        (sum(product(a, c), product(&d, &conjugate(&b)), -1.0), sum(product(&conjugate(a), &d), product(c, &b), 1.0))
    };
    [real, other].concat()
}
