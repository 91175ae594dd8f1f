//! Training on one pair: the degradation network, then random alternation
//! (Algorithm 1).

mod idle;
mod judge;
mod record;
mod save;
mod steps;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

pub use judge::Judgement;
pub use record::{IdleRecord, Phase, Progress, StepRecord};

use super::checkpoint::{self, Checkpoints, Position};
use super::config::{Config, Crops, Keep, WarmUp};
use super::crops::{CROPS, Crop, random_crops, ten_crop};
use super::schedule::{self, Branch, Picks, Randomness, Rounds};
use super::windows::WindowPlace;
use super::{Dims, Example, MethodError, Plans};
use crate::engine::Engine;
use crate::kernels::Step;
use crate::kernels::turn::{self, TURNS};
use crate::net::{self, Layer};

/// How a training went, and the weights it kept.
pub struct Log {
    /// Sizes of a training window.
    pub dims: Dims,
    /// The windows; none where the samples were handed over.
    pub windows: Vec<WindowPlace>,
    /// All steps in order.
    pub steps: Vec<StepRecord>,
    /// With [`Lesson::idle`]: the losses of branches in epochs without a step of theirs.
    pub idle: Vec<IdleRecord>,
    /// Epoch whose degradation network was kept.
    pub dam_epoch: u32,
    /// Its mean loss.
    pub dam_loss: f64,
    /// Epoch whose fusion weights were kept.
    pub epoch: u32,
    /// The lowest full loss, or with [`Keep::Mean`] the last one, if there was a full step.
    pub best_full: Option<f64>,
    /// What the reduced pair says of the fusion weights kept, with [`Keep::Mean`].
    pub judgement: Option<Judgement>,
    /// The reduced pairs of the samples as the weights kept fuse them, `[h, w, C]`, with [`Keep::Mean`].
    pub reduced: Vec<Vec<f32>>,
    /// Weights at the start: fusion network, degradation network.
    pub initial: (Vec<Layer>, Vec<Layer>),
    /// Weights kept.
    pub kept: (Vec<Layer>, Vec<Layer>),
    /// What the fusion network takes from a whole image: the means over the samples, by the weights kept.
    pub statistics: Vec<Vec<f32>>,
    /// Time for the preparation and the degradation network.
    pub dam_time: Duration,
    /// Time for the alternating stage.
    pub fusion_time: Duration,
}

/// What to train, and on what.
pub struct Lesson<'a> {
    /// The program.
    pub plans: &'a Plans,
    /// Its settings.
    pub config: &'a Config,
    /// Windows of the pair, all of the plans' size; at least one.
    pub samples: &'a [Example],
    /// Weights that the fusion network starts with, instead of random ones.
    pub init: Option<&'a [Layer]>,
    /// Where to keep checkpoints and to go on from one.
    pub checkpoints: Option<&'a mut Checkpoints>,
    /// How often to wait for losses: [`LOOK`] unless there is a reason.
    pub look: Duration,
    /// Whether to find out, after each epoch, the loss of a branch that had no step in it. No checkpoint holds these.
    pub idle: bool,
}

/// Losses are looked at this often: waiting after every step would leave a GPU idle while
/// the next is prepared. Soon enough to stop, or to notice that training diverged; what is
/// kept does not depend on it, since the weights of every step are logged with its losses.
pub const LOOK: Duration = Duration::from_millis(50);

