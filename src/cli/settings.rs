//! Flags of the method's settings.
//!
//! A flag has the name of its field in [`Config`], with dashes, but for `--preset` (the profile) and `--mtf-gains`. Its
//! help tells the defaults that presets differ in; those that all share come from there.

use std::str::FromStr;
use std::sync::OnceLock;

use clap::Args;
use trapan::classical::Method;
use trapan::method::config::{
    Adam, Base, Config, Consistency, Crops, Effort, Keep, Order, Profile, Reduced, Sampling, Sensor, Upsample, WarmUp,
};
use trapan::method::{self, Gain, MethodError};
use trapan::scene::{Pair, Scale, Scene, Survey};

use super::args::named;
use super::{CliError, Talk};

/// Settings that no flag has changed.
fn usual() -> &'static Config {
    static USUAL: OnceLock<Config> = OnceLock::new();
    USUAL.get_or_init(|| Config::with_gains(Sensor::Generic, Profile::Trapan, Vec::new()))
}

/// The flag of a setting, but for its dashes.
pub fn flag(setting: &str) -> String {
    match setting {
        "ms_gains" => "mtf-gains".into(),
        "profile" => "preset".into(),
        other => other.replace(['_', '.'], "-"),
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
    #[arg(long, value_parser = named::<Sensor>(Sensor::NAMES))]
    sensor: Option<Sensor>,
    /// trapan: the best image of the pair; faithful: the method as the paper has it, true to the pixel
    /// geometry; paper: as the published codes ran it
    /// [default: trapan; experiment: faithful]
    #[arg(long, value_parser = named::<Profile>(Profile::NAMES))]
    preset: Option<Profile>,
    /// How much time the result is worth. fast trains nothing: the best closed form, and the consistency step;
    /// best takes three times as many epochs as default. With preset trapan
    #[arg(long, default_value = Effort::Default.name(), value_parser = named::<Effort>(Effort::NAMES))]
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
    #[arg(long, value_parser = named::<Crops>(Crops::NAMES))]
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
    #[arg(long, value_parser = named::<Reduced>(Reduced::NAMES))]
    reduced: Option<Reduced>,
    /// Branch of the warm-up
    #[arg(long, default_value = usual().warm_up.name(), value_parser = named::<WarmUp>(WarmUp::NAMES))]
    warm_up: WarmUp,
    /// Epochs of the warm-up [default: 20; qb: 5; gf2: 80]
    #[arg(long, value_name = "M")]
    warm_up_epochs: Option<u32>,
    /// Order of full and reduced steps
    #[arg(long, default_value = usual().order.name(),
          value_parser = named::<Order>(Order::NAMES))]
    order: Order,
    /// Which branch chance decides on
    #[arg(long, default_value = usual().sampling.name(),
          value_parser = named::<Sampling>(Sampling::NAMES))]
    sampling: Sampling,
    /// Weights that make the result: of the lowest full loss, the last, or the mean over epochs as far as
    /// withheld ground finds it best [default: mean; presets faithful and paper: best, but last with --order
    /// full-reduced, since no full loss follows the reduced steps]
    #[arg(long, value_parser = named::<Keep>(Keep::NAMES))]
    keep: Option<Keep>,
    /// Epochs of random alternation [default: 250; effort best: 750; with preset trapan up to 1.6 times as many
    /// where PAN has fewer than 512² pixels]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Epochs of the degradation network
    #[arg(long, default_value_t = usual().dam_epochs, value_name = "N")]
    dam_epochs: u32,
    /// Probability of a full step per epoch [default: 0.8; qb: 0.7]
    #[arg(long, value_name = "P")]
    full_probability: Option<f64>,
    /// Crops per reduced step, of 10
    #[arg(long, default_value_t = usual().batch, value_name = "N")]
    batch: usize,
    /// Learning rate of the degradation network
    #[arg(long, default_value_t = usual().lr_dam, value_name = "LR")]
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
    #[arg(long, default_value_t = usual().lambda_spatial, value_name = "W")]
    lambda_spatial: f64,
    /// Adam: decay of the first moment
    #[arg(long, default_value_t = usual().adam.beta1, value_name = "B")]
    adam_beta1: f64,
    /// Adam: decay of the second moment
    #[arg(long, default_value_t = usual().adam.beta2, value_name = "B")]
    adam_beta2: f64,
    /// Adam: added to the root of the second moment
    #[arg(long, default_value_t = usual().adam.eps, value_name = "E")]
    adam_eps: f64,
    /// Hidden channels of the fusion network
    #[arg(long, default_value_t = usual().width, value_name = "N")]
    width: usize,
    /// Residual blocks of the fusion network
    #[arg(long, default_value_t = usual().blocks, value_name = "N")]
    blocks: usize,
    /// Hidden width of the degradation network
    #[arg(long, default_value_t = usual().dam_width, value_name = "N")]
    dam_width: usize,
    /// PAN pixels of a training window's side: a larger scene is learnt from windows
    #[arg(long, default_value_t = usual().train_size, value_name = "N")]
    train_size: usize,
    /// Most training windows of a larger scene
    #[arg(long, default_value_t = usual().train_windows, value_name = "K")]
    train_windows: usize,
    /// Seed: the same seed gives the same bytes on the same device; on the CPU, with the same instruction
    /// set (--device cpu:avx2 holds a newer one to it), whatever the number of threads
    #[arg(long, default_value_t = usual().seed)]
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
        /// Takes over what is given of these.
        macro_rules! take {
            ($($name:ident),+) => { $(config.$name = self.$name.unwrap_or(config.$name);)+ };
        }
        config.pan_auto &= self.pan_gain.is_none();
        config = Config {
            warm_up: self.warm_up,
            order: self.order,
            sampling: self.sampling,
            dam_epochs: self.dam_epochs,
            batch: self.batch,
            lr_dam: self.lr_dam,
            lambda_spatial: self.lambda_spatial,
            adam: Adam { beta1: self.adam_beta1, beta2: self.adam_beta2, eps: self.adam_eps },
            width: self.width,
            blocks: self.blocks,
            dam_width: self.dam_width,
            train_size: self.train_size,
            train_windows: self.train_windows,
            seed: self.seed,
            ..config
        };
        take!(pan_gain, upsample, base, crops, sees_ms, border, bend, withhold, reduced);
        take!(warm_up_epochs, full_probability);
        take!(lr_full, lr_reduced, lr_floor, mean_decay, lambda_spectral);
        config.keep = self.keep.unwrap_or(match (config.keep, self.order) {
            (Keep::Best, Order::FullReduced) => Keep::Last,
            (keep, _) => keep,
        });
        if self.preset() == Profile::Trapan {
            config = config.with_effort(self.effort);
        } else if self.effort != Effort::Default {
            let (value, wanted) = (self.effort.to_string(), "default with this preset".into());
            return Err(MethodError::Setting { name: "effort", value, wanted }.into());
        }
        // What an effort decides on, unless told otherwise.
        config.prolong &= self.epochs.is_none();
        take!(consistency, sides, epochs);
        config.check(bands)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    /// Every setting has a flag, but for three that follow from others.
    #[test]
    fn flags_are_named_as_fields() {
        let command = MethodArgs::augment_args(clap::Command::new("trapan"));
        let flags: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        let fields = serde_json::to_value(usual()).expect("plain values");
        let fields = fields.as_object().expect("an object").iter().flat_map(|(name, value)| match value.as_object() {
            Some(inner) => inner.keys().map(|inner| format!("{name}.{inner}")).collect(),
            None => vec![name.clone()],
        });
        for field in fields.filter(|name| !["pan_auto", "prolong", "robust"].contains(&&name[..])) {
            assert!(flags.contains(&&flag(&field)[..]), "{field}");
        }
    }

    #[test]
    fn without_flags_the_preset_holds() {
        for (profile, sensor) in Profile::NAMES.iter().flat_map(|p| Sensor::NAMES.iter().map(move |s| (p, s))) {
            let given = ["trapan", "--preset", profile, "--sensor", sensor];
            let matches = MethodArgs::augment_args(clap::Command::new("trapan")).get_matches_from(given);
            let args = MethodArgs::from_arg_matches(&matches).expect("flags");
            let bands = if args.sensor().ms_gains(4).is_ok() { 4 } else { 8 };
            let wanted = Config::new(args.sensor(), args.preset(), bands).expect("its bands");
            assert_eq!(args.config(bands).expect("a preset"), wanted, "{given:?}");
        }
    }
}
