//! The step on rows as they come.

use std::collections::VecDeque;
use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;

use super::filter::{down_column, down_rows, up_columns, weigh_rows};
use super::solve::System;
use super::{ConsistencyStep, RowNeeds};
use crate::filter::all_within;

/// Rows that follow those handed over before; any of them may be none.
#[derive(Clone, Copy, Debug, Default)]
pub struct StripRows<'a> {
    /// Rows of the fused image `[n, W, C]`.
    pub image: &'a [f32],
    /// Which of its pixels are valid, `[n, W]`; `None`: all.
    pub valid: Option<&'a [bool]>,
    /// Rows of MS `[m, w, C]`.
    pub ms: &'a [f32],
    /// Which of its pixels are valid, `[m, w]`; `None`: all.
    pub ms_valid: Option<&'a [bool]>,
}

/// Rows of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRows {
    /// Which rows, counted in the scene.
    pub rows: Range<usize>,
    /// `[n, W, C]`.
    pub image: Vec<f32>,
    /// What was handed over with them, `[n, W]`; `None`: all are valid.
    pub valid: Option<Vec<bool>>,
}

/// Rows from `first` on, counted in the scene.
#[derive(Debug)]
struct RowQueue<T> {
    first: usize,
    rows: VecDeque<T>,
}

impl<T> RowQueue<T> {
    fn from(first: usize) -> Self {
        Self { first, rows: VecDeque::new() }
    }

    fn end(&self) -> usize {
        self.first + self.rows.len()
    }

    fn at(&self, row: usize) -> &T {
        &self.rows[row - self.first]
    }

    fn forget_before(&mut self, row: usize) {
        while self.first < row && self.rows.pop_front().is_some() {
            self.first += 1;
        }
    }
}

/// A row of the image `[C, W]` or of MS `[C, w]`: one plane per band, so that filters run along memory.
#[derive(Debug)]
struct PlanarRow {
    planes: Vec<f32>,
    /// `None` if all are.
    valid: Option<Vec<bool>>,
}

impl PlanarRow {
    fn new(pixels: &[f32], bands: usize, valid: Option<&[bool]>) -> Self {
        let width = pixels.len() / bands;
        let mut planes = vec![0.0; pixels.len()];
        for (band, plane) in planes.chunks_exact_mut(width).enumerate() {
            plane.iter_mut().zip(pixels.chunks_exact(bands)).for_each(|(v, pixel)| *v = pixel[band]);
        }
        Self { planes, valid: valid.filter(|valid| valid.contains(&false)).map(<[bool]>::to_vec) }
    }

    fn plane(&self, band: usize, width: usize) -> &[f32] {
        &self.planes[band * width..(band + 1) * width]
    }
}

/// Rows of the image that a [`StepStream`] holds back at a ratio, about.
pub(crate) fn held_rows(ratio: usize) -> usize {
    128 + 24 * ratio
}

/// Takes the rows that [`ConsistencyStep::needs`] names from top to bottom and gives each wanted row as soon as all
/// it rests on has been seen.
///
/// It holds back about `held_rows` of the image: 20480 columns of 8 bands at ratio 4 are 150 MB.
#[derive(Debug)]
pub struct StepStream<'a> {
    step: &'a ConsistencyStep,
    needs: RowNeeds,
    /// The next row to give, and the end.
    wanted: Range<usize>,
    /// Rows of blocks to be solved.
    blocks: Range<usize>,
    image: RowQueue<PlanarRow>,
    ms: RowQueue<PlanarRow>,
    /// `L − D x₀ [C, w]`, 0 where a pixel is not used.
    residual: RowQueue<PlanarRow>,
    /// `D_xᵀ z [C, W]`.
    raised: RowQueue<Vec<f32>>,
}

impl<'a> StepStream<'a> {
    pub(super) fn new(step: &'a ConsistencyStep, wanted: Range<usize>) -> Self {
        let needs = step.needs(wanted.clone());
        let (blocks, solved) = step.blocks(&wanted).unwrap_or_default();
        Self {
            step,
            wanted,
            blocks,
            image: RowQueue::from(needs.image.start),
            ms: RowQueue::from(needs.ms.start),
            residual: RowQueue::from(needs.ms.start),
            raised: RowQueue::from(solved.start),
            needs,
        }
    }

    /// The rows that have to be handed over in all.
    pub fn needs(&self) -> &RowNeeds {
        &self.needs
    }

    /// Takes the next rows and gives those that are finished.
    ///
    /// # Panics
    /// If the rows are not whole, or more than needed.
    pub fn push(&mut self, strip: StripRows<'_>) -> FinishedRows {
        let (bands, columns) = (self.step.bands.len(), self.step.columns);
        if self.step.is_idle() {
            let start = self.wanted.start;
            self.wanted.start += strip.image.len() / (columns.fine * bands);
            let valid = strip.valid.map(<[bool]>::to_vec);
            return FinishedRows { rows: start..self.wanted.start, image: strip.image.to_vec(), valid };
        }
        take(&mut self.image, strip.image, strip.valid, [columns.fine, bands], self.needs.image.end);
        if !self.needs.ms.is_empty() {
            take(&mut self.ms, strip.ms, strip.ms_valid, [columns.coarse, bands], self.needs.ms.end);
        }
        self.compare();
        while let Some(block) = self.next_block() {
            self.solve(block);
        }
        self.finish()
    }

