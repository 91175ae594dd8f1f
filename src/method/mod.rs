//! TRA-PAN itself: settings, filters, the static plans, the schedule, training.

pub mod config;
pub mod crops;
mod fuse;
pub mod model;
pub mod scene;
pub mod schedule;
pub mod simulate;
pub mod trace;
pub mod train;

pub use config::Config;
pub use fuse::{Fused, build, dims, fuse};
pub use model::{Dims, Model};
pub use train::{Outcome, Phase, Progress, StepRecord, infer, train};

use crate::engine::EngineError;

/// What can go wrong between settings and result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The sensor has another number of bands.
    #[error(
        "sensor {sensor} has {wanted} bands, the multispectral image has {found}: \
         give --mtf-gains with one gain per band, or --sensor generic"
    )]
    Bands {
        /// Sensor.
        sensor: config::Sensor,
        /// Its bands.
        wanted: usize,
        /// The image's bands.
        found: usize,
    },
    /// A setting is out of range.
    #[error("--{name} is {value}: it must be {wanted}")]
    Setting {
        /// Flag name.
        name: &'static str,
        /// Value seen.
        value: String,
        /// Allowed values.
        wanted: String,
    },
    /// A loss is not finite.
    #[error(
        "training diverged: loss {value} in phase {phase}, epoch {epoch}; lower the learning rate (--lr-{phase}), \
         or check the images for outliers"
    )]
    Diverged {
        /// Phase.
        phase: train::Phase,
        /// Epoch, from 1.
        epoch: u32,
        /// The loss.
        value: f64,
    },
    /// The observer asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
