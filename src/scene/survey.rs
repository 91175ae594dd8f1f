//! One pass over a scene: ranges, means, nodata, and where there is texture to learn from.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{
    Scene, SceneError,
    fill::{self, Extremes},
    spread::Histogram,
};
use crate::remedy::Note;
use crate::tiff::{Block, Header, TiffError, translate};

/// PAN pixels of a cell's side.
const CELL: usize = 64;
/// Rows of PAN or MS that are read at once.
const ROWS: usize = 256;

/// A value this many times what 99.9 % do not exceed is a mistake: 16 bits leave room for 65,535 times the
/// least. Squares of what lies so far off fill the precision of every sum, or overflow.
const IMPOSSIBLE: f32 = 1e5;
/// Up to this share of the pixels are named one by one; more are an area, as of a fill value.
const FEW: f64 = 1e-3;

/// Share of the values at each end that may be hot pixels, glints, dead lines.
pub(super) const TAIL: f64 = 1e-3;

/// What one pass over a scene finds.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Smallest and largest valid value of PAN and of MS.
    pub ranges: [[f32; 2]; 2],
    /// What 99.9 % of the positive valid values of PAN and MS do not exceed, at most 6 % too large.
    pub high: f32,
    /// Between which values 99.8 % of the valid ones of PAN lie, and of MS, up to 1.6 % too wide at each end.
    pub spreads: [[f32; 2]; 2],
    /// Mean of the valid values of PAN, then of each band of MS.
    pub means: Vec<f32>,
    /// Invalid pixels of PAN and of MS.
    pub invalid: [usize; 2],
    /// Texture and validity by cells.
    pub cells: Cells,
    /// What the user should know of the values.
    pub warnings: Vec<Note>,
}

/// A grid of square cells over PAN.
#[derive(Debug, Clone)]
pub struct Cells {
    /// PAN pixels of a cell's side; the last ones may be cut.
    pub size: usize,
    /// Cells of a row.
    pub columns: usize,
    /// Cells of a column.
    pub rows: usize,
    /// Sum of squared differences between neighbouring valid pixels of PAN, per cell, row by row.
    pub texture: Vec<f64>,
    /// Pixels whose result is valid.
    pub valid: Vec<usize>,
}

/// Statistics of an image of C bands.
#[derive(Clone)]
struct ImageStatistics {
    extremes: Extremes,
    /// Sums of the bands.
    sums: Vec<f64>,
}

/// How many positive values there are of each size: exponent and four bits of the fraction make a bin.
#[derive(Clone)]
struct Sizes(Vec<u64>);

impl Default for Sizes {
    fn default() -> Self {
        Self(vec![0; 1 << 12])
    }
}

impl Sizes {
    /// Bits of a float below a bin's.
    const BELOW: u32 = 19;

    fn add(&mut self, value: f32) {
        if value > 0.0 {
            self.0[(value.to_bits() >> Self::BELOW) as usize] += 1;
        }
    }

    /// The upper end of the bin that holds a quantile.
    fn quantile(&self, share: f64) -> f32 {
        let mut below = share * self.0.iter().sum::<u64>() as f64;
        let holds = |count: &u64| {
            below -= *count as f64;
            below <= 0.0
        };
        let bin = self.0.iter().position(holds).unwrap_or(self.0.len() - 1);
        f32::from_bits(((bin as u32 + 1) << Self::BELOW) - 1)
    }
}

