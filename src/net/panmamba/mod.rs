//! PanMamba: an image of each of PAN and MS, scanned pixel by pixel, that exchange channels and then look at each other
//! (method, section 1).

mod blocks;
mod branch;
mod encoder;
mod parts;
mod refine;

use super::backbone::{Acts, Description, Ends, Fusion, FusionShape, LayerInit, LayerPlan, Statistics};
use super::pass::{Backward, Forward};
use crate::graph::{PlanBuilder, Shape, Tensor};
use crate::kernels::{leaky, picked, pointwise};
use blocks::{cross, cross_back, fused, fused_back, single, single_back, swaps, swaps_back};
use parts::{image, pixelwise, sum};

/// Channels of both images between the layers.
const WIDTH: usize = 32;

pub(super) static PANMAMBA: Description = Description {
    inputs: |shape| shape.bands + 1,
    input: |_, p, pan, lms, d| picked::stacked(p, pan, lms, d),
    layers,
    forward,
    backward,
    statistics: |_| {
        ["panenc", "msenc"].iter().flat_map(|of| encoder::statistics(of)).chain([refine::statistic()]).collect()
    },
    averages: true,
    // The convolutions see 18 pixels; the scan sees all before, of which a pixel's own row counts most.
    rim: |_| 48,
    live: |_| 18 * WIDTH,
    ends_in_bands: true,
    turns: false,
    window: 128,
};

/// How many blocks there are of each sort: of the default's 4, 8 for each image, 2 of exchange and 5 of both.
struct Depth {
    single: usize,
    swaps: usize,
    cross: usize,
}

impl Depth {
    fn of(shape: FusionShape) -> Self {
        let blocks = shape.blocks;
        Self { single: 2 * blocks, swaps: blocks.div_ceil(2), cross: (5 * blocks / 4).max(1) }
    }
}

fn norm(name: String) -> LayerPlan {
    LayerPlan::new(name, [WIDTH, 1, 1, 1], LayerInit::Norm)
}

/// A Mamba layer: a branch, and what makes an image of it.
fn mamba_layers(name: &str) -> Vec<LayerPlan> {
    branch::layers(name, WIDTH).into_iter().chain([out_layer(name)]).collect()
}

fn out_layer(name: &str) -> LayerPlan {
    let shape = [WIDTH, branch::EXPANSION * WIDTH, 1, 1];
    LayerPlan { bias: false, ..LayerPlan::new(format!("{name}.out"), shape, LayerInit::Uniform) }
}

fn layers(shape: FusionShape) -> Vec<LayerPlan> {
    let Depth { single, swaps, cross } = Depth::of(shape);
    let layer = |name: &str, shape| LayerPlan::new(name, shape, LayerInit::Uniform);
    let mut all = encoder::layers("panenc", 1);
    all.extend(encoder::layers("msenc", shape.bands));
    all.extend(["mstok", "pantok"].map(|name| layer(name, [WIDTH, WIDTH, 1, 1])));
    for of in ["ms", "pan"] {
        for name in (0..single).map(|i| format!("{of}{i}")) {
            all.push(norm(format!("{name}.n")));
            all.extend(mamba_layers(&name));
        }
    }
    for name in (0..swaps).map(|i| format!("swap{i}")) {
        all.extend(["nm", "nq"].map(|of| norm(format!("{name}.{of}"))));
        all.extend(["m", "q"].iter().flat_map(|of| mamba_layers(&format!("{name}.{of}"))));
    }
    all.extend(["sf1", "sf2"].map(|name| layer(name, [WIDTH, 2 * WIDTH, 3, 3])));
    for name in (0..cross).map(|i| format!("x{i}")) {
        all.extend(["n1", "n2"].map(|of| norm(format!("{name}.{of}"))));
        all.extend(["a", "b"].iter().flat_map(|of| branch::layers(&format!("{name}.{of}"), WIDTH)));
        all.push(out_layer(&name));
        all.push(layer(&format!("{name}.dw"), [WIDTH, 1, 3, 3]));
    }
    all.extend(refine::layers(shape.bands));
    all
}

/// The layers that make pixels' numbers of MS and of PAN, used twice.
fn tokens(net: &Fusion) -> [Tensor; 2] {
    let layers = net.shape().layers();
    let find = |name| layers.iter().position(|layer| layer.name == name).expect("a layer of the description");
    ["mstok", "pantok"].map(|name| net.layers[find(name)])
}

