//! Rung 4: every case of every kernel on every GPU, against the f64 reference.
//! Rung 6: the comparison fails where it must.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trapan::bench::suite::{self, PreparedCase};
use trapan::engine::gpu::{Chosen, Gpu, GpuEngine, Pick, adapters};
use trapan::engine::{Convolution, CpuEngine, Device, Engine, EngineError, LoadStats, Options, Precision, Timing};
use trapan::graph::{Access, AnyStep, PlanId, Program, ProgramBuilder, Role, Shape, Tensor, When};
use trapan::kernels::adam::{Adam, adam};
use trapan::kernels::loss::{Operands, l2};
use trapan::kernels::{Isa, Step};

use crate::support::devices::{gpus, software, trials};
use crate::support::skipped;

#[test]
fn gpus_agree_with_the_reference() {
    for (gpu, faster) in gpus().into_iter().flat_map(|gpu| [false, true].map(|faster| (gpu.clone(), faster))) {
        let gpu = gpu.with_faster_forms(faster);
        let (mut cases, mut failures) = (0, Vec::new());
        let load = |program: Arc<Program>| -> Result<Box<dyn Engine>, EngineError> {
            Ok(Box::new(GpuEngine::load(&gpu, program, Options { poison: true, ..Options::default() })?))
        };
        suite::run(Precision::F32, load, |outcome| {
            cases += 1;
            if let Err(what) = outcome.result {
                failures.push(format!("{} {}: {what}", outcome.kernel.name, outcome.case));
            }
        });
        let failed = failures.len();
        assert!(
            failures.is_empty(),
            "{gpu:?}, faster forms {faster}: {failed} of {cases} cases fail:\n{}",
            failures.join("\n")
        );
        assert_eq!(cases, trials().count());
    }
}

/// That the forms differ, and that enough cases fit the second, for the test above to mean something.
#[test]
fn forms_are_taken_where_they_are_asked_for() {
    let [direct, winograd] = [false, true].map(|faster| {
        let forms = software().clone().with_faster_forms(faster).forms();
        let entries = trials().map(|(_, trial)| Chosen::of(trial.call(), forms).entry);
        entries.filter(|entry| entry.ends_with("_winograd")).fold(BTreeMap::new(), |mut counts, entry| {
            *counts.entry(entry).or_insert(0) += 1;
            counts
        })
    });
    assert!(direct.is_empty(), "{direct:?}");
    assert!(winograd.len() == 3 && winograd.values().all(|cases| *cases >= 9), "{winograd:?}");
    assert!(gpus().into_iter().all(|gpu| gpu.forms().faster), "devices open with the faster form");
}

#[test]
fn the_cpu_takes_its_own_form() {
    assert!(Device::cpu(1).with_convolution(Convolution::default()).is_ok());
    let error = Device::cpu(1).with_convolution(Convolution::Direct).err().expect("no such choice");
    assert!(error.to_string().contains("leave out convolution direct"), "{error}");
}

/// A form that no adapter here runs is still parsed, validated and translated in `shaders.rs`.
#[test]
fn f16_forms_agree_with_the_reference_where_an_adapter_runs_them() {
    for gpu in gpus() {
        let gpu = match gpu.with_precision(Precision::F16) {
            Ok(gpu) => gpu,
            Err(error) => {
                assert!(matches!(error, EngineError::Precision { precision: Precision::F16, .. }), "{error}");
                skipped(&format!("f16 kernels: {error}"));
                continue;
            }
        };
        let (mut cases, mut failures) = (0, Vec::new());
        let load = |program: Arc<Program>| -> Result<Box<dyn Engine>, EngineError> {
            Ok(Box::new(GpuEngine::load(&gpu, program, Options { poison: true, ..Options::default() })?))
        };
        suite::run(Precision::F16, load, |outcome| {
            cases += usize::from(outcome.kernel.shader.forms.iter().any(|form| form.when == When::F16));
            if let Err(what) = outcome.result {
                failures.push(format!("{} {}: {what}", outcome.kernel.name, outcome.case));
            }
        });
        assert!(failures.is_empty(), "{gpu:?}: {} of {cases} cases fail:\n{}", failures.len(), failures.join("\n"));
        assert!(cases > 50, "{cases} cases of f16 forms");
    }
}

#[test]
fn the_cpu_computes_in_f32_only() {
    let cpu = Device::cpu(1);
    assert!(cpu.clone().with_precision(Precision::Auto).is_ok());
    assert!(cpu.clone().with_precision(Precision::F32).is_ok());
    let error = cpu.with_precision(Precision::F16).err().expect("no such kernels");
    assert!(error.to_string().contains("f16"), "{error}");
}

