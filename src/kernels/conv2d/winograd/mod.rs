//! Winograd's F(4×4, 3×3): 36 multiplications for 16 outputs instead of 144.
//!
//! `Y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A` on 6×6 tiles of input and 4×4 tiles of output, with
//! the points 0, ±5/8, ±3/2, ∞ (Lavin and Gray, arXiv 1509.09308). Under the ⊙ stands, for
//! each of the 36 places, a matrix product over the channels of a batch of tiles. The
//! weight gradient is the adjoint in `w` of the same form: `dw = Gᵀ [ Σ (Bᵀ x B) ⊙
//! (A dy Aᵀ) ] G`. Channels-last makes every transform a run of whole registers.
//!
//! Error against f64 at 32→32 on values in ±1, relative to the result's rms: 6e-7 rms and
//! 6e-6 worst, twice that of the direct sum (3e-7 and 3e-6).

mod transform;

use std::cell::{Cell, RefCell};
use std::ops::Range;

use rayon::prelude::*;

use super::cpu::{Job, Pair};
use crate::graph::Isa;
use crate::kernels::isa::{Level, dispatch};
use crate::kernels::tile::Tile;
use transform::{output, row_of, transform_back, transform_gradient, transform_input, transform_weights};

/// Side of an output tile.
const OUT: usize = 4;
/// Side of an input tile, and of the transformed domain.
const IN: usize = 6;
/// Places of the transformed domain.
const PLACES: usize = IN * IN;
/// Most tiles per batch: transformed tiles and weights then stay in the second cache
/// (36 · 32 · 32 floats are 147 KB each).
const BATCH: usize = 32;
/// Floats between places beyond their own: without them all places of a tile, or of a
/// register of weights, would fall into the same few sets of the first cache. To transform
/// the weights takes 8 us with them, 30 without.
const SKEW: usize = 16;

thread_local! {
    /// Scratch of each worker, kept between calls: a fresh one would cost more page faults
    /// than a row of tiles takes.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    /// Transformed weights of the call this thread makes, kept for the same reason.
    static WEIGHTS: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Runs `f` on `len` floats of scratch, whose values are whatever was left there.
fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < len {
            scratch.resize(len, 0.0);
        }
        f(&mut scratch[..len])
    })
}

/// The instruction set whose registers, or halves of them on one side, the channels fill, if
/// there is one: then the transforms pay.
pub(super) fn isa(ci: usize, co: usize, best: Isa) -> Option<Isa> {
    let fills = |lanes: usize| ci.is_multiple_of(lanes) && co.is_multiple_of(lanes);
    match best {
        Isa::Avx512 if fills(8) && (ci.is_multiple_of(16) || co.is_multiple_of(16)) => Some(best),
        Isa::Avx512 | Isa::Avx2 if fills(8) => Some(Isa::Avx2),
        Isa::Portable if fills(8) => Some(best),
        _ => None,
    }
}

/// Calls a function of the level on the side that has `$channels`, of the narrower level
/// where they do not fill its registers.
macro_rules! side {
    ($level:ident, $channels:expr, $body:ident($($arg:expr),* $(,)?)) => {
        if $channels.is_multiple_of($level::LANES) {
            $body::<$level>($($arg),*)
        } else {
            $body::<$level::Narrow>($($arg),*)
        }
    };
}

/// Tiles per batch for a row of `tiles`, a multiple of what the products take at once.
fn batch(tiles: usize) -> usize {
    tiles.next_multiple_of(8).min(BATCH)
}

/// Rows of an image that will be needed soon: asking for them while products are computed
/// hides the memory behind the arithmetic, which the hardware's own prefetch does not
/// manage across rows. A 32→32 convolution of 512×512 falls from 8.0 to 5.7 ms.
struct Soon<'a> {
    /// From the first element needed.
    image: &'a [f32],
    pitch: usize,
    /// Cache lines of each row, and of all of them that are left.
    lines: usize,
    left: usize,
    /// Lines to ask for at once: a `PLACES`th of all.
    share: usize,
    /// The next line: where its row starts, and its number there.
    row: usize,
    line: usize,
}

impl<'a> Soon<'a> {
    /// Floats of a cache line.
    const LINE: usize = 16;

    /// Columns `left..left + width` of `rows` rows from `top`; `image [.., w, c]`.
    fn new(image: &'a [f32], (w, c): (usize, usize), (top, rows): (usize, usize), left: usize, width: usize) -> Self {
        let lines = (width.min(w - left.min(w)) * c).div_ceil(Self::LINE);
        let image = image.get((top * w + left) * c..).unwrap_or(&[]);
        Self { image, pitch: w * c, lines, left: rows * lines, share: (rows * lines).div_ceil(PLACES), row: 0, line: 0 }
    }

