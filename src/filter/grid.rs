//! How two grids of different pixel size lie on each other.

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

    /// Fine position of the centre of a coarse pixel.
    pub fn fine_at(&self, coarse: usize) -> f64 {
        (self.ratio * coarse) as f64 + self.phase
    }

    /// Coarse position of the centre of a fine pixel.
    pub fn coarse_at(&self, fine: usize) -> f64 {
        (fine as f64 - self.phase) / self.ratio as f64
    }
}
