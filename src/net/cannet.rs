//! CANNet: a U-net of convolutions with a kernel for each cluster of like pixels (method, section 1).

use super::backbone::{Acts, Description, Ends, Fusion, FusionShape, LayerInit, LayerPlan, Statistics};
use super::canconv::{self, Hidden, hidden_shape};
use super::pass::{Backward, Forward};
use crate::graph::{PlanBuilder, Shape, Tensor};
use crate::kernels::pointwise::{self, Act};
use crate::kernels::{cluster, conv2d, depthwise, halves, harmonic, leaky, loss, picked};

/// Channels at full size; twice as many at half of it, and four times as many at a quarter.
const WIDTH: usize = 32;
const LEVELS: usize = 3;

/// Of all leaky ReLUs.
const SLOPE: f32 = 0.01;

/// Blocks in the order of the forward pass, and at which level each is.
const BLOCKS: [(&str, usize); 5] = [("rb1", 0), ("rb2", 1), ("rb3", 2), ("rb4", 1), ("rb5", 0)];

pub(super) static CANNET: Description = Description {
    inputs: |shape| shape.bands + 1,
    input: |_, p, pan, lms, d| picked::stacked(p, pan, lms, d),
    layers,
    forward,
    backward,
    statistics,
    // Clusters of two images have nothing to do with each other.
    averages: false,
    // 34 pixels, and the rounding of the first and the last convolution by blocks of 4.
    rim: |_| 48,
    live: |_| 8 * WIDTH,
    ends_in_bands: true,
    turns: true,
    window: usize::MAX,
};

/// Channels of a level.
fn width(level: usize) -> usize {
    WIDTH << level
}

/// Convolutions in order: two in each block.
fn convolutions() -> impl Iterator<Item = (String, usize)> {
    BLOCKS.into_iter().flat_map(|(block, level)| ["a", "b"].map(|half| (format!("{block}.{half}"), level)))
}

/// The clusters of each level, then what each convolution makes of them.
fn statistics(_: FusionShape) -> Vec<(String, Shape)> {
    let tables = (0..LEVELS)
        .map(|level| (format!("level{level}.clusters"), cluster::table_shape(Shape([1, 1, 1, width(level)]))));
    let hidden = convolutions().flat_map(|(name, _)| ["q", "r"].map(|of| (format!("{name}.{of}"), hidden_shape(1))));
    tables.chain(hidden).collect()
}

fn layers(shape: FusionShape) -> Vec<LayerPlan> {
    let mut all = vec![LayerPlan::new("head", [WIDTH, shape.inputs(), 3, 3], LayerInit::Uniform)];
    for (k, (block, level)) in BLOCKS.into_iter().enumerate() {
        if k > 0 {
            let down = level > BLOCKS[k - 1].1;
            all.extend(if down {
                downwards(&format!("down{level}"), level)
            } else {
                upwards(&format!("up{}", 2 - level), level)
            });
        }
        for half in ["a", "b"] {
            all.extend(canconv::layers(&format!("{block}.{half}"), width(level), width(level), 1 << (2 * level)));
        }
    }
    let tail = LayerPlan::new("tail", [shape.bands, WIDTH, 3, 3], LayerInit::Uniform);
    all.push(LayerPlan { silent: true, ..tail });
    all
}

/// The layers that lead down to a level: 2×2 of stride 2, 3×3 within each channel, 1×1.
fn downwards(name: &str, level: usize) -> Vec<LayerPlan> {
    let (from, to, pixels) = (width(level - 1), width(level), 1 << (2 * level));
    let layer =
        |part: &str, shape| LayerPlan { pixels, ..LayerPlan::new(format!("{name}.{part}"), shape, LayerInit::Uniform) };
    let filter = LayerPlan { bias: false, ..layer("d", [from, 1, 3, 3]) };
    vec![layer("s", [from, from, 2, 2]), filter, layer("p", [to, from, 1, 1])]
}

/// The layers that lead up to a level: transposed 2×2 of stride 2 and its biases, 3×3 within each channel, 1×1.
fn upwards(name: &str, level: usize) -> Vec<LayerPlan> {
    let (from, to, pixels) = (width(level + 1), width(level), 1 << (2 * level));
    let layer = |part: &str, shape| LayerPlan {
        bias: false,
        pixels,
        ..LayerPlan::new(format!("{name}.{part}"), shape, LayerInit::Uniform)
    };
    let biases = LayerInit::Within(1.0 / (4.0 * to as f64).sqrt());
    vec![
        LayerPlan { pixels: 4 * pixels, ..layer("t", [from, to, 2, 2]) },
        LayerPlan { init: biases, ..layer("shift", [to, 1, 1, 1]) },
        layer("d", [to, 1, 3, 3]),
        LayerPlan { bias: true, ..layer("p", [to, to, 1, 1]) },
    ]
}

