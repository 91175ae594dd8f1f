//! The hot kernels, forward and gradients, at the shapes of the training steps.

use super::{BANDS, RATIO};
use crate::graph::{PlanBuilder, Role, Shape, Tensor};
use crate::kernels::adam::{Adam, adam};
use crate::kernels::clustered::{self, ClusterTables, Epilogue};
use crate::kernels::loss::{Measure, Operands};
use crate::kernels::modulated::TAPS;
use crate::kernels::pointwise::Act;
use crate::kernels::resample::{Axis, OperatorTable, resample};
use crate::kernels::segment::{self, rows_shape};
use crate::kernels::{
    ceiling, cluster, conv2d, depthwise, halves, harmonic, image, leaky, loss, mlp, modulated, picked, pointwise, turn,
};
use crate::method::crops::crop_size;

/// Hidden channels of both networks.
pub(super) const WIDTH: usize = 32;
/// Crops of a reduced step.
const BATCH: usize = 8;

/// One thing to measure: a plan of one or two calls.
pub struct Workload {
    /// Family and place.
    pub group: &'static str,
    /// What it does, unique in its group.
    pub name: String,
    pub(super) side: usize,
    pub(super) build: Box<dyn Fn(&mut PlanBuilder<'_>)>,
}

pub(super) fn input(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

pub(super) fn output(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Output)
}

/// Collects workloads of one size.
pub(super) struct WorkloadList {
    side: usize,
    list: Vec<Workload>,
}

impl WorkloadList {
    pub(super) fn add(
        &mut self,
        group: &'static str,
        name: impl Into<String>,
        build: impl Fn(&mut PlanBuilder<'_>) + 'static,
    ) {
        self.list.push(Workload { group, name: name.into(), side: self.side, build: Box::new(build) });
    }

    /// One layer on images `[N, H, W, ·]`.
    fn conv2d(&mut self, group: &'static str, images: Shape, ci: usize, co: usize) {
        let (x, y, len) = (images.with_c(ci), images.with_c(co), Shape::flat(conv2d::weight_len(ci, co)));
        self.add(group, format!("{ci}→{co} forward"), move |p| {
            let (x, w, y) = (input(p, "x", x), input(p, "w", len), output(p, "y", y));
            conv2d::forward(p, x, w, None, true, y);
        });
        self.add(group, format!("{ci}→{co} grad_input"), move |p| {
            let (dy, w, dx) = (input(p, "dy", y), input(p, "w", len), output(p, "dx", x));
            conv2d::grad_input(p, dy, w, None, None, dx);
        });
        self.add(group, format!("{ci}→{co} grad_weight"), move |p| {
            let (x, dy, dw) = (input(p, "x", x), input(p, "dy", y), output(p, "dw", len));
            conv2d::grad_weight(p, x, dy, "part", dw);
        });
    }

    /// A 1×1 layer with biases.
    fn pointwise(&mut self, images: Shape, ci: usize, co: usize, act: Act) {
        let (x, y, len) = (images.with_c(ci), images.with_c(co), Shape::flat(pointwise::weight_len(ci, co, true)));
        self.add("pointwise", format!("{ci}→{co} forward"), move |p| {
            let (x, w, y) = (input(p, "x", x), input(p, "w", len), output(p, "y", y));
            pointwise::forward(p, x, w, (None, None), act, y);
        });
        self.add("pointwise", format!("{ci}→{co} grad_input"), move |p| {
            let (dy, w, mask) = (input(p, "dy", y), input(p, "w", len), input(p, "mask", x));
            let dx = output(p, "dx", x);
            pointwise::grad_input(p, dy, w, None, Some(mask), dx);
        });
        self.add("pointwise", format!("{ci}→{co} grad_weight"), move |p| {
            let (x, dy, dw) = (input(p, "x", x), input(p, "dy", y), output(p, "dw", len));
            pointwise::grad_weight(p, x, dy, "part", dw);
        });
    }

    fn depthwise(&mut self, images: Shape) {
        let len = Shape::flat(depthwise::weight_len(images.c(), true));
        self.add("depthwise", format!("{} forward", images.c()), move |p| {
            let (x, w, y) = (input(p, "x", images), input(p, "w", len), output(p, "y", images));
            depthwise::forward(p, x, w, y);
        });
        self.add("depthwise", format!("{} grad_input", images.c()), move |p| {
            let (dy, w, dx) = (input(p, "dy", images), input(p, "w", len), output(p, "dx", images));
            depthwise::grad_input(p, dy, w, None, dx);
        });
        self.add("depthwise", format!("{} grad_weight", images.c()), move |p| {
            let (x, dy, dw) = (input(p, "x", images), input(p, "dy", images), output(p, "dw", len));
            depthwise::grad_weight(p, x, dy, "part", dw);
        });
    }

    /// A layer with weighed taps, and the vectors of each image.
    fn modulated(&mut self, images: Shape, ci: usize, co: usize) {
        let (x, y, a) = (images.with_c(ci), images.with_c(co), images.with_c(TAPS));
        let (len, vector) = (Shape::flat(modulated::weight_len(ci, co)), move |c: usize| Shape([images.n(), 1, 1, c]));
        self.add("modulated", format!("{ci}→{co} forward"), move |p| {
            let (x, a, each) = (input(p, "x", x), input(p, "a", a), input(p, "each", vector(co)));
            let (w, y) = (input(p, "w", len), output(p, "y", y));
            modulated::forward(p, (x, a, each), w, None, true, y);
        });
        self.add("modulated", format!("{ci}→{co} grad_input"), move |p| {
            let (dy, a, each) = (input(p, "dy", y), input(p, "a", a), input(p, "each", vector(ci)));
            let (w, dx) = (input(p, "w", len), output(p, "dx", x));
            modulated::grad_input(p, (dy, a, each), w, None, dx);
        });
        self.add("modulated", format!("{ci}→{co} grad_gate"), move |p| {
            let (x, dy, w) = (input(p, "x", x), input(p, "dy", y), input(p, "w", len));
            let (d, a) = (output(p, "d", a), input(p, "a", a));
            modulated::grad_gate(p, x, w, a, dy, d);
        });
        self.add("modulated", format!("{ci}→{co} grad_weight"), move |p| {
            let (x, a, dy) = (input(p, "x", x), input(p, "a", a), input(p, "dy", y));
            let dw = output(p, "dw", len);
            modulated::grad_weight(p, x, a, dy, "part", dw);
        });
        let layers =
            move |p: &mut PlanBuilder<'_>, tensor: fn(&mut PlanBuilder<'_>, &str, Shape) -> Tensor, of: &str| {
                [(0, ci), (1, co)].map(|(k, from)| tensor(p, &format!("{of}{k}"), Shape::flat((from + 1) * co)))
            };
        self.add("harmonic", format!("{ci}→{co} forward"), move |p| {
            let (x, y, w) = (input(p, "x", x), output(p, "y", vector(co)), layers(p, input, "w"));
            let sums = harmonic::image_sums(p, x, "sums");
            harmonic::forward(p, sums, w, y);
        });
        self.add("harmonic", format!("{ci}→{co} backward"), move |p| {
            let (x, dy, dx) = (input(p, "x", x), input(p, "dy", y), output(p, "dx", vector(ci)));
            let (w, dw) = (layers(p, input, "w"), layers(p, output, "dw"));
            let (sums, dsums) = (harmonic::image_sums(p, x, "sums"), harmonic::image_sums(p, dy, "dsums"));
            harmonic::grad_weight(p, sums, w, dsums, dw);
            harmonic::grad_input(p, sums, w, dsums, dx);
        });
    }

