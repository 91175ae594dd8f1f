//! Vector registers: one generic body, compiled for every instruction set and picked
//! at run time. Explicit registers, because automatic vectorisation was measured to
//! spill the convolution's tile: 60 instead of 180 GFLOP/s on one core.

/// The vector operations of one instruction set.
///
/// # Safety
/// Every function may be called only where the instruction set is available;
/// [`dispatch!`] sees to that.
pub(super) trait Level {
    /// One register.
    type V: Copy;
    /// The level for channels that fill half a register; the same if there is none.
    type Narrow: Level;
    /// Floats per register.
    const LANES: usize;
    /// Registers: how large a tile may be.
    const REGISTERS: usize;
    /// Whether `fma` is one instruction, rounded once.
    const FMA: bool;
    /// `[v; LANES]`.
    unsafe fn splat(v: f32) -> Self::V;
    /// Reads `LANES` floats; alignment does not matter.
    unsafe fn load(from: *const f32) -> Self::V;
    /// Writes `LANES` floats.
    unsafe fn store(v: Self::V, to: *mut f32);
    /// `a · b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `max(v, 0)`.
    unsafe fn relu(v: Self::V) -> Self::V;
    /// `v` where `mask > 0`, else 0.
    unsafe fn gate(mask: Self::V, v: Self::V) -> Self::V;
    /// Asks for the cache line at an address, which need not be valid, where that is possible.
    unsafe fn prefetch(_at: *const f32) {}
}

/// AVX-512: 32 registers of 16 floats.
pub(super) struct Avx512;
/// AVX2 with FMA: 16 registers of 8 floats.
pub(super) struct Avx2;
/// What the target guarantees: NEON on aarch64, else arrays of 4, which SSE2 covers.
pub(super) struct Portable;

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "the trait's contract covers every body")]
    use super::{Avx2, Avx512, Level};
    use std::arch::x86_64::*;

    impl Level for Avx512 {
        type V = __m512;
        type Narrow = Avx2;
        const LANES: usize = 16;
        const REGISTERS: usize = 32;
        const FMA: bool = true;
        #[inline(always)]
        unsafe fn splat(v: f32) -> __m512 {
            unsafe { _mm512_set1_ps(v) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(v: __m512, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn relu(v: __m512) -> __m512 {
            unsafe { _mm512_max_ps(v, _mm512_setzero_ps()) }
        }
        #[inline(always)]
        unsafe fn gate(mask: __m512, v: __m512) -> __m512 {
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(mask, _mm512_setzero_ps()), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
        }
    }

    impl Level for Avx2 {
        type V = __m256;
        type Narrow = Avx2;
        const LANES: usize = 8;
        const REGISTERS: usize = 16;
        const FMA: bool = true;
        #[inline(always)]
        unsafe fn splat(v: f32) -> __m256 {
            unsafe { _mm256_set1_ps(v) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(v: __m256, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn relu(v: __m256) -> __m256 {
            unsafe { _mm256_max_ps(v, _mm256_setzero_ps()) }
        }
        #[inline(always)]
        unsafe fn gate(mask: __m256, v: __m256) -> __m256 {
            unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(mask, _mm256_setzero_ps()), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "the trait's contract covers every body")]
    use super::{Level, Portable};
    use std::arch::aarch64::*;

    impl Level for Portable {
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
}

#[cfg(not(target_arch = "aarch64"))]
impl Level for Portable {
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

/// Calls `body::<Level>(args)` compiled for the instruction set `isa`. The body must
/// be `#[inline(always)]`, or it is compiled for the portable target only.
macro_rules! dispatch {
    ($isa:expr, $body:ident($($arg:ident: $ty:ty),* $(,)?)) => {{
        use $crate::graph::Isa;
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
        fn avx512($($arg: $ty),*) {
            $body::<$crate::kernels::isa::Avx512>($($arg),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($arg: $ty),*) {
            $body::<$crate::kernels::isa::Avx2>($($arg),*)
        }
        match $isa {
            // SAFETY: `Isa::available` found the features on this machine.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2($($arg),*) },
            _ => $body::<$crate::kernels::isa::Portable>($($arg),*),
        }
    }};
}
pub(super) use dispatch;
