//! One axis of the degradation as a table, and the spectra of its small windows.

use std::ops::Range;

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::Array2;
use rayon::prelude::*;

use crate::filter::{BandMatrix, Grid};

/// Largest side of MS that is solved in one piece, so exactly.
const WHOLE: usize = 128;
/// MS pixels that a window sees beyond its block. The rest of the scene then matters less than 3e-5 of the
/// residual at a gain of .2, and 4e-6 from .3 up; see `blocks_are_the_whole` among the tests.
const HALO: usize = 16;
/// Rows of the image per row of blocks: about as many wait for a block.
const BLOCK: usize = 128;
/// Two windows are one if no entry of their matrices differs by more than the rounding of their taps.
const SAME: f64 = 1e-12;

/// A block of MS along one axis, and the window that it is solved on.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub block: Range<usize>,
    pub window: Range<usize>,
}

impl Cut {
    /// Where the block lies in the window.
    pub(super) fn given(&self) -> Range<usize> {
        self.block.start - self.window.start..self.block.end - self.window.start
    }
}

/// Blocks along y and along x.
pub(super) fn cut(rows: Grid, columns: Grid) -> [Vec<Cut>; 2] {
    let whole = rows.coarse.max(columns.coarse) <= WHOLE;
    [rows, columns].map(|grid| {
        let block = if whole { WHOLE } else { (BLOCK / grid.ratio).clamp(8, 64) };
        let cut = |start: usize| {
            let end = (start + block).min(grid.coarse);
            let halo = if whole { 0 } else { HALO };
            Cut { block: start..end, window: start.saturating_sub(halo)..(end + halo).min(grid.coarse) }
        };
        (0..grid.coarse).step_by(block).map(cut).collect()
    })
}

/// The taps of one MS pixel on the fine line.
#[derive(Clone, Debug)]
pub(super) struct Taps {
    pub start: usize,
    pub taps: Vec<f64>,
    /// The same for the way back, which carries small differences only.
    pub short: Vec<f32>,
}

/// `G = D Dᵀ` of a window.
#[derive(Clone, Debug)]
pub(super) struct GramSpectrum {
    /// `[n, n]`.
    pub(crate) gram: Array2<f64>,
    /// `[n, n]`, one eigenvector per column.
    pub(crate) vectors: Array2<f64>,
    pub values: Vec<f64>,
}

/// One axis of D for one gain.
#[derive(Clone, Debug)]
pub(super) struct AxisOperator {
    pub rows: Vec<Taps>,
    spectra: Vec<GramSpectrum>,
    /// Spectrum of each window.
    of: Vec<usize>,
}

impl AxisOperator {
    pub(super) fn new(table: &BandMatrix, cuts: &[Cut]) -> Self {
        let taps = |k: usize| {
            let (start, taps) = table.row(k);
            Taps { start, taps: taps.to_vec(), short: taps.iter().map(|tap| *tap as f32).collect() }
        };
        let rows: Vec<Taps> = (0..table.output()).map(taps).collect();
        let band: Vec<Vec<f64>> = (0..rows.len()).map(|k| gram_row(&rows[k..])).collect();
        let mut grams: Vec<DMatrix<f64>> = Vec::new();
        // Inside the scene all windows are one; found in the scene's order, so that parts find the same.
        let find = |cut: &Cut| {
            let gram = DMatrix::from_fn(cut.window.len(), cut.window.len(), |i, j| {
                band[cut.window.start + i.min(j)].get(i.abs_diff(j)).copied().unwrap_or(0.0)
            });
            let same = |known: &DMatrix<f64>| known.shape() == gram.shape() && (known - &gram).amax() < SAME;
            grams.iter().position(same).unwrap_or_else(|| {
                grams.push(gram);
                grams.len() - 1
            })
        };
        let of = cuts.iter().map(find).collect();
        Self { rows, spectra: grams.into_par_iter().map(spectrum).collect(), of }
    }

    /// The spectrum of a window, counted along the axis.
    pub(crate) fn spectrum(&self, window: usize) -> &GramSpectrum {
        &self.spectra[self.of[window]]
    }

    /// Mean of the diagonal of `D Dᵀ`.
    pub(crate) fn energy(&self) -> f64 {
        let squares = self.rows.iter().flat_map(|row| &row.taps).map(|tap| tap * tap);
        squares.sum::<f64>() / self.rows.len() as f64
    }

    /// Fine pixels that an MS pixel is made of.
    pub(super) fn support(&self, k: usize) -> Range<usize> {
        self.rows[k].start..self.rows[k].start + self.rows[k].taps.len()
    }
}

/// Products of the first pixel's taps with those of itself and the next ones, as far as they overlap.
fn gram_row(rows: &[Taps]) -> Vec<f64> {
    let first = &rows[0];
    let product = |row: &Taps| {
        let shift = row.start - first.start;
        let shared = first.taps.get(shift..).filter(|shared| !shared.is_empty())?;
        Some(shared.iter().zip(&row.taps).map(|(a, b)| a * b).sum())
    };
    rows.iter().map_while(product).collect()
}

fn spectrum(gram: DMatrix<f64>) -> GramSpectrum {
    let n = gram.nrows();
    let array = |m: &DMatrix<f64>| Array2::from_shape_fn((n, n), |(i, j)| m[(i, j)]);
    let entries = array(&gram);
    let eigen = SymmetricEigen::new(gram);
    // Rounding may leave the least of them below 0.
    let values = eigen.eigenvalues.iter().map(|v| v.max(0.0)).collect();
    GramSpectrum { gram: entries, vectors: array(&eigen.eigenvectors), values }
}
