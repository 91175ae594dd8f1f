//! From a kernel's shader text to something the device can run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::Gpu;
use super::cache::Cache;
use crate::engine::EngineError;
use crate::graph::{Access, Call, DeviceNeeds, Kernel, Launch, Program, ShaderForm, When};

/// A compiled kernel.
#[derive(Clone)]
pub(super) struct Pipeline {
    pub compute: wgpu::ComputePipeline,
    /// Layout of bind group 0: the kernel's arguments.
    pub tensors: wgpu::BindGroupLayout,
}

/// The forms of kernels that a device takes where they fit a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    /// Those that are as exact as the plain ones.
    pub faster: bool,
    /// Those in f16, on matrices of this size, 8 or 16.
    pub half: Option<u32>,
}

impl Forms {
    fn take(&self, form: &ShaderForm) -> bool {
        match form.when {
            When::Faster => self.faster,
            When::F16 => self.half.is_some(),
        }
    }
}

/// What the device compiles and runs for a call: a form of its kernel with constants and grid.
#[derive(Clone, Debug)]
pub struct Chosen {
    source: &'static str,
    /// WGSL entry point.
    pub entry: &'static str,
    /// Constants and grid.
    pub(crate) launch: Launch,
    /// Size of the matrices it needs.
    matrices: Option<u32>,
}

impl Chosen {
    /// The first of its kernel's forms that is taken and fits, or the plain one.
    pub fn of(call: &Call, forms: Forms) -> Self {
        let shader = &call.kernel.shader;
        let taken = shader.forms.iter().filter(|form| forms.take(form));
        let mut fitting = taken.filter_map(|form| {
            let matrices = if form.needs == DeviceNeeds::Matrices { Some(forms.half?) } else { None };
            Some(Self { source: form.source, entry: form.entry, launch: call.with_shapes(form.launch)?, matrices })
        });
        let plain = || Self { source: shader.source, entry: shader.entry, launch: call.launch(), matrices: None };
        fitting.next().unwrap_or_else(plain)
    }

    /// The text, after its constants and the types of its matrices.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(size) = self.matrices {
            text.push_str("enable f16;\nenable wgpu_cooperative_matrix;\n");
            for (name, number, role) in [("Left", "f16", "A"), ("Right", "f16", "B"), ("Product", "f32", "C")] {
                writeln!(text, "alias {name} = coop_mat{size}x{size}<{number}, {role}>;").expect("writing to a string");
            }
        }
        for (name, value) in self.launch.consts.iter().copied().chain(self.matrices.map(|size| ("T", size))) {
            writeln!(text, "const {name}: u32 = {value}u;").expect("writing to a string");
        }
        text + self.source
    }

    /// What it is stored under once compiled.
    pub(super) fn key(&self) -> String {
        format!("{} {:?} {:?}", self.entry, self.matrices, self.launch.consts)
    }
}

fn entry(binding: u32, ty: wgpu::BufferBindingType, dynamic: bool) -> wgpu::BindGroupLayoutEntry {
    let ty = wgpu::BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: None };
    wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None }
}

/// Layout of bind group 1: parameters of the call and step values, at dynamic offsets.
pub(super) fn uniforms(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entries = [0, 1].map(|binding| entry(binding, wgpu::BufferBindingType::Uniform, true));
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("uniforms"), entries: &entries })
}

/// Compiles what a program needs and the device's store does not have yet, on all cores:
/// drivers take 10 to 500 ms per kernel, and take them side by side.
pub(super) fn compile_all(gpu: &Gpu, program: &Program) -> Result<CompileStats, EngineError> {
    let start = Instant::now();
    let mut missing = BTreeMap::new();
    for call in program.plans().flat_map(|(_, plan)| &plan.calls) {
        let chosen = Chosen::of(call, gpu.forms());
        let key = chosen.key();
        if !gpu.pipelines().contains_key(&key) {
            missing.insert(key, (call.kernel, chosen.text(), chosen.entry));
        }
    }
    let texts = missing.iter().map(|(key, (_, text, _))| (key.as_str(), text.as_str()));
    let cache = gpu.cache().filter(|_| !missing.is_empty()).map(|folder| Cache::open(gpu, folder, texts));
    let compiled: Vec<Pipeline> = missing
        .par_iter()
        .map(|(key, (kernel, text, entry))| compile(gpu, kernel, key, (text, entry), cache.as_ref().map(Cache::handle)))
        .collect::<Result<_, _>>()?;
    let cached = cache.is_some_and(Cache::close);
    let kernels = compiled.len();
    gpu.pipelines().extend(missing.into_keys().zip(compiled));
    Ok(CompileStats { kernels, cached, took: start.elapsed() })
}

/// What [`compile_all`] did.
pub(super) struct CompileStats {
    pub kernels: usize,
    /// Whether the driver had them ready from an earlier process.
    pub cached: bool,
    pub took: Duration,
}

fn compile(
    gpu: &Gpu,
    kernel: &Kernel,
    label: &str,
    (text, entry_point): (&str, &str),
    cache: Option<&wgpu::PipelineCache>,
) -> Result<Pipeline, EngineError> {
    let device = gpu.device();
    // Scopes are a thread's own.
    let invalid = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let entries: Vec<_> = kernel
        .args
        .iter()
        .map(|arg| {
            let read_only = arg.access == Access::Read;
            entry(arg.binding, wgpu::BufferBindingType::Storage { read_only }, false)
        })
        .collect();
    let tensors = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(kernel.name),
        bind_group_layouts: &[Some(&tensors), Some(gpu.uniforms())],
        immediate_size: 0,
    });
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(label), source: wgpu::ShaderSource::Wgsl(text.into()) };
    // Indices stay checked. The counters that end a runaway loop would stand in the innermost
    // ones, and in the way of unrolling them.
    let checks = wgpu::ShaderRuntimeChecks { force_loop_bounding: false, int_div_checks: false, ..Default::default() };
    // SAFETY: the loops of the shaders run to constants, or to sizes and numbers of
    // subgroups by steps of at least one; they divide by constants and by sizes, which no
    // tensor has zero of.
    let module = unsafe { device.create_shader_module_trusted(descriptor, checks) };
    let compute = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&layout),
        module: &module,
        entry_point: Some(entry_point),
        compilation_options: wgpu::PipelineCompilationOptions {
            // The kernels write what they read.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache,
    });
    let errors = [pollster::block_on(internal.pop()), pollster::block_on(invalid.pop())];
    errors.into_iter().flatten().next().map_or(Ok(Pipeline { compute, tensors }), |e| Err(gpu.failed(e)))
}
