//! Rung 2 for LAGNet and LGPNet: values and gradients against `backbones.json`, numbers of a float64 program that shares
//! nothing with this one, on the references in f64 and on both engines.

use std::sync::Arc;

use serde_json::Value;
use trapan::engine::{CpuEngine, Engine, GpuEngine, Options};
use trapan::graph::{PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use trapan::kernels::{Isa, Step};
use trapan::net::{self, Backbone, Fusion, FusionShape};

use crate::support::backbones::{
    lag_backward, lag_forward, lag_lengths, lgp_backward, lgp_forward, lgp_lengths, named, places, tensors,
};
use crate::support::devices::software;
use crate::support::oracle::Oracle;
use crate::support::{Report, data, float, floats, list, sizes};

/// The file's numbers have ten digits.
const TOLERANCE: f64 = 1e-9;

/// Ten times what PyTorch itself is off in f32, relative to the largest value.
const SLACK: f64 = 10.0;

/// The file's formula: `offset + scale · sin(phase + 0.91 i + 0.013 i^1.5)`.
fn wave(len: usize, phase: f64, scale: f64, offset: f64) -> Vec<f64> {
    let argument = |i: f64| phase + 0.91 * i + 0.013 * i.powf(1.5);
    (0..len).map(|i| offset + scale * argument(i as f64).sin()).collect()
}

/// The values of the j-th tensor of a list: weights scaled by their inputs, others small.
fn filled(j: usize, sizes: &[usize]) -> Vec<f64> {
    let inputs: usize = sizes[1..].iter().product();
    let scale = if sizes.len() == 1 { 0.1 } else { 1.0 / (inputs as f64).sqrt() };
    wave(sizes.iter().product(), 0.5 + 0.37 * j as f64, scale, 0.0)
}

#[test]
fn the_formula_is_that_of_the_file() {
    let file = &data("backbones.json")["wave"];
    let mut report = Report::default();
    report.all("wave", &wave(8, 0.5, 1.0, 0.0), &floats(&file["first8_phase0.5"]), TOLERANCE);
    report.finish();
}

/// A tensor of the file: all values, or a sum, a sum of sizes and a sum with a wave.
fn check(report: &mut Report, label: &str, found: &[f64], wanted: &Value, relative: f64) {
    let largest = found.iter().fold(0.0f64, |most, v| most.max(v.abs())).max(1.0);
    if let Some(all) = wanted.get("data") {
        return report.all(label, found, &floats(all), relative * largest);
    }
    let wanted = floats(wanted.get("sums").unwrap_or(wanted));
    let weighted = found.iter().zip(wave(found.len(), 1.0, 1.0, 0.0)).map(|(v, w)| v * w).sum();
    let sums = [found.iter().sum(), found.iter().map(|v| v.abs()).sum(), weighted];
    report.all(label, &sums, &wanted, relative * wanted[1].max(1.0));
}

/// A layer's values of PyTorch, `[co, ci, 3, 3]`, `[co, ci]` or `[co]`, as kernels have them, and back.
fn turned(sizes: &[usize], values: &[f64], back: bool) -> Vec<f64> {
    let [co, ci, taps] = match *sizes {
        [co, ci, rows, columns] => [co, ci, rows * columns],
        [co, ci] => [co, ci, 1],
        _ => return values.to_vec(),
    };
    let flat = |i: usize| (i % taps * ci + i / taps % ci) * co + i / (taps * ci);
    let mut out = vec![0.0; values.len()];
    for i in 0..values.len() {
        if back { out[i] = values[flat(i)] } else { out[flat(i)] = values[i] }
    }
    out
}

/// Names and sizes of a convolution's tensors, weights and biases of each layer together.
type Layers = Vec<Vec<(&'static str, Vec<usize>)>>;

/// One convolution on images of 12×10 from 5 to 6 channels: `add` gives weights, their gradients and that of `x`.
fn convolution(
    name: &str,
    images: usize,
    layers: &Layers,
    add: impl Fn(&mut trapan::graph::PlanBuilder<'_>, Tensor, Tensor, Tensor, Tensor) -> [Vec<Tensor>; 2],
) {
    let wanted = &data("backbones.json")["ops"][name];
    let (x_shape, y_shape) = (Shape([images, 12, 10, 5]), Shape([images, 12, 10, 6]));
    let mut builder = ProgramBuilder::new();
    let mut p = builder.plan("convolution");
    let input = |p: &mut trapan::graph::PlanBuilder<'_>, name: &str, shape| p.tensor(name, shape, Role::Input);
    let (x, dy) = (input(&mut p, "x", x_shape), input(&mut p, "dy", y_shape));
    let (y, dx) = (p.tensor("y", y_shape, Role::Output), p.tensor("dx", x_shape, Role::Output));
    let [w, dw] = add(&mut p, x, y, dy, dx);
    let plan = p.finish();
    let mut oracle = Oracle::new(Arc::new(builder.finish().expect("checks pass")));
    oracle.write(x, &wave(x_shape.len(), 0.1, 0.5, 0.5));
    oracle.write(dy, &wave(y_shape.len(), 2.0, 1.0, 0.0));
    let mut j = 0;
    for (tensor, layer) in w.iter().zip(layers) {
        let values = layer.iter().flat_map(|(_, sizes)| {
            j += 1;
            turned(sizes, &filled(j - 1, sizes), false)
        });
        oracle.write(*tensor, &values.collect::<Vec<_>>());
    }
    oracle.run(plan, &Step::default());
    let mut report = Report::default();
    check(&mut report, "y", &oracle.read(y), &wanted["output"], TOLERANCE);
    check(&mut report, "dx", &oracle.read(dx), &wanted["grad_inputs"]["x"], TOLERANCE);
    let gradients = wanted["grad_params"].as_object().expect("by name");
    let mut seen = 0;
    for (tensor, layer) in dw.iter().zip(layers) {
        let values = oracle.read(*tensor);
        let mut rest = &values[..];
        for (name, sizes) in layer {
            let (part, others) = rest.split_at(sizes.iter().product());
            rest = others;
            seen += 1;
            check(&mut report, name, &turned(sizes, part, true), &gradients[*name], TOLERANCE);
        }
    }
    assert_eq!(seen, gradients.len(), "gradients compared");
    report.finish();
}

#[test]
fn convolution_with_gates_and_a_bias_for_each_image() {
    let layers = vec![
        vec![("att0.w", vec![9, 5, 3, 3]), ("att0.b", vec![9])],
        vec![("att1.w", vec![9, 9]), ("att1.b", vec![9])],
        vec![("att2.w", vec![9, 9]), ("att2.b", vec![9])],
        vec![("gh0.w", vec![6, 5]), ("gh0.b", vec![6])],
        vec![("gh1.w", vec![6, 6]), ("gh1.b", vec![6])],
        vec![("w", vec![6, 5, 3, 3])],
    ];
    convolution("lagconv", 2, &layers, |p, x, y, dy, dx| {
        let w = tensors(p, "w", lag_lengths(5, 6), Role::Input);
        let dw = tensors(p, "dw", lag_lengths(5, 6), Role::Output);
        let lag = lag_forward(p, x, &w, y);
        lag_backward(p, x, &w, &lag, dy, (&dw, dx));
        [w.to_vec(), dw.to_vec()]
    });
}

#[test]
fn factored_convolution() {
    let layers = vec![
        vec![("pw.w", vec![6, 5]), ("pw.b", vec![6])],
        vec![("dw.w", vec![6, 1, 3, 3]), ("dw.b", vec![6])],
        vec![("g.w", vec![6, 1, 3, 3])],
        vec![("mix.w", vec![6, 6])],
    ];
    convolution("lgpconv", 1, &layers, |p, x, y, dy, dx| {
        let w = tensors(p, "w", lgp_lengths(5, 6), Role::Input);
        let dw = tensors(p, "dw", lgp_lengths(5, 6), Role::Output);
        let kept = lgp_forward(p, x, &w, y);
        lgp_backward(p, x, &w, kept, dy, (&dw, dx));
        [w.to_vec(), dw.to_vec()]
    });
}

/// A whole network of four bands on 12×8 pixels, with the gradients of its weights.
struct Network {
    program: Arc<Program>,
    plan: PlanId,
    inputs: Vec<(Tensor, Vec<f64>)>,
    hrms: Tensor,
    gradient: Tensor,
    /// Where each value of the named tensors lies.
    places: Vec<usize>,
}

impl Network {
    fn new(shape: FusionShape) -> Self {
        let full = Shape([1, 12, 8, shape.bands]);
        let mut b = ProgramBuilder::new();
        let [pan, lms, dy] = [("pan", 1), ("lms", full.c()), ("dy", full.c())]
            .map(|(name, channels)| b.tensor(name, full.with_c(channels), Role::Input));
        let fusion = Fusion::new(&mut b, "fusion", Role::Param, shape);
        let grads = Fusion::new(&mut b, "dfusion", Role::Output, shape);
        let hrms = b.tensor("hrms", full, Role::Output);
        let mut p = b.plan("network");
        let d = p.activation("d", full.with_c(shape.inputs()));
        fusion.input(&mut p, pan, lms, d);
        let acts = fusion.forward(&mut p, d, lms, hrms);
        fusion.backward(&mut p, acts, dy, &grads);
        let plan = p.finish();
        let layers = net::layers_of_fusion(shape);
        let places = places(&layers);
        let values = named(shape).into_iter().enumerate().flat_map(|(j, (_, sizes))| {
            // The file's 1×1 convolutions are matrices; scales are alike.
            filled(j, &sizes)
        });
        let mut weights = vec![0.0; fusion.whole.shape().len()];
        values.zip(&places).for_each(|(value, at)| weights[*at] = value);
        let inputs = vec![
            (pan, wave(pan.shape().len(), 0.2, 0.3, 0.5)),
            (lms, wave(lms.shape().len(), 0.7, 0.3, 0.5)),
            (dy, wave(dy.shape().len(), 2.0, 1.0, 0.0)),
            (fusion.whole, weights),
        ];
        let program = Arc::new(b.finish().expect("checks pass"));
        Self { program, plan, inputs, hrms, gradient: grads.whole, places }
    }

    fn on(&self, engine: &mut dyn Engine) -> [Vec<f64>; 2] {
        for (tensor, values) in &self.inputs {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            engine.write(*tensor, &values).expect("values fit");
        }
        let calls = 0..self.program.plan(self.plan).calls.len();
        engine.run(self.plan, calls, &Step::default()).expect("runs");
        [self.hrms, self.gradient].map(|t| engine.read(t).expect("reads").into_iter().map(f64::from).collect())
    }

    /// Compares an output and flat gradients with the file's.
    fn check(
        &self,
        report: &mut Report,
        label: &str,
        wanted: &Value,
        [hrms, gradient]: &[Vec<f64>; 2],
        relative: [f64; 2],
    ) {
        check(report, &format!("{label} output"), hrms, &wanted["output"], relative[0]);
        let mut rest = &self.places[..];
        for entry in list(&wanted["grad_params"]) {
            let [name, sizes_of, sums] = &list(entry)[..] else { panic!("name, sizes, sums") };
            let (part, others) = rest.split_at(sizes(sizes_of).iter().product());
            rest = others;
            let values: Vec<f64> = part.iter().map(|at| gradient[*at]).collect();
            check(report, &format!("{label} {name}"), &values, sums, relative[1]);
        }
        assert!(rest.is_empty(), "every gradient is compared");
    }
}

#[test]
fn networks() {
    let file = data("backbones.json");
    let mut report = Report::default();
    for backbone in [Backbone::LagNet, Backbone::LgpNet] {
        let network = Network::new(FusionShape { backbone, bands: 4, sees_ms: true, width: 1, blocks: 1 });
        let wanted = &file["nets"][backbone.name()];
        let mut oracle = Oracle::new(network.program.clone());
        for (tensor, values) in &network.inputs {
            oracle.write(*tensor, values);
        }
        oracle.run(network.plan, &Step::default());
        let found = [oracle.read(network.hrms), oracle.read(network.gradient)];
        network.check(&mut report, &format!("{backbone} f64"), wanted, &found, [TOLERANCE; 2]);

        let off = floats(&wanted["f32_error_relative_to_largest"]);
        let relative = [SLACK * off[0].max(1e-7), SLACK * off[2]];
        for isa in Isa::available() {
            let engine = CpuEngine::load(network.program.clone(), 2, Options::default()).expect("loads");
            let found = network.on(&mut engine.with_isa(isa));
            network.check(&mut report, &format!("{backbone} {isa}"), wanted, &found, relative);
        }
        let mut gpu = GpuEngine::load(software(), network.program.clone(), Options::default()).expect("fits");
        network.check(&mut report, &format!("{backbone} gpu"), wanted, &network.on(&mut gpu), relative);
    }
    report.finish();
}

/// The comparison must fail on a gradient that is a little wrong.
#[test]
fn wrong_gradients_of_a_network_fail() {
    let wanted = &data("backbones.json")["nets"]["lgpnet"];
    let shape = FusionShape { backbone: Backbone::LgpNet, bands: 4, sees_ms: false, width: 32, blocks: 4 };
    let network = Network::new(shape);
    let engine = CpuEngine::load(network.program.clone(), 1, Options::default()).expect("loads");
    let found = network.on(&mut engine.with_isa(Isa::Portable));
    let failures = |change: &dyn Fn(&mut [Vec<f64>; 2])| {
        let mut found = found.clone();
        change(&mut found);
        let mut report = Report::default();
        let off = SLACK * float(&wanted["f32_error_relative_to_largest"][2]);
        network.check(&mut report, "changed", wanted, &found, [off; 2]);
        report.failures().len()
    };
    assert_eq!(failures(&|_| ()), 0);
    assert!(failures(&|[_, gradient]| gradient[network.places[7]] *= 1.2) > 0, "one element");
    assert!(failures(&|[_, gradient]| gradient.swap(network.places[1], network.places[2])) > 0, "two exchanged");
    assert!(failures(&|[hrms, _]| hrms[3] += 1e-3) > 0, "one value");
}
