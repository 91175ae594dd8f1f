//! Initial weights (method, sections 1 and 2), from a seeded ChaCha stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::FusionShape;
use super::backbone::LayerInit;
use super::weights::{Layer, layers_of_dam, layers_of_fusion};

/// Uniform in [0, 1) with 53 bits.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Standard normal with |z| < 2, by Box–Muller and rejection.
fn truncated_normal(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let radius = (-2.0 * (1.0 - uniform(rng)).ln()).sqrt();
        let z = radius * (2.0 * std::f64::consts::PI * uniform(rng)).cos();
        if z.abs() < 2.0 {
            return z;
        }
    }
}

/// Standard deviation of a standard normal cut at |z| < 2.
const TRUNCATED_STD: f64 = 0.879_625_661_034_239_8;

/// Standard normal, by Box–Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(rng)).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * uniform(rng)).cos()
}

/// The fusion network, each layer as its backbone has it. With `silent`, the last one is 0, and the network adds
/// nothing to what it starts from. Layers in PyTorch layout.
pub(crate) fn init_fusion(shape: FusionShape, silent: bool, rng: &mut ChaCha8Rng) -> Vec<Layer> {
    let mut layers = layers_of_fusion(shape);
    for (layer, plan) in layers.iter_mut().zip(shape.layers()) {
        match plan.init {
            LayerInit::Truncated => {
                let scale = (1.0 / layer.fan_in() as f64).sqrt() / TRUNCATED_STD;
                layer.weight.iter_mut().for_each(|w| *w = (truncated_normal(rng) * scale) as f32);
            }
            LayerInit::Uniform => uniform_layer(layer, rng),
            LayerInit::Within(bound) => {
                layer.weight.iter_mut().for_each(|w| *w = ((2.0 * uniform(rng) - 1.0) * bound) as f32);
            }
            LayerInit::Normal(deviation) => {
                layer.weight.iter_mut().for_each(|w| *w = (normal(rng) * deviation) as f32);
            }
            LayerInit::Norm => layer.weight.fill(1.0),
            LayerInit::Rates => {
                let inputs = layer.fan_in();
                layer.weight.iter_mut().enumerate().for_each(|(i, w)| *w = ((1 + i % inputs) as f32).ln());
                layer.bias.fill(1.0);
            }
            LayerInit::Steps => {
                uniform_layer(layer, rng);
                layer.bias.iter_mut().for_each(|b| *b = before_softplus(first_step(rng)) as f32);
            }
        }
        if silent && plan.silent {
            layer.weight.fill(0.0);
            layer.bias.fill(0.0);
        }
    }
    layers
}

/// Log-uniform from 1e-3 to 0.1.
fn first_step(rng: &mut ChaCha8Rng) -> f64 {
    let ends = [1e-3_f64, 0.1].map(f64::ln);
    (ends[0] + uniform(rng) * (ends[1] - ends[0])).exp()
}

/// `v` with `ln(1 + e^v) = step`.
fn before_softplus(step: f64) -> f64 {
    step + (-(-step).exp_m1()).ln()
}

/// Weights and biases uniform in `±1/√fan_in`.
fn uniform_layer(layer: &mut Layer, rng: &mut ChaCha8Rng) {
    let bound = 1.0 / (layer.fan_in() as f64).sqrt();
    let values = layer.weight.iter_mut().chain(&mut layer.bias);
    values.for_each(|w| *w = ((2.0 * uniform(rng) - 1.0) * bound) as f32);
}

/// DAM: weights and biases uniform in `±1/√fan_in`. Layers in PyTorch layout.
pub(crate) fn init_dam(bands: usize, width: usize, rng: &mut ChaCha8Rng) -> Vec<Layer> {
    let mut layers = layers_of_dam(bands, width);
    layers.iter_mut().for_each(|layer| uniform_layer(layer, rng));
    layers
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::net::Backbone;

    #[test]
    fn scans_start_with_long_and_short_memory() {
        let shape = FusionShape { backbone: Backbone::PanMamba, bands: 4, sees_ms: true, width: 32, blocks: 1 };
        let layers = init_fusion(shape, true, &mut ChaCha8Rng::seed_from_u64(3));
        let layer = |name: &str| layers.iter().find(|layer| layer.name == name).expect("a layer");
        let steps: Vec<f32> = layer("ms0.dt").bias.iter().map(|b| b.exp().ln_1p()).collect();
        assert!(steps.iter().all(|step| (0.99e-3..0.101).contains(step)), "{steps:?}");
        assert!(steps.iter().any(|step| *step < 0.004) && steps.iter().any(|step| *step > 0.03), "{steps:?}");
        let rates = layer("ms0.scan");
        assert_eq!(rates.weight[16..19], [1.0f32, 2.0, 3.0].map(f32::ln));
        assert!(rates.bias.iter().all(|through| *through == 1.0));
        let norm = layer("ms0.n");
        assert!(norm.weight.iter().all(|w| *w == 1.0) && norm.bias.iter().all(|b| *b == 0.0));
        assert!(layer("ref.out").weight.iter().all(|w| *w == 0.0), "it begins by adding nothing");
    }
}
