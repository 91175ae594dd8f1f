//! The convolution of images: forward pass and input gradient.

use std::cell::Cell;

use rayon::prelude::*;

use super::lines::{Stack, input_lines, padded, repack};
use super::prefetch::Soon;
use super::product::{multiply, register_tiles};
use super::scratch::with_scratch;
use super::transform::{input_row, output, output_columns, output_row, transform_weights};
use super::{Chunk, IN, OUT, PLACES, SKEW, side};
use crate::kernels::Floats;
use crate::kernels::conv2d::job::Work;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// Tiles multiplied at once: what a register tile takes, so that a line's six places of
/// weights stay in the first cache beside them.
const BATCH: usize = 8;

thread_local! {
    /// Transformed weights of the call this thread makes, kept between calls as scratch is.
    static WEIGHTS: Cell<Floats> = Cell::default();
}

impl Work<'_> {
    /// The convolution by tiles. Chunks are independent tasks.
    pub(in crate::kernels::conv2d) fn run(&self, isa: Isa, y: &mut [f32]) {
        let (ci, co) = (padded(self.ci), padded(self.co));
        let place = ci * co + SKEW;
        let mut weights = WEIGHTS.take();
        if weights.len() != PLACES * place {
            weights = Floats::zeros(PLACES * place);
        }
        let wide = self.padded_weights();
        let (job, w, u) = (self, wide.as_deref().unwrap_or(self.weights), &mut weights[..]);
        dispatch!(isa, transform_weights(w: &[f32], u: &mut [f32]));
        let (u, row, chunk) = (&weights[..], self.w * self.co, Chunk::new(self.w));
        let lines = chunk.down * IN * (chunk.line(ci) + chunk.line(co) + SKEW);
        let len = lines + IN * (BATCH * (ci + co) + chunk.line(ci.max(co)));
        y.par_chunks_mut(self.h * row).enumerate().with_max_len(1).for_each(|(n, y)| {
            y.par_chunks_mut(chunk.down * OUT * row).enumerate().with_max_len(1).for_each(|(i, y)| {
                let at = (n, i * chunk.down * OUT);
                with_scratch(len, chunk.line(self.ci), |scratch, zeros| {
                    dispatch!(isa, tile_rows(job: &Work<'_>, u: &[f32], at: (usize, usize), y: &mut [f32], scratch: &mut [f32], zeros: &[f32]));
                });
            });
        });
        WEIGHTS.set(weights);
    }

    /// The weights with padded channels on both sides, if that makes a difference.
    fn padded_weights(&self) -> Option<Vec<f32>> {
        let (ci, co) = (padded(self.ci), padded(self.co));
        if (ci, co) == (self.ci, self.co) {
            return None;
        }
        let mut wide = vec![0.0; 9 * ci * co];
        for (to, from) in wide.chunks_exact_mut(ci * co).zip(self.weights.chunks_exact(self.ci * self.co)) {
            repack(from, self.co, &mut to[..self.ci * co], co);
        }
        Some(wide)
    }
}

/// Some rows of tiles: rows `top..` of image `n` into `y [rows, w, Co]`.
#[inline(always)]
fn tile_rows<L: Simd>(
    job: &Work<'_>,
    u: &[f32],
    (n, top): (usize, usize),
    y: &mut [f32],
    scratch: &mut [f32],
    zeros: &[f32],
) {
    let (h, w, ci, co) = (job.h, job.w, padded(job.ci), padded(job.co));
    let (tiles, chunk, rows) = (w.div_ceil(OUT), Chunk::new(w), y.len() / (w * job.co));
    let (inside, top, down) = (n * h..(n + 1) * h, n * h + top, rows.div_ceil(OUT));
    let x = Stack { data: job.x, w, c: job.ci };
    let (x_pitch, y_pitch) = (chunk.line(ci), chunk.line(co) + SKEW);
    let (x_lines, rest) = scratch.split_at_mut(chunk.down * IN * x_pitch);
    let (y_lines, rest) = rest.split_at_mut(chunk.down * IN * y_pitch);
    let (v, rest) = rest.split_at_mut(IN * BATCH * ci);
    let (m, wide) = rest.split_at_mut(IN * BATCH * co);
    let (v_place, m_place) = (BATCH * ci, BATCH * co);
    for first in (0..tiles).step_by(chunk.across) {
        let count = chunk.across.min(tiles - first);
        for (r, lines) in x_lines.chunks_exact_mut(IN * x_pitch).take(down).enumerate() {
            input_lines::<L>(x, &inside, top + r * OUT, (first, count), zeros, wide, (lines, x_pitch));
        }
        // What is read when this chunk is finished, and the input of the next one: to the
        // right, else below, likely on this thread, where two of its rows are known already.
        let times = PLACES * down * count.div_ceil(BATCH) * side!(L, co, register_tiles(BATCH, co));
        let [add, mask] = [job.add, job.mask].map(|read| {
            let rows = (top, if read.is_some() { rows } else { 0 });
            Soon::new(Stack { data: read.unwrap_or(&[]), w, c: job.co }, rows, (first, count), times)
        });
        let next =
            if first + count < tiles { (top.max(1) - 1, rows + 2, first + count) } else { (top + rows + 1, rows, 0) };
        let mut soon = [
            Soon::new(x, (next.0, next.1), (next.2, chunk.across), times),
            Soon::new(Stack { data: y, w, c: job.co }, (0, rows), (first, count), times),
            add,
            mask,
        ];
        for (i, u) in u.chunks_exact(u.len() / IN).enumerate() {
            for r in 0..down {
                let x_line = &x_lines[(r * IN + i) * x_pitch..][..x_pitch];
                let y_line = &mut y_lines[(r * IN + i) * y_pitch..][..y_pitch];
                for t in (0..count).step_by(BATCH) {
                    // Past the last tile a batch holds old values: they stay in their tiles.
                    let some = BATCH.min(count - t);
                    side!(L, ci, input_row(&x_line[t * OUT * ci..], ci, some, v, v_place));
                    for (j, u) in u.chunks_exact(u.len() / IN).enumerate() {
                        let (v, m) = (&v[j * v_place..][..v_place], &mut m[j * m_place..][..m_place]);
                        side!(L, co, multiply(v, (ci, 1), &u[..ci * co], m, (some, co, ci), false, &mut soon));
                    }
                    side!(L, co, output_row(m, m_place, co, some, &mut y_line[t * OUT * co..]));
                }
            }
        }
        for (r, lines) in y_lines.chunks_exact(IN * y_pitch).take(down).enumerate() {
            let at = (top + r * OUT, r * OUT, first * OUT);
            let width = (count * OUT).min(w - first * OUT);
            if co == job.co {
                side!(L, co, finish(job, (lines, y_pitch), at, width, y));
            } else {
                side!(L, co, finish_padded(job, (lines, y_pitch), at, width, wide, y));
            }
        }
    }
}

/// `Aᵀ` down the columns of six lines and the epilogue, into up to four rows of `width`
/// pixels; `(row of the stack, row of y, column)` say where.
#[inline(always)]
fn finish<L: Simd>(
    job: &Work<'_>,
    (lines, pitch): (&[f32], usize),
    (row, y_row, left): (usize, usize, usize),
    width: usize,
    y: &mut [f32],
) {
    let (w, co) = (job.w, job.co);
    let rows = (y.len() / (w * co) - y_row).min(OUT);
    let (from, to) = ((row * w + left) * co, (y_row * w + left) * co);
    let end = ((rows - 1) * w + width) * co;
    assert!(lines.len() >= (IN - 1) * pitch + width * co && y.len() >= to + end && job.bias.len() >= co);
    for image in [job.add, job.mask].into_iter().flatten() {
        assert!(image.len() >= from + end);
    }
    for pixel in 0..width {
        for v in (0..co).step_by(L::LANES) {
            let k = pixel * co + v;
            // SAFETY: the largest indices are checked above; co is a multiple of LANES.
            unsafe {
                let mut m = [L::splat(0.0); IN];
                for (i, value) in m.iter_mut().enumerate() {
                    *value = L::load(lines.as_ptr().add(i * pitch + k));
                }
                let bias = L::load(job.bias.as_ptr().add(v));
                for (i, value) in output::<L>(m).into_iter().take(rows).enumerate() {
                    let at = i * w * co + k;
                    let mut value = L::add(value, bias);
                    if let Some(add) = job.add {
                        value = L::add(value, L::load(add.as_ptr().add(from + at)));
                    }
                    if let Some(mask) = job.mask {
                        value = L::gate(L::load(mask.as_ptr().add(from + at)), value);
                    }
                    if job.relu {
                        value = L::relu(value);
                    }
                    L::store(value, y.as_mut_ptr().add(to + at));
                }
            }
        }
    }
}

/// The same where channels are padded, by way of `wide`: `[4, width, padded Co]`, then a row
/// without the padding.
#[inline(always)]
fn finish_padded<L: Simd>(
    job: &Work<'_>,
    (lines, pitch): (&[f32], usize),
    (row, y_row, left): (usize, usize, usize),
    width: usize,
    wide: &mut [f32],
    y: &mut [f32],
) {
    let (w, co) = (job.w, job.co);
    let (rows, len) = ((y.len() / (w * co) - y_row).min(OUT), width * padded(co));
    let (wide, narrow) = wide.split_at_mut(OUT * len);
    let sums = &mut narrow[..width * co];
    output_columns::<L>(lines, pitch, len, wide);
    for (i, wide) in wide.chunks_exact(len).take(rows).enumerate() {
        repack(wide, padded(co), sums, co);
        for (k, bias) in job.bias.iter().enumerate() {
            sums[k..].iter_mut().step_by(co).for_each(|sum| *sum += bias);
        }
        let (from, to) = (((row + i) * w + left) * co, ((y_row + i) * w + left) * co);
        epilogue(job, from, sums, &mut y[to..][..width * co]);
    }
}

/// The epilogue of [`finish`], there in registers, on a run of sums whose first is element `at`
/// of the output.
#[inline(always)]
fn epilogue(job: &Work<'_>, at: usize, sums: &[f32], y: &mut [f32]) {
    y.copy_from_slice(sums);
    if let Some(add) = job.add {
        y.iter_mut().zip(&add[at..]).for_each(|(y, a)| *y += a);
    }
    if let Some(mask) = job.mask {
        y.iter_mut().zip(&mask[at..]).for_each(|(y, m)| *y = if *m > 0.0 { *y } else { 0.0 });
    }
    if job.relu {
        y.iter_mut().for_each(|y| *y = y.max(0.0));
    }
}
