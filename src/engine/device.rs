//! Which device a program runs on.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::gpu::{DeviceKind, Gpu, Pick};
use super::{Convolution, CpuEngine, Engine, EngineError, GpuEngine, Options, Precision};
use crate::graph::{Grain, Program};
use crate::kernels::Isa;

/// What the user asks for: `auto`, `gpu`, `gpu:N`, `cpu`, `cpu:ISA` or `software`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A real GPU if there is one, else the CPU engine.
    Auto,
    /// The CPU engine, compiled for an instruction set that this machine has.
    Cpu(Isa),
    /// An adapter, or nothing.
    Adapter(Pick),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s.split_once(':') {
            None if s == "auto" => Ok(Self::Auto),
            None if s == "cpu" => Ok(Self::Cpu(Isa::best())),
            None if s == "gpu" => Ok(Self::Adapter(Pick::Gpu)),
            None if s == "software" => Ok(Self::Adapter(Pick::Software)),
            Some(("gpu", n)) => {
                n.parse().map(|n| Self::Adapter(Pick::Index(n))).map_err(|_| format!("{n:?} is no adapter number"))
            }
            Some(("cpu", name)) => {
                let available = Isa::available();
                let listed = || available.iter().map(|isa| format!("cpu:{isa}")).collect::<Vec<_>>().join(", ");
                let found = available.iter().find(|isa| isa.to_string() == name);
                found.map(|isa| Self::Cpu(*isa)).ok_or_else(|| format!("this machine runs {}", listed()))
            }
            _ => Err("must be auto, gpu, gpu:N, cpu, cpu:ISA or software".into()),
        }
    }
}

/// An opened device.
#[derive(Clone)]
pub enum Device {
    /// The CPU engine on so many threads; 0 takes all cores.
    Cpu {
        /// Threads.
        threads: usize,
        /// Instruction set, one of [`Isa::available`].
        isa: Isa,
    },
    /// A GPU, or a software driver that behaves like one.
    Gpu(Gpu),
}

impl Device {
    /// The CPU engine on so many threads, 0 for all cores, with the best instructions there are.
    pub fn cpu(threads: usize) -> Self {
        Self::Cpu { threads, isa: Isa::best() }
    }

    /// Opens a device and says why this one.
    ///
    /// # Errors
    /// [`EngineError::NoAdapter`] and [`EngineError::Open`]; never with [`DeviceChoice::Auto`],
    /// which falls back to the CPU.
    pub fn open(choice: DeviceChoice, threads: usize) -> Result<(Self, String), EngineError> {
        let cpu = Self::cpu(threads);
        match choice {
            DeviceChoice::Cpu(isa) => Ok((Self::Cpu { threads, isa }, "asked for".into())),
            DeviceChoice::Adapter(pick) => Gpu::open(pick).map(|gpu| (Self::Gpu(gpu), "asked for".into())),
            DeviceChoice::Auto => match Gpu::open(Pick::Gpu) {
                Ok(gpu) => {
                    let kind = gpu.adapter().kind;
                    Ok((Self::Gpu(gpu), format!("{kind} found")))
                }
                Err(EngineError::NoAdapter { .. }) => Ok((cpu, "no GPU found".into())),
                Err(error) => Ok((cpu, format!("the GPU cannot be used: {error}"))),
            },
        }
    }

    /// The same device, which keeps compiled kernels in a folder; see [`Gpu::with_cache`].
    pub fn with_cache(self, folder: PathBuf) -> Self {
        match self {
            Self::Gpu(gpu) => Self::Gpu(gpu.with_cache(folder)),
            cpu @ Self::Cpu { .. } => cpu,
        }
    }

    /// The same device computing in a precision.
    ///
    /// # Errors
    /// [`EngineError::Precision`] if it cannot: the CPU engine knows only f32.
    pub fn with_precision(self, precision: Precision) -> Result<Self, EngineError> {
        match self {
            Self::Gpu(gpu) => gpu.with_precision(precision).map(Self::Gpu),
            Self::Cpu { .. } if precision == Precision::F16 => {
                let (device, missing) = (self.to_string(), "the f16 kernels, which need a GPU".into());
                Err(EngineError::Precision { device, precision, missing })
            }
            Self::Cpu { .. } => Ok(self),
        }
    }

    /// The same device with its convolutions in a form.
    ///
    /// # Errors
    /// [`EngineError::Convolution`] if it has no such choice: the CPU engine takes Winograd's
    /// form wherever the channels fit.
    pub fn with_convolution(self, convolution: Convolution) -> Result<Self, EngineError> {
        match self {
            Self::Gpu(gpu) => Ok(Self::Gpu(gpu.with_faster_forms(convolution == Convolution::Winograd))),
            Self::Cpu { .. } if convolution == Convolution::Direct => {
                Err(EngineError::Convolution { device: self.to_string(), convolution })
            }
            Self::Cpu { .. } => Ok(self),
        }
    }

    /// Loads a program.
    ///
    /// # Errors
    /// What the device reports.
    pub fn load(&self, program: Arc<Program>, options: Options) -> Result<Box<dyn Engine>, EngineError> {
        Ok(match self {
            Self::Cpu { threads, isa } => Box::new(CpuEngine::load(program, *threads, options)?.with_isa(*isa)),
            Self::Gpu(gpu) => Box::new(GpuEngine::load(gpu, program, options)?),
        })
    }

    /// How finely its programs should cut sums over all pixels.
    pub fn grain(&self) -> Grain {
        match self {
            Self::Cpu { .. } => Grain::Coarse,
            Self::Gpu(_) => Grain::Fine,
        }
    }

    /// Whether it is a software driver: correct, but some 40 times slower than the CPU engine.
    pub fn is_software(&self) -> bool {
        matches!(self, Self::Gpu(gpu) if gpu.adapter().kind == DeviceKind::Software)
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu { threads: 0, isa } => write!(f, "CPU ({isa})"),
            Self::Cpu { threads, isa } => write!(f, "CPU ({isa}, {threads} threads)"),
            Self::Gpu(gpu) => gpu.adapter().fmt(f),
        }
    }
}
