//! Band-dependent spatial detail with physical constraints.

use rayon::prelude::*;

use super::scene::{Plane, Scene, blur};
use super::solve::Normal;
use super::stats::Valid;
use crate::filter;

/// `F_b = L_b + [P, L] γ_b`. γ_b is learnt one resolution lower, where the truth is known:
/// `argmin ‖[PL, ML] γ − (G_b − ML_b)‖` with `γ_PAN ≥ 0` and `γ_MS ≤ 0`, G the shrunk bands, ML
/// those through their MTF and PL PAN through its own.
pub fn bdsd_pc(scene: &Scene<'_>) -> Vec<Plane> {
    let Scene { inputs, pan, lms, .. } = scene;
    let [rows, columns] = scene.sampled();
    let (gains, size) = (inputs.ms_gains, [rows.coarse, columns.coarse]);
    let shrink = [(filter::shrink(rows), filter::shrink(columns))];
    let valid = Valid::new(inputs.valid.map(|v| filter::covered(v, rows, columns)));
    let small: Vec<Plane> = lms.par_iter().map(|l| filter::apply_plane(l, &shrink)).collect();
    let blurred =
        |(g, gain): (&Plane, &f64)| blur(g, size[1], &filter::metric_kernel(*gain, rows.ratio), size, [&|i| i, &|j| j]);
    let low: Vec<Plane> = small.iter().zip(gains).map(blurred).collect();
    let low_pan = scene.sampled_pan(inputs.pan_gain);

    // With the bands negated all of γ is non-negative.
    let mut normals: Vec<Normal> = gains.iter().map(|_| Normal::new(gains.len() + 1)).collect();
    for (i, pan) in low_pan.iter().enumerate().filter(|(i, _)| valid.at(*i)) {
        let row: Vec<f64> = [*pan].into_iter().chain(low.iter().map(|ml| -ml[i])).collect();
        for (band, normal) in normals.iter_mut().enumerate() {
            normal.add(&row, small[band][i] - low[band][i]);
        }
    }
    let fused = |(l, normal): (&Plane, &Normal)| {
        let gamma = normal.solve_non_negative();
        let detail = |i: usize| gamma[0] * pan[i] - lms.iter().zip(&gamma[1..]).map(|(l, g)| g * l[i]).sum::<f64>();
        l.iter().enumerate().map(|(i, l)| l + detail(i)).collect()
    };
    lms.par_iter().zip(&normals).map(fused).collect()
}
