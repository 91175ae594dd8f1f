//! What is asked of a run before its images are known.

use super::config::{Base, Config, Consistency, Effort, Keep, Order, Profile, Sensor};
use super::{Contender, Gain, MethodError, Shift, estimate_gains, far_above};
use crate::scene::Scene;

/// MTF gains of the bands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Gains {
    /// The sensor's; of a sensor that nobody has named, estimated where MS is far sharper than its gains make it.
    #[default]
    Sensor,
    /// Estimated from the pair, where that explains it better than the sensor's do.
    Auto,
    /// One per band.
    These(Vec<f64>),
}

impl std::str::FromStr for Gains {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let gains = || text.split(',').map(|gain| gain.trim().parse()).collect::<Result<_, _>>();
        match text {
            "auto" => Ok(Self::Auto),
            _ => gains().map(Self::These).map_err(|_| "must be auto, or numbers as .3,.3,.3,.25".into()),
        }
    }
}

/// What a user asks for; everything else follows from the images and from the method.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The sensor; without it that of a product, else generic.
    pub sensor: Option<Sensor>,
    /// The decisions to start from; without any, [`Profile::Trapan`].
    pub profile: Option<Profile>,
    /// How to fuse.
    pub method: Contender,
    /// How much time the result is worth.
    pub effort: Option<Effort>,
    /// Gains of the bands.
    pub gains: Gains,
    /// What to do about a shift between PAN and MS; without any, what the preset has.
    pub shift: Option<Shift>,
    /// Bits of the values, if what the files and the data say shall not count.
    pub bit_depth: Option<u8>,
    /// Settings by name, as text: see [`Config::settings`].
    pub settings: Vec<(&'static str, String)>,
}

/// The value that has a name in files.
fn named<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(text.into()).ok()
}

impl Request {
    /// The decisions to start from.
    pub fn profile(&self) -> Profile {
        match self.method {
            Contender::Faithful => Profile::Faithful,
            Contender::ZsPan => Profile::Paper,
            Contender::Classical(_) | Contender::Trapan => self.profile.unwrap_or(Profile::Trapan),
        }
    }

