//! Everything a run can be told, with the method's numbers as defaults.

use serde::{Deserialize, Serialize};

pub use crate::filter::Upsample;
pub use crate::kernels::adam::Adam;

use super::{Dims, MethodError};
use crate::classical::Method;
use crate::filter::Grid;
use crate::kernels::turn::TURNS;
use crate::net::FusionShape;

/// Sensors with known MTF gains (method, section 3) and schedules (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensor {
    /// WorldView-2.
    Wv2,
    /// WorldView-3.
    Wv3,
    /// WorldView-4.
    Wv4,
    /// QuickBird.
    Qb,
    /// IKONOS.
    Ikonos,
    /// GeoEye-1.
    Ge1,
    /// GaoFen-2.
    Gf2,
    /// Any other sensor: gain .30 for every band, .15 for PAN.
    Generic,
}

/// A sensor's constants.
struct Preset {
    /// Nyquist gains of the bands; empty for one gain whatever the number of bands.
    ms_gains: &'static [f64],
    pan_gain: f64,
    warm_up_epochs: u32,
    full_probability: f64,
}

/// Epochs of [`Effort::Best`].
const BEST_EPOCHS: u32 = 750;

/// Pixels of PAN that a whole training is planned for.
const AMPLE: usize = 512 * 512;
/// So many times the epochs at most.
const MOST: f64 = 1.6;

/// Nyquist gain of a band of an unknown sensor.
const GENERIC_GAIN: f64 = 0.30;

impl Sensor {
    fn preset(self) -> Preset {
        let preset = |ms_gains, pan_gain, warm_up_epochs, full_probability| Preset {
            ms_gains,
            pan_gain,
            warm_up_epochs,
            full_probability,
        };
        match self {
            Self::Wv2 => preset(&[0.35, 0.35, 0.35, 0.35, 0.35, 0.35, 0.35, 0.27], 0.11, 20, 0.8),
            Self::Wv3 => preset(&[0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315], 0.14, 20, 0.8),
            Self::Wv4 | Self::Ge1 => preset(&[0.23; 4], 0.16, 20, 0.8),
            Self::Qb => preset(&[0.34, 0.32, 0.30, 0.22], 0.15, 5, 0.7),
            Self::Ikonos => preset(&[0.26, 0.28, 0.29, 0.28], 0.17, 20, 0.8),
            Self::Gf2 => preset(&[], 0.15, 80, 0.8),
            Self::Generic => preset(&[], 0.15, 20, 0.8),
        }
    }

    /// Whether the gains are the sensor's own, and not those of any.
    pub fn is_published(self) -> bool {
        !self.preset().ms_gains.is_empty()
    }

    /// Nyquist gain of PAN.
    pub fn pan_gain(self) -> f64 {
        self.preset().pan_gain
    }

    /// Nyquist gains for `bands` bands.
    ///
    /// # Errors
    /// [`MethodError::Bands`] if the sensor has another number of bands.
    pub fn ms_gains(self, bands: usize) -> Result<Vec<f64>, MethodError> {
        let known = self.preset().ms_gains;
        if known.is_empty() {
            Ok(vec![GENERIC_GAIN; bands])
        } else if known.len() == bands {
            Ok(known.to_vec())
        } else {
            Err(MethodError::Bands { sensor: self, wanted: known.len(), found: bands })
        }
    }
}

impl std::fmt::Display for Sensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = format!("{self:?}").to_lowercase();
        f.write_str(&name)
    }
}

/// Which set of decisions a run starts from (method, sections 4 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The method's schedule from a closed form on, with all that makes the image better.
    Trapan,
    /// The method as the paper has it, at the true geometry.
    Faithful,
    /// As the published codes ran it: interp23, hardly degraded reduced pairs, reduced rate 1e-3.
    Paper,
}

/// How the reduced-resolution pair is made (method, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduced {
    /// Degrade the multispectral image, upsample it again.
    Wald,
    /// Degrade the already upsampled image.
    AsRun,
}

/// What the first epochs train on (Table 2 of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WarmUp {
    /// Full resolution only.
    Full,
    /// Reduced resolution only.
    Reduced,
    /// No warm-up.
    None,
}

/// Order of full and reduced steps (Table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Epoch by epoch.
    Alternating,
    /// All full steps, then all reduced ones.
    FullReduced,
    /// All reduced steps, then all full ones.
    ReducedFull,
}

/// Which branch chance decides on (Table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// A reduced step in every epoch, a full step by chance.
    AlwaysReduced,
    /// A full step in every epoch, a reduced step by chance.
    AlwaysFull,
    /// One of the two by chance.
    Random,
}

/// What the network adds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// Upsampled MS, from random weights on, as FusionNet has it.
    None,
    /// The closed form that is best on withheld ground, band by band; the last layer starts at zero.
    Auto,
    /// This closed form; the last layer starts at zero.
    #[serde(untagged)]
    Form(Method),
}

