//! Band-dependent spatial detail with physical constraints.

use rayon::prelude::*;

use super::pair::{Pair, Plane, ReducedPair};
use super::solve::NormalEquations;

/// `F_b = L_b + [P, L] γ_b`. γ_b is learnt one resolution lower, where the truth is known:
/// `argmin ‖[PL, ML] γ − (G_b − ML_b)‖` with `γ_PAN ≥ 0` and `γ_MS ≤ 0`, G the bands there, ML
/// those through their MTF and PL PAN through its own.
pub(crate) fn bdsd_pc(pair: &Pair<'_>) -> Vec<Plane> {
    let Pair { pan, lms, .. } = pair;
    let ReducedPair { pan: low_pan, truth, low, valid } = pair.reduced();

    // With the bands negated all of γ is non-negative.
    let mut normals: Vec<NormalEquations> = lms.iter().map(|_| NormalEquations::new(lms.len() + 1)).collect();
    for (i, pan) in low_pan.iter().enumerate().filter(|(i, _)| valid.at(*i)) {
        let row: Vec<f64> = [*pan].into_iter().chain(low.iter().map(|ml| -ml[i])).collect();
        for (band, normal) in normals.iter_mut().enumerate() {
            normal.add(&row, truth[band][i] - low[band][i]);
        }
    }
    let fused = |(l, normal): (&Plane, &NormalEquations)| {
        let gamma = normal.solve_non_negative();
        let detail = |i: usize| gamma[0] * pan[i] - lms.iter().zip(&gamma[1..]).map(|(l, g)| g * l[i]).sum::<f64>();
        l.iter().enumerate().map(|(i, l)| l + detail(i)).collect()
    };
    lms.par_iter().zip(&normals).map(fused).collect()
}
