//! Inputs of the outside numbers, by closed formula.

use ndarray::Array4;
use trapan::net::{Backbone, FusionShape};

use super::backbones;

/// `scale · sin(step · k + phase)` for `k = 0..len`.
pub fn wave(len: usize, step: f64, phase: f64, scale: f64) -> Vec<f64> {
    (0..len).map(|k| scale * (step * k as f64 + phase).sin()).collect()
}

/// `scale · cos(step · k + phase)` for `k = 0..len`.
pub fn cosine(len: usize, step: f64, phase: f64, scale: f64) -> Vec<f64> {
    (0..len).map(|k| scale * (step * k as f64 + phase).cos()).collect()
}

/// [`wave`] as an image.
pub fn image(shape: [usize; 4], step: f64, phase: f64) -> Array4<f64> {
    array(shape, wave(shape.iter().product(), step, phase, 1.0))
}

/// Values as an image.
#[track_caller]
pub fn array(shape: [usize; 4], values: Vec<f64>) -> Array4<f64> {
    Array4::from_shape_vec(shape, values).expect("shape and data agree")
}

/// A tensor of the trace files: name, PyTorch shape, values.
pub type Named = (String, Vec<usize>, Vec<f64>);

/// The fusion network's weights: tensor `t`, in order of layers and weight before bias, is
/// `0.05 sin(0.7 k + t)` or `0.01 cos(0.3 k + t)` over PyTorch's flat index.
pub fn fusion_weights(c: usize) -> Vec<Named> {
    fusion_weights_seeing(c, c)
}

/// [`fusion_weights`] of a network that sees some channels and gives `c` bands.
pub fn fusion_weights_seeing(inputs: usize, c: usize) -> Vec<Named> {
    const WIDTH: usize = 32;
    let inner = (0..4).flat_map(|i| ["a", "b"].map(|half| (format!("block{i}.conv_{half}"), WIDTH, WIDTH)));
    let layers: Vec<_> = std::iter::once(("conv_in".to_owned(), inputs, WIDTH))
        .chain(inner)
        .chain([("conv_out".to_owned(), WIDTH, c)])
        .collect();
    let tensors = |(layer, (name, ci, co)): (usize, (String, usize, usize))| {
        let t = 2.0 * layer as f64;
        [
            (format!("fusion.{name}.weight"), vec![co, ci, 3, 3], wave(co * ci * 9, 0.7, t, 0.05)),
            (format!("fusion.{name}.bias"), vec![co], cosine(co, 0.3, t + 1.0, 0.01)),
        ]
    };
    layers.into_iter().enumerate().flat_map(tensors).collect()
}

/// The weights of a network of any backbone: FusionNet's as above; of the others, tensor `t` is
/// `sin(0.7 k + 0.013 k^1.5 + t)` over the root of its inputs, and a bias `0.05 cos(0.3 k + t)`.
pub fn backbone_weights(shape: FusionShape) -> Vec<Named> {
    if shape.backbone == Backbone::FusionNet {
        return fusion_weights_seeing(shape.inputs(), shape.bands);
    }
    let values = |(t, (name, sizes)): (usize, (String, Vec<usize>))| {
        let (len, inputs) = (sizes.iter().product(), sizes[1..].iter().product::<usize>() as f64);
        let values = match sizes.len() {
            1 => cosine(len, 0.3, t as f64, 0.05),
            _ => (0..len)
                .map(|k| (0.7 * k as f64 + 0.013 * (k as f64).powf(1.5) + t as f64).sin() / inputs.sqrt())
                .collect(),
        };
        (name, sizes, values)
    };
    backbones::named(shape).into_iter().enumerate().map(values).collect()
}

/// Size of DAM's weights: factors on the three matrices, and the last bias.
pub struct DamScale(pub f64, pub f64, pub f64, pub f64);

/// As in `reference.json`.
pub const DAM_REFERENCE: DamScale = DamScale(0.3, 0.15, 0.2, 0.05);