    /// Residuals of all rows of MS whose rows of the image are here.
    fn compare(&mut self) {
        let ready = |k: &usize| *k < self.ms.end() && self.step.reads[*k].end <= self.image.end();
        let end = (self.residual.end()..self.needs.ms.end).take_while(ready).last().map_or(0, |k| k + 1);
        let rows = self.residual.end()..end;
        let lines: Vec<PlanarRow> = rows.into_par_iter().map(|k| self.residual(k)).collect();
        self.residual.rows.extend(lines);
        self.ms.forget_before(self.residual.end());
    }

    fn residual(&self, k: usize) -> PlanarRow {
        let (step, width) = (self.step, self.step.columns.fine);
        let ms = self.ms.at(k);
        let valid = |row: usize| self.image.at(row).valid.as_deref();
        let used = self.used(k);
        let mut planes = vec![0.0; ms.planes.len()];
        planes.par_chunks_mut(step.columns.coarse).enumerate().for_each(|(band, out)| {
            let Some((operator, _)) = step.bands[band] else { return };
            let [y, x] = &step.operators[operator];
            let taps = &y.rows[k];
            // f64: a difference of two large values is small.
            let mut line = vec![0.0; width];
            down_rows(taps, |row| (self.image.at(row).plane(band, width), valid(row)), &mut line);
            let gaps = y.support(k).any(|row| valid(row).is_some());
            let weights = gaps.then(|| {
                let mut weights = vec![0.0; width];
                weigh_rows(taps, valid, &mut weights);
                weights
            });
            let ms = ms.plane(band, out.len());
            for (j, out) in out.iter_mut().enumerate() {
                if used.as_ref().is_none_or(|used| used[j]) {
                    let mean = down_column(&x.rows[j], &line);
                    let weight = weights.as_ref().map_or(1.0, |weights| down_column(&x.rows[j], weights));
                    *out = (f64::from(ms[j]) - mean / weight) as f32;
                }
            }
        });
        PlanarRow { planes, valid: used }
    }

    /// Which pixels of a row of MS count; `None`: all.
    fn used(&self, k: usize) -> Option<Vec<bool>> {
        let [rows, columns] = &self.step.rests;
        let width = self.step.columns.fine;
        let lines = || rows[k].clone().map(|row| self.image.at(row).valid.as_deref());
        let ms = self.ms.at(k).valid.as_ref();
        if ms.is_none() && lines().all(|line| line.is_none()) {
            return None;
        }
        let whole = vec![true; width];
        let mask = lines().flat_map(|line| line.unwrap_or(&whole)).copied().collect::<Vec<_>>();
        let all = 0..rows[k].len();
        let mut used = all_within(&mask, width, std::slice::from_ref(&all), columns);
        if let Some(ms) = ms {
            used.iter_mut().zip(ms).for_each(|(used, ms)| *used &= ms);
        }
        used.contains(&false).then_some(used)
    }

    /// The next row of blocks, if all residuals of its windows are here.
    fn next_block(&mut self) -> Option<usize> {
        let block = self.blocks.clone().next()?;
        (self.step.cuts[0][block].window.end <= self.residual.end()).then(|| {
            self.blocks.start += 1;
            block
        })
    }

    /// z of a row of blocks, spread over the columns of the image.
    fn solve(&mut self, block: usize) {
        let (step, bands) = (self.step, self.step.bands.len());
        let (rows, columns) = (&step.cuts[0][block], &step.cuts[1][..]);
        let solved: Vec<Array2<f64>> =
            (0..columns.len() * bands).into_par_iter().map(|i| self.window(block, i / bands, i % bands)).collect();
        let (coarse, fine) = (step.columns.coarse, step.columns.fine);
        let raise = |k: usize| {
            let mut z = vec![0.0; coarse];
            let mut raised = vec![0.0; fine * bands];
            for (band, line) in raised.chunks_exact_mut(fine).enumerate() {
                let Some((operator, _)) = step.bands[band] else { continue };
                for (c, cut) in columns.iter().enumerate() {
                    let row = solved[c * bands + band].row(k);
                    z[cut.block.clone()].iter_mut().zip(row).for_each(|(z, v)| *z = *v as f32);
                }
                up_columns(&step.operators[operator][1], &z, line);
            }
            raised
        };
        let raised: Vec<Vec<f32>> = (0..rows.block.len()).into_par_iter().map(raise).collect();
        self.raised.rows.extend(raised);
        let next = step.cuts[0].get(block + 1).map_or(step.rows.coarse, |cut| cut.window.start);
        self.residual.forget_before(next.min(self.residual.end()));
    }

