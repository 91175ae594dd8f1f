//! The shift between PAN and MS that their georeference leaves, and how it varies over the scene.
//!
//! Where PAN lies `s` off, MS pixel k shows what PAN shows around `ratio·k + phase + s`, through a
//! wider blur. So PAN is blurred to MS's resolution and sampled there, and what is looked for is
//! the `s` at which some mixture of the bands explains it best:
//!
//! `D B(ratio·k + phase + s) ≈ Σ_b w_b D ms_b(k)`, with `D` differences between neighbours.
//!
//! Differences, because PAN and a mixture of the bands differ in slow changes of brightness more
//! than in edges. Whole MS pixels are searched, then Gauss–Newton solves for shift and mixture at
//! once, with Huber's weights. The same in windows, with the mixture kept, tells how far one shift
//! explains the scene.
//!
//! Right within 0.05 PAN pixels on simulated pairs.

mod normal;
mod patch;

use rayon::prelude::*;

use super::{GeometryError, Scene, SceneError};
use crate::tiff::Block;
use normal::FeatureSums;
use patch::{LEAST, Patch, areas};

/// Whole MS pixels searched to each side.
const REACH: isize = 3;
/// Windows that suffice to find the MS pixel.
const FEW: usize = 16;
/// Rounds of Gauss–Newton; it converges in three or four.
const ROUNDS: usize = 10;
/// Step, in PAN pixels, that ends it.
const CONVERGED: f64 = 2e-3;
/// A shift beyond this, in PAN pixels, is worth a warning: it shows in the result.
pub(super) const NOTABLE: f64 = 0.3;
/// Spread and drift beyond these, in PAN pixels, cannot be put right by one shift.
const MOST_SPREAD: f64 = 0.75;
const MOST_DRIFT: f64 = 1.5;
/// Least correlation of edges at which a shift is believed.
const LEAST_FIT: f64 = 0.5;

/// The shift of one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Local {
    /// Centre of the window's texture in PAN: row, column.
    pub at: [f64; 2],
    /// How far PAN lies off MS, in PAN pixels: down, to the right.
    pub shift: [f64; 2],
    /// Standard error of it.
    pub error: f64,
}

/// In words where PAN lies.
pub fn off_ms(shift: [f64; 2]) -> String {
    // Without the sign of what rounds to zero from below.
    let [down, right] = shift.map(|pixels| (100.0 * pixels).round() / 100.0 + 0.0);
    format!("{down:+.2} rows and {right:+.2} columns off MS")
}

/// What was measured between PAN and MS.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// How far PAN lies off MS, in PAN pixels: down, to the right.
    pub shift: [f64; 2],
    /// Spread of the windows' shifts: 1.48 times their median distance from their median.
    pub spread: [f64; 2],
    /// Change of the shift from end to end of the common area, by a plane through the windows'.
    pub drift: [f64; 2],
    /// The windows with enough texture.
    pub windows: Vec<Local>,
    /// Correlation of each band with PAN at MS's resolution, `[C]`.
    pub correlation: Vec<f64>,
    /// Correlation of PAN's edges with those of the best mixture of the bands.
    pub fit: f64,
}

