//! The fusion network `f`, whichever backbone it has.
//!
//! A backbone is a [`Description`] in a file of its own: plain functions that list its layers and push its calls. What
//! is here and everywhere above asks the description and knows no backbone.

use serde::{Deserialize, Serialize};

use super::{cannet, fusionnet, lagnet, lgpnet, panmamba};
use crate::graph::{PlanBuilder, ProgramBuilder, Role, Shape, Tensor};

/// Which network fuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backbone {
    /// Residual blocks of plain convolutions.
    #[default]
    FusionNet,
    /// Residual blocks of convolutions whose taps are weighed at each pixel, with a bias for each image.
    LagNet,
    /// Residual blocks of factored convolutions.
    LgpNet,
    /// A U-net of convolutions with a kernel for each cluster of like pixels.
    CanNet,
    /// Selective scans of MS and PAN, pixel by pixel.
    PanMamba,
}

impl Backbone {
    /// All, in the order of their names.
    const ALL: [Self; 5] = [Self::FusionNet, Self::LagNet, Self::LgpNet, Self::CanNet, Self::PanMamba];
    /// The names of all, in order.
    pub const NAMES: &[&str] = &["fusionnet", "lagnet", "lgpnet", "cannet", "panmamba"];

    fn description(self) -> &'static Description {
        match self {
            Self::FusionNet => &fusionnet::FUSIONNET,
            Self::LagNet => &lagnet::LAGNET,
            Self::LgpNet => &lgpnet::LGPNET,
            Self::CanNet => &cannet::CANNET,
            Self::PanMamba => &panmamba::PANMAMBA,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[Self::ALL.iter().position(|b| *b == self).expect("all are listed")]
    }

    /// Whether turning its weights is turning the image: one that goes over pixels in some order has a side of its own.
    pub fn turns(self) -> bool {
        self.description().turns
    }

    /// Most PAN pixels of a side that it is trained on.
    pub fn window(self) -> usize {
        self.description().window
    }

