//! Points, lattice noise and the seeded dice.
//!
//! Only `+ − × ÷ √ floor` and integer hashing are used here and in the whole scene: these are exactly rounded by
//! IEEE 754, so one seed gives the same bits on every platform. There is no sine, exponential or power.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::ops::{Add, Mul, Sub};

/// A point or direction; x to the right, y down, in PAN pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vec2 {
    pub x: f32,
    pub y: f32,
}

pub(super) fn vec2(x: f32, y: f32) -> Vec2 {
    Vec2 { x, y }
}

impl Vec2 {
    pub(super) fn dot(self, o: Vec2) -> f32 {
        self.x * o.x + self.y * o.y
    }
    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
    /// The unit vector of the same direction.
    pub(super) fn unit(self) -> Vec2 {
        self * (1.0 / self.length())
    }
    /// Turned by a quarter.
    pub(crate) fn perp(self) -> Vec2 {
        vec2(-self.y, self.x)
    }
    /// Coordinates in the frame whose x axis is the unit vector `axis`.
    pub(super) fn within(self, axis: Vec2) -> Vec2 {
        vec2(self.dot(axis), self.dot(axis.perp()))
    }
    /// Inverse of [`Vec2::within`].
    pub(crate) fn out_of(self, axis: Vec2) -> Vec2 {
        axis * self.x + axis.perp() * self.y
    }
}

impl Add for Vec2 {
    type Output = Vec2;
    fn add(self, o: Vec2) -> Vec2 {
        vec2(self.x + o.x, self.y + o.y)
    }
}
impl Sub for Vec2 {
    type Output = Vec2;
    fn sub(self, o: Vec2) -> Vec2 {
        vec2(self.x - o.x, self.y - o.y)
    }
}
impl Mul<f32> for Vec2 {
    type Output = Vec2;
    fn mul(self, k: f32) -> Vec2 {
        vec2(self.x * k, self.y * k)
    }
}

/// `a` at 0, `b` at 1.
pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 below `lo`, 1 above `hi`, smooth between.
pub(super) fn smoothstep(lo: f32, hi: f32, x: f32) -> f32 {
    let t = ((x - lo) / (hi - lo)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Position inside a repeating cell, 0..1.
pub(super) fn cycle(x: f32) -> f32 {
    x - x.floor()
}

/// A smooth wave of period 1 between −1 and 1: a sine's stand-in made of two parabolas.
pub(super) fn wave(x: f32) -> f32 {
    let t = 2.0 * cycle(x) - 1.0;
    4.0 * t * (1.0 - t.abs())
}

/// Uniform in 0..1 from a lattice point.
pub(super) fn hash(x: i32, y: i32, salt: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ salt;
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    ((h ^ (h >> 15)) >> 8) as f32 / (1u32 << 24) as f32
}

/// Value noise on a lattice of spacing `scale`, −1..1.
pub(super) fn noise(p: Vec2, scale: f32, salt: u32) -> f32 {
    let (x, y) = (p.x / scale, p.y / scale);
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let (tx, ty) = (smoothstep(0.0, 1.0, x - fx), smoothstep(0.0, 1.0, y - fy));
    let top = lerp(hash(ix, iy, salt), hash(ix + 1, iy, salt), tx);
    let low = lerp(hash(ix, iy + 1, salt), hash(ix + 1, iy + 1, salt), tx);
    2.0 * lerp(top, low, ty) - 1.0
}

/// Noise over a line, −1..1.
pub(super) fn noise1(x: f32, scale: f32, salt: u32) -> f32 {
    let t = x / scale;
    let i = t.floor() as i32;
    2.0 * lerp(hash(i, 0, salt), hash(i + 1, 0, salt), smoothstep(0.0, 1.0, t - t.floor())) - 1.0
}

/// Three octaves of [`noise`], coarse to fine, about −1..1.
pub(super) fn rough(p: Vec2, scale: f32, salt: u32) -> f32 {
    // The lattices are turned against each other, otherwise their rows show.
    let turned = vec2(0.8 * p.x - 0.6 * p.y, 0.6 * p.x + 0.8 * p.y);
    0.5 * noise(p, scale, salt)
        + 0.3 * noise(turned, scale * 0.45, salt ^ 0x51)
        + 0.2 * noise(p, scale * 0.2, salt ^ 0xa3)
}

/// The seeded source of every choice in the layout.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(ChaCha8Rng::seed_from_u64(seed))
    }
    pub(crate) fn salt(&mut self) -> u32 {
        self.0.next_u32()
    }
    /// Uniform in `lo..hi`.
    pub(super) fn range(&mut self, lo: f32, hi: f32) -> f32 {
        lerp(lo, hi, (self.salt() >> 8) as f32 / (1u32 << 24) as f32)
    }
    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f32) -> bool {
        self.range(0.0, 1.0) < p
    }
    /// One of a non-empty list.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.salt() as usize % from.len()]
    }
    /// 1 or −1.
    pub(crate) fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }
}
