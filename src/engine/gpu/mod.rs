//! The GPU engine, on wgpu: Vulkan, Metal or DX12.
//!
//! [`Gpu::open`] opens a device, [`GpuEngine::load`] puts a program on it. After
//! that a run only encodes and submits. Results come back when asked for, never
//! once per step.

mod adapter;
mod cache;
mod device;
mod load;
mod pipeline;
mod run;
mod timer;

use std::ops::Range;
use std::sync::Arc;

pub use adapter::{Adapter, DeviceKind, Pick, adapters};
pub use device::Gpu;
use pipeline::Pipeline;
pub use pipeline::{Chosen, Forms};
use timer::Timer;

use super::{Engine, EngineError, LoadStats, Options, Timing};
use crate::graph::{AnyStep, PlanId, Program, Tensor};

/// Runs plans on a GPU.
pub struct GpuEngine {
    gpu: Gpu,
    program: Arc<Program>,
    options: Options,
    loaded: load::DeviceProgram,
    queue: run::Queue,
    /// With [`Options::profile`], where the adapter has timestamps.
    timer: Option<Timer>,
    /// Watched values already on the host.
    log: Vec<f32>,
}

impl GpuEngine {
    /// Puts a program on a device: buffers (zeroed), compiled kernels, parameters.
    ///
    /// # Errors
    /// [`EngineError::Limits`] if the program is too large for the device,
    /// [`EngineError::OutOfMemory`], or [`EngineError::Device`] with what the driver says.
    pub fn load(gpu: &Gpu, program: Arc<Program>, options: Options) -> Result<Self, EngineError> {
        let loaded = load::load(gpu, &program)?;
        let timer = if options.profile { Timer::new(gpu, &program) } else { None };
        Ok(Self { gpu: gpu.clone(), program, options, loaded, queue: run::Queue::new(), timer, log: Vec::new() })
    }
}

impl Engine for GpuEngine {
    fn name(&self) -> String {
        let adapter = self.gpu.adapter();
        format!("{adapter}, driver {}", adapter.driver)
    }

    fn write(&mut self, tensor: Tensor, data: &[f32]) -> Result<(), EngineError> {
        let wanted = tensor.shape().len();
        if data.len() != wanted {
            let tensor = self.program.info(tensor).name.clone();
            return Err(EngineError::Length { tensor, found: data.len(), wanted });
        }
        self.submit()?; // what is queued must not see the new values
        let (buffer, offset, _) = load::place(&self.program, tensor);
        self.gpu.queue().write_buffer(&self.loaded.buffers[buffer], offset, bytemuck::cast_slice(data));
        self.gpu.check()
    }

    fn run(&mut self, plan: PlanId, calls: Range<usize>, step: &dyn AnyStep) -> Result<(), EngineError> {
        self.gpu.check()?;
        let complete = calls.end == self.loaded.plans[plan.0].len();
        self.run_calls(plan, calls, step.bytes())?;
        if complete { self.log_watched(plan) } else { Ok(()) }
    }

    fn watched(&mut self) -> Result<Vec<f32>, EngineError> {
        self.take_log()?;
        Ok(std::mem::take(&mut self.log))
    }

    fn read(&mut self, tensor: Tensor) -> Result<Vec<f32>, EngineError> {
        let (buffer, offset, size) = load::place(&self.program, tensor);
        self.read_bytes(buffer, offset, size)
    }

    fn loading(&self) -> LoadStats {
        self.loaded.loading
    }

    fn timings(&mut self) -> Result<Vec<Timing>, EngineError> {
        self.take_times()?;
        Ok(self.timer.as_ref().map_or(Vec::new(), |timer| timer.times.list(&self.program)))
    }
}
