//! Every hot kernel at real sizes, forward and gradients, on each engine of this machine.
//!
//! Throughput is in floating-point operations (criterion prints elements: `Gelem/s`
//! is GFLOP/s), or in bytes for kernels that only move data; `copy` is the machine's own
//! ceiling for those, measured in the same run. `TRAPAN_BENCH_SKIP=software,gpu0` leaves
//! engines out.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use trapan::engine::gpu::{Kind, Pick, adapters};
use trapan::engine::{Device, DeviceChoice, Engine, Options};
use trapan::graph::{PlanBuilder, PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use trapan::kernels::resample::{Axis, Table};
use trapan::kernels::{adam, conv2d, image, loss, mlp, resample};

/// PAN of the main case: 512×512, 8 bands, 32 hidden channels.
const FULL: Shape = Shape([1, 512, 512, 32]);
/// Crops of its reduced step.
const CROPS: Shape = Shape([8, 64, 64, 32]);
const BANDS: usize = 8;

/// Engines to measure: the CPU, every real GPU, and the software driver on smaller images.
fn devices() -> Vec<(String, Device)> {
    let skip = std::env::var("TRAPAN_BENCH_SKIP").unwrap_or_default();
    let mut choices = vec![("cpu".to_owned(), DeviceChoice::Cpu)];
    for (i, adapter) in adapters().iter().enumerate() {
        let name = if adapter.kind == Kind::Software { "software".into() } else { format!("gpu{i}") };
        choices.push((name, DeviceChoice::Adapter(Pick::Index(i))));
    }
    choices.retain(|(name, _)| !skip.split(',').any(|s| s == name));
    choices.into_iter().map(|(name, choice)| (name, Device::open(choice, 0).expect("the device opens").0)).collect()
}

fn input(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

fn output(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Output)
}

/// One plan loaded on an engine, inputs filled.
struct Loaded {
    engine: Box<dyn Engine>,
    program: Arc<Program>,
    plan: PlanId,
    /// Any small output: reading it waits for the device.
    probe: Tensor,
}

impl Loaded {
    fn new(device: &Device, build: impl FnOnce(&mut PlanBuilder<'_>)) -> Self {
        let mut builder = ProgramBuilder::new();
        let mut plan = builder.plan("bench");
        build(&mut plan);
        let probe = plan.tensor("probe", Shape::flat(1), Role::Output);
        let rows = plan.tensor("probe rows", Shape([1, 1, 1, 1]), Role::Input);
        loss::sum_rows(&mut plan, rows, 1.0, probe);
        let plan = plan.finish();
        let program = Arc::new(builder.finish().unwrap_or_else(|e| panic!("{e:?}")));
        let mut engine = device.load(program.clone(), Options::default()).expect("the program fits");
        for info in program.tensors() {
            if matches!(info.role, Role::Input | Role::Param) {
                let tensor = program.tensor(&info.name).expect("it is in the table");
                let wave: Vec<f32> = (0..info.shape.len()).map(|k| (k as f32 * 0.7).sin() * 0.1).collect();
                let values = if info.name == "start" { vec![0.0; wave.len()] } else { wave };
                engine.write(tensor, &values).expect("written");
            }
        }
        Self { engine, program, plan, probe }
    }

    /// Time of `count` runs of all calls but the probe's.
    fn time(&mut self, count: u64) -> Duration {
        let calls = self.program.plan(self.plan).calls.len() - 1;
        let step = adam::Adam::default().step(5e-4, 10);
        self.engine.read(self.probe).expect("idle");
        let start = Instant::now();
        for _ in 0..count {
            self.engine.run(self.plan, 0..calls, &step).expect("runs");
        }
        self.engine.read(self.probe).expect("done");
        start.elapsed()
    }

    fn bench(&mut self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
        let calls = &self.program.plan(self.plan).calls;
        let flops: usize = calls.iter().map(|c| c.flops()).sum();
        let bytes: usize = calls.iter().map(|c| c.bytes()).sum();
        // Below one operation per byte a kernel moves data; the rest computes.
        let moves = flops < bytes;
        group.throughput(if moves { Throughput::Bytes(bytes as u64) } else { Throughput::Elements(flops as u64) });
        group.bench_function(name, |b| b.iter_custom(|count| self.time(count)));
    }
}

/// This machine's own bandwidth on all cores.
fn ceilings(c: &mut Criterion) {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let mut group = c.benchmark_group("cpu ceiling");
    let (from, mut to) = (vec![1.0f32; 1 << 26], vec![0.0f32; 1 << 26]);
    group.throughput(Throughput::Bytes(8 << 26));
    group.bench_function("copy", |b| {
        b.iter(|| {
            let share = (1 << 26) / threads;
            std::thread::scope(|s| {
                for (to, from) in to.chunks_mut(share).zip(from.chunks(share)) {
                    s.spawn(|| black_box(to).copy_from_slice(from));
                }
            });
        });
    });
    group.finish();
}

fn convolutions(c: &mut Criterion) {
    for (name, device) in devices() {
        // The software driver is here for its shape, not for its speed.
        let shrink =
            |s: Shape| if device.is_software() { Shape([s.n().min(2), s.h() / 4, s.w() / 4, s.c()]) } else { s };
        for (size, hidden) in [("full", shrink(FULL)), ("crops", shrink(CROPS))] {
            let mut group = c.benchmark_group(format!("conv2d {name} {size}"));
            for (ci, co) in [(BANDS, 32), (32, 32), (32, BANDS)] {
                let layer = format!("{ci}→{co}");
                let len = Shape::flat(conv2d::weight_len(ci, co));
                Loaded::new(&device, |p| {
                    let (x, w) = (input(p, "x", hidden.with_c(ci)), input(p, "w", len));
                    let y = output(p, "y", hidden.with_c(co));
                    conv2d::forward(p, x, w, None, true, y);
                })
                .bench(&mut group, &format!("{layer} forward"));
                Loaded::new(&device, |p| {
                    let (dy, w) = (input(p, "dy", hidden.with_c(co)), input(p, "w", len));
                    let dx = output(p, "dx", hidden.with_c(ci));
                    conv2d::grad_input(p, dy, w, None, None, dx);
                })
                .bench(&mut group, &format!("{layer} grad_input"));
                Loaded::new(&device, |p| {
                    let (x, dy) = (input(p, "x", hidden.with_c(ci)), input(p, "dy", hidden.with_c(co)));
                    let dw = output(p, "dw", len);
                    conv2d::grad_weight(p, x, dy, "part", dw);
                })
                .bench(&mut group, &format!("{layer} grad_weight"));
            }
            group.finish();
        }
    }
}

fn per_pixel(c: &mut Criterion) {
    for (name, device) in devices() {
        let side = if device.is_software() { 128 } else { 512 };
        let x = Shape([1, side, side, BANDS]);
        let len = Shape::flat(mlp::weight_len(BANDS, 32));
        let mut group = c.benchmark_group(format!("mlp {name}"));
        Loaded::new(&device, |p| {
            let (x, w) = (input(p, "x", x), input(p, "w", len));
            let y = output(p, "y", x.shape().with_c(1));
            mlp::forward(p, x, w, y);
        })
        .bench(&mut group, "forward");
        Loaded::new(&device, |p| {
            let (x, w, dy) = (input(p, "x", x), input(p, "w", len), input(p, "dy", x.with_c(1)));
            let dx = output(p, "dx", x.shape());
            mlp::grad_input(p, x, w, dy, dx);
        })
        .bench(&mut group, "grad_input");
        Loaded::new(&device, |p| {
            let crop = Shape([1, 64, 64, BANDS]);
            let (x, w, dy) = (input(p, "x", crop), input(p, "w", len), input(p, "dy", crop.with_c(1)));
            let dw = output(p, "dw", len);
            mlp::grad_weight(p, x, w, dy, "part", dw);
        })
        .bench(&mut group, "grad_weight 64×64");
        group.finish();
    }
}

fn images(c: &mut Criterion) {
    for (name, device) in devices() {
        let side = if device.is_software() { 128 } else { 512 };
        let (full, low) = (Shape([1, side, side, BANDS]), Shape([1, side / 4, side / 4, BANDS]));
        let table = |p: &mut PlanBuilder<'_>, out: usize, taps: usize| Table {
            taps: input(p, "taps", Shape([1, out, taps, BANDS])),
            start: input(p, "start", Shape::flat(out)),
        };
        let mut group = c.benchmark_group(format!("images {name}"));
        Loaded::new(&device, |p| {
            let (x, down) = (input(p, "x", full), table(p, side / 4, 44));
            let half = p.activation("half", Shape([1, side / 4, side, BANDS]));
            let y = output(p, "y", low);
            resample::resample(p, x, down, Axis::Y, None, half);
            resample::resample(p, half, down, Axis::X, None, y);
        })
        .bench(&mut group, "mtf");
        Loaded::new(&device, |p| {
            let (dy, up) = (input(p, "dy", low), table(p, side, 12));
            let half = p.activation("half", Shape([1, side / 4, side, BANDS]));
            let dx = output(p, "dx", full);
            resample::resample(p, dy, up, Axis::X, None, half);
            resample::resample(p, half, up, Axis::Y, None, dx);
        })
        .bench(&mut group, "mtf adjoint");
        Loaded::new(&device, |p| {
            let (pan, lms) = (input(p, "pan", full.with_c(1)), input(p, "lms", full));
            let d = output(p, "d", full);
            image::detail(p, pan, lms, d);
        })
        .bench(&mut group, "detail");
        Loaded::new(&device, |p| {
            let (y, target) = (input(p, "y", full), input(p, "target", full));
            let (dy, value) = (output(p, "dy", full), output(p, "loss", Shape::flat(1)));
            loss::l2(p, y, target, 1.0, "part", dy, value);
        })
        .bench(&mut group, "l2");
        Loaded::new(&device, |p| {
            let shape = Shape::flat(78_976);
            let (w, g) = (p.tensor("w", shape, Role::Param), input(p, "g", shape));
            let [m, v] = ["m", "v"].map(|n| p.tensor(n, shape, Role::State));
            p.trains(w);
            adam::adam(p, adam::Adam::default(), w, g, m, v);
        })
        .bench(&mut group, "adam");
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = ceilings, convolutions, per_pixel, images
}
criterion_main!(benches);
