//! What `trapan bench` and `cargo bench` measure: the hot kernels at the sizes of a
//! real case, the training steps, and the device's own ceilings; and what
//! `trapan selftest` checks.
//!
//! Everything scales with `side`, the rows and columns of PAN: 512 is the main case,
//! 512×512 with 8 bands; a software driver does with 128. Multiples of 16 from 64 on.

mod growth;
mod scans;
mod steps;
pub mod suite;
mod workloads;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use growth::{GROWTH, Growth};
pub use steps::Steps;
pub use workloads::{Workload, ceilings, workloads};

use crate::engine::{Device, Engine, EngineError, Options};
use crate::graph::{Call, PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use crate::kernels::Step;
use crate::kernels::adam::Adam;
use crate::method::crops::ten_crop;

/// Rows and columns of PAN of the main case.
pub const SIDE: usize = 512;
/// Bands of the main case.
pub const BANDS: usize = 8;
/// PAN pixels per MS pixel, along each axis.
const RATIO: usize = 4;

/// Values of a step that changes next to nothing, on all ten crops.
fn step(adam: Adam, side: usize) -> Step {
    let mut step = adam.step(1e-6, 1000);
    for (slot, crop) in step.crops.iter_mut().zip(ten_crop(side / RATIO, side / RATIO)) {
        *slot = crop;
    }
    step
}

/// Time of `count` runs of a plan; reading `probe` waits for the device.
fn time(
    engine: &mut dyn Engine,
    program: &Program,
    plan: PlanId,
    step: &Step,
    probe: Tensor,
    count: u64,
) -> Result<Duration, EngineError> {
    let calls = program.plan(plan).calls.len();
    engine.read(probe)?;
    let start = Instant::now();
    for _ in 0..count {
        engine.run(plan, 0..calls, step)?;
    }
    engine.read(probe)?;
    let took = start.elapsed();
    engine.watched()?; // or the log would grow
    Ok(took)
}

/// A workload on a device, its inputs filled.
pub struct Bench {
    engine: Box<dyn Engine>,
    program: Arc<Program>,
    plan: PlanId,
    step: Step,
    probe: Tensor,
}

impl Bench {
    /// Puts a workload on a device.
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// If the workload does not pass the static checks.
    pub fn load(device: &Device, workload: &Workload) -> Result<Self, EngineError> {
        let mut builder = ProgramBuilder::for_grain(device.grain());
        let probe = builder.tensor("probe", Shape::flat(1), Role::Input);
        let mut plan = builder.plan("bench");
        (workload.build)(&mut plan);
        let plan = plan.finish();
        let program = builder.finish().unwrap_or_else(|e| panic!("workload {}: {e:?}", workload.name));
        let program = Arc::new(program);
        let mut engine = device.load(program.clone(), Options::default())?;
        let wave: Vec<f32> = (0..4096).map(|k| (k as f32 * 0.7).sin() * 0.1).collect();
        for info in program.tensors().iter().filter(|t| matches!(t.role, Role::Input | Role::Param)) {
            let tensor = program.tensor(&info.name).expect("it is in the table");
            let len = info.shape.len();
            let values: Vec<f32> = match &info.name[..] {
                // Resampling starts at the first pixel: any start would do that leaves room.
                "start" => vec![0.0; len],
                // Every weight stays where it is.
                "places" => (0..len).map(|k| (k % info.shape.c()) as f32).collect(),
                _ => wave.iter().copied().cycle().take(len).collect(),
            };
            engine.write(tensor, &values)?;
        }
        Ok(Self { engine, program, plan, step: step(Adam::default(), workload.side), probe })
    }

    /// The calls that are timed.
    pub fn calls(&self) -> &[Call] {
        &self.program.plan(self.plan).calls
    }

    /// Time of `count` runs.
    ///
    /// # Errors
    /// What the device reports.
    pub fn time(&mut self, count: u64) -> Result<Duration, EngineError> {
        time(self.engine.as_mut(), &self.program, self.plan, &self.step, self.probe, count)
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Samples; their median counts.
    pub samples: usize,
    /// Least time of one sample, which repeats short work.
    pub least: Duration,
}

impl Budget {
    /// Median seconds of one run. `time` gives the time of so many runs.
    ///
    /// # Errors
    /// What `time` reports.
    pub fn median<E>(&self, mut time: impl FnMut(u64) -> Result<Duration, E>) -> Result<f64, E> {
        time(1)?; // compiles, and warms the caches
        let mut count = 1;
        while time(count)? < self.least && count < 1 << 20 {
            count *= 2;
        }
        let mut samples = (0..self.samples.max(1)).map(|_| time(count)).collect::<Result<Vec<_>, E>>()?;
        samples.sort_unstable();
        Ok(samples[samples.len() / 2].as_secs_f64() / count as f64)
    }
}

/// What a device can do at most, measured.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Bytes per second, read and written, of a copy.
    pub bandwidth: f64,
    /// Floating-point operations per second of fused multiply-adds.
    pub flops: f64,
}

impl Ceilings {
    /// Measures a device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn measure(device: &Device, side: usize, effort: Budget) -> Result<Self, EngineError> {
        let rate = |workload: &Workload, amount: fn(&Call) -> usize| {
            let mut bench = Bench::load(device, workload)?;
            let amount: usize = bench.calls().iter().map(amount).sum();
            Ok(amount as f64 / effort.median(|count| bench.time(count))?)
        };
        let [copy, chain] = &ceilings(side);
        Ok(Self { bandwidth: rate(copy, Call::bytes)?, flops: rate(chain, Call::flops)? })
    }

    /// Least seconds for some calls, one after another: each is bound by its operations
    /// or by its bytes, whichever takes longer.
    pub fn bound(&self, calls: &[Call]) -> f64 {
        calls.iter().map(|c| (c.flops() as f64 / self.flops).max(c.bytes() as f64 / self.bandwidth)).sum()
    }
}
