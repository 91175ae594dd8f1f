//! Flags shared by several commands.

use std::time::Instant;

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use serde::de::DeserializeOwned;
use trapan::classical::Method;
use trapan::engine::{Convolution, Device, DeviceChoice, Precision};
use trapan::method::config::{
    Base, Config, Consistency, Crops, Effort, Keep, Order, Profile, Reduced, Sampling, Sensor, Upsample, WarmUp,
};
use trapan::method::{self, Gain, MethodError};

use trapan::scene::{Pair, Scale, Scene, Survey};
use trapan::tiff::{Creation, Format, Header, Output, TiffError, check_output};

use super::{CliError, Talk};

/// Parser of an enum by its serde names, which it lists in help and errors.
pub fn named<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names)
        .map(|name| serde_json::from_value(name.into()).expect("every listed name is a value"))
}

pub const SENSORS: &[&str] = &["wv2", "wv3", "wv4", "qb", "ikonos", "ge1", "gf2", "generic"];

/// Where the result goes.
#[derive(Args)]
pub struct OutputArgs {
    /// Fused GeoTIFF to write; a symbolic link is followed
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace existing output files, never an input
    #[arg(long)]
    pub overwrite: bool,
    /// Bands to write, from 1, in the order wanted; all are fitted [default: all]
    #[arg(long, value_delimiter = ',', value_name = "N,N,…")]
    out_bands: Vec<usize>,
    /// How the file is stored, by GDAL's names: COMPRESS=NONE|LZW|DEFLATE|ZSTD|PACKBITS,
    /// LEVEL, PREDICTOR, BLOCKSIZE, BIGTIFF, OVERVIEWS=AUTO|NONE, NUM_THREADS; repeatable
    #[arg(long = "co", value_name = "KEY=VALUE")]
    creation: Vec<String>,
    /// Memory for tiles and strips of large scenes, as 500M or 4G [default: a quarter of the machine's, at
    /// most 1.2G; more makes a wide scene some percent faster]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    max_memory: Option<u64>,
}

impl OutputArgs {
    /// A file that may be written over, with the defaults.
    pub fn over(output: PathBuf) -> Self {
        Self { output, overwrite: true, out_bands: Vec::new(), creation: Vec::new(), max_memory: None }
    }

    /// The creation options.
    pub fn creation(&self) -> Result<Creation, CliError> {
        Ok(Creation::parse(&self.creation).map_err(TiffError::from)?)
    }

    /// Finds out, before a long computation, whether the file can be written in the type of MS.
    pub fn check(&self, creation: &Creation, ms: &Header) -> Result<(), CliError> {
        creation.check(ms.sample).map_err(TiffError::from)?;
        self.bands(ms.bands)?;
        Ok(check_output(&self.output, self.overwrite)?)
    }

    /// The bands to write, from 0.
    pub fn bands(&self, bands: usize) -> Result<Vec<usize>, CliError> {
        if let Some(&band) = self.out_bands.iter().find(|band| !(1..=bands).contains(band)) {
            return Err(CliError::OutBand { band, bands });
        }
        let all = self.out_bands.is_empty();
        Ok(if all { (0..bands).collect() } else { self.out_bands.iter().map(|band| band - 1).collect() })
    }

    /// The file that is written.
    pub fn outputs(&self) -> impl Iterator<Item = Output> {
        [Output::new(&self.output, Format::GeoTiff)].into_iter()
    }

    /// The checkpoint beside the output.
    pub fn checkpoint(&self) -> PathBuf {
        let mut name = self.output.as_os_str().to_owned();
        name.push(".checkpoint");
        name.into()
    }

    /// Bytes that tiles and strips may take.
    pub fn memory(&self) -> u64 {
        self.max_memory.unwrap_or_else(|| {
            let refresh = sysinfo::MemoryRefreshKind::nothing().with_ram();
            let system = sysinfo::System::new_with_specifics(sysinfo::RefreshKind::nothing().with_memory(refresh));
            // A container may have less than its machine.
            let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
            (system.total_memory().min(limit) / 4).min(DEFAULT_MEMORY)
        })
    }
}

