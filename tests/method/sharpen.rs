//! Scenes larger than a tile, and trainings of several samples, with nodata, interrupted and resumed.

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use trapan::classical::{Band, Form, Method};
use trapan::consistency::Validity;
use trapan::engine::{CpuEngine, Device, Options};
use trapan::filter::Grid;
use trapan::graph::Shape;
use trapan::kernels::Isa;
use trapan::method::apply::{Application, FusedRows, Pass, apply};
use trapan::method::config::{Base, Config, Profile, Sensor, Upsample};
use trapan::method::sharpen::TileSpan;
use trapan::method::{
    Checkpoints, Dims, Example as Window, ExampleWeights, Ground, Judgement, Lesson, Log, Model, Network, Plans,
    Progress, Sharpener, Start, View, train, windows,
};
use trapan::net::{Backbone, FusionShape, Layer};
use trapan::scene::{Scale, Scene, Survey};
use trapan::tiff::{Header, Raster, Sample};

use crate::support::devices::software;
use crate::support::formula::{DAM_GOLDEN, backbone_weights, dam_weights, fusion_weights, fusion_weights_seeing};
use crate::support::session::layers;

/// Values in 0..1 that repeat nowhere.
fn image(len: usize, seed: f32) -> Vec<f32> {
    (0..len).map(|k| 0.5 + 0.4 * ((k as f32 * 0.37 + seed).sin() * (k as f32 * 0.0113).cos())).collect()
}

fn rows(image: &[f32], width: usize, rows: &Range<usize>) -> Vec<f32> {
    image[rows.start * width..rows.end * width].to_vec()
}

/// Upsampled and fused image of a whole scene, tile by tile.
fn sharpen(device: &Device, dims: &Dims, upsample: Upsample, tile: [usize; 2]) -> ([Vec<f32>; 2], Vec<TileSpan>) {
    sharpen_by(Backbone::FusionNet, device, dims, upsample, tile)
}

/// What a network takes from a whole image.
fn statistics(shape: FusionShape) -> Vec<Vec<f32>> {
    let wave = |(k, (name, shape)): (usize, (String, Shape))| {
        let mut values = image(shape.len(), k as f32);
        if name.ends_with("clusters") {
            // Each row ends with its number.
            values.chunks_exact_mut(shape.c()).enumerate().for_each(|(k, row)| row[shape.c() - 1] = k as f32);
        }
        values
    };
    shape.statistics().into_iter().enumerate().map(wave).collect()
}

fn sharpen_by(
    backbone: Backbone,
    device: &Device,
    dims: &Dims,
    upsample: Upsample,
    tile: [usize; 2],
) -> ([Vec<f32>; 2], Vec<TileSpan>) {
    let (pan_w, ms_w, bands) = (dims.columns.fine, dims.columns.coarse, dims.bands);
    let (pan, ms) = (image(dims.pan().len(), 0.0), image(dims.ms().len(), 1.0));
    // PanMamba's blocks are many.
    let blocks = if backbone == Backbone::PanMamba { 1 } else { 4 };
    let shape = FusionShape { backbone, bands, sees_ms: false, width: 32, blocks };
    let (weights, statistics): (Vec<Layer>, _) = (layers(&backbone_weights(shape)), statistics(shape));
    let network = Network { shape, layers: &weights, statistics: &statistics, factors: None, base: false, sides: 1 };
    let all = [0..dims.rows.fine, 0..dims.columns.fine];
    let mut sharpener =
        Sharpener::new(device, Options::default(), dims, upsample, network, all, tile).expect("the device takes it");
    let strips = sharpener.strips().to_vec();
    let mut whole = [Vec::new(), Vec::new()];
    for strip in &strips {
        let (pan, ms) = (rows(&pan, pan_w, &strip.sees), rows(&ms, ms_w * bands, &strip.ms));
        let parts = sharpener.strip(strip, &pan, &ms, None, true).expect("the device runs it");
        whole.iter_mut().zip(parts).for_each(|(whole, part)| whole.extend(part));
    }
    (whole, strips)
}

/// MS of `h × w` on a PAN of its own size and phase.
pub fn dims(h: usize, w: usize, bands: usize, ratio: usize, phase: f64, cut: usize) -> Dims {
    let mut dims = Dims::aligned(h, w, bands, ratio);
    for grid in [&mut dims.rows, &mut dims.columns] {
        (grid.phase, grid.fine) = (phase, grid.fine - cut);
    }
    dims
}

