//! Why two images do not lie on each other, and the command that helps.

use std::path::PathBuf;

use super::{AxisMap, MAX_RATIO, MIN_RATIO};
use crate::remedy::{Note, Remedy};
use crate::tiff::{Affine, GeoTags, Header, Size, gdal, quoted};

/// Ratio to resample to where the files tell none: the commonest.
const USUAL_RATIO: f64 = 4.0;

/// Why two images do not lie on each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// PAN and MS are the wrong way round.
    #[error(
        "the MS image {} ({}) is larger than the PAN image {} ({}): swap the two",
        ms.display(), Size(*ms_size), pan.display(), Size(*pan_size)
    )]
    Swapped {
        /// The PAN file.
        pan: PathBuf,
        /// Its width and height.
        pan_size: [usize; 2],
        /// The MS file.
        ms: PathBuf,
        /// Its width and height.
        ms_size: [usize; 2],
    },
    /// A file does not say where it lies.
    #[error(
        "{}: {why}, so where PAN and MS lie on each other is unknown; if the first pixels of both share their outer \
         corner {}", path.display(), Remedy::AssumeAligned
    )]
    NoGeoreference {
        /// The file.
        path: PathBuf,
        /// What it has instead.
        why: &'static str,
    },
    /// Sizes that belong to no whole ratio, of images without georeference.
    #[error("PAN is {} and MS is {}: not the same whole ratio in both directions ({:.4} by {:.4}), so they cannot be taken \
             to be aligned; {fix}",
        Size(*pan_size), Size(*ms_size), pan_size[0] as f64 / ms_size[0] as f64, pan_size[1] as f64 / ms_size[1] as f64)]
    Sizes {
        /// Width and height of PAN.
        pan_size: [usize; 2],
        /// Width and height of MS.
        ms_size: [usize; 2],
        /// The command that resamples MS.
        fix: String,
    },
    /// Two coordinate systems.
    #[error("PAN is in {pan_crs} and MS in {ms_crs}; warp MS onto PAN's: {fix}")]
    Crs {
        /// Coordinate system of PAN.
        pan_crs: String,
        /// Coordinate system of MS.
        ms_crs: String,
        /// The command.
        fix: String,
    },
    /// Grids turned against each other.
    #[error("MS is turned by {degrees:.3}° against PAN; warp both onto parallel grids: {fix}")]
    Rotated {
        /// Angle between their rows.
        degrees: f64,
        /// The commands.
        fix: String,
    },
    /// Pixel sizes without a whole ratio.
    #[error(
        "MS pixels are {:.5} by {:.5} PAN pixels (columns by rows), which drifts from a whole ratio by {drift:.1} PAN \
         pixels over the image: {why}; {fix}", .ratio[0], .ratio[1]
    )]
    Ratio {
        /// MS pixel size over PAN pixel size: columns, rows.
        ratio: [f64; 2],
        /// What the nearest whole ratio is wrong by in the end, in PAN pixels.
        drift: f64,
        /// What it means.
        why: String,
        /// What to do, with the command.
        fix: String,
    },
    /// No common area.
    #[error("PAN {} and MS {} do not overlap: PAN covers {}, MS {}; choose images of the same place",
        pan.display(), ms.display(), Box2(*pan_box), Box2(*ms_box))]
    NoOverlap {
        /// The PAN file.
        pan: PathBuf,
        /// Its least x and y, greatest x and y.
        pan_box: [f64; 4],
        /// The MS file.
        ms: PathBuf,
        /// Its least x and y, greatest x and y.
        ms_box: [f64; 4],
    },
    /// A shift that cannot be corrected by a shift.
    #[error("the shift between PAN and MS cannot be corrected: {why}; {fix}")]
    Misregistered {
        /// What was measured.
        why: String,
        /// What to do.
        fix: Note,
    },
}

/// `x 1..3, y 2..4`.
struct Box2([f64; 4]);

impl std::fmt::Display for Box2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [x0, y0, x1, y1] = self.0;
        write!(f, "x {x0}..{x1}, y {y0}..{y1}")
    }
}

/// Options of gdalwarp for pixels of `ratio` PAN pixels over a box.
fn grid(affine: &Affine, ratio: f64, [x0, y0, x1, y1]: [f64; 4]) -> String {
    let [x, y] = affine.pixel_size().map(|side| side * ratio);
    format!("-te {x0} {y0} {x1} {y1} -tr {x} {y} -r cubic")
}

/// The commands that turn both images to the north, MS with pixels of `ratio` PAN pixels. What they fill is transparent.
fn north_up(pan: &Header, ms: &Header, fine: &Affine, ratio: f64) -> String {
    let warp = |image: &Header, ratio: f64| {
        let [x, y] = fine.pixel_size().map(|side| side * ratio);
        gdal("gdalwarp", &format!("-tr {x} {y} -tap -r cubic -dstalpha"), &image.path)
    };
    format!("{} && {}", warp(pan, 1.0), warp(ms, ratio))
}

/// A whole ratio to resample to, near the one found.
fn whole_ratio(found: f64) -> f64 {
    if found < 1.5 { USUAL_RATIO } else { found.round().clamp(MIN_RATIO as f64, MAX_RATIO as f64) }
}

