//! Trained networks on a whole scene: strips are read, fused and handed on at the same time.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use super::learn::lost;
use super::model::Model;
use super::sharpen::{Network, Span, cut};
use super::view::Hot;
use super::{Dims, MethodError, Sharpener, strips};
use crate::classical::Stream;
use crate::consistency;
use crate::engine::{Device, EngineError, Options, Timing};
use crate::remedy::Note;
use crate::scene::Scene;
use crate::tiff::{Block, TiffError};

/// Largest side of a tile: an activation of 32 channels then fits in 128 MiB, the least binding that a
/// WebGPU device offers.
const LARGEST: usize = 1000;
/// Smallest side of a tile that is tried before a device is given up.
const SMALLEST: usize = 128;

/// What to apply to what, and where.
pub struct Application<'a> {
    /// The scene.
    pub scene: &'a Scene<'a>,
    /// The networks.
    pub model: &'a Model,
    /// Device.
    pub device: &'a Device,
    /// For the engine.
    pub options: Options,
    /// Rows and columns of PAN to fuse; the same bytes as in the whole.
    pub part: [Range<usize>; 2],
    /// Bytes that tiles and strips may take together.
    pub memory: u64,
    /// Whether upsampled MS is wanted too.
    pub lms: bool,
}

/// Some rows of the result, from the top.
pub struct Fused {
    /// Upsampled MS `[n, columns, C]` in DN, if wanted.
    pub lms: Vec<f32>,
    /// The fused image `[n, columns, C]` in DN, neither rounded nor clamped.
    pub hrms: Vec<f32>,
    /// Where it is valid, `[n, columns]`; `None`: everywhere.
    pub valid: Option<Vec<bool>>,
}

/// What a pass over a scene took.
pub struct Pass {
    /// Time from the first to the last row.
    pub time: Duration,
    /// Rows and columns of PAN that a tile sees.
    pub tile: [usize; 2],
    /// Time of every call that ran.
    pub timings: Vec<Timing>,
    /// What did not go as asked.
    pub notes: Vec<Note>,
}

/// Takes rows of the result, on another thread than the one that computes them.
pub type Sink<'a> = dyn FnMut(Fused) -> Result<(), TiffError> + Send + 'a;

/// A strip as it is read.
struct Strip {
    span: Span,
    /// PAN `[n, W]`.
    pan: Lines<f32>,
    /// MS `[m, w, C]`.
    ms: Lines<f32>,
    /// Where the result is valid, all columns of the rows given.
    valid: Option<Vec<bool>>,
    ms_valid: Option<Lines<bool>>,
    /// What was taken off MS under the rows given.
    hot: Vec<Hot>,
}

/// Some rows of an image.
struct Lines<T> {
    first: usize,
    data: Vec<T>,
}

impl<T> Lines<T> {
    /// These rows of it, `width` values each.
    fn rows(&self, rows: &Range<usize>, width: usize) -> &[T] {
        &self.data[(rows.start - self.first) * width..(rows.end - self.first) * width]
    }
}

/// Brings fused strips to their end: the consistency step, DN, the columns wanted.
struct Finisher<'a> {
    job: &'a Application<'a>,
    /// `None` where the step leaves every band alone.
    stream: Option<consistency::Stream<'a>>,
    /// Rows of MS handed to the step so far.
    ms_end: usize,
    /// Upsampled rows that wait for their fused ones.
    lms: Vec<f32>,
    /// What was taken off hot pixels, by row and column of MS.
    hot: BTreeMap<[usize; 2], Vec<f32>>,
    /// The next row to be finished.
    row: usize,
}

impl<'a> Finisher<'a> {
    fn new(job: &'a Application<'a>, step: &'a consistency::Step) -> Self {
        let stream = (!step.is_idle()).then(|| step.stream(job.part[0].clone()));
        let ms_end = stream.as_ref().map_or(0, |stream| stream.needs().ms.start);
        Self { job, stream, ms_end, lms: Vec::new(), hot: BTreeMap::new(), row: job.part[0].start }
    }

    /// Rows and columns of PAN that have to be fused: the step needs some around those wanted.
    fn part(&self) -> [Range<usize>; 2] {
        match &self.stream {
            None => self.job.part.clone(),
            Some(stream) => [stream.needs().image.clone(), 0..self.job.scene.columns.fine],
        }
    }

    /// Takes a strip with its upsampled and fused rows, and gives those that are finished, wanted columns only.
    fn finish(&mut self, strip: &mut Strip, images: [Vec<f32>; 2]) -> Fused {
        self.hot.extend(strip.hot.drain(..).map(|hot| (hot.at, hot.excess)));
        let mut rows = self.corrected(strip, images);
        self.give_back(&mut rows.hrms);
        rows
    }

