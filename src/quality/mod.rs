//! How good a fused image is (method, section 6).
//!
//! [`full()`] judges it by the pair it was made from, [`reduced()`] by a known truth, both as the DLPan
//! toolbox does, in f64. [`consistency()`] degrades it again and compares it with MS.
//!
//! Images come as [`Planar`]: any [`Image`](crate::scene::Image), or one computed from another in f64 ([`ResampledImage`],
//! [`BlurredImage`], …). Work goes strip by strip, so memory is bounded by the width of the
//! image, and sums are taken in the order of rows and blocks, so results do not depend on threads.
//! Invalid pixels are NaN and spread as far as a filter reaches; blocks they spread to are left out.
//!
//! Bands without texture have defined results: two constant bands have one structure (index 1 times
//! their luminance), a band that a regression cannot tell from others explains nothing more.

mod block;
mod consistency;
mod derived;
mod error;
mod full;
mod reduced;
mod regression;
mod rows;
mod spectral;
mod structure;
mod thumbnail;
mod unit;

pub use block::BLOCK;
pub use consistency::{Commutation, ConsistencyScores, commutation, consistency, consistency_maps, linear_response};
pub use derived::{BlurredImage, CroppedImage, PerPixel, ResampledImage};
pub use error::QualityError;
pub use full::{BlockMaps, Convention, FullScores, Parts, Setup, full};
pub use reduced::{ReducedScores, TruthSetup, reduced, reduced_maps};
pub use rows::{Planar, Planes, ranges};
pub use spectral::PixelErrors;
pub use thumbnail::Thumbnail;

/// Root mean square difference over all pixels and bands, in the images' unit.
///
/// # Panics
/// If the lengths differ.
pub fn rmse(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "images of one size");
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (sum / a.len() as f64).sqrt()
}

/// Mean spectral angle in degrees between the pixels of two images `[H, W, C]`;
/// pixels of zero norm are left out (method, section 6).
///
/// # Panics
/// If the lengths differ.
pub fn sam(a: &[f32], b: &[f32], bands: usize) -> f64 {
    assert_eq!(a.len(), b.len(), "images of one size");
    let angle = |(a, b): (&[f32], &[f32])| {
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let norms = (dot(a, a) * dot(b, b)).sqrt();
        (norms > 0.0).then(|| (dot(a, b) / norms).clamp(-1.0, 1.0).acos().to_degrees())
    };
    let angles: Vec<f64> = a.chunks_exact(bands).zip(b.chunks_exact(bands)).filter_map(angle).collect();
    if angles.is_empty() { 0.0 } else { angles.iter().sum::<f64>() / angles.len() as f64 }
}
