//! What the settings may be.

use super::{Base, Config, GAIN, Upsample};
use crate::filter::Grid;
use crate::method::MethodError;

impl Config {
    /// Gives a setting the value that a text says, whatever its range: see [`check`](Self::check).
    ///
    /// # Errors
    /// [`MethodError::Setting`] if there is no such setting, or no such value.
    pub fn set(&mut self, name: &'static str, text: &str) -> Result<(), MethodError> {
        let put = match Self::settings().find(|setting| setting.name == name) {
            Some(setting) => (setting.put)(self, text),
            None => Err("the name of a setting".to_owned()),
        };
        put.map_err(|wanted| MethodError::Setting { name, value: text.to_owned(), wanted })
    }

    /// Checks every setting against its range, and the gains against the number of bands.
    ///
    /// # Errors
    /// [`MethodError::Setting`] with the name, the value and the range.
    pub fn check(&self, bands: usize) -> Result<(), MethodError> {
        let refused = |name, value, wanted| Err(MethodError::Setting { name, value, wanted });
        if self.ms_gains.len() != bands {
            return refused("ms_gains", format!("{} gains", self.ms_gains.len()), format!("one per band: {bands}"));
        }
        if let Some(gain) = self.ms_gains.iter().find(|gain| !GAIN.0(gain)) {
            return refused("ms_gains", gain.to_string(), GAIN.1.to_owned());
        }
        // Without training and without a base there is no result.
        if !self.trains() && self.base == Base::None {
            return refused("epochs", "0".to_owned(), "at least 1".to_owned());
        }
        if self.full_epochs > self.epochs {
            let wanted = format!("at most all {} epochs", self.epochs);
            return refused("full_epochs", self.full_epochs.to_string(), wanted);
        }
        if let Some(setting) = Self::settings().find(|setting| !(setting.range.0)(self)) {
            return refused(setting.name, setting.value(self), setting.range.1.to_owned());
        }
        let layers = self.shape(bands).depth();
        if self.frozen >= layers {
            return refused("frozen", self.frozen.to_string(), format!("less than the {layers} layers there are"));
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
