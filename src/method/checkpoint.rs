//! A training on disk: everything it takes to go on as if it had not been interrupted.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::example::Example;
use super::train::{Judgement, StepRecord};
use super::weights_file::{self, WeightsError};
use super::{Config, Dims, MethodError};
use crate::engine::Engine;
use crate::net::{self, Layer};
use crate::tiff::write_atomically;

/// Version of the layout; another one is not read.
const VERSION: u32 = 2;

/// Where a training stands: steps done, and what was kept so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Epochs of the degradation network done.
    pub dam_epochs: u32,
    /// Steps of the alternating stage done.
    pub(crate) planned: usize,
    /// Epoch and loss of the weights kept: of the degradation network, of the fusion network.
    pub kept: [Option<(u32, f64)>; 2],
    /// Latest losses that decide on keeping.
    pub(crate) recent: Vec<f64>,
    /// Epochs in the mean of the weights.
    pub(crate) averaged: u32,
    /// What withheld ground says of the weights kept.
    pub judgement: Option<Judgement>,
    /// All steps so far.
    pub steps: Vec<StepRecord>,
}

/// A position with the tensors of that moment, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Checkpoint {
    pub position: Position,
    pub tensors: BTreeMap<String, Vec<f32>>,
}

#[derive(Serialize, Deserialize)]
struct CheckpointHeader {
    version: u32,
    /// See [`identity`].
    identity: String,
    /// Device and, of a CPU, its instruction set.
    device: String,
    position: Position,
}

/// Keeps a checkpoint beside a training.
pub struct Checkpoints {
    path: PathBuf,
    every: Duration,
    last: Instant,
    /// Whether the file is of the training that goes on now.
    own: bool,
}

impl Checkpoints {
    /// Checkpoints at `path`, written at the end of an epoch when `every` has passed.
    pub fn new(path: &Path, every: Duration) -> Self {
        Self { path: path.to_owned(), every, last: Instant::now(), own: false }
    }

    /// Whether it is time to save.
    pub(super) fn due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// The checkpoint on disk, if there is one.
    pub(super) fn load(&mut self, identity: &str, device: &str) -> Result<Option<Checkpoint>, MethodError> {
        if !self.path.exists() {
            return Ok(None);
        }
        let (meta, tensors) = weights_file::read(&self.path)?;
        let bad = |reason: String| WeightsError::Content { path: self.path.clone(), reason };
        let header: CheckpointHeader = serde_json::from_str(&meta).map_err(|e| bad(e.to_string()))?;
        if header.version != VERSION || header.identity != identity {
            let devices = [header.device, device.to_owned()];
            return Err(MethodError::OtherRun { path: self.path.clone(), devices });
        }
        let tensors = tensors.into_iter().map(|(name, _, data)| (name, data)).collect();
        self.own = true;
        Ok(Some(Checkpoint { position: header.position, tensors }))
    }

    /// Whether the file on disk is a checkpoint of this run, for fuzzing.
    #[cfg(fuzzing)]
    pub fn is_of(&mut self, identity: &str) -> bool {
        self.load(identity, "fuzz").is_ok_and(|found| found.is_some())
    }

    pub(super) fn save(&mut self, identity: &str, device: &str, checkpoint: &Checkpoint) -> Result<(), MethodError> {
        let (identity, device) = (identity.to_owned(), device.to_owned());
        let header = CheckpointHeader { version: VERSION, identity, device, position: checkpoint.position.clone() };
        let meta = serde_json::to_string(&header).expect("plain values");
        let tensors: Vec<_> =
            checkpoint.tensors.iter().map(|(name, data)| (name.clone(), vec![data.len()], data.clone())).collect();
        let bytes = weights_file::encode(&meta, &tensors);
        write_atomically(&self.path, true, |file| file.write_all(&bytes))?;
        (self.last, self.own) = (Instant::now(), true);
        Ok(())
    }

    /// Drops what the training so far has written, if anything: another device goes through other values.
    pub(super) fn restart(&mut self) -> Result<(), MethodError> {
        if std::mem::take(&mut self.own) { self.remove() } else { Ok(()) }
    }

    /// Removes the checkpoint: the run it belongs to has ended.
    ///
    /// # Errors
    /// What the file system reports, unless there is none.
    pub fn remove(&self) -> Result<(), MethodError> {
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(crate::tiff::TiffError::Write { path: self.path.clone(), source }.into())
            }
            _ => Ok(()),
        }
    }
}

/// What the values of a training depend on: a device, or the instruction set of a CPU, whatever its threads.
pub(super) fn device(engine: &dyn Engine) -> String {
    engine.isa().map_or_else(|| engine.name(), |isa| format!("CPU, {isa}"))
}

/// Names a training: two with the same identity go through the same values.
pub(super) fn identity(
    engine: &dyn Engine,
    dims: &Dims,
    (config, init): (&Config, Option<&[Layer]>),
    samples: &[Example],
) -> String {
    let mut hash = Sha256::new();
    let config = serde_json::to_string(config).expect("settings are plain values");
    let device = device(engine);
    hash.update(format!("{} {device} {dims:?} {config}", env!("CARGO_PKG_VERSION")));
    hash.update(bytemuck::cast_slice::<f32, u8>(&init.map(net::import).unwrap_or_default()));
    for sample in samples {
        hash.update(bytemuck::cast_slice::<f32, u8>(&sample.pan));
        hash.update(bytemuck::cast_slice::<f32, u8>(&sample.ms));
        let weights = sample.weights.iter().flat_map(|w| [&w.pan, &w.ms]);
        let images = weights.chain(sample.bases.iter().flatten()).map(Vec::as_slice).chain(sample.reduced_weight());
        images.for_each(|values| hash.update(bytemuck::cast_slice::<f32, u8>(values)));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
