//! Weights between PyTorch's layout, which files use, and the flat parameters of the
//! program.

use super::FusionShape;
use crate::graph::Shape;
use crate::kernels::turn;

/// One layer in PyTorch layout: `weight [out, in, 3, 3]` or `[out, in]`, `bias [out]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `conv_in`, `block0.conv_a`, …, `fc1`, …
    pub name: String,
    /// Sizes of the weight.
    pub shape: Vec<usize>,
    /// Row by row.
    pub weight: Vec<f32>,
    /// One per output.
    pub bias: Vec<f32>,
}

/// A tensor as weight files hold it.
pub type NamedTensor = (String, Vec<usize>, Vec<f32>);

impl Layer {
    fn zeros(name: String, shape: Vec<usize>) -> Self {
        Self { name, weight: vec![0.0; shape.iter().product()], bias: vec![0.0; shape[0]], shape }
    }

    /// Inputs of one output.
    pub(super) fn fan_in(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// `<network>.<layer>.weight` and `.bias`.
    pub fn named(&self, network: &str) -> [NamedTensor; 2] {
        let name = |part: &str| format!("{network}.{}.{part}", self.name);
        [
            (name("weight"), self.shape.clone(), self.weight.clone()),
            (name("bias"), vec![self.bias.len()], self.bias.clone()),
        ]
    }

    fn is_convolution(&self) -> bool {
        self.shape.len() == 4
    }

    /// Index in the flat parameter (`[3, 3, in, out]`) of each PyTorch weight.
    fn flat_index(&self, i: usize) -> usize {
        if !self.is_convolution() {
            return i;
        }
        let (co, ci) = (self.shape[0], self.shape[1]);
        let (o, c, tap) = (i / (9 * ci), i / 9 % ci, i % 9);
        (tap * ci + c) * co + o
    }
}

/// The fusion network's layers, all values 0.
pub(crate) fn layers_of_fusion(shape: FusionShape) -> Vec<Layer> {
    shape.layers().into_iter().map(|(name, ci, co)| Layer::zeros(name, vec![co, ci, 3, 3])).collect()
}

/// The degradation network's layers, all values 0.
pub(crate) fn layers_of_dam(bands: usize, width: usize) -> Vec<Layer> {
    let sizes = [("fc1", width, bands), ("fc2", width, width), ("fc3", 1, width)];
    sizes.into_iter().map(|(name, out, inputs)| Layer::zeros(name.into(), vec![out, inputs])).collect()
}

/// Places of each layer in a flat parameter: convolutions start aligned, linear
/// layers follow one another.
fn place(layers: &[Layer]) -> (Vec<usize>, usize) {
    let mut at = 0;
    let mut starts = Vec::new();
    for layer in layers {
        starts.push(at);
        at += layer.weight.len() + layer.bias.len();
        if layer.is_convolution() {
            at = Shape::aligned(at);
        }
    }
    (starts, at)
}

/// Where each weight of the flat parameter comes from when the network is turned, `[8, len]`: the table of
/// [`turn`](crate::kernels::turn).
pub fn turned_places(shape: FusionShape) -> Vec<f32> {
    let layers = layers_of_fusion(shape);
    let (starts, len) = place(&layers);
    let mut places: Vec<f32> = (0..turn::TURNS * len).map(|i| (i % len) as f32).collect();
    for (which, places) in places.chunks_exact_mut(len).enumerate() {
        for (layer, start) in layers.iter().zip(&starts) {
            let tap_len = layer.weight.len() / 9;
            for (i, place) in places[*start..][..layer.weight.len()].iter_mut().enumerate() {
                *place = (start + turn::place(which, i / tap_len) * tap_len + i % tap_len) as f32;
            }
        }
    }
    places
}

/// The layers turned by a symmetry.
pub fn turned(layers: &[Layer], which: usize) -> Vec<Layer> {
    let turned = |layer: &Layer| {
        let weight = (0..layer.weight.len()).map(|i| layer.weight[i - i % 9 + turn::place(which, i % 9)]).collect();
        Layer { weight, ..layer.clone() }
    };
    layers.iter().map(turned).collect()
}

/// Layers to the program's flat parameter.
pub fn import(layers: &[Layer]) -> Vec<f32> {
    let (starts, len) = place(layers);
    let mut flat = vec![0.0; len];
    for (layer, start) in layers.iter().zip(starts) {
        for (i, weight) in layer.weight.iter().enumerate() {
            flat[start + layer.flat_index(i)] = *weight;
        }
        flat[start + layer.weight.len()..][..layer.bias.len()].copy_from_slice(&layer.bias);
    }
    flat
}

/// The program's flat parameter to layers; `like` gives names and sizes.
pub(crate) fn export(flat: &[f32], like: &[Layer]) -> Vec<Layer> {
    let (starts, len) = place(like);
    assert_eq!(flat.len(), len, "flat parameter fits the layers");
    let read = |(layer, start): (&Layer, usize)| {
        let weight: Vec<f32> = (0..layer.weight.len()).map(|i| flat[start + layer.flat_index(i)]).collect();
        let bias = flat[start + weight.len()..][..layer.bias.len()].to_vec();
        Layer { weight, bias, ..layer.clone() }
    };
    like.iter().zip(starts).map(read).collect()
}
