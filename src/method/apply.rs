//! Trained networks on a whole scene: strips are read, fused and handed on at the same time.

use std::ops::{ControlFlow, Range};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::fitted::Fitted;
use super::learn::lost;
use super::sharpen::{Network, Span, cut};
use super::{Dims, MethodError, Sharpener};
use crate::classical::Stream;
use crate::consistency;
use crate::engine::{Device, EngineError, Options, Timing};
use crate::raster::{Block, RasterError, Scene, fill};

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
    pub fitted: &'a Fitted,
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
pub struct Rows {
    /// Upsampled MS `[n, columns, C]` in DN, if wanted.
    pub lms: Vec<f32>,
    /// The fused image `[n, columns, C]` in DN, neither rounded nor clamped.
    pub hrms: Vec<f32>,
    /// Where it is valid, `[n, columns]`; `None`: everywhere.
    pub valid: Option<Vec<bool>>,
}

/// What applying took.
pub struct Applied {
    /// Time from the first to the last row.
    pub time: Duration,
    /// Rows and columns of PAN that a tile sees.
    pub tile: [usize; 2],
    /// Time of every call that ran.
    pub timings: Vec<Timing>,
    /// What did not go as asked.
    pub notes: Vec<String>,
}

/// Takes rows of the result, on another thread than the one that computes them.
pub type Sink<'a> = dyn FnMut(Rows) -> Result<(), RasterError> + Send + 'a;

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
}

impl<'a> Finisher<'a> {
    fn new(job: &'a Application<'a>, step: &'a consistency::Step) -> Self {
        let stream = (!step.is_idle()).then(|| step.stream(job.part[0].clone()));
        let ms_end = stream.as_ref().map_or(0, |stream| stream.needs().ms.start);
        Self { job, stream, ms_end, lms: Vec::new() }
    }

    /// Rows and columns of PAN that have to be fused: the step needs some around those wanted.
    fn part(&self) -> [Range<usize>; 2] {
        match &self.stream {
            None => self.job.part.clone(),
            Some(stream) => [stream.needs().image.clone(), 0..self.job.scene.columns.fine],
        }
    }

