//! Networks trained on many pairs: what they learn, files, starting from them.

use std::ops::ControlFlow;
use std::path::Path;

use trapan::engine::{Device, Options};
use trapan::method::apply::{Application, apply};
use trapan::method::config::{Base, Init, Profile, Sensor};
use trapan::method::prior::{Corpus, Course, Lap, Purpose, study};
use trapan::method::{Config, Job, MethodError, Prior, learn};
use trapan::scene::{GeometryOptions, Image, Scale, Scene, Survey};
use trapan::simulate::{Spec, Variation, simulate_seen};
use trapan::tiff::Source;

/// Simulated places in folders of their own.
struct Places(tempfile::TempDir);

const BANDS: usize = 4;

impl Places {
    fn new(count: u64) -> Self {
        Self::of_ratio(count, 4)
    }

    fn of_ratio(count: u64, ratio: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for seed in 0..count {
            let spec = Spec { size: [128, 96], bands: BANDS, ratio, sensor: Sensor::Qb, seed };
            let seen = Variation::draw(BANDS, seed);
            let simulated = simulate_seen(&spec, &seen).expect("simulates");
            simulated.write(&folder.path().join(seed.to_string()), false).expect("room");
        }
        Self(folder)
    }

    fn open(&self, place: usize) -> Scene<'static> {
        let folder = self.0.path().join(place.to_string());
        Scene::open(&folder.join("pan.tif"), &[folder.join("ms.tif")], &GeometryOptions::default()).expect("a pair")
    }

    fn truth(&self, place: usize) -> Source {
        Source::open(&[self.0.path().join(place.to_string()).join("truth.tif")]).expect("a file")
    }

    /// All but the last to learn from, that to judge by.
    fn corpus(&self, count: usize, config: &Config) -> Corpus {
        let mut corpus = Corpus::new(BANDS, 4).expect("room");
        for place in 0..count {
            let (scene, truth) = (self.open(place), self.truth(place));
            let survey = Survey::of(&scene).expect("values");
            let scale = Scale::new(&scene, &survey, None).expect("a scale");
            let purpose = if place + 1 == count { Purpose::Validate } else { Purpose::Train };
            let truth = Some(&truth as &dyn Image);
            corpus.add((&scene, &survey, &scale), truth, config, purpose).expect("a pair of the kind");
        }
        corpus
    }
}

fn config() -> Config {
    let start = Config::new(Sensor::Qb, Profile::Trapan, BANDS).expect("4 bands");
    Config {
        base: Base::Form(trapan::classical::Method::MtfGlpFs),
        width: 8,
        blocks: 1,
        lr_reduced: 4e-3,
        dam_epochs: 1,
        ..start
    }
}

const COURSE: Course = Course { patch: 24, patches: 8, steps: 240, every: 40 };

