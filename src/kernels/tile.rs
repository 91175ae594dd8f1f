//! The register tile all matrix-like loops of the CPU forms are made of.

use super::isa::Simd;

/// `P × (N · LANES)` sums in registers.
///
/// Plain loops instead of `array::from_fn` and closures: those are compiled without the
/// instruction set unless they happen to be inlined, and were not.
pub(super) struct RegisterTile<L: Simd, const P: usize, const N: usize>([[L::V; N]; P]);

impl<L: Simd, const P: usize, const N: usize> RegisterTile<L, P, N> {
    /// All sums zero.
    #[inline(always)]
    pub(super) fn zero() -> Self {
        // SAFETY: the level is available where it is used.
        Self([[unsafe { L::splat(0.0) }; N]; P])
    }

    /// Reads `P` rows of `N · LANES` floats, `pitch` apart; with 0 all are the same.
    #[inline(always)]
    pub(super) fn load(from: &[f32], pitch: usize) -> Self {
        assert!(from.len() >= (P - 1) * pitch + N * L::LANES);
        let mut tile = Self::zero();
        for (p, row) in tile.0.iter_mut().enumerate() {
            for (n, v) in row.iter_mut().enumerate() {
                // SAFETY: the largest index is checked above.
                *v = unsafe { L::load(from.as_ptr().add(p * pitch + n * L::LANES)) };
            }
        }
        tile
    }

    /// Writes `P` rows of `N · LANES` floats, `pitch` apart.
    #[inline(always)]
    pub(super) fn store(&self, to: &mut [f32], pitch: usize) {
        assert!(to.len() >= (P - 1) * pitch + N * L::LANES);
        for (p, row) in self.0.iter().enumerate() {
            for (n, v) in row.iter().enumerate() {
                // SAFETY: the largest index is checked above.
                unsafe { L::store(*v, to.as_mut_ptr().add(p * pitch + n * L::LANES)) }
            }
        }
    }

    /// `sums[p] += Σ_k a[p · stride.0 + k · stride.1] · b[k · step ..][..N · LANES]`, `k < count`.
    #[inline(always)]
    pub(super) fn add(&mut self, a: &[f32], stride: (usize, usize), b: &[f32], step: usize, count: usize) {
        assert!(a.len() > (P - 1) * stride.0 + (count - 1) * stride.1);
        assert!(b.len() >= (count - 1) * step + N * L::LANES);
        let mut sums = self.0;
        for k in 0..count {
            // SAFETY: the largest index of `a` and of `b` is checked above.
            unsafe {
                let b = b.as_ptr().add(k * step);
                let mut row = [L::splat(0.0); N];
                for (n, v) in row.iter_mut().enumerate() {
                    *v = L::load(b.add(n * L::LANES));
                }
                for (p, sums) in sums.iter_mut().enumerate() {
                    let a = L::splat(*a.get_unchecked(p * stride.0 + k * stride.1));
                    for (sum, b) in sums.iter_mut().zip(row) {
                        *sum = L::fma(a, b, *sum);
                    }
                }
            }
        }
        self.0 = sums;
    }
}
