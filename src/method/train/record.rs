//! What a training tells: steps, and where it stands.

use serde::{Deserialize, Serialize};

/// Part of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Degradation network.
    Dam,
    /// Reduced-resolution steps.
    Reduced,
    /// Full-resolution steps.
    Full,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dam => "dam",
            Self::Reduced => "reduced",
            Self::Full => "full",
        })
    }
}

/// One optimiser step, as traces hold it: losses before the step's update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub enum StepRecord {
    /// Degradation network on one crop.
    Dam {
        /// Epoch, from 1.
        epoch: u32,
        /// Sample, from 0.
        sample: usize,
        /// Crop, from 0, in the order of [`ten_crop`](crate::method::crops::ten_crop).
        crop: usize,
        /// Mean squared error.
        loss: f32,
    },
    /// Fusion network on crops of the degraded pair.
    Reduced {
        /// Epoch, from 1.
        epoch: u32,
        /// Sample, from 0.
        sample: usize,
        /// Crops, `[row, column, flip]` in MS pixels.
        crops: Vec<[u32; 3]>,
        /// Symmetry that the weights were turned by: see [`turn`](crate::kernels::turn).
        turn: u32,
        /// Mean error, squared or as [`bend`](crate::method::Config::bend) has it.
        loss: f32,
    },
    /// Fusion network on the whole pair.
    Full {
        /// Epoch, from 1.
        epoch: u32,
        /// Sample, from 0.
        sample: usize,
        /// Symmetry that the weights were turned by.
        turn: u32,
        /// Mean squared error to PAN through the degradation network.
        spectral: f32,
        /// Mean squared error to MS through the MTF.
        spatial: f32,
        /// `λ1 · spectral + λ2 · spatial`.
        loss: f64,
    },
}

/// What a branch would have lost in an epoch without a step of it.
#[derive(Clone, Debug, PartialEq)]
pub struct IdleRecord {
    /// Steps of the fusion network before it.
    pub after: usize,
    /// The losses, as if there had been a step.
    pub record: StepRecord,
}

/// Where a training stands; sent after every epoch.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The degradation network, or the stage after it.
    pub phase: Phase,
    /// Whether only the warm-up branch runs.
    pub warm_up: bool,
    /// Epoch, from 1.
    pub epoch: u32,
    /// Epochs of this phase.
    pub epochs: u32,
    /// Steps done in this phase.
    pub steps_done: usize,
    /// Steps of this phase.
    pub steps: usize,
    /// Mean loss of the degradation network's epoch.
    pub dam: Option<f64>,
    /// Latest reduced loss.
    pub reduced: Option<f64>,
    /// Latest full loss.
    pub full: Option<f64>,
}
