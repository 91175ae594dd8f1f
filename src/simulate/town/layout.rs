//! The town plan: a street grid bent by noise, a river, and what each block is used for.
//!
//! Lengths are pixels of 0.5 m, so a larger picture shows more town at the same scale.

use super::objects::Object;
use super::space::{Dice, Vec2, hash, noise, noise1, vec2};
use super::surface::Sun;

/// Streets leave their straight line by at most this, px, over waves of this length.
const BEND: f32 = 16.0;
const BEND_LENGTH: f32 = 330.0;

/// What a block between four streets is used for, from the country to the works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum BlockKind {
    Fields,
    Houses,
    Park,
    Flats,
    Industry,
}

/// Uses in order of urbanity with the share of the picture up to which each reaches.
const ZONES: [(f32, BlockKind); 5] = [
    (0.24, BlockKind::Fields),
    (0.58, BlockKind::Houses),
    (0.69, BlockKind::Park),
    (0.84, BlockKind::Flats),
    (f32::INFINITY, BlockKind::Industry),
];

/// A street along one axis of the town frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Street {
    /// Its centre line, px.
    pub at: f32,
    /// Half width of the carriageway and width of each pavement, px.
    pub half: f32,
    pub walk: f32,
    /// The one through road, which also bridges the river.
    pub main: bool,
    /// Zebra crossings at its junctions; a dashed centre line.
    pub(crate) zebra: bool,
    pub(crate) lined: bool,
    /// Age of the asphalt, 0..1.
    pub(crate) wear: f32,
    pub(crate) salt: u32,
}

/// Town coordinates: turned against the picture and gently bent.
pub(super) struct Frame {
    centre: Vec2,
    axis: Vec2,
    salt: u32,
}

impl Frame {
    /// Town coordinates (u, v) of a picture point.
    pub(super) fn town(&self, p: Vec2) -> Vec2 {
        let q = (p - self.centre).within(self.axis);
        q + self.bend(q)
    }
    /// Picture point of town coordinates: the bend is small and smooth, so a few fixed-point steps invert it.
    pub(super) fn picture(&self, t: Vec2) -> Vec2 {
        let mut q = t;
        for _ in 0..5 {
            q = t - self.bend(q);
        }
        self.centre + q.out_of(self.axis)
    }
    /// Direction in the picture of the u axis at town coordinates.
    pub(super) fn direction(&self, t: Vec2) -> Vec2 {
        (self.picture(t + vec2(4.0, 0.0)) - self.picture(t - vec2(4.0, 0.0))).unit()
    }
    fn bend(&self, q: Vec2) -> Vec2 {
        vec2(noise1(q.y, BEND_LENGTH, self.salt), noise1(q.x, BEND_LENGTH, self.salt ^ 1)) * BEND
    }
}

/// A meandering river, straight along `along` on average.
pub(super) struct River {
    pub along: Vec2,
    through: Vec2,
    half: f32,
    /// Typical width of mud and gravel beside the water, px.
    pub(crate) shore: f32,
    salt: u32,
}

impl River {
    /// Distance to the waterline, px; negative in the water.
    pub(super) fn distance(&self, p: Vec2) -> f32 {
        let q = (p - self.through).within(self.along);
        let half = self.half * (1.0 + 0.2 * noise1(q.x, 70.0, self.salt ^ 1) + 0.1 * noise1(q.x, 21.0, self.salt ^ 2));
        (q.y - self.middle(q.x)).abs() - half
    }
    /// Width of mud and gravel on the bank near `p`, px: wide on bars, almost none below steep banks.
    pub(crate) fn shore_at(&self, p: Vec2) -> f32 {
        self.shore * (0.75 + 0.65 * noise(p, 48.0, self.salt ^ 3))
    }
    /// Offset of the middle of the river from its straight line, px: bends, and smaller ones upon them.
    fn middle(&self, s: f32) -> f32 {
        28.0 * noise1(s, 210.0, self.salt) + 6.0 * noise1(s, 64.0, self.salt ^ 4)
    }
    /// A point beside the water: `s` px along the river, `d` px from the middle.
    pub(super) fn beside(&self, s: f32, d: f32) -> Vec2 {
        self.through + vec2(s, d + self.middle(s)).out_of(self.along)
    }
    pub(super) fn half(&self) -> f32 {
        self.half
    }
}

