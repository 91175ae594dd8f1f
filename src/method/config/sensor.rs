//! What is known of sensors.

use super::choice::choice;
use crate::method::MethodError;

choice! {
    /// Sensors with known MTF gains (method, section 3) and schedules (section 5).
    pub enum Sensor {
        /// WorldView-2.
        Wv2 = "wv2",
        /// WorldView-3.
        Wv3 = "wv3",
        /// WorldView-4.
        Wv4 = "wv4",
        /// QuickBird.
        Qb = "qb",
        /// IKONOS.
        Ikonos = "ikonos",
        /// GeoEye-1.
        Ge1 = "ge1",
        /// GaoFen-2.
        Gf2 = "gf2",
        /// Any other sensor: gain .30 for every band, .15 for PAN.
        Generic = "generic",
    }
}

/// A sensor's constants.
pub(super) struct Preset {
    /// Nyquist gains of the bands; empty for one gain whatever the number of bands.
    ms_gains: &'static [f64],
    pub(super) pan_gain: f64,
    pub(super) warm_up_epochs: u32,
    pub(super) full_probability: f64,
}

/// Nyquist gain of a band of an unknown sensor.
const GENERIC_GAIN: f64 = 0.30;

impl Sensor {
    /// The preset of a satellite, by the name that its products give it.
    pub fn of_satellite(name: &str) -> Option<Self> {
        match name {
            "QB02" => Some(Self::Qb),
            "IK01" | "IK02" => Some(Self::Ikonos),
            "GE01" => Some(Self::Ge1),
            "WV02" => Some(Self::Wv2),
            "WV03" => Some(Self::Wv3),
            "WV04" => Some(Self::Wv4),
            "GF2" => Some(Self::Gf2),
            _ => None,
        }
    }

    pub(super) fn preset(self) -> Preset {
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
    pub(crate) fn is_published(self) -> bool {
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