    /// Whether it is what a run takes unless told otherwise.
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for Backbone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What there is to know of a backbone.
pub(super) struct Description {
    /// Channels that enter.
    pub inputs: fn(FusionShape) -> usize,
    /// Adds what enters, `[N,H,W,inputs]`, of PAN and upsampled MS.
    pub input: fn(FusionShape, &mut PlanBuilder<'_>, Tensor, Tensor, Tensor),
    /// Its layers, in the order in which the forward pass uses them.
    pub layers: fn(FusionShape) -> Vec<LayerPlan>,
    /// Adds `hrms = base + f(x)`.
    pub forward: fn(&Fusion, &mut PlanBuilder<'_>, Ends, Statistics<'_>) -> Acts,
    /// Adds the gradients of all weights, from the one at `hrms`.
    pub backward: fn(&Fusion, &mut PlanBuilder<'_>, Acts, Tensor, &Fusion),
    /// What it takes from a whole image instead of from a pixel's surroundings: names, and shapes of one image.
    pub statistics: fn(FusionShape) -> Vec<(String, Shape)>,
    /// Whether their mean over several images is taken; else those of the first.
    pub(crate) averages: bool,
    /// Pixels at the rim of an image that change when the image is cut, rounding included.
    pub rim: fn(FusionShape) -> usize,
    /// Channels of activations that live at the same time when it is applied.
    pub(crate) live: fn(FusionShape) -> usize,
    /// Whether its last layer makes each band by weights of the band's own, as rows of its first axis.
    pub ends_in_bands: bool,
    /// Whether turning its weights is turning the image.
    pub turns: bool,
    /// Most pixels of a side that it is trained on.
    pub window: usize,
}

/// A layer as a description has it.
pub(super) struct LayerPlan {
    /// `conv_in`, `block0.conv_a`, …
    pub name: String,
    /// In PyTorch: outputs, inputs, rows and columns of taps.
    pub shape: [usize; 4],
    /// Whether it has one bias for each output.
    pub bias: bool,
    /// What it starts from.
    pub init: LayerInit,
    /// Whether its nine outputs weigh the taps of a 3×3 kernel: they change places when the network is turned.
    pub gates: bool,
    /// Whether it starts from zeros where the network shall begin by adding nothing.
    pub silent: bool,
    /// Pixels of the image for each that it is applied to.
    pub pixels: usize,
}

impl LayerPlan {
    /// A layer with biases that makes no gates.
    pub(super) fn new(name: impl Into<String>, shape: [usize; 4], init: LayerInit) -> Self {
        Self { name: name.into(), shape, bias: true, init, gates: false, silent: false, pixels: 1 }
    }
}

/// Initial values of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LayerInit {
    /// Truncated normal of variance `1 / fan_in`, biases 0.
    Truncated,
    /// Weights and biases uniform in `±1/√fan_in`.
    Uniform,
    /// Normal of this deviation, biases 0.
    Normal(f64),
    /// Weights uniform in ± this.
    Within(f64),
    /// Weights 1, biases 0.
    Norm,
    /// Weights `ln(1 + k)` by input, biases 1: rates of a selective scan.
    Rates,
    /// Weights uniform in `±1/√fan_in`, and biases whose softplus is log-uniform from 1e-3 to 0.1: steps of a selective
    /// scan.
    Steps,
}

/// Where a pass begins and ends.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    /// What enters, `[N,H,W,inputs]`.
    pub x: Tensor,
    /// What the network adds to, `[N,H,W,C]`.
    pub base: Tensor,
    /// The sum, `[N,H,W,C]`.
    pub hrms: Tensor,
}

/// What a backbone takes from a whole image; see [`FusionShape::statistics`].
#[derive(Clone, Copy)]
pub enum Statistics<'a> {
    /// From the images of the pass.
    Taken,
    /// From the images of the pass, and written here.
    Kept(&'a [Tensor]),
    /// Given here: the images are parts of a larger one.
    Given(&'a [Tensor]),
}

/// Sizes of the fusion network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FusionShape {
    /// Its backbone.
    pub backbone: Backbone,
    /// Bands of the multispectral image, `C`.
    pub bands: usize,
    /// Of FusionNet: whether MS enters beside the difference of PAN and MS. The others see PAN and MS.
    pub sees_ms: bool,
    /// Hidden channels of FusionNet.
    pub width: usize,
    /// Residual blocks of FusionNet; PanMamba has twice as many for each image.
    pub blocks: usize,
}

impl FusionShape {
    /// Channels that enter.
    pub fn inputs(self) -> usize {
        (self.backbone.description().inputs)(self)
    }

    /// Its layers.
    pub(super) fn layers(self) -> Vec<LayerPlan> {
        (self.backbone.description().layers)(self)
    }

    /// What it takes from a whole image: names and shapes. Given to tiles, they make the same of a scene as of the whole.
    pub fn statistics(self) -> Vec<(String, Shape)> {
        (self.backbone.description().statistics)(self)
    }

    /// Whether the mean of the statistics of several images is taken; else those of the first.
    pub(crate) fn averages(self) -> bool {
        self.backbone.description().averages
    }

    /// Pixels at the rim of an image that change when the image is cut, rounding included.
    pub fn rim(self) -> usize {
        (self.backbone.description().rim)(self)
    }

    /// Channels of activations that live at the same time when it is applied.
    pub(crate) fn live_channels(self) -> usize {
        (self.backbone.description().live)(self)
    }

    /// How many layers it has.
    pub(crate) fn depth(self) -> usize {
        self.layers().len()
    }

    /// Where the parameters of a layer start in the flat tensor of all.
    pub(crate) fn start_of(self, layer: usize) -> usize {
        self.layers().iter().take(layer).map(|layer| Shape::aligned(layer.len())).sum()
    }

    /// Whether what it adds to a band can be multiplied by way of the last layer's weights.
    pub fn ends_in_bands(self) -> bool {
        self.backbone.description().ends_in_bands
    }

    /// Weights and biases.
    pub fn parameters(self) -> usize {
        self.layers().iter().map(LayerPlan::len).sum()
    }

