//! A procedural place seen from above at 0.5 m: the edge of a small town, for demo, tests and benchmarks.
//!
//! A scene is planned first and painted afterwards. `layout` draws a bent street grid, a river and the use of each
//! block; `builder` fills the blocks with `objects`; `ground` tells what lies at any point between them. Painting
//! goes by strips of rows on a raster twice as fine as the picture: ground, then objects (the higher one wins), then
//! shadows cast through the heights, then light times reflectance (`materials`) gathered over the footprint of a pixel.
//!
//! The same spec gives the same bits on every platform and for any number of threads: see `space`.

mod builder;
mod ground;
mod layout;
mod materials;
mod objects;
mod space;
mod surface;
#[cfg(test)]
mod tests;

pub(crate) use materials::pan_weights;

use layout::TownPlan;
use materials::{BANDS, EIGHT, FOUR, HAZE, Reflectance, SKY};
use rayon::prelude::*;
use space::{Dice, vec2};
use surface::{Owner, Surface};

/// Samples per pixel and axis.
const FINE: usize = 2;
/// How a pixel weighs the samples under and beside it, per axis. The binomial passes 0.35 of the pixel's Nyquist
/// frequency, as a good telescope does, and leaves no staircase on edges.
const FOOTPRINT: [f32; 4] = [0.125, 0.375, 0.375, 0.125];
/// Rows of a strip, px.
const STRIP: usize = 64;
/// Longest shadow, px: 16 m high at the lowest sun (rise 1) is 32 px.
const SHADOW_REACH: f32 = 34.0;
/// Tallest thing, m: what bounds the shadows.
const TALLEST: f32 = 17.0;

/// What to make: the same spec always gives the same scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TownSpec {
    /// Width in PAN pixels of 0.5 m, 16 to 16384; a larger scene shows more town, not larger houses.
    pub width: usize,
    /// Height in PAN pixels, likewise.
    pub height: usize,
    /// 4 (blue, green, red, NIR) or 8 (coastal, blue, green, yellow, red, red edge, NIR1, NIR2).
    pub bands: usize,
    /// Any number; each gives another place.
    pub seed: u64,
}

/// A scene without noise or blur beyond its own pixels.
#[derive(Clone, Debug)]
pub struct Town {
    /// Apparent reflectance at PAN resolution, `[height, width, bands]`, about 0.005 to 0.6.
    pub truth: Vec<f32>,
    /// Panchromatic image `[height, width]`: the truth weighted by `pan_weights`.
    pub pan: Vec<f32>,
}

/// Why no scene can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TownError {
    /// There are spectra for two band sets only.
    #[error("a scene has 4 or 8 bands, not {0}")]
    Bands(usize),
    /// Too small to show anything, or too large for the coordinates.
    #[error("a scene is 16 to 16384 pixels wide and high, not {width}x{height}")]
    Size {
        /// Width asked for.
        width: usize,
        /// Height asked for.
        height: usize,
    },
}

/// Makes the scene of `spec`. Strips of rows are painted in parallel on the current rayon pool.
///
/// # Errors
/// [`TownError`] for a band count other than 4 or 8 or a side outside 16..=16384.
pub fn build(spec: &TownSpec) -> Result<Town, TownError> {
    let TownSpec { width, height, bands, seed } = *spec;
    let weights = pan_weights(bands).ok_or(TownError::Bands(bands))?;
    if !(16..=16384).contains(&width) || !(16..=16384).contains(&height) {
        return Err(TownError::Size { width, height });
    }
    let mut dice = Dice::new(seed);
    let mut plan = TownPlan::new(width, height, &mut dice);
    builder::build(&mut plan, &mut dice);

    let mut truth = vec![0.0f32; width * height * bands];
    let mut pan = vec![0.0f32; width * height];
    let strips = truth.par_chunks_mut(STRIP * width * bands).zip(pan.par_chunks_mut(STRIP * width));
    strips.enumerate().for_each(|(k, (truth, pan))| {
        SampleStrip::paint(&plan, k * STRIP, pan.len() / width).develop(&plan, bands, truth);
        for (y, x) in pan.iter_mut().zip(truth.chunks_exact(bands)) {
            *y = x.iter().zip(weights).map(|(x, w)| x * w).sum();
        }
    });
    Ok(Town { truth, pan })
}

/// Some rows of the picture as fine samples, with a border from which shadows fall in.
struct SampleStrip {
    /// Samples per row and in all rows, border included.
    columns: usize,
    rows: usize,
    /// First picture row and number of picture rows inside the border.
    top: usize,
    lines: usize,
    samples: Vec<Surface>,
}

/// Border of a strip on every side, in samples; more than the footprint needs.
const BORDER: usize = SHADOW_REACH as usize * FINE;
/// Longest shadow of the ground itself, in samples: that of a bank at the lowest sun, and the footprint's margin.
const BANK_SHADOW: usize = (ground::BANK / objects::PIXEL) as usize * FINE + 2;

