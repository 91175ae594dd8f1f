//! Whether two images are in one unit.

use std::ops::Range;

use super::{Planes, QualityError};

/// Largest factor between the values of two images of one place. The worst fused image is nearer;
/// reflectance against DN, or 8 bit against 11, is further.
const FACTOR: f64 = 4.0;

/// Root mean square of an image's valid values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RmsLevel {
    squares: f64,
    count: usize,
}

impl RmsLevel {
    /// Adds some rows, row by row.
    pub(super) fn add(&mut self, planes: &Planes, rows: Range<usize>) {
        for band in 0..planes.bands() {
            for y in rows.clone() {
                let valid = planes.row(band, y).iter().filter(|v| v.is_finite());
                let (squares, count) = valid.fold((0.0, 0), |(sum, count), v| (sum + v * v, count + 1));
                self.squares += squares;
                self.count += count;
            }
        }
    }

    fn value(self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }
}

/// Checks that an image and what it is compared with are not blank and in one unit; gives the quotient of
/// their levels. Images without a valid pixel are in any unit.
pub(super) fn same_unit(levels: [RmsLevel; 2], [what, reference]: [&'static str; 2]) -> Result<f64, QualityError> {
    if levels.iter().any(|level| level.count == 0) {
        return Ok(1.0);
    }
    let [found, wanted] = levels.map(RmsLevel::value);
    for (level, what) in [(found, what), (wanted, reference)] {
        if level == 0.0 {
            return Err(QualityError::Blank { what });
        }
    }
    if found.max(wanted) > FACTOR * found.min(wanted) {
        return Err(QualityError::Unit { what, found, reference, wanted });
    }
    Ok(found / wanted)
}
