//! Rows of a scene as they are read, and what fuses them.

use std::ops::Range;

use super::Application;
use crate::classical::FormStream;
use crate::method::sharpen::TileSpan;
use crate::method::view::Hot;
use crate::method::{MethodError, Sharpener};
use crate::tiff::{Block, TiffError};

/// A strip as it is read.
pub(super) struct SceneStrip {
    pub(super) span: TileSpan,
    /// PAN `[n, W]`.
    pub(super) pan: Lines<f32>,
    /// MS `[m, w, C]`.
    pub(super) ms: Lines<f32>,
    /// Where the result is valid, all columns of the rows given.
    pub(super) valid: Option<Vec<bool>>,
    pub(super) ms_valid: Option<Lines<bool>>,
    /// What was taken off MS under the rows given.
    pub(super) hot: Vec<Hot>,
}

/// Some rows of an image.
pub(super) struct Lines<T> {
    first: usize,
    data: Vec<T>,
}

impl<T> Lines<T> {
    /// These rows of it, `width` values each.
    pub(super) fn rows(&self, rows: &Range<usize>, width: usize) -> &[T] {
        &self.data[(rows.start - self.first) * width..(rows.end - self.first) * width]
    }
}

impl SceneStrip {
    /// The rows it sees by a network.
    pub(super) fn sharpened(
        &self,
        sharpener: &mut Sharpener,
        base: Option<&FormStream>,
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
    pub(super) fn closed_form(&self, base: &FormStream, job: &Application<'_>) -> [Vec<f32>; 2] {
        let len = self.span.gives.len() * job.scene.columns.fine * job.model.bands;
        let (mut lms, mut fused) = (vec![0.0; if job.lms { len } else { 0 }], vec![0.0; len]);
        self.by_form(base, &self.span.gives, job, &mut lms, &mut fused);
        [lms, fused]
    }

    fn by_form(
        &self,
        base: &FormStream,
        rows: &Range<usize>,
        job: &Application<'_>,
        lms: &mut [f32],
        fused: &mut [f32],
    ) {
        let (pan_w, ms_w) = (job.scene.columns.fine, job.scene.columns.coarse * job.model.bands);
        let [pan, ms] = base.needs(rows.clone());
        base.rows(rows.clone(), self.pan.rows(&pan, pan_w), self.ms.rows(&ms, ms_w), lms, &mut [fused]);
    }
}

/// The rows that a strip sees, and validity of those it gives.
pub(super) fn read(job: &Application<'_>, base: Option<&FormStream>, span: TileSpan) -> Result<SceneStrip, TiffError> {
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
    Ok(SceneStrip { span, pan: lines(pan_rows, pan), ms: lines(ms_rows, ms), valid, ms_valid, hot })
}

/// Rows of an image `[height, width]` whose count goes on past the last one with the first.
pub(in crate::method) fn around(
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
