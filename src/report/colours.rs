//! Which bands make a picture, and which values become black and white.

use rayon::prelude::*;
use serde::Serialize;

use super::view::Images;
use crate::report::picture::{Stretch, rgb_channels};

/// Percentiles of the valid values that become black and white.
pub(crate) const PERCENTILES: [f32; 2] = [2.0, 98.0];

/// Bands (from 0) shown as red, green and blue.
pub type Channels = [usize; 3];

/// How the images of a pair become pictures: one choice and one stretch for all of them, so that they can be
/// compared.
#[derive(Clone, Debug, Serialize)]
pub struct Colours {
    /// Bands of the true-colour pictures.
    pub natural: Channels,
    /// Bands of the false-colour pictures (near infrared, red, green); none without a near-infrared band.
    pub infrared: Option<Channels>,
    /// DN of every MS band that become black and white: percentiles of the upsampled MS image.
    pub ms: Vec<[f32; 2]>,
    /// The same for PAN.
    pub pan: [f32; 2],
}

impl Colours {
    /// Colours of images whose bands have `names` `[C]`. `bands` names those (from 0) that show red, green, blue
    /// and, if there is a fourth, near infrared; without it the names decide, else the usual order (B, G, R, NIR;
    /// WorldView's eight). A band that the images do not have counts as not given.
    pub fn of(images: &Images, names: &[Option<String>], bands: Option<&[usize]>) -> Self {
        let count = images.bands;
        let (natural, near) = match bands.filter(|b| b.iter().all(|i| *i < count)) {
            Some([red, green, blue, rest @ ..]) => ([*red, *green, *blue], rest.first().copied()),
            _ => {
                named(&names[..names.len().min(count)]).unwrap_or_else(|| (rgb_channels(count), usual_infrared(count)))
            }
        };
        let ends = |data: &[f32], bands: usize, band: usize| {
            let values: Vec<f32> = (0..images.width * images.height)
                .filter(|at| images.is_valid(*at))
                .map(|at| data[at * bands + band])
                .collect();
            let stretch = Stretch::from_percentiles(&values, 1, [0; 3], PERCENTILES[0], PERCENTILES[1]);
            [stretch.low[0], stretch.high[0]]
        };
        Self {
            natural,
            infrared: near.map(|near| [near, natural[0], natural[1]]),
            ms: (0..count).into_par_iter().map(|band| ends(images.lms, count, band)).collect(),
            pan: ends(images.pan, 1, 0),
        }
    }

    /// The stretch of a choice of bands.
    pub(super) fn stretch(&self, channels: Channels) -> Stretch {
        Stretch { low: channels.map(|c| self.ms[c][0]), high: channels.map(|c| self.ms[c][1]) }
    }
}

/// The bands whose names say what they are.
fn named(names: &[Option<String>]) -> Option<(Channels, Option<usize>)> {
    let find = |wanted: &[&str]| {
        names.iter().position(|name| {
            let name = name.as_deref().unwrap_or_default().to_lowercase();
            wanted.iter().any(|w| name == *w)
        })
    };
    let natural = [find(&["red", "r"])?, find(&["green", "g"])?, find(&["blue", "b"])?];
    Some((natural, find(&["nir", "nir1", "n", "near infrared", "nir 1"])))
}

/// The near-infrared band of the orders [`rgb_channels`] knows.
fn usual_infrared(bands: usize) -> Option<usize> {
    match bands {
        0..=3 => None,
        8 => Some(6),
        _ => Some(3),
    }
}
