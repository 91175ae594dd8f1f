//! LAGNet: residual blocks of convolutions whose taps are weighed at each pixel (method, section 1).

use super::backbone::{Acts, Description, Ends, Fusion, FusionShape, LayerInit, LayerPlan, Statistics};
use crate::graph::{PlanBuilder, Shape, Tensor};
use crate::kernels::harmonic::{self, Sums};
use crate::kernels::modulated::{self, TAPS};
use crate::kernels::pointwise::{self, Act};
use crate::kernels::{conv2d, picked};

/// Hidden channels, and residual blocks.
const WIDTH: usize = 32;
const BLOCKS: usize = 5;

pub(super) static LAGNET: Description = Description {
    inputs: |shape| shape.bands + 1,
    input: |_, p, pan, lms, d| picked::stacked(p, pan, lms, d),
    layers: |shape| convolutions(shape).iter().flat_map(GatedConv::layers).collect(),
    forward,
    backward,
    statistics: |shape| convolutions(shape).into_iter().map(|c| (c.name, Shape::flat(c.co))).collect(),
    averages: true,
    // Each convolution looks one pixel further, and the first of its gates' rounds by blocks of 4.
    rim: |_| 4 * (2 * BLOCKS + 2),
    live: |_| 3 * WIDTH + 3 * TAPS,
    ends_in_bands: false,
    turns: true,
    window: usize::MAX,
};

/// A convolution with its gates and its bias.
struct GatedConv {
    name: String,
    ci: usize,
    co: usize,
}

/// In order: head, two in each block, tail.
fn convolutions(shape: FusionShape) -> Vec<GatedConv> {
    let new = |name: String, ci, co| GatedConv { name, ci, co };
    let mut all = vec![new("head".into(), shape.inputs(), WIDTH)];
    all.extend((0..BLOCKS).flat_map(|b| ["a", "b"].map(|half| new(format!("rb{b}.{half}"), WIDTH, WIDTH))));
    all.push(new("tail".into(), WIDTH, shape.bands));
    all
}

impl GatedConv {
    /// What makes the gates, what makes the bias, the weights.
    fn layers(&self) -> [LayerPlan; LAYERS] {
        let Self { name, ci, co } = self;
        let last = name == "tail";
        let layer = |part: &str, shape| LayerPlan::new(format!("{name}.{part}"), shape, LayerInit::Uniform);
        [
            layer("att0", [TAPS, *ci, 3, 3]),
            layer("att1", [TAPS, TAPS, 1, 1]),
            LayerPlan { gates: true, ..layer("att2", [TAPS, TAPS, 1, 1]) },
            layer("gh0", [*co, *ci, 1, 1]),
            LayerPlan { silent: last, ..layer("gh1", [*co, *co, 1, 1]) },
            LayerPlan { silent: last, bias: false, ..LayerPlan::new(name, [*co, *ci, 3, 3], LayerInit::Uniform) },
        ]
    }
}

/// Layers of a convolution.
const LAYERS: usize = 6;

/// What comes after a convolution's sums.
#[derive(Clone, Copy)]
enum After {
    Relu,
    /// A sum with an image.
    Add(Tensor),
}

/// Adds one convolution, and keeps its input, both hidden images of the gates, the gates, and the sums of the input.
/// `given` is its bias, if that does not come from these images; `kept` where the bias goes else.
#[expect(clippy::too_many_arguments, reason = "each is another thing")]
fn convolve(
    p: &mut PlanBuilder<'_>,
    name: &str,
    layers: &[Tensor],
    x: Tensor,
    after: After,
    (given, kept): (Option<Tensor>, Option<Tensor>),
    y: Tensor,
    acts: &mut Vec<Tensor>,
) {
    let [att0, att1, att2, gh0, gh1, w] = layers.try_into().expect("the layers of a convolution");
    let mut gate = |part: &str| p.activation(&format!("{name}.{part}"), x.shape().with_c(TAPS));
    let (r1, r2, a) = (gate("r1"), gate("r2"), gate("a"));
    conv2d::forward(p, x, att0, None, true, r1);
    pointwise::forward(p, r1, att1, (None, None), Act::Relu, r2);
    pointwise::forward(p, r2, att2, (None, None), Act::Sigmoid, a);
    acts.extend([x, r1, r2, a]);
    let each = given.unwrap_or_else(|| {
        let sums = harmonic::image_sums(p, x, &format!("{name}.sums"));
        let shape = Shape([y.shape().n(), 1, 1, y.shape().c()]);
        let each = kept.unwrap_or_else(|| p.activation(&format!("{name}.bias"), shape));
        harmonic::forward(p, sums, [gh0, gh1], each);
        acts.push(sums.part());
        each
    });
    let (relu, add) = match after {
        After::Relu => (true, None),
        After::Add(image) => (false, Some(image)),
    };
    modulated::forward(p, (x, a, each), w, add, relu, y);
}

