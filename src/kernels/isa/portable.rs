//! Arrays of 4, which SSE2 covers.

use super::{Portable, Simd};

impl Simd for Portable {
    type V = [f32; 4];
    type Narrow = Portable;
    const LANES: usize = 4;
    const REGISTERS: usize = 16;
    const FMA: bool = false;
    #[inline(always)]
    unsafe fn splat(v: f32) -> [f32; 4] {
        [v; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: the caller gives LANES readable floats.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(v: [f32; 4], to: *mut f32) {
        // SAFETY: the caller gives LANES writable floats.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // Not `mul_add`: without the instruction that is a library call.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn relu(v: [f32; 4]) -> [f32; 4] {
        v.map(|v| v.max(0.0))
    }
    #[inline(always)]
    unsafe fn gate(mask: [f32; 4], v: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if mask[i] > 0.0 { v[i] } else { 0.0 })
    }
}
