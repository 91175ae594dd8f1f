//! MTF gains of the bands, estimated from the pair itself.
//!
//! Around an edge between two materials a band is a linear function of PAN, whatever the materials. So PAN
//! brought onto the grid of MS through a blur explains the edges of a band best where the blur is the band's own:
//! the gain g is looked for at which
//!
//! `Σ_blocks min_β Σ_pixels (D L_b − β · D (MD_g P))²`, `D` the Laplacian, blocks of 4×4 MS pixels,
//!
//! is least. Noise in MS adds the same at every gain, since nothing of it is in PAN. What is found is the blur
//! from PAN to MS: what PAN's own MTF takes away is in neither, and a fused image is as sharp as PAN.
//!
//! On simulated places it is at most 0.016 off, on real ones within .04, but .13 for WorldView-2. Where the given gain
//! is right, the estimate makes the result a little worse.

use super::probes::{Probe, probes};
use super::{Config, Dims, MethodError};
use crate::filter;
use crate::scene::Scene;

/// Gains that are tried: the lowest, the step, how many. Between them by parabolas.
const LOWEST: f64 = 0.05;
const STEP: f64 = 0.05;
const COUNT: usize = 14;
/// MS pixels of a block's side.
const BLOCK: usize = 4;
/// MS pixels along the border that are left out: the blur reads beyond it.
const BORDER: usize = 4;
/// MS pixels of the side of the squares that one half and the other consist of, as on a chessboard.
const SQUARE: usize = 8;
/// Share of a band's edges that PAN must explain for its gain to be believed.
const EXPLAINED: f64 = 0.5;

/// Gains found so much above the given ones in every band are no error of the estimate: with .30 given, averaged blocks
/// are found at .6 and more, real pairs at most at .47.
const FAR: f64 = 0.2;

/// The gain of a band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The one in the settings.
    pub given: f64,
    /// The one at which PAN explains the band best; `None` where it explains too little.
    pub found: Option<f64>,
    /// The one to use: what was found, and the median of that for a band of which PAN explains too little. All as
    /// given unless what one half of the pair says explains the other half better than they do, both ways.
    pub used: f64,
}

/// Estimates the gain of each band.
///
/// # Errors
/// Settings that do not fit the scene; what reading reports.
pub fn estimate_gains(scene: &Scene<'_>, config: &Config) -> Result<Vec<Gain>, MethodError> {
    config.check(scene.ms().bands)?;
    let (dims, probes) = probes(scene, config)?;
    let mut curves = vec![[Curve::default(); 2]; dims.bands];
    probes.iter().for_each(|probe| add(probe, &dims, &mut curves));
    let found = |halves: &[Curve; 2]| {
        let whole = halves[0].with(&halves[1]);
        (whole.explained() >= EXPLAINED).then(|| whole.best())
    };
    let found: Vec<Option<f64>> = curves.iter().map(found).collect();
    let mut all: Vec<f64> = found.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    // Of a band's edges in one half, what its gain by the other half leaves more than the given one does.
    let more = |from: usize, to: usize| {
        let bands = curves.iter().zip(&config.ms_gains).zip(&found).filter(|(_, found)| found.is_some());
        let more = |halves: &[Curve; 2], given: f64| halves[to].share(halves[from].best()) - halves[to].share(given);
        bands.map(|((halves, given), _)| more(halves, *given)).sum::<f64>()
    };
    let better = more(0, 1) < 0.0 && more(1, 0) < 0.0;
    let gain = |(given, found): (&f64, &Option<f64>)| {
        let used = if better { found.unwrap_or(all[all.len() / 2]) } else { *given };
        Gain { given: *given, found: *found, used }
    };
    Ok(config.ms_gains.iter().zip(&found).map(gain).collect())
}

/// Whether the pair says beyond doubt that MS is much sharper than the given gains make it.
pub(crate) fn far_above(gains: &[Gain]) -> bool {
    gains.iter().all(|gain| gain.found == Some(gain.used) && gain.used > gain.given + FAR)
}

/// What is left of a band's edges at each gain that is tried.
#[derive(Clone, Copy, Debug, Default)]
struct Curve {
    total: f64,
    left: [f64; COUNT],
}

impl Curve {
    fn with(mut self, other: &Self) -> Self {
        self.total += other.total;
        self.left.iter_mut().zip(other.left).for_each(|(sum, left)| *sum += left);
        self
    }

