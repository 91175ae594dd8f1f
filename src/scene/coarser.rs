//! A scene degraded by its own ratio, rows on demand.

use std::ops::Range;

use super::{Image, Scene};
use crate::filter::{self, BandMatrix, Grid, Terms};
use crate::tiff::{Block, Header, TiffError};

/// PAN as far as a result over it is valid: where it is, and the MS pixel under its centre.
pub(super) struct Fusable<'a>(pub(super) &'a Scene<'a>);

impl Fusable<'_> {
    fn joint(&self, part: [Range<usize>; 2], pan: Option<&[bool]>) -> Result<Option<Vec<bool>>, TiffError> {
        let grids = [self.0.rows, self.0.columns];
        let over = [0, 1].map(|axis| part[axis].clone().map(|i| grids[axis].over(i)).collect::<Vec<_>>());
        // From the first to the last, in their order.
        let under = over.each_ref().map(|over| {
            let mut there = over.iter().flatten();
            there.next().map_or(0..0, |first| *first..there.next_back().unwrap_or(first) + 1)
        });
        if under.iter().any(Range::is_empty) {
            return Ok(Some(vec![false; over[0].len() * over[1].len()]));
        }
        let [rows, columns] = under;
        let ms = self.0.ms.validity(rows.clone(), columns.clone())?;
        let ms = ms.as_deref().map(|valid| (valid, columns.len(), [rows.start, columns.start]));
        Ok(joint(over.each_ref().map(|over| &over[..]), pan, ms))
    }
}

impl Image for Fusable<'_> {
    fn header(&self) -> &Header {
        self.0.pan()
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let Block { data, valid } = self.0.pan.block(rows.clone(), columns.clone())?;
        let valid = self.joint([rows, columns], valid.as_deref())?;
        Ok(Block { data, valid })
    }

    fn validity(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Option<Vec<bool>>, TiffError> {
        let pan = self.0.pan.validity(rows.clone(), columns.clone())?;
        self.joint([rows, columns], pan.as_deref())
    }
}

/// Where the result is valid at rows and columns of PAN that lie over these of MS, `None` where there are none. `ms`
/// has the validity of a part of MS, its width, and its first row and column.
pub(super) fn joint(
    [rows, columns]: [&[Option<usize>]; 2],
    pan: Option<&[bool]>,
    ms: Option<(&[bool], usize, [usize; 2])>,
) -> Option<Vec<bool>> {
    if pan.is_none() && ms.is_none() && rows.iter().chain(columns).all(Option::is_some) {
        return None;
    }
    let places = rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x))).enumerate();
    let at = |(i, (y, x)): (usize, (&Option<usize>, &Option<usize>))| {
        let (Some(y), Some(x)) = (y, x) else { return false };
        pan.is_none_or(|valid| valid[i])
            && ms.is_none_or(|(valid, width, [top, left])| valid[(y - top) * width + x - left])
    };
    Some(places.map(at).collect())
}

/// An image through an MTF onto a coarser grid. A pixel made of invalid ones is invalid.
struct CoarserImage<'a> {
    header: Header,
    /// The values before.
    image: &'a dyn Image,
    /// What tells which of them are valid.
    mask: Box<dyn Image + 'a>,
    /// Rows and columns after on those before.
    grids: [Grid; 2],
    /// Of each band.
    operators: Vec<Terms>,
}

impl<'a> CoarserImage<'a> {
    fn new(image: &'a dyn Image, mask: impl Image + 'a, grids: [Grid; 2], gains: &[f64]) -> Self {
        let [rows, columns] = grids;
        let header = Header { width: columns.coarse, height: rows.coarse, ..image.header().clone() };
        let operators = gains.iter().map(|gain| filter::degrade(*gain, rows, columns)).collect();
        Self { header, image, mask: Box::new(mask), grids, operators }
    }
}