    /// Adds what was taken off hot pixels of MS to the pixels of PAN under each, and to no others.
    fn give_back(&mut self, hrms: &mut [f32]) {
        let ([_, columns], scene, bands) = (&self.job.part, self.job.scene, self.job.model.bands);
        let rows = self.row..self.row + hrms.len() / (columns.len() * bands);
        self.row = rows.end;
        for ([y, x], excess) in &self.hot {
            // The PAN pixels that may lie over an MS pixel, whatever the phase.
            let near = |at: usize, all: &Range<usize>| {
                let ratio = scene.ratio();
                (ratio * at).saturating_sub(ratio).max(all.start)..(ratio * (at + 2)).min(all.end)
            };
            for row in near(*y, &rows).filter(|row| scene.rows.over(*row) == Some(*y)) {
                for column in near(*x, columns).filter(|column| scene.columns.over(*column) == Some(*x)) {
                    let at = ((row - rows.start) * columns.len() + column - columns.start) * bands;
                    hrms[at..at + bands].iter_mut().zip(excess).for_each(|(v, excess)| *v += excess);
                }
            }
        }
        self.hot.retain(|[y, _], _| scene.ratio() * (y + 2) > rows.end);
    }

    /// The rows that the consistency step is done with, in DN.
    fn corrected(&mut self, strip: &Strip, [lms, hrms]: [Vec<f32>; 2]) -> Fused {
        let columns = &self.job.part[1];
        let (pan_w, ms_w) = (self.job.scene.columns.fine, self.job.scene.columns.coarse);
        let bands = self.job.model.bands;
        let within = |valid: &[bool]| -> Vec<bool> {
            valid.chunks_exact(pan_w).flat_map(|row| &row[columns.clone()]).copied().collect()
        };
        let scale = &self.job.model.scale;
        let restored = |mut image: Vec<f32>| {
            scale.restore(&mut image);
            image
        };
        let wanted = columns.start * bands..columns.end * bands;
        let Some(stream) = &mut self.stream else {
            let whole = hrms.len() == strip.span.gives.len() * pan_w * bands && columns.len() < pan_w;
            let crop = |image: Vec<f32>| if whole { cut(&image, pan_w * bands, &wanted) } else { image };
            let valid = strip.valid.as_deref().map(within);
            return Fused { lms: restored(crop(lms)), hrms: restored(crop(hrms)), valid };
        };
        let needed = stream.needs().clone();
        let new = self.ms_end.max(strip.span.ms.start)..strip.span.ms.end.min(needed.ms.end);
        let new = new.start..new.end.max(new.start);
        self.ms_end = new.end;
        let done = stream.push(consistency::Strip {
            image: &hrms,
            valid: strip.valid.as_deref(),
            ms: strip.ms.rows(&new, ms_w * bands),
            ms_valid: strip.ms_valid.as_ref().map(|valid| valid.rows(&new, ms_w)),
        });
        // Rows above the wanted ones were fused for the step only.
        let above = self.job.part[0].start.saturating_sub(strip.span.gives.start).min(strip.span.gives.len());
        if self.job.lms {
            self.lms.extend(cut(&lms[above * pan_w * bands..], pan_w * bands, &wanted));
        }
        let hrms = cut(&done.image, pan_w * bands, &wanted);
        let lms: Vec<f32> = self.lms.drain(..if self.job.lms { hrms.len() } else { 0 }).collect();
        Fused { lms: restored(lms), hrms: restored(hrms), valid: done.valid.as_deref().map(within) }
    }
}

