//! A simulated pair with known truth: a procedural scene seen through a sensor.

pub mod town;
mod vary;

use std::path::Path;

use crate::filter::{self, Grid};
use crate::method::MethodError;
use crate::method::config::Sensor;
use crate::remedy::Remedy;
use crate::scene::{GeometryOptions, Scene, SceneError};
use crate::tiff::{Creation, GeoTags, Header, Layout, Raster, Sample, TiffError, write};
use town::{TownError, TownSpec};
pub use vary::Variation;

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Columns and rows of PAN; multiples of the ratio.
    pub size: [usize; 2],
    /// 4 or 8.
    pub bands: usize,
    /// 2, 4 or 8.
    pub ratio: usize,
    /// Sensor whose MTF degrades the truth.
    pub sensor: Sensor,
    /// Seed of the scene.
    pub seed: u64,
}

/// A pair and the image that fusing it should give. DN of 11 bit.
pub struct SimulatedPair {
    /// Panchromatic image.
    pub pan: Raster,
    /// Multispectral image: the truth, MTF-blurred and decimated.
    pub ms: Raster,
    /// Multispectral image at PAN resolution.
    pub truth: Raster,
}

/// Why a pair cannot be simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The scene's own limits.
    #[error(transparent)]
    Scene(#[from] TownError),
    /// Size and ratio do not fit.
    #[error("a size of {}x{} is no multiple of ratio {ratio}: take {}x{}", .size[0], .size[1], .fit[0], .fit[1])]
    Ratio {
        /// Size asked for.
        size: [usize; 2],
        /// Ratio asked for.
        ratio: usize,
        /// The nearest size that fits.
        fit: [usize; 2],
    },
    /// The sensor has another number of bands.
    #[error(transparent)]
    Sensor(#[from] MethodError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] TiffError),
}

impl SimulateError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Sensor(error) => error.remedy(),
            Self::Write(error) => error.remedy(),
            Self::Scene(_) | Self::Ratio { .. } => None,
        }
    }
}

/// Largest DN of 11 bits.
const TOP: f32 = 2047.0;
/// Reflectance that fills the range: brighter than anything in the scene but glints.
const FULL_SCALE: f32 = 0.7;
/// Size of a PAN pixel in metres.
const PAN_PIXEL: f64 = 0.5;
/// Upper-left corner: easting and northing in UTM zone 32 north.
const CORNER: [f64; 2] = [560_000.0, 5_930_000.0];
/// GeoKeys of EPSG:32632, area-registered: model and raster type, CRS, linear unit metre.
const UTM32N: [u16; 20] = [1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632, 3076, 0, 1, 9001];

/// Simulates a pair.
///
/// # Errors
/// [`SimulateError`] for sizes, bands or a sensor that do not go together.
pub fn simulate(spec: &Spec) -> Result<SimulatedPair, SimulateError> {
    simulate_seen(spec, &Variation::none(spec.bands))
}

/// Simulates a pair as it is seen by some variation of light, air, sensor and noise. The truth is lit alike, without noise.
///
/// # Errors
/// As for [`simulate`].
///
/// # Panics
/// If the variation is one of another number of bands.
pub fn simulate_seen(spec: &Spec, seen: &Variation) -> Result<SimulatedPair, SimulateError> {
    assert_eq!(seen.gains.len(), spec.bands, "a variation of so many bands");
    let Spec { size: [width, height], bands, ratio, sensor, seed } = *spec;
    if width % ratio != 0 || height % ratio != 0 {
        let fit = spec.size.map(|s| s.next_multiple_of(ratio));
        return Err(SimulateError::Ratio { size: spec.size, ratio, fit });
    }
    let scene = town::build(&TownSpec { width, height, bands, seed })?;
    let gains = sensor.ms_gains(bands)?.into_iter().map(|gain| (gain * seen.blur).min(0.9));
    let [rows, columns] = [height, width].map(|fine| Grid::aligned(fine, ratio));
    let operators: Vec<_> = gains.map(|gain| filter::degrade(gain, rows, columns)).collect();
    let weights = town::pan_weights(bands).expect("the scene has been made");
    let [truth, pan] = if *seen == Variation::none(bands) {
        [scene.truth, scene.pan]
    } else {
        seen.seen(&scene.truth, width, weights)
    };
    let dn = |reflectance: &[f32]| -> Vec<f32> {
        reflectance.iter().map(|v| (v / FULL_SCALE * TOP).round().clamp(0.0, TOP)).collect()
    };
    let low = filter::apply(&truth, width, &operators);
    let [mut pan, mut ms] = [dn(&pan), dn(&low)];
    seen.disturb([&mut pan, &mut ms], TOP);
    let image = |name: &str, data: Vec<f32>, scale: usize, bands: usize| raster(name, data, spec, scale, bands);
    Ok(SimulatedPair {
        pan: image("pan", pan, 1, 1),
        ms: image("ms", ms, ratio, bands),
        truth: image("truth", dn(&truth), 1, bands),
    })
}

fn raster(name: &str, data: Vec<f32>, spec: &Spec, scale: usize, bands: usize) -> Raster {
    let pixel = PAN_PIXEL * scale as f64;
    let names: &[&str] = match bands {
        1 => &["PAN"],
        4 => &["Blue", "Green", "Red", "NIR"],
        _ => &["Coastal", "Blue", "Green", "Yellow", "Red", "RedEdge", "NIR1", "NIR2"],
    };
    let size = [spec.size[0] / scale, spec.size[1] / scale, bands];
    let header = Header {
        bits: Some(11),
        geo: GeoTags {
            pixel_scale: vec![pixel, pixel, 0.0],
            tiepoints: vec![0.0, 0.0, 0.0, CORNER[0], CORNER[1], 0.0],
            keys: UTM32N.to_vec(),
            ..GeoTags::default()
        },
        descriptions: names.iter().map(|n| Some((*n).to_owned())).collect(),
        ..Header::new(format!("{name}.tif"), Sample::U16, size)
    };
    Raster { header, data, valid: None }
}

impl SimulatedPair {
    /// PAN and MS on each other.
    ///
    /// # Errors
    /// [`SceneError`] if they are too small to train on.
    pub fn scene(&self) -> Result<Scene<'_>, SceneError> {
        Scene::of(&self.pan, &self.ms, &GeometryOptions::default())
    }

    /// Writes `pan.tif`, `ms.tif` and `truth.tif` into a folder, which is created.
    ///
    /// # Errors
    /// What the file system reports; existing files unless `overwrite`.
    pub fn write(&self, dir: &Path, overwrite: bool) -> Result<(), SimulateError> {
        let images = [&self.pan, &self.ms, &self.truth];
        crate::tiff::create_folder(dir)?;
        for image in images {
            crate::tiff::check_output(&dir.join(&image.path), overwrite)?;
        }
        for image in images {
            let layout = Layout {
                range: [0.0, TOP],
                geo: image.geo.clone(),
                descriptions: image.descriptions.clone(),
                ..Layout::new(image.size(), image.bands, image.sample)
            };
            write(&dir.join(&image.path), &layout, &image.data, None, &Creation::default(), overwrite)?;
        }
        Ok(())
    }
}
