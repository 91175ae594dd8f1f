//! How much of the network and of the consistency step a scene takes.

use super::base::Lower;
use super::config::{Config, Consistency};
use super::example::Ground;
use super::{Dims, Example, Judgement};
use crate::consistency::{self, CANDIDATES, Choice, Experiment, Validity};
use crate::filter::{self, Grid, all_within, mtf_reach};

/// ν where there is nothing to judge by: safe on all pairs that it could be tried on.
const UNTRIED: f64 = 0.1;

/// What ground that was kept from the training, or all ground if nothing was trained, says of a result.
pub(super) struct Settlement {
    /// ν of the consistency step in each band; `None`: the band is left alone.
    pub nu: Vec<Option<f64>>,
    /// What the network is worth; `None` without a network or without ground to judge by.
    pub judgement: Option<Judgement>,
}

/// Settles what is added to the base, band by band: ν, with which the base of the reduced pairs comes closest to their
/// truth, the noise in MS reckoned with, and after that step the share of what the network adds, by withheld ground.
/// `trained` are the reduced pairs of the samples as the network fuses them, `[h, w, C]`; none without a network.
pub(super) fn settle(samples: &[Example], trained: &[Vec<f32>], dims: &Dims, config: &Config) -> Settlement {
    let candidates = match config.consistency {
        Consistency::Off => vec![None],
        Consistency::Nu(nu) => vec![Some(nu)],
        Consistency::Auto => CANDIDATES.to_vec(),
    };
    let grids @ [rows, columns] = [dims.rows.coarser(), dims.columns.coarser()];
    let mask = |weights: &[f32]| weights.iter().map(|w| *w > 0.0).collect::<Vec<bool>>();
    let ready = |sample: &Example| {
        let image = sample.weights.as_ref().map(|w| mask(&w.reduced));
        let below = image.as_ref().map(|valid| filter::covered(valid, rows, columns));
        let valid = sample.weights.as_ref().map(|w| mask(&w.ms));
        let noise = consistency::noise(&sample.ms, dims.columns.coarse, dims.bands, valid.as_deref());
        let known = sample.ground.as_ref().map(Ground::known);
        Ready { lower: Lower::of(sample, dims, config), image, below, noise, known }
    };
    let ready: Vec<Ready> = samples.iter().map(ready).collect();
    let mut experiments = Vec::new();
    for (i, (sample, ready)) in samples.iter().zip(&ready).enumerate() {
        let base = sample.bases.as_ref().map(|[_, reduced]| &reduced[..]);
        let trained = trained.get(i).map(|hrms| &hrms[..]);
        // The paper's method has nothing to judge: ν is what does no harm even to noisy images.
        let Some(x) = base.or(trained) else {
            return Settlement { nu: vec![blind(config); dims.bands], judgement: None };
        };
        let valid = ready.image.as_deref().zip(ready.below.as_deref());
        experiments.push(Experiment {
            grids,
            x,
            other: base.and(trained),
            ms: &ready.lower.ms,
            truth: &sample.ms,
            known: ready.known.as_deref(),
            judged: sample.ground.as_ref().map(|ground| &ground.judged[..]),
            valid: valid.map(|(image, ms)| Validity { image, ms }),
            noise: &ready.noise,
        });
    }
    // Between stripes of nodata no pixel's filter is free of them one resolution lower: then the step reads filled
    // values there, and valid ones alone judge. Without a pixel to judge by nothing is chosen.
    if !experiments.iter().any(|e| moves(e.valid.map(|valid| (valid.image, valid.ms)), rows, columns)) {
        experiments.iter_mut().for_each(|experiment| experiment.valid = None);
    }
    let choices = consistency::choose(&experiments, &config.ms_gains, &candidates);
    let judged = experiments.iter().all(|experiment| experiment.other.is_some());
    let auto = config.consistency == Consistency::Auto;
    let nu = |choice: &Choice| if auto && choice.error.is_finite() { choice.nu } else { blind(config) };
    Settlement { nu: choices.iter().map(nu).collect(), judgement: judged.then(|| judgement(&choices)) }
}

/// The pair of a sample one resolution lower, where it is valid there, and the noise in its MS.
struct Ready {
    lower: Lower,
    image: Option<Vec<bool>>,
    below: Option<Vec<bool>>,
    noise: Vec<f64>,
    known: Option<Vec<bool>>,
}

/// ν without looking at the pair.
fn blind(config: &Config) -> Option<f64> {
    match config.consistency {
        Consistency::Off => None,
        Consistency::Nu(nu) => Some(nu),
        Consistency::Auto => Some(UNTRIED),
    }
}

/// What the network is worth by what was found for each band.
fn judgement(choices: &[Choice]) -> Judgement {
    // Bands count by their error relative to their level, as in ERGAS.
    let relative = |error: fn(&Choice) -> f64| -> f64 {
        choices.iter().map(|c| error(c) / c.level.powi(2).max(f64::MIN_POSITIVE)).sum()
    };
    let share = |left: f64, of: f64| if of > 0.0 && of.is_finite() { left / of } else { 1.0 };
    Judgement {
        factors: choices.iter().map(|choice| choice.share).collect(),
        left: share(relative(|c| c.error), relative(|c| c.alone)),
        left_of_band: choices.iter().map(|choice| share(choice.error, choice.alone)).collect(),
    }
}

/// Whether the step moves anything on grids where some of the image and of MS is valid.
fn moves(valid: Option<(&[bool], &[bool])>, rows: Grid, columns: Grid) -> bool {
    let Some((image, ms)) = valid else { return true };
    let whole = all_within(image, columns.fine, &mtf_reach(rows), &mtf_reach(columns));
    whole.iter().zip(ms).any(|(whole, ms)| *whole && *ms)
}
