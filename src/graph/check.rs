//! Static checks: what autodiff and bounds would have guarded, at build time.

use super::{Access, Arg, Call, Plan, Program, Role, Tensor, TensorInfo};

/// A mistake in a program, with the names of plan, call and tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A tensor is read that nothing wrote.
    #[error("plan {plan}, {call}: {tensor} is read before it is written")]
    ReadBeforeWrite {
        /// Plan.
        plan: String,
        /// Call label.
        call: String,
        /// Tensor name.
        tensor: String,
    },
    /// A tensor is written by two calls of a plan.
    #[error("plan {plan}, {call}: {tensor} is written a second time")]
    WrittenTwice {
        /// Plan.
        plan: String,
        /// Call label.
        call: String,
        /// Tensor name.
        tensor: String,
    },
    /// A call binds a tensor it writes a second time.
    #[error("plan {plan}, {call}: {tensor} is bound twice in one call")]
    BoundTwice {
        /// Plan.
        plan: String,
        /// Call label.
        call: String,
        /// Tensor name.
        tensor: String,
    },
    /// The shapes of a call do not fit its kernel, or a required argument is missing.
    #[error("plan {plan}, {call}: {reason}")]
    Shape {
        /// Plan.
        plan: String,
        /// Call label.
        call: String,
        /// What does not fit.
        reason: String,
    },
    /// An intermediate value is computed and then not used.
    #[error("plan {plan}: {tensor} is computed but never read")]
    NeverRead {
        /// Plan.
        plan: String,
        /// Tensor name.
        tensor: String,
    },
    /// A call may not write a tensor of this role in this way.
    #[error("plan {plan}, {call}: {tensor} has role {role:?}, which this call may not write")]
    Role {
        /// Plan.
        plan: String,
        /// Call label.
        call: String,
        /// Tensor name.
        tensor: String,
        /// Its role.
        role: Role,
    },
    /// A parameter the plan does not train is written.
    #[error("plan {plan}, {call}: {tensor} is frozen in this plan")]
    FrozenTouched {
        /// Plan.
        plan: String,
        /// Call label.
        call: String,
        /// Tensor name.
        tensor: String,
    },
    /// A trained group needs exactly one optimiser call.
    #[error("plan {plan}: {group} is updated by {found} optimiser calls instead of 1")]
    Optimiser {
        /// Plan.
        plan: String,
        /// Group name.
        group: String,
        /// Optimiser calls found.
        found: usize,
    },
    /// A part of a trained group needs exactly one gradient.
    #[error("plan {plan}: gradient {gradient} is written {found} times instead of 1")]
    Gradient {
        /// Plan.
        plan: String,
        /// Gradient tensor.
        gradient: String,
        /// Writes found.
        found: usize,
    },
    /// A buffer is larger than the device allows.
    #[error(
        "{tensor} takes {bytes} bytes, the device allows {limit} per {what}: use a smaller image or another device"
    )]
    TooLarge {
        /// Largest tensor of the buffer.
        tensor: String,
        /// Its bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
        /// Which limit.
        what: &'static str,
    },
    /// A grid is larger than the device allows.
    #[error("{call}: grid {grid:?} exceeds {limit} workgroups per dimension")]
    Grid {
        /// Call label.
        call: String,
        /// Workgroups.
        grid: [u32; 3],
        /// The limit.
        limit: u32,
    },
}

/// What a device allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one buffer.
    pub buffer: u64,
    /// Bytes of one storage binding.
    pub binding: u64,
    /// Workgroups per grid dimension.
    pub grid: u32,
}

/// Elements a tensor covers: root tensor and range within it.
fn region(tensors: &[TensorInfo], t: Tensor) -> (usize, usize, usize) {
    let info = &tensors[t.index()];
    match info.whole {
        Some(whole) => (whole.index(), info.offset, info.offset + info.shape.len()),
        None => (t.index(), 0, info.shape.len()),
    }
}

fn overlap(tensors: &[TensorInfo], a: Tensor, b: Tensor) -> bool {
    let ((ra, a0, a1), (rb, b0, b1)) = (region(tensors, a), region(tensors, b));
    ra == rb && a0 < b1 && b0 < a1
}

/// Parts of a group, or the tensor itself.
fn parts(tensors: &[TensorInfo], t: Tensor) -> Vec<Tensor> {
    let own: Vec<Tensor> = tensors
        .iter()
        .enumerate()
        .filter(|(_, info)| info.whole == Some(t))
        .map(|(i, info)| Tensor::new(i, info.shape))
        .collect();
    if own.is_empty() { vec![t] } else { own }
}

/// Every mistake in the plans.
pub(super) fn check(tensors: &[TensorInfo], plans: &[Plan]) -> Vec<CheckError> {
    let mut errors = Vec::new();
    let mut kept: Vec<Tensor> = Vec::new(); // outputs written by earlier plans
    for plan in plans {
        let mut checker = Checker { tensors, plan, errors: &mut errors, written: kept.clone() };
        for call in &plan.calls {
            checker.call(call);
        }
        checker.unread();
        checker.training();
        kept.extend(writes(plan).filter(|t| tensors[t.index()].role == Role::Output));
    }
    errors
}

fn uses(call: &Call) -> impl Iterator<Item = (&'static Arg, Tensor)> + '_ {
    call.kernel.args.iter().zip(&call.args).filter_map(|(a, t)| t.map(|t| (a, t)))
}

fn writes(plan: &Plan) -> impl Iterator<Item = Tensor> + '_ {
    plan.calls.iter().flat_map(uses).filter(|(a, _)| a.access == Access::Write).map(|(_, t)| t)
}

