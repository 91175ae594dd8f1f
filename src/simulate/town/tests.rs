//! The same place every time, and plausible as a place.

use super::*;

const SPEC: TownSpec = TownSpec { width: 192, height: 128, bands: 4, seed: 1 };

fn make(spec: TownSpec) -> Town {
    build(&spec).expect("the spec is allowed")
}

fn bytes(values: &[f32]) -> &[u8] {
    bytemuck::cast_slice(values)
}

#[test]
fn a_seed_is_a_place_whatever_the_threads() {
    let first = make(SPEC);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        let again = pool.install(|| make(SPEC));
        assert!(bytes(&first.truth) == bytes(&again.truth), "{threads} threads change the scene");
    }
    let other = make(TownSpec { seed: 2, ..SPEC });
    let different = first.pan.iter().zip(&other.pan).filter(|(a, b)| (*a - *b).abs() > 0.01).count();
    assert!(different > first.pan.len() / 2, "another seed is another place: {different} pixels differ");
}

#[test]
fn what_there_are_no_spectra_or_pixels_for_is_refused() {
    let refused = |spec| build(&spec).expect_err("refused");
    assert_eq!(refused(TownSpec { bands: 3, ..SPEC }), TownError::Bands(3));
    assert_eq!(refused(TownSpec { width: 8, ..SPEC }), TownError::Size { width: 8, height: 128 });
}

#[test]
fn pan_is_the_stated_mixture_of_the_bands() {
    for bands in [4, 8] {
        let scene = make(TownSpec { bands, ..SPEC });
        let weights = pan_weights(bands).expect("4 or 8");
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6 && weights.iter().all(|w| *w >= 0.0));
        for (pan, pixel) in scene.pan.iter().zip(scene.truth.chunks_exact(bands)) {
            let mixed: f32 = pixel.iter().zip(weights).map(|(v, w)| v * w).sum();
            assert!((pan - mixed).abs() < 1e-6);
        }
    }
}

/// The four-band scene is the eight-band one seen by fewer bands.
#[test]
fn four_bands_are_four_of_the_eight() {
    let (four, eight) = (make(SPEC), make(TownSpec { bands: 8, ..SPEC }));
    for (four, eight) in four.truth.chunks_exact(4).zip(eight.truth.chunks_exact(8)) {
        assert_eq!(four, [eight[1], eight[2], eight[4], eight[6]]);
    }
}

/// Reflectances in range; vegetation with its red edge, water dark in the near infrared,
/// roofs and roads between; edges one or two pixels wide.
#[test]
fn it_looks_like_a_place() {
    let (mut green, mut dark_nir, mut flat, mut pixels, mut sharp) = (0, 0, 0, 0, 0);
    for seed in 0..6 {
        let spec = TownSpec { width: 256, height: 256, bands: 4, seed };
        let scene = make(spec);
        assert!(scene.truth.iter().all(|v| (0.0..=1.0).contains(v)), "seed {seed}");
        for pixel in scene.truth.chunks_exact(4) {
            let [blue, _, red, nir] = [pixel[0], pixel[1], pixel[2], pixel[3]];
            let ndvi = (nir - red) / (nir + red);
            pixels += 1;
            green += usize::from(ndvi > 0.4);
            dark_nir += usize::from(nir < blue && nir < 0.05);
            flat += usize::from(ndvi.abs() < 0.2 && red > 0.08);
        }
        let step = |pair: &[f32]| (pair[0] - pair[1]).abs() > 0.1;
        sharp += scene.pan.chunks_exact(256).flat_map(|row| row.windows(2)).filter(|p| step(p)).count();
    }
    let share = |count: usize| count as f64 / f64::from(pixels);
    for (name, count, least, most) in [
        ("vegetation", green, 0.15, 0.7),
        ("water and deep shadow", dark_nir, 0.005, 0.4),
        ("built and bare ground", flat, 0.1, 0.7),
        ("sharp edges", sharp, 0.01, 0.2),
    ] {
        assert!((least..most).contains(&share(count)), "{name}: {:.3} of the pixels", share(count));
    }
}

/// The scene is painted in strips of 64 rows, and no shadow or bank may know: along the river, where a seam once
/// showed as a black line, rows at the strips' edges are as like their neighbours as other rows are.
#[test]
fn strips_do_not_show() {
    const SIDE: usize = 256;
    let (mut at_edges, mut elsewhere) = ((0, 0), (0, 0));
    for seed in 0..6 {
        let scene = make(TownSpec { width: SIDE, height: SIDE, bands: 4, seed });
        let nir = |row: usize, column: usize| scene.truth[(row * SIDE + column) * 4 + 3];
        let pan = |row: usize, column: usize| scene.pan[row * SIDE + column];
        for row in 2..SIDE - 2 {
            let count = if matches!(row % 64, 0 | 63) { &mut at_edges } else { &mut elsewhere };
            for column in 0..SIDE {
                if (row - 2..=row + 2).any(|r| nir(r, column) > 0.03) {
                    continue;
                }
                let around = pan(row - 2, column).min(pan(row + 2, column));
                count.0 += usize::from(pan(row, column) < 0.7 * around);
                count.1 += 1;
            }
        }
    }
    assert!(at_edges.1 > 500, "{} water pixels at the edges of strips are too few to judge", at_edges.1);
    let share = |(dark, all): (usize, usize)| dark as f64 / all as f64;
    let (edges, others) = (share(at_edges), share(elsewhere));
    assert!(edges < others + 0.02, "{edges:.3} of the water at strip edges is a dark line, {others:.3} elsewhere");
}
