//! Fused images of one pair judged alike: as they are, and by Wald's protocol.

use serde::Serialize;

use crate::filter::Grid;
use crate::method::Config;
use crate::quality::{
    self, BLOCK, Consistency, Convention, FullScores, QualityError, ReducedScores, Reference, Setup, Thumbnail, Values,
};
use crate::scene::{Pair, Scale, least_ms};
use crate::tiff::{Raster, Sample};

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
    /// Degrades the pair: see [`Pair::coarser`].
    pub fn new(pair: &'a Pair, scale: &'a Scale, config: &Config, phase: Convention) -> Self {
        let (rows, columns) = (pair.rows, pair.columns);
        let reduced = pair.coarser(&config.ms_gains, config.pan_gain);
        let (ms_gains, pan_gain) = (config.ms_gains.clone(), config.pan_gain);
        let setup = Setup { rows, columns, ms_gains, pan_gain, phase };
        Self { pair, scale, valid: pair.valid(), setup, reduced }
    }

    /// Finds out, before a long computation, whether fused images of a pair with these grids can be judged.
    ///
    /// # Errors
    /// [`QualityError::TooSmall`] if MS is smaller than a block; [`QualityError::Ratio`].
    pub fn check(rows: Grid, columns: Grid, phase: Convention) -> Result<(), QualityError> {
        let size = [rows.coarse, columns.coarse];
        if size[0].min(size[1]) < BLOCK {
            return Err(QualityError::TooSmall { what: "MS", size, least: BLOCK });
        }
        phase.check(rows.ratio)
    }

    /// Whether the reduced pair is large enough to train on.
    pub(crate) fn is_trainable(&self) -> bool {
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
        let pan = Values { data: &self.pair.pan.data, valid: self.valid.as_deref(), size };
        let fused = Values { data: &fused, ..pan };
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
        let fused = Values { data: &fused, valid: self.reduced.pan.valid.as_deref(), ..truth };
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

fn image(raster: &Raster) -> Values<'_> {
    Values { data: &raster.data, valid: raster.valid.as_deref(), size: [raster.height, raster.width] }
}
