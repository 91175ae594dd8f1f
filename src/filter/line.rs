//! A banded operator on rows of f32, for images that pass by in strips.

use std::ops::Range;

use super::BandMatrix;

/// One axis of an image operator with taps in f32. Every output is summed up in the same order, whatever the
/// strip; products are rounded before they are added, whatever the registers, so that every machine gives the
/// same bytes.
#[derive(Clone, Debug)]
pub struct Line {
    input: usize,
    /// First input per output.
    start: Vec<usize>,
    /// Where the taps of an output begin; one more entry than outputs.
    at: Vec<usize>,
    taps: Vec<f32>,
}

impl Line {
    /// The operator without the zeros around its bands.
    pub fn new(axis: &BandMatrix) -> Self {
        let mut line = Self { input: axis.input, start: Vec::new(), at: vec![0], taps: Vec::new() };
        for output in 0..axis.output() {
            let (start, taps) = axis.row(output);
            line.start.push(start);
            line.taps.extend(taps.iter().map(|tap| *tap as f32));
            line.at.push(line.taps.len());
        }
        line
    }

    /// Positions before.
    pub fn input(&self) -> usize {
        self.input
    }

    /// Positions after.
    pub fn output(&self) -> usize {
        self.start.len()
    }

    fn row(&self, output: usize) -> (usize, &[f32]) {
        (self.start[output], &self.taps[self.at[output]..self.at[output + 1]])
    }

    /// The inputs that some outputs rest on. Where a band wraps around the end, positions are counted on
    /// past it: `input − 2..input + 3` are the last two and the first three.
    pub fn needs(&self, outputs: Range<usize>) -> Range<usize> {
        let input = self.input as isize;
        let unwrapped = |output: usize| {
            let (start, taps) = self.row(output);
            let wraps = start + taps.len() > self.input && 2 * output < self.output();
            let start = start as isize - if wraps { input } else { 0 };
            start..start + taps.len() as isize
        };
        let union = |a: Range<isize>, b: Range<isize>| a.start.min(b.start)..a.end.max(b.end);
        let Range { start, end } = outputs.map(unwrapped).reduce(union).unwrap_or(0..0);
        if end - start >= input {
            return 0..self.input;
        }
        let shift = if start < 0 { input } else { 0 };
        (start + shift) as usize..(end + shift) as usize
    }

    /// One row along x: `x [input, C]` to `y [output, C]`.
    pub(crate) fn along_x(&self, x: &[f32], channels: usize, y: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this machine has it.
            return unsafe { self.all_channels_avx2(x, channels, y) };
        }
        self.all_channels(x, channels, y);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn all_channels_avx2(&self, x: &[f32], channels: usize, y: &mut [f32]) {
        self.all_channels(x, channels, y);
    }

    #[inline(always)]
    fn all_channels(&self, x: &[f32], channels: usize, y: &mut [f32]) {
        let mut first = 0;
        while first < channels {
            first += match channels - first {
                8.. => self.some_channels::<8>(x, channels, first, y),
                4.. => self.some_channels::<4>(x, channels, first, y),
                _ => self.some_channels::<1>(x, channels, first, y),
            };
        }
    }

    /// N channels from `first` on; gives N.
    #[inline(always)]
    fn some_channels<const N: usize>(&self, x: &[f32], channels: usize, first: usize, y: &mut [f32]) -> usize {
        let at = |position: usize| -> &[f32; N] {
            x[position * channels + first..].first_chunk().expect("the row has all its positions")
        };
        for (output, y) in y.chunks_exact_mut(channels).enumerate() {
            let (start, taps) = self.row(output);
            let mut sum = [0.0; N];
            let mut add = |tap: &f32, x: &[f32; N]| sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += tap * x);
            // Up to the end of the row, then from its start.
            let (before, after) = taps.split_at(taps.len().min(self.input - start));
            before.iter().enumerate().for_each(|(t, tap)| add(tap, at(start + t)));
            after.iter().enumerate().for_each(|(t, tap)| add(tap, at(t)));
            y[first..first + N].copy_from_slice(&sum);
        }
        N
    }

    /// A part of one row along y, `y[k] = Σ_t taps[t] · row(start + t)[k]`, four rows at a time so that y is
    /// written and read again less often.
    pub(crate) fn along_y<'a>(&self, output: usize, row: impl Fn(usize) -> &'a [f32], y: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this machine has it.
            return unsafe { self.all_rows_avx2(output, row, y) };
        }
        self.all_rows(output, row, y);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn all_rows_avx2<'a>(&self, output: usize, row: impl Fn(usize) -> &'a [f32], y: &mut [f32]) {
        self.all_rows(output, row, y);
    }

    #[inline(always)]
    fn all_rows<'a>(&self, output: usize, row: impl Fn(usize) -> &'a [f32], y: &mut [f32]) {
        let (start, taps) = self.row(output);
        let len = y.len();
        let row = |t: usize| &row((start + t) % self.input)[..len];
        let (fours, rest) = taps.as_chunks::<4>();
        y.fill(0.0);
        for (k, [a, b, c, d]) in fours.iter().enumerate() {
            let [p, q, r, s] = [4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3].map(&row);
            for i in 0..len {
                y[i] += (a * p[i] + b * q[i]) + (c * r[i] + d * s[i]);
            }
        }
        for (t, tap) in rest.iter().enumerate() {
            y.iter_mut().zip(row(4 * fours.len() + t)).for_each(|(y, x)| *y += tap * x);
        }
    }
}

/// Some rows of an image that passes by, found by their place in the whole.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    data: &'a [f32],
    width: usize,
    /// Place of the first one.
    first: usize,
    /// Rows of the whole: after the last one the first follows.
    whole: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `width` values, of an image of `whole` rows, from the `first` on.
    pub fn new(data: &'a [f32], width: usize, first: usize, whole: usize) -> Self {
        Self { data, width, first, whole }
    }

    /// One row.
    pub fn row(&self, place: usize) -> &'a [f32] {
        let k = if place >= self.first { place - self.first } else { place + self.whole - self.first };
        &self.data[k * self.width..][..self.width]
    }
}
