//! Whole training steps and a short whole run at the main case's size, 512×512×8, on
//! each engine of this machine. Throughput is in floating-point operations.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trapan::engine::gpu::{Kind, adapters};
use trapan::engine::{Device, DeviceChoice, Options};
use trapan::graph::PlanId;
use trapan::method::config::{Profile, Sensor};
use trapan::method::crops::ten_crop;
use trapan::method::simulate::{Spec, simulate};
use trapan::method::{self, Config};
use trapan::raster::Scale;

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
        let side = if device.is_software() { 128 } else { 512 };
        let spec = Spec { size: [side, side], bands: 8, ratio: 4, sensor: Sensor::Wv2, seed: 1 };
        let pair = simulate(&spec).expect("a scene").pair().expect("a pair");
        let scale = Scale::of(&pair, None).expect("11 bit");
        let config = Config::new(Sensor::Wv2, Profile::Trapan, 8).expect("8 bands");
        let model = method::build(method::dims(&pair), &config);
        let mut engine = device.load(model.program.clone(), Options::default()).expect("it fits");
        let short = Config { epochs: 1, dam_epochs: 1, ..config.clone() };
        let (pan, ms) = (scale.normalise(&pair.pan.data), scale.normalise(&pair.ms.data));
        let observe = &mut |_: &method::Progress| ControlFlow::Continue(());
        method::train(engine.as_mut(), &model, &short, &pan, &ms, observe).expect("trains");

        let mut group = c.benchmark_group(format!("{side}×{side}×8 {name}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
        let mut bench = |label: &str, plan: PlanId| {
            let calls = model.program.plan(plan).calls.len();
            let flops: usize = model.program.plan(plan).calls.iter().map(|c| c.flops()).sum();
            let mut step = config.adam.step(1e-6, 1000);
            step.crops[..10].copy_from_slice(&ten_crop(side / 4, side / 4));
            group.throughput(Throughput::Elements(flops as u64));
            group.bench_function(label, |b| {
                b.iter_custom(|count| {
                    let start = Instant::now();
                    for _ in 0..count {
                        engine.run(plan, 0..calls, &step).expect("runs");
                    }
                    engine.watched().expect("done");
                    start.elapsed()
                });
            });
        };
        bench("dam step", model.dam_step);
        bench("reduced step", model.reduced_step);
        bench("full step", model.full_step);
        group.finish();
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);
