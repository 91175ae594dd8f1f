//! A scene as the method reads it: in the unit it computes in, without gaps.

use std::ops::Range;

use crate::filter::about;
use crate::scene::{AROUND, Scale, Scene, fill, fill_near};
use crate::tiff::{Block, TiffError};

/// A hot pixel is confirmed by a value that lies this share as far above the usual ones in the other image: the MTF
/// leaves 4 % of a pixel of PAN in one of MS at ratio 4.
const CONFIRMED: f32 = 0.04;

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
    /// Whether a hot pixel is left as it is where the other image is bright, too: a roof that mirrors the sun is
    /// fused, but not learnt from.
    pub trusting: bool,
}

impl View<'_> {
    /// Some rows and columns of PAN, normalised; nodata replaced and hot pixels cooled, whatever else is read with it,
    /// to the same values.
    ///
    /// # Errors
    /// What reading gives.
    pub fn pan(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let image = ImageView {
            size: [self.scene.pan().height, self.scene.pan().width],
            usual: self.scale.normalise_pan(&self.means[..1]),
            bounds: self.scale.bounds.map(|bounds| bounds[0]),
            read: |rows, columns| self.scene.read_pan(rows, columns),
            normalise: |dn: &[f32]| self.scale.normalise_pan(dn),
            trusted: |part: [Range<usize>; 2], data: &[f32]| self.trusted(false, part, data),
        };
        image.part([rows, columns], self.near)
    }

    /// Some rows and columns of MS, likewise.
    ///
    /// # Errors
    /// What reading gives.
    pub fn ms(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let image = ImageView {
            size: [self.scene.ms().height, self.scene.ms().width],
            usual: self.scale.normalise(&self.means[1..]),
            bounds: self.scale.bounds.map(|bounds| bounds[1]),
            read: |rows, columns| self.scene.read_ms(rows, columns),
            normalise: |dn: &[f32]| self.scale.normalise(dn),
            trusted: |part: [Range<usize>; 2], data: &[f32]| self.trusted(true, part, data),
        };
        image.part([rows, columns], self.near)
    }

    /// What [`ms`](Self::ms) took off hot pixels of some rows.
    ///
    /// # Errors
    /// What reading gives.
    pub(crate) fn taken_off(&self, rows: Range<usize>) -> Result<Vec<Hot>, TiffError> {
        let header = self.scene.ms();
        let (width, bands) = (header.width, header.bands);
        let Some([_, bounds]) = self.scale.bounds else { return Ok(Vec::new()) };
        if !is_hot(&self.scene.read_ms(rows.clone(), 0..width)?.data, bounds) {
            return Ok(Vec::new());
        }
        let first = rows.start.saturating_sub(1);
        let Block { data, valid } = self.scene.read_ms(first..(rows.end + 1).min(header.height), 0..width)?;
        let mut cooled = data.clone();
        let trusted = self.trusted(true, [first..first + data.len() / (width * bands), 0..width], &data)?;
        cool(&mut cooled, (valid.as_deref(), &trusted), width, bounds, bands);
        let pixels = data.chunks_exact(bands).zip(cooled.chunks_exact(bands)).enumerate();
        let hot = pixels.filter(|(_, (data, cooled))| data != cooled).map(|(i, (data, cooled))| Hot {
            at: [first + i / width, i % width],
            excess: data.iter().zip(cooled).map(|(data, cooled)| data - cooled).collect(),
        });
        Ok(hot.filter(|hot| rows.contains(&hot.at[0])).collect())
    }

    /// Which hot pixels of a part of MS, or of PAN, the other image confirms: it is as far above its own usual values
    /// about there, but for what a blur takes away.
    fn trusted(&self, of_ms: bool, part: [Range<usize>; 2], data: &[f32]) -> Result<Vec<bool>, TiffError> {
        let bands = [1, self.scene.ms().bands];
        let [own, its] = [usize::from(of_ms), usize::from(!of_ms)];
        let mut trusted = vec![false; data.len() / bands[own]];
        let (Some(usual), Some(bounds)) = (self.scale.usual(), self.scale.bounds) else { return Ok(trusted) };
        // The dark ones never are: the other image need not be read.
        if !self.trusting || data.iter().all(|v| *v <= bounds[own][1]) {
            return Ok(trusted);
        }
        let grids = [self.scene.rows, self.scene.columns];
        let about = [0, 1].map(|axis| about(grids[axis], of_ms)[part[axis].clone()].to_vec());
        let [rows, columns] = about.each_ref().map(|about| about[0].start..about[about.len() - 1].end);
        let other = match of_ms {
            true => self.scene.read_pan(rows.clone(), columns.clone())?,
            false => self.scene.read_ms(rows.clone(), columns.clone())?,
        };
        let above =
            |pixel: &[f32], [low, high]: [f32; 2]| pixel.iter().map(|v| (v - high) / (high - low)).fold(0.0, f32::max);
        let there = |y: usize, x: usize| {
            let i = (y - rows.start) * columns.len() + x - columns.start;
            let valid = other.valid.as_ref().is_none_or(|valid| valid[i]);
            if valid { above(&other.data[i * bands[its]..(i + 1) * bands[its]], usual[its]) } else { 0.0 }
        };
        let width = part[1].len();
        for (i, pixel) in data.chunks_exact(bands[own]).enumerate().filter(|(_, pixel)| is_hot(pixel, bounds[own])) {
            let (near_y, near_x) = (about[0][i / width].clone(), about[1][i % width].clone());
            let most = near_y.flat_map(|y| near_x.clone().map(move |x| (y, x))).map(|(y, x)| there(y, x));
            let most = most.fold(0.0, f32::max);
            let far = above(pixel, usual[own]);
            trusted[i] = far > 0.0 && most >= CONFIRMED * far;
        }
        Ok(trusted)
    }
}