impl Image for CoarserImage<'_> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let axes = |axis: fn(&(BandMatrix, BandMatrix)) -> &BandMatrix| self.operators.iter().flatten().map(axis);
        let union = |a: Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        let needs = |axis, part: &Range<usize>| axes(axis).map(|axis| axis.needs(part.clone())).reduce(union);
        let (under, beside) = (needs(|term| &term.0, &rows), needs(|term| &term.1, &columns));
        let (under, beside) = (under.unwrap_or(0..0), beside.unwrap_or(0..0));
        let part = |(y, x): &(BandMatrix, BandMatrix)| {
            (y.part(rows.clone(), under.clone()), x.part(columns.clone(), beside.clone()))
        };
        let operators: Vec<Terms> = self.operators.iter().map(|terms| terms.iter().map(part).collect()).collect();
        let before = self.image.block(under, beside.clone())?.data;
        let data = filter::apply(&before, beside.len(), &operators);
        Ok(Block { data, valid: self.validity(rows, columns)? })
    }

    fn validity(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Option<Vec<bool>>, TiffError> {
        let [fine_rows, fine_columns] =
            [(0, &rows), (1, &columns)].map(|(axis, part)| self.grids[axis].fine_over(part));
        if fine_rows.is_empty() || fine_columns.is_empty() {
            return Ok(None);
        }
        let valid = self.mask.validity(fine_rows.clone(), fine_columns.clone())?;
        Ok(valid.map(|valid| filter::covered_part(&valid, self.grids, [rows, columns], [fine_rows, fine_columns])))
    }
}

impl<'a> Scene<'a> {
    /// The scene degraded by its own ratio, in DN, so that fusing it should give back MS: PAN through its MTF onto
    /// the grid of MS, MS through its own onto the next grid of the same ratio and phase. A pixel made of invalid ones
    /// is invalid. Every read computes its rows; gaps should be [filled](Self::filled), for what they hold is filtered
    /// with the rest.
    pub fn coarser<'s>(&'s self, ms_gains: &[f64], pan_gain: f64) -> Scene<'s> {
        let grids = [self.rows, self.columns];
        let small = grids.map(|grid| grid.coarser());
        let pan = || CoarserImage::new(&*self.pan, Fusable(self), grids, &[pan_gain]);
        let ms = CoarserImage::new(&*self.ms, pan(), small, ms_gains);
        Scene::on_grids(pan(), ms, small)
    }

    /// The scene as a sensor with pixels so many times as large would have seen it: both images through their MTF onto
    /// grids coarser by `by`, PAN and MS lying on each other as before. Pixels that make no whole one are left out.
    pub(crate) fn shrunk<'s>(&'s self, by: usize, ms_gains: &[f64], pan_gain: f64) -> Scene<'s> {
        let [rows, columns] = [self.rows, self.columns].map(|grid| grid.shrunk(by));
        let pan_grids = [self.rows.fine, self.columns.fine].map(|fine| Grid::within(fine, by));
        let pan = CoarserImage::new(&*self.pan, Fusable(self), pan_grids, &[pan_gain]);
        Scene::on_grids(pan, shrunk(&*self.ms, by, ms_gains), [rows, columns])
    }
}

