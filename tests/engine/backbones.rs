//! Rung 2 for the backbones but FusionNet: values and gradients against `backbones.json`, numbers of a float64 program
//! that shares nothing with this one, on the references in f64; both engines against these references.

use std::sync::Arc;

use serde_json::Value;
use trapan::engine::{CpuEngine, Engine, GpuEngine, Options};
use trapan::graph::{PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use trapan::kernels::cluster::{self, CLUSTERS};
use trapan::kernels::clustered::TAPS;
use trapan::kernels::{Isa, Step, segment};
use trapan::net::{self, Backbone, Fusion, FusionShape};

use crate::support::backbones::{
    can_backward, can_forward, can_lengths, lag_backward, lag_forward, lag_lengths, lgp_backward, lgp_forward,
    lgp_lengths, places, tensors,
};
use crate::support::devices::software;
use crate::support::oracle::Oracle;
use crate::support::values::{TOLERANCE, check, filled, is_shared, turned, wave};
use crate::support::{Report, data, float, floats, list, sizes};

/// Ten times what PyTorch itself is off in f32, relative to the largest value.
const SLACK: f64 = 10.0;

/// PAN for the engines lies by this beside the file's: there, one input of a leaky ReLU of CANNet's is so near to 0 that
/// rounding decides its slope.
const BESIDE: f64 = 0.01;

#[test]
fn the_formula_is_that_of_the_file() {
    let file = &data("backbones.json")["wave"];
    let mut report = Report::default();
    report.all("wave", &wave(8, 0.5, 1.0, 0.0), &floats(&file["first8_phase0.5"]), TOLERANCE);
    report.finish();
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
    let program = Arc::new(builder.finish().expect("checks pass"));
    let mut oracle = Oracle::new(program.clone());
    oracle.write(x, &wave(x_shape.len(), 0.1, 0.5, 0.5));
    oracle.write(dy, &wave(y_shape.len(), 2.0, 1.0, 0.0));
    if let Some(index) = program.tensor("index") {
        let maps = list(&wanted["index"]).iter().flat_map(sizes);
        oracle.write(index, &maps.map(segment_of).collect::<Vec<_>>());
    }
    let mut j = 0;
    for (tensor, layer) in w.iter().zip(layers) {
        let values = layer.iter().flat_map(|(name, sizes)| {
            j += 1;
            turned(sizes, &filled(j - 1, name, sizes), false)
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

/// The file has four clusters, and the number behind them for pixels of none.
fn segment_of(index: usize) -> f64 {
    if index == 4 { CLUSTERS as f64 } else { index as f64 }
}

#[test]
fn convolution_with_a_kernel_for_each_cluster() {
    let layers = vec![
        vec![("k0.w", vec![16, 5, 3, 3]), ("k0.b", vec![16])],
        vec![("k1.w", vec![16, 16]), ("k1.b", vec![16])],
        vec![("ka.w", vec![9, 16]), ("ka.b", vec![9])],
        vec![("ki.w", vec![5, 16]), ("ki.b", vec![5])],
        vec![("ko.w", vec![6, 16]), ("ko.b", vec![6])],
        vec![("w", vec![5, 9, 6])],
        vec![("b0.w", vec![16, 5, 3, 3]), ("b0.b", vec![16])],
        vec![("b1.w", vec![16, 16]), ("b1.b", vec![16])],
        vec![("b2.w", vec![6, 16]), ("b2.b", vec![6])],
    ];
    convolution("canconv", 2, &layers, |p, x, y, dy, dx| {
        let w = tensors(p, "w", can_lengths(5, 6), Role::Input);
        let dw = tensors(p, "dw", can_lengths(5, 6), Role::Output);
        let index = p.tensor("index", x.shape().with_c(1), Role::Input);
        let can = can_forward(p, (x, index), &w, 1.0, None, y);
        can_backward(p, x, &w, &can, dy, None, (&dw, dx));
        [w.to_vec(), dw.to_vec()]
    });
}

/// Rounds of k-means from given centres until few pixels change their cluster, then small clusters left out.
#[test]
fn clusters() {
    let wanted = &data("backbones.json")["ops"]["kmeans"];
    let images = Shape([1, 12, 10, 5]);
    let mut b = ProgramBuilder::new();
    let input = |b: &mut ProgramBuilder, name: &str, shape| b.tensor(name, shape, Role::Input);
    let (x, table) = (input(&mut b, "x", images), input(&mut b, "table", cluster::table_shape(images)));
    let output = |b: &mut ProgramBuilder, name: &str, shape| b.tensor(name, shape, Role::Output);
    let (f, index) = (output(&mut b, "f", images), output(&mut b, "index", images.with_c(1)));
    let moved = output(&mut b, "moved", table.shape());
    let small = output(&mut b, "small", table.shape());
    let mut p = b.plan("round");
    cluster::features(&mut p, x, f);
    cluster::index(&mut p, f, table, index);
    let part = segment::sums(&mut p, f, index, 1, "part");
    cluster::means(&mut p, images, part, 0, moved);
    cluster::means(&mut p, images, part, 120 / 5, small);
    let plan = p.finish();
    let mut oracle = Oracle::new(Arc::new(b.finish().expect("checks pass")));
    oracle.write(x, &wave(images.len(), 0.1, 0.5, 0.5));
    oracle.write(table, &vec![-1.0; table.shape().len()]);
    oracle.run(plan, &Step::default());
    let (means, columns) = (oracle.read(f), images.c() + 1);
    let mut centres = vec![-1.0; table.shape().len()];
    for (k, first) in sizes(&wanted["first_centres"]).into_iter().enumerate() {
        centres[k * columns..][..images.c()].copy_from_slice(&means[first * images.c()..][..images.c()]);
        centres[(k + 1) * columns - 1] = k as f64;
    }
    let mut last = vec![-1.0; images.pixels()];
    let numbers = loop {
        oracle.write(table, &centres);
        oracle.run(plan, &Step::default());
        let numbers = oracle.read(index);
        let changed = numbers.iter().zip(&last).filter(|(a, b)| a != b).count();
        if changed as f64 <= float(&wanted["tolerance"]) * images.pixels() as f64 {
            break numbers;
        }
        last = numbers;
        centres = oracle.read(moved);
    };
    assert_eq!(numbers, floats(&wanted["index"]));
    let left: Vec<f64> = oracle.read(small).chunks_exact(columns).map(|row| row[columns - 1]).collect();
    let dropped: Vec<f64> = numbers.iter().map(|k| left[*k as usize]).collect();
    assert_eq!(dropped, sizes(&wanted["dropped_at_0.2"]).into_iter().map(segment_of).collect::<Vec<_>>());
}

/// A whole network of four bands on 12×8 pixels, with the gradients of its weights.
struct Network {
    program: Arc<Program>,
    plan: PlanId,
    inputs: Vec<(Tensor, Vec<f64>)>,
    hrms: Tensor,
    gradient: Tensor,
    /// Where each value of the file's tensors lies.
    places: Vec<usize>,
    /// How many values each of these has.
    lengths: Vec<usize>,
    /// The calls after which clusters are given, and these.
    maps: Vec<(usize, Tensor, Vec<f64>)>,
}

impl Network {
    fn new(shape: FusionShape) -> Self {
        let wanted = &data("backbones.json")["nets"][shape.backbone.name()];
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
        let tensors: Vec<(&str, Vec<usize>)> = list(&wanted["grad_params"])
            .iter()
            .map(|entry| (entry[0].as_str().expect("a name"), sizes(&entry[1])))
            .collect();
        let mut rest = places(&net::layers_of_fusion(shape));
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        order.sort_by_key(|j| rank(tensors[*j].0));
        let mut by_tensor = vec![Vec::new(); tensors.len()];
        for j in order {
            let sizes = &tensors[j].1;
            let others = rest.split_off(sizes.iter().product());
            let own = std::mem::replace(&mut rest, others);
            // Ours are [co, ci, 3, 3].
            let of = |i: usize| (i % sizes[2] * sizes[0] + i / (sizes[2] * TAPS)) * TAPS + i / sizes[2] % TAPS;
            by_tensor[j] = (0..own.len()).map(|i| own[if is_shared(sizes) { of(i) } else { i }]).collect();
        }
        let places = by_tensor.concat();
        let lengths = by_tensor.iter().map(Vec::len).collect();
        let values = tensors.iter().enumerate().flat_map(|(j, (name, sizes))| filled(j, name, sizes));
        let mut weights = vec![0.0; fusion.whole.shape().len()];
        values.zip(&places).for_each(|(value, at)| weights[*at] = value);
        let inputs = vec![
            (pan, wave(pan.shape().len(), 0.2, 0.3, 0.5)),
            (lms, if shape.backbone == Backbone::PanMamba { nearest(full) } else { wave(full.len(), 0.7, 0.3, 0.5) }),
            (dy, wave(dy.shape().len(), 2.0, 1.0, 0.0)),
            (fusion.whole, weights),
        ];
        let program = Arc::new(b.finish().expect("checks pass"));
        let sorts = |(i, call): (usize, &trapan::graph::Call)| {
            let index = call.args[call.args.len() - 1].expect("is written");
            let name = &program.info(index).name;
            let level = name.strip_prefix("network.level")?.strip_suffix(".index")?.parse().expect("a number");
            let map = (0..index.shape().len()).map(|i| given_map(level, i)).collect();
            Some((i + 1, index, map))
        };
        let maps = program.plan(plan).calls.iter().enumerate().filter_map(sorts).collect();
        Self { program, plan, inputs, hrms, gradient: grads.whole, places, lengths, maps }
    }

    /// Runs of calls, each with what is to be written after it.
    fn runs(&self) -> impl Iterator<Item = (std::ops::Range<usize>, Option<(Tensor, &[f64])>)> {
        let ends = self.maps.iter().map(|(end, index, map)| (*end, Some((*index, &map[..]))));
        let mut first = 0;
        ends.chain([(self.program.plan(self.plan).calls.len(), None)]).map(move |(end, then)| {
            let run = first..end;
            first = end;
            (run, then)
        })
    }

    fn on(&self, engine: &mut dyn Engine) -> [Vec<f64>; 2] {
        for (tensor, values) in &self.inputs {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            engine.write(*tensor, &values).expect("values fit");
        }
        for (calls, then) in self.runs() {
            engine.run(self.plan, calls, &Step::default()).expect("runs");
            if let Some((index, map)) = then {
                engine.write(index, &map.iter().map(|v| *v as f32).collect::<Vec<_>>()).expect("a map");
            }
        }
        [self.hrms, self.gradient].map(|t| engine.read(t).expect("reads").into_iter().map(f64::from).collect())
    }

    /// The same by the references in f64.
    fn by(&self, oracle: &mut Oracle) -> [Vec<f64>; 2] {
        for (tensor, values) in &self.inputs {
            oracle.write(*tensor, values);
        }
        for (calls, then) in self.runs() {
            oracle.run_calls(self.plan, calls, &Step::default());
            then.into_iter().for_each(|(index, map)| oracle.write(index, map));
        }
        [oracle.read(self.hrms), oracle.read(self.gradient)]
    }

    /// Compares an output and flat gradients with the file's.
    fn check(&self, report: &mut Report, label: &str, wanted: &Value, [hrms, gradient]: &[Vec<f64>; 2]) {
        check(report, &format!("{label} output"), hrms, &wanted["output"], TOLERANCE);
        let mut rest = &self.places[..];
        for entry in list(&wanted["grad_params"]) {
            let [name, sizes_of, sums] = &list(entry)[..] else { panic!("name, sizes, sums") };
            let (part, others) = rest.split_at(sizes(sizes_of).iter().product());
            rest = others;
            let values: Vec<f64> = part.iter().map(|at| gradient[*at]).collect();
            check(report, &format!("{label} {name}"), &values, sums, TOLERANCE);
        }
        assert!(rest.is_empty(), "every gradient is compared");
    }

    /// Compares an output and gradients value by value, relative to the largest of each tensor.
    fn compare(
        &self,
        report: &mut Report,
        label: &str,
        exact: &[Vec<f64>; 2],
        found: &[Vec<f64>; 2],
        relative: [f64; 2],
    ) {
        let mut all = |label: String, found: &[f64], exact: &[f64], relative: f64| {
            let largest = exact.iter().fold(0.0f64, |most, v| most.max(v.abs()));
            report.all(&label, found, exact, relative * largest);
        };
        all(format!("{label} output"), &found[0], &exact[0], relative[0]);
        let mut rest = &self.places[..];
        for (j, len) in self.lengths.iter().enumerate() {
            let (own, others) = rest.split_at(*len);
            rest = others;
            let [found, exact] = [found, exact].map(|of| own.iter().map(|at| of[1][*at]).collect::<Vec<_>>());
            all(format!("{label} gradient {j}"), &found, &exact, relative[1]);
        }
    }
}

/// Where a tensor of the file stands among the layers, which are in the order of the forward pass; 0 where the file's is
/// that. In PanMamba's a norm comes before what it is for.
fn rank(name: &str) -> (usize, usize, bool) {
    const GROUPS: [&str; 10] = ["panenc", "msenc", "mstok", "pantok", "ms", "pan", "swap", "sf", "x", "ref"];
    let mut parts = name.split('.');
    let stem = parts.next().expect("a name");
    let group = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let Some(at) = GROUPS.iter().position(|of| *of == group) else { return (0, 0, false) };
    let number = stem[group.len()..].parse().unwrap_or(0);
    (at, number, !parts.next().expect("a part").starts_with('n'))
}

/// MS of the file, each pixel as 4×4 of PAN's.
fn nearest(full: Shape) -> Vec<f64> {
    let (w, c) = (full.w() / 4, full.c());
    let ms = wave(full.len() / 16, 0.7, 0.3, 0.5);
    let at = |i: usize| (i / c / full.w() / 4 * w + i / c % full.w() / 4) * c + i % c;
    (0..full.len()).map(|i| ms[at(i)]).collect()
}

/// The maps that the file gives to the levels of CANNet.
fn given_map(level: usize, pixel: usize) -> f64 {
    segment_of(match level {
        0 if pixel.is_multiple_of(13) => 4,
        0 | 1 => pixel * 5 % 4,
        _ => pixel % 3,
    })
}

#[test]
fn networks() {
    let file = data("backbones.json");
    let mut report = Report::default();
    for backbone in [Backbone::LagNet, Backbone::LgpNet, Backbone::CanNet, Backbone::PanMamba] {
        let mut network = Network::new(FusionShape { backbone, bands: 4, sees_ms: true, width: 1, blocks: 1 });
        let wanted = &file["nets"][backbone.name()];
        let mut oracle = Oracle::new(network.program.clone());
        network.check(&mut report, &format!("{backbone} f64"), wanted, &network.by(&mut oracle));

        network.inputs[0].1.iter_mut().for_each(|pan| *pan += BESIDE);
        let exact = network.by(&mut oracle);
        let off = floats(&wanted["f32_error_relative_to_largest"]);
        let relative = [SLACK * off[0].max(1e-7), SLACK * off[2]];
        for isa in Isa::available() {
            let engine = CpuEngine::load(network.program.clone(), 2, Options::default()).expect("loads");
            let found = network.on(&mut engine.with_isa(isa));
            network.compare(&mut report, &format!("{backbone} {isa}"), &exact, &found, relative);
        }
        let mut gpu = GpuEngine::load(software(), network.program.clone(), Options::default()).expect("fits");
        network.compare(&mut report, &format!("{backbone} gpu"), &exact, &network.on(&mut gpu), relative);
    }
    report.finish();
}

/// The comparison must fail on a gradient that is a little wrong.
#[test]
fn wrong_gradients_of_a_network_fail() {
    let off = SLACK * float(&data("backbones.json")["nets"]["lgpnet"]["f32_error_relative_to_largest"][2]);
    let shape = FusionShape { backbone: Backbone::LgpNet, bands: 4, sees_ms: false, width: 32, blocks: 4 };
    let network = Network::new(shape);
    let exact = network.by(&mut Oracle::new(network.program.clone()));
    let engine = CpuEngine::load(network.program.clone(), 1, Options::default()).expect("loads");
    let found = network.on(&mut engine.with_isa(Isa::Portable));
    let failures = |change: &dyn Fn(&mut [Vec<f64>; 2])| {
        let mut found = found.clone();
        change(&mut found);
        let mut report = Report::default();
        network.compare(&mut report, "changed", &exact, &found, [off; 2]);
        report.failures().len()
    };
    assert_eq!(failures(&|_| ()), 0);
    assert!(failures(&|[_, gradient]| gradient[network.places[7]] *= 1.2) > 0, "one element");
    assert!(failures(&|[_, gradient]| gradient.swap(network.places[1], network.places[2])) > 0, "two exchanged");
    assert!(failures(&|[hrms, _]| hrms[3] += 1e-3) > 0, "one value");
}
