//! Weighted linear least squares by its normal equations.

use crate::linalg::Cholesky;

/// Share of each diagonal entry that is added to it: bands may be equal.
const RIDGE: f64 = 1e-9;

/// Sums of products of the features of all rows, with the target as one more.
pub(super) struct FeatureSums {
    /// Features and target.
    n: usize,
    /// `[n, n]`, lower triangle.
    sums: Vec<f64>,
    weight: f64,
}

/// The factors that explain the target best.
pub(super) struct LeastSquares {
    /// One factor per feature.
    pub(super) x: Vec<f64>,
    /// Their variances, for residuals of variance 1.
    pub(super) variance: Vec<f64>,
    /// Sum of the squares that are left.
    pub(super) residual: f64,
    /// Correlation of target and explanation.
    pub(super) fit: f64,
}

impl FeatureSums {
    pub(super) fn new(features: usize) -> Self {
        let n = features + 1;
        Self { n, sums: vec![0.0; n * n], weight: 0.0 }
    }

    /// Adds a row: features, then the target.
    pub(super) fn add(&mut self, row: &[f64], weight: f64) {
        for (i, a) in row.iter().enumerate() {
            let a = weight * a;
            self.sums[i * self.n..].iter_mut().zip(&row[..=i]).for_each(|(sum, b)| *sum += a * b);
        }
        self.weight += weight;
    }

    /// All rows of several, in their order; `None` of none.
    pub(super) fn sum(parts: Vec<Self>) -> Option<Self> {
        parts.into_iter().reduce(|mut sum, part| {
            sum.sums.iter_mut().zip(&part.sums).for_each(|(a, b)| *a += b);
            sum.weight += part.weight;
            sum
        })
    }

    /// Sum of the weights.
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }

    /// Solves; `None` if a feature is 0 throughout.
    pub(super) fn solve(&self) -> Option<LeastSquares> {
        let (n, m) = (self.n, self.n - 1);
        let factor = Cholesky::new(m, |i, j| self.sums[i * n + j], RIDGE, 0.0);
        if !factor.is_whole() {
            return None;
        }
        let squares = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
        let y = factor.forward(self.sums[m * n..m * n + m].to_vec());
        let (explained, total) = (squares(&y), self.sums[m * n + m]);
        let x = factor.backward(y);
        let unit = |i: usize| (0..m).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
        let fit = if total > 0.0 { (explained / total).clamp(0.0, 1.0).sqrt() } else { 0.0 };
        let variance = (0..m).map(|i| squares(&factor.forward(unit(i)))).collect();
        Some(LeastSquares { x, variance, residual: (total - explained).max(0.0), fit })
    }
}