struct Checker<'a> {
    tensors: &'a [TensorInfo],
    plan: &'a Plan,
    errors: &'a mut Vec<CheckError>,
    /// Tensors with a value at this point of the plan, besides those the host writes.
    written: Vec<Tensor>,
}

impl Checker<'_> {
    fn name(&self, t: Tensor) -> String {
        self.tensors[t.index()].name.clone()
    }

    fn call(&mut self, call: &Call) {
        let (plan, label) = (self.plan.name.clone(), call.label.clone());
        for (arg, t) in call.kernel.args.iter().zip(&call.args) {
            if t.is_none() && !arg.optional {
                let reason = format!("argument {} is missing", arg.name);
                self.errors.push(CheckError::Shape { plan, call: label, reason });
                return;
            }
        }
        if let Err(reason) = call.with_shapes(call.kernel.shapes) {
            self.errors.push(CheckError::Shape { plan: plan.clone(), call: label.clone(), reason });
        }
        let bound: Vec<_> = uses(call).collect();
        for (i, &(arg, t)) in bound.iter().enumerate() {
            let clash = |&(j, &(other, u)): &(usize, &(&Arg, Tensor))| {
                j != i && (arg.access != Access::Read || other.access != Access::Read) && overlap(self.tensors, t, u)
            };
            if arg.access != Access::Read && bound.iter().enumerate().any(|pair| clash(&pair)) {
                self.errors.push(CheckError::BoundTwice {
                    plan: plan.clone(),
                    call: label.clone(),
                    tensor: self.name(t),
                });
            }
        }
        for &(arg, t) in bound.iter().filter(|(a, _)| a.access == Access::Read) {
            self.read(&label, arg, t);
        }
        for &(arg, t) in bound.iter().filter(|(a, _)| a.access != Access::Read) {
            self.write(&label, arg, t);
        }
    }

    fn read(&mut self, call: &str, _: &Arg, t: Tensor) {
        if matches!(self.tensors[t.index()].role, Role::Input | Role::Param | Role::State) {
            return; // written by the host
        }
        for part in parts(self.tensors, t) {
            if !self.written.iter().any(|w| overlap(self.tensors, *w, part)) {
                let (plan, tensor) = (self.plan.name.clone(), self.name(part));
                self.errors.push(CheckError::ReadBeforeWrite { plan, call: call.to_owned(), tensor });
            }
        }
    }

    fn write(&mut self, call: &str, arg: &Arg, t: Tensor) {
        let (plan, call, tensor) = (self.plan.name.clone(), call.to_owned(), self.name(t));
        let info = &self.tensors[t.index()];
        let root = info.whole.unwrap_or(t);
        match (arg.access, info.role) {
            (Access::Update, Role::Param) if !self.plan.trains.contains(&root) => {
                self.errors.push(CheckError::FrozenTouched { plan, call, tensor });
            }
            (Access::Update, Role::Param | Role::State) => {}
            (Access::Write, Role::Activation | Role::Grad | Role::Output) => {
                let own = writes(self.plan).filter(|w| overlap(self.tensors, *w, t)).count();
                let again = self.written.iter().any(|w| overlap(self.tensors, *w, t));
                if own > 1 && again && info.role != Role::Grad {
                    self.errors.push(CheckError::WrittenTwice { plan, call, tensor });
                }
                self.written.push(t);
            }
            (_, role) => self.errors.push(CheckError::Role { plan, call, tensor, role }),
        }
    }

    /// Intermediate values nobody uses.
    fn unread(&mut self) {
        let reads: Vec<Tensor> =
            self.plan.calls.iter().flat_map(uses).filter(|(a, _)| a.access != Access::Write).map(|(_, t)| t).collect();
        for t in writes(self.plan) {
            let role = self.tensors[t.index()].role;
            let temporary = matches!(role, Role::Activation | Role::Grad);
            if temporary && !reads.iter().any(|r| overlap(self.tensors, *r, t)) {
                self.errors.push(CheckError::NeverRead { plan: self.plan.name.clone(), tensor: self.name(t) });
            }
        }
    }

    /// One optimiser per trained group, one gradient per part.
    fn training(&mut self) {
        for &group in &self.plan.trains {
            let optimisers: Vec<&Call> = self
                .plan
                .calls
                .iter()
                .filter(|c| uses(c).any(|(a, t)| a.access == Access::Update && overlap(self.tensors, t, group)))
                .collect();
            if optimisers.len() != 1 {
                let (plan, group) = (self.plan.name.clone(), self.name(group));
                self.errors.push(CheckError::Optimiser { plan, group, found: optimisers.len() });
                continue;
            }
            let gradients = uses(optimisers[0]).filter(|(_, t)| self.tensors[t.index()].role == Role::Grad);
            for part in gradients.flat_map(|(_, t)| parts(self.tensors, t)) {
                let found = writes(self.plan).filter(|w| overlap(self.tensors, *w, part)).count();
                if found != 1 {
                    let (plan, gradient) = (self.plan.name.clone(), self.name(part));
                    self.errors.push(CheckError::Gradient { plan, gradient, found });
                }
            }
        }
    }
}

/// Checks buffers and grids against what a device offers.
pub(super) fn fits(program: &Program, limits: &Limits) -> Result<(), CheckError> {
    for info in &program.tensors {
        let bytes = info.shape.len() as u64 * 4;
        for (limit, what) in [(limits.binding, "storage binding"), (limits.buffer, "buffer")] {
            if bytes > limit {
                return Err(CheckError::TooLarge { tensor: info.name.clone(), bytes, limit, what });
            }
        }
    }
    for call in program.plans.iter().flat_map(|p| &p.calls) {
        let grid = call.launch().grid;
        if grid.iter().any(|g| *g > limits.grid) {
            return Err(CheckError::Grid { call: call.label.clone(), grid, limit: limits.grid });
        }
    }
    Ok(())
}