#[test]
fn every_cpu_form_agrees_with_the_reference() {
    for isa in Isa::available() {
        let (mut cases, mut failures) = (0, Vec::new());
        let options = Options { poison: true, ..Options::default() };
        let load = |program: Arc<Program>| -> Result<Box<dyn Engine>, EngineError> {
            Ok(Box::new(CpuEngine::load(program, 2, options)?.with_isa(isa)))
        };
        suite::run(Precision::F32, load, |outcome| {
            cases += 1;
            if let Err(what) = outcome.result {
                failures.push(format!("{} {}: {what}", outcome.kernel.name, outcome.case));
            }
        });
        assert!(failures.is_empty(), "{isa:?}: {} of {cases} cases fail:\n{}", failures.len(), failures.join("\n"));
        assert_eq!(cases, trials().count());
    }
}

fn outputs(trial: &PreparedCase, engine: &mut dyn Engine) -> Result<Vec<Vec<u32>>, EngineError> {
    let call = trial.call();
    for (i, values) in &trial.inputs {
        engine.write(call.args[*i].expect("inputs are present"), values)?;
    }
    engine.run(trial.plan, 0..1, &*trial.step)?;
    let written = call.kernel.args.iter().zip(&call.args).filter(|(arg, _)| arg.access != Access::Read);
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    written.map(|(_, tensor)| Ok(bits(engine.read(tensor.expect("outputs are present"))?))).collect()
}

#[test]
fn a_second_run_gives_the_same_bits() {
    for gpu in gpus() {
        for (label, trial) in trials() {
            let run = || -> Result<_, EngineError> {
                let mut engine = GpuEngine::load(&gpu, trial.program.clone(), Options::default())?;
                Ok([outputs(&trial, &mut engine)?, outputs(&trial, &mut engine)?])
            };
            let [first, again] = run().unwrap_or_else(|e| panic!("{label}: {e}"));
            let [fresh, _] = run().unwrap_or_else(|e| panic!("{label}: {e}"));
            assert!(first == again, "{label}: another run of the same engine differs");
            assert!(first == fresh, "{label}: a fresh engine differs");
        }
    }
}

/// Trains a vector towards another: a plan of few calls and many runs.
struct Chase {
    program: Arc<Program>,
    plan: PlanId,
    w: Tensor,
    target: Tensor,
}

const CHASE: usize = 500;

fn chase() -> Chase {
    let mut builder = ProgramBuilder::new();
    let shape = Shape::flat(CHASE);
    let w = builder.tensor("w", shape, Role::Param);
    let target = builder.tensor("target", shape, Role::Input);
    let (m, v) = (builder.tensor("m", shape, Role::State), builder.tensor("v", shape, Role::State));
    let dw = builder.tensor("dw", shape, Role::Grad);
    let loss = builder.tensor("loss", Shape::flat(1), Role::Output);
    let mut plan = builder.plan("chase");
    plan.trains(w);
    plan.watch(loss);
    plan.watch(w);
    l2(&mut plan, Operands { y: w, target, weight: None }, 1.0, "sums", dw, loss);
    adam(&mut plan, Adam::default(), w, dw, m, v);
    let plan = plan.finish();
    Chase { program: Arc::new(builder.finish().expect("the plan is sound")), plan, w, target }
}

const RUNS: u32 = 300;

/// More runs than step slots, more watched values than the log holds, plans run in
/// pieces, and host writes between queued runs: the order of everything must hold.
fn race(engine: &mut dyn Engine, chase: &Chase) -> Result<Vec<f32>, EngineError> {
    let wave = |phase: f32| -> Vec<f32> { (0..CHASE).map(|i| (i as f32 * 0.1 + phase).sin()).collect() };
    engine.write(chase.w, &wave(0.0))?;
    engine.write(chase.target, &wave(1.0))?;
    let mut log = Vec::new();
    for t in 1..=RUNS {
        let step = Adam::default().step(0.01, t);
        if t == RUNS / 2 {
            engine.write(chase.target, &wave(2.0))?;
        }
        let calls = chase.program.plan(chase.plan).calls.len();
        let cut = t as usize % calls;
        engine.run(chase.plan, 0..cut, &step)?;
        engine.run(chase.plan, cut..calls, &step)?;
        if t == RUNS / 3 {
            log.extend(engine.watched()?);
        }
    }
    log.extend(engine.watched()?);
    assert_eq!(log.len(), RUNS as usize * (1 + CHASE), "one record per complete run");
    assert!(engine.watched()?.is_empty(), "the log is taken once");
    assert_eq!(engine.read(chase.w)?, log[log.len() - CHASE..], "the last record is the state");
    Ok(log)
}

