//! Windows of a scene that training looks at: where there is texture, all over the valid area.

use rand_chacha::rand_core::Rng;

use super::example::{Example, ExampleWeights, Ground};
use super::schedule::{self, Randomness};
use super::view::View;
use super::{Config, Dims, MethodError};
use crate::consistency::Validity;
use crate::filter::Grid;
use crate::scene::{Cells, Scene, Survey, fill, fill_near, valid};
use crate::tiff::{Block, TiffError};

/// Share of its pixels that a window may have in common with each one chosen before.
const OVERLAP: f64 = 0.25;
/// A window has at least this share of the valid pixels that the best one has.
const VALID: f64 = 0.9;

/// A training window by its first MS pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowPlace {
    /// Row of MS.
    pub row: usize,
    /// Column of MS.
    pub column: usize,
}

/// Sizes of the windows of a scene: all of it, or `train_size` PAN pixels where it has more, or what the network that is
/// trained takes at most.
pub fn window_dims(scene: &Scene<'_>, config: &Config) -> Dims {
    let most = if config.trains() { config.backbone.window() } else { usize::MAX };
    let size = config.train_size.min(most);
    let axis = |grid: &Grid| {
        let coarse = (size / grid.ratio).max(1);
        let fine = coarse * grid.ratio;
        if grid.fine <= size || grid.coarse <= coarse { *grid } else { Grid { fine, coarse, ..*grid } }
    };
    Dims { rows: axis(&scene.rows), columns: axis(&scene.columns), bands: scene.ms().bands }
}

/// Chooses windows: at random, more likely where PAN has texture, spread by leaving out what overlaps.
pub fn choose(scene: &Scene<'_>, cells: &Cells, dims: &Dims, config: &Config) -> Vec<WindowPlace> {
    let candidates = [(&scene.rows, &dims.rows), (&scene.columns, &dims.columns)].map(|(all, window)| {
        // MS pixels whose block of PAN pixels lies within the scene.
        let last = (all.fine.saturating_sub(window.fine) / all.ratio).min(all.coarse - window.coarse);
        let step = (cells.size / all.ratio).max(1);
        let mut places: Vec<usize> = (0..last).step_by(step).collect();
        places.push(last);
        places
    });
    if candidates.iter().all(|c| c.len() == 1) {
        return vec![WindowPlace { row: candidates[0][0], column: candidates[1][0] }];
    }
    let ratio = dims.rows.ratio;
    let area = dims.rows.fine * dims.columns.fine;
    let sums = Sums::new(cells);
    let scored: Vec<(WindowPlace, f64, f64)> = candidates[0]
        .iter()
        .flat_map(|row| candidates[1].iter().map(|column| WindowPlace { row: *row, column: *column }))
        .map(|place| {
            let [texture, valid] = sums.within(place, dims, ratio);
            (place, texture, valid / area as f64)
        })
        .collect();
    let most = scored.iter().map(|(_, _, valid)| *valid).fold(0.0, f64::max);
    let mut rng = schedule::rng(config.seed, Randomness::Windows);
    // The largest of u^(1/weight) make a weighted sample without replacement (Efraimidis and Spirakis).
    let mut keyed: Vec<(f64, WindowPlace)> = scored
        .into_iter()
        .map(|(place, texture, valid)| {
            let u = ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            let weight = (texture / (valid * area as f64).max(1.0)).sqrt().max(f64::MIN_POSITIVE);
            (if valid >= VALID * most { u.ln() / weight } else { f64::NEG_INFINITY }, place)
        })
        .filter(|(key, _)| key.is_finite())
        .collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<WindowPlace> = Vec::new();
    for (_, place) in keyed {
        if chosen.len() == config.train_windows {
            break;
        }
        let common = |a: usize, b: usize, len: usize| len.saturating_sub(a.abs_diff(b)) as f64 / len as f64;
        let overlaps = |other: &WindowPlace| {
            common(place.row, other.row, dims.rows.coarse) * common(place.column, other.column, dims.columns.coarse)
                > OVERLAP
        };
        if !chosen.iter().any(overlaps) {
            chosen.push(place);
        }
    }
    chosen
}

/// Sums over cells from the upper-left corner, so that any rectangle takes four looks.
struct Sums {
    columns: usize,
    size: usize,
    rows: usize,
    /// Texture and valid pixels, `[rows + 1, columns + 1]`.
    sums: Vec<[f64; 2]>,
}

impl Sums {
    fn new(cells: &Cells) -> Self {
        let width = cells.columns + 1;
        let mut sums = vec![[0.0; 2]; (cells.rows + 1) * width];
        for y in 0..cells.rows {
            for x in 0..cells.columns {
                let cell = [cells.texture[y * cells.columns + x], cells.valid[y * cells.columns + x] as f64];
                sums[(y + 1) * width + x + 1] = std::array::from_fn(|k| {
                    cell[k] + sums[y * width + x + 1][k] + sums[(y + 1) * width + x][k] - sums[y * width + x][k]
                });
            }
        }
        Self { columns: cells.columns, size: cells.size, rows: cells.rows, sums }
    }

    /// Of the cells nearest to a window.
    fn within(&self, place: WindowPlace, dims: &Dims, ratio: usize) -> [f64; 2] {
        let cell = |at: usize, most: usize| ((at + self.size / 2) / self.size).min(most);
        let (top, left) = (place.row * ratio, place.column * ratio);
        let (y0, y1) = (cell(top, self.rows), cell(top + dims.rows.fine, self.rows));
        let (x0, x1) = (cell(left, self.columns), cell(left + dims.columns.fine, self.columns));
        let at = |y: usize, x: usize| self.sums[y * (self.columns + 1) + x];
        std::array::from_fn(|k| (at(y1, x1)[k] - at(y0, x1)[k] - at(y1, x0)[k] + at(y0, x0)[k]).max(0.0))
    }
}