fn studied(corpus: &Corpus, checkpoint: Option<&Path>, stop: u32) -> (Result<Prior, MethodError>, Vec<Lap>) {
    let mut laps = Vec::new();
    let device = Device::cpu(2);
    let prior = study(corpus, &COURSE, &config(), (&device, Options::default()), checkpoint, &mut |lap| {
        laps.push(*lap);
        if lap.step >= stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (prior, laps)
}

#[test]
fn it_learns_goes_on_from_a_checkpoint_and_helps_pairs_it_has_not_seen() {
    let places = Places::new(4);
    let corpus = places.corpus(3, &config());
    let (prior, laps) = studied(&corpus, None, u32::MAX);
    let prior = prior.expect("trains");
    let judged: Vec<f64> = laps.iter().map(|lap| lap.judged.expect("a pair to judge by")).collect();
    assert_eq!(laps.len(), 6);
    assert!(prior.past.loss < 0.98 * judged[0], "{judged:?}");
    assert!((prior.past.loss - judged.iter().copied().fold(f64::INFINITY, f64::min)).abs() < 1e-12, "the best is kept");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let checkpoint = folder.path().join("c");
    let (stopped, _) = studied(&corpus, Some(&checkpoint), 120);
    assert!(matches!(stopped, Err(MethodError::Interrupted)) && checkpoint.exists());
    let (resumed, rest) = studied(&corpus, Some(&checkpoint), u32::MAX);
    assert!(resumed.expect("goes on") == prior && rest.len() == 3, "the same bytes, by three looks more");
    assert!(!checkpoint.exists(), "it goes with the end");
    // Other pairs are another course.
    let (stopped, _) = studied(&corpus, Some(&checkpoint), 40);
    assert!(stopped.is_err());
    let (other, _) = studied(&places.corpus(2, &config()), Some(&checkpoint), u32::MAX);
    assert!(matches!(other, Err(MethodError::OtherRun { .. })));

    let file = folder.path().join("prior.safetensors");
    prior.save(&file, false).expect("room");
    assert!(Prior::load(&file).expect("what was saved") == prior);
    adopted(&places, &prior);
    started(&places, &prior, &file);
}

/// As it is, it comes closer to the truth of a place it has not seen than the closed form that it adds to.
fn adopted(places: &Places, prior: &Prior) {
    let (scene, truth) = (places.open(3), places.truth(3));
    let survey = Survey::of(&scene).expect("values");
    let scale = Scale::new(&scene, &survey, None).expect("a scale");
    let model = prior.adopt((&scene, &survey), &scale, Some(Sensor::Qb)).expect("it suits the scene");
    let all = truth.header();
    let truth = truth.block(0..all.height, 0..all.width).expect("values").data;
    let device = Device::cpu(2);
    let error = |fusion| {
        let model = trapan::method::Model { fusion, ..model.clone() };
        let (options, part) = (Options::default(), [0..scene.rows.fine, 0..scene.columns.fine]);
        let job =
            Application { scene: &scene, model: &model, device: &device, options, part, memory: u64::MAX, lms: false };
        let mut fused = Vec::new();
        let mut collect = |rows: trapan::method::apply::FusedRows| {
            fused.extend(rows.hrms);
            Ok(())
        };
        apply(&job, &mut collect, &mut |_| ControlFlow::Continue(())).expect("applies");
        trapan::quality::rmse(&fused, &truth)
    };
    let [with, without] = [error(model.fusion.clone()), error(Vec::new())];
    assert!(with < 0.99 * without, "{with} against {without}");
}

/// A training that starts from it begins with its weights, and keeps the frozen ones.
fn started(places: &Places, prior: &Prior, file: &Path) {
    let scene = places.open(3);
    let survey = Survey::of(&scene).expect("values");
    let scale = Scale::new(&scene, &survey, None).expect("a scale");
    let init = Init::File(file.to_owned());
    let config = Config { epochs: 4, frozen: 2, prolong: false, init, ..config() };
    let device = Device::cpu(2);
    let mut job = Job::new((&scene, &survey), &scale, &config, &device);
    let run = learn(&mut job, &mut |_| ControlFlow::Continue(())).expect("trains");
    let log = run.log.expect("a training");
    assert!(log.initial.0 == prior.fusion);
    for (i, (kept, first)) in log.kept.0.iter().zip(&prior.fusion).enumerate() {
        assert_eq!(kept == first, i < 2, "layer {i}");
    }
    let other = Config { width: 16, ..config.clone() };
    let mut job = Job::new((&scene, &survey), &scale, &other, &device);
    let error = learn(&mut job, &mut |_| ControlFlow::Continue(())).err().expect("another network").to_string();
    assert!(error.contains("8 channels") && error.contains("16 channels"), "{error}");
    let frozen = Config { frozen: 4, ..config };
    assert!(frozen.check(BANDS).is_err(), "nothing would learn");
}

#[test]
fn pairs_of_another_kind_are_refused() {
    let places = Places::new(1);
    let scene = places.open(0);
    let survey = Survey::of(&scene).expect("values");
    let scale = Scale::new(&scene, &survey, None).expect("a scale");
    let mut corpus = Corpus::new(BANDS, 2).expect("room");
    let error = corpus.add((&scene, &survey, &scale), None, &config(), Purpose::Train).expect_err("another ratio");
    assert!(error.to_string().contains("4 bands at ratio 4"), "{error}");
    let mut corpus = Corpus::new(BANDS, 4).expect("room");
    let small = Source::open(&[places.0.path().join("0/ms.tif")]).expect("a file");
    let truth = Some(&small as &dyn Image);
    let error = corpus.add((&scene, &survey, &scale), truth, &config(), Purpose::Train).expect_err("another size");
    assert!(error.to_string().contains("32x24 pixels"), "{error}");
    let (nothing, _) = studied(&corpus, None, u32::MAX);
    assert!(matches!(nothing, Err(MethodError::Setting { name: "patch", .. })), "nothing to learn from");
}

#[test]
fn the_program_comes_with_networks_for_ratios_four_and_two() {
    let found = |config: &Config, bands, ratio| Prior::asked_for(config, bands, ratio).expect("no file is read");
    for (sensor, bands) in [(Sensor::Qb, 4), (Sensor::Generic, 4), (Sensor::Wv3, 8), (Sensor::Generic, 8)] {
        let config = Config::new(sensor, Profile::Trapan, bands).expect("its bands");
        for ratio in [2, 4] {
            let prior = found(&config, bands, ratio).expect("there is one");
            assert!((prior.bands, prior.ratio) == (bands, ratio) && prior.past.pairs > 40, "{:?}", prior.past);
        }
        assert!(found(&config, bands, 3).is_none(), "of another ratio");
        let narrow = Config { width: 16, ..config.clone() };
        let random = Config { init: Init::Random, ..config.clone() };
        let faithful = Config::new(sensor, Profile::Faithful, bands).expect("its bands");
        assert!([narrow, random, faithful].iter().all(|config| found(config, bands, 4).is_none()));
    }
}

/// Sums over the bands that stand for each other: of what a network of 8 sees, and of what it ends in.
#[test]
fn a_network_serves_other_numbers_of_bands() {
    let of = |bands| {
        let config = Config::new(Sensor::Generic, Profile::Trapan, bands).expect("any number");
        Prior::asked_for(&config, bands, 4).expect("no file is read").expect("there is one")
    };
    let (own, taps) = (of(8), 9);
    for bands in [1, 3, 6, 12, 16] {
        let prior = of(bands);
        let shape = prior.config.shape(bands);
        assert!(prior.fusion.iter().map(|l| l.weight.len() + l.bias.len()).sum::<usize>() == shape.parameters());
        // An image whose bands are alike is seen as one of as many as it has learnt with.
        let seen = |prior: &Prior| -> Vec<f32> {
            let images = prior.fusion[0].weight.chunks_exact(prior.bands * taps);
            let sum = |image: &[f32], tap| image.iter().skip(tap).step_by(taps).sum::<f32>();
            images.flat_map(|image| (0..taps).map(move |tap| sum(image, tap))).collect()
        };
        let near = |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near(&seen(&prior), &seen(&own)), "{bands}");
        let inner = |prior: &Prior| prior.fusion[1..prior.fusion.len() - 1].to_vec();
        assert!(inner(&prior) == inner(&own), "{bands}");
        // Each band is one of theirs, or the mean of several.
        let [last, first] = [&prior, &own].map(|prior| prior.fusion.last().expect("a layer"));
        let len = first.weight.len() / 8;
        for band in 0..bands {
            let stands = |i: &usize| if bands > 8 { *i == band * 8 / bands } else { i * bands / 8 == band };
            let theirs: Vec<usize> = (0..8).filter(stands).collect();
            let mean = |of: &dyn Fn(usize) -> f32| theirs.iter().map(|i| of(*i)).sum::<f32>() / theirs.len() as f32;
            assert!((last.bias[band] - mean(&|i| first.bias[i])).abs() < 1e-6, "{bands}");
            for k in 0..len {
                let found = last.weight[band * len + k];
                assert!((found - mean(&|i| first.weight[i * len + k])).abs() < 1e-6, "{bands}");
            }
        }
    }
}

/// On a place that they have not seen they are worth more than the epochs that few are short of many; that of 8 bands at
/// ratio 2 serves 4 here.
#[test]
fn networks_that_come_with_the_program_help() {
    for ratio in [4, 2] {
        let places = Places::of_ratio(1, ratio);
        let (scene, truth) = (places.open(0), places.truth(0));
        let all = truth.header();
        let truth = truth.block(0..all.height, 0..all.width).expect("values").data;
        let scale = Scale::of(&scene, None).expect("a scale");
        let error = |init, epochs| {
            let usual = Config::new(Sensor::Qb, Profile::Trapan, BANDS).expect("4 bands");
            let config = Config { epochs, prolong: false, dam_epochs: 10, sides: 1, init, ..usual };
            let device = Device::cpu(2);
            let fused = trapan::method::fuse(&scene, &scale, &config, &device, Options::default(), &mut ());
            trapan::quality::rmse(&fused.expect("trains").0.hrms, &truth)
        };
        let [taught, random] = [error(Init::Auto, 10), error(Init::Random, 40)];
        assert!(
            taught < 0.9 * random,
            "ratio {ratio}: {taught} after 10 epochs, {random} after 40 from random weights"
        );
    }
}