impl Survey {
    /// Goes through a scene once, strip by strip.
    ///
    /// # Errors
    /// [`SceneError::NoData`] and [`SceneError::Constant`] for images nothing can be learnt from;
    /// what reading gives.
    pub fn of(scene: &Scene<'_>) -> Result<Self, SceneError> {
        let (pan, ms) = (scene.pan(), scene.ms());
        let mut sizes = Sizes::default();
        let [mut pan_spread, mut ms_spread] = [Histogram::new(), Histogram::new()];
        let mut ms_values = ImageStatistics::new(ms.bands);
        let mut ms_valid: Option<Vec<bool>> = None;
        for rows in strips(ms.height) {
            let Block { data, valid } = scene.read_ms(rows.clone(), 0..ms.width)?;
            count(&data, valid.as_deref(), ms.width, &mut ms_values, &mut sizes);
            ms_spread.add(&data, valid.as_deref(), ms.bands);
            if let Some(valid) = valid {
                if ms_valid.is_none() {
                    let mut all = Vec::new();
                    let what = format!("which of {}x{} pixels are valid", ms.width, ms.height);
                    let room = all.try_reserve_exact(ms.width * ms.height);
                    room.map_err(|_| TiffError::too_large(&ms.path, what, ms.size()))?;
                    all.resize(ms.width * ms.height, true);
                    ms_valid = Some(all);
                }
                let Some(all) = &mut ms_valid else { continue };
                all[rows.start * ms.width..rows.end * ms.width].copy_from_slice(&valid);
            }
        }
        let mut pan_values = ImageStatistics::new(1);
        let mut pan_invalid = 0;
        let mut cells = Cells::new(pan.width, pan.height);
        for rows in strips(pan.height) {
            let Block { data, valid } = scene.read_pan(rows.clone(), 0..pan.width)?;
            count(&data, valid.as_deref(), pan.width, &mut pan_values, &mut sizes);
            pan_spread.add(&data, valid.as_deref(), 1);
            pan_invalid += valid.as_ref().map_or(0, |v| v.iter().filter(|v| !**v).count());
            let valid = scene.valid(rows.clone(), valid.as_deref(), 0, ms_valid.as_deref());
            cells.add(rows.start, pan.width, &data, valid.as_deref());
        }
        let ms_invalid = ms_valid.map_or(0, |v| v.iter().filter(|v| !**v).count());
        let mut warnings = Vec::new();
        let mut means = Vec::new();
        for (image, values, invalid) in [(pan, &pan_values, pan_invalid), (ms, &ms_values, ms_invalid)] {
            let pixels = image.width * image.height;
            if invalid == pixels {
                return Err(no_data(image));
            }
            let ranges = (0..image.bands).map(|band| values.extremes.range(band));
            if let Some((band, [value, _])) = ranges.enumerate().find(|(_, range)| range[0] == range[1]) {
                return Err(constant(image, band, value));
            }
            if invalid > 0 {
                let path = image.path.display();
                let stay = "pixels are nodata and stay nodata in the result";
                warnings.push(Note::from(format!("{path}: {invalid} of {pixels} {stay}")));
            }
            means.extend(values.sums.iter().map(|sum| (sum / (pixels - invalid) as f64) as f32));
        }
        if cells.valid.iter().all(|valid| *valid == 0) {
            return Err(no_data(if ms_invalid > 0 { ms } else { pan }));
        }
        warnings.extend(fill::warnings([pan, ms], [&pan_values, &ms_values].map(|values| values.extremes.fill())));
        let range = |bands: usize, values: &ImageStatistics| {
            let ranges = (0..bands).map(|band| values.extremes.range(band));
            ranges.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], r| [low.min(r[0]), high.max(r[1])])
        };
        let ranges = [range(1, &pan_values), range(ms.bands, &ms_values)];
        let high = sizes.quantile(0.999);
        for (of_ms, [low, top]) in [false, true].into_iter().zip(ranges) {
            if high.is_normal() && top.max(-low) > IMPOSSIBLE * high {
                refuse_few(scene, of_ms, high)?;
            }
        }
        let spreads =
            [0, 1].map(|i| [&pan_spread, &ms_spread][i].between(TAIL).map(|v| v.clamp(ranges[i][0], ranges[i][1])));
        Ok(Self { ranges, high, spreads, means, invalid: [pan_invalid, ms_invalid], cells, warnings })
    }
}

/// Names the first value that lies impossibly far off, if few do.
fn refuse_few(scene: &Scene<'_>, of_ms: bool, usual: f32) -> Result<(), SceneError> {
    let image = if of_ms { scene.ms() } else { scene.pan() };
    let (mut first, mut count) = (None, 0);
    for rows in strips(image.height) {
        let columns = 0..image.width;
        let block = if of_ms { scene.read_ms(rows.clone(), columns) } else { scene.read_pan(rows.clone(), columns) }?;
        for (i, pixel) in block.data.chunks_exact(image.bands).enumerate() {
            let is_valid = block.valid.as_ref().is_none_or(|valid| valid[i]);
            let Some(band) = pixel.iter().position(|v| v.abs() > IMPOSSIBLE * usual).filter(|_| is_valid) else {
                continue;
            };
            count += 1;
            first.get_or_insert((band, [rows.start + i / image.width, i % image.width], pixel[band]));
        }
    }
    match first {
        Some((band, place, value)) if f64::from(count) <= FEW * (image.width * image.height) as f64 => {
            let [row, column] = scene.in_file(of_ms, place).map(|i| i + 1);
            Err(SceneError::Outlier { path: image.path.clone(), band: band + 1, row, column, value, usual })
        }
        _ => Ok(()),
    }
}