/// Area-aligned, centre-aligned as Landsat's 2N − 1, and a PAN that starts inside an MS pixel.
#[test]
fn any_tile_size_gives_the_same_bytes() {
    let cpu = Device::cpu(2);
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
fn any_tile_size_gives_the_same_bytes_by_any_backbone() {
    let cpu = Device::cpu(2);
    for backbone in [Backbone::LagNet, Backbone::LgpNet, Backbone::CanNet] {
        for dims in [dims(40, 47, 3, 4, 1.5, 0), dims(70, 81, 2, 2, 0.0, 1)] {
            let run = |tile| sharpen_by(backbone, &cpu, &dims, Upsample::Cubic, tile);
            let (whole, _) = run([4096; 2]);
            // CANNet's rim is that of 36 small tiles.
            for tile in if backbone == Backbone::CanNet { [[128, 112]].as_slice() } else { &[[96, 130], [1, 1]] } {
                let (parts, strips) = run(*tile);
                assert!(strips.len() > 1, "{tile:?} cuts the scene");
                assert!(whole == parts, "{backbone} {dims:?}: tiles of {tile:?} give other bytes");
            }
        }
    }
}

/// PanMamba remembers all pixels before each one, so that tiles are not the whole. With these weights they are 2 % of what
/// the network adds off.
#[test]
fn tiles_of_panmamba_lie_near_the_whole() {
    let dims = dims(10, 34, 3, 4, 1.5, 0);
    let run = |tile| sharpen_by(Backbone::PanMamba, &Device::cpu(2), &dims, Upsample::Cubic, tile);
    let ([lms, whole], _) = run([4096; 2]);
    let ([_, parts], _) = run([112; 2]);
    let (added, apart) = (rms(&whole, &lms), rms(&whole, &parts));
    assert!(added > 1e-2 && apart > 0.0, "the test shows something: {added}, {apart}");
    assert!(apart < 0.05 * added, "tiles are {apart} off, of {added} that the network adds");
}

/// Root mean square of differences.
fn rms(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    (squares / a.len() as f64).sqrt()
}

#[test]
fn any_tile_size_gives_the_same_bytes_on_the_gpu() {
    let gpu = Device::Gpu(software().clone());
    let dims = dims(36, 29, 2, 4, 1.5, 0);
    for backbone in [Backbone::FusionNet, Backbone::LagNet, Backbone::LgpNet] {
        let [whole, tiles] =
            [[4096; 2], [112, 104]].map(|tile| sharpen_by(backbone, &gpu, &dims, Upsample::Cubic, tile).0);
        assert!(whole == tiles, "{backbone}: tiles give other bytes");
    }
}

/// Bits, since what is left invalid may be anything.
fn bits<'a>(image: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    image.into_iter().map(|v| v.to_bits()).collect()
}

/// A part in the middle, at each end, a single pixel; by the network alone, and from a base, from several sides and
/// with the consistency step.
#[test]
fn a_part_has_the_bytes_of_the_whole() {
    let (cpu, dims) = (Device::cpu(2), dims(52, 67, 2, 4, 1.5, 3));
    let [height, width] = [dims.rows.fine, dims.columns.fine];
    let others = [Backbone::LagNet, Backbone::LgpNet].map(|backbone| SimulatedPair::by(backbone, &dims));
    for scene in [SimulatedPair::of(&dims), SimulatedPair::preset(&dims)].into_iter().chain(others) {
        let whole = scene.apply(&cpu, [0..height, 0..width], u64::MAX);
        for part in [[60..130, 33..201], [0..40, width - 50..width], [height - 1..height, 0..1], [100..101, 99..100]] {
            let found = scene.apply(&cpu, part.clone(), 1 << 20);
            let row = |y: usize| &whole[(y * width + part[1].start) * 2..(y * width + part[1].end) * 2];
            let cut = part[0].clone().flat_map(row);
            assert!(bits(&found) == bits(cut), "{part:?} has other bytes than the whole");
        }
    }
}

