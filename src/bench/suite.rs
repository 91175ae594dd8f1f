//! Runs the kernels' cases and compares an engine with the f64 references.
//! Tests use it, and `trapan selftest` on the user's own driver.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::engine::{Engine, EngineError, Precision};
use crate::graph::{
    Access, AnyStep, Args, Call, Case, Kernel, PlanId, Program, ProgramBuilder, ShaderForm, Tensor, When,
};
use crate::kernels;

/// Rounding of f32.
const EPS: f64 = f32::EPSILON as f64;

/// Factor on `eps · √terms`, the growth of rounding in a sum of `terms` products of
/// independent values in ±1. Covers the `exp` of the MLP (2 ulp on GPUs) and sums of
/// another order; a wrong index or a missing term is 10⁴ times larger.
const SLACK: f64 = 16.0;

/// Worst disagreement between an engine's values and the oracle's.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Argument compared.
    pub arg: &'static str,
    /// Elements off by more than the tolerance, or not finite.
    pub count: usize,
    /// Elements compared.
    pub of: usize,
    /// Index of the worst.
    pub index: usize,
    /// The engine's value there.
    pub found: f64,
    /// The oracle's value there.
    pub wanted: f64,
    /// Tolerance there.
    pub tolerance: f64,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { arg, count, of, index, found, wanted, tolerance } = self;
        write!(
            f,
            "{arg}: {count} of {of} off, worst at {index}: {found:e} instead of {wanted:e} (tolerance {tolerance:.1e})"
        )
    }
}

/// Compares with tolerance `relative · (|wanted| + rms(wanted))`. A value that is
/// not finite always fails. The two sides have different types, so that nothing
/// can be compared with itself.
pub fn compare(arg: &'static str, found: &[f32], wanted: &[f64], relative: f64) -> Result<(), Mismatch> {
    assert_eq!(found.len(), wanted.len(), "{arg}: lengths");
    let rms = (wanted.iter().map(|v| v * v).sum::<f64>() / wanted.len() as f64).sqrt();
    let mut worst: Option<(f64, Mismatch)> = None;
    let mut count = 0;
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let (found, wanted) = (f64::from(*found), *wanted);
        let tolerance = relative * (wanted.abs() + rms) + f64::from(f32::MIN_POSITIVE);
        let error = (found - wanted).abs() / tolerance;
        if error <= 1.0 {
            continue; // false for NaN
        }
        count += 1;
        let error = if error.is_nan() { f64::INFINITY } else { error };
        if worst.as_ref().is_none_or(|(e, _)| error > *e) {
            worst = Some((error, Mismatch { arg, count: 0, of: 0, index, found, wanted, tolerance }));
        }
    }
    worst.map_or(Ok(()), |(_, m)| Err(Mismatch { count, of: found.len(), ..m }))
}

/// Tolerance of a call against the f64 reference: the kernel's own, or that of its forms that
/// a device of this precision may take.
pub fn tolerance(call: &Call, precision: Precision) -> f64 {
    let own = SLACK * EPS * (call.with_shapes(call.kernel.terms) as f64).sqrt();
    let taken = |form: &&ShaderForm| form.when != When::F16 || precision == Precision::F16;
    let forms = call.kernel.shader.forms.iter().filter(taken);
    forms.filter_map(|form| form.tolerance).fold(own, f64::max)
}

/// A case made ready: a program with one plan of one call, and its inputs.
pub struct PreparedCase {
    /// The program.
    pub program: Arc<Program>,
    /// Its only plan.
    pub plan: PlanId,
    /// Inputs by argument position.
    pub inputs: Vec<(usize, Vec<f32>)>,
    /// Step values.
    pub step: Arc<dyn AnyStep + Send + Sync>,
}

