//! Rung 3: the gradients of the f64 references against central differences.
//!
//! Each case is a plan, forward and backward, run in f64: fused epilogues and partial
//! sums are checked as they are used.

use std::sync::Arc;

use ndarray::Array4;
use trapan::graph::{PlanBuilder, PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use trapan::kernels::Step;
use trapan::kernels::conv2d::{self, conv2d_grad_input, conv2d_grad_weight};
use trapan::kernels::instance::{self, Moments};
use trapan::kernels::loss::{Measure, Operands};
use trapan::kernels::pointwise::{self, Act};
use trapan::kernels::resample::{Axis, OperatorTable};
use trapan::kernels::{attend, harmonic, layernorm, loss, mlp, resample};

use crate::support::Report;
use crate::support::backbones::{
    branch_backward, branch_forward, branch_lengths, can_backward, can_forward, can_lengths, lag_backward, lag_forward,
    lag_lengths, lgp_backward, lgp_forward, lgp_lengths,
};
use crate::support::formula::{image, wave};
use crate::support::oracle::Oracle;
use crate::support::textbook::{self, Degradation};

/// Step of the differences. The truncation error goes with its square, 1e-8 times a third
/// derivative of order one; the rounding error is about 1e-16 / 1e-4 = 1e-12.
const H: f64 = 1e-4;

/// Relative to the gradient's largest element: the step's truncation, and the loss scale
/// `2 / len`, which the plan holds in f32 (6e-8).
const TOLERANCE: f64 = 1e-6;

/// Elements checked one by one.
const ELEMENTS: usize = 24;

/// `(loss(x + h d) − loss(x − h d)) / 2h`.
fn difference(loss: &mut dyn FnMut(&[f64]) -> f64, x: &[f64], direction: &[f64]) -> f64 {
    let moved = |h: f64| -> Vec<f64> { x.iter().zip(direction).map(|(x, d)| x + h * d).collect() };
    (loss(&moved(H)) - loss(&moved(-H))) / (2.0 * H)
}

/// Compares a gradient with differences: single elements spread over all of them, and two
/// directions that every element takes part in.
fn check(report: &mut Report, label: &str, loss: &mut dyn FnMut(&[f64]) -> f64, x: &[f64], gradient: &[f64]) {
    assert_eq!(x.len(), gradient.len(), "{label}: lengths");
    let largest = gradient.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
    assert!(largest > 0.0, "{label}: a gradient of zeros proves nothing");
    let count = ELEMENTS.min(x.len());
    for i in (0..count).map(|i| i * (x.len() - 1) / (count - 1).max(1)) {
        let mut direction = vec![0.0; x.len()];
        direction[i] = 1.0;
        let wanted = difference(loss, x, &direction);
        report.near(&format!("{label}[{i}]"), gradient[i], wanted, TOLERANCE * largest);
    }
    for (name, step) in [("slow", 0.37), ("fast", 2.9)] {
        let direction = wave(x.len(), step, 1.0, 1.0);
        let along: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        let wanted = difference(loss, x, &direction);
        report.near(&format!("{label} {name} direction"), along, wanted, TOLERANCE * largest * (x.len() as f64).sqrt());
    }
}

/// A plan that computes a loss and the gradients of it.
struct Case {
    label: String,
    program: Arc<Program>,
    plan: PlanId,
    loss: Tensor,
    /// Inputs with their values; those that have one, with their gradient.
    inputs: Vec<(Tensor, Vec<f64>, Option<Tensor>)>,
}

/// Records a case's plan.
struct Recorder<'a> {
    plan: PlanBuilder<'a>,
    inputs: Vec<(Tensor, Vec<f64>, Option<Tensor>)>,
}

