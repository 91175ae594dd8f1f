//! Cases of the kernels: one pixel, runs that do not divide an image, all channels normalised, and one.

use super::{Moments, Params};
use crate::graph::{Case, PlanBuilder, Role, Shape, Tensor};
use crate::kernels::wave;

/// Images, normalised channels, pixels of a run.
const ODD: [([usize; 4], usize, usize); 4] =
    [([1, 1, 1, 2], 1, 4), ([2, 3, 7, 5], 5, 8), ([1, 9, 17, 32], 16, 64), ([3, 2, 5, 70], 33, 100)];

struct CaseParts {
    x: Tensor,
    of: Moments,
    k: usize,
    chunk: usize,
    params: Params,
}

fn cases(add: fn(&mut PlanBuilder<'_>, CaseParts)) -> Vec<Case> {
    let case = |(images, k, chunk): ([usize; 4], usize, usize)| {
        let images = Shape(images);
        let params = Params::new(images).with_runs(chunk);
        let build = move |p: &mut PlanBuilder<'_>| {
            let mut moment = |name: &str| p.tensor(name, params.of_images(params.c), Role::Input);
            let of = Moments { mean: moment("mean"), variance: moment("variance") };
            let x = p.tensor("x", images, Role::Input);
            add(p, CaseParts { x, of, k, chunk, params });
        };
        let variance = wave(images.n() * images.c(), 0.3).into_iter().map(|v| 0.6 + 0.5 * v).collect();
        Case::new(format!("{images:?} channels={k} chunk={chunk}"), build).fill("variance", variance)
    };
    ODD.into_iter().map(case).collect()
}

fn input(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

pub(super) fn means() -> Vec<Case> {
    let case = |([n, runs, c], gated): ([usize; 3], bool)| {
        Case::new(format!("{n} images, {runs} sums of {c} gated={gated}"), move |p| {
            let part = input(p, "part", Shape([n, runs, 1, c]));
            let gate = gated.then(|| input(p, "gate", Shape([n, 1, 1, c])));
            let y = p.tensor("y", Shape([n, 1, 1, c]), Role::Output);
            super::total(p, part, 3, gate, y);
        })
    };
    [([1, 1, 1], true), ([2, 5, 7], false), ([1, 130, 70], false), ([3, 4, 32], true)].into_iter().map(case).collect()
}

pub(super) fn spread() -> Vec<Case> {
    cases(|p, CaseParts { x, of, chunk, params, .. }| {
        let part = p.tensor("sums", params.part(params.c), Role::Output);
        super::spread(p, x, of.mean, chunk, part);
    })
}

pub(super) fn forward() -> Vec<Case> {
    cases(|p, CaseParts { x, of, k, .. }| {
        let w = input(p, "w", Shape::flat(2 * k));
        let y = p.tensor("y", x.shape(), Role::Output);
        super::forward(p, x, of, w, y);
    })
}

pub(super) fn grad_sums() -> Vec<Case> {
    cases(|p, CaseParts { x, of, k, chunk, params }| {
        let dy = input(p, "dy", x.shape());
        let part = p.tensor("sums", params.part(2 * k as u32), Role::Output);
        super::grad_sums(p, (x, of), dy, chunk, part);
    })
}

pub(super) fn grad_input() -> Vec<Case> {
    cases(|p, CaseParts { x, of, k, params, .. }| {
        let (w, dy) = (input(p, "w", Shape::flat(2 * k)), input(p, "dy", x.shape()));
        let means = input(p, "means", params.of_images(2 * k as u32));
        let dx = p.tensor("dx", x.shape(), Role::Output);
        super::grad_input(p, (x, of), w, (dy, means), dx);
    })
}