/// Fuses a part of a scene from top to bottom. `observe` hears how many rows are done and may break off.
/// A device that runs out of memory or stops answering gets smaller tiles, and at last the CPU takes over;
/// notes say so.
///
/// # Errors
/// What the device, reading or the sink reports; [`MethodError::Interrupted`].
pub fn apply(
    job: &Application<'_>,
    sink: &mut Sink<'_>,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Pass, MethodError> {
    let start = Instant::now();
    let (scene, model) = (job.scene, job.model);
    let dims = Dims { rows: scene.rows, columns: scene.columns, bands: model.bands };
    let step = model.consistency(&dims);
    let base = model.base(&dims)?;
    let mut strips = Strips { job, base: base.as_ref(), finisher: Finisher::new(job, &step), sink, observe, done: 0 };
    let [rows, columns] = strips.finisher.part();
    strips.done = rows.start;
    let (Some(layers), mut tile) = (model.scaled(), tile_size(job, &dims)) else {
        let base = base.as_ref().expect("without a network there is a closed form");
        let height = strip_rows(job, base);
        strips.run(spans(base, rows, height), |strip| Ok(strip.closed_form(base, job)))?;
        let tile = [height, dims.columns.fine];
        return Ok(Pass { time: start.elapsed(), tile, timings: Vec::new(), notes: Vec::new() });
    };
    let network = Network {
        shape: model.shape(),
        layers: &layers,
        statistics: &model.statistics,
        factors: model.factors(),
        base: base.is_some(),
        sides: model.sides,
    };
    let mut device = job.device.clone();
    let mut notes = Vec::new();
    loop {
        let part = [strips.done..rows.end, columns.clone()];
        let upsample = model.config.upsample;
        let result =
            Sharpener::new(&device, job.options, &dims, upsample, network, part, tile).and_then(|mut sharpener| {
                let spans = sharpener.strips().to_vec();
                strips.run(spans, |strip| strip.sharpened(&mut sharpener, base.as_ref(), job))?;
                sharpener.timings()
            });
        match result {
            Ok(timings) => return Ok(Pass { time: start.elapsed(), tile, timings, notes }),
            Err(error) if lost(&device, &error) => match smaller(&device, tile, &error) {
                Some(next) => {
                    (device, tile) = next;
                    let text = format!("{error}: went on with tiles of {}x{}", tile[1], tile[0]);
                    notes.push(Note::with(text, error.remedy()));
                }
                None => {
                    (device, tile) = (Device::cpu(0), tile_size(job, &dims));
                    notes.push(Note::with(format!("{error}: went on on the CPU"), error.remedy()));
                }
            },
            Err(error) => return Err(error),
        }
    }
}

/// The strips of a scene on their way from the files to the sink.
struct Strips<'a, 'b> {
    job: &'a Application<'a>,
    base: Option<&'a Stream>,
    finisher: Finisher<'a>,
    sink: &'b mut Sink<'b>,
    observe: &'b mut dyn FnMut(usize) -> ControlFlow<()>,
    /// Rows of PAN that are fused.
    done: usize,
}

impl Strips<'_, '_> {
    /// Goes through strips; `fuse` gives the upsampled and the fused rows of one.
    fn run(
        &mut self,
        spans: Vec<Span>,
        mut fuse: impl FnMut(&Strip) -> Result<[Vec<f32>; 2], MethodError>,
    ) -> Result<(), MethodError> {
        let Self { job, base, finisher, sink, observe, done } = self;
        let compute = |mut strip: Strip| {
            let images = fuse(&strip)?;
            let rows = finisher.finish(&mut strip, images);
            *done = strip.span.gives.end;
            Ok((*done, rows))
        };
        // The consistency step holds rows back.
        let mut some = |rows: Fused| if rows.hrms.is_empty() { Ok(()) } else { sink(rows) };
        strips::pass(spans, |span| read(job, *base, span), compute, &mut some, observe)
    }
}

impl Strip {
    /// The rows it sees by a network.
    fn sharpened(
        &self,
        sharpener: &mut Sharpener,
        base: Option<&Stream>,
        job: &Application<'_>,
    ) -> Result<[Vec<f32>; 2], MethodError> {
        let (pan_w, ms_w) = (job.scene.columns.fine, job.scene.columns.coarse * job.model.bands);
        let base = base.map(|base| {
            let mut fused = vec![0.0; self.span.sees.len() * pan_w * job.model.bands];
            self.by_form(base, &self.span.sees, job, &mut [], &mut fused);
            fused
        });
        let (pan, ms) = (self.pan.rows(&self.span.sees, pan_w), self.ms.rows(&self.span.ms, ms_w));
        let Some([pan_bounds, ms_bounds]) = job.model.scale.unit_bounds() else {
            return sharpener.strip(&self.span, pan, ms, base.as_deref(), job.lms);
        };
        // The network has not seen what is hot, though it may be trusted.
        let within =
            |image: &[f32], [low, high]: [f32; 2]| -> Vec<f32> { image.iter().map(|v| v.clamp(low, high)).collect() };
        sharpener.strip(&self.span, &within(pan, pan_bounds), &within(ms, ms_bounds), base.as_deref(), job.lms)
    }

    /// The rows it gives by a closed form alone, all columns.
    fn closed_form(&self, base: &Stream, job: &Application<'_>) -> [Vec<f32>; 2] {
        let len = self.span.gives.len() * job.scene.columns.fine * job.model.bands;
        let (mut lms, mut fused) = (vec![0.0; if job.lms { len } else { 0 }], vec![0.0; len]);
        self.by_form(base, &self.span.gives, job, &mut lms, &mut fused);
        [lms, fused]
    }