impl Recorder<'_> {
    /// An input of values in ±`scale`.
    fn input(&mut self, name: &str, shape: Shape, scale: f64) -> Tensor {
        let phase = self.inputs.len() as f64;
        self.given(name, shape, wave(shape.len(), 0.7 + 0.1 * phase, phase, scale))
    }

    fn given(&mut self, name: &str, shape: Shape, values: Vec<f64>) -> Tensor {
        let tensor = self.plan.tensor(name, shape, Role::Input);
        self.inputs.push((tensor, values, None));
        tensor
    }

    /// The gradient of an input.
    fn gradient(&mut self, of: Tensor) -> Tensor {
        let tensor = self.plan.tensor(format!("gradient {}", of.index()), of.shape(), Role::Output);
        let input = self.inputs.iter_mut().find(|(t, _, _)| *t == of).expect("gradient of an input");
        input.2 = Some(tensor);
        tensor
    }

    /// Ends the forward half: a mean squared distance to a target, and its gradient at `y`.
    fn loss(&mut self, y: Tensor) -> (Tensor, Tensor) {
        let target = self.input("target", y.shape(), 0.5);
        let dy = self.plan.tensor("dy", y.shape(), Role::Output);
        let loss = self.plan.tensor("loss", Shape::flat(1), Role::Output);
        loss::l2(&mut self.plan, Operands { y, target, weight: None }, 1.0, "parts", dy, loss);
        (dy, loss)
    }
}

