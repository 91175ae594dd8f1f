//! A training step by step, on any engine, from weights in PyTorch layout.

use trapan::engine::Engine;
use trapan::graph::{PlanId, Program, Step, Tensor};
use trapan::method::crops::ten_crop;
use trapan::method::{Config, Model};
use trapan::net::{self, Layer};

use super::formula::Named;

/// The tensor called `name`.
#[track_caller]
pub fn tensor(program: &Program, name: &str) -> Tensor {
    program.tensor(name).unwrap_or_else(|| panic!("there is a tensor {name}"))
}

/// Weight and bias tensors as layers.
pub fn layers(named: &[Named]) -> Vec<Layer> {
    let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect();
    named
        .chunks_exact(2)
        .map(|pair| {
            let name = pair[0].0.split_once('.').expect("network.layer.weight").1;
            Layer {
                name: name.trim_end_matches(".weight").to_owned(),
                shape: pair[0].1.clone(),
                weight: single(&pair[0].2),
                bias: single(&pair[1].2),
            }
        })
        .collect()
}

/// An engine with a model loaded, its images prepared and its weights set.
pub struct Session<'a> {
    pub engine: &'a mut dyn Engine,
    model: &'a Model,
    config: &'a Config,
    updates: [u32; 3],
}

impl<'a> Session<'a> {
    /// Uploads everything and runs the preparation.
    pub fn new(
        engine: &'a mut dyn Engine,
        model: &'a Model,
        config: &'a Config,
        images: (&[f32], &[f32]),
        weights: (&[Layer], &[Layer]),
    ) -> Self {
        engine.write(model.pan, images.0).expect("pan fits");
        engine.write(model.ms, images.1).expect("ms fits");
        for (tensor, values) in &model.tables {
            engine.write(*tensor, values).expect("tables fit");
        }
        engine.write(model.fusion.whole, &net::import(weights.0)).expect("weights fit");
        engine.write(model.dam.whole, &net::import(weights.1)).expect("weights fit");
        let calls = 0..model.program.plan(model.prepare).calls.len();
        engine.run(model.prepare, calls, &Step::default()).expect("preparation runs");
        Self { engine, model, config, updates: [0; 3] }
    }

    /// One update of a branch; its `losses`, without the weights logged after them.
    fn step(&mut self, plan: PlanId, branch: usize, lr: f64, crops: &[usize], losses: usize) -> Vec<f64> {
        self.updates[branch] += 1;
        let step = self.step_values(lr, self.updates[branch], crops);
        let calls = 0..self.model.program.plan(plan).calls.len();
        self.engine.run(plan, calls, &step).expect("step runs");
        let log = self.engine.watched().expect("losses arrive");
        log[..losses].iter().copied().map(f64::from).collect()
    }

    /// Step values of update `t` on some crops.
    pub fn step_values(&self, lr: f64, t: u32, crops: &[usize]) -> Step {
        let shape = self.model.ms.shape();
        let places = ten_crop(shape.h(), shape.w());
        let mut step = self.config.adam.step(lr, t);
        for (slot, crop) in step.crops.iter_mut().zip(crops) {
            *slot = places[*crop];
        }
        step
    }

    /// One step of the degradation network; its loss.
    pub fn dam(&mut self, crop: usize) -> Vec<f64> {
        self.step(self.model.dam_step, 0, self.config.lr_dam, &[crop], 1)
    }

    /// One reduced step; its loss.
    pub fn reduced(&mut self, crops: &[usize]) -> Vec<f64> {
        self.step(self.model.reduced_step, 1, self.config.lr_reduced, crops, 1)
    }

    /// One full step; spectral, spatial and whole loss.
    pub fn full(&mut self) -> Vec<f64> {
        let losses = self.step(self.model.full_step, 2, self.config.lr_full, &[], 2);
        let whole = self.config.lambda_spectral * losses[0] + self.config.lambda_spatial * losses[1];
        vec![losses[0], losses[1], whole]
    }
}