    /// Asks for the next share. Counting on instead of dividing: a division per line took
    /// a sixth of a convolution.
    #[inline(always)]
    fn prefetch<L: Level>(&mut self) {
        let share = self.share.min(self.left);
        self.left -= share;
        for _ in 0..share {
            // SAFETY: any address may be asked for; this one is computed without overflow.
            unsafe { L::prefetch(self.image.as_ptr().wrapping_add(self.row + self.line * Self::LINE)) }
            self.line += 1;
            if self.line == self.lines {
                (self.row, self.line) = (self.row + self.pitch, 0);
            }
        }
    }
}

/// Copies the part of a `side × side` window at `(top, left)` that lies within `rows` and
/// the image's columns; zero elsewhere. `image [.., w, c]`.
fn window<'p>(
    image: &[f32],
    (w, c): (usize, usize),
    rows: &Range<isize>,
    (top, left): (isize, isize),
    side: usize,
    patch: &'p mut [f32],
) -> &'p [f32] {
    let patch = &mut patch[..side * side * c];
    let (first, last) = (left.max(0), (left + side as isize).min(w as isize));
    for (i, to) in patch.chunks_exact_mut(side * c).enumerate() {
        let row = top + i as isize;
        if !rows.contains(&row) || first >= last {
            to.fill(0.0);
            continue;
        }
        let from = &image[(row as usize * w + first as usize) * c..][..(last - first) as usize * c];
        let (before, to) = to.split_at_mut((first - left) as usize * c);
        let (inside, after) = to.split_at_mut(from.len());
        before.fill(0.0);
        inside.copy_from_slice(from);
        after.fill(0.0);
    }
    patch
}

// ---- forward and input gradient ----

