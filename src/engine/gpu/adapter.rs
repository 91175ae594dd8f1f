//! Adapters, as their drivers describe them.

use std::fmt;

use crate::graph::{DeviceNeeds, Limits};

/// What sort of device an adapter is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DeviceKind {
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

impl fmt::Display for DeviceKind {
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
    pub(crate) backend: String,
    /// What sort of device it is.
    pub kind: DeviceKind,
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
pub(super) const MATRICES: wgpu::Features =
    wgpu::Features::SHADER_F16.union(wgpu::Features::SUBGROUP).union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// Size of the matrices of [`DeviceNeeds::Matrices`], or what is missing.
fn matrices(adapter: &wgpu::Adapter) -> Result<u32, String> {
    let missing = MATRICES - adapter.features();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter_names().map(|(name, _)| name).collect();
        return Err(names.join(", "));
    }
    let memory = adapter.limits().max_compute_workgroup_storage_size;
    let wanted = DeviceNeeds::Matrices.memory();
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
    pub(super) fn of(handle: &wgpu::Adapter) -> Self {
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
                wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
                wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
                wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
                wgpu::DeviceType::Other => DeviceKind::Other,
                wgpu::DeviceType::Cpu => DeviceKind::Software,
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

/// Every adapter of this machine.
pub(super) fn enumerate() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
}

/// Every adapter of this machine, in the order of [`Pick::Index`].
pub fn adapters() -> Vec<Adapter> {
    enumerate().iter().map(Adapter::of).collect()
}