/// Trains and leaves the kept weights on the engine, which must be loaded with the plans' program.
///
/// # Errors
/// [`MethodError::Diverged`] at the first loss that is not finite, [`MethodError::Interrupted`]
/// when `observe` breaks, what the device reports, checkpoints that cannot be read or written.
pub fn train(
    engine: &mut dyn Engine,
    lesson: Lesson<'_>,
    observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Log, MethodError> {
    let start = Instant::now();
    let Lesson { plans, config, samples, init, checkpoints, look, idle } = lesson;
    let (bands, dam_width) = plans.dam.shape();
    let fusion = init.map_or_else(
        || {
            let mut rng = schedule::rng(config.seed, Randomness::FusionInit);
            net::init_fusion(plans.fusion.shape(), plans.bases.is_some(), &mut rng)
        },
        <[Layer]>::to_vec,
    );
    let dam = net::init_dam(bands, dam_width, &mut schedule::rng(config.seed, Randomness::DamInit));
    for (tensor, values) in &plans.tables {
        engine.write(*tensor, values)?;
    }
    for state in &plans.states {
        engine.write(*state, &vec![0.0; state.shape().len()])?;
    }
    engine.write(plans.fusion.whole, &net::import(&fusion))?;
    engine.write(plans.dam.whole, &net::import(&dam))?;

    let shape = plans.ms.shape();
    let crops = ten_crop(shape.h(), shape.w());
    let saving = checkpoints.map(|files| Destination {
        identity: checkpoint::identity(engine, &plans.dims, (config, init), samples),
        files,
    });
    let mut run = Trainer {
        engine,
        plans,
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
        idle: idle.then(Vec::new),
        stop: false,
        dam_losses: Vec::new(),
        reduced_losses: Vec::new(),
        reduced: None,
        full: None,
        mean: Vec::new(),
    };
    run.resume()?;
    run.dam()?;
    let dam_time = start.elapsed();
    run.fusion()?;
    let reduced = run.fused_reduced()?;
    let statistics = run.frozen()?;
    let Trainer { engine, kept: [kept_dam, kept], done, full, idle, .. } = run;
    let weights = [engine.read(plans.fusion.whole)?, engine.read(plans.dam.whole)?];
    let weights_kept = (net::export(&weights[0], &fusion), net::export(&weights[1], &dam));
    let fusion_time = start.elapsed() - dam_time;
    let (dam_epoch, dam_loss) = kept_dam.map_or((config.dam_epochs, f64::NAN), |k| (k.epoch, k.loss));
    let best_full = kept.as_ref().map(|k| k.loss);
    let best_full = best_full.filter(|_| config.keep == Keep::Best && full.is_some()).or(full);
    let epoch = kept.filter(|_| config.keep != Keep::Last).map_or(config.epochs, |k| k.epoch);
    let initial = (fusion, dam);
    let Position { steps, judgement, .. } = done;
    Ok(Log {
        dims: plans.dims,
        windows: Vec::new(),
        steps,
        idle: idle.unwrap_or_default(),
        dam_epoch,
        dam_loss,
        epoch,
        best_full,
        judgement,
        reduced,
        initial,
        kept: weights_kept,
        statistics,
        dam_time,
        fusion_time,
    })
}

/// The weights of the best epoch so far.
struct BestWeights {
    epoch: u32,
    loss: f64,
    weights: Vec<f32>,
}

/// A step that was handed to the engine and whose losses are not seen yet.
struct PendingStep {
    /// Its record but for the losses.
    record: StepRecord,
    /// What to tell after it but for the losses.
    progress: Progress,
    /// Whether no other step of its epoch follows.
    ends_epoch: bool,
}

/// Where checkpoints go.
struct Destination<'a> {
    identity: String,
    files: &'a mut Checkpoints,
}

/// Epochs between two looks at withheld ground.
const JUDGED: u32 = 25;

/// The two networks, as indices of what is kept.
const DAM: usize = 0;
const FUSION: usize = 1;

struct Trainer<'a> {
    engine: &'a mut dyn Engine,
    plans: &'a Plans,
    config: &'a Config,
    samples: &'a [Example],
    crops: [Crop; CROPS],
    observe: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    saving: Option<Destination<'a>>,
    /// The sample on the engine, and whether it is prepared for the fusion network too.
    shown: Option<(usize, bool)>,
    kept: [Option<BestWeights>; 2],
    done: Position,
    /// What an earlier run has done: drawn again, but not run again.
    before: Position,
    look: Duration,
    queued: Vec<PendingStep>,
    looked: Instant,
    /// What [`Lesson::idle`] asks for.
    idle: Option<Vec<IdleRecord>>,
    /// The user wants to stop.
    stop: bool,
    /// Losses of the degradation network's current epoch.
    dam_losses: Vec<f32>,
    /// Losses of reduced steps of the current epoch.
    reduced_losses: Vec<f32>,
    /// Latest losses of the alternating stage.
    reduced: Option<f64>,
    full: Option<f64>,
    /// Mean of the fusion weights over the epochs seen so far.
    mean: Vec<f32>,
}

