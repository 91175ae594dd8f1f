//! Cases of the six kernels.

use super::super::segment::{numbers, rows_shape};
use super::{ClusterTables, Epilogue, TAPS, weight_len};
use crate::graph::{Case, PlanBuilder, Role, Shape, Tensor};

/// `[N, H, W, Ci]` and `Co`: two pixels, one row, one column, Ci ≠ Co, sizes off every tile.
const ODD: [([usize; 4], usize); 7] = [
    ([1, 1, 2, 1], 1),
    ([1, 5, 1, 3], 2),
    ([2, 1, 9, 5], 6),
    ([2, 9, 17, 9], 32),
    ([1, 6, 33, 32], 32),
    ([2, 4, 11, 32], 8),
    ([1, 4, 5, 40], 50),
];

fn image(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

fn tables(p: &mut PlanBuilder<'_>, x: Shape) -> ClusterTables {
    ClusterTables {
        alpha: image(p, "alpha", rows_shape(x.n(), TAPS)),
        gamma: image(p, "gamma", rows_shape(x.n(), x.c())),
        index: image(p, "index", x.with_c(1)),
    }
}

/// A case for each odd size: images, their factors, what has `Co` channels, weights.
fn cases(
    build: impl Fn(&mut PlanBuilder<'_>, Shape, usize, ClusterTables) + Copy + Send + Sync + 'static,
) -> impl Iterator<Item = Case> {
    ODD.into_iter().map(move |(x, co)| {
        let x = Shape(x);
        let add = move |p: &mut PlanBuilder<'_>| {
            let tables = tables(p, x);
            build(p, x, co, tables);
        };
        Case::new(format!("{x:?}→{co}"), add).fill("index", numbers(x.pixels()))
    })
}

fn weights(p: &mut PlanBuilder<'_>, x: Shape, co: usize) -> Tensor {
    image(p, "w", Shape::flat(weight_len(x.c(), co)))
}

pub(super) fn forward() -> Vec<Case> {
    let build = |p: &mut PlanBuilder<'_>, x: Shape, co, tables| {
        let (xs, w) = (image(p, "x", x), weights(p, x, co));
        let v = p.tensor("v", x.with_c(co), Role::Output);
        super::forward(p, xs, w, tables, v);
    };
    cases(build).collect()
}

pub(super) fn grad_input() -> Vec<Case> {
    [false, true]
        .into_iter()
        .flat_map(|with_add| {
            cases(move |p, x, co, tables| {
                let (e, w) = (image(p, "e", x.with_c(co)), weights(p, x, co));
                let share = image(p, "share", rows_shape(x.n(), TAPS * x.c()));
                let add = with_add.then(|| image(p, "add", x));
                let dx = p.tensor("dx", x, Role::Output);
                super::grad_input(p, e, w, tables, (share, add), dx);
            })
        })
        .collect()
}

pub(super) fn grad_factors() -> Vec<Case> {
    let build = |p: &mut PlanBuilder<'_>, x: Shape, co, tables| {
        let (xs, w, e) = (image(p, "x", x), weights(p, x, co), image(p, "e", x.with_c(co)));
        let d = p.tensor("d", x.with_c(x.c() + TAPS), Role::Output);
        super::grad_factors(p, xs, w, tables, e, d);
    };
    cases(build).collect()
}

pub(super) fn grad_weight() -> Vec<Case> {
    [1, 3, 1000]
        .into_iter()
        .flat_map(|rows: usize| {
            cases(move |p, x, co, tables| {
                let (xs, e) = (image(p, "x", x), image(p, "e", x.with_c(co)));
                let rows = rows.min(x.n() * x.h());
                let parts = (x.n() * x.h()).div_ceil(rows);
                let part = p.tensor("part", Shape([parts, 1, 1, weight_len(x.c(), co)]), Role::Output);
                super::partial(p, xs, tables, e, rows, part);
            })
        })
        .collect()
}

/// A case for each odd size and two slopes, of `Co` channels.
fn scale_cases(build: impl Fn(&mut PlanBuilder<'_>, Shape, Epilogue) + Copy + Send + Sync + 'static) -> Vec<Case> {
    let case = |(([n, h, w, _], co), slope): (([usize; 4], usize), f32)| {
        let v = Shape([n, h, w, co]);
        let add = move |p: &mut PlanBuilder<'_>| {
            let [omega, beta] = ["omega", "beta"].map(|name| image(p, name, rows_shape(n, co)));
            let index = image(p, "index", v.with_c(1));
            build(p, v, Epilogue { omega, beta, index, slope });
        };
        Case::new(format!("{v:?} slope={slope}"), add).fill("index", numbers(v.pixels()))
    };
    ODD.into_iter().flat_map(|x| [(x, 0.01), (x, 1.0)]).map(case).collect()
}

pub(super) fn scaled() -> Vec<Case> {
    scale_cases(|p, v, scale| {
        let add = (scale.slope == 1.0).then(|| image(p, "add", v));
        let (sums, y) = (image(p, "sums", v), p.tensor("y", v, Role::Output));
        super::scaled(p, sums, scale, add, y);
    })
}

pub(super) fn scaled_grad() -> Vec<Case> {
    scale_cases(|p, v, scale| {
        let [dy, sums] = ["dy", "sums"].map(|name| image(p, name, v));
        let e = p.tensor("de", v, Role::Output);
        let dtable = p.tensor("dtable", v.with_c(2 * v.c()), Role::Output);
        super::scaled_grad(p, dy, sums, scale, (e, dtable));
    })
}
