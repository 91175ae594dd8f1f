//! What a setting is: a field with its default, its range and its way from and to text.

use serde::de::DeserializeOwned;

use super::sensor::Preset;
use super::{Backbone, Base, Config, Consistency, Init, Profile, Sensor, Upsample};

/// A setting by name: what it does, what it may be, and how to read and write it.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Of the field; a dot leads to a part of it.
    pub name: &'static str,
    /// What it does: sentences, one a line.
    pub about: &'static [&'static str],
    /// Stands for a value: `N`, `LR`.
    pub placeholder: &'static str,
    /// The values, if they are a few with names.
    pub names: &'static [&'static str],
    /// The default in words, where no number or name tells it.
    pub(crate) usually: Option<&'static str>,
    pub(super) get: fn(&Config) -> String,
    pub(super) put: fn(&mut Config, &str) -> Result<(), String>,
    pub(super) range: Range<Config>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Setting {
    /// Its value, as text.
    pub fn value(&self, config: &Config) -> String {
        (self.get)(config)
    }

    /// Reads a value, whatever its range: see [`Config::check`].
    ///
    /// # Errors
    /// What the text is not.
    pub fn parse(&self, text: &str) -> Result<(), String> {
        (self.put)(&mut Config::with_gains(Sensor::Generic, Profile::Trapan, Vec::new()), text)
    }

    /// Its default in words, with what sensors and profiles have instead.
    pub fn default(&self) -> String {
        if let Some(words) = self.usually {
            return words.to_owned();
        }
        let of = |sensor, profile| short(&self.value(&Config::with_gains(sensor, profile, Vec::new())));
        let usual = of(Sensor::Generic, Profile::Trapan);
        let mut words = usual.clone();
        for sensor in Sensor::ALL {
            let own = of(*sensor, Profile::Trapan);
            if own != usual {
                words += &format!("; {sensor}: {own}");
            }
        }
        let [faithful, paper] = [Profile::Faithful, Profile::Paper].map(|profile| of(Sensor::Generic, profile));
        match [faithful != usual, paper != usual] {
            [true, true] if faithful == paper => words += &format!("; presets faithful and paper: {paper}"),
            [own, other] => {
                let one = |differs, preset: Profile, value| {
                    if differs { format!("; preset {preset}: {value}") } else { String::new() }
                };
                words += &one(own, Profile::Faithful, faithful);
                words += &one(other, Profile::Paper, paper);
            }
        }
        words
    }
}

/// A number in as few digits as it takes.
fn short(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) if number != 0.0 && number.abs() < 0.01 => format!("{number:e}"),
        _ => text.to_owned(),
    }
}

/// What a value may be: whether one is, and in words.
pub(super) type Range<T> = (fn(&T) -> bool, &'static str);

/// A value with a text.
pub(super) trait Value: Sized {
    /// Of all values, if they are a few.
    const NAMES: &'static [&'static str] = &[];

    fn show(&self) -> String;
    fn read(text: &str) -> Result<Self, String>;
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Value for $number {
            fn show(&self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|e: <$number as std::str::FromStr>::Err| e.to_string())
            }
        }
    )+};
}

numbers!(f64, u32, u64, usize);

impl Value for bool {
    const NAMES: &'static [&'static str] = &["true", "false"];

    fn show(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Result<Self, String> {
        named(text)
    }
}

impl Value for Upsample {
    const NAMES: &'static [&'static str] = &["cubic", "interp23", "spline"];

    fn show(&self) -> String {
        name(self)
    }

    fn read(text: &str) -> Result<Self, String> {
        named(&format!("\"{text}\""))
    }
}

impl Value for Backbone {
    const NAMES: &'static [&'static str] = Backbone::NAMES;

    fn show(&self) -> String {
        name(self)
    }

    fn read(text: &str) -> Result<Self, String> {
        named(&format!("\"{text}\""))
    }
}

impl Value for Base {
    const NAMES: &'static [&'static str] =
        &["auto", "none", "exp", "brovey", "gsa", "mtf-glp-fs", "mtf-glp-hpm-r", "bdsd-pc"];

    fn show(&self) -> String {
        name(self)
    }

    fn read(text: &str) -> Result<Self, String> {
        named(&format!("\"{text}\""))
    }
}

impl Value for Init {
    fn show(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            named => name(named),
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "random" => Ok(Self::Random),
            path => Ok(Self::File(path.into())),
        }
    }
}