impl Trainer<'_> {
    /// What the fusion network on the engine takes from the samples as wholes: the means over them, or that of the first.
    fn frozen(&mut self) -> Result<Vec<Vec<f32>>, MethodError> {
        let Some(frozen) = &self.plans.frozen else { return Ok(Vec::new()) };
        let calls = 0..self.plans.program.plan(frozen.plan).calls.len();
        let mut sums: Vec<Vec<f64>> = frozen.statistics.iter().map(|t| vec![0.0; t.shape().len()]).collect();
        let shape = self.plans.fusion.shape();
        let samples = if shape.averages() { self.samples.len() } else { 1 };
        for sample in 0..samples {
            self.show(sample, true)?;
            self.engine.run(frozen.plan, calls.clone(), &Step::default())?;
            for (sums, tensor) in sums.iter_mut().zip(&frozen.statistics) {
                let values = self.engine.read(*tensor)?;
                sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += f64::from(v));
            }
        }
        let share = 1.0 / samples as f64;
        Ok(sums.into_iter().map(|sums| sums.into_iter().map(|sum| (sum * share) as f32).collect()).collect())
    }

    /// Trains the degradation network; leaves its best weights on the engine.
    fn dam(&mut self) -> Result<(), MethodError> {
        let epochs = self.config.dam_epochs;
        let mut rng = schedule::rng(self.config.seed, Randomness::DamOrder);
        let mut rounds = Rounds::new(self.config.seed, Randomness::DamSamples, self.samples.len());
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
                let record = StepRecord::Dam { epoch, sample, crop, loss: 0.0 };
                let queued = PendingStep { record, progress, ends_epoch: i + 1 == CROPS };
                let step = self.config.adam.step(self.config.lr_dam, steps_done as u32);
                self.step(self.plans.dam_step, step, &[self.crops[crop]], queued)?;
            }
            self.done.dam_epochs = epoch;
            self.pause()?;
        }
        self.look()?;
        // A checkpoint of the alternating stage has the kept weights on the engine already.
        if self.before.planned == 0 {
            if let Some(kept) = &self.kept[DAM] {
                self.engine.write(self.plans.dam.whole, &kept.weights)?;
            }
            self.done.recent.clear();
        }
        self.pause()
    }

    /// Trains the fusion network; leaves the kept weights on the engine.
    fn fusion(&mut self) -> Result<(), MethodError> {
        let plan = schedule::plan(self.config);
        let mut picks = Picks::new(self.config);
        let [mut places, mut turns] =
            [Randomness::Places, Randomness::Turns].map(|stream| schedule::rng(self.config.seed, stream));
        let random = self.config.crops == Crops::Random;
        let [_, h, w, _] = self.plans.ms.shape().0;
        let mut rounds = Rounds::new(self.config.seed, Randomness::Samples, self.samples.len());
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
            let ends_epoch = plan.get(i + 1).is_none_or(|next| next.epoch != epoch);
            let turning = random && self.config.backbone.turns();
            let turn = if turning { schedule::below(&mut turns, TURNS) as u32 } else { 0 };
            let (crops, queued) = match planned.branch {
                Branch::Reduced => {
                    reduced_steps += 1;
                    let crops: Vec<Crop> = if random {
                        random_crops(&mut places, h, w, self.config.batch)
                    } else {
                        picks.draw().into_iter().map(|crop| self.crops[crop]).collect()
                    };
                    let shown = crops.iter().map(|[row, column, flip, _]| [*row, *column, *flip]).collect();
                    let record = StepRecord::Reduced { epoch, sample, crops: shown, turn, loss: 0.0 };
                    (crops, PendingStep { record, progress: progress(Phase::Reduced), ends_epoch })
                }
                Branch::Full => {
                    full_steps += 1;
                    let record = StepRecord::Full { epoch, sample, turn, spectral: 0.0, spatial: 0.0, loss: 0.0 };
                    (Vec::new(), PendingStep { record, progress: progress(Phase::Full), ends_epoch })
                }
            };
            if i < self.before.planned {
                continue;
            }
            let starts_full = planned.branch == Branch::Full && i > 0 && plan[i - 1].branch == Branch::Reduced;
            if starts_full && self.config.keeps_reduced() {
                self.go_on_from_best()?;
            }
            self.show(sample, true)?;
            let (plan_id, lr, t) = match planned.branch {
                Branch::Reduced => (self.plans.reduced_step, self.config.lr_reduced, reduced_steps),
                Branch::Full => (self.plans.full_step, self.config.lr_full, full_steps),
            };
            let unturn = turn::inverse(turn as usize) as u32;
            let step = Step { turn, unturn, ..self.config.adam.step(lr * self.config.decay(epoch), t) };
            self.step(plan_id, step, &crops, queued)?;
            self.done.planned = i + 1;
            if self.plans.judged.is_some() && (i + 1 == plan.len() || ends_epoch && epoch.is_multiple_of(JUDGED)) {
                self.judge(epoch)?;
            }
            // Losses of part of an epoch are in no checkpoint.
            if ends_epoch {
                self.idle(&plan[..=i], sample)?;
                self.pause()?;
            }
        }
        self.look()?;
        self.pause()?;
        match &self.kept[FUSION] {
            Some(kept) if self.config.keep != Keep::Last => {
                Ok(self.engine.write(self.plans.fusion.whole, &kept.weights)?)
            }
            _ => Ok(()),
        }
    }

    /// Between the stages of a serial training: the best weights of the first are where the second starts, which keeps the
    /// best of its own.
    fn go_on_from_best(&mut self) -> Result<(), MethodError> {
        self.look()?;
        if let Some(kept) = self.kept[FUSION].take() {
            self.engine.write(self.plans.fusion.whole, &kept.weights)?;
        }
        self.done.kept[FUSION] = None;
        self.done.recent.clear();
        Ok(())
    }
}
