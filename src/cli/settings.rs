//! Flags of the method's settings: each has one, made from what the library says of it.
//!
//! A flag has the name of its field in [`Config`], with dashes, but for `--preset` (the profile) and `--mtf-gains`.

use clap::builder::{PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use trapan::method::config::{Config, Effort, Profile, Sensor, Setting};
use trapan::method::{Contender, Gain, Gains, Request};
use trapan::scene::{Scale, Scene, Survey};

use super::args::named;
use super::{CliError, Talk};

/// The flag of a setting, but for its dashes.
pub fn flag(setting: &str) -> String {
    match setting {
        "ms_gains" => "mtf-gains".into(),
        "profile" => "preset".into(),
        other => other.replace(['_', '.'], "-"),
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
    /// MTF gains at Nyquist, one per band; auto: estimated from the pair, where that explains it better than the
    /// sensor's do, for sensors whose gains nobody knows [default: the sensor's]
    #[arg(long, value_name = "G,G,…|auto")]
    mtf_gains: Option<Gains>,
    /// Bits of the values; the networks then work in units of the largest value that these
    /// allow [default: declared in the files, else from the data; units of the largest value
    /// there is but for outliers, with preset paper as if given]
    #[arg(long, value_name = "BITS")]
    bit_depth: Option<u8>,
    #[command(flatten)]
    given: Given,
}

/// The settings that were given, as text.
struct Given(Vec<(&'static str, String)>);

impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command.args(Config::settings().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &Setting| {
            let text = matches.get_one::<String>(setting.name)?;
            Some((setting.name, text.clone()))
        };
        Ok(Self(Config::settings().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flag of a setting.
fn arg(setting: &'static Setting) -> Arg {
    let about: Vec<&str> = setting.about.iter().map(|line| line.trim()).collect();
    let about = about.join(" ");
    let help = format!("{} [default: {}]", about.trim_end_matches('.'), setting.default());
    let arg = Arg::new(setting.name).long(flag(setting.name)).value_name(setting.placeholder).help(help);
    if setting.names.is_empty() {
        let checked = |text: String| setting.parse(&text).map(|()| text);
        arg.value_parser(StringValueParser::new().try_map(checked))
    } else {
        arg.value_parser(PossibleValuesParser::new(setting.names))
    }
}

impl MethodArgs {
    /// What is asked for of a way to fuse.
    pub fn request(&self, method: Contender) -> Request {
        Request {
            method,
            sensor: self.sensor,
            profile: self.preset,
            effort: Some(self.effort),
            gains: self.mtf_gains.clone().unwrap_or_default(),
            settings: self.given.0.clone(),
        }
    }

    /// The sensor asked for, else generic.
    pub fn sensor(&self) -> Sensor {
        self.sensor.unwrap_or(Sensor::Generic)
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        let given = self.given.0.iter().find(|(name, _)| *name == "seed");
        given.and_then(|(_, text)| text.parse().ok()).unwrap_or_default()
    }

    /// Takes this preset if none was asked for.
    pub fn by_default(&mut self, preset: Profile) {
        self.preset.get_or_insert(preset);
    }

    /// How the values of a scene are scaled.
    pub fn scale(&self, scene: &Scene<'_>, survey: &Survey) -> Result<Scale, CliError> {
        Ok(self.unit(Scale::new(scene, survey, self.bit_depth)?))
    }

    /// [`scale`](Self::scale) of a scene that is surveyed for it.
    pub fn scale_of(&self, scene: &Scene<'_>) -> Result<Scale, CliError> {
        Ok(self.unit(Scale::of(scene, self.bit_depth)?))
    }

    fn unit(&self, scale: Scale) -> Scale {
        if self.preset == Some(Profile::Paper) { scale.by_depth() } else { scale }
    }

    /// The settings with the MTF gains estimated from the scene, if asked for.
    pub fn estimated(&self, config: Config, scene: &Scene<'_>, talk: Talk) -> Result<Config, CliError> {
        let (config, gains) = self.request(Contender::Trapan).estimated(config, scene)?;
        if gains.is_empty() {
            return Ok(config);
        }
        if self.mtf_gains.is_none() {
            talk.say(format_args!(
                "warning: W-GAINS: MS is much sharper than the MTF gains of sensor {} make it, as if it were made by \
                 averaging PAN's pixels: gains by the pair are used; --mtf-gains or --sensor state others",
                config.sensor
            ));
        }
        let said = gains.iter().map(|Gain { given, found, used }| match found {
            Some(found) if used == given => format!("{used:.3} as given ({found:.3} found)"),
            None if used == given => format!("{used:.3} as given (PAN tells too little)"),
            Some(_) => format!("{used:.3}"),
            None => format!("{used:.3} as the others (PAN tells too little)"),
        });
        talk.say(format_args!("MTF gains by the pair: {}", said.collect::<Vec<_>>().join(", ")));
        Ok(config)
    }

    /// The settings for `bands` bands, checked.
    pub fn config(&self, bands: usize) -> Result<Config, CliError> {
        self.config_for(None, bands)
    }

    /// [`config`](Self::config) with the sensor that the images come from: see [`Request::config`].
    pub fn config_for(&self, found: Option<Sensor>, bands: usize) -> Result<Config, CliError> {
        Ok(self.request(Contender::Trapan).config(found, bands)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_flags_the_preset_holds() {
        for (profile, sensor) in Profile::NAMES.iter().flat_map(|p| Sensor::NAMES.iter().map(move |s| (p, s))) {
            let given = ["trapan", "--preset", profile, "--sensor", sensor];
            let matches = MethodArgs::augment_args(Command::new("trapan")).get_matches_from(given);
            let args = MethodArgs::from_arg_matches(&matches).expect("flags");
            let bands = if args.sensor().ms_gains(4).is_ok() { 4 } else { 8 };
            let wanted =
                Config::new(args.sensor(), args.request(Contender::Trapan).profile(), bands).expect("its bands");
            assert_eq!(args.config(bands).expect("a preset"), wanted, "{given:?}");
        }
    }

    /// Whatever a setting is shown as can be given.
    #[test]
    fn values_that_are_shown_are_read() {
        for (profile, setting) in Profile::ALL.iter().flat_map(|p| Config::settings().map(move |s| (p, s))) {
            let config = Config::new(Sensor::Qb, *profile, 4).expect("4 bands");
            let flag = format!("--{}={}", flag(setting.name), setting.value(&config));
            let given = ["trapan", "--preset", profile.name(), "--sensor", "qb", &flag];
            let matches = MethodArgs::augment_args(Command::new("trapan")).get_matches_from(given);
            let args = MethodArgs::from_arg_matches(&matches).expect("flags");
            let own = args.config(4).expect("in range");
            assert_eq!(setting.value(&own), setting.value(&config), "{flag}");
        }
    }
}
