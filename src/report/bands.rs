//! Numbers per band: what fusing keeps (the mean) and what it adds (contrast, likeness to PAN).

use rayon::prelude::*;

use super::table::{Better, Column, Row, Table};
use super::view::Images;
use crate::tiff::visible;

/// Sums over pixels for a mean, a standard deviation and a correlation with PAN.
#[derive(Clone, Copy, Default)]
struct Sums {
    x: f64,
    xx: f64,
    xp: f64,
}

/// Names of the bands as they are shown: the file's, else numbers from 1.
pub(super) fn names(given: &[Option<String>], bands: usize) -> Vec<String> {
    let name = |band: usize| match given.get(band).and_then(Option::as_deref) {
        Some(name) => visible(name).into_owned(),
        None => format!("band {}", band + 1),
    };
    (0..bands).map(name).collect()
}

/// Per band: mean and standard deviation, and correlation with PAN, of the upsampled and the fused image, over the
/// valid pixels.
pub(super) fn table(names: &[String], images: &Images) -> Table {
    let bands = images.bands;
    // Deviations from the first pixel's values: sums of squares of the values themselves would lose digits.
    let origin = |data: &[f32]| data[..bands].iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
    let (from_lms, from_fused, from_pan) = (origin(images.lms), origin(images.fused), f64::from(images.pan[0]));
    // One partial sum per row, added in order: the same bits with any number of threads.
    let rows: Vec<(f64, Sums, Vec<[Sums; 2]>)> = (0..images.height)
        .into_par_iter()
        .map(|row| {
            let (mut count, mut pan, mut both) = (0.0, Sums::default(), vec![[Sums::default(); 2]; bands]);
            for at in (row * images.width..(row + 1) * images.width).filter(|at| images.is_valid(*at)) {
                let p = f64::from(images.pan[at]) - from_pan;
                count += 1.0;
                pan.add(p, p);
                for (band, [lms, fused]) in both.iter_mut().enumerate() {
                    lms.add(f64::from(images.lms[at * bands + band]) - from_lms[band], p);
                    fused.add(f64::from(images.fused[at * bands + band]) - from_fused[band], p);
                }
            }
            (count, pan, both)
        })
        .collect();
    let count: f64 = rows.iter().map(|r| r.0).sum();
    let pan = rows.iter().fold(Sums::default(), |a, r| a.plus(r.1));
    let row = |band: usize| {
        let [lms, fused] = [0, 1].map(|i| rows.iter().fold(Sums::default(), |a, r| a.plus(r.2[band][i])));
        let like_pan = |s: Sums| s.covariance(pan, count) / (s.deviation(count) * pan.deviation(count));
        let values = [
            from_lms[band] + lms.x / count,
            from_fused[band] + fused.x / count,
            lms.deviation(count),
            fused.deviation(count),
            like_pan(lms),
            like_pan(fused),
        ];
        Row { name: names[band].clone(), values: values.map(|v| Some(v).filter(|v| v.is_finite())).into(), own: false }
    };
    let column = |name: &str, unit: &str, decimals| Column::new(name, unit, Better::Neither, decimals);
    Table {
        title: "Bands".into(),
        note: "The mean should stay; the standard deviation grows with the detail that comes in. A band that is \
               little like PAN (near infrared often is) gains less."
            .into(),
        rows_are: "band".into(),
        columns: vec![
            column("mean, upsampled", "DN", 1),
            column("mean, fused", "DN", 1),
            column("deviation, upsampled", "DN", 1),
            column("deviation, fused", "DN", 1),
            column("correlation with PAN, upsampled", "", 3),
            column("correlation with PAN, fused", "", 3),
        ],
        rows: (0..bands).map(row).collect(),
    }
}

impl Sums {
    fn add(&mut self, x: f64, p: f64) {
        *self = self.plus(Self { x, xx: x * x, xp: x * p });
    }

    fn plus(self, other: Self) -> Self {
        Self { x: self.x + other.x, xx: self.xx + other.xx, xp: self.xp + other.xp }
    }

    fn deviation(self, count: f64) -> f64 {
        ((self.xx - self.x * self.x / count) / count).max(0.0).sqrt()
    }

    fn covariance(self, pan: Self, count: f64) -> f64 {
        (self.xp - self.x * pan.x / count) / count
    }
}
