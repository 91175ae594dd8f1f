//! Training on one pair: the degradation network, then random alternation
//! (Algorithm 1).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Checkpoint, Checkpoints, Position};
use super::config::{Config, Keep, WarmUp};
use super::crops::{CROPS, Crop, ten_crop};
use super::schedule::{self, Branch, Rounds, Stream};
use super::{MethodError, Model, Sample};
use crate::engine::Engine;
use crate::graph::{PlanId, Step, Tensor};
use crate::net::{self, Layer};

/// Part of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Degradation network.
    Dam,
    /// Reduced-resolution steps.
    Reduced,
    /// Full-resolution steps.
    Full,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dam => "dam",
            Self::Reduced => "reduced",
            Self::Full => "full",
        })
    }
}

/// One optimiser step, as traces hold it: losses before the step's update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub enum StepRecord {
    /// Degradation network on one crop.
    Dam {
        /// Epoch, from 1.
        epoch: u32,
        /// Sample, from 0.
        sample: usize,
        /// Crop, from 0, in the order of [`ten_crop`].
        crop: usize,
        /// Mean squared error.
        loss: f32,
    },
    /// Fusion network on crops of the degraded pair.
    Reduced {
        /// Epoch, from 1.
        epoch: u32,
        /// Sample, from 0.
        sample: usize,
        /// Crops, from 0.
        crops: Vec<usize>,
        /// Mean squared error.
        loss: f32,
    },
    /// Fusion network on the whole pair.
    Full {
        /// Epoch, from 1.
        epoch: u32,
        /// Sample, from 0.
        sample: usize,
        /// Mean squared error to PAN through the degradation network.
        spectral: f32,
        /// Mean squared error to MS through the MTF.
        spatial: f32,
        /// `λ1 · spectral + λ2 · spatial`.
        loss: f64,
    },
}

/// Where a training stands; sent after every epoch.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The degradation network, or the stage after it.
    pub phase: Phase,
    /// Whether only the warm-up branch runs.
    pub warm_up: bool,
    /// Epoch, from 1.
    pub epoch: u32,
    /// Epochs of this phase.
    pub epochs: u32,
    /// Steps done in this phase.
    pub steps_done: usize,
    /// Steps of this phase.
    pub steps: usize,
    /// Mean loss of the degradation network's epoch.
    pub dam: Option<f64>,
    /// Latest reduced loss.
    pub reduced: Option<f64>,
    /// Latest full loss.
    pub full: Option<f64>,
}

/// Result of a training.
pub struct Outcome {
    /// All steps in order.
    pub steps: Vec<StepRecord>,
    /// Epoch whose degradation network was kept.
    pub dam_epoch: u32,
    /// Its mean loss.
    pub dam_loss: f64,
    /// Epoch whose fusion weights were kept.
    pub epoch: u32,
    /// The lowest full loss, if there was a full step.
    pub best_full: Option<f64>,
    /// Weights at the start: fusion network, degradation network.
    pub initial: (Vec<Layer>, Vec<Layer>),
    /// Weights kept.
    pub trained: (Vec<Layer>, Vec<Layer>),
    /// Time for the preparation and the degradation network.
    pub dam_time: Duration,
    /// Time for the alternating stage.
    pub fusion_time: Duration,
}

/// What to train, and on what.
pub struct Job<'a> {
    /// The program.
    pub model: &'a Model,
    /// Its settings.
    pub config: &'a Config,
    /// Windows of the pair, all of the model's size; at least one.
    pub samples: &'a [Sample],
    /// Where to keep checkpoints and to go on from one.
    pub checkpoints: Option<&'a mut Checkpoints>,
    /// How often to wait for losses: [`LOOK`] unless there is a reason.
    pub look: Duration,
}

/// Losses are looked at this often: waiting after every step would leave a GPU idle while
/// the next is prepared. Soon enough to stop, or to notice that training diverged; what is
/// kept does not depend on it, since the weights of every step are logged with its losses.
pub const LOOK: Duration = Duration::from_millis(50);

