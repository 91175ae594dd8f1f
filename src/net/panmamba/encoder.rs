//! What PanMamba makes of an image before it scans it: a convolution, and three blocks with instance norm of half of their
//! channels (method, section 1).

use super::super::backbone::{LayerInit, LayerPlan};
use super::super::pass::{Backward, Forward};
use super::WIDTH;
use crate::graph::{PlanBuilder, Shape, Tensor};
use crate::kernels::instance::{self, Moments};
use crate::kernels::{conv2d, leaky};

/// Of all leaky ReLUs.
const SLOPE: f32 = 0.2;

/// Blocks, by their numbers.
const BLOCKS: std::ops::RangeInclusive<usize> = 1..=3;

/// Moments of each block's first channels: of one image.
pub(super) fn statistics(name: &str) -> Vec<(String, Shape)> {
    let of_block = |i: usize| ["mean", "variance"].map(|of| (format!("{name}.{i}.{of}"), Shape::flat(WIDTH)));
    BLOCKS.flat_map(of_block).collect()
}

pub(super) fn layers(name: &str, channels: usize) -> Vec<LayerPlan> {
    let layer = |part: String, shape, init| LayerPlan::new(format!("{name}.{part}"), shape, init);
    let conv = |part: String, from| layer(part, [WIDTH, from, 3, 3], LayerInit::Uniform);
    let block = |i: usize| {
        let norm = layer(format!("{i}.n"), [WIDTH / 2, 1, 1, 1], LayerInit::Norm);
        [conv(format!("{i}.a"), WIDTH), conv(format!("{i}.b"), WIDTH), norm]
    };
    [conv("0".into(), channels)].into_iter().chain(BLOCKS.flat_map(block)).collect()
}

/// Adds the encoder of an image, and keeps what the way back needs.
pub(super) fn forward(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, name: &str, x: Tensor) -> Tensor {
    let image = |p: &mut PlanBuilder<'_>, of: &str| p.activation(&format!("{name}.{of}"), x.shape().with_c(WIDTH));
    let [first] = pass.next();
    let mut h = image(p, "0");
    conv2d::forward(p, x, first, None, false, h);
    pass.acts.push(x);
    for i in BLOCKS {
        let [a, b, n] = pass.next();
        let [z, v, r, t, sum] = ["z", "v", "r", "t", "sum"].map(|of| image(p, &format!("{i}.{of}")));
        conv2d::forward(p, h, a, None, false, z);
        leaky::forward(p, z, None, SLOPE, None, v);
        let shape = Shape([x.shape().n(), 1, 1, WIDTH]);
        let (given, mean) = pass.statistic(p, &format!("{name}.{i}.mean"), shape);
        let (_, variance) = pass.statistic(p, &format!("{name}.{i}.variance"), shape);
        let of = Moments { mean, variance };
        if !given {
            instance::moments(p, v, &format!("{name}.{i}"), of);
        }
        instance::forward(p, v, of, n, r);
        conv2d::forward(p, r, b, None, false, t);
        leaky::forward(p, t, None, SLOPE, Some(h), sum);
        pass.acts.extend([h, z, v, mean, variance, r, t]);
        h = sum;
    }
    h
}

/// Adds the gradients of an encoder's weights.
pub(super) fn backward(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, name: &str, mut dh: Tensor) {
    for i in BLOCKS.rev() {
        let ([a, b, n], [da, db, dn]) = pass.next();
        let [h, z, v, mean, variance, r, t] = pass.acts.pop();
        let part = |of: &str| format!("part.{name}.{i}.{of}");
        let [dt, dr, dv, dz, dx] =
            ["dt", "dr", "dv", "dz", "dx"].map(|of| p.activation(&format!("{name}.{i}.{of}"), h.shape()));
        leaky::grad(p, dh, t, None, SLOPE, dt);
        conv2d::grad_weight(p, r, dt, &part("b"), db);
        conv2d::grad_input(p, dt, b, None, None, dr);
        instance::backward(p, v, Moments { mean, variance }, (n, dn), &format!("{name}.{i}.n"), (dr, dv));
        leaky::grad(p, dv, z, None, SLOPE, dz);
        conv2d::grad_weight(p, h, dz, &part("a"), da);
        conv2d::grad_input(p, dz, a, Some(dh), None, dx);
        dh = dx;
    }
    let (_, [dfirst]) = pass.next();
    let [x] = pass.acts.pop();
    conv2d::grad_weight(p, x, dh, &format!("part.{name}.0"), dfirst);
}
