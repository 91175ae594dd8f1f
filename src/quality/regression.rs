//! Linear regression of an image on the bands of another, from sums over its pixels.

use std::ops::Range;

use rayon::prelude::*;

use super::Planes;
use crate::linalg::Cholesky;

/// Sums of products over pixels: of the regressors with each other and with the target. With
/// `intercept` the last regressor is 1.
pub(super) struct Gram {
    regressors: usize,
    intercept: bool,
    /// `[n + 1, n + 1]`, the target last.
    products: Vec<f64>,
    /// Sum of the target.
    sum: f64,
    /// Pixels.
    pub count: usize,
}

impl Gram {
    /// No pixels yet.
    pub(super) fn new(bands: usize, intercept: bool) -> Self {
        let regressors = bands + usize::from(intercept);
        Self { regressors, intercept, products: vec![0.0; (regressors + 1).pow(2)], sum: 0.0, count: 0 }
    }

    /// Adds the pixels of some rows where both images are valid, row by row.
    pub(super) fn add(&mut self, bands: &Planes, target: &Planes, rows: Range<usize>) {
        let (n, count) = (self.regressors, self.regressors - usize::from(self.intercept));
        let of_row = |y: usize| {
            let wanted = target.row(0, y);
            let images: Vec<&[f64]> = (0..count).map(|b| bands.row(b, y)).collect();
            let valid: Vec<usize> = (0..wanted.len())
                .filter(|x| wanted[*x].is_finite() && images.iter().all(|i| i[*x].is_finite()))
                .collect();
            let mut columns: Vec<Vec<f64>> = images.iter().map(|i| valid.iter().map(|x| i[*x]).collect()).collect();
            if self.intercept {
                columns.push(vec![1.0; valid.len()]);
            }
            columns.push(valid.iter().map(|x| wanted[*x]).collect());
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let products: Vec<f64> =
                (0..(n + 1).pow(2)).map(|i| dot(&columns[i / (n + 1)], &columns[i % (n + 1)])).collect();
            (products, columns[n].iter().sum::<f64>(), valid.len())
        };
        for (products, sum, count) in rows.into_par_iter().map(of_row).collect::<Vec<_>>() {
            self.products.iter_mut().zip(products).for_each(|(sum, v)| *sum += v);
            self.sum += sum;
            self.count += count;
        }
    }

    fn at(&self, a: usize, b: usize) -> f64 {
        self.products[a * (self.regressors + 1) + b]
    }

    /// Coefficients of least squares. A regressor that depends on the ones before it (an equal band,
    /// a constant one beside the intercept) gets 0, which changes no prediction.
    pub(super) fn solve(&self) -> Vec<f64> {
        /// Share of a regressor's squares that the others must leave unexplained.
        const INDEPENDENT: f64 = 1e-12;
        let n = self.regressors;
        Cholesky::new(n, |i, j| self.at(i, j), 0.0, INDEPENDENT).solve((0..n).map(|k| self.at(k, n)).collect())
    }

    /// `1 − R²`: squares left by the regression over squares about the mean; 0 for a constant target.
    pub(crate) fn unexplained(&self) -> f64 {
        let (n, x) = (self.regressors, self.solve());
        let squares = self.at(n, n);
        let total = squares - self.sum * self.sum / self.count.max(1) as f64;
        let cross: f64 = x.iter().enumerate().map(|(a, x)| x * self.at(a, n)).sum();
        let model: f64 = (0..n * n).map(|i| x[i / n] * x[i % n] * self.at(i / n, i % n)).sum();
        let left = (squares - 2.0 * cross + model).max(0.0);
        if total > f64::EPSILON * squares { left / total } else { 0.0 }
    }
}
