//! Parts of a fused pair small enough to look at: the whole, averaged, and the busiest place at full resolution.

use rayon::prelude::*;

use crate::report::picture::PictureError;
use crate::tiff::Raster;

/// Side of the squares in which texture is measured, px.
const BLOCK: usize = 16;
/// Texture of one square counts up to so many times the median: a single bright roof is not a busy place.
const OUTSTANDING: f64 = 3.0;

/// The images of a pair on PAN's grid, in DN.
#[derive(Clone, Copy)]
pub struct Images<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bands of `lms` and `fused`.
    pub bands: usize,
    /// PAN `[H, W]`.
    pub pan: &'a [f32],
    /// Upsampled MS `[H, W, C]`.
    pub lms: &'a [f32],
    /// Fused image `[H, W, C]`.
    pub fused: &'a [f32],
    /// `[H, W]`: false where there are no data; `None`: all valid.
    pub valid: Option<&'a [bool]>,
}

impl<'a> Images<'a> {
    /// `pan` with its size, and on its grid `lms` and `fused` `[H, W, C]` and `valid` `[H, W]`.
    ///
    /// # Errors
    /// [`PictureError::Shape`] if one of them has another size.
    pub fn new(
        pan: &'a Raster,
        bands: usize,
        lms: &'a [f32],
        fused: &'a [f32],
        valid: Option<&'a [bool]>,
    ) -> Result<Self, PictureError> {
        let (width, height) = (pan.width, pan.height);
        let shapes = [
            ("PAN", 1, pan.data.len()),
            ("upsampled image", bands, lms.len()),
            ("fused image", bands, fused.len()),
            ("mask", 1, valid.map_or(width * height, <[bool]>::len)),
        ];
        for (what, bands, seen) in shapes {
            let expected = width * height * bands;
            if seen != expected {
                return Err(PictureError::Shape { what, width, height, bands, expected, seen });
            }
        }
        Ok(Self { width, height, bands, pan: &pan.data, lms, fused, valid })
    }

    /// Whether a pixel has data.
    pub(super) fn is_valid(&self, pixel: usize) -> bool {
        self.valid.is_none_or(|v| v[pixel])
    }
}

/// A part of the images, each pixel the mean of `step`×`step` valid ones.
pub struct Preview {
    /// First column and row of the part in the images.
    pub origin: [usize; 2],
    /// Pixels of the images per pixel of the view, along each axis.
    pub step: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// PAN `[H, W]`.
    pub pan: Vec<f32>,
    /// Upsampled MS `[H, W, C]`.
    pub lms: Vec<f32>,
    /// Fused image `[H, W, C]`.
    pub fused: Vec<f32>,
    /// `[H, W]`: false where more than half of the pixels have no data; `None`: all valid.
    pub valid: Option<Vec<bool>>,
}

impl Preview {
    /// All of the images, averaged until no side is longer than `most`.
    pub fn overview(images: &Images, most: usize) -> Self {
        let step = images.width.max(images.height).div_ceil(most);
        Self::of(images, [0, 0], [images.width, images.height], step)
    }

    /// The place with the most texture, at full resolution: at most `size` (columns, rows).
    pub fn detail(images: &Images, size: [usize; 2]) -> Self {
        let size = [size[0].min(images.width), size[1].min(images.height)];
        Self::of(images, busiest(images, size), size, 1)
    }

    fn of(images: &Images, origin: [usize; 2], size: [usize; 2], step: usize) -> Self {
        let [width, height] = size.map(|s| s.div_ceil(step));
        // Pixels of the images in pixel (column, row) of the view: at its right and lower end fewer.
        let block = |column: usize, row: usize| {
            let range = |i: usize, axis: usize| {
                let from = origin[axis] + i * step;
                from..(from + step).min(origin[axis] + size[axis])
            };
            let columns = range(column, 0);
            range(row, 1).flat_map(move |y| columns.clone().map(move |x| y * images.width + x))
        };
        let mean = |data: &[f32], bands: usize| {
            let mut view = vec![0.0f32; width * height * bands];
            view.par_chunks_exact_mut(width * bands).enumerate().for_each(|(row, line)| {
                for (column, pixel) in line.chunks_exact_mut(bands).enumerate() {
                    let mut count = 0.0f32;
                    for at in block(column, row).filter(|at| images.is_valid(*at)) {
                        pixel.iter_mut().zip(&data[at * bands..]).for_each(|(sum, v)| *sum += v);
                        count += 1.0;
                    }
                    pixel.iter_mut().for_each(|sum| *sum /= count.max(1.0));
                }
            });
            view
        };
        let valid = images.valid.map(|valid| {
            let mostly = |i: usize| {
                let (good, all) = block(i % width, i / width).fold((0, 0), |(g, n), at| (g + valid[at] as u32, n + 1));
                2 * good >= all
            };
            (0..width * height).into_par_iter().map(mostly).collect::<Vec<_>>()
        });
        let (pan, lms, fused) = (mean(images.pan, 1), mean(images.lms, images.bands), mean(images.fused, images.bands));
        Self { origin, step, width, height, pan, lms, fused, valid: valid.filter(|v| v.contains(&false)) }
    }
}

/// First column and row of the part of `size` with the most texture in PAN: sum of the absolute differences
/// between neighbours, square by square.
fn busiest(images: &Images, size: [usize; 2]) -> [usize; 2] {
    let [columns, rows] = [images.width / BLOCK, images.height / BLOCK];
    let texture = |block: usize| {
        let (left, top) = (block % columns * BLOCK, block / columns * BLOCK);
        let mut sum = 0.0f64;
        for y in top..top + BLOCK - 1 {
            for x in left..left + BLOCK - 1 {
                let at = y * images.width + x;
                let [right, below] = [at + 1, at + images.width];
                if [at, right, below].into_iter().all(|i| images.is_valid(i)) {
                    let p = images.pan;
                    sum += f64::from((p[right] - p[at]).abs()) + f64::from((p[below] - p[at]).abs());
                }
            }
        }
        sum
    };
    let mut squares: Vec<f64> = (0..columns * rows).into_par_iter().map(texture).collect();
    let mut sorted = squares.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let most = OUTSTANDING * sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    squares.iter_mut().for_each(|t| *t = t.min(most));

    let [wide, high] = size.map(|s| (s / BLOCK).max(1));
    let mut best = ([0, 0], f64::NEG_INFINITY);
    for row in 0..(rows + 1).saturating_sub(high) {
        for column in 0..(columns + 1).saturating_sub(wide) {
            let line = |r: usize| squares[r * columns + column..][..wide].iter().sum::<f64>();
            let sum: f64 = (row..row + high).map(line).sum();
            if sum > best.1 {
                best = ([column * BLOCK, row * BLOCK], sum);
            }
        }
    }
    // Squares may end before the image, and the part may be longer than its squares.
    [best.0[0].min(images.width - size[0]), best.0[1].min(images.height - size[1])]
}