impl Forward<'_> {
    /// The clusters of a level's pixels.
    fn sorted(&self, p: &mut PlanBuilder<'_>, level: usize, x: Tensor) -> Tensor {
        let name = format!("level{level}");
        let features = p.activation(&format!("{name}.features"), x.shape());
        cluster::features(p, x, features);
        let (given, table) = self.statistic(p, &format!("{name}.clusters"), cluster::table_shape(x.shape()));
        if !given {
            cluster::table(p, features, &name, table);
        }
        let index = p.activation(&format!("{name}.index"), x.shape().with_c(1));
        cluster::index(p, features, table, index);
        index
    }

    /// `x + CAN(leaky(CAN(x)))`.
    fn block(&mut self, p: &mut PlanBuilder<'_>, name: &str, x: Tensor, index: Tensor) -> Tensor {
        let [inner, sum] = ["inner", "sum"].map(|part| p.activation(&format!("{name}.{part}"), x.shape()));
        for (half, x, after, y) in [("a", x, (SLOPE, None), inner), ("b", inner, (1.0, Some(x)), sum)] {
            let name = format!("{name}.{half}");
            let shape = hidden_shape(x.shape().n());
            let (given, q) = self.statistic(p, &format!("{name}.q"), shape);
            let (_, r) = self.statistic(p, &format!("{name}.r"), shape);
            let hidden = if given { Hidden::Given([q, r]) } else { Hidden::Made([q, r]) };
            canconv::forward(p, (&name, self.next()), (x, index), hidden, after, y, &mut self.acts);
        }
        sum
    }

    fn down(&mut self, p: &mut PlanBuilder<'_>, name: &str, x: Tensor) -> Tensor {
        let [s, d, w] = self.next();
        let c = x.shape().c();
        let quads = halves::folded(x.shape());
        let mut act = |part: &str, c| p.activation(&format!("{name}.{part}"), quads.with_c(c));
        let [folded, z, a, t, y] =
            [("quads", 4 * c), ("z", c), ("a", c), ("t", c), ("y", 2 * c)].map(|(n, c)| act(n, c));
        halves::fold(p, x, folded);
        pointwise::forward(p, folded, s, (None, None), Act::None, z);
        leaky::forward(p, z, None, SLOPE, None, a);
        depthwise::forward(p, a, d, t);
        pointwise::forward(p, t, w, (None, None), Act::None, y);
        self.acts.extend([folded, z, a, t]);
        y
    }

    fn up(&mut self, p: &mut PlanBuilder<'_>, name: &str, x: Tensor, skip: Tensor) -> Tensor {
        let [t, shift, d, w] = self.next();
        let pixels = skip.shape();
        let quads = p.activation(&format!("{name}.quads"), halves::folded(pixels));
        let [z, s, f, u, y] = ["z", "s", "f", "u", "y"].map(|part| p.activation(&format!("{name}.{part}"), pixels));
        // A transposed convolution is the gradient of the other at its input.
        pointwise::grad_input(p, x, t, None, None, quads);
        halves::unfold(p, quads, None, z);
        leaky::forward(p, z, Some(shift), SLOPE, Some(skip), s);
        depthwise::forward(p, s, d, f);
        pointwise::forward(p, f, w, (None, None), Act::None, u);
        leaky::forward(p, u, None, SLOPE, None, y);
        self.acts.extend([x, z, s, f, u]);
        y
    }
}

fn forward(net: &Fusion, p: &mut PlanBuilder<'_>, Ends { x, base, hrms }: Ends, statistics: Statistics<'_>) -> Acts {
    let mut pass = Forward::new(net, statistics);
    pass.acts.push(x);
    let [head] = pass.next();
    let first = p.activation("first", x.shape().with_c(WIDTH));
    conv2d::forward(p, x, head, None, false, first);
    let index1 = pass.sorted(p, 0, first);
    let x1 = pass.block(p, "rb1", first, index1);
    let x2 = pass.down(p, "down1", x1);
    let index2 = pass.sorted(p, 1, x2);
    let x2 = pass.block(p, "rb2", x2, index2);
    let x3 = pass.down(p, "down2", x2);
    let index3 = pass.sorted(p, 2, x3);
    let x3 = pass.block(p, "rb3", x3, index3);
    let x4 = pass.up(p, "up1", x3, x2);
    let x4 = pass.block(p, "rb4", x4, index2);
    let x5 = pass.up(p, "up2", x4, x1);
    let x5 = pass.block(p, "rb5", x5, index1);
    let [tail] = pass.next();
    conv2d::forward(p, x5, tail, Some(base), false, hrms);
    pass.acts.push(x5);
    Acts(pass.acts)
}

