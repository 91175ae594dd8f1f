//! Vector registers: one generic body, compiled for every instruction set and picked
//! at run time. Explicit registers, because automatic vectorisation spills the
//! convolution's tile: a third of the speed.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(not(target_arch = "aarch64"))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::graph::Args;

/// Instruction sets the fast CPU forms are compiled for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Isa {
    /// What the target guarantees: SSE2 on x86-64, NEON with FMA on aarch64.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F and VL, and FMA.
    Avx512,
}

impl std::fmt::Display for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

impl Isa {
    /// From the slowest to the fastest.
    const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The best this machine runs.
    pub fn best() -> Self {
        *Self::available().last().expect("portable always runs")
    }

    /// Those this machine runs, from the slowest to the fastest.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.runs_here()).collect()
    }

    #[cfg(target_arch = "x86_64")]
    fn runs_here(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = || has!("avx2") && has!("fma");
        match self {
            Self::Portable => true,
            Self::Avx2 => avx2(),
            Self::Avx512 => avx2() && has!("avx512f") && has!("avx512vl"),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn runs_here(self) -> bool {
        self == Self::Portable
    }

    /// Its number for [`Args::on`].
    pub(crate) fn level(self) -> u8 {
        self as u8
    }

    /// The one a call is to be made with.
    pub(super) fn of(args: &Args<'_, f32>) -> Self {
        let isa = Self::ALL[usize::from(args.level())];
        assert!(isa.runs_here(), "{isa} is not available here");
        isa
    }
}

/// The vector operations of one instruction set.
///
/// # Safety
/// Every function may be called only where the instruction set is available;
/// [`dispatch!`] sees to that.
pub(super) trait Simd {
    /// One register.
    type V: Copy;
    /// The level for channels that fill half a register; the same if there is none.
    type Narrow: Simd;
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

/// Calls `body::<Simd>(args)` compiled for the instruction set `isa`. The body must
/// be `#[inline(always)]`, or it is compiled for the portable target only.
macro_rules! dispatch {
    ($isa:expr, $body:ident($($arg:ident: $ty:ty),* $(,)?)) => {{
        use $crate::kernels::isa::Isa;
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
            // SAFETY: `Isa::of` found the features on this machine.
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
