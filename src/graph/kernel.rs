//! Kernels: one computation with its shader, its textbook reference and its
//! fast CPU form under one name.

use std::sync::Arc;

use super::{AnyStep, Args, PlanBuilder, Shader, Shape};

/// How a kernel uses an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Only read.
    Read,
    /// Every element is written, none is read.
    Write,
    /// Changed in place: optimiser state and the weights it trains.
    Update,
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// WGSL binding number, the same over all entry points of a family.
    pub binding: u32,
    /// WGSL variable name.
    pub name: &'static str,
    /// Access.
    pub access: Access,
    /// Whether a call may leave it out.
    pub optional: bool,
}

impl Arg {
    /// A read argument.
    pub const fn read(binding: u32, name: &'static str) -> Self {
        Self { binding, name, access: Access::Read, optional: false }
    }

    /// A read argument that a call may leave out.
    pub(crate) const fn maybe(binding: u32, name: &'static str) -> Self {
        Self { binding, name, access: Access::Read, optional: true }
    }

    /// A written argument.
    pub const fn write(binding: u32, name: &'static str) -> Self {
        Self { binding, name, access: Access::Write, optional: false }
    }

    /// An argument changed in place.
    pub const fn update(binding: u32, name: &'static str) -> Self {
        Self { binding, name, access: Access::Update, optional: false }
    }
}

/// Shapes of a call's arguments in the order of [`Kernel::args`], and its parameters.
pub struct Shapes<'a> {
    /// Shape per argument, `None` where an optional one is left out.
    pub args: &'a [Option<Shape>],
    /// Parameter bytes.
    pub params: &'a [u8],
}

impl Shapes<'_> {
    /// Shape of argument `i`, which must be present.
    #[track_caller]
    pub fn get(&self, i: usize) -> Shape {
        self.args[i].expect("argument is present")
    }

    /// The parameters as their type.
    pub fn params<P: bytemuck::Pod>(&self) -> P {
        bytemuck::pod_read_unaligned(self.params)
    }
}

/// Fast CPU form of a kernel: runs on the current rayon pool, gives the same
/// bits on any number of threads.
pub type CpuFn = fn(&mut Args<'_, f32>);

/// Textbook form of a kernel: plain loops, no tiling, in both precisions.
#[derive(Clone, Copy)]
pub struct Reference {
    /// Single precision.
    pub f32: fn(&mut Args<'_, f32>),
    /// Double precision: the oracle.
    pub f64: fn(&mut Args<'_, f64>),
}

/// Values a test case gives to one argument instead of random ones.
pub type Fill = (&'static str, Vec<f32>);

/// One test case of a kernel: a plan with a single call, and special inputs.
pub struct Case {
    /// What it stresses.
    pub label: String,
    /// Builds the call over fresh tensors.
    pub build: Box<dyn Fn(&mut PlanBuilder<'_>) + Send + Sync>,
    /// Arguments that random values in ±1 do not suit.
    pub fill: Vec<Fill>,
    /// Step values.
    pub step: Arc<dyn AnyStep + Send + Sync>,
}

impl Case {
    /// A case on random inputs.
    pub fn new(label: impl Into<String>, build: impl Fn(&mut PlanBuilder<'_>) + Send + Sync + 'static) -> Self {
        Self { label: label.into(), build: Box::new(build), fill: Vec::new(), step: Arc::new(()) }
    }

    /// Sets the values of the argument called `arg`.
    pub fn fill(mut self, arg: &'static str, values: Vec<f32>) -> Self {
        self.fill.push((arg, values));
        self
    }

    /// Sets the step values.
    pub fn step(mut self, step: impl AnyStep + Send + Sync + 'static) -> Self {
        self.step = Arc::new(step);
        self
    }
}

/// One computation, the same on every engine.
pub struct Kernel {
    /// Name, unique over the program.
    pub name: &'static str,
    /// Shader file stem and family name.
    pub family: &'static str,
    /// The computation on a GPU.
    pub shader: Shader,
    /// Arguments, in the order of [`Args`].
    pub args: &'static [Arg],
    /// Says what is wrong with the shapes of a call, if anything.
    pub shapes: fn(&Shapes<'_>) -> Result<(), String>,
    /// Most terms summed into one output element: sets the tolerance of checks.
    pub terms: fn(&Shapes<'_>) -> usize,
    /// Floating-point operations of a call, for benchmarks and profiles.
    pub flops: fn(&Shapes<'_>) -> usize,
    /// The formula from the book.
    pub reference: Reference,
    /// Fast form, where it pays.
    pub cpu: Option<CpuFn>,
    /// Test cases: odd shapes on purpose.
    pub cases: fn() -> Vec<Case>,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