/// Everything that is decided before a pixel is painted.
pub(super) struct TownPlan {
    pub width: usize,
    pub height: usize,
    pub frame: Frame,
    /// Streets at constant u and at constant v, ascending; blocks lie between consecutive ones.
    pub(crate) u_streets: Vec<Street>,
    pub(crate) v_streets: Vec<Street>,
    pub river: River,
    pub sun: Sun,
    pub(crate) salt: u32,
    /// What stands or lies on the ground, in painting order.
    pub(crate) objects: Vec<Object>,
    kinds: Vec<BlockKind>,
}

impl TownPlan {
    /// The streets, the river and the use of every block; objects are still missing.
    pub(super) fn new(width: usize, height: usize, dice: &mut Dice) -> TownPlan {
        let size = vec2(width as f32, height as f32);
        let reach = 0.5 * size.length() + 60.0;
        // Turned by 5 to 25 degrees either way: no street follows the pixel rows.
        let axis = vec2(1.0, dice.sign() * dice.range(0.09, 0.45)).unit();
        let frame = Frame { centre: size * 0.5, axis, salt: dice.salt() };
        let main = dice.range(-0.12, 0.12) * size.y.min(300.0);
        let v_streets = streets(dice, main, reach, 128.0, 180.0, true);
        let first = dice.range(-0.5, 0.5) * size.x.min(200.0);
        let u_streets = streets(dice, first, reach, 150.0, 235.0, false);
        let river = river(dice, &frame, size);
        // A morning overpass in the north: the sun stands in the south-east.
        let sun = Sun { towards: vec2(dice.range(0.35, 1.0), 1.0).unit(), rise: dice.range(1.0, 1.5) };
        let salt = dice.salt();
        let kinds = Vec::new();
        let mut plan =
            TownPlan { width, height, frame, u_streets, v_streets, river, sun, salt, objects: Vec::new(), kinds };
        plan.kinds = zone(&plan, dice);
        plan
    }

    /// Index (i, j) of the block at town coordinates.
    pub(crate) fn block_at(&self, t: Vec2) -> (usize, usize) {
        let cell = |streets: &[Street], x: f32| streets.partition_point(|s| s.at <= x).clamp(1, streets.len() - 1) - 1;
        (cell(&self.u_streets, t.x), cell(&self.v_streets, t.y))
    }

    pub(super) fn kind(&self, i: usize, j: usize) -> BlockKind {
        self.kinds[j * (self.u_streets.len() - 1) + i]
    }

    /// Whether u street `k` beside block row `j` is a dirt track: between two fields.
    pub(crate) fn u_track(&self, k: usize, j: usize) -> bool {
        let inner = k > 0 && k + 1 < self.u_streets.len() && !self.u_streets[k].main;
        inner && [k - 1, k].iter().all(|&i| self.kind(i, j) == BlockKind::Fields)
    }

    /// The same of v street `k` beside block column `i`.
    pub(crate) fn v_track(&self, i: usize, k: usize) -> bool {
        let inner = k > 0 && k + 1 < self.v_streets.len() && !self.v_streets[k].main;
        inner && [k - 1, k].iter().all(|&j| self.kind(i, j) == BlockKind::Fields)
    }

    pub(crate) fn block_salt(&self, i: usize, j: usize) -> u32 {
        (hash(i as i32, j as i32, self.salt) * 16_777_216.0) as u32 ^ self.salt
    }

    /// Corners, low and high in town coordinates, of the land of a block inside its pavements.
    pub(super) fn inner(&self, i: usize, j: usize) -> (Vec2, Vec2) {
        let edge = |s: &Street| s.half + s.walk;
        let (u0, u1) = (&self.u_streets[i], &self.u_streets[i + 1]);
        let (v0, v1) = (&self.v_streets[j], &self.v_streets[j + 1]);
        (vec2(u0.at + edge(u0), v0.at + edge(v0)), vec2(u1.at - edge(u1), v1.at - edge(v1)))
    }

