//! Flags shared by several commands.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;
use trapan::engine::{Device, DeviceChoice};
use trapan::method::config::{Config, Keep, Order, Profile, Reduced, Sampling, Sensor, Upsample, WarmUp};

use super::{CliError, Talk};

/// Parser of an enum by its serde names, which it lists in help and errors.
fn named<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names)
        .map(|name| serde_json::from_value(name.into()).expect("every listed name is a value"))
}

pub const SENSORS: &[&str] = &["wv2", "wv3", "wv4", "qb", "ikonos", "ge1", "gf2", "generic"];

/// Which device.
#[derive(Args)]
pub struct DeviceArgs {
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `trapan devices`), cpu, cpu:avx512, cpu:avx2,
    /// cpu:portable (at most this instruction set, to compare), or software
    /// (a Vulkan driver on the CPU: slow, for checking)
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// Threads of the CPU engine; 0: all cores
    #[arg(short = 'j', long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
}

impl DeviceArgs {
    /// Opens the device and says which one and why.
    pub fn open(&self, talk: Talk) -> Result<Device, CliError> {
        let (device, why) = Device::open(self.device, self.threads)?;
        talk.say(format_args!("device: {device}, {why}"));
        if device.is_software() {
            talk.say("warning: this is a software driver, 15 to 20 times slower than --device cpu");
        }
        Ok(device)
    }
}

/// The method's numbers; each default is the method's.
#[derive(Args)]
#[command(next_help_heading = "Method")]
pub struct MethodArgs {
    /// Sensor: MTF gains and schedule
    #[arg(long, default_value = "generic", value_parser = named::<Sensor>(SENSORS))]
    pub sensor: Sensor,
    /// trapan: true to the pixel geometry; paper: as the published codes ran it
    #[arg(long, default_value = "trapan", value_parser = named::<Profile>(&["trapan", "paper"]))]
    preset: Profile,
    /// MTF gains at Nyquist, one per band [default: the sensor's]
    #[arg(long, value_delimiter = ',', value_name = "G,G,…")]
    mtf_gains: Option<Vec<f64>>,
    /// MTF gain of PAN at Nyquist [default: the sensor's]
    #[arg(long, value_name = "G")]
    pan_gain: Option<f64>,
    /// Bits of the values [default: declared in the files, else from the data]
    #[arg(long, value_name = "BITS")]
    pub bit_depth: Option<u8>,
    /// Upsampling of MS [default: cubic; preset paper: interp23]
    #[arg(long, value_parser = named::<Upsample>(&["cubic", "interp23"]))]
    upsample: Option<Upsample>,
    /// Reduced pair: from MS (Wald) or from upsampled MS [default: wald; preset paper: asrun]
    #[arg(long, value_parser = named::<Reduced>(&["wald", "asrun"]))]
    reduced: Option<Reduced>,
    /// Branch of the warm-up
    #[arg(long, default_value = "full", value_parser = named::<WarmUp>(&["full", "reduced", "none"]))]
    warm_up: WarmUp,
    /// Epochs of the warm-up [default: 20; qb: 5; gf2: 80]
    #[arg(long, value_name = "M")]
    warm_up_epochs: Option<u32>,
    /// Order of full and reduced steps
    #[arg(long, default_value = "alternating",
          value_parser = named::<Order>(&["alternating", "full-reduced", "reduced-full"]))]
    order: Order,
    /// Which branch chance decides on
    #[arg(long, default_value = "always-reduced",
          value_parser = named::<Sampling>(&["always-reduced", "always-full", "random"]))]
    sampling: Sampling,
    /// Weights that make the result: lowest full loss, or last [default: best; with --order
    /// full-reduced: last, since no full loss follows the reduced steps]
    #[arg(long, value_parser = named::<Keep>(&["best", "last"]))]
    keep: Option<Keep>,
    /// Epochs of random alternation
    #[arg(long, default_value_t = 250, value_name = "N")]
    epochs: u32,
    /// Epochs of the degradation network
    #[arg(long, default_value_t = 250, value_name = "N")]
    dam_epochs: u32,
    /// Probability of a full step per epoch [default: 0.8; qb: 0.7]
    #[arg(long, value_name = "P")]
    full_probability: Option<f64>,
    /// Crops per reduced step, of 10
    #[arg(long, default_value_t = 8, value_name = "N")]
    batch: usize,
    /// Learning rate of the degradation network
    #[arg(long, default_value_t = 5e-4, value_name = "LR")]
    lr_dam: f64,
    /// Learning rate of full steps
    #[arg(long, default_value_t = 5e-4, value_name = "LR")]
    lr_full: f64,
    /// Learning rate of reduced steps [default: 5e-4; preset paper: 1e-3]
    #[arg(long, value_name = "LR")]
    lr_reduced: Option<f64>,
    /// Weight of the spectral loss
    #[arg(long, default_value_t = 1.0, value_name = "W")]
    lambda_spectral: f64,
    /// Weight of the spatial loss
    #[arg(long, default_value_t = 8.0, value_name = "W")]
    lambda_spatial: f64,
    /// Adam: decay of the first moment
    #[arg(long, default_value_t = 0.9, value_name = "B")]
    adam_beta1: f64,
    /// Adam: decay of the second moment
    #[arg(long, default_value_t = 0.999, value_name = "B")]
    adam_beta2: f64,
    /// Adam: added to the root of the second moment
    #[arg(long, default_value_t = 1e-8, value_name = "E")]
    adam_eps: f64,
    /// Hidden channels of the fusion network
    #[arg(long, default_value_t = 32, value_name = "N")]
    width: usize,
    /// Residual blocks of the fusion network
    #[arg(long, default_value_t = 4, value_name = "N")]
    blocks: usize,
    /// Hidden width of the degradation network
    #[arg(long, default_value_t = 32, value_name = "N")]
    dam_width: usize,
    /// Seed: same seed and device, same bytes
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl MethodArgs {
    /// The settings for `bands` bands, checked.
    pub fn config(&self, bands: usize) -> Result<Config, CliError> {
        let mut config = match &self.mtf_gains {
            Some(gains) => Config::with_gains(self.sensor, self.preset, gains.clone()),
            None => Config::new(self.sensor, self.preset, bands)?,
        };
        config.pan_gain = self.pan_gain.unwrap_or(config.pan_gain);
        config.upsample = self.upsample.unwrap_or(config.upsample);
        config.reduced = self.reduced.unwrap_or(config.reduced);
        config.warm_up = self.warm_up;
        config.warm_up_epochs = self.warm_up_epochs.unwrap_or(config.warm_up_epochs);
        config.order = self.order;
        config.sampling = self.sampling;
        config.keep = self.keep.unwrap_or(if self.order == Order::FullReduced { Keep::Last } else { Keep::Best });
        config.epochs = self.epochs;
        config.dam_epochs = self.dam_epochs;
        config.full_probability = self.full_probability.unwrap_or(config.full_probability);
        config.batch = self.batch;
        config.lr_dam = self.lr_dam;
        config.lr_full = self.lr_full;
        config.lr_reduced = self.lr_reduced.unwrap_or(config.lr_reduced);
        config.lambda_spectral = self.lambda_spectral;
        config.lambda_spatial = self.lambda_spatial;
        config.adam.beta1 = self.adam_beta1;
        config.adam.beta2 = self.adam_beta2;
        config.adam.eps = self.adam_eps;
        config.width = self.width;
        config.blocks = self.blocks;
        config.dam_width = self.dam_width;
        config.seed = self.seed;
        config.check(bands)?;
        Ok(config)
    }
}
