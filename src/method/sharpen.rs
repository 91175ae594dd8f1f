//! The fused image of a scene of any size: strips of rows, tile by tile.
//!
//! A tile sees more of the scene than it gives, so that no pixel it gives depends on where the
//! tile was cut: the result is the same bytes whatever the tile size.

use std::ops::Range;

use super::config::Upsample;
use super::plans::{TilePlan, upsampling};
use super::{Dims, MethodError};
use crate::engine::{Device, Engine, Options, Timing};
use crate::filter::BandMatrix;
use crate::kernels::Step;
use crate::net::{self, FusionShape, Layer};

/// Tiles start at multiples of this: the CPU engine convolves in blocks of 4×4 whose rounding
/// depends on where they lie, and a device may use 8×8.
const ALIGN: usize = 8;

/// Pixels at the rim of a tile that are not given: the network makes others of them than in the whole.
fn halo(shape: FusionShape) -> usize {
    shape.rim().next_multiple_of(ALIGN)
}

/// A tile along one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileSpan {
    /// PAN pixels it sees.
    pub sees: Range<usize>,
    /// PAN pixels it gives.
    pub gives: Range<usize>,
    /// MS pixels it sees.
    pub ms: Range<usize>,
}

/// Cuts a part of an axis into tiles of one size that see about `size` pixels.
fn spans(up: &BandMatrix, part: Range<usize>, size: usize, halo: usize) -> Vec<TileSpan> {
    let len = up.output();
    // One size for all, such that one that ends with the axis starts aligned too.
    let stride = size.saturating_sub(2 * halo).max(ALIGN).next_multiple_of(ALIGN);
    let whole = part.len().next_multiple_of(ALIGN) + ALIGN;
    let size = (2 * halo + stride.min(whole) + len % ALIGN).min(len);
    let first = part.start.saturating_sub(halo) / ALIGN * ALIGN;
    let window = |start: usize| start.min(len - size)..start.min(len - size) + size;
    let mut sees = Vec::from([window(first)]);
    // The rim is not given, but where the axis ends.
    let gives = |s: &Range<usize>| if s.end == len { len } else { s.end - halo };
    while let Some(last) = sees.last().filter(|s| gives(s) < part.end) {
        sees.push(window(last.start + stride));
    }
    let support: Vec<_> = sees.iter().map(|s| up.support(s.clone()).unwrap_or(0..up.input)).collect();
    let ms_len = support.iter().map(Range::len).max().unwrap_or(0).max(up.taps[0].len()).min(up.input);
    let mut from = part.start;
    let place = |(sees, support): (Range<usize>, Range<usize>)| {
        let given = from..gives(&sees).min(part.end);
        from = given.end;
        let ms = support.start.min(up.input - ms_len);
        TileSpan { sees, gives: given, ms: ms..ms + ms_len }
    };
    sees.into_iter().zip(support).map(place).collect()
}

/// Applies trained weights to a scene.
pub struct Sharpener {
    rows: BandMatrix,
    columns: BandMatrix,
    row_spans: Vec<TileSpan>,
    column_spans: Vec<TileSpan>,
    tile: TilePlan,
    /// The network's weights, once for each side it looks from.
    sides: Vec<Vec<f32>>,
    /// What the network adds to each band is multiplied by this, if that is not in its weights.
    factors: Option<Vec<f32>>,
    engine: Box<dyn Engine>,
}

/// A trained network, ready to be applied.
#[derive(Clone, Copy)]
pub struct Network<'a> {
    /// Its sizes.
    pub shape: FusionShape,
    /// Its weights in PyTorch layout.
    pub layers: &'a [Layer],
    /// What it takes from a whole image: see [`FusionShape::statistics`].
    pub statistics: &'a [Vec<f32>],
    /// What it adds to each band is multiplied by this, if that is not in its weights; it then adds to a closed form.
    pub factors: Option<&'a [f64]>,
    /// Whether it adds to a closed form that is handed over, instead of upsampled MS.
    pub base: bool,
    /// From how many sides it looks at the scene: the result is the mean. At most
    /// [`TURNS`](crate::kernels::turn::TURNS).
    pub sides: usize,
}

impl Sharpener {
    /// For a part of a scene, rows and columns of PAN, in tiles that see about `tile` pixels of rows and
    /// columns.
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// If the program does not pass its own checks: a mistake of this crate.
    pub fn new(
        device: &Device,
        options: Options,
        dims: &Dims,
        upsample: Upsample,
        network: Network<'_>,
        part: [Range<usize>; 2],
        tile: [usize; 2],
    ) -> Result<Self, MethodError> {
        let [(rows, columns)] = <[_; 1]>::try_from(upsampling(upsample, dims.rows, dims.columns)).expect("one term");
        let Network { shape, layers, statistics, factors, base, sides } = network;
        let halo = halo(shape);
        let [row_part, column_part] = part;
        let cut = |up: &BandMatrix, part, size| {
            // A band around the end, as the codes' interpolator has it, needs the whole axis.
            let wraps = up.support(0..up.output()).is_none();
            let part = if wraps { 0..up.output() } else { part };
            spans(up, part, if wraps { up.output() } else { size }, halo)
        };
        let (row_spans, column_spans) = (cut(&rows, row_part, tile[0]), cut(&columns, column_part, tile[1]));
        let part = |up: &BandMatrix, span: &TileSpan| up.part(span.sees.clone(), span.ms.clone());
        let (y, x) = (part(&rows, &row_spans[0]), part(&columns, &column_spans[0]));
        let tile = TilePlan::build(&y, &x, shape, base)
            .unwrap_or_else(|errors| panic!("the program of a tile is wrong: {errors:?}"));
        let mut engine = device.load(tile.program.clone(), options)?;
        for (tensor, values) in tile.statistics.iter().zip(statistics) {
            engine.write(*tensor, values)?;
        }
        let sides = (0..sides).map(|side| net::import(&net::turned(shape, layers, side))).collect();
        let factors = factors.map(|factors| factors.iter().map(|factor| *factor as f32).collect());
        Ok(Self { rows, columns, row_spans, column_spans, tile, sides, factors, engine })
    }

