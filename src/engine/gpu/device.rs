//! Adapters, and a device opened on one of them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pipeline::{Forms, Pipeline};
use crate::engine::{EngineError, Precision};
use crate::graph::{Limits, Needs};

/// What sort of device an adapter is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A graphics card of its own.
    Discrete,
    /// Shares its memory with the CPU.
    Integrated,
    /// A GPU lent to a virtual machine.
    Virtual,
    /// A GPU whose driver does not say.
    Other,
    /// The CPU behind a GPU's interface: lavapipe, WARP.
    Software,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "GPU",
            Self::Software => "software",
        })
    }
}

/// One adapter, as its driver describes it.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Name of the device.
    pub name: String,
    /// Interface it is reached through: Vulkan, Metal, DX12.
    pub backend: String,
    /// What sort of device it is.
    pub kind: Kind,
    /// Driver and its version.
    pub driver: String,
    /// Sizes a program must keep to.
    pub limits: Limits,
    /// Bytes of workgroup memory; the kernels use at most 16 KiB.
    pub workgroup_memory: u32,
    /// Threads of a workgroup; the kernels use at most 256.
    pub workgroup_threads: u32,
    /// Optional features worth knowing, of those it has.
    pub features: Vec<&'static str>,
    /// Size of the f16 matrices it multiplies with f32 sums, 8 or 16; else what it lacks for
    /// the f16 forms of the kernels.
    pub half: Result<u32, String>,
}

/// What products of matrices need of an adapter, besides workgroup memory.
const MATRICES: wgpu::Features =
    wgpu::Features::SHADER_F16.union(wgpu::Features::SUBGROUP).union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// Size of the matrices of [`Needs::Matrices`], or what is missing.
fn matrices(adapter: &wgpu::Adapter) -> Result<u32, String> {
    let missing = MATRICES - adapter.features();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter_names().map(|(name, _)| name).collect();
        return Err(names.join(", "));
    }
    let memory = adapter.limits().max_compute_workgroup_storage_size;
    let wanted = Needs::Matrices.memory();
    if memory < wanted {
        return Err(format!("workgroup memory: {memory} bytes of {wanted}"));
    }
    use wgpu::CooperativeScalarType::{F16, F32};
    let offered = adapter.cooperative_matrix_properties();
    let has = |size: &u32| {
        offered.iter().any(|m| [m.m_size, m.n_size, m.k_size] == [*size; 3] && (m.ab_type, m.cr_type) == (F16, F32))
    };
    [16, 8].into_iter().find(has).ok_or("matrices of f16 with f32 sums, 16x16x16 or 8x8x8".into())
}

impl Adapter {
    fn of(handle: &wgpu::Adapter) -> Self {
        let (info, limits, has) = (handle.get_info(), handle.limits(), handle.features());
        let features = [
            (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
            (wgpu::Features::SHADER_F16, "f16"),
            (wgpu::Features::SUBGROUP, "subgroups"),
            (wgpu::Features::PIPELINE_CACHE, "pipeline cache"),
            (wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, "cooperative matrices"),
        ];
        Self {
            name: info.name,
            backend: format!("{:?}", info.backend),
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
                wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
                wgpu::DeviceType::VirtualGpu => Kind::Virtual,
                wgpu::DeviceType::Other => Kind::Other,
                wgpu::DeviceType::Cpu => Kind::Software,
            },
            driver: format!("{} {}", info.driver, info.driver_info),
            limits: Limits {
                buffer: limits.max_buffer_size,
                binding: limits.max_storage_buffer_binding_size,
                grid: limits.max_compute_workgroups_per_dimension,
            },
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            workgroup_threads: limits.max_compute_invocations_per_workgroup,
            features: features.into_iter().filter(|(f, _)| has.contains(*f)).map(|(_, name)| name).collect(),
            half: matrices(handle),
        }
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.backend, self.kind)
    }
}

