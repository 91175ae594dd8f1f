//! Scenes larger than a tile, and trainings of several samples, with nodata, interrupted and resumed.

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use trapan::engine::{CpuEngine, Device, Options};
use trapan::graph::Isa;
use trapan::method::config::{Config, Profile, Sensor, Upsample};
use trapan::method::{
    Checkpoints, Dims, Job, Model, Outcome, Progress, Sample, SampleWeights, Sharpener, Validity, sharpen::Span, train,
};
use trapan::net::{FusionShape, Layer};

use crate::support::devices::software;
use crate::support::formula::fusion_weights;
use crate::support::session::layers;

/// Values in 0..1 that repeat nowhere.
fn image(len: usize, seed: f32) -> Vec<f32> {
    (0..len).map(|k| 0.5 + 0.4 * ((k as f32 * 0.37 + seed).sin() * (k as f32 * 0.0113).cos())).collect()
}

fn rows(image: &[f32], width: usize, rows: &Range<usize>) -> Vec<f32> {
    image[rows.start * width..rows.end * width].to_vec()
}

/// Upsampled and fused image of a whole scene, tile by tile.
fn sharpen(device: &Device, dims: &Dims, upsample: Upsample, tile: [usize; 2]) -> ([Vec<f32>; 2], Vec<Span>) {
    let (pan_w, ms_w, bands) = (dims.columns.fine, dims.columns.coarse, dims.bands);
    let (pan, ms) = (image(dims.pan().len(), 0.0), image(dims.ms().len(), 1.0));
    let weights: Vec<Layer> = layers(&fusion_weights(bands));
    let network = (FusionShape { bands, width: 32, blocks: 4 }, &weights[..]);
    let mut sharpener =
        Sharpener::new(device, Options::default(), dims, upsample, network, tile).expect("the device takes it");
    let strips = sharpener.strips().to_vec();
    let mut whole = [Vec::new(), Vec::new()];
    for strip in &strips {
        let (pan, ms) = (rows(&pan, pan_w, &strip.sees), rows(&ms, ms_w * bands, &strip.ms));
        let parts = sharpener.strip(strip, &pan, &ms, true).expect("the device runs it");
        whole.iter_mut().zip(parts).for_each(|(whole, part)| whole.extend(part));
    }
    (whole, strips)
}

/// MS of `h × w` on a PAN of its own size and phase.
fn dims(h: usize, w: usize, bands: usize, ratio: usize, phase: f64, cut: usize) -> Dims {
    let mut dims = Dims::aligned(h, w, bands, ratio);
    for grid in [&mut dims.rows, &mut dims.columns] {
        (grid.phase, grid.fine) = (phase, grid.fine - cut);
    }
    dims
}

/// Area-aligned, centre-aligned as Landsat's 2N − 1, and a PAN that starts inside an MS pixel.
#[test]
fn any_tile_size_gives_the_same_bytes() {
    let cpu = Device::Cpu { threads: 2 };
    for dims in [dims(52, 67, 3, 4, 1.5, 0), dims(110, 121, 2, 2, 0.0, 1), dims(50, 61, 1, 4, -0.7, 5)] {
        let ([lms, hrms], strips) = sharpen(&cpu, &dims, Upsample::Cubic, [4096; 2]);
        assert_eq!((strips.len(), hrms.len()), (1, dims.pan().len() * dims.bands));
        for tile in [[96, 130], [152, 104], [1, 1]] {
            let ([other_lms, other], strips) = sharpen(&cpu, &dims, Upsample::Cubic, tile);
            assert!(strips.len() > 1, "{tile:?} cuts the scene");
            assert!(lms == other_lms, "{dims:?}: tiles of {tile:?} upsample to other bytes");
            assert!(hrms == other, "{dims:?}: tiles of {tile:?} give other bytes");
        }
    }
}

#[test]
fn any_tile_size_gives_the_same_bytes_on_the_gpu() {
    let gpu = Device::Gpu(software().clone());
    let dims = dims(36, 29, 2, 4, 1.5, 0);
    let whole = sharpen(&gpu, &dims, Upsample::Cubic, [4096; 2]).0;
    let tiles = sharpen(&gpu, &dims, Upsample::Cubic, [112, 104]).0;
    assert!(whole == tiles, "tiles give other bytes");
}

/// The band of the codes' interpolator goes around the end of the image: it is never cut.
#[test]
fn an_interpolator_that_wraps_sees_the_whole_scene() {
    let dims = dims(40, 50, 1, 4, 1.5, 0);
    let (_, strips) = sharpen(&Device::Cpu { threads: 1 }, &dims, Upsample::Interp23, [96, 96]);
    assert_eq!(strips.len(), 1);
}

#[test]
fn what_rests_on_nodata_counts_nothing() {
    let dims = Dims::aligned(20, 24, 1, 4);
    let (mut pan, mut ms) = (vec![true; 80 * 96], vec![true; 20 * 24]);
    pan[40 * 96 + 50] = false; // row 40, column 50: in MS pixel (10, 12)
    ms[3 * 24 + 4] = false;
    let weights = SampleWeights::new(&dims, Validity { pan: &pan, ms: &ms });
    let zeros = |w: &[f32]| w.iter().filter(|v| **v == 0.0).count();
    for w in [&weights.pan, &weights.ms, &weights.reduced] {
        let mean = w.iter().map(|v| f64::from(*v)).sum::<f64>() / w.len() as f64;
        assert!((mean - 1.0).abs() < 1e-5, "mean {mean}");
    }
    let at = |row: usize, column: usize| weights.pan[row * 96 + column];
    assert_eq!(at(40, 50), 0.0, "the PAN pixel itself");
    assert!(at(40, 51) > 1.0 && at(39, 50) > 1.0, "its neighbours see it only through the network");
    // Cubic upsampling reads MS pixels within 2 of it: PAN pixels of MS rows 1.0..5.0 and more than half of the next.
    assert_eq!(zeros(&weights.pan), 1 + 16 * 16);
    let ms_at = |row: usize, column: usize| weights.ms[row * 24 + column];
    assert_eq!((ms_at(10, 12), ms_at(3, 4)), (0.0, 0.0), "where a pixel is invalid");
    assert_eq!((ms_at(12, 12), ms_at(10, 10)), (0.0, 0.0), "within 2.5 MS pixels");
    assert!(ms_at(13, 12) > 1.0 && ms_at(10, 9) > 1.0, "further away");
    assert!(zeros(&weights.reduced) > zeros(&weights.ms), "the reduced pair reaches further");
}

