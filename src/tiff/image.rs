//! One image of a file, read window by window: chunks decoded in parallel, the latest kept.

use std::{
    collections::HashMap,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rayon::prelude::*;

use super::{
    Sample, Window,
    error::{TiffError, translate},
    input::Input,
    storage::Storage,
};

/// Bytes of decoded chunks that are held at once on behalf of one read, unless one row of chunks is
/// more: enough to keep all cores busy.
const BATCH: u64 = 32 << 20;
/// Most bytes of them, unless another limit is set. One row of chunks that is more is decoded in parts, and again for
/// the next rows.
const LIMIT: u64 = 1 << 30;

/// One image of a file.
pub(super) struct TiffImage {
    input: Arc<Input>,
    pub(super) storage: Storage,
    /// Bytes of decoded chunks that may be held.
    pub(super) limit: u64,
    cache: Mutex<ChunkCache>,
}

/// Chunks by their number, each with the time of its last use.
#[derive(Default)]
struct ChunkCache {
    chunks: HashMap<usize, (u64, Chunk)>,
    clock: u64,
}

/// A decoded chunk; `None` where the file leaves it out.
type Chunk = Arc<Option<Vec<u8>>>;

/// Where the values of one band go: that of pixel p to `p * stride + at` of the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct BandSlot {
    /// Band of the file.
    pub(super) band: usize,
    pub(super) at: usize,
    /// The value where the file leaves a chunk out.
    pub(super) fill: f32,
}

impl TiffImage {
    pub(super) fn new(input: Arc<Input>, storage: Storage) -> Self {
        Self { input, storage, limit: LIMIT, cache: Mutex::default() }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.input.path
    }

    /// Forgets what was decoded.
    pub(super) fn forget(&self) {
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = ChunkCache::default();
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.input.size
    }

    /// Reads bands of a window that lies within the image into `[h, w, stride]` values.
    pub(super) fn read(
        &self,
        window: Window,
        slots: &[BandSlot],
        mut out: &mut [f32],
        stride: usize,
    ) -> Result<(), TiffError> {
        let storage = &self.storage;
        let [cw, ch] = storage.chunk;
        let columns = window.x / cw..(window.x + window.width).div_ceil(cw);
        let planes: Vec<usize> = if storage.planar { slots.iter().map(|slot| slot.band).collect() } else { vec![0] };
        let cells: Vec<(usize, usize)> =
            columns.flat_map(|column| (0..planes.len()).map(move |plane| (column, plane))).collect();
        let bytes = storage.chunk_bytes().max(1);
        if bytes > self.limit {
            return Err(self.beyond_limit());
        }
        let batch = (BATCH / bytes.saturating_mul(cells.len() as u64)).max(1) as usize;
        // What was remembered is held, too, until it is forgotten; so is what was fetched, until it is decoded.
        let shares = if self.input.is_remote() { 3 } else { 2 };
        let group = (self.limit / shares / bytes).max(1) as usize;
        let (first, last) = (window.y / ch, (window.y + window.height).div_ceil(ch));
        let mut top = window.y;
        for start in (first..last).step_by(batch) {
            let rows = start..(start + batch).min(last);
            let bottom = (rows.end * ch).min(window.y + window.height);
            let (part, rest) = out.split_at_mut((bottom - top) * window.width * stride);
            for cells in cells.chunks(group) {
                let wanted: Vec<usize> = rows
                    .clone()
                    .flat_map(|row| cells.iter().map(move |(column, plane)| (row, *column, *plane)))
                    .map(|(row, column, plane)| storage.index(planes[plane], row, column))
                    .collect();
                let chunks = self.chunks(&wanted)?;
                part.par_chunks_mut(window.width * stride).enumerate().for_each(|(i, line)| {
                    let y = top + i;
                    let row = &chunks[(y / ch - rows.start) * cells.len()..];
                    for ((column, plane), chunk) in cells.iter().zip(row) {
                        let left = window.x.max(column * cw);
                        let right = (window.x + window.width).min((column + 1) * cw);
                        let line = &mut line[(left - window.x) * stride..(right - window.x) * stride];
                        let slots = if storage.planar { &slots[*plane..=*plane] } else { slots };
                        for slot in slots {
                            let band = if storage.planar { 0 } else { slot.band };
                            let out = line.iter_mut().skip(slot.at).step_by(stride);
                            match &**chunk {
                                None => out.for_each(|v| *v = slot.fill),
                                Some(values) => {
                                    let samples = storage.coding.samples;
                                    let first = ((y % ch) * cw + left - column * cw) * samples + band;
                                    convert(storage.coding.sample, values, first, samples, out);
                                }
                            }
                        }
                    }
                });
            }
            (out, top) = (rest, bottom);
        }
        Ok(())
    }

