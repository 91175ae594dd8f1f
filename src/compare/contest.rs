//! Fused images of one scene judged alike: as they are, and by Wald's protocol.

use std::ops::Range;

use serde::Serialize;

use crate::filter::Grid;
use crate::method::Config;
use crate::quality::{
    self, BLOCK, ConsistencyScores, Convention, FullScores, QualityError, ReducedScores, Setup, Thumbnail, TruthSetup,
};
use crate::scene::{Image, Scale, Scene, least_ms};
use crate::tiff::{Block, Header, TiffError};

/// What a method achieves on a scene.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FullResult {
    /// Without reference.
    pub full: FullScores,
    /// Degraded again, against MS.
    pub consistency: ConsistencyScores,
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

/// A scene without gaps, its copy one resolution lower, and how to judge.
pub struct Contest<'a> {
    scene: &'a Scene<'a>,
    scale: &'a Scale,
    setup: Setup,
    /// The scene degraded by its own ratio, in DN: fusing it should give back MS.
    pub reduced: Scene<'static>,
}

impl<'a> Contest<'a> {
    /// Degrades the scene: see [`Scene::coarser`].
    ///
    /// # Errors
    /// Those of [`Scene::stored`].
    pub fn new(
        scene: &'a Scene<'a>,
        scale: &'a Scale,
        config: &Config,
        phase: Convention,
    ) -> Result<Self, QualityError> {
        let (rows, columns) = (scene.rows, scene.columns);
        let reduced = scene.coarser(&config.ms_gains, config.pan_gain).stored()?;
        let (ms_gains, pan_gain) = (config.ms_gains.clone(), config.pan_gain);
        let setup = Setup { rows, columns, ms_gains, pan_gain, phase };
        Ok(Self { scene, scale, setup, reduced })
    }

    /// Finds out, before a long computation, whether fused images of a scene with these grids can be judged.
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

    /// Whether the reduced scene is large enough to train on.
    pub(crate) fn is_trainable(&self) -> bool {
        let ms = self.reduced.ms();
        ms.width.min(ms.height) >= least_ms(self.scene.ratio())
    }

    /// Judges a fused image of the scene, as [`Fuser::image`](super::Fuser::image) gives it.
    ///
    /// # Errors
    /// Those of [`quality::full()`] and [`quality::consistency()`].
    pub fn full(&self, fused: &dyn Image) -> Result<(FullResult, FullMaps), QualityError> {
        let pan = self.scene.fusable();
        let (fused, [_, ms]) = (MaskedImage { image: fused, mask: &pan }, self.scene.images());
        let (full, blocks) = quality::full(&pan, &ms, &fused, &self.setup)?;
        let mut angle = Thumbnail::new([self.scene.rows.coarse, self.scene.columns.coarse]);
        let consistency = quality::consistency_maps(&ms, &fused, &self.setup, &mut |pixels| {
            angle.add(pixels.rows, &pixels.sam);
            Ok(())
        })?;
        let [d_lambda, d_s] = [&blocks.d_lambda, &blocks.d_s].map(|values| Thumbnail::of(blocks.size, values));
        Ok((FullResult { full, consistency }, FullMaps { d_lambda, d_s, angle }))
    }

    /// Judges a fused image of the reduced scene against MS. With a map of the errors, root mean
    /// square over the bands, of what was judged.
    ///
    /// # Errors
    /// Those of [`quality::reduced()`].
    pub fn against_truth(&self, fused: &dyn Image) -> Result<(ReducedScores, Thumbnail), QualityError> {
        let ([_, truth], [mask, _]) = (self.scene.images(), self.reduced.images());
        let fused = MaskedImage { image: fused, mask };
        let peak = f64::from(self.scale.range[1]);
        let setup = TruthSetup { ratio: self.scene.ratio(), peak, cut: true };
        let [top, left, bottom, right] = setup.window([self.scene.rows.coarse, self.scene.columns.coarse]);
        let mut errors = Thumbnail::new([bottom - top, right - left]);
        let (scores, _) = quality::reduced_maps(&truth, &fused, &setup, &mut |pixels| {
            errors.add(pixels.rows, &pixels.error);
            Ok(())
        })?;
        Ok((scores, errors))
    }
}

/// An image, valid where another is.
struct MaskedImage<'a> {
    image: &'a dyn Image,
    mask: &'a dyn Image,
}

impl Image for MaskedImage<'_> {
    fn header(&self) -> &Header {
        self.image.header()
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let Block { data, .. } = self.image.block(rows.clone(), columns.clone())?;
        Ok(Block { data, valid: self.mask.validity(rows, columns)? })
    }
}