/// Enough for strips of 500 rows of a scene 20,000 pixels wide, in 8 bands.
const DEFAULT_MEMORY: u64 = 1_200_000_000;

/// A number of bytes with K, M, G or T, powers of 1000.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim().to_ascii_uppercase().trim_end_matches('B') {
        "" => 1,
        "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err("must be a number with K, M, G or T, as 500M or 4G".into()),
    };
    let number = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    number.ok_or_else(|| "must be a number with K, M, G or T, as 500M or 4G".into())
}

/// Threads that this machine runs at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Which device.
#[derive(Args)]
pub struct DeviceArgs {
    /// auto (a real GPU, else the CPU), gpu, gpu:N (see `trapan devices`), cpu, cpu:avx512, cpu:avx2,
    /// cpu:portable (at most this instruction set, to compare), or software
    /// (a Vulkan driver on the CPU: slow, for checking)
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// Threads of the CPU engine, at most one per core; 0: all cores
    #[arg(short = 'j', long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
    /// Numbers that convolutions multiply: f32, or f16 with f32 sums (experimental, on GPUs with
    /// cooperative matrices); auto is f32
    #[arg(long, default_value = "auto", value_name = "PRECISION")]
    pub precision: Precision,
    /// How a GPU computes f32 convolutions: winograd (half the multiplications, where 32 channels
    /// come together), or direct, to compare
    #[arg(long, default_value = "winograd", value_name = "FORM")]
    pub convolution: Convolution,
    /// Compile GPU kernels anew, and keep none for the next start (they lie in `trapan` in the
    /// user's cache folder)
    #[arg(long, env = "TRAPAN_NO_KERNEL_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_kernel_cache: bool,
}

impl DeviceArgs {
    /// [`open_fresh`](Self::open_fresh), with the kernels compiled by earlier runs.
    pub fn open(&self, talk: Talk) -> Result<Device, CliError> {
        let device = self.open_fresh(talk)?;
        // Without a home there is no cache folder, and nothing is kept.
        match choose_native_strategy() {
            Ok(folders) if !self.no_kernel_cache => Ok(device.with_cache(folders.cache_dir().join("trapan"))),
            _ => Ok(device),
        }
    }

    /// Opens the device and says which one and why.
    pub fn open_fresh(&self, talk: Talk) -> Result<Device, CliError> {
        let start = Instant::now();
        let (cores, mut threads) = (cores(), self.threads);
        if threads > cores {
            talk.say(format_args!(
                "warning: -j {threads} is more than the {cores} threads that this machine runs at once; taking {cores}"
            ));
            threads = cores;
        }
        let (device, why) = Device::open(self.device, threads)?;
        let device = device.with_precision(self.precision)?.with_convolution(self.convolution)?;
        talk.say(format_args!("device: {device}, {why}"));
        talk.detail(format_args!("opened in {:.0} ms", start.elapsed().as_secs_f64() * 1e3));
        if device.is_software() {
            talk.say("warning: this is a software driver, some 40 times slower than --device cpu");
        }
        Ok(device)
    }
}

/// MTF gains of the bands.
#[derive(Clone)]
enum Gains {
    /// To be estimated.
    Auto,
    These(Vec<f64>),
}

impl FromStr for Gains {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let gains = || text.split(',').map(|gain| gain.trim().parse()).collect::<Result<_, _>>();
        match text {
            "auto" => Ok(Self::Auto),
            _ => gains().map(Self::These).map_err(|_| "must be auto, or numbers as .3,.3,.3,.25".into()),
        }
    }
}