impl Case {
    /// `record` returns the loss.
    fn new(label: String, record: impl FnOnce(&mut Recorder<'_>) -> Tensor) -> Self {
        let mut builder = ProgramBuilder::new();
        let mut recorder = Recorder { plan: builder.plan("case"), inputs: Vec::new() };
        let loss = record(&mut recorder);
        let Recorder { plan, inputs } = recorder;
        let plan = plan.finish();
        let program = Arc::new(builder.finish().unwrap_or_else(|e| panic!("{label}: {e:?}")));
        Self { label, program, plan, loss, inputs }
    }

    fn check(&self, report: &mut Report) {
        let mut oracle = Oracle::new(self.program.clone());
        for (tensor, values, _) in &self.inputs {
            oracle.write(*tensor, values);
        }
        oracle.run(self.plan, &Step::default());
        let found: Vec<Option<Vec<f64>>> =
            self.inputs.iter().map(|(_, _, gradient)| gradient.map(|g| oracle.read(g))).collect();
        for ((tensor, values, _), gradient) in self.inputs.iter().zip(found) {
            let Some(gradient) = gradient else { continue };
            let mut loss = |x: &[f64]| {
                oracle.write(*tensor, x);
                oracle.run(self.plan, &Step::default());
                oracle.read(self.loss)[0]
            };
            let label = format!("{} d{}", self.label, self.program.info(*tensor).name);
            check(report, &label, &mut loss, values, &gradient);
            oracle.write(*tensor, values);
        }
    }
}

/// Convolution with ReLU, a residual block and the way back: every epilogue in use.
fn residual_block([n, h, w, ci]: [usize; 4], width: usize) -> Case {
    let x_shape = Shape([n, h, w, ci]);
    Case::new(format!("residual block {x_shape:?}→{width}"), |r| {
        let inside = x_shape.with_c(width);
        let x = r.input("x", x_shape, 1.0);
        let [w_in, w_a, w_b] = [("w_in", ci), ("w_a", width), ("w_b", width)]
            .map(|(name, from)| r.input(name, Shape::flat(conv2d::weight_len(from, width)), 0.3));
        let [first, inner, y] = ["first", "inner", "y"].map(|name| r.plan.activation(name, inside));
        conv2d::forward(&mut r.plan, x, w_in, None, true, first);
        conv2d::forward(&mut r.plan, first, w_a, None, true, inner);
        conv2d::forward(&mut r.plan, inner, w_b, Some(first), false, y);
        let (dy, loss) = r.loss(y);

        let [d_inner, d_first] = ["d_inner", "d_first"].map(|name| r.plan.activation(name, inside));
        let dw = r.gradient(w_b);
        conv2d::grad_weight(&mut r.plan, inner, dy, "part_b", dw);
        conv2d::grad_input(&mut r.plan, dy, w_b, None, Some(inner), d_inner);
        let dw = r.gradient(w_a);
        conv2d::grad_weight(&mut r.plan, first, d_inner, "part_a", dw);
        conv2d::grad_input(&mut r.plan, d_inner, w_a, Some(dy), Some(first), d_first);
        let dw = r.gradient(w_in);
        conv2d::grad_weight(&mut r.plan, x, d_first, "part_in", dw);
        let dx = r.gradient(x);
        conv2d::grad_input(&mut r.plan, d_first, w_in, None, None, dx);
        loss
    })
}

#[test]
fn convolution() {
    let mut report = Report::default();
    for (x, width) in [([2, 5, 7, 3], 4), ([1, 1, 3, 2], 3), ([2, 9, 4, 1], 5), ([1, 6, 11, 8], 2)] {
        residual_block(x, width).check(&mut report);
    }
    report.finish();
}

/// A convolution of LAGNet: gates, a bias for each image, weighed taps.
#[test]
fn convolution_of_lagnet() {
    let mut report = Report::default();
    for (x, co) in [([2, 5, 6, 3], 4), ([1, 1, 3, 2], 5), ([3, 4, 3, 8], 3)] {
        let shape = Shape(x);
        let case = Case::new(format!("LAG {shape:?}→{co}"), |r| {
            let x = r.input("x", shape, 1.0);
            let mut k = 0;
            let w = lag_lengths(shape.c(), co).map(|len| {
                k += 1;
                r.input(&format!("w{k}"), Shape::flat(len), 0.5)
            });
            let y = r.plan.activation("y", shape.with_c(co));
            let lag = lag_forward(&mut r.plan, x, &w, y);
            let (dy, loss) = r.loss(y);
            let (dw, dx) = (w.map(|w| r.gradient(w)), r.gradient(x));
            lag_backward(&mut r.plan, x, &w, &lag, dy, (&dw, dx));
            loss
        });
        case.check(&mut report);
    }
    report.finish();
}

/// A convolution of LGPNet: 1×1 and depthwise, and a perturbation.
#[test]
fn convolution_of_lgpnet() {
    let mut report = Report::default();
    for (x, co) in [([2, 5, 7, 3], 4), ([1, 1, 3, 2], 5), ([1, 6, 2, 8], 20)] {
        let shape = Shape(x);
        let case = Case::new(format!("LGP {shape:?}→{co}"), |r| {
            let x = r.input("x", shape, 1.0);
            let mut k = 0;
            let w = lgp_lengths(shape.c(), co).map(|len| {
                k += 1;
                r.input(&format!("w{k}"), Shape::flat(len), 0.5)
            });
            let y = r.plan.activation("y", shape.with_c(co));
            let kept = lgp_forward(&mut r.plan, x, &w, y);
            let (dy, loss) = r.loss(y);
            let (dw, dx) = (w.map(|w| r.gradient(w)), r.gradient(x));
            lgp_backward(&mut r.plan, x, &w, kept, dy, (&dw, dx));
            loss
        });
        case.check(&mut report);
    }
    report.finish();
}

/// A convolution of CANNet, plus its input, by segments of which some are empty.
#[test]
fn convolution_of_cannet() {
    let mut report = Report::default();
    for (x, co) in [([2, 5, 6, 3], 3), ([1, 1, 4, 2], 5), ([1, 6, 2, 8], 4)] {
        let shape = Shape(x);
        let case = Case::new(format!("CAN {shape:?}→{co}"), |r| {
            let x = r.input("x", shape, 1.0);
            let index = (0..shape.pixels()).map(|i| if i % 5 == 3 { 32.0 } else { (i * 7 % 4) as f64 }).collect();
            let index = r.given("index", shape.with_c(1), index);
            let mut k = 0;
            let w = can_lengths(shape.c(), co).map(|len| {
                k += 1;
                r.input(&format!("w{k}"), Shape::flat(len), 0.5)
            });
            let add = (co == shape.c()).then_some(x);
            let y = r.plan.activation("y", shape.with_c(co));
            let can = can_forward(&mut r.plan, (x, index), &w, 0.2, add, y);
            let (dy, loss) = r.loss(y);
            let (dw, dx) = (w.map(|w| r.gradient(w)), r.gradient(x));
            can_backward(&mut r.plan, x, &w, &can, dy, add.map(|_| dy), (&dw, dx));
            loss
        });
        case.check(&mut report);
    }
    report.finish();
}

/// A branch of PanMamba's: more pixels than a run has, fewer than taps, several images, channels off every register.
#[test]
fn branch_of_panmamba() {
    let mut report = Report::default();
    for (x, width) in [([1, 5, 9, 3], 3), ([2, 1, 2, 2], 2), ([3, 3, 4, 9], 9)] {
        let shape = Shape(x);
        let case = Case::new(format!("Mamba {shape:?}"), |r| {
            let x = r.input("x", shape, 1.0);
            let mut k = 0;
            let w = branch_lengths(width).map(|len| {
                k += 1;
                r.input(&format!("w{k}"), Shape::flat(len), 0.9)
            });
            let s = r.plan.activation("s", shape.with_c(2 * width));
            let kept = branch_forward(&mut r.plan, "branch", x, &w, (None, s));
            let (ds, loss) = r.loss(s);
            let (dw, dx) = (w.map(|w| r.gradient(w)), r.gradient(x));
            branch_backward(&mut r.plan, ("branch", x), &w, &kept, ds, (&dw, dx));
            loss
        });
        case.check(&mut report);
    }
    report.finish();
}

/// Layer norm twice with the same weights, on an image whose half went through instance norm, both with what is added to
/// their gradients; then channel attention.
#[test]
fn norms_and_attention() {
    let mut report = Report::default();
    for x in [[2, 4, 5, 6], [1, 3, 3, 4], [3, 1, 7, 11]] {
        let shape = Shape(x);
        let case = Case::new(format!("norms {shape:?}"), |r| {
            let (c, half) = (shape.c(), shape.c() / 2);
            let x = r.input("x", shape, 1.0);
            let (norm, layer) =
                (r.input("norm", Shape::flat(2 * half), 0.7), r.input("layer", Shape::flat(2 * c), 0.7));
            let factors = r.input("factors", Shape::flat(pointwise::weight_len(c, c, true)), 0.5);
            let of_images = Shape([shape.n(), 1, 1, c]);
            let [mean, variance, level, s, ds, dlevel] =
                ["mean", "variance", "level", "s", "ds", "dlevel"].map(|name| r.plan.activation(name, of_images));
            let [a, once, v, y] = ["a", "once", "v", "y"].map(|name| r.plan.activation(name, shape));
            let moments = Moments { mean, variance };
            instance::moments(&mut r.plan, x, "moments", moments);
            instance::forward(&mut r.plan, x, moments, norm, a);
            layernorm::forward(&mut r.plan, a, layer, once);
            layernorm::forward(&mut r.plan, once, layer, v);
            let sums = harmonic::image_sums(&mut r.plan, v, "sums");
            instance::means(&mut r.plan, sums, level);
            pointwise::forward(&mut r.plan, level, factors, (None, None), Act::Sigmoid, s);
            attend::forward(&mut r.plan, v, s, a, y);
            let (dy, loss) = r.loss(y);

            let [dnorm, dlayer, dfactors, dx] = [norm, layer, factors, x].map(|of| r.gradient(of));
            let [dv, donce, da] = ["dv", "donce", "da"].map(|name| r.plan.activation(name, shape));
            let p = &mut r.plan;
            attend::grad_factor(p, dy, v, s, "part.s", ds);
            pointwise::grad_weight(p, level, ds, "part.factors", dfactors);
            pointwise::grad_input(p, ds, factors, None, None, dlevel);
            attend::grad_input(p, dy, s, dlevel, dv);
            let second = layernorm::grad_weight(p, once, dv, None, "part.second");
            layernorm::grad_input(p, once, layer, dv, None, donce);
            let both = layernorm::grad_weight(p, a, donce, Some(second), "part.layer");
            loss::sum_rows(p, both, 1.0, dlayer);
            layernorm::grad_input(p, a, layer, donce, Some(dy), da);
            instance::backward(p, x, moments, (norm, dnorm), "norm", (da, dx));
            loss
        });
        case.check(&mut report);
    }
    report.finish();
}

#[test]
fn per_pixel_network() {
    let mut report = Report::default();
    // More than one run of pixels in the partial sums, several widths, one band.
    for (x, d) in [([1, 3, 5, 3], 7), ([2, 9, 7, 4], 32), ([1, 1, 1, 8], 32), ([1, 4, 5, 1], 1)] {
        let x_shape = Shape(x);
        let case = Case::new(format!("MLP {x_shape:?} width {d}"), |r| {
            let x = r.input("x", x_shape, 1.0);
            let w = r.input("w", Shape::flat(mlp::weight_len(x_shape.c(), d)), 0.8);
            let y = r.plan.activation("y", x_shape.with_c(1));
            mlp::forward(&mut r.plan, x, w, y);
            let (dy, loss) = r.loss(y);
            let (dx, dw) = (r.gradient(x), r.gradient(w));
            mlp::grad_input(&mut r.plan, x, w, dy, dx);
            mlp::grad_weight(&mut r.plan, x, w, dy, "part", dw);
            loss
        });
        case.check(&mut report);
    }
    report.finish();
}

#[test]
fn loss_itself() {
    let mut report = Report::default();
    let shapes = [Shape([1, 1, 1, 1]), Shape([1, 9, 7, 3]), Shape([2, 33, 31, 2])];
    // A bend well above the differences' step.
    let measures = [Measure::Square, Measure::Charbonnier(0.3)];
    let cases = shapes.into_iter().flat_map(|s| [(s, false), (s, true)]);
    for (measure, (shape, weighted)) in measures.into_iter().flat_map(|m| cases.clone().map(move |case| (m, case))) {
        let case = Case::new(format!("{measure:?} {shape:?} weighted={weighted}"), |r| {
            let y = r.input("y", shape, 1.0);
            let target = r.input("target", shape, 0.5);
            let weight = weighted.then(|| r.input("weight", shape.with_c(1), 0.2));
            let dy = r.gradient(y);
            let loss = r.plan.tensor("loss", Shape::flat(1), Role::Output);
            loss::mean(&mut r.plan, Operands { y, target, weight }, measure, 1.0, "parts", dy, loss);
            loss
        });
        case.check(&mut report);
    }
    report.finish();
}

/// Cubic decimation and upsampling as banded tables; the gradient is the transposed table.
#[test]
fn resampling() {
    let mut report = Report::default();
    for (h, w, c, ratio) in [(8, 6, 3, 2), (12, 20, 2, 4), (16, 24, 1, 8)] {
        for axis in [Axis::Y, Axis::X] {
            let x_shape = Shape([2, h, w, c]);
            let n = if axis == Axis::Y { h } else { w };
            let out = n / ratio;
            let y_shape = if axis == Axis::Y { Shape([2, out, w, c]) } else { Shape([2, h, out, c]) };
            let matrix = textbook::decimation(n, ratio);
            let case = Case::new(format!("resample {x_shape:?} {axis:?} by {ratio}"), |r| {
                let x = r.input("x", x_shape, 1.0);
                let mut table = |name: &str, matrix: &ndarray::ArrayView2<'_, f64>| {
                    let (out, n) = matrix.dim();
                    OperatorTable {
                        taps: r.given(&format!("{name} taps"), Shape([1, out, n, 1]), matrix.iter().copied().collect()),
                        start: r.given(&format!("{name} start"), Shape::flat(out), vec![0.0; out]),
                    }
                };
                let (down, back) = (table("down", &matrix.view()), table("back", &matrix.t()));
                let y = r.plan.activation("y", y_shape);
                resample::resample(&mut r.plan, x, down, axis, None, y);
                let (dy, loss) = r.loss(y);
                let dx = r.gradient(x);
                resample::resample(&mut r.plan, dy, back, axis, None, dx);
                loss
            });
            case.check(&mut report);
        }
    }
    report.finish();
}