impl Registration {
    /// Measures a scene, of which only some windows are read; `observe` sees them, PAN and MS. `None`
    /// where there is nothing to hold on to: little area, texture or validity.
    ///
    /// # Errors
    /// Those of reading PAN.
    pub fn of(scene: &Scene<'_>, observe: impl Fn(&Block, &Block) + Sync) -> Result<Option<Self>, SceneError> {
        let (rows, columns) = (&scene.rows, &scene.columns);
        let patches = areas(rows, columns).into_par_iter().map(|area| {
            let pan = scene.read_pan(area.rows.pan.clone(), area.columns.pan.clone())?;
            let ms = scene.read_ms(area.rows.ms.clone(), area.columns.ms.clone())?;
            observe(&pan, &ms);
            Ok(Patch::new(&area, pan, ms, rows, columns))
        });
        let mut patches = patches.collect::<Result<Vec<Patch>, SceneError>>()?;
        patches.retain(|patch| patch.neighbours.len() >= LEAST);
        let few: Vec<&Patch> = patches.iter().step_by(patches.len().div_ceil(FEW).max(1)).collect();
        let ratio = rows.ratio as f64;
        let all: Vec<&Patch> = patches.iter().collect();
        let start = search(&few, [0.0; 2], REACH, ratio);
        let Some(global) = refine(&all, start, 1.5 * ratio) else { return Ok(None) };
        let correlation = correlation(&patches, global.shift);
        let local = |patch: Patch| {
            let patch = patch.mixed(&global.mixture);
            let start = search(&[&patch], global.shift, 2, 0.5 * ratio);
            let found = refine(&[&patch], start, ratio)?;
            Some(Local { at: patch.at, shift: found.shift, error: found.error })
        };
        let windows: Vec<Local> = patches.into_par_iter().filter_map(local).collect();
        let spread = [0, 1].map(|axis| spread(windows.iter().map(|w| w.shift[axis]).collect()));
        let drift = drift(&windows, [rows.fine, columns.fine]);
        Ok(Some(Self { shift: global.shift, spread, drift, correlation, fit: global.fit, windows }))
    }

    /// Whether one shift explains the scene.
    ///
    /// # Errors
    /// [`GeometryError::Misregistered`] with what was measured.
    pub fn is_one_shift(&self) -> Result<(), GeometryError> {
        let ([dy, dx], [sy, sx]) = (self.drift, self.spread);
        let why = if self.fit < LEAST_FIT {
            format!("the edges of PAN and MS hardly agree (correlation {:.2})", self.fit)
        } else if dy.max(dx) > MOST_DRIFT {
            format!("it changes by {dy:.1} rows and {dx:.1} columns of PAN over the scene: the scales differ")
        } else if sy.max(sx) > MOST_SPREAD {
            format!("it varies over the scene, by {sy:.1} rows and {sx:.1} columns of PAN from place to place")
        } else {
            return Ok(());
        };
        let fix = "orthorectify both with the same elevation model, or fit MS to PAN with control points \
                   (gdal_translate -gcp …, then gdalwarp -order 1)"
            .into();
        Err(GeometryError::Misregistered { why, fix })
    }
}

/// A shift with the mixture that goes with it.
struct Solution {
    shift: [f64; 2],
    mixture: Vec<f64>,
    error: f64,
    fit: f64,
}

/// Gauss–Newton from `start`; `None` if it leaves the neighbourhood, or has nothing to hold on to.
fn refine(patches: &[&Patch], start: [f64; 2], radius: f64) -> Option<Solution> {
    let features = patches.first()?.features;
    let (mut shift, mut scale, mut last) = (start, f64::INFINITY, vec![0.0; features]);
    for round in 0..ROUNDS {
        let sums = patches.par_iter().map(|patch| {
            let mut normal = FeatureSums::new(features + 2);
            let mut residuals = Vec::with_capacity(patch.neighbours.len());
            patch.rows(shift, |row| {
                // At this shift, so without the slopes.
                let explained: f64 = row.iter().zip(&last).map(|(a, b)| a * b).sum();
                let residual = (row[features + 2] - explained).abs();
                residuals.push(residual);
                normal.add(row, huber(residual, scale));
            });
            (normal, residuals)
        });
        let (sums, mut residuals): (Vec<_>, Vec<_>) = sums.unzip();
        let normal = FeatureSums::sum(sums)?;
        let solved = normal.solve()?;
        let step = [solved.x[features], solved.x[features + 1]];
        shift = [shift[0] + step[0], shift[1] + step[1]];
        if (0..2).any(|i| (shift[i] - start[i]).abs() > radius) {
            return None;
        }
        last = solved.x[..features].to_vec();
        // The first residuals are PAN itself, no measure of disagreement.
        let settled = round > 1 && step[0].hypot(step[1]) < CONVERGED;
        if settled || round + 1 == ROUNDS {
            let error = (solved.residual / normal.weight()
                * (solved.variance[features] + solved.variance[features + 1]))
                .sqrt();
            return Some(Solution { shift, mixture: last, error, fit: solved.fit });
        }
        if round > 0 {
            let mut residuals: Vec<f64> = residuals.drain(..).flatten().collect();
            scale = 1.4826 * median(&mut residuals);
        }
    }
    None
}

