//! A simulated pair: its geometry, how close images are, pictures of them.

use trapan::method::config::Sensor;
use trapan::quality::{rmse, sam};
use trapan::report::picture::{Picture, Stretch, rgb_channels};
use trapan::simulate::{Spec, simulate};

/// MS pixels lie where a 4×4 block of PAN pixels lies: shifting the truth by one PAN pixel
/// makes the degraded image fit worse, whichever way.
#[test]
fn the_pair_has_the_true_pixel_geometry() {
    let spec = Spec { size: [256, 256], bands: 4, ratio: 4, sensor: Sensor::Qb, seed: 3 };
    let simulated = simulate(&spec).expect("simulated");
    let block_means = |dx: isize, dy: isize| -> Vec<f32> {
        let (truth, w) = (&simulated.truth.data, 256isize);
        let at = |i: isize, j: isize, b: usize| truth[((i.clamp(0, w - 1) * w + j.clamp(0, w - 1)) * 4) as usize + b];
        let mean = |i: isize, j: isize, b: usize| {
            (0..16).map(|k| at(4 * i + k / 4 + dy, 4 * j + k % 4 + dx, b)).sum::<f32>() / 16.0
        };
        (0..64).flat_map(|i| (0..64).flat_map(move |j| (0..4).map(move |b| mean(i, j, b)))).collect()
    };
    let aligned = rmse(&block_means(0, 0), &simulated.ms.data);
    for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
        let shifted = rmse(&block_means(dx, dy), &simulated.ms.data);
        assert!(aligned < 0.9 * shifted, "{aligned} aligned, {shifted} shifted by {dx},{dy}");
    }
}

#[test]
fn closeness_is_measured_right() {
    let (a, b) = ([3.0, 4.0, 0.0, 0.0], [4.0, 3.0, 1.0, 2.0]);
    assert!((rmse(&a, &b) - (7.0f64 / 4.0).sqrt()).abs() < 1e-12);
    // The second pixel of `a` has no direction.
    assert!((sam(&a, &b, 2) - (24.0f64 / 25.0).acos().to_degrees()).abs() < 1e-6);
    assert_eq!(sam(&a, &a, 2), 0.0);
}

#[test]
fn pictures_show_the_stretched_bands() {
    let data: Vec<f32> = (0..64).flat_map(|k| [k as f32, 0.0, 63.0 - k as f32]).collect();
    let stretch = Stretch::from_percentiles(&data, 3, rgb_channels(3), 0.0, 100.0);
    let picture = Picture::rgb(&data, 8, 8, 3, rgb_channels(3), &stretch).expect("a picture");
    assert_eq!(&picture.rgb[..3], [255, 0, 0], "red is the third band");
    assert_eq!(&picture.rgb[63 * 3..], [0, 0, 255]);
    let wide = Picture::beside(&[picture.clone(), picture.clone()], 4).expect("equal heights");
    assert_eq!((wide.width, wide.height), (20, 8));

    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("p.png");
    picture.write(&path).expect("written");
    let file = std::io::BufReader::new(std::fs::File::open(&path).expect("the file is there"));
    let mut reader = png::Decoder::new(file).read_info().expect("a PNG");
    let mut back = vec![0; reader.output_buffer_size().expect("fits")];
    reader.next_frame(&mut back).expect("a frame");
    assert_eq!(back, picture.rgb);
    assert!(Picture::rgb(&data, 9, 8, 3, rgb_channels(3), &stretch).is_err(), "sizes that do not fit");
}