impl SampleStrip {
    /// Ground and objects of picture rows `top..top + lines`.
    fn paint(plan: &TownPlan, top: usize, lines: usize) -> SampleStrip {
        let columns = plan.width * FINE + 2 * BORDER;
        let rows = lines * FINE + 2 * BORDER;
        let deep = Surface::plain(Owner::Land, materials::Material::DarkSoil, 1.0);
        // What is not painted throws no shadow, not even on the water.
        let empty = Surface { height: f32::NEG_INFINITY, ..deep };
        let mut strip = SampleStrip { columns, rows, top, lines, samples: vec![empty; columns * rows] };
        strip.paint_ground(plan);
        strip.paint_objects(plan);
        strip
    }

    /// Picture position of a sample.
    fn position(&self, column: usize, row: usize) -> space::Vec2 {
        let at = |k: usize| (k as f32 + 0.5 - BORDER as f32) / FINE as f32;
        vec2(at(column), at(row) + self.top as f32)
    }

    /// The border is there for the heights of objects; of the ground only the river's banks throw shadows, short ones.
    fn paint_ground(&mut self, plan: &TownPlan) {
        let first = BORDER - BANK_SHADOW;
        for row in first..self.rows - first {
            for column in first..self.columns - first {
                self.samples[row * self.columns + column] = ground::ground(plan, self.position(column, row));
            }
        }
    }

    fn paint_objects(&mut self, plan: &TownPlan) {
        let clip = |x: f32, n: usize| (x.max(0.0) as usize).min(n);
        for object in &plan.objects {
            let r = object.radius() * FINE as f32 + 1.0;
            let x = object.centre.x * FINE as f32 + BORDER as f32;
            let y = (object.centre.y - self.top as f32) * FINE as f32 + BORDER as f32;
            for row in clip(y - r, self.rows)..clip(y + r, self.rows) {
                for column in clip(x - r, self.columns)..clip(x + r, self.columns) {
                    let below = &mut self.samples[row * self.columns + column];
                    let at = (column as f32 + 0.5 - BORDER as f32, row as f32 + 0.5 - BORDER as f32);
                    let p = vec2(at.0 / FINE as f32, at.1 / FINE as f32 + self.top as f32);
                    if let Some(s) = object.paint(p, &plan.sun)
                        && covers(&s, below)
                    {
                        *below = s;
                    }
                }
            }
        }
    }

    /// Whether the sun reaches a sample: no height on the way to it stands above the ray.
    fn lit(&self, plan: &TownPlan, column: usize, row: usize) -> bool {
        let here = self.samples[row * self.columns + column].height + 0.15;
        let rise = plan.sun.rise * objects::PIXEL / FINE as f32;
        let steps = (((TALLEST - here) / rise) as usize).min(BORDER - 2);
        let (dx, dy) = (plan.sun.towards.x, plan.sun.towards.y);
        !(1..=steps).any(|k| {
            let k = k as f32;
            let x = (column as f32 + 0.5 + k * dx) as usize;
            let y = (row as f32 + 0.5 + k * dy) as usize;
            self.samples[y * self.columns + x].height > here + k * rise
        })
    }

    /// Radiance of the samples gathered into pixels; `truth` is `[lines, width, bands]`.
    fn develop(&self, plan: &TownPlan, bands: usize, truth: &mut [f32]) {
        let chosen: &[usize] = if bands == 4 { &FOUR } else { &EIGHT };
        let span = plan.width * FINE + 2;
        // One sample row at a time, [span, BANDS], already gathered along the row: [width, BANDS].
        let mut fine = vec![[0.0f32; BANDS]; span];
        for sample_row in 0..self.lines * FINE + 2 {
            let row = sample_row + BORDER - 1;
            for (k, out) in fine.iter_mut().enumerate() {
                let column = k + BORDER - 1;
                *out = radiance(&self.samples[row * self.columns + column], self.lit(plan, column, row));
            }
            // This sample row counts for the pixel rows whose footprint holds it.
            for (tap, weight) in FOOTPRINT.iter().enumerate() {
                let Some(first) = sample_row.checked_sub(tap) else { continue };
                let line = first / FINE;
                if first % FINE != 0 || line >= self.lines {
                    continue;
                }
                let line = &mut truth[line * plan.width * bands..(line + 1) * plan.width * bands];
                for (x, pixel) in line.chunks_exact_mut(bands).enumerate() {
                    for (value, &band) in pixel.iter_mut().zip(chosen) {
                        let along: f32 = (0..4).map(|i| FOOTPRINT[i] * fine[x * FINE + i][band]).sum();
                        *value += weight * along;
                    }
                }
            }
        }
    }
}

/// What is higher hides what is lower; things without height cover land only.
fn covers(new: &Surface, below: &Surface) -> bool {
    if new.height > 0.0 { new.height > below.height } else { below.layer == Owner::Land && below.height <= 0.0 }
}

/// Sunlight and sky light on a surface, and the haze above it.
fn radiance(s: &Surface, lit: bool) -> Reflectance {
    let (a, b) = (s.a.spectrum(), s.b.spectrum());
    let direct = if lit { s.light } else { 0.0 };
    std::array::from_fn(|k| {
        let reflectance = (a[k] + (b[k] - a[k]) * s.mix) * s.tone;
        HAZE[k] + reflectance * (direct * (1.0 - SKY[k]) + SKY[k])
    })
}
