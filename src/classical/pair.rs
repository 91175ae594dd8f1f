//! A pair as the methods see it: one plane of f64 per band, and where it can be trusted.

use rayon::prelude::*;

use super::stats::Valid;
use super::{ClassicalError, Inputs};
use crate::filter::{self, BandMatrix, Grid, Terms, Upsample};

/// One band `[H, W]` or `[h, w]`.
pub(super) type Plane = Vec<f64>;

/// A checked pair.
pub(super) struct Pair<'a> {
    pub inputs: &'a Inputs<'a>,
    pub pan: Plane,
    /// MS, `[h, w]` per band.
    pub ms: Vec<Plane>,
    /// Upsampled MS, `[H, W]` per band.
    pub lms: Vec<Plane>,
    /// Pixels of PAN to trust.
    pub valid: Valid,
    /// Pixels of MS to trust: those whose whole footprint on PAN is valid.
    pub ms_valid: Valid,
}

/// A pair one resolution lower, `[h, w]` per band, with its truth.
pub(super) struct ReducedPair {
    /// PAN through its MTF.
    pub pan: Plane,
    /// The bands.
    pub truth: Vec<Plane>,
    /// The bands as a sensor of one resolution less sees them: by the toolbox through their MTF, by the
    /// spline also decimated and upsampled again.
    pub low: Vec<Plane>,
    /// Pixels to trust.
    pub valid: Valid,
}

impl<'a> Pair<'a> {
    pub(super) fn new(inputs: &'a Inputs<'a>) -> Result<Self, ClassicalError> {
        check(inputs)?;
        let Inputs { rows, columns, .. } = *inputs;
        let bands = inputs.ms_gains.len();
        let ms: Vec<Plane> =
            (0..bands).map(|band| inputs.ms[band..].iter().step_by(bands).map(|v| f64::from(*v)).collect()).collect();
        let up = [(inputs.upsample.operator(rows), inputs.upsample.operator(columns))];
        let lms = ms.par_iter().map(|plane| filter::apply_plane(plane, &up)).collect();
        let valid = Valid::new(inputs.valid.map(<[bool]>::to_vec));
        if !(0..inputs.pan.len()).any(|i| valid.at(i)) {
            return Err(ClassicalError::NothingValid);
        }
        let ms_valid = Valid::new(inputs.valid.map(|v| filter::covered(v, rows, columns)));
        Ok(Self { inputs, pan: inputs.pan.iter().map(|v| f64::from(*v)).collect(), ms, lms, valid, ms_valid })
    }

    /// Grids of a low-resolution PAN sampled at `ratio · k + ratio / 2`, where interp23 puts its samples.
    pub(super) fn sampled(&self) -> [Grid; 2] {
        [self.inputs.rows, self.inputs.columns].map(|grid| Grid::aligned(grid.fine, grid.ratio))
    }

    /// PAN blurred by the metric kernel of a gain and sampled at `ratio · k + ratio / 2`.
    pub(crate) fn sampled_pan(&self, gain: f64) -> Plane {
        let [rows, columns] = self.sampled();
        let at = |grid: Grid| move |k: usize| (grid.ratio * k + grid.ratio / 2).min(grid.fine - 1);
        let size = [rows.coarse, columns.coarse];
        blur(&self.pan, columns.fine, &filter::metric_kernel(gain, rows.ratio), size, [&at(rows), &at(columns)])
    }

    /// PAN at MS resolution, back on its own grid: degraded and upsampled as MS was, or as the toolbox has it.
    pub(crate) fn low_pan(&self, gain: f64) -> Plane {
        let upsample = self.inputs.upsample;
        if upsample == Upsample::Spline {
            let up = [(upsample.operator(self.inputs.rows), upsample.operator(self.inputs.columns))];
            return filter::apply_plane(&filter::apply_plane(&self.pan, &self.degradation(gain)), &up);
        }
        let up = [self.sampled().map(sampled_up).into()];
        filter::apply_plane(&self.sampled_pan(gain), &up)
    }

    /// [`low_pan`](Self::low_pan) of every gain that differs, and which of them is each band's.
    pub(crate) fn low_pans(&self) -> (Vec<Plane>, Vec<usize>) {
        let (different, of_band) = different(self.inputs.ms_gains);
        (different.par_iter().map(|gain| self.low_pan(*gain)).collect(), of_band)
    }

    /// The pair one resolution lower, where the truth is known.
    pub(super) fn reduced(&self) -> ReducedPair {
        let Inputs { rows, columns, ms_gains, pan_gain, upsample, valid, .. } = *self.inputs;
        if upsample == Upsample::Spline {
            let [small_rows, small_columns] = [rows, columns].map(|grid| grid.coarser());
            let up = [(upsample.operator(small_rows), upsample.operator(small_columns))];
            let low = |(m, gain): (&Plane, &f64)| {
                filter::apply_plane(&filter::apply_plane(m, &filter::degrade(*gain, small_rows, small_columns)), &up)
            };
            let low = self.ms.par_iter().zip(ms_gains).map(low).collect();
            return ReducedPair { pan: self.pan_at_ms(), truth: self.ms.clone(), low, valid: self.ms_valid.clone() };
        }
        let [rows, columns] = self.sampled();
        let size = [rows.coarse, columns.coarse];
        let shrink = [(filter::shrink(rows), filter::shrink(columns))];
        let truth: Vec<Plane> = self.lms.par_iter().map(|l| filter::apply_plane(l, &shrink)).collect();
        let low = |(g, gain): (&Plane, &f64)| {
            blur(g, size[1], &filter::metric_kernel(*gain, rows.ratio), size, [&|i| i, &|j| j])
        };
        let low = truth.iter().zip(ms_gains).map(low).collect();
        let valid = Valid::new(valid.map(|v| filter::covered(v, rows, columns)));
        ReducedPair { pan: self.sampled_pan(pan_gain), truth, low, valid }
    }

