//! The degradation-aware network `g`: from the bands of a pixel to its PAN value
//! (method, section 2).

use crate::graph::{PlanBuilder, ProgramBuilder, Role, Shape, Tensor};
use crate::kernels::mlp;

/// One flat tensor: the weights, or their gradient.
#[derive(Clone, Copy, Debug)]
pub struct Dam {
    /// `fc1`, `fc2` and `fc3`, weights before biases.
    pub whole: Tensor,
    bands: usize,
    width: usize,
}

impl Dam {
    /// Adds weights (`Role::Param`) or gradients (`Role::Grad`) to the program.
    pub fn new(program: &mut ProgramBuilder, name: &str, role: Role, bands: usize, width: usize) -> Self {
        let whole = program.tensor(name, Shape::flat(mlp::weight_len(bands, width)), role);
        Self { whole, bands, width }
    }

    /// Adds `y = g(x)`. `x [N,H,W,C]`; returns `y [N,H,W,1]`.
    pub fn forward(&self, p: &mut PlanBuilder<'_>, x: Tensor) -> Tensor {
        let y = p.activation("g", x.shape().with_c(1));
        mlp::forward(p, x, self.whole, y);
        y
    }

    /// Adds the gradient of the weights into `grads`.
    pub fn backward(&self, p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, grads: &Self) {
        mlp::grad_weight(p, x, self.whole, dy, "part.dam", grads.whole);
    }

    /// Adds the gradient of the input only: the network is frozen. Returns `dx [N,H,W,C]`.
    pub(crate) fn backward_input(&self, p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor) -> Tensor {
        let dx = p.activation("dx.dam", x.shape());
        mlp::grad_input(p, x, self.whole, dy, dx);
        dx
    }

    /// Bands and hidden width.
    pub fn shape(&self) -> (usize, usize) {
        (self.bands, self.width)
    }
}
