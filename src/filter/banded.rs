//! Banded operators along one axis, and image operators made of them.

use std::collections::BTreeMap;
use std::ops::Range;

/// `y[k] = Σ_t taps[k][t] · x[(start[k] + t) mod input]`: one axis of an image operator.
#[derive(Clone, Debug, PartialEq)]
pub struct BandMatrix {
    /// Positions before.
    pub input: usize,
    /// First input position per output.
    pub start: Vec<usize>,
    /// Taps per output, all rows of one length.
    pub taps: Vec<Vec<f64>>,
}

impl BandMatrix {
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

    /// First input position and taps of one output, without the zeros around them.
    pub fn row(&self, output: usize) -> (usize, &[f64]) {
        let taps = &self.taps[output];
        let first = taps.iter().position(|tap| *tap != 0.0).unwrap_or(0);
        let end = taps.iter().rposition(|tap| *tap != 0.0).map_or(first, |last| last + 1);
        ((self.start[output] + first) % self.input, &taps[first..end])
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
    pub(crate) fn zeroed(&self) -> Self {
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

    /// First input position with a tap that is not 0, and the one after the last, over some outputs.
    /// `None` if the band of one of them wraps around the end.
    pub fn support(&self, outputs: Range<usize>) -> Option<Range<usize>> {
        let mut support = self.input..0;
        for (start, taps) in self.start[outputs.clone()].iter().zip(&self.taps[outputs]) {
            for (t, _) in taps.iter().enumerate().filter(|(_, tap)| **tap != 0.0) {
                if start + t >= self.input {
                    return None;
                }
                support = support.start.min(start + t)..support.end.max(start + t + 1);
            }
        }
        Some(support)
    }

    /// The input positions that [`part`](Self::part) can make some outputs of.
    pub(crate) fn needs(&self, outputs: Range<usize>) -> Range<usize> {
        let Some(support) = self.support(outputs) else { return 0..self.input };
        let start = support.start.min(self.input - self.taps[0].len());
        start..support.end.max(start + self.taps[0].len())
    }

    /// The operator on a part of the line: the same taps in the same order, whatever the part.
    ///
    /// # Panics
    /// If an output of the part needs an input outside, or there are fewer inputs than taps.
    pub fn part(&self, outputs: Range<usize>, inputs: Range<usize>) -> Self {
        if (&outputs, &inputs) == (&(0..self.output()), &(0..self.input)) {
            return self.clone();
        }
        let count = self.taps[0].len();
        let (mut starts, mut parts) = (Vec::new(), Vec::new());
        for (start, taps) in self.start[outputs.clone()].iter().zip(&self.taps[outputs]) {
            let first = start + taps.iter().position(|tap| *tap != 0.0).unwrap_or(0);
            // At the end of the part the band begins earlier, with taps of 0.
            let begin = first.min(inputs.end - count).max(inputs.start);
            let mut part = vec![0.0; count];
            for (t, tap) in taps.iter().enumerate().filter(|(_, tap)| **tap != 0.0) {
                assert!(inputs.contains(&(start + t)), "output needs input {} outside {inputs:?}", start + t);
                part[start + t - begin] = *tap;
            }
            starts.push(begin - inputs.start);
            parts.push(part);
        }
        Self { input: inputs.len(), start: starts, taps: parts }
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
pub type Terms = Vec<(BandMatrix, BandMatrix)>;

/// The exact adjoint of an image operator.
pub fn transposed(terms: &[(BandMatrix, BandMatrix)]) -> Terms {
    terms.iter().map(|(y, x)| (y.transposed(), x.transposed())).collect()
}

/// Applies an image operator to one band `[H, W]`.
///
/// Rows first where the image shrinks, columns first where it grows: the cheap order. Along y
/// whole rows are added up, along x the band of each output lies in one piece but for its wrap.
pub(crate) fn apply_plane(x: &[f64], terms: &[(BandMatrix, BandMatrix)]) -> Vec<f64> {
    let mut sum = vec![0.0; terms[0].0.output() * terms[0].1.output()];
    for (rows, columns) in terms {
        let y = if rows.output() <= rows.input {
            along_x(&along_y(x, columns.input, rows), columns)
        } else {
            along_y(&along_x(x, columns), columns.output(), rows)
        };
        sum.iter_mut().zip(y).for_each(|(sum, y)| *sum += y);
    }
    sum
}

fn along_y(x: &[f64], width: usize, rows: &BandMatrix) -> Vec<f64> {
    let mut y = vec![0.0; rows.output() * width];
    for ((row, start), taps) in y.chunks_exact_mut(width).zip(&rows.start).zip(&rows.taps) {
        for (t, tap) in taps.iter().enumerate().filter(|(_, tap)| **tap != 0.0) {
            let from = (start + t) % rows.input * width;
            row.iter_mut().zip(&x[from..from + width]).for_each(|(y, x)| *y += tap * x);
        }
    }
    y
}

fn along_x(x: &[f64], columns: &BandMatrix) -> Vec<f64> {
    let mut y = Vec::with_capacity(x.len() / columns.input * columns.output());
    for line in x.chunks_exact(columns.input) {
        y.extend(columns.start.iter().zip(&columns.taps).map(|(start, taps)| -> f64 {
            match line.get(*start..start + taps.len()) {
                Some(piece) => taps.iter().zip(piece).map(|(tap, x)| tap * x).sum(),
                None => taps.iter().enumerate().map(|(t, tap)| tap * line[(start + t) % columns.input]).sum(),
            }
        }));
    }
    y
}

/// Applies one operator per band to an image `[H, W, C]`, in f64.
pub fn apply(image: &[f32], width: usize, operators: &[Terms]) -> Vec<f32> {
    let bands = operators.len();
    debug_assert_eq!(width, operators[0][0].1.input);
    let mut out = vec![0.0; operators[0][0].0.output() * operators[0][0].1.output() * bands];
    for (band, terms) in operators.iter().enumerate() {
        let plane: Vec<f64> = image[band..].iter().step_by(bands).map(|v| f64::from(*v)).collect();
        let y = apply_plane(&plane, terms);
        out[band..].iter_mut().step_by(bands).zip(y).for_each(|(out, y)| *out = y as f32);
    }
    out
}
