//! How two grids of different pixel size lie on each other.

use std::ops::Range;

/// One axis of a coarse grid on a fine one: the centre of coarse pixel k lies at fine position
/// `ratio · k + phase`, where whole numbers are centres of fine pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Fine pixels per coarse pixel.
    pub ratio: usize,
    /// Fine position of the centre of the first coarse pixel: `(ratio − 1) / 2` where both
    /// grids start at one edge (most sensors), 0 where they start at one centre (Landsat).
    pub phase: f64,
    /// Fine pixels.
    pub fine: usize,
    /// Coarse pixels.
    pub coarse: usize,
}

impl Grid {
    /// Grids that start at one edge, the coarse one just covering the fine.
    pub fn aligned(fine: usize, ratio: usize) -> Self {
        Self { ratio, phase: (ratio as f64 - 1.0) / 2.0, fine, coarse: fine.div_ceil(ratio) }
    }

    /// The coarse grid as the fine one of a grid that is coarser still, at the same ratio and phase.
    pub fn coarser(&self) -> Self {
        Self { fine: self.coarse, coarse: self.coarse.div_ceil(self.ratio), ..*self }
    }

    /// Grids that start at one edge, the coarse one of whole pixels within the fine.
    pub(crate) fn within(fine: usize, ratio: usize) -> Self {
        Self { coarse: fine / ratio, ..Self::aligned(fine, ratio) }
    }

    /// Both grids coarser by `by`, each from its own edge on: [`within`](Self::within).
    pub(crate) fn shrunk(&self, by: usize) -> Self {
        let (ratio, by_of) = (self.ratio as f64, by as f64);
        // Centres lie half a pixel from edges: p' = (p + ½) / by − ½ of either grid.
        let phase = ratio / 2.0 * (1.0 - 1.0 / by_of) + (self.phase + 0.5) / by_of - 0.5;
        Self { ratio: self.ratio, phase, fine: self.fine / by, coarse: self.coarse / by }
    }

    /// Fine position of the centre of a coarse pixel.
    pub(crate) fn fine_at(&self, coarse: usize) -> f64 {
        (self.ratio * coarse) as f64 + self.phase
    }

    /// Coarse position of the centre of a fine pixel.
    pub fn coarse_at(&self, fine: usize) -> f64 {
        (fine as f64 - self.phase) / self.ratio as f64
    }

    /// The coarse pixel a fine one has its centre in, if there is one; between two it is the inner one.
    pub fn over(&self, fine: usize) -> Option<usize> {
        let at = self.coarse_at(fine);
        let nearest = at.round().clamp(0.0, self.coarse as f64 - 1.0);
        // The same allowance for rounding as where common areas are found.
        ((at - nearest).abs() <= 0.5 + 1e-3).then_some(nearest as usize)
    }

    /// The fine pixels that have their centres in some coarse ones.
    pub(crate) fn fine_over(&self, coarse: &Range<usize>) -> Range<usize> {
        // No pixel reaches further than its side.
        let (first, last) = (self.fine_at(coarse.start), self.fine_at(coarse.end));
        let start = (first - self.ratio as f64).max(0.0) as usize;
        let end = (last.max(0.0) as usize).min(self.fine);
        let mut over = (start..end).filter(|i| self.over(*i).is_some_and(|k| coarse.contains(&k)));
        over.next().map_or(0..0, |first| first..over.next_back().unwrap_or(first) + 1)
    }
}

/// Coarse pixels `[h, w]` all of whose fine pixels are valid.
pub fn covered(valid: &[bool], rows: Grid, columns: Grid) -> Vec<bool> {
    covered_part(valid, [rows, columns], [0..rows.coarse, 0..columns.coarse], [0..rows.fine, 0..columns.fine])
}

/// [`covered`] for some rows and columns, by the validity of the fine rows and columns over them.
pub(crate) fn covered_part(
    valid: &[bool],
    [rows, columns]: [Grid; 2],
    [coarse_rows, coarse_columns]: [Range<usize>; 2],
    [fine_rows, fine_columns]: [Range<usize>; 2],
) -> Vec<bool> {
    let mut coarse = vec![true; coarse_rows.len() * coarse_columns.len()];
    for (i, line) in fine_rows.zip(valid.chunks_exact(fine_columns.len())) {
        for (j, _) in fine_columns.clone().zip(line).filter(|(_, valid)| !**valid) {
            if let (Some(y), Some(x)) = (rows.over(i), columns.over(j))
                && coarse_rows.contains(&y)
                && coarse_columns.contains(&x)
            {
                coarse[(y - coarse_rows.start) * coarse_columns.len() + x - coarse_columns.start] = false;
            }
        }
    }
    coarse
}
