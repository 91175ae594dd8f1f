//! PAN in the unit of MS.

use super::view::View;
use super::windows::{self, WindowPlace};
use super::{Config, Dims, MethodError};
use crate::filter;
use crate::scene::Scale;

/// Share of the values at each end that the fit takes for the outermost of the others.
const TAIL: f64 = 5e-3;

/// Factor and constant that give PAN, seen through its MTF where MS has its pixels, the mean and the deviation of the
/// mean of the bands, over all valid pixels of windows. The result does not depend on the unit PAN came in.
///
/// # Errors
/// What reading gives.
pub(super) fn fit(
    view: &View<'_>,
    dims: &Dims,
    places: &[WindowPlace],
    config: &Config,
) -> Result<[f64; 2], MethodError> {
    let (rows, columns) = (dims.rows, dims.columns);
    let degradation = [filter::degrade(config.pan_gain, rows, columns)];
    let (mut low, mut means) = (Vec::new(), Vec::new());
    for place in places {
        let (pan, ms) = (windows::read_pan(view, dims, place)?, windows::read_ms(view, dims, place)?);
        let whole = pan.valid.map(|valid| filter::covered(&valid, rows, columns));
        let valid = |i: usize| {
            [&whole, &ms.valid].into_iter().all(|valid| valid.as_ref().is_none_or(|valid: &Vec<bool>| valid[i]))
        };
        let degraded = filter::apply(&pan.data, columns.fine, &degradation);
        for (i, pixel) in ms.data.chunks_exact(dims.bands).enumerate().filter(|(i, _)| valid(*i)) {
            low.push(f64::from(degraded[i]));
            means.push(pixel.iter().copied().map(f64::from).sum::<f64>() / dims.bands as f64);
        }
    }
    let ([pan_mean, pan_deviation], [mean, deviation]) = (moments(low), moments(means));
    let Scale { offset, scale, pan: [gain, constant], .. } = *view.scale;
    // A PAN without texture keeps its range.
    let more = if pan_deviation > 0.0 && deviation > 0.0 { deviation / pan_deviation } else { 1.0 };
    let shift = mean - more * pan_mean;
    Ok([more * gain, more * (constant - offset) + shift * scale + offset])
}

/// Mean and standard deviation of values whose ends are cut.
fn moments(mut values: Vec<f64>) -> [f64; 2] {
    if values.is_empty() {
        return [0.0; 2];
    }
    values.sort_by(f64::total_cmp);
    let cut = (TAIL * values.len() as f64) as usize;
    let (low, high) = (values[cut], values[values.len() - 1 - cut]);
    let count = values.len() as f64;
    let values = values.into_iter().map(|v| v.clamp(low, high));
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    [mean, variance.sqrt()]
}
