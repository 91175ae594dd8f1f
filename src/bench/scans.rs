//! What PanMamba alone is made of, at the shapes of its layers.

use super::workloads::{WIDTH, WorkloadList, input, output};
use crate::graph::{PlanBuilder, Shape};
use crate::kernels::instance::{self, Moments};
use crate::kernels::scan::{self, ScanInput};
use crate::kernels::{attend, causal, gated, harmonic, layernorm, loss, picked};

/// States of a channel.
const STATES: usize = 16;

impl WorkloadList {
    /// A scan with what stands around it, on twice the channels of a hidden layer.
    pub(super) fn scans(&mut self, images: Shape) {
        let (x, len) = (images.with_c(2 * WIDTH), Shape::flat(2 * WIDTH * (STATES + 1)));
        let scanned = move |p: &mut PlanBuilder<'_>| ScanInput {
            u: input(p, "u", x),
            raw: input(p, "raw", x),
            bc: input(p, "bc", x.with_c(2 * STATES)),
            w: input(p, "w", len),
        };
        self.add("scan", "forward", move |p| {
            let (of, y) = (scanned(p), output(p, "y", x));
            scan::forward(p, of, "scan", y);
        });
        self.add("scan", "forward and backward", move |p| {
            let (of, y) = (scanned(p), output(p, "y", x));
            let (dy, d) = (input(p, "dy", x), output(p, "d", x.with_c(2 * (x.c() + STATES))));
            let dw = output(p, "dw", len);
            let forth = scan::forward(p, of, "scan", y);
            scan::backward(p, of, "scan", (forth, dy), d, dw);
        });
        let taps = Shape::flat(causal::weight_len(x.c()));
        self.add("causal", "forward", move |p| {
            let (xs, w, y) = (input(p, "x", x), input(p, "w", taps), output(p, "y", x));
            causal::forward(p, xs, w, y);
        });
        self.add("causal", "backward", move |p| {
            let (xs, w, dy) = (input(p, "x", x), input(p, "w", taps), input(p, "dy", x));
            let (dv, dw, dx) = (p.activation("dv", x), output(p, "dw", taps), output(p, "dx", x));
            causal::grad(p, xs, w, dy, dv);
            causal::grad_weight(p, xs, dv, "part", dw);
            causal::grad_input(p, dv, w, dx);
        });
        self.add("gated", "forward", move |p| {
            let (xs, z, y) = (input(p, "x", x), input(p, "z", x), output(p, "y", x));
            gated::forward(p, xs, z, None, y);
        });
        self.add("gated", "backward", move |p| {
            let [dy, xs, z] = ["dy", "x", "z"].map(|name| input(p, name, x));
            let to = ["dx", "dz"].map(|name| output(p, name, x));
            gated::grad(p, dy, [xs, z], to);
        });
    }

    /// Norms over channels and over pixels, channel attention, and halves of two images side by side.
    pub(super) fn norms(&mut self, x: Shape) {
        let len = Shape::flat(layernorm::weight_len(x.c()));
        self.add("layernorm", "forward", move |p| {
            let (xs, w, y) = (input(p, "x", x), input(p, "w", len), output(p, "y", x));
            layernorm::forward(p, xs, w, y);
        });
        self.add("layernorm", "backward", move |p| {
            let (xs, w, dy) = (input(p, "x", x), input(p, "w", len), input(p, "dy", x));
            let (dw, dx) = (output(p, "dw", len), output(p, "dx", x));
            let part = layernorm::grad_weight(p, xs, dy, None, "part");
            loss::sum_rows(p, part, 1.0, dw);
            layernorm::grad_input(p, xs, w, dy, None, dx);
        });
        let of_images = Shape([x.n(), 1, 1, x.c()]);
        // As many as half of the channels have.
        let half = Shape::flat(x.c());
        self.add("instance", "forward", move |p| {
            let (xs, w, y) = (input(p, "x", x), input(p, "w", half), output(p, "y", x));
            let [mean, variance] = ["mean", "variance"].map(|name| p.activation(name, of_images));
            let moments = Moments { mean, variance };
            instance::moments(p, xs, "moments", moments);
            instance::forward(p, xs, moments, w, y);
        });
        self.add("instance", "backward", move |p| {
            let [xs, dy] = ["x", "dy"].map(|name| input(p, name, x));
            let [mean, variance] = ["mean", "variance"].map(|name| input(p, name, of_images));
            let (w, dw, dx) = (input(p, "w", half), output(p, "dw", half), output(p, "dx", x));
            instance::backward(p, xs, Moments { mean, variance }, (w, dw), "norm", (dy, dx));
        });
        self.add("attend", "forward", move |p| {
            let (v, s) = (input(p, "v", x), p.activation("s", of_images));
            let (xs, y) = (input(p, "x", x), output(p, "y", x));
            let sums = harmonic::image_sums(p, v, "sums");
            instance::means(p, sums, s);
            attend::forward(p, v, s, xs, y);
        });
        self.add("attend", "backward", move |p| {
            let [dy, v] = ["dy", "v"].map(|name| input(p, name, x));
            let [s, dmean] = ["s", "dmean"].map(|name| input(p, name, of_images));
            let (ds, dv) = (output(p, "ds", of_images), output(p, "dv", x));
            attend::grad_factor(p, dy, v, s, "part", ds);
            attend::grad_input(p, dy, s, dmean, dv);
        });
        self.add("picked", "swapped", move |p| {
            let (a, b, y) = (input(p, "a", x), input(p, "b", x), output(p, "y", x));
            picked::swapped(p, a, b, y);
        });
    }
}
