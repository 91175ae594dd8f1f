//! The losses of branches in epochs without a step of theirs: what a branch loses while the other learns.

use super::{IdleRecord, StepRecord, Trainer};
use crate::kernels::Step;
use crate::method::MethodError;
use crate::method::schedule::{Branch, ScheduledStep};

impl Trainer<'_> {
    /// After an epoch, the last of `steps`: computes the losses of branches that had no step in it, if that is asked for.
    /// A plan is run up to its losses, so that neither weights nor moments change; a reduced one on the first crops.
    pub(super) fn idle(&mut self, steps: &[ScheduledStep], sample: usize) -> Result<(), MethodError> {
        let (Some(last), true) = (steps.last(), self.idle.is_some()) else { return Ok(()) };
        let epoch = last.epoch;
        let stepped =
            |branch| steps.iter().rev().take_while(|step| step.epoch == epoch).any(|step| step.branch == branch);
        for branch in [Branch::Reduced, Branch::Full].into_iter().filter(|branch| !stepped(*branch)) {
            let record = match branch {
                Branch::Reduced => {
                    let crops = &self.crops[..self.config.batch];
                    let mut step = Step::default();
                    step.crops[..crops.len()].copy_from_slice(crops);
                    let crops = crops.iter().map(|[row, column, flip, _]| [*row, *column, *flip]).collect();
                    let [loss] = self.losses(branch, &step)?;
                    StepRecord::Reduced { epoch, sample, crops, turn: 0, loss }
                }
                Branch::Full => {
                    let [spectral, spatial] = self.losses(branch, &Step::default())?;
                    let loss = self.full_loss(spectral, spatial);
                    StepRecord::Full { epoch, sample, turn: 0, spectral, spatial, loss }
                }
            };
            self.idle.iter_mut().for_each(|idle| idle.push(IdleRecord { after: steps.len(), record: record.clone() }));
        }
        Ok(())
    }

    /// The losses that a branch's plan watches first.
    fn losses<const N: usize>(&mut self, branch: Branch, step: &Step) -> Result<[f32; N], MethodError> {
        let id = if branch == Branch::Full { self.plans.full_step } else { self.plans.reduced_step };
        let plan = self.plans.program.plan(id);
        let watched = &plan.watch[..N];
        self.engine.run(id, plan.until(watched), step)?;
        let mut losses = [0.0; N];
        for (loss, tensor) in losses.iter_mut().zip(watched) {
            *loss = self.engine.read(*tensor)?[0];
        }
        Ok(losses)
    }
}
