//! Cases of the three kernels.

use super::weight_len;
use crate::graph::{Case, PlanBuilder, Role, Shape, Tensor};

/// `[N, H, W, Ci]` and `Co` that separate plausible wrong formulas: H ≠ W, Ci ≠ Co,
/// sizes off every tile, one-pixel images, more channels than one register block.
const ODD: [([usize; 4], usize); 10] = [
    ([1, 1, 1, 1], 1),
    ([1, 5, 7, 3], 2),
    ([2, 9, 17, 4], 32),
    ([1, 33, 16, 8], 32),
    ([1, 13, 50, 32], 32),
    ([3, 8, 31, 32], 5),
    ([1, 7, 19, 40], 16),
    ([1, 10, 11, 16], 48),
    ([2, 7, 37, 32], 64),
    ([1, 9, 26, 64], 32),
];

fn image(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for (relu, with_add) in [(false, false), (true, false), (false, true)] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} relu={relu} add={with_add}"), move |p| {
                let add = with_add.then(|| image(p, "add", x.with_c(co)));
                let xs = image(p, "x", x);
                let w = image(p, "w", Shape::flat(weight_len(x.c(), co)));
                let y = p.tensor("y", x.with_c(co), Role::Output);
                super::forward(p, xs, w, add, relu, y);
            }));
        }
    }
    cases
}

pub(super) fn grad_input() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for (with_add, with_mask) in [(false, false), (true, false), (true, true), (false, true)] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} add={with_add} mask={with_mask}"), move |p| {
                let add = with_add.then(|| image(p, "add", x));
                let mask = with_mask.then(|| image(p, "mask", x));
                let dy = image(p, "dy", x.with_c(co));
                let w = image(p, "w", Shape::flat(weight_len(x.c(), co)));
                let dx = p.tensor("dx", x, Role::Output);
                super::grad_input(p, dy, w, add, mask, dx);
            }));
        }
    }
    cases
}

pub(super) fn grad_weight() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for rows in [1, 3, 1000] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} rows={rows}"), move |p| {
                let dy = image(p, "dy", x.with_c(co));
                let xs = image(p, "x", x);
                let rows = rows.min(x.n() * x.h());
                let parts = (x.n() * x.h()).div_ceil(rows);
                let part = p.tensor("part", Shape([parts, 1, 1, weight_len(x.c(), co)]), Role::Output);
                super::partial(p, xs, dy, rows, part);
            }));
        }
    }
    cases
}
