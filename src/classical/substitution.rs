//! Component substitution: an intensity of the bands gives way to PAN.

use super::pair::{Pair, Plane};
use super::solve::NormalEquations;
use super::stats::divide;

/// An intensity whose variance is below this share of PAN's mean square is made of rounding errors.
const NOTHING: f64 = 1e-20;

/// `F_b = L_b · P' / I`, where I is the mean of the bands and P' PAN with I's mean and deviation.
pub(super) fn brovey(pair: &Pair<'_>) -> Vec<Plane> {
    let Pair { lms, pan, valid, .. } = pair;
    let intensity: Plane = (0..pan.len()).map(|i| lms.iter().map(|l| l[i]).sum::<f64>() / lms.len() as f64).collect();
    let (mean_pan, mean) = (valid.mean(pan), valid.mean(&intensity));
    let gain = divide(valid.deviation(&intensity), valid.deviation(pan)).unwrap_or(0.0);
    let factor: Plane =
        pan.iter().zip(&intensity).map(|(p, i)| divide((p - mean_pan) * gain + mean, *i).unwrap_or(1.0)).collect();
    lms.iter().map(|l| l.iter().zip(&factor).map(|(l, f)| l * f).collect()).collect()
}

/// `F_b = L_b + g_b (P₀ − I₀)`: the intensity is the combination of bands closest to PAN at MS
/// resolution, `g_b = cov(I₀, L_b) / var(I₀)`.
pub(super) fn gsa(pair: &Pair<'_>) -> Vec<Plane> {
    let Pair { ms, lms, pan, valid, ms_valid, .. } = pair;
    let mean_pan = valid.mean(pan);
    let means: Vec<f64> = ms.iter().map(|m| ms_valid.mean(m)).collect();
    let flat: Vec<bool> = ms.iter().map(|m| ms_valid.covariance(m, m) == 0.0).collect();
    let mut normal = NormalEquations::new(ms.len() + 1);
    for (i, low) in pair.pan_at_ms().iter().enumerate().filter(|(i, _)| ms_valid.at(*i)) {
        let centred = (0..ms.len()).map(|b| if flat[b] { 0.0 } else { ms[b][i] - means[b] });
        normal.add(&centred.chain([1.0]).collect::<Vec<_>>(), low - mean_pan);
    }
    let alpha = normal.solve();
    let means: Vec<f64> = lms.iter().map(|l| valid.mean(l)).collect();
    let at = |i: usize| alpha[lms.len()] + (0..lms.len()).map(|b| alpha[b] * (lms[b][i] - means[b])).sum::<f64>();
    let intensity: Plane = (0..pan.len()).map(at).collect();
    let (mean, variance) = (valid.mean(&intensity), valid.covariance(&intensity, &intensity));
    // A flat PAN is explained by rounding errors, whose gain would be anything.
    let explains = variance > NOTHING * pan.iter().map(|p| p * p).sum::<f64>() / pan.len() as f64;
    let fused = |l: &Plane| {
        let gain = if explains { valid.covariance(&intensity, l) / variance } else { 0.0 };
        let detail = pan.iter().zip(&intensity).map(|(p, i)| (p - mean_pan) - (i - mean));
        l.iter().zip(detail).map(|(l, d)| l + gain * d).collect()
    };
    lms.iter().map(fused).collect()
}
