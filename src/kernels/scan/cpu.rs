//! Runs side by side, and in each blocks of channels as registers hold them: the exponentials are what takes the time.

use std::ops::Range;

use rayon::prelude::*;

use super::Params;
use super::job::Work;
use super::lanes::{LANES, add, decay, lanes, put, total};
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::sigmoid::{exp, fma, sigmoid};

pub(super) fn runs(args: &mut Args<'_, f32>) {
    ends(args, false);
}

pub(super) fn grad_runs(args: &mut Args<'_, f32>) {
    ends(args, true);
}

fn ends(args: &mut Args<'_, f32>, back: bool) {
    let (isa, job, x) = (Isa::of(args), &Work::new(args), args.read(0));
    args.write(4).par_chunks_mut((job.s + 1) * job.d).enumerate().for_each(|(k, out)| {
        let run = (job.pixels_of(k), back);
        dispatch!(isa, end(job: &Work<'_>, x: &[f32], run: (Range<usize>, bool), out: &mut [f32]));
    });
}

#[inline(always)]
fn end<L: Simd>(job: &Work<'_>, x: &[f32], (run, back): (Range<usize>, bool), out: &mut [f32]) {
    for first in (0..job.d).step_by(LANES) {
        let rates = job.rates::<L>(first);
        let (mut h, mut sum) = (vec![[0.0; LANES]; job.s], [0.0; LANES]);
        for i in 0..run.len() {
            let t = if back { run.end - 1 - i } else { run.start + i };
            let (step, x, weights) = (job.step::<L>(t, first), lanes(job.of(x, t), first), job.half(t, back.into()));
            let mut input = x;
            for l in 0..LANES {
                sum[l] += step[l];
                input[l] *= if back { 1.0 } else { step[l] };
            }
            for s in 0..job.s {
                let decay = decay::<L>(&step, &rates[s]);
                for l in 0..LANES {
                    h[s][l] = match back {
                        true => decay[l] * fma::<L>(input[l], weights[s], h[s][l]),
                        false => fma::<L>(decay[l], h[s][l], input[l] * weights[s]),
                    };
                }
            }
        }
        h.push(sum);
        for (h, row) in h.iter().zip(out.chunks_exact_mut(job.d)) {
            put(h, row, first);
        }
    }
}

pub(super) fn edges(args: &mut Args<'_, f32>) {
    let (isa, p) = (Isa::of(args), args.params::<Params>());
    let [d, s, runs, rows] = [p.d, p.s, p.runs, p.rows].map(|size| size as usize);
    let (forth, back, w) = (args.read(0), args.maybe(1), args.read(2));
    let (len, own) = (rows * d, (s + 1) * d);
    // The run before, or behind.
    let from = |k: usize, row: usize| match (row < s, back) {
        (true, _) => (!k.is_multiple_of(runs)).then(|| &forth[(k - 1) * own..][..own]),
        (false, Some(back)) => (k % runs + 1 < runs).then(|| &back[(k + 1) * own..][..own]),
        (false, None) => None,
    };
    let out = args.write(3);
    out.par_chunks_mut(len).enumerate().for_each(|(k, out)| {
        for (row, out) in out.chunks_exact_mut(d).enumerate() {
            let rates = &w[row % s * d..][..d];
            match from(k, row) {
                Some(from) => {
                    let sums = &from[s * d..];
                    dispatch!(isa, factors(sums: &[f32], rates: &[f32], out: &mut [f32]));
                }
                None => out.fill(0.0),
            }
        }
    });
    out.par_chunks_mut(runs * len).enumerate().for_each(|(image, out)| {
        for k in 1..runs {
            for row in 0..rows {
                let run = if row < s { k } else { runs - 1 - k };
                let other = if row < s { run - 1 } else { run + 1 };
                let own = from(image * runs + run, row).expect("not the first");
                for i in 0..d {
                    let at = run * len + row * d + i;
                    out[at] = out[at] * out[other * len + row * d + i] + own[row % s * d + i];
                }
            }
        }
    });
}

/// `exp(−e^alog Σ)`.
#[inline(always)]
fn factors<L: Simd>(sums: &[f32], rates: &[f32], out: &mut [f32]) {
    for ((out, sum), rate) in out.iter_mut().zip(sums).zip(rates) {
        *out = exp::<L>(-exp::<L>(*rate) * sum);
    }
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, job, u, states) = (Isa::of(args), &Work::new(args), args.read(0), args.read(4));
    let edges = args.shape(4).w() * job.d;
    job.by_runs(args.write(5), job.d, |k, y| {
        let (before, run) = (&states[k * edges..][..edges], job.pixels_of(k));
        dispatch!(isa, over(job: &Work<'_>, u: &[f32], before: &[f32], run: Range<usize>, y: &mut [f32]));
    });
}

#[inline(always)]
fn over<L: Simd>(job: &Work<'_>, u: &[f32], before: &[f32], run: Range<usize>, y: &mut [f32]) {
    for first in (0..job.d).step_by(LANES) {
        let (rates, through) = (job.rates::<L>(first), lanes(job.of(job.w, job.s), first));
        let mut h = vec![[0.0; LANES]; job.s];
        for (s, h) in h.iter_mut().enumerate() {
            *h = lanes(job.of(before, s), first);
        }
        for (t, y) in run.clone().zip(y.chunks_exact_mut(job.d)) {
            let (step, u) = (job.step::<L>(t, first), lanes(job.of(u, t), first));
            let (b, c) = (job.half(t, 0), job.half(t, 1));
            let mut sum = [0.0; LANES];
            let mut input = step;
            for l in 0..LANES {
                sum[l] = through[l] * u[l];
                input[l] *= u[l];
            }
            for s in 0..job.s {
                let decay = decay::<L>(&step, &rates[s]);
                for l in 0..LANES {
                    h[s][l] = fma::<L>(decay[l], h[s][l], input[l] * b[s]);
                    sum[l] = fma::<L>(h[s][l], c[s], sum[l]);
                }
            }
            put(&sum, y, first);
        }
    }
}

/// The gradient's inputs besides those of all kernels.
struct Back<'a> {
    u: &'a [f32],
    dy: &'a [f32],
    /// States at the edges of the run.
    edges: &'a [f32],
}

pub(super) fn grad(args: &mut Args<'_, f32>) {
    let (isa, job, u, dy, states) = (Isa::of(args), &Work::new(args), args.read(0), args.read(4), args.read(5));
    let (edges, weights) = (2 * job.s * job.d, (job.s + 1) * job.d);
    let (d, part) = (args.write(6), args.write(7));
    let images = d.par_chunks_mut(job.pixels * 2 * (job.d + job.s)).zip(part.par_chunks_mut(job.runs * weights));
    images.enumerate().for_each(|(image, (d, part))| {
        let runs = d.par_chunks_mut(job.run * 2 * (job.d + job.s)).zip(part.par_chunks_mut(weights));
        runs.enumerate().for_each(|(run, out)| {
            let k = image * job.runs + run;
            let (back, run) = (&Back { u, dy, edges: &states[k * edges..][..edges] }, job.pixels_of(k));
            dispatch!(isa, back_over(job: &Work<'_>, back: &Back<'_>, run: Range<usize>, out: (&mut [f32], &mut [f32])));
        });
    });
}

#[inline(always)]
fn back_over<L: Simd>(job: &Work<'_>, back: &Back<'_>, run: Range<usize>, (d, part): (&mut [f32], &mut [f32])) {
    let (s_len, columns) = (job.s, 2 * (job.d + job.s));
    // By pixel and state: the state before it, and its decay; of B and C, one for each channel of a block.
    let mut before = vec![[0.0; LANES]; (run.len() + 1) * s_len];
    let mut decays = vec![[0.0; LANES]; run.len() * s_len];
    let mut of_bc = vec![[0.0; LANES]; run.len() * 2 * s_len];
    for first in (0..job.d).step_by(LANES) {
        let (rates, through) = (job.rates::<L>(first), lanes(job.of(job.w, s_len), first));
        for (s, before) in before.iter_mut().take(s_len).enumerate() {
            *before = lanes(job.of(back.edges, s), first);
        }
        for (i, t) in run.clone().enumerate() {
            let (step, u, b) = (job.step::<L>(t, first), lanes(job.of(back.u, t), first), job.half(t, 0));
            for s in 0..s_len {
                let (decay, h) = (decay::<L>(&step, &rates[s]), before[i * s_len + s]);
                let after = &mut before[(i + 1) * s_len + s];
                for l in 0..LANES {
                    after[l] = fma::<L>(decay[l], h[l], step[l] * u[l] * b[s]);
                }
                decays[i * s_len + s] = decay;
            }
        }
        let mut handed = vec![[0.0; LANES]; s_len];
        for (s, handed) in handed.iter_mut().enumerate() {
            *handed = lanes(job.of(back.edges, s_len + s), first);
        }
        let (mut of_rates, mut of_through) = (vec![[0.0; LANES]; s_len], [0.0; LANES]);
        for (i, t) in run.clone().enumerate().rev() {
            let (step, raw) = (job.step::<L>(t, first), lanes(job.of(job.raw, t), first));
            let (u, dy) = (lanes(job.of(back.u, t), first), lanes(job.of(back.dy, t), first));
            let (b, c) = (job.half(t, 0), job.half(t, 1));
            let (mut by_input, mut by_decay) = ([0.0; LANES], [0.0; LANES]);
            for s in 0..s_len {
                let (h, after, decay) = (before[i * s_len + s], before[(i + 1) * s_len + s], decays[i * s_len + s]);
                let (of_b, of_c) = of_bc[2 * i * s_len..].split_at_mut(s_len);
                for l in 0..LANES {
                    let gradient = fma::<L>(dy[l], c[s], handed[s][l]);
                    handed[s][l] = decay[l] * gradient;
                    of_b[s][l] = fma::<L>(gradient, step[l] * u[l], of_b[s][l]);
                    of_c[s][l] = fma::<L>(dy[l], after[l], of_c[s][l]);
                    let decayed = rates[s][l] * handed[s][l] * h[l];
                    by_input[l] = fma::<L>(gradient, b[s], by_input[l]);
                    by_decay[l] += decayed;
                    of_rates[s][l] = fma::<L>(decayed, step[l], of_rates[s][l]);
                }
            }
            let (mut du, mut draw) = ([0.0; LANES], [0.0; LANES]);
            for l in 0..LANES {
                du[l] = fma::<L>(through[l], dy[l], step[l] * by_input[l]);
                draw[l] = fma::<L>(u[l], by_input[l], by_decay[l]) * sigmoid::<L>(raw[l]);
            }
            add::<L>(&mut of_through, &dy, &u);
            let (of_u, of_raw) = d[i * columns..][..2 * job.d].split_at_mut(job.d);
            put(&du, of_u, first);
            put(&draw, of_raw, first);
        }
        of_rates.push(of_through);
        for (of_weights, row) in of_rates.iter().zip(part.chunks_exact_mut(job.d)) {
            put(of_weights, row, first);
        }
    }
    for (d, of_bc) in d.chunks_exact_mut(columns).zip(of_bc.chunks_exact(2 * s_len)) {
        for (d, of_bc) in d[2 * job.d..].iter_mut().zip(of_bc) {
            *d = total(of_bc);
        }
    }
}
