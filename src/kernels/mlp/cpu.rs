//! The MLP on blocks of pixels: values `[unit, pixel]`, so that every operation is
//! one weight times a run of pixels.

use rayon::prelude::*;

use super::Params;
use super::reference::MlpWeights;
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::sigmoid::sigmoid;
use crate::kernels::tile::RegisterTile;

/// Pixels per block: four AVX-512 registers, enough independent sums to hide the
/// latency of fused multiply-add; all layers of a block stay in the first cache.
const PX: usize = 64;

/// Pixels one task works on.
const TASK: usize = 16 * PX;

type Lanes = [f32; PX];

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (net, c) = (&Net::new(args), args.shape(0).c());
    let x = args.read(0).par_chunks(TASK * c);
    x.zip(args.write(2).par_chunks_mut(TASK)).for_each(|(x, y)| {
        dispatch!(isa, outputs(net: &Net<'_>, x: &[f32], y: &mut [f32]));
    });
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (net, c) = (&Net::new(args), args.shape(0).c());
    let x = args.read(0).par_chunks(TASK * c).zip(args.read(2).par_chunks(TASK));
    x.zip(args.write(3).par_chunks_mut(TASK * c)).for_each(|((x, dy), dx)| {
        dispatch!(isa, input_gradients(net: &Net<'_>, x: &[f32], dy: &[f32], dx: &mut [f32]));
    });
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (net, c, len) = (&Net::new(args), args.shape(0).c(), args.shape(1).len());
    let chunk = args.params::<Params>().chunk as usize;
    let x = args.read(0).par_chunks(chunk * c).zip(args.read(2).par_chunks(chunk));
    x.zip(args.write(3).par_chunks_mut(len)).for_each(|((x, dy), part)| {
        dispatch!(isa, weight_gradients(net: &Net<'_>, x: &[f32], dy: &[f32], part: &mut [f32]));
    });
}

struct Net<'a> {
    c: usize,
    d: usize,
    w: MlpWeights<'a, f32>,
}

impl<'a> Net<'a> {
    fn new(args: &Args<'a, f32>) -> Self {
        let (c, d) = (args.shape(0).c(), args.params::<Params>().d as usize);
        Self { c, d, w: MlpWeights::new(args.read(1), c, d) }
    }
}

/// One block's values, `[unit][pixel]`; pixels past the image are zero.
struct UnitValues {
    x: Vec<Lanes>,
    h1: Vec<Lanes>,
    h2: Vec<Lanes>,
    back: Vec<Lanes>,
    dy: Lanes,
}

impl UnitValues {
    fn new(net: &Net<'_>) -> Self {
        let zeros = |n| vec![[0.0; PX]; n];
        Self { x: zeros(net.c), h1: zeros(net.d), h2: zeros(net.d), back: zeros(net.d), dy: [0.0; PX] }
    }

    /// Loads up to `PX` pixels and computes the hidden values.
    #[inline(always)]
    fn hidden<L: Simd>(&mut self, net: &Net<'_>, x: &[f32]) {
        self.x.fill([0.0; PX]);
        for (p, x) in x.chunks_exact(net.c).enumerate() {
            for (lanes, x) in self.x.iter_mut().zip(x) {
                lanes[p] = *x;
            }
        }
        layer::<L>(net.w.w1, net.w.b1, &self.x, &mut self.h1);
        layer::<L>(net.w.w2, net.w.b2, &self.h1, &mut self.h2);
    }

    /// Turns the hidden values into the gradients before their sigmoids.
    #[inline(always)]
    fn backward<L: Simd>(&mut self, net: &Net<'_>) {
        for (h2, w3) in self.h2.iter_mut().zip(net.w.w3) {
            for (h, dy) in h2.iter_mut().zip(&self.dy) {
                *h = dy * w3 * *h * (1.0 - *h);
            }
        }
        multiply::<L>(net.w.w2, (1, net.d), &self.h2, &mut self.back);
        for (h, back) in self.h1.as_flattened_mut().iter_mut().zip(self.back.as_flattened()) {
            *h = back * *h * (1.0 - *h);
        }
    }
}

/// `σ(W v + b)`.
#[inline(always)]
fn layer<L: Simd>(w: &[f32], b: &[f32], v: &[Lanes], out: &mut [Lanes]) {
    multiply::<L>(w, (v.len(), 1), v, out);
    for (out, b) in out.iter_mut().zip(b) {
        for v in out {
            *v = sigmoid::<L>(*v + b);
        }
    }
}

/// `out[j] = Σ_k w[j · stride.0 + k · stride.1] · v[k]` for every pixel.
#[inline(always)]
fn multiply<L: Simd>(w: &[f32], stride: (usize, usize), v: &[Lanes], out: &mut [Lanes]) {
    if L::REGISTERS == 32 {
        multiply_by::<L, 4>(w, stride, v, out);
    } else {
        multiply_by::<L, 2>(w, stride, v, out);
    }
}

/// Tiles of four units, then single ones.
#[inline(always)]
fn multiply_by<L: Simd, const N: usize>(w: &[f32], stride: (usize, usize), v: &[Lanes], out: &mut [Lanes]) {
    let (units, values, flat) = (out.len(), v.as_flattened(), out.as_flattened_mut());
    let mut j = 0;
    while j < units {
        let many = j + 4 <= units;
        for p in (0..PX).step_by(N * L::LANES) {
            let (w, to) = (&w[j * stride.0..], &mut flat[j * PX + p..]);
            if many {
                let mut sums = RegisterTile::<L, 4, N>::zero();
                sums.add(w, stride, &values[p..], PX, v.len());
                sums.store(to, PX);
            } else {
                let mut sums = RegisterTile::<L, 1, N>::zero();
                sums.add(w, stride, &values[p..], PX, v.len());
                sums.store(to, PX);
            }
        }
        j += if many { 4 } else { 1 };
    }
}

#[inline(always)]
fn outputs<L: Simd>(net: &Net<'_>, x: &[f32], y: &mut [f32]) {
    let (mut block, mut out) = (UnitValues::new(net), [[0.0; PX]]);
    for (x, y) in x.chunks(PX * net.c).zip(y.chunks_mut(PX)) {
        block.hidden::<L>(net, x);
        multiply::<L>(net.w.w3, (0, 1), &block.h2, &mut out);
        y.iter_mut().zip(&out[0]).for_each(|(y, v)| *y = v + net.w.b3);
    }
}

#[inline(always)]
fn input_gradients<L: Simd>(net: &Net<'_>, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (c, mut block) = (net.c, UnitValues::new(net));
    let mut out = vec![[0.0; PX]; c];
    for ((x, dy), dx) in x.chunks(PX * c).zip(dy.chunks(PX)).zip(dx.chunks_mut(PX * c)) {
        block.hidden::<L>(net, x);
        block.dy[..dy.len()].copy_from_slice(dy);
        block.backward::<L>(net);
        multiply::<L>(net.w.w1, (1, c), &block.h1, &mut out);
        for (j, out) in out.iter().enumerate() {
            dx[j..].iter_mut().step_by(c).zip(out).for_each(|(dx, v)| *dx = *v);
        }
    }
}

/// Gradients of one chunk, in the order of the parameter.
#[inline(always)]
fn weight_gradients<L: Simd>(net: &Net<'_>, x: &[f32], dy: &[f32], part: &mut [f32]) {
    let (c, d) = (net.c, net.d);
    part.fill(0.0);
    let (dw1, rest) = part.split_at_mut(d * c);
    let (db1, rest) = rest.split_at_mut(d);
    let (dw2, rest) = rest.split_at_mut(d * d);
    let (db2, rest) = rest.split_at_mut(d);
    let (dw3, db3) = rest.split_at_mut(d);
    let (mut block, mut turned) = (UnitValues::new(net), Vec::new());
    for (x, dy) in x.chunks(PX * c).zip(dy.chunks(PX)) {
        block.hidden::<L>(net, x);
        block.dy.fill(0.0); // pixels past the chunk add nothing
        block.dy[..dy.len()].copy_from_slice(dy);
        let h1 = block.h1.clone();
        for (dw, h2) in dw3.iter_mut().zip(&block.h2) {
            *dw += dot::<L>(&block.dy, h2);
        }
        db3[0] += block.dy.iter().sum::<f32>();
        block.backward::<L>(net);
        outer::<L>(&block.h2, &h1, &mut turned, dw2, db2);
        outer::<L>(&block.h1, &block.x, &mut turned, dw1, db1);
    }
}

/// `dw += d vᵀ` and `db += d`, summed over the pixels. `turned` is scratch for `v` as
/// `[pixel, unit]`, so that units fill the registers and no sum runs across them.
#[inline(always)]
fn outer<L: Simd>(d: &[Lanes], v: &[Lanes], turned: &mut Vec<f32>, dw: &mut [f32], db: &mut [f32]) {
    let width = v.len().next_multiple_of(L::LANES);
    turned.clear();
    turned.resize(PX * width, 0.0);
    for (k, lanes) in v.iter().enumerate() {
        turned[k..].iter_mut().step_by(width).zip(lanes).for_each(|(to, v)| *to = *v);
    }
    let mut j = 0;
    while j < d.len() {
        j += if j + 8 <= d.len() {
            outer_rows::<L, 8>(&d[j..], turned, width, &mut dw[j * v.len()..], v.len())
        } else {
            outer_rows::<L, 1>(&d[j..], turned, width, &mut dw[j * v.len()..], v.len())
        };
    }
    db.iter_mut().zip(d).for_each(|(db, d)| *db += d.iter().sum::<f32>());
}

/// The first `P` rows; returns `P`.
#[inline(always)]
fn outer_rows<L: Simd, const P: usize>(d: &[Lanes], v: &[f32], width: usize, dw: &mut [f32], units: usize) -> usize {
    let mut rows = [[0.0; 16]; P];
    for o in (0..units).step_by(L::LANES) {
        let mut sums = RegisterTile::<L, P, 1>::zero();
        sums.add(d.as_flattened(), (PX, 1), &v[o..], width, PX);
        sums.store(rows.as_flattened_mut(), 16);
        for (p, row) in rows.iter().enumerate() {
            let to = &mut dw[p * units..][o..units.min(o + L::LANES)];
            to.iter_mut().zip(row).for_each(|(to, v)| *to += v);
        }
    }
    P
}

/// `Σ a·b` over the pixels.
#[inline(always)]
fn dot<L: Simd>(a: &Lanes, b: &Lanes) -> f32 {
    let mut lanes = [0.0; 16];
    // SAFETY: each register lies within PX lanes, and within `lanes` as LANES ≤ 16.
    unsafe {
        let mut sum = L::splat(0.0);
        for at in (0..PX).step_by(L::LANES) {
            sum = L::fma(L::load(a.as_ptr().add(at)), L::load(b.as_ptr().add(at)), sum);
        }
        L::store(sum, lanes.as_mut_ptr());
    }
    lanes.iter().sum()
}