impl Backward<'_> {
    fn block(&mut self, p: &mut PlanBuilder<'_>, name: &str, dy: Tensor) -> Tensor {
        let [inner, dx] = ["dinner", "dx"].map(|part| p.activation(&format!("{name}.{part}"), dy.shape()));
        for (half, (dy, slope), add, dx) in [("b", (dy, 1.0), None, inner), ("a", (inner, SLOPE), Some(dy), dx)] {
            let (layers, kept) = (self.next(), self.acts.pop());
            canconv::backward(p, &format!("{name}.{half}"), layers, kept, (dy, slope), add, dx);
        }
        dx
    }

    /// The gradient at what was led down, plus that of what went the short way.
    fn down(&mut self, p: &mut PlanBuilder<'_>, name: &str, dy: Tensor, skip: Tensor) -> Tensor {
        let ([s, d, w], [ds, dd, dw]) = self.next();
        let [folded, z, a, t] = self.acts.pop();
        let part = |of: &str| format!("part.{name}.{of}");
        let [dt, da, dz] = ["dt", "da", "dz"].map(|of| p.activation(&format!("{name}.{of}"), z.shape()));
        let quads = p.activation(&format!("{name}.dquads"), folded.shape());
        let dx = p.activation(&format!("{name}.dx"), skip.shape());
        pointwise::grad_weight(p, t, dy, &part("p"), dw);
        pointwise::grad_input(p, dy, w, None, None, dt);
        depthwise::grad_weight(p, a, dt, &part("d"), dd);
        depthwise::grad_input(p, dt, d, None, da);
        leaky::grad(p, da, z, None, SLOPE, dz);
        pointwise::grad_weight(p, folded, dz, &part("s"), ds);
        pointwise::grad_input(p, dz, s, None, None, quads);
        halves::unfold(p, quads, Some(skip), dx);
        dx
    }

    /// The gradients at what was led up, and at what was added to it.
    fn up(&mut self, p: &mut PlanBuilder<'_>, name: &str, dy: Tensor) -> (Tensor, Tensor) {
        let ([t, shift, d, w], [dtransposed, dshift, dd, dw]) = self.next();
        let [x, z, s, f, u] = self.acts.pop();
        let part = |of: &str| format!("part.{name}.{of}");
        let [du, df, ds, dz] = ["du", "df", "ds", "dz"].map(|of| p.activation(&format!("{name}.{of}"), z.shape()));
        let quads = p.activation(&format!("{name}.dquads"), halves::folded(z.shape()));
        let dx = p.activation(&format!("{name}.dx"), x.shape());
        leaky::grad(p, dy, u, None, SLOPE, du);
        pointwise::grad_weight(p, f, du, &part("p"), dw);
        pointwise::grad_input(p, du, w, None, None, df);
        depthwise::grad_weight(p, s, df, &part("d"), dd);
        depthwise::grad_input(p, df, d, None, ds);
        leaky::grad(p, ds, z, Some(shift), SLOPE, dz);
        let sums = harmonic::image_sums(p, dz, &part("shift"));
        loss::sum_rows(p, sums.part(), 1.0, dshift);
        halves::fold(p, dz, quads);
        pointwise::grad_weight(p, quads, x, &part("t"), dtransposed);
        pointwise::forward(p, quads, t, (None, None), Act::None, dx);
        (dx, ds)
    }
}

fn backward(net: &Fusion, p: &mut PlanBuilder<'_>, acts: Acts, dy: Tensor, grads: &Fusion) {
    let mut pass = Backward::new(net, grads, acts);
    let ([tail], [dtail]) = pass.next();
    let [x5] = pass.acts.pop();
    conv2d::grad_weight(p, x5, dy, "part.tail", dtail);
    let d5 = p.activation("dtail", x5.shape());
    conv2d::grad_input(p, dy, tail, None, None, d5);
    let d5 = pass.block(p, "rb5", d5);
    let (d4, skip1) = pass.up(p, "up2", d5);
    let d4 = pass.block(p, "rb4", d4);
    let (d3, skip2) = pass.up(p, "up1", d4);
    let d3 = pass.block(p, "rb3", d3);
    let d2 = pass.down(p, "down2", d3, skip2);
    let d2 = pass.block(p, "rb2", d2);
    let d1 = pass.down(p, "down1", d2, skip1);
    let d1 = pass.block(p, "rb1", d1);
    let (_, [dhead]) = pass.next();
    let [x] = pass.acts.pop();
    conv2d::grad_weight(p, x, d1, "part.head", dhead);
}
