//! A pair as the methods see it: one plane of f64 per band, and where it can be trusted.

use rayon::prelude::*;

use super::stats::Valid;
use super::{ClassicalError, Inputs};
use crate::filter::{self, Grid, Terms};

/// One band `[H, W]` or `[h, w]`.
pub type Plane = Vec<f64>;

/// A checked pair.
pub struct Scene<'a> {
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

impl<'a> Scene<'a> {
    pub fn new(inputs: &'a Inputs<'a>) -> Result<Self, ClassicalError> {
        check(inputs)?;
        let Inputs { rows, columns, .. } = *inputs;
        let upsample = if inputs.interp23 { filter::upsample_interp23 } else { filter::upsample_cubic };
        let bands = inputs.ms_gains.len();
        let ms: Vec<Plane> =
            (0..bands).map(|band| inputs.ms[band..].iter().step_by(bands).map(|v| f64::from(*v)).collect()).collect();
        let up = [(upsample(rows), upsample(columns))];
        let lms = ms.par_iter().map(|plane| filter::apply_plane(plane, &up)).collect();
        let valid = Valid::new(inputs.valid.map(<[bool]>::to_vec));
        if !(0..inputs.pan.len()).any(|i| valid.at(i)) {
            return Err(ClassicalError::NothingValid);
        }
        let ms_valid = Valid::new(inputs.valid.map(|v| filter::covered(v, rows, columns)));
        Ok(Self { inputs, pan: inputs.pan.iter().map(|v| f64::from(*v)).collect(), ms, lms, valid, ms_valid })
    }

    /// Grids of a low-resolution PAN sampled at `ratio · k + ratio / 2`, where interp23 puts its samples.
    pub fn sampled(&self) -> [Grid; 2] {
        [self.inputs.rows, self.inputs.columns].map(|grid| Grid::aligned(grid.fine, grid.ratio))
    }

    /// PAN blurred by the metric kernel of a gain and sampled at `ratio · k + ratio / 2`.
    pub fn sampled_pan(&self, gain: f64) -> Plane {
        let [rows, columns] = self.sampled();
        let at = |grid: Grid| move |k: usize| (grid.ratio * k + grid.ratio / 2).min(grid.fine - 1);
        let size = [rows.coarse, columns.coarse];
        blur(&self.pan, columns.fine, &filter::metric_kernel(gain, rows.ratio), size, [&at(rows), &at(columns)])
    }

    /// PAN at MS resolution, back on its own grid: blurred, sampled and interpolated by interp23, or by
    /// cubic convolution at ratios that do not double.
    pub fn low_pan(&self, gain: f64) -> Plane {
        let up = self.sampled().map(|grid| match grid.ratio.is_power_of_two() {
            true => filter::upsample_interp23(grid),
            false => filter::upsample_cubic(Grid { phase: (grid.ratio / 2) as f64, ..grid }),
        });
        let up = [up.into()];
        filter::apply_plane(&self.sampled_pan(gain), &up)
    }

    /// PAN through its MTF at the positions of the MS pixels.
    pub fn pan_at_ms(&self) -> Plane {
        filter::apply_plane(&self.pan, &self.degradation(self.inputs.pan_gain))
    }

    /// MTF blur and decimation onto the MS grid.
    pub fn degradation(&self, gain: f64) -> Terms {
        filter::degrade(gain, self.inputs.rows, self.inputs.columns)
    }
}

/// Correlation with a kernel, replicate border, of a plane of the given width, only where asked for:
/// output (i, j) lies at row `at[0](i)`, column `at[1](j)`.
pub fn blur(
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

fn check(inputs: &Inputs<'_>) -> Result<(), ClassicalError> {
    let Inputs { rows, columns, .. } = *inputs;
    let usable = |g: Grid| {
        let possible = !inputs.interp23 || (g.ratio.is_power_of_two() && g.ratio * g.coarse >= g.fine);
        g.fine > 0 && g.coarse > 0 && g.ratio > 1 && possible
    };
    if rows.ratio != columns.ratio || !usable(rows) || !usable(columns) {
        return Err(ClassicalError::Grids { rows, columns });
    }
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