/// A pixel of MS beyond the values that nearly all have.
pub(crate) struct Hot {
    /// Row and column.
    pub at: [usize; 2],
    /// What was taken off each band, in DN.
    pub(crate) excess: Vec<f32>,
}

/// An image as it is read.
struct ImageView<R, N, T> {
    size: [usize; 2],
    /// What stands in for nodata far from anything else, normalised.
    usual: Vec<f32>,
    /// Beyond these are hot pixels.
    bounds: Option<[f32; 2]>,
    read: R,
    normalise: N,
    /// Hot pixels to be left as they are.
    trusted: T,
}

impl<R, N, T> ImageView<R, N, T>
where
    R: Fn(Range<usize>, Range<usize>) -> Result<Block, TiffError>,
    N: Fn(&[f32]) -> Vec<f32>,
    T: Fn([Range<usize>; 2], &[f32]) -> Result<Vec<bool>, TiffError>,
{
    fn part(&self, part: [Range<usize>; 2], near: bool) -> Result<Block, TiffError> {
        let bands = self.usual.len();
        let Block { data, valid } = (self.read)(part[0].clone(), part[1].clone())?;
        let gaps = near && valid.as_ref().is_some_and(|valid| valid.contains(&false));
        if !gaps && !self.bounds.is_some_and(|bounds| is_hot(&data, bounds)) {
            let mut data = (self.normalise)(&data);
            fill(&mut data, valid.as_deref(), &self.usual);
            return Ok(Block { data, valid });
        }
        // A hot pixel takes the values of its neighbours, a gap those of pixels further off.
        let around = if gaps { AROUND.map(|far| far + 1) } else { [1; 2] };
        let [rows, columns] = [0, 1].map(|axis| {
            let Range { start, end } = part[axis];
            start.saturating_sub(around[axis])..(end + around[axis]).min(self.size[axis])
        });
        let mut wide = (self.read)(rows.clone(), columns.clone())?;
        if let Some(bounds) = self.bounds.filter(|bounds| is_hot(&wide.data, *bounds)) {
            let trusted = (self.trusted)([rows.clone(), columns.clone()], &wide.data)?;
            cool(&mut wide.data, (wide.valid.as_deref(), &trusted), columns.len(), bounds, bands);
        }
        let mut wide_data = (self.normalise)(&wide.data);
        match &wide.valid {
            Some(valid) if gaps => fill_near(&mut wide_data, valid, columns.len(), &self.usual),
            valid => fill(&mut wide_data, valid.as_deref(), &self.usual),
        }
        let within = part[1].start - columns.start..part[1].end - columns.start;
        let lines = wide_data.chunks_exact(columns.len() * bands).skip(part[0].start - rows.start);
        let lines = lines.take(part[0].len());
        let data = lines.flat_map(|line| &line[within.start * bands..within.end * bands]).copied().collect();
        Ok(Block { data, valid })
    }
}

fn is_hot(data: &[f32], [low, high]: [f32; 2]) -> bool {
    data.iter().any(|v| !(low..=high).contains(v))
}

/// Brings values of `[h, width, bands]` beyond bounds to the outermost of their eight neighbours, those brought
/// within the bounds: a single hot pixel becomes like its surroundings, a bright roof keeps the bound. Pixels that are
/// trusted stay.
fn cool(
    data: &mut [f32],
    (valid, trusted): (Option<&[bool]>, &[bool]),
    width: usize,
    bounds @ [low, high]: [f32; 2],
    bands: usize,
) {
    let known = data.to_vec();
    let height = data.len() / (width * bands);
    let is_valid = |i: usize| valid.is_none_or(|valid| valid[i]);
    for (i, pixel) in data.chunks_exact_mut(bands).enumerate() {
        if trusted[i] || !is_valid(i) || !is_hot(pixel, bounds) {
            continue;
        }
        let near = |at: usize, len: usize| at.saturating_sub(1)..(at + 2).min(len);
        let (rows, columns) = (near(i / width, height), near(i % width, width));
        let places = rows.flat_map(|y| columns.clone().map(move |x| y * width + x));
        let neighbours: Vec<usize> = places.filter(|k| *k != i && is_valid(*k)).collect();
        for (band, v) in pixel.iter_mut().enumerate() {
            let around = || neighbours.iter().map(|k| known[k * bands + band].clamp(low, high));
            if *v > high {
                *v = around().reduce(f32::max).unwrap_or(high);
            } else if *v < low {
                *v = around().reduce(f32::min).unwrap_or(low);
            }
        }
    }
}
