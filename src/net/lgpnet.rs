//! LGPNet: residual blocks of convolutions factored into depthwise and 1×1 ones (method, section 1).

use super::backbone::{Acts, Description, Ends, Fusion, FusionShape, LayerInit, LayerPlan, Statistics};
use crate::graph::{PlanBuilder, Tensor};
use crate::kernels::pointwise::{self, Act};
use crate::kernels::{depthwise, image, picked};

/// Hidden channels, and residual blocks.
const WIDTH: usize = 32;
const BLOCKS: usize = 4;
/// Channels between the convolutions of the head, and between the first two of the tail.
const HEAD: usize = 20;
const TAIL: usize = 16;

/// Deviation that the second filters start with: a small perturbation of the first.
const PERTURBATION: f64 = 1e-4;

pub(super) static LGPNET: Description = Description {
    inputs: |shape| shape.bands + 1,
    input: |_, p, pan, lms, d| picked::stacked(p, pan, lms, d),
    layers: |shape| convolutions(shape).iter().flat_map(PerturbedConv::layers).collect(),
    forward,
    backward,
    statistics: |_| Vec::new(),
    averages: true,
    // Two depthwise filters in each of thirteen convolutions; each pixel is summed in one order wherever it lies.
    rim: |_| 2 * (2 + 2 * BLOCKS + 3),
    live: |_| 5 * WIDTH,
    ends_in_bands: false,
    turns: true,
    window: usize::MAX,
};

/// `y = t + M · (t ∗ g)` with `t = (P · x + p) ∗ d + e`: 1×1, depthwise 3×3, and a perturbation of it.
struct PerturbedConv {
    name: String,
    ci: usize,
    co: usize,
}

/// In order: two in the head, two in each block, three in the tail.
fn convolutions(shape: FusionShape) -> Vec<PerturbedConv> {
    let new = |name: String, ci, co| PerturbedConv { name, ci, co };
    let mut all = vec![new("head0".into(), shape.inputs(), HEAD), new("head1".into(), HEAD, WIDTH)];
    all.extend((0..BLOCKS).flat_map(|b| ["a", "b"].map(|half| new(format!("rb{b}.{half}"), WIDTH, WIDTH))));
    let (tail, bands) = ([WIDTH, TAIL, shape.bands], shape.bands);
    all.extend((0..3).map(|k| new(format!("tail{k}"), tail[k], [TAIL, bands, bands][k])));
    all
}

impl PerturbedConv {
    fn layers(&self) -> [LayerPlan; LAYERS] {
        let Self { name, ci, co } = self;
        let spread = |fan_out: usize| LayerInit::Normal((2.0 / fan_out as f64).sqrt());
        let layer = |part: &str, shape, init| LayerPlan::new(format!("{name}.{part}"), shape, init);
        let small = LayerInit::Normal(PERTURBATION);
        [
            layer("pw", [*co, *ci, 1, 1], spread(*co)),
            // Without the last one's filter there is nothing to perturb either.
            LayerPlan { silent: name == "tail2", ..layer("dw", [*co, 1, 3, 3], spread(9 * co)) },
            LayerPlan { bias: false, ..layer("g", [*co, 1, 3, 3], small) },
            LayerPlan { bias: false, ..layer("mix", [*co, *co, 1, 1], small) },
        ]
    }
}

/// Layers of a convolution.
const LAYERS: usize = 4;

/// Adds one convolution, `y = act(t + M · k) + plus`, and keeps its input, `u`, `t` and `k = t ∗ g`.
fn convolve(
    p: &mut PlanBuilder<'_>,
    (name, layers): (&str, &[Tensor]),
    x: Tensor,
    (act, plus): (Act, Option<Tensor>),
    y: Tensor,
    acts: &mut Vec<Tensor>,
) {
    let [pw, dw, g, mix] = layers.try_into().expect("the layers of a convolution");
    let [u, t, k] = ["u", "t", "k"].map(|part| p.activation(&format!("{name}.{part}"), y.shape()));
    pointwise::forward(p, x, pw, (None, None), Act::None, u);
    depthwise::forward(p, u, dw, t);
    depthwise::forward(p, t, g, k);
    pointwise::forward(p, k, mix, (Some(t), plus), act, y);
    acts.extend([x, u, t, k]);
}