    /// Takes a strip with its upsampled and fused rows, and gives those that are finished, wanted columns only.
    fn finish(&mut self, strip: &Strip, [lms, hrms]: [Vec<f32>; 2]) -> Rows {
        let columns = &self.job.part[1];
        let (pan_w, ms_w) = (self.job.scene.columns.fine, self.job.scene.columns.coarse);
        let bands = self.job.fitted.bands;
        let within = |valid: &[bool]| -> Vec<bool> {
            valid.chunks_exact(pan_w).flat_map(|row| &row[columns.clone()]).copied().collect()
        };
        let scale = &self.job.fitted.scale;
        let restored = |mut image: Vec<f32>| {
            scale.restore(&mut image);
            image
        };
        let Some(stream) = &mut self.stream else {
            let valid = strip.valid.as_deref().map(within);
            return Rows { lms: restored(lms), hrms: restored(hrms), valid };
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
        let wanted = columns.start * bands..columns.end * bands;
        // Rows above the wanted ones were fused for the step only.
        let above = self.job.part[0].start.saturating_sub(strip.span.gives.start).min(strip.span.gives.len());
        if self.job.lms {
            self.lms.extend(cut(&lms[above * pan_w * bands..], pan_w * bands, &wanted));
        }
        let hrms = cut(&done.image, pan_w * bands, &wanted);
        let lms: Vec<f32> = self.lms.drain(..if self.job.lms { hrms.len() } else { 0 }).collect();
        Rows { lms: restored(lms), hrms: restored(hrms), valid: done.valid.as_deref().map(within) }
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
) -> Result<Applied, MethodError> {
    let start = Instant::now();
    let scene = job.scene;
    let dims = Dims { rows: scene.rows, columns: scene.columns, bands: job.fitted.bands };
    let mut tile = tile_size(job, &dims);
    let mut device = job.device.clone();
    let mut notes = Vec::new();
    let step = job.fitted.consistency(&dims);
    let mut finisher = Finisher::new(job, &step);
    let [rows, columns] = finisher.part();
    let mut done = rows.start;
    let layers = job.fitted.scaled();
    let base = job.fitted.base(&dims)?;
    loop {
        let part = [done..rows.end, columns.clone()];
        let fitted = job.fitted;
        let network =
            Network { shape: fitted.shape(), layers: &layers, base: base.is_some(), sides: fitted.sides };
        let upsample = job.fitted.config.upsample;
        let result =
            Sharpener::new(&device, job.options, &dims, upsample, network, part, tile).and_then(|mut sharpener| {
                run(job, base.as_ref(), &mut sharpener, &mut finisher, &mut done, sink, observe).and_then(|()| sharpener.timings())
            });
        match result {
            Ok(timings) => return Ok(Applied { time: start.elapsed(), tile, timings, notes }),
            Err(error) if lost(&device, &error) => match smaller(&device, tile, &error) {
                Some(next) => {
                    (device, tile) = next;
                    notes.push(format!("{error}: went on with tiles of {}x{}", tile[1], tile[0]));
                }
                None => {
                    (device, tile) = (Device::cpu(0), tile_size(job, &dims));
                    notes.push(format!("{error}: went on on the CPU"));
                }
            },
            Err(error) => return Err(error),
        }
    }
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

/// Rows and columns of tiles that the memory holds: flat ones first, since strips are as wide as the scene.
fn tile_size(job: &Application<'_>, dims: &Dims) -> [usize; 2] {
    let (width, bands) = (dims.columns.fine, dims.bands);
    let columns = LARGEST.min(width);
    let bytes = |rows: usize| {
        // Three activations of the hidden width, images, their copies on the host.
        let tile = 4 * rows * columns * (3 * job.fitted.config.width + 6 * bands + 4);
        // Strips read, waiting and in work, in DN and normalised; fused ones computed and handed on.
        let read = 1.0 + bands as f64 / (dims.rows.ratio * dims.rows.ratio) as f64;
        let fused = bands * (1 + usize::from(job.lms));
        let strip = (4.0 * (rows * width) as f64 * (4.0 * read + 2.0 * fused as f64)) as usize;
        (tile + strip) as u64
    };
    let rows = (SMALLEST..=LARGEST).rev().step_by(8).find(|rows| bytes(*rows) <= job.memory).unwrap_or(SMALLEST);
    [rows.min(dims.rows.fine), columns]
}

/// Goes through the strips of one sharpener; `done` counts the rows handed on.
fn run(
    job: &Application<'_>,
    base: Option<&Stream>,
    sharpener: &mut Sharpener,
    finisher: &mut Finisher<'_>,
    done: &mut usize,
    sink: &mut Sink<'_>,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), MethodError> {
    let strips = sharpener.strips().to_vec();
    std::thread::scope(|scope| {
        let (read, ready) = sync_channel(1);
        // Handed over: one strip is computed while the one before is taken, and none waits between.
        let (give, given) = sync_channel::<Rows>(0);
        scope.spawn(move || {
            for span in strips {
                // The other end is gone once something else has failed.
                if read.send(self::read(job, base, span)).is_err() {
                    break;
                }
            }
        });
        let writer = scope.spawn(move || given.into_iter().try_for_each(sink));
        let computed = compute(job, base, sharpener, finisher, &ready, done, |rows| give.send(rows).is_ok(), observe);
        drop((ready, give));
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Where the sink failed, that is why computing stopped.
        written?;
        computed
    })
}

fn compute(
    job: &Application<'_>,
    base: Option<&Stream>,
    sharpener: &mut Sharpener,
    finisher: &mut Finisher<'_>,
    ready: &Receiver<Result<Strip, RasterError>>,
    done: &mut usize,
    give: impl Fn(Rows) -> bool,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), MethodError> {
    for strip in ready {
        let strip = strip?;
        let (pan_w, ms_w) = (job.scene.columns.fine, job.scene.columns.coarse * job.fitted.bands);
        let Strip { span, .. } = &strip;
        let fused = base.map(|stream| {
            let [pan, ms] = stream.needs(span.sees.clone());
            let mut fused = vec![0.0; span.sees.len() * pan_w * job.fitted.bands];
            let (pan, ms) = (strip.pan.rows(&pan, pan_w), strip.ms.rows(&ms, ms_w));
            stream.rows(span.sees.clone(), pan, ms, &mut [], &mut [&mut fused]);
            fused
        });
        let (pan, ms) = (strip.pan.rows(&span.sees, pan_w), strip.ms.rows(&span.ms, ms_w));
        let images = sharpener.strip(span, pan, ms, fused.as_deref(), job.lms)?;
        let end = span.gives.end;
        let rows = finisher.finish(&strip, images);
        *done = end;
        if !rows.hrms.is_empty() && !give(rows) {
            break;
        }
        if observe(*done).is_break() {
            return Err(MethodError::Interrupted);
        }
    }
    Ok(())
}

fn read(job: &Application<'_>, base: Option<&Stream>, span: Span) -> Result<Strip, RasterError> {
    let scene = job.scene;
    let (pan_w, ms_w) = (scene.columns.fine, scene.columns.coarse);
    let union = |a: &Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
    let [pan_rows, ms_rows] = match base.map(|stream| stream.needs(span.sees.clone())) {
        Some([pan, ms]) => [union(&span.sees, pan), union(&span.ms, ms)],
        None => [span.sees.clone(), span.ms.clone()],
    };
    let Block { data: mut pan, valid: pan_valid } = scene.read_pan(pan_rows.clone(), 0..pan_w)?;
    let Block { data: mut ms, valid: ms_valid } = scene.read_ms(ms_rows.clone(), 0..ms_w)?;
    let means = &job.fitted.means;
    fill(&mut pan, pan_valid.as_deref(), &means[..1]);
    fill(&mut ms, ms_valid.as_deref(), &means[1..]);
    let first = (span.gives.start - pan_rows.start) * pan_w;
    let given = pan_valid.as_deref().map(|v| &v[first..first + span.gives.len() * pan_w]);
    let valid = scene.valid(span.gives.clone(), given, ms_rows.start, ms_valid.as_deref());
    let scale = &job.fitted.scale;
    let lines = |rows: Range<usize>, data: &[f32]| Lines { first: rows.start, data: scale.normalise(data) };
    let ms_valid = ms_valid.map(|data| Lines { first: ms_rows.start, data });
    Ok(Strip { span, pan: lines(pan_rows, &pan), ms: lines(ms_rows, &ms), valid, ms_valid })
}
