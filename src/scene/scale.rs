//! From stored values (DN) to about 0..1, which the networks work in; outliers lie beyond, and back.

use serde::{Deserialize, Serialize};

use super::{Scene, SceneError, Survey};
use crate::remedy::{Note, Remedy};
use crate::tiff::{Header, Sample};

/// A value further above the 99.9th percentile than this does not set the unit: a fire or a glint
/// says nothing of the rest.
const OUTLIER: f32 = 1.5;

/// Bit depths that sensors deliver in 8- and 16-bit files.
const DEPTHS: [u8; 6] = [8, 10, 11, 12, 14, 16];

/// `DN = offset + scale · x`, one map for PAN and all MS bands of a pair.
///
/// x = 1 is the largest value of the pair but for outliers, whatever its bit depth allows: a training
/// of fixed length and rate learns little from values that fill a corner of 0..1.
/// x = 0 is 0, or the smallest value if that is negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// DN of x = 0.
    pub offset: f64,
    /// DN per unit of x.
    pub scale: f64,
    /// The bit depth, if the values have one: floating point and negative values have none.
    pub bits: Option<u8>,
    /// Whether the bit depth was given, by the caller or by the files, and not guessed from the data.
    pub declared: bool,
    /// Smallest and largest DN a result may have: the real range of the data.
    pub range: [f32; 2],
    /// Factor of PAN, and what is then added, that give it the unit of MS.
    pub pan: [f64; 2],
    /// Values of PAN and of MS beyond which pixels are hot; `None`: all are taken as they are.
    pub bounds: Option<[[f32; 2]; 2]>,
}

/// PAN in the unit of MS already.
pub(crate) const SAME_UNIT: [f64; 2] = [1.0, 0.0];

/// Values further beyond those that 99.8 % lie between than so many times their distance are hot pixels. On ten real
/// pairs that is one pixel in 30,000 at most.
const HOT: f32 = 1.0;
/// An offset larger than this share of the range on top of it is taken off.
const LARGE_OFFSET: f64 = 1.0;
/// Share of the range that is left below it then: methods that divide find nothing near 0.
const MARGIN: f64 = 0.1;

/// PAN further off than this share of the range of MS is in other units than a model's.
const OTHER_UNIT: f64 = 0.5;

impl Scale {
    /// The scale of a scene. A bit depth that is asked for makes its largest value x = 1. Where none is,
    /// it is the one both files declare room for, else the smallest usual one (8, 10, 11, 12, 14, 16)
    /// that holds every value.
    ///
    /// # Errors
    /// [`SceneError::BitDepth`] if a value does not fit in the bit depth asked for, or that is not
    /// within 1..=16.
    pub fn new(scene: &Scene<'_>, survey: &Survey, bits: Option<u8>) -> Result<Self, SceneError> {
        let images = [scene.pan(), scene.ms()];
        let [pan, ms] = survey.ranges;
        let (high, largest) = if pan[1] > ms[1] { (pan[1], images[0]) } else { (ms[1], images[1]) };
        let offset = pan[0].min(ms[0]).min(0.0);
        let fits = |bits: u8| high <= top(bits);
        if let Some(bits) = bits {
            if !(1..=16).contains(&bits) || !fits(bits) {
                return Err(SceneError::BitDepth { path: largest.path.clone(), max: high, bits });
            }
            let range = [offset, top(bits)];
            let scale = top(bits).into();
            let (pan, bounds) = (SAME_UNIT, None);
            return Ok(Self { offset: 0.0, scale, bits: Some(bits), declared: true, range, pan, bounds });
        }
        let scale = f64::from(high.min(OUTLIER * survey.high)) - f64::from(offset);
        let range = [offset, high];
        let (offset_of_all, pan, bounds) = (offset.into(), SAME_UNIT, None);
        let real = Self { offset: offset_of_all, scale, bits: None, declared: false, range, pan, bounds };
        if offset < 0.0 || images.iter().any(|r| r.sample == Sample::F32) {
            return Ok(real);
        }
        let declared = images.into_iter().filter_map(|r| r.bits).max().filter(|bits| *bits <= 16 && fits(*bits));
        let bits = declared.or(usual_depth(high)).unwrap_or(16);
        Ok(Self { bits: Some(bits), declared: declared.is_some(), range: [offset, top(bits)], ..real })
    }

    /// The same values with the bit depth's largest one as x = 1, if they have a bit depth: as the
    /// published codes have it.
    pub fn by_depth(self) -> Self {
        self.bits.map_or(self, |bits| Self { offset: 0.0, scale: top(bits).into(), ..self })
    }

    /// The same values in a unit that neither hot pixels, nor an offset, nor the unit of PAN can move: x = 1 is the
    /// largest value of MS, x = 0 is 0 unless MS lies far above it. The range that PAN has is laid on that of MS.
    #[must_use]
    pub fn robust(self, survey: &Survey) -> Self {
        let bounds = survey.spreads.map(|[low, high]| {
            let far = HOT * (high - low);
            [low - far, high + far]
        });
        let [low, high] = survey.spreads[1].map(f64::from);
        let [least, most] = survey.ranges[1].map(f64::from);
        let offset = if low > LARGE_OFFSET * (high - low) {
            low - MARGIN * (high - low)
        } else {
            least.max(bounds[1][0].into()).min(0.0)
        };
        let scale = most.min(offset + f64::from(OUTLIER) * (high - offset)) - offset;
        Self { offset, scale, pan: to_ms(survey.spreads), bounds: Some(bounds), ..self }
    }

    /// The scale of a scene that is surveyed for it.
    ///
    /// # Errors
    /// As [`new`](Self::new), and those of [`Survey::of`].
    pub fn of(scene: &Scene<'_>, bits: Option<u8>) -> Result<Self, SceneError> {
        Self::new(scene, &Survey::of(scene)?, bits)
    }

