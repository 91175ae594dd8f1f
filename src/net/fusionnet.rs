//! FusionNet: detail injection by four residual blocks (method, section 1).

use crate::graph::{PlanBuilder, ProgramBuilder, Role, Tensor};
use crate::kernels::{conv2d, image};

/// Sizes of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FusionShape {
    /// Bands of the multispectral image, `C`.
    pub bands: usize,
    /// Whether MS enters beside the difference of PAN and MS: `2C` channels instead of `C`.
    pub sees_ms: bool,
    /// Hidden channels.
    pub width: usize,
    /// Residual blocks.
    pub blocks: usize,
}

impl FusionShape {
    /// Channels that enter.
    pub fn inputs(&self) -> usize {
        if self.sees_ms { 2 * self.bands } else { self.bands }
    }

    /// Convolutions in order: PyTorch name, input and output channels.
    pub fn layers(&self) -> Vec<(String, usize, usize)> {
        let mut layers = vec![("conv_in".to_owned(), self.inputs(), self.width)];
        for block in 0..self.blocks {
            layers.push((format!("block{block}.conv_a"), self.width, self.width));
            layers.push((format!("block{block}.conv_b"), self.width, self.width));
        }
        layers.push(("conv_out".to_owned(), self.width, self.bands));
        layers
    }
}

/// One set of tensors per convolution: the weights, or their gradients.
#[derive(Clone, Debug)]
pub struct Fusion {
    /// All layers in one flat tensor, for the optimiser.
    pub whole: Tensor,
    layers: Vec<Tensor>,
    shape: FusionShape,
}

/// What the backward pass needs of a forward pass.
pub struct Acts {
    d: Tensor,
    /// Input of each residual block, and the last one's output.
    h: Vec<Tensor>,
    /// Hidden value inside each residual block.
    a: Vec<Tensor>,
}

impl Fusion {
    /// Adds weights (`Role::Param`) or gradients (`Role::Grad`) to the program.
    pub fn new(program: &mut ProgramBuilder, name: &str, role: Role, shape: FusionShape) -> Self {
        let parts: Vec<(String, usize)> =
            shape.layers().into_iter().map(|(n, ci, co)| (n, conv2d::weight_len(ci, co))).collect();
        let (whole, layers) = program.group(name, role, &parts);
        Self { whole, layers, shape }
    }

    /// Adds what enters: `d = pan − lms`, or `[pan − lms, lms]`.
    pub fn input(&self, p: &mut PlanBuilder<'_>, pan: Tensor, lms: Tensor, d: Tensor) {
        let input = if self.shape.sees_ms { image::features } else { image::detail };
        input(p, pan, lms, d);
    }

    /// Adds `hrms = base + f(d)`. `base` and `hrms` `[N,H,W,C]`, `d` as [`input`](Self::input) makes it.
    pub fn forward(&self, p: &mut PlanBuilder<'_>, d: Tensor, base: Tensor, hrms: Tensor) -> Acts {
        let hidden = d.shape().with_c(self.shape.width);
        let mut layers = self.layers.iter().copied();
        let mut layer = || layers.next().expect("one tensor per layer");
        let mut acts = Acts { d, h: vec![p.activation("h0", hidden)], a: Vec::new() };
        conv2d::forward(p, d, layer(), None, true, acts.h[0]);
        for block in 0..self.shape.blocks {
            let h = acts.h[block];
            let a = p.activation(&format!("a{block}"), hidden);
            let next = p.activation(&format!("h{}", block + 1), hidden);
            conv2d::forward(p, h, layer(), None, true, a);
            conv2d::forward(p, a, layer(), Some(h), false, next);
            acts.a.push(a);
            acts.h.push(next);
        }
        conv2d::forward(p, acts.h[self.shape.blocks], layer(), Some(base), false, hrms);
        acts
    }

    /// Adds the gradients of all weights into `grads`, from `dy` at `hrms`.
    pub fn backward(&self, p: &mut PlanBuilder<'_>, acts: &Acts, dy: Tensor, grads: &Self) {
        let hidden = dy.shape().with_c(self.shape.width);
        let mut layers = self.layers.iter().copied().zip(grads.layers.iter().copied()).rev();
        let mut layer = || layers.next().expect("one tensor per layer");
        let weight = |p: &mut PlanBuilder<'_>, x: Tensor, dy: Tensor, name: &str, dw: Tensor| {
            conv2d::grad_weight(p, x, dy, &format!("part.{name}"), dw);
        };
        let (w, dw) = layer();
        weight(p, acts.h[self.shape.blocks], dy, "conv_out", dw);
        // With no block the ReLU after conv_in is the next thing upstream.
        let relu_of_conv_in = |block: usize| (block == 0).then_some(acts.h[0]);
        let mut dh = p.activation(&format!("dh{}", self.shape.blocks), hidden);
        conv2d::grad_input(p, dy, w, None, relu_of_conv_in(self.shape.blocks), dh);
        for block in (0..self.shape.blocks).rev() {
            let (w, dw) = layer();
            weight(p, acts.a[block], dh, &format!("block{block}.conv_b"), dw);
            let da = p.activation(&format!("da{block}"), hidden);
            conv2d::grad_input(p, dh, w, None, Some(acts.a[block]), da);
            let (w, dw) = layer();
            weight(p, acts.h[block], da, &format!("block{block}.conv_a"), dw);
            let next = p.activation(&format!("dh{block}"), hidden);
            conv2d::grad_input(p, da, w, Some(dh), relu_of_conv_in(block), next);
            dh = next;
        }
        weight(p, acts.d, dh, "conv_in", layer().1);
    }

    /// Sizes.
    pub fn shape(&self) -> FusionShape {
        self.shape
    }
}
