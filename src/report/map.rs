//! Maps: one number per pixel or block, as a picture with a legend.

use serde::Serialize;

use crate::quality::Thumbnail;
use crate::report::picture::{Picture, PictureError};

/// From values to colours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Ramp {
    /// From dark (`low`) to bright (`high`).
    Sequential {
        /// Value of the first colour.
        low: f32,
        /// Value of the last colour.
        high: f32,
    },
    /// From blue (`-limit`) over white (0) to red (`limit`).
    Diverging {
        /// Value of the last colour.
        limit: f32,
    },
}

impl Ramp {
    /// From 0 to the 98th percentile of the finite values: for errors, where a few are far off.
    pub fn errors(values: &[f32]) -> Self {
        let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let at = finite.len().saturating_sub(1) * 98 / 100;
        let high = if finite.is_empty() { 0.0 } else { *finite.select_nth_unstable_by(at, f32::total_cmp).1 };
        Self::Sequential { low: 0.0, high: if high > 0.0 { high } else { 1.0 } }
    }

    /// Values of the first and the last colour.
    pub fn ends(&self) -> [f32; 2] {
        match *self {
            Self::Sequential { low, high } => [low, high],
            Self::Diverging { limit } => [-limit, limit],
        }
    }

    /// Colour of a value; values beyond the ends have the ends' colours.
    pub fn colour(&self, value: f32) -> [u8; 3] {
        let [low, high] = self.ends();
        let t = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
        match self {
            Self::Sequential { .. } => helix(f64::from(t)),
            Self::Diverging { .. } => blue_white_red(t),
        }
    }
}

/// Cubehelix (Green 2011, Bull. Astr. Soc. India 39, 289): lightness grows evenly while the hue turns, so that it
/// also reads in grey. Start 0.5, −1.2 rotations, saturation 1.1; the black and the white end are left out.
fn helix(t: f64) -> [u8; 3] {
    let l = 0.12 + 0.80 * t;
    let angle = std::f64::consts::TAU * (0.5 / 3.0 + 1.0 - 1.2 * t);
    let amplitude = 1.1 * l * (1.0 - l) / 2.0;
    let (sin, cos) = angle.sin_cos();
    let channel = |c: f64, s: f64| ((l + amplitude * (c * cos + s * sin)).clamp(0.0, 1.0) * 255.0).round() as u8;
    [channel(-0.14861, 1.78277), channel(-0.29227, -0.90649), channel(1.97294, 0.0)]
}

fn blue_white_red(t: f32) -> [u8; 3] {
    let (end, share) = if t < 0.5 { ([33, 102, 172], 1.0 - 2.0 * t) } else { ([178, 24, 43], 2.0 * t - 1.0) };
    end.map(|c| (247.0 + (c as f32 - 247.0) * share).round() as u8)
}

/// A map over the area of PAN. In the JSON report it has no values: `trapan assess --maps` writes them.
#[derive(Clone, Debug, Serialize)]
pub struct Map {
    /// Heading, e.g. `Spectral angle`. Maps of one name that follow each other are shown side by side, with the
    /// legend of the first: they must have one ramp.
    pub name: String,
    /// The method it judges, where there is one map for each.
    pub method: Option<String>,
    /// What it shows; may be empty.
    pub note: String,
    /// Unit, e.g. `°`; empty without one.
    pub unit: String,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Mean of the finite values, if there are any.
    pub mean: Option<f64>,
    /// Colours.
    pub ramp: Ramp,
    /// Values `[height, width]`, NaN where there are none.
    #[serde(skip)]
    values: Vec<f32>,
}

impl Map {
    /// A map of what a thumbnail shows.
    pub fn new(name: impl Into<String>, unit: impl Into<String>, shown: &Thumbnail, ramp: Ramp) -> Self {
        let ([height, width], mean, values) = (shown.size, shown.mean(), shown.values());
        let (name, unit) = (name.into(), unit.into());
        Self { name, method: None, note: String::new(), unit, width, height, mean, ramp, values }
    }

    /// With a sentence on what it shows.
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// As one of several, of this method.
    pub fn of_method(self, method: impl Into<String>) -> Self {
        Self { method: Some(method.into()), ..self }
    }

    /// The map as a PNG, transparent where there is no value.
    ///
    /// # Errors
    /// [`PictureError::Size`] if a side is zero.
    pub fn png(&self) -> Result<Vec<u8>, PictureError> {
        let there: Vec<bool> = self.values.iter().map(|v| v.is_finite()).collect();
        let rgb = self.values.iter().flat_map(|v| self.ramp.colour(if v.is_finite() { *v } else { 0.0 })).collect();
        let picture = Picture { width: self.width, height: self.height, rgb };
        picture.png(there.contains(&false).then_some(&there[..]))
    }
}
