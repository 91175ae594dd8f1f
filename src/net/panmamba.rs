//! PanMamba: an image of each of PAN and MS, scanned pixel by pixel, that exchange channels and then look at each other
//! (method, section 1).

use super::backbone::{Acts, Description, Ends, Fusion, FusionShape, Init, LayerPlan, Statistics};
use super::encoder;
use super::mamba;
use super::pass::{Backward, Forward};
use super::refine;
use crate::graph::{PlanBuilder, Shape, Tensor};
use crate::kernels::layernorm;
use crate::kernels::pointwise::{self, Act};
use crate::kernels::{conv2d, depthwise, leaky, loss, picked};

/// Channels of both images between the layers.
pub(super) const WIDTH: usize = 32;

pub(super) static PANMAMBA: Description = Description {
    inputs: |shape| shape.bands + 1,
    input: |_, p, pan, lms, d| picked::stacked(p, pan, lms, d),
    layers,
    forward,
    backward,
    statistics: |_| ["panenc", "msenc"].iter().flat_map(|of| encoder::statistics(of)).chain([refine::statistic()]).collect(),
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
    LayerPlan::new(name, [WIDTH, 1, 1, 1], Init::Norm)
}

/// A Mamba layer: a branch, and what makes an image of it.
fn mamba_layers(name: &str) -> Vec<LayerPlan> {
    mamba::layers(name, WIDTH).into_iter().chain([out_layer(name)]).collect()
}

fn out_layer(name: &str) -> LayerPlan {
    let shape = [WIDTH, mamba::EXPANSION * WIDTH, 1, 1];
    LayerPlan { bias: false, ..LayerPlan::new(format!("{name}.out"), shape, Init::Uniform) }
}