    /// Time of every call that ran; see [`Engine::timings`].
    ///
    /// # Errors
    /// What the device reports.
    pub fn timings(&mut self) -> Result<Vec<Timing>, MethodError> {
        Ok(self.engine.timings()?)
    }

    /// The strips of rows to go through, from top to bottom.
    pub fn strips(&self) -> &[TileSpan] {
        &self.row_spans
    }

    /// The columns that a strip gives.
    pub fn columns(&self) -> Range<usize> {
        let [first, last] = [self.column_spans.first(), self.column_spans.last()];
        first.map_or(0, |s| s.gives.start)..last.map_or(0, |s| s.gives.end)
    }

    /// The upsampled and the fused pixels that a strip gives, `[rows, columns, C]` each. `pan [rows, W]`
    /// and `ms [rows, w, C]` are the rows it sees, normalised. Without `lms` the former are left out.
    ///
    /// # Errors
    /// What the device reports.
    pub fn strip(
        &mut self,
        strip: &TileSpan,
        pan: &[f32],
        ms: &[f32],
        base: Option<&[f32]>,
        lms: bool,
    ) -> Result<[Vec<f32>; 2], MethodError> {
        let bands = self.tile.ms.shape().c();
        let (pan_w, ms_w) = (self.columns.output(), self.columns.input);
        let given = self.columns();
        let mut out = [usize::from(lms), 1].map(|used| vec![0.0; used * strip.gives.len() * given.len() * bands]);
        let rows = self.rows.part(strip.sees.clone(), strip.ms.clone());
        for span in &self.column_spans {
            let columns = self.columns.part(span.sees.clone(), span.ms.clone());
            for (tensor, values) in self.tile.tables(&rows, &columns) {
                self.engine.write(tensor, &values)?;
            }
            self.engine.write(self.tile.pan, &cut(pan, pan_w, &span.sees))?;
            self.engine.write(self.tile.ms, &cut(ms, ms_w * bands, &(span.ms.start * bands..span.ms.end * bands)))?;
            let under = base.map(|base| cut(base, pan_w * bands, &(span.sees.start * bands..span.sees.end * bands)));
            if let (Some(to), Some(base)) = (self.tile.base, &under) {
                self.engine.write(to, base)?;
            }
            let calls = 0..self.tile.program.plan(self.tile.plan).calls.len();
            let mut mean: Vec<f32> = Vec::new();
            for weights in &self.sides {
                self.engine.write(self.tile.fusion.whole, weights)?;
                self.engine.run(self.tile.plan, calls.clone(), &Step::default())?;
                let hrms = self.engine.read(self.tile.hrms)?;
                if mean.is_empty() {
                    mean = hrms;
                } else {
                    mean.iter_mut().zip(hrms).for_each(|(sum, v)| *sum += v);
                }
            }
            if self.sides.len() > 1 {
                let share = 1.0 / self.sides.len() as f32;
                mean.iter_mut().for_each(|v| *v *= share);
            }
            if let (Some(factors), Some(base)) = (&self.factors, &under) {
                for (pixel, base) in mean.chunks_exact_mut(bands).zip(base.chunks_exact(bands)) {
                    let bands = pixel.iter_mut().zip(base).zip(factors);
                    bands.for_each(|((v, base), factor)| *v = base + factor * (*v - base));
                }
            }
            let lms = if lms { Some(self.engine.read(self.tile.lms)?) } else { None };
            for (out, image) in out.iter_mut().zip([lms, Some(mean)]) {
                let Some(image) = image else { continue };
                let within = |first: usize| (span.gives.start - first) * bands..(span.gives.end - first) * bands;
                let from = image.chunks_exact(span.sees.len() * bands).skip(strip.gives.start - strip.sees.start);
                for (to, from) in out.chunks_exact_mut(given.len() * bands).zip(from) {
                    to[within(given.start)].copy_from_slice(&from[within(span.sees.start)]);
                }
            }
        }
        Ok(out)
    }
}

/// Some columns of an image whose rows have `width` values.
pub(super) fn cut(image: &[f32], width: usize, columns: &Range<usize>) -> Vec<f32> {
    image.chunks_exact(width).flat_map(|row| &row[columns.clone()]).copied().collect()
}
