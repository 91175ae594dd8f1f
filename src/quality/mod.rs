//! How close two images are.

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
