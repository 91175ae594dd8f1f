//! Closed forms applied to a scene that passes by in strips of rows.

use std::ops::Range;

use rayon::prelude::*;

use super::ClassicalError;
use super::form::{Band, Form};
use super::pair::{different, low_pass, usable};
use crate::filter::{Grid, Line, Rows, Upsample};

/// Rows that a thread takes at once: they rest on almost the same rows before.
const BLOCK: usize = 8;
/// Values of a row that are computed at once: with the rows they rest on they stay in the second-level cache.
const PART: usize = 1024;

/// Model forms on the grids of a scene: any rows of the result from the rows of PAN and MS around them.
///
/// All arithmetic is in f32 with tables designed in f64. A value is summed up in the same order wherever the
/// scene is cut and whatever the threads: its bytes do not depend on either.
pub struct FormStream {
    /// PAN's rows and columns.
    size: [usize; 2],
    bands: usize,
    forms: Vec<Form>,
    /// Upsampling of MS, along y and x.
    up: [Line; 2],
    low: Option<Low>,
}

/// Where a few rows go, `[n, W, C]` each.
struct OutputRows<'a> {
    rows: Range<usize>,
    /// Empty if not wanted.
    lms: &'a mut [f32],
    fused: Vec<&'a mut [f32]>,
}

/// PAN through the MTF of bands and back on its own grid.
struct Low {
    /// Of each gain that differs: terms of the operator onto the coarse grid, along y and x.
    down: Vec<Vec<[Line; 2]>>,
    up: [Line; 2],
    /// Which gain is each band's.
    of_band: Vec<usize>,
}

impl FormStream {
    /// For a scene's grids, its bands' MTF gains at Nyquist, and the forms to apply.
    ///
    /// # Errors
    /// [`ClassicalError::Grids`].
    ///
    /// # Panics
    /// If a form has other bands than there are gains.
    pub fn new(
        [rows, columns]: [Grid; 2],
        upsample: Upsample,
        gains: &[f64],
        forms: &[Form],
    ) -> Result<Self, ClassicalError> {
        usable(rows, columns, upsample)?;
        assert!(forms.iter().all(|form| form.bands.len() == gains.len()), "a form has one entry per band");
        let line = |[rows, columns]: [Grid; 2], upsample: Upsample| {
            [upsample.operator(rows), upsample.operator(columns)].map(|axis| Line::new(&axis))
        };
        // Only the gains that some band of some form asks for.
        let asking: Vec<usize> =
            (0..gains.len()).filter(|b| forms.iter().any(|form| form.bands[*b].needs_low())).collect();
        let low = (!asking.is_empty()).then(|| {
            let (distinct, places) = different(&asking.iter().map(|b| gains[*b]).collect::<Vec<_>>());
            let mut of_band = vec![0; gains.len()];
            asking.iter().zip(places).for_each(|(b, place)| of_band[*b] = place);
            let lines = |gain: &f64| {
                let (down, _) = low_pass(*gain, rows, columns, upsample);
                down.iter().map(|(y, x)| [Line::new(y), Line::new(x)]).collect()
            };
            let (_, up) = low_pass(distinct[0], rows, columns, upsample);
            Low { down: distinct.iter().map(lines).collect(), up: up.map(|axis| Line::new(&axis)), of_band }
        });
        let size = [rows.fine, columns.fine];
        Ok(Self { size, bands: gains.len(), forms: forms.to_vec(), up: line([rows, columns], upsample), low })
    }

    /// The rows of PAN and of MS that some rows of the result rest on. The toolbox's interpolator wraps around
    /// the border: there positions are counted on past the last row, so that `H − 2..H + 3` are the last two
    /// rows and the first three.
    pub fn needs(&self, rows: Range<usize>) -> [Range<usize>; 2] {
        let ms = self.up[0].needs(rows.clone());
        let Some(low) = &self.low else { return [rows, ms] };
        let height = self.size[0];
        let sampled = low.up[0].needs(rows.clone());
        let coarse = low.up[0].input();
        let under = |range: Range<usize>| {
            let union = |a: Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
            low.down.iter().flatten().map(|[y, _]| y.needs(range.clone())).reduce(union).unwrap_or(0..0)
        };
        let mut pan = under(sampled.start..sampled.end.min(coarse));
        let mut own = rows;
        if sampled.end > coarse {
            // Beyond the end, as the rows themselves are if they lie at the beginning.
            pan.end = height + under(0..sampled.end - coarse).end;
            if 2 * own.start < height {
                own = own.start + height..own.end + height;
            }
        }
        let pan = pan.start.min(own.start)..pan.end.max(own.end);
        [if pan.len() >= height { 0..height } else { pan }, ms]
    }

