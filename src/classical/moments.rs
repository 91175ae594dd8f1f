//! Means and products of planes, gathered window by window.

use ndarray::Array2;
use rayon::prelude::*;

use super::pair::Plane;
use super::stats::{FLAT, Valid};

/// Pixels summed up at a time: the parts of all planes stay in the second-level cache. Parts are added in
/// their order, so that no sum depends on threads.
const PART: usize = 4096;

/// Sums over the trusted pixels of some planes.
#[derive(Clone)]
pub(super) struct PlaneMoments {
    count: f64,
    means: Vec<f64>,
    /// Sums of products of the deviations from the means.
    products: Array2<f64>,
}

impl PlaneMoments {
    /// Of no pixel.
    fn empty(planes: usize) -> Self {
        Self { count: 0.0, means: vec![0.0; planes], products: Array2::zeros((planes, planes)) }
    }

    /// Of planes of one size.
    pub(super) fn of(planes: &[&Plane], valid: &Valid) -> Self {
        let len = planes[0].len();
        let part = |k: usize| Self::of_part(planes, valid, k * PART..((k + 1) * PART).min(len));
        let parts: Vec<Self> = (0..len.div_ceil(PART)).into_par_iter().map(part).collect();
        parts.iter().fold(Self::empty(planes.len()), Self::with)
    }

    /// In two passes, so that a large offset takes no digits from the deviations.
    fn of_part(planes: &[&Plane], valid: &Valid, pixels: std::ops::Range<usize>) -> Self {
        let trusted: Vec<usize> = pixels.filter(|i| valid.at(*i)).collect();
        let mut sums = Self::empty(planes.len());
        if trusted.is_empty() {
            return sums;
        }
        sums.count = trusted.len() as f64;
        let deviations = |(plane, mean): (&&Plane, &mut f64)| -> Vec<f64> {
            *mean = trusted.iter().map(|i| plane[*i]).sum::<f64>() / trusted.len() as f64;
            trusted.iter().map(|i| plane[*i] - *mean).collect()
        };
        let deviations: Vec<Vec<f64>> = planes.iter().zip(&mut sums.means).map(deviations).collect();
        for (i, x) in deviations.iter().enumerate() {
            for (j, y) in deviations[..=i].iter().enumerate() {
                let product = dot(x, y);
                (sums.products[[i, j]], sums.products[[j, i]]) = (product, product);
            }
        }
        sums
    }

    /// Together with those of other pixels (Chan, Golub and LeVeque 1979).
    pub(super) fn with(mut self, other: &Self) -> Self {
        let count = self.count + other.count;
        if other.count == 0.0 {
            return self;
        }
        let steps: Vec<f64> = other.means.iter().zip(&self.means).map(|(b, a)| b - a).collect();
        let share = self.count * other.count / count;
        for ((i, j), product) in self.products.indexed_iter_mut() {
            *product += other.products[[i, j]] + share * steps[i] * steps[j];
        }
        self.means.iter_mut().zip(&steps).for_each(|(mean, step)| *mean += step * other.count / count);
        self.count = count;
        self
    }

    pub(super) fn mean(&self, plane: usize) -> f64 {
        self.means[plane]
    }

    /// Mean of the product.
    pub(super) fn product(&self, i: usize, j: usize) -> f64 {
        self.products[[i, j]] / self.count.max(1.0) + self.means[i] * self.means[j]
    }

    /// [`Valid::covariance`], up to rounding.
    pub(super) fn covariance(&self, i: usize, j: usize) -> f64 {
        let flat = self.is_flat(i) || self.is_flat(j);
        if flat || self.count < 2.0 { 0.0 } else { self.products[[i, j]] / (self.count - 1.0) }
    }

    fn is_flat(&self, plane: usize) -> bool {
        let deviations = self.products[[plane, plane]];
        deviations <= FLAT * (deviations + self.count * self.means[plane].powi(2))
    }
}

/// Four sums side by side: one alone waits for every addition.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (x, x_rest) = x.as_chunks::<4>();
    let (y, y_rest) = y.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (x, y) in x.iter().zip(y) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    sums.iter().sum::<f64>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f64>()
}