/// Trains and leaves the kept weights on the engine, which must be loaded with the model's program.
///
/// # Errors
/// [`MethodError::Diverged`] at the first loss that is not finite, [`MethodError::Interrupted`]
/// when `observe` breaks, what the device reports, checkpoints that cannot be read or written.
pub fn train(
    engine: &mut dyn Engine,
    job: Job<'_>,
    observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Outcome, MethodError> {
    let start = Instant::now();
    let Job { model, config, samples, checkpoints, look } = job;
    let (bands, dam_width) = model.dam.shape();
    let fusion = net::init_fusion(model.fusion.shape(), &mut schedule::rng(config.seed, Stream::FusionInit));
    let dam = net::init_dam(bands, dam_width, &mut schedule::rng(config.seed, Stream::DamInit));
    for (tensor, values) in &model.tables {
        engine.write(*tensor, values)?;
    }
    for state in &model.states {
        engine.write(*state, &vec![0.0; state.shape().len()])?;
    }
    engine.write(model.fusion.whole, &net::import(&fusion))?;
    engine.write(model.dam.whole, &net::import(&dam))?;

    let shape = model.ms.shape();
    let crops = ten_crop(shape.h(), shape.w());
    let saving = checkpoints
        .map(|files| Saving { identity: checkpoint::identity(&engine.name(), &model.dims, config, samples), files });
    let mut run = Run {
        engine,
        model,
        config,
        samples,
        crops,
        observe,
        saving,
        look,
        shown: None,
        kept: [None, None],
        done: Position::default(),
        before: Position::default(),
        queued: Vec::new(),
        looked: Instant::now(),
        stop: false,
        dam_losses: Vec::new(),
        reduced: None,
        full: None,
    };
    run.resume()?;
    run.dam()?;
    let dam_time = start.elapsed();
    run.fusion()?;
    let Run { engine, kept: [kept_dam, kept], done, .. } = run;
    let weights = [engine.read(model.fusion.whole)?, engine.read(model.dam.whole)?];
    let trained = (net::export(&weights[0], &fusion), net::export(&weights[1], &dam));
    let fusion_time = start.elapsed() - dam_time;
    let (dam_epoch, dam_loss) = kept_dam.map_or((config.dam_epochs, f64::NAN), |k| (k.epoch, k.loss));
    let best_full = kept.as_ref().map(|k| k.loss);
    let epoch = kept.filter(|_| config.keep == Keep::Best).map_or(config.epochs, |k| k.epoch);
    let initial = (fusion, dam);
    Ok(Outcome { steps: done.steps, dam_epoch, dam_loss, epoch, best_full, initial, trained, dam_time, fusion_time })
}

/// The weights of the best epoch so far.
struct Kept {
    epoch: u32,
    loss: f64,
    weights: Vec<f32>,
}

/// A step that was handed to the engine and whose losses are not seen yet.
struct Queued {
    /// Its record but for the losses.
    record: StepRecord,
    /// What to tell after it but for the losses.
    progress: Progress,
}

/// Where checkpoints go.
struct Saving<'a> {
    identity: String,
    files: &'a mut Checkpoints,
}

/// The two networks, as indices of what is kept.
const DAM: usize = 0;
const FUSION: usize = 1;

struct Run<'a> {
    engine: &'a mut dyn Engine,
    model: &'a Model,
    config: &'a Config,
    samples: &'a [Sample],
    crops: [Crop; CROPS],
    observe: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    saving: Option<Saving<'a>>,
    /// The sample on the engine, and whether it is prepared for the fusion network too.
    shown: Option<(usize, bool)>,
    kept: [Option<Kept>; 2],
    done: Position,
    /// What an earlier run has done: drawn again, but not run again.
    before: Position,
    look: Duration,
    queued: Vec<Queued>,
    looked: Instant,
    /// The user wants to stop.
    stop: bool,
    /// Losses of the degradation network's current epoch.
    dam_losses: Vec<f32>,
    /// Latest losses of the alternating stage.
    reduced: Option<f64>,
    full: Option<f64>,
}

