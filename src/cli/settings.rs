//! Flags of the method's settings: each has one, made from what the library says of it.
//!
//! A flag has the name of its field in [`Config`], with dashes, but for `--preset` (the profile) and `--mtf-gains`.

use clap::builder::{PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use trapan::method::config::{Config, Effort, Profile, Sensor, Setting};
use trapan::method::{Contender, Gains, Request};

use super::args::named;

/// The flag of a setting, but for its dashes.
pub(super) fn flag(setting: &str) -> String {
    match setting {
        "ms_gains" => "mtf-gains".into(),
        "profile" => "preset".into(),
        other => other.replace(['_', '.'], "-"),
    }
}

/// The method's numbers; each default is the method's.
#[derive(Args)]
#[command(next_help_heading = "Method")]
pub(super) struct MethodArgs {
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
    given: SettingArgs,
}

/// The settings that were given, as text.
struct SettingArgs(Vec<(&'static str, String)>);

impl Args for SettingArgs {
    fn augment_args(command: Command) -> Command {
        command.args(Config::settings().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingArgs {
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
    pub(super) fn request(&self, method: Contender) -> Request {
        Request {
            method,
            sensor: self.sensor,
            profile: self.preset,
            effort: Some(self.effort),
            gains: self.mtf_gains.clone().unwrap_or_default(),
            bit_depth: self.bit_depth,
            shift: None,
            settings: self.given.0.clone(),
        }
    }

    /// The sensor asked for, else generic.
    pub(super) fn sensor(&self) -> Sensor {
        self.sensor.unwrap_or(Sensor::Generic)
    }

    /// The seed.
    pub(super) fn seed(&self) -> u64 {
        let given = self.given.0.iter().find(|(name, _)| *name == "seed");
        given.and_then(|(_, text)| text.parse().ok()).unwrap_or_default()
    }

    /// Whether this setting was given.
    pub(super) fn gives(&self, setting: &str) -> bool {
        self.given.0.iter().any(|(name, _)| *name == setting)
    }

    /// What was asked for beside the sensor and the seed, in words.
    pub(super) fn words(&self) -> String {
        let gains = self.mtf_gains.as_ref().map(|gains| format!("{gains:?}"));
        let flags = [("effort", Some(self.effort.to_string())), ("mtf-gains", gains)];
        let usual = Effort::Default.name();
        let flags =
            flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.filter(|v| v != usual)?)));
        let given =
            self.given.0.iter().filter(|(name, _)| *name != "seed").map(|(name, text)| (flag(name), text.clone()));
        let words = flags.chain(given).map(|(name, value)| format!(", {name} {value}")).collect::<String>();
        format!("{}{words}", self.preset.unwrap_or(Profile::Trapan))
    }

    /// Takes this preset if none was asked for.
    pub(super) fn by_default(&mut self, preset: Profile) {
        self.preset.get_or_insert(preset);
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
            assert_eq!(args.request(Contender::Trapan).config(None, bands).expect("a preset"), wanted, "{given:?}");
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
            let own = args.request(Contender::Trapan).config(None, 4).expect("in range");
            assert_eq!(setting.value(&own), setting.value(&config), "{flag}");
        }
    }
}
