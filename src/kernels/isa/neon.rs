//! NEON, which every aarch64 has.
#![expect(clippy::undocumented_unsafe_blocks, reason = "the trait's contract covers every body")]
use super::{Portable, Simd};
use std::arch::aarch64::*;

impl Simd for Portable {
    type V = float32x4_t;
    type Narrow = Portable;
    const LANES: usize = 4;
    const REGISTERS: usize = 32;
    const FMA: bool = true;
    #[inline(always)]
    unsafe fn splat(v: f32) -> float32x4_t {
        vdupq_n_f32(v)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn store(v: float32x4_t, to: *mut f32) {
        unsafe { vst1q_f32(to, v) }
    }
    #[inline(always)]
    unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        vfmaq_f32(c, a, b)
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        vaddq_f32(a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        vsubq_f32(a, b)
    }
    #[inline(always)]
    unsafe fn relu(v: float32x4_t) -> float32x4_t {
        vmaxq_f32(v, vdupq_n_f32(0.0))
    }
    #[inline(always)]
    unsafe fn gate(mask: float32x4_t, v: float32x4_t) -> float32x4_t {
        vbslq_f32(vcgtq_f32(mask, vdupq_n_f32(0.0)), v, vdupq_n_f32(0.0))
    }
}
