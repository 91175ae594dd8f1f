//! A device opened on an adapter.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::adapter::{Adapter, DeviceKind, MATRICES, Pick, enumerate};
use super::pipeline::{Forms, Pipeline};
use crate::engine::{EngineError, Precision};
use crate::graph::DeviceNeeds;

/// Features that are used where an adapter has them.
const OPTIONAL: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::PIPELINE_CACHE);

/// An open device. Clones share it: its memory, its queue and its compiled kernels.
#[derive(Clone)]
pub struct Gpu {
    shared: Arc<Inner>,
    /// Folder of compiled kernels.
    cache: Option<Arc<Path>>,
    /// Forms of kernels to take.
    forms: Forms,
}

/// What the clones of a [`Gpu`] share.
struct Inner {
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
        let best = |wanted: fn(&DeviceKind) -> bool| {
            let fitting = found.iter().enumerate().filter(|(_, (a, _))| wanted(&a.kind));
            fitting.min_by_key(|(_, (a, _))| a.kind).map(|(i, _)| i)
        };
        let index = match pick {
            Pick::Gpu => best(|kind| *kind != DeviceKind::Software),
            Pick::Software => best(|kind| *kind == DeviceKind::Software),
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
        let (memory, threads, least) =
            (adapter.workgroup_memory, adapter.workgroup_threads, DeviceNeeds::Nothing.memory());
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
        let shared = Inner { adapter, handle, device, queue, uniforms, pipelines: Mutex::default(), failure };
        Ok(Self { shared: Arc::new(shared), cache: None, forms })
    }

    /// A new device on the same adapter, with the same cache and precision: a device that failed once
    /// stays so.
    ///
    /// # Errors
    /// [`EngineError::Open`] if the adapter is gone.
    pub fn reopen(&self) -> Result<Self, EngineError> {
        let Inner { adapter, handle, .. } = &*self.shared;
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
