//! MTF gains estimated from a pair, where they are known.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use trapan::method::config::{Profile, Sensor};
use trapan::method::{Config, Gain, estimate_gains};
use trapan::simulate::{SimulatedPair, Spec, simulate};

/// How far an estimate may be off.
const NEAR: f64 = 0.03;

fn pair(sensor: Sensor, bands: usize, ratio: usize, seed: u64) -> SimulatedPair {
    let spec = Spec { size: [512, 512], bands, ratio, sensor, seed };
    simulate(&spec).expect("allowed")
}

/// What is estimated by somebody who takes every gain to be `given`.
fn estimated(pair: &SimulatedPair, given: f64) -> Vec<Gain> {
    let bands = pair.ms.bands;
    let config = Config::with_gains(Sensor::Generic, Profile::Trapan, vec![given; bands]);
    estimate_gains(&pair.scene().expect("large enough"), &config).expect("readable")
}

#[track_caller]
fn near(gains: &[Gain], truth: &[f64], what: &str) {
    let off = gains.iter().zip(truth).map(|(gain, truth)| (gain.used - truth).abs()).fold(0.0, f64::max);
    assert!(off <= NEAR, "{what}: {off:.3} off {truth:?}: {gains:.3?}");
}

#[test]
fn gains_of_simulated_sensors_are_found() {
    for (sensor, bands) in [(Sensor::Qb, 4), (Sensor::Ge1, 4), (Sensor::Wv2, 8), (Sensor::Wv3, 8)] {
        for seed in 0..3 {
            let pair = pair(sensor, bands, 4, seed);
            let truth = sensor.ms_gains(bands).expect("its bands");
            near(&estimated(&pair, 0.3), &truth, &format!("{sensor}, place {seed}"));
        }
    }
}

/// Noise of 1 % of the range, in either image.
#[test]
fn noise_changes_no_gain_by_much() {
    let truth = Sensor::Qb.ms_gains(4).expect("4 bands");
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut noise = |values: &mut [f32]| {
        for value in values {
            // The sum of twelve of variance 1/12 is as good as normal.
            let sum: f64 = (0..12).map(|_| f64::from(rng.next_u32()) / f64::from(u32::MAX)).sum();
            *value += 20.0 * (sum - 6.0) as f32;
        }
    };
    let [mut ms, mut pan] = [(); 2].map(|()| pair(Sensor::Qb, 4, 4, 1));
    noise(&mut ms.ms.data);
    noise(&mut pan.pan.data);
    near(&estimated(&ms, 0.3), &truth, "noise in MS");
    near(&estimated(&pan, 0.3), &truth, "noise in PAN");
}

/// A band that PAN does not see has no gain of its own to be found: it takes that of the others.
#[test]
fn a_band_that_pan_does_not_see_takes_the_gain_of_the_others() {
    let mut pair = pair(Sensor::Ge1, 4, 4, 0);
    let other = self::pair(Sensor::Ge1, 4, 4, 5).ms.data;
    pair.ms.data.iter_mut().zip(other).skip(3).step_by(4).for_each(|(value, other)| *value = other);
    let gains = estimated(&pair, 0.4);
    assert_eq!(gains[3].found, None, "{gains:.3?}");
    near(&gains, &[0.23; 4], "one band of another place");
}

/// Where there is nothing to go by, the given gains stay.
#[test]
fn without_edges_the_given_gains_stay() {
    let mut pair = pair(Sensor::Ge1, 4, 4, 0);
    for (i, value) in pair.ms.data.iter_mut().enumerate() {
        *value = 100.0 + (i / 4 % 128) as f32;
    }
    let gains = estimated(&pair, 0.4);
    assert!(gains.iter().all(|gain| gain.found.is_none() && gain.used == 0.4), "{gains:.3?}");
}
