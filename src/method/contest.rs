//! Fused images of one pair judged alike: as they are, and by Wald's protocol.

use serde::Serialize;

use super::Config;
use crate::filter::{self, Grid, Terms};
use crate::quality::{
    self, BLOCK, Consistency, FullScores, Image, Phase, QualityError, ReducedScores, Reference, Setup, Thumbnail,
};
use crate::raster::{Header, Pair, Raster, Sample, Scale, least_ms};

/// What a method achieves on a pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FullResult {
    /// Without reference.
    pub full: FullScores,
    /// Degraded again, against MS.
    pub consistency: Consistency,
}

/// Where a fused image is distorted, judged without reference.
#[derive(Clone, Debug)]
pub struct FullMaps {
    /// Spectral distortion of each block.
    pub d_lambda: Thumbnail,
    /// Spatial distortion of each block.
    pub d_s: Thumbnail,
    /// Spectral angle in degrees between MS and the image degraded again.
    pub angle: Thumbnail,
}

/// A pair, its copy one resolution lower, and how to judge.
pub struct Contest<'a> {
    pair: &'a Pair,
    scale: &'a Scale,
    valid: Option<Vec<bool>>,
    setup: Setup,
    /// The pair degraded by its own ratio, in DN: fusing it should give back MS.
    pub reduced: Pair,
}

impl<'a> Contest<'a> {
    /// Degrades the pair: PAN through its MTF onto the grid of MS, MS through its own onto the next
    /// grid of the same ratio and phase. A pixel made of invalid ones is invalid.
    pub fn new(pair: &'a Pair, scale: &'a Scale, config: &Config, phase: Phase) -> Self {
        let (rows, columns) = (pair.rows, pair.columns);
        let [small_rows, small_columns] = [rows, columns].map(|grid| grid.coarser());
        let md = |gains: &[f64], rows, columns| -> Vec<Terms> {
            gains.iter().map(|gain| filter::degrade(*gain, rows, columns)).collect()
        };
        let valid = pair.valid();
        let pan_valid = valid.as_ref().map(|v| filter::covered(v, rows, columns));
        let ms_valid = pan_valid.as_ref().map(|v| filter::covered(v, small_rows, small_columns));
        let pan = filter::apply(&pair.pan.data, columns.fine, &md(&[config.pan_gain], rows, columns));
        let ms = filter::apply(&pair.ms.data, columns.coarse, &md(&config.ms_gains, small_rows, small_columns));
        let reduced = Pair {
            pan: copy(&pair.pan, pan, [rows.coarse, columns.coarse], pan_valid),
            ms: copy(&pair.ms, ms, [small_rows.coarse, small_columns.coarse], ms_valid),
            rows: small_rows,
            columns: small_columns,
            warnings: Vec::new(),
        };
        let (ms_gains, pan_gain) = (config.ms_gains.clone(), config.pan_gain);
        let setup = Setup { rows, columns, ms_gains, pan_gain, phase };
        Self { pair, scale, valid, setup, reduced }
    }

    /// Finds out, before a long computation, whether fused images of a pair with these grids can be judged.
    ///
    /// # Errors
    /// [`QualityError::TooSmall`] if MS is smaller than a block; [`QualityError::Ratio`].
    pub fn check(rows: Grid, columns: Grid, phase: Phase) -> Result<(), QualityError> {
        let size = [rows.coarse, columns.coarse];
        if size[0].min(size[1]) < BLOCK {
            return Err(QualityError::TooSmall { what: "MS", size, least: BLOCK });
        }
        phase.check(rows.ratio)
    }

    /// Whether the reduced pair is large enough to train on.
    pub fn is_trainable(&self) -> bool {
        let ms = &self.reduced.ms;
        ms.width.min(ms.height) >= least_ms(self.pair.ratio())
    }

    /// Judges a fused image `[H, W, C]` of the pair, as it would be written.
    ///
    /// # Errors
    /// Those of [`quality::full()`] and [`quality::consistency()`].
    pub fn full(&self, fused: &[f32]) -> Result<(FullResult, FullMaps), QualityError> {
        let fused = self.as_written(fused);
        let size = [self.pair.pan.height, self.pair.pan.width];
        let pan = Image { data: &self.pair.pan.data, valid: self.valid.as_deref(), size };
        let fused = Image { data: &fused, ..pan };
        let ms = image(&self.pair.ms);
        let (full, blocks) = quality::full(&pan, &ms, &fused, &self.setup)?;
        let mut angle = Thumbnail::new(ms.size);
        let consistency = quality::consistency_maps(&ms, &fused, &self.setup, &mut |pixels| {
            angle.add(pixels.rows, &pixels.sam);
            Ok(())
        })?;
        let [d_lambda, d_s] = [&blocks.d_lambda, &blocks.d_s].map(|values| Thumbnail::of(blocks.size, values));
        Ok((FullResult { full, consistency }, FullMaps { d_lambda, d_s, angle }))
    }

    /// Judges a fused image `[h, w, C]` of the reduced pair against MS. With a map of the errors, root mean
    /// square over the bands, of what was judged.
    ///
    /// # Errors
    /// Those of [`quality::reduced()`].
    pub fn against_truth(&self, fused: &[f32]) -> Result<(ReducedScores, Thumbnail), QualityError> {
        let fused = self.as_written(fused);
        let truth = image(&self.pair.ms);
        let fused = Image { data: &fused, valid: self.reduced.pan.valid.as_deref(), ..truth };
        let peak = f64::from(self.scale.range[1]);
        let setup = Reference { ratio: self.pair.ratio(), peak, cut: true };
        let [top, left, bottom, right] = setup.window(truth.size);
        let mut errors = Thumbnail::new([bottom - top, right - left]);
        let (scores, _) = quality::reduced_maps(&truth, &fused, &setup, &mut |pixels| {
            errors.add(pixels.rows, &pixels.error);
            Ok(())
        })?;
        Ok((scores, errors))
    }

    /// Within the range of the data, and whole numbers where MS has them.
    fn as_written(&self, fused: &[f32]) -> Vec<f32> {
        let [low, high] = self.scale.range;
        let whole = self.pair.ms.sample != Sample::F32;
        fused.iter().map(|v| if whole { v.round() } else { *v }.clamp(low, high)).collect()
    }
}

fn image(raster: &Raster) -> Image<'_> {
    Image { data: &raster.data, valid: raster.valid.as_deref(), size: [raster.height, raster.width] }
}

/// An image of another resolution, described like the first.
fn copy(like: &Raster, data: Vec<f32>, [height, width]: [usize; 2], valid: Option<Vec<bool>>) -> Raster {
    Raster { header: Header { width, height, ..like.header.clone() }, data, valid }
}
