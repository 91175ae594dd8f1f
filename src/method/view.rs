//! A scene as the method reads it: in the unit it computes in, without gaps.

use std::ops::Range;

use crate::raster::{AROUND, Block, RasterError, Scale, Scene, fill, fill_near};

/// A scene with what its values are made into.
pub struct View<'a> {
    /// The scene.
    pub scene: &'a Scene<'a>,
    /// The unit of its values.
    pub scale: &'a Scale,
    /// Mean of PAN, then of each band of MS, in DN.
    pub means: &'a [f32],
    /// Whether gaps are filled with what is near, else with means.
    pub near: bool,
}

impl View<'_> {
    /// Some rows and columns of PAN, normalised; nodata replaced, whatever else is read with it, by the same values.
    ///
    /// # Errors
    /// What reading gives.
    pub fn pan(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, RasterError> {
        let header = self.scene.pan();
        let usual = self.scale.normalise_pan(&self.means[..1]);
        let read = |rows, columns| {
            let Block { data, valid } = self.scene.read_pan(rows, columns)?;
            Ok(Block { data: self.scale.normalise_pan(&data), valid })
        };
        self.filled([header.height, header.width], [rows, columns], &usual, read)
    }

    /// Some rows and columns of MS, likewise.
    ///
    /// # Errors
    /// What reading gives.
    pub fn ms(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, RasterError> {
        let header = self.scene.ms();
        let usual = self.scale.normalise(&self.means[1..]);
        let read = |rows, columns| {
            let Block { data, valid } = self.scene.read_ms(rows, columns)?;
            Ok(Block { data: self.scale.normalise(&data), valid })
        };
        self.filled([header.height, header.width], [rows, columns], &usual, read)
    }

    fn filled(
        &self,
        size: [usize; 2],
        part: [Range<usize>; 2],
        usual: &[f32],
        read: impl Fn(Range<usize>, Range<usize>) -> Result<Block, RasterError>,
    ) -> Result<Block, RasterError> {
        let [rows, columns] = part.clone();
        let mut block = read(rows, columns)?;
        let gaps = block.valid.as_ref().is_some_and(|valid| valid.contains(&false));
        if !self.near || !gaps {
            fill(&mut block.data, block.valid.as_deref(), usual);
            return Ok(block);
        }
        let [rows, columns] = [0, 1].map(|axis| {
            let Range { start, end } = part[axis];
            start.saturating_sub(AROUND[axis])..(end + AROUND[axis]).min(size[axis])
        });
        let mut wide = read(rows.clone(), columns.clone())?;
        if let Some(valid) = &wide.valid {
            fill_near(&mut wide.data, valid, columns.len(), usual);
        }
        let bands = usual.len();
        let within = part[1].start - columns.start..part[1].end - columns.start;
        let lines = wide.data.chunks_exact(columns.len() * bands).skip(part[0].start - rows.start);
        let lines = lines.take(part[0].len());
        block.data = lines.flat_map(|line| &line[within.start * bands..within.end * bands]).copied().collect();
        Ok(block)
    }
}
