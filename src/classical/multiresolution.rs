//! Multiresolution analysis: what PAN loses through a band's MTF is the detail that band lacks.

use rayon::prelude::*;

use super::pair::{Pair, Plane};
use super::stats::divide;

/// `F_b = L_b + g_b (P − PL_b)`, `g_b = cov(L_b, P) / cov(PL_b, P)`.
pub(crate) fn full_scale(pair: &Pair<'_>) -> Vec<Plane> {
    let Pair { pan, valid, .. } = pair;
    per_band(pair, |l, low| {
        let gain = divide(valid.covariance(l, pan), valid.covariance(low, pan)).unwrap_or(0.0);
        l.iter().zip(pan).zip(low).map(|((l, p), low)| l + gain * (p - low)).collect()
    })
}

/// `F_b = L_b (P + c) / (PL_b + c)`, `c = mean(L_b) / g − mean(P)`, `g = cov(L_b, PL_b) / var(PL_b)`.
pub(crate) fn high_pass_modulation(pair: &Pair<'_>) -> Vec<Plane> {
    let Pair { pan, valid, .. } = pair;
    per_band(pair, |l, low| {
        // The interpolator ripples by 1e-4: of a flat PAN only that would vary in `low`.
        let textured = valid.covariance(pan, pan) > 0.0;
        let gain = divide(valid.covariance(l, low), valid.covariance(low, low)).filter(|_| textured);
        let Some(c) = gain.and_then(|g| divide(valid.mean(l), g)).map(|haze| haze - valid.mean(pan)) else {
            return l.clone();
        };
        let factor = |p: f64, low: f64| divide(p + c, low + c).unwrap_or(1.0);
        l.iter().zip(pan).zip(low).map(|((l, p), low)| l * factor(*p, *low)).collect()
    })
}

/// Fuses each band with the PAN that its MTF leaves; bands of one gain share it.
fn per_band(pair: &Pair<'_>, fuse: impl Fn(&Plane, &Plane) -> Plane + Sync) -> Vec<Plane> {
    let (low, of_band) = pair.low_pans();
    pair.lms.par_iter().zip(of_band).map(|(l, k)| fuse(l, &low[k])).collect()
}
