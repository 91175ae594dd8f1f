//! Encodes calls into bounded submissions, and reads results back.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytemuck::AnyBitPattern;

use super::load::{STEP_SLOT, STEPS, place};
use super::{Gpu, GpuEngine, Timer};
use crate::engine::EngineError;
use crate::graph::{Access, Call, PlanId};

/// Systems reset a GPU that is busy for some seconds, and a screen freezes long before.
const LONGEST: Duration = Duration::from_millis(100);
/// Submissions the device may have in hand: one to run, one to go on with. More would
/// only take memory.
const IN_FLIGHT: usize = 2;
/// Work of the first submission: 20 ms on a CPU, far less elsewhere. Doubles from there.
const FIRST_WORK: f64 = 2e8;

/// Calls encoded and not yet submitted, and submissions not yet done.
pub(super) struct Queue {
    encoder: Option<wgpu::CommandEncoder>,
    /// Step values by slot.
    steps: Vec<u8>,
    work: f64,
    /// Work at which a submission is long enough.
    enough: f64,
    flight: VecDeque<(wgpu::SubmissionIndex, Instant)>,
    done: Instant,
    /// Bytes of the log in use.
    logged: u64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            encoder: None,
            steps: Vec::new(),
            work: 0.0,
            enough: FIRST_WORK,
            flight: VecDeque::new(),
            done: Instant::now(),
            logged: 0,
        }
    }

    pub(super) fn encoder(&mut self, gpu: &Gpu) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| {
            gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("calls") })
        })
    }
}

impl GpuEngine {
    /// Runs or queues calls of a plan, in as many submissions as it takes.
    pub(super) fn run_calls(&mut self, plan: PlanId, calls: Range<usize>, step: &[u8]) -> Result<(), EngineError> {
        let mut first = calls.start;
        while first < calls.end {
            let mut end = first;
            let mut work = self.queue.work;
            while end < calls.end && end - first < Timer::CALLS && (end == first || work < self.queue.enough) {
                work += self.loaded.plans[plan.0][end].work;
                end += 1;
            }
            if self.options.poison {
                end = first + 1;
                self.poison(&self.program.clone().plan(plan).calls[first])?;
            }
            self.encode(plan, first..end, step)?;
            if self.queue.work >= self.queue.enough {
                self.submit()?;
            }
            first = end;
        }
        Ok(())
    }