/// Of the shifts in steps around a centre, the one at which PAN is explained best.
fn search(patches: &[&Patch], centre: [f64; 2], reach: isize, step: f64) -> [f64; 2] {
    let steps = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| [y, x]));
    let places = steps.map(|[y, x]| [centre[0] + y as f64 * step, centre[1] + x as f64 * step]);
    let fit = |shift: [f64; 2]| {
        let sums = patches.par_iter().map(|patch| {
            let mut normal = FeatureSums::new(patch.features);
            patch.rows(shift, |row| {
                // Without the slopes.
                row[patch.features] = row[patch.features + 2];
                normal.add(&row[..=patch.features], 1.0);
            });
            normal
        });
        FeatureSums::sum(sums.collect()).and_then(|normal| normal.solve()).map_or(0.0, |solved| solved.fit)
    };
    places.map(|shift| (fit(shift), shift)).max_by(|a, b| a.0.total_cmp(&b.0)).map_or(centre, |(_, shift)| shift)
}

/// Huber's weight of a residual in units of its scale.
fn huber(residual: f64, scale: f64) -> f64 {
    let limit = 1.345 * scale;
    if residual <= limit { 1.0 } else { limit / residual }
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

fn spread(mut shifts: Vec<f64>) -> f64 {
    let middle = median(&mut shifts);
    shifts.iter_mut().for_each(|s| *s = (*s - middle).abs());
    1.4826 * median(&mut shifts)
}

/// Change over the area of a plane through the windows' shifts.
fn drift(windows: &[Local], size: [usize; 2]) -> [f64; 2] {
    [0, 1].map(|axis| {
        let mut sums = FeatureSums::new(3);
        for window in windows {
            let [y, x] = [0, 1].map(|i| window.at[i] / size[i] as f64 - 0.5);
            // A tenth of a pixel is what a window is good for at best.
            sums.add(&[1.0, y, x, window.shift[axis]], 1.0 / (window.error.powi(2) + 0.01));
        }
        // Too few windows tell of no slope.
        sums.add(&[0.0, 1.0, 0.0, 0.0], 1.0);
        sums.add(&[0.0, 0.0, 1.0, 0.0], 1.0);
        sums.solve().map_or(0.0, |solved| solved.x[1].abs() + solved.x[2].abs())
    })
}

/// Correlation of each band with PAN.
fn correlation(patches: &[Patch], shift: [f64; 2]) -> Vec<f64> {
    let bands = patches.first().map_or(0, |patch| patch.features);
    // Sums of 1, x, y, x², y², xy.
    let mut sums = vec![[0.0f64; 6]; bands];
    for patch in patches {
        patch.pixels(shift, |pan, pixel| {
            for (x, sums) in pixel.iter().zip(&mut sums) {
                let x = f64::from(*x);
                sums.iter_mut().zip([1.0, x, pan, x * x, pan * pan, x * pan]).for_each(|(sum, term)| *sum += term);
            }
        });
    }
    let correlation = |[n, x, y, xx, yy, xy]: &[f64; 6]| {
        let (covariance, variances) = (n * xy - x * y, (n * xx - x * x) * (n * yy - y * y));
        if variances > 0.0 { covariance / variances.sqrt() } else { 0.0 }
    };
    sums.iter().map(correlation).collect()
}
