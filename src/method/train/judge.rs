//! The mean of the weights over epochs, and what ground that was kept from the training says of it.

use serde::{Deserialize, Serialize};

use super::{BestWeights, FUSION, Trainer};
use crate::kernels::Step;
use crate::method::{Example, MethodError};

/// How much better the network makes its base, by pixels of the reduced pair that it was not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What the network adds is multiplied by this, band by band: 0 where it does harm, at most 1.
    pub factors: Vec<f64>,
    /// Share of the base's squared error that is left, each band's relative to its mean.
    pub left: f64,
    /// The same band by band.
    pub left_of_band: Vec<f64>,
}

/// Sums over withheld pixels of one band: f is what the network adds, e what the base lacks.
#[derive(Clone, Copy, Default)]
struct Sums {
    ff: f64,
    fe: f64,
    ee: f64,
    truth: f64,
}

impl Judgement {
    /// Least squares for one factor per band, within 0 and 1. `hrms` are the reduced pairs of the samples as
    /// the network fuses them, `[h, w, C]` each.
    pub(super) fn of(samples: &[Example], hrms: &[Vec<f32>]) -> Option<Self> {
        let mut sums: Vec<Sums> = Vec::new();
        for (sample, hrms) in samples.iter().zip(hrms) {
            let (Some([_, base]), Some(ground)) = (&sample.bases, &sample.ground) else { return None };
            let bands = sample.ms.len() / ground.judged.len();
            sums.resize(bands, Sums::default());
            for (i, _) in ground.judged.iter().enumerate().filter(|(_, judged)| **judged) {
                for (b, sums) in sums.iter_mut().enumerate() {
                    let [truth, base, hrms] = [&sample.ms, base, hrms].map(|image| f64::from(image[i * bands + b]));
                    let (f, e) = (hrms - base, truth - base);
                    (sums.ff, sums.fe, sums.ee) = (sums.ff + f * f, sums.fe + f * e, sums.ee + e * e);
                    sums.truth += truth;
                }
            }
        }
        let factor = |s: &Sums| if s.ff > 0.0 { (s.fe / s.ff).clamp(0.0, 1.0) } else { 0.0 };
        let factors: Vec<f64> = sums.iter().map(factor).collect();
        let rest = |(s, a): (&Sums, &f64)| s.ee - 2.0 * a * s.fe + a * a * s.ff;
        let rests: Vec<f64> = sums.iter().zip(&factors).map(rest).collect();
        let left_of_band = sums.iter().zip(&rests).map(|(s, rest)| if s.ee > 0.0 { rest / s.ee } else { 1.0 });
        let relative = |errors: &mut dyn Iterator<Item = f64>| -> f64 {
            sums.iter().zip(errors).map(|(s, error)| error / (s.truth * s.truth).max(f64::MIN_POSITIVE)).sum()
        };
        let base = relative(&mut sums.iter().map(|s| s.ee));
        (base > 0.0).then(|| Self {
            left: relative(&mut rests.iter().copied()) / base,
            left_of_band: left_of_band.collect(),
            factors,
        })
    }
}

impl Trainer<'_> {
    /// Adds the weights after an epoch to their mean: exponential, and from the first epoch on without bias.
    pub(super) fn average(&mut self, weights: &[f32]) {
        self.done.averaged += 1;
        let (decay, count) = (self.config.mean_decay, self.done.averaged);
        let share = ((1.0 - decay) / (1.0 - decay.powf(count.into()))) as f32;
        if count == 1 {
            self.mean = weights.to_vec();
        }
        self.mean.iter_mut().zip(weights).for_each(|(mean, w)| *mean += share * (w - *mean));
    }

    /// Judges the mean of the weights by withheld ground, and keeps it if it is the best so far; without
    /// such ground the latest is kept.
    pub(super) fn judge(&mut self, epoch: u32) -> Result<(), MethodError> {
        self.look()?;
        let hrms = self.fuse_reduced(&self.mean.clone())?;
        let judgement = Judgement::of(self.samples, &hrms);
        let left = judgement.as_ref().map_or(0.0, |judgement| judgement.left);
        if judgement.is_none() || self.kept[FUSION].as_ref().is_none_or(|kept| left < kept.loss) {
            self.kept[FUSION] = Some(BestWeights { epoch, loss: left, weights: self.mean.clone() });
            self.done.kept[FUSION] = Some((epoch, left));
            self.done.judgement = judgement;
        }
        Ok(())
    }

    /// The reduced pairs as the weights kept fuse them.
    pub(super) fn fused_reduced(&mut self) -> Result<Vec<Vec<f32>>, MethodError> {
        match (&self.kept[FUSION], &self.plans.judged) {
            (Some(kept), Some(_)) => self.fuse_reduced(&kept.weights.clone()),
            _ => Ok(Vec::new()),
        }
    }

    fn fuse_reduced(&mut self, weights: &[f32]) -> Result<Vec<Vec<f32>>, MethodError> {
        let Some(judged) = &self.plans.judged else { return Ok(Vec::new()) };
        self.engine.write(judged.fusion.whole, weights)?;
        let calls = 0..self.plans.program.plan(judged.plan).calls.len();
        let mut fused = Vec::new();
        for sample in 0..self.samples.len() {
            self.show(sample, true)?;
            self.engine.run(judged.plan, calls.clone(), &Step::default())?;
            fused.push(self.engine.read(judged.hrms)?);
        }
        Ok(fused)
    }
}
