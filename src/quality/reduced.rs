//! Quality where the truth is known: reduced resolution, or a simulated scene.

use serde::Serialize;

use super::block::BLOCK;
use super::full::same_shape;
use super::spectral::{PixelErrors, spectral};
use super::structure::structure;
use super::{CroppedImage, Planar, QualityError};

/// Rows and columns that the toolbox cuts off, at the low and at the high side.
const CUT: [usize; 2] = [20, 21];

/// How to compare with a truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthSetup {
    /// PAN pixels per MS pixel of the fusion that is judged; only ERGAS asks.
    pub ratio: usize,
    /// Largest possible value, `2^bits − 1`; only PSNR and SSIM ask.
    pub peak: f64,
    /// Whether to leave out the border, as the toolbox does at reduced resolution: 20 pixels at the
    /// low and 21 at the high sides. Images below 73 pixels, of which less than a block would be
    /// left, are never cut.
    pub cut: bool,
}

/// Indices against a truth (method, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReducedScores {
    /// Q2n over 32×32 blocks (Q4, Q8 for 4 and 8 bands); 1 is best.
    pub q2n: f64,
    /// Mean spectral angle in degrees; 0 is best.
    pub sam: f64,
    /// Relative error over all bands, in percent of the ratio; 0 is best. Infinite where a band of
    /// mean 0 has errors.
    pub ergas: f64,
    /// Likeness of edges, by Sobel magnitudes; 1 is best.
    pub scc: f64,
    /// Peak signal to noise in dB, mean over the bands; infinite if a band has no error.
    pub psnr: f64,
    /// Structural similarity, mean over the bands; 1 is best.
    pub ssim: f64,
    /// Universal quality index in every 32×32 window, mean over the bands; 1 is best.
    pub q_avg: f64,
    /// Root mean square error over all bands, in the images' unit.
    pub rmse: f64,
    /// Root mean square of the fused image over that of the truth; far from 1 they are in different units.
    pub level: f64,
    /// Pixels compared.
    pub pixels: usize,
    /// Pixels left out because they are invalid.
    pub pixels_left_out: usize,
    /// Blocks Q2n is the mean over.
    pub blocks: usize,
    /// Blocks left out because they contain invalid pixels.
    pub blocks_left_out: usize,
}

/// Compares a fused image with the truth, both `[H, W, C]` in one unit.
///
/// # Errors
/// Sizes or bands that differ, sides below 32, nothing but nodata, other units.
pub fn reduced(truth: &dyn Planar, fused: &dyn Planar, setup: &TruthSetup) -> Result<ReducedScores, QualityError> {
    reduced_maps(truth, fused, setup, &mut |_| Ok(())).map(|(scores, _)| scores)
}

/// As [`reduced`], giving the errors of all pixels as well, strip by strip from the top, and Q2n of
/// every block, `[rows, columns]`. A border that is cut off is in neither.
///
/// # Errors
/// Those of [`reduced`] and of `observe`.
pub fn reduced_maps(
    truth: &dyn Planar,
    fused: &dyn Planar,
    setup: &TruthSetup,
    observe: &mut dyn FnMut(PixelErrors) -> Result<(), QualityError>,
) -> Result<(ReducedScores, Vec<f32>), QualityError> {
    let [height, width, _] = truth.size();
    same_shape("the fused image", fused, truth.size())?;
    let [top, left, bottom, right] = setup.window([height, width]);
    let crop = |source| CroppedImage { source, rows: top..bottom, columns: left..right };
    let (truth, fused) = (crop(truth), crop(fused));
    let errors = spectral(["the fused image", "the truth"], &fused, &truth, observe)?;
    let likeness = structure(&fused, &truth, setup.peak)?;
    let decibels = |mse: &f64| 10.0 * (setup.peak * setup.peak / mse).log10();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / errors.mse.len() as f64;
    let scores = ReducedScores {
        q2n: errors.q2n,
        sam: errors.sam,
        ergas: errors.ergas(setup.ratio),
        scc: likeness.scc,
        psnr: mean(&mut errors.mse.iter().map(decibels)),
        ssim: likeness.ssim,
        q_avg: likeness.q_avg,
        rmse: mean(&mut errors.mse.iter().copied()).sqrt(),
        level: errors.level,
        pixels: errors.pixels[0],
        pixels_left_out: errors.pixels[1] - errors.pixels[0],
        blocks: errors.blocks[0],
        blocks_left_out: errors.blocks[1] - errors.blocks[0],
    };
    Ok((scores, errors.q2n_map))
}

impl TruthSetup {
    /// What is compared of an image of this size: first row and column, and those after the last.
    pub fn window(&self, [height, width]: [usize; 2]) -> [usize; 4] {
        let [low, high] = CUT;
        if self.cut && height.min(width) >= low + BLOCK + high {
            [low, low, height - high, width - high]
        } else {
            [0, 0, height, width]
        }
    }
}
