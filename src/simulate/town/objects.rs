//! What stands or lies on the ground: each object is a rectangle or disc in the picture that knows how to paint itself.

use super::ground::grass;
use super::materials::Material::{self, *};
use super::space::{Vec2, cycle, hash, noise, rough, smoothstep, vec2, wave};
use super::surface::{Owner, Sun, Surface};

/// Metres per pixel.
pub(super) const PIXEL: f32 = 0.5;

/// A mixture of two materials, 0 all the first.
pub(super) type Mix = (Material, Material, f32);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outline {
    /// Two slopes from a ridge along x.
    Gable,
    /// Four slopes.
    Hip,
    /// Flat with a parapet and gravel or sheets.
    Flat,
    /// Flat, of ribbed metal with rows of roof lights.
    Hall,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ObjectKind {
    Lawn {
        dry: f32,
    },
    Paved(Mix),
    /// A parking lot: bays on both long sides.
    Bays,
    Court(Material),
    Pool,
    /// A roof; `height` is that of the eaves, in metres.
    Roof {
        shape: Outline,
        height: f32,
        skin: Mix,
    },
    /// A plain box: chimney, ventilation, container, shed.
    Crate {
        height: f32,
        skin: Mix,
    },
    Car(Mix),
    /// A tree seen from above; the half width is its radius.
    Crown {
        height: f32,
        leaf: Mix,
    },
    Hedge,
}

/// Something placed in the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub centre: Vec2,
    /// Unit vector of its own x axis.
    pub axis: Vec2,
    /// Half its size along x and y, px.
    pub half: Vec2,
    pub kind: ObjectKind,
    /// Brightness of the whole object.
    pub(crate) tone: f32,
    pub(crate) salt: u32,
}

impl Object {
    /// Radius around the centre that holds all of it, px.
    pub(crate) fn radius(&self) -> f32 {
        self.half.length() * 1.25
    }

    /// Its surface at a picture point; `None` beside it.
    pub(crate) fn paint(&self, p: Vec2, sun: &Sun) -> Option<Surface> {
        let q = (p - self.centre).within(self.axis);
        if let ObjectKind::Crown { height, leaf } = self.kind {
            return self.crown(q, p, sun, height, leaf);
        }
        let inset = (self.half.x - q.x.abs()).min(self.half.y - q.y.abs());
        if inset < 0.0 {
            return None;
        }
        let mut s = match self.kind {
            ObjectKind::Lawn { dry } => grass(p, self.salt, dry),
            ObjectKind::Paved(mix) => self.paved(q, p, mix),
            ObjectKind::Bays => self.bays(q, p),
            ObjectKind::Court(ground) => self.court(q, p, ground),
            ObjectKind::Pool => self.pool(p, inset),
            ObjectKind::Roof { shape, height, skin } => self.roof(q, p, sun, shape, height, skin),
            ObjectKind::Crate { height, skin } => self.crate_box(q, p, height, skin),
            ObjectKind::Car(paint) => return self.car(q, inset, paint),
            ObjectKind::Hedge => self.hedge(p, inset),
            ObjectKind::Crown { .. } => return None,
        };
        s.tone *= self.tone;
        Some(s)
    }

    fn paved(&self, q: Vec2, p: Vec2, (a, b, mix): Mix) -> Surface {
        let slab = hash((q.x / 2.0).floor() as i32, (q.y / 2.0).floor() as i32, self.salt);
        let tone = 0.95 + 0.10 * rough(p, 8.0, self.salt) + 0.10 * (slab - 0.5);
        Surface::flat(Owner::Land, a, b, mix + 0.2 * rough(p, 20.0, self.salt ^ 1), tone)
    }

    fn bays(&self, q: Vec2, p: Vec2) -> Surface {
        let line = (cycle(q.x / BAY.x) - 0.5).abs() > 0.5 - 0.42 / BAY.x;
        if line && q.y.abs() > self.half.y - BAY.y {
            return Surface::flat(Owner::Land, WhitePaint, OldAsphalt, 0.3, 0.95);
        }
        let oil = smoothstep(0.3, 0.7, noise(p, 4.0, self.salt ^ 2));
        let tone = 0.95 + 0.09 * rough(p, 11.0, self.salt) - 0.14 * oil;
        Surface::flat(Owner::Land, NewAsphalt, OldAsphalt, 0.35 + 0.3 * rough(p, 50.0, self.salt ^ 1), tone)
    }