fn config(epochs: u32) -> Config {
    let start = Config::new(Sensor::Generic, Profile::Trapan, 3).expect("any bands");
    Config { epochs, dam_epochs: epochs, warm_up_epochs: 2, ..start }
}

fn samples(dims: &Dims, count: usize) -> Vec<Sample> {
    let sample = |k: usize| Sample {
        pan: image(dims.pan().len(), k as f32),
        ms: image(dims.ms().len(), 10.0 + k as f32),
        weights: None,
    };
    (0..count).map(sample).collect()
}

/// Pixels that count nothing may hold anything.
#[test]
fn nodata_does_not_enter_the_training() {
    let (dims, config) = (Dims::aligned(32, 36, 3, 4), config(4));
    let (mut pan, mut ms) = (vec![true; dims.pan().len()], vec![true; 32 * 36]);
    pan.iter_mut().take(40 * 144).for_each(|v| *v = false);
    ms.iter_mut().take(10 * 36).for_each(|v| *v = false);
    let weights = SampleWeights::new(&dims, Validity { pan: &pan, ms: &ms });
    let outcome = |filled: f32| {
        let mut sample = samples(&dims, 1).remove(0);
        sample.pan.iter_mut().zip(&pan).filter(|(_, v)| !**v).for_each(|(x, _)| *x = filled);
        sample.ms.chunks_exact_mut(3).zip(&ms).filter(|(_, v)| !**v).for_each(|(x, _)| x.fill(filled));
        sample.weights = Some(weights.clone());
        run(&dims, &config, &[sample], None, u32::MAX).expect("trains")
    };
    let [low, high] = [0.1, 0.9].map(|filled| outcome(filled).best_full.expect("a full step"));
    // What is left: the network's ten pixels of reach into the nodata, and the tails of the blur.
    assert!((low - high).abs() < 0.02 * low, "full loss {low} or {high}, by what stands in the nodata");
}

/// Trains; breaks off after `epochs` reports.
fn run(
    dims: &Dims,
    config: &Config,
    samples: &[Sample],
    checkpoints: Option<&mut Checkpoints>,
    reports: u32,
) -> Result<Outcome, trapan::method::MethodError> {
    let model = Model::build(*dims, config, samples[0].weights.is_some()).expect("checks pass");
    let mut engine =
        CpuEngine::load(model.program.clone(), 2, Options::default()).expect("two threads").with_isa(Isa::best());
    let mut left = reports;
    let observe = &mut |_: &Progress| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    train(&mut engine, Job { model: &model, config, samples, checkpoints, look: Duration::ZERO }, observe)
}

/// Broken off in either stage, at its ends, and twice.
#[test]
fn a_resumed_training_ends_with_the_same_bytes() {
    let (dims, config) = (Dims::aligned(16, 18, 3, 4), config(6));
    let samples = samples(&dims, 3);
    let whole = run(&dims, &config, &samples, None, u32::MAX).expect("trains");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("out.tif.checkpoint");
    for stops in [vec![1], vec![6], vec![7], vec![2, 3, 2], vec![9]] {
        let mut checkpoints = Checkpoints::new(&path, Duration::from_secs(3600));
        for stop in &stops {
            let stopped = run(&dims, &config, &samples, Some(&mut checkpoints), *stop);
            assert!(stopped.is_err_and(|e| e.to_string().contains("interrupted")) && path.exists());
        }
        let resumed = run(&dims, &config, &samples, Some(&mut checkpoints), u32::MAX).expect("goes on");
        assert!(resumed.trained == whole.trained, "broken off after {stops:?}: other weights");
        assert_eq!(resumed.steps, whole.steps, "broken off after {stops:?}");
        assert_eq!((resumed.epoch, resumed.best_full), (whole.epoch, whole.best_full));
        checkpoints.remove().expect("a checkpoint to remove");
        assert!(!path.exists());
    }
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let (dims, config) = (Dims::aligned(16, 18, 3, 4), config(2));
    let samples = samples(&dims, 1);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("checkpoint");
    let mut checkpoints = Checkpoints::new(&path, Duration::ZERO);
    run(&dims, &config, &samples, Some(&mut checkpoints), 1).map(|_| ()).expect_err("broken off");
    let other = Config { seed: 1, ..config.clone() };
    let refused = |config: &Config, checkpoints: &mut Checkpoints| {
        run(&dims, config, &samples, Some(checkpoints), u32::MAX).map(|_| ()).expect_err("refused").to_string()
    };
    assert!(refused(&other, &mut checkpoints).contains("other images, settings, device or version"));
    let whole = std::fs::read(&path).expect("a checkpoint");
    for (len, what) in [(0, "empty"), (whole.len() / 2, "half")] {
        std::fs::write(&path, &whole[..len]).expect("writable");
        assert!(refused(&config, &mut checkpoints).contains("no weights file of this program"), "{what}");
    }
}
