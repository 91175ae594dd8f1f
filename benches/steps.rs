//! The training steps of a default run at the main case's size, 512×512×8, on each engine
//! of this machine. Throughput is in floating-point operations.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trapan::bench::{BANDS, SIDE, Steps};
use trapan::engine::gpu::{Kind, adapters};
use trapan::engine::{Device, DeviceChoice};
use trapan::method::Phase;

fn devices() -> Vec<(&'static str, Device)> {
    let open = |choice: &str| Device::open(choice.parse::<DeviceChoice>().expect("a choice"), 0).expect("it opens").0;
    let mut devices = vec![("cpu", open("cpu"))];
    let kinds: Vec<Kind> = adapters().into_iter().map(|a| a.kind).collect();
    if kinds.iter().any(|k| *k != Kind::Software) {
        devices.push(("gpu", open("gpu")));
    }
    if kinds.contains(&Kind::Software) {
        devices.push(("software", open("software")));
    }
    devices
}

fn steps(c: &mut Criterion) {
    for (name, device) in devices() {
        // The software driver takes 10 s for a full step of 512×512.
        let side = if device.is_software() { SIDE / 4 } else { SIDE };
        let mut steps = Steps::load(&device, side).expect("it fits");
        let mut group = c.benchmark_group(format!("{side}×{side}×{BANDS} {name}"));
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

criterion_group!(benches, steps);
criterion_main!(benches);
