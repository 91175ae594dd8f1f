//! Calls, plans and the program that holds them.

use std::fmt;
use std::ops::Range;

use super::check::{self, CheckError};
use super::{Access, Kernel, Launch, Role, Shape, Shapes, Tensor, TensorInfo, memory};

/// One kernel applied to tensors.
#[derive(Clone, Debug)]
pub struct Call {
    /// Kernel.
    pub kernel: &'static Kernel,
    /// Tensors in the order of [`Kernel::args`]; `None` where an optional one is left out.
    pub args: Vec<Option<Tensor>>,
    /// Bytes of the kernel's parameter struct.
    pub params: Vec<u8>,
    /// Kernel and first written tensor: label of passes, profiles and errors.
    pub label: String,
}

impl Call {
    /// Runs `f` on the shapes and parameters of this call.
    pub(crate) fn with_shapes<R>(&self, f: impl FnOnce(&Shapes<'_>) -> R) -> R {
        let args: Vec<Option<Shape>> = self.args.iter().map(|a| a.map(Tensor::shape)).collect();
        f(&Shapes { args: &args, params: &self.params })
    }

    /// Constants and grid of the kernel's own shader.
    pub(crate) fn launch(&self) -> Launch {
        self.with_shapes(self.kernel.shader.launch)
    }

    /// Floating-point operations.
    pub fn flops(&self) -> usize {
        self.with_shapes(self.kernel.flops)
    }

    /// Bytes read and written once each.
    pub fn bytes(&self) -> usize {
        self.args.iter().flatten().map(|t| t.shape().len() * 4).sum()
    }
}

/// Position of a plan in its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlanId(pub(crate) usize);

/// Ordered list of calls: one training step of one phase, or one preparation.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name, used as prefix of its tensors' names.
    pub name: String,
    /// Calls in the order they run.
    pub calls: Vec<Call>,
    /// Parameter groups this plan changes; every other one is frozen in it.
    pub trains: Vec<Tensor>,
    /// Tensors an engine logs after every complete run: the losses.
    pub watch: Vec<Tensor>,
}

impl Plan {
    /// The calls up to the last one that writes any of some tensors: all that these take, and no more than that where the
    /// plan goes on from them.
    pub fn until(&self, tensors: &[Tensor]) -> Range<usize> {
        let writes = |call: &Call| {
            let mut args = call.kernel.args.iter().zip(&call.args);
            args.any(|(arg, tensor)| arg.access != Access::Read && tensor.is_some_and(|t| tensors.contains(&t)))
        };
        0..self.calls.iter().rposition(writes).map_or(0, |last| last + 1)
    }
}

/// The tensor table and all plans over it. Checked: see [`ProgramBuilder::finish`].
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) tensors: Vec<TensorInfo>,
    pub(super) plans: Vec<Plan>,
    /// Elements of each physical buffer.
    buffers: Vec<usize>,
}

impl Program {
    /// Table row of a tensor.
    pub fn info(&self, tensor: Tensor) -> &TensorInfo {
        &self.tensors[tensor.index()]
    }

    /// The tensor table.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor called `name`.
    pub fn tensor(&self, name: &str) -> Option<Tensor> {
        let index = self.tensors.iter().position(|t| t.name == name)?;
        Some(Tensor::new(index, self.tensors[index].shape))
    }

    /// A plan.
    pub fn plan(&self, id: PlanId) -> &Plan {
        &self.plans[id.0]
    }

    /// All plans, in the order they were built.
    pub fn plans(&self) -> impl Iterator<Item = (PlanId, &Plan)> {
        self.plans.iter().enumerate().map(|(i, p)| (PlanId(i), p))
    }

    /// Elements of each physical buffer.
    pub fn buffers(&self) -> &[usize] {
        &self.buffers
    }

    /// Bytes all buffers take together.
    pub fn bytes(&self) -> usize {
        self.buffers.iter().sum::<usize>() * 4
    }

    /// Physical buffer of a tensor and the range of its elements there.
    pub fn place(&self, tensor: Tensor) -> (usize, std::ops::Range<usize>) {
        let info = self.info(tensor);
        (info.buffer, info.offset..info.offset + info.shape.len())
    }

