//! How sharp the fused image is to be: the blur of reduced PAN.

use trapan::filter::{self, Grid};
use trapan::method::config::{Effort, Profile, Sensor};
use trapan::method::{self, Config};
use trapan::scene::{Scale, Survey};
use trapan::simulate::{SimulatedPair, Spec, simulate};

fn pair(sensor: Sensor, bands: usize, size: usize) -> SimulatedPair {
    let spec = Spec { size: [size; 2], bands, ratio: 4, sensor, seed: 1 };
    simulate(&spec).expect("allowed")
}

/// The pair one resolution lower, PAN blurred at a gain.
fn degraded(pair: &SimulatedPair, sensor: Sensor, pan_gain: f64) -> SimulatedPair {
    let [rows, columns] = [pair.pan.height, pair.pan.width].map(|side| Grid::aligned(side, 4));
    let small = [rows, columns].map(|grid: Grid| Grid::aligned(grid.coarse, grid.ratio));
    let mut lower = self::pair(sensor, pair.ms.bands, rows.coarse);
    lower.pan.data = filter::apply(&pair.pan.data, columns.fine, &[filter::degrade(pan_gain, rows, columns)]);
    let gains = sensor.ms_gains(pair.ms.bands).expect("its bands");
    let operators: Vec<_> = gains.iter().map(|gain| filter::degrade(*gain, small[0], small[1])).collect();
    lower.ms.data = filter::apply(&pair.ms.data, columns.coarse, &operators);
    lower
}

/// The gain that a run takes.
fn taken(pair: &SimulatedPair, config: &Config) -> f64 {
    let scene = pair.scene().expect("large enough");
    let survey = Survey::of(&scene).expect("data");
    let scale = Scale::new(&scene, &survey, None).expect("a range");
    method::closed_form(&scene, &survey, &scale, config).expect("fits").config.pan_gain
}

fn fast(sensor: Sensor, bands: usize) -> Config {
    Config::new(sensor, Profile::Trapan, bands).expect("its bands").with_effort(Effort::Fast)
}

/// A simulated PAN passes a third at its Nyquist frequency, as its truth does.
#[test]
fn a_sharp_pan_is_blurred_as_ms() {
    for (sensor, bands) in [(Sensor::Qb, 4), (Sensor::Wv2, 8)] {
        let config = fast(sensor, bands);
        let as_ms = config.ms_gains.iter().sum::<f64>() / bands as f64;
        assert_eq!(taken(&pair(sensor, bands, 256), &config), as_ms, "{sensor}");
    }
}

#[test]
fn a_pan_as_blurred_as_published_is_taken_so() {
    for (sensor, bands) in [(Sensor::Qb, 4), (Sensor::Wv2, 8)] {
        let (config, sharp) = (fast(sensor, bands), pair(sensor, bands, 1024));
        assert_eq!(taken(&degraded(&sharp, sensor, config.pan_gain), &config), config.pan_gain, "{sensor}");
        let sharper = taken(&degraded(&sharp, sensor, 0.5), &config);
        assert!(sharper > 1.5 * config.pan_gain, "{sensor}: {sharper}");
    }
}

/// Nothing is known of the sensor, whatever its PAN looks like.
#[test]
fn without_published_gains_pan_is_blurred_as_ms() {
    let sharp = pair(Sensor::Generic, 4, 1024);
    for sensor in [Sensor::Generic, Sensor::Gf2] {
        let config = fast(sensor, 4);
        assert_eq!(taken(&degraded(&sharp, sensor, 0.15), &config), 0.3);
    }
}

#[test]
fn a_given_gain_stays() {
    let sharp = pair(Sensor::Qb, 4, 256);
    let given = Config { pan_gain: 0.2, pan_auto: false, ..fast(Sensor::Qb, 4) };
    assert_eq!(taken(&sharp, &given), 0.2);
    for profile in [Profile::Faithful, Profile::Paper] {
        assert!(!Config::new(Sensor::Qb, profile, 4).expect("4 bands").pan_auto, "{profile:?}");
    }
}
