//! Cases of the four kernels.

use super::{TAPS, of_each_image, weight_len};
use crate::graph::{Case, PlanBuilder, Role, Shape, Tensor};

/// `[N, H, W, Ci]` and `Co`: two pixels, one row, one column, Ci ≠ Co, sizes off every tile.
const ODD: [([usize; 4], usize); 8] = [
    ([1, 1, 2, 1], 1),
    ([1, 5, 1, 3], 2),
    ([2, 1, 9, 5], 6),
    ([2, 9, 17, 9], 32),
    ([1, 6, 33, 32], 32),
    ([2, 4, 11, 32], 8),
    ([1, 7, 19, 20], 16),
    ([1, 4, 5, 40], 50),
];

fn image(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for (relu, with_add) in [(false, false), (true, false), (false, true), (true, true)] {
            let (x, y) = (Shape(x), Shape(x).with_c(co));
            cases.push(Case::new(format!("{x:?}→{co} relu={relu} add={with_add}"), move |p| {
                let add = with_add.then(|| image(p, "add", y));
                let (xs, a) = (image(p, "x", x), image(p, "a", x.with_c(TAPS)));
                let (each, w) = (image(p, "each", of_each_image(y)), image(p, "w", Shape::flat(weight_len(x.c(), co))));
                let y = p.tensor("y", y, Role::Output);
                super::forward(p, (xs, a, each), w, add, relu, y);
            }));
        }
    }
    cases
}

pub(super) fn grad_input() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for with_add in [false, true] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} add={with_add}"), move |p| {
                let add = with_add.then(|| image(p, "add", x));
                let (dy, a) = (image(p, "dy", x.with_c(co)), image(p, "a", x.with_c(TAPS)));
                let (each, w) = (image(p, "each", of_each_image(x)), image(p, "w", Shape::flat(weight_len(x.c(), co))));
                let dx = p.tensor("dx", x, Role::Output);
                super::grad_input(p, (dy, a, each), w, add, dx);
            }));
        }
    }
    cases
}

pub(super) fn grad_gate() -> Vec<Case> {
    let case = |(x, co)| {
        let x = Shape(x);
        Case::new(format!("{x:?}→{co}"), move |p| {
            let (xs, a) = (image(p, "x", x), image(p, "a", x.with_c(TAPS)));
            let (dy, w) = (image(p, "dy", x.with_c(co)), image(p, "w", Shape::flat(weight_len(x.c(), co))));
            let d = p.tensor("d", x.with_c(TAPS), Role::Output);
            super::grad_gate(p, xs, w, a, dy, d);
        })
    };
    ODD.into_iter().map(case).collect()
}

pub(super) fn grad_weight() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for rows in [1, 3, 1000] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} rows={rows}"), move |p| {
                let (xs, a, dy) = (image(p, "x", x), image(p, "a", x.with_c(TAPS)), image(p, "dy", x.with_c(co)));
                let rows = rows.min(x.n() * x.h());
                let parts = (x.n() * x.h()).div_ceil(rows);
                let part = p.tensor("part", Shape([parts, 1, 1, weight_len(x.c(), co)]), Role::Output);
                super::partial(p, xs, a, dy, rows, part);
            }));
        }
    }
    cases
}