    /// Some rows of the upsampled image and of what each form makes of it, all `[n, W, C]` in the unit of the
    /// inputs, neither rounded nor clamped. `pan [.., W]` and `ms [.., w, C]` are the rows that they
    /// [need](Self::needs). An empty `lms` is left out.
    ///
    /// # Panics
    /// If a slice has not the length that follows from the rows.
    pub fn rows(&self, rows: Range<usize>, pan: &[f32], ms: &[f32], lms: &mut [f32], fused: &mut [&mut [f32]]) {
        let ([height, width], bands) = (self.size, self.bands);
        let [pan_rows, ms_rows] = self.needs(rows.clone());
        let (line, ms_line) = (width * bands, self.up[1].input() * bands);
        assert_eq!([pan.len(), ms.len()], [pan_rows.len() * width, ms_rows.len() * ms_line], "the rows needed");
        assert!(lms.is_empty() || lms.len() == rows.len() * line, "room for upsampled rows");
        assert_eq!(fused.len(), self.forms.len(), "room for every form");
        let wide = widened(ms, ms_line, &self.up[1], bands);
        let wide = Rows::new(&wide, line, ms_rows.start, self.up[0].input());
        let pan = Rows::new(pan, width, pan_rows.start, height);
        let low = self.low.as_ref().map(|low| low.widened(low.up[0].needs(rows.clone()), &pan, width));
        let low = low.as_ref().map_or(Vec::new(), |planes| planes.iter().map(RowPlane::rows).collect());

        let block = |first: usize| OutputRows {
            rows: first..(first + BLOCK).min(rows.end),
            lms: Default::default(),
            fused: Vec::new(),
        };
        let mut blocks: Vec<OutputRows<'_>> = rows.clone().step_by(BLOCK).map(block).collect();
        lms.chunks_mut(BLOCK * line).zip(&mut blocks).for_each(|(part, block)| block.lms = part);
        for fused in fused {
            assert_eq!(fused.len(), rows.len() * line, "room for fused rows");
            fused.chunks_mut(BLOCK * line).zip(&mut blocks).for_each(|(part, block)| block.fused.push(part));
        }
        blocks.into_par_iter().for_each(|block| self.block(block, &pan, &wide, &low));
    }

    /// [`rows`](Self::rows) of a whole image.
    pub fn whole(&self, pan: &[f32], ms: &[f32]) -> (Vec<f32>, Vec<Vec<f32>>) {
        let [height, width] = self.size;
        let image = || vec![0.0; height * width * self.bands];
        let (mut lms, mut fused) = (image(), self.forms.iter().map(|_| image()).collect::<Vec<_>>());
        self.rows(0..height, pan, ms, &mut lms, &mut fused.iter_mut().map(|f| &mut f[..]).collect::<Vec<_>>());
        (lms, fused)
    }

    /// A few rows, part by part.
    fn block(&self, block: OutputRows<'_>, pan: &Rows<'_>, wide: &Rows<'_>, low: &[Rows<'_>]) {
        let OutputRows { rows, lms, mut fused } = block;
        let (width, bands) = (self.size[1], self.bands);
        let pixels = (PART / bands).max(1);
        let mut scratch = vec![0.0; pixels * bands];
        let mut lows = vec![0.0; low.len() * pixels];
        for left in (0..width).step_by(pixels) {
            let columns = left..(left + pixels).min(width);
            let values = columns.start * bands..columns.end * bands;
            for (k, row) in rows.clone().enumerate() {
                let place = k * width * bands + values.start..k * width * bands + values.end;
                let l = if lms.is_empty() { &mut scratch[..values.len()] } else { &mut lms[place.clone()] };
                self.up[0].along_y(row, |i| &wide.row(i)[values.clone()], l);
                for (plane, y) in low.iter().zip(lows.chunks_exact_mut(pixels)) {
                    let up = &self.low.as_ref().expect("low-pass PAN was computed").up[0];
                    up.along_y(row, |i| &plane.row(i)[columns.clone()], &mut y[..columns.len()]);
                }
                let p = &pan.row(row)[columns.clone()];
                let low_of = |band: usize| match &self.low {
                    Some(low) => &lows[low.of_band[band] * pixels..][..columns.len()],
                    None => p,
                };
                for (form, fused) in self.forms.iter().zip(&mut fused) {
                    for (b, band) in form.bands.iter().enumerate() {
                        band.apply(b, p, l, low_of(b), &mut fused[place.clone()]);
                    }
                }
            }
        }
    }
}

