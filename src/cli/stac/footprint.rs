//! Where an image lies in longitude and latitude, of coordinate systems for which that is a formula.

use trapan::tiff::Header;

/// The ellipsoid of WGS 84: half axis and flattening. That of ETRS89 and NAD83 differs by 0.1 mm.
const AXIS: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Scale of UTM along the middle of a zone, and its false easting and northing (south).
const SCALE: f64 = 0.9996;
const FALSE: [f64; 2] = [500_000.0, 10_000_000.0];
/// Parts of each side: sides are straight on the map, and not quite in degrees.
const PARTS: usize = 8;

/// A coordinate system by its EPSG code.
///
/// ETRS89 and NAD83 are taken for WGS 84, from which they differ by a metre or two.
#[derive(Debug, Clone, Copy, PartialEq)]
enum System {
    Degrees,
    Mercator,
    Utm { zone: u16, south: bool },
}

impl System {
    fn of(epsg: u16) -> Option<Self> {
        Some(match epsg {
            4326 | 4258 | 4269 => Self::Degrees,
            3857 => Self::Mercator,
            32601..=32660 => Self::Utm { zone: epsg - 32600, south: false },
            32701..=32760 => Self::Utm { zone: epsg - 32700, south: true },
            25828..=25838 => Self::Utm { zone: epsg - 25800, south: false },
            26901..=26923 => Self::Utm { zone: epsg - 26900, south: false },
            _ => return None,
        })
    }

    /// Longitude and latitude in degrees.
    fn degrees(self, [x, y]: [f64; 2]) -> [f64; 2] {
        match self {
            Self::Degrees => [x, y],
            Self::Mercator => [x / AXIS, (y / AXIS).sinh().atan()].map(f64::to_degrees),
            Self::Utm { zone, south } => {
                let [lon, lat] = transverse([x - FALSE[0], y - if south { FALSE[1] } else { 0.0 }]);
                [lon.to_degrees() + f64::from(zone) * 6.0 - 183.0, lat.to_degrees()]
            }
        }
    }
}

/// Longitude from the middle of the zone and latitude, in radians: Krüger's series to the third power of n, good to a
/// millimetre within a zone (Karney, Transverse Mercator with an accuracy of a few nanometers, 2011, eqs. 11 to 15).
fn transverse([x, y]: [f64; 2]) -> [f64; 2] {
    let n = FLATTENING / (2.0 - FLATTENING);
    let radius = AXIS / (1.0 + n) * (1.0 + n.powi(2) / 4.0 + n.powi(4) / 64.0) * SCALE;
    let (xi, eta) = (y / radius, x / radius);
    let beta = [
        n / 2.0 - 2.0 / 3.0 * n.powi(2) + 37.0 / 96.0 * n.powi(3),
        n.powi(2) / 48.0 + n.powi(3) / 15.0,
        17.0 / 480.0 * n.powi(3),
    ];
    let delta = [
        2.0 * n - 2.0 / 3.0 * n.powi(2) - 2.0 * n.powi(3),
        7.0 / 3.0 * n.powi(2) - 8.0 / 5.0 * n.powi(3),
        56.0 / 15.0 * n.powi(3),
    ];
    let even = |j: usize| 2.0 * (j + 1) as f64;
    let (mut a, mut b) = (xi, eta);
    for (j, beta) in beta.into_iter().enumerate() {
        a -= beta * (even(j) * xi).sin() * (even(j) * eta).cosh();
        b -= beta * (even(j) * xi).cos() * (even(j) * eta).sinh();
    }
    let conformal = (a.sin() / b.cosh()).asin();
    let latitude = conformal + delta.into_iter().enumerate().map(|(j, d)| d * (even(j) * conformal).sin()).sum::<f64>();
    [b.sinh().atan2(a.cos()), latitude]
}

/// The outline of an image, longitudes and latitudes against the clock, closed. `None` where it has no place, its system
/// takes more than a formula, or the outline is none on a map from -180 to 180 degrees.
pub(super) fn outline(image: &Header) -> Option<Vec<[f64; 2]>> {
    let (affine, system) = (image.geo.affine()?, System::of(image.geo.epsg()?)?);
    let [width, height] = image.size().map(|side| side as f64);
    let corners = [[0.0, 0.0], [0.0, height], [width, height], [width, 0.0], [0.0, 0.0]];
    let side = |pair: &[[f64; 2]]| {
        let (from, to) = (pair[0], pair[1]);
        let at = move |i: usize, axis: usize| from[axis] + (to[axis] - from[axis]) * i as f64 / PARTS as f64;
        (0..PARTS).map(move |i| [at(i, 0), at(i, 1)])
    };
    let places = corners.windows(2).flat_map(side).chain([[0.0; 2]]);
    // To a millimetre.
    let rounded = |degrees: f64| (degrees * 1e8).round() / 1e8;
    let place = |[column, row]: [f64; 2]| system.degrees(affine.at(column, row)).map(rounded);
    let mut outline: Vec<[f64; 2]> = places.map(place).collect();
    let area: f64 = outline.windows(2).map(|pair| pair[0][0] * pair[1][1] - pair[1][0] * pair[0][1]).sum();
    if area < 0.0 {
        outline.reverse();
    }
    let possible = |[lon, lat]: &[f64; 2]| (-180.0..=180.0).contains(lon) && (-90.0..=90.0).contains(lat);
    outline.iter().all(possible).then_some(outline)
}

/// West, south, east, north.
pub(super) fn bounds(outline: &[[f64; 2]]) -> [f64; 4] {
    let end = |axis: usize, pick: fn(f64, f64) -> f64| outline.iter().map(|p| p[axis]).reduce(pick).unwrap_or_default();
    [end(0, f64::min), end(1, f64::min), end(0, f64::max), end(1, f64::max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of PROJ 9 (pyproj): `Transformer.from_crs(epsg, 4326, always_xy=True)`.
    const PROJ: [(u16, [f64; 2], [f64; 2]); 7] = [
        (32633, [512345.6, 5401234.5], [15.167996005230272, 48.76399611951091]),
        (32701, [300000.0, 1234567.0], [173.72531222608495 - 360.0, -78.81669334024448]),
        (32760, [799999.0, 9999999.0], [179.69501424549125, -9.037239620800493e-06]),
        (25832, [300000.0, 6100000.0], [5.872417939174778, 55.00660410217304]),
        (26910, [700000.0, 4000000.0], [-120.77760861454875, 36.12409583310784]),
        (3857, [1e6, -3e6], [8.983152841195214, -26.007420231981246]),
        (4326, [12.5, -7.0], [12.5, -7.0]),
    ];

    #[test]
    fn places_are_those_of_proj() {
        for (epsg, at, wanted) in PROJ {
            let found = System::of(epsg).expect("known").degrees(at);
            let off = (found[0] - wanted[0]).abs().max((found[1] - wanted[1]).abs());
            // A centimetre.
            assert!(off < 1e-7, "EPSG:{epsg} {at:?}: {found:?}, not {wanted:?}");
        }
        assert_eq!(System::of(2154), None);
    }
}