fn forward(net: &Fusion, p: &mut PlanBuilder<'_>, Ends { x, base, hrms }: Ends, _: Statistics<'_>) -> Acts {
    let names: Vec<String> = convolutions(net.shape()).into_iter().map(|c| c.name).collect();
    let mut layers = names.iter().zip(net.layers.chunks_exact(LAYERS));
    let mut acts = Vec::new();
    let mut next = |p: &mut PlanBuilder<'_>, x: Tensor, after: (Act, Option<Tensor>), y: Tensor| {
        let (name, layers) = layers.next().expect("four layers per convolution");
        convolve(p, (name, layers), x, after, y, &mut acts);
    };
    let images = x.shape();
    let first = p.activation("first", images.with_c(HEAD));
    next(p, x, (Act::None, None), first);
    let mut h = p.activation("h0", images.with_c(WIDTH));
    next(p, first, (Act::Relu, None), h);
    for block in 0..BLOCKS {
        let [inner, sum] = [format!("a{block}"), format!("h{}", block + 1)].map(|n| p.activation(&n, h.shape()));
        next(p, h, (Act::Relu, None), inner);
        next(p, inner, (Act::Relu, Some(h)), sum);
        h = sum;
    }
    for (k, channels) in [TAIL, net.shape().bands].into_iter().enumerate() {
        let y = p.activation(&format!("tail{k}"), images.with_c(channels));
        next(p, h, (Act::None, None), y);
        h = y;
    }
    next(p, h, (Act::None, Some(base)), hrms);
    Acts(acts)
}

/// The gradient at a convolution's input: a sum with another, a ReLU's mask, and whether it is wanted.
struct Upstream {
    add: Option<Tensor>,
    mask: Option<Tensor>,
    wanted: bool,
}

/// Adds the gradients of one convolution's weights from `dv` at `t + M · k`, and gives that of its input, if wanted.
fn convolve_back(
    p: &mut PlanBuilder<'_>,
    name: &str,
    (layers, grads): (&[Tensor], &[Tensor]),
    [x, u, t, k]: [Tensor; 4],
    dv: Tensor,
    Upstream { add, mask, wanted }: Upstream,
) -> Option<Tensor> {
    let [pw, dw, g, mix] = layers.try_into().expect("the layers of a convolution");
    let [dpw, ddw, dg, dmix] = grads.try_into().expect("as many gradients");
    let part = |of: &str| format!("part.{name}.{of}");
    let [dk, dt, du] = ["dk", "dt", "du"].map(|of| p.activation(&format!("{name}.{of}"), dv.shape()));
    pointwise::grad_weight(p, k, dv, &part("mix"), dmix);
    pointwise::grad_input(p, dv, mix, None, None, dk);
    depthwise::grad_weight(p, t, dk, &part("g"), dg);
    depthwise::grad_input(p, dk, g, Some(dv), dt);
    depthwise::grad_weight(p, u, dt, &part("dw"), ddw);
    depthwise::grad_input(p, dt, dw, None, du);
    pointwise::grad_weight(p, x, du, &part("pw"), dpw);
    wanted.then(|| {
        let dx = p.activation(&format!("{name}.dx"), x.shape());
        pointwise::grad_input(p, du, pw, add, mask, dx);
        dx
    })
}

fn backward(net: &Fusion, p: &mut PlanBuilder<'_>, mut acts: Acts, dy: Tensor, grads: &Fusion) {
    let mut layers = net.layers.chunks_exact(LAYERS).zip(grads.layers.chunks_exact(LAYERS)).rev();
    let mut back = |p: &mut PlanBuilder<'_>, name: &str, kept: [Tensor; 4], dv: Tensor, upstream: Upstream| {
        convolve_back(p, name, layers.next().expect("four layers per convolution"), kept, dv, upstream)
    };
    let plain = || Upstream { add: None, mask: None, wanted: true };
    const WANTED: &str = "a gradient that was asked for";
    let mut dh = dy;
    let mut after = dy; // the image that a block's sum made: the next one's input
    for k in (0..3).rev() {
        let kept = acts.pop();
        after = kept[0];
        dh = back(p, &format!("tail{k}"), kept, dh, plain()).expect(WANTED);
    }
    for block in (0..BLOCKS).rev() {
        let (second, first): ([Tensor; 4], [Tensor; 4]) = (acts.pop(), acts.pop());
        let (inner, before) = (second[0], first[0]);
        // The second ReLU's values were added to the block's input.
        let dv = p.activation(&format!("dv{block}"), dh.shape());
        image::risen(p, dh, before, after, dv);
        let upstream = Upstream { mask: Some(inner), ..plain() };
        let da = back(p, &format!("rb{block}.b"), second, dv, upstream).expect(WANTED);
        // The input of the first block is the head's ReLU.
        let upstream = Upstream { add: Some(dh), mask: (block == 0).then_some(before), ..plain() };
        dh = back(p, &format!("rb{block}.a"), first, da, upstream).expect(WANTED);
        after = before;
    }
    let kept = acts.pop();
    dh = back(p, "head1", kept, dh, plain()).expect(WANTED);
    let kept = acts.pop();
    back(p, "head0", kept, dh, Upstream { wanted: false, ..plain() });
}
