//! The graph: what is computed, as plain data.
//!
//! A [`Program`] is a table of tensors and a list of [`Plan`]s over them. A plan
//! is an ordered list of [`Call`]s, a call is one [`Kernel`] applied to tensors.
//! Backward passes are written by hand: the forward list read bottom to top.
//! There is no tape and no autodiff; [`ProgramBuilder::finish`] gives back at
//! build time what they would have guarded.

mod args;
mod check;
mod kernel;
mod memory;
mod plan;
mod shader;
mod step;
mod tensor;

pub use args::{Args, Real};
pub use check::{CheckError, Limits};
pub use kernel::{Access, Arg, Case, CpuFn, Fill, Kernel, Reference, Shapes};
pub use plan::{Call, Grain, Plan, PlanBuilder, PlanId, Program, ProgramBuilder};
pub use shader::{DeviceNeeds, Launch, Shader, ShaderForm, When};
pub use step::AnyStep;
pub use tensor::{Role, Shape, Tensor, TensorInfo};
