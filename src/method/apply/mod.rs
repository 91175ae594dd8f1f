//! Trained networks on a whole scene: strips are read, fused and handed on at the same time.

mod finish;
mod size;
mod strip;

use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use super::learn::lost;
use super::model::Model;
use super::sharpen::{Network, TileSpan};
use super::{Dims, MethodError, Sharpener, strips};
use crate::classical::FormStream;
use crate::engine::{Device, Options, Timing};
use crate::remedy::Note;
use crate::scene::Scene;
use crate::tiff::TiffError;
use finish::Finisher;
pub(super) use size::LARGEST_STRIP;
use size::{smaller, spans, strip_rows, tile_size};
pub(super) use strip::around;
use strip::{SceneStrip, read};

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
pub struct FusedRows {
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
pub type Sink<'a> = dyn FnMut(FusedRows) -> Result<(), TiffError> + Send + 'a;

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
    base: Option<&'a FormStream>,
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
        spans: Vec<TileSpan>,
        mut fuse: impl FnMut(&SceneStrip) -> Result<[Vec<f32>; 2], MethodError>,
    ) -> Result<(), MethodError> {
        let Self { job, base, finisher, sink, observe, done } = self;
        let compute = |mut strip: SceneStrip| {
            let images = fuse(&strip)?;
            let rows = finisher.finish(&mut strip, images);
            *done = strip.span.gives.end;
            Ok((*done, rows))
        };
        // The consistency step holds rows back.
        let mut some = |rows: FusedRows| if rows.hrms.is_empty() { Ok(()) } else { sink(rows) };
        strips::pass(spans, |span| read(job, *base, span), compute, &mut some, observe)
    }
}