    /// A layer with a kernel for each cluster, and the clusters.
    fn clustered(&mut self, images: Shape, ci: usize, co: usize) {
        let (x, e, len) = (images.with_c(ci), images.with_c(co), Shape::flat(clustered::weight_len(ci, co)));
        let tables = move |p: &mut PlanBuilder<'_>| ClusterTables {
            alpha: input(p, "alpha", rows_shape(images.n(), TAPS)),
            gamma: input(p, "gamma", rows_shape(images.n(), ci)),
            index: input(p, "index", images.with_c(1)),
        };
        self.add("clustered", format!("{ci}→{co} forward"), move |p| {
            let (tables, x, w, v) = (tables(p), input(p, "x", x), input(p, "w", len), output(p, "v", e));
            clustered::forward(p, x, w, tables, v);
        });
        self.add("clustered", format!("{ci}→{co} grad_input"), move |p| {
            let (tables, e, w, dx) = (tables(p), input(p, "e", e), input(p, "w", len), output(p, "dx", x));
            let share = input(p, "share", rows_shape(images.n(), TAPS * ci));
            clustered::grad_input(p, e, w, tables, (share, None), dx);
        });
        self.add("clustered", format!("{ci}→{co} grad_factors"), move |p| {
            let (tables, xs, e, w) = (tables(p), input(p, "x", x), input(p, "e", e), input(p, "w", len));
            let d = output(p, "d", x.with_c(ci + TAPS));
            clustered::grad_factors(p, xs, w, tables, e, d);
        });
        self.add("clustered", format!("{ci}→{co} grad_weight"), move |p| {
            let (tables, x, e, dw) = (tables(p), input(p, "x", x), input(p, "e", e), output(p, "dw", len));
            clustered::grad_weight(p, x, tables, e, "part", dw);
        });
        self.add("clustered", format!("{ci} centroids"), move |p| {
            let (xs, index) = (input(p, "x", x), input(p, "index", images.with_c(1)));
            let rows = output(p, "rows", rows_shape(images.n(), TAPS * ci));
            let part = segment::sums(p, xs, index, TAPS, "part");
            segment::means(p, x, part, rows);
        });
        self.add("clustered", format!("{ci} clusters"), move |p| {
            let (f, table) = (input(p, "f", x), output(p, "table", cluster::table_shape(x)));
            cluster::table(p, f, "clusters", table);
        });
        self.add("clustered", format!("{ci} features"), move |p| {
            let (xs, f) = (input(p, "x", x), output(p, "f", x));
            cluster::features(p, xs, f);
        });
        self.add("clustered", format!("{ci} centroids backward"), move |p| {
            let (xs, index) = (input(p, "x", x), input(p, "index", images.with_c(1)));
            let (rows, share) = (rows_shape(images.n(), TAPS * ci), rows_shape(images.n(), TAPS * ci));
            let (drows, share) = (input(p, "drows", rows), output(p, "share", share));
            let part = segment::sums(p, xs, index, TAPS, "part");
            segment::spread(p, x, drows, part, share);
        });
        let scale = move |p: &mut PlanBuilder<'_>| {
            let [omega, beta] = ["omega", "beta"].map(|name| input(p, name, rows_shape(images.n(), co)));
            Epilogue { omega, beta, index: input(p, "index", images.with_c(1)), slope: 0.01 }
        };
        self.add("clustered", format!("{co} scaled"), move |p| {
            let (scale, v, y) = (scale(p), input(p, "v", e), output(p, "y", e));
            clustered::scaled(p, v, scale, None, y);
        });
        self.add("clustered", format!("{co} scaled backward"), move |p| {
            let (scale, dy, v, de) = (scale(p), input(p, "dy", e), input(p, "v", e), output(p, "de", e));
            let of_output = p.activation("dtable", e.with_c(2 * co));
            clustered::scaled_grad(p, dy, v, scale, (de, of_output));
            let part = segment::sums(p, of_output, scale.index, 1, "part");
            let domega = output(p, "domega", rows_shape(images.n(), co));
            segment::totals(p, part, 0, None, domega);
        });
    }

    /// Leaky ReLU, and images of half the size.
    fn between(&mut self, hidden: Shape) {
        self.add("leaky", "forward", move |p| {
            let (x, y) = (input(p, "x", hidden), output(p, "y", hidden));
            leaky::forward(p, x, None, 0.01, None, y);
        });
        self.add("leaky", "backward", move |p| {
            let (dy, x, dx) = (input(p, "dy", hidden), input(p, "x", hidden), output(p, "dx", hidden));
            leaky::grad(p, dy, x, None, 0.01, dx);
        });
        self.add("halves", "fold", move |p| {
            let (x, y) = (input(p, "x", hidden), output(p, "y", halves::folded(hidden)));
            halves::fold(p, x, y);
        });
        self.add("halves", "unfold", move |p| {
            let (quads, x) = (input(p, "quads", halves::folded(hidden)), output(p, "x", hidden));
            halves::unfold(p, quads, None, x);
        });
    }

    /// The degradation network on the whole image; its weights are trained on one crop.
    fn mlp(&mut self, full: Shape, crop: Shape) {
        let len = Shape::flat(mlp::weight_len(BANDS, WIDTH));
        self.add("mlp", "forward", move |p| {
            let (x, w, y) = (input(p, "x", full), input(p, "w", len), output(p, "y", full.with_c(1)));
            mlp::forward(p, x, w, y);
        });
        self.add("mlp", "grad_input", move |p| {
            let (x, w, dy) = (input(p, "x", full), input(p, "w", len), input(p, "dy", full.with_c(1)));
            let dx = output(p, "dx", full);
            mlp::grad_input(p, x, w, dy, dx);
        });
        self.add("mlp", "grad_weight", move |p| {
            let (x, w, dy) = (input(p, "x", crop), input(p, "w", len), input(p, "dy", crop.with_c(1)));
            let dw = output(p, "dw", len);
            mlp::grad_weight(p, x, w, dy, "part", dw);
        });
    }

    /// The MTF with decimation, and its adjoint: tables of their sizes, whatever the values.
    fn mtf(&mut self, full: Shape, low: Shape) {
        let table = |p: &mut PlanBuilder<'_>, out: usize, taps: usize| OperatorTable {
            taps: input(p, "taps", Shape([1, out, taps, BANDS])),
            start: input(p, "start", Shape::flat(out)),
        };
        let half = Shape([1, low.h(), full.w(), BANDS]);
        self.add("image", "mtf", move |p| {
            let (x, down) = (input(p, "x", full), table(p, low.h(), 44));
            let (half, y) = (p.activation("half", half), output(p, "y", low));
            resample(p, x, down, Axis::Y, None, half);
            resample(p, half, down, Axis::X, None, y);
        });
        self.add("image", "mtf adjoint", move |p| {
            let (dy, up) = (input(p, "dy", low), table(p, full.h(), 12));
            let (half, dx) = (p.activation("half", half), output(p, "dx", full));
            resample(p, dy, up, Axis::X, None, half);
            resample(p, half, up, Axis::Y, None, dx);
        });
    }

    fn images(&mut self, full: Shape, low: Shape, crops: Shape) {
        self.mtf(full, low);
        self.add("image", "detail", move |p| {
            let (pan, lms, d) = (input(p, "pan", full.with_c(1)), input(p, "lms", full), output(p, "d", full));
            image::detail(p, pan, lms, d);
        });
        self.add("image", "features", move |p| {
            let (pan, lms) = (input(p, "pan", full.with_c(1)), input(p, "lms", full));
            let d = output(p, "d", full.with_c(2 * BANDS));
            image::features(p, pan, lms, d);
        });
        self.add("image", "stacked", move |p| {
            let (pan, lms) = (input(p, "pan", full.with_c(1)), input(p, "lms", full));
            let d = output(p, "d", full.with_c(1 + BANDS));
            picked::stacked(p, pan, lms, d);
        });
        self.add("image", "risen", move |p| {
            let hidden = full.with_c(WIDTH);
            let [dy, before, after] = ["dy", "before", "after"].map(|name| input(p, name, hidden));
            let d = output(p, "d", hidden);
            image::risen(p, dy, before, after, d);
        });
        self.add("image", "crop", move |p| {
            let (x, y) = (input(p, "x", low), output(p, "y", crops));
            image::crop(p, x, y);
        });
        self.add("loss", "l2", move |p| {
            let (y, target, dy) = (input(p, "y", full), input(p, "target", full), output(p, "dy", full));
            let value = output(p, "loss", Shape::flat(1));
            loss::l2(p, Operands { y, target, weight: None }, 1.0, "part", dy, value);
        });
        self.add("loss", "charbonnier", move |p| {
            let (y, target, dy) = (input(p, "y", crops), input(p, "target", crops), output(p, "dy", crops));
            let (weight, value) = (input(p, "weight", crops.with_c(1)), output(p, "loss", Shape::flat(1)));
            let compared = Operands { y, target, weight: Some(weight) };
            loss::mean(p, compared, Measure::Charbonnier(0.01), 1.0, "part", dy, value);
        });
        let layers = [(2 * BANDS, WIDTH)].into_iter().chain([(WIDTH, WIDTH); 8]).chain([(WIDTH, BANDS)]);
        let shape = Shape::flat(layers.map(|(ci, co)| Shape::aligned(conv2d::weight_len(ci, co))).sum());
        self.add("turn", "fusion network", move |p| {
            let (x, y) = (input(p, "x", shape), output(p, "y", shape));
            let places = input(p, "places", Shape([turn::TURNS, 1, 1, shape.c()]));
            turn::turn(p, x, places, false, y);
        });
        self.add("adam", "fusion network", move |p| {
            let (w, g) = (p.tensor("w", shape, Role::Param), input(p, "g", shape));
            let [m, v] = ["m", "v"].map(|n| p.tensor(n, shape, Role::State));
            p.trains(w);
            adam(p, Adam::default(), w, g, m, v);
        });
    }
}

