//! Cases of the three kernels.

use super::{Act, weight_len};
use crate::graph::{Case, PlanBuilder, Role, Shape, Tensor};

/// `[N, H, W, Ci]` and `Co`: sizes off every tile, Ci ≠ Co, one pixel, more channels than a block has.
const ODD: [([usize; 4], usize); 8] = [
    ([1, 1, 1, 1], 1),
    ([1, 5, 7, 3], 2),
    ([2, 9, 17, 9], 9),
    ([1, 3, 41, 9], 20),
    ([1, 13, 50, 20], 32),
    ([2, 8, 31, 32], 32),
    ([1, 7, 19, 33], 16),
    ([1, 10, 11, 16], 50),
];

fn image(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, (x, co)) in ODD.into_iter().enumerate() {
        for (act, with_add, with_plus) in [
            (Act::None, false, false),
            (Act::Relu, true, true),
            (Act::Sigmoid, i % 2 == 0, false),
            (Act::Relu, false, true),
        ] {
            let (x, bias) = (Shape(x), act != Act::None || i % 2 == 0);
            cases.push(Case::new(
                format!("{x:?}→{co} {act:?} bias={bias} add={with_add} plus={with_plus}"),
                move |p| {
                    let add = with_add.then(|| image(p, "add", x.with_c(co)));
                    let plus = with_plus.then(|| image(p, "plus", x.with_c(co)));
                    let (xs, w) = (image(p, "x", x), image(p, "w", Shape::flat(weight_len(x.c(), co, bias))));
                    let y = p.tensor("y", x.with_c(co), Role::Output);
                    super::forward(p, xs, w, (add, plus), act, y);
                },
            ));
        }
    }
    cases
}

pub(super) fn grad_input() -> Vec<Case> {
    let mut cases = Vec::new();
    for (x, co) in ODD {
        for (bias, with_add, with_mask) in
            [(true, false, false), (false, true, false), (true, true, true), (true, false, true)]
        {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} bias={bias} add={with_add} mask={with_mask}"), move |p| {
                let add = with_add.then(|| image(p, "add", x));
                let mask = with_mask.then(|| image(p, "mask", x));
                let (dy, w) = (image(p, "dy", x.with_c(co)), image(p, "w", Shape::flat(weight_len(x.c(), co, bias))));
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
        for (chunk, bias) in [(1, true), (70, false), (1000, true)] {
            let x = Shape(x);
            cases.push(Case::new(format!("{x:?}→{co} chunk={chunk} bias={bias}"), move |p| {
                let (xs, dy) = (image(p, "x", x), image(p, "dy", x.with_c(co)));
                let chunk = chunk.min(x.pixels());
                let len = weight_len(x.c(), co, bias);
                let part = p.tensor("part", Shape([x.pixels().div_ceil(chunk), 1, 1, len]), Role::Output);
                super::partial(p, xs, dy, chunk, part);
            }));
        }
    }
    cases
}