impl Value for Consistency {
    fn show(&self) -> String {
        name(self)
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

/// The name that a value has in files.
fn name(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).expect("plain values");
    text.trim_matches('"').to_owned()
}

/// The value that has a name in files.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|_| format!("{} is not one of its values", text.trim_matches('"')))
}

/// Whether a value is the one that files older than its setting mean.
pub(super) fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The same whatever the sensor and the profile.
pub(super) fn all<T: Clone>(value: T) -> impl Fn(Sensor, Profile) -> T {
    move |_, _| value.clone()
}

/// What a sensor's constants say.
pub(super) fn by_sensor<T>(constant: fn(&Preset) -> T) -> impl Fn(Sensor, Profile) -> T {
    move |sensor, _| constant(&sensor.preset())
}

/// By the profile: trapan, faithful, paper.
pub(super) fn by_profile<T: Clone>(trapan: T, faithful: T, paper: T) -> impl Fn(Sensor, Profile) -> T {
    move |_, profile| {
        match profile {
            Profile::Trapan => &trapan,
            Profile::Faithful => &faithful,
            Profile::Paper => &paper,
        }
        .clone()
    }
}

/// True with the profile trapan alone.
pub(super) fn trapan_only() -> impl Fn(Sensor, Profile) -> bool {
    by_profile(true, false, false)
}

/// Makes the settings from one table: the fields with their documentation, the defaults by sensor and profile, and what
/// [`Config::settings`] says of each. Fields before `table` are those that the others follow from.
///
/// An entry is `/// about` `name: Type { "PLACEHOLDER" in (range) usually "words" } = default;` with `in` and `usually` if
/// there is something to say, or `name: Type { parts } = default;`, where each part is a setting and the whole is not.
macro_rules! settings {
    (@range [$($field:tt)+] $type:ty,) => { (|_| true, "") };
    (@range [$($field:tt)+] $type:ty, $range:tt) => {{
        const RANGE: Range<$type> = $range;
        (|config| RANGE.0(&config.$($field)+), RANGE.1)
    }};
    (@entry $name:expr, [$($field:tt)+] $type:ty, [$($doc:literal)+] $placeholder:literal $(in $range:tt)? $(usually $usually:literal)?) => {
        Setting {
            name: $name,
            about: &[$($doc),+],
            placeholder: $placeholder,
            names: <$type as Value>::NAMES,
            usually: [$(Some($usually),)? None][0],
            get: |config| Value::show(&config.$($field)+),
            put: |config, text| Value::read(text).map(|value| config.$($field)+ = value),
            range: settings!(@range [$($field)+] $type, $($range)?),
        }
    };
    (@entries $name:ident: $type:ty, $docs:tt $placeholder:literal $($rest:tt)*) => {
        &[settings!(@entry stringify!($name), [$name] $type, $docs $placeholder $($rest)*)]
    };
    (@entries $name:ident: $type:ty, $docs:tt $($(#[doc = $doc:literal])+ $part:ident: $part_type:ty { $($what:tt)+ })+) => {
        &[$(settings!(
            @entry concat!(stringify!($name), ".", stringify!($part)), [$name.$part] $part_type, [$($doc)+] $($what)+
        ),)+]
    };
    (
        $(#[$about:meta])*
        pub struct Config { $($(#[$first_doc:meta])* $first:ident: $first_type:ty,)+ }
        table { $($(#[doc = $doc:literal])+ $(#[serde($($record:tt)+)])? $name:ident: $type:ty { $($what:tt)+ } = $default:expr;)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct Config {
            $($(#[$first_doc])* pub $first: $first_type,)+
            $($(#[doc = $doc])+ $(#[serde($($record)+)])? pub $name: $type,)+
        }

        impl Config {
            /// The method's numbers for a sensor, but for other MTF gains, one per band.
            pub fn with_gains(sensor: Sensor, profile: Profile, ms_gains: Vec<f64>) -> Self {
                Self { sensor, profile, ms_gains, $($name: $default(sensor, profile),)+ }
            }

            /// The settings that have a value in words, in the order of the fields.
            pub fn settings() -> impl Iterator<Item = &'static Setting> {
                const ENTRIES: &[&[Setting]] = &[$(settings!(@entries $name: $type, [$($doc)+] $($what)+),)+];
                ENTRIES.iter().copied().flatten()
            }
        }
    };
}

pub(super) use settings;
