//! The banded operators against the full 2-D textbook filters.

use super::{BandMatrix, Grid, Terms, transposed, upsample_cubic, upsample_interp23};

use crate::support::Report;
use crate::support::formula::{image, wave};
use crate::support::textbook::{self, Degradation};

/// Applies an operator to every band of `[1, H, W, C]` in f64.
fn apply(terms: &[(BandMatrix, BandMatrix)], x: &ndarray::Array4<f64>) -> ndarray::Array4<f64> {
    let (_, _, w, c) = x.dim();
    let (h_out, w_out) = (terms[0].0.output(), terms[0].1.output());
    let mut y = ndarray::Array4::zeros((1, h_out, w_out, c));
    for (rows, columns) in terms {
        for band in 0..c {
            let half: Vec<Vec<f64>> = (0..w).map(|j| rows.apply(|i| x[[0, i, j, band]])).collect();
            for i in 0..h_out {
                for (j, value) in columns.apply(|j| half[j][i]).into_iter().enumerate() {
                    y[[0, i, j, band]] += value;
                }
            }
        }
    }
    y
}

fn degrade(gain: f64, ratio: usize, h: usize, w: usize) -> Terms {
    super::degrade(gain, Grid::aligned(h, ratio), Grid::aligned(w, ratio))
}

/// Gains from the blurriest PAN to the sharpest band, at every ratio; images smaller and
/// larger than the 41 taps.
#[test]
fn separable_degradation_is_the_full_kernel() {
    let mut report = Report::default();
    for (ratio, h, w) in [(2, 22, 50), (4, 28, 60), (4, 76, 52), (8, 40, 64)] {
        for gain in [0.11, 0.23, 0.30, 0.365] {
            let x = image([1, h, w, 1], 0.7, 0.1);
            let wanted = Degradation::new(&[gain], ratio).apply(x.view());
            let found = apply(&degrade(gain, ratio, h, w), &x);
            let label = format!("ratio {ratio} gain {gain} {h}×{w}");
            // Both sum up to 44² products of f64.
            report.all(&label, found.as_slice().expect("dense"), wanted.as_slice().expect("dense"), 1e-12);
        }
    }
    report.finish();
}

#[test]
fn ratio_2_needs_both_terms() {
    let x = image([1, 60, 60, 1], 2.9, 0.1);
    let exact = Degradation::new(&[0.35], 2).apply(x.view());
    let one_term = apply(&degrade(0.35, 2, 60, 60)[..1], &x);
    let worst = (&exact - &one_term).iter().fold(0.0f64, |a, e| a.max(e.abs()));
    assert!(worst > 1e-7, "the second term is worth {worst:e} only: leave it out");
    assert_eq!(degrade(0.35, 4, 60, 60).len(), 1, "ratio 4 needs one term");
}

#[test]
fn upsampling_is_the_textbook() {
    let mut report = Report::default();
    for (ratio, n) in [(2, 13), (4, 9), (4, 24), (8, 5)] {
        let x = wave(n, 0.7, 0.1, 1.0);
        let operators: [(&str, BandMatrix, textbook::Line); 2] = [
            ("cubic", upsample_cubic(Grid::aligned(ratio * n, ratio)), textbook::cubic_upsampling),
            ("interp23", upsample_interp23(Grid::aligned(ratio * n, ratio)), textbook::interp23),
        ];
        for (name, banded, matrix) in operators {
            let wanted = matrix(n, ratio).dot(&ndarray::Array1::from(x.clone()));
            report.all(
                &format!("{name} ratio {ratio} n {n}"),
                &banded.apply(|i| x[i]),
                wanted.as_slice().expect("dense"),
                1e-12,
            );
        }
    }
    report.finish();
}

/// `<A x, y> = <x, Aᵀ y>`, borders and all.
#[test]
fn transposed_operators_are_adjoint() {
    let mut report = Report::default();
    let cases: Vec<(&str, Terms)> = vec![
        ("degrade 2", degrade(0.3, 2, 22, 37)),
        ("degrade 4", degrade(0.22, 4, 28, 61)),
        ("degrade 8", degrade(0.15, 8, 40, 70)),
        ("cubic", vec![(upsample_cubic(Grid::aligned(36, 4)), upsample_cubic(Grid::aligned(20, 4)))]),
        ("interp23", vec![(upsample_interp23(Grid::aligned(36, 4)), upsample_interp23(Grid::aligned(60, 4)))]),
    ];
    for (name, terms) in cases {
        let (rows, columns) = &terms[0];
        let x = image([1, rows.input, columns.input, 2], 0.7, 0.1);
        let y = image([1, rows.output(), columns.output(), 2], 1.1, 0.3);
        let forward = (&apply(&terms, &x) * &y).sum();
        let backward = (&x * &apply(&transposed(&terms), &y)).sum();
        report.near(name, forward, backward, 1e-11);
    }
    report.finish();
}

/// Sizes off the multiple: the operators still cover the image, and a constant stays one.
#[test]
fn odd_sizes_are_covered() {
    let mut report = Report::default();
    for (h, w, ratio) in [(35, 50, 4), (33, 47, 2), (61, 90, 8)] {
        let up = |to: usize| upsample_cubic(Grid::aligned(to, ratio));
        let flat = ndarray::Array4::ones((1, h, w, 1));
        let low = apply(&degrade(0.3, ratio, h, w), &flat);
        assert_eq!(low.dim(), (1, h.div_ceil(ratio), w.div_ceil(ratio), 1));
        let again = apply(&[(up(h), up(w))], &low);
        report.all(&format!("ratio {ratio}"), again.as_slice().expect("dense"), flat.as_slice().expect("dense"), 1e-12);
    }
    report.finish();
}