fn forward(net: &Fusion, p: &mut PlanBuilder<'_>, Ends { x, base, hrms }: Ends, statistics: Statistics<'_>) -> Acts {
    let depth = Depth::of(net.shape());
    let mut pass = Forward::new(net, statistics);
    let [pan, ms] = [("seen.pan", 0, 1), ("seen.ms", 1, net.shape().bands)].map(|(name, first, channels)| {
        let part = p.activation(name, x.shape().with_c(channels));
        picked::part(p, x, first, part);
        part
    });
    let q = encoder::forward(p, &mut pass, "panenc", pan);
    let m = encoder::forward(p, &mut pass, "msenc", ms);
    let [mstok, pantok] = pass.next();
    pass.acts.extend([m, q]);
    let m = pixelwise(p, m, mstok, None, "mstok");
    let q = pixelwise(p, q, pantok, None, "pantok");
    let m = single(p, &mut pass, ("ms", depth.single), m);
    let q = single(p, &mut pass, ("pan", depth.single), q);
    let [m, q] = swaps(p, &mut pass, depth.swaps, [m, q]);
    let m = fused(p, &mut pass, [m, q], m, "sf1");
    let q = fused(p, &mut pass, [q, m], q, "sf2");
    pass.acts.extend([m, q]);
    let m = pixelwise(p, m, mstok, None, "mstok.again");
    let q = pixelwise(p, q, pantok, None, "pantok.again");
    let m = cross(p, &mut pass, depth.cross, m, q);
    refine::forward(p, &mut pass, m, (base, hrms));
    Acts(pass.acts)
}

fn backward(net: &Fusion, p: &mut PlanBuilder<'_>, acts: Acts, dy: Tensor, grads: &Fusion) {
    let depth = Depth::of(net.shape());
    let mut pass = Backward::new(net, grads, acts);
    let dm = refine::backward(p, &mut pass, dy);
    let [dm, dq] = cross_back(p, &mut pass, depth.cross, dm);
    let (tokens, [m, q]) = (tokens(net), pass.acts.pop());
    let second = [("mstok", m, dm), ("pantok", q, dq)].map(|(of, x, d)| {
        let to = p.activation(&format!("{of}.dagain"), Shape::flat(pointwise::weight_len(WIDTH, WIDTH, true)));
        pointwise::grad_weight(p, x, d, &format!("part.{of}.again"), to);
        to
    });
    let from_token = |p: &mut PlanBuilder<'_>, d, k: usize, add, name: &str| {
        let dx = image(p, name, d);
        pointwise::grad_input(p, d, tokens[k], add, None, dx);
        dx
    };
    let dq = from_token(p, dq, 1, None, "dq.fused");
    let [of_q, of_m] = fused_back(p, &mut pass, dq, "sf2");
    let dm = from_token(p, dm, 0, Some(of_m), "dm.fused");
    let dq = sum(p, dq, of_q, "dq.swap");
    let [of_m, of_q] = fused_back(p, &mut pass, dm, "sf1");
    let [dm, dq] = [sum(p, dm, of_m, "dm.swaps"), sum(p, dq, of_q, "dq.swaps")];
    let [dm, dq] = swaps_back(p, &mut pass, depth.swaps, [dm, dq]);
    let dq = single_back(p, &mut pass, ("pan", depth.single), dq);
    let dm = single_back(p, &mut pass, ("ms", depth.single), dm);
    let (_, dtokens): (_, [Tensor; 2]) = pass.next();
    let [m, q] = pass.acts.pop();
    let [dm, dq] = [("mstok", m, dm, 0), ("pantok", q, dq, 1)].map(|(of, x, d, k)| {
        let first = p.activation(&format!("{of}.dfirst"), dtokens[k].shape());
        pointwise::grad_weight(p, x, d, &format!("part.{of}"), first);
        leaky::sum(p, first, second[k], dtokens[k]);
        from_token(p, d, k, None, &format!("{of}.dx"))
    });
    encoder::backward(p, &mut pass, "msenc", dm);
    encoder::backward(p, &mut pass, "panenc", dq);
}