/// An image through its MTF onto a grid coarser by `by`; pixels that make no whole one are left out.
pub(crate) fn shrunk<'a>(image: &'a dyn Image, by: usize, gains: &[f64]) -> impl Image + 'a {
    let Header { width, height, .. } = *image.header();
    CoarserImage::new(image, image, [height, width].map(|side| Grid::within(side, by)), gains)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiff::{Raster, Sample};

    /// PAN 62 by 45 over MS of ratio 4 that leaves its last rows uncovered; gaps in both.
    fn images() -> ([Raster; 2], [Grid; 2]) {
        let image = |[height, width, bands]: [usize; 3], gap: fn(usize) -> bool| {
            let noise = |i: usize| ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53) as f32;
            let data = (0..height * width * bands).map(noise).collect();
            let valid = Some((0..height * width).map(|i| !gap(i)).collect());
            Raster { header: Header::new("memory.tif", Sample::F32, [width, height, bands]), data, valid }
        };
        let rows = Grid { ratio: 4, phase: 1.2, fine: 62, coarse: 14 };
        let columns = Grid { ratio: 4, phase: 1.5, fine: 45, coarse: 12 };
        let images = [image([62, 45, 1], |i| i == 1000 || i > 2700), image([14, 12, 3], |i| i == 20)];
        (images, [rows, columns])
    }

    /// Filtered whole, as the textbook has it.
    #[test]
    fn any_part_is_that_of_the_whole() {
        let ([pan, ms], [rows, columns]) = images();
        let gains = [0.3, 0.25, 0.35];
        let scene = Scene::on_grids(&pan, &ms, [rows, columns]);
        let [small_rows, small_columns] = [rows, columns].map(|grid| grid.coarser());
        let degrade = |gain: &f64, rows, columns| filter::degrade(*gain, rows, columns);
        let valid = scene.valid(0..rows.fine, pan.valid.as_deref(), 0, ms.valid.as_deref()).expect("there are gaps");
        let pan_valid = filter::covered(&valid, rows, columns);
        let ms_valid = filter::covered(&pan_valid, small_rows, small_columns);
        let pan = filter::apply(&pan.data, columns.fine, &[degrade(&0.15, rows, columns)]);
        let operators: Vec<Terms> = gains.iter().map(|gain| degrade(gain, small_rows, small_columns)).collect();
        let ms = filter::apply(&ms.data, columns.coarse, &operators);
        let header = |width, height, bands| Header::new("memory.tif", Sample::F32, [width, height, bands]);
        let wanted = [
            Raster { header: header(columns.coarse, rows.coarse, 1), data: pan, valid: Some(pan_valid) },
            Raster { header: header(small_columns.coarse, small_rows.coarse, 3), data: ms, valid: Some(ms_valid) },
        ];
        let coarser = scene.coarser(&gains, 0.15);
        assert_eq!([coarser.rows, coarser.columns], [small_rows, small_columns]);
        for (found, wanted) in coarser.images().into_iter().zip(&wanted) {
            let Header { width, height, .. } = wanted.header;
            assert_eq!(found.header(), &wanted.header);
            for rows in (0..height).flat_map(|y| (y + 1..=height).map(move |end| y..end)) {
                for columns in [0..width, 0..1, width - 2..width, 1..width - 1] {
                    let block = found.block(rows.clone(), columns.clone()).expect("in memory");
                    let wanted = Image::block(wanted, rows.clone(), columns.clone()).expect("in memory");
                    assert_eq!(block.data, wanted.data, "{rows:?} {columns:?}");
                    // A part without gaps may say so.
                    let all =
                        |valid: Option<Vec<bool>>| valid.unwrap_or_else(|| vec![true; rows.len() * columns.len()]);
                    assert_eq!(all(block.valid), all(wanted.valid), "{rows:?} {columns:?}");
                }
            }
        }
    }

    /// A plane stays a plane: pixels of PAN and of MS keep their places, relative to each other, at every scale.
    #[test]
    fn shrunk_images_lie_on_each_other_as_before() {
        let grid = Grid { ratio: 4, phase: 0.7, fine: 256, coarse: 64 };
        let plane = |side: usize, of_one: fn(f64) -> f64| {
            let values = (0..side * side).map(|i| (3.0 * of_one((i / side) as f64) + of_one((i % side) as f64)) as f32);
            let data = values.collect();
            Raster { header: Header::new("memory.tif", Sample::F32, [side, side, 1]), data, valid: None }
        };
        let (pan, ms) = (plane(256, |p| p), plane(64, |m| 4.0 * m + 0.7));
        let scene = Scene::on_grids(&pan, &ms, [grid; 2]);
        let once = scene.shrunk(2, &[0.3], 0.3).stored().expect("in memory");
        let twice = once.shrunk(2, &[0.3], 0.3).stored().expect("in memory");
        for (scene, scale) in [(&once, 2.0), (&twice, 4.0)] {
            assert_eq!(scene.rows.fine, 4 * scene.rows.coarse);
            // Far from the border, whose filters repeat what is there.
            let place = scene.rows.coarse / 2;
            let value = scene.read_ms(place..place + 1, place..place + 1).expect("in memory").data[0];
            let at = |p: f64| scale * (p + 0.5) - 0.5;
            let wanted = 4.0 * at(scene.rows.fine_at(place));
            assert!((f64::from(value) - wanted).abs() < 0.02, "{value} {wanted}");
            let middle = scene.rows.fine / 2;
            let value = scene.read_pan(middle..middle + 1, middle..middle + 1).expect("in memory").data[0];
            assert!((f64::from(value) - 4.0 * at(middle as f64)).abs() < 0.02, "{value}");
        }
    }

    #[test]
    fn filled_parts_are_those_of_the_whole() {
        let ([pan, ms], grids) = images();
        let scene = Scene::on_grids(&pan, &ms, grids);
        let filled = scene.filled().expect("there are values");
        assert_eq!(filled.warnings.len(), 2);
        for image in filled.images() {
            let whole = image.raster().expect("in memory");
            for rows in [0..whole.height, 3..5, 13..14] {
                let part = image.block(rows.clone(), 2..11).expect("in memory");
                let wanted = Image::block(&whole, rows, 2..11).expect("in memory");
                assert_eq!(part.data, wanted.data);
            }
            assert!(whole.valid.is_some_and(|valid| valid.contains(&false)), "gaps stay gaps");
        }
    }
}
