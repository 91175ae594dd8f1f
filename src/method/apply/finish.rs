//! The end of fused rows: the consistency step, hot pixels, DN.

use std::collections::BTreeMap;
use std::ops::Range;

use super::strip::SceneStrip;
use super::{Application, FusedRows};
use crate::consistency;
use crate::method::sharpen::cut;

/// Brings fused strips to their end: the consistency step, DN, the columns wanted.
pub(super) struct Finisher<'a> {
    job: &'a Application<'a>,
    /// `None` where the step leaves every band alone.
    stream: Option<consistency::StepStream<'a>>,
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
    pub(super) fn new(job: &'a Application<'a>, step: &'a consistency::ConsistencyStep) -> Self {
        let stream = (!step.is_idle()).then(|| step.stream(job.part[0].clone()));
        let ms_end = stream.as_ref().map_or(0, |stream| stream.needs().ms.start);
        Self { job, stream, ms_end, lms: Vec::new(), hot: BTreeMap::new(), row: job.part[0].start }
    }

    /// Rows and columns of PAN that have to be fused: the step needs some around those wanted.
    pub(super) fn part(&self) -> [Range<usize>; 2] {
        match &self.stream {
            None => self.job.part.clone(),
            Some(stream) => [stream.needs().image.clone(), 0..self.job.scene.columns.fine],
        }
    }

    /// Takes a strip with its upsampled and fused rows, and gives those that are finished, wanted columns only.
    pub(super) fn finish(&mut self, strip: &mut SceneStrip, images: [Vec<f32>; 2]) -> FusedRows {
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
    fn corrected(&mut self, strip: &SceneStrip, [lms, hrms]: [Vec<f32>; 2]) -> FusedRows {
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
            return FusedRows { lms: restored(crop(lms)), hrms: restored(crop(hrms)), valid };
        };
        let needed = stream.needs().clone();
        let new = self.ms_end.max(strip.span.ms.start)..strip.span.ms.end.min(needed.ms.end);
        let new = new.start..new.end.max(new.start);
        self.ms_end = new.end;
        let done = stream.push(consistency::StripRows {
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
        FusedRows { lms: restored(lms), hrms: restored(hrms), valid: done.valid.as_deref().map(within) }
    }
}
