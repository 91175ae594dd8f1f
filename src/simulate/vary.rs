//! What makes simulated images differ beside the place: light, air, season, sensor, noise, a shift.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::method::config::Sensor;

/// How a place is seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// What the reflectance of each band is multiplied by: sun, season, calibration.
    pub gains: Vec<f32>,
    /// What is then added to each band: light scattered by the air.
    pub haze: Vec<f32>,
    /// What each band's weight in PAN is multiplied by, before all add up to one again.
    pub response: Vec<f32>,
    /// What the MTF gains of the sensor are multiplied by.
    pub blur: f64,
    /// Standard deviation of the noise in PAN and in MS, DN.
    pub noise: [f32; 2],
    /// Rows and columns of PAN by which it lies off MS.
    pub shift: [f64; 2],
    /// Seed of the noise.
    pub seed: u64,
}

impl Variation {
    /// None: every place as the sensor is said to see it.
    pub fn none(bands: usize) -> Self {
        let ones = vec![1.0; bands];
        Self {
            gains: ones.clone(),
            haze: vec![0.0; bands],
            response: ones,
            blur: 1.0,
            noise: [0.0; 2],
            shift: [0.0; 2],
            seed: 0,
        }
    }

    /// Some variation, another one with each seed. Bands go from short to long waves, the last ones near infrared.
    pub fn draw(bands: usize, seed: u64) -> Self {
        let mut rng = numbers(seed);
        let mut within = |low: f64, high: f64| low + (high - low) * uniform(&mut rng);
        let sun = within(0.55, 1.1);
        // Plants are dark in red and bright in near infrared, more so in summer.
        let summer = within(0.65, 1.15);
        let haze = within(0.0, 0.06);
        let infrared = bands - bands / 4;
        let gain = |b: usize, own: f64| (sun * own * if b >= infrared { summer } else { 1.0 }) as f32;
        // Air scatters short waves most.
        let scattered = |b: usize| (haze * (1.0 - b as f64 / bands as f64).powi(2)) as f32;
        Self {
            gains: (0..bands).map(|b| gain(b, within(0.9, 1.1))).collect(),
            haze: (0..bands).map(scattered).collect(),
            response: (0..bands).map(|_| within(0.7, 1.3) as f32).collect(),
            blur: within(0.88, 1.12),
            noise: [within(0.0, 5.0) as f32, within(0.0, 3.0) as f32],
            shift: [within(-0.3, 0.3), within(-0.3, 0.3)],
            seed,
        }
    }

    /// A sensor with so many bands, another one with each seed.
    pub fn sensor(bands: usize, seed: u64) -> Sensor {
        let fitting: Vec<Sensor> =
            Sensor::ALL.iter().copied().filter(|sensor| sensor.ms_gains(bands).is_ok()).collect();
        fitting[(uniform(&mut numbers(seed ^ 0x5e50)) * fitting.len() as f64) as usize]
    }

    /// The truth as it is lit, `[H, W, C]`, and PAN made of that, `[H, W]`, shifted; `weights` are those of the bands in PAN.
    pub(super) fn seen(&self, truth: &[f32], width: usize, weights: &[f32]) -> [Vec<f32>; 2] {
        let bands = self.gains.len();
        let lit: Vec<f32> =
            truth.iter().enumerate().map(|(i, v)| v * self.gains[i % bands] + self.haze[i % bands]).collect();
        let weights: Vec<f32> = weights.iter().zip(&self.response).map(|(weight, own)| weight * own).collect();
        let sum: f32 = weights.iter().sum();
        let mixed = |pixel: &[f32]| pixel.iter().zip(&weights).map(|(v, weight)| v * weight).sum::<f32>() / sum;
        let pan: Vec<f32> = lit.chunks_exact(bands).map(mixed).collect();
        [lit, shifted(&pan, width, self.shift)]
    }

    /// Adds noise to the DN of PAN and of MS.
    pub(super) fn disturb(&self, [pan, ms]: [&mut [f32]; 2], top: f32) {
        let mut rng = numbers(self.seed ^ 0x0153);
        for (image, deviation) in [pan, ms].into_iter().zip(self.noise).filter(|(_, deviation)| *deviation > 0.0) {
            image.iter_mut().for_each(|v| *v = (*v + deviation * normal(&mut rng) as f32).round().clamp(0.0, top));
        }
    }
}

fn numbers(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// By Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(rng)).cos()
}

/// An image whose content lies so many rows and columns further, by cubic convolution (Keys, a = −1/2), border clamped.
fn shifted(image: &[f32], width: usize, [down, right]: [f64; 2]) -> Vec<f32> {
    if [down, right] == [0.0; 2] {
        return image.to_vec();
    }
    let height = image.len() / width;
    let taps = |shift: f64| {
        let (whole, t) = ((-shift).floor(), -shift - (-shift).floor());
        let weights = [
            -0.5 * t + t * t - 0.5 * t.powi(3),
            1.0 - 2.5 * t * t + 1.5 * t.powi(3),
            0.5 * t + 2.0 * t * t - 1.5 * t.powi(3),
            -0.5 * t * t + 0.5 * t.powi(3),
        ];
        (whole as isize - 1, weights)
    };
    let sum = |len: usize, at: usize, (first, weights): (isize, [f64; 4]), value: &dyn Fn(usize) -> f32| -> f32 {
        let place = |k: usize| (at as isize + first + k as isize).clamp(0, len as isize - 1) as usize;
        weights.iter().enumerate().map(|(k, weight)| weight * f64::from(value(place(k)))).sum::<f64>() as f32
    };
    let (rows, columns) = (taps(down), taps(right));
    let pixels = |i: usize| (i / width, i % width);
    let across: Vec<f32> =
        (0..image.len()).map(pixels).map(|(y, x)| sum(width, x, columns, &|x| image[y * width + x])).collect();
    (0..image.len()).map(pixels).map(|(y, x)| sum(height, y, rows, &|y| across[y * width + x])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_moves_what_is_there() {
        let (height, width) = (20, 24);
        let plane = |y: f64, x: f64| (3.0 + 0.5 * y + 0.25 * x + 0.01 * y * x) as f32;
        let at = |i: usize| ((i / width) as f64, (i % width) as f64);
        let image: Vec<f32> = (0..height * width).map(at).map(|(y, x)| plane(y, x)).collect();
        let moved = shifted(&image, width, [0.3, -1.25]);
        for i in (0..height * width)
            .filter(|i| (3..height - 3).contains(&(i / width)) && (3..width - 3).contains(&(i % width)))
        {
            let (y, x) = at(i);
            assert!((moved[i] - plane(y - 0.3, x + 1.25)).abs() < 1e-4, "{y} {x}");
        }
        assert_eq!(shifted(&image, width, [0.0; 2]), image);
    }

    #[test]
    fn every_seed_is_another_view() {
        let [a, b] = [1, 2].map(|seed| Variation::draw(8, seed));
        assert!(a != b && a == Variation::draw(8, 1));
        assert!(a.gains.iter().all(|gain| (0.3..1.5).contains(gain)) && a.haze.is_sorted_by(|x, y| x >= y));
        let sensors: Vec<Sensor> = (0..40).map(|seed| Variation::sensor(4, seed)).collect();
        assert!(sensors.contains(&Sensor::Qb) && sensors.contains(&Sensor::Generic) && !sensors.contains(&Sensor::Wv3));
    }
}