/// All that the default preset does to a scene: a base, a network that looks from several sides, the consistency
/// step over several of its blocks; and the base and the step alone.
#[test]
fn memory_and_threads_change_no_byte_of_the_default_preset() {
    let networks = SimulatedPair::preset(&dims(132, 50, 2, 4, 1.5, 3));
    let mut forms = SimulatedPair::preset(&dims(300, 40, 2, 4, 1.5, 1));
    forms.model.fusion.clear();
    for scene in [networks, forms] {
        let all = scene.grids.map(|grid| 0..grid.fine);
        let (whole, _, ends) = scene.apply_watched(&Device::cpu(1), all.clone(), u64::MAX, &mut || ());
        for (threads, memory) in [(2, 1 << 20), (3, 0)] {
            let found = scene.apply_watched(&Device::cpu(threads), all.clone(), memory, &mut || ());
            assert!(found.2.len() > ends.len(), "{memory} bytes cut the scene into more strips");
            assert!(bits(&whole) == bits(&found.0), "{threads} threads, {memory} bytes: other bytes");
        }
    }
}

/// A scene in memory and networks for it.
pub struct SimulatedPair {
    pub pan: Raster,
    pub ms: Raster,
    pub grids: [Grid; 2],
    pub model: Model,
}

impl SimulatedPair {
    pub fn of(dims: &Dims) -> Self {
        let raster = |shape: Shape, seed: f32| {
            let header = Header::new("memory.tif", Sample::F32, [shape.w(), shape.h(), shape.c()]);
            Raster::new(header, image(shape.len(), seed))
        };
        let (pan, ms) = (raster(dims.pan(), 0.0), raster(dims.ms(), 1.0));
        let config = Config::new(Sensor::Generic, Profile::Faithful, dims.bands).expect("any bands");
        let grids = [dims.rows, dims.columns];
        let scale = Scale::of(&Scene::on_grids(&pan, &ms, grids), None).expect("a range");
        let fusion = layers(&fusion_weights(dims.bands));
        let dam = layers(&dam_weights(dims.bands, &DAM_GOLDEN));
        let means = vec![0.5; dims.bands + 1];
        let model = Model {
            config,
            bands: dims.bands,
            ratio: dims.rows.ratio,
            scale,
            means,
            fusion,
            statistics: Vec::new(),
            dam,
            start: None,
            judgement: None,
            sides: 1,
            nu: vec![None; dims.bands],
        };
        Self { pan, ms, grids, model }
    }

    pub fn scene(&self) -> Scene<'_> {
        Scene::on_grids(&self.pan, &self.ms, self.grids)
    }

    /// With all that the default preset has, and nodata.
    pub fn preset(dims: &Dims) -> Self {
        let Self { mut pan, mut ms, grids, model } = Self::of(dims);
        let bands = dims.bands;
        let invalid = |pixel: usize, width: usize| (30..36).contains(&(pixel / width)) && pixel % width < 9;
        for raster in [&mut pan, &mut ms] {
            raster.valid = Some((0..raster.width * raster.height).map(|i| !invalid(i, raster.width)).collect());
        }
        let linear = Band::Linear { detail: 0.9, pan: 0.0, bands: Vec::new(), constant: 0.01 };
        let form = Form {
            bands: [linear, Band::Modulated { haze: 0.3, least: Some(0.5) }].into_iter().cycle().take(bands).collect(),
        };
        let factors = (0..bands).map(|b| 1.0 / (b + 1) as f64).collect();
        let model = Model {
            config: Config::new(Sensor::Generic, Profile::Trapan, bands).expect("any bands"),
            fusion: layers(&fusion_weights_seeing(2 * bands, bands)),
            start: Some(Start { form, methods: vec![Method::MtfGlpFs; bands] }),
            judgement: Some(Judgement { factors, left: 0.5, left_of_band: vec![0.5; bands] }),
            sides: 3,
            nu: (0..bands).map(|b| Some(0.01 * (b + 1) as f64)).collect(),
            ..model
        };
        Self { pan, ms, grids, model }
    }

    /// The same with another network.
    pub fn by(backbone: Backbone, dims: &Dims) -> Self {
        let mut simulated = Self::preset(dims);
        let model = &mut simulated.model;
        model.config.backbone = backbone;
        model.fusion = layers(&backbone_weights(model.shape()));
        model.statistics = statistics(model.shape());
        simulated
    }

    pub fn apply(&self, device: &Device, part: [Range<usize>; 2], memory: u64) -> Vec<f32> {
        self.apply_watched(device, part, memory, &mut || ()).0
    }

    /// With what is done after each strip; what was applied, and where the strips ended.
    pub fn apply_watched(
        &self,
        device: &Device,
        part: [Range<usize>; 2],
        memory: u64,
        after: &mut dyn FnMut(),
    ) -> (Vec<f32>, Pass, Vec<usize>) {
        let scene = self.scene();
        let (model, options) = (&self.model, Options::default());
        let job = Application { scene: &scene, model, device, options, part, memory, lms: false };
        let (mut whole, mut ends) = (Vec::new(), Vec::new());
        let mut sink = |rows: FusedRows| {
            whole.extend(rows.hrms);
            Ok(())
        };
        let observe = &mut |end| {
            ends.push(end);
            after();
            ControlFlow::Continue(())
        };
        let applied = apply(&job, &mut sink, observe).expect("applies");
        (whole, applied, ends)
    }
}