/// Which adapter to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    /// A real GPU, a discrete one if there is a choice.
    Gpu,
    /// This one of [`adapters`].
    Index(usize),
    /// The CPU behind a GPU's interface.
    Software,
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu => f.write_str("GPU"),
            Self::Index(n) => write!(f, "adapter {n}"),
            Self::Software => f.write_str("software Vulkan driver (on Debian and Ubuntu: package mesa-vulkan-drivers)"),
        }
    }
}

/// Features that are used where an adapter has them.
const OPTIONAL: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::PIPELINE_CACHE);

fn enumerate() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
}

/// Every adapter of this machine, in the order of [`Pick::Index`].
pub fn adapters() -> Vec<Adapter> {
    enumerate().iter().map(Adapter::of).collect()
}

/// An open device. Clones share it: its memory, its queue and its compiled kernels.
#[derive(Clone)]
pub struct Gpu {
    shared: Arc<Shared>,
    /// Folder of compiled kernels.
    cache: Option<Arc<Path>>,
    /// Forms of kernels to take.
    forms: Forms,
}

/// What the clones of a [`Gpu`] share.
struct Shared {
    adapter: Adapter,
    handle: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    uniforms: wgpu::BindGroupLayout,
    pipelines: Mutex<HashMap<String, Pipeline>>,
    /// First thing that went wrong outside any call, in the driver's words.
    failure: Arc<Mutex<Option<String>>>,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gpu({})", self.shared.adapter)
    }
}

impl Gpu {
    /// Opens a device.
    ///
    /// # Errors
    /// [`EngineError::NoAdapter`] if nothing answers to `pick`, [`EngineError::Open`]
    /// if its driver refuses or cannot run the kernels.
    pub fn open(pick: Pick) -> Result<Self, EngineError> {
        let mut found: Vec<(Adapter, wgpu::Adapter)> = enumerate().into_iter().map(|a| (Adapter::of(&a), a)).collect();
        let best = |wanted: fn(&Kind) -> bool| {
            let fitting = found.iter().enumerate().filter(|(_, (a, _))| wanted(&a.kind));
            fitting.min_by_key(|(_, (a, _))| a.kind).map(|(i, _)| i)
        };
        let index = match pick {
            Pick::Gpu => best(|kind| *kind != Kind::Software),
            Pick::Software => best(|kind| *kind == Kind::Software),
            Pick::Index(n) => (n < found.len()).then_some(n),
        };
        let Some(index) = index else {
            let found = found.iter().map(|(a, _)| a.to_string()).collect();
            return Err(EngineError::NoAdapter { wanted: pick.to_string(), found });
        };
        let (adapter, handle) = found.swap_remove(index);
        Self::connect(adapter, handle)
    }

