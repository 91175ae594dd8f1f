//! Single steps: a sample and crops on the engine, losses seen later, the best weights kept.

use std::time::Instant;

use super::{BestWeights, DAM, FUSION, PendingStep, Phase, StepRecord, Trainer};
use crate::graph::PlanId;
use crate::kernels::Step;
use crate::method::MethodError;
use crate::method::crops::{CROPS, Crop};

impl Trainer<'_> {
    /// Puts a sample on the engine and prepares it for one network or for both.
    pub(super) fn show(&mut self, sample: usize, both: bool) -> Result<(), MethodError> {
        if self.shown.is_some_and(|(shown, prepared)| shown == sample && (prepared || !both)) {
            return Ok(());
        }
        let (plans, values) = (self.plans, &self.samples[sample]);
        if self.shown.is_none_or(|(shown, _)| shown != sample) {
            self.engine.write(plans.pan, &values.pan)?;
            self.engine.write(plans.ms, &values.ms)?;
            if let (Some(to), Some(from)) = (&plans.weights, &values.weights) {
                for (tensor, values) in [(to.pan, &from.pan), (to.ms, &from.ms)] {
                    self.engine.write(tensor, values)?;
                }
            }
            if let (Some(to), Some(from)) = (plans.reduced_weight, values.reduced_weight()) {
                self.engine.write(to, from)?;
            }
            if let (Some(to), Some([full, reduced])) = (&plans.bases, &values.bases) {
                self.engine.write(to.full, full)?;
                self.engine.write(to.reduced, reduced)?;
            }
        }
        let (dam, all) = (plans.prepare_dam.end, plans.program.plan(plans.prepare).calls.len());
        let first = if self.shown.is_some_and(|(shown, _)| shown == sample) { dam } else { 0 };
        self.engine.run(plans.prepare, first..if both { all } else { dam }, &Step::default())?;
        self.shown = Some((sample, both));
        Ok(())
    }

    /// Runs a step of a plan on the given crops.
    pub(super) fn step(
        &mut self,
        plan: PlanId,
        mut step: Step,
        crops: &[Crop],
        queued: PendingStep,
    ) -> Result<(), MethodError> {
        step.crops[..crops.len()].copy_from_slice(crops);
        let calls = 0..self.plans.program.plan(plan).calls.len();
        self.engine.run(plan, calls, &step)?;
        self.queued.push(queued);
        if self.looked.elapsed() >= self.look { self.look() } else { Ok(()) }
    }

    /// Sees what the queued steps have logged, in their order.
    pub(super) fn look(&mut self) -> Result<(), MethodError> {
        let log = self.engine.watched()?;
        self.looked = Instant::now();
        let mut log = log.as_slice();
        for queued in std::mem::take(&mut self.queued) {
            let phase = queued.progress.phase;
            let mut take = |len: usize| {
                let (taken, rest) = log.split_at(len);
                log = rest;
                taken
            };
            let losses = take(if phase == Phase::Full { 2 } else { 1 });
            let weights = match phase {
                Phase::Dam => take(self.plans.dam.whole.shape().len()),
                Phase::Full => take(self.plans.fusion.whole.shape().len()),
                Phase::Reduced if self.plans.judged.is_some() || self.config.keeps_reduced() => {
                    take(self.plans.fusion.whole.shape().len())
                }
                Phase::Reduced => &[],
            };
            if let Some(loss) = losses.iter().find(|loss| !loss.is_finite()) {
                let value = f64::from(*loss);
                return Err(MethodError::Diverged { phase, epoch: queued.progress.epoch, value });
            }
            self.seen(queued, losses, weights);
        }
        Ok(())
    }

    /// Both losses of a full step in one.
    pub(super) fn full_loss(&self, spectral: f32, spatial: f32) -> f64 {
        self.config.lambda_spectral * f64::from(spectral) + self.config.lambda_spatial * f64::from(spatial)
    }

    /// Records a step, keeps its weights if they are the best, and tells of the epoch.
    fn seen(&mut self, queued: PendingStep, losses: &[f32], weights: &[f32]) {
        let PendingStep { mut record, mut progress, ends_epoch } = queued;
        match &mut record {
            StepRecord::Dam { epoch, loss, .. } => {
                *loss = losses[0];
                self.dam_losses.push(losses[0]);
                if self.dam_losses.len() == CROPS {
                    let mean = mean(&self.dam_losses);
                    self.dam_losses.clear();
                    self.keep(DAM, *epoch, mean, weights);
                    progress.dam = Some(mean);
                }
            }
            StepRecord::Reduced { epoch, loss, .. } => {
                *loss = losses[0];
                self.reduced = Some(f64::from(losses[0]));
                if self.config.keeps_reduced() {
                    self.reduced_losses.push(losses[0]);
                    if ends_epoch {
                        let mean = mean(&std::mem::take(&mut self.reduced_losses));
                        self.keep(FUSION, *epoch, mean, weights);
                    }
                }
            }
            StepRecord::Full { epoch, spectral, spatial, loss, .. } => {
                [*spectral, *spatial] = [losses[0], losses[1]];
                *loss = self.full_loss(*spectral, *spatial);
                self.full = Some(*loss);
                if self.plans.judged.is_none() {
                    self.keep(FUSION, *epoch, *loss, weights);
                }
            }
        }
        if self.plans.judged.is_some() && ends_epoch && progress.phase != Phase::Dam {
            self.average(weights);
        }
        self.done.steps.push(record);
        if progress.phase == Phase::Dam && progress.dam.is_none() {
            return; // within an epoch
        }
        (progress.reduced, progress.full) = (self.reduced, self.full);
        self.stop |= (self.observe)(&progress).is_break();
    }

    /// Keeps the weights if the mean loss over the latest look at every sample is the lowest so far:
    /// one sample may be harder than another.
    fn keep(&mut self, network: usize, epoch: u32, loss: f64, weights: &[f32]) {
        let recent = &mut self.done.recent;
        recent.push(loss);
        // A training shorter than one look at each sample goes by what it has seen at its end.
        let steps = if network == DAM { self.config.dam_epochs as usize } else { usize::MAX };
        if recent.len() < self.samples.len().min(steps) {
            return;
        }
        let mean = recent.iter().sum::<f64>() / recent.len() as f64;
        recent.remove(0);
        if self.kept[network].as_ref().is_none_or(|k| mean < k.loss) {
            self.kept[network] = Some(BestWeights { epoch, loss: mean, weights: weights.to_vec() });
            self.done.kept[network] = Some((epoch, mean));
        }
    }
}

fn mean(losses: &[f32]) -> f64 {
    losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len() as f64
}
