//! Every hot kernel at real sizes, forward and gradients, on each engine of this machine:
//! the workloads of `trapan bench`, under criterion.
//!
//! Throughput is in floating-point operations (criterion prints elements: `Gelem/s`
//! is GFLOP/s), or in bytes for kernels that only move data; the group `ceiling` is the
//! device's own ceilings. `TRAPAN_BENCH_SKIP=software,gpu0` leaves engines out.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trapan::bench::{Bench, SIDE, ceilings, workloads};
use trapan::engine::gpu::{DeviceKind, Pick, adapters};
use trapan::engine::{Device, DeviceChoice};
use trapan::kernels::Isa;

/// Engines to measure: the CPU, every real GPU, and the software driver on smaller images.
fn devices() -> Vec<(String, Device)> {
    let skip = std::env::var("TRAPAN_BENCH_SKIP").unwrap_or_default();
    let mut choices = vec![("cpu".to_owned(), DeviceChoice::Cpu(Isa::best()))];
    for (i, adapter) in adapters().iter().enumerate() {
        let name = if adapter.kind == DeviceKind::Software { "software".into() } else { format!("gpu{i}") };
        choices.push((name, DeviceChoice::Adapter(Pick::Index(i))));
    }
    choices.retain(|(name, _)| !skip.split(',').any(|s| s == name));
    choices.into_iter().map(|(name, choice)| (name, Device::open(choice, 0).expect("the device opens").0)).collect()
}

fn kernels(c: &mut Criterion) {
    for (name, device) in devices() {
        // The software driver is here for its shape, not for its speed.
        let side = if device.is_software() { SIDE / 4 } else { SIDE };
        let all: Vec<_> = ceilings(side).into_iter().chain(workloads(side)).collect();
        for of_group in all.chunk_by(|a, b| a.group == b.group) {
            let mut group = c.benchmark_group(format!("{} {name}", of_group[0].group));
            for workload in of_group {
                let mut bench = Bench::load(&device, workload).expect("it fits");
                let flops: usize = bench.calls().iter().map(|c| c.flops()).sum();
                let bytes: usize = bench.calls().iter().map(|c| c.bytes()).sum();
                // Below one operation per byte a kernel moves data; the rest computes.
                let moves = flops < bytes;
                group.throughput(if moves {
                    Throughput::Bytes(bytes as u64)
                } else {
                    Throughput::Elements(flops as u64)
                });
                group.bench_function(&workload.name, |b| {
                    b.iter_custom(|count| bench.time(count).expect("it runs"));
                });
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = kernels
}
criterion_main!(benches);
