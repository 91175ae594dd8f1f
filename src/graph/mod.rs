//! The graph: what is computed, as plain data.
//!
//! A [`Program`] is a table of tensors and a list of [`Plan`]s over them. A plan
//! is an ordered list of [`Call`]s, a call is one [`Kernel`] applied to tensors.
//! Backward passes are written by hand: the forward list read bottom to top.
//! There is no tape and no autodiff; [`ProgramBuilder::finish`] gives back at
//! build time what they would have guarded.

mod check;
mod floats;
mod kernel;
mod memory;
mod plan;
mod shader;
mod step;
mod tensor;

pub use check::{CheckError, Limits};
pub(crate) use floats::Floats;
pub use kernel::{Access, Arg, Args, Case, CpuFn, Fill, Isa, Kernel, Real, Reference, Shapes};
pub use plan::{Call, Grain, Plan, PlanBuilder, PlanId, Program, ProgramBuilder};
pub use shader::{Form, Launch, Needs, Shader, When};
pub use step::{MAX_CROPS, Step};
pub use tensor::{Role, Shape, Tensor, TensorInfo};
