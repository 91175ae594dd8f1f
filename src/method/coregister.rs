//! Whether the shift that was measured between PAN and MS is corrected.

use std::fmt;

use super::probes::{Probe, probes};
use super::{Config, Dims, MethodError, base};
use crate::classical::Method;
use crate::filter::{self, Grid};
use crate::remedy::Remedy;
use crate::scene::{Check, GeometryError, Scene, off_ms};

/// What the correction is tried with.
const METHOD: Method = Method::MtfGlpHpmR;
/// Shifts below this, in PAN pixels, are left alone: the corrected result lies where PAN does instead of where MS
/// does, and that half pixel weighs as much as what is gained.
const LEAST: f64 = 0.5;
/// Share of that method's error which a correction must take off.
const WORTH: f64 = 0.005;

/// What becomes of the shift between PAN and MS.
#[derive(Debug)]
#[non_exhaustive]
pub enum Coregistration {
    /// Nothing can be measured.
    Unknown,
    /// One shift does not explain it.
    Refused(GeometryError),
    /// One shift explains it, of less than half a PAN pixel down and to the right.
    Small([f64; 2]),
    /// One shift explains it, of more than a pixel of MS down and to the right: no misalignment of one product, but
    /// perhaps of two, or a wrong georeference.
    Far([f64; 2]),
    /// One shift explains it.
    Tried {
        /// How far PAN lies off MS, in PAN pixels: down, to the right.
        shift: [f64; 2],
        /// What correcting it leaves of the error of a closed form on the reduced pair; `None` where too few
        /// pixels are left to judge by.
        left: Option<f64>,
    },
}

impl Coregistration {
    /// Decides on what was measured. The pair is degraded by its ratio as it lies and with PAN where it was
    /// measured to lie, both are fused by a closed form, and the results compared with MS.
    ///
    /// # Errors
    /// What reading or fitting reports.
    pub fn of(check: &Check, scene: &Scene<'_>, config: &Config) -> Result<Self, MethodError> {
        let Some(found) = &check.registration else { return Ok(Self::Unknown) };
        if let Err(refused) = found.is_one_shift() {
            return Ok(Self::Refused(refused));
        }
        if found.shift[0].hypot(found.shift[1]) < LEAST {
            return Ok(Self::Small(found.shift));
        }
        if found.shift.iter().any(|shift| shift.abs() > scene.ratio() as f64) {
            return Ok(Self::Far(found.shift));
        }
        config.check(scene.ms().bands)?;
        let (dims, probes) = probes(scene, config)?;
        let error = |shift| errors(&probes, &dims, config, found.shift, shift);
        let left = match (error([0.0; 2])?, error(found.shift)?) {
            (Some(before), Some(after)) => {
                // The geometric mean over the bands, whatever their units.
                let logs = after.iter().zip(&before).map(|(after, before)| (after / before).ln());
                Some((logs.sum::<f64>() / (2.0 * before.len() as f64)).exp()).filter(|left| left.is_finite())
            }
            _ => None,
        };
        Ok(Self::Tried { shift: found.shift, left })
    }

    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Refused(error) => error.remedy(),
            Self::Far(_) => Some(Remedy::RequireShift),
            _ => None,
        }
    }

    /// The shift to correct, if there is one.
    pub fn correction(&self) -> Option<[f64; 2]> {
        match self {
            Self::Tried { shift, left: Some(left) } if *left < 1.0 - WORTH => Some(*shift),
            _ => None,
        }
    }
}

impl fmt::Display for Coregistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the shift between PAN and MS cannot be measured, and is left"),
            Self::Refused(error) => write!(f, "PAN and MS are left as they lie: {error}"),
            Self::Small(shift) => write!(f, "PAN lies {}, which is little and is left", off_ms(*shift)),
            Self::Far(shift) => write!(
                f,
                "PAN lies {}, which is more than a pixel of MS and is left; if the georeference is wrong, correct it with {}",
                off_ms(*shift),
                Remedy::RequireShift
            ),
            Self::Tried { shift, left: None } => {
                write!(f, "PAN lies {}, which is left: too few pixels to try a correction", off_ms(*shift))
            }
            Self::Tried { shift, left: Some(left) } => {
                let done = if self.correction().is_some() { "is taken to lie" } else { "is left" };
                let change = 100.0 * (left - 1.0);
                write!(
                    f,
                    "PAN {done} {}: correcting that changes the error of {METHOD} by {change:+.1} %",
                    off_ms(*shift)
                )
            }
        }
    }
}

/// Squared errors per band of the closed form on the reduced pair with PAN `shift` off, where a shift of `most`
/// does not bring in what lies beyond the border; `None` where that is nowhere.
fn errors(
    probes: &[Probe],
    dims: &Dims,
    config: &Config,
    most: [f64; 2],
    shift: [f64; 2],
) -> Result<Option<Vec<f64>>, MethodError> {
    let moved = |grid: Grid, shift: f64| Grid { phase: grid.phase + shift, ..grid };
    let onto_ms = [filter::degrade(config.pan_gain, moved(dims.rows, shift[0]), moved(dims.columns, shift[1]))];
    let [rows, columns] = [dims.rows.coarser(), dims.columns.coarser()];
    let onto_next: Vec<_> = config.ms_gains.iter().map(|gain| filter::degrade(*gain, rows, columns)).collect();
    let reduced = |probe: &Probe| {
        let pan = filter::apply(&probe.pan, dims.columns.fine, &onto_ms);
        let ms = filter::apply(&probe.ms, columns.fine, &onto_next);
        let valid = probe.weights.as_ref().map(|w| w.reduced.iter().map(|w| *w > 0.0).collect::<Vec<bool>>());
        (pan, ms, valid)
    };
    let reduced: Vec<_> = probes.iter().map(reduced).collect();
    let border = most.map(|s| 2 + (s.abs() / rows.ratio as f64).ceil() as usize);
    let inner = |i: usize| {
        let within = |at: usize, grid: Grid, border: usize| at >= border && at + border < grid.fine;
        within(i / columns.fine, rows, border[0]) && within(i % columns.fine, columns, border[1])
    };
    let judged = |i: usize, valid: &Option<Vec<bool>>| inner(i) && valid.as_ref().is_none_or(|v| v[i]);
    if !reduced.iter().any(|(.., valid)| (0..rows.fine * columns.fine).any(|i| judged(i, valid))) {
        return Ok(None);
    }
    let images: Vec<_> = reduced.iter().map(|(pan, ms, valid)| (&pan[..], &ms[..], valid.clone())).collect();
    let forms = base::fit(&[METHOD], &images, [rows, columns], config)?;
    let stream = base::stream(rows, columns, config, &forms)?;
    let mut errors = vec![0.0; dims.bands];
    for (probe, (pan, ms, valid)) in probes.iter().zip(&reduced) {
        let (_, fused) = stream.whole(pan, ms);
        let pixels = fused[0].chunks_exact(dims.bands).zip(probe.ms.chunks_exact(dims.bands)).enumerate();
        for (_, (fused, truth)) in pixels.filter(|(i, _)| judged(*i, valid)) {
            errors.iter_mut().zip(fused).zip(truth).for_each(|((e, f), t)| *e += f64::from(f - t).powi(2));
        }
    }
    Ok(Some(errors))
}
