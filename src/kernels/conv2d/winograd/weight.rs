//! The weight and bias gradient of the convolution.

use std::ops::Range;

use super::lines::{Stack, input_lines, padded, repack};
use super::prefetch::Soon;
use super::product::{multiply, register_tiles};
use super::scratch::with_scratch;
use super::transform::{gradient_columns, gradient_row, input_row, transform_back};
use super::{Chunk, IN, OUT, PLACES, SKEW, side};
use crate::kernels::conv2d::job::GradientImages;
use crate::kernels::isa::{Isa, Simd, dispatch};

/// Tiles summed at once. With 8 the sums are loaded and stored too often (a quarter longer),
/// with 32 they leave the first cache.
const BATCH: usize = 16;

/// Weight and bias gradient over some rows of the stacked images, into `part`.
pub(in crate::kernels::conv2d) fn weight_gradient(
    pair: &GradientImages<'_>,
    rows: Range<usize>,
    part: &mut [f32],
    isa: Isa,
) {
    let (ci, co, chunk) = (padded(pair.ci), padded(pair.co), Chunk::new(pair.w));
    let lines = chunk.down * IN * (chunk.line(ci) + chunk.line(co) + SKEW);
    let wide = (IN * chunk.line(ci.max(co))).max(9 * ci * co);
    let len = lines + IN * BATCH * (ci + co) + PLACES * (ci * co + SKEW) + co + wide;
    with_scratch(len, chunk.line(ci.max(co)), |scratch, zeros| {
        dispatch!(isa, part_sum(pair: &GradientImages<'_>, rows: Range<usize>, part: &mut [f32], scratch: &mut [f32], zeros: &[f32]));
    });
}

#[inline(always)]
fn part_sum<L: Simd>(
    pair: &GradientImages<'_>,
    rows: Range<usize>,
    part: &mut [f32],
    scratch: &mut [f32],
    zeros: &[f32],
) {
    let (h, w, ci, co) = (pair.h, pair.w, padded(pair.ci), padded(pair.co));
    let (tiles, chunk) = (w.div_ceil(OUT), Chunk::new(w));
    let (x, dy) = (Stack { data: pair.x, w, c: pair.ci }, Stack { data: pair.dy, w, c: pair.co });
    let (x_pitch, dy_pitch, place) = (chunk.line(ci), chunk.line(co) + SKEW, ci * co + SKEW);
    let (x_lines, rest) = scratch.split_at_mut(chunk.down * IN * x_pitch);
    let (dy_lines, rest) = rest.split_at_mut(chunk.down * IN * dy_pitch);
    let (du, rest) = rest.split_at_mut(PLACES * place);
    let (v, rest) = rest.split_at_mut(IN * BATCH * ci);
    let (d, rest) = rest.split_at_mut(IN * BATCH * co);
    let (db, wide) = rest.split_at_mut(co);
    let (v_place, d_place) = (BATCH * ci, BATCH * co);
    db.fill(0.0);
    let (mut top, mut begun) = (rows.start, false);
    while top < rows.end {
        // Chunks lie within one image and within the part.
        let image = top / h * h..(top / h + 1) * h;
        let bottom = (top + chunk.down * OUT).min(image.end).min(rows.end);
        let down = (bottom - top).div_ceil(OUT);
        for first in (0..tiles).step_by(chunk.across) {
            let count = chunk.across.min(tiles - first);
            let (left, right) = (first * OUT, ((first + count) * OUT).min(w));
            for r in 0..down {
                let top = top + r * OUT;
                let lines = &mut x_lines[r * IN * x_pitch..][..IN * x_pitch];
                input_lines::<L>(x, &image, top, (first, count), zeros, wide, (lines, x_pitch));
                let lines = &mut dy_lines[r * IN * dy_pitch..][..IN * dy_pitch];
                let rows = dy.padded_rows(dy.rows(top as isize, &(top..bottom), (left, right), zeros), wide);
                for line in lines.chunks_exact_mut(dy_pitch) {
                    line[(right - left) * co..count * OUT * co].fill(0.0);
                }
                side!(L, co, gradient_columns(rows, lines, dy_pitch, db));
            }
            // The next chunk: to the right, else below, where two rows of x are known already.
            let times = PLACES * down * count.div_ceil(BATCH) * side!(L, co, register_tiles(ci, co));
            let across = chunk.across;
            let mut soon = if first + count < tiles {
                let next = (first + count, across);
                [
                    Soon::new(x, (top.max(1) - 1, bottom - top + 2), next, times),
                    Soon::new(dy, (top, bottom - top), next, times),
                ]
            } else {
                let rows = (chunk.down * OUT).min(rows.end - bottom);
                [
                    Soon::new(x, (bottom + 1, rows), (0, across), times),
                    Soon::new(dy, (bottom, rows), (0, across), times),
                ]
            };
            for (i, du) in du.chunks_exact_mut(IN * place).enumerate() {
                for r in 0..down {
                    let x_line = &x_lines[(r * IN + i) * x_pitch..][..x_pitch];
                    let dy_line = &dy_lines[(r * IN + i) * dy_pitch..][..dy_pitch];
                    for t in (0..count).step_by(BATCH) {
                        let some = BATCH.min(count - t);
                        side!(L, ci, input_row(&x_line[t * OUT * ci..], ci, some, v, v_place));
                        side!(L, co, gradient_row(&dy_line[t * OUT * co..], co, some, d, d_place));
                        let add = begun || r > 0 || t > 0;
                        for (j, du) in du.chunks_exact_mut(place).enumerate() {
                            let (v, d) = (&v[j * v_place..][..some * ci], &d[j * d_place..][..some * co]);
                            let (du, sizes) = (&mut du[..ci * co], (ci, co, some));
                            side!(L, co, multiply(v, (1, ci), d, du, sizes, add, &mut soon));
                        }
                    }
                }
            }
            begun = true;
        }
        top = bottom;
    }
    let (dw_part, db_part) = part.split_at_mut(9 * pair.ci * pair.co);
    db_part.copy_from_slice(&db[..pair.co]);
    if (ci, co) == (pair.ci, pair.co) {
        return transform_back::<L>(du, dw_part);
    }
    let dw = &mut wide[..9 * ci * co];
    transform_back::<L>(du, dw);
    for (part, dw) in dw_part.chunks_exact_mut(pair.ci * pair.co).zip(dw.chunks_exact(ci * co)) {
        repack(dw, co, part, pair.co);
    }
}
