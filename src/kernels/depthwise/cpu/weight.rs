//! The weight gradient.

use rayon::prelude::*;

use super::{neighbours, period};
use crate::graph::{Args, Shape};
use crate::kernels::depthwise::Params;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::sigmoid::fma;

pub(in crate::kernels::depthwise) fn grad_weight(args: &mut Args<'_, f32>) {
    let (isa, x) = (Isa::of(args), args.shape(0));
    let (rows, len) = (args.params::<Params>().rows as usize, args.shape(2).c());
    let (xs, dys, all) = (args.read(0), args.read(1), x.n() * x.h());
    args.write(2).par_chunks_mut(len).enumerate().for_each(|(i, part)| {
        let rows = i * rows..((i + 1) * rows).min(all);
        dispatch!(isa, part_sum(xs: &[f32], dys: &[f32], x: Shape, rows: std::ops::Range<usize>, part: &mut [f32]));
    });
}

/// Sums of ten kinds, the taps' and the biases', in registers along a row; each register of the pattern by itself.
#[inline(always)]
fn part_sum<L: Simd>(x: &[f32], dy: &[f32], shape: Shape, rows: std::ops::Range<usize>, part: &mut [f32]) {
    let c = shape.c();
    if c.is_multiple_of(L::LANES) {
        part_of::<L>(x, dy, shape, rows, c, part);
    } else if c.is_multiple_of(L::Narrow::LANES) {
        part_of::<L::Narrow>(x, dy, shape, rows, c, part);
    } else {
        part_of::<L>(x, dy, shape, rows, period(c), part);
    }
}

#[inline(always)]
fn part_of<L: Simd>(
    x: &[f32],
    dy: &[f32],
    shape: Shape,
    rows: std::ops::Range<usize>,
    period: usize,
    part: &mut [f32],
) {
    let (h, c, len) = (shape.h(), shape.c(), shape.w() * shape.c());
    let zeros = vec![0.0; len];
    let mut sums = vec![0.0; 10 * period];
    for row in rows {
        let image = &x[row / h * h * len..][..h * len];
        let (x, dy) = (neighbours::<3>(image, row % h, len, &zeros), &dy[row * len..][..len]);
        let inner = len.saturating_sub(c);
        // Whole periods between the first and the last pixel; they begin at the second pixel.
        let whole = inner.saturating_sub(c) / period * period;
        for at in (0..period).step_by(L::LANES) {
            row_sums::<L>(x, dy, c, (c + at, c + whole), &mut sums[at..], period);
        }
        if period == c {
            for from in [0, inner].into_iter().take(shape.w()) {
                for at in (0..c).step_by(L::LANES) {
                    end_sums::<L>(x, dy, c, from + at, &mut sums[at..]);
                }
            }
            continue;
        }
        let ends = (0..c.min(len)).chain((c + whole).min(len)..len);
        for k in ends {
            let at = k % c;
            for (u, row) in x.iter().enumerate() {
                for v in 0..3 {
                    let x = (k + v * c).checked_sub(c).and_then(|k| row.get(k)).copied().unwrap_or(0.0);
                    let sum = &mut sums[(3 * u + v) * period + at];
                    *sum = fma::<L>(x, dy[k], *sum);
                }
            }
            sums[9 * period + at] += dy[k];
        }
    }
    part.fill(0.0);
    for (part, sums) in part.chunks_exact_mut(c).zip(sums.chunks_exact(period)) {
        for sums in sums.chunks_exact(c) {
            part.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
        }
    }
}

/// Adds one register, at `at`, of the first or the last pixel.
#[inline(always)]
fn end_sums<L: Simd>(x: [&[f32]; 3], dy: &[f32], c: usize, at: usize, sums: &mut [f32]) {
    let len = dy.len();
    assert!(at + L::LANES <= len && x.iter().all(|row| row.len() == len) && sums.len() >= 9 * c + L::LANES);
    // SAFETY: no register is read that does not end within its row; the largest indices of dy and sums are checked above.
    unsafe {
        let (d, sums) = (L::load(dy.as_ptr().add(at)), sums.as_mut_ptr());
        for (u, row) in x.iter().enumerate() {
            for v in 0..3 {
                let from = (at + v * c).checked_sub(c).filter(|from| from + L::LANES <= len);
                let x = from.map_or(L::splat(0.0), |from| L::load(row.as_ptr().add(from)));
                let sum = sums.add((3 * u + v) * c);
                L::store(L::fma(x, d, L::load(sum)), sum);
            }
        }
        let sum = sums.add(9 * c);
        L::store(L::add(L::load(sum), d), sum);
    }
}

/// Adds the numbers `from..end` of a row, every `period`-th register.
#[inline(always)]
fn row_sums<L: Simd>(
    x: [&[f32]; 3],
    dy: &[f32],
    c: usize,
    (from, end): (usize, usize),
    sums: &mut [f32],
    period: usize,
) {
    if from >= end {
        return;
    }
    assert!(x.iter().all(|row| row.len() == dy.len()) && from >= c && end + c <= dy.len());
    assert!(sums.len() >= 9 * period + L::LANES && (end - c).is_multiple_of(period) && period >= L::LANES);
    // SAFETY: from + LANES ≤ the period's end, so that no register reaches beyond `end`, nor c further beyond the row;
    // the sums' largest index is checked above.
    unsafe {
        let mut registers = [L::splat(0.0); 10];
        for (i, register) in registers.iter_mut().enumerate() {
            *register = L::load(sums.as_ptr().add(i * period));
        }
        let mut k = from;
        // Where the pattern is a pixel, the next steps are its neighbours: five columns serve three of them.
        while period == c && k + 2 * c < end {
            let mut d = [L::splat(0.0); 3];
            for (p, d) in d.iter_mut().enumerate() {
                *d = L::load(dy.as_ptr().add(k + p * c));
                registers[9] = L::add(registers[9], *d);
            }
            for (u, row) in x.iter().enumerate() {
                for column in 0..5 {
                    let at = L::load(row.as_ptr().add(k + column * c - c));
                    for (p, d) in d.iter().enumerate() {
                        if p <= column && column <= p + 2 {
                            let register = &mut registers[3 * u + column - p];
                            *register = L::fma(at, *d, *register);
                        }
                    }
                }
            }
            k += 3 * c;
        }
        while k < end {
            let d = L::load(dy.as_ptr().add(k));
            for (u, row) in x.iter().enumerate() {
                for v in 0..3 {
                    let at = L::load(row.as_ptr().add(k + v * c - c));
                    registers[3 * u + v] = L::fma(at, d, registers[3 * u + v]);
                }
            }
            registers[9] = L::add(registers[9], d);
            k += period;
        }
        for (i, register) in registers.iter().enumerate() {
            L::store(*register, sums.as_mut_ptr().add(i * period));
        }
    }
}