#[test]
fn networks_come_back_from_their_file() {
    let dims = Dims::aligned(20, 20, 3, 4);
    let simulated = SimulatedPair::of(&dims);
    let (scene, model) = (simulated.scene(), &simulated.model);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("model.safetensors");
    model.save(&path, false).expect("a new file");
    assert!(model.save(&path, false).is_err(), "an existing file stays");
    assert_eq!(Model::load(&path).expect("our own file"), *model);
    let preset = SimulatedPair::preset(&dims).model;
    let other = dir.path().join("preset.safetensors");
    preset.save(&other, false).expect("a new file");
    assert_eq!(Model::load(&other).expect("our own file"), preset);
    for backbone in [Backbone::LagNet, Backbone::LgpNet, Backbone::CanNet, Backbone::PanMamba] {
        let model = SimulatedPair::by(backbone, &dims).model;
        let path = dir.path().join(backbone.name());
        model.save(&path, false).expect("a new file");
        assert_eq!(Model::load(&path).expect("our own file"), model);
        let factors = (!model.shape().ends_in_bands()).then_some(3);
        assert_eq!(model.factors().map(<[f64]>::len), factors, "where the network's weights cannot hold them");
    }
    model.check(&scene, &model.scale).expect("the scene it was made for");
    for (other, what) in [
        (Model { bands: 4, ..model.clone() }, "bands 4"),
        (Model { ratio: 2, ..model.clone() }, "ratio 2"),
        (Model { scale: Scale { scale: 2047.0, ..model.scale }, ..model.clone() }, "value range"),
    ] {
        let error = other.check(&scene, &model.scale).expect_err("refused").to_string();
        assert!(error.contains(what), "{error}");
    }
    // The codes' interpolator belongs to grids that lie as its own.
    let paper = Config { upsample: Upsample::Interp23, ..model.config.clone() };
    let paper = Model { config: paper, ..model.clone() };
    paper.check(&scene, &model.scale).expect("area-aligned");
    let between = [Grid { phase: 1.2, ..scene.rows }, scene.columns];
    let between = Scene::on_grids(&simulated.pan, &simulated.ms, between);
    let error = paper.check(&between, &model.scale).expect_err("refused").to_string();
    assert!(error.contains("interp23"), "{error}");
    // Cut, and with every byte of the header changed in turn: an error or the same, never a panic.
    let whole = std::fs::read(&path).expect("a file");
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("eight")) as usize;
    for at in (0..header).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).expect("writable");
        let _ = Model::load(&path);
        std::fs::write(&path, &whole[..at]).expect("writable");
        assert!(Model::load(&path).is_err(), "cut at {at}");
    }
}