/// The method's numbers; each default is the method's.
#[derive(Args)]
#[command(next_help_heading = "Method")]
pub struct MethodArgs {
    /// Sensor: MTF gains and schedule
    /// [default: that of a product folder, else generic]
    #[arg(long, value_parser = named::<Sensor>(SENSORS))]
    sensor: Option<Sensor>,
    /// trapan: the best image of the pair; faithful: the method as the paper has it, true to the pixel
    /// geometry; paper: as the published codes ran it
    /// [default: trapan; experiment: faithful]
    #[arg(long, value_parser = named::<Profile>(&["trapan", "faithful", "paper"]))]
    preset: Option<Profile>,
    /// How much time the result is worth. fast trains nothing: the best closed form, and the consistency step;
    /// best takes three times as many epochs as default. With preset trapan
    #[arg(long, default_value = "default", value_parser = named::<Effort>(&["fast", "default", "best"]))]
    effort: Effort,
    /// The consistency step at the end moves the image as little as possible so that degrading it gives MS
    /// back: off, auto (band by band, by the degraded pair and the noise in MS), or a number ν: 0.01 makes up for
    /// nearly all of the difference, 1 for about half [default: auto; presets faithful and paper, and --method: off]
    #[arg(long, value_name = "NU|auto|off")]
    consistency: Option<Consistency>,
    /// From how many sides (symmetries of the square) the trained network looks at the scene; the result is the
    /// mean. 0: as many of 8, 4, 2, 1 as take no longer than the training [default: 0; presets faithful and
    /// paper: 1]
    #[arg(long, value_name = "N")]
    sides: Option<usize>,
    /// MTF gains at Nyquist, one per band; auto: estimated from the pair, where that explains it better than the
    /// sensor's do, for sensors whose gains nobody knows [default: the sensor's]
    #[arg(long, value_name = "G,G,…|auto")]
    mtf_gains: Option<Gains>,
    /// MTF gain of PAN at Nyquist, with which it is blurred for the reduced pair [default: the sensor's, or what
    /// the pair says: that of MS for sensors whose gains are not published, PAN's own where it is sharper than
    /// published; presets faithful and paper: the sensor's]
    #[arg(long, value_name = "G")]
    pan_gain: Option<f64>,
    /// Bits of the values; the networks then work in units of the largest value that these
    /// allow [default: declared in the files, else from the data; units of the largest value
    /// there is but for outliers, with preset paper as if given]
    #[arg(long, value_name = "BITS")]
    bit_depth: Option<u8>,
    /// Upsampling of MS: quintic B-spline or cubic convolution at the true phase, or the toolbox's
    /// interpolator, half a PAN pixel off [default: spline; preset faithful: cubic; preset paper: interp23]
    #[arg(long, value_parser = named::<Upsample>(&["cubic", "interp23", "spline"]))]
    upsample: Option<Upsample>,
    /// What the network adds to: the closed form that is best on withheld ground (auto), this one, or
    /// upsampled MS as the paper has it (none) [default: auto; presets faithful and paper: none]
    #[arg(long, value_name = "NAME",
          value_parser = named::<Base>(&["auto", "none", "exp", "brovey", "gsa", "mtf-glp-fs", "mtf-glp-hpm-r", "bdsd-pc"]))]
    base: Option<Base>,
    /// Where reduced steps look: at ten fixed crops, or anywhere and, as full steps, from any of eight
    /// sides [default: random; presets faithful and paper: ten]
    #[arg(long, value_parser = named::<Crops>(&["ten", "random"]))]
    crops: Option<Crops>,
    /// Whether the network sees MS beside its difference to PAN [default: true; presets faithful and
    /// paper: false]
    #[arg(long, value_name = "BOOL")]
    sees_ms: Option<bool>,
    /// MS pixels along the border that the reduced loss leaves out [default: 2; presets faithful and
    /// paper: 0]
    #[arg(long, value_name = "N")]
    border: Option<usize>,
    /// Difference, in units of the scale, at which the reduced loss turns from a square into an absolute
    /// value; 0: a square throughout [default: 0.01; presets faithful and paper: 0]
    #[arg(long, value_name = "D")]
    bend: Option<f64>,
    /// Keep a quarter of the reduced pair from the training, to judge it there [default: true; presets
    /// faithful and paper: false]
    #[arg(long, value_name = "BOOL")]
    withhold: Option<bool>,
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
    /// Weights that make the result: of the lowest full loss, the last, or the mean over epochs as far as
    /// withheld ground finds it best [default: mean; presets faithful and paper: best, but last with --order
    /// full-reduced, since no full loss follows the reduced steps]
    #[arg(long, value_parser = named::<Keep>(&["best", "last", "mean"]))]
    keep: Option<Keep>,
    /// Epochs of random alternation [default: 250; effort best: 750; with preset trapan up to 1.6 times as many
    /// where PAN has fewer than 512² pixels]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
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
    /// Learning rate of full steps [default: 1e-3; presets faithful and paper: 5e-4]
    #[arg(long, value_name = "LR")]
    lr_full: Option<f64>,
    /// Learning rate of reduced steps [default: 1e-3; preset faithful: 5e-4; preset paper: 1e-3]
    #[arg(long, value_name = "LR")]
    lr_reduced: Option<f64>,
    /// Share of the learning rates that is left at the end, along a cosine [default: 0.02; presets
    /// faithful and paper: 1]
    #[arg(long, value_name = "SHARE")]
    lr_floor: Option<f64>,
    /// Share of itself that the mean of the weights keeps per epoch
    #[arg(long, value_name = "SHARE")]
    mean_decay: Option<f64>,
    /// Weight of the spectral loss [default: 0.25; presets faithful and paper: 1]
    #[arg(long, value_name = "W")]
    lambda_spectral: Option<f64>,
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
    /// PAN pixels of a training window's side: a larger scene is learnt from windows
    #[arg(long, default_value_t = 512, value_name = "N")]
    train_size: usize,
    /// Most training windows of a larger scene
    #[arg(long, default_value_t = 8, value_name = "K")]
    train_windows: usize,
    /// Seed: the same seed gives the same bytes on the same device; on the CPU, with the same instruction
    /// set (--device cpu:avx2 holds a newer one to it), whatever the number of threads
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl MethodArgs {
    /// The sensor asked for, else generic.
    pub fn sensor(&self) -> Sensor {
        self.sensor.unwrap_or(Sensor::Generic)
    }

    fn preset(&self) -> Profile {
        self.preset.unwrap_or(Profile::Trapan)
    }

    /// Takes this preset if none was asked for.
    pub fn by_default(&mut self, preset: Profile) {
        self.preset.get_or_insert(preset);
    }

    /// The same run by the method as the paper has it.
    pub fn faithful(&self, config: &Config) -> Config {
        let of_paper = Config::with_gains(config.sensor, Profile::Faithful, config.ms_gains.clone());
        Config { pan_gain: config.pan_gain, seed: config.seed, ..of_paper }
    }

    /// The settings for a closed form by name.
    pub fn closed_form(&self, config: Config, method: Method) -> Config {
        let consistency = self.consistency.unwrap_or(Consistency::Off);
        Config { consistency, ..config.untrained(Base::Form(method)) }
    }

    /// How the values of a scene are scaled.
    pub fn scale(&self, scene: &Scene<'_>, survey: &Survey) -> Result<Scale, CliError> {
        Ok(self.unit(Scale::new(scene, survey, self.bit_depth)?))
    }

    /// [`scale`](Self::scale) of a pair in memory.
    pub fn scale_of(&self, pair: &Pair) -> Result<Scale, CliError> {
        Ok(self.unit(Scale::of(pair, self.bit_depth)?))
    }

    fn unit(&self, scale: Scale) -> Scale {
        if self.preset() == Profile::Paper { scale.by_depth() } else { scale }
    }

    /// The settings with the MTF gains estimated from the scene, if asked for.
    pub fn estimated(&self, config: Config, scene: &Scene<'_>, talk: Talk) -> Result<Config, CliError> {
        let unknown = config.sensor == Sensor::Generic && config.profile == Profile::Trapan;
        let gains = match &self.mtf_gains {
            Some(Gains::Auto) => method::estimate_gains(scene, &config)?,
            None if unknown => {
                let gains = method::estimate_gains(scene, &config)?;
                if !method::far_above(&gains) {
                    return Ok(config);
                }
                talk.say(format_args!(
                    "warning: W-GAINS: MS is much sharper than the MTF gains of sensor {} make it, as if it were made by \
                     averaging PAN's pixels: gains by the pair are used; --mtf-gains or --sensor state others",
                    config.sensor
                ));
                gains
            }
            _ => return Ok(config),
        };
        let said = gains.iter().map(|Gain { given, found, used }| match found {
            Some(found) if used == given => format!("{used:.3} as given ({found:.3} found)"),
            None if used == given => format!("{used:.3} as given (PAN tells too little)"),
            Some(_) => format!("{used:.3}"),
            None => format!("{used:.3} as the others (PAN tells too little)"),
        });
        talk.say(format_args!("MTF gains by the pair: {}", said.collect::<Vec<_>>().join(", ")));
        Ok(Config { ms_gains: gains.iter().map(|gain| gain.used).collect(), ..config })
    }

    /// The settings for `bands` bands, checked.
    pub fn config(&self, bands: usize) -> Result<Config, CliError> {
        self.config_for(None, bands)
    }

    /// [`config`](Self::config) with the sensor that the images come from, unless another is asked for
    /// or it has another number of bands, as an order of four of WorldView-2's eight.
    pub fn config_for(&self, found: Option<Sensor>, bands: usize) -> Result<Config, CliError> {
        let sensor = self.sensor.or(found.filter(|sensor| sensor.ms_gains(bands).is_ok())).unwrap_or(Sensor::Generic);
        let mut config = match &self.mtf_gains {
            Some(Gains::These(gains)) => Config::with_gains(sensor, self.preset(), gains.clone()),
            _ => Config::new(sensor, self.preset(), bands)?,
        };
        config.pan_gain = self.pan_gain.unwrap_or(config.pan_gain);
        config.pan_auto &= self.pan_gain.is_none();
        config.upsample = self.upsample.unwrap_or(config.upsample);
        config.base = self.base.unwrap_or(config.base);
        config.crops = self.crops.unwrap_or(config.crops);
        config.sees_ms = self.sees_ms.unwrap_or(config.sees_ms);
        config.border = self.border.unwrap_or(config.border);
        config.bend = self.bend.unwrap_or(config.bend);
        config.withhold = self.withhold.unwrap_or(config.withhold);
        config.reduced = self.reduced.unwrap_or(config.reduced);
        config.warm_up = self.warm_up;
        config.warm_up_epochs = self.warm_up_epochs.unwrap_or(config.warm_up_epochs);
        config.order = self.order;
        config.sampling = self.sampling;
        config.keep = self.keep.unwrap_or(match (config.keep, self.order) {
            (Keep::Best, Order::FullReduced) => Keep::Last,
            (keep, _) => keep,
        });
        if self.preset() == Profile::Trapan {
            config = config.with_effort(self.effort);
        } else if self.effort != Effort::Default {
            let value =
                serde_json::to_value(self.effort).map_or(String::new(), |v| v.as_str().unwrap_or("").to_owned());
            return Err(
                MethodError::Setting { name: "effort", value, wanted: "default with this preset".into() }.into()
            );
        }
        config.consistency = self.consistency.unwrap_or(config.consistency);
        config.sides = self.sides.unwrap_or(config.sides);
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.prolong &= self.epochs.is_none();
        config.dam_epochs = self.dam_epochs;
        config.full_probability = self.full_probability.unwrap_or(config.full_probability);
        config.batch = self.batch;
        config.lr_dam = self.lr_dam;
        config.lr_full = self.lr_full.unwrap_or(config.lr_full);
        config.lr_reduced = self.lr_reduced.unwrap_or(config.lr_reduced);
        config.lr_floor = self.lr_floor.unwrap_or(config.lr_floor);
        config.mean_decay = self.mean_decay.unwrap_or(config.mean_decay);
        config.lambda_spectral = self.lambda_spectral.unwrap_or(config.lambda_spectral);
        config.lambda_spatial = self.lambda_spatial;
        config.adam.beta1 = self.adam_beta1;
        config.adam.beta2 = self.adam_beta2;
        config.adam.eps = self.adam_eps;
        config.width = self.width;
        config.blocks = self.blocks;
        config.dam_width = self.dam_width;
        config.train_size = self.train_size;
        config.train_windows = self.train_windows;
        config.seed = self.seed;
        config.check(bands)?;
        Ok(config)
    }
}