/// Rows `[n, w, C]` along x to `[n, W, C]`.
fn widened(x: &[f32], line: usize, up: &Line, channels: usize) -> Vec<f32> {
    let wide = up.output() * channels;
    let mut y = vec![0.0; x.len() / line * wide];
    y.par_chunks_exact_mut(wide).zip(x.par_chunks_exact(line)).for_each(|(y, x)| up.along_x(x, channels, y));
    y
}

/// Some rows of an image of one band.
struct RowPlane {
    data: Vec<f32>,
    width: usize,
    first: usize,
    whole: usize,
}

impl RowPlane {
    fn rows(&self) -> Rows<'_> {
        Rows::new(&self.data, self.width, self.first, self.whole)
    }
}

impl Low {
    /// PAN through each MTF at the rows of the coarse grid, as wide as PAN again.
    fn widened(&self, rows: Range<usize>, pan: &Rows<'_>, width: usize) -> Vec<RowPlane> {
        let [whole, narrow] = [self.up[0].input(), self.up[1].input()];
        let plane = |terms: &Vec<[Line; 2]>| {
            let mut data = vec![0.0; rows.len() * width];
            data.par_chunks_exact_mut(width).zip(rows.clone()).for_each(|(y, row)| {
                let (mut blurred, mut sum, mut term) = (vec![0.0; width], vec![0.0; narrow], vec![0.0; narrow]);
                for [along_y, along_x] in terms {
                    along_y.along_y(row % whole, |i| pan.row(i), &mut blurred);
                    along_x.along_x(&blurred, 1, &mut term);
                    sum.iter_mut().zip(&term).for_each(|(sum, term)| *sum += term);
                }
                self.up[1].along_x(&sum, 1, y);
            });
            RowPlane { data, width, first: rows.start, whole }
        };
        self.down.iter().map(plane).collect()
    }
}

impl Band {
    /// Band `b` of some pixels: `p [n]`, `l [n, C]`, `low [n]` to `out [n, C]`, where the other bands stay.
    fn apply(&self, b: usize, p: &[f32], l: &[f32], low: &[f32], out: &mut [f32]) {
        let channels = l.len() / p.len();
        let pixels = out.chunks_exact_mut(channels).map(|out| &mut out[b]).zip(l.chunks_exact(channels));
        let pixels = pixels.zip(p.iter().zip(low));
        let finite = |factor: f32| if factor.is_finite() { factor } else { 1.0 };
        match self {
            Self::Linear { detail, pan, bands, constant } if *pan == 0.0 && bands.is_empty() => {
                let (detail, constant) = (*detail as f32, *constant as f32);
                pixels.for_each(|((out, l), (p, low))| *out = l[b] + detail * (p - low) + constant);
            }
            // In f64: the terms of an image with a large offset cancel.
            Self::Linear { detail, pan, bands, constant } => pixels.for_each(|((out, l), (p, low))| {
                let mixed: f64 = l.iter().zip(bands).map(|(l, share)| share * f64::from(*l)).sum();
                let pan = detail * f64::from(p - low) + pan * f64::from(*p);
                *out = (f64::from(l[b]) + pan + mixed + constant) as f32;
            }),
            Self::Modulated { haze, least } => {
                let (haze, least) = (*haze as f32, least.map_or(f32::NEG_INFINITY, |least| least as f32));
                pixels.for_each(|((out, l), (p, low))| {
                    let factor =
                        if low + haze < least { 1.0 + (p - low) / least } else { finite((p + haze) / (low + haze)) };
                    *out = l[b] * factor;
                });
            }
            Self::Scaled { gain, constant } => {
                let (gain, constant) = (*gain as f32, *constant as f32);
                pixels.for_each(|((out, l), (p, _))| {
                    let intensity = l.iter().sum::<f32>() / channels as f32;
                    *out = l[b] * finite((gain * p + constant) / intensity);
                });
            }
        }
    }
}
