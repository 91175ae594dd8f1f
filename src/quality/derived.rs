//! Images computed from other images, rows on demand.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Planar, Planes, QualityError};
use crate::filter::{MetricBlur, RADIUS, Terms};

/// First input position of one output, and its taps.
type OutputTaps<'a> = (usize, &'a [f64]);

/// An image through a separable operator: upsampled, shrunk, degraded.
pub struct ResampledImage<'a> {
    /// The image before.
    pub source: &'a dyn Planar,
    /// One operator per band, or one for all.
    pub operators: Vec<Terms>,
}

impl Planar for ResampledImage<'_> {
    fn size(&self) -> [usize; 3] {
        let (rows, columns) = &self.operators[0][0];
        [rows.output(), columns.output(), self.source.size()[2]]
    }

    fn load(&self) -> usize {
        let ([_, width, bands], (rows, _)) = (self.size(), &self.operators[0][0]);
        width * bands + self.source.load() * rows.input.div_ceil(rows.output())
    }

    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError> {
        let [_, width, bands] = self.size();
        // Which part of the source has a row. A circular border needs rows of both ends.
        let mut part_of = BTreeMap::new();
        for (vertical, _) in self.operators.iter().flatten() {
            for (start, taps) in rows.clone().map(|k| vertical.row(k)) {
                part_of.extend((start..start + taps.len()).map(|row| (row % vertical.input, 0)));
            }
        }
        let mut parts: Vec<Planes> = Vec::new();
        for run in part_of.keys().copied().collect::<Vec<_>>().chunk_by(|a, b| a + 1 == *b) {
            part_of.extend(run.iter().map(|row| (*row, parts.len())));
            parts.push(self.source.read(run[0]..run[run.len() - 1] + 1)?);
        }
        let horizontals: Vec<_> = self.operators.iter().map(|terms| along_x(terms, width)).collect();
        let source_width = self.source.size()[1];
        Ok(Planes::fill([width, bands], rows, |band, y, out| {
            let operator = band.min(self.operators.len() - 1);
            let mut line = vec![0.0; source_width];
            for ((vertical, _), horizontal) in self.operators[operator].iter().zip(&horizontals[operator]) {
                line.fill(0.0);
                let (start, taps) = vertical.row(y);
                for (t, tap) in taps.iter().enumerate() {
                    let row = (start + t) % vertical.input;
                    let source = parts[part_of[&row]].row(band, row);
                    line.iter_mut().zip(source).for_each(|(sum, v)| *sum += tap * v);
                }
                for (out, (start, taps)) in out.iter_mut().zip(horizontal) {
                    *out += match line.get(*start..start + taps.len()) {
                        Some(inside) => inside.iter().zip(*taps).map(|(v, tap)| v * tap).sum::<f64>(),
                        None => taps.iter().enumerate().map(|(t, tap)| tap * line[(start + t) % line.len()]).sum(),
                    };
                }
            }
        }))
    }
}

/// First input position and taps of the first `width` outputs along x, term by term.
fn along_x(terms: &Terms, width: usize) -> Vec<Vec<OutputTaps<'_>>> {
    terms.iter().map(|(_, x)| (0..width).map(|k| x.row(k)).collect()).collect()
}

/// An image blurred by the MTF that quality is measured with.
pub struct BlurredImage<'a> {
    /// The image before.
    pub source: &'a dyn Planar,
    /// The filter of each band.
    pub filters: Vec<MetricBlur>,
}

impl Planar for BlurredImage<'_> {
    fn size(&self) -> [usize; 3] {
        self.source.size()
    }

    fn load(&self) -> usize {
        let [_, width, bands] = self.size();
        width * bands + self.source.load()
    }

    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError> {
        let [height, width, bands] = self.size();
        let source = self.source.read(rows.start.saturating_sub(RADIUS)..(rows.end + RADIUS).min(height))?;
        Ok(Planes::fill([width, bands], rows, |band, y, out| {
            let image = |offset: isize| source.row(band, y.saturating_add_signed(offset).min(height - 1));
            self.filters[band].row(image, out);
        }))
    }
}

/// One band computed from the bands of each pixel.
pub struct PerPixel<'a> {
    /// The image before.
    pub source: &'a dyn Planar,
    /// From `[C]` to the value.
    pub value: &'a (dyn Fn(&[f64]) -> f64 + Sync),
}

impl Planar for PerPixel<'_> {
    fn size(&self) -> [usize; 3] {
        let [height, width, _] = self.source.size();
        [height, width, 1]
    }

    fn load(&self) -> usize {
        let [_, width, bands] = self.size();
        width * bands + self.source.load()
    }

    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError> {
        let [_, width, bands] = self.source.size();
        let source = self.source.read(rows.clone())?;
        Ok(Planes::fill([width, 1], rows, |_, y, out| {
            let mut pixel = vec![0.0; bands];
            for (x, out) in out.iter_mut().enumerate() {
                pixel.iter_mut().enumerate().for_each(|(band, v)| *v = source.row(band, y)[x]);
                *out = (self.value)(&pixel);
            }
        }))
    }
}

/// A part of an image.
pub struct CroppedImage<'a> {
    /// The whole image.
    pub source: &'a dyn Planar,
    /// Rows kept.
    pub rows: Range<usize>,
    /// Columns kept.
    pub columns: Range<usize>,
}

impl Planar for CroppedImage<'_> {
    fn size(&self) -> [usize; 3] {
        [self.rows.len(), self.columns.len(), self.source.size()[2]]
    }

    fn load(&self) -> usize {
        let [_, width, bands] = self.size();
        width * bands + self.source.load()
    }

    fn read(&self, rows: Range<usize>) -> Result<Planes, QualityError> {
        let [_, width, bands] = self.size();
        let top = self.rows.start;
        let source = self.source.read(top + rows.start..top + rows.end)?;
        Ok(Planes::fill([width, bands], rows, |band, y, out| {
            out.copy_from_slice(&source.row(band, top + y)[self.columns.clone()]);
        }))
    }
}
