//! The convolution of CANNet: a kernel for each cluster of like pixels, made of the mean of their surroundings (method,
//! section 1).

use super::backbone::{LayerInit, LayerPlan};
use crate::graph::{PlanBuilder, Shape, Tensor};
use crate::kernels::clustered::{self, ClusterTables, Epilogue, TAPS};
use crate::kernels::pointwise::{self, Act};
use crate::kernels::segment::{self, rows_shape};

/// Layers of a convolution.
pub(super) const LAYERS: usize = 9;

/// Hidden numbers of a cluster, of which its factors are made, and as many of which its biases are.
pub(super) const HIDDEN: usize = 16;

/// Tensors that the way back needs of a convolution.
const KEPT: usize = 12;

/// The layers of a convolution of one pixel in `pixels`.
pub(super) fn layers(name: &str, ci: usize, co: usize, pixels: usize) -> [LayerPlan; LAYERS] {
    // Layers of clusters, of which there are few.
    let layer = |part: &str, shape| LayerPlan {
        pixels: usize::MAX,
        ..LayerPlan::new(format!("{name}.{part}"), shape, LayerInit::Uniform)
    };
    let shared = LayerInit::Normal((2.0 / (TAPS * co) as f64).sqrt());
    [
        layer("k0", [HIDDEN, ci, 3, 3]),
        layer("k1", [HIDDEN, HIDDEN, 1, 1]),
        LayerPlan { gates: true, ..layer("ka", [TAPS, HIDDEN, 1, 1]) },
        layer("ki", [ci, HIDDEN, 1, 1]),
        layer("ko", [co, HIDDEN, 1, 1]),
        LayerPlan { bias: false, pixels, ..LayerPlan::new(name, [co, ci, 3, 3], shared) },
        layer("b0", [HIDDEN, ci, 3, 3]),
        layer("b1", [HIDDEN, HIDDEN, 1, 1]),
        layer("b2", [co, HIDDEN, 1, 1]),
    ]
}

/// The hidden numbers of each cluster: for its factors, for its biases.
#[derive(Clone, Copy)]
pub(super) enum Hidden {
    /// To be made.
    Made([Tensor; 2]),
    /// Of another image.
    Given([Tensor; 2]),
}

/// Adds one convolution, `leaky` by a slope and plus `add`, and keeps what the way back needs.
pub(super) fn forward(
    p: &mut PlanBuilder<'_>,
    (name, layers): (&str, [Tensor; LAYERS]),
    (x, index): (Tensor, Tensor),
    hidden: Hidden,
    (slope, add): (f32, Option<Tensor>),
    y: Tensor,
    acts: &mut Vec<Tensor>,
) {
    let [k0, k1, ka, ki, ko, w, b0, b1, b2] = layers;
    let (images, co) = (x.shape(), y.shape().c());
    let rows =
        |p: &mut PlanBuilder<'_>, part: &str, c| p.activation(&format!("{name}.{part}"), rows_shape(images.n(), c));
    let layer = |p: &mut PlanBuilder<'_>, x, w, act, y| pointwise::forward(p, x, w, (None, None), act, y);
    let [q, r] = match hidden {
        Hidden::Given(hidden) => hidden,
        Hidden::Made([q, r]) => {
            let part = segment::sums(p, x, index, TAPS, &format!("{name}.part"));
            let centroids = rows(p, "centroids", TAPS * images.c());
            segment::means(p, images, part, centroids);
            let [q0, r0] = ["q0", "r0"].map(|part| rows(p, part, HIDDEN));
            layer(p, centroids, k0, Act::Relu, q0);
            layer(p, q0, k1, Act::Relu, q);
            layer(p, centroids, b0, Act::Relu, r0);
            layer(p, r0, b1, Act::Relu, r);
            acts.extend([centroids, q0, r0]);
            [q, r]
        }
    };
    let [alpha, gamma, omega, beta] =
        [("alpha", TAPS), ("gamma", images.c()), ("omega", co), ("beta", co)].map(|(part, c)| rows(p, part, c));
    layer(p, q, ka, Act::Sigmoid, alpha);
    layer(p, q, ki, Act::Sigmoid, gamma);
    layer(p, q, ko, Act::Sigmoid, omega);
    layer(p, r, b2, Act::None, beta);
    let v = p.activation(&format!("{name}.v"), y.shape());
    clustered::forward(p, x, w, ClusterTables { alpha, gamma, index }, v);
    clustered::scaled(p, v, Epilogue { omega, beta, index, slope }, add, y);
    acts.extend([q, r, alpha, gamma, omega, beta, v, x, index]);
}

