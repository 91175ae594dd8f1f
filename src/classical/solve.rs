//! Least squares for shares of bands: free, pulled towards a goal, or not negative.

use ndarray::{Array1, Array2};

use crate::linalg::Cholesky;

/// Pivots below this share of their column's square carry no direction of their own.
const RANK_TOLERANCE: f64 = 1e-12;
/// Rounds of the active set; each frees or fixes one column, and a few suffice.
const MOST_ROUNDS: usize = 200;

/// `AᵀA` and `Aᵀy` of a tall problem, gathered row by row.
pub(super) struct NormalEquations {
    gram: Array2<f64>,
    right: Array1<f64>,
}

impl NormalEquations {
    pub(super) fn new(columns: usize) -> Self {
        Self { gram: Array2::zeros((columns, columns)), right: Array1::zeros(columns) }
    }

    /// From the entries of `AᵀA` and `Aᵀy`.
    pub(super) fn of(columns: usize, gram: impl Fn(usize, usize) -> f64, right: impl Fn(usize) -> f64) -> Self {
        Self {
            gram: Array2::from_shape_fn((columns, columns), |(i, j)| gram(i, j)),
            right: Array1::from_shape_fn(columns, right),
        }
    }

    /// One equation `row · x = y`.
    pub(super) fn add(&mut self, row: &[f64], y: f64) {
        for (i, a) in row.iter().enumerate() {
            self.right[i] += a * y;
            for (j, b) in row.iter().enumerate() {
                self.gram[[i, j]] += a * b;
            }
        }
    }

    /// Pulls every entry towards `goal`, by `strength` times the mean of the columns' squares.
    pub(crate) fn pull(&mut self, strength: f64, goal: f64) {
        let n = self.right.len();
        let weight = strength * self.gram.diag().sum() / n as f64;
        for i in 0..n {
            self.gram[[i, i]] += weight;
            self.right[i] += weight * goal;
        }
    }

    /// The least-squares solution; columns that depend on those before them get 0.
    pub(super) fn solve(&self) -> Vec<f64> {
        let all: Vec<usize> = (0..self.right.len()).collect();
        self.solve_for(&all)
    }

    /// The solution in the given columns, 0 in all others.
    fn solve_for(&self, columns: &[usize]) -> Vec<f64> {
        let at = |i: usize, j: usize| self.gram[[columns[i], columns[j]]];
        let factor = Cholesky::new(columns.len(), at, 0.0, RANK_TOLERANCE);
        let mut x = vec![0.0; self.right.len()];
        let found = factor.solve(columns.iter().map(|column| self.right[*column]).collect());
        columns.iter().zip(found).for_each(|(column, value)| x[*column] = value);
        x
    }

    /// The solution with no negative entry: the active-set method of Lawson and Hanson (1974).
    pub(crate) fn solve_non_negative(&self) -> Vec<f64> {
        let n = self.right.len();
        let mut x = Array1::<f64>::zeros(n);
        let mut free: Vec<usize> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let descent = &self.right - &self.gram.dot(&x);
            let scale = |i: usize| self.gram[[i, i]].sqrt();
            let steepest = (0..n)
                .filter(|i| !free.contains(i) && descent[*i] > RANK_TOLERANCE * self.right[*i].abs())
                .max_by(|a, b| (descent[*a] / scale(*a)).total_cmp(&(descent[*b] / scale(*b))));
            let Some(entering) = steepest else { break };
            free.push(entering);
            loop {
                let wanted = self.solve_for(&free);
                // A column that has to leave at once, or that adds no direction, stays at 0.
                let leaving = free.iter().copied().filter(|i| wanted[*i] <= 0.0);
                let step = |i: usize| if x[i] > wanted[i] { x[i] / (x[i] - wanted[i]) } else { 0.0 };
                let Some(first) = leaving.min_by(|a, b| step(*a).total_cmp(&step(*b))) else {
                    x = wanted.into();
                    break;
                };
                let share = step(first);
                for i in &free {
                    x[*i] += share * (wanted[*i] - x[*i]);
                }
                x[first] = 0.0;
                free.retain(|i| *i != first);
            }
            if !free.contains(&entering) {
                break;
            }
        }
        x.to_vec()
    }
}
