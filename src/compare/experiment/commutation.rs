//! Whether the two degradations commute (supplement, Eq. 1).

use crate::filter;
use crate::method::Model;
use crate::scene::{Image, Scene};
use crate::tiff::TiffError;

/// How far `g(MD(Ĥ))` is from `MD_PAN(g(Ĥ))`: root mean square, relative to the standard deviation of the latter. 0 if
/// it makes no difference whether bands become PAN before or after they are degraded. `fused` is in DN; all of it is held
/// in memory.
///
/// # Errors
/// What reading gives.
pub fn commutation(model: &Model, scene: &Scene<'_>, fused: &dyn Image) -> Result<f64, TiffError> {
    let response = model.response();
    let pan_of = |image: &[f32]| -> Vec<f32> {
        let pixel = |bands: &[f32]| response(&bands.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()) as f32;
        image.chunks_exact(model.bands).map(pixel).collect()
    };
    let (rows, columns) = (scene.rows, scene.columns);
    let degraded = |image: &[f32], gains: &[f64]| {
        let operators: Vec<_> = gains.iter().map(|gain| filter::degrade(*gain, rows, columns)).collect();
        filter::apply(image, columns.fine, &operators)
    };
    let image = fused.raster()?.data;
    let first = pan_of(&degraded(&image, &model.config.ms_gains));
    let second = degraded(&pan_of(&image), &[model.config.pan_gain]);
    Ok(relative(&first, &second))
}

/// Root mean square of a difference, in standard deviations of the second.
fn relative(first: &[f32], second: &[f32]) -> f64 {
    let n = second.len() as f64;
    let mean = second.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let squares = |d: &mut dyn Iterator<Item = f64>| d.map(|d| d * d).sum::<f64>();
    let error = squares(&mut first.iter().zip(second).map(|(a, b)| f64::from(a - b)));
    let spread = squares(&mut second.iter().map(|v| f64::from(*v) - mean));
    (error / spread.max(f64::MIN_POSITIVE)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_in_standard_deviations() {
        assert_eq!(relative(&[1.0, 3.0, 5.0], &[1.0, 3.0, 5.0]), 0.0);
        let off = relative(&[2.0, 4.0, 6.0], &[1.0, 3.0, 5.0]);
        assert!((off - (3.0f64 / 8.0).sqrt()).abs() < 1e-12, "{off}");
    }
}
