//! Cases of the kernels: one pixel, runs that do not divide an image, more states than channels, long and short memory.

use super::{Params, ScanInput};
use crate::graph::{Case, PlanBuilder, Role, Shape, Tensor};
use crate::kernels::wave;

/// Images, states of a channel, pixels of a run.
const ODD: [([usize; 4], usize, usize); 4] =
    [([1, 1, 1, 1], 1, 4), ([2, 3, 7, 5], 4, 8), ([1, 9, 11, 64], 16, 32), ([3, 2, 5, 20], 3, 5)];

/// What a case's call is made of.
#[derive(Clone, Copy)]
struct CaseParts {
    x: ScanInput,
    run: usize,
    params: Params,
}

impl CaseParts {
    fn tensor(self, p: &mut PlanBuilder<'_>, name: &str, rows: u32, role: Role) -> Tensor {
        p.tensor(name, self.params.of_runs(rows), role)
    }
}

fn cases(add: impl Fn(&mut PlanBuilder<'_>, CaseParts) + Copy + Send + Sync + 'static) -> Vec<Case> {
    let case = |((images, states, run), offset): (([usize; 4], usize, usize), f32)| {
        let images = Shape(images);
        let build = move |p: &mut PlanBuilder<'_>| {
            let mut input = |name: &str, shape| p.tensor(name, shape, Role::Input);
            let [u, raw] = ["u", "raw"].map(|name| input(name, images));
            let (bc, w) = (input("bc", images.with_c(2 * states)), input("w", Shape::flat((states + 1) * images.c())));
            let x = ScanInput { u, raw, bc, w };
            add(p, CaseParts { x, run, params: x.params(run, 0) });
        };
        let raw = wave(images.len(), 0.3).into_iter().map(|v| 2.0 * v + offset).collect();
        Case::new(format!("{images:?} states={states} run={run} raw≈{offset}"), build).fill("raw", raw)
    };
    // Steps of about 0.02, which remember for long, and of 2.
    ODD.into_iter().flat_map(|odd| [(odd, -4.0), (odd, 2.0)]).map(case).collect()
}

pub(super) fn runs() -> Vec<Case> {
    cases(|p, made| {
        let ends = made.tensor(p, "ends", made.params.s + 1, Role::Output);
        super::runs(p, (made.x, made.run), ends);
    })
}

/// States and sums of steps of runs, the sums not below 0.
fn ends(params: Params, phase: f32) -> Vec<f32> {
    let (row, rows) = (params.d as usize, params.s as usize + 1);
    let mut values = wave(params.of_runs(params.s + 1).len(), phase);
    values.chunks_exact_mut(row).skip(rows - 1).step_by(rows).flatten().for_each(|sum| *sum = sum.abs());
    values
}

pub(super) fn edges() -> Vec<Case> {
    let case = |((images, states, run), with_back): (([usize; 4], usize, usize), bool)| {
        let images = Shape(images);
        let params = Params::new(images, Shape::flat((states + 1) * images.c()), run, 0);
        let build = move |p: &mut PlanBuilder<'_>| {
            let mut input = |name: &str| p.tensor(name, params.of_runs(params.s + 1), Role::Input);
            let (forth, back) = (input("forth"), with_back.then(|| input("back")));
            let w = p.tensor("w", params.weights(), Role::Input);
            let rows = if with_back { 2 } else { 1 } * params.s;
            let edges = p.tensor("edges", params.of_runs(rows), Role::Output);
            super::edges(p, (w, params), (forth, back), edges);
        };
        let case = Case::new(format!("{images:?} states={states} run={run} back={with_back}"), build);
        case.fill("forth", ends(params, 0.2)).fill("back", ends(params, 1.4))
    };
    // A run alone starts from 0, which is what nothing would give, too.
    let several = ODD.into_iter().filter(|(images, _, run)| images[1] * images[2] > *run);
    several.flat_map(|odd| [(odd, false), (odd, true)]).map(case).collect()
}

pub(super) fn forward() -> Vec<Case> {
    cases(|p, made| {
        let states = made.tensor(p, "states", made.params.s, Role::Input);
        let y = p.tensor("y", made.x.u.shape(), Role::Output);
        super::over(p, (made.x, made.run), states, y);
    })
}

pub(super) fn grad_runs() -> Vec<Case> {
    cases(|p, made| {
        let dy = p.tensor("dy", made.x.u.shape(), Role::Input);
        let ends = made.tensor(p, "ends", made.params.s + 1, Role::Output);
        super::grad_runs(p, (made.x, made.run), dy, ends);
    })
}

pub(super) fn grad() -> Vec<Case> {
    cases(|p, made| {
        let (x, params) = (made.x, made.params);
        let dy = p.tensor("dy", x.u.shape(), Role::Input);
        let states = made.tensor(p, "states", 2 * params.s, Role::Input);
        let d = p.tensor("d", x.u.shape().with_c(2 * (params.d + params.s) as usize), Role::Output);
        let rows = Shape([(params.n * params.runs) as usize, 1, 1, params.weights().len()]);
        let part = p.tensor("part", rows, Role::Output);
        super::grad(p, (x, made.run), dy, states, (d, part));
    })
}
