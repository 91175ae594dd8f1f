//! Weights between PyTorch's layout, which files use, and the flat parameters of the
//! program.

use super::FusionShape;
use super::backbone::LayerPlan;
use crate::graph::Shape;
use crate::kernels::turn;

/// One layer in PyTorch layout: `weight [out, in, rows, columns]` or `[out, in]`, `bias [out]` or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `conv_in`, `block0.conv_a`, …, `fc1`, …
    pub name: String,
    /// Sizes of the weight.
    pub shape: Vec<usize>,
    /// Row by row.
    pub weight: Vec<f32>,
    /// One per output, or empty.
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

    /// `<network>.<layer>.weight` and, if there are biases, `.bias`.
    pub fn named(&self, network: &str) -> Vec<NamedTensor> {
        let name = |part: &str| format!("{network}.{}.{part}", self.name);
        let mut named = vec![(name("weight"), self.shape.clone(), self.weight.clone())];
        if !self.bias.is_empty() {
            named.push((name("bias"), vec![self.bias.len()], self.bias.clone()));
        }
        named
    }

    fn is_convolution(&self) -> bool {
        self.shape.len() == 4
    }

    /// Index in the flat parameter (`[rows, columns, in, out]`) of each PyTorch weight.
    fn flat_index(&self, i: usize) -> usize {
        let [co, ci, rows, columns] = self.shape[..] else { return i };
        let taps = rows * columns;
        let (o, c, tap) = (i / (taps * ci), i / taps % ci, i % taps);
        (tap * ci + c) * co + o
    }

    /// Where weight `i` and bias `o` of the layer turned by a symmetry come from. `gates`: its outputs weigh taps.
    fn turned_from(
        &self,
        which: usize,
        gates: bool,
    ) -> (impl Fn(usize) -> usize + use<>, impl Fn(usize) -> usize + use<>) {
        let (inputs, side) = (self.fan_in(), self.shape.get(2).copied().unwrap_or(1));
        let taps = side * side;
        let output = move |o: usize| if gates { turn::place(which, o, 3) } else { o };
        let weight = move |i: usize| {
            let i = output(i / inputs) * inputs + i % inputs;
            i - i % taps + turn::place(which, i % taps, side)
        };
        (weight, output)
    }
}

/// The fusion network's layers, all values 0.
pub fn layers_of_fusion(shape: FusionShape) -> Vec<Layer> {
    let zeros = |plan: LayerPlan| {
        let layer = Layer::zeros(plan.name, plan.shape.to_vec());
        if plan.bias { layer } else { Layer { bias: Vec::new(), ..layer } }
    };
    shape.layers().into_iter().map(zeros).collect()
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
    let (layers, plans) = (layers_of_fusion(shape), shape.layers());
    let (starts, len) = place(&layers);
    let mut places: Vec<f32> = (0..turn::TURNS * len).map(|i| (i % len) as f32).collect();
    for (which, places) in places.chunks_exact_mut(len).enumerate() {
        for ((layer, start), plan) in layers.iter().zip(&starts).zip(&plans) {
            let (weight, bias) = layer.turned_from(which, plan.gates);
            for i in 0..layer.weight.len() {
                places[start + layer.flat_index(i)] = (start + layer.flat_index(weight(i))) as f32;
            }
            let biases = start + layer.weight.len();
            for o in 0..layer.bias.len() {
                places[biases + o] = (biases + bias(o)) as f32;
            }
        }
    }
    places
}

/// The layers of the fusion network turned by a symmetry.
pub fn turned(shape: FusionShape, layers: &[Layer], which: usize) -> Vec<Layer> {
    let turned = |(layer, plan): (&Layer, LayerPlan)| {
        let (weight, bias) = layer.turned_from(which, plan.gates);
        let weight = (0..layer.weight.len()).map(|i| layer.weight[weight(i)]).collect();
        let bias = (0..layer.bias.len()).map(|o| layer.bias[bias(o)]).collect();
        Layer { weight, bias, ..layer.clone() }
    };
    layers.iter().zip(shape.layers()).map(turned).collect()
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
