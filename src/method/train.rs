//! Training on one pair: the degradation network, then random alternation
//! (Algorithm 1).

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::config::{Config, Keep, WarmUp};
use super::crops::{CROPS, Crop, ten_crop};
use super::schedule::{self, Branch, Stream};
use super::{MethodError, Model};
use crate::engine::Engine;
use crate::graph::{PlanId, Step};
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
        /// Crop, from 0, in the order of [`ten_crop`].
        crop: usize,
        /// Mean squared error.
        loss: f32,
    },
    /// Fusion network on crops of the degraded pair.
    Reduced {
        /// Epoch, from 1.
        epoch: u32,
        /// Crops, from 0.
        crops: Vec<usize>,
        /// Mean squared error.
        loss: f32,
    },
    /// Fusion network on the whole pair.
    Full {
        /// Epoch, from 1.
        epoch: u32,
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

/// Trains on the pair `pan [H, W]`, `ms [h, w, C]` (normalised values) and leaves the
/// kept weights on the engine, which must be loaded with the model's program.
///
/// # Errors
/// [`MethodError::Diverged`] at the first loss that is not finite,
/// [`MethodError::Interrupted`] when `observe` breaks, or what the device reports.
pub fn train(
    engine: &mut dyn Engine,
    model: &Model,
    config: &Config,
    pan: &[f32],
    ms: &[f32],
    observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Outcome, MethodError> {
    let start = Instant::now();
    let (bands, dam_width) = model.dam.shape();
    let fusion = net::init_fusion(model.fusion.shape(), &mut schedule::rng(config.seed, Stream::FusionInit));
    let dam = net::init_dam(bands, dam_width, &mut schedule::rng(config.seed, Stream::DamInit));
    engine.write(model.pan, pan)?;
    engine.write(model.ms, ms)?;
    for (tensor, values) in &model.tables {
        engine.write(*tensor, values)?;
    }
    for state in &model.states {
        engine.write(*state, &vec![0.0; state.shape().len()])?;
    }
    engine.write(model.fusion.whole, &net::import(&fusion))?;
    engine.write(model.dam.whole, &net::import(&dam))?;
    engine.run(model.prepare, 0..model.program.plan(model.prepare).calls.len(), &Step::default())?;

    let shape = model.ms.shape();
    let crops = ten_crop(shape.h(), shape.w());
    let mut run = Run {
        engine,
        model,
        config,
        crops,
        observe,
        steps: Vec::new(),
        queued: Vec::new(),
        looked: Instant::now(),
        dam_losses: Vec::new(),
        reduced: None,
        full: None,
        kept: None,
    };
    let (dam_epoch, dam_loss, dam_weights) = run.dam()?;
    let dam_time = start.elapsed();
    let (epoch, best_full, fusion_weights) = run.fusion()?;
    let steps = run.steps;
    let trained = (net::export(&fusion_weights, &fusion), net::export(&dam_weights, &dam));
    let fusion_time = start.elapsed() - dam_time;
    Ok(Outcome { steps, dam_epoch, dam_loss, epoch, best_full, initial: (fusion, dam), trained, dam_time, fusion_time })
}

/// Computes the fused image `[H, W, C]` with the weights on the engine.
///
/// # Errors
/// What the device reports.
pub fn infer(engine: &mut dyn Engine, model: &Model) -> Result<Vec<f32>, MethodError> {
    engine.run(model.full_step, model.infer.clone(), &Step::default())?;
    Ok(engine.read(model.hrms)?)
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

/// Losses are looked at this often: waiting after every step would leave a GPU idle while
/// the next is prepared. Soon enough to stop, or to notice that training diverged; what is
/// kept does not depend on it, since the weights of every step are logged with its losses.
const LOOK: Duration = Duration::from_millis(50);

struct Run<'a> {
    engine: &'a mut dyn Engine,
    model: &'a Model,
    config: &'a Config,
    crops: [Crop; CROPS],
    observe: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    steps: Vec<StepRecord>,
    queued: Vec<Queued>,
    looked: Instant,
    /// Losses of the degradation network's current epoch.
    dam_losses: Vec<f32>,
    /// Latest losses of the alternating stage.
    reduced: Option<f64>,
    full: Option<f64>,
    kept: Option<Kept>,
}

impl Run<'_> {
    /// Runs update number `t` of a plan on the given crops.
    fn step(&mut self, plan: PlanId, lr: f64, t: u32, crops: &[usize], queued: Queued) -> Result<(), MethodError> {
        let mut step = self.config.adam.step(lr, t);
        for (slot, crop) in step.crops.iter_mut().zip(crops) {
            *slot = self.crops[*crop];
        }
        let calls = 0..self.model.program.plan(plan).calls.len();
        self.engine.run(plan, calls, &step)?;
        self.queued.push(queued);
        if self.looked.elapsed() >= LOOK { self.look() } else { Ok(()) }
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
            self.seen(queued, losses, weights)?;
        }
        Ok(())
    }

    /// Records a step, keeps its weights if they are the best, and tells of the epoch.
    fn seen(&mut self, queued: Queued, losses: &[f32], weights: &[f32]) -> Result<(), MethodError> {
        let Queued { mut record, mut progress } = queued;
        match &mut record {
            StepRecord::Dam { epoch, loss, .. } => {
                *loss = losses[0];
                self.dam_losses.push(losses[0]);
                if self.dam_losses.len() == CROPS {
                    let mean = self.dam_losses.drain(..).map(f64::from).sum::<f64>() / CROPS as f64;
                    keep(&mut self.kept, *epoch, mean, weights);
                    progress.dam = Some(mean);
                }
            }
            StepRecord::Reduced { loss, .. } => {
                *loss = losses[0];
                self.reduced = Some(f64::from(losses[0]));
            }
            StepRecord::Full { epoch, spectral, spatial, loss } => {
                [*spectral, *spatial] = [losses[0], losses[1]];
                *loss = self.config.lambda_spectral * f64::from(*spectral)
                    + self.config.lambda_spatial * f64::from(*spatial);
                self.full = Some(*loss);
                keep(&mut self.kept, *epoch, *loss, weights);
            }
        }
        self.steps.push(record);
        if progress.phase == Phase::Dam && progress.dam.is_none() {
            return Ok(()); // within an epoch
        }
        (progress.reduced, progress.full) = (self.reduced, self.full);
        match (self.observe)(&progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(MethodError::Interrupted),
        }
    }

    /// Trains the degradation network; leaves its best weights on the engine.
    fn dam(&mut self) -> Result<(u32, f64, Vec<f32>), MethodError> {
        let epochs = self.config.dam_epochs;
        let mut rng = schedule::rng(self.config.seed, Stream::DamOrder);
        for epoch in 1..=epochs {
            for (i, crop) in schedule::draw_crops(&mut rng, CROPS).into_iter().enumerate() {
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
                let queued = Queued { record: StepRecord::Dam { epoch, crop, loss: 0.0 }, progress };
                self.step(self.model.dam_step, self.config.lr_dam, steps_done as u32, &[crop], queued)?;
            }
        }
        self.look()?;
        let kept = self.kept.take().expect("at least one epoch");
        self.engine.write(self.model.dam.whole, &kept.weights)?;
        Ok((kept.epoch, kept.loss, kept.weights))
    }

    /// Trains the fusion network; leaves the kept weights on the engine.
    fn fusion(&mut self) -> Result<(u32, Option<f64>, Vec<f32>), MethodError> {
        let whole = self.model.fusion.whole;
        let plan = schedule::plan(self.config);
        let mut rng = schedule::rng(self.config.seed, Stream::Picks);
        let (mut reduced_steps, mut full_steps) = (0, 0);
        for (i, planned) in plan.iter().enumerate() {
            let epoch = planned.epoch;
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
            match planned.branch {
                Branch::Reduced => {
                    reduced_steps += 1;
                    let crops = schedule::draw_crops(&mut rng, self.config.batch);
                    let record = StepRecord::Reduced { epoch, crops: crops.clone(), loss: 0.0 };
                    let queued = Queued { record, progress: progress(Phase::Reduced) };
                    self.step(self.model.reduced_step, self.config.lr_reduced, reduced_steps, &crops, queued)?;
                }
                Branch::Full => {
                    full_steps += 1;
                    let record = StepRecord::Full { epoch, spectral: 0.0, spatial: 0.0, loss: 0.0 };
                    let queued = Queued { record, progress: progress(Phase::Full) };
                    self.step(self.model.full_step, self.config.lr_full, full_steps, &[], queued)?;
                }
            }
        }
        self.look()?;
        let kept = self.kept.take();
        let best_full = kept.as_ref().map(|k| k.loss);
        match kept.filter(|_| self.config.keep == Keep::Best) {
            Some(kept) => {
                self.engine.write(whole, &kept.weights)?;
                Ok((kept.epoch, best_full, kept.weights))
            }
            None => Ok((self.config.epochs, best_full, self.engine.read(whole)?)),
        }
    }
}

/// Keeps the weights if `loss` is the lowest so far.
fn keep(kept: &mut Option<Kept>, epoch: u32, loss: f64, weights: &[f32]) {
    if kept.as_ref().is_none_or(|k| loss < k.loss) {
        *kept = Some(Kept { epoch, loss, weights: weights.to_vec() });
    }
}