    /// z of one block of one band.
    fn window(&self, block: usize, column: usize, band: usize) -> Array2<f64> {
        let step = self.step;
        let (rows, columns) = (&step.cuts[0][block], &step.cuts[1][column]);
        let Some((operator, nu)) = step.bands[band] else { return Array2::zeros((0, 0)) };
        let lines = || rows.window.clone().map(|k| self.residual.at(k));
        let part = |line: &'_ PlanarRow| {
            line.plane(band, step.columns.coarse)[columns.window.clone()]
                .iter()
                .map(|v| f64::from(*v))
                .collect::<Vec<_>>()
        };
        let size = (rows.window.len(), columns.window.len());
        let residual = Array2::from_shape_vec(size, lines().flat_map(part).collect()).expect("a window");
        let used = |line: &PlanarRow| match &line.valid {
            Some(used) => used[columns.window.clone()].to_vec(),
            None => vec![true; columns.window.len()],
        };
        let used: Vec<bool> =
            if lines().all(|line| line.valid.is_none()) { Vec::new() } else { lines().flat_map(used).collect() };
        let used = used.contains(&false).then(|| Array2::from_shape_vec(size, used).expect("a window"));
        let [y, x] = &step.operators[operator];
        let system = System { y: y.spectrum(block), x: x.spectrum(column), nu };
        system.solve(&residual, used.as_ref(), [rows.given(), columns.given()])
    }

    /// Gives the rows that rest on solved blocks only.
    fn finish(&mut self) -> FinishedRows {
        let (step, width, bands) = (self.step, self.step.columns.fine, self.step.bands.len());
        let waits = |row: &usize| {
            let last = step.reads.partition_point(|read| read.start <= *row);
            !self.needs.ms.is_empty() && last > self.raised.end()
        };
        let here = self.wanted.start..self.wanted.end.min(self.image.end());
        let rows = self.wanted.start..here.clone().find(waits).unwrap_or(here.end.max(here.start));
        let mut image = vec![0.0; rows.len() * width * bands];
        image
            .par_chunks_exact_mut(width * bands)
            .zip(rows.clone())
            .for_each_init(|| vec![0.0; width], |change, (out, row)| self.give(row, change, out));
        let lines = || rows.clone().map(|row| self.image.at(row).valid.as_ref());
        let valid = lines()
            .any(|line| line.is_some())
            .then(|| lines().flat_map(|line| line.cloned().unwrap_or_else(|| vec![true; width])).collect());
        self.wanted.start = rows.end;
        let next = self.residual.end();
        let pending = if next < self.needs.ms.end { step.reads[next].start } else { usize::MAX };
        self.image.forget_before(self.wanted.start.min(pending));
        let first = step.reads.partition_point(|read| read.end <= self.wanted.start);
        self.raised.forget_before(first.min(self.raised.end()));
        FinishedRows { rows, image, valid }
    }

    /// One row `out [W, C]` of the result.
    fn give(&self, row: usize, change: &mut [f32], out: &mut [f32]) {
        let (step, width, bands) = (self.step, self.step.columns.fine, self.step.bands.len());
        let line = self.image.at(row);
        let first = step.reads.partition_point(|read| read.end <= row);
        let end = step.reads.partition_point(|read| read.start <= row);
        for band in 0..bands {
            let x = line.plane(band, width).iter();
            let out = out[band..].iter_mut().step_by(bands);
            let Some((operator, _)) = step.bands[band] else {
                out.zip(x).for_each(|(out, x)| *out = *x);
                continue;
            };
            change.fill(0.0);
            for k in first..end {
                let taps = &step.operators[operator][0].rows[k];
                if let Some(tap) = row.checked_sub(taps.start).and_then(|t| taps.short.get(t)) {
                    let raised = &self.raised.at(k)[band * width..(band + 1) * width];
                    change.iter_mut().zip(raised).for_each(|(sum, v)| *sum += tap * v);
                }
            }
            match &line.valid {
                None => out.zip(x).zip(change.iter()).for_each(|((out, x), change)| *out = x + change),
                Some(valid) => {
                    for (((out, x), change), valid) in out.zip(x).zip(change.iter()).zip(valid) {
                        *out = if *valid { x + change } else { *x };
                    }
                }
            }
        }
    }
}

/// Appends rows of `[width, bands]` to a queue that ends at `end` at most.
fn take(
    queue: &mut RowQueue<PlanarRow>,
    pixels: &[f32],
    valid: Option<&[bool]>,
    [width, bands]: [usize; 2],
    end: usize,
) {
    assert!(pixels.len().is_multiple_of(width * bands), "{} values are no whole rows", pixels.len());
    let count = pixels.len() / (width * bands);
    assert!(queue.end() + count <= end, "rows {}..{} of {end}", queue.end(), queue.end() + count);
    assert!(valid.is_none_or(|valid| valid.len() == count * width), "validity of {count} rows");
    let line = |i: usize| {
        let pixels = &pixels[i * width * bands..(i + 1) * width * bands];
        PlanarRow::new(pixels, bands, valid.map(|valid| &valid[i * width..(i + 1) * width]))
    };
    queue.rows.extend((0..count).into_par_iter().map(line).collect::<Vec<_>>());
}
