//! Quality at full resolution, where no truth is known.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::block::{BLOCK, Deviation, Hypercomplex, uqi};
use super::regression::Gram;
use super::rows::strips;
use super::unit::{RmsLevel, same_unit};
use super::{BlurredImage, Planar, Planes, QualityError, ResampledImage};
use crate::filter::{Grid, MetricBlur, shrink, upsample_cubic, upsample_interp23};
use crate::scene::{Geometry, GeometryOptions, Image, Part, SceneError};

/// Where upsampled MS lies that the fused image is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// As the toolbox has it, by its 23-tap interpolator: half a PAN pixel off where both grids
    /// start at one edge. Comparable with published numbers.
    #[default]
    Toolbox,
    /// Exactly where the grids say, by cubic convolution.
    True,
}

impl Convention {
    /// The toolbox's where it is possible: its interpolator only doubles.
    pub fn of_ratio(ratio: usize) -> Self {
        if ratio.is_power_of_two() { Self::Toolbox } else { Self::True }
    }

    /// Whether MS can be upsampled so.
    ///
    /// # Errors
    /// [`QualityError::Ratio`].
    pub fn check(self, ratio: usize) -> Result<(), QualityError> {
        if self == Self::Toolbox && !ratio.is_power_of_two() { Err(QualityError::Ratio { ratio }) } else { Ok(()) }
    }
}

/// The pair's geometry and the sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// MS rows on PAN rows.
    pub rows: Grid,
    /// MS columns on PAN columns.
    pub columns: Grid,
    /// MTF gain at Nyquist of each MS band.
    pub ms_gains: Vec<f64>,
    /// MTF gain of PAN.
    pub pan_gain: f64,
    /// How MS is upsampled for the comparison.
    pub phase: Convention,
}

/// Indices without reference (method, section 6). Best values: 0 for the distortions, 1 for `hqnr`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FullScores {
    /// Spectral distortion of Khan: 1 − Q2n of upsampled MS and the blurred fused image.
    pub d_lambda: f64,
    /// Spatial distortion: how differently the bands resemble PAN before and after.
    pub d_s: f64,
    /// `(1 − d_lambda) · (1 − d_s)`.
    pub hqnr: f64,
    /// Spatial distortion by regression: the share of PAN that the fused bands do not explain.
    pub d_s_regression: f64,
    /// Blocks the indices are means over.
    pub blocks: usize,
    /// Blocks left out because nodata reaches them.
    pub blocks_left_out: usize,
}

/// PAN, MS and a fused image, each the part that all show.
pub type Parts<'a> = [Part<&'a dyn Image>; 3];

impl Setup {
    /// PAN, MS and a fused image, which shows their common part or all of PAN: that part of each, and what is left out.
    ///
    /// # Errors
    /// Those of [`Geometry::of`].
    pub fn of<'a>(
        [pan, ms, fused]: [&'a dyn Image; 3],
        options: &GeometryOptions,
        ms_gains: Vec<f64>,
        pan_gain: f64,
    ) -> Result<(Self, Parts<'a>, Vec<String>), SceneError> {
        let geometry = Geometry::of(pan.header(), ms.header(), options)?;
        let window = if fused.header().size() == pan.header().size() { geometry.pan } else { fused.header().window() };
        let parts = [
            Part::new(pan, geometry.pan, [false; 2]),
            Part::new(ms, geometry.ms, geometry.ms_flip),
            Part::new(fused, window, [false; 2]),
        ];
        let Geometry { rows, columns, notes, .. } = geometry;
        Ok((Self { rows, columns, ms_gains, pan_gain, phase: Convention::of_ratio(rows.ratio) }, parts, notes))
    }
}

/// Distortions of each 32×32 block, `[rows, columns]`, NaN where nodata reaches a block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockMaps {
    /// Blocks from top to bottom and from left to right.
    pub size: [usize; 2],
    /// `1 − Q2n`.
    pub d_lambda: Vec<f32>,
    /// Mean over the bands of the difference between the two indices. Its mean is an upper bound of
    /// the image's `d_s`, where differences of blocks may cancel.
    pub d_s: Vec<f32>,
}

/// Q2n of one block, and the indices per band against PAN at both resolutions.
struct BlockScore {
    q2n: f64,
    fine: Vec<f64>,
    coarse: Vec<f64>,
}

