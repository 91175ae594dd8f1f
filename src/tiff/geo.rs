//! Georeference: the GeoTIFF tags, carried over as they are, and the affine map they state.

use super::{
    Window,
    directory::Directory,
    error::TiffError,
    tags::{Tag, key},
};

/// Places that are equal but for rounding, in pixels: coordinates of millions with pixels of a third of a metre leave
/// 1e-8 of a pixel, products with few digits 1e-4.
pub(crate) const SAME: f64 = 1e-3;
/// Value of a key that is "defined by other keys".
pub(super) const USER_DEFINED: u16 = 32767;

/// The GeoTIFF tags of a file, value by value as stored; an empty list is an absent tag.
///
/// Never interpreted on the way from input to output: a coordinate system that is not understood
/// cannot be damaged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeoTags {
    /// ModelPixelScale (33550): x, y, z size of a pixel.
    pub pixel_scale: Vec<f64>,
    /// ModelTiepoint (33922): column, row, level, x, y, z of each point.
    pub tiepoints: Vec<f64>,
    /// ModelTransformation (34264): 4×4 matrix by rows.
    pub transformation: Vec<f64>,
    /// GeoKeyDirectory (34735).
    pub keys: Vec<u16>,
    /// GeoDoubleParams (34736).
    pub double_params: Vec<f64>,
    /// GeoAsciiParams (34737), without the closing zero.
    pub ascii_params: Vec<u8>,
}

/// `x = x0 + column·dx + row·rx`, `y = y0 + column·ry + row·dy`, with (0, 0) the outer corner of the
/// first pixel, whatever the file's convention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// x of the outer corner of the first pixel.
    pub x0: f64,
    /// x step per column.
    pub dx: f64,
    /// x step per row.
    pub rx: f64,
    /// y of the outer corner of the first pixel.
    pub y0: f64,
    /// y step per column.
    pub ry: f64,
    /// y step per row, negative for a north-up image.
    pub dy: f64,
}

impl Affine {
    /// Coordinates of a place in the image; whole numbers are pixel corners.
    pub fn at(&self, column: f64, row: f64) -> [f64; 2] {
        [self.x0 + column * self.dx + row * self.rx, self.y0 + column * self.ry + row * self.dy]
    }

    /// Lengths of the sides of a pixel: along a row, along a column.
    pub fn pixel_size(&self) -> [f64; 2] {
        [self.dx.hypot(self.ry), self.rx.hypot(self.dy)]
    }

    /// Least x and y, greatest x and y of a part of an image, given by corner columns and rows.
    pub(crate) fn bounds(&self, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2]) -> [f64; 4] {
        let corners = [self.at(x0, y0), self.at(x1, y0), self.at(x0, y1), self.at(x1, y1)];
        let end =
            |axis: usize, pick: fn(f64, f64) -> f64| corners.iter().map(|c| c[axis]).reduce(pick).unwrap_or_default();
        [end(0, f64::min), end(1, f64::min), end(0, f64::max), end(1, f64::max)]
    }

    /// How far pixels of an image lie from those of another on this grid at most, in pixels.
    pub(super) fn apart(&self, other: &Self, [width, height]: [usize; 2]) -> f64 {
        let (w, h) = (width as f64, height as f64);
        let off = |[column, row]: [f64; 2]| {
            let [x, y] = self.find(other.at(column, row));
            (x - column).abs().max((y - row).abs())
        };
        [[0.0, 0.0], [w, 0.0], [0.0, h], [w, h]].into_iter().map(off).fold(0.0, f64::max)
    }

    /// The same, unless it is degenerate.
    pub(super) fn checked(self) -> Option<Self> {
        let det = self.dx * self.dy - self.rx * self.ry;
        (det.is_normal() && self.x0.is_finite() && self.y0.is_finite()).then_some(self)
    }

    /// Column and row of a place, the inverse of [`at`](Self::at).
    pub fn find(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let det = self.dx * self.dy - self.rx * self.ry;
        let (x, y) = (x - self.x0, y - self.y0);
        [(self.dy * x - self.rx * y) / det, (self.dx * y - self.ry * x) / det]
    }
}

impl GeoTags {
    /// Reads the tags. Where they contradict each other it is as GDAL has it: scale and tie point go before a
    /// matrix, which some programs fill with zeros, and the scale of y counts as positive.
    pub(super) fn read(tiff: &Directory<'_>) -> Result<Self, TiffError> {
        let keys = tiff.uints(Tag::GeoKeyDirectoryTag)?.unwrap_or_default();
        let mut geo = Self {
            pixel_scale: tiff.doubles(Tag::ModelPixelScaleTag)?,
            tiepoints: tiff.doubles(Tag::ModelTiepointTag)?,
            transformation: tiff.doubles(Tag::ModelTransformationTag)?,
            keys: keys.into_iter().map(|k| k as u16).collect(),
            double_params: tiff.doubles(Tag::GeoDoubleParamsTag)?,
            ascii_params: tiff.text(Tag::GeoAsciiParamsTag)?,
        };
        if let [_, sy, ..] = &mut geo.pixel_scale[..] {
            *sy = sy.abs();
        }
        let by_matrix = std::mem::take(&mut geo.transformation);
        if geo.affine().is_none() {
            geo.transformation = by_matrix;
        }
        Ok(geo)
    }

    /// Whether a coordinate system is named.
    pub(crate) fn has_crs(&self) -> bool {
        // Model, geographic and projected system; 0 is "undefined".
        self.keys().any(|k| matches!(k[0], key::MODEL | key::GEOGRAPHIC | key::PROJECTED) && k[3] != 0)
    }

