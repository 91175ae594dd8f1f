//! FusionNet: detail injection by four residual blocks (method, section 1).

use super::backbone::{Acts, Description, Ends, Fusion, FusionShape, LayerInit, LayerPlan, Statistics};
use crate::graph::{PlanBuilder, Tensor};
use crate::kernels::{conv2d, image};

pub(super) static FUSIONNET: Description = Description {
    // `pan − lms`, or `[pan − lms, lms]`.
    inputs: |shape| if shape.sees_ms { 2 * shape.bands } else { shape.bands },
    input: |shape, p, pan, lms, d| (if shape.sees_ms { image::features } else { image::detail })(p, pan, lms, d),
    layers,
    forward,
    backward,
    statistics: |_| Vec::new(),
    averages: true,
    // Each convolution, one before the first block, two in each and one after, looks one pixel further, and rounds by
    // blocks of 4.
    rim: |shape| 4 * (2 * shape.blocks + 2),
    live: |shape| 3 * shape.width,
    ends_in_bands: true,
    turns: true,
    window: usize::MAX,
};

/// Convolutions in order.
fn layers(shape: FusionShape) -> Vec<LayerPlan> {
    let layer = |name: String, ci, co| LayerPlan::new(name, [co, ci, 3, 3], LayerInit::Truncated);
    let mut layers = vec![layer("conv_in".to_owned(), shape.inputs(), shape.width)];
    for block in 0..shape.blocks {
        layers.push(layer(format!("block{block}.conv_a"), shape.width, shape.width));
        layers.push(layer(format!("block{block}.conv_b"), shape.width, shape.width));
    }
    layers.push(LayerPlan { silent: true, ..layer("conv_out".to_owned(), shape.width, shape.bands) });
    layers
}

/// Keeps `d`, then the first hidden image, then both of each block.
fn forward(net: &Fusion, p: &mut PlanBuilder<'_>, Ends { x: d, base, hrms }: Ends, _: Statistics<'_>) -> Acts {
    let shape = net.shape();
    let hidden = d.shape().with_c(shape.width);
    let mut layers = net.layers.iter().copied();
    let mut layer = || layers.next().expect("one tensor per layer");
    let mut h = p.activation("h0", hidden);
    let mut acts = vec![d, h];
    conv2d::forward(p, d, layer(), None, true, h);
    for block in 0..shape.blocks {
        let a = p.activation(&format!("a{block}"), hidden);
        let next = p.activation(&format!("h{}", block + 1), hidden);
        conv2d::forward(p, h, layer(), None, true, a);
        conv2d::forward(p, a, layer(), Some(h), false, next);
        acts.extend([a, next]);
        h = next;
    }
    conv2d::forward(p, h, layer(), Some(base), false, hrms);
    Acts(acts)
}

fn backward(net: &Fusion, p: &mut PlanBuilder<'_>, Acts(acts): Acts, dy: Tensor, grads: &Fusion) {
    let blocks = net.shape().blocks;
    let hidden = dy.shape().with_c(net.shape().width);
    // [d, h0, a0, h1, a1, h2, …]
    let (a, h) = (|block: usize| acts[2 * block + 2], |block: usize| acts[2 * block + 1]);
    let mut layers = net.layers.iter().copied().zip(grads.layers.iter().copied()).rev();
    let mut layer = || layers.next().expect("one tensor per layer");
    let weight = |p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, name: &str, dw: Tensor| {
        conv2d::grad_weight(p, x, dy, &format!("part.{name}"), dw);
    };
    let (w, dw) = layer();
    weight(p, h(blocks), dy, "conv_out", dw);
    // With no block the ReLU after conv_in is the next thing upstream.
    let relu_of_conv_in = |block: usize| (block == 0).then_some(h(0));
    let mut dh = p.activation(&format!("dh{blocks}"), hidden);
    conv2d::grad_input(p, dy, w, None, relu_of_conv_in(blocks), dh);
    for block in (0..blocks).rev() {
        let (w, dw) = layer();
        weight(p, a(block), dh, &format!("block{block}.conv_b"), dw);
        let da = p.activation(&format!("da{block}"), hidden);
        conv2d::grad_input(p, dh, w, None, Some(a(block)), da);
        let (w, dw) = layer();
        weight(p, h(block), da, &format!("block{block}.conv_a"), dw);
        let next = p.activation(&format!("dh{block}"), hidden);
        conv2d::grad_input(p, da, w, Some(dh), relu_of_conv_in(block), next);
        dh = next;
    }
    weight(p, acts[0], dh, "conv_in", layer().1);
}