impl GeometryError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::NoGeoreference { .. } => Some(Remedy::AssumeAligned),
            Self::Misregistered { fix, .. } => fix.remedy.clone(),
            _ => None,
        }
    }

    pub(super) fn swapped(pan: &Header, ms: &Header) -> Self {
        Self::Swapped { pan: pan.path.clone(), pan_size: pan.size(), ms: ms.path.clone(), ms_size: ms.size() }
    }

    pub(super) fn no_georeference(image: &Header) -> Self {
        let why = if image.geo.tiepoints.len() > 6 {
            "it has ground control points but no georeference"
        } else {
            "it has no georeference"
        };
        Self::NoGeoreference { path: image.path.clone(), why }
    }

    pub(super) fn sizes(pan: &Header, ms: &Header) -> Self {
        let found = (pan.width as f64 / ms.width as f64 * pan.height as f64 / ms.height as f64).sqrt();
        let ratio = whole_ratio(found) as usize;
        let size = format!("-r cubic -outsize {} {}", pan.width.div_ceil(ratio), pan.height.div_ceil(ratio));
        let line = gdal("gdal_translate", &size, &ms.path);
        let fix = format!("resample MS to ratio {ratio} if both show the same area: {line}");
        Self::Sizes { pan_size: pan.size(), ms_size: ms.size(), fix }
    }

    pub(super) fn crs(pan: &Header, ms: &Header, fine: &Affine, ratio: f64, codes: [Option<u16>; 2]) -> Self {
        let name = |code: Option<u16>| code.map_or("a user-defined coordinate system".into(), |c| format!("EPSG:{c}"));
        // Where MS does not reach, the result is transparent.
        let grid = format!("{} -dstalpha", grid(fine, whole_ratio(ratio), pan.covers(fine)));
        let fix = match codes[0] {
            Some(code) => gdal("gdalwarp", &format!("-t_srs EPSG:{code} {grid}"), &ms.path),
            None => {
                let wkt = pan.path.with_extension("wkt");
                let warp = gdal("gdalwarp", &format!("-t_srs {} {grid}", quoted(&wkt)), &ms.path);
                format!("gdalsrsinfo -o wkt {} > {} && {warp}", quoted(&pan.path), quoted(&wkt))
            }
        };
        Self::Crs { pan_crs: name(codes[0]), ms_crs: name(codes[1]), fix }
    }

    pub(super) fn rotated(pan: &Header, ms: &Header, fine: &Affine, coarse: &Affine) -> Self {
        let angle = |a: &Affine| a.ry.atan2(a.dx).to_degrees();
        let turn = (angle(coarse) - angle(fine)).rem_euclid(360.0);
        let ratio = whole_ratio(coarse.pixel_size()[0] / fine.pixel_size()[0]);
        let degrees = if turn > 180.0 { turn - 360.0 } else { turn };
        Self::Rotated { degrees, fix: north_up(pan, ms, fine, ratio) }
    }

    pub(super) fn ratio(pan: &Header, ms: &Header, rows: &AxisMap, columns: &AxisMap) -> Self {
        let steps = [columns.step.abs(), rows.step.abs()];
        let ratio = whole_ratio((steps[0] * steps[1]).sqrt());
        let drift = rows.drift(steps[1] - steps[1].round()).max(columns.drift(steps[0] - steps[0].round()));
        let why = match steps[0].max(steps[1]) {
            large if large > MAX_RATIO as f64 + 0.5 => format!("ratios up to {MAX_RATIO} are supported"),
            same if same < 1.5 => "MS has about the pixel size of PAN, so it was resampled before or is not MS".into(),
            _ => "the images drift apart".into(),
        };
        let what = if steps[0].max(steps[1]) < 1.5 {
            format!("take the MS file of the original resolution, or undo the resampling, if its ratio was {ratio}")
        } else {
            format!("resample MS to ratio {ratio}")
        };
        let line = match pan.geo.affine() {
            Some(affine) if affine.rx == 0.0 && affine.ry == 0.0 => {
                // From a PAN pixel's corner, in whole MS pixels that cover the common area.
                let part = |axis: &AxisMap| {
                    let [low, high] = axis.common();
                    let start = low.ceil();
                    [start, start + ((high - start) / ratio).floor().max(1.0) * ratio]
                };
                let ([y0, y1], [x0, x1]) = (part(rows), part(columns));
                gdal("gdalwarp", &grid(&affine, ratio, affine.bounds([x0, y0], [x1, y1])), &ms.path)
            }
            Some(affine) => north_up(pan, ms, &affine, ratio),
            None => {
                let size = [pan.width, pan.height].map(|n| (n as f64 / ratio).ceil());
                gdal("gdal_translate", &format!("-r cubic -outsize {} {}", size[0], size[1]), &ms.path)
            }
        };
        Self::Ratio { ratio: steps, drift, why, fix: format!("{what}: {line}") }
    }

    pub(super) fn no_overlap(pan: &Header, ms: &Header) -> Self {
        let codes = [&pan.geo, &ms.geo].map(GeoTags::epsg);
        if let (Some(fine), Some(coarse)) = (pan.geo.affine(), ms.geo.affine())
            && codes[0].is_some() != codes[1].is_some()
            && pan.geo.has_crs()
            && ms.geo.has_crs()
        {
            // A system with a code and one without were taken for the same.
            let ratio = coarse.pixel_size()[0] / fine.pixel_size()[0];
            return Self::crs(pan, ms, &fine, ratio, codes);
        }
        let place = |image: &Header| image.geo.affine().map_or([0.0; 4], |affine| image.covers(&affine));
        Self::NoOverlap { pan: pan.path.clone(), pan_box: place(pan), ms: ms.path.clone(), ms_box: place(ms) }
    }
}