/// Adds the gradients of a convolution's weights from `dy` at its output, less what was added there, and `dx`, that of
/// its input plus `add`. `kept`: what [`forward`] kept.
pub(super) fn backward(
    p: &mut PlanBuilder<'_>,
    name: &str,
    (layers, grads): ([Tensor; LAYERS], [Tensor; LAYERS]),
    kept: [Tensor; KEPT],
    (dy, slope): (Tensor, f32),
    add: Option<Tensor>,
    dx: Tensor,
) {
    let [k0, k1, ka, ki, ko, w, b0, b1, b2] = layers;
    let [dk0, dk1, dka, dki, dko, dw, db0, db1, db2] = grads;
    let [centroids, q0, r0, q, r, alpha, gamma, omega, beta, v, x, index] = kept;
    let (images, ci, co) = (x.shape(), x.shape().c(), dy.shape().c());
    let part = |of: &str| format!("part.{name}.{of}");
    let image = |p: &mut PlanBuilder<'_>, of: &str, c| p.activation(&format!("{name}.{of}"), images.with_c(c));
    let rows = |p: &mut PlanBuilder<'_>, of: &str, c| p.activation(&format!("{name}.{of}"), rows_shape(images.n(), c));

    let (e, of_output) = (image(p, "e", co), image(p, "doutput", 2 * co));
    clustered::scaled_grad(p, dy, v, Epilogue { omega, beta, index, slope }, (e, of_output));
    let outputs = segment::sums(p, of_output, index, 1, &part("output"));
    let (domega, dbeta) = (rows(p, "domega", co), rows(p, "dbeta", co));
    segment::totals(p, outputs, 0, Some(omega), domega);
    segment::totals(p, outputs, co, None, dbeta);

    let tables = ClusterTables { alpha, gamma, index };
    clustered::grad_weight(p, x, tables, e, &part("w"), dw);
    let of_input = image(p, "dinput", ci + TAPS);
    clustered::grad_factors(p, x, w, tables, e, of_input);
    let inputs = segment::sums(p, of_input, index, 1, &part("input"));
    let (dgamma, dalpha) = (rows(p, "dgamma", ci), rows(p, "dalpha", TAPS));
    segment::totals(p, inputs, 0, Some(gamma), dgamma);
    segment::totals(p, inputs, ci, Some(alpha), dalpha);

    for (of, x, dy, dw) in
        [("ka", q, dalpha, dka), ("ki", q, dgamma, dki), ("ko", q, domega, dko), ("b2", r, dbeta, db2)]
    {
        pointwise::grad_weight(p, x, dy, &part(of), dw);
    }
    let hidden = |p: &mut PlanBuilder<'_>, of: &str| rows(p, of, HIDDEN);
    let [dq_a, dq_i, dq, dq0, dr, dr0] = ["dq.a", "dq.i", "dq", "dq0", "dr", "dr0"].map(|of| hidden(p, of));
    pointwise::grad_input(p, dalpha, ka, None, None, dq_a);
    pointwise::grad_input(p, dgamma, ki, Some(dq_a), None, dq_i);
    pointwise::grad_input(p, domega, ko, Some(dq_i), Some(q), dq);
    pointwise::grad_weight(p, q0, dq, &part("k1"), dk1);
    pointwise::grad_input(p, dq, k1, None, Some(q0), dq0);
    pointwise::grad_weight(p, centroids, dq0, &part("k0"), dk0);
    pointwise::grad_input(p, dbeta, b2, None, Some(r), dr);
    pointwise::grad_weight(p, r0, dr, &part("b1"), db1);
    pointwise::grad_input(p, dr, b1, None, Some(r0), dr0);
    pointwise::grad_weight(p, centroids, dr0, &part("b0"), db0);

    let [of_factors, of_both, share] = ["dcentroids.k", "dcentroids", "share"].map(|of| rows(p, of, TAPS * ci));
    pointwise::grad_input(p, dq0, k0, None, None, of_factors);
    pointwise::grad_input(p, dr0, b0, Some(of_factors), None, of_both);
    segment::spread(p, images, of_both, outputs, share);
    clustered::grad_input(p, e, w, tables, (share, add), dx);
}

/// Shape of the hidden numbers of an image.
pub(super) fn hidden_shape(images: usize) -> Shape {
    rows_shape(images, HIDDEN)
}