    /// Checks buffers and grids against what a device offers.
    pub fn fits(&self, limits: &check::Limits) -> Result<(), CheckError> {
        check::fits(self, limits)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |elements: usize| elements as f64 * 4.0 / (1 << 20) as f64;
        writeln!(
            f,
            "{} tensors in {} buffers, {:.1} MiB",
            self.tensors.len(),
            self.buffers.len(),
            mib(self.buffers.iter().sum())
        )?;
        for plan in &self.plans {
            let flops: usize = plan.calls.iter().map(Call::flops).sum();
            writeln!(f, "\nplan {}: {} calls, {:.3} GFLOP", plan.name, plan.calls.len(), flops as f64 / 1e9)?;
            for group in &plan.trains {
                writeln!(f, "  trains {}", self.info(*group).name)?;
            }
            for (i, call) in plan.calls.iter().enumerate() {
                write!(f, "  {i:3} {:20}", call.kernel.name)?;
                for (arg, tensor) in call.kernel.args.iter().zip(&call.args) {
                    if let Some(t) = tensor {
                        let mark = if arg.access == super::Access::Read { "" } else { "→" };
                        write!(f, " {}={mark}{}{:?}", arg.name, self.info(*t).name, t.shape())?;
                    }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

/// How finely sums over all pixels are cut into partial sums that are made side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grain {
    /// For cores: long runs, which are fastest each.
    #[default]
    Coarse,
    /// For a GPU: enough of them to give each of its hundred multiprocessors two.
    Fine,
}

/// Builds a [`Program`].
#[derive(Default)]
pub struct ProgramBuilder {
    grain: Grain,
    pub(super) tensors: Vec<TensorInfo>,
    pub(super) plans: Vec<Plan>,
}

impl ProgramBuilder {
    /// An empty program.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty program with partial sums for a sort of device. Any device runs it, and the
    /// results differ by rounding.
    pub fn for_grain(grain: Grain) -> Self {
        Self { grain, ..Self::default() }
    }

    /// Adds a tensor to the table.
    ///
    /// # Panics
    /// If the name is taken or the shape is empty: both are mistakes of the caller.
    #[track_caller]
    pub fn tensor(&mut self, name: impl Into<String>, shape: Shape, role: Role) -> Tensor {
        self.push(name.into(), shape, role, None, 0)
    }

    /// Adds a group: one flat tensor and, within it, its parts at aligned places.
    /// Returns the whole and the parts. An optimiser works on the whole, layers on the parts.
    #[track_caller]
    pub fn group(&mut self, name: &str, role: Role, parts: &[(String, usize)]) -> (Tensor, Vec<Tensor>) {
        let total = parts.iter().map(|(_, len)| Shape::aligned(*len)).sum();
        let whole = self.push(name.to_owned(), Shape::flat(total), role, None, 0);
        let mut offset = 0;
        let parts = parts
            .iter()
            .map(|(part, len)| {
                let t = self.push(format!("{name}.{part}"), Shape::flat(*len), role, Some(whole), offset);
                offset += Shape::aligned(*len);
                t
            })
            .collect();
        (whole, parts)
    }

    #[track_caller]
    fn push(&mut self, name: String, shape: Shape, role: Role, whole: Option<Tensor>, offset: usize) -> Tensor {
        assert!(!shape.is_empty(), "tensor {name} is empty: {shape:?}");
        assert!(self.tensors.iter().all(|t| t.name != name), "tensor {name} exists already");
        let tensor = Tensor::new(self.tensors.len(), shape);
        self.tensors.push(TensorInfo { name, shape, role, whole, buffer: usize::MAX, offset });
        tensor
    }

    /// Starts a plan; [`PlanBuilder::finish`] ends it.
    pub fn plan(&mut self, name: &str) -> PlanBuilder<'_> {
        let plan = Plan { name: name.to_owned(), calls: Vec::new(), trains: Vec::new(), watch: Vec::new() };
        PlanBuilder { program: self, plan }
    }

    /// Checks everything and places the tensors in memory.
    ///
    /// # Errors
    /// All mistakes found: a read before any write, a tensor written twice or
    /// bound twice in a call, shapes that do not fit, a value computed but never
    /// read, a trained parameter without exactly one gradient and one optimiser,
    /// a frozen parameter touched.
    pub fn finish(mut self) -> Result<Program, Vec<CheckError>> {
        let errors = check::check(&self.tensors, &self.plans);
        if !errors.is_empty() {
            return Err(errors);
        }
        let buffers = memory::place(&mut self.tensors, &self.plans);
        Ok(Program { tensors: self.tensors, plans: self.plans, buffers })
    }
}

/// Records the calls of one plan.
pub struct PlanBuilder<'a> {
    program: &'a mut ProgramBuilder,
    plan: Plan,
}

impl PlanBuilder<'_> {
    /// Adds a tensor to the program.
    #[track_caller]
    pub fn tensor(&mut self, name: impl Into<String>, shape: Shape, role: Role) -> Tensor {
        self.program.tensor(name, shape, role)
    }

    /// Adds an intermediate tensor, named after the plan.
    #[track_caller]
    pub fn activation(&mut self, name: &str, shape: Shape) -> Tensor {
        let name = format!("{}.{name}", self.plan.name);
        self.program.tensor(name, shape, Role::Activation)
    }

    /// How finely to cut sums over all pixels.
    pub fn grain(&self) -> Grain {
        self.program.grain
    }

    /// Adds a call.
    #[track_caller]
    pub fn call(&mut self, kernel: &'static Kernel, args: &[Option<Tensor>], params: &impl bytemuck::NoUninit) {
        assert_eq!(args.len(), kernel.args.len(), "{}: number of arguments", kernel.name);
        let written = kernel.args.iter().zip(args).find(|(a, _)| a.access != super::Access::Read);
        let target = written.and_then(|(_, t)| *t).map_or("", |t| &self.program.tensors[t.index()].name);
        let label = format!("{} {target}", kernel.name);
        let params = bytemuck::bytes_of(params).to_vec();
        self.plan.calls.push(Call { kernel, args: args.to_vec(), params, label });
    }

    /// Declares that this plan trains a parameter group.
    pub fn trains(&mut self, whole: Tensor) {
        self.plan.trains.push(whole);
    }

    /// Has engines log a tensor after every complete run.
    pub fn watch(&mut self, tensor: Tensor) {
        self.plan.watch.push(tensor);
    }

    /// Number of calls so far: the end of a range to run alone.
    pub fn len(&self) -> usize {
        self.plan.calls.len()
    }

    /// Whether no call was recorded yet.
    pub fn is_empty(&self) -> bool {
        self.plan.calls.is_empty()
    }

    /// Ends the plan.
    pub fn finish(self) -> PlanId {
        self.program.plans.push(self.plan);
        PlanId(self.program.plans.len() - 1)
    }
}