/// All over the scene, each of the size asked for, more where there is texture, none in the nodata.
#[test]
fn windows_lie_where_there_is_something_to_learn() {
    let dims = Dims::aligned(300, 400, 1, 4);
    let (width, height) = (dims.columns.fine, dims.rows.fine);
    let mut simulated = SimulatedPair::of(&dims);
    // Left third nodata, middle third flat but for a step.
    let pan = &mut simulated.pan;
    pan.valid = Some((0..width * height).map(|i| i % width >= width / 3).collect());
    for (i, v) in pan.data.iter_mut().enumerate().filter(|(i, _)| i % width < 2 * width / 3) {
        *v = if i / width < 10 { 0.2 } else { 0.3 };
    }
    let scene = simulated.scene();
    let survey = Survey::of(&scene).expect("something is valid");
    let config = Config { train_size: 256, train_windows: 5, ..simulated.model.config.clone() };
    let window = windows::window_dims(&scene, &config);
    assert_eq!((window.rows.fine, window.columns.fine, window.rows.coarse), (256, 256, 64));
    let chosen = windows::choose(&scene, &survey.cells, &window, &config);
    assert!((2..=5).contains(&chosen.len()), "{chosen:?}");
    for place in &chosen {
        assert!(4 * place.row + 256 <= height && 4 * place.column + 256 <= width, "{place:?} is within the scene");
        assert!(4 * place.column + 32 >= width / 3, "{place:?} is valid but for a cell");
    }
    assert!(4 * chosen[0].column + 256 > 2 * width / 3, "the first has texture: {chosen:?}");
    assert_eq!(chosen, windows::choose(&scene, &survey.cells, &window, &config), "the same seed");
    let view = View {
        scene: &scene,
        scale: &simulated.model.scale,
        means: &survey.means,
        near: config.robust,
        trusting: false,
    };
    let samples = windows::samples(&view, &window, &chosen, &config).expect("in memory");
    assert!(samples.iter().all(|s| s.pan.len() == 256 * 256 && s.ms.len() == 64 * 64));

    let small = SimulatedPair::of(&Dims::aligned(100, 128, 1, 4));
    let scene = small.scene();
    let config = Config { train_size: 512, ..config.clone() };
    let window = windows::window_dims(&scene, &config);
    assert_eq!((window.rows, window.columns), (scene.rows, scene.columns), "a small scene is one window");
    let by_panmamba = Config { backbone: Backbone::PanMamba, ..config };
    let fine = |config: &Config| windows::window_dims(&scene, config).rows.fine;
    assert_eq!(fine(&by_panmamba), 128, "PanMamba's are small");
    assert_eq!(fine(&Config { epochs: 0, ..by_panmamba }), 400, "a closed form's are not");
}

/// The band of the codes' interpolator goes around the end of the image: it is never cut.
#[test]
fn an_interpolator_that_wraps_sees_the_whole_scene() {
    let dims = dims(40, 50, 1, 4, 1.5, 0);
    let (_, strips) = sharpen(&Device::cpu(1), &dims, Upsample::Interp23, [96, 96]);
    assert_eq!(strips.len(), 1);
}