    /// A tennis court: play area with lines, run-off around it in another colour.
    fn court(&self, q: Vec2, p: Vec2, ground: Material) -> Surface {
        let (x, y) = (q.x.abs(), q.y.abs());
        let near = |v: f32, line: f32| (v - line).abs() < 0.32;
        let play = x < 23.8 && y < 11.0;
        let lines = (near(x, 23.8) && y < 11.2)
            || (play && (near(y, 11.0) || near(y, 8.2)))
            || (near(x, 12.8) && y < 8.2)
            || (y < 0.32 && x < 12.8);
        if lines {
            return Surface::plain(Owner::Land, WhitePaint, 0.95);
        }
        let net = near(x, 0.0) && y < 12.0;
        let tone = if net { 0.6 } else { 0.96 + 0.06 * rough(p, 9.0, self.salt) };
        Surface::flat(Owner::Land, ground, GreenCourt, if play { 0.0 } else { 0.85 }, tone)
    }

    fn pool(&self, p: Vec2, inset: f32) -> Surface {
        if inset < 1.6 {
            return Surface::plain(Owner::Land, Concrete, 1.15);
        }
        let glint = noise(p, 1.8, self.salt);
        let deep = smoothstep(1.6, 4.5, inset);
        Surface::flat(Owner::Water, PoolWater, DeepWater, 0.22 * deep, 1.0 + 0.08 * glint)
    }

    fn roof(&self, q: Vec2, p: Vec2, sun: &Sun, shape: Outline, eaves: f32, (a, b, mix): Mix) -> Surface {
        let (x, y) = (q.x, q.y);
        let inset = vec2(self.half.x - x.abs(), self.half.y - y.abs());
        let skin = |mix, tone| Surface::flat(Owner::Land, a, b, mix, tone);
        let (mut s, climb, fall) = match shape {
            Outline::Gable | Outline::Hip => {
                let to_end = shape == Outline::Hip && inset.x < inset.y;
                let climb = if to_end { inset.x } else { inset.y };
                let down = if to_end { vec2(x.signum(), 0.0) } else { vec2(0.0, y.signum()) };
                // Courses of tiles, weathering, moss, and the pale line of the ridge.
                let course = 0.05 * wave(climb / 1.7) + 0.10 * noise(vec2(x * 0.5, y), 1.4, self.salt);
                let ridge = if self.half.y.min(self.half.x) - climb < 0.5 { 0.14 } else { 0.0 };
                let tone = 0.96 + course + 0.09 * rough(p, 7.0, self.salt ^ 1) + ridge;
                let mut s = skin(mix + 0.25 * rough(p, 11.0, self.salt ^ 2), tone);
                if let Some(window) = self.window(q, inset.y) {
                    s = window;
                }
                (s, climb * SLOPE * PIXEL, down.out_of(self.axis) * SLOPE)
            }
            Outline::Flat => {
                let edge = inset.x.min(inset.y);
                let parapet = edge < 1.1;
                let puddle = smoothstep(0.2, 0.6, rough(p, 17.0, self.salt ^ 3));
                let seam = if cycle(x / 7.0) < 0.07 { -0.07 } else { 0.0 };
                let tone = 0.97 + 0.05 * rough(p, 5.0, self.salt) - 0.15 * puddle + seam;
                let s = skin(mix + 0.15 * rough(p, 30.0, self.salt ^ 1), if parapet { 1.13 } else { tone });
                (s, if parapet { 0.6 } else { 0.0 }, vec2(0.0, 0.0))
            }
            Outline::Hall => {
                let light = cycle(x / 15.0) < 0.13 && inset.y > 5.0 && (y.abs() > 2.5);
                let rib = 0.05 * wave(x / 2.3);
                let dirt = 0.10 * rough(vec2(x, y * 0.25), 6.0, self.salt);
                let sheet = 0.08 * (hash((x / 12.0).floor() as i32, 0, self.salt) - 0.5);
                let s = if light {
                    Surface::flat(Owner::Land, Glass, WhiteSheet, 0.55, 1.0)
                } else {
                    skin(mix, 0.97 + rib + dirt + sheet)
                };
                // A shallow ridge in the middle.
                let down = vec2(0.0, y.signum()).out_of(self.axis) * 0.09;
                (s, inset.y * 0.09 * PIXEL, down)
            }
        };
        s.height = eaves + climb;
        s.light = sun.light(fall);
        s
    }

