//! Convolutions of the backbones put together from kernels, and values that layers of any backbone are given.

use trapan::graph::{PlanBuilder, Role, Shape, Tensor};
use trapan::kernels::clustered::{self, ClusterTables, Epilogue, TAPS};
use trapan::kernels::harmonic::{self, Sums};
use trapan::kernels::pointwise::{self, Act};
use trapan::kernels::scan::{self, ScanInput};
use trapan::kernels::segment::{self, rows_shape};
use trapan::kernels::{causal, conv2d, depthwise, gated, modulated, picked};
use trapan::net::{self, FusionShape, Layer};

/// Elements of LAGNet's layers for a convolution, in order: three of the gates, two of the bias, the weights.
pub fn lag_lengths(ci: usize, co: usize) -> [usize; 6] {
    let small = pointwise::weight_len(9, 9, true);
    let (bias, inner) = (pointwise::weight_len(ci, co, true), pointwise::weight_len(co, co, true));
    [conv2d::weight_len(ci, 9), small, small, bias, inner, modulated::weight_len(ci, co)]
}

/// Elements of LGPNet's layers for a convolution: 1×1, depthwise, depthwise and 1×1 without biases.
pub fn lgp_lengths(ci: usize, co: usize) -> [usize; 4] {
    let (first, last) = (pointwise::weight_len(ci, co, true), pointwise::weight_len(co, co, false));
    [first, depthwise::weight_len(co, true), depthwise::weight_len(co, false), last]
}

/// What a convolution of LAGNet keeps.
pub struct Lag {
    gates: [Tensor; 3],
    sums: Sums,
}

/// Adds a convolution of LAGNet.
pub fn lag_forward(p: &mut PlanBuilder<'_>, x: Tensor, w: &[Tensor; 6], y: Tensor) -> Lag {
    let gates = ["r1", "r2", "a"].map(|name| p.activation(name, x.shape().with_c(9)));
    conv2d::forward(p, x, w[0], None, true, gates[0]);
    pointwise::forward(p, gates[0], w[1], (None, None), Act::Relu, gates[1]);
    pointwise::forward(p, gates[1], w[2], (None, None), Act::Sigmoid, gates[2]);
    let sums = harmonic::image_sums(p, x, "sums");
    let each = p.activation("each", Shape([y.shape().n(), 1, 1, y.shape().c()]));
    harmonic::forward(p, sums, [w[3], w[4]], each);
    modulated::forward(p, (x, gates[2], each), w[5], None, false, y);
    Lag { gates, sums }
}

/// Adds its gradients.
pub fn lag_backward(
    p: &mut PlanBuilder<'_>,
    x: Tensor,
    w: &[Tensor; 6],
    lag: &Lag,
    dy: Tensor,
    (dw, dx): (&[Tensor; 6], Tensor),
) {
    let [r1, r2, a] = lag.gates;
    let [d1, d2, d3] = ["d1", "d2", "d3"].map(|name| p.activation(name, a.shape()));
    let dsums = harmonic::image_sums(p, dy, "dsums");
    harmonic::grad_weight(p, lag.sums, [w[3], w[4]], dsums, [dw[3], dw[4]]);
    modulated::grad_weight(p, x, a, dy, "part5", dw[5]);
    modulated::grad_gate(p, x, w[5], a, dy, d3);
    pointwise::grad_weight(p, r2, d3, "part2", dw[2]);
    pointwise::grad_input(p, d3, w[2], None, Some(r2), d2);
    pointwise::grad_weight(p, r1, d2, "part1", dw[1]);
    pointwise::grad_input(p, d2, w[1], None, Some(r1), d1);
    conv2d::grad_weight(p, x, d1, "part0", dw[0]);
    let each = p.activation("dmean", Shape([x.shape().n(), 1, 1, x.shape().c()]));
    harmonic::grad_input(p, lag.sums, [w[3], w[4]], dsums, each);
    let weighed = p.activation("weighed", x.shape());
    modulated::grad_input(p, (dy, a, each), w[5], None, weighed);
    conv2d::grad_input(p, d1, w[0], Some(weighed), None, dx);
}

