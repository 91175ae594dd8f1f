//! The consistency step: the least change of a fused image after which degrading it gives MS back.
//!
//! With D the degradation of a band (MTF blur and decimation at the pair's true phase), L the band of MS
//! and x₀ the fused band, the minimum of `‖D x − L‖² + ν' ‖x − x₀‖²` is
//!
//! `x = x₀ + Dᵀ z`, `(D Dᵀ + ν') z = L − D x₀`, `ν' = ν / ratio²`,
//!
//! where ν compares with the eigenvalues of `ratio² D Dᵀ`, which are 1 at frequency 0. D is a product
//! of one operator per axis, `D_y ⊗ D_x`, and so is `D Dᵀ = G_y ⊗ G_x`: with the eigenvectors of the two small
//! matrices z is known at once, replicated borders included. All of it happens on the MS grid.
//!
//! A large MS grid is cut into blocks counted from the scene's first pixel, and each is solved on a window
//! a little wider than the block: the inverse of a blur decays fast. No value depends on how the
//! image was handed over, so strips, parts and threads give the same bytes.
//!
//! An MS pixel is used if it is valid and so is all of the image that it rests on, by
//! `mtf_reach`. What lies beyond that reach and is invalid
//! is left out of the weighted mean that `D x₀` is. Where a window has unused pixels, the system is that of
//! the used ones, and is solved by conjugate gradients. Invalid pixels are neither read nor changed.
//!
//! Unlike the engines' kernels this runs on the host, after any method.

mod axis;
mod choose;
mod filter;
mod solve;
mod stream;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::filter::{Grid, degrade_separable, mtf_reach};
use axis::{AxisOperator, Cut};
pub(crate) use choose::CANDIDATES;
pub use choose::{Choice, Experiment, choose, noise};
pub(crate) use stream::held_rows;
pub use stream::{FinishedRows, StepStream, StripRows};

/// Which pixels of an image and of MS are valid, `[H, W]` and `[h, w]`.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'a> {
    /// The image on the grid of PAN.
    pub image: &'a [bool],
    /// MS: all bands.
    pub ms: &'a [bool],
}

/// What must be handed over for some rows of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowNeeds {
    /// Rows of the fused image.
    pub image: Range<usize>,
    /// Rows of MS.
    pub ms: Range<usize>,
}

/// The step for one pair: any image over the same grids.
#[derive(Clone, Debug)]
pub struct ConsistencyStep {
    rows: Grid,
    columns: Grid,
    cuts: [Arc<[Cut]>; 2],
    /// `(along y, along x)` for each distinct gain of a band that is moved.
    operators: Arc<[[AxisOperator; 2]]>,
    /// Operator and ν' of each band; `None` leaves it alone.
    bands: Vec<Option<(usize, f64)>>,
    /// Fine pixels per MS pixel that must be valid, along y and x.
    rests: [Arc<[Range<usize>]>; 2],
    /// Rows of the image per row of MS that are read, by the filter or for their validity.
    reads: Arc<[Range<usize>]>,
}

impl ConsistencyStep {
    /// For bands of some MTF gains at the Nyquist frequency of MS, in 0..1. `nu` is how much less than the
    /// whole difference from MS is made up for: 0.01 nearly all of it, 1 about half at low frequencies, where
    /// noise in MS matters; `None` leaves the band alone.
    ///
    /// # Panics
    /// If there are not as many gains as `nu`, or one of `nu` is not above 0.
    pub fn new(rows: Grid, columns: Grid, gains: &[f64], nu: &[Option<f64>]) -> Self {
        assert_eq!(gains.len(), nu.len(), "one gain and one nu per band");
        let mut distinct: Vec<f64> = Vec::new();
        let mut operator = |gain: f64| {
            distinct.iter().position(|g| *g == gain).unwrap_or_else(|| {
                distinct.push(gain);
                distinct.len() - 1
            })
        };
        let bands = gains.iter().zip(nu).map(|(gain, nu)| nu.map(|nu| (operator(*gain), weight(nu, rows)))).collect();
        let cuts = axis::cut(rows, columns);
        let build = |gain: &f64| {
            let (y, x) = degrade_separable(*gain, rows, columns);
            let (y, x) = rayon::join(|| AxisOperator::new(&y, &cuts[0]), || AxisOperator::new(&x, &cuts[1]));
            [y, x]
        };
        let operators: Arc<[[AxisOperator; 2]]> = distinct.par_iter().map(build).collect();
        let rests: [Arc<[Range<usize>]>; 2] = [rows, columns].map(|grid| mtf_reach(grid).into());
        let read = |(k, rest): (usize, &Range<usize>)| {
            let taps = operators.iter().map(|[y, _]| y.support(k));
            taps.fold(rest.clone(), |all, taps| all.start.min(taps.start)..all.end.max(taps.end))
        };
        let reads = rests[0].iter().enumerate().map(read).collect();
        Self { rows, columns, cuts: cuts.map(Arc::from), operators, bands, rests, reads }
    }

