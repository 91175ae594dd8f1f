//! The training steps at the settings of a default run.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{RATIO, SIDE, step, time};
use crate::engine::{Device, Engine, EngineError, Options};
use crate::graph::{Call, Grain, PlanId, Shape};
use crate::kernels::Step;
use crate::method::config::{Backbone, Profile, Sensor};
use crate::method::crops::{CROPS, crop_size};
use crate::method::schedule::{self, Branch};
use crate::method::{self, Config, Dims, Example, LOOK, Lesson, MethodError, Phase, Plans};

/// The plans of a pair on a device, its images prepared and a few steps done.
pub struct Steps {
    engine: Box<dyn Engine>,
    plans: Plans,
    config: Config,
    step: Step,
}

fn dims(side: usize, bands: usize) -> Dims {
    Dims::aligned(side / RATIO, side / RATIO, bands, RATIO)
}

fn plan(plans: &Plans, phase: Phase) -> PlanId {
    match phase {
        Phase::Dam => plans.dam_step,
        Phase::Reduced => plans.reduced_step,
        Phase::Full => plans.full_step,
    }
}

fn calls(plans: &Plans, phase: Phase) -> &[Call] {
    &plans.program.plan(plan(plans, phase)).calls
}

impl Steps {
    /// Loads the plans of a pair of `side × side` with `bands` bands, or of as large a window as a network of this
    /// backbone is trained on, and trains it for an epoch on made-up images.
    ///
    /// # Errors
    /// What the device reports.
    pub fn load(device: &Device, side: usize, bands: usize, backbone: Backbone) -> Result<Self, MethodError> {
        let config = Config { backbone, ..Config::new(Sensor::Generic, Profile::Faithful, bands)? };
        let side = side.min(backbone.window());
        let plans = method::build(dims(side, bands), &config, false, device.grain());
        let mut engine = device.load(plans.program.clone(), Options::default())?;
        let image = |shape: Shape| (0..shape.len()).map(|k| 0.4 + 0.3 * (k as f32 * 0.01).sin()).collect::<Vec<_>>();
        let sample = Example {
            pan: image(plans.pan.shape()),
            ms: image(plans.ms.shape()),
            bases: None,
            weights: None,
            ground: None,
        };
        let short = Config { epochs: 1, dam_epochs: 1, ..config.clone() };
        let observe = &mut |_: &method::Progress| ControlFlow::Continue(());
        let lesson = Lesson {
            plans: &plans,
            config: &short,
            samples: &[sample],
            init: None,
            checkpoints: None,
            look: LOOK,
            idle: false,
        };
        method::train(engine.as_mut(), lesson, observe)?;
        let step = step(config.adam, side);
        Ok(Self { engine, plans, config, step })
    }

    /// Bytes of device memory the plans take.
    pub fn memory(&self) -> u64 {
        self.engine.loading().bytes
    }

    /// The calls of a step.
    pub fn calls(&self, phase: Phase) -> &[Call] {
        calls(&self.plans, phase)
    }

    /// Shape of the images a step works on.
    pub fn shape(&self, phase: Phase) -> Shape {
        let ms = self.plans.ms.shape();
        let (h, w) = crop_size(ms.h(), ms.w());
        match phase {
            Phase::Dam => Shape([1, h, w, ms.c()]),
            Phase::Reduced => Shape([self.config.batch, h, w, ms.c()]),
            Phase::Full => self.plans.lms.shape(),
        }
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        self.plans.program.bytes()
    }

    /// Time of `count` steps.
    ///
    /// # Errors
    /// What the device reports.
    pub fn time(&mut self, phase: Phase, count: u64) -> Result<Duration, EngineError> {
        let plan = plan(&self.plans, phase);
        let loss = self.plans.program.plan(plan).watch[0];
        time(self.engine.as_mut(), &self.plans.program, plan, &self.step, loss, count)
    }

    /// Steps of this phase in a default run.
    pub fn count(&self, phase: Phase) -> usize {
        let drawn = |branch| schedule::plan(&self.config).iter().filter(|s| s.branch == branch).count();
        match phase {
            Phase::Dam => self.config.dam_epochs as usize * CROPS,
            Phase::Reduced => drawn(Branch::Reduced),
            Phase::Full => drawn(Branch::Full),
        }
    }

    /// How many times the work of the step measured here a step at the main case's size is.
    pub fn scale(&self, phase: Phase) -> f64 {
        let flops = |calls: &[Call]| calls.iter().map(Call::flops).sum::<usize>() as f64;
        let side = SIDE.min(self.config.backbone.window());
        let main = method::build(dims(side, self.plans.ms.shape().c()), &self.config, false, Grain::default());
        flops(calls(&main, phase)) / flops(self.calls(phase))
    }
}