/// Adds a convolution of LGPNet; what it keeps.
pub fn lgp_forward(p: &mut PlanBuilder<'_>, x: Tensor, w: &[Tensor; 4], y: Tensor) -> [Tensor; 3] {
    let [u, t, k] = ["u", "t", "k"].map(|name| p.activation(name, y.shape()));
    pointwise::forward(p, x, w[0], (None, None), Act::None, u);
    depthwise::forward(p, u, w[1], t);
    depthwise::forward(p, t, w[2], k);
    pointwise::forward(p, k, w[3], (Some(t), None), Act::None, y);
    [u, t, k]
}

/// Adds its gradients.
pub fn lgp_backward(
    p: &mut PlanBuilder<'_>,
    x: Tensor,
    w: &[Tensor; 4],
    [u, t, k]: [Tensor; 3],
    dy: Tensor,
    (dw, dx): (&[Tensor; 4], Tensor),
) {
    let [dk, dt, du] = ["dk", "dt", "du"].map(|name| p.activation(name, dy.shape()));
    pointwise::grad_weight(p, k, dy, "part3", dw[3]);
    pointwise::grad_input(p, dy, w[3], None, None, dk);
    depthwise::grad_weight(p, t, dk, "part2", dw[2]);
    depthwise::grad_input(p, dk, w[2], Some(dy), dt);
    depthwise::grad_weight(p, u, dt, "part1", dw[1]);
    depthwise::grad_input(p, dt, w[1], None, du);
    pointwise::grad_weight(p, x, du, "part0", dw[0]);
    pointwise::grad_input(p, du, w[0], None, None, dx);
}

/// Hidden numbers of a cluster of CANNet.
const HIDDEN: usize = 16;

/// Elements of CANNet's layers for a convolution: five of the factors, the weights, three of the biases.
pub fn can_lengths(ci: usize, co: usize) -> [usize; 9] {
    let layer = |ci, co| pointwise::weight_len(ci, co, true);
    let (first, second) = (layer(TAPS * ci, HIDDEN), layer(HIDDEN, HIDDEN));
    let [alpha, gamma, omega] = [TAPS, ci, co].map(|c| layer(HIDDEN, c));
    [first, second, alpha, gamma, omega, clustered::weight_len(ci, co), first, second, omega]
}

/// What a convolution of CANNet keeps.
pub struct Can {
    centroids: Tensor,
    hidden: [Tensor; 4],
    tables: ClusterTables,
    scale: Epilogue,
    v: Tensor,
}

/// Adds a convolution of CANNet by the segments of an index.
pub fn can_forward(
    p: &mut PlanBuilder<'_>,
    (x, index): (Tensor, Tensor),
    w: &[Tensor; 9],
    slope: f32,
    add: Option<Tensor>,
    y: Tensor,
) -> Can {
    let n = x.shape().n();
    let (ci, co) = (x.shape().c(), y.shape().c());
    let part = segment::sums(p, x, index, TAPS, "part");
    let mut rows = |name: &str, c| p.activation(name, rows_shape(n, c));
    let centroids = rows("centroids", TAPS * ci);
    let hidden = ["q0", "q", "r0", "r"].map(|name| rows(name, HIDDEN));
    let [alpha, gamma, omega, beta] =
        [("alpha", TAPS), ("gamma", ci), ("omega", co), ("beta", co)].map(|(name, c)| rows(name, c));
    segment::means(p, x.shape(), part, centroids);
    let [q0, q, r0, r] = hidden;
    for (x, w, act, y) in [
        (centroids, w[0], Act::Relu, q0),
        (q0, w[1], Act::Relu, q),
        (q, w[2], Act::Sigmoid, alpha),
        (q, w[3], Act::Sigmoid, gamma),
        (q, w[4], Act::Sigmoid, omega),
        (centroids, w[6], Act::Relu, r0),
        (r0, w[7], Act::Relu, r),
        (r, w[8], Act::None, beta),
    ] {
        pointwise::forward(p, x, w, (None, None), act, y);
    }
    let (tables, scale) = (ClusterTables { alpha, gamma, index }, Epilogue { omega, beta, index, slope });
    let v = p.activation("v", y.shape());
    clustered::forward(p, x, w[5], tables, v);
    clustered::scaled(p, v, scale, add, y);
    Can { centroids, hidden, tables, scale, v }
}

