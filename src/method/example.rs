//! What a training sees: a window of the pair, and how much each of its pixels counts.

use super::{Config, Dims};
use crate::consistency::Validity;
use crate::filter::{Grid, Upsample, all_within, mtf_reach_within, upsample_reach};

/// A window of the pair, values normalised to 0..1; nodata replaced by some usual value.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// `[H, W]`.
    pub pan: Vec<f32>,
    /// `[h, w, C]`.
    pub ms: Vec<f32>,
    /// What the network adds to, unless that is upsampled MS: closed forms of the pair `[H, W, C]` and of
    /// the reduced pair `[h, w, C]`.
    pub bases: Option<[Vec<f32>; 2]>,
    /// How much each pixel counts, if some are nodata.
    pub weights: Option<ExampleWeights>,
    /// What the reduced pair is used for, if not all of it is to learn from.
    pub ground: Option<Ground>,
}

impl Example {
    /// How much each pixel of the reduced pair counts in its loss, if not all count alike.
    pub fn reduced_weight(&self) -> Option<&[f32]> {
        let valid = self.weights.as_ref().map(|weights| &weights.reduced[..]);
        self.ground.as_ref().map(|ground| &ground.trained[..]).or(valid)
    }
}

/// Blocks of the reduced pair along each axis; one in each row and column is kept from the training.
const BLOCKS: usize = 4;
/// The block of each row of blocks that is kept: no two touch at a side.
const KEPT: [usize; BLOCKS] = [1, 3, 0, 2];

/// The reduced pair cut into ground to learn from and ground to judge by.
#[derive(Clone, Debug, PartialEq)]
pub struct Ground {
    /// `[h, w]`: weights of mean 1 in the reduced loss.
    pub trained: Vec<f32>,
    /// `[h, w]`: pixels to judge by: those kept from the training, or all valid ones within the border if none is
    /// kept.
    pub judged: Vec<bool>,
}

impl Ground {
    /// Leaves out a border, and keeps four of sixteen blocks from the training. A pair without room for
    /// blocks of the border's size is all to learn from.
    pub fn new(dims: &Dims, weights: Option<&ExampleWeights>, config: &Config) -> Self {
        let size = [dims.rows.coarse, dims.columns.coarse];
        let roomy = size.iter().all(|len| *len >= BLOCKS * (config.border + 2));
        let border = if roomy { config.border } else { 0 };
        let valid = |i: usize| weights.is_none_or(|w| w.reduced[i] > 0.0);
        let inner = |at: usize, len: usize| (border..len - border).contains(&at);
        let block = |at: usize, len: usize| at * BLOCKS / len;
        let kept = |i: usize, j: usize| KEPT[block(i, size[0])] == block(j, size[1]);
        let part = |used: &dyn Fn(usize, usize) -> bool| -> Vec<bool> {
            let pixels = (0..size[0]).flat_map(|i| (0..size[1]).map(move |j| (i, j)));
            let usable = |i: usize, j: usize| valid(i * size[1] + j) && inner(i, size[0]) && inner(j, size[1]);
            pixels.map(|(i, j)| usable(i, j) && used(i, j)).collect()
        };
        let withhold = config.withhold && roomy;
        Self {
            trained: mean_one(&part(&|i, j| !withhold || !kept(i, j))),
            judged: part(&|i, j| !withhold || kept(i, j)),
        }
    }

    /// What is learnt from or judged by, `[h, w]`.
    pub fn known(&self) -> Vec<bool> {
        self.trained.iter().zip(&self.judged).map(|(trained, judged)| *judged || *trained > 0.0).collect()
    }
}

/// Weights of mean 1 that are 0 where a value rests on nodata, or on too much of it: filters may read filled gaps
/// where otherwise too little were left. See [`Weights`](super::plans::PixelWeights).
#[derive(Clone, Debug, PartialEq)]
pub struct ExampleWeights {
    /// `[H, W]`: PAN and upsampled MS are valid.
    pub pan: Vec<f32>,
    /// `[h, w]`: MS is valid, and so is everything the degraded fused image reads there.
    pub ms: Vec<f32>,
    /// `[h, w]`: also the degraded and upsampled MS is valid.
    pub reduced: Vec<f32>,
}

/// Shares of the filters' reach that must be valid: the whole of it, or where stripes of nodata leave too little then,
/// the first that leaves enough. Within half of it lies 98 % of a filter's weight. With none of it, filters read what
/// gaps are filled with from near.
const SHARES: [f64; 3] = [1.0, 0.5, 0.0];
/// Enough: this share of the valid pixels of MS.
const ENOUGH: f64 = 0.4;

impl ExampleWeights {
    /// Weights of a window.
    pub fn new(dims: &Dims, valid: Validity<'_>, config: &Config) -> Self {
        if !config.robust {
            return Self::within(dims, valid, Upsample::Cubic, 1.0);
        }
        let count = |weights: &[f32]| weights.iter().filter(|w| **w > 0.0).count() as f64;
        let enough = ENOUGH * valid.ms.iter().filter(|valid| **valid).count() as f64;
        let mut tried = SHARES.iter().map(|share| Self::within(dims, valid, config.upsample, *share)).peekable();
        loop {
            let weights = tried.next().expect("the last one is taken");
            if count(&weights.reduced) >= enough || tried.peek().is_none() {
                return weights;
            }
        }
    }

    fn within(dims: &Dims, valid: Validity<'_>, upsample: Upsample, share: f64) -> Self {
        // Coarse neighbours of a fine pixel, and fine neighbours of a coarse one.
        let up = |grids: [Grid; 2], mask: &[bool]| {
            let [rows, columns] = grids.map(|grid| upsample_reach(grid, upsample, share));
            all_within(mask, grids[1].coarse, &rows, &columns)
        };
        let down = |grids: [Grid; 2], mask: &[bool]| {
            let [rows, columns] = grids.map(|grid| mtf_reach_within(grid, share));
            all_within(mask, grids[1].fine, &rows, &columns)
        };
        let and = |a: &[bool], b: &[bool]| a.iter().zip(b).map(|(a, b)| *a && *b).collect::<Vec<_>>();
        let grids = [dims.rows, dims.columns];
        let small = grids.map(|g| g.coarser());
        let pan = and(valid.image, &up(grids, valid.ms));
        let ms = and(valid.ms, &down(grids, &pan));
        let reduced = and(&ms, &up(small, &down(small, valid.ms)));
        Self { pan: mean_one(&pan), ms: mean_one(&ms), reduced: mean_one(&reduced) }
    }
}

/// 1 over the share of valid pixels, where valid.
fn mean_one(mask: &[bool]) -> Vec<f32> {
    let valid = mask.iter().filter(|v| **v).count();
    let weight = if valid == 0 { 0.0 } else { (mask.len() as f64 / valid as f64) as f32 };
    mask.iter().map(|v| if *v { weight } else { 0.0 }).collect()
}
