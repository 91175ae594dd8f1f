//! What pairs teach, on disk: so many as there are take no memory.

use std::fs::File;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::filter::{self, Grid};
use crate::method::base::Lower;
use crate::method::example::Example;
use crate::method::learn::{TrainingSet, training_set};
use crate::method::plans::upsampling;
use crate::method::windows::WindowPlace;
use crate::method::{Config, Dims, MethodError};
use crate::scene::{Image, Scale, Scene, Survey};
use crate::tiff::{Bytes, TiffError};

/// What a pair is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To learn from.
    Train,
    /// To judge by.
    Validate,
}

/// One image of several channels on the disk, row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageFile {
    /// Where it begins, in values.
    start: u64,
    /// Rows and columns.
    pub size: [usize; 2],
}

/// Pairs to learn from and to judge by, all of one number of bands and one ratio: of each pixel PAN, upsampled MS, the
/// base, the truth and whether that is to count, in units of the pair's scale.
pub struct Corpus {
    file: File,
    /// Values written.
    len: u64,
    hash: Sha256,
    bands: usize,
    ratio: usize,
    pub(super) sheets: [Vec<ImageFile>; 2],
    /// Pairs to learn from.
    pub(super) pairs: usize,
}

impl Corpus {
    /// An empty one, in the system's folder for temporary files. The file has no name and goes with the process.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn new(bands: usize, ratio: usize) -> Result<Self, MethodError> {
        let file = tempfile::tempfile().map_err(failed)?;
        Ok(Self { file, len: 0, hash: Sha256::new(), bands, ratio, sheets: [Vec::new(), Vec::new()], pairs: 0 })
    }

    /// Channels of a sheet.
    fn channels(&self) -> usize {
        3 * self.bands + 2
    }

    /// Bands of MS.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// PAN pixels per MS pixel.
    pub fn ratio(&self) -> usize {
        self.ratio
    }

    /// Names what is in it.
    pub(super) fn digest(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds the windows of a pair that a training on it would see, one resolution lower, and with its truth `[H, W, C]`, in
    /// DN of MS, at its own, too.
    ///
    /// # Errors
    /// [`MethodError::Unlike`] of other bands, another ratio or a truth of another size; what reading, fitting or writing reports.
    pub fn add(
        &mut self,
        pair: (&Scene<'_>, &Survey, &Scale),
        truth: Option<&dyn Image>,
        config: &Config,
        purpose: Purpose,
    ) -> Result<(), MethodError> {
        self.add_lessons(true, pair, truth, config, purpose)
    }

    /// Adds the windows of a pair at its own resolution alone, whose truth is known.
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub(crate) fn add_known(
        &mut self,
        pair: (&Scene<'_>, &Survey, &Scale),
        truth: &dyn Image,
        config: &Config,
        purpose: Purpose,
    ) -> Result<(), MethodError> {
        self.add_lessons(false, pair, Some(truth), config, purpose)
    }

    /// At its own resolution, and if asked for one lower.
    fn add_lessons(
        &mut self,
        at_lower: bool,
        (scene, survey, scale): (&Scene<'_>, &Survey, &Scale),
        truth: Option<&dyn Image>,
        config: &Config,
        purpose: Purpose,
    ) -> Result<(), MethodError> {
        let unlike = |what, wanted: String, found: String| Err(MethodError::Unlike { what, wanted, found });
        let [wanted, found] = [(self.bands, self.ratio), (scene.ms().bands, scene.ratio())]
            .map(|(bands, ratio)| format!("{bands} bands at ratio {ratio}"));
        if wanted != found {
            return unlike("pair", wanted, found);
        }
        let set = training_set(scene, survey, scale, config)?;
        if let Some(truth) = truth {
            let header = truth.header();
            let text = |size: [usize; 2], bands: usize| format!("{}x{} pixels of {bands} bands", size[1], size[0]);
            let found = text([header.height, header.width], header.bands);
            let wanted = text([scene.rows.fine, scene.columns.fine], self.bands);
            if wanted != found {
                return unlike("truth", wanted, found);
            }
        }
        for (sample, place) in set.samples.iter().zip(&set.windows) {
            if at_lower {
                self.put(purpose, &lower(sample, &set))?;
            }
            if let Some(truth) = truth {
                self.put(purpose, &known(sample, &set, *place, truth)?)?;
            }
        }
        self.pairs += usize::from(purpose == Purpose::Train);
        Ok(())
    }

    fn put(&mut self, purpose: Purpose, lesson: &Taught) -> Result<(), MethodError> {
        let Taught { size, pan, images, counts } = lesson;
        let mut values = Vec::with_capacity(pan.len() * self.channels());
        for (i, (pan, counts)) in pan.iter().zip(counts).enumerate() {
            values.push(*pan);
            images.iter().for_each(|image| values.extend(&image[i * self.bands..][..self.bands]));
            values.push(f32::from(u8::from(*counts)));
        }
        let bytes = bytemuck::cast_slice::<f32, u8>(&values);
        self.file.write_all(bytes).map_err(failed)?;
        self.hash.update(bytes);
        self.sheets[purpose as usize].push(ImageFile { start: self.len, size: *size });
        self.len += values.len() as u64;
        Ok(())
    }

    /// A square part of a sheet, every channel on its own: PAN, upsampled MS, base, truth, weight, added to the lists.
    pub(super) fn patch(
        &self,
        sheet: &ImageFile,
        [row, column]: [usize; 2],
        side: usize,
        turn: usize,
        into: &mut [Vec<f32>; 5],
    ) -> Result<(), MethodError> {
        let (channels, bands) = (self.channels(), self.bands);
        let mut values = vec![0.0f32; side * side * channels];
        for (i, line) in values.chunks_exact_mut(side * channels).enumerate() {
            let at = sheet.start + (((row + i) * sheet.size[1] + column) * channels) as u64;
            self.file.fill(4 * at, bytemuck::cast_slice_mut(line)).map_err(failed)?;
        }
        for i in 0..side * side {
            let (mut y, mut x) = (i / side, i % side);
            if turn & 1 > 0 {
                (y, x) = (x, y);
            }
            if turn & 2 > 0 {
                y = side - 1 - y;
            }
            if turn & 4 > 0 {
                x = side - 1 - x;
            }
            let mut rest = &values[(y * side + x) * channels..][..channels];
            for (list, len) in into.iter_mut().zip([1, bands, bands, bands, 1]) {
                let (own, after) = rest.split_at(len);
                list.extend(own);
                rest = after;
            }
        }
        Ok(())
    }
}

/// What a window teaches at one resolution, in units of its scale.
struct Taught {
    size: [usize; 2],
    pan: Vec<f32>,
    /// Upsampled MS, base, truth, `[h, w, C]` each.
    images: [Vec<f32>; 3],
    /// Which pixels count.
    counts: Vec<bool>,
}

/// By Wald's protocol: everything one resolution lower, MS is the truth.
fn lower(sample: &Example, set: &TrainingSet) -> Taught {
    let Dims { rows, columns, .. } = set.dims;
    let Lower { pan, ms } = Lower::of(sample, &set.dims, &set.config);
    let lms = upsampled(&ms, [rows.coarser(), columns.coarser()], set);
    let base = sample.bases.as_ref().map_or_else(|| lms.clone(), |[_, reduced]| reduced.clone());
    let size = [rows.coarse, columns.coarse];
    let counts = counted(size, sample.weights.as_ref().map(|w| &w.reduced[..]), set.config.border);
    Taught { size, pan, images: [lms, base, sample.ms.clone()], counts }
}

/// At the pair's own resolution, whose truth is known.
fn known(sample: &Example, set: &TrainingSet, place: WindowPlace, truth: &dyn Image) -> Result<Taught, TiffError> {
    let Dims { rows, columns, .. } = set.dims;
    let lms = upsampled(&sample.ms, [rows, columns], set);
    let base = sample.bases.as_ref().map_or_else(|| lms.clone(), |[full, _]| full.clone());
    let [y, x] = [place.row, place.column].map(|at| at * rows.ratio);
    let block = truth.block(y..y + rows.fine, x..x + columns.fine)?;
    let truth = set.scale.normalise(&block.data);
    let size = [rows.fine, columns.fine];
    let mut counts = counted(size, sample.weights.as_ref().map(|w| &w.pan[..]), set.config.border * rows.ratio);
    if let Some(valid) = block.valid {
        counts.iter_mut().zip(valid).for_each(|(counts, valid)| *counts &= valid);
    }
    Ok(Taught { size, pan: sample.pan.clone(), images: [lms, base, truth], counts })
}

fn upsampled(ms: &[f32], [rows, columns]: [Grid; 2], set: &TrainingSet) -> Vec<f32> {
    let terms = upsampling(set.config.upsample, rows, columns);
    filter::apply(ms, columns.coarse, &vec![terms; set.dims.bands])
}

/// Valid pixels within a border, beyond which filters read what is not there.
fn counted([h, w]: [usize; 2], weights: Option<&[f32]>, border: usize) -> Vec<bool> {
    let inner = |at: usize, len: usize| at >= border && at + border < len;
    let counts = |i: usize| inner(i / w, h) && inner(i % w, w) && weights.is_none_or(|weights| weights[i] > 0.0);
    (0..h * w).map(counts).collect()
}

/// The file has no name: messages name its folder.
fn failed(source: io::Error) -> MethodError {
    TiffError::Write { path: std::env::temp_dir(), source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_what_was_put_in_seen_from_eight_sides() {
        let (size, bands) = ([5, 7], 2);
        let mut corpus = Corpus::new(bands, 4).expect("a temporary file");
        let pixels = size[0] * size[1];
        let numbers = |from: usize, len: usize| (from..from + len).map(|v| v as f32).collect::<Vec<_>>();
        let taught = |from: usize| Taught {
            size,
            pan: numbers(from, pixels),
            images: [1000, 2000, 3000].map(|at| numbers(at + from, pixels * bands)),
            counts: (0..pixels).map(|i| i % 3 > 0).collect(),
        };
        corpus.put(Purpose::Validate, &taught(0)).expect("room");
        corpus.put(Purpose::Train, &taught(100)).expect("room");
        let sheet = corpus.sheets[Purpose::Train as usize][0];
        let mut seen = Vec::new();
        for turn in 0..8 {
            let mut patch: [Vec<f32>; 5] = Default::default();
            corpus.patch(&sheet, [1, 2], 3, turn, &mut patch).expect("within");
            let [pan, lms, base, truth, weight] = &patch;
            let mut places: Vec<usize> = pan.iter().map(|v| *v as usize - 100).collect();
            for (k, place) in places.iter().enumerate() {
                for (image, at) in [(lms, 1000), (base, 2000), (truth, 3000)] {
                    let wanted = [0, 1].map(|b| (at + 100 + place * bands + b) as f32);
                    assert_eq!(image[k * bands..][..bands], wanted, "turn {turn}");
                }
                assert_eq!(weight[k] > 0.0, place % 3 > 0, "turn {turn}");
            }
            seen.push(pan.clone());
            places.sort_unstable();
            assert_eq!(places, [9, 10, 11, 16, 17, 18, 23, 24, 25], "turn {turn}");
        }
        seen.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
        seen.dedup();
        assert_eq!(seen.len(), 8, "all sides differ");
    }
}