    /// Skylights and solar panels in a pitched roof.
    fn window(&self, q: Vec2, up: f32) -> Option<Surface> {
        let panels = hash(1, 0, self.salt) < 0.22 && q.y > 0.0;
        if panels && up > 2.0 && self.half.y - up > 1.2 && q.x.abs() < self.half.x * 0.62 {
            let frame = cycle(q.x / 3.4) < 0.1 || cycle(up / 4.0) < 0.08;
            return Some(Surface::flat(Owner::Land, SolarPanel, Metal, if frame { 0.35 } else { 0.0 }, 1.0));
        }
        let slot = (q.x / 7.0).floor() as i32;
        let glazed = hash(slot, q.y.signum() as i32, self.salt) < 0.2;
        let pane = (cycle(q.x / 7.0) - 0.5).abs() < 0.14 && (up - 0.5 * self.half.y).abs() < 1.1;
        (glazed && pane).then(|| Surface::plain(Owner::Land, Glass, 1.4))
    }

    fn crate_box(&self, q: Vec2, p: Vec2, height: f32, (a, b, mix): Mix) -> Surface {
        let tone = 0.95 + 0.06 * wave(q.x / 1.9) + 0.08 * noise(p, 2.5, self.salt);
        Surface { height, ..Surface::flat(Owner::Land, a, b, mix, tone) }
    }

    fn car(&self, q: Vec2, inset: f32, (a, b, mix): Mix) -> Option<Surface> {
        let corner = vec2(q.x.abs() - self.half.x + 1.0, q.y.abs() - self.half.y + 1.0);
        if corner.x > 0.0 && corner.y > 0.0 && corner.length() > 1.0 {
            return None;
        }
        let x = q.x / self.half.x;
        let glass = (0.18..0.45).contains(&x) || (-0.80..-0.58).contains(&x);
        let cabin = (-0.80..0.45).contains(&x);
        let height = if cabin { 1.45 } else { 1.0 };
        let layer = Owner::Road;
        if glass && inset > 0.35 {
            return Some(Surface { height, ..Surface::plain(layer, Glass, 1.0) });
        }
        let tone = self.tone * if cabin { 1.05 } else { 0.95 };
        Some(Surface { height, ..Surface::flat(layer, a, b, mix, tone) })
    }

    fn hedge(&self, p: Vec2, inset: f32) -> Surface {
        let ragged = noise(p, 2.4, self.salt);
        let height = 1.2 + 0.5 * ragged + 0.3 * inset.min(1.0);
        Surface { height, ..Surface::flat(Owner::Land, Broadleaf, Lawn, 0.25 + 0.2 * ragged, 0.9 + 0.2 * ragged) }
    }

    /// A lumpy dome: branches make the outline and the surface uneven.
    fn crown(&self, q: Vec2, p: Vec2, sun: &Sun, height: f32, (a, b, mix): Mix) -> Option<Surface> {
        let radius = self.half.x;
        let lump = (0.55 * radius).max(2.0);
        let bulge = |at: Vec2| 0.65 * noise(at, lump, self.salt) + 0.35 * noise(at, 0.45 * lump, self.salt ^ 1);
        let dome = |at: Vec2| 1.0 - at.dot(at) / (radius * radius) + 0.45 * bulge(at);
        let here = dome(q);
        if here < 0.12 || q.length() > 1.2 * radius {
            return None;
        }
        let step = 0.6;
        let slope = vec2(dome(q + vec2(step, 0.0)) - here, dome(q + vec2(0.0, step)) - here) * (-1.0 / step);
        // Metres per metre; foliage is porous, so it is shaded softer than a solid dome would be.
        let fall = slope.out_of(self.axis) * (0.30 * height / PIXEL);
        let light = 0.30 + 0.70 * sun.light(fall).min(1.5);
        let gap = 0.22 * noise(p, 1.3, self.salt ^ 5);
        let tone = self.tone * (0.93 + gap + 0.16 * bulge(q * 1.7));
        let leaf = Surface::flat(Owner::Land, a, b, mix + 0.2 * bulge(q), tone);
        Some(Surface { height: height * (0.6 + 0.35 * here.clamp(0.0, 1.1).sqrt()), light, ..leaf })
    }
}

/// Width and depth of a parking bay, px: 2.5 m by 5 m.
pub(super) const BAY: Vec2 = Vec2 { x: 5.0, y: 10.0 };
/// Metres a pitched roof rises per metre: 33 degrees.
const SLOPE: f32 = 0.65;