/// Every hot kernel.
pub fn workloads(side: usize) -> Vec<Workload> {
    let low = side / RATIO;
    let (crop_h, crop_w) = crop_size(low, low);
    let (full, crops) = (Shape([1, side, side, BANDS]), Shape([BATCH, crop_h, crop_w, BANDS]));
    let mut all = WorkloadList { side, list: Vec::new() };
    for (group, images) in [("conv2d full", full), ("conv2d crops", crops)] {
        for (ci, co) in [(BANDS, WIDTH), (WIDTH, WIDTH), (WIDTH, BANDS)] {
            all.conv2d(group, images, ci, co);
        }
    }
    // A hidden layer of LAGNet, its gates' first, one of CANNet, layers of LGPNet, and those of PanMamba.
    let hidden = full.with_c(WIDTH);
    all.conv2d("conv2d full", full, WIDTH, TAPS);
    all.pointwise(full, TAPS, TAPS, Act::Sigmoid);
    all.modulated(full, WIDTH, WIDTH);
    all.clustered(full, WIDTH, WIDTH);
    all.between(hidden);
    all.pointwise(full, WIDTH, WIDTH, Act::None);
    all.depthwise(hidden);
    all.scans(hidden);
    all.norms(hidden);
    all.mlp(full, Shape([1, crop_h, crop_w, BANDS]));
    all.images(full, Shape([1, low, low, BANDS]), crops);
    all.list
}

/// The device's own ceilings: a copy larger than caches (at side 512, 128 MiB to as
/// many), and fused multiply-adds in registers.
pub fn ceilings(side: usize) -> [Workload; 2] {
    let (pixels, group) = (side * side, "ceiling");
    let pair =
        |p: &mut PlanBuilder<'_>, len: usize| (input(p, "x", Shape::flat(len)), output(p, "y", Shape::flat(len)));
    let copy = Box::new(move |p: &mut PlanBuilder<'_>| {
        let (x, y) = pair(p, 128 * pixels);
        ceiling::copy(p, x, y);
    });
    let chain = Box::new(move |p: &mut PlanBuilder<'_>| {
        let (x, y) = pair(p, 4 * pixels);
        ceiling::fma_chain(p, x, y, 16);
    });
    [
        Workload { group, name: "copy".into(), side, build: copy },
        Workload { group, name: "fma_chain".into(), side, build: chain },
    ]
}
