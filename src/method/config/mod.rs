//! Everything a run can be told.
//!
//! A setting is one entry of the table below: what it does, its values and their range, its default by sensor and
//! [`Profile`]. From there come the field, the check, the record in files, and what a program shows and asks for. Those
//! that are one of a few are enums with names, in `choice.rs`; what an effort or a small scene changes stands in
//! `preset.rs`.

mod check;
mod choice;
mod preset;
mod sensor;
mod setting;

pub use crate::filter::Upsample;
pub use crate::kernels::adam::Adam;
pub use crate::net::Backbone;

use crate::kernels::turn::TURNS;
use crate::net::FusionShape;
pub use choice::{Base, Consistency, Crops, Effort, Init, Keep, Order, Paradigm, Profile, Reduced, Sampling, WarmUp};
pub use sensor::Sensor;
pub use setting::Setting;
use setting::{Range, Value, all, by_profile, by_sensor, is_usual, settings, trapan_only};

const ABOVE_0: Range<f64> = (|x| *x > 0.0 && x.is_finite(), "above 0");
const NOT_BELOW_0: Range<f64> = (|x| *x >= 0.0 && x.is_finite(), "0 or more");
const SHARE: Range<f64> = (|x| (0.0..=1.0).contains(x), "0 to 1");
const DECAY: Range<f64> = (|x| (0.0..1.0).contains(x), "0 to 1, 1 excluded");
/// Of an MTF at Nyquist.
const GAIN: Range<f64> = (|x| *x > 0.0 && *x < 1.0, "between 0 and 1, both excluded");