    /// The same place in the coordinate system of another file. Whether coordinates name the centre of a pixel stays.
    #[must_use]
    pub(super) fn with_crs_of(&self, other: &Self) -> Self {
        let theirs = other.keys().filter(|k| k[0] != key::RASTER);
        let mut keys: Vec<&[u16]> = self.keys().filter(|k| k[0] == key::RASTER && k[1] == 0).chain(theirs).collect();
        keys.sort_by_key(|k| k[0]);
        let head = [1, 1, 0, keys.len() as u16];
        let (double_params, ascii_params) = (other.double_params.clone(), other.ascii_params.clone());
        Self {
            keys: [&head[..]].into_iter().chain(keys).flatten().copied().collect(),
            double_params,
            ascii_params,
            ..self.clone()
        }
    }

    /// Whether coordinates name the centre of a pixel (GTRasterType is 2) and not its corner.
    pub fn pixel_is_point(&self) -> bool {
        self.keys().any(|k| k[0] == key::RASTER && k[1] == 0 && k[3] == 2)
    }

    /// EPSG code of the coordinate system, projected or else geographic, if it has one.
    pub fn epsg(&self) -> Option<u16> {
        let code = |id| self.keys().find(|k| k[0] == id && k[1] == 0).map(|k| k[3]);
        code(key::PROJECTED).or(code(key::GEOGRAPHIC)).filter(|code| !matches!(*code, 0 | USER_DEFINED))
    }

    /// The keys, four numbers each: id, place of the value (0: here, else a tag), count, value.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u16]> {
        // Four numbers as header.
        self.keys.chunks_exact(4).skip(1)
    }

    /// The georeference of a part of the image; tie points move in the image, the matrix on the ground.
    #[must_use]
    pub fn part(&self, part: Window) -> Self {
        let mut geo = self.clone();
        let (x, y) = (part.x as f64, part.y as f64);
        for point in geo.tiepoints.chunks_exact_mut(6) {
            point[0] -= x;
            point[1] -= y;
        }
        if let [dx, rx, _, x0, ry, dy, _, y0, ..] = &mut geo.transformation[..] {
            *x0 += x * *dx + y * *rx;
            *y0 += x * *ry + y * *dy;
        }
        // One tie point goes back to the first pixel, where some readers take it to be.
        if let ([sx, sy, ..], [i, j, _, x, y, _]) = (&geo.pixel_scale[..], &mut geo.tiepoints[..]) {
            (*x, *y) = (*x - *i * sx, *y + *j * sy);
            (*i, *j) = (0.0, 0.0);
        }
        geo
    }

    /// The georeference of an image of `factor` times larger pixels from the same corner on.
    #[must_use]
    pub fn coarser(&self, factor: usize) -> Self {
        self.coarser_from(factor, [0.0; 2])
    }

    /// [`coarser`](Self::coarser) from a corner elsewhere, column and row.
    #[must_use]
    pub fn coarser_from(&self, factor: usize, [column, row]: [f64; 2]) -> Self {
        let Some(fine) = self.affine() else { return Self::default() };
        let [x0, y0] = fine.at(column, row);
        let fine = Affine { x0, y0, ..fine };
        let [dx, rx, ry, dy] = [fine.dx, fine.rx, fine.ry, fine.dy].map(|step| step * factor as f64);
        self.placed(Affine { dx, rx, ry, dy, ..fine })
    }

    /// A map from pixels to coordinates, and the text (WKT) of the system that these are in.
    ///
    /// # Errors
    /// What a GeoTIFF cannot hold of the text.
    pub fn of(affine: Affine, wkt: Option<&str>) -> Result<Self, String> {
        Ok(wkt.map_or_else(|| Ok(Self::default()), super::beside::keys)?.placed(affine))
    }

    /// The same coordinate system with another map from pixels.
    #[must_use]
    pub(super) fn placed(&self, affine: Affine) -> Self {
        let Affine { dx, rx, ry, dy, .. } = affine;
        let at = if self.pixel_is_point() { 0.5 } else { 0.0 };
        let [x, y] = affine.at(at, at);
        let geo = Self { pixel_scale: Vec::new(), tiepoints: Vec::new(), transformation: Vec::new(), ..self.clone() };
        if [rx, ry] == [0.0; 2] && dx > 0.0 && dy < 0.0 {
            Self { pixel_scale: vec![dx, -dy, 0.0], tiepoints: vec![0.0, 0.0, 0.0, x, y, 0.0], ..geo }
        } else {
            let last = [0.0, 0.0, 0.0, 1.0];
            Self { transformation: [[dx, rx, 0.0, x], [ry, dy, 0.0, y], [0.0; 4], last].concat(), ..geo }
        }
    }

    /// The map from pixels to coordinates, `None` without georeference or if it is degenerate.
    /// Several tie points without a pixel scale are control points, not a map.
    pub fn affine(&self) -> Option<Affine> {
        let stored = match (&self.transformation[..], &self.pixel_scale[..], &self.tiepoints[..]) {
            ([dx, rx, _, x0, ry, dy, _, y0, ..], _, _) => {
                Affine { x0: *x0, dx: *dx, rx: *rx, y0: *y0, ry: *ry, dy: *dy }
            }
            (_, [sx, sy, ..], [i, j, _, x, y, ..]) => {
                Affine { x0: x - i * sx, dx: *sx, rx: 0.0, y0: y + j * sy, ry: 0.0, dy: -sy }
            }
            _ => return None,
        };
        let [x0, y0] = if self.pixel_is_point() { stored.at(-0.5, -0.5) } else { [stored.x0, stored.y0] };
        Affine { x0, y0, ..stored }.checked()
    }
}
