//! How large tiles and strips are.

use std::ops::Range;

use super::Application;
use crate::classical::FormStream;
use crate::consistency;
use crate::engine::{Device, EngineError};
use crate::method::sharpen::TileSpan;
use crate::method::{Dims, MethodError};

/// Largest side of a tile: an activation of 32 channels then fits in 128 MiB, the least binding that a
/// WebGPU device offers.
const LARGEST: usize = 1000;
/// Smallest side of a tile that is tried before a device is given up.
const SMALLEST: usize = 128;

/// Strips of so many rows for a closed form.
pub(super) fn spans(base: &FormStream, rows: Range<usize>, height: usize) -> Vec<TileSpan> {
    let strip = |first: usize| {
        let sees = first..(first + height).min(rows.end);
        let [_, ms] = base.needs(sees.clone());
        TileSpan { gives: sees.clone(), sees, ms }
    };
    rows.clone().step_by(height).map(strip).collect()
}

/// Rows of a strip for a closed form at most: fewer are computed with more rows around them, more gain nothing.
pub(in crate::method) const LARGEST_STRIP: usize = 256;
/// Rows of a strip for a closed form at least, whatever the memory.
const SMALLEST_STRIP: usize = 16;

/// Rows of a strip for a closed form such that those read, computed and handed on stay within the memory.
pub(super) fn strip_rows(job: &Application<'_>, base: &FormStream) -> usize {
    let (scene, bands) = (job.scene, job.model.bands);
    let (width, middle) = (scene.columns.fine, scene.rows.fine / 2);
    let held = held_by_step(job);
    let bytes = |rows: usize| {
        let [pan, ms] = base.needs(middle..(middle + rows).min(scene.rows.fine));
        // One strip is read, one waits, one is computed, in DN and normalised; upsampled along x.
        let read = 4 * (pan.len() * width + ms.len() * scene.columns.coarse * bands);
        let wide = 2 * ms.len() * width * bands;
        let fused = 3 * rows * width * bands * (1 + usize::from(job.lms));
        4 * (read + wide + fused + held) as u64
    };
    let fits = (SMALLEST_STRIP..=LARGEST_STRIP).rev().step_by(SMALLEST_STRIP).find(|rows| bytes(*rows) <= job.memory);
    fits.unwrap_or(SMALLEST_STRIP)
}

/// Tiles of half the size, on a fresh device where this one has failed, which it stays; `None` where that
/// helps no more.
pub(super) fn smaller(device: &Device, tile: [usize; 2], error: &MethodError) -> Option<(Device, [usize; 2])> {
    let Device::Gpu(gpu) = device else { return None };
    let half = tile.map(|side| (side / 2).max(SMALLEST).min(side));
    let gpu = match error {
        MethodError::Engine(EngineError::Device { .. }) => gpu.reopen().ok()?,
        _ => gpu.clone(),
    };
    (half != tile).then_some((Device::Gpu(gpu), half))
}

/// Values that the consistency step holds back: rows of the image, and about as many of what is added to them.
fn held_by_step(job: &Application<'_>) -> usize {
    let (scene, idle) = (job.scene, job.model.nu.iter().all(Option::is_none));
    if idle { 0 } else { 2 * consistency::held_rows(scene.ratio()) * scene.columns.fine * job.model.bands }
}

/// Rows and columns of tiles that the memory holds: flat ones first, since strips are as wide as the scene.
pub(super) fn tile_size(job: &Application<'_>, dims: &Dims) -> [usize; 2] {
    let (width, bands) = (dims.columns.fine, dims.bands);
    let columns = LARGEST.min(width);
    let held = held_by_step(job);
    // Fused rows computed and handed on; the base under them; what the step is done with.
    let more = usize::from(job.model.start.is_some()) + usize::from(held > 0);
    let bytes = |rows: usize| {
        // Activations, images, their copies on the host.
        let tile = 4 * rows * columns * (job.model.shape().live_channels() + 6 * bands + 4);
        // Strips read, waiting and in work, in DN and normalised.
        let read = 1.0 + bands as f64 / (dims.rows.ratio * dims.rows.ratio) as f64;
        let fused = bands * (1 + usize::from(job.lms));
        let strip = (4.0 * (rows * width) as f64 * (4.0 * read + (2 + more) as f64 * fused as f64)) as usize;
        (tile + strip + 4 * held) as u64
    };
    let rows = (SMALLEST..=LARGEST).rev().step_by(8).find(|rows| bytes(*rows) <= job.memory).unwrap_or(SMALLEST);
    [rows.min(dims.rows.fine), columns]
}