#[test]
fn runs_writes_and_records_keep_their_order() {
    let chase = chase();
    let mut cpu = CpuEngine::load(chase.program.clone(), 1, Options::default()).expect("one thread starts").textbook();
    let wanted: Vec<f64> = race(&mut cpu, &chase).expect("the CPU does not fail").into_iter().map(f64::from).collect();
    assert!(wanted[wanted.len() - CHASE - 1] < wanted[0] / 10.0, "the loss falls");
    for gpu in gpus() {
        for (poison, profile) in [(false, false), (true, false), (false, true)] {
            let options = Options { poison, profile };
            let mut engine = GpuEngine::load(&gpu, chase.program.clone(), options).expect("it fits");
            let found = race(&mut engine, &chase).unwrap_or_else(|e| panic!("{e}"));
            // 300 steps of f32 in another order of rounding.
            suite::compare("log", &found, &wanted, 1e-4).unwrap_or_else(|m| panic!("{gpu:?}: {m}"));
        }
    }
}

/// More calls than timestamps fit, plans run in pieces, one call more often than the rest.
#[test]
fn every_run_of_every_call_is_timed() {
    let chase = chase();
    let options = Options { profile: true, ..Options::default() };
    let mut engines: Vec<Box<dyn Engine>> =
        vec![Box::new(CpuEngine::load(chase.program.clone(), 1, options).expect("one thread starts"))];
    for gpu in gpus() {
        if gpu.adapter().features.contains(&"timestamps") {
            engines.push(Box::new(GpuEngine::load(&gpu, chase.program.clone(), options).expect("it fits")));
        } else {
            skipped(&format!("times per call: {gpu:?} has no timestamps"));
        }
    }
    for mut engine in engines {
        let name = engine.name();
        let start = Instant::now();
        assert!(engine.timings().expect("nothing ran").is_empty(), "{name}");
        for _ in 0..3 {
            race(engine.as_mut(), &chase).unwrap_or_else(|e| panic!("{e}"));
        }
        let runs = |engine: &mut dyn Engine| -> Vec<(&str, u64)> {
            engine.timings().expect("they arrive").iter().map(|t| (t.kernel, t.runs)).collect()
        };
        let all = 3 * u64::from(RUNS);
        assert_eq!(runs(engine.as_mut()), [("l2", all), ("sum_rows", all), ("adam", all)], "{name}");
        engine.run(chase.plan, 1..2, &Step::default()).expect("runs");
        assert_eq!(runs(engine.as_mut()), [("l2", all), ("sum_rows", all + 1), ("adam", all)], "{name}");
        let wall = start.elapsed();
        let timings = engine.timings().expect("they arrive");
        let sum: Duration = timings.iter().map(|t| t.total).sum();
        // Two clocks on a GPU: 1 % apart would be a wrong unit of neither.
        assert!(sum > Duration::ZERO && sum <= wall.mul_f64(1.01), "{name}: {sum:?} of {wall:?}");
        let calls = &chase.program.plan(chase.plan).calls;
        for (timing, call) in timings.iter().zip(calls) {
            let found = (timing.plan.as_str(), &timing.label, timing.flops, timing.bytes);
            assert_eq!(found, ("chase", &call.label, call.flops(), call.bytes()), "{name}");
        }
    }
    let mut engine = CpuEngine::load(chase.program.clone(), 1, Options::default()).expect("one thread starts");
    race(&mut engine, &chase).expect("the CPU does not fail");
    assert!(engine.timings().expect("nothing is timed").is_empty(), "nobody asked for times");
}

#[test]
fn tensors_start_at_zero_and_writes_are_checked() {
    let chase = chase();
    let mut engine = GpuEngine::load(software(), chase.program.clone(), Options::default()).expect("it fits");
    assert_eq!(engine.read(chase.w).expect("reads"), vec![0.0; CHASE]);
    let error = engine.write(chase.w, &[1.0, 2.0]).expect_err("too short");
    assert!(matches!(error, EngineError::Length { found: 2, wanted: CHASE, .. }), "{error}");
}

