//! How sharp the fused image is to be, against PAN: the blur of PAN in the reduced pair.
//!
//! What the network learns to add on the reduced pair it adds to the pair. So reduced PAN has to be as much less sharp
//! than MS, its truth, as PAN is less sharp than the image wanted. Blurred through its own MTF at the Nyquist frequency
//! of MS, of gain .15 where a band has .30, it is half as sharp; a network that learnt to make up for that sharpens
//! whatever it sees. A PAN that is sharp already is overdone.
//!
//! Where both MTFs are published, PAN is held to be as blurred as it should be, unless its spectrum says it is
//! sharper. Of any other sensor the image wanted is as sharp as PAN, and PAN is blurred as MS is (method,
//! section 8.3).

use super::{Config, Sample};

/// Values of a piece of a row or column.
const PIECE: usize = 64;
/// Waves per piece that are looked at: longer ones the window blurs, shorter ones are noise or resampling.
const WAVES: std::ops::RangeInclusive<usize> = 4..=26;
/// Every so many rows or columns: neighbours say the same.
const EVERY: usize = 2;

/// The Nyquist gain that PAN is blurred with for the reduced pair.
pub(super) fn pan_gain(samples: &[Sample], width: usize, config: &Config) -> f64 {
    if !config.pan_auto {
        return config.pan_gain;
    }
    let as_ms = config.ms_gains.iter().sum::<f64>() / config.ms_gains.len() as f64;
    if !config.sensor.is_published() {
        return as_ms;
    }
    measured(samples, width).unwrap_or(config.pan_gain).min(as_ms).max(config.pan_gain)
}

/// PAN's gain at its Nyquist frequency by the spectrum along both axes: ground has power in proportion to `f^-b`, b
/// about 2, and a Gaussian MTF takes `g^((f / f_Nyquist)²)` of the amplitude; a, b and g by least squares of
/// `ln power = a − b ln f + 2 ln g (f / f_Nyquist)²`. `None` of images too small or without texture.
fn measured(samples: &[Sample], width: usize) -> Option<f64> {
    let across = logarithm(samples, |sample| lines(sample, width, [width, 1]))?;
    let along = logarithm(samples, |sample| lines(sample, width, [1, width]))?;
    Some(f64::midpoint(across, along).exp())
}

/// ln g along one axis.
fn logarithm<'a, L: Iterator<Item = Vec<f64>>>(samples: &'a [Sample], lines: impl Fn(&'a Sample) -> L) -> Option<f64> {
    let turns = |i: usize| std::f64::consts::TAU * i as f64 / PIECE as f64;
    let hann: Vec<f64> = (0..PIECE).map(|i| 0.5 - 0.5 * turns(i).cos()).collect();
    let (cos, sin): (Vec<f64>, Vec<f64>) = (0..PIECE).map(|i| (turns(i).cos(), turns(i).sin())).unzip();
    let mut power = vec![0.0; PIECE];
    for line in samples.iter().flat_map(lines) {
        for piece in line.windows(PIECE).step_by(PIECE / 2).filter(|piece| !piece.iter().any(|v| v.is_nan())) {
            let mean = piece.iter().sum::<f64>() / PIECE as f64;
            let piece: Vec<f64> = piece.iter().zip(&hann).map(|(v, w)| (v - mean) * w).collect();
            for k in WAVES {
                let part = |wave: &[f64]| piece.iter().enumerate().map(|(i, v)| v * wave[i * k % PIECE]).sum::<f64>();
                power[k] += part(&cos).powi(2) + part(&sin).powi(2);
            }
        }
    }
    if WAVES.into_iter().any(|k| power[k] <= 0.0) {
        return None;
    }
    let rows = WAVES.map(|k| {
        let f = 2.0 * k as f64 / PIECE as f64;
        ([1.0, -f.ln(), 2.0 * f * f], power[k].ln())
    });
    let (mut normal, mut right) = (nalgebra::Matrix3::zeros(), nalgebra::Vector3::zeros());
    for (row, power) in rows {
        let row = nalgebra::Vector3::from(row);
        normal += row * row.transpose();
        right += row * power;
    }
    normal.lu().solve(&right).map(|solution| solution[2])
}

/// Some rows or columns of PAN, by the steps from line to line and from pixel to pixel; NaN where it is not valid.
fn lines(sample: &Sample, width: usize, [next_line, next]: [usize; 2]) -> impl Iterator<Item = Vec<f64>> {
    let height = sample.pan.len() / width;
    let (count, len) = if next == 1 { (height, width) } else { (width, height) };
    let value = |i: usize| {
        let valid = sample.weights.as_ref().is_none_or(|weights| weights.pan[i] > 0.0);
        if valid { f64::from(sample.pan[i]) } else { f64::NAN }
    };
    (0..count).step_by(EVERY).map(move |line| (0..len).map(|i| value(line * next_line + i * next)).collect())
}
