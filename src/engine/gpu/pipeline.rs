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

/// Shader text of a kernel with its constants: what the device compiles.
pub fn shader(kernel: &Kernel, consts: &[(&'static str, u32)]) -> String {
    let mut text = String::new();
    for (name, value) in consts {
        writeln!(text, "const {name}: u32 = {value}u;").expect("writing to a string");
    }
    text + kernel.source
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

/// What a compiled kernel is stored under: its name and constants.
pub(super) fn key(kernel: &Kernel, consts: &[(&'static str, u32)]) -> String {
    format!("{}{consts:?}", kernel.name)
}

/// Compiles what a program needs and the device's store does not have yet, on all cores:
/// drivers take 10 to 500 ms per kernel, and take them side by side.
pub(super) fn compile_all(gpu: &Gpu, program: &Program) -> Result<Compiled, EngineError> {
    let start = Instant::now();
    let mut missing = BTreeMap::new();
    for call in program.plans().flat_map(|(_, plan)| &plan.calls) {
        let consts = call.launch().consts;
        let key = key(call.kernel, &consts);
        if !gpu.pipelines().contains_key(&key) {
            missing.insert(key, (call.kernel, shader(call.kernel, &consts)));
        }
    }
    let texts = missing.iter().map(|(key, (_, text))| (key.as_str(), text.as_str()));
    let cache = gpu.cache().filter(|_| !missing.is_empty()).map(|folder| Cache::open(gpu, folder, texts));
    let compiled: Vec<Pipeline> = missing
        .par_iter()
        .map(|(key, (kernel, text))| compile(gpu, kernel, key, text, cache.as_ref().map(Cache::handle)))
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
    text: &str,
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
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    });
    let compute = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&layout),
        module: &module,
        entry_point: Some(kernel.entry),
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
