//! Banded operators along one axis, and image operators made of them.

use std::collections::BTreeMap;

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
    pub(super) fn from_rows(input: usize, rows: &[BTreeMap<usize, f64>]) -> Self {
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
    pub(super) fn then(&self, next: &Self) -> Self {
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
    pub(super) fn truncated(mut self, output: usize) -> Self {
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

/// An image operator: a sum of separable terms, each `(along y, along x)`.
pub type Terms = Vec<(Banded, Banded)>;

/// The exact adjoint of an image operator.
pub fn transposed(terms: &[(Banded, Banded)]) -> Terms {
    terms.iter().map(|(y, x)| (y.transposed(), x.transposed())).collect()
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
