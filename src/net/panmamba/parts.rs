//! Layers that PanMamba's blocks are made of, each with its way back.

use super::super::pass::{Backward, Forward};
use super::{WIDTH, branch};
use crate::graph::{PlanBuilder, Tensor};
use crate::kernels::pointwise::{self, Act};
use crate::kernels::{layernorm, leaky, loss};

pub(super) fn image(p: &mut PlanBuilder<'_>, name: &str, like: Tensor) -> Tensor {
    p.activation(name, like.shape().with_c(WIDTH))
}

/// What is scanned of an image.
pub(super) fn inner(p: &mut PlanBuilder<'_>, name: &str, like: Tensor) -> Tensor {
    p.activation(name, like.shape().with_c(branch::EXPANSION * WIDTH))
}

pub(super) fn pixelwise(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, plus: Option<Tensor>, name: &str) -> Tensor {
    let y = image(p, name, x);
    pointwise::forward(p, x, w, (None, plus), Act::None, y);
    y
}

/// `Mamba(x)`, plus an image.
pub(super) fn mamba(
    p: &mut PlanBuilder<'_>,
    pass: &mut Forward<'_>,
    name: &str,
    x: Tensor,
    plus: Option<Tensor>,
) -> Tensor {
    let s = inner(p, &format!("{name}.s"), x);
    branch::forward(p, (name, pass.next()), x, (None, s), &mut pass.acts);
    pass.acts.push(s);
    let [out] = pass.next();
    pixelwise(p, s, out, plus, &format!("{name}.out"))
}

/// The gradient at the input of [`mamba`].
pub(super) fn mamba_back(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, name: &str, dy: Tensor) -> Tensor {
    let ([out], [dout]) = pass.next();
    let [s] = pass.acts.pop();
    pointwise::grad_weight(p, s, dy, &format!("part.{name}.out"), dout);
    let ds = inner(p, &format!("{name}.ds"), dy);
    pointwise::grad_input(p, dy, out, None, None, ds);
    let dx = image(p, &format!("{name}.dx"), dy);
    let (layers, kept) = (pass.next(), pass.acts.pop());
    branch::backward(p, name, layers, kept, ds, dx);
    dx
}

pub(super) fn normalised(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, name: &str) -> Tensor {
    let y = image(p, name, x);
    layernorm::forward(p, x, w, y);
    y
}

/// The gradient at what was normalised, plus `add`, and that of the weights.
pub(super) fn normalised_back(
    p: &mut PlanBuilder<'_>,
    x: Tensor,
    (w, dw): (Tensor, Tensor),
    (dy, add): (Tensor, Option<Tensor>),
    name: &str,
) -> Tensor {
    let part = layernorm::grad_weight(p, x, dy, None, &format!("part.{name}"));
    loss::sum_rows(p, part, 1.0, dw);
    let dx = image(p, &format!("{name}.dx"), x);
    layernorm::grad_input(p, x, w, dy, add, dx);
    dx
}

/// Normalised twice with the same weights.
pub(super) fn twice(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, x: Tensor, w: Tensor, name: &str) -> Tensor {
    let once = normalised(p, x, w, &format!("{name}.once"));
    pass.acts.extend([x, once]);
    normalised(p, once, w, name)
}

/// As [`normalised_back`], through both.
pub(super) fn twice_back(
    p: &mut PlanBuilder<'_>,
    [x, once]: [Tensor; 2],
    (w, dw): (Tensor, Tensor),
    (dy, add): (Tensor, Option<Tensor>),
    name: &str,
) -> Tensor {
    let of_second = layernorm::grad_weight(p, once, dy, None, &format!("part.{name}.second"));
    let [d, dx] = ["d", "dx"].map(|of| image(p, &format!("{name}.{of}"), x));
    layernorm::grad_input(p, once, w, dy, None, d);
    let part = layernorm::grad_weight(p, x, d, Some(of_second), &format!("part.{name}"));
    loss::sum_rows(p, part, 1.0, dw);
    layernorm::grad_input(p, x, w, d, add, dx);
    dx
}

pub(super) fn sum(p: &mut PlanBuilder<'_>, a: Tensor, b: Tensor, name: &str) -> Tensor {
    let y = p.activation(name, a.shape());
    leaky::sum(p, a, b, y);
    y
}