    /// Floating-point operations of a forward pass, per pixel: all layers as direct sums.
    pub fn flops(self) -> usize {
        self.layers().iter().map(|layer| 2 * layer.shape.iter().product::<usize>() / layer.pixels).sum()
    }
}

impl LayerPlan {
    /// Weights and biases.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product::<usize>() + if self.bias { self.shape[0] } else { 0 }
    }
}

/// One set of tensors per layer: the weights, or their gradients.
#[derive(Clone, Debug)]
pub struct Fusion {
    /// All layers in one flat tensor, for the optimiser.
    pub whole: Tensor,
    /// In the order of the description.
    pub(super) layers: Vec<Tensor>,
    shape: FusionShape,
}

/// What the backward pass needs of a forward pass, in the order in which that made it.
pub struct Acts(pub(super) Vec<Tensor>);

impl Acts {
    /// The latest of what was kept, in their order.
    #[track_caller]
    pub(super) fn pop<const N: usize>(&mut self) -> [Tensor; N] {
        let rest = self.0.split_off(self.0.len() - N);
        rest.try_into().expect("as many as were asked for")
    }
}

impl Fusion {
    /// Adds weights (`Role::Param`) or gradients (`Role::Grad`) to the program.
    pub fn new(program: &mut ProgramBuilder, name: &str, role: Role, shape: FusionShape) -> Self {
        let parts: Vec<(String, usize)> =
            shape.layers().into_iter().map(|layer| (layer.name.clone(), layer.len())).collect();
        let (whole, layers) = program.group(name, role, &parts);
        Self { whole, layers, shape }
    }

    /// Adds what enters: `d` `[N,H,W,inputs]` of `pan [N,H,W,1]` and `lms [N,H,W,C]`.
    pub fn input(&self, p: &mut PlanBuilder<'_>, pan: Tensor, lms: Tensor, d: Tensor) {
        (self.shape.backbone.description().input)(self.shape, p, pan, lms, d);
    }

    /// Adds `hrms = base + f(d)`. `base` and `hrms` `[N,H,W,C]`, `d` as [`input`](Self::input) makes it.
    pub fn forward(&self, p: &mut PlanBuilder<'_>, d: Tensor, base: Tensor, hrms: Tensor) -> Acts {
        self.forward_with(p, d, base, hrms, Statistics::Taken)
    }

    /// [`forward`](Self::forward) with a say in what is taken from whole images.
    pub(crate) fn forward_with(
        &self,
        p: &mut PlanBuilder<'_>,
        d: Tensor,
        base: Tensor,
        hrms: Tensor,
        statistics: Statistics<'_>,
    ) -> Acts {
        (self.shape.backbone.description().forward)(self, p, Ends { x: d, base, hrms }, statistics)
    }

    /// Adds the gradients of all weights into `grads`, from `dy` at `hrms`.
    pub fn backward(&self, p: &mut PlanBuilder<'_>, acts: Acts, dy: Tensor, grads: &Self) {
        (self.shape.backbone.description().backward)(self, p, acts, dy, grads);
    }

    /// Sizes.
    pub fn shape(&self) -> FusionShape {
        self.shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(backbone: Backbone, bands: usize) -> FusionShape {
        FusionShape { backbone, bands, sees_ms: false, width: 32, blocks: 4 }
    }

    #[test]
    fn sizes_are_the_published_ones() {
        let sizes = |backbone| [4, 8].map(|bands| shape(backbone, bands).parameters());
        assert_eq!(sizes(Backbone::FusionNet), [76_324, 78_632]);
        assert_eq!(sizes(Backbone::LagNet), [148_457, 151_397]);
        assert_eq!(sizes(Backbone::LgpNet), [26_068, 26_516]);
        assert_eq!(sizes(Backbone::CanNet), [785_118, 787_426]);
        assert_eq!(sizes(Backbone::PanMamba), [472_044, 474_352]);
    }

    #[test]
    fn names_are_those_of_files() {
        for (backbone, name) in Backbone::ALL.into_iter().zip(Backbone::NAMES) {
            assert_eq!(serde_json::to_value(backbone).expect("a name"), *name);
            assert_eq!(backbone.to_string(), *name);
        }
    }
}
