//! Checkpoints of a training under way.

use std::collections::BTreeMap;

use super::{BestWeights, Trainer};
use crate::graph::Tensor;
use crate::method::MethodError;
use crate::method::checkpoint::{Checkpoint, device};

/// The mean of the fusion weights, as checkpoints name it.
const MEAN: &str = "mean";

impl Trainer<'_> {
    /// Between two epochs: saves a checkpoint when it is time or the user wants to stop, and stops.
    pub(super) fn pause(&mut self) -> Result<(), MethodError> {
        if self.stop || self.saving.as_ref().is_some_and(|s| s.files.due()) {
            self.look()?;
            self.save()?;
        }
        if self.stop { Err(MethodError::Interrupted) } else { Ok(()) }
    }

    /// Every tensor that training changes, with its name in checkpoints.
    fn trained(&self) -> Vec<(String, Tensor)> {
        let plans = self.plans;
        let tensors = [plans.dam.whole, plans.fusion.whole].into_iter().chain(plans.states.iter().copied());
        tensors.map(|t| (plans.program.info(t).name.clone(), t)).collect()
    }

    fn save(&mut self) -> Result<(), MethodError> {
        if self.saving.is_none() {
            return Ok(());
        }
        let mut tensors = BTreeMap::new();
        for (name, tensor) in self.trained() {
            tensors.insert(name, self.engine.read(tensor)?);
        }
        for (network, kept) in self.kept.iter().enumerate() {
            tensors.extend(kept.as_ref().map(|k| (format!("kept{network}"), k.weights.clone())));
        }
        if !self.mean.is_empty() {
            tensors.insert(MEAN.to_owned(), self.mean.clone());
        }
        let Some(saving) = &mut self.saving else { return Ok(()) };
        let checkpoint = Checkpoint { position: self.done.clone(), tensors };
        saving.files.save(&saving.identity, &device(self.engine), &checkpoint)
    }

    /// Goes back to where the checkpoint was taken, if there is one.
    pub(super) fn resume(&mut self) -> Result<(), MethodError> {
        let Some(saving) = &mut self.saving else { return Ok(()) };
        let Some(Checkpoint { position, mut tensors }) = saving.files.load(&saving.identity, &device(self.engine))?
        else {
            return Ok(());
        };
        for (name, tensor) in self.trained() {
            self.engine.write(tensor, &tensors.remove(&name).unwrap_or_default())?;
        }
        self.mean = tensors.remove(MEAN).unwrap_or_default();
        for (network, kept) in position.kept.iter().enumerate() {
            self.kept[network] = kept.map(|(epoch, loss)| {
                let weights = tensors.remove(&format!("kept{network}")).unwrap_or_default();
                BestWeights { epoch, loss, weights }
            });
        }
        self.done = position.clone();
        self.before = position;
        Ok(())
    }
}