impl Job<'_> {
    /// The convolution by tiles. Rows of tiles are independent tasks.
    pub(super) fn run_winograd(&self, isa: Isa, y: &mut [f32]) {
        let mut transformed = WEIGHTS.take();
        transformed.resize(PLACES * (self.ci * self.co + SKEW), 0.0);
        let (job, w, u) = (self, self.weights, &mut transformed[..]);
        dispatch!(isa, transform_weights(w: &[f32], u: &mut [f32]));
        let (u, row) = (&transformed, self.w * self.co);
        let batch = batch(self.w.div_ceil(OUT));
        let len = PLACES * (batch * (self.ci + self.co) + 2 * SKEW + self.ci);
        y.par_chunks_mut(self.h * row).enumerate().for_each(|(n, y)| {
            y.par_chunks_mut(OUT * row).enumerate().for_each(|(i, y)| {
                let at = (n, i);
                with_scratch(len, |scratch| {
                    dispatch!(isa, tile_row(job: &Job<'_>, u: &[f32], at: (usize, usize), y: &mut [f32], scratch: &mut [f32]));
                });
            });
        });
        WEIGHTS.set(transformed);
    }
}

/// One row of tiles: rows `4i..` of image `n` into `y [up to 4, w, Co]`.
#[inline(always)]
fn tile_row<L: Level>(job: &Job<'_>, u: &[f32], (n, i): (usize, usize), y: &mut [f32], scratch: &mut [f32]) {
    let (h, w, ci, co) = (job.h, job.w, job.ci, job.co);
    let tiles = w.div_ceil(OUT);
    let batch = batch(tiles);
    let (v_place, m_place) = (batch * ci + SKEW, batch * co + SKEW);
    let (v, rest) = scratch.split_at_mut(PLACES * v_place);
    let (m, patch) = rest.split_at_mut(PLACES * m_place);
    let image = &job.x[n * h * w * ci..][..h * w * ci];
    let first_output = (n * h + i * OUT) * w * co;
    for first in (0..tiles).step_by(batch) {
        let count = batch.min(tiles - first);
        for t in 0..count {
            let (top, left) = ((i * OUT) as isize - 1, ((first + t) * OUT) as isize - 1);
            let inside = top >= 0 && left >= 0 && top as usize + IN <= h && left as usize + IN <= w;
            let (x, pitch) = if inside {
                (&image[(top as usize * w + left as usize) * ci..], w * ci)
            } else {
                (window(image, (w, ci), &(0..h as isize), (top, left), IN, patch), IN * ci)
            };
            side!(L, ci, transform_input(x, pitch, ci, &mut v[t * ci..], v_place));
        }
        // What is read when this batch is finished, and the input of the next one.
        let (left, width, rows) = (first * OUT, count * OUT, y.len() / (w * co));
        let output = |image| Soon::new(image, (w, co), (n * h + i * OUT, rows), left, width);
        // After the last batch comes the row of tiles below, likely on this thread.
        let (i_next, next) = if first + batch < tiles { (i, (first + batch) * OUT) } else { (i + 1, 0) };
        let mut soon = [
            Some(Soon::new(image, (w, ci), ((i_next * OUT).saturating_sub(1), IN), next, batch * OUT)),
            Some(Soon::new(y, (w, co), (0, rows), left, width)),
            job.add.map(output),
            job.mask.map(output),
        ];
        for place in 0..PLACES {
            for soon in soon.iter_mut().flatten() {
                soon.prefetch::<L>();
            }
            let (v, u) = (&v[place * v_place..], &u[place * (ci * co + SKEW)..][..ci * co]);
            side!(L, co, products(v, u, ci, co, count, &mut m[place * m_place..][..batch * co]));
        }
        for t in 0..count {
            let left = (first + t) * OUT;
            side!(L, co, finish_tile(job, &m[t * co..], m_place, left, first_output, y));
        }
    }
}

/// `m[t] = v[t] · u` for `count` tiles; `v [.., Ci]`, `u [Ci, Co]`, `m [.., Co]`.
#[inline(always)]
fn products<L: Level>(v: &[f32], u: &[f32], ci: usize, co: usize, count: usize, m: &mut [f32]) {
    // Past `count` a batch holds old values: finite or not, they stay in their tiles.
    let sizes = (count, co, ci);
    match (co.is_multiple_of(2 * L::LANES), L::REGISTERS) {
        (true, 32) => matrix::<L, 8, 2>(v, (ci, 1), u, m, sizes, false),
        (true, _) => matrix::<L, 4, 2>(v, (ci, 1), u, m, sizes, false),
        (false, _) => matrix::<L, 8, 1>(v, (ci, 1), u, m, sizes, false),
    }
}

/// `out[i, ..] = Σ_k a[i · stride.0 + k · stride.1] · b[k, ..]` for `rows` rows and `depth`
/// terms, added to what stands there if asked; `b [depth, columns]`, `out [rows, columns]`. Eight sums at least are under way at
/// once, or the latency of multiply-add would show.
#[inline(always)]
fn matrix<L: Level, const P: usize, const N: usize>(
    a: &[f32],
    stride: (usize, usize),
    b: &[f32],
    out: &mut [f32],
    (rows, columns, depth): (usize, usize, usize),
    add: bool,
) {
    for i in (0..rows).step_by(P) {
        for o in (0..columns).step_by(N * L::LANES) {
            let to = &mut out[i * columns + o..];
            let mut sums = if add { Tile::<L, P, N>::load(to, columns) } else { Tile::zero() };
            sums.add(&a[i * stride.0..], stride, &b[o..], columns, depth);
            sums.store(to, columns);
        }
    }
}

/// `Aᵀ m A` of one tile, epilogue, and the pixels that lie inside.
#[inline(always)]
fn finish_tile<L: Level>(job: &Job<'_>, m: &[f32], place: usize, left: usize, first: usize, y: &mut [f32]) {
    let (w, co) = (job.w, job.co);
    let (rows, inside) = (y.len() / (w * co), OUT.min(w - left));
    assert!(m.len() >= (PLACES - 1) * place + co && rows <= OUT && y.len() == rows * w * co);
    for v in (0..co).step_by(L::LANES) {
        // SAFETY: the largest index of `m` is checked above, pixels lie inside `y`, `add`
        // and `mask` have the output's size, and co is a multiple of LANES.
        unsafe {
            let m = m.as_ptr().add(v);
            let mut columns = [[L::splat(0.0); OUT]; IN];
            for (j, column) in columns.iter_mut().enumerate() {
                let mut m_column = [L::splat(0.0); IN];
                for (i, value) in m_column.iter_mut().enumerate() {
                    *value = L::load(m.add((i * IN + j) * place));
                }
                *column = output::<L>(m_column);
            }
            let bias = L::load(job.bias[v..].as_ptr());
            for i in 0..rows {
                let row = output::<L>(row_of(&columns, i));
                for (j, value) in row.into_iter().take(inside).enumerate() {
                    let at = (i * w + left + j) * co + v;
                    let mut value = L::add(value, bias);
                    if let Some(add) = job.add {
                        value = L::add(value, L::load(add.as_ptr().add(first + at)));
                    }
                    if let Some(mask) = job.mask {
                        value = L::gate(L::load(mask.as_ptr().add(first + at)), value);
                    }
                    if job.relu {
                        value = L::relu(value);
                    }
                    L::store(value, y.as_mut_ptr().add(at));
                }
            }
        }
    }
}

// ---- weight gradient ----

/// Weight and bias gradient over some rows of the stacked images.
pub(super) fn weight_gradient(pair: &Pair<'_>, rows: Range<usize>, part: &mut [f32], isa: Isa) {
    let (ci, co) = (pair.ci, pair.co);
    let batch = batch(pair.w.div_ceil(OUT));
    let len = PLACES * (batch * (ci + co) + 3 * SKEW + ci * co + ci.max(co));
    with_scratch(len, |scratch| {
        dispatch!(isa, part_sum(pair: &Pair<'_>, rows: Range<usize>, part: &mut [f32], scratch: &mut [f32]));
    });
}

#[inline(always)]
fn part_sum<L: Level>(pair: &Pair<'_>, rows: Range<usize>, part: &mut [f32], scratch: &mut [f32]) {
    let (h, w, ci, co) = (pair.h, pair.w, pair.ci, pair.co);
    let (dw, db) = part.split_at_mut(9 * ci * co);
    let tiles = w.div_ceil(OUT);
    // No more than a row of tiles: what is asked for ahead is one rectangle.
    let batch = batch(tiles);
    let (v_place, d_place) = (batch * ci + SKEW, batch * co + SKEW);
    let (v, rest) = scratch.split_at_mut(PLACES * v_place);
    let (d, rest) = rest.split_at_mut(PLACES * d_place);
    let (du, patch) = rest.split_at_mut(PLACES * (ci * co + SKEW));
    db.fill(0.0);
    // Rows of tiles lie within one image and within the part; batches run across them.
    let mut tile_rows = Vec::new();
    let mut row = rows.start;
    while row < rows.end {
        let end = (row + OUT).min((row / h + 1) * h).min(rows.end);
        tile_rows.push(row..end);
        row = end;
    }
    let total = tile_rows.len() * tiles;
    for first in (0..total).step_by(batch) {
        let count = batch.min(total - first);
        for t in 0..count {
            let (row, left) = (&tile_rows[(first + t) / tiles], (first + t) % tiles * OUT);
            let to = ((&mut v[t * ci..], v_place), (&mut d[t * co..], d_place, &mut *db));
            load_tiles::<L>(pair, row.clone(), left, patch, to.0, to.1);
        }
        let next = first + batch;
        let row = tile_rows.get(next / tiles).map_or(rows.end, |row| row.start);
        let (left, width) = (next % tiles * OUT, batch * OUT);
        let mut x = Soon::new(pair.x, (w, ci), (row.saturating_sub(1), IN), left, width);
        let mut dy = Soon::new(pair.dy, (w, co), (row, OUT), left, width);
        for place in 0..PLACES {
            x.prefetch::<L>();
            dy.prefetch::<L>();
            let (v, d) = (&v[place * v_place..][..count * ci], &d[place * d_place..][..count * co]);
            let du = &mut du[place * (ci * co + SKEW)..][..ci * co];
            side!(L, co, correlations(v, d, (ci, co, count), first > 0, du));
        }
    }
    transform_back::<L>(du, dw);
}

/// Transforms the input tile and the gradient tile of output rows `rows` at column `left`.
#[inline(always)]
fn load_tiles<L: Level>(
    pair: &Pair<'_>,
    rows: Range<usize>,
    left: usize,
    patch: &mut [f32],
    (v, v_place): (&mut [f32], usize),
    (d, d_place, db): (&mut [f32], usize, &mut [f32]),
) {
    let (h, w, ci, co) = (pair.h, pair.w, pair.ci, pair.co);
    let image = rows.start / h * h..(rows.start / h + 1) * h;
    let inside = rows.start > image.start && rows.start + OUT < image.end && left > 0 && left + OUT < w;
    let (x, pitch) = if inside {
        (&pair.x[((rows.start - 1) * w + left - 1) * ci..], w * ci)
    } else {
        let bounds = image.start as isize..image.end as isize;
        let corner = (rows.start as isize - 1, left as isize - 1);
        (window(pair.x, (w, ci), &bounds, corner, IN, patch), IN * ci)
    };
    side!(L, ci, transform_input(x, pitch, ci, v, v_place));
    let (dy, pitch) = if rows.len() == OUT && left + OUT <= w {
        (&pair.dy[(rows.start * w + left) * co..], w * co)
    } else {
        let bounds = rows.start as isize..rows.end as isize;
        let corner = (rows.start as isize, left as isize);
        (window(pair.dy, (w, co), &bounds, corner, OUT, patch), OUT * co)
    };
    side!(L, co, transform_gradient(dy, pitch, d, d_place, db));
}

/// `du = Σ_t v[t]ᵀ d[t]`, or `du += …`; `v [count, Ci]`, `d [count, Co]`, `du [Ci, Co]`.
#[inline(always)]
fn correlations<L: Level>(v: &[f32], d: &[f32], sizes: (usize, usize, usize), add: bool, du: &mut [f32]) {
    let (ci, co, _) = sizes;
    match (co.is_multiple_of(2 * L::LANES), L::REGISTERS) {
        (true, 32) => matrix::<L, 8, 2>(v, (1, ci), d, du, sizes, add),
        (true, _) => matrix::<L, 4, 2>(v, (1, ci), d, du, sizes, add),
        (false, _) => matrix::<L, 8, 1>(v, (1, ci), d, du, sizes, add),
    }
}