    /// Stored values of MS to 0..1.
    pub fn normalise(&self, dn: &[f32]) -> Vec<f32> {
        let unit = |v: f32| ((f64::from(v) - self.offset) / self.scale) as f32;
        dn.iter().map(|v| unit(*v)).collect()
    }

    /// Stored values of PAN to 0..1.
    pub(crate) fn normalise_pan(&self, dn: &[f32]) -> Vec<f32> {
        let [gain, constant] = self.pan;
        let unit = |v: f32| ((gain * f64::from(v) + constant - self.offset) / self.scale) as f32;
        dn.iter().map(|v| unit(*v)).collect()
    }

    /// Between which values 99.8 % of those of PAN lie, and of MS, where hot pixels have bounds.
    pub(crate) fn usual(&self) -> Option<[[f32; 2]; 2]> {
        let usual = |[low, high]: [f32; 2]| {
            let far = HOT / (1.0 + 2.0 * HOT) * (high - low);
            [low + far, high - far]
        };
        self.bounds.map(|bounds| bounds.map(usual))
    }

    /// The bounds of hot pixels as normalised values.
    pub(crate) fn unit_bounds(&self) -> Option<[[f32; 2]; 2]> {
        let two = |ends: Vec<f32>| [ends[0], ends[1]];
        self.bounds.map(|[pan, ms]| [two(self.normalise_pan(&pan)), two(self.normalise(&ms))])
    }

    /// What to say where PAN has clearly another unit than MS.
    pub fn unit_note(&self) -> Option<Note> {
        unit_note(self.pan, self.scale)
    }

    /// What to say where this is a model's and PAN of another scene has clearly another unit: by `own` factor and
    /// constant it is as MS there. A scene's own ground moves them, too.
    pub(crate) fn other_unit_note(&self, own: [f64; 2], survey: &Survey) -> Option<Note> {
        let [pan, ms] = survey.spreads.map(|ends| ends.map(f64::from));
        let unit = |[gain, constant]: [f64; 2], pan: f64| gain * pan + constant;
        let off = pan.map(|pan| (unit(self.pan, pan) - unit(own, pan)).abs()).into_iter().fold(0.0, f64::max);
        let other = off > OTHER_UNIT * (ms[1] - ms[0]);
        let said = |[gain, constant]: [f64; 2]| format!("{gain:.3e} times PAN {constant:+.4e}");
        other.then(|| {
            let text = format!(
                "W-UNITS: PAN is in other units than what the model was trained on: it takes {} for as bright as MS, here \
                 that is {}; bring PAN to the units of the model's, or train on this pair ({})",
                said(self.pan),
                said(own),
                Remedy::Train
            );
            Note::with(text, Some(Remedy::Train))
        })
    }

    /// 0..1 to stored values, in place, neither rounded nor clamped.
    pub fn restore(&self, x: &mut [f32]) {
        x.iter_mut().for_each(|v| *v = (f64::from(*v) * self.scale + self.offset) as f32);
    }
}

/// Factor and constant that lay the range of PAN on that of MS.
fn to_ms([pan, ms]: [[f32; 2]; 2]) -> [f64; 2] {
    let [pan, ms] = [pan, ms].map(|ends| ends.map(f64::from));
    let gain = (ms[1] - ms[0]) / (pan[1] - pan[0]);
    [gain, ms[0] - gain * pan[0]]
}

/// [`Scale::unit_note`] by the ranges of PAN and of MS alone.
pub(super) fn unit_note_of(spreads: [[f32; 2]; 2]) -> Option<Note> {
    unit_note(to_ms(spreads), spreads[1][1].into())
}

/// What to say of PAN's factor and constant beside the range of MS.
fn unit_note([gain, constant]: [f64; 2], range: f64) -> Option<Note> {
    let other = !(0.5..=2.0).contains(&gain) || constant.abs() > range;
    (gain.is_finite() && other).then(|| {
        format!("W-UNITS: PAN is in other units than MS: {gain:.3e} times PAN {constant:+.4e} is as MS").into()
    })
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.bits {
            Some(bits) => {
                let source = if self.declared { "declared" } else { "from the data" };
                write!(f, "{bits} bit ({source}), scaled by {:.0}", self.scale)
            }
            None => write!(f, "values {} to {}", self.range[0], self.range[1]),
        }
    }
}

/// The smallest usual bit depth that holds a value.
pub(super) fn usual_depth(high: f32) -> Option<u8> {
    DEPTHS.into_iter().find(|bits| high <= top(*bits))
}

/// Largest value of a bit depth.
fn top(bits: u8) -> f32 {
    ((1u32 << bits.min(31)) - 1) as f32
}

/// Largest value that an image whose values reach `high` can have: that of the bit depth asked for,
/// else declared in its file, else of the smallest usual one; `high` itself where there is none.
///
/// # Errors
/// [`SceneError::BitDepth`] if the depth asked for is too small, or not within 1..=16.
pub fn peak(header: &Header, high: f32, bits: Option<u8>) -> Result<f32, SceneError> {
    let fits = |bits: u8| (1..=16).contains(&bits) && high <= top(bits);
    match bits {
        Some(bits) if fits(bits) => Ok(top(bits)),
        Some(bits) => Err(SceneError::BitDepth { path: header.path.clone(), max: high, bits }),
        None if header.sample == Sample::F32 => Ok(high),
        None => {
            let declared = header.bits.filter(|bits| fits(*bits));
            Ok(top(declared.or_else(|| DEPTHS.into_iter().find(|bits| fits(*bits))).unwrap_or(16)))
        }
    }
}
