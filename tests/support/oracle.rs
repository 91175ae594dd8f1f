//! Runs plans in f64 with the kernels' references: fused epilogues, partial sums and
//! all, but without the rounding that would hide a wrong gradient.

use std::sync::Arc;

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
    pub fn run_calls(&mut self, plan: PlanId, calls: std::ops::Range<usize>, step: &Step) {
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
