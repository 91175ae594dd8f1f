//! How PAN and MS lie on each other: from their two affine maps, never from their sizes.

mod axis;
mod error;

use super::SceneError;
use crate::filter::Grid;
use crate::tiff::{Affine, GeoTags, Header, Window, crs_differ, translate};
use axis::AxisMap;

pub use error::GeometryError;

/// Least ratio of PAN to MS pixels.
pub const MIN_RATIO: usize = 2;
/// Largest ratio of PAN to MS pixels: the 41 taps of the MTF blur reach little further.
pub const MAX_RATIO: usize = 16;
/// Most bands of a multispectral image.
pub const MAX_BANDS: usize = 16;
/// Least side of the MS image. Training crops are half of it, and less texture than 8×8 teaches nothing.
const MIN_SIDE: usize = 16;
/// Least side of the MS image once degraded by the ratio: cubic interpolation reads four samples.
const MIN_DEGRADED: usize = 4;

/// Least side of an MS image that can be trained on.
pub(crate) fn least_ms(ratio: usize) -> usize {
    MIN_SIDE.max(MIN_DEGRADED * ratio)
}
/// Drift between the grids over the common area that is let pass, in PAN pixels: pixel sizes are
/// stored with few digits in some products. The phase is true at the centre, so half of it is
/// the largest error.
const MAX_DRIFT: f64 = 0.5;
/// Turn of one grid against the other that is let pass, in PAN pixels over the whole of MS.
const MAX_TURN: f64 = 0.5;

/// How pixels are taken to lie on each other where files do not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// The first pixels share their outer corner: most products.
    Area,
    /// The first pixels share their centre: Landsat.
    Centre,
}

/// Which area to fuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// The PAN pixels whose centre lies within MS.
    #[default]
    Intersection,
    /// All of PAN: nodata where MS does not reach.
    Pan,
}

/// What the files do not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GeometryOptions {
    /// For images without georeference.
    pub assume_aligned: Option<Alignment>,
    /// Which area to fuse.
    pub extent: Extent,
    /// How far PAN lies off MS, in PAN pixels: down, to the right; see [`Registration`](super::Registration).
    pub shift: [f64; 2],
    /// Take the nearest whole ratio if pixel sizes are a few per cent off it, to measure what cannot
    /// be fused.
    pub drifting: bool,
}

/// PAN and MS on each other: the parts to read, and the grid of one on the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// The part of PAN.
    pub pan: Window,
    /// The MS pixels that lie on it, at least in part.
    pub ms: Window,
    /// Rows of the MS window, flipped where `ms_flip` says so, on those of the PAN window.
    pub rows: Grid,
    /// The same for columns; the ratio is the same.
    pub columns: Grid,
    /// Whether rows and columns of MS run against those of PAN.
    pub ms_flip: [bool; 2],
    /// What is left out.
    pub notes: Vec<String>,
}

impl Geometry {
    /// Matches two images.
    ///
    /// # Errors
    /// PAN of several bands, MS of more than [`MAX_BANDS`]; [`GeometryError`]: no georeference, another
    /// coordinate system, another rotation, a ratio that is not a whole number, no common area; a
    /// common area that is too small to train on.
    pub fn of(pan: &Header, ms: &Header, options: &GeometryOptions) -> Result<Self, SceneError> {
        if pan.width < ms.width && pan.height < ms.height {
            return Err(GeometryError::swapped(pan, ms).into());
        }
        if pan.bands != 1 {
            let fix = translate("-b 1", &pan.path);
            return Err(SceneError::PanBands { bands: pan.bands, path: pan.path.clone(), fix });
        }
        if ms.bands > MAX_BANDS {
            return Err(SceneError::MsBands { bands: ms.bands, most: MAX_BANDS, path: ms.path.clone() });
        }
        let [mut rows, mut columns] = axes(pan, ms, options.assume_aligned)?;
        rows.first += options.shift[0];
        columns.first += options.shift[1];
        let steps = [&rows, &columns].map(|axis| axis.step.abs());
        let ratio = steps[0].round();
        let fits = steps.iter().zip([&rows, &columns]).all(|(step, axis)| axis.drift(step - ratio) <= MAX_DRIFT);
        let close = |step: &f64| (step / ratio - 1.0).abs() < 0.05;
        let fits = fits || options.drifting && steps.iter().all(close);
        if !fits || !(MIN_RATIO as f64..=MAX_RATIO as f64).contains(&ratio) {
            return Err(GeometryError::ratio(pan, ms, &rows, &columns).into());
        }
        let place = |axis: &AxisMap| axis.place(ratio as usize, options.extent == Extent::Pan);
        let (Some(rows), Some(columns)) = (place(&rows), place(&columns)) else {
            return Err(GeometryError::no_overlap(pan, ms).into());
        };
        let window = |rows: &std::ops::Range<usize>, columns: &std::ops::Range<usize>| Window {
            x: columns.start,
            y: rows.start,
            width: columns.len(),
            height: rows.len(),
        };
        let (pan_part, ms_part) = (window(&rows.pan, &columns.pan), window(&rows.ms, &columns.ms));
        let (ratio, size) = (rows.grid.ratio, [ms_part.width, ms_part.height]);
        let least = least_ms(ratio);
        if size[0].min(size[1]) < least {
            return Err(SceneError::TooSmall { size, path: ms.path.clone(), ratio, least });
        }
        let mut notes = Vec::new();
        let covered = window(&rows.covered, &columns.covered);
        let fate = match options.extent {
            Extent::Intersection => "left out",
            Extent::Pan => "nodata",
        };
        notes.extend(outside(covered, pan.size()).map(|what| format!("PAN reaches beyond MS; {fate}: {what}")));
        notes.extend(outside(ms_part, ms.size()).map(|what| format!("MS reaches beyond PAN; left out: {what}")));
        Ok(Self {
            pan: pan_part,
            ms: ms_part,
            rows: rows.grid,
            columns: columns.grid,
            ms_flip: [rows.flip, columns.flip],
            notes,
        })
    }

