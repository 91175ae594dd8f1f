//! From a kernel's shader text to something the device can run.

use std::fmt::Write;

use super::Gpu;
use crate::graph::{Access, Kernel};

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

/// The compiled form of a kernel, from the device's store if it is there.
pub(super) fn compiled(gpu: &Gpu, kernel: &Kernel, consts: &[(&'static str, u32)]) -> Pipeline {
    let label = format!("{}{consts:?}", kernel.name);
    gpu.pipelines().entry(label).or_insert_with_key(|label| compile(gpu, kernel, consts, label)).clone()
}

fn compile(gpu: &Gpu, kernel: &Kernel, consts: &[(&'static str, u32)], label: &str) -> Pipeline {
    let device = gpu.device();
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
        source: wgpu::ShaderSource::Wgsl(shader(kernel, consts).into()),
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
        cache: None,
    });
    Pipeline { compute, tensors }
}
