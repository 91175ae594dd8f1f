//! Pairs with a known truth.

use pyo3::prelude::*;
use trapan::method::config::Sensor;
use trapan::simulate::{Spec, Variation, simulate_seen};

use crate::error::{Failure, Result};
use crate::fuse::sensor_named;
use crate::image::array;

/// PAN, MS and truth `[H, W, C]` of uint16, the six numbers of PAN's transform, and the names of the bands.
type Pair<'py> = ([Bound<'py, PyAny>; 3], Option<[f64; 6]>, u16, Vec<Option<String>>);

/// Simulates a pair.
#[pyfunction]
pub fn simulate<'py>(
    py: Python<'py>,
    size: [usize; 2],
    bands: usize,
    ratio: usize,
    sensor: &str,
    seed: u64,
    vary: bool,
) -> PyResult<Pair<'py>> {
    let pair = py.detach(|| -> Result<_> {
        let sensor = sensor_named(Some(sensor))?.unwrap_or(Sensor::Generic);
        if ![2, 4, 8].contains(&ratio) {
            return Err(Failure::usage(format!("ratio is {ratio}: it must be 2, 4 or 8")));
        }
        let spec = Spec { size, bands, ratio, sensor, seed };
        let seen = if vary { Variation::draw(bands, seed) } else { Variation::none(bands) };
        Ok(simulate_seen(&spec, &seen)?)
    })?;
    let images = [&pair.pan, &pair.ms, &pair.truth].map(|r| array(py, &r.data, [r.height, r.width, r.bands], r.sample));
    let transform = pair.pan.geo.affine().map(|a| [a.dx, a.rx, a.x0, a.ry, a.dy, a.y0]);
    let names = pair.ms.descriptions.clone();
    Ok((images, transform, pair.pan.geo.epsg().unwrap_or_default(), names))
}