impl ImageStatistics {
    fn new(bands: usize) -> Self {
        Self { extremes: Extremes::new(bands), sums: vec![0.0; bands] }
    }
}

fn strips(height: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..height).step_by(ROWS).map(move |start| start..(start + ROWS).min(height))
}

/// Adds rows of `[n, C]` values to the statistics: rows of pixels side by side, then one after the other, so
/// that the sums do not depend on the threads.
fn count(data: &[f32], valid: Option<&[bool]>, width: usize, all: &mut ImageStatistics, sizes: &mut Sizes) {
    const PIXELS: usize = 1 << 14;
    let c = all.sums.len();
    let parts: Vec<(ImageStatistics, Sizes)> = data
        .par_chunks(PIXELS * c)
        .enumerate()
        .map(|(k, values)| {
            let (mut part, mut sizes) = (ImageStatistics::new(c), Sizes::default());
            for (i, pixel) in values.chunks_exact(c).enumerate() {
                let at = k * PIXELS + i;
                if valid.is_none_or(|v| v[at]) {
                    let left = (!at.is_multiple_of(width)).then(|| &data[(at - 1) * c..at * c]);
                    part.extremes.add(pixel, left);
                    for (sum, v) in part.sums.iter_mut().zip(pixel) {
                        *sum += f64::from(*v);
                        sizes.add(*v);
                    }
                }
            }
            (part, sizes)
        })
        .collect();
    for (part, part_sizes) in parts {
        sizes.0.iter_mut().zip(part_sizes.0).for_each(|(all, count)| *all += count);
        all.extremes.merge(&part.extremes);
        all.sums.iter_mut().zip(part.sums).for_each(|(all, sum)| *all += sum);
    }
}

impl Cells {
    fn new(width: usize, height: usize) -> Self {
        let (columns, rows) = (width.div_ceil(CELL), height.div_ceil(CELL));
        Self { size: CELL, columns, rows, texture: vec![0.0; rows * columns], valid: vec![0; rows * columns] }
    }

    /// Adds rows of PAN from `first` on. Neighbours across two strips are left out.
    fn add(&mut self, first: usize, width: usize, data: &[f32], valid: Option<&[bool]>) {
        let is_valid = |i: usize| valid.is_none_or(|v| v[i]);
        let line = |y: usize| {
            let mut cells = vec![(0.0, 0); self.columns];
            for x in 0..width {
                let i = y * width + x;
                if !is_valid(i) {
                    continue;
                }
                let (texture, count) = &mut cells[x / CELL];
                *count += 1;
                for (neighbour, there) in [(i + 1, x + 1 < width), (i + width, i + width < data.len())] {
                    if there && is_valid(neighbour) {
                        *texture += f64::from(data[neighbour] - data[i]).powi(2);
                    }
                }
            }
            cells
        };
        let lines: Vec<Vec<(f64, usize)>> = (0..data.len() / width).into_par_iter().map(line).collect();
        for (y, line) in lines.into_iter().enumerate() {
            let row = (first + y) / CELL * self.columns;
            for (x, (texture, count)) in line.into_iter().enumerate() {
                self.texture[row + x] += texture;
                self.valid[row + x] += count;
            }
        }
    }
}

fn constant(image: &Header, band: usize, value: f32) -> SceneError {
    // As the file counts bands; transparency stays.
    let place = |band: usize| band + usize::from(image.alpha.is_some_and(|alpha| alpha <= band));
    let others: BTreeSet<usize> = (0..image.bands).filter(|b| *b != band).map(place).chain(image.alpha).collect();
    let fix = if image.bands == 1 {
        "choose another image or area".to_owned()
    } else if !image.others.is_empty() {
        "leave it or its file out".to_owned()
    } else {
        let mut options: Vec<_> = others.iter().map(|band| format!("-b {}", band + 1)).collect();
        // Three bands of bytes would become a picture, without transparency.
        options.extend(image.alpha.map(|_| "-co PHOTOMETRIC=MINISBLACK".to_owned()));
        format!("leave it out: {}", translate(&options.join(" "), &image.path))
    };
    SceneError::Constant { path: image.path.clone(), band: band + 1, value, fix }
}

fn no_data(image: &Header) -> SceneError {
    let fix = translate("-a_nodata none", &image.path);
    SceneError::NoData { path: image.path.clone(), nodata: image.nodata.unwrap_or_default(), fix }
}
