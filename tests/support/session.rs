//! A training step by step, on any engine, from weights in PyTorch layout.

use trapan::engine::Engine;
use trapan::graph::{PlanId, Program, Tensor};
use trapan::kernels::Step;
use trapan::kernels::turn;
use trapan::method::crops::{Crop, ten_crop};
use trapan::method::{Config, Example, Plans};
use trapan::net::{self, Layer};

use super::formula::Named;

/// The tensor called `name`.
#[track_caller]
pub fn tensor(program: &Program, name: &str) -> Tensor {
    program.tensor(name).unwrap_or_else(|| panic!("there is a tensor {name}"))
}

/// Weight tensors, each with the bias that follows it, if one does, as layers.
pub fn layers(named: &[Named]) -> Vec<Layer> {
    let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect();
    let mut layers: Vec<Layer> = Vec::new();
    for (name, shape, values) in named {
        let (layer, part) =
            name.split_once('.').and_then(|(_, rest)| rest.rsplit_once('.')).expect("network.layer.part");
        match (part, layers.last_mut()) {
            ("bias", Some(last)) if last.name == layer => last.bias = single(values),
            _ => layers.push(Layer {
                name: layer.to_owned(),
                shape: shape.clone(),
                weight: single(values),
                bias: Vec::new(),
            }),
        }
    }
    layers
}

/// A symmetry that a step sees the pair by, and its epoch; upright in the first unless told otherwise.
#[derive(Clone, Copy)]
pub struct Side {
    pub turn: u32,
    pub epoch: u32,
}

impl Default for Side {
    fn default() -> Self {
        Self { turn: 0, epoch: 1 }
    }
}

/// An engine with plans loaded, its images prepared and its weights set.
pub struct Session<'a> {
    pub engine: &'a mut dyn Engine,
    plans: &'a Plans,
    config: &'a Config,
    updates: [u32; 3],
}

impl<'a> Session<'a> {
    /// Uploads everything and runs the preparation.
    pub fn new(
        engine: &'a mut dyn Engine,
        plans: &'a Plans,
        config: &'a Config,
        sample: &Example,
        weights: (&[Layer], &[Layer]),
    ) -> Self {
        let mut write = |tensor: Tensor, values: &[f32]| engine.write(tensor, values).expect("values fit");
        write(plans.pan, &sample.pan);
        write(plans.ms, &sample.ms);
        if let (Some(to), Some([full, reduced])) = (&plans.bases, &sample.bases) {
            write(to.full, full);
            write(to.reduced, reduced);
        }
        if let (Some(to), Some(from)) = (plans.reduced_weight, sample.reduced_weight()) {
            write(to, from);
        }
        plans.tables.iter().for_each(|(tensor, values)| write(*tensor, values));
        write(plans.fusion.whole, &net::import(weights.0));
        write(plans.dam.whole, &net::import(weights.1));
        let calls = 0..plans.program.plan(plans.prepare).calls.len();
        engine.run(plans.prepare, calls, &Step::default()).expect("preparation runs");
        Self { engine, plans, config, updates: [0; 3] }
    }

    /// One update of a branch; its `losses`, without the weights logged after them.
    fn step(
        &mut self,
        plan: PlanId,
        branch: usize,
        lr: f64,
        (crops, side): (&[Crop], Side),
        losses: usize,
    ) -> Vec<f64> {
        self.updates[branch] += 1;
        let step = self.step_values(lr, self.updates[branch], crops, side.turn);
        let calls = 0..self.plans.program.plan(plan).calls.len();
        self.engine.run(plan, calls, &step).expect("step runs");
        let log = self.engine.watched().expect("losses arrive");
        log[..losses].iter().copied().map(f64::from).collect()
    }

    /// Step values of update `t` on some crops.
    pub fn step_values(&self, lr: f64, t: u32, crops: &[Crop], turn: u32) -> Step {
        let unturn = turn::inverse(turn as usize) as u32;
        let mut step = Step { turn, unturn, ..self.config.adam.step(lr, t) };
        step.crops[..crops.len()].copy_from_slice(crops);
        step
    }

    /// One of the ten crops.
    pub fn crop(&self, which: usize) -> Crop {
        let shape = self.plans.ms.shape();
        ten_crop(shape.h(), shape.w())[which]
    }

    /// One step of the degradation network; its loss.
    pub fn dam(&mut self, crop: usize) -> Vec<f64> {
        let crop = self.crop(crop);
        self.step(self.plans.dam_step, 0, self.config.lr_dam, (&[crop], Side::default()), 1)
    }

    /// One reduced step; its loss.
    pub fn reduced(&mut self, crops: &[Crop], side: Side) -> Vec<f64> {
        let lr = self.config.lr_reduced * self.config.decay(side.epoch);
        self.step(self.plans.reduced_step, 1, lr, (crops, side), 1)
    }

    /// One full step; spectral, spatial and whole loss.
    pub fn full(&mut self, side: Side) -> Vec<f64> {
        let lr = self.config.lr_full * self.config.decay(side.epoch);
        let losses = self.step(self.plans.full_step, 2, lr, (&[], side), 2);
        let whole = self.config.lambda_spectral * losses[0] + self.config.lambda_spatial * losses[1];
        vec![losses[0], losses[1], whole]
    }
}
