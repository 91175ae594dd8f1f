//! Rows of an image side by side; distances to all centres at once.

use rayon::prelude::*;

use super::CLUSTERS;
use crate::graph::Args;
use crate::kernels::isa::{Isa, Simd, dispatch};
use crate::kernels::sigmoid::fma;

pub(super) fn box_mean(args: &mut Args<'_, f32>) {
    let [_, h, w, c] = args.shape(0).0;
    let x = args.read(0);
    args.write(1).par_chunks_mut(w * c).enumerate().for_each(|(row, f)| {
        let near = |i: usize, len: usize| i.saturating_sub(1)..(i + 2).min(len);
        let (top, i) = (row / h * h, row % h);
        for (j, f) in f.chunks_exact_mut(c).enumerate() {
            f.fill(0.0);
            for at in near(i, h).flat_map(|i| near(j, w).map(move |j| (top + i) * w + j)) {
                f.iter_mut().zip(&x[at * c..]).for_each(|(f, x)| *f += x);
            }
            f.iter_mut().for_each(|f| *f /= 9.0);
        }
    });
}

pub(super) fn index(args: &mut Args<'_, f32>) {
    let isa = Isa::of(args);
    let [_, h, w, c] = args.shape(0).0;
    let (f, tables) = (args.read(0), args.read(1));
    // [C + 1, CLUSTERS] of each image.
    let turned = |table: &[f32]| super::super::matrix::transposed(table, c + 1);
    let tables: Vec<Vec<f32>> = tables.chunks_exact(CLUSTERS * (c + 1)).map(turned).collect();
    let rows = f.par_chunks(w * c).zip(args.write(2).par_chunks_mut(w));
    rows.enumerate().for_each(|(row, (f, index))| {
        let table = &tables[row / h][..];
        dispatch!(isa, nearest(f: &[f32], table: &[f32], index: &mut [f32]));
    });
}

#[inline(always)]
fn nearest<L: Simd>(f: &[f32], table: &[f32], index: &mut [f32]) {
    let (centres, numbers) = table.split_at(table.len() - CLUSTERS);
    let channels = f.len() / index.len();
    for (f, index) in f.chunks_exact(channels).zip(index) {
        let mut distances = [0.0f32; CLUSTERS];
        for (f, centres) in f.iter().zip(centres.chunks_exact(CLUSTERS)) {
            for (distance, centre) in distances.iter_mut().zip(centres) {
                *distance = fma::<L>(f - centre, f - centre, *distance);
            }
        }
        let mut found = (f32::INFINITY, CLUSTERS as f32);
        for (distance, number) in distances.iter().zip(numbers) {
            if *number >= 0.0 && *distance < found.0 {
                found = (*distance, *number);
            }
        }
        *index = found.1.min(CLUSTERS as f32);
    }
}