/// Adds its gradients.
pub fn can_backward(
    p: &mut PlanBuilder<'_>,
    x: Tensor,
    w: &[Tensor; 9],
    can: &Can,
    dy: Tensor,
    add: Option<Tensor>,
    (dw, dx): (&[Tensor; 9], Tensor),
) {
    let (n, ci, co) = (x.shape().n(), x.shape().c(), dy.shape().c());
    let Can { centroids, hidden: [q0, q, r0, r], tables, scale, v } = *can;
    let (e, at_output) = (p.activation("e", dy.shape()), p.activation("at_output", dy.shape().with_c(2 * co)));
    let at_input = p.activation("at_input", x.shape().with_c(ci + TAPS));
    let mut rows = |name: &str, c| p.activation(name, rows_shape(n, c));
    let [dalpha, dgamma, domega, dbeta] =
        [("dalpha", TAPS), ("dgamma", ci), ("domega", co), ("dbeta", co)].map(|(name, c)| rows(name, c));
    let [a, b, dq, dq0, dr, dr0] = ["a", "b", "dq", "dq0", "dr", "dr0"].map(|name| rows(name, HIDDEN));
    let [some, all, share] = ["some", "all", "share"].map(|name| rows(name, TAPS * ci));
    clustered::scaled_grad(p, dy, v, scale, (e, at_output));
    clustered::grad_factors(p, x, w[5], tables, e, at_input);
    clustered::grad_weight(p, x, tables, e, "part5", dw[5]);
    let outputs = segment::sums(p, at_output, tables.index, 1, "outputs");
    let inputs = segment::sums(p, at_input, tables.index, 1, "inputs");
    segment::totals(p, outputs, 0, Some(scale.omega), domega);
    segment::totals(p, outputs, co, None, dbeta);
    segment::totals(p, inputs, 0, Some(tables.gamma), dgamma);
    segment::totals(p, inputs, ci, Some(tables.alpha), dalpha);
    for (k, dy, add, mask, dx) in [
        (2, dalpha, None, None, a),
        (3, dgamma, Some(a), None, b),
        (4, domega, Some(b), Some(q), dq),
        (1, dq, None, Some(q0), dq0),
        (0, dq0, None, None, some),
        (8, dbeta, None, Some(r), dr),
        (7, dr, None, Some(r0), dr0),
        (6, dr0, Some(some), None, all),
    ] {
        pointwise::grad_input(p, dy, w[k], add, mask, dx);
    }
    for (k, x, dy) in [
        (0, centroids, dq0),
        (1, q0, dq),
        (2, q, dalpha),
        (3, q, dgamma),
        (4, q, domega),
        (6, centroids, dr0),
        (7, r0, dr),
        (8, r, dbeta),
    ] {
        pointwise::grad_weight(p, x, dy, &format!("part{k}"), dw[k]);
    }
    segment::spread(p, x.shape(), all, outputs, share);
    clustered::grad_input(p, e, w[5], tables, (share, add), dx);
}

/// States of a channel of a Mamba layer.
const STATES: usize = 16;

/// Numbers that the steps of a pixel are made of.
fn rank(width: usize) -> usize {
    width.div_ceil(16)
}

/// Elements of a Mamba branch's layers on `width` channels: what is scanned, its gate, rates and what passes, the causal
/// convolution, numbers of steps, B and C, steps.
pub fn branch_lengths(width: usize) -> [usize; 7] {
    let (inner, rank) = (2 * width, rank(width));
    let plain = |ci, co| pointwise::weight_len(ci, co, false);
    [
        plain(width, inner),
        plain(width, inner),
        (STATES + 1) * inner,
        causal::weight_len(inner),
        plain(inner, rank),
        plain(inner, 2 * STATES),
        pointwise::weight_len(rank, inner, true),
    ]
}

/// What a branch keeps: before and after its convolution, its gate, numbers of steps, the rest of what is scanned, and
/// what came of it.
pub struct Branch {
    v: Tensor,
    z: Tensor,
    u: Tensor,
    low: Tensor,
    raw: Tensor,
    bc: Tensor,
    y: Tensor,
    forth: Tensor,
}

