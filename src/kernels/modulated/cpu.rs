//! Products of matrices: the pixels' neighbourhoods, weighed, as rows of `9 · C` numbers. A few pixels' rows at a
//! time stay in the first cache; writing them costs a twentieth of the products.

use rayon::prelude::*;

use super::{Params, TAPS};
use crate::graph::{Args, Shape};
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::matrix::{multiply, padded, transposed, widen, widened};
use crate::kernels::sigmoid::fma;

/// Pixels of one row multiplied at once: two register tiles.
const BLOCK: usize = 16;

/// An image and the gates that weigh it.
struct GatedImage<'a> {
    x: &'a [f32],
    a: &'a [f32],
    h: usize,
    w: usize,
    c: usize,
    /// Whether taps look back: pixel `q` then sees `q − t` by the gates that stand there.
    back: bool,
}

impl GatedImage<'_> {
    /// Rows `[9 · C]` of the pixels `first..` of row `row` of the stack, as many as there is room for.
    #[inline(always)]
    fn gather<L: Simd>(&self, row: usize, first: usize, patches: &mut [f32]) {
        let (c, len) = (self.c, TAPS * self.c);
        let (top, i) = (row / self.h * self.h, row % self.h);
        for (p, patch) in patches.chunks_exact_mut(len).enumerate() {
            let j = first + p;
            for (t, patch) in patch.chunks_exact_mut(c).enumerate() {
                let (u, v) = if self.back { (2 - t / 3, 2 - t % 3) } else { (t / 3, t % 3) };
                // One beyond each edge; below zero wraps to outside.
                let (y, x) = ((i + u).wrapping_sub(1), (j + v).wrapping_sub(1));
                if y >= self.h || x >= self.w {
                    patch.fill(0.0);
                    continue;
                }
                let at = (top + y) * self.w + x;
                let gate = self.a[(if self.back { at } else { row * self.w + j }) * TAPS + t];
                weigh::<L>(&self.x[at * c..][..c], gate, patch);
            }
        }
    }
}

/// `to = gate · x`.
#[inline(always)]
fn weigh<L: Simd>(x: &[f32], gate: f32, to: &mut [f32]) {
    assert_eq!(x.len(), to.len());
    let whole = x.len() / L::LANES * L::LANES;
    // SAFETY: both have so many whole registers.
    unsafe {
        let (gate, zero) = (L::splat(gate), L::splat(0.0));
        for k in (0..whole).step_by(L::LANES) {
            L::store(L::fma(L::load(x.as_ptr().add(k)), gate, zero), to.as_mut_ptr().add(k));
        }
    }
    to[whole..].iter_mut().zip(&x[whole..]).for_each(|(to, x)| *to = x * gate);
}

/// The products of an image's weighed neighbourhoods, and what happens on the way out.
struct Work<'a> {
    image: GatedImage<'a>,
    /// `[9 · C, padded Co]`.
    w: &'a [f32],
    co: usize,
    /// `[N, Co]`.
    each: &'a [f32],
    add: Option<&'a [f32]>,
    relu: bool,
}

impl Work<'_> {
    fn run(&self, isa: Isa, y: &mut [f32]) {
        let len = self.image.w * self.co;
        y.par_chunks_mut(len).enumerate().for_each(|(row, y)| {
            let job = self;
            dispatch!(isa, row_of(job: &Work<'_>, row: usize, y: &mut [f32]));
        });
    }
}

#[inline(always)]
fn row_of<L: Simd>(job: &Work<'_>, row: usize, y: &mut [f32]) {
    let (image, co, wide) = (&job.image, job.co, padded(job.co));
    let depth = TAPS * image.c;
    let mut patches = vec![0.0; BLOCK * depth];
    let mut sums = vec![0.0; BLOCK * wide];
    let each = &job.each[row / image.h * co..][..co];
    let start = row * image.w * co;
    for (b, y) in y.chunks_mut(BLOCK * co).enumerate() {
        let count = y.len() / co;
        let patches = &mut patches[..count * depth];
        image.gather::<L>(row, b * BLOCK, patches);
        multiply::<L>(patches, (depth, 1), job.w, &mut sums, (count, wide, depth), false);
        for (y, sums) in y.chunks_exact_mut(co).zip(sums.chunks_exact(wide)) {
            for ((y, sum), each) in y.iter_mut().zip(sums).zip(each) {
                *y = sum + each;
            }
        }
        if let Some(add) = job.add {
            y.iter_mut().zip(&add[start + b * BLOCK * co..]).for_each(|(y, add)| *y += add);
        }
        if job.relu {
            y.iter_mut().for_each(|y| *y = y.max(0.0));
        }
    }
}

fn weighed<'a>(args: &Args<'a, f32>, x: usize, a: usize, back: bool) -> GatedImage<'a> {
    let shape = args.shape(x);
    GatedImage { x: args.read(x), a: args.read(a), h: shape.h(), w: shape.w(), c: shape.c(), back }
}

pub(super) fn forward(args: &mut Args<'_, f32>) {
    let (isa, co) = (Isa::of(args), args.shape(5).c());
    let w = &widened(args.read(1), co, padded(co));
    let (image, relu) = (weighed(args, 0, 2, false), args.params::<Params>().relu == 1);
    Work { image, w, co, each: args.read(3), add: args.maybe(4), relu }.run(isa, args.write(5));
}

