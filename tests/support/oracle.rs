//! Runs plans in f64 with the kernels' references: fused epilogues, partial sums and
//! all, but without the rounding that would hide a wrong gradient.

use std::ops::Range;
use std::sync::Arc;

use trapan::engine::{Engine, EngineError, LoadStats, Timing};
use trapan::graph::{Access, AnyStep, Args, PlanId, Program, Tensor};
use trapan::kernels::Step;

/// A program's values in f64.
pub struct Oracle {
    program: Arc<Program>,
    buffers: Vec<Vec<f64>>,
}

impl Oracle {
    /// All values start as NaN: reading what nothing wrote shows.
    pub fn new(program: Arc<Program>) -> Self {
        let buffers = program.buffers().iter().map(|len| vec![f64::NAN; *len]).collect();
        Self { program, buffers }
    }

    /// Sets a tensor.
    #[track_caller]
    pub fn write(&mut self, tensor: Tensor, values: &[f64]) {
        let (buffer, range) = self.program.place(tensor);
        self.buffers[buffer][range].copy_from_slice(values);
    }

    /// A tensor's values.
    pub fn read(&self, tensor: Tensor) -> Vec<f64> {
        let (buffer, range) = self.program.place(tensor);
        self.buffers[buffer][range].to_vec()
    }

    /// Runs a whole plan.
    pub fn run(&mut self, plan: PlanId, step: &Step) {
        let calls = 0..self.program.plan(plan).calls.len();
        self.run_calls(plan, calls, step);
    }

    /// Runs some calls of a plan.
    pub fn run_calls(&mut self, plan: PlanId, calls: Range<usize>, step: &dyn AnyStep) {
        let program = self.program.clone();
        for call in &program.plan(plan).calls[calls] {
            let mut values: Vec<Option<Vec<f64>>> = call.args.iter().map(|t| t.map(|t| self.read(t))).collect();
            let mut args = Args::new(&call.params, step.bytes());
            for ((arg, tensor), values) in call.kernel.args.iter().zip(&call.args).zip(&mut values) {
                match (tensor, values) {
                    (Some(t), Some(values)) => match arg.access {
                        Access::Read => args.push_read(t.shape(), values),
                        Access::Write | Access::Update => args.push_write(t.shape(), values),
                    },
                    _ => args.push_absent(),
                }
            }
            (call.kernel.reference.f64)(&mut args);
            drop(args);
            for ((arg, tensor), values) in call.kernel.args.iter().zip(&call.args).zip(&values) {
                if let (Some(t), Some(v)) = (tensor, values)
                    && arg.access != Access::Read
                {
                    self.write(*t, v);
                }
            }
        }
    }
}

/// It as an engine: in f64 between what is written and what is read.
pub struct Exact {
    oracle: Oracle,
    log: Vec<f32>,
}

impl Exact {
    /// With a program loaded; all values start as 0, as an optimiser's do.
    pub fn new(program: Arc<Program>) -> Self {
        let mut oracle = Oracle::new(program);
        oracle.buffers.iter_mut().for_each(|buffer| buffer.fill(0.0));
        Self { oracle, log: Vec::new() }
    }
}

fn single(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|v| v as f32).collect()
}

impl Engine for Exact {
    fn name(&self) -> String {
        "references in f64".into()
    }

    fn write(&mut self, tensor: Tensor, data: &[f32]) -> Result<(), EngineError> {
        let data: Vec<f64> = data.iter().copied().map(f64::from).collect();
        self.oracle.write(tensor, &data);
        Ok(())
    }

    fn run(&mut self, plan: PlanId, calls: Range<usize>, step: &dyn AnyStep) -> Result<(), EngineError> {
        self.oracle.run_calls(plan, calls, step);
        for tensor in &self.oracle.program.plan(plan).watch {
            self.log.extend(single(self.oracle.read(*tensor)));
        }
        Ok(())
    }

    fn watched(&mut self) -> Result<Vec<f32>, EngineError> {
        Ok(std::mem::take(&mut self.log))
    }

    fn read(&mut self, tensor: Tensor) -> Result<Vec<f32>, EngineError> {
        Ok(single(self.oracle.read(tensor)))
    }

    fn loading(&self) -> LoadStats {
        LoadStats::default()
    }

    fn timings(&mut self) -> Result<Vec<Timing>, EngineError> {
        Ok(Vec::new())
    }
}
