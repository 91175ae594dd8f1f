//! Images without gaps.

use std::ops::Range;

use super::{AROUND, Image, fill_near};
use crate::tiff::{Block, Header, Raster, TiffError, Window};

/// An image whose invalid pixels hold what lies near, else the mean of their band: a fill value of −9999 enters no
/// statistics, no filter beside it and no training step. They stay invalid.
pub(super) struct FilledImage<'a> {
    pub(super) image: &'a dyn Image,
    /// Mean of each band.
    pub(super) means: Vec<f32>,
}

impl Image for FilledImage<'_> {
    fn header(&self) -> &Header {
        self.image.header()
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let Block { data, valid } = self.image.block(rows.clone(), columns.clone())?;
        if valid.is_none_or(|valid| !valid.contains(&false)) {
            return Ok(Block { data, valid: None });
        }
        let Header { width, height, .. } = *self.header();
        let around = |part: &Range<usize>, far: usize, end: usize| {
            part.start.saturating_sub(far)..part.end.saturating_add(far).min(end)
        };
        let (near_rows, near_columns) = (around(&rows, AROUND[0], height), around(&columns, AROUND[1], width));
        let Block { mut data, valid } = self.image.block(near_rows.clone(), near_columns.clone())?;
        if let Some(valid) = &valid {
            fill_near(&mut data, valid, near_columns.len(), &self.means);
        }
        let size = [near_columns.len(), near_rows.len(), self.means.len()];
        let near = Raster { header: Header::new(&self.header().path, self.header().sample, size), data, valid };
        let (x, y) = (columns.start - near_columns.start, rows.start - near_rows.start);
        Ok(near.block(Window { x, y, width: columns.len(), height: rows.len() }))
    }

    fn validity(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Option<Vec<bool>>, TiffError> {
        Ok(self.image.validity(rows, columns)?.filter(|valid| valid.contains(&false)))
    }

    fn in_file(&self, pixel: [usize; 2]) -> [usize; 2] {
        self.image.in_file(pixel)
    }
}