fn inner(a: &Array4<f64>, b: &Array4<f64>) -> f64 {
    (a * b).sum()
}

/// `<A x, y> = <x, Aᵀ y>`: for a linear map this is the whole gradient check, with no
/// truncation error and for all elements at once.
#[test]
fn adjoints() {
    let mut report = Report::default();
    let mut same = |label: &str, one: f64, other: f64| {
        assert!(one.abs() > 1e-3, "{label}: a product of {one:e} proves nothing");
        report.near(label, one, other, 1e-12 * one.abs().max(1.0));
    };
    for [n, h, w, ci, co] in [[2, 5, 7, 3, 4], [1, 1, 3, 2, 5], [2, 3, 1, 4, 1], [1, 12, 9, 8, 33]] {
        let (x, dy) = (image([n, h, w, ci], 0.7, 0.1), image([n, h, w, co], 1.1, 0.3));
        let weight = image([3, 3, ci, co], 0.9, 0.2);
        let product = inner(&conv2d::conv2d(x.view(), weight.view(), &vec![0.0; co]), &dy);
        let label = format!("convolution {:?}", [n, h, w, ci, co]);
        same(&format!("{label} in x"), product, inner(&x, &conv2d_grad_input(dy.view(), weight.view())));
        let dw = conv2d_grad_weight(x.view(), dy.view(), 0..n * h).0;
        same(&format!("{label} in w"), product, inner(&weight, &dw));
    }
    for (h, w, ratio) in [(6, 10, 2), (20, 12, 4), (56, 44, 4), (24, 40, 8)] {
        let degradation = Degradation::new(&[0.34, 0.15], ratio);
        let (x, dy) = (image([2, h, w, 2], 0.7, 0.1), image([2, h / ratio, w / ratio, 2], 1.1, 0.3));
        let product = inner(&degradation.apply(x.view()), &dy);
        let other = inner(&x, &degradation.adjoint(dy.view(), (h, w)));
        same(&format!("degradation {h}×{w} by {ratio}"), product, other);
    }
    report.finish();
}

