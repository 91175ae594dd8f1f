//! Puts a program on a device: everything a run needs, made once.

use super::pipeline::{Chosen, CompileStats, compile_all};
use super::{Gpu, Pipeline};
use crate::engine::{EngineError, LoadStats};
use crate::graph::{Call, Program, Tensor};

/// Uniform slots start at multiples of this, the largest alignment WebGPU may ask for.
const SLOT: u64 = 256;
/// Most bytes of step values.
pub(super) const STEP_SLOT: u64 = 2 * SLOT;
/// Step values that fit one submission.
pub(super) const STEPS: u64 = 128;
/// Bytes of watched values kept before they must be taken: losses, and weights of 13 full
/// steps (30 ms of a large GPU) or of 750 steps of the degradation network.
const LOG: u64 = 4 << 20;
/// Bytes read back at a time.
const STAGING: u64 = 4 << 20;

/// A call ready to be encoded.
pub(super) struct Dispatch {
    pub pipeline: wgpu::ComputePipeline,
    pub tensors: wgpu::BindGroup,
    /// Offset of its parameters.
    pub params: u32,
    pub grid: [u32; 3],
    pub label: String,
    /// Estimate of its work, in FLOPs.
    pub work: f64,
}

/// A program on a device.
pub(super) struct DeviceProgram {
    /// By [`Program::buffers`].
    pub buffers: Vec<wgpu::Buffer>,
    /// By plan and call.
    pub plans: Vec<Vec<Dispatch>>,
    /// Places of the watched tensors, by plan.
    pub watched: Vec<Vec<(usize, u64, u64)>>,
    /// Parameters and step values.
    pub(crate) uniforms: wgpu::BindGroup,
    pub steps: wgpu::Buffer,
    pub log: wgpu::Buffer,
    pub(crate) staging: wgpu::Buffer,
    pub loading: LoadStats,
}

/// Place of a tensor: buffer, first byte, bytes.
pub(super) fn place(program: &Program, tensor: Tensor) -> (usize, u64, u64) {
    let (buffer, range) = program.place(tensor);
    (buffer, range.start as u64 * 4, range.len() as u64 * 4)
}

pub(super) fn load(gpu: &Gpu, program: &Program) -> Result<DeviceProgram, EngineError> {
    let adapter = || gpu.adapter().to_string();
    program.fits(&gpu.adapter().limits).map_err(|source| EngineError::Limits { adapter: adapter(), source })?;
    gpu.check()?;
    let compiled = compile_all(gpu, program)?;
    let invalid = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = gpu.device().push_error_scope(wgpu::ErrorFilter::Internal);
    let memory = gpu.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let loaded = create(gpu, program, &compiled);
    let memory = pollster::block_on(memory.pop());
    // Scopes end in reverse order; one error is enough.
    let error = [pollster::block_on(internal.pop()), pollster::block_on(invalid.pop())].into_iter().flatten().next();
    match (memory, error) {
        (Some(_), _) => Err(EngineError::OutOfMemory { device: adapter(), bytes: program.bytes() as u64 }),
        (None, Some(e)) => Err(gpu.failed(e)),
        (None, None) => gpu.check().map(|()| loaded),
    }
}

fn create(gpu: &Gpu, program: &Program, compiled: &CompileStats) -> DeviceProgram {
    use wgpu::BufferUsages as Usage;
    let buffer = |label: &str, size: u64, usage| {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    };
    let storage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    let names = buffer_names(program);
    let buffers: Vec<_> =
        program.buffers().iter().zip(&names).map(|(len, name)| buffer(name, *len as u64 * 4, storage)).collect();
    // Bound where an optional argument is left out; parameters keep shaders from reading it.
    let absent = buffer("absent", 16, Usage::STORAGE);

    let calls = || program.plans().flat_map(|(_, plan)| &plan.calls);
    let mut bytes = vec![0u8; (calls().count().max(1) as u64 * SLOT) as usize];
    for (slot, call) in bytes.chunks_exact_mut(SLOT as usize).zip(calls()) {
        slot[..call.params.len()].copy_from_slice(&call.params);
    }
    let params = buffer("params", bytes.len() as u64, Usage::UNIFORM | Usage::COPY_DST);
    gpu.queue().write_buffer(&params, 0, &bytes);
    let steps = buffer("steps", STEPS * STEP_SLOT, Usage::UNIFORM | Usage::COPY_DST);
    let window = |binding, buffer, size| wgpu::BindGroupEntry {
        binding,
        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset: 0,
            size: wgpu::BufferSize::new(size),
        }),
    };
    let uniforms = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("uniforms"),
        layout: gpu.uniforms(),
        entries: &[window(0, &params, SLOT), window(1, &steps, STEP_SLOT)],
    });

    let pipelines = gpu.pipelines();
    let mut slots = (0u32..).step_by(SLOT as usize);
    let plans = program
        .plans()
        .map(|(_, plan)| {
            let mut dispatch = |call: &Call| {
                let chosen = Chosen::of(call, gpu.forms());
                let Pipeline { compute, tensors } = &pipelines[&chosen.key()];
                let entries: Vec<_> = call
                    .kernel
                    .args
                    .iter()
                    .zip(&call.args)
                    .map(|(arg, tensor)| {
                        let (buffer, offset, size) = match tensor {
                            Some(t) => {
                                let (index, offset, size) = place(program, *t);
                                (&buffers[index], offset, wgpu::BufferSize::new(size))
                            }
                            None => (&absent, 0, None),
                        };
                        let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size });
                        wgpu::BindGroupEntry { binding: arg.binding, resource }
                    })
                    .collect();
                Dispatch {
                    pipeline: compute.clone(),
                    tensors: gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                        label: Some(&call.label),
                        layout: tensors,
                        entries: &entries,
                    }),
                    params: slots.next().expect("as many slots as calls"),
                    grid: chosen.launch.grid,
                    label: call.label.clone(),
                    work: work(call),
                }
            };
            plan.calls.iter().map(&mut dispatch).collect()
        })
        .collect();

    let watched: Vec<Vec<_>> =
        program.plans().map(|(_, plan)| plan.watch.iter().map(|t| place(program, *t)).collect()).collect();
    let longest = watched.iter().map(|places| places.iter().map(|(.., size)| size).sum()).max();
    let log = buffer("log", longest.unwrap_or(0).max(LOG), Usage::MAP_READ | Usage::COPY_DST);
    let largest = program.buffers().iter().max().map_or(4, |len| *len as u64 * 4);
    let staging = buffer("staging", largest.min(STAGING), Usage::MAP_READ | Usage::COPY_DST);
    let fixed = [&absent, &params, &steps, &log, &staging];
    let loading = LoadStats {
        bytes: buffers.iter().chain(fixed).map(wgpu::Buffer::size).sum(),
        kernels: compiled.kernels,
        compiling: compiled.took,
        cached: compiled.cached,
    };
    DeviceProgram { buffers, plans, watched, uniforms, steps, log, staging, loading }
}

/// Labels: the largest tensor of each buffer, which other activations may share.
fn buffer_names(program: &Program) -> Vec<String> {
    let mut largest = vec![(0, String::from("unused")); program.buffers().len()];
    for info in program.tensors() {
        if let Some(slot) = largest.get_mut(info.buffer)
            && info.shape.len() > slot.0
        {
            *slot = (info.shape.len(), info.name.clone());
        }
    }
    largest.into_iter().map(|(_, name)| name).collect()
}

/// FLOPs, or the bytes at the 16 FLOPs a GPU does while it moves one.
fn work(call: &Call) -> f64 {
    call.flops().max(16 * call.bytes()) as f64
}