    /// The error of chunks that are larger than all that may be held.
    fn beyond_limit(&self) -> TiffError {
        let (path, bytes, limit) = (self.input.path.clone(), self.storage.chunk_bytes(), self.limit);
        TiffError::Chunk { bytes, limit, fix: translate("-co TILED=YES", &path), path }
    }

    /// The chunks of these numbers, decoded or remembered.
    fn chunks(&self, wanted: &[usize]) -> Result<Vec<Chunk>, TiffError> {
        let known: Vec<Option<Chunk>> = {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.iter().map(|index| cache.find(*index)).collect()
        };
        let new = wanted.iter().zip(&known).filter(|(_, known)| known.is_none());
        let parts: Vec<Range<u64>> = new.filter_map(|(index, _)| self.storage.place(*index)).collect();
        let fetched = self.input.fetch(&parts)?;
        let input = fetched.as_ref().unwrap_or(&self.input);
        let chunks: Vec<Chunk> = wanted
            .par_iter()
            .zip(known)
            .map(|(index, known)| match known {
                Some(chunk) => Ok(chunk),
                None => self.storage.decode(input, *index).map(Arc::new),
            })
            .collect::<Result<_, _>>()?;
        // What the next rows or the next tile of a sweep may share with this one: a batch of it.
        let bytes = self.storage.chunk_bytes().max(1);
        let room = wanted.len().max((BATCH.min(self.limit / 2) / bytes) as usize);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.keep(wanted.iter().copied().zip(chunks.iter().cloned()), room);
        Ok(chunks)
    }
}

impl ChunkCache {
    fn find(&mut self, index: usize) -> Option<Chunk> {
        self.clock += 1;
        let (used, chunk) = self.chunks.get_mut(&index)?;
        *used = self.clock;
        Some(chunk.clone())
    }

    /// Adds chunks and forgets those that were used longest ago, down to `room`.
    fn keep(&mut self, new: impl Iterator<Item = (usize, Chunk)>, room: usize) {
        for (index, chunk) in new {
            self.clock += 1;
            self.chunks.insert(index, (self.clock, chunk));
        }
        if self.chunks.len() > room {
            let mut used: Vec<u64> = self.chunks.values().map(|(used, _)| *used).collect();
            used.sort_unstable();
            let oldest = used[used.len() - room];
            self.chunks.retain(|_, (used, _)| *used >= oldest);
        }
    }
}

/// Every `step`-th value from the `first` on, as f32.
fn convert<'a>(sample: Sample, bytes: &[u8], first: usize, step: usize, out: impl Iterator<Item = &'a mut f32>) {
    fn each<'a, const N: usize>(
        bytes: &[u8],
        first: usize,
        step: usize,
        out: impl Iterator<Item = &'a mut f32>,
        value: impl Fn([u8; N]) -> f32,
    ) {
        let (values, _) = bytes.as_chunks::<N>();
        values[first..].iter().step_by(step).zip(out).for_each(|(v, out)| *out = value(*v));
    }
    match sample {
        Sample::U8 => each::<1>(bytes, first, step, out, |[v]| v.into()),
        Sample::U16 => each::<2>(bytes, first, step, out, |v| u16::from_ne_bytes(v).into()),
        Sample::I16 => each::<2>(bytes, first, step, out, |v| i16::from_ne_bytes(v).into()),
        Sample::F32 => each::<4>(bytes, first, step, out, f32::from_ne_bytes),
    }
}