/// Adds a branch of a Mamba layer, plus `add`.
pub fn branch_forward(
    p: &mut PlanBuilder<'_>,
    name: &str,
    x: Tensor,
    w: &[Tensor; 7],
    (add, s): (Option<Tensor>, Tensor),
) -> Branch {
    let mut image = |part: &str, c| p.activation(&format!("{name}.{part}"), x.shape().with_c(c));
    let inner = s.shape().c();
    let [v, z, u, raw, y] = ["v", "z", "u", "raw", "y"].map(|part| image(part, inner));
    let (low, bc) = (image("low", rank(x.shape().c())), image("bc", 2 * STATES));
    for (x, w, y) in [(x, w[0], v), (x, w[1], z)] {
        pointwise::forward(p, x, w, (None, None), Act::None, y);
    }
    causal::forward(p, v, w[3], u);
    for (x, w, y) in [(u, w[4], low), (u, w[5], bc), (low, w[6], raw)] {
        pointwise::forward(p, x, w, (None, None), Act::None, y);
    }
    let forth = scan::forward(p, ScanInput { u, raw, bc, w: w[2] }, name, y);
    gated::forward(p, y, z, add, s);
    Branch { v, z, u, low, raw, bc, y, forth }
}

/// Adds its gradients.
pub fn branch_backward(
    p: &mut PlanBuilder<'_>,
    (name, x): (&str, Tensor),
    w: &[Tensor; 7],
    kept: &Branch,
    ds: Tensor,
    (dw, dx): (&[Tensor; 7], Tensor),
) {
    let Branch { v, z, u, low, raw, bc, y, forth } = *kept;
    let inner = u.shape().c();
    let mut image = |part: &str, c| p.activation(&format!("{name}.{part}"), x.shape().with_c(c));
    let [dy, dz, draw, first, second, du, dv, dx_v] =
        ["dy", "dz", "draw", "first", "second", "du", "e", "dv"].map(|part| image(part, inner));
    let (dlow, dbc, some) = (image("dlow", low.shape().c()), image("dbc", 2 * STATES), image("some", x.shape().c()));
    let all = image("all", 2 * (inner + STATES));
    gated::grad(p, ds, [y, z], [dy, dz]);
    scan::backward(p, ScanInput { u, raw, bc, w: w[2] }, name, (forth, dy), all, dw[2]);
    for (at, part) in [(0, first), (inner, draw), (2 * inner, dbc)] {
        picked::part(p, all, at, part);
    }
    pointwise::grad_input(p, draw, w[6], None, None, dlow);
    pointwise::grad_input(p, dlow, w[4], Some(first), None, second);
    pointwise::grad_input(p, dbc, w[5], Some(second), None, du);
    causal::grad(p, v, w[3], du, dv);
    causal::grad_weight(p, v, dv, &format!("{name}.part3"), dw[3]);
    causal::grad_input(p, dv, w[3], dx_v);
    for (k, x, dy) in [(0, x, dx_v), (1, x, dz), (4, u, dlow), (5, u, dbc), (6, low, draw)] {
        pointwise::grad_weight(p, x, dy, &format!("{name}.part{k}"), dw[k]);
    }
    pointwise::grad_input(p, dx_v, w[0], None, None, some);
    pointwise::grad_input(p, dz, w[1], Some(some), None, dx);
}

/// Inputs, or outputs, one for each layer.
pub fn tensors<const N: usize>(p: &mut PlanBuilder<'_>, name: &str, lengths: [usize; N], role: Role) -> [Tensor; N] {
    let mut k = 0;
    lengths.map(|len| {
        k += 1;
        p.tensor(format!("{name}{k}"), Shape::flat(len), role)
    })
}

/// Values of each tensor of a network in PyTorch layout, in their order, weights before biases.
pub fn named(shape: FusionShape) -> Vec<(String, Vec<usize>)> {
    let zeros = net::layers_of_fusion(shape);
    zeros.iter().flat_map(|layer| layer.named("fusion")).map(|(name, sizes, _)| (name, sizes)).collect()
}

/// Where in the flat parameter each value lies of the tensors of [`named`], all in one list.
pub fn places(layers: &[Layer]) -> Vec<usize> {
    let mut layers = layers.to_vec();
    // Numbers up to 2^24 are f32; 0 is padding.
    let mut next = 0.0;
    for value in layers.iter_mut().flat_map(|layer| layer.weight.iter_mut().chain(&mut layer.bias)) {
        next += 1.0;
        *value = next;
    }
    let mut places = vec![usize::MAX; next as usize];
    for (at, number) in net::import(&layers).into_iter().enumerate().filter(|(_, number)| *number > 0.0) {
        places[number as usize - 1] = at;
    }
    assert!(places.iter().all(|at| *at != usize::MAX), "every value has a place");
    places
}