fn forward(net: &Fusion, p: &mut PlanBuilder<'_>, Ends { x, base, hrms }: Ends, statistics: Statistics<'_>) -> Acts {
    let hidden = x.shape().with_c(WIDTH);
    let mut layers = net.layers.chunks_exact(LAYERS).enumerate();
    let mut acts = Vec::new();
    let mut next = |p: &mut PlanBuilder<'_>, name: &str, x: Tensor, after: After, y: Tensor| {
        let (k, layers) = layers.next().expect("six layers per convolution");
        let bias = match statistics {
            Statistics::Taken => (None, None),
            Statistics::Kept(to) => (None, Some(to[k])),
            Statistics::Given(biases) => (Some(biases[k]), None),
        };
        convolve(p, name, layers, x, after, bias, y, &mut acts);
    };
    let mut h = p.activation("h0", hidden);
    next(p, "head", x, After::Relu, h);
    for block in 0..BLOCKS {
        let inner = p.activation(&format!("a{block}"), hidden);
        next(p, &format!("rb{block}.a"), h, After::Relu, inner);
        let sum = p.activation(&format!("h{}", block + 1), hidden);
        next(p, &format!("rb{block}.b"), inner, After::Add(h), sum);
        h = sum;
    }
    next(p, "tail", h, After::Add(base), hrms);
    Acts(acts)
}

/// What the gradient at a convolution's input is for: sums with another gradient, and a ReLU's mask.
struct Upstream {
    add: Option<Tensor>,
    mask: Option<Tensor>,
    dx: Tensor,
}

/// Adds the gradients of one convolution's weights from `dy` at its sums, and that of its input if asked for.
fn convolve_back(
    p: &mut PlanBuilder<'_>,
    name: &str,
    (layers, grads): (&[Tensor], &[Tensor]),
    acts: &mut Acts,
    dy: Tensor,
    upstream: Option<Upstream>,
) {
    let [att0, att1, att2, gh0, gh1, w] = layers.try_into().expect("the layers of a convolution");
    let [datt0, datt1, datt2, dgh0, dgh1, dw] = grads.try_into().expect("as many gradients");
    let [x, r1, r2, a, sums] = acts.pop();
    let part = |of: &str| format!("part.{name}.{of}");
    let mut gate = |of: &str| p.activation(&format!("{name}.{of}"), a.shape());
    let [d1, d2, d3] = ["d1", "d2", "d3"].map(&mut gate);
    let (sums, dsums) = (Sums::of(x.shape(), sums), harmonic::image_sums(p, dy, &format!("{name}.dsums")));
    harmonic::grad_weight(p, sums, [gh0, gh1], dsums, [dgh0, dgh1]);
    modulated::grad_weight(p, x, a, dy, &part("w"), dw);
    modulated::grad_gate(p, x, w, a, dy, d3);
    pointwise::grad_weight(p, r2, d3, &part("att2"), datt2);
    pointwise::grad_input(p, d3, att2, None, Some(r2), d2);
    pointwise::grad_weight(p, r1, d2, &part("att1"), datt1);
    pointwise::grad_input(p, d2, att1, None, Some(r1), d1);
    conv2d::grad_weight(p, x, d1, &part("att0"), datt0);
    if let Some(Upstream { add, mask, dx }) = upstream {
        let each = p.activation(&format!("{name}.dmean"), Shape([x.shape().n(), 1, 1, x.shape().c()]));
        harmonic::grad_input(p, sums, [gh0, gh1], dsums, each);
        let weighed = p.activation(&format!("{name}.dx"), x.shape());
        modulated::grad_input(p, (dy, a, each), w, add, weighed);
        conv2d::grad_input(p, d1, att0, Some(weighed), mask, dx);
    }
}

fn backward(net: &Fusion, p: &mut PlanBuilder<'_>, mut acts: Acts, dy: Tensor, grads: &Fusion) {
    let hidden = dy.shape().with_c(WIDTH);
    let mut layers = net.layers.chunks_exact(LAYERS).zip(grads.layers.chunks_exact(LAYERS)).rev();
    let mut layer = || layers.next().expect("six layers per convolution");
    let mut dh = p.activation(&format!("dh{BLOCKS}"), hidden);
    convolve_back(p, "tail", layer(), &mut acts, dy, Some(Upstream { add: None, mask: None, dx: dh }));
    for block in (0..BLOCKS).rev() {
        let da = p.activation(&format!("da{block}"), hidden);
        // The input of the second convolution is the first one's ReLU.
        let inner = acts.0[acts.0.len() - 5];
        let upstream = Upstream { add: None, mask: Some(inner), dx: da };
        convolve_back(p, &format!("rb{block}.b"), layer(), &mut acts, dh, Some(upstream));
        // The input of the first block is the head's ReLU.
        let mask = (block == 0).then(|| acts.0[acts.0.len() - 5]);
        let next = p.activation(&format!("dh{block}"), hidden);
        let upstream = Upstream { add: Some(dh), mask, dx: next };
        convolve_back(p, &format!("rb{block}.a"), layer(), &mut acts, da, Some(upstream));
        dh = next;
    }
    convolve_back(p, "head", layer(), &mut acts, dh, None);
}