    fn by_form(&self, base: &Stream, rows: &Range<usize>, job: &Application<'_>, lms: &mut [f32], fused: &mut [f32]) {
        let (pan_w, ms_w) = (job.scene.columns.fine, job.scene.columns.coarse * job.model.bands);
        let [pan, ms] = base.needs(rows.clone());
        base.rows(rows.clone(), self.pan.rows(&pan, pan_w), self.ms.rows(&ms, ms_w), lms, &mut [fused]);
    }
}

/// Strips of so many rows for a closed form.
fn spans(base: &Stream, rows: Range<usize>, height: usize) -> Vec<Span> {
    let strip = |first: usize| {
        let sees = first..(first + height).min(rows.end);
        let [_, ms] = base.needs(sees.clone());
        Span { gives: sees.clone(), sees, ms }
    };
    rows.clone().step_by(height).map(strip).collect()
}

/// Rows of a strip for a closed form at most: fewer are computed with more rows around them, more gain nothing.
pub(super) const LARGEST_STRIP: usize = 256;
/// Rows of a strip for a closed form at least, whatever the memory.
const SMALLEST_STRIP: usize = 16;

/// Rows of a strip for a closed form such that those read, computed and handed on stay within the memory.
fn strip_rows(job: &Application<'_>, base: &Stream) -> usize {
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
fn smaller(device: &Device, tile: [usize; 2], error: &MethodError) -> Option<(Device, [usize; 2])> {
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
fn tile_size(job: &Application<'_>, dims: &Dims) -> [usize; 2] {
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

fn read(job: &Application<'_>, base: Option<&Stream>, span: Span) -> Result<Strip, TiffError> {
    let scene = job.scene;
    let (height, width) = ([scene.rows.fine, scene.rows.coarse], [scene.columns.fine, scene.columns.coarse]);
    let union = |a: &Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
    let [pan_rows, ms_rows] = match base.map(|stream| stream.needs(span.sees.clone())) {
        // A closed form that wraps around the border counts its rows on past the last one.
        Some([pan, ms]) if pan.end > height[0] || ms.end > height[1] => [pan, ms],
        Some([pan, ms]) => [union(&span.sees, pan), union(&span.ms, ms)],
        None => [span.sees.clone(), span.ms.clone()],
    };
    let view = job.model.view(scene);
    let Block { data: pan, valid: pan_valid } =
        around(pan_rows.clone(), [height[0], width[0]], |rows| view.pan(rows, 0..width[0]))?;
    let Block { data: ms, valid: ms_valid } =
        around(ms_rows.clone(), [height[1], width[1]], |rows| view.ms(rows, 0..width[1]))?;
    let above = |read: &Range<usize>, row: usize, height: usize| (row + height - read.start) % height;
    let first = above(&pan_rows, span.gives.start, height[0]) * width[0];
    let given = pan_valid.as_deref().map(|v| &v[first..first + span.gives.len() * width[0]]);
    let over = span.gives.clone().find_map(|row| scene.rows.over(row)).unwrap_or(ms_rows.start);
    let under = above(&ms_rows, over, height[1]) * width[1];
    let valid = scene.valid(span.gives.clone(), given, over, ms_valid.as_deref().map(|valid| &valid[under..]));
    let last = span.gives.clone().rev().find_map(|row| scene.rows.over(row));
    let hot = last.map_or(Ok(Vec::new()), |last| view.taken_off(over..last + 1))?;
    let lines = |rows: Range<usize>, data: Vec<f32>| Lines { first: rows.start, data };
    let ms_valid = ms_valid.map(|data| Lines { first: ms_rows.start, data });
    Ok(Strip { span, pan: lines(pan_rows, pan), ms: lines(ms_rows, ms), valid, ms_valid, hot })
}

/// Rows of an image `[height, width]` whose count goes on past the last one with the first.
pub(super) fn around(
    rows: Range<usize>,
    [height, width]: [usize; 2],
    read: impl Fn(Range<usize>) -> Result<Block, TiffError>,
) -> Result<Block, TiffError> {
    let mut block = read(rows.start..rows.end.min(height))?;
    if rows.end > height {
        let begin = read(0..rows.end - height)?;
        block.data.extend(begin.data);
        if block.valid.is_some() || begin.valid.is_some() {
            let all = |valid: Option<Vec<bool>>, rows: usize| valid.unwrap_or_else(|| vec![true; rows * width]);
            let mut valid = all(block.valid, height - rows.start);
            valid.extend(all(begin.valid, rows.end - height));
            block.valid = Some(valid);
        }
    }
    Ok(block)
}