    /// PAN pixels per MS pixel.
    pub fn ratio(&self) -> usize {
        self.rows.ratio
    }
}

/// Rows and columns of MS on PAN.
fn axes(pan: &Header, ms: &Header, assumed: Option<Alignment>) -> Result<[AxisMap; 2], GeometryError> {
    let (fine, coarse) = match (pan.geo.affine(), ms.geo.affine(), assumed) {
        (Some(fine), Some(coarse), _) => (fine, coarse),
        (_, _, Some(alignment)) => return aligned(pan, ms, alignment),
        (fine, ..) => return Err(GeometryError::no_georeference(if fine.is_none() { pan } else { ms })),
    };
    same_crs(pan, ms, &fine, &coarse)?;
    let [w, h] = ms.size().map(|n| n as f64);
    // Corners of MS as PAN columns and rows.
    let at = |column, row| fine.find(coarse.at(column, row));
    let ([x0, y0], [x1, y1], [x2, y2]) = (at(0.0, 0.0), at(w, 0.0), at(0.0, h));
    if (y1 - y0).abs().max((x2 - x0).abs()) > MAX_TURN {
        return Err(GeometryError::rotated(pan, ms, &fine, &coarse));
    }
    let axis = |from: f64, to: f64, fine: usize, coarse: usize| {
        let step = (to - from) / coarse as f64;
        AxisMap { first: from + 0.5 * step - 0.5, step, fine, coarse }
    };
    Ok([axis(y0, y2, pan.height, ms.height), axis(x0, x1, pan.width, ms.width)])
}

/// Rows and columns of images without georeference, by their sizes.
fn aligned(pan: &Header, ms: &Header, alignment: Alignment) -> Result<[AxisMap; 2], GeometryError> {
    // Centre-aligned, MS pixels lie on every ratio-th PAN pixel, the first and the last included.
    let less = match alignment {
        Alignment::Area => 0,
        Alignment::Centre => 1,
    };
    let size =
        |fine: usize, coarse: usize| fine.saturating_sub(less) as f64 / coarse.saturating_sub(less).max(1) as f64;
    let ratios = [size(pan.height, ms.height), size(pan.width, ms.width)];
    let ratio = ratios[0].round();
    let axis = |fine: usize, coarse: usize| {
        let first = if alignment == Alignment::Area { (ratio - 1.0) / 2.0 } else { 0.0 };
        AxisMap { first, step: ratio, fine, coarse }
    };
    let axes = [axis(pan.height, ms.height), axis(pan.width, ms.width)];
    // One MS pixel more or less is an odd size, more than that another ratio.
    let far = |axis: &AxisMap| (axis.fine as f64 - ratio * axis.coarse as f64).abs() >= ratio.max(2.0);
    if axes.iter().any(far) { Err(GeometryError::sizes(pan, ms)) } else { Ok(axes) }
}

/// The rows and columns of an image that are not in a window, if there are any.
fn outside(window: Window, [width, height]: [usize; 2]) -> Option<String> {
    let parts = [
        ("first", window.y, "row"),
        ("last", height - window.y - window.height, "row"),
        ("first", window.x, "column"),
        ("last", width - window.x - window.width, "column"),
    ];
    let named = |(end, count, what): &(&str, usize, &str)| match count {
        0 => None,
        1 => Some(format!("the {end} {what}")),
        n => Some(format!("the {end} {n} {what}s")),
    };
    let parts: Vec<String> = parts.iter().filter_map(named).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Metres per degree of latitude.
const METRES_PER_DEGREE: f64 = 111_320.0;

/// Whether coordinates are degrees.
fn geographic(geo: &GeoTags) -> bool {
    geo.keys().any(|k| k[0] == 1024 && k[3] == 2)
}

/// Fails if the images are in different coordinate systems, with the command that warps MS.
fn same_crs(pan: &Header, ms: &Header, fine: &Affine, coarse: &Affine) -> Result<(), GeometryError> {
    if !crs_differ(&pan.geo, &ms.geo) {
        return Ok(());
    }
    let metres =
        |geo: &GeoTags, affine: &Affine| affine.pixel_size()[1] * if geographic(geo) { METRES_PER_DEGREE } else { 1.0 };
    let ratio = metres(&ms.geo, coarse) / metres(&pan.geo, fine);
    Err(GeometryError::crs(pan, ms, fine, ratio, [&pan.geo, &ms.geo].map(GeoTags::epsg)))
}