/// The check itself must fail on a gradient that is a little wrong.
#[test]
fn perturbed_gradients_fail() {
    let x = wave(101, 0.7, 0.0, 1.0);
    let mut loss = |x: &[f64]| x.iter().map(|v| v.sin() + v.powi(3)).sum::<f64>();
    let gradient: Vec<f64> = x.iter().map(|v| v.cos() + 3.0 * v * v).collect();
    let mut failures = |change: &dyn Fn(&mut Vec<f64>)| {
        let mut gradient = gradient.clone();
        change(&mut gradient);
        let mut report = Report::default();
        check(&mut report, "perturbed", &mut loss, &x, &gradient);
        report.failures().len()
    };
    assert_eq!(failures(&|_| ()), 0, "the true gradient passes");
    assert!(failures(&|g| g[0] *= 1.001) >= 1, "one element checked by itself");
    assert!(failures(&|g| g[50] += 1e-3) >= 1, "one element that only the directions see");
    assert!(failures(&|g| g.iter_mut().for_each(|g| *g *= 1.0 + 1e-5)) >= 1, "a factor on all");
    assert!(failures(&|g| g.swap(3, 4)) >= 1, "two elements exchanged");
    assert!(failures(&|g| g[70] = f64::NAN) >= 1, "a value that is not a number");
}
