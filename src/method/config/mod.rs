//! Everything a run can be told.
//!
//! A setting is a field of [`Config`]; its default stands in `preset.rs`, its range in `check.rs`. Those that are one
//! of a few are enums with names, in `choice.rs`.

mod check;
mod choice;
mod preset;
mod sensor;

use serde::{Deserialize, Serialize};

pub use crate::filter::Upsample;
pub use crate::kernels::adam::Adam;

use crate::net::FusionShape;
pub use choice::{Base, Consistency, Crops, Effort, Keep, Order, Profile, Reduced, Sampling, WarmUp};
pub use sensor::Sensor;

/// Settings of a run. [`Config::new`] gives the method's numbers; every field is public.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Sensor the gains and the schedule come from.
    pub sensor: Sensor,
    /// Set of decisions the run started from.
    pub profile: Profile,
    /// MTF gain at Nyquist per band.
    pub ms_gains: Vec<f64>,
    /// MTF gain at Nyquist of PAN, with which the reduced pair's PAN is blurred.
    pub pan_gain: f64,
    /// Whether that gain gives way to what the pair says; see `sharpness`.
    pub pan_auto: bool,
    /// Upsampling of MS.
    pub upsample: Upsample,
    /// Whether gaps of nodata are filled with what is near, PAN is given the unit of MS, hot pixels are cut off and a
    /// large offset is taken off, before anything is computed; else gaps are filled with means, and the rest stays.
    pub robust: bool,
    /// What the network adds to.
    pub base: Base,
    /// Whether the network sees upsampled MS beside its difference to PAN.
    pub sees_ms: bool,
    /// Reduced-resolution pair.
    pub reduced: Reduced,
    /// Where reduced steps look.
    pub crops: Crops,
    /// MS pixels along the border of the reduced pair that its loss leaves out: filters read beyond the
    /// edge there.
    pub border: usize,
    /// Difference at which the reduced loss turns from a square into an absolute value, in units of the
    /// scale; 0: a square throughout.
    pub bend: f64,
    /// Whether a quarter of the reduced pair is kept from the training, to judge it there.
    pub withhold: bool,
    /// Warm-up branch.
    pub warm_up: WarmUp,
    /// Warm-up epochs, `m`.
    pub warm_up_epochs: u32,
    /// Order of the branches.
    pub order: Order,
    /// What chance decides on.
    pub sampling: Sampling,
    /// Weights that make the result.
    pub keep: Keep,
    /// Epochs of the alternating stage, `n2`; 0: nothing is trained, the result is the base.
    pub epochs: u32,
    /// Whether a scene with little to learn from is trained on for more epochs; see [`Config::sized`].
    pub prolong: bool,
    /// Epochs of the degradation network, `n1`.
    pub dam_epochs: u32,
    /// Probability of a full step, `p`.
    pub full_probability: f64,
    /// Crops per reduced step, of 10.
    pub batch: usize,
    /// Learning rate of the degradation network.
    pub lr_dam: f64,
    /// Learning rate of full steps.
    pub lr_full: f64,
    /// Learning rate of reduced steps.
    pub lr_reduced: f64,
    /// Share of the learning rates that is left at the end, to which they fall along a cosine; 1: constant.
    pub lr_floor: f64,
    /// Share of itself that the mean of the weights keeps per epoch, with [`Keep::Mean`].
    pub mean_decay: f64,
    /// From how many sides the trained network looks at the scene, 1 to 8; 0: as many of 8, 4, 2, 1 as take no
    /// longer than the training did.
    pub sides: usize,
    /// How far the consistency step goes.
    pub consistency: Consistency,
    /// Weight of the spectral term, λ1.
    pub lambda_spectral: f64,
    /// Weight of the spatial term, λ2.
    pub lambda_spatial: f64,
    /// Optimiser constants.
    pub adam: Adam,
    /// Hidden channels of the fusion network.
    pub width: usize,
    /// Residual blocks of the fusion network.
    pub blocks: usize,
    /// Hidden width of the degradation network, `d`.
    pub dam_width: usize,
    /// PAN pixels of a training window's side: a larger scene is learnt from windows.
    pub train_size: usize,
    /// Most windows of a larger scene.
    pub train_windows: usize,
    /// Seed of all randomness.
    pub seed: u64,
}

impl Config {
    /// Whether there is a network to train.
    pub fn trains(&self) -> bool {
        self.epochs > 0
    }

    /// Sizes of the fusion network.
    pub fn shape(&self, bands: usize) -> FusionShape {
        FusionShape { bands, sees_ms: self.sees_ms, width: self.width, blocks: self.blocks }
    }

    /// Whether pixels of the reduced pair count differently even if all are valid.
    pub fn weighs_reduced(&self) -> bool {
        self.border > 0 || self.withhold
    }

    /// Share of the learning rates in an epoch of the alternating stage, from 1.
    pub fn decay(&self, epoch: u32) -> f64 {
        let gone = f64::from(epoch - 1) / f64::from(self.epochs);
        self.lr_floor + (1.0 - self.lr_floor) * (1.0 + (std::f64::consts::PI * gone).cos()) / 2.0
    }
}
