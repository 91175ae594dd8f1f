//! Fusion without training, with the settings of a run.

use super::Config;
use super::config::Sensor;
use crate::classical::{self, ClassicalError, Inputs, Method, TvSettings};
use crate::raster::Pair;

/// Shares of a sensor's bands in its PAN, as the literature has them (Palsson 2013 and the benchmark of
/// Vivone 2020); WorldView-2 has the bands of WorldView-3. The benchmark takes those of IKONOS for QuickBird
/// and GF-2, too. Another sensor's shares are worse than a regression on the pair, ERGAS by Wald's protocol:
/// Pléiades 2.10 instead of 1.90, SPOT 6 4.08 instead of 1.47, GF-2 3.81 instead of 3.48.
fn shares_in_pan(sensor: Sensor) -> Option<&'static [f64]> {
    match sensor {
        Sensor::Wv2 | Sensor::Wv3 => Some(&[0.0657, 0.1012, 0.1537, 0.1473, 0.1245, 0.1545, 0.1338, 0.1192]),
        Sensor::Wv4 | Sensor::Ge1 => Some(&[0.1552, 0.3959, 0.2902, 0.1587]),
        Sensor::Ikonos => Some(&[0.1091, 0.2127, 0.2928, 0.3854]),
        Sensor::Qb | Sensor::Gf2 | Sensor::Generic => None,
    }
}

/// Fuses a pair by a classical method: `[H, W, C]` in DN, neither rounded nor clamped.
///
/// # Errors
/// Those of [`classical::fuse`].
pub fn baseline(method: Method, pair: &Pair, config: &Config) -> Result<Vec<f32>, ClassicalError> {
    let valid = pair.valid();
    let weights = shares_in_pan(config.sensor).filter(|shares| shares.len() == pair.ms.bands).map(<[f64]>::to_vec);
    let inputs = Inputs {
        pan: &pair.pan.data,
        ms: &pair.ms.data,
        rows: pair.rows,
        columns: pair.columns,
        ms_gains: &config.ms_gains,
        pan_gain: config.pan_gain,
        upsample: config.upsample,
        valid: valid.as_deref(),
        tv: TvSettings { weights, ..TvSettings::default() },
    };
    classical::fuse(method, &inputs)
}