/// Judges a fused image by the pair it was made from.
///
/// `pan` is `[H, W, 1]`, `ms` `[h, w, C]`, `fused` `[H, W, C]`, all in one unit (DN).
///
/// # Errors
/// Sizes, bands or gains that do not fit, sides below 32, nothing but nodata, other units.
pub fn full(
    pan: &dyn Planar,
    ms: &dyn Planar,
    fused: &dyn Planar,
    setup: &Setup,
) -> Result<(FullScores, BlockMaps), QualityError> {
    let [height, width, bands] = setup.check(pan, ms, fused)?;
    let up = vec![setup.upsampling()];
    let lms = ResampledImage { source: ms, operators: up.clone() };
    let small = ResampledImage { source: pan, operators: vec![setup.shrinking()] };
    let smooth = ResampledImage { source: &small, operators: up };
    let filters = setup.ms_gains.iter().map(|gain| MetricBlur::new(*gain, setup.rows.ratio)).collect();
    let blurred = BlurredImage { source: fused, filters };

    let algebra = Hypercomplex::new(bands);
    let mut blocks = Vec::new();
    let mut gram = Gram::new(bands, false);
    let mut levels = [RmsLevel::default(); 2];
    let images: [&dyn Planar; 5] = [&lms, &blurred, fused, pan, &smooth];
    for (rows, read) in strips(&images, BLOCK) {
        let [lms, blurred, fused, pan, smooth] = images.map(|image| image.read(read.clone()));
        let (lms, blurred, fused, pan, smooth) = (lms?, blurred?, fused?, pan?, smooth?);
        gram.add(&fused, &pan, rows.clone());
        levels[0].add(&fused, rows.clone());
        levels[1].add(&lms, rows.clone());
        let corners: Vec<[usize; 2]> =
            rows.step_by(BLOCK).flat_map(|y| (0..width).step_by(BLOCK).map(move |x| [y, x])).collect();
        let judge = |at: &[usize; 2]| {
            let all =
                |image: &Planes| (0..bands).map(|b| Deviation::of(image, b, *at, height)).collect::<Option<Vec<_>>>();
            let (pan, smooth) = (Deviation::of(&pan, 0, *at, height)?, Deviation::of(&smooth, 0, *at, height)?);
            let (lms, fused) = (all(&lms)?, all(&fused)?);
            Some(BlockScore {
                q2n: algebra.q2n(&lms, &all(&blurred)?),
                fine: fused.iter().map(|band| uqi(band, &pan)).collect(),
                coarse: lms.iter().map(|band| uqi(band, &smooth)).collect(),
            })
        };
        blocks.extend(corners.par_iter().map(judge).collect::<Vec<_>>());
    }
    same_unit(levels, ["the fused image", "MS"])?;
    let size = [height.div_ceil(BLOCK), width.div_ceil(BLOCK)];
    Ok((scores(&blocks, bands, gram.unexplained())?, maps(&blocks, size)))
}

fn scores(blocks: &[Option<BlockScore>], bands: usize, d_s_regression: f64) -> Result<FullScores, QualityError> {
    let valid: Vec<&BlockScore> = blocks.iter().flatten().collect();
    if valid.is_empty() {
        return Err(QualityError::NothingValid { blocks: blocks.len(), side: BLOCK });
    }
    let mean = |value: &dyn Fn(&BlockScore) -> f64| valid.iter().map(|b| value(b)).sum::<f64>() / valid.len() as f64;
    let d_lambda = 1.0 - mean(&|block| block.q2n);
    let of_band = |band: usize| (mean(&|block| block.fine[band]) - mean(&|block| block.coarse[band])).abs();
    let d_s = (0..bands).map(of_band).sum::<f64>() / bands as f64;
    let hqnr = (1.0 - d_lambda) * (1.0 - d_s);
    let blocks_left_out = blocks.len() - valid.len();
    Ok(FullScores { d_lambda, d_s, hqnr, d_s_regression, blocks: valid.len(), blocks_left_out })
}

fn maps(blocks: &[Option<BlockScore>], size: [usize; 2]) -> BlockMaps {
    let map = |value: &dyn Fn(&BlockScore) -> f64| {
        blocks.iter().map(|block| block.as_ref().map_or(f32::NAN, |block| value(block) as f32)).collect()
    };
    let d_s = |block: &BlockScore| {
        let differences = block.fine.iter().zip(&block.coarse).map(|(a, b)| (a - b).abs());
        differences.sum::<f64>() / block.fine.len() as f64
    };
    BlockMaps { size, d_lambda: map(&|block| 1.0 - block.q2n), d_s: map(&d_s) }
}

impl Setup {
    /// Upsampling of MS to the PAN grid, one operator for all bands.
    pub(super) fn upsampling(&self) -> crate::filter::Terms {
        let axis = match self.phase {
            Convention::Toolbox => upsample_interp23,
            Convention::True => upsample_cubic,
        };
        vec![(axis(self.rows), axis(self.columns))]
    }

    /// Shrinking of PAN to the MS grid. The toolbox knows grids that start at one edge only.
    fn shrinking(&self) -> crate::filter::Terms {
        let axis = |grid: Grid| match self.phase {
            Convention::Toolbox => shrink(Grid { phase: (grid.ratio as f64 - 1.0) / 2.0, ..grid }),
            Convention::True => shrink(grid),
        };
        vec![(axis(self.rows), axis(self.columns))]
    }

    /// The size of the fused image, if everything fits together.
    pub(super) fn check(
        &self,
        pan: &dyn Planar,
        ms: &dyn Planar,
        fused: &dyn Planar,
    ) -> Result<[usize; 3], QualityError> {
        let [_, _, bands] = ms.size();
        let wanted = [self.rows.fine, self.columns.fine, bands];
        same_shape("PAN", pan, [wanted[0], wanted[1], 1])?;
        same_shape("MS", ms, [self.rows.coarse, self.columns.coarse, bands])?;
        same_shape("the fused image", fused, wanted)?;
        large_enough("the fused image", wanted)?;
        self.phase.check(self.rows.ratio)?;
        let mut gains = self.ms_gains.iter().chain([&self.pan_gain]);
        if self.ms_gains.len() != bands || !gains.all(|g| *g > 0.0 && *g < 1.0) {
            return Err(QualityError::Gains { found: self.ms_gains.len(), bands });
        }
        Ok(wanted)
    }
}

pub(super) fn same_shape(what: &'static str, image: &dyn Planar, wanted: [usize; 3]) -> Result<(), QualityError> {
    let found = image.size();
    if found == wanted { Ok(()) } else { Err(QualityError::Shape { what, found, wanted }) }
}

pub(super) fn large_enough(what: &'static str, [height, width, _]: [usize; 3]) -> Result<(), QualityError> {
    let size = [height, width];
    if height.min(width) < BLOCK { Err(QualityError::TooSmall { what, size, least: BLOCK }) } else { Ok(()) }
}
