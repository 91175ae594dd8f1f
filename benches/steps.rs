//! The training steps of a default run at the main case's size, 512×512×8, and a whole short
//! fusion, on each engine of this machine. Throughput is in floating-point operations, or in
//! PAN pixels for the fusion.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trapan::bench::{BANDS, SIDE, Steps};
use trapan::engine::gpu::{DeviceKind, adapters};
use trapan::engine::{Device, DeviceChoice, Options};
use trapan::method::config::{Backbone, Profile, Sensor};
use trapan::method::{Config, Phase, fuse};
use trapan::scene::Scale;
use trapan::simulate::{Spec, simulate};

fn devices() -> Vec<(&'static str, Device)> {
    let open = |choice: &str| Device::open(choice.parse::<DeviceChoice>().expect("a choice"), 0).expect("it opens").0;
    let mut devices = vec![("cpu", open("cpu"))];
    let kinds: Vec<DeviceKind> = adapters().into_iter().map(|a| a.kind).collect();
    if kinds.iter().any(|k| *k != DeviceKind::Software) {
        devices.push(("gpu", open("gpu")));
    }
    if kinds.contains(&DeviceKind::Software) {
        devices.push(("software", open("software")));
    }
    devices
}

fn steps(c: &mut Criterion) {
    for (name, device) in devices() {
        // The software driver takes 10 s for a full step of 512×512.
        let side = if device.is_software() { SIDE / 4 } else { SIDE };
        let all = [Backbone::FusionNet, Backbone::LagNet, Backbone::LgpNet, Backbone::CanNet, Backbone::PanMamba];
        for backbone in all {
            let side = side.min(backbone.window());
            let mut steps = Steps::load(&device, side, BANDS, backbone).expect("it fits");
            let mut group = c.benchmark_group(format!("{backbone} {side}×{side}×{BANDS} {name}"));
            group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
            for phase in [Phase::Dam, Phase::Reduced, Phase::Full] {
                let flops: usize = steps.calls(phase).iter().map(|c| c.flops()).sum();
                group.throughput(Throughput::Elements(flops as u64));
                group.bench_function(format!("{phase} step"), |b| {
                    b.iter_custom(|count| steps.time(phase, count).expect("it runs"));
                });
            }
            group.finish();
        }
    }
}

/// From a scene in memory to the fused image, start-up included: a tenth of the epochs. Not on
/// the software driver, where ten samples would take minutes.
fn end_to_end(c: &mut Criterion) {
    for (name, device) in devices().into_iter().filter(|(_, device)| !device.is_software()) {
        let side = SIDE / 2;
        let spec = Spec { size: [side, side], bands: BANDS, ratio: 4, sensor: Sensor::Wv3, seed: 0 };
        let simulated = simulate(&spec).expect("a scene");
        let scene = simulated.scene().expect("a pair");
        let scale = Scale::of(&scene, None).expect("11 bit");
        let start = Config::new(Sensor::Wv3, Profile::Faithful, BANDS).expect("8 bands");
        let config = Config { epochs: 25, dam_epochs: 25, ..start };
        let mut group = c.benchmark_group(format!("end to end {name}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(4));
        group.throughput(Throughput::Elements((side * side) as u64));
        group.bench_function(format!("{side}×{side}×{BANDS}, 25 epochs"), |b| {
            b.iter(|| fuse(&scene, &scale, &config, &device, Options::default(), &mut ()).expect("fuses").0.hrms.len());
        });
        group.finish();
    }
}

criterion_group!(benches, steps, end_to_end);
criterion_main!(benches);
