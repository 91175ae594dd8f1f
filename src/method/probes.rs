//! Windows spread evenly over a scene: for what is to be known before anything else is.

use super::windows::window_dims;
use super::{Config, Dims, ExampleWeights, MethodError};
use crate::consistency::Validity;
use crate::filter::Grid;
use crate::scene::{Scene, fill_near};
use crate::tiff::Block;

/// Most windows along an axis.
const MOST: usize = 2;

/// A window in DN; gaps are filled with what is near in it.
pub(super) struct Probe {
    /// `[H, W]`.
    pub pan: Vec<f32>,
    /// `[h, w, C]`.
    pub ms: Vec<f32>,
    /// What rests on no nodata, if some pixels are.
    pub weights: Option<ExampleWeights>,
}

/// The windows of a scene, of a training window's size, with that size: all of a small scene.
///
/// # Errors
/// What reading gives.
pub(super) fn probes(scene: &Scene<'_>, config: &Config) -> Result<(Dims, Vec<Probe>), MethodError> {
    let dims = window_dims(scene, config);
    let [rows, columns] =
        [(&scene.rows, &dims.rows), (&scene.columns, &dims.columns)].map(|(all, one)| starts(all, one));
    let places = rows.iter().flat_map(|row| columns.iter().map(move |column| [*row, *column]));
    let probes = places.map(|place| read(scene, &dims, place, config)).collect::<Result<Vec<_>, _>>()?;
    Ok((dims, probes.into_iter().flatten().collect()))
}

/// First MS pixels of the windows along an axis.
fn starts(all: &Grid, window: &Grid) -> Vec<usize> {
    // MS pixels whose block of PAN pixels lies within the scene.
    let last = (all.fine.saturating_sub(window.fine) / all.ratio).min(all.coarse - window.coarse);
    let count = (all.coarse / window.coarse).clamp(1, MOST);
    if count == 1 { vec![last / 2] } else { (0..count).map(|i| i * last / (count - 1)).collect() }
}

/// A window; nothing if all of it is nodata.
fn read(
    scene: &Scene<'_>,
    dims: &Dims,
    [row, column]: [usize; 2],
    config: &Config,
) -> Result<Option<Probe>, MethodError> {
    let (y, x) = (row * dims.rows.ratio, column * dims.rows.ratio);
    let mut pan = scene.read_pan(y..y + dims.rows.fine, x..x + dims.columns.fine)?;
    let mut ms = scene.read_ms(row..row + dims.rows.coarse, column..column + dims.columns.coarse)?;
    if !(fill(&mut pan, dims.columns.fine, 1) && fill(&mut ms, dims.columns.coarse, dims.bands)) {
        return Ok(None);
    }
    let weights = (pan.valid.is_some() || ms.valid.is_some()).then(|| {
        let all = |valid: &Option<Vec<bool>>, len: usize| valid.clone().unwrap_or_else(|| vec![true; len]);
        let (pan, ms) = (all(&pan.valid, pan.data.len()), all(&ms.valid, ms.data.len() / dims.bands));
        ExampleWeights::new(dims, Validity { image: &pan, ms: &ms }, config)
    });
    Ok(Some(Probe { pan: pan.data, ms: ms.data, weights }))
}

/// Replaces nodata, further from all else by the mean of each band; false if there is nothing else.
fn fill(block: &mut Block, width: usize, bands: usize) -> bool {
    let Some(valid) = &block.valid else { return true };
    let count = valid.iter().filter(|valid| **valid).count();
    let mean = |band: usize| {
        let known = block.data.iter().skip(band).step_by(bands).zip(valid).filter(|(_, valid)| **valid);
        (known.map(|(v, _)| f64::from(*v)).sum::<f64>() / count as f64) as f32
    };
    let means: Vec<f32> = (0..bands).map(mean).collect();
    fill_near(&mut block.data, valid, width, &means);
    count > 0
}