fn layers(shape: FusionShape) -> Vec<LayerPlan> {
    let Depth { single, swaps, cross } = Depth::of(shape);
    let layer = |name: &str, shape| LayerPlan::new(name, shape, Init::Uniform);
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
        all.extend(["a", "b"].iter().flat_map(|of| mamba::layers(&format!("{name}.{of}"), WIDTH)));
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

fn image(p: &mut PlanBuilder<'_>, name: &str, like: Tensor) -> Tensor {
    p.activation(name, like.shape().with_c(WIDTH))
}

/// What is scanned of an image.
fn inner(p: &mut PlanBuilder<'_>, name: &str, like: Tensor) -> Tensor {
    p.activation(name, like.shape().with_c(mamba::EXPANSION * WIDTH))
}

fn pixelwise(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, plus: Option<Tensor>, name: &str) -> Tensor {
    let y = image(p, name, x);
    pointwise::forward(p, x, w, (None, plus), Act::None, y);
    y
}

/// `Mamba(x)`, plus an image.
fn mamba(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, name: &str, x: Tensor, plus: Option<Tensor>) -> Tensor {
    let s = inner(p, &format!("{name}.s"), x);
    mamba::forward(p, (name, pass.next()), x, (None, s), &mut pass.acts);
    pass.acts.push(s);
    let [out] = pass.next();
    pixelwise(p, s, out, plus, &format!("{name}.out"))
}

/// The gradient at the input of [`mamba`].
fn mamba_back(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, name: &str, dy: Tensor) -> Tensor {
    let ([out], [dout]) = pass.next();
    let [s] = pass.acts.pop();
    pointwise::grad_weight(p, s, dy, &format!("part.{name}.out"), dout);
    let ds = inner(p, &format!("{name}.ds"), dy);
    pointwise::grad_input(p, dy, out, None, None, ds);
    let dx = image(p, &format!("{name}.dx"), dy);
    let (layers, kept) = (pass.next(), pass.acts.pop());
    mamba::backward(p, name, layers, kept, ds, dx);
    dx
}

fn normalised(p: &mut PlanBuilder<'_>, x: Tensor, w: Tensor, name: &str) -> Tensor {
    let y = image(p, name, x);
    layernorm::forward(p, x, w, y);
    y
}

/// The gradient at what was normalised, plus `add`, and that of the weights.
fn normalised_back(
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
fn twice(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, x: Tensor, w: Tensor, name: &str) -> Tensor {
    let once = normalised(p, x, w, &format!("{name}.once"));
    pass.acts.extend([x, once]);
    normalised(p, once, w, name)
}

/// As [`normalised_back`], through both.
fn twice_back(
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

/// Blocks of one image: `ρ + Mamba(LN ρ)`.
fn single(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, (of, count): (&str, usize), mut rho: Tensor) -> Tensor {
    for name in (0..count).map(|i| format!("{of}{i}")) {
        let [n] = pass.next();
        let x = normalised(p, rho, n, &format!("{name}.n"));
        pass.acts.push(rho);
        rho = mamba(p, pass, &name, x, Some(rho));
    }
    rho
}

fn single_back(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, (of, count): (&str, usize), mut drho: Tensor) -> Tensor {
    for name in (0..count).rev().map(|i| format!("{of}{i}")) {
        let dx = mamba_back(p, pass, &name, drho);
        let ([n], [dn]) = pass.next();
        let [rho] = pass.acts.pop();
        drho = normalised_back(p, rho, (n, dn), (dx, Some(drho)), &format!("{name}.n"));
    }
    drho
}

/// Blocks that exchange half of the channels, of MS and of PAN. The last adds nothing.
fn swaps(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, count: usize, mut rho: [Tensor; 2]) -> [Tensor; 2] {
    for i in 0..count {
        let (norms, last): ([Tensor; 2], bool) = (pass.next(), i + 1 == count);
        let [m, q] = [("nm", 0), ("nq", 1)].map(|(of, k)| normalised(p, rho[k], norms[k], &format!("swap{i}.{of}")));
        pass.acts.extend(rho);
        rho = [("m", q, m, rho[0]), ("q", m, q, rho[1])].map(|(of, first, second, rho)| {
            let name = format!("swap{i}.{of}");
            let x = image(p, &format!("{name}.x"), m);
            picked::swapped(p, first, second, x);
            mamba(p, pass, &name, x, (!last).then_some(rho))
        });
    }
    rho
}

fn swaps_back(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, count: usize, mut drho: [Tensor; 2]) -> [Tensor; 2] {
    for i in (0..count).rev() {
        let dq = mamba_back(p, pass, &format!("swap{i}.q"), drho[1]);
        let dm = mamba_back(p, pass, &format!("swap{i}.m"), drho[0]);
        let (norms, dnorms): ([Tensor; 2], [Tensor; 2]) = pass.next();
        let rho: [Tensor; 2] = pass.acts.pop();
        let add = |k: usize| (i + 1 < count).then_some(drho[k]);
        drho = [("nm", 0, dq, dm), ("nq", 1, dm, dq)].map(|(of, k, first, second)| {
            let name = format!("swap{i}.{of}");
            let d = image(p, &format!("{name}.d"), dm);
            picked::swapped(p, first, second, d);
            normalised_back(p, rho[k], (norms[k], dnorms[k]), (d, add(k)), &name)
        });
    }
    drho
}

fn stacked(p: &mut PlanBuilder<'_>, a: Tensor, b: Tensor, name: &str) -> Tensor {
    let both = p.activation(name, a.shape().with_c(2 * WIDTH));
    picked::stacked(p, a, b, both);
    both
}

/// `conv([a, b]) + to`.
fn fused(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, [a, b]: [Tensor; 2], to: Tensor, name: &str) -> Tensor {
    let both = stacked(p, a, b, &format!("{name}.both"));
    let ([w], y) = (pass.next(), image(p, &format!("{name}.y"), to));
    conv2d::forward(p, both, w, Some(to), false, y);
    pass.acts.push(both);
    y
}

/// The gradients at `a` and `b` by way of the convolution.
fn fused_back(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, dy: Tensor, name: &str) -> [Tensor; 2] {
    let (([w], [dw]), [both]) = (pass.next(), pass.acts.pop());
    conv2d::grad_weight(p, both, dy, &format!("part.{name}"), dw);
    let dboth = p.activation(&format!("{name}.dboth"), both.shape());
    conv2d::grad_input(p, dy, w, None, None, dboth);
    [("da", 0), ("db", WIDTH)].map(|(of, first)| {
        let d = image(p, &format!("{name}.{of}"), dy);
        picked::part(p, dboth, first, d);
        d
    })
}

fn sum(p: &mut PlanBuilder<'_>, a: Tensor, b: Tensor, name: &str) -> Tensor {
    let y = p.activation(name, a.shape());
    leaky::sum(p, a, b, y);
    y
}

/// Blocks in which MS looks at PAN, `q`; the last adds nothing.
fn cross(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, count: usize, mut rho: Tensor, q: Tensor) -> Tensor {
    for i in 0..count {
        let name = format!("x{i}");
        let [n1, n2] = pass.next();
        let a = twice(p, pass, rho, n1, &format!("{name}.n1"));
        let e = twice(p, pass, q, n2, &format!("{name}.n2"));
        let [of_a, s] = ["a.s", "s"].map(|of| inner(p, &format!("{name}.{of}"), a));
        mamba::forward(p, (&format!("{name}.a"), pass.next()), a, (None, of_a), &mut pass.acts);
        mamba::forward(p, (&format!("{name}.b"), pass.next()), e, (Some(of_a), s), &mut pass.acts);
        let [out, dw] = pass.next();
        let m = pixelwise(p, s, out, None, &format!("{name}.m"));
        let t = image(p, &format!("{name}.t"), m);
        depthwise::forward(p, m, dw, t);
        pass.acts.extend([s, m]);
        let y = sum(p, t, m, &format!("{name}.y"));
        rho = if i + 1 == count { y } else { sum(p, y, rho, &format!("{name}.rho")) };
    }
    rho
}

/// The gradients at what the blocks started from, and at `q`.
fn cross_back(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, count: usize, mut drho: Tensor) -> [Tensor; 2] {
    let mut dq = None;
    for i in (0..count).rev() {
        let name = format!("x{i}");
        let part = |of: &str| format!("part.{name}.{of}");
        let ([out, dw], [dout, ddw]) = pass.next();
        let [s, m] = pass.acts.pop();
        depthwise::grad_weight(p, m, drho, &part("dw"), ddw);
        let dm = image(p, &format!("{name}.dm"), m);
        depthwise::grad_input(p, drho, dw, Some(drho), dm);
        pointwise::grad_weight(p, s, dm, &part("out"), dout);
        let ds = inner(p, &format!("{name}.ds"), m);
        pointwise::grad_input(p, dm, out, None, None, ds);
        let [de, da] = ["b", "a"].map(|of| {
            let d = image(p, &format!("{name}.{of}.dx"), m);
            let (layers, kept) = (pass.next(), pass.acts.pop());
            mamba::backward(p, &format!("{name}.{of}"), layers, kept, ds, d);
            d
        });
        let ([n1, n2], [dn1, dn2]) = pass.next();
        let (of_q, of_rho) = (pass.acts.pop(), pass.acts.pop());
        dq = Some(twice_back(p, of_q, (n2, dn2), (de, dq), &format!("{name}.n2")));
        let add = (i + 1 < count).then_some(drho);
        drho = twice_back(p, of_rho, (n1, dn1), (da, add), &format!("{name}.n1"));
    }
    [drho, dq.expect("there is a block")]
}

fn forward(net: &Fusion, p: &mut PlanBuilder<'_>, Ends { x, base, hrms }: Ends, statistics: Statistics<'_>) -> Acts {
    let depth = Depth::of(net.shape());
    let mut pass = Forward::new(net, statistics);
    let [pan, ms] = [("pan", 0, 1), ("ms", 1, net.shape().bands)].map(|(name, first, channels)| {
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
