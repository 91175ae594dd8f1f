//! The formulas in plain loops.

use super::{Params, SEGMENTS};
use crate::graph::{Args, Real};

/// Number of a pixel's segment.
pub(in crate::kernels) fn number<T: Real>(index: T) -> usize {
    index.to_usize().expect("a whole number")
}

pub(super) fn sums<T: Real>(args: &mut Args<'_, T>) {
    let [_, h, w, c] = args.shape(0).0;
    let p = args.params::<Params>();
    let (taps, chunk, runs) = (p.taps as usize, p.chunk as usize, p.runs as usize);
    let (x, index, columns) = (args.read(0), args.read(1), taps * c + 1);
    let sums = args.write(2);
    sums.fill(T::zero());
    for (at, number) in index.iter().map(|k| self::number(*k)).enumerate() {
        let (n, pixel) = (at / (h * w), at % (h * w));
        let row = &mut sums[((n * runs + pixel / chunk) * SEGMENTS + number) * columns..][..columns];
        row[columns - 1] = row[columns - 1] + T::one();
        for (t, row) in row[..columns - 1].chunks_exact_mut(c).enumerate() {
            let t = if taps == 1 { 4 } else { t };
            let near = (pixel / w + t / 3).checked_sub(1).zip((pixel % w + t % 3).checked_sub(1));
            if let Some((i, j)) = near.filter(|(i, j)| *i < h && *j < w) {
                let value = &x[((n * h + i) * w + j) * c..][..c];
                row.iter_mut().zip(value).for_each(|(sum, x)| *sum = *sum + *x);
            }
        }
    }
}

/// Sum over the runs of one column of a segment of an image.
fn total<T: Real>(part: &[T], p: Params, n: usize, k: usize, column: usize) -> T {
    let (runs, columns) = (p.runs as usize, p.columns as usize);
    (0..runs).map(|run| part[((n * runs + run) * SEGMENTS + k) * columns + column]).sum()
}

/// Pixels of a segment of an image, of all pixels the last, at least one.
fn count<T: Real>(part: &[T], p: Params, n: usize, k: usize) -> T {
    if k == SEGMENTS - 1 {
        return T::of(f64::from(p.h * p.w));
    }
    total(part, p, n, k, p.columns as usize - 1).max(T::one())
}

/// Fills rows of segments by image, segment and column.
fn fill<T: Real>(rows: &mut [T], c: usize, value: impl Fn(usize, usize, usize) -> T) {
    for (i, to) in rows.iter_mut().enumerate() {
        *to = value(i / c / SEGMENTS, i / c % SEGMENTS, i % c);
    }
}

pub(super) fn means<T: Real>(args: &mut Args<'_, T>) {
    let (p, part) = (args.params::<Params>(), args.read(0));
    fill(args.write(1), p.columns as usize - 1, |n, k, c| {
        let sum = match k {
            _ if k == SEGMENTS - 1 => (0..SEGMENTS).map(|k| total(part, p, n, k, c)).sum(),
            _ => total(part, p, n, k, c),
        };
        sum / count(part, p, n, k)
    });
}

pub(super) fn totals<T: Real>(args: &mut Args<'_, T>) {
    let (p, part, gate) = (args.params::<Params>(), args.read(0), args.maybe(1));
    let width = p.c as usize;
    fill(args.write(2), width, |n, k, c| {
        let sum = total(part, p, n, k, p.first as usize + c);
        gate.map_or(sum, |gate| {
            let gate = gate[(n * SEGMENTS + k) * width + c];
            sum * gate * (T::one() - gate)
        })
    });
}

pub(super) fn spread<T: Real>(args: &mut Args<'_, T>) {
    let (p, drows, part) = (args.params::<Params>(), args.read(0), args.read(1));
    let width = p.c as usize;
    fill(args.write(2), width, |n, k, c| {
        let own = |k: usize| drows[(n * SEGMENTS + k) * width + c] / count(part, p, n, k);
        if k == SEGMENTS - 1 { own(k) } else { own(k) + own(SEGMENTS - 1) }
    });
}
