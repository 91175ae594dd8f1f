//! PanMamba's blocks: of one image, of exchange, of both.

use super::super::pass::{Backward, Forward};
use super::parts::{image, inner, mamba, mamba_back, normalised, normalised_back, pixelwise, sum, twice, twice_back};
use super::{WIDTH, branch};
use crate::graph::{PlanBuilder, Tensor};
use crate::kernels::{conv2d, depthwise, picked, pointwise};

/// Blocks of one image: `ρ + Mamba(LN ρ)`.
pub(super) fn single(
    p: &mut PlanBuilder<'_>,
    pass: &mut Forward<'_>,
    (of, count): (&str, usize),
    mut rho: Tensor,
) -> Tensor {
    for name in (0..count).map(|i| format!("{of}{i}")) {
        let [n] = pass.next();
        let x = normalised(p, rho, n, &format!("{name}.n"));
        pass.acts.push(rho);
        rho = mamba(p, pass, &name, x, Some(rho));
    }
    rho
}

pub(super) fn single_back(
    p: &mut PlanBuilder<'_>,
    pass: &mut Backward<'_>,
    (of, count): (&str, usize),
    mut drho: Tensor,
) -> Tensor {
    for name in (0..count).rev().map(|i| format!("{of}{i}")) {
        let dx = mamba_back(p, pass, &name, drho);
        let ([n], [dn]) = pass.next();
        let [rho] = pass.acts.pop();
        drho = normalised_back(p, rho, (n, dn), (dx, Some(drho)), &format!("{name}.n"));
    }
    drho
}

/// Blocks that exchange half of the channels, of MS and of PAN. The last adds nothing.
pub(super) fn swaps(
    p: &mut PlanBuilder<'_>,
    pass: &mut Forward<'_>,
    count: usize,
    mut rho: [Tensor; 2],
) -> [Tensor; 2] {
    for i in 0..count {
        let (norms, last): ([Tensor; 2], bool) = (pass.next(), i + 1 == count);
        let [m, q] = [("nm", 0), ("nq", 1)].map(|(of, k)| normalised(p, rho[k], norms[k], &format!("swap{i}.{of}")));
        pass.acts.extend(rho);
        rho = [("m", q, m, rho[0]), ("q", m, q, rho[1])].map(|(of, first, second, rho)| {
            let name = format!("swap{i}.{of}");
            let x = image(p, &format!("{name}.x"), m);
            picked::swapped(p, first, second, x);
            mamba(p, pass, &name, x, (!last).then_some(rho))
        });
    }
    rho
}

pub(super) fn swaps_back(
    p: &mut PlanBuilder<'_>,
    pass: &mut Backward<'_>,
    count: usize,
    mut drho: [Tensor; 2],
) -> [Tensor; 2] {
    for i in (0..count).rev() {
        let dq = mamba_back(p, pass, &format!("swap{i}.q"), drho[1]);
        let dm = mamba_back(p, pass, &format!("swap{i}.m"), drho[0]);
        let (norms, dnorms): ([Tensor; 2], [Tensor; 2]) = pass.next();
        let rho: [Tensor; 2] = pass.acts.pop();
        let add = |k: usize| (i + 1 < count).then_some(drho[k]);
        drho = [("nm", 0, dq, dm), ("nq", 1, dm, dq)].map(|(of, k, first, second)| {
            let name = format!("swap{i}.{of}");
            let d = image(p, &format!("{name}.d"), dm);
            picked::swapped(p, first, second, d);
            normalised_back(p, rho[k], (norms[k], dnorms[k]), (d, add(k)), &name)
        });
    }
    drho
}

fn stacked(p: &mut PlanBuilder<'_>, a: Tensor, b: Tensor, name: &str) -> Tensor {
    let both = p.activation(name, a.shape().with_c(2 * WIDTH));
    picked::stacked(p, a, b, both);
    both
}