    /// Place of the middle one of the three gains that a parabola goes through.
    fn middle(place: f64) -> usize {
        (place.round() as usize).clamp(1, COUNT - 2)
    }

    /// Value, slope and half of the curvature of the parabola around a place.
    fn parabola(&self, middle: usize) -> [f64; 3] {
        let [a, b, c] = [self.left[middle - 1], self.left[middle], self.left[middle + 1]];
        [b, (c - a) / 2.0, (a + c) / 2.0 - b]
    }

    /// What is left at a gain.
    fn at(&self, gain: f64) -> f64 {
        let place = (gain - LOWEST) / STEP;
        let middle = Self::middle(place);
        let ([value, slope, curve], t) = (self.parabola(middle), place - middle as f64);
        value + t * (slope + t * curve)
    }

    /// The gain at which least is left.
    fn best(&self) -> f64 {
        let least = (0..COUNT).min_by(|i, j| self.left[*i].total_cmp(&self.left[*j])).unwrap_or(0);
        let middle = Self::middle(least as f64);
        let [_, slope, curve] = self.parabola(middle);
        let place = if curve > 0.0 { middle as f64 - slope / (2.0 * curve) } else { least as f64 };
        LOWEST + STEP * place.clamp(0.0, COUNT as f64 - 1.0)
    }

    /// Share of the edges that is left at a gain; all of none.
    fn share(&self, gain: f64) -> f64 {
        if self.total > 0.0 { self.at(gain) / self.total } else { 1.0 }
    }

    /// Share of the edges that PAN explains at the best gain.
    fn explained(&self) -> f64 {
        1.0 - self.share(self.best())
    }
}

/// Adds what is left of the edges of a window, `[C]` for each half.
fn add(probe: &Probe, dims: &Dims, halves: &mut [[Curve; 2]]) {
    let [height, width] = [dims.rows.coarse, dims.columns.coarse];
    let pan: Vec<f64> = probe.pan.iter().map(|v| f64::from(*v)).collect();
    let blurred = |k: usize| {
        let gain = LOWEST + STEP * k as f64;
        laplacian(&filter::apply_plane(&pan, &filter::degrade(gain, dims.rows, dims.columns)), width)
    };
    let blurred: Vec<Vec<f64>> = (0..COUNT).map(blurred).collect();
    let bands: Vec<Vec<f64>> = (0..dims.bands)
        .map(|b| laplacian(&probe.ms[b..].iter().step_by(dims.bands).map(|v| f64::from(*v)).collect::<Vec<_>>(), width))
        .collect();
    let known = |i: usize| probe.weights.as_ref().is_none_or(|weights| weights.ms[i] > 0.0);
    let firsts = |len: usize| (BORDER..(len + 1).saturating_sub(BORDER + BLOCK)).step_by(BLOCK);
    for (y, x) in firsts(height).flat_map(|y| firsts(width).map(move |x| (y, x))) {
        let pixels: Vec<usize> =
            (y..y + BLOCK).flat_map(|row| (x..x + BLOCK).map(move |column| row * width + column)).collect();
        if !pixels.iter().all(|i| [*i, i - 1, i + 1, i - width, i + width].into_iter().all(known)) {
            continue;
        }
        let dot = |a: &[f64], b: &[f64]| pixels.iter().map(|i| a[*i] * b[*i]).sum::<f64>();
        let squares: Vec<f64> = blurred.iter().map(|p| dot(p, p)).collect();
        for (band, halves) in bands.iter().zip(&mut *halves) {
            let half = &mut halves[(y / SQUARE + x / SQUARE) % 2];
            let total = dot(band, band);
            half.total += total;
            for ((left, p), squares) in half.left.iter_mut().zip(&blurred).zip(&squares) {
                let explained = if *squares > 0.0 { dot(band, p).powi(2) / squares } else { 0.0 };
                *left += total - explained;
            }
        }
    }
}

/// Each pixel less the mean of its four neighbours; 0 along the border.
fn laplacian(plane: &[f64], width: usize) -> Vec<f64> {
    let height = plane.len() / width;
    let inner = |i: usize| (1..height - 1).contains(&(i / width)) && (1..width - 1).contains(&(i % width));
    let value = |i: usize| plane[i] - (plane[i - 1] + plane[i + 1] + plane[i - width] + plane[i + width]) / 4.0;
    (0..plane.len()).map(|i| if inner(i) { value(i) } else { 0.0 }).collect()
}