impl Run<'_> {
    /// Puts a sample on the engine and prepares it for one network or for both.
    fn show(&mut self, sample: usize, both: bool) -> Result<(), MethodError> {
        if self.shown.is_some_and(|(shown, prepared)| shown == sample && (prepared || !both)) {
            return Ok(());
        }
        let (model, values) = (self.model, &self.samples[sample]);
        if self.shown.is_none_or(|(shown, _)| shown != sample) {
            self.engine.write(model.pan, &values.pan)?;
            self.engine.write(model.ms, &values.ms)?;
            if let (Some(to), Some(from)) = (&model.weights, &values.weights) {
                for (tensor, values) in [(to.pan, &from.pan), (to.ms, &from.ms), (to.reduced, &from.reduced)] {
                    self.engine.write(tensor, values)?;
                }
            }
        }
        let (dam, all) = (model.prepare_dam.end, model.program.plan(model.prepare).calls.len());
        let first = if self.shown.is_some_and(|(shown, _)| shown == sample) { dam } else { 0 };
        self.engine.run(model.prepare, first..if both { all } else { dam }, &Step::default())?;
        self.shown = Some((sample, both));
        Ok(())
    }

    /// Runs update number `t` of a plan on the given crops.
    fn step(&mut self, plan: PlanId, lr: f64, t: u32, crops: &[usize], queued: Queued) -> Result<(), MethodError> {
        let mut step = self.config.adam.step(lr, t);
        for (slot, crop) in step.crops.iter_mut().zip(crops) {
            *slot = self.crops[*crop];
        }
        let calls = 0..self.model.program.plan(plan).calls.len();
        self.engine.run(plan, calls, &step)?;
        self.queued.push(queued);
        if self.looked.elapsed() >= self.look { self.look() } else { Ok(()) }
    }

    /// Sees what the queued steps have logged, in their order.
    fn look(&mut self) -> Result<(), MethodError> {
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
                Phase::Dam => take(self.model.dam.whole.shape().len()),
                Phase::Full => take(self.model.fusion.whole.shape().len()),
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

    /// Records a step, keeps its weights if they are the best, and tells of the epoch.
    fn seen(&mut self, queued: Queued, losses: &[f32], weights: &[f32]) {
        let Queued { mut record, mut progress } = queued;
        match &mut record {
            StepRecord::Dam { epoch, loss, .. } => {
                *loss = losses[0];
                self.dam_losses.push(losses[0]);
                if self.dam_losses.len() == CROPS {
                    let mean = self.dam_losses.drain(..).map(f64::from).sum::<f64>() / CROPS as f64;
                    self.keep(DAM, *epoch, mean, weights);
                    progress.dam = Some(mean);
                }
            }
            StepRecord::Reduced { loss, .. } => {
                *loss = losses[0];
                self.reduced = Some(f64::from(losses[0]));
            }
            StepRecord::Full { epoch, spectral, spatial, loss, .. } => {
                [*spectral, *spatial] = [losses[0], losses[1]];
                *loss = self.config.lambda_spectral * f64::from(*spectral)
                    + self.config.lambda_spatial * f64::from(*spatial);
                self.full = Some(*loss);
                self.keep(FUSION, *epoch, *loss, weights);
            }
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
        if recent.len() < self.samples.len() {
            return;
        }
        let mean = recent.iter().sum::<f64>() / recent.len() as f64;
        recent.remove(0);
        if self.kept[network].as_ref().is_none_or(|k| mean < k.loss) {
            self.kept[network] = Some(Kept { epoch, loss: mean, weights: weights.to_vec() });
            self.done.kept[network] = Some((epoch, mean));
        }
    }

    /// Between two epochs: saves a checkpoint when it is time or the user wants to stop, and stops.
    fn pause(&mut self) -> Result<(), MethodError> {
        if self.stop || self.saving.as_ref().is_some_and(|s| s.files.due()) {
            self.look()?;
            self.save()?;
        }
        if self.stop { Err(MethodError::Interrupted) } else { Ok(()) }
    }

    /// Every tensor that training changes, with its name in checkpoints.
    fn trained(&self) -> Vec<(String, Tensor)> {
        let model = self.model;
        let tensors = [model.dam.whole, model.fusion.whole].into_iter().chain(model.states.iter().copied());
        tensors.map(|t| (model.program.info(t).name.clone(), t)).collect()
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
        let Some(saving) = &mut self.saving else { return Ok(()) };
        let checkpoint = Checkpoint { position: self.done.clone(), tensors };
        saving.files.save(&saving.identity, &checkpoint)
    }

    /// Goes back to where the checkpoint was taken, if there is one.
    fn resume(&mut self) -> Result<(), MethodError> {
        let Some(saving) = &mut self.saving else { return Ok(()) };
        let Some(Checkpoint { position, mut tensors }) = saving.files.load(&saving.identity)? else { return Ok(()) };
        for (name, tensor) in self.trained() {
            self.engine.write(tensor, &tensors.remove(&name).unwrap_or_default())?;
        }
        for (network, kept) in position.kept.iter().enumerate() {
            self.kept[network] = kept.map(|(epoch, loss)| {
                let weights = tensors.remove(&format!("kept{network}")).unwrap_or_default();
                Kept { epoch, loss, weights }
            });
        }
        self.done = position.clone();
        self.before = position;
        Ok(())
    }

    /// Trains the degradation network; leaves its best weights on the engine.
    fn dam(&mut self) -> Result<(), MethodError> {
        let epochs = self.config.dam_epochs;
        let mut rng = schedule::rng(self.config.seed, Stream::DamOrder);
        let mut rounds = Rounds::new(self.config.seed, Stream::DamSamples, self.samples.len());
        for epoch in 1..=epochs {
            let order = schedule::draw(&mut rng, CROPS, CROPS);
            let sample = rounds.draw();
            if epoch <= self.before.dam_epochs {
                continue;
            }
            self.show(sample, false)?;
            for (i, crop) in order.into_iter().enumerate() {
                let steps_done = CROPS * (epoch as usize - 1) + i + 1;
                let progress = Progress {
                    phase: Phase::Dam,
                    warm_up: false,
                    epoch,
                    epochs,
                    steps_done,
                    steps: CROPS * epochs as usize,
                    dam: None,
                    reduced: None,
                    full: None,
                };
                let queued = Queued { record: StepRecord::Dam { epoch, sample, crop, loss: 0.0 }, progress };
                self.step(self.model.dam_step, self.config.lr_dam, steps_done as u32, &[crop], queued)?;
            }
            self.done.dam_epochs = epoch;
            self.pause()?;
        }
        self.look()?;
        // A checkpoint of the alternating stage has the kept weights on the engine already.
        if self.before.planned == 0 {
            if let Some(kept) = &self.kept[DAM] {
                self.engine.write(self.model.dam.whole, &kept.weights)?;
            }
            self.done.recent.clear();
        }
        self.pause()
    }

    /// Trains the fusion network; leaves the kept weights on the engine.
    fn fusion(&mut self) -> Result<(), MethodError> {
        let plan = schedule::plan(self.config);
        let mut rng = schedule::rng(self.config.seed, Stream::Picks);
        let mut rounds = Rounds::new(self.config.seed, Stream::Samples, self.samples.len());
        let (mut reduced_steps, mut full_steps) = (0, 0);
        let (mut sample, mut last_epoch) = (0, 0);
        for (i, planned) in plan.iter().enumerate() {
            let epoch = planned.epoch;
            if epoch != last_epoch {
                (sample, last_epoch) = (rounds.draw(), epoch);
            }
            let progress = |phase| Progress {
                phase,
                warm_up: self.config.warm_up != WarmUp::None && epoch <= self.config.warm_up_epochs,
                epoch,
                epochs: self.config.epochs,
                steps_done: i + 1,
                steps: plan.len(),
                dam: None,
                reduced: None,
                full: None,
            };
            let (crops, queued) = match planned.branch {
                Branch::Reduced => {
                    reduced_steps += 1;
                    let crops = schedule::draw(&mut rng, CROPS, self.config.batch);
                    let record = StepRecord::Reduced { epoch, sample, crops: crops.clone(), loss: 0.0 };
                    (crops, Queued { record, progress: progress(Phase::Reduced) })
                }
                Branch::Full => {
                    full_steps += 1;
                    let record = StepRecord::Full { epoch, sample, spectral: 0.0, spatial: 0.0, loss: 0.0 };
                    (Vec::new(), Queued { record, progress: progress(Phase::Full) })
                }
            };
            if i < self.before.planned {
                continue;
            }
            self.show(sample, true)?;
            let (step, lr, t) = match planned.branch {
                Branch::Reduced => (self.model.reduced_step, self.config.lr_reduced, reduced_steps),
                Branch::Full => (self.model.full_step, self.config.lr_full, full_steps),
            };
            self.step(step, lr, t, &crops, queued)?;
            self.done.planned = i + 1;
            self.pause()?;
        }
        self.look()?;
        self.pause()?;
        match &self.kept[FUSION] {
            Some(kept) if self.config.keep == Keep::Best => {
                Ok(self.engine.write(self.model.fusion.whole, &kept.weights)?)
            }
            _ => Ok(()),
        }
    }
}
