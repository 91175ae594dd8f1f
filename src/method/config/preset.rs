//! What an effort and the size of a scene make of the defaults.

use super::{Base, Config, Effort, Paradigm, Profile, Sensor, WarmUp};
use crate::method::{Dims, MethodError};

/// Epochs of [`Effort::Quick`].
const QUICK_EPOCHS: u32 = 40;
/// Epochs of [`Effort::Best`].
const BEST_EPOCHS: u32 = 750;

/// Pixels of PAN that a whole training is planned for.
const AMPLE: usize = 512 * 512;
/// So many times the epochs at most.
const MOST: f64 = 1.6;

impl Config {
    /// The method's numbers for a sensor and `bands` bands.
    ///
    /// # Errors
    /// [`MethodError::Bands`] if the sensor has another number of bands.
    pub fn new(sensor: Sensor, profile: Profile, bands: usize) -> Result<Self, MethodError> {
        Ok(Self::with_gains(sensor, profile, sensor.ms_gains(bands)?))
    }

    /// ZS-Pan as its published program runs it: the same networks and losses, one stage after the other.
    pub fn zs_pan(sensor: Sensor, ms_gains: Vec<f64>) -> Self {
        let (paradigm, warm_up) = (Paradigm::Serial, WarmUp::None);
        Self { paradigm, warm_up, epochs: 130, full_epochs: 50, ..Self::with_gains(sensor, Profile::Paper, ms_gains) }
    }

    /// The method as the paper has it, with the sensor, the gains and the seed of these settings.
    #[must_use]
    pub fn faithful(&self) -> Self {
        let of_paper = Self::with_gains(self.sensor, Profile::Faithful, self.ms_gains.clone());
        Self { pan_gain: self.pan_gain, seed: self.seed, ..of_paper }
    }

    /// The settings for an effort.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        match effort {
            Effort::Fast => {
                let base = self.base;
                self.untrained(base)
            }
            Effort::Quick => Self { epochs: QUICK_EPOCHS, ..self },
            Effort::Default => self,
            Effort::Best => Self { epochs: BEST_EPOCHS, sides: 8, ..self },
        }
    }

    /// The settings for training windows of these sizes. In small ones, of fewer than 512² pixels, each epoch sees less
    /// and takes less time: there are more of them, up to 1.6 times as many.
    #[must_use]
    pub(crate) fn sized(&self, dims: &Dims) -> Self {
        let pixels = dims.rows.fine * dims.columns.fine;
        let more = (AMPLE as f64 / pixels as f64).sqrt().clamp(1.0, MOST);
        let epochs = if self.prolong { (f64::from(self.epochs) * more).round() as u32 } else { self.epochs };
        Self { epochs, prolong: false, ..self.clone() }
    }

    /// The settings for a network that has learnt already.
    #[must_use]
    pub fn taught(&self) -> Self {
        let share = if self.gentle { 0.5 } else { 1.0 };
        let (lr_full, lr_reduced) = (share * self.lr_full, share * self.lr_reduced);
        Self { lr_full, lr_reduced, gentle: false, ..self.clone() }
    }

    /// The settings for a closed form alone.
    #[must_use]
    pub fn untrained(self, base: Base) -> Self {
        Self { base, epochs: 0, withhold: false, ..self }
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

    #[test]
    fn what_has_learnt_goes_on_gently() {
        let rates = |profile| {
            let config = Config::new(Sensor::Qb, profile, 4).expect("4 bands").taught().taught();
            [config.lr_full, config.lr_reduced]
        };
        assert_eq!(rates(Profile::Trapan), [5e-4; 2], "halved once");
        assert_eq!(rates(Profile::Faithful), [5e-4; 2], "as they were");
    }
}
