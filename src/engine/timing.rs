//! How long the calls of a program took.

use std::time::Duration;

use crate::graph::{PlanId, Program};

/// Time one call of a plan has taken.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Name of the plan.
    pub plan: String,
    /// Kernel and first written tensor; unique within the plan.
    pub label: String,
    /// Name of the kernel.
    pub kernel: &'static str,
    /// How often it ran.
    pub runs: u64,
    /// Time of all runs together.
    pub total: Duration,
    /// Floating-point operations of one run.
    pub flops: usize,
    /// Bytes one run reads and writes, each tensor once.
    pub bytes: usize,
}

/// Runs and time by plan and call.
pub(super) struct Times(Vec<Vec<(u64, Duration)>>);

impl Times {
    pub(super) fn new(program: &Program) -> Self {
        Self(program.plans().map(|(_, plan)| vec![(0, Duration::ZERO); plan.calls.len()]).collect())
    }

    /// Adds one run of a call.
    pub(super) fn add(&mut self, plan: PlanId, call: usize, took: Duration) {
        let (runs, total) = &mut self.0[plan.0][call];
        *runs += 1;
        *total += took;
    }

    /// The calls that ran, in the order of the program.
    pub(super) fn list(&self, program: &Program) -> Vec<Timing> {
        let calls = program.plans().flat_map(|(_, plan)| plan.calls.iter().map(move |call| (plan, call)));
        let ran = calls.zip(self.0.iter().flatten()).filter(|(_, (runs, _))| *runs > 0);
        ran.map(|((plan, call), (runs, total))| Timing {
            plan: plan.name.clone(),
            label: call.label.clone(),
            kernel: call.kernel.name,
            runs: *runs,
            total: *total,
            flops: call.flops(),
            bytes: call.bytes(),
        })
        .collect()
    }
}