#[test]
fn what_cannot_be_opened_or_loaded_is_said() {
    let many = adapters().len();
    let error = Gpu::open(Pick::Index(many)).expect_err("there is no such adapter");
    assert!(matches!(&error, EngineError::NoAdapter { found, .. } if found.len() == many), "{error}");

    // Larger than any storage binding: 4 GiB. Nothing may be allocated for it.
    let mut builder = ProgramBuilder::new();
    builder.tensor("huge", Shape([1, 1 << 15, 1 << 15, 1]), Role::Input);
    let program = Arc::new(builder.finish().expect("nothing is wrong with it"));
    let limit = software().adapter().limits.binding;
    assert!(limit < 4 << 30, "the software device binds {limit} bytes: enlarge the tensor of this test");
    let error = GpuEngine::load(software(), program, Options::default()).err().expect("too large");
    assert!(matches!(error, EngineError::Limits { .. }), "{error}");
    assert!(error.to_string().contains("huge"), "{error}");
}

/// An engine with one fault.
struct Faulty {
    inner: CpuEngine,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// One element of each result is off by 1e-3.
    Perturbed,
    /// One element of each result is NaN.
    NotFinite,
    /// Nothing runs.
    NotRun,
    /// Results come back in reverse order.
    Reversed,
}

impl Engine for Faulty {
    fn name(&self) -> String {
        format!("{:?}", self.fault)
    }

    fn write(&mut self, tensor: Tensor, data: &[f32]) -> Result<(), EngineError> {
        self.inner.write(tensor, data)
    }

    fn run(&mut self, plan: PlanId, calls: Range<usize>, step: &dyn AnyStep) -> Result<(), EngineError> {
        if self.fault == Fault::NotRun { Ok(()) } else { self.inner.run(plan, calls, step) }
    }

    fn watched(&mut self) -> Result<Vec<f32>, EngineError> {
        self.inner.watched()
    }

    fn read(&mut self, tensor: Tensor) -> Result<Vec<f32>, EngineError> {
        let mut values = self.inner.read(tensor)?;
        let middle = values.len() / 2;
        match self.fault {
            Fault::Perturbed => values[middle] += 1e-3 * values[middle].abs().max(1.0),
            Fault::NotFinite => values[middle] = f32::NAN,
            Fault::Reversed => values.reverse(),
            Fault::NotRun => {}
        }
        Ok(values)
    }

    fn loading(&self) -> LoadStats {
        self.inner.loading()
    }

    fn timings(&mut self) -> Result<Vec<Timing>, EngineError> {
        self.inner.timings()
    }
}

#[test]
fn the_comparison_can_fail() {
    let faults = [Fault::Perturbed, Fault::NotFinite, Fault::NotRun, Fault::Reversed];
    let mut kernel = String::new();
    for (i, (label, trial)) in trials().enumerate() {
        // One element reversed is itself; and a single zero pixel may be the right answer.
        if trial.expected().iter().any(|(_, v)| v.len() < 2) {
            continue;
        }
        // All at the first case of each kernel, then by turns: the references take long.
        let of_kernel = label.split(' ').next().expect("a name").to_owned();
        let tried = if of_kernel == kernel { &faults[i % faults.len()..][..1] } else { &faults };
        kernel = of_kernel;
        for &fault in tried {
            let inner = CpuEngine::load(trial.program.clone(), 1, Options::default()).expect("one thread starts");
            let mut engine = Faulty { inner: inner.textbook(), fault };
            let mismatch = trial.check(&mut engine, Precision::F32).expect("the CPU does not fail");
            assert!(mismatch.is_err(), "{label}: {fault:?} is not noticed");
        }
    }
}

#[test]
fn the_comparison_says_what_differs() {
    let wanted = [1.0, -2.0, 3.0, 0.0];
    assert_eq!(suite::compare("y", &[1.0, -2.0, 3.0, 0.0], &wanted, 1e-6), Ok(()));
    let mismatch = suite::compare("y", &[1.0, -2.0, 3.5, 0.01], &wanted, 1e-6).expect_err("two are off");
    assert_eq!((mismatch.count, mismatch.of, mismatch.index), (2, 4, 2));
    assert_eq!((mismatch.found, mismatch.wanted), (3.5, 3.0));
    for bad in [f32::NAN, f32::INFINITY] {
        let mismatch = suite::compare("y", &[1.0, bad, 3.5, 0.0], &wanted, 1e-6).expect_err("not finite");
        assert_eq!(mismatch.index, 1, "a value that is not finite is the worst");
    }
}
