//! Going over a corpus: random patches, one optimiser, the network that is best on pairs it has not learnt from.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::corpus::{Corpus, ImageFile, Purpose};
use super::{Past, Prior};
use crate::engine::{Device, Engine, Options};
use crate::graph::{Grain, PlanBuilder, PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use crate::kernels::loss::{Measure, Operands};
use crate::kernels::turn::TURNS;
use crate::kernels::{Step, adam, loss};
use crate::method::schedule::{self, Randomness, below};
use crate::method::weights_file::{self, WeightsError};
use crate::method::{Config, MethodError, checkpoint};
use crate::net::{self, Fusion, Layer};
use crate::tiff::write_atomically;

/// How to go over a corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Pixels of a patch's side.
    pub patch: usize,
    /// Patches in a step, from any of the pairs.
    pub patches: usize,
    /// Steps.
    pub steps: u32,
    /// Steps between two looks at the pairs to judge by.
    pub every: u32,
}

impl Default for Course {
    /// Patches as FusionNet was trained on.
    fn default() -> Self {
        Self { patch: 64, patches: 32, steps: 2000, every: 100 }
    }
}

/// Most patches in a step: what one step draws of the random numbers is bounded.
const MOST: usize = 256;
/// Random words that belong to a step; a patch takes six at most.
const WORDS: u32 = 12;
/// Patches to judge by.
const JUDGED: usize = 64;
/// A checkpoint is written this often.
const SAVED: Duration = Duration::from_secs(60);