    /// Whether town coordinates lie on a carriageway or within `margin` px of one.
    pub(crate) fn on_street(&self, t: Vec2, margin: f32) -> bool {
        let near = |streets: &[Street], x: f32| streets.iter().any(|s| (x - s.at).abs() < s.half + margin);
        near(&self.u_streets, t.x) || near(&self.v_streets, t.y)
    }

    /// Every block, as (i, j).
    pub(super) fn blocks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (nu, nv) = (self.u_streets.len() - 1, self.v_streets.len() - 1);
        (0..nv).flat_map(move |j| (0..nu).map(move |i| (i, j)))
    }

    /// Whether something of this radius can be seen in the picture.
    pub(crate) fn in_view(&self, p: Vec2, radius: f32) -> bool {
        // Shadows fall into the picture from outside.
        let r = radius + super::SHADOW_REACH;
        p.x > -r && p.y > -r && p.x < self.width as f32 + r && p.y < self.height as f32 + r
    }
}

/// Streets outwards from `first` until both sides pass `reach`; the first is the main road if `main`.
fn streets(dice: &mut Dice, first: f32, reach: f32, lo: f32, hi: f32, main: bool) -> Vec<Street> {
    let mut at = vec![first];
    while at[0] > -reach {
        at.insert(0, at[0] - dice.range(lo, hi));
    }
    while at[at.len() - 1] < reach {
        at.push(at[at.len() - 1] + dice.range(lo, hi));
    }
    at.into_iter()
        .map(|x| {
            let main = main && x == first;
            let (half, walk) = if main { (9.5, 6.0) } else { (dice.range(5.6, 6.8), dice.range(3.2, 4.4)) };
            Street {
                at: x,
                half,
                walk,
                main,
                zebra: main || dice.chance(0.35),
                lined: main || dice.chance(0.5),
                wear: dice.range(0.15, 0.85),
                salt: dice.salt(),
            }
        })
        .collect()
}

/// A river across the main road, off the middle of the picture.
fn river(dice: &mut Dice, frame: &Frame, size: Vec2) -> River {
    let short = size.x.min(size.y);
    let along = (frame.axis.perp() + frame.axis * dice.range(-0.35, 0.35)).unit();
    let aside = frame.axis * (dice.sign() * dice.range(0.27, 0.36) * short);
    let half = (short / 15.0).clamp(5.0, 19.0) + short / 250.0;
    River { along, through: size * 0.5 + aside, half, shore: 0.25 * half + 2.0, salt: dice.salt() }
}

/// Uses by rank of urbanity: it rises in one direction, with chance. Ranks are weighted by the area in view, so that
/// a picture of any size shows a bit of everything.
fn zone(plan: &TownPlan, dice: &mut Dice) -> Vec<BlockKind> {
    let uphill = (plan.frame.axis * dice.sign() + plan.frame.axis.perp() * dice.range(-1.0, 1.0)).unit();
    let nu = plan.u_streets.len() - 1;
    let mut area = vec![0.0f32; nu * (plan.v_streets.len() - 1)];
    const GRID: usize = 32;
    for k in 0..GRID * GRID {
        let at = |i: usize, n: usize| (i as f32 + 0.5) / GRID as f32 * n as f32;
        let (i, j) = plan.block_at(plan.frame.town(vec2(at(k % GRID, plan.width), at(k / GRID, plan.height))));
        area[j * nu + i] += 1.0 / (GRID * GRID) as f32;
    }
    let urbanity: Vec<f32> = plan
        .blocks()
        .map(|(i, j)| {
            let (lo, hi) = plan.inner(i, j);
            (plan.frame.picture((lo + hi) * 0.5) - plan.frame.centre).dot(uphill) + dice.range(-70.0, 70.0)
        })
        .collect();
    let rank = |own: usize| {
        let below = |k: usize| if urbanity[k] < urbanity[own] { area[k] } else { 0.0 };
        (0..area.len()).map(below).sum::<f32>() + 0.5 * area[own]
    };
    (0..area.len())
        .map(|k| {
            let share = rank(k);
            ZONES.iter().find(|(limit, _)| share < *limit).map_or(BlockKind::Industry, |z| z.1)
        })
        .collect()
}