pub(super) fn grad_input(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (co, ci) = (args.shape(0).c(), args.shape(5).c());
    // [9, Co, Ci]: each tap's matrix the other way round.
    let turned: Vec<f32> = args.read(1).chunks_exact(ci * co).flat_map(|tap| transposed(tap, co)).collect();
    let w = &widened(&turned, ci, padded(ci));
    let image = weighed(args, 0, 2, true);
    Work { image, w, co: ci, each: args.read(3), add: args.maybe(4), relu: false }.run(isa, args.write(5));
}

/// What the gradient of the gates is made of.
struct Gates<'a> {
    image: GatedImage<'a>,
    /// `[Co, padded 9 · Ci]`.
    w: &'a [f32],
    dy: &'a [f32],
    co: usize,
}

pub(super) fn grad_gate(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (image, co) = (weighed(args, 0, 2, false), args.shape(3).c());
    let len = TAPS * image.c;
    let w = &widened(&transposed(args.read(1), co), len, padded(len));
    let gates = &Gates { dy: args.read(3), w, co, image };
    args.write(4).par_chunks_mut(gates.image.w * TAPS).enumerate().for_each(|(row, d)| {
        dispatch!(isa, gate_row(gates: &Gates<'_>, row: usize, d: &mut [f32]));
    });
}

#[inline(always)]
fn gate_row<L: Simd>(gates: &Gates<'_>, row: usize, d: &mut [f32]) {
    let Gates { image, w, dy, co } = gates;
    let (c, wide, top, i) = (image.c, padded(TAPS * image.c), row / image.h * image.h, row % image.h);
    let mut sums = vec![0.0; BLOCK * wide];
    for (b, d) in d.chunks_mut(BLOCK * TAPS).enumerate() {
        let (count, first) = (d.len() / TAPS, row * image.w + b * BLOCK);
        multiply::<L>(&dy[first * co..], (*co, 1), w, &mut sums, (count, wide, *co), false);
        for (p, (d, sums)) in d.chunks_exact_mut(TAPS).zip(sums.chunks_exact(wide)).enumerate() {
            let gates = &image.a[(first + p) * TAPS..][..TAPS];
            for ((t, (d, sums)), a) in d.iter_mut().zip(sums.chunks_exact(c)).enumerate().zip(gates) {
                let (y, x) = ((i + t / 3).wrapping_sub(1), (b * BLOCK + p + t % 3).wrapping_sub(1));
                *d = 0.0;
                if y < image.h && x < image.w {
                    *d = dot::<L>(&image.x[((top + y) * image.w + x) * c..][..c], sums) * a * (1.0 - a);
                }
            }
        }
    }
}

/// `Σ a·b`, in an order that depends on the length alone.
#[inline(always)]
fn dot<L: Simd>(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let (mut lanes, whole) = ([0.0; 16], a.len() / L::LANES * L::LANES);
    // SAFETY: both have so many whole registers, and LANES ≤ 16.
    unsafe {
        let mut sum = L::splat(0.0);
        for at in (0..whole).step_by(L::LANES) {
            sum = L::fma(L::load(a.as_ptr().add(at)), L::load(b.as_ptr().add(at)), sum);
        }
        L::store(sum, lanes.as_mut_ptr());
    }
    let mut half = 8;
    while half > 0 {
        for k in 0..half {
            lanes[k] += lanes[k + half];
        }
        half /= 2;
    }
    a[whole..].iter().zip(&b[whole..]).fold(lanes[0], |sum, (a, b)| fma::<L>(*a, *b, sum))
}

pub(super) fn grad_weight(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let (x, co, len) = (args.shape(0), args.shape(2).c(), args.shape(3).c());
    let rows = args.params::<Params>().rows as usize;
    let (image, dy) = (&weighed(args, 0, 1, false), args.read(2));
    args.write(3).par_chunks_mut(len).enumerate().with_max_len(1).for_each(|(i, part)| {
        let (rows, shape) = (i * rows..((i + 1) * rows).min(x.n() * x.h()), x.with_c(co));
        dispatch!(isa, part_sum(image: &GatedImage<'_>, dy: &[f32], shape: Shape, rows: std::ops::Range<usize>, part: &mut [f32]));
    });
}

#[inline(always)]
fn part_sum<L: Simd>(image: &GatedImage<'_>, dy: &[f32], shape: Shape, rows: std::ops::Range<usize>, part: &mut [f32]) {
    let (w, co, wide, depth) = (shape.w(), shape.c(), padded(shape.c()), TAPS * image.c);
    let mut patches = vec![0.0; BLOCK * depth];
    let mut wide_dy = vec![0.0; BLOCK * wide];
    let mut sums = vec![0.0; depth * wide];
    for row in rows {
        for first in (0..w).step_by(BLOCK) {
            let count = BLOCK.min(w - first);
            image.gather::<L>(row, first, &mut patches[..count * depth]);
            let mut dy = &dy[(row * w + first) * co..][..count * co];
            if wide != co {
                widen(dy, co, &mut wide_dy, wide);
                dy = &wide_dy;
            }
            multiply::<L>(&patches, (1, depth), dy, &mut sums, (depth, wide, count), true);
        }
    }
    for (part, sums) in part.chunks_exact_mut(co).zip(sums.chunks_exact(wide)) {
        part.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
    }
}