/// Where a reduced step looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crops {
    /// At some of ten fixed crops, upright.
    Ten,
    /// Anywhere, from any of eight sides; full steps from any side too.
    Random,
}

/// How far the consistency step goes: see [`consistency`](crate::consistency).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// No step.
    Off,
    /// Band by band as the degraded pair and the noise in MS advise.
    Auto,
    /// This ν for every band.
    #[serde(untagged)]
    Nu(f64),
}

impl std::str::FromStr for Consistency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            number => match number.parse() {
                Ok(nu) if nu > 0.0 && f64::is_finite(nu) => Ok(Self::Nu(nu)),
                _ => Err("must be off, auto or a number above 0".into()),
            },
        }
    }
}

/// How much time the result is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// No training: the best closed form, then the consistency step.
    Fast,
    /// The method's epochs.
    Default,
    /// More epochs, and the scene seen from all eight sides whatever its size.
    Best,
}

/// Which weights make the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those after the epoch with the lowest full-resolution loss.
    Best,
    /// Those after the last epoch.
    Last,
    /// The exponential mean over epochs, of the epoch that is best on withheld ground.
    Mean,
}

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
    /// The method's numbers for a sensor and `bands` bands.
    ///
    /// # Errors
    /// [`MethodError::Bands`] if the sensor has another number of bands.
    pub fn new(sensor: Sensor, profile: Profile, bands: usize) -> Result<Self, MethodError> {
        Ok(Self::with_gains(sensor, profile, sensor.ms_gains(bands)?))
    }

    /// The method's numbers for a sensor, but for other MTF gains, one per band.
    pub fn with_gains(sensor: Sensor, profile: Profile, ms_gains: Vec<f64>) -> Self {
        let (paper, best) = (profile == Profile::Paper, profile == Profile::Trapan);
        let preset = sensor.preset();
        Self {
            sensor,
            profile,
            ms_gains,
            pan_gain: preset.pan_gain,
            pan_auto: best,
            upsample: match profile {
                Profile::Trapan => Upsample::Spline,
                Profile::Faithful => Upsample::Cubic,
                Profile::Paper => Upsample::Interp23,
            },
            robust: best,
            base: if best { Base::Auto } else { Base::None },
            sees_ms: best,
            reduced: if paper { Reduced::AsRun } else { Reduced::Wald },
            crops: if best { Crops::Random } else { Crops::Ten },
            border: if best { 2 } else { 0 },
            bend: if best { 1e-2 } else { 0.0 },
            withhold: best,
            warm_up: WarmUp::Full,
            warm_up_epochs: preset.warm_up_epochs,
            order: Order::Alternating,
            sampling: Sampling::AlwaysReduced,
            keep: if best { Keep::Mean } else { Keep::Best },
            epochs: 250,
            prolong: best,
            dam_epochs: 250,
            full_probability: preset.full_probability,
            batch: 8,
            lr_dam: 5e-4,
            lr_full: if best { 1e-3 } else { 5e-4 },
            lr_reduced: match profile {
                Profile::Trapan => 1e-3,
                Profile::Faithful => 5e-4,
                Profile::Paper => 1e-3,
            },
            lr_floor: if best { 0.02 } else { 1.0 },
            mean_decay: 0.98,
            sides: if best { 0 } else { 1 },
            consistency: if best { Consistency::Auto } else { Consistency::Off },
            lambda_spectral: if best { 0.25 } else { 1.0 },
            lambda_spatial: 8.0,
            adam: Adam::default(),
            width: 32,
            blocks: 4,
            dam_width: 32,
            train_size: 512,
            train_windows: 8,
            seed: 0,
        }
    }

    /// The settings for an effort.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        match effort {
            Effort::Fast => {
                let base = self.base;
                self.untrained(base)
            }
            Effort::Default => self,
            Effort::Best => Self { epochs: BEST_EPOCHS, sides: 8, ..self },
        }
    }

    /// The settings for training windows of these sizes. In small ones, of fewer than 512² pixels, each epoch sees less
    /// and takes less time: there are more of them, up to 1.6 times as many.
    #[must_use]
    pub fn sized(&self, dims: &Dims) -> Self {
        let pixels = dims.rows.fine * dims.columns.fine;
        let more = (AMPLE as f64 / pixels as f64).sqrt().clamp(1.0, MOST);
        let epochs = if self.prolong { (f64::from(self.epochs) * more).round() as u32 } else { self.epochs };
        Self { epochs, prolong: false, ..self.clone() }
    }

    /// The settings for a closed form alone.
    #[must_use]
    pub fn untrained(self, base: Base) -> Self {
        Self { base, epochs: 0, withhold: false, ..self }
    }

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

    /// Checks every number against the pair and against the others.
    ///
    /// # Errors
    /// [`MethodError::Setting`] with the name, the value and the range.
    pub fn check(&self, bands: usize) -> Result<(), MethodError> {
        let bad = |name: &'static str, value: String, wanted: &str| {
            Err(MethodError::Setting { name, value, wanted: wanted.to_owned() })
        };
        if self.ms_gains.len() != bands {
            return bad("ms_gains", format!("{} gains", self.ms_gains.len()), &format!("one per band: {bands}"));
        }
        let gains = self.ms_gains.iter().map(|gain| ("ms_gains", gain)).chain([("pan_gain", &self.pan_gain)]);
        for (name, gain) in gains {
            if !(*gain > 0.0 && *gain < 1.0) {
                return bad(name, gain.to_string(), "between 0 and 1, both excluded");
            }
        }
        if !(0.0..=1.0).contains(&self.full_probability) {
            return bad("full_probability", self.full_probability.to_string(), "0 to 1");
        }
        if !(1..=10).contains(&self.batch) {
            return bad("batch", self.batch.to_string(), "1 to 10 crops");
        }
        let no_result = !self.trains() && self.base == Base::None;
        for (name, missing) in [("epochs", no_result), ("dam_epochs", self.dam_epochs == 0)] {
            if missing {
                return bad(name, "0".into(), "at least 1");
            }
        }
        for (name, size, most) in
            [("width", self.width, 256), ("dam_width", self.dam_width, 128), ("blocks", self.blocks, 64)]
        {
            if !(1..=most).contains(&size) {
                return bad(name, size.to_string(), &format!("1 to {most}"));
            }
        }
        // Crops are half of a window and their degraded form has to have some pixels left.
        if !(256..=8192).contains(&self.train_size) {
            return bad("train_size", self.train_size.to_string(), "256 to 8192 pixels");
        }
        if !(1..=256).contains(&self.train_windows) {
            return bad("train_windows", self.train_windows.to_string(), "1 to 256");
        }
        let positive = [
            ("lr_dam", self.lr_dam),
            ("lr_full", self.lr_full),
            ("lr_reduced", self.lr_reduced),
            ("adam.eps", self.adam.eps),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return bad(name, value.to_string(), "above 0");
            }
        }
        if self.sides > TURNS {
            return bad("sides", self.sides.to_string(), "0 (automatic) to 8");
        }
        for (name, value, most) in [("lr_floor", self.lr_floor, 1.0), ("mean_decay", self.mean_decay, 0.9999)] {
            if !(0.0..=most).contains(&value) {
                return bad(name, value.to_string(), &format!("0 to {most}"));
            }
        }
        if !(self.bend >= 0.0 && self.bend.is_finite()) {
            return bad("bend", self.bend.to_string(), "0 or more");
        }
        for (name, value) in [("lambda_spectral", self.lambda_spectral), ("lambda_spatial", self.lambda_spatial)] {
            if !(value >= 0.0 && value.is_finite()) {
                return bad(name, value.to_string(), "0 or more");
            }
        }
        for (name, value) in [("adam.beta1", self.adam.beta1), ("adam.beta2", self.adam.beta2)] {
            if !(0.0..1.0).contains(&value) {
                return bad(name, value.to_string(), "0 to 1, 1 excluded");
            }
        }
        Ok(())
    }

    /// Checks that the upsampling was made for grids that lie like these.
    ///
    /// # Errors
    /// [`MethodError::Upsample`] for interp23 on a pair that is not area-aligned, whole MS pixels on PAN,
    /// at a ratio of 2, 4, 8 or 16.
    pub fn check_grids(&self, rows: &Grid, columns: &Grid) -> Result<(), MethodError> {
        let made_for = |grid: &Grid| {
            grid.ratio.is_power_of_two()
                && grid.fine == grid.ratio * grid.coarse
                && *grid == Grid::aligned(grid.fine, grid.ratio)
        };
        if self.upsample != Upsample::Interp23 || made_for(rows) && made_for(columns) {
            return Ok(());
        }
        Err(MethodError::Upsample { phase: [rows.phase, columns.phase], ratio: rows.ratio })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Grid;

    #[test]
    fn small_scenes_are_trained_on_for_longer() {
        let dims = |fine: usize| {
            let grid = Grid::aligned(fine, 4);
            Dims { rows: grid, columns: grid, bands: 4 }
        };
        let config = |profile| Config::new(Sensor::Qb, profile, 4).expect("4 bands");
        let epochs = |fine| config(Profile::Trapan).sized(&dims(fine)).epochs;
        assert_eq!([2048, 512, 400, 256, 64].map(epochs), [250, 250, 320, 400, 400]);
        assert_eq!(config(Profile::Faithful).sized(&dims(64)).epochs, 250);
        let twice = config(Profile::Trapan).sized(&dims(256)).sized(&dims(256));
        assert_eq!(twice.epochs, 400, "settled once");
    }
}
