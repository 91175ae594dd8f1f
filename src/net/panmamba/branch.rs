//! A branch of a Mamba layer: a selective scan of an image's pixels, row by row, gated by the image itself (method,
//! section 1).

use super::super::backbone::{LayerInit, LayerPlan};
use crate::graph::{PlanBuilder, Tensor};
use crate::kernels::pointwise::{self, Act};
use crate::kernels::scan::{self, ScanInput};
use crate::kernels::{causal, gated, picked};

/// Layers of a branch.
pub(super) const LAYERS: usize = 7;

/// Tensors that the way back needs of a branch.
pub(super) const KEPT: usize = 9;

/// Channels that are scanned, for each that enters.
pub(super) const EXPANSION: usize = 2;

/// States of a channel.
const STATES: usize = 16;

/// Channels that enter, for each number that a pixel's steps are made of.
const PER_RANK: usize = 16;

/// The layers of a branch on `width` channels.
pub(super) fn layers(name: &str, width: usize) -> [LayerPlan; LAYERS] {
    let (inner, rank) = (EXPANSION * width, width.div_ceil(PER_RANK));
    let layer = |part: &str, shape, init| LayerPlan::new(format!("{name}.{part}"), shape, init);
    let plain = |part: &str, shape| LayerPlan { bias: false, ..layer(part, shape, LayerInit::Uniform) };
    [
        plain("in_u", [inner, width, 1, 1]),
        plain("in_z", [inner, width, 1, 1]),
        // Logarithms of the rates of decay; as biases, what passes without a state.
        layer("scan", [inner, STATES, 1, 1], LayerInit::Rates),
        layer("conv", [inner, 1, 1, causal::TAPS], LayerInit::Uniform),
        plain("x_dt", [rank, inner, 1, 1]),
        plain("x_bc", [2 * STATES, inner, 1, 1]),
        layer("dt", [inner, rank, 1, 1], LayerInit::Steps),
    ]
}

/// Adds a branch, plus `add`, and keeps what the way back needs: `y`, all of the inner channels.
pub(super) fn forward(
    p: &mut PlanBuilder<'_>,
    (name, layers): (&str, [Tensor; LAYERS]),
    x: Tensor,
    (add, y): (Option<Tensor>, Tensor),
    acts: &mut Vec<Tensor>,
) {
    let [in_u, in_z, w, conv, x_dt, x_bc, dt] = layers;
    let mut image = |part: &str, c| p.activation(&format!("{name}.{part}"), x.shape().with_c(c));
    let inner = y.shape().c();
    let [v, z, u, raw, scanned] = ["v", "z", "u", "raw", "scanned"].map(|part| image(part, inner));
    let (low, bc) = (image("low", inner.div_ceil(EXPANSION * PER_RANK)), image("bc", 2 * STATES));
    let layer = |p: &mut PlanBuilder<'_>, x, w, y| pointwise::forward(p, x, w, (None, None), Act::None, y);
    layer(p, x, in_u, v);
    layer(p, x, in_z, z);
    causal::forward(p, v, conv, u);
    layer(p, u, x_dt, low);
    layer(p, u, x_bc, bc);
    layer(p, low, dt, raw);
    let forth = scan::forward(p, ScanInput { u, raw, bc, w }, name, scanned);
    gated::forward(p, scanned, z, add, y);
    acts.extend([x, v, z, u, low, raw, bc, forth, scanned]);
}

/// Adds the gradients of a branch's weights from `dy` at its output, less what was added there, and `dx`. `kept`: what
/// [`forward`] kept.
pub(super) fn backward(
    p: &mut PlanBuilder<'_>,
    name: &str,
    (layers, grads): ([Tensor; LAYERS], [Tensor; LAYERS]),
    kept: [Tensor; KEPT],
    dy: Tensor,
    dx: Tensor,
) {
    let [in_u, in_z, w, conv, x_dt, x_bc, dt] = layers;
    let [din_u, din_z, dw, dconv, dx_dt, dx_bc, ddt] = grads;
    let [x, v, z, u, low, raw, bc, forth, scanned] = kept;
    let inner = u.shape().c();
    let part = |of: &str| format!("part.{name}.{of}");
    let mut image = |of: &str, like: Tensor| p.activation(&format!("{name}.{of}"), like.shape());
    let [dscanned, dz, draw, own, by_steps, du, de, dv] =
        ["dscanned", "dz", "draw", "du.own", "du.steps", "du", "de", "dv"].map(|of| image(of, u));
    let (dlow, dbc, by_v) = (image("dlow", low), image("dbc", bc), image("dx.v", x));
    let all = p.activation(&format!("{name}.d"), u.shape().with_c(2 * inner + 2 * STATES));

    gated::grad(p, dy, [scanned, z], [dscanned, dz]);
    scan::backward(p, ScanInput { u, raw, bc, w }, name, (forth, dscanned), all, dw);
    picked::part(p, all, 0, own);
    picked::part(p, all, inner, draw);
    picked::part(p, all, 2 * inner, dbc);

    pointwise::grad_weight(p, low, draw, &part("dt"), ddt);
    pointwise::grad_input(p, draw, dt, None, None, dlow);
    pointwise::grad_weight(p, u, dlow, &part("x_dt"), dx_dt);
    pointwise::grad_input(p, dlow, x_dt, Some(own), None, by_steps);
    pointwise::grad_weight(p, u, dbc, &part("x_bc"), dx_bc);
    pointwise::grad_input(p, dbc, x_bc, Some(by_steps), None, du);

    causal::grad(p, v, conv, du, de);
    causal::grad_weight(p, v, de, &part("conv"), dconv);
    causal::grad_input(p, de, conv, dv);
    pointwise::grad_weight(p, x, dv, &part("in_u"), din_u);
    pointwise::grad_weight(p, x, dz, &part("in_z"), din_z);
    pointwise::grad_input(p, dv, in_u, None, None, by_v);
    pointwise::grad_input(p, dz, in_z, Some(by_v), None, dx);
}