    fn connect(adapter: Adapter, handle: wgpu::Adapter) -> Result<Self, EngineError> {
        let refuse = |reason: String| EngineError::Open { adapter: adapter.to_string(), reason };
        let (memory, threads, least) = (adapter.workgroup_memory, adapter.workgroup_threads, Needs::Nothing.memory());
        if memory < least || threads < 256 {
            return Err(refuse(format!(
                "it has {memory} bytes and {threads} threads per workgroup, {least} and 256 are needed"
            )));
        }
        let optional = handle.features() & OPTIONAL;
        let (device, queue) = pollster::block_on(handle.request_device(&wgpu::DeviceDescriptor {
            label: Some("trapan"),
            // Each costs nothing unless asked for.
            required_features: if adapter.half.is_ok() { MATRICES | optional } else { optional },
            experimental_features: match adapter.half {
                // SAFETY: the matrices are used as wgpu's own examples do: loaded from and
                // stored to workgroup memory within bounds, in uniform control flow.
                Ok(_) => unsafe { wgpu::ExperimentalFeatures::enabled() },
                Err(_) => wgpu::ExperimentalFeatures::disabled(),
            },
            // The defaults are those of a small phone; ask for what the adapter has.
            required_limits: handle.limits(),
            ..Default::default()
        }))
        .map_err(|e| refuse(e.to_string()))?;

        let failure = Arc::new(Mutex::new(None));
        let keep = || {
            let failure = failure.clone();
            move |what: String| {
                lock(&failure).get_or_insert(what);
            }
        };
        let (uncaptured, lost) = (keep(), keep());
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| uncaptured(e.to_string())));
        device.set_device_lost_callback(move |reason, message| lost(format!("device lost ({reason:?}): {message}")));
        let uniforms = super::pipeline::uniforms(&device);
        let forms = Forms { faster: true, half: None };
        let shared = Shared { adapter, handle, device, queue, uniforms, pipelines: Mutex::default(), failure };
        Ok(Self { shared: Arc::new(shared), cache: None, forms })
    }

    /// A new device on the same adapter, with the same cache and precision: a device that failed once
    /// stays so.
    ///
    /// # Errors
    /// [`EngineError::Open`] if the adapter is gone.
    pub fn reopen(&self) -> Result<Self, EngineError> {
        let Shared { adapter, handle, .. } = &*self.shared;
        let Self { cache, forms, .. } = self.clone();
        Ok(Self { cache, forms, ..Self::connect(adapter.clone(), handle.clone())? })
    }

    /// Takes the device away, as the reset of a driver does: everything on it and its clones fails from
    /// here on. For tests of what happens then.
    pub fn lose(&self) {
        self.device().destroy();
    }

    /// The same device, which keeps compiled kernels in a folder from one process to the
    /// next, where its driver hands them out. The folder must be this user's alone to
    /// write; it is made when needed, and what cannot be read there is compiled anew.
    pub fn with_cache(self, folder: PathBuf) -> Self {
        Self { cache: Some(folder.into()), ..self }
    }

    /// The same device computing in a precision.
    ///
    /// # Errors
    /// [`EngineError::Precision`] with what the adapter lacks.
    pub fn with_precision(self, precision: Precision) -> Result<Self, EngineError> {
        let half = match (precision, &self.adapter().half) {
            (Precision::Auto | Precision::F32, _) => None,
            (Precision::F16, Ok(size)) => Some(*size),
            (Precision::F16, Err(missing)) => {
                let (device, missing) = (self.adapter().to_string(), missing.clone());
                return Err(EngineError::Precision { device, precision, missing });
            }
        };
        Ok(Self { forms: Forms { half, ..self.forms }, ..self })
    }

    /// The same device with or without the forms that are [`Faster`](crate::graph::When::Faster).
    pub fn with_faster_forms(self, faster: bool) -> Self {
        Self { forms: Forms { faster, ..self.forms }, ..self }
    }

    /// The forms of kernels it takes where they fit.
    pub fn forms(&self) -> Forms {
        self.forms
    }

    /// Folder of compiled kernels, if they are to be kept and the driver hands them out.
    pub(super) fn cache(&self) -> Option<&Path> {
        let able = self.device().features().contains(wgpu::Features::PIPELINE_CACHE);
        self.cache.as_deref().filter(|_| able)
    }

    /// The adapter behind this device.
    pub fn adapter(&self) -> &Adapter {
        &self.shared.adapter
    }

    pub(super) fn device(&self) -> &wgpu::Device {
        &self.shared.device
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.shared.queue
    }

    /// Layout of bind group 1, the same for all kernels.
    pub(super) fn uniforms(&self) -> &wgpu::BindGroupLayout {
        &self.shared.uniforms
    }

    /// Compiled kernels by name and constants: one compilation per device and process.
    pub(super) fn pipelines(&self) -> MutexGuard<'_, HashMap<String, Pipeline>> {
        lock(&self.shared.pipelines)
    }

    /// An error of this device.
    pub(super) fn failed(&self, reason: impl fmt::Display) -> EngineError {
        EngineError::Device { device: self.shared.adapter.to_string(), reason: reason.to_string() }
    }

    /// Fails if anything went wrong since the device was opened.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        lock(&self.shared.failure).as_ref().map_or(Ok(()), |reason| Err(self.failed(reason)))
    }
}

/// A value behind a mutex; these are whole at any time, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