    /// The same step with other `nu`; bands without one before stay alone. Shares all tables.
    ///
    /// # Panics
    /// As [`new`](Self::new) does.
    pub(crate) fn with_nu(&self, nu: &[Option<f64>]) -> Self {
        assert_eq!(self.bands.len(), nu.len(), "one nu per band");
        let change = |(band, nu): (&Option<(usize, f64)>, &Option<f64>)| {
            band.and_then(|(operator, _)| nu.map(|nu| (operator, weight(nu, self.rows))))
        };
        Self { bands: self.bands.iter().zip(nu).map(change).collect(), ..self.clone() }
    }

    /// Moves a whole image `x [H, W, C]` towards `ms [h, w, C]`, both in the same unit.
    ///
    /// Rounding is that of f32 in x, about 1e-7 of the largest value.
    ///
    /// # Panics
    /// If an array has another size than the grids say.
    pub fn whole(&self, x: &mut [f32], ms: &[f32], valid: Option<Validity<'_>>) {
        /// Rows handed over at once: enough for all threads, little beside the rows held back.
        const STRIP: usize = 64;
        let (width, bands) = (self.columns.fine, self.bands.len());
        assert_eq!(x.len(), self.rows.fine * width * bands, "the image has the grids' size");
        assert_eq!(ms.len(), self.rows.coarse * self.columns.coarse * bands, "MS has the grids' size");
        if self.is_idle() {
            return;
        }
        let mut stream = self.stream(0..self.rows.fine);
        let mut ms = Some(ms);
        for start in (0..self.rows.fine).step_by(STRIP) {
            let end = (start + STRIP).min(self.rows.fine);
            let done = stream.push(StripRows {
                image: &x[start * width * bands..end * width * bands],
                valid: valid.map(|valid| &valid.image[start * width..end * width]),
                ms_valid: valid.filter(|_| ms.is_some()).map(|valid| valid.ms),
                ms: ms.take().unwrap_or_default(),
            });
            x[done.rows.start * width * bands..done.rows.end * width * bands].copy_from_slice(&done.image);
        }
    }

    /// Mean of the diagonal of `D Dᵀ`: what degrading leaves of the variance of white noise in a band; 0 for a
    /// band without ν.
    fn energy(&self, band: usize) -> f64 {
        self.bands[band]
            .map_or(0.0, |(operator, _)| self.operators[operator].iter().map(AxisOperator::energy).product())
    }

    /// Variance that white noise of variance 1 in MS brings into a band: the sum of `λ / (λ + ν')²` over the
    /// eigenvalues of `D Dᵀ`, per pixel of the image.
    fn lets_in(&self, band: usize) -> f64 {
        let Some((operator, nu)) = self.bands[band] else { return 0.0 };
        let [y, x] = &self.operators[operator];
        let [rows, columns] = &self.cuts;
        let window = |(i, j): (usize, usize)| {
            let (a, b) = (&y.spectrum(i).values, &x.spectrum(j).values);
            let share = |l: f64| l / (l + nu).powi(2);
            let mean =
                a.iter().flat_map(|a| b.iter().map(move |b| share(a * b))).sum::<f64>() / (a.len() * b.len()) as f64;
            mean * (rows[i].block.len() * columns[j].block.len()) as f64
        };
        let windows = (0..rows.len()).flat_map(|i| (0..columns.len()).map(move |j| (i, j)));
        windows.map(window).sum::<f64>() / (self.rows.fine * self.columns.fine) as f64
    }

    /// What must be handed over for these rows to come out as in the whole scene.
    pub fn needs(&self, rows: Range<usize>) -> RowNeeds {
        let Some((blocks, _)) = self.blocks(&rows) else { return RowNeeds { image: rows, ms: 0..0 } };
        let cuts = &self.cuts[0][blocks];
        let ms = cuts[0].window.start..cuts[cuts.len() - 1].window.end;
        let reads = &self.reads[ms.clone()];
        let image = reads[0].start.min(rows.start)..reads[reads.len() - 1].end.max(rows.end);
        RowNeeds { image, ms }
    }

    /// Computes these rows of the result from strips; see [`needs`](Self::needs).
    ///
    /// # Panics
    /// If the rows lie outside the scene.
    pub fn stream(&self, rows: Range<usize>) -> StepStream<'_> {
        assert!(rows.start <= rows.end && rows.end <= self.rows.fine, "rows {rows:?} of {}", self.rows.fine);
        StepStream::new(self, rows)
    }

    /// Whether no band is moved.
    pub(crate) fn is_idle(&self) -> bool {
        self.bands.iter().all(Option::is_none)
    }

    /// Rows of blocks that some rows of the image wait for, and the rows of MS in them.
    fn blocks(&self, rows: &Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
        let first = self.reads.partition_point(|read| read.end <= rows.start);
        let end = self.reads.partition_point(|read| read.start < rows.end);
        if self.is_idle() || rows.is_empty() || first >= end {
            return None;
        }
        let over = |k: usize| self.cuts[0].partition_point(|cut| cut.block.end <= k);
        let blocks = over(first)..over(end - 1) + 1;
        let ms = self.cuts[0][blocks.start].block.start..self.cuts[0][blocks.end - 1].block.end;
        Some((blocks, ms))
    }
}

/// ν' of a band.
fn weight(nu: f64, grid: Grid) -> f64 {
    assert!(nu > 0.0, "nu is {nu}: without a weight nothing bounds the change");
    nu / (grid.ratio * grid.ratio) as f64
}
