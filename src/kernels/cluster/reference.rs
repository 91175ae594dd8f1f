//! The formulas in plain loops.

use super::{CLUSTERS, LATTICE, Params};
use crate::graph::{Args, Real};
use crate::kernels::segment::SEGMENTS;

/// Mean over 3×3 pixels of an image `[h, w, c]`, zeros outside counted.
pub fn box_mean<T: Real>(x: &[T], [h, w, c]: [usize; 3]) -> Vec<T> {
    let at = |i: isize, j: isize, k: usize| {
        let inside = (0..h as isize).contains(&i) && (0..w as isize).contains(&j);
        if inside { x[(i as usize * w + j as usize) * c + k] } else { T::zero() }
    };
    let mean = |n: usize| {
        let (i, j, k) = ((n / c / w) as isize, (n / c % w) as isize, n % c);
        let sum: T = (0..9).map(|t| at(i + t / 3 - 1, j + t % 3 - 1, k)).sum();
        sum / T::of(9.0)
    };
    (0..h * w * c).map(mean).collect()
}

/// The number of the nearest of a table's centres, the first of equally near ones; of none if all are infinitely far.
pub fn nearest<T: Real>(f: &[T], table: &[T]) -> T {
    let mut found = (T::infinity(), T::of(CLUSTERS as f64));
    for row in table.chunks_exact(f.len() + 1) {
        let distance = f.iter().zip(row).map(|(f, c)| (*f - *c) * (*f - *c)).sum();
        if row[f.len()] >= T::zero() && distance < found.0 {
            found = (distance, row[f.len()]);
        }
    }
    found.1.min(T::of(CLUSTERS as f64))
}

pub(super) fn box_mean_args<T: Real>(args: &mut Args<'_, T>) {
    let [_, h, w, c] = args.shape(0).0;
    let images = args.read(0).chunks_exact(h * w * c);
    for (x, f) in images.zip(args.write(1).chunks_exact_mut(h * w * c)) {
        f.copy_from_slice(&box_mean(x, [h, w, c]));
    }
}

/// Middle of a sixth of an axis, counted from the nearer end.
fn place(sixth: usize, len: usize) -> usize {
    let from_start = |sixth: usize| ((2 * sixth + 1) * len).div_ceil(2 * LATTICE) - 1;
    if sixth < LATTICE / 2 { from_start(sixth) } else { len - 1 - from_start(LATTICE - 1 - sixth) }
}

pub(super) fn start<T: Real>(args: &mut Args<'_, T>) {
    let [_, h, w, c] = args.shape(0).0;
    let images = args.read(0).chunks_exact(h * w * c);
    for (f, table) in images.zip(args.write(1).chunks_exact_mut(CLUSTERS * (c + 1))) {
        let cells = (0..LATTICE).flat_map(|i| (0..LATTICE).map(move |j| (i, j)));
        let edge = |i: usize| i == 0 || i == LATTICE - 1;
        let cells = cells.filter(|(i, j)| !(edge(*i) && edge(*j)));
        for ((k, row), (i, j)) in table.chunks_exact_mut(c + 1).enumerate().zip(cells) {
            row[..c].copy_from_slice(&f[(place(i, h) * w + place(j, w)) * c..][..c]);
            row[c] = T::of(k as f64);
        }
    }
}

pub(super) fn index<T: Real>(args: &mut Args<'_, T>) {
    let [_, h, w, c] = args.shape(0).0;
    let images = args.read(0).chunks_exact(h * w * c).zip(args.read(1).chunks_exact(CLUSTERS * (c + 1)));
    for ((f, table), index) in images.zip(args.write(2).chunks_exact_mut(h * w)) {
        index.iter_mut().zip(f.chunks_exact(c)).for_each(|(to, f)| *to = nearest(f, table));
    }
}

pub(super) fn centres<T: Real>(args: &mut Args<'_, T>) {
    let p = args.params::<Params>();
    let (runs, columns, least) = (p.runs as usize, p.c as usize + 1, T::of(p.least.into()));
    let (part, table) = (args.read(0), args.write(1));
    for (i, row) in table.chunks_exact_mut(columns).enumerate() {
        let (n, k) = (i / CLUSTERS, i % CLUSTERS);
        let total =
            |c: usize| -> T { (0..runs).map(|run| part[((n * runs + run) * SEGMENTS + k) * columns + c]).sum() };
        let count = total(columns - 1);
        for (c, to) in row.iter_mut().enumerate() {
            *to = if count > T::zero() { total(c) / count } else { T::zero() };
        }
        row[columns - 1] = match count {
            _ if count == T::zero() => -T::one(),
            _ if count <= least => T::of(CLUSTERS as f64),
            _ => T::of(k as f64),
        };
    }
}