    fn encode(&mut self, plan: PlanId, calls: Range<usize>, step: &[u8]) -> Result<(), EngineError> {
        if self.timer.as_ref().is_some_and(|t| !t.has_room(calls.len())) {
            self.take_times()?;
        }
        if self.queue.steps.len() as u64 == STEPS * STEP_SLOT {
            self.submit()?;
        }
        let slot = self.queue.steps.len() as u32;
        assert!(step.len() as u64 <= STEP_SLOT, "{} bytes of step values", step.len());
        self.queue.steps.extend_from_slice(step);
        self.queue.steps.resize(slot as usize + STEP_SLOT as usize, 0);
        let label = &self.program.plan(plan).name;
        let encoder = self.queue.encoder(&self.gpu);
        let mut work = 0.0;
        let per_pass = if self.timer.is_some() { 1 } else { calls.len() };
        for first in calls.clone().step_by(per_pass) {
            let timestamp_writes = self.timer.as_mut().map(|t| t.around(plan, first));
            let mut pass =
                encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes });
            for call in &self.loaded.plans[plan.0][first..first + per_pass] {
                pass.push_debug_group(&call.label);
                pass.set_pipeline(&call.pipeline);
                pass.set_bind_group(0, &call.tensors, &[]);
                pass.set_bind_group(1, &self.loaded.uniforms, &[call.params, slot]);
                let [x, y, z] = call.grid;
                pass.dispatch_workgroups(x, y, z);
                pass.pop_debug_group();
                work += call.work;
            }
        }
        self.queue.work += work;
        Ok(())
    }

    /// Copies the plan's watched tensors into the log.
    pub(super) fn log_watched(&mut self, plan: PlanId) -> Result<(), EngineError> {
        let bytes: u64 = self.loaded.watched[plan.0].iter().map(|(.., size)| size).sum();
        if self.queue.logged + bytes > self.loaded.log.size() {
            self.take_log()?;
        }
        for (buffer, offset, size) in &self.loaded.watched[plan.0] {
            let (from, at) = (&self.loaded.buffers[*buffer], self.queue.logged);
            self.queue.encoder(&self.gpu).copy_buffer_to_buffer(from, *offset, &self.loaded.log, at, *size);
            self.queue.logged += size;
        }
        Ok(())
    }

    /// Moves the log from the device to the host.
    pub(super) fn take_log(&mut self) -> Result<(), EngineError> {
        self.submit()?;
        let bytes = std::mem::take(&mut self.queue.logged);
        if bytes > 0 {
            download(&self.gpu, &self.loaded.log, bytes, &mut self.log)?;
        }
        Ok(())
    }

    /// Copies a piece of a buffer to the host, part by part through the staging buffer.
    pub(super) fn read_bytes(&mut self, buffer: usize, offset: u64, size: u64) -> Result<Vec<f32>, EngineError> {
        let mut values = Vec::with_capacity(size as usize / 4);
        let mut at = 0;
        while at < size {
            let bytes = (size - at).min(self.loaded.staging.size());
            let from = &self.loaded.buffers[buffer];
            let encoder = self.queue.encoder(&self.gpu);
            encoder.copy_buffer_to_buffer(from, offset + at, &self.loaded.staging, 0, bytes);
            self.submit()?;
            download(&self.gpu, &self.loaded.staging, bytes, &mut values)?;
            at += bytes;
        }
        Ok(values)
    }

    /// Fills what a call writes with NaN.
    fn poison(&mut self, call: &Call) -> Result<(), EngineError> {
        self.submit()?; // writes of the host overtake calls that are only encoded
        for (arg, tensor) in call.kernel.args.iter().zip(&call.args) {
            if let (Access::Write, Some(t)) = (arg.access, tensor) {
                let (buffer, offset, _) = place(&self.program, *t);
                let values = vec![f32::NAN; t.shape().len()];
                self.gpu.queue().write_buffer(&self.loaded.buffers[buffer], offset, bytemuck::cast_slice(&values));
            }
        }
        Ok(())
    }

    /// Hands the encoded calls to the device; waits if it has enough in hand.
    pub(super) fn submit(&mut self) -> Result<(), EngineError> {
        let queue = &mut self.queue;
        if let Some(encoder) = queue.encoder.take() {
            if !queue.steps.is_empty() {
                self.gpu.queue().write_buffer(&self.loaded.steps, 0, &queue.steps);
            }
            let index = self.gpu.queue().submit([encoder.finish()]);
            queue.flight.push_back((index, Instant::now()));
            // Only full submissions tell how long a full one takes.
            let full = queue.work >= queue.enough;
            queue.steps.clear();
            queue.work = 0.0;
            while queue.flight.len() > IN_FLIGHT {
                let Some((index, sent)) = queue.flight.pop_front() else { break };
                let wait = wgpu::PollType::Wait { submission_index: Some(index), timeout: None };
                self.gpu.device().poll(wait).map_err(|e| self.gpu.failed(e))?;
                let took = sent.max(queue.done).elapsed();
                queue.done = Instant::now();
                if took > LONGEST {
                    queue.enough = (queue.enough / 2.0).max(FIRST_WORK);
                } else if full && took < LONGEST / 4 {
                    queue.enough *= 2.0;
                }
            }
        }
        self.gpu.check()
    }
}

/// Waits for a mappable buffer and appends its first `bytes` to `values`.
pub(super) fn download<T: AnyBitPattern>(
    gpu: &Gpu,
    buffer: &wgpu::Buffer,
    bytes: u64,
    values: &mut Vec<T>,
) -> Result<(), EngineError> {
    let (tell, told) = mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, 0..bytes, move |result| {
        // Nobody listens any more if the wait below has failed.
        let _ = tell.send(result);
    });
    // A wait may end early (after some seconds, on some drivers): only the callback counts.
    loop {
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).map_err(|e| gpu.failed(e))?;
        match told.try_recv() {
            Ok(result) => break result.map_err(|e| gpu.failed(e))?,
            Err(mpsc::TryRecvError::Empty) => gpu.check()?,
            Err(mpsc::TryRecvError::Disconnected) => return Err(gpu.failed("a buffer could not be read")),
        }
    }
    {
        let view = buffer.get_mapped_range(0..bytes).map_err(|e| gpu.failed(e))?;
        values.extend(view.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned::<T>));
    }
    buffer.unmap();
    gpu.check()
}