impl PreparedCase {
    /// Builds a case; random inputs come from `seed`.
    ///
    /// # Panics
    /// If the case does not pass the static checks.
    pub fn new(case: &Case, seed: u64) -> Self {
        let mut builder = ProgramBuilder::new();
        let mut plan = builder.plan("case");
        (case.build)(&mut plan);
        let plan = plan.finish();
        let program = builder.finish().unwrap_or_else(|e| panic!("case {}: {e:?}", case.label));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let call = &program.plan(plan).calls[0];
        let mut inputs = Vec::new();
        for (i, (arg, tensor)) in call.kernel.args.iter().zip(&call.args).enumerate() {
            let (Some(tensor), Access::Read | Access::Update) = (tensor, arg.access) else { continue };
            let given = case.fill.iter().find(|(name, _)| *name == arg.name).map(|(_, v)| v.clone());
            let mut random = |len| (0..len).map(|_| rng.next_u32() as f32 / 2f32.powi(31) - 1.0).collect();
            inputs.push((i, given.unwrap_or_else(|| random(tensor.shape().len()))));
        }
        Self { program: Arc::new(program), plan, inputs, step: case.step.clone() }
    }

    /// The only call.
    pub fn call(&self) -> &Call {
        &self.program.plan(self.plan).calls[0]
    }

    fn tensor(&self, arg: usize) -> Tensor {
        self.call().args[arg].expect("argument is present")
    }

    /// What the f64 reference computes, by argument position.
    pub fn expected(&self) -> Vec<(usize, Vec<f64>)> {
        let call = self.call();
        let wide = |i: usize| {
            let given = self.inputs.iter().find(|(at, _)| *at == i);
            given.map(|(_, v)| v.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>())
        };
        let inputs: Vec<Option<Vec<f64>>> = (0..call.args.len()).map(wide).collect();
        let is_output = |i: usize| call.kernel.args[i].access != Access::Read;
        let start = |i: usize| inputs[i].clone().unwrap_or_else(|| vec![f64::NAN; self.tensor(i).shape().len()]);
        let mut outputs: Vec<(usize, Vec<f64>)> =
            (0..call.args.len()).filter(|i| is_output(*i)).map(|i| (i, start(i))).collect();
        let mut args = Args::new(&call.params, self.step.bytes());
        let mut written = outputs.iter_mut();
        for (i, tensor) in call.args.iter().enumerate() {
            match (tensor, &inputs[i]) {
                (None, _) => args.push_absent(),
                (Some(t), Some(data)) if !is_output(i) => args.push_read(t.shape(), data),
                (Some(t), _) => args.push_write(t.shape(), &mut written.next().expect("one per output").1),
            }
        }
        (call.kernel.reference.f64)(&mut args);
        drop(args);
        outputs
    }

    /// Runs the case on an engine loaded with [`PreparedCase::program`] and compares, within what
    /// the engine's precision allows.
    ///
    /// # Errors
    /// What the device reports. The inner result says what differs.
    pub fn check(&self, engine: &mut dyn Engine, precision: Precision) -> Result<Result<(), Mismatch>, EngineError> {
        for (i, values) in &self.inputs {
            engine.write(self.tensor(*i), values)?;
        }
        engine.run(self.plan, 0..1, &*self.step)?;
        for (i, wanted) in self.expected() {
            let found = engine.read(self.tensor(i))?;
            let relative = tolerance(self.call(), precision);
            if let Err(mismatch) = compare(self.call().kernel.args[i].name, &found, &wanted, relative) {
                return Ok(Err(mismatch));
            }
        }
        Ok(Ok(()))
    }
}

/// Result of one case.
pub struct CaseResult {
    /// Kernel.
    pub kernel: &'static Kernel,
    /// Case.
    pub case: String,
    /// What differs, or the device's error.
    pub result: Result<(), String>,
}

/// Runs every case of every kernel on engines of some precision made by `load`, and reports each.
pub fn run(
    precision: Precision,
    mut load: impl FnMut(Arc<Program>) -> Result<Box<dyn Engine>, EngineError>,
    mut report: impl FnMut(CaseResult),
) {
    for kernel in kernels::ALL {
        for (i, case) in (kernel.cases)().into_iter().enumerate() {
            let trial = PreparedCase::new(&case, i as u64);
            let result = load(trial.program.clone()).and_then(|mut engine| trial.check(engine.as_mut(), precision));
            let result = match result {
                Ok(compared) => compared.map_err(|m| m.to_string()),
                Err(e) => Err(e.to_string()),
            };
            report(CaseResult { kernel, case: case.label, result });
        }
    }
}
