//! The consistency step on whole images, and making its tables. Throughput is in bytes of the image.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trapan::consistency::{ConsistencyStep, Validity};
use trapan::filter::Grid;

fn step(c: &mut Criterion) {
    for (side, bands) in [(512, 8), (1024, 4), (4096, 4)] {
        let grid = Grid::aligned(side, 4);
        let (gains, nu) = (vec![0.3; bands], vec![Some(0.01); bands]);
        let value = |i: usize| 300.0 + (i as f32 * 0.37).sin() * 100.0;
        let x: Vec<f32> = (0..side * side * bands).map(value).collect();
        let ms: Vec<f32> = (0..grid.coarse * grid.coarse * bands).map(value).collect();
        // A slanted edge of nodata, as a turned scene has it.
        let slanted = |side: usize| -> Vec<bool> { (0..side * side).map(|i| i % side > i / side / 4).collect() };
        let (image_valid, ms_valid) = (slanted(side), vec![true; grid.coarse * grid.coarse]);
        let valid = Validity { image: &image_valid, ms: &ms_valid };

        let mut group = c.benchmark_group(format!("consistency {side}×{side}×{bands}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
        group.bench_function("tables", |b| b.iter(|| ConsistencyStep::new(grid, grid, &gains, &nu)));
        group.throughput(Throughput::Bytes(4 * x.len() as u64));
        let step = ConsistencyStep::new(grid, grid, &gains, &nu);
        let mut moved = x.clone();
        group.bench_function("whole", |b| b.iter(|| step.whole(&mut moved, &ms, None)));
        moved.copy_from_slice(&x);
        group.bench_function("with nodata", |b| b.iter(|| step.whole(&mut moved, &ms, Some(valid))));
        group.finish();
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