/// A part of a scene in memory.
pub(super) struct TrainingWindow {
    /// PAN.
    pub pan: Block,
    /// MS.
    pub ms: Block,
    /// How they lie on each other.
    pub dims: Dims,
}

impl TrainingWindow {
    /// The whole scene, its gaps as they are.
    ///
    /// # Errors
    /// What reading gives.
    pub(super) fn whole(scene: &Scene<'_>) -> Result<Self, TiffError> {
        let (rows, columns, bands) = (scene.rows, scene.columns, scene.ms().bands);
        let pan = scene.read_pan(0..rows.fine, 0..columns.fine)?;
        let ms = scene.read_ms(0..rows.coarse, 0..columns.coarse)?;
        Ok(Self { pan, ms, dims: Dims { rows, columns, bands } })
    }

    /// A window, nodata filled in.
    ///
    /// # Errors
    /// What reading gives.
    pub(super) fn read(scene: &Scene<'_>, survey: &Survey, dims: &Dims, place: WindowPlace) -> Result<Self, TiffError> {
        let filled = |block: Block, width: usize, means: &[f32]| {
            let Block { mut data, valid } = block;
            if let Some(valid) = &valid {
                fill_near(&mut data, valid, width, means);
            }
            Block { data, valid }
        };
        let Dims { rows, columns, .. } = *dims;
        let (y, x) = (place.row, place.column);
        let ms = scene.read_ms(y..y + rows.coarse, x..x + columns.coarse)?;
        let (y, x) = (y * rows.ratio, x * rows.ratio);
        let pan = scene.read_pan(y..y + rows.fine, x..x + columns.fine)?;
        let pan = filled(pan, columns.fine, &survey.means[..1]);
        Ok(Self { pan, ms: filled(ms, columns.coarse, &survey.means[1..]), dims: *dims })
    }

    /// `[H, W]` of PAN: where both images are valid; `None`: everywhere.
    pub(super) fn valid(&self) -> Option<Vec<bool>> {
        let grids = [self.dims.rows, self.dims.columns];
        valid(grids, 0..grids[0].fine, self.pan.valid.as_deref(), 0, self.ms.valid.as_deref())
    }
}

/// Reads a window of PAN, normalised; invalid too is what no MS lies under.
///
/// # Errors
/// What reading gives.
pub(super) fn read_pan(view: &View<'_>, dims: &Dims, place: &WindowPlace) -> Result<Block, TiffError> {
    let scene = view.scene;
    let [y, x] = [place.row, place.column].map(|at| at * dims.rows.ratio);
    let (rows, columns) = (y..y + dims.rows.fine, x..x + dims.columns.fine);
    let mut pan = view.pan(rows.clone(), columns.clone())?;
    let covered = |grid: &Grid, i: usize| grid.over(i).is_some();
    if !(rows.clone().all(|i| covered(&scene.rows, i)) && columns.clone().all(|i| covered(&scene.columns, i))) {
        let valid = pan.valid.get_or_insert_with(|| vec![true; dims.pan().len()]);
        for (k, valid) in valid.iter_mut().enumerate() {
            let (i, j) = (rows.start + k / columns.len(), columns.start + k % columns.len());
            *valid &= covered(&scene.rows, i) && covered(&scene.columns, j);
        }
        if !view.near {
            fill(&mut pan.data, pan.valid.as_deref(), &view.scale.normalise_pan(&view.means[..1]));
        }
    }
    Ok(pan)
}

/// Reads a window of MS, normalised.
///
/// # Errors
/// What reading gives.
pub(super) fn read_ms(view: &View<'_>, dims: &Dims, place: &WindowPlace) -> Result<Block, TiffError> {
    let (y, x) = (place.row, place.column);
    view.ms(y..y + dims.rows.coarse, x..x + dims.columns.coarse)
}

/// Reads windows, normalised, with weights if one of them has nodata.
///
/// # Errors
/// What reading gives.
pub fn samples(
    view: &View<'_>,
    dims: &Dims,
    places: &[WindowPlace],
    config: &Config,
) -> Result<Vec<Example>, MethodError> {
    let blocks: Vec<[Block; 2]> = places
        .iter()
        .map(|place| Ok([read_pan(view, dims, place)?, read_ms(view, dims, place)?]))
        .collect::<Result<_, TiffError>>()?;
    let weighted = blocks.iter().flatten().any(|b| b.valid.as_ref().is_some_and(|v| v.contains(&false)));
    let sample = |[pan, ms]: [Block; 2]| {
        let all = |valid: Option<Vec<bool>>, len: usize| valid.unwrap_or_else(|| vec![true; len]);
        let weights = weighted.then(|| {
            let (pan, ms) = (all(pan.valid, dims.pan().len()), all(ms.valid, dims.ms().with_c(1).len()));
            ExampleWeights::new(dims, Validity { image: &pan, ms: &ms }, config)
        });
        let ground = config.weighs_reduced().then(|| Ground::new(dims, weights.as_ref(), config));
        Example { pan: pan.data, ms: ms.data, bases: None, weights, ground }
    };
    Ok(blocks.into_iter().map(sample).collect())
}