settings! {
    /// Settings of a run. [`Config::new`] gives the method's numbers; every field is public.
    pub struct Config {
        /// Sensor the gains and the schedule come from.
        sensor: Sensor,
        /// Set of decisions the run started from.
        profile: Profile,
        /// MTF gain at Nyquist per band.
        ms_gains: Vec<f64>,
    }

    table {
        /// MTF gain of PAN at Nyquist, with which it is blurred for the reduced pair.
        pan_gain: f64 { "G" in GAIN
            usually "the sensor's, or what the pair says: see pan-auto" } = by_sensor(|sensor| sensor.pan_gain);
        /// Whether the gain of PAN gives way to what the pair says: to that of MS for sensors whose gains are not
        /// published, to PAN's own where it is sharper than published. False if the gain is given.
        pan_auto: bool { "BOOL" } = trapan_only();
        /// Upsampling of MS: quintic B-spline or cubic convolution at the true phase, or the toolbox's
        /// interpolator, half a PAN pixel off.
        upsample: Upsample { "NAME" } = by_profile(Upsample::Spline, Upsample::Cubic, Upsample::Interp23);
        /// Whether gaps of nodata are filled with what is near, PAN is given the unit of MS, hot pixels are cut off and a
        /// large offset is taken off, before anything is computed; else gaps are filled with means, and the rest stays.
        robust: bool { "BOOL" } = trapan_only();
        /// What the network adds to: the closed form that is best on withheld ground (auto), this one, or
        /// upsampled MS as the paper has it (none).
        base: Base { "NAME" } = by_profile(Base::Auto, Base::None, Base::None);
        /// Which network fuses. All but FusionNet have sizes of their own, and see MS and PAN.
        /// CANNet takes six times as long. PanMamba learns from windows of at most 128x128 PAN pixels and sees a scene from
        /// one side; tiles of it differ a little from the whole.
        #[serde(default, skip_serializing_if = "is_usual")]
        backbone: Backbone { "NAME" } = all(Backbone::FusionNet);
        /// What the fusion network starts from: the network that comes with the program, which has learnt from simulated
        /// places, where there is one for the ratio, 4 or 2, and the other settings (auto); random weights; or a network
        /// that `trapan train` or `--save-model` wrote.
        #[serde(default, skip_serializing_if = "is_usual")]
        init: Init { "auto|random|FILE" } = by_profile(Init::Auto, Init::Random, Init::Random);
        /// Whether FusionNet sees MS beside its difference to PAN.
        sees_ms: bool { "BOOL" } = trapan_only();
        /// Reduced pair: from MS (Wald) or from upsampled MS.
        reduced: Reduced { "NAME" } = by_profile(Reduced::Wald, Reduced::Wald, Reduced::AsRun);
        /// Where reduced steps look: at ten fixed crops, or anywhere and, as full steps, from any of eight sides.
        crops: Crops { "NAME" } = by_profile(Crops::Random, Crops::Ten, Crops::Ten);
        /// MS pixels along the border that the reduced loss leaves out: filters read beyond the edge there.
        border: usize { "N" } = by_profile(2, 0, 0);
        /// Difference, in units of the scale, at which the reduced loss turns from a square into an absolute
        /// value; 0: a square throughout.
        bend: f64 { "D" in NOT_BELOW_0 } = by_profile(1e-2, 0.0, 0.0);
        /// Keep a quarter of the reduced pair from the training, to judge it there.
        withhold: bool { "BOOL" } = trapan_only();
        /// Branch of the warm-up.
        warm_up: WarmUp { "NAME" } = all(WarmUp::Full);
        /// Epochs of the warm-up, m.
        warm_up_epochs: u32 { "M" } = by_sensor(|sensor| sensor.warm_up_epochs);
        /// Order of full and reduced steps.
        order: Order { "NAME" } = all(Order::Alternating);
        /// Which branch chance decides on.
        sampling: Sampling { "NAME" } = all(Sampling::AlwaysReduced);
        /// What the fusion network learns from: full and reduced steps by turns, the full ones or the reduced ones alone
        /// that alternation would draw, or first the reduced and then, from the best weights of those on, the full.
        #[serde(default, skip_serializing_if = "is_usual")]
        paradigm: Paradigm { "NAME" } = all(Paradigm::Alternating);
        /// With the serial paradigm, so many of the epochs, the last, are a full step each, and in the others reduced
        /// steps go once over the crops; 0: the steps that alternation would draw.
        #[serde(default, skip_serializing_if = "is_usual")]
        full_epochs: u32 { "N" } = all(0);
        /// Weights that make the result: of the lowest full loss, the last, or the mean over epochs as far as
        /// withheld ground finds it best. The last instead of the lowest full loss with all full steps first, since no
        /// full loss follows the reduced steps.
        keep: Keep { "NAME" } = by_profile(Keep::Mean, Keep::Best, Keep::Best);
        /// Epochs of random alternation, n2. Without any, nothing is trained and the result is the base. Effort best takes
        /// 750.
        epochs: u32 { "N" } = all(250);
        /// Up to 1.6 times as many epochs where PAN has fewer than 512² pixels. False if their number is given.
        prolong: bool { "BOOL" } = trapan_only();
        /// Epochs of the degradation network, n1.
        dam_epochs: u32 { "N" in (|n| *n > 0, "at least 1") } = all(250);
        /// Probability of a full step per epoch, p.
        full_probability: f64 { "P" in SHARE } = by_sensor(|sensor| sensor.full_probability);
        /// Crops per reduced step, of 10.
        batch: usize { "N" in (|n| (1..=10).contains(n), "1 to 10 crops") } = all(8);
        /// Learning rate of the degradation network.
        lr_dam: f64 { "LR" in ABOVE_0 } = all(5e-4);
        /// Learning rate of full steps.
        lr_full: f64 { "LR" in ABOVE_0 } = by_profile(1e-3, 5e-4, 5e-4);
        /// Learning rate of reduced steps.
        lr_reduced: f64 { "LR" in ABOVE_0 } = by_profile(1e-3, 5e-4, 1e-3);
        /// Half the rates of full and reduced steps where the network that they start from has learnt already. False if one
        /// of the two is given.
        #[serde(default, skip_serializing_if = "is_usual")]
        gentle: bool { "BOOL" } = trapan_only();
        /// Share of the learning rates that is left at the end, to which they fall along a cosine; 1: constant.
        lr_floor: f64 { "SHARE" in SHARE } = by_profile(0.02, 1.0, 1.0);
        /// Share of itself that the mean of the weights keeps per epoch.
        mean_decay: f64 { "SHARE" in (|x| (0.0..=0.9999).contains(x), "0 to 0.9999") } = all(0.98);
        /// From how many sides (symmetries of the square) the trained network looks at the scene; the result is the
        /// mean. 0: as many of 8, 4, 2, 1 as take no longer than the training.
        sides: usize { "N" in (|n| *n <= TURNS, "0 (automatic) to 8") } = by_profile(0, 1, 1);
        /// The consistency step at the end moves the image as little as possible so that degrading it gives MS
        /// back: off, auto (band by band, by the degraded pair and the noise in MS), or a number ν: 0.01 makes up for
        /// nearly all of the difference, 1 for about half. Off for a closed form that is asked for by its name.
        consistency: Consistency { "NU|auto|off" } = by_profile(Consistency::Auto, Consistency::Off, Consistency::Off);
        /// Weight of the spectral loss, λ1.
        lambda_spectral: f64 { "W" in NOT_BELOW_0 } = by_profile(0.25, 1.0, 1.0);
        /// Weight of the spatial loss, λ2.
        lambda_spatial: f64 { "W" in NOT_BELOW_0 } = all(8.0);
        /// Optimiser constants.
        adam: Adam {
            /// Adam: decay of the first moment.
            beta1: f64 { "B" in DECAY }
            /// Adam: decay of the second moment.
            beta2: f64 { "B" in DECAY }
            /// Adam: added to the root of the second moment.
            eps: f64 { "E" in ABOVE_0 }
        } = all(Adam::default());
        /// Hidden channels of FusionNet.
        width: usize { "N" in (|n| (1..=256).contains(n), "1 to 256") } = all(32);
        /// Residual blocks of FusionNet; PanMamba has 2N for each image, N/2 of exchange and 5N/4 of both.
        blocks: usize { "N" in (|n| (1..=64).contains(n), "1 to 64") } = all(4);
        /// Layers of the fusion network, from the first, that keep the weights they start with.
        #[serde(default, skip_serializing_if = "is_usual")]
        frozen: usize { "N" } = all(0);
        /// Hidden width of the degradation network, d.
        dam_width: usize { "N" in (|n| (1..=128).contains(n), "1 to 128") } = all(32);
        /// PAN pixels of a training window's side: a larger scene is learnt from windows. PanMamba: at most 128.
        // Crops are half of a window and their degraded form has to have some pixels left.
        train_size: usize { "N" in (|n| (256..=8192).contains(n), "256 to 8192 pixels") } = all(512);
        /// Most training windows of a larger scene.
        train_windows: usize { "K" in (|n| (1..=256).contains(n), "1 to 256") } = all(8);
        /// Seed of all randomness: the same seed gives the same bytes on the same device; on the CPU, with the same
        /// instruction set, whatever the number of threads.
        seed: u64 { "SEED" } = all(0);
    }
}

impl Config {
    /// Whether there is a network to train.
    pub fn trains(&self) -> bool {
        self.epochs > 0
    }

    /// Whether reduced losses decide which weights are kept.
    pub(crate) fn keeps_reduced(&self) -> bool {
        self.keep == Keep::Best && matches!(self.paradigm, Paradigm::Reduced | Paradigm::Serial)
    }

    /// Sizes of the fusion network.
    pub fn shape(&self, bands: usize) -> FusionShape {
        let Self { backbone, sees_ms, width, blocks, .. } = *self;
        FusionShape { backbone, bands, sees_ms, width, blocks }
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
