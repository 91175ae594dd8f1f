//! Times calls with the GPU's own clock: a pass per call, a timestamp on either side.

use std::time::Duration;

use super::run::download;
use super::{Gpu, GpuEngine};
use crate::engine::EngineError;
use crate::engine::timing::Times;
use crate::graph::{PlanId, Program};

/// Bytes of the two timestamps of a call.
const PAIR: u64 = 2 * wgpu::QUERY_SIZE as u64;

/// Timestamps of the calls encoded since the last readback, and the sums so far.
pub(super) struct Timer {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
    /// Nanoseconds per tick.
    tick: f64,
    /// Owner of each pair of timestamps.
    calls: Vec<(PlanId, usize)>,
    pub times: Times,
}

impl Timer {
    /// Calls timed between two readbacks, which wait for the device: some tens of steps.
    pub(crate) const CALLS: usize = wgpu::QUERY_SET_MAX_QUERIES as usize / 2;

    /// A timer, if the adapter can do it.
    pub(super) fn new(gpu: &Gpu, program: &Program) -> Option<Self> {
        let device = gpu.device();
        if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |label, usage| {
            let size = Self::CALLS as u64 * PAIR;
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        use wgpu::BufferUsages as Usage;
        Some(Self {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * Self::CALLS as u32,
            }),
            resolved: buffer("timestamps", Usage::QUERY_RESOLVE | Usage::COPY_SRC),
            staging: buffer("timestamps on the host", Usage::MAP_READ | Usage::COPY_DST),
            tick: f64::from(gpu.queue().get_timestamp_period()),
            calls: Vec::new(),
            times: Times::new(program),
        })
    }

    /// Whether so many calls more can be timed before a readback.
    pub(crate) fn has_room(&self, calls: usize) -> bool {
        self.calls.len() + calls <= Self::CALLS
    }

    /// Timestamps around the pass of one call.
    pub(super) fn around(&mut self, plan: PlanId, call: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * self.calls.len() as u32;
        self.calls.push((plan, call));
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }
}

impl GpuEngine {
    /// Waits, and moves the timestamps from the device into the sums.
    pub(super) fn take_times(&mut self) -> Result<(), EngineError> {
        let Some(timer) = self.timer.as_ref().filter(|t| !t.calls.is_empty()) else { return Ok(()) };
        let bytes = timer.calls.len() as u64 * PAIR;
        let encoder = self.queue.encoder(&self.gpu);
        encoder.resolve_query_set(&timer.queries, 0..2 * timer.calls.len() as u32, &timer.resolved, 0);
        encoder.copy_buffer_to_buffer(&timer.resolved, 0, &timer.staging, 0, bytes);
        self.submit()?;
        if let Some(Timer { staging, tick, calls, times, .. }) = &mut self.timer {
            let mut stamps: Vec<u64> = Vec::new();
            download(&self.gpu, staging, bytes, &mut stamps)?;
            for ((plan, call), pair) in calls.drain(..).zip(stamps.chunks_exact(2)) {
                // A clock that was reset in between counts as no time.
                let ticks = pair[1].saturating_sub(pair[0]);
                times.add(plan, call, Duration::from_nanos((ticks as f64 * *tick) as u64));
            }
        }
        Ok(())
    }
}
