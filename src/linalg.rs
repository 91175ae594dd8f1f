//! Small least-squares problems through their normal equations.
//!
//! The columns are bands of images or shifts of windows: at most 17, condition numbers up to about 1e7, so that f64
//! keeps nine digits.

/// Cholesky's factor of a symmetric matrix: `A = L Lᵀ`.
pub(crate) struct Cholesky {
    n: usize,
    /// `[n, n]`, lower triangle; a column of 0 where one depends on those before it.
    l: Vec<f64>,
}

impl Cholesky {
    /// Of the `n × n` matrix `at(i, j)`, `j ≤ i`. To each diagonal entry the share `ridge` of it is added. A column
    /// of whose square those before it leave no more than the share `rank` carries no direction of its own.
    pub(crate) fn new(n: usize, at: impl Fn(usize, usize) -> f64, ridge: f64, rank: f64) -> Self {
        let mut l = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..i {
                let dot: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
                let rest = at(i, j) - dot;
                l[i * n + j] = if l[j * n + j] > 0.0 { rest / l[j * n + j] } else { 0.0 };
            }
            let square = at(i, i);
            let dot: f64 = (0..i).map(|k| l[i * n + k] * l[i * n + k]).sum();
            let pivot = square - dot + ridge * square;
            if pivot > rank * square {
                l[i * n + i] = pivot.sqrt();
            }
        }
        Self { n, l }
    }

    /// Whether a column has a direction of its own.
    pub(crate) fn is_independent(&self, column: usize) -> bool {
        self.l[column * self.n + column] > 0.0
    }

    /// Whether all have.
    pub(crate) fn is_whole(&self) -> bool {
        (0..self.n).all(|i| self.l[i * self.n + i].is_normal())
    }

    /// Solves `L y = b`; 0 where a column is not independent.
    pub(crate) fn forward(&self, mut b: Vec<f64>) -> Vec<f64> {
        let n = self.n;
        for i in 0..n {
            let dot: f64 = (0..i).map(|k| self.l[i * n + k] * b[k]).sum();
            b[i] = if self.is_independent(i) { (b[i] - dot) / self.l[i * n + i] } else { 0.0 };
        }
        b
    }

    /// Solves `Lᵀ x = y`; 0 where a column is not independent.
    pub(crate) fn backward(&self, mut y: Vec<f64>) -> Vec<f64> {
        let n = self.n;
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| self.l[k * n + i] * y[k]).sum();
            y[i] = if self.is_independent(i) { (y[i] - dot) / self.l[i * n + i] } else { 0.0 };
        }
        y
    }

    /// Solves `A x = b`.
    pub(crate) fn solve(&self, b: Vec<f64>) -> Vec<f64> {
        self.backward(self.forward(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that are far from orthogonal, the third column twice the first in `dependent`.
    fn gram(dependent: bool) -> impl Fn(usize, usize) -> f64 {
        let row = move |k: usize| {
            let t = k as f64;
            let third = if dependent { 2.0 * (1.0 + t) } else { (0.3 * t).sin() };
            [1.0 + t, (0.7 * t).cos(), third]
        };
        move |i, j| (0..20).map(|k| row(k)[i] * row(k)[j]).sum()
    }

    #[test]
    fn solves_what_it_factors() {
        let a = gram(false);
        let factor = Cholesky::new(3, &a, 0.0, 1e-12);
        assert!(factor.is_whole());
        let x = factor.solve(vec![1.0, -2.0, 3.0]);
        let back: Vec<f64> = (0..3).map(|i| (0..3).map(|j| a(i.max(j), i.min(j)) * x[j]).sum()).collect();
        for (found, wanted) in back.iter().zip([1.0, -2.0, 3.0]) {
            assert!((found - wanted).abs() < 1e-10, "{back:?}");
        }
    }

    #[test]
    fn a_column_that_depends_on_others_gets_nothing() {
        let factor = Cholesky::new(3, gram(true), 0.0, 1e-12);
        assert!(!factor.is_whole() && !factor.is_independent(2) && factor.is_independent(1));
        assert_eq!(factor.solve(vec![1.0, 2.0, 3.0])[2], 0.0);
    }
}
