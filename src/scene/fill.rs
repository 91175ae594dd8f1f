//! Values that look as if they stood for "no data" though nothing says so: a collar of −9999 around a scene.
//!
//! Such a value is the smallest or the largest of its band, far from all others, and covers connected parts. Zeros in
//! all bands at once are taken for it without a distance, because dark pixels end there too.

use crate::remedy::{Note, Remedy, digits};
use crate::tiff::Header;

/// Least share of the pixels that is worth a word; of zeros.
const LEAST: f64 = 0.001;
const LEAST_ZEROS: f64 = 0.01;
/// Least share of them whose neighbour on the left has the same value.
const JOINED: f64 = 0.7;
/// Least distance from the next value, as a share of the range of all others.
const GAP: f64 = 0.1;

/// Counts of the values of an image of C bands.
#[derive(Clone, Debug)]
pub(super) struct Extremes {
    /// Smallest and largest value of each band, the largest with its sign changed.
    bands: Vec<[End; 2]>,
    /// Pixels that are 0 in all bands, and those of them beside another.
    zeros: [usize; 2],
    pixels: usize,
}

/// The smallest value of a band.
#[derive(Clone, Copy, Debug)]
struct End {
    value: f32,
    /// The next larger one.
    next: f32,
    /// Pixels of this value, and those of them whose neighbour on the left has it, too.
    pixels: usize,
    joined: usize,
}

/// A value that may stand for "no data".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FillValue {
    value: f32,
    /// Its share of the pixels.
    share: f64,
}

impl Extremes {
    pub(super) fn new(bands: usize) -> Self {
        let end = End { value: f32::INFINITY, next: f32::INFINITY, pixels: 0, joined: 0 };
        Self { bands: vec![[end; 2]; bands], zeros: [0; 2], pixels: 0 }
    }

    /// Adds a pixel; `left` is the one before it in the row.
    pub(super) fn add(&mut self, pixel: &[f32], left: Option<&[f32]>) {
        self.pixels += 1;
        for (i, ([low, high], v)) in self.bands.iter_mut().zip(pixel).enumerate() {
            // Nearly all values are neither.
            if *v <= low.next {
                low.add(*v, left.map(|left| left[i]));
            }
            if -*v <= high.next {
                high.add(-*v, left.map(|left| -left[i]));
            }
        }
        let empty = |pixel: &[f32]| pixel.iter().all(|v| *v == 0.0);
        if empty(pixel) {
            self.zeros[0] += 1;
            self.zeros[1] += usize::from(left.is_some_and(empty));
        }
    }

    /// Adds the counts of another part of the image.
    pub(super) fn merge(&mut self, other: &Self) {
        let ends = self.bands.iter_mut().flatten().zip(other.bands.iter().flatten());
        ends.for_each(|(end, other)| end.merge(other));
        (0..2).for_each(|i| self.zeros[i] += other.zeros[i]);
        self.pixels += other.pixels;
    }

    /// Smallest and largest value of a band.
    pub(super) fn range(&self, band: usize) -> [f32; 2] {
        let [low, high] = &self.bands[band];
        [low.value, -high.value]
    }

    /// The value of the largest such part, if there is one.
    pub(super) fn fill(&self) -> Option<FillValue> {
        let share = |pixels: usize| pixels as f64 / self.pixels as f64;
        let connected = |[pixels, joined]: [usize; 2]| joined as f64 >= JOINED * pixels as f64;
        let far = |[low, high]: [&End; 2]| {
            let rest = -f64::from(high.value) - f64::from(low.next);
            low.next < f32::INFINITY && f64::from(low.next) - f64::from(low.value) >= GAP * rest
        };
        let of_end = |ends: [&End; 2], sign: f32| {
            let End { value, pixels, joined, .. } = *ends[0];
            (share(pixels) >= LEAST && connected([pixels, joined]) && far(ends))
                .then(|| FillValue { value: sign * value, share: share(pixels) })
        };
        let ends = self.bands.iter().flat_map(|[low, high]| [of_end([low, high], 1.0), of_end([high, low], -1.0)]);
        let empty = share(self.zeros[0]) >= LEAST_ZEROS && connected(self.zeros);
        let zeros = empty.then(|| FillValue { value: 0.0, share: share(self.zeros[0]) });
        ends.chain([zeros]).flatten().max_by(|a, b| a.share.total_cmp(&b.share))
    }
}

impl End {
    fn add(&mut self, value: f32, left: Option<f32>) {
        if value < self.value {
            *self = Self { value, next: self.value, pixels: 0, joined: 0 };
        } else if value > self.value {
            self.next = self.next.min(value);
            return;
        }
        self.pixels += 1;
        self.joined += usize::from(left == Some(value));
    }

    fn merge(&mut self, other: &Self) {
        let (mut less, more) = if other.value < self.value { (*other, *self) } else { (*self, *other) };
        if less.value == more.value {
            less = Self { pixels: less.pixels + more.pixels, joined: less.joined + more.joined, ..less };
            less.next = less.next.min(more.next);
        } else {
            less.next = less.next.min(more.value);
        }
        *self = less;
    }
}

/// What to say of the values of PAN and MS that look like "no data".
pub(super) fn warnings(images: [&Header; 2], found: [Option<FillValue>; 2]) -> Vec<Note> {
    let warning = |i: usize| {
        let FillValue { value, share } = found[i]?;
        // By the shortest digits of an f32.
        let value: f64 = value.to_string().parse().ok()?;
        // What the other file states is kept.
        let remedy = Remedy::Nodata(match (images[1 - i].nodata, i) {
            (None, _) => vec![value],
            (Some(other), 0) => vec![value, other],
            (Some(other), _) => vec![other, value],
        });
        let text = format!(
            "W-NODATA: {}: {:.1} % of the pixels are exactly {}, in connected parts far from other values, and \
             nothing says that they have no data; if so, {remedy}",
            images[i].path.display(),
            100.0 * share,
            digits(value)
        );
        Some(Note::with(text, Some(remedy)))
    };
    (0..2).filter_map(warning).collect()
}
