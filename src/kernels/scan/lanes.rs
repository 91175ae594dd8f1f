//! Channels as registers hold them.

use crate::kernels::isa::Simd;
use crate::kernels::sigmoid::{exp, fma};

/// Channels of a block.
pub(super) const LANES: usize = 16;
pub(super) type Lanes = [f32; LANES];

/// Numbers of a row from the `first` on, zeros behind its end.
#[inline(always)]
pub(super) fn lanes(row: &[f32], first: usize) -> Lanes {
    let mut lanes = [0.0; LANES];
    if let Some(all) = row.get(first..first + LANES) {
        lanes.copy_from_slice(all);
    } else {
        lanes.iter_mut().zip(&row[first..]).for_each(|(to, from)| *to = *from);
    }
    lanes
}

/// As many of them as the row has.
#[inline(always)]
pub(super) fn put(lanes: &Lanes, row: &mut [f32], first: usize) {
    row[first..].iter_mut().zip(lanes).for_each(|(to, from)| *to = *from);
}

/// `a + b · c`.
#[inline(always)]
pub(super) fn add<L: Simd>(a: &mut Lanes, b: &Lanes, c: &Lanes) {
    for l in 0..LANES {
        a[l] = fma::<L>(b[l], c[l], a[l]);
    }
}

/// `e^(a b)`.
#[inline(always)]
pub(super) fn decay<L: Simd>(a: &Lanes, b: &Lanes) -> Lanes {
    let mut out = [0.0; LANES];
    for l in 0..LANES {
        out[l] = exp::<L>(a[l] * b[l]);
    }
    out
}

/// The sum, by halves.
#[inline(always)]
pub(super) fn total(lanes: &Lanes) -> f32 {
    let (mut sums, mut half) = (*lanes, LANES / 2);
    while half > 0 {
        for l in 0..half {
            sums[l] += sums[l + half];
        }
        half /= 2;
    }
    sums[0]
}
