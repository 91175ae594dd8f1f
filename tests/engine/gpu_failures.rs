//! GPUs that are lost, and that have no memory: really, on the software device.

use std::ops::ControlFlow;
use std::process::Command;
use std::time::Duration;

use trapan::engine::gpu::Gpu;
use trapan::engine::{Device, EngineError, Options};
use trapan::method::config::Upsample;
use trapan::method::{Checkpoints, Config, Dims, Job, MethodError, Network, Progress, Sharpener, learn};
use trapan::net::{Backbone, FusionShape, Layer};
use trapan::scene::Survey;

use crate::method::sharpen::{SimulatedPair, config, dims};
use crate::support::devices::software;
use crate::support::formula::fusion_weights;
use crate::support::session::layers;

/// A GPU that is lost in the middle, really: the rest is computed on a new device in smaller tiles, where
/// tiles are as small as they get on the CPU, and what comes out is what would have come.
#[test]
fn a_lost_gpu_is_replaced_in_the_middle_of_a_scene() {
    let dims = dims(48, 16, 1, 4, 1.5, 0);
    let all = [0..dims.rows.fine, 0..dims.columns.fine];
    let scene = SimulatedPair::of(&dims);
    let undisturbed = scene.apply(&Device::cpu(2), all.clone(), u64::MAX);
    // Tiles of some more rows than the least, and of the least there are.
    for (memory, then) in [(5_000_000, "went on with tiles of 64x128"), (0, "went on on the CPU")] {
        let gpu = software().reopen().expect("the adapter is still there");
        let device = Device::Gpu(gpu.clone());
        let (fused, applied, ends) = scene.apply_watched(&device, all.clone(), memory, &mut || gpu.lose());
        assert!(ends.len() > 1 && ends[0] < dims.rows.fine, "{ends:?}: lost after the first of several strips");
        assert_eq!(applied.notes.len(), 1, "{:?}", applied.notes);
        assert!(
            applied.notes[0].text.contains("device lost") && applied.notes[0].text.ends_with(then),
            "{:?}",
            applied.notes
        );
        assert_eq!(fused.len(), undisturbed.len());
        let far = fused.iter().zip(&undisturbed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-5, "{then}: {far} off the CPU's pixels");
    }
}

/// A GPU that is lost in the middle of a training, after it has left a checkpoint: the CPU trains anew, and
/// is not stopped by the checkpoint, which is no good to it.
#[test]
fn a_training_goes_on_without_its_gpu() {
    let dims = Dims::aligned(16, 18, 3, 4);
    let simulated = SimulatedPair::of(&dims);
    let (scene, model) = (simulated.scene(), &simulated.model);
    let survey = Survey::of(&scene).expect("something is valid");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("out.tif.checkpoint");
    let learned = |device: &Device, checkpoints: Option<&mut Checkpoints>, after: &mut dyn FnMut()| {
        let observe = &mut |_: &Progress| {
            after();
            ControlFlow::Continue(())
        };
        let config = &config(3);
        let mut job = Job { checkpoints, ..Job::new((&scene, &survey), &model.scale, config, device) };
        learn(&mut job, observe).expect("trains")
    };
    let cpu = learned(&Device::cpu(0), None, &mut || ());
    let gpu = software().reopen().expect("the adapter is still there");
    let mut left = false;
    let mut checkpoints = Checkpoints::new(&path, Duration::ZERO);
    let found = learned(&Device::Gpu(gpu.clone()), Some(&mut checkpoints), &mut || {
        left |= path.exists();
        if left {
            gpu.lose();
        }
    });
    assert!(left, "lost after a checkpoint");
    assert!(
        matches!(&found.notes[..], [note] if note.text.contains("device lost") && note.text.ends_with("on the CPU instead"))
    );
    assert_eq!((&found.timings.device, found.model), (&cpu.timings.device, cpu.model));
}

/// The software driver binds at most 128 MiB; 32 channels of 1088×1088 take 144. Asked to learn from all of it at once,
/// the driver cannot, and the CPU takes over.
#[test]
fn a_window_too_large_for_the_adapter_is_learnt_on_the_cpu() {
    let simulated = SimulatedPair::of(&Dims::aligned(272, 272, 3, 4));
    let scene = simulated.scene();
    let survey = Survey::of(&scene).expect("something is valid");
    let config = Config { train_size: 1088, blocks: 1, ..config(1) };
    let device = Device::Gpu(software().clone());
    let mut job = Job::new((&scene, &survey), &simulated.model.scale, &config, &device);
    let found = learn(&mut job, &mut |_| ControlFlow::Continue(())).expect("trains");
    let [note] = &found.notes[..] else { panic!("{:?}", found.notes) };
    for part in ["full.h0", "151519232 bytes", "134217728", "the training ran on the CPU instead"] {
        assert!(note.text.contains(part), "{part}: {}", note.text);
    }
    assert!(found.timings.device.contains("CPU"), "{}", found.timings.device);
}

/// A GPU without memory for a tile says so, and takes a smaller one: in a process that may not have more
/// memory than it has already, as the software device takes its from there.
#[cfg(target_os = "linux")]
#[test]
fn a_gpu_without_memory_takes_smaller_tiles() {
    let child = ["engine::gpu_failures::child_runs_out_of_memory", "--exact", "--ignored", "--nocapture"];
    let ended = Command::new(std::env::current_exe().expect("this test")).args(child).output().expect("it starts");
    assert!(
        ended.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by a_gpu_without_memory_takes_smaller_tiles"]
fn child_runs_out_of_memory() {
    let gpu = software();
    let dims = Dims::aligned(250, 250, 1, 4);
    let weights: Vec<Layer> = layers(&fusion_weights(1));
    let shape = FusionShape { backbone: Backbone::FusionNet, bands: 1, sees_ms: false, width: 32, blocks: 4 };
    let network = Network { shape, layers: &weights, statistics: &[], factors: None, base: false, sides: 1 };
    let load = |gpu: &Gpu, side: usize| {
        let device = Device::Gpu(gpu.clone());
        let all = [0..dims.rows.fine, 0..dims.columns.fine];
        Sharpener::new(&device, Options::default(), &dims, Upsample::Cubic, network, all, [side; 2]).map(|_| ())
    };
    load(gpu, 200).expect("there is memory");
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = pages.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    // 200 MB more, of which a tile of 1000x1000 would take 400.
    let limit = format!("--as={}", pages * 4096 + 200_000_000);
    let limited = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), &limit]).status();
    assert!(limited.is_ok_and(|status| status.success()), "these tests need prlimit: apt install util-linux");
    let error = load(gpu, 1000).expect_err("there is no memory");
    assert!(matches!(error, MethodError::Engine(EngineError::OutOfMemory { .. })), "{error}");
    load(gpu, 200).expect("there is memory for this");
}
