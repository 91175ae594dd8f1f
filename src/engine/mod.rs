//! Engines run programs. There are two: [`GpuEngine`] and [`CpuEngine`].
//!
//! An engine knows tensors, kernels and plans; it does not know the network or
//! the method. Only `engine::gpu` names wgpu.

mod cpu;
mod device;
pub mod gpu;
mod timing;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

pub use cpu::CpuEngine;
pub use device::{Device, DeviceChoice};
pub use gpu::GpuEngine;
pub use timing::Timing;

use crate::graph::{AnyStep, CheckError, PlanId, Tensor};
use crate::kernels::Isa;

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No adapter answers to the request.
    #[error("no {wanted} found{}; run `trapan devices` to see what there is, or use --device cpu", list(.found))]
    NoAdapter {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The adapter refused to open.
    #[error("{adapter} cannot be opened: {reason}; update its driver or use --device cpu")]
    Open {
        /// Adapter name.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// The program is larger than the device allows.
    #[error("{adapter}: {source}")]
    Limits {
        /// Adapter name.
        adapter: String,
        /// Which limit.
        source: CheckError,
    },
    /// The device ran out of memory.
    #[error("{device} is out of memory for {bytes} bytes: use a smaller image or --device cpu")]
    OutOfMemory {
        /// Device name.
        device: String,
        /// Bytes the program takes.
        bytes: u64,
    },
    /// The device stopped answering, or the driver reported an error.
    #[error("{device} failed: {reason}; run `trapan selftest`, update the driver or use --device cpu")]
    Device {
        /// Device name.
        device: String,
        /// The driver's words.
        reason: String,
    },
    /// The device cannot compute in the precision asked for.
    #[error("{device} cannot compute in {precision}: it lacks {missing}; use --precision auto")]
    Precision {
        /// Device name.
        device: String,
        /// What was asked for.
        precision: Precision,
        /// What it would need.
        missing: String,
    },
    /// The device cannot compute convolutions in the form asked for.
    #[error("{device} has no choice of convolutions: leave out --convolution {convolution}")]
    Convolution {
        /// Device name.
        device: String,
        /// What was asked for.
        convolution: Convolution,
    },
    /// Host data of the wrong length.
    #[error("tensor {tensor} has {wanted} elements, not {found}")]
    Length {
        /// Tensor name.
        tensor: String,
        /// Elements given.
        found: usize,
        /// Elements of the tensor.
        wanted: usize,
    },
    /// The CPU thread pool could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// Why not.
        reason: String,
    },
}

fn list(found: &[String]) -> String {
    if found.is_empty() { " (no adapter at all)".into() } else { format!(" (there is {})", found.join(", ")) }
}

/// Numbers that convolutions multiply; sums, images and weights are f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// f32: f16 has not been measured on hardware yet, neither its speed nor that its
    /// results stay within the spread of f32.
    #[default]
    Auto,
    /// f32.
    F32,
    /// f16, through cooperative matrices, where the adapter has them.
    F16,
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err("must be auto, f32 or f16".into()),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

/// How a GPU computes convolutions in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convolution {
    /// With fewer multiplications where the channels fit, directly elsewhere.
    #[default]
    Winograd,
    /// As the sum of nine products, to compare.
    Direct,
}

impl FromStr for Convolution {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "winograd" => Ok(Self::Winograd),
            "direct" => Ok(Self::Direct),
            _ => Err("must be winograd or direct".into()),
        }
    }
}

impl fmt::Display for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Winograd => "winograd",
            Self::Direct => "direct",
        })
    }
}

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
    fn loading(&self) -> Loading;

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
pub struct Loading {
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
