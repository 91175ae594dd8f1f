//! Rung 4: every case of every kernel on every GPU, against the f64 reference.
//! Rung 6: the comparison fails where it must.

use std::ops::Range;
use std::sync::Arc;

use trapan::engine::gpu::GpuEngine;
use trapan::engine::{CpuEngine, Engine, EngineError, Options};
use trapan::graph::{Access, PlanId, Program, Step, Tensor};
use trapan::kernels::suite::{self, Trial};

use crate::support::{gpus, trials};

#[test]
fn gpus_agree_with_the_reference() {
    for gpu in gpus() {
        let (mut cases, mut failures) = (0, Vec::new());
        let load = |program: Arc<Program>| -> Result<Box<dyn Engine>, EngineError> {
            Ok(Box::new(GpuEngine::load(&gpu, program, Options { poison: true })?))
        };
        suite::run(load, |outcome| {
            cases += 1;
            if let Err(what) = outcome.result {
                failures.push(format!("{} {}: {what}", outcome.kernel.name, outcome.case));
            }
        });
        assert!(failures.is_empty(), "{gpu:?}: {} of {cases} cases fail:\n{}", failures.len(), failures.join("\n"));
        assert_eq!(cases, trials().count());
    }
}

fn outputs(trial: &Trial, engine: &mut dyn Engine) -> Result<Vec<Vec<u32>>, EngineError> {
    let call = trial.call();
    for (i, values) in &trial.inputs {
        engine.write(call.args[*i].expect("inputs are present"), values)?;
    }
    engine.run(trial.plan, 0..1, &trial.step)?;
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

    fn run(&mut self, plan: PlanId, calls: Range<usize>, step: &Step) -> Result<(), EngineError> {
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
}

#[test]
fn the_comparison_can_fail() {
    for fault in [Fault::Perturbed, Fault::NotFinite, Fault::NotRun, Fault::Reversed] {
        for (label, trial) in trials() {
            // One element reversed is itself; and a single zero pixel may be the right answer.
            if trial.expected().iter().any(|(_, v)| v.len() < 2) {
                continue;
            }
            let inner = CpuEngine::load(trial.program.clone(), 1, Options::default()).expect("one thread starts");
            let mut engine = Faulty { inner: inner.textbook(), fault };
            let mismatch = trial.check(&mut engine).expect("the CPU does not fail");
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
