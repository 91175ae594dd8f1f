//! The sigmoid and its kin in operations that vectorise.

use super::isa::Simd;

/// `1 / (1 + e^−v)`.
#[inline(always)]
pub(super) fn sigmoid<L: Simd>(v: f32) -> f32 {
    1.0 / (1.0 + exp::<L>(-v))
}

/// `ln(1 + e^v)`: with `e = e^−|v|`, `ln(1 + e) = 2 artanh(e / (2 + e))`, whose series is over at the 13th power.
#[inline(always)]
pub(super) fn softplus<L: Simd>(v: f32) -> f32 {
    /// Coefficients of the 12th power down to 1.
    const SERIES: [f32; 7] = [1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];
    let e = exp::<L>(-v.abs());
    let s = e / (2.0 + e);
    let mut p = SERIES[0];
    for c in &SERIES[1..] {
        p = fma::<L>(p, s * s, *c);
    }
    v.max(0.0) + 2.0 * s * p
}

/// `e^v` within 2 ulp for |v| ≤ 87, clamped beyond, in operations that vectorise:
/// `e^v = 2^n · e^r` with `|r| ≤ ln 2 / 2` and a Taylor polynomial for `e^r`.
#[inline(always)]
pub(super) fn exp<L: Simd>(v: f32) -> f32 {
    // Adding 1.5·2²³ rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts; the first has trailing zeros, so n · LN2_HI is exact.
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    /// Coefficients of `r^7` down to 1.
    const TAYLOR: [f32; 8] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let v = v.clamp(-87.0, 87.0);
    let shifted = fma::<L>(v, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<L>(n, -LN2_LO, fma::<L>(n, -LN2_HI, v));
    let mut p = TAYLOR[0];
    for c in &TAYLOR[1..] {
        p = fma::<L>(p, r, *c);
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_shl(23);
    f32::from_bits(p.to_bits().wrapping_add(exponent))
}

/// `a · b + c`, rounded once where that is one instruction; elsewhere it would be a call.
#[inline(always)]
pub(super) fn fma<L: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if L::FMA { a.mul_add(b, c) } else { a * b + c }
}