    /// PAN through its MTF at the positions of the MS pixels.
    pub(crate) fn pan_at_ms(&self) -> Plane {
        filter::apply_plane(&self.pan, &self.degradation(self.inputs.pan_gain))
    }

    /// MTF blur and decimation onto the MS grid.
    pub(super) fn degradation(&self, gain: f64) -> Terms {
        filter::degrade(gain, self.inputs.rows, self.inputs.columns)
    }
}

/// [`Pair::low_pan`] as an operator: onto the coarse grid, and back along y and x.
pub(crate) fn low_pass(gain: f64, rows: Grid, columns: Grid, upsample: Upsample) -> (Terms, [BandMatrix; 2]) {
    if upsample == Upsample::Spline {
        return (filter::degrade(gain, rows, columns), [upsample.operator(rows), upsample.operator(columns)]);
    }
    let [rows, columns] = [rows, columns].map(|grid| Grid::aligned(grid.fine, grid.ratio));
    (filter::metric_samples(gain, rows, columns), [sampled_up(rows), sampled_up(columns)])
}

/// From samples at `ratio · k + ratio / 2` back: by interp23, or by cubic convolution at ratios that do not
/// double.
fn sampled_up(grid: Grid) -> BandMatrix {
    match grid.ratio.is_power_of_two() {
        true => filter::upsample_interp23(grid),
        false => filter::upsample_cubic(Grid { phase: (grid.ratio / 2) as f64, ..grid }),
    }
}

/// The gains that differ, in ascending order, and the place of each band's among them.
pub(super) fn different(gains: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let mut different = gains.to_vec();
    different.sort_by(f64::total_cmp);
    different.dedup();
    let of_band = gains.iter().map(|gain| different.partition_point(|g| g < gain)).collect();
    (different, of_band)
}

/// Correlation with a kernel, replicate border, of a plane of the given width, only where asked for:
/// output (i, j) lies at row `at[0](i)`, column `at[1](j)`.
pub(super) fn blur(
    x: &[f64],
    width: usize,
    kernel: &ndarray::Array2<f64>,
    size: [usize; 2],
    at: [&(dyn Fn(usize) -> usize + Sync); 2],
) -> Plane {
    let height = x.len() / width;
    let (ky, kx) = kernel.dim();
    let clamp = |at: usize, k: usize, half: usize, len: usize| (at + k).saturating_sub(half).min(len - 1);
    let row = |i: usize| {
        let columns = (0..size[1]).map(move |j| {
            let (y, x0) = (at[0](i), at[1](j));
            let inner = x0 >= kx / 2 && x0 + kx / 2 < width;
            kernel
                .rows()
                .into_iter()
                .enumerate()
                .map(|(ki, taps)| {
                    let line = &x[clamp(y, ki, ky / 2, height) * width..][..width];
                    let taps = taps.to_slice().expect("kernels are dense");
                    match inner {
                        true => taps.iter().zip(&line[x0 - kx / 2..]).map(|(t, x)| t * x).sum::<f64>(),
                        false => taps.iter().enumerate().map(|(kj, t)| t * line[clamp(x0, kj, kx / 2, width)]).sum(),
                    }
                })
                .sum::<f64>()
        });
        columns.collect::<Vec<_>>()
    };
    (0..size[0]).into_par_iter().flat_map_iter(row).collect()
}

/// Whether grids can be used.
pub(super) fn usable(rows: Grid, columns: Grid, upsample: Upsample) -> Result<(), ClassicalError> {
    let usable = |g: Grid| {
        let possible = upsample != Upsample::Interp23 || (g.ratio.is_power_of_two() && g.ratio * g.coarse >= g.fine);
        g.fine > 0 && g.coarse > 0 && g.ratio > 1 && possible
    };
    match rows.ratio == columns.ratio && usable(rows) && usable(columns) {
        true => Ok(()),
        false => Err(ClassicalError::Grids { rows, columns }),
    }
}

fn check(inputs: &Inputs<'_>) -> Result<(), ClassicalError> {
    let Inputs { rows, columns, .. } = *inputs;
    usable(rows, columns, inputs.upsample)?;
    let pan = rows.fine * columns.fine;
    let ms = rows.coarse * columns.coarse * inputs.ms_gains.len();
    let bands = inputs.tv.weights.as_ref().map_or(inputs.ms_gains.len(), Vec::len);
    let sizes = [
        ("PAN", inputs.pan.len(), pan),
        ("MS", inputs.ms.len(), ms),
        ("mask", inputs.valid.map_or(pan, <[bool]>::len), pan),
        ("TV weights", bands, inputs.ms_gains.len()),
    ];
    for (what, found, wanted) in sizes {
        if found != wanted {
            return Err(ClassicalError::Size { what, found, wanted });
        }
    }
    for (what, values) in [("PAN", inputs.pan), ("MS", inputs.ms)] {
        if let Some((index, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(ClassicalError::NotFinite { what, index, value: *value });
        }
    }
    Ok(())
}
