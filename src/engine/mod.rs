//! Engines run programs. There are two: [`GpuEngine`] and [`CpuEngine`].
//!
//! An engine knows tensors, kernels and plans; it does not know the network or
//! the method. Only `engine::gpu` names wgpu.

mod choice;
mod cpu;
mod device;
mod error;
pub mod gpu;
mod timing;

use std::ops::Range;
use std::time::Duration;

pub use choice::{Convolution, Precision};
pub use cpu::CpuEngine;
pub use device::{Device, DeviceChoice};
pub use error::EngineError;
pub use gpu::GpuEngine;
pub use timing::Timing;

use crate::graph::{AnyStep, PlanId, Tensor};
use crate::kernels::Isa;

/// Runs the plans of one program on one device.
pub trait Engine {
    /// Device name, as reports show it.
    fn name(&self) -> String;

    /// The instruction set it computes with, if it is a CPU: another one rounds differently.
    fn isa(&self) -> Option<Isa> {
        None
    }

    /// Sets all elements of a tensor.
    ///
    /// # Errors
    /// [`EngineError::Length`] unless `data` has as many elements as the tensor.
    fn write(&mut self, tensor: Tensor, data: &[f32]) -> Result<(), EngineError>;

    /// Runs (or queues) the calls `calls` of a plan. A run that reaches the plan's
    /// end logs the plan's watched tensors.
    ///
    /// # Errors
    /// What the device reports, possibly at a later call.
    fn run(&mut self, plan: PlanId, calls: Range<usize>, step: &dyn AnyStep) -> Result<(), EngineError>;

    /// Waits, and takes the log: the watched tensors of each complete run since
    /// the last call, in order, one after another.
    ///
    /// # Errors
    /// What the device reports.
    fn watched(&mut self) -> Result<Vec<f32>, EngineError>;

    /// Waits, and copies a tensor to the host.
    ///
    /// # Errors
    /// What the device reports.
    fn read(&mut self, tensor: Tensor) -> Result<Vec<f32>, EngineError>;

    /// What loading the program took.
    fn loading(&self) -> LoadStats;

    /// Waits, and tells how long each call has taken since the program was loaded, in
    /// the order of the program. Empty unless the engine was loaded with
    /// [`Options::profile`], or if the adapter has no timestamps.
    ///
    /// # Errors
    /// What the device reports.
    fn timings(&mut self) -> Result<Vec<Timing>, EngineError>;
}

/// What loading a program took.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadStats {
    /// Bytes of all buffers together, which is the most a run ever holds: nothing is
    /// allocated after loading.
    pub bytes: u64,
    /// Kernels compiled for this program; those of an earlier program of the process are reused.
    pub kernels: usize,
    /// Time that took.
    pub compiling: Duration,
    /// Whether the driver had all of them ready from an earlier process.
    pub cached: bool,
}

/// Switches for checking and measuring, the same for both engines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Fill what a call will write with NaN first, so that a missed element shows.
    pub poison: bool,
    /// Take the time of every call; [`Engine::timings`] tells. A GPU then runs each
    /// call in a pass of its own.
    pub profile: bool,
}
