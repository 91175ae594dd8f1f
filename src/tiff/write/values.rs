//! From computed values to stored ones, and from one level of the pyramid to the next.

use super::{Layout, Sample};

/// Rounds values to those the file may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantiser {
    sample: Sample,
    low: f32,
    high: f32,
    /// The value that stands for "no data", where the type holds it.
    nodata: Option<f32>,
}

impl Quantiser {
    /// # Errors
    /// What is wrong with the range, if no value is left in it.
    pub(super) fn new(layout: &Layout) -> Result<Self, String> {
        let ([low, high], [least, most]) = (layout.range, layout.sample.range());
        let [low, high] = match layout.sample {
            Sample::F32 => [low, high],
            _ => [low.ceil().max(least), high.floor().min(most)],
        };
        let nodata = layout.nodata.filter(|n| layout.sample.holds(*n)).map(|n| n as f32);
        // False where either end is NaN, which max and min would pass over.
        let ordered = layout.range[0] <= layout.range[1] && low <= high;
        let some = ordered && !(low == high && nodata == Some(low));
        let what = || format!("no valid {} value lies in the range {:?}", layout.sample, layout.range);
        some.then_some(Self { sample: layout.sample, low, high, nodata }).ok_or_else(what)
    }

    /// Whether a value of the type stands for "no data".
    pub(super) fn has_nodata(&self) -> bool {
        self.nodata.is_some()
    }

    /// Makes a row of pixels what is stored: valid values, none of them NaN, rounded half away from
    /// zero, clamped and kept off nodata; nodata where `valid` is false.
    pub(super) fn round(&self, row: &mut [f32], valid: Option<&[bool]>) {
        self.round_all(row);
        let Some(valid) = valid else { return };
        let pixels = row.chunks_exact_mut(row.len() / valid.len()).zip(valid);
        let fill = self.nodata.unwrap_or(0.0);
        pixels.filter(|(_, valid)| !**valid).for_each(|(pixel, _)| pixel.fill(fill));
    }

    fn round_all(&self, values: &mut [f32]) {
        let (low, high) = (self.low, self.high);
        match self.sample {
            Sample::F32 => values.iter_mut().for_each(|v| *v = v.clamp(low, high)),
            // In this form it is one vector operation each: f32::round is a call for each value.
            _ => values.iter_mut().for_each(|v| {
                let value = v.clamp(low, high);
                let whole = value as i32 as f32;
                let rest = value - whole;
                *v = whole + f32::from(u8::from(rest >= 0.5)) - f32::from(u8::from(rest <= -0.5));
            }),
        }
        if let Some(nodata) = self.nodata {
            values.iter_mut().filter(|v| **v == nodata).for_each(|v| *v = self.beside(*v));
        }
    }

    /// The value one unit away, inside the range.
    fn beside(&self, value: f32) -> f32 {
        let [up, down] = match self.sample {
            Sample::F32 => [value.next_up(), value.next_down()],
            _ => [value + 1.0, value - 1.0],
        };
        if up <= self.high { up } else { down }
    }

    /// Little-endian bytes of rounded values.
    pub(super) fn store(&self, values: &[f32], out: &mut [u8]) {
        fn each<const N: usize>(values: &[f32], out: &mut [u8], bytes: impl Fn(f32) -> [u8; N]) {
            out.as_chunks_mut().0.iter_mut().zip(values).for_each(|(out, v)| *out = bytes(*v));
        }
        match self.sample {
            Sample::U8 => each(values, out, |v| [v as u8]),
            Sample::U16 => each(values, out, |v| (v as u16).to_le_bytes()),
            Sample::I16 => each(values, out, |v| (v as i16).to_le_bytes()),
            Sample::F32 => each(values, out, f32::to_le_bytes),
        }
    }
}

/// Means over the pixels of a level that a pixel of the next one covers, row by row.
///
/// The next level has half the columns and rows, rounded up, and the same extent. Where a size is
/// odd, its pixels are therefore a little less than two wide and cover parts of three: readers
/// place an overview by its extent, and means over fixed pairs would lie beside it.
pub(super) struct Halving {
    bands: usize,
    /// Rows of the level and of the next.
    rows: [usize; 2],
    /// Rows taken so far.
    row: usize,
    /// For each column of the next level, its first column here and the weights of three.
    columns: Vec<(usize, [f32; 3])>,
    /// Weighted sums along the row just taken, and their weights per pixel.
    line: Sums,
    /// Weighted sums of rows.
    sums: Sums,
}

#[derive(Clone)]
struct Sums {
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl Halving {
    /// From a level of this size.
    pub(super) fn new([width, height]: [usize; 2], bands: usize) -> Self {
        let half = width.div_ceil(2);
        let columns = (0..half).map(|i| {
            let first = i * width / half;
            // Overlap of column x, [x, x + 1)·half, with the new one, [i, i + 1)·width.
            let overlap = |x: usize| ((x + 1) * half).min((i + 1) * width).saturating_sub((x * half).max(i * width));
            (first, [0, 1, 2].map(|k| overlap(first + k) as f32 / half as f32))
        });
        let sums = Sums { values: vec![0.0; half * bands], weights: vec![0.0; half] };
        let rows = [height, height.div_ceil(2)];
        Self { bands, rows, row: 0, columns: columns.collect(), line: sums.clone(), sums }
    }

    /// Takes the next row; `ready` gets each row of means that is complete with it, and where they
    /// are valid. A mean is over valid pixels, and valid if there is one.
    pub(super) fn take(
        &mut self,
        row: &[f32],
        valid: Option<&[bool]>,
        mut ready: impl FnMut(&mut [f32], &[bool]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        self.along(row, valid);
        // Row y, [y, y + 1)·to, may reach from one new row, [j, j + 1)·from, into the next.
        let [from, to] = self.rows;
        let (start, end) = (self.row * to, (self.row + 1) * to);
        let border = (start / from + 1) * from;
        self.add((end.min(border) - start) as f32 / to as f32);
        self.row += 1;
        if end < border {
            return Ok(());
        }
        for (values, weight) in self.sums.values.chunks_exact_mut(self.bands).zip(&self.sums.weights) {
            values.iter_mut().for_each(|v| *v /= weight);
        }
        let valid: Vec<bool> = self.sums.weights.iter().map(|w| *w > 0.0).collect();
        let done = ready(&mut self.sums.values, &valid);
        self.sums.values.fill(0.0);
        self.sums.weights.fill(0.0);
        if end > border {
            self.add((end - border) as f32 / to as f32);
        }
        done
    }

    fn along(&mut self, row: &[f32], valid: Option<&[bool]>) {
        let bands = self.bands;
        let pixel = |x: usize| &row[x * bands..(x + 1) * bands];
        let sums = self.line.values.chunks_exact_mut(bands).zip(&mut self.line.weights);
        for ((first, weights), (sums, total)) in self.columns.iter().zip(sums) {
            sums.fill(0.0);
            *total = 0.0;
            for (x, weight) in (*first..).zip(weights) {
                if *weight > 0.0 && valid.is_none_or(|valid| valid[x]) {
                    sums.iter_mut().zip(pixel(x)).for_each(|(sum, v)| *sum += weight * v);
                    *total += weight;
                }
            }
        }
    }

    fn add(&mut self, weight: f32) {
        let add = |to: &mut [f32], from: &[f32]| to.iter_mut().zip(from).for_each(|(to, v)| *to += weight * v);
        add(&mut self.sums.values, &self.line.values);
        add(&mut self.sums.weights, &self.line.weights);
    }
}
