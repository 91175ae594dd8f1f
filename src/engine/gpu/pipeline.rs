//! From a kernel's shader text to something the device can run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::Gpu;
use super::cache::Cache;
use crate::engine::EngineError;
use crate::graph::{Access, Kernel, Program};

/// A compiled kernel.
#[derive(Clone)]
pub(super) struct Pipeline {
    pub compute: wgpu::ComputePipeline,
    /// Layout of bind group 0: the kernel's arguments.
    pub tensors: wgpu::BindGroupLayout,
}

/// Shader text and entry point of a kernel with its constants: what the device compiles.
/// `half` is the size of the f16 matrices to use, if the kernel has a form for them.
pub fn shader(kernel: &Kernel, consts: &[(&'static str, u32)], half: Option<u32>) -> (String, &'static str) {
    let mut text = String::new();
    let form = half.and_then(|size| Some((size, kernel.half?)));
    if let Some((size, _)) = form {
        text.push_str("enable f16;\nenable wgpu_cooperative_matrix;\n");
        for (name, number, role) in [("Left", "f16", "A"), ("Right", "f16", "B"), ("Product", "f32", "C")] {
            writeln!(text, "alias {name} = coop_mat{size}x{size}<{number}, {role}>;").expect("writing to a string");
        }
    }
    for (name, value) in consts.iter().copied().chain(form.map(|(size, _)| ("T", size))) {
        writeln!(text, "const {name}: u32 = {value}u;").expect("writing to a string");
    }
    let (source, entry) = form.map_or((kernel.source, kernel.entry), |(_, half)| (half.source, half.entry));
    (text + source, entry)
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

/// What a compiled kernel is stored under: its form and constants.
pub(super) fn key(gpu: &Gpu, kernel: &Kernel, consts: &[(&'static str, u32)]) -> String {
    let half = gpu.half().filter(|_| kernel.half.is_some()).map_or(String::new(), |size| format!(" f16 {size}"));
    format!("{}{half}{consts:?}", kernel.name)
}

/// Compiles what a program needs and the device's store does not have yet, on all cores:
/// drivers take 10 to 500 ms per kernel, and take them side by side.
pub(super) fn compile_all(gpu: &Gpu, program: &Program) -> Result<Compiled, EngineError> {
    let start = Instant::now();
    let mut missing = BTreeMap::new();
    for call in program.plans().flat_map(|(_, plan)| &plan.calls) {
        let consts = call.launch().consts;
        let key = key(gpu, call.kernel, &consts);
        if !gpu.pipelines().contains_key(&key) {
            missing.insert(key, (call.kernel, shader(call.kernel, &consts, gpu.half())));
        }
    }
    let texts = missing.iter().map(|(key, (_, (text, _)))| (key.as_str(), text.as_str()));
    let cache = gpu.cache().filter(|_| !missing.is_empty()).map(|folder| Cache::open(gpu, folder, texts));
    let compiled: Vec<Pipeline> = missing
        .par_iter()
        .map(|(key, (kernel, shader))| compile(gpu, kernel, key, shader, cache.as_ref().map(Cache::handle)))
        .collect::<Result<_, _>>()?;
    let cached = cache.is_some_and(Cache::close);
    let kernels = compiled.len();
    gpu.pipelines().extend(missing.into_keys().zip(compiled));
    Ok(Compiled { kernels, cached, took: start.elapsed() })
}

/// What [`compile_all`] did.
pub(super) struct Compiled {
    pub kernels: usize,
    /// Whether the driver had them ready from an earlier process.
    pub cached: bool,
    pub took: Duration,
}

fn compile(
    gpu: &Gpu,
    kernel: &Kernel,
    label: &str,
    (text, entry_point): &(String, &'static str),
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
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: Some(label), source: wgpu::ShaderSource::Wgsl(text.as_str().into()) };
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
