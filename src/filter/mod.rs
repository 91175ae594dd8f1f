//! Image operators as tables: MTF blur, decimation, upsampling (method, sections 3 and 4).
//!
//! Everything the network trains through, and everything quality is measured through, is a
//! [`BandMatrix`] operator per axis, designed here in f64. Training runs them by
//! [`kernels::resample`](crate::kernels::resample), the rest by [`apply`].

mod banded;
mod cubic;
mod grid;
mod interp23;
mod line;
mod mask;
mod metric;
mod mtf;
mod shrink;
mod spline;
#[cfg(test)]
mod tests;
mod upsample;

pub(crate) use banded::apply_plane;
pub use banded::{BandMatrix, Terms, apply, transposed};
pub use cubic::upsample_cubic;
pub(crate) use grid::covered_part;
pub use grid::{Grid, covered};
pub(crate) use interp23::upsample_interp23;
pub use line::{Line, Rows};
pub use mask::about;
pub(crate) use mask::{all_within, mtf_reach, mtf_reach_within, upsample_reach};
pub use metric::{MetricBlur, metric_kernel};
pub(crate) use metric::{RADIUS, metric_samples};
pub(crate) use mtf::degrade_separable;
pub use mtf::{TAPS, degrade, training_kernel};
pub use shrink::shrink;
pub use spline::upsample_spline;
pub use upsample::Upsample;