#[test]
fn what_rests_on_nodata_counts_nothing() {
    let dims = Dims::aligned(20, 24, 1, 4);
    let (mut pan, mut ms) = (vec![true; 80 * 96], vec![true; 20 * 24]);
    pan[40 * 96 + 50] = false; // row 40, column 50: in MS pixel (10, 12)
    ms[3 * 24 + 4] = false;
    let weights = ExampleWeights::new(&dims, Validity { image: &pan, ms: &ms }, &config(1));
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

pub fn config(epochs: u32) -> Config {
    let start = Config::new(Sensor::Generic, Profile::Faithful, 3).expect("any bands");
    Config { epochs, dam_epochs: epochs, warm_up_epochs: 2, ..start }
}

/// The default preset, with networks small enough for many epochs.
pub fn preset(epochs: u32) -> Config {
    let start = Config::new(Sensor::Generic, Profile::Trapan, 3).expect("any bands");
    Config { epochs, dam_epochs: 3, warm_up_epochs: 2, width: 4, blocks: 1, dam_width: 4, ..start }
}

pub fn samples(dims: &Dims, config: &Config, count: usize) -> Vec<Window> {
    let sample = |k: usize| Window {
        pan: image(dims.pan().len(), k as f32),
        ms: image(dims.ms().len(), 10.0 + k as f32),
        bases: (config.base != Base::None).then(|| {
            let base = image(dims.pan().with_c(dims.bands).len(), 20.0 + k as f32);
            [base, image(dims.ms().len(), 10.2 + k as f32)]
        }),
        weights: None,
        ground: config.weighs_reduced().then(|| Ground::new(dims, None, config)),
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
    let weights = ExampleWeights::new(&dims, Validity { image: &pan, ms: &ms }, &config);
    let outcome = |filled: f32| {
        let mut sample = samples(&dims, &config, 1).remove(0);
        sample.pan.iter_mut().zip(&pan).filter(|(_, v)| !**v).for_each(|(x, _)| *x = filled);
        sample.ms.chunks_exact_mut(3).zip(&ms).filter(|(_, v)| !**v).for_each(|(x, _)| x.fill(filled));
        sample.weights = Some(weights.clone());
        run(&dims, &config, &[sample], None, u32::MAX).expect("trains")
    };
    let [low, high] = [0.1, 0.9].map(|filled| outcome(filled).best_full.expect("a full step"));
    // What is left: the network's ten pixels of reach into the nodata, and the tails of the blur.
    assert!((low - high).abs() < 0.02 * low, "full loss {low} or {high}, by what stands in the nodata");
}

/// Trains on two threads; breaks off after `reports` reports.
pub fn run(
    dims: &Dims,
    config: &Config,
    samples: &[Window],
    checkpoints: Option<&mut Checkpoints>,
    reports: u32,
) -> Result<Log, trapan::method::MethodError> {
    run_on(2, dims, config, samples, checkpoints, reports)
}

fn run_on(
    threads: usize,
    dims: &Dims,
    config: &Config,
    samples: &[Window],
    checkpoints: Option<&mut Checkpoints>,
    reports: u32,
) -> Result<Log, trapan::method::MethodError> {
    let plans = Plans::build(*dims, config, samples[0].weights.is_some()).expect("checks pass");
    let mut engine =
        CpuEngine::load(plans.program.clone(), threads, Options::default()).expect("threads").with_isa(Isa::best());
    let mut left = reports;
    let observe = &mut |_: &Progress| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    train(
        &mut engine,
        Lesson { plans: &plans, config, samples, init: None, checkpoints, look: Duration::ZERO, idle: false },
        observe,
    )
}

/// Broken off in either stage, at its ends, and twice.
#[test]
fn a_resumed_training_ends_with_the_same_bytes() {
    resumed(&config(6), &[&[1], &[6], &[7], &[2, 3, 2], &[9]]);
}

/// The mean of the weights, what withheld ground says of it (here in epochs 25 and 27) and the draws of places and
/// sides go on as well.
#[test]
fn a_resumed_training_of_the_default_preset_ends_with_the_same_bytes() {
    resumed(&preset(27), &[&[2], &[4], &[20], &[3, 9, 31], &[47]]);
}

/// Breaks a training off after so many reports, once or more, and goes on, on another number of threads.
fn resumed(config: &Config, stops: &[&[u32]]) {
    let dims = Dims::aligned(16, 18, 3, 4);
    let samples = samples(&dims, config, 3);
    let whole = run(&dims, config, &samples, None, u32::MAX).expect("trains");
    assert_eq!(whole.judgement.is_some(), config.withhold);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("out.tif.checkpoint");
    for stops in stops {
        let mut checkpoints = Checkpoints::new(&path, Duration::from_secs(3600));
        for stop in *stops {
            let stopped = run(&dims, config, &samples, Some(&mut checkpoints), *stop);
            assert!(stopped.is_err_and(|e| e.to_string().contains("interrupted")) && path.exists());
        }
        let resumed = run_on(3, &dims, config, &samples, Some(&mut checkpoints), u32::MAX).expect("goes on");
        assert!(resumed.kept == whole.kept, "broken off after {stops:?}: other weights");
        assert_eq!(resumed.steps, whole.steps, "broken off after {stops:?}");
        assert_eq!((resumed.epoch, resumed.best_full), (whole.epoch, whole.best_full));
        assert_eq!(resumed.judgement, whole.judgement);
        assert!(resumed.reduced == whole.reduced, "broken off after {stops:?}: the reduced pairs differ");
        checkpoints.remove().expect("a checkpoint to remove");
        assert!(!path.exists());
    }
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let (dims, config) = (Dims::aligned(16, 18, 3, 4), config(2));
    let samples = samples(&dims, &config, 1);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("checkpoint");
    let mut checkpoints = Checkpoints::new(&path, Duration::ZERO);
    run(&dims, &config, &samples, Some(&mut checkpoints), 1).map(|_| ()).expect_err("broken off");
    let other = Config { seed: 1, ..config.clone() };
    let refused = |config: &Config, checkpoints: &mut Checkpoints| {
        run(&dims, config, &samples, Some(checkpoints), u32::MAX).map(|_| ()).expect_err("refused").to_string()
    };
    let said = refused(&other, &mut checkpoints);
    let device = format!("CPU, {}", Isa::best());
    assert!(said.contains(&format!("version or device (on {device}; this run is on {device})")), "{said}");
    let whole = std::fs::read(&path).expect("a checkpoint");
    assert!(String::from_utf8_lossy(&whole).contains(&device), "it tells the instruction set");
    for (len, what) in [(0, "empty"), (whole.len() / 2, "half")] {
        std::fs::write(&path, &whole[..len]).expect("writable");
        assert!(refused(&config, &mut checkpoints).contains("no weights file of this program"), "{what}");
    }
}