    /// Takes what is asked for by its name, as text: a field of this, `preset`, `coregister`, `mtf_gains`, or a setting.
    ///
    /// # Errors
    /// [`MethodError::Setting`].
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), MethodError> {
        let refused =
            |name, wanted: &str| MethodError::Setting { name, value: text.to_owned(), wanted: wanted.to_owned() };
        let one_of = |name, names: &[&str]| refused(name, &names.join(", "));
        match name {
            "sensor" => self.sensor = Some(named(text).ok_or_else(|| one_of("sensor", Sensor::NAMES))?),
            "preset" => self.profile = Some(named(text).ok_or_else(|| one_of("preset", Profile::NAMES))?),
            "effort" => self.effort = Some(named(text).ok_or_else(|| one_of("effort", Effort::NAMES))?),
            "method" => {
                let found = Contender::all().find(|method| method.name() == text);
                let names: Vec<&str> = Contender::all().map(Contender::name).collect();
                self.method = found.ok_or_else(|| one_of("method", &names))?;
            }
            "mtf_gains" => self.gains = text.parse().map_err(|wanted: String| refused("mtf_gains", &wanted))?,
            "bit_depth" => {
                self.bit_depth = Some(text.parse().map_err(|_| refused("bit_depth", "a number of bits, 1 to 16"))?);
            }
            "coregister" => {
                let shift = match text {
                    "auto" => Shift::Auto,
                    "off" => Shift::Off,
                    "require" => Shift::Require,
                    _ => return Err(one_of("coregister", &["auto", "off", "require"])),
                };
                self.shift = Some(shift);
            }
            other => {
                let Some(setting) = Config::settings().find(|setting| setting.name == other) else {
                    let (value, wanted) = (other.to_owned(), "the name of one".to_owned());
                    return Err(MethodError::Setting { name: "setting", value, wanted });
                };
                setting.parse(text).map_err(|wanted| refused(setting.name, &wanted))?;
                self.settings.push((setting.name, text.to_owned()));
            }
        }
        Ok(())
    }

    fn asks_for(&self, setting: &str) -> bool {
        self.settings.iter().any(|(name, _)| *name == setting)
    }

    /// The settings for `bands` bands, checked. `found` is the sensor that the images come from; it counts unless another
    /// is asked for or it has another number of bands, as an order of four of WorldView-2's eight.
    ///
    /// # Errors
    /// [`MethodError::Bands`], [`MethodError::Setting`].
    pub fn config(&self, found: Option<Sensor>, bands: usize) -> Result<Config, MethodError> {
        let sensor = self.sensor.or(found.filter(|sensor| sensor.ms_gains(bands).is_ok())).unwrap_or(Sensor::Generic);
        let gains = match &self.gains {
            Gains::These(gains) => gains.clone(),
            _ => sensor.ms_gains(bands)?,
        };
        let config = match self.method {
            Contender::ZsPan => Config::zs_pan(sensor, gains),
            _ => Config::with_gains(sensor, self.profile(), gains),
        };
        let mut config = match self.effort.unwrap_or(Effort::Default) {
            Effort::Default => config,
            effort if self.profile() == Profile::Trapan => config.with_effort(effort),
            effort => {
                let (value, wanted) = (effort.to_string(), "default with this preset".into());
                return Err(MethodError::Setting { name: "effort", value, wanted });
            }
        };
        config.pan_auto &= !self.asks_for("pan_gain");
        config.prolong &= !self.asks_for("epochs");
        config.gentle &= !self.asks_for("lr_full") && !self.asks_for("lr_reduced");
        for (name, text) in &self.settings {
            config.set(name, text)?;
        }
        config.withhold &= config.trains();
        if config.keep == Keep::Best && config.order == Order::FullReduced && !self.asks_for("keep") {
            config.keep = Keep::Last;
        }
        config.check(bands)?;
        let Contender::Classical(form) = self.method else { return Ok(config) };
        // By name it has no consistency step unless that is asked for.
        let consistency = if self.asks_for("consistency") { config.consistency } else { Consistency::Off };
        Ok(Config { consistency, ..config.untrained(Base::Form(form)) })
    }

    /// The settings with the MTF gains by the pair, if they are asked for or called for, and what was found.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn estimated(&self, config: Config, scene: &Scene<'_>) -> Result<(Config, Vec<Gain>), MethodError> {
        let unknown = config.sensor == Sensor::Generic && config.profile == Profile::Trapan;
        let gains = match &self.gains {
            Gains::Auto => estimate_gains(scene, &config)?,
            Gains::Sensor if unknown => {
                let gains = estimate_gains(scene, &config)?;
                if far_above(&gains) { gains } else { Vec::new() }
            }
            _ => Vec::new(),
        };
        if gains.is_empty() {
            return Ok((config, gains));
        }
        Ok((Config { ms_gains: gains.iter().map(|gain| gain.used).collect(), ..config }, gains))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_text() {
        let mut request = Request::default();
        for (name, text) in [("sensor", "qb"), ("effort", "fast"), ("coregister", "off"), ("adam.beta1", "0.5")] {
            request.set(name, text).expect("a name and a value of it");
        }
        let config = request.config(None, 4).expect("in range");
        assert_eq!((config.sensor, config.trains(), config.adam.beta1), (Sensor::Qb, false, 0.5));
        assert_eq!(request.shift, Some(Shift::Off));
        for (name, text) in
            [("sensor", "hubble"), ("epochs", "x"), ("no_such", "1"), ("bit_depth", "many"), ("method", "magic")]
        {
            let error = Request::default().set(name, text).expect_err(name).to_string();
            assert!(error.contains(if name == "no_such" { name } else { text }), "{error}");
        }
    }

    #[test]
    fn what_is_asked_for_counts() {
        let with = |settings: &[(&'static str, &str)]| {
            let settings = settings.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
            Request { settings, ..Request::default() }.config(None, 4)
        };
        let usual = with(&[]).expect("the method's numbers");
        assert_eq!(usual, Config::new(Sensor::Generic, Profile::Trapan, 4).expect("4 bands"));
        let config = with(&[("epochs", "7"), ("pan_gain", "0.2"), ("adam.beta1", "0.5")]).expect("in range");
        assert_eq!((config.epochs, config.pan_gain, config.adam.beta1), (7, 0.2, 0.5));
        assert!(usual.prolong && usual.pan_auto && !config.prolong && !config.pan_auto);
        let ordered = |keep: &[_]| {
            let settings = [&[("order", "full-reduced".to_owned())], keep].concat();
            let request = Request { profile: Some(Profile::Faithful), settings, ..Request::default() };
            request.config(None, 4).expect("in range").keep
        };
        assert_eq!(ordered(&[]), Keep::Last, "no full loss follows");
        assert_eq!(ordered(&[("keep", "best".to_owned())]), Keep::Best);
        for (name, text) in [("epochs", "x"), ("bend", "-1"), ("crops", "all"), ("width", "0"), ("no_such", "1")] {
            let error = with(&[(name, text)]).expect_err("out of range");
            assert!(error.to_string().starts_with(&format!("{name} is {text}: it must be ")), "{error}");
        }
    }
}
