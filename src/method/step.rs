//! How far the consistency step goes on a scene.

use super::base::Lower;
use super::config::{Config, Consistency};
use super::{Dims, Sample};
use crate::consistency::{self, CANDIDATES, Experiment, Validity};
use crate::filter::{self, Grid, all_within, mtf_reach};

/// ν where gaps leave the experiment nothing to move: safe on all pairs that it could be tried on.
const UNTRIED: f64 = 0.1;

/// ν of each band: as asked for, or the candidate that brings the reduced pairs closest to their truth on ground to
/// judge by, the noise in MS reckoned with. `reduced` are the reduced pairs of the samples as they are fused
/// before the step, `[h, w, C]`.
pub(super) fn nu(samples: &[Sample], reduced: &[Vec<f32>], dims: &Dims, config: &Config) -> Vec<Option<f64>> {
    match config.consistency {
        Consistency::Off => return vec![None; dims.bands],
        Consistency::Nu(nu) => return vec![Some(nu); dims.bands],
        Consistency::Auto => {}
    }
    let grids @ [rows, columns] = [dims.rows.coarser(), dims.columns.coarser()];
    let mut errors = vec![vec![0.0; CANDIDATES.len()]; dims.bands];
    let mut tried = false;
    for (sample, x) in samples.iter().zip(reduced) {
        let lower = Lower::of(sample, dims, config);
        let image = sample.weights.as_ref().map(|w| w.reduced.iter().map(|w| *w > 0.0).collect::<Vec<bool>>());
        let ms = image.as_ref().map(|valid| filter::covered(valid, rows, columns));
        let judged = sample.ground.as_ref().map(|ground| &ground.judged);
        let weights: Option<Vec<f32>> = judged.map(|judged| judged.iter().map(|j| f32::from(u8::from(*j))).collect());
        if judged.is_some_and(|judged| !judged.contains(&true)) {
            continue;
        }
        tried |= moves(image.as_deref().zip(ms.as_deref()), rows, columns);
        let experiment = Experiment {
            grids,
            x,
            ms: &lower.ms,
            truth: &sample.ms,
            weights: weights.as_deref(),
            valid: image.as_deref().zip(ms.as_deref()).map(|(image, ms)| Validity { image, ms }),
        };
        let valid = sample.weights.as_ref().map(|w| w.ms.iter().map(|w| *w > 0.0).collect::<Vec<bool>>());
        let noise = consistency::noise(&sample.ms, dims.columns.coarse, dims.bands, valid.as_deref());
        let choices = consistency::choose(&experiment, &config.ms_gains, &noise, &CANDIDATES);
        for (sums, choice) in errors.iter_mut().zip(choices) {
            sums.iter_mut().zip(choice.errors).for_each(|(sum, error)| *sum += error);
        }
    }
    if config.robust && !tried {
        return vec![Some(UNTRIED); dims.bands];
    }
    let best = |errors: &Vec<f64>| (0..errors.len()).min_by(|i, j| errors[*i].total_cmp(&errors[*j]));
    errors.iter().map(|errors| best(errors).and_then(|i| CANDIDATES[i])).collect()
}

/// Whether the step moves anything on grids where some of the image and of MS is valid.
fn moves(valid: Option<(&[bool], &[bool])>, rows: Grid, columns: Grid) -> bool {
    let Some((image, ms)) = valid else { return true };
    let whole = all_within(image, columns.fine, &mtf_reach(rows), &mtf_reach(columns));
    whole.iter().zip(ms).any(|(whole, ms)| *whole && *ms)
}