/// `conv([a, b]) + to`.
pub(super) fn fused(
    p: &mut PlanBuilder<'_>,
    pass: &mut Forward<'_>,
    [a, b]: [Tensor; 2],
    to: Tensor,
    name: &str,
) -> Tensor {
    let both = stacked(p, a, b, &format!("{name}.both"));
    let ([w], y) = (pass.next(), image(p, &format!("{name}.y"), to));
    conv2d::forward(p, both, w, Some(to), false, y);
    pass.acts.push(both);
    y
}

/// The gradients at `a` and `b` by way of the convolution.
pub(super) fn fused_back(p: &mut PlanBuilder<'_>, pass: &mut Backward<'_>, dy: Tensor, name: &str) -> [Tensor; 2] {
    let (([w], [dw]), [both]) = (pass.next(), pass.acts.pop());
    conv2d::grad_weight(p, both, dy, &format!("part.{name}"), dw);
    let dboth = p.activation(&format!("{name}.dboth"), both.shape());
    conv2d::grad_input(p, dy, w, None, None, dboth);
    [("da", 0), ("db", WIDTH)].map(|(of, first)| {
        let d = image(p, &format!("{name}.{of}"), dy);
        picked::part(p, dboth, first, d);
        d
    })
}

/// Blocks in which MS looks at PAN, `q`; the last adds nothing.
pub(super) fn cross(
    p: &mut PlanBuilder<'_>,
    pass: &mut Forward<'_>,
    count: usize,
    mut rho: Tensor,
    q: Tensor,
) -> Tensor {
    for i in 0..count {
        let name = format!("x{i}");
        let [n1, n2] = pass.next();
        let a = twice(p, pass, rho, n1, &format!("{name}.n1"));
        let e = twice(p, pass, q, n2, &format!("{name}.n2"));
        let [of_a, s] = ["a.s", "s"].map(|of| inner(p, &format!("{name}.{of}"), a));
        branch::forward(p, (&format!("{name}.a"), pass.next()), a, (None, of_a), &mut pass.acts);
        branch::forward(p, (&format!("{name}.b"), pass.next()), e, (Some(of_a), s), &mut pass.acts);
        let [out, dw] = pass.next();
        let m = pixelwise(p, s, out, None, &format!("{name}.m"));
        let t = image(p, &format!("{name}.t"), m);
        depthwise::forward(p, m, dw, t);
        pass.acts.extend([s, m]);
        let y = sum(p, t, m, &format!("{name}.y"));
        rho = if i + 1 == count { y } else { sum(p, y, rho, &format!("{name}.rho")) };
    }
    rho
}

/// The gradients at what the blocks started from, and at `q`.
pub(super) fn cross_back(
    p: &mut PlanBuilder<'_>,
    pass: &mut Backward<'_>,
    count: usize,
    mut drho: Tensor,
) -> [Tensor; 2] {
    let mut dq = None;
    for i in (0..count).rev() {
        let name = format!("x{i}");
        let part = |of: &str| format!("part.{name}.{of}");
        let ([out, dw], [dout, ddw]) = pass.next();
        let [s, m] = pass.acts.pop();
        depthwise::grad_weight(p, m, drho, &part("dw"), ddw);
        let dm = image(p, &format!("{name}.dm"), m);
        depthwise::grad_input(p, drho, dw, Some(drho), dm);
        pointwise::grad_weight(p, s, dm, &part("out"), dout);
        let ds = inner(p, &format!("{name}.ds"), m);
        pointwise::grad_input(p, dm, out, None, None, ds);
        let [de, da] = ["b", "a"].map(|of| {
            let d = image(p, &format!("{name}.{of}.dx"), m);
            let (layers, kept) = (pass.next(), pass.acts.pop());
            branch::backward(p, &format!("{name}.{of}"), layers, kept, ds, d);
            d
        });
        let ([n1, n2], [dn1, dn2]) = pass.next();
        let (of_q, of_rho) = (pass.acts.pop(), pass.acts.pop());
        dq = Some(twice_back(p, of_q, (n2, dn2), (de, dq), &format!("{name}.n2")));
        let add = (i + 1 < count).then_some(drho);
        drho = twice_back(p, of_rho, (n1, dn1), (da, add), &format!("{name}.n1"));
    }
    [drho, dq.expect("there is a block")]
}
