//! The whole way from a scene to its fused rows.

use std::ops::ControlFlow;
use std::time::Duration;

use super::apply::{Application, FusedRows, Sink, apply};
use super::baseline::total_variation;
use super::config::Base;
use super::learn::{closed_form, learn};
use super::{Checkpoints, Config, Log, MethodError, Model, Progress};
use crate::classical::Method;
use crate::engine::{Device, LoadStats, Options, Timing};
use crate::kernels::Isa;
use crate::remedy::Note;
use crate::scene::{Image, Scale, Scene, Survey};

/// What to fuse, and how.
pub struct Job<'a> {
    /// The pair.
    pub scene: &'a Scene<'a>,
    /// What one pass over it found.
    pub survey: &'a Survey,
    /// The unit of its values.
    pub scale: &'a Scale,
    /// Settings: without epochs the result is a closed form, or of total variation.
    pub config: &'a Config,
    /// Where to train and to apply.
    pub device: &'a Device,
    /// For the engine.
    pub options: Options,
    /// Where to keep checkpoints of the training, and to go on from one.
    pub checkpoints: Option<&'a mut Checkpoints>,
    /// Bytes that tiles and strips may take together.
    pub memory: u64,
    /// Whether upsampled MS is wanted, too.
    pub lms: bool,
    /// Whether the training is to say the losses of branches without a step, too: see [`Lesson::idle`].
    ///
    /// [`Lesson::idle`]: super::Lesson::idle
    pub idle: bool,
}

impl<'a> Job<'a> {
    /// With the engine's usual options, without checkpoints, without a limit of memory, for the fused rows alone.
    pub fn new(
        (scene, survey): (&'a Scene<'a>, &'a Survey),
        scale: &'a Scale,
        config: &'a Config,
        device: &'a Device,
    ) -> Self {
        let (options, memory) = (Options::default(), u64::MAX);
        Self { scene, survey, scale, config, device, options, checkpoints: None, memory, lms: false, idle: false }
    }
}

/// What a run did.
#[derive(Default)]
pub struct Run {
    /// What makes the result; none of total variation, which makes an image as a whole.
    pub model: Option<Model>,
    /// How it was trained.
    pub log: Option<Log>,
    /// What it took.
    pub timings: Timings,
    /// What did not go as asked.
    pub notes: Vec<Note>,
}

/// Devices and times of a run.
#[derive(Default)]
pub struct Timings {
    /// Device of the training, or `cpu`.
    pub device: String,
    /// The instruction set it trained with, if that was a CPU.
    pub isa: Option<Isa>,
    /// Time to build the program of the training and load it on the device.
    pub load: Duration,
    /// What loading it took of the device.
    pub loading: LoadStats,
    /// From the first to the last row of the result.
    pub apply: Duration,
    /// Rows and columns of PAN that a tile of it saw.
    pub tile: [usize; 2],
    /// Time of every call that ran; see [`Engine::timings`](crate::engine::Engine::timings).
    pub calls: Vec<Timing>,
}

impl Run {
    /// Time that a training took, loading included.
    pub(crate) fn training_time(&self) -> Duration {
        self.timings.load + self.log.as_ref().map_or(Duration::ZERO, |log| log.dam_time + log.fusion_time)
    }
}

/// Hears how a run goes on, and may break it off. `()` hears nothing.
pub trait Watch {
    /// After every epoch.
    fn epoch(&mut self, _progress: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The model is there; it is applied next.
    ///
    /// # Errors
    /// Whatever shall end the run.
    fn model(&mut self, _model: &Model) -> Result<(), MethodError> {
        Ok(())
    }

    /// So many rows of the scene are fused.
    fn rows(&mut self, _done: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Watch for () {}

/// Trains on a scene, or fits a closed form, and hands the fused rows on from top to bottom.
///
/// # Errors
/// Settings out of range, divergence, interruption, what the device, reading or the sink reports.
///
/// # Panics
/// If the program does not pass its own checks: a mistake of this crate.
pub fn run(mut job: Job<'_>, sink: &mut Sink<'_>, watch: &mut dyn Watch) -> Result<Run, MethodError> {
    if !job.config.trains() && job.config.base == Base::Form(Method::Tv) {
        total_variation(job.scene, job.config, job.memory, job.lms, sink)?;
        return Ok(Run { timings: Timings { device: "cpu".into(), ..Timings::default() }, ..Run::default() });
    }
    let mut run = match job.config.trains() {
        true => learn(&mut job, &mut |progress| watch.epoch(progress))?,
        false => closed_form(job.scene, job.survey, job.scale, job.config)?.into(),
    };
    let Some(model) = &run.model else { return Ok(run) };
    watch.model(model)?;
    let Job { scene, device, options, memory, lms, .. } = job;
    let part = [0..scene.rows.fine, 0..scene.columns.fine];
    let application = Application { scene, model, device, options, part, memory, lms };
    let pass = apply(&application, sink, &mut |row| watch.rows(row))?;
    run.timings.apply = pass.time;
    run.timings.tile = pass.tile;
    run.timings.calls.extend(pass.timings);
    run.notes.extend(pass.notes);
    Ok(run)
}

impl From<Model> for Run {
    /// Of a closed form.
    fn from(model: Model) -> Self {
        let timings = Timings { device: "cpu".into(), ..Timings::default() };
        Self { model: Some(model), log: None, timings, notes: Vec::new() }
    }
}

/// Fuses a scene into memory: all rows, and what the run did.
///
/// # Errors
/// Those of [`run`].
///
/// # Panics
/// As [`run`].
pub fn fuse(
    scene: &Scene<'_>,
    scale: &Scale,
    config: &Config,
    device: &Device,
    options: Options,
    watch: &mut dyn Watch,
) -> Result<(FusedRows, Run), MethodError> {
    let survey = Survey::of(scene)?;
    let job = Job { options, lms: true, ..Job::new((scene, &survey), scale, config, device) };
    let valid = scene.fusable().validity(0..scene.rows.fine, 0..scene.columns.fine)?;
    let mut all = FusedRows { lms: Vec::new(), hrms: Vec::new(), valid };
    let mut collect = |rows: FusedRows| {
        all.lms.extend(rows.lms);
        all.hrms.extend(rows.hrms);
        Ok(())
    };
    let run = run(job, &mut collect, watch)?;
    Ok((all, run))
}
