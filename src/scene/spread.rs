//! Between which values an image lies but for a few.

use rayon::prelude::*;

/// How many values there are of each size: sign, exponent and seven bits of the fraction make a bin.
#[derive(Clone)]
pub(super) struct Histogram(Vec<u64>);

impl Histogram {
    /// Bits of a float below a bin's.
    const BELOW: u32 = 16;

    pub(super) fn new() -> Self {
        Self(vec![0; 1 << (32 - Self::BELOW)])
    }

    /// Adds the valid ones of `[n, C]` values.
    pub(super) fn add(&mut self, data: &[f32], valid: Option<&[bool]>, bands: usize) {
        /// Pixels counted at a time: many more than there are bins.
        const PIXELS: usize = 1 << 18;
        let count = |(k, values): (usize, &[f32])| {
            let mut part = Self::new();
            for (i, pixel) in values.chunks_exact(bands).enumerate() {
                if valid.is_none_or(|valid| valid[k * PIXELS + i]) {
                    part.add_pixel(pixel);
                }
            }
            part
        };
        let parts: Vec<Self> = data.par_chunks(PIXELS * bands).enumerate().map(count).collect();
        parts.iter().for_each(|part| self.0.iter_mut().zip(&part.0).for_each(|(all, count)| *all += count));
    }

    /// Adds a pixel.
    pub(super) fn add_pixel(&mut self, pixel: &[f32]) {
        pixel.iter().for_each(|v| self.0[Self::bin(*v)] += 1);
    }

    /// The range that this share of the values lies below, and above, at most 1.6 % too wide at each end.
    pub(super) fn between(&self, share: f64) -> [f32; 2] {
        let beyond = (share * self.0.iter().sum::<u64>() as f64).max(1.0);
        let holds = |sum: &mut f64, count: &u64| {
            *sum += *count as f64;
            Some(*sum >= beyond)
        };
        let first = self.0.iter().scan(0.0, holds).position(|found| found).unwrap_or(0);
        let last = self.0.iter().rev().scan(0.0, holds).position(|found| found).unwrap_or(0);
        let last = self.0.len() - 1 - last;
        [Self::edge(first), Self::edge(last + 1)]
    }

    /// Bins in the order of their values: positive ones by their bits, negative ones the other way round before them.
    fn bin(value: f32) -> usize {
        let bits = value.to_bits();
        let ordered = if value.is_sign_negative() { !bits } else { bits | 1 << 31 };
        (ordered >> Self::BELOW) as usize
    }

    /// The least value of a bin.
    fn edge(bin: usize) -> f32 {
        let ordered = (bin as u32) << Self::BELOW;
        f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_values_do_not_widen_the_range() {
        for offset in [-3000.0, 0.0, 1e5] {
            let mut values: Vec<f32> = (0..10_000).map(|i| offset + (i % 1000) as f32).collect();
            values[..5].copy_from_slice(&[6e4 + offset, -6e4, 1e9, 1e9, -1e9]);
            let mut spread = Histogram::new();
            let valid: Vec<bool> = (0..10_000).map(|i| i % 1000 != 500).collect();
            spread.add(&values, Some(&valid), 1);
            let [low, high] = spread.between(1e-3);
            let near = |found: f32, wanted: f32| (found - wanted).abs() <= 0.016 * wanted.abs() + 2.0;
            assert!(near(low, offset) && near(high, offset + 999.0), "{low} to {high} with offset {offset}");
            assert!(low <= offset + 1.0 && high >= offset + 998.0, "{low} to {high} with offset {offset}");
        }
    }
}
