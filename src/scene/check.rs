//! What can be said of a pair before anything is trained on it.

use std::sync::Mutex;

use super::{
    GeometryOptions, Registration, Scene, SceneError,
    fill::{self, Extremes},
    register::{NOTABLE, off_ms},
    scale,
    spread::Histogram,
    survey::TAIL,
};
use crate::remedy::{Note, Remedy};
use crate::tiff::Block;

/// Correlation with PAN below which a band gains little from it.
const COVERED: f64 = 0.5;

/// A pair, looked at in windows spread over it.
#[derive(Debug, Clone)]
pub struct Check {
    /// The shift between PAN and MS; `None` where nothing can be measured.
    pub registration: Option<Registration>,
    /// Values of PAN and of MS.
    pub seen: [ValueSummary; 2],
    /// What the user should know.
    pub warnings: Vec<Note>,
    /// What to say where PAN has another unit than MS.
    pub units: Option<Note>,
    /// Values that look like "no data" but are not said to be; a [`Survey`](super::Survey) sees all of them. What is
    /// measured with them in the windows means nothing, so there are no other warnings then.
    pub undeclared: Vec<Note>,
}

/// Values of an image in the windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueSummary {
    /// Smallest and largest valid value.
    pub range: [f32; 2],
    /// Pixels looked at.
    pub pixels: usize,
    /// Of these, those without data.
    pub invalid: usize,
}

impl Default for ValueSummary {
    fn default() -> Self {
        Self { range: [f32::INFINITY, f32::NEG_INFINITY], pixels: 0, invalid: 0 }
    }
}

impl ValueSummary {
    fn add(&mut self, block: &Block, bands: usize, extremes: &mut Extremes, spread: &mut Histogram) {
        let valid = |i: usize| block.valid.as_ref().is_none_or(|v| v[i]);
        let mut left = None;
        for (i, pixel) in block.data.chunks_exact(bands).enumerate() {
            self.pixels += 1;
            match valid(i) {
                true => {
                    pixel.iter().for_each(|v| self.range = [self.range[0].min(*v), self.range[1].max(*v)]);
                    extremes.add(pixel, left);
                    spread.add_pixel(pixel);
                }
                false => self.invalid += 1,
            }
            left = Some(pixel);
        }
    }

    /// The smallest usual bit depth that holds every value; `None` of negative values and fractions.
    pub fn bits(&self) -> Option<u8> {
        let [low, high] = self.range;
        (low >= 0.0 && (high > 1.0 || high == 0.0)).then(|| scale::usual_depth(high)).flatten()
    }
}

impl Check {
    /// Looks at a scene.
    ///
    /// # Errors
    /// Those of reading PAN.
    pub fn of(scene: &Scene<'_>) -> Result<Self, SceneError> {
        let images = [scene.pan(), scene.ms()];
        let seen =
            Mutex::new(images.map(|image| (ValueSummary::default(), Extremes::new(image.bands), Histogram::new())));
        let registration = Registration::of(scene, |pan, ms| {
            // Nothing in here panics half-way.
            let mut seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            for (((seen, extremes, spread), image), block) in seen.iter_mut().zip(images).zip([pan, ms]) {
                seen.add(block, image.bands, extremes, spread);
            }
        })?;
        let seen = seen.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let undeclared = fill::warnings(images, [0, 1].map(|i| seen[i].1.fill()));
        let units = scale::unit_note_of([0, 1].map(|i| seen[i].2.between(TAIL)));
        let seen = seen.map(|(seen, ..)| seen);
        let mut warnings = Vec::new();
        match &registration {
            _ if !undeclared.is_empty() => {}
            Some(found) => warn(found, scene, &mut warnings),
            None => warnings.push(
                "W-SHIFT: the shift between PAN and MS cannot be measured: too little area, texture or valid data"
                    .into(),
            ),
        }
        Ok(Self { registration, seen, warnings, units, undeclared })
    }

    /// Options under which the shift that was measured is corrected.
    ///
    /// # Errors
    /// [`GeometryError::Misregistered`](super::GeometryError::Misregistered) where one shift does not
    /// do, or none can be measured.
    pub fn corrected(&self, options: &GeometryOptions) -> Result<GeometryOptions, SceneError> {
        let Some(found) = &self.registration else {
            return Err(super::GeometryError::Misregistered {
                why: "too little area, texture or valid data to measure it".into(),
                fix: Note::with(format!("fuse without {}", Remedy::Coregister), Some(Remedy::Coregister)),
            }
            .into());
        };
        found.is_one_shift()?;
        let [down, right] = options.shift;
        Ok(GeometryOptions { shift: [down + found.shift[0], right + found.shift[1]], ..*options })
    }
}

fn warn(found: &Registration, scene: &Scene<'_>, warnings: &mut Vec<Note>) {
    let [down, right] = found.shift;
    if let Err(error) = found.is_one_shift() {
        warnings.push(Note::with(format!("W-REGISTRATION: {error}"), error.remedy()));
    } else if down.hypot(right) > NOTABLE {
        let text =
            format!("W-SHIFT: PAN lies {} (PAN pixels); {} corrects it", off_ms(found.shift), Remedy::Coregister);
        warnings.push(Note::with(text, Some(Remedy::Coregister)));
    }
    let names = scene.ms().descriptions.iter().enumerate().map(|(i, name)| match name {
        Some(name) => format!("{} ({name})", i + 1),
        None => (i + 1).to_string(),
    });
    let hardly: Vec<String> = names
        .zip(&found.correlation)
        .filter(|(_, c)| **c < COVERED)
        .map(|(name, c)| format!("band {name} {c:.2}"))
        .collect();
    if !hardly.is_empty() {
        let text = format!(
            "W-PAN-COVERAGE: PAN tells little of some bands (correlation below {COVERED}): {}; they gain less detail, \
             and it comes from the other bands",
            hardly.join(", ")
        );
        warnings.push(text.into());
    }
}