impl Course {
    /// Checks every number.
    ///
    /// # Errors
    /// [`MethodError::Setting`] with the name, the value and the range.
    pub fn check(&self) -> Result<(), MethodError> {
        let rules: [(&'static str, &dyn std::fmt::Display, bool, &str); 4] = [
            ("patch", &self.patch, (16..=512).contains(&self.patch), "16 to 512 pixels"),
            ("patches", &self.patches, (1..=MOST).contains(&self.patches), "1 to 256"),
            ("steps", &self.steps, self.steps > 0, "at least 1"),
            ("every", &self.every, self.every > 0, "at least 1"),
        ];
        match rules.into_iter().find(|(.., fits, _)| !fits) {
            Some((name, value, _, wanted)) => {
                Err(MethodError::Setting { name, value: value.to_string(), wanted: wanted.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// The learning rate of a step, from 1: that of reduced steps, along a cosine.
    fn rate(&self, step: u32, config: &Config) -> f64 {
        let gone = f64::from(step - 1) / f64::from(self.steps);
        let floor = config.lr_floor;
        config.lr_reduced * (floor + (1.0 - floor) * (1.0 + (std::f64::consts::PI * gone).cos()) / 2.0)
    }
}

/// Where a course stands.
#[derive(Clone, Copy, Debug)]
pub struct Lap {
    /// Steps done.
    pub step: u32,
    /// Of so many.
    pub steps: u32,
    /// Mean loss of the steps since the last one that was told.
    pub loss: f64,
    /// Loss on pairs that are not learnt from, where it was just taken.
    pub judged: Option<f64>,
}

/// The program: one step, and the loss of patches without a step.
struct CoursePlans {
    program: Arc<Program>,
    /// PAN, upsampled MS, base, truth, weight.
    inputs: [Tensor; 5],
    fusion: Fusion,
    /// The optimiser's.
    states: [Tensor; 2],
    step: PlanId,
    judge: PlanId,
}

impl CoursePlans {
    fn build(bands: usize, course: &Course, config: &Config, grain: Grain) -> Self {
        let mut b = ProgramBuilder::for_grain(grain);
        let image = |c: usize| Shape([course.patches, course.patch, course.patch, c]);
        let inputs = [("pan", 1), ("lms", bands), ("base", bands), ("truth", bands), ("weight", 1)]
            .map(|(name, c)| b.tensor(name, image(c), Role::Input));
        let shape = config.shape(bands);
        let fusion = Fusion::new(&mut b, "fusion", Role::Param, shape);
        let grads = Fusion::new(&mut b, "dfusion", Role::Grad, shape);
        let [m, v] = ["adam.m", "adam.v"].map(|name| b.tensor(name, fusion.whole.shape(), Role::State));
        let [value, judged] = ["loss", "judged"].map(|name| b.tensor(name, Shape::flat(1), Role::Output));
        let [pan, lms, base, target, weight] = inputs;
        let forward = |p: &mut PlanBuilder<'_>, dy: Tensor, value: Tensor| {
            let d = p.activation("d", image(shape.inputs()));
            fusion.input(p, pan, lms, d);
            let y = p.activation("hrms", image(bands));
            let acts = fusion.forward(p, d, base, y);
            let measure = if config.bend > 0.0 { Measure::Charbonnier(config.bend as f32) } else { Measure::Square };
            loss::mean(p, Operands { y, target, weight: Some(weight) }, measure, 1.0, "part.loss", dy, value);
            p.watch(value);
            acts
        };
        let mut p = b.plan("step");
        let dy = p.activation("dhrms", image(bands));
        let acts = forward(&mut p, dy, value);
        fusion.backward(&mut p, acts, dy, &grads);
        p.trains(fusion.whole);
        adam::adam(&mut p, config.adam, fusion.whole, grads.whole, m, v);
        let step = p.finish();
        let mut p = b.plan("judge");
        // Nobody wants this gradient; the loss has no form without it.
        let dy = p.tensor("judged.dhrms", image(bands), Role::Output);
        forward(&mut p, dy, judged);
        let judge = p.finish();
        let program = b.finish().unwrap_or_else(|errors| {
            let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("the program of {course:?} is wrong: {}", list.join("; "))
        });
        Self { program: Arc::new(program), inputs, fusion, states: [m, v], step, judge }
    }

    fn run(
        &self,
        engine: &mut dyn Engine,
        plan: PlanId,
        patches: &[Vec<f32>; 5],
        step: &Step,
    ) -> Result<(), MethodError> {
        for (tensor, values) in self.inputs.iter().zip(patches) {
            engine.write(*tensor, values)?;
        }
        let calls = 0..self.program.plan(plan).calls.len();
        Ok(engine.run(plan, calls, step)?)
    }
}

/// Sheets that hold a patch, and the places it may have on all of them together.
struct Places<'a> {
    corpus: &'a Corpus,
    side: usize,
    sheets: Vec<(&'a ImageFile, usize)>,
    all: usize,
}

impl<'a> Places<'a> {
    fn new(corpus: &'a Corpus, purpose: Purpose, side: usize) -> Self {
        let places = |sheet: &ImageFile| sheet.size.iter().map(|len| (len + 1).saturating_sub(side)).product::<usize>();
        let sheets = &corpus.sheets[purpose as usize];
        let sheets: Vec<_> = sheets.iter().map(|sheet| (sheet, places(sheet))).filter(|(_, n)| *n > 0).collect();
        let all = sheets.iter().map(|(_, places)| places).sum();
        Self { corpus, side, sheets, all }
    }

    /// So many patches, each place as likely as any other, and every symmetry of the square.
    fn draw(&self, rng: &mut ChaCha8Rng, count: usize) -> Result<[Vec<f32>; 5], MethodError> {
        let mut patches: [Vec<f32>; 5] = Default::default();
        for _ in 0..count {
            let (mut place, turn) = (below(rng, self.all), below(rng, TURNS));
            let mut sheets = self.sheets.iter();
            let sheet = loop {
                let (sheet, places) = sheets.next().expect("the place is on one of them");
                if place < *places {
                    break sheet;
                }
                place -= places;
            };
            let across = sheet.size[1] + 1 - self.side;
            self.corpus.patch(sheet, [place / across, place % across], self.side, turn, &mut patches)?;
        }
        Ok(patches)
    }
}

/// What a checkpoint says beside its tensors.
#[derive(Clone, Serialize, Deserialize)]
struct CoursePosition {
    course: u32,
    /// Two courses with the same identity go through the same values.
    identity: String,
    step: u32,
    /// Loss and step of the weights kept.
    kept: Option<(f64, u32)>,
}

/// Trains a fusion network on a corpus. `config` says what it sees and adds to, how
/// errors count, the rate, and the seed. `observe`
/// hears of every look at the pairs to judge by and may break off; with a `checkpoint` the next call goes on from there, and
/// the file is removed at the end.
///
/// # Errors
/// Settings out of range; [`MethodError::Setting`] of patches that no pair holds; [`MethodError::Diverged`] at the first loss
/// that is not finite, [`MethodError::Interrupted`] when `observe` breaks; what the device or the file system reports.
///
/// # Panics
/// If the program does not pass its own checks: a mistake of this crate.
pub fn study(
    corpus: &Corpus,
    course: &Course,
    config: &Config,
    (device, options): (&Device, Options),
    checkpoint: Option<&Path>,
    observe: &mut dyn FnMut(&Lap) -> ControlFlow<()>,
) -> Result<Prior, MethodError> {
    course.check()?;
    config.check(corpus.bands())?;
    let prior = Prior::asked_for(config, corpus.bands(), corpus.ratio())?;
    let config = if prior.is_some() { &config.taught() } else { config };
    let learnt = Places::new(corpus, Purpose::Train, course.patch);
    if learnt.all == 0 {
        let wanted = "at most as wide and high as one of the images to learn from".to_owned();
        return Err(MethodError::Setting { name: "patch", value: course.patch.to_string(), wanted });
    }
    let plans = CoursePlans::build(corpus.bands(), course, config, device.grain());
    let mut engine = device.load(plans.program.clone(), options)?;
    let judged = judged_patches(corpus, course, config)?;
    let shape = config.shape(corpus.bands());
    let silent = config.base != crate::method::config::Base::None;
    let random = || net::init_fusion(shape, silent, &mut schedule::rng(config.seed, Randomness::FusionInit));
    let layers = prior.map_or_else(random, |prior| prior.fusion);
    let identity = identity(corpus, course, config, &layers, &checkpoint::device(engine.as_ref()));
    let position = CoursePosition { course: VERSION, identity, step: 0, kept: None };
    let mut run = CourseRun { plans: &plans, engine: engine.as_mut(), kept: Vec::new(), checkpoint, position };
    run.start(net::import(&layers))?;
    let (mut latest, mut last_saved) = ((0.0, 0), Instant::now());
    while run.position.step < course.steps {
        let step = run.position.step + 1;
        let mut rng = schedule::rng(config.seed, Randomness::Patches);
        rng.set_word_pos(u128::from(step) * MOST as u128 * u128::from(WORDS));
        let patches = learnt.draw(&mut rng, course.patches)?;
        plans.run(run.engine, plans.step, &patches, &config.adam.step(course.rate(step, config), step))?;
        run.position.step = step;
        let ends = step == course.steps;
        if !(ends || step.is_multiple_of(course.every)) {
            continue;
        }
        for loss in run.engine.watched()? {
            if !loss.is_finite() {
                let value = f64::from(loss);
                return Err(MethodError::Diverged { phase: crate::method::Phase::Reduced, epoch: step, value });
            }
            latest = (latest.0 + f64::from(loss), latest.1 + 1);
        }
        let mean = latest.0 / f64::from(latest.1.max(1));
        latest = (0.0, 0);
        let found = run.judge(&judged)?;
        let weighed = found.unwrap_or(mean);
        // Without pairs to judge by the latest is kept.
        if found.is_none() || run.position.kept.is_none_or(|(best, _)| weighed < best) {
            run.kept = run.engine.read(plans.fusion.whole)?;
            run.position.kept = Some((weighed, step));
        }
        let broken = observe(&Lap { step, steps: course.steps, loss: mean, judged: found }).is_break();
        if broken || last_saved.elapsed() >= SAVED {
            run.save()?;
            last_saved = Instant::now();
        }
        if broken && !ends {
            return Err(MethodError::Interrupted);
        }
    }
    if let Some(path) = checkpoint.filter(|path| path.exists()) {
        std::fs::remove_file(path).map_err(|source| crate::tiff::TiffError::Write { path: path.to_owned(), source })?;
    }
    let (loss, step) = run.position.kept.unwrap_or((f64::NAN, course.steps));
    let past = Past { pairs: corpus.pairs, course: course.clone(), step, loss };
    let fusion = net::export(&run.kept, &layers);
    Ok(Prior { config: config.clone(), bands: corpus.bands(), ratio: corpus.ratio(), fusion, past })
}

/// Version of a checkpoint's metadata.
const VERSION: u32 = 1;

/// Batches to judge by: the same at every look.
fn judged_patches(corpus: &Corpus, course: &Course, config: &Config) -> Result<Vec<[Vec<f32>; 5]>, MethodError> {
    let places = Places::new(corpus, Purpose::Validate, course.patch);
    if places.all == 0 {
        return Ok(Vec::new());
    }
    let mut rng = schedule::rng(config.seed, Randomness::Judged);
    (0..JUDGED.div_ceil(course.patches)).map(|_| places.draw(&mut rng, course.patches)).collect()
}

fn identity(corpus: &Corpus, course: &Course, config: &Config, init: &[Layer], device: &str) -> String {
    let text = serde_json::to_string(&(env!("CARGO_PKG_VERSION"), device, course, config, corpus.digest()));
    let mut hash = Sha256::new_with_prefix(text.expect("plain values"));
    hash.update(bytemuck::cast_slice::<f32, u8>(&net::import(init)));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

struct CourseRun<'a> {
    plans: &'a CoursePlans,
    engine: &'a mut dyn Engine,
    /// Weights that were best so far.
    kept: Vec<f32>,
    checkpoint: Option<&'a Path>,
    position: CoursePosition,
}

impl CourseRun<'_> {
    /// Every tensor that a step changes, by its name in checkpoints.
    fn tensors(&self) -> [(&'static str, Tensor); 3] {
        let [m, v] = self.plans.states;
        [("fusion", self.plans.fusion.whole), ("m", m), ("v", v)]
    }

    /// Puts the first weights on the engine, or goes on from the checkpoint.
    fn start(&mut self, weights: Vec<f32>) -> Result<(), MethodError> {
        self.engine.write(self.plans.fusion.whole, &weights)?;
        for state in self.plans.states {
            self.engine.write(state, &vec![0.0; state.shape().len()])?;
        }
        let Some(path) = self.checkpoint.filter(|path| path.exists()) else { return Ok(()) };
        let (line, tensors) = weights_file::read(path)?;
        let bad = |reason: String| WeightsError::Content { path: path.to_owned(), reason };
        let position: CoursePosition = serde_json::from_str(&line).map_err(|e| bad(e.to_string()))?;
        if position.course != VERSION || position.identity != self.position.identity {
            let device = checkpoint::device(self.engine);
            return Err(MethodError::OtherRun { path: path.to_owned(), devices: [device.clone(), device] });
        }
        let mut tensors: BTreeMap<String, Vec<f32>> = tensors.into_iter().map(|(name, _, data)| (name, data)).collect();
        for (name, tensor) in self.tensors() {
            self.engine.write(tensor, &tensors.remove(name).unwrap_or_default())?;
        }
        self.kept = tensors.remove("kept").unwrap_or_default();
        self.position = position;
        Ok(())
    }

    fn save(&mut self) -> Result<(), MethodError> {
        let Some(path) = self.checkpoint else { return Ok(()) };
        let mut tensors = vec![("kept".to_owned(), vec![self.kept.len()], self.kept.clone())];
        for (name, tensor) in self.tensors() {
            let data = self.engine.read(tensor)?;
            tensors.push((name.to_owned(), vec![data.len()], data));
        }
        let line = serde_json::to_string(&self.position).expect("plain values");
        let bytes = weights_file::encode(&line, &tensors);
        Ok(write_atomically(path, true, |file| std::io::Write::write_all(file, &bytes))?)
    }

    /// Mean loss of the patches to judge by, if there are any.
    fn judge(&mut self, batches: &[[Vec<f32>; 5]]) -> Result<Option<f64>, MethodError> {
        for patches in batches {
            self.plans.run(self.engine, self.plans.judge, patches, &Step::default())?;
        }
        let losses = self.engine.watched()?;
        let mean = losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len() as f64;
        Ok((!batches.is_empty()).then_some(mean))
    }
}
