//! TRA-PAN itself: settings, filters, the static plans, the schedule, training.

pub mod apply;
mod base;
pub mod baseline;
mod checkpoint;
pub mod config;
mod contender;
mod coregister;
pub mod crops;
pub mod estimate;
mod example;
mod gains;
mod learn;
pub mod model;
pub mod plans;
mod prepare;
pub mod prior;
mod probes;
mod request;
mod run;
pub mod schedule;
pub mod sharpen;
mod sharpness;
mod step;
mod strips;
pub mod trace;
pub mod train;
mod units;
mod view;
mod weights_file;
pub mod windows;

pub use base::Start;
pub use baseline::baseline;
pub use checkpoint::Checkpoints;
pub use config::Config;
pub use contender::Contender;
pub use coregister::Coregistration;
pub use example::{Example, ExampleWeights, Ground};
use gains::far_above;
pub use gains::{Gain, estimate_gains};
use learn::pan_unit;
pub use learn::{build, closed_form, learn, program};
pub use model::{Model, Summary};
pub use plans::{Dims, Plans};
pub use prepare::{Preparation, Shift};
pub use prior::Prior;
pub use request::{Gains, Request};
pub use run::{Job, Run, Timings, Watch, fuse, run};
pub use sharpen::{Network, Sharpener};
pub use train::{IdleRecord, Judgement, LOOK, Lesson, Log, Phase, Progress, StepRecord, train};
pub use view::View;
pub use weights_file::WeightsError;

use crate::engine::EngineError;
use crate::remedy::Remedy;
use crate::scene::SceneError;

/// What can go wrong between settings and result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The sensor has another number of bands.
    #[error("sensor {sensor} has {wanted} bands, the multispectral image has {found}: {}", Remedy::Gains)]
    Bands {
        /// Sensor.
        sensor: config::Sensor,
        /// Its bands.
        wanted: usize,
        /// The image's bands.
        found: usize,
    },
    /// A setting is out of range.
    #[error("{name} is {value}: it must be {wanted}")]
    Setting {
        /// Name, of a field of [`Config`] or of another choice.
        name: &'static str,
        /// Value seen.
        value: String,
        /// Allowed values.
        wanted: String,
    },
    /// The published codes' interpolator was not made for grids that lie like these.
    #[error(
        "{}: it must be cubic on this pair: interp23 was made for ratios 2, 4 and 8 and MS pixels that cover whole blocks \
         of PAN pixels, and here the centre of the first lies at row {}, column {} of PAN at ratio {ratio}",
        Remedy::Upsample, .phase[0], .phase[1]
    )]
    Upsample {
        /// Row and column of PAN where the centre of the first pixel of MS lies.
        phase: [f64; 2],
        /// PAN pixels per MS pixel.
        ratio: usize,
    },
    /// A loss is not finite.
    #[error(
        "training diverged: loss {value} in phase {phase}, epoch {epoch}; lower the learning rate ({}), \
         or check the images for outliers",
        rate(*phase)
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
    /// A weights file or checkpoint cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The checkpoint belongs to another training.
    #[error(
        "{path} was made with other images, settings, version or device (on {}; this run is on {}): remove it to \
         start anew, or repeat the command it was made with", .devices[0], .devices[1], path = .path.display()
    )]
    OtherRun {
        /// Checkpoint.
        path: std::path::PathBuf,
        /// Of the checkpoint and of this run, with the instruction set of a CPU.
        devices: [String; 2],
    },
    /// Trained networks do not suit a scene.
    #[error("the model was trained for {what} {model}, the scene has {scene}: train on this scene ({})", Remedy::Train)]
    Misfit {
        /// What does not suit.
        what: &'static str,
        /// The model's.
        model: String,
        /// The scene's.
        scene: String,
    },
    /// Images to train on that do not go together.
    #[error("a {what} has {found} where the others have {wanted}: train on what goes together")]
    Unlike {
        /// What sort of image.
        what: &'static str,
        /// What it should have.
        wanted: String,
        /// What it has.
        found: String,
    },
    /// A method without training cannot be used.
    #[error(transparent)]
    Classical(#[from] crate::classical::ClassicalError),
    /// A method holds the whole scene in memory, and that is too small.
    #[error(
        "{method} goes over the whole image again and again and holds {} MB, more than {}: allow that much, or take a closed \
         form, as mtf-glp-hpm-r", needed.div_ceil(1_000_000), Remedy::Memory(*memory)
    )]
    Memory {
        /// The method.
        method: crate::classical::Method,
        /// Bytes it takes.
        needed: u64,
        /// Bytes there are.
        memory: u64,
    },
    /// A pair cannot be fused.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Tiff(#[from] crate::tiff::TiffError),
    /// The device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl MethodError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Bands { .. } => Some(Remedy::Gains),
            Self::Setting { name, .. } => Some(Remedy::Setting(name)),
            Self::Upsample { .. } => Some(Remedy::Upsample),
            Self::Diverged { phase, .. } => Some(Remedy::Setting(rate(*phase))),
            Self::Misfit { .. } => Some(Remedy::Train),
            Self::Memory { memory, .. } => Some(Remedy::Memory(*memory)),
            Self::Scene(error) => error.remedy(),
            Self::Tiff(error) => error.remedy(),
            Self::Engine(error) => error.remedy(),
            Self::Interrupted | Self::Weights(_) | Self::OtherRun { .. } | Self::Unlike { .. } | Self::Classical(_) => {
                None
            }
        }
    }
}

/// The setting that a phase learns at.
fn rate(phase: Phase) -> &'static str {
    match phase {
        Phase::Dam => "lr_dam",
        Phase::Full => "lr_full",
        Phase::Reduced => "lr_reduced",
    }
}
