//! What the settings may be.

use std::fmt::Display;

use super::{Base, Config, Upsample};
use crate::filter::Grid;
use crate::kernels::turn::TURNS;
use crate::method::MethodError;

/// A setting, its value, whether it may have it, and what it may have.
type Rule<'a> = (&'static str, &'a dyn Display, bool, &'a str);

impl Config {
    /// Checks every number against the pair and against the others.
    ///
    /// # Errors
    /// [`MethodError::Setting`] with the name, the value and the range.
    pub fn check(&self, bands: usize) -> Result<(), MethodError> {
        let found = format!("{} gains", self.ms_gains.len());
        let wanted = format!("one per band: {bands}");
        let gains: Rule<'_> = ("ms_gains", &found, self.ms_gains.len() == bands, &wanted);
        let rules = [gains].into_iter().chain(self.rules());
        match rules.into_iter().find(|(.., fits, _)| !fits) {
            Some((name, value, _, wanted)) => {
                Err(MethodError::Setting { name, value: value.to_string(), wanted: wanted.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// One rule per number; several for the gains.
    fn rules(&self) -> Vec<Rule<'_>> {
        let share = |x: f64, most: f64| (0.0..=most).contains(&x);
        let gain = |x: f64| x > 0.0 && x < 1.0;
        let above_0 = |x: f64| x > 0.0 && x.is_finite();
        let not_below_0 = |x: f64| x >= 0.0 && x.is_finite();
        let decay = |x: f64| (0.0..1.0).contains(&x);
        let within = |x: usize, low: usize, high: usize| (low..=high).contains(&x);
        let some_result = self.trains() || self.base != Base::None;
        let adam = &self.adam;
        const GAIN: &str = "between 0 and 1, both excluded";
        let mut rules: Vec<Rule<'_>> = Vec::new();
        rules.extend(self.ms_gains.iter().map(|x| -> Rule<'_> { ("ms_gains", x, gain(*x), GAIN) }));
        let others: [Rule<'_>; 22] = [
            ("pan_gain", &self.pan_gain, gain(self.pan_gain), GAIN),
            ("full_probability", &self.full_probability, share(self.full_probability, 1.0), "0 to 1"),
            ("batch", &self.batch, within(self.batch, 1, 10), "1 to 10 crops"),
            ("epochs", &self.epochs, some_result, "at least 1"),
            ("dam_epochs", &self.dam_epochs, self.dam_epochs > 0, "at least 1"),
            ("width", &self.width, within(self.width, 1, 256), "1 to 256"),
            ("dam_width", &self.dam_width, within(self.dam_width, 1, 128), "1 to 128"),
            ("blocks", &self.blocks, within(self.blocks, 1, 64), "1 to 64"),
            // Crops are half of a window and their degraded form has to have some pixels left.
            ("train_size", &self.train_size, within(self.train_size, 256, 8192), "256 to 8192 pixels"),
            ("train_windows", &self.train_windows, within(self.train_windows, 1, 256), "1 to 256"),
            ("lr_dam", &self.lr_dam, above_0(self.lr_dam), "above 0"),
            ("lr_full", &self.lr_full, above_0(self.lr_full), "above 0"),
            ("lr_reduced", &self.lr_reduced, above_0(self.lr_reduced), "above 0"),
            ("adam.eps", &adam.eps, above_0(adam.eps), "above 0"),
            ("sides", &self.sides, self.sides <= TURNS, "0 (automatic) to 8"),
            ("lr_floor", &self.lr_floor, share(self.lr_floor, 1.0), "0 to 1"),
            ("mean_decay", &self.mean_decay, share(self.mean_decay, 0.9999), "0 to 0.9999"),
            ("bend", &self.bend, not_below_0(self.bend), "0 or more"),
            ("lambda_spectral", &self.lambda_spectral, not_below_0(self.lambda_spectral), "0 or more"),
            ("lambda_spatial", &self.lambda_spatial, not_below_0(self.lambda_spatial), "0 or more"),
            ("adam.beta1", &adam.beta1, decay(adam.beta1), "0 to 1, 1 excluded"),
            ("adam.beta2", &adam.beta2, decay(adam.beta2), "0 to 1, 1 excluded"),
        ];
        rules.extend(others);
        rules
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::config::{Profile, Sensor};

    /// So that a program finds what it asked the user for.
    #[test]
    fn rules_are_named_as_fields() {
        let config = Config::new(Sensor::Qb, Profile::Trapan, 4).expect("4 bands");
        let fields = serde_json::to_value(&config).expect("plain values");
        for (name, value, fits, wanted) in config.rules() {
            let field = fields.pointer(&format!("/{}", name.replace('.', "/")));
            assert!(field.is_some() && fits, "{name} is {value}: {wanted}");
        }
    }
}
