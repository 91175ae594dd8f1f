//! What PanMamba makes of its last image: two convolutions whose channels are weighed by their means, and a last one
//! (method, section 1).

use super::super::backbone::{LayerInit, LayerPlan};
use super::super::pass::{Backward, Forward};
use super::WIDTH;
use crate::graph::{PlanBuilder, Shape, Tensor};
use crate::kernels::pointwise::{self, Act};
use crate::kernels::{attend, conv2d, harmonic, instance};

/// Channels that the factors are made of.
const NARROW: usize = WIDTH / 4;

/// The factors of one image.
pub(super) fn statistic() -> (String, Shape) {
    ("ref.factors".into(), Shape::flat(WIDTH))
}

pub(super) fn layers(bands: usize) -> Vec<LayerPlan> {
    let layer = |name: &str, shape| LayerPlan::new(format!("ref.{name}"), shape, LayerInit::Uniform);
    // One for each image.
    let once = |name: &str, shape| LayerPlan { pixels: usize::MAX, ..layer(name, shape) };
    let conv = |name: &str| layer(name, [WIDTH, WIDTH, 3, 3]);
    vec![
        conv("in"),
        conv("a"),
        conv("b"),
        once("d", [NARROW, WIDTH, 1, 1]),
        once("u", [WIDTH, NARROW, 1, 1]),
        LayerPlan { silent: true, ..layer("out", [bands, WIDTH, 3, 3]) },
    ]
}

/// Adds the last layers: `hrms`, on a base.
pub(super) fn forward(p: &mut PlanBuilder<'_>, pass: &mut Forward<'_>, m: Tensor, (base, hrms): (Tensor, Tensor)) {
    let [first, a, b, d, u, out] = pass.next();
    let [x, f, v, y] = ["x", "f", "v", "y"].map(|of| p.activation(&format!("ref.{of}"), m.shape()));
    conv2d::forward(p, m, first, None, false, x);
    conv2d::forward(p, x, a, None, true, f);
    conv2d::forward(p, f, b, None, false, v);
    let (of_images, name) = (Shape([m.shape().n(), 1, 1, WIDTH]), statistic().0);
    let (given, s) = pass.statistic(p, &name, of_images);
    if !given {
        let (mean, h) = (p.activation("ref.mean", of_images), p.activation("ref.h", of_images.with_c(NARROW)));
        let sums = harmonic::image_sums(p, v, "ref.sums");
        instance::means(p, sums, mean);
        pointwise::forward(p, mean, d, (None, None), Act::Relu, h);
        pointwise::forward(p, h, u, (None, None), Act::Sigmoid, s);
        pass.acts.extend([mean, h]);
    }
    attend::forward(p, v, s, x, y);
    conv2d::forward(p, y, out, Some(base), false, hrms);
    pass.acts.extend([m, x, f, v, s, y]);
}

/// Adds the gradients of the last layers' weights, and gives that at their input.
pub(super) fn backward(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, dhrms: Tensor) -> Tensor {
    let ([first, a, b, d, u, out], [dfirst, da, db, dd, du, dout]) = pass.next();
    let [mean, h, m, x, f, v, s, y] = pass.acts.pop();
    let part = |of: &str| format!("part.ref.{of}");
    let [dy, dv, df, dx, dm] = ["dy", "dv", "df", "dx", "dm"].map(|of| p.activation(&format!("ref.{of}"), m.shape()));
    let [ds, dh, dmean] =
        [("ds", s), ("dh", h), ("dmean", mean)].map(|(of, x)| p.activation(&format!("ref.{of}"), x.shape()));
    conv2d::grad_weight(p, y, dhrms, &part("out"), dout);
    conv2d::grad_input(p, dhrms, out, None, None, dy);
    attend::grad_factor(p, dy, v, s, &part("factors"), ds);
    pointwise::grad_weight(p, h, ds, &part("u"), du);
    pointwise::grad_input(p, ds, u, None, Some(h), dh);
    pointwise::grad_weight(p, mean, dh, &part("d"), dd);
    pointwise::grad_input(p, dh, d, None, None, dmean);
    attend::grad_input(p, dy, s, dmean, dv);
    conv2d::grad_weight(p, f, dv, &part("b"), db);
    conv2d::grad_input(p, dv, b, None, Some(f), df);
    conv2d::grad_weight(p, x, df, &part("a"), da);
    conv2d::grad_input(p, df, a, Some(dy), None, dx);
    conv2d::grad_weight(p, m, dx, &part("in"), dfirst);
    conv2d::grad_input(p, dx, first, None, None, dm);
    dm
}
