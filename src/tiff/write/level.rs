//! One level of the pyramid while its rows come in: a row of tiles at a time.

use super::{
    LevelSizes,
    values::{Halving, Quantiser},
};

/// A tile that is full.
pub(super) struct FullTile {
    /// Values as little-endian bytes, `[row, column, band]`.
    pub(super) values: Vec<u8>,
    /// One bit per pixel, 1 where valid, rows of whole bytes; `None` if all are.
    pub(super) mask: Option<Vec<u8>>,
}

/// An image of the pyramid: the full one or an overview.
pub(super) struct Level {
    geometry: LevelSizes,
    /// Rows taken so far.
    row: usize,
    /// The tiles that the next row goes into; none if it opens a row of tiles.
    tiles: Vec<FullTile>,
    /// Makes the rows of the next level.
    pub(super) halving: Option<Halving>,
}

impl Level {
    pub(super) fn new(geometry: LevelSizes, last: bool) -> Self {
        let halving = (!last).then(|| Halving::new(geometry.size, geometry.bands));
        Self { geometry, row: 0, tiles: Vec::new(), halving }
    }

    /// Takes a row of stored values, with its mask if one is to be written; gives the tiles that are
    /// full with it. Beyond the image a tile repeats its last column and row: differences of zero.
    pub(super) fn take(&mut self, row: &[f32], mask: Option<&[bool]>, quantiser: &Quantiser) -> Vec<FullTile> {
        let LevelSizes { size: [width, height], block: [columns, rows], pixel, bands } = self.geometry;
        let line = columns * pixel;
        let y = self.row % rows;
        if y == 0 {
            let empty = || FullTile { values: vec![0; rows * line], mask: None };
            self.tiles = (0..width.div_ceil(columns)).map(|_| empty()).collect();
        }
        for (i, tile) in self.tiles.iter_mut().enumerate() {
            let (left, right) = (i * columns, width.min((i + 1) * columns));
            let out = &mut tile.values[y * line..(y + 1) * line];
            quantiser.store(&row[left * bands..right * bands], out);
            let used = (right - left) * pixel;
            for x in used..line {
                out[x] = out[x - pixel];
            }
            let Some(mask) = mask else { continue };
            for (x, _) in mask[left..right].iter().enumerate().filter(|(_, valid)| !**valid) {
                let bits = tile.mask.get_or_insert_with(|| vec![0xff; rows * columns / 8]);
                bits[y * columns / 8 + x / 8] &= !(0x80 >> (x % 8));
            }
        }
        self.row += 1;
        if y + 1 < rows && self.row < height {
            return Vec::new();
        }
        for tile in &mut self.tiles {
            for below in y + 1..rows {
                tile.values.copy_within(y * line..(y + 1) * line, below * line);
            }
        }
        std::mem::take(&mut self.tiles)
    }

    /// Rows taken so far.
    pub(super) fn rows(&self) -> usize {
        self.row
    }
}