/// As in `golden.json`: large enough that DAM's gradient moves the losses.
pub const DAM_GOLDEN: DamScale = DamScale(2.4, 1.8, 1.6, 0.4);

/// DAM's weights, hidden width 32.
pub fn dam_weights(c: usize, scale: &DamScale) -> Vec<Named> {
    let d = 32;
    let tensors = [
        ("fc1.weight", vec![d, c], wave(d * c, 0.7, 0.0, scale.0)),
        ("fc1.bias", vec![d], cosine(d, 0.3, 0.0, 0.1)),
        ("fc2.weight", vec![d, d], wave(d * d, 0.9, 1.0, scale.1)),
        ("fc2.bias", vec![d], cosine(d, 0.5, 0.0, 0.1)),
        ("fc3.weight", vec![1, d], wave(d, 1.1, 2.0, scale.2)),
        ("fc3.bias", vec![1], vec![scale.3]),
    ];
    tensors.into_iter().map(|(name, shape, values)| (format!("dam.{name}"), shape, values)).collect()
}

/// Smooth relief with texture in 0..1: the pair of `golden.json`, `pan [1,H,W,1]` and `ms [1,h,w,C]`.
pub fn pair(h: usize, w: usize, c: usize, ratio: usize) -> (Array4<f64>, Array4<f64>) {
    let pan = |(_, i, j, _)| {
        let (i, j) = (i as f64, j as f64);
        0.5 + 0.2 * (0.11 * i + 0.07 * j).sin() + 0.1 * (0.9 * i - 0.6 * j).sin()
    };
    let ms = |(_, i, j, b)| {
        let (i, j, b) = (i as f64, j as f64, b as f64);
        0.45 + 0.15 * (0.44 * i + 0.28 * j + 0.5 * b).sin() + 0.08 * (1.3 * i - 1.1 * j + b).cos()
    };
    (Array4::from_shape_fn((1, h, w, 1), pan), Array4::from_shape_fn((1, h / ratio, w / ratio, c), ms))
}

/// What a network may start from, near [`pair`]: of the pair `[1,H,W,C]` and of the reduced pair `[1,h,w,C]`.
pub fn bases(h: usize, w: usize, c: usize, ratio: usize) -> [Array4<f64>; 2] {
    let full = |(_, i, j, b)| {
        let (i, j, b) = (i as f64, j as f64, b as f64);
        0.45 + 0.15 * (0.11 * i + 0.07 * j + 0.5 * b).sin() + 0.08 * (0.9 * i - 0.6 * j).sin()
    };
    let reduced = |(_, i, j, b)| {
        let (i, j, b) = (i as f64, j as f64, b as f64);
        0.44 + 0.16 * (0.44 * i + 0.28 * j + 0.5 * b).sin() + 0.05 * (1.3 * i - 1.1 * j + b).cos()
    };
    [Array4::from_shape_fn((1, h, w, c), full), Array4::from_shape_fn((1, h / ratio, w / ratio, c), reduced)]
}

/// A scene of whole numbers with ramps and texture, `[1,H,W,C]`, of `reference.json`.
pub fn scene(h: usize, w: usize, c: usize) -> Array4<f64> {
    let triangle = |t: usize, p: usize| (t % (2 * p)).abs_diff(p) as f64;
    Array4::from_shape_fn((1, h, w, c), |(_, i, j, b)| {
        let texture = ((7 * i + 13 * j + 29 * b) % 17) as f64;
        200.0 + 6.0 * triangle(3 * i + 7 * b, 50) + 4.0 * triangle(5 * j + 11 * b, 64) + 3.0 * texture
    })
}

/// PAN of a 4-band [`scene`]: the mean of the bands rounded down, with a pattern of its own.
pub fn scene_pan(h: usize, w: usize) -> Array4<f64> {
    let bands = scene(h, w, 4);
    Array4::from_shape_fn((1, h, w, 1), |(_, i, j, _)| {
        let sum: f64 = (0..4).map(|b| bands[[0, i, j, b]]).sum();
        (sum / 4.0).floor() + ((3 * i + 2 * j) % 9) as f64
    })
}
