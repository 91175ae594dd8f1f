//! One axis of MS on PAN.

use std::ops::Range;

use crate::{filter::Grid, tiff::SAME};

/// Phases are multiples of this: rounding errors go, sums stay exact, and 1e-4 of a pixel is
/// nothing.
const PHASE_UNIT: f64 = 1.0 / 8192.0;

/// The centre of MS pixel k lies at PAN position `first + step · k`; whole numbers are centres of
/// PAN pixels.
pub(super) struct AxisMap {
    /// Position of the first MS pixel.
    pub(super) first: f64,
    /// From one to the next; negative where MS runs against PAN.
    pub(super) step: f64,
    /// PAN pixels.
    pub(super) fine: usize,
    /// MS pixels.
    pub(super) coarse: usize,
}

/// The common part of an axis.
pub(super) struct Overlap {
    /// PAN pixels to use.
    pub(super) pan: Range<usize>,
    /// Those of PAN with MS under their centre.
    pub(super) covered: Range<usize>,
    /// MS pixels to use, as the file counts them.
    pub(super) ms: Range<usize>,
    /// Whether they are to be reversed.
    pub(super) flip: bool,
    /// They, reversed or not, on the PAN pixels.
    pub(super) grid: Grid,
}

impl AxisMap {
    /// What an error of the step adds up to over the part of MS that can lie on PAN, in PAN pixels.
    pub(super) fn drift(&self, error: f64) -> f64 {
        error.abs() * (self.coarse as f64).min(self.fine as f64 / self.step.abs())
    }

    /// The edges of the common part, in PAN pixels from its first edge; none if the second is smaller.
    pub(super) fn common(&self) -> [f64; 2] {
        let start = self.first + 0.5 - 0.5 * self.step;
        let end = start + self.coarse as f64 * self.step;
        [start.min(end).max(0.0), start.max(end).min(self.fine as f64)]
    }

    /// The common part at a whole ratio, `None` if there is none; `all`: all of PAN.
    pub(super) fn place(&self, ratio: usize, all: bool) -> Option<Overlap> {
        let [low, high] = self.common();
        // Centres within the edges.
        let (low, high) = ((low - 0.5 - SAME).ceil().max(0.0), (high - 0.5 + SAME).floor());
        if low > high {
            return None;
        }
        let covered = low as usize..high as usize + 1;
        let flip = self.step < 0.0;
        let (step, start) = (self.step.abs(), self.first.min(self.first + self.step * (self.coarse as f64 - 1.0)));
        // The MS pixel over a PAN position; one that lies between two belongs to the inner one.
        let over = |at: f64, inwards: f64| {
            let k = ((at - start) / step + inwards).round();
            k.clamp(0.0, self.coarse as f64 - 1.0) as usize
        };
        let ms = over(low, SAME)..over(high, -SAME) + 1;
        let pan = if all { 0..self.fine } else { covered.clone() };
        // A step that is not quite the ratio: true in the middle.
        let middle = 0.5 * (ms.start + ms.end - 1) as f64;
        let drift = (step - ratio as f64) * (middle - ms.start as f64);
        let phase = start + step * ms.start as f64 + drift - pan.start as f64;
        let phase = (phase / PHASE_UNIT).round() * PHASE_UNIT;
        let grid = Grid { ratio, phase, fine: pan.len(), coarse: ms.len() };
        let ms = if flip { self.coarse - ms.end..self.coarse - ms.start } else { ms };
        Some(Overlap { pan, covered, ms, flip, grid })
    }
}
