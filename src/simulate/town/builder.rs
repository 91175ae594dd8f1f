//! Fills the blocks of a plan: houses and gardens, slabs of flats, works, parks, cars, trees.

use super::layout::{BlockKind, TownPlan};
use super::materials::Material::{self, *};
use super::objects::{BAY, Mix, Object, ObjectKind, Outline, PIXEL};
use super::space::{Dice, Vec2, noise, vec2};

/// Roof skins of dwellings, tiles most often.
const HOUSE_ROOFS: [(Material, Material); 7] = [
    (RedTile, BrownTile),
    (RedTile, BrownTile),
    (BrownTile, RedTile),
    (BrownTile, Slate),
    (Slate, BrownTile),
    (Slate, GreySheet),
    (RedTile, GreySheet),
];
const HALL_ROOFS: [(Material, Material); 5] =
    [(Metal, GreySheet), (GreySheet, Slate), (WhiteSheet, Metal), (BluePanel, Metal), (Metal, WhiteSheet)];
const FLAT_ROOFS: [(Material, Material); 4] =
    [(GreySheet, Gravel), (Gravel, Slate), (WhiteSheet, GreySheet), (OldAsphalt, GreySheet)];
/// Car paints by how common they are.
const PAINTS: [(Material, Material); 9] = [
    (WhitePaint, Metal),
    (WhitePaint, Metal),
    (Metal, GreySheet),
    (Metal, Slate),
    (BlackPaint, Slate),
    (BlackPaint, Slate),
    (Slate, Metal),
    (RedPaint, BlackPaint),
    (BluePaint, BlackPaint),
];
const LEAVES: [(Material, Material); 5] =
    [(Broadleaf, Lawn), (Broadleaf, Autumn), (Broadleaf, Conifer), (Autumn, Broadleaf), (Broadleaf, Broadleaf)];

/// A plot's own frame: x along its street, y away from it.
#[derive(Clone, Copy)]
struct Site {
    origin: Vec2,
    axis: Vec2,
}

impl Site {
    fn at(&self, x: f32, y: f32) -> Vec2 {
        self.origin + vec2(x, y).out_of(self.axis)
    }
}

/// Places every object of the plan.
pub(super) fn build(plan: &mut TownPlan, dice: &mut Dice) {
    for (i, j) in plan.blocks() {
        let mut block = Plot { plan, dice, first: 0 };
        block.first = block.plan.objects.len();
        let (lo, hi) = block.plan.inner(i, j);
        let middle = block.plan.frame.picture((lo + hi) * 0.5);
        if !block.plan.in_view(middle, (hi - lo).length() * 0.6) {
            continue;
        }
        match block.plan.kind(i, j) {
            BlockKind::Fields => block.farmland(lo, hi),
            BlockKind::Houses => block.houses(lo, hi),
            BlockKind::Park => block.park(lo, hi),
            BlockKind::Flats => block.flats(lo, hi),
            BlockKind::Industry => block.works(lo, hi),
        }
        block.street_sides(i, j);
    }
    let mut rest = Plot { first: plan.objects.len(), plan, dice };
    rest.riverbank();
}

/// The work on one block.
struct Plot<'a> {
    plan: &'a mut TownPlan,
    dice: &'a mut Dice,
    /// Index of its first object: new trees keep clear of the buildings from here on.
    first: usize,
}

impl Plot<'_> {
    /// The frame at town coordinates, turned round for plots on the far side.
    fn site(&self, t: Vec2, far: bool) -> Site {
        let axis = self.plan.frame.direction(t);
        Site { origin: self.plan.frame.picture(t), axis: if far { axis * -1.0 } else { axis } }
    }

    /// Adds an object unless it would stand in the river or out of sight.
    fn put(&mut self, centre: Vec2, axis: Vec2, half: Vec2, kind: ObjectKind, tone: f32) -> bool {
        let object = Object { centre, axis, half, kind, tone, salt: self.dice.salt() };
        let radius = half.length();
        let dry = self.plan.river.distance(centre) > radius + self.plan.river.shore * 0.6;
        if dry && self.plan.in_view(centre, radius) {
            self.plan.objects.push(object);
        }
        dry
    }

    fn on(&mut self, site: &Site, x: f32, y: f32, half: Vec2, kind: ObjectKind) -> bool {
        let tone = self.dice.range(0.9, 1.1);
        self.put(site.at(x, y), site.axis, half, kind, tone)
    }

    fn mix(&mut self, from: &[(Material, Material)]) -> Mix {
        let (a, b) = self.dice.pick(from);
        (a, b, self.dice.range(0.0, 0.6))
    }

    fn tree(&mut self, p: Vec2, radius: f32) {
        let blocked = self.plan.objects[self.first..].iter().any(|o| {
            let q = (p - o.centre).within(o.axis);
            let solid = matches!(
                o.kind,
                ObjectKind::Roof { .. } | ObjectKind::Court(_) | ObjectKind::Pool | ObjectKind::Car(_)
            );
            solid && q.x.abs() < o.half.x + 0.6 * radius && q.y.abs() < o.half.y + 0.6 * radius
        });
        if blocked || self.plan.river.distance(p) < 0.5 * radius {
            return;
        }
        let conifer = self.dice.chance(0.18);
        let leaf = if conifer { (Conifer, Broadleaf, 0.15) } else { self.mix(&LEAVES) };
        let height = radius * PIXEL * self.dice.range(1.7, 2.4) + if conifer { 4.0 } else { 1.5 };
        let radius = if conifer { radius * 0.75 } else { radius };
        let axis = vec2(self.dice.range(-1.0, 1.0), 1.0).unit();
        let tone = self.dice.range(0.85, 1.15);
        let object = Object {
            centre: p,
            axis,
            half: vec2(radius, radius),
            kind: ObjectKind::Crown { height, leaf },
            tone,
            salt: self.dice.salt(),
        };
        if self.plan.in_view(p, radius) {
            self.plan.objects.push(object);
        }
    }

    fn car(&mut self, site: &Site, x: f32, y: f32, along: bool) {
        let paint = self.mix(&PAINTS);
        let half = vec2(self.dice.range(3.9, 4.7), self.dice.range(1.7, 1.95));
        let axis = if along { site.axis } else { site.axis.perp() } * self.dice.sign();
        let tone = self.dice.range(0.85, 1.1);
        self.put(site.at(x, y), axis, half, ObjectKind::Car(paint), tone);
    }

    /// Two rows of plots, back to back.
    fn houses(&mut self, lo: Vec2, hi: Vec2) {
        let depth = 0.5 * (hi.y - lo.y);
        for far in [false, true] {
            let mut u = lo.x;
            while hi.x - u > 30.0 {
                let mut width = self.dice.range(33.0, 47.0);
                if hi.x - u - width < 32.0 {
                    width = (hi.x - u).min(64.0);
                }
                let front = if far { hi.y } else { lo.y };
                let centre = vec2(u + 0.5 * width, front);
                let site = self.site(centre, far);
                if self.plan.river.distance(site.at(0.0, 0.5 * depth)) > 0.5 * depth {
                    self.plot(&site, 0.5 * width, depth);
                }
                u += width;
            }
        }
    }

    /// A house with its drive, garden, hedge, and perhaps a pool.
    fn plot(&mut self, site: &Site, w: f32, depth: f32) {
        let dry = self.dice.range(0.0, 0.75);
        self.on(site, 0.0, 0.5 * depth, vec2(w, 0.5 * depth), ObjectKind::Lawn { dry });
        let hx = self.dice.range(10.0, 14.5).min(w - 6.0);
        let hy = self.dice.range(8.0, 11.0).min(0.2 * depth);
        let setback = self.dice.range(7.0, 13.0);
        let side = self.dice.sign();
        let (x, y) = (-side * (w - hx - 2.5) * self.dice.range(0.3, 1.0), setback + hy);

        let paving = self.dice.pick(&[
            (Pavers, Concrete, 0.3),
            (OldAsphalt, NewAsphalt, 0.4),
            (Gravel, PaleSoil, 0.3),
            (Concrete, Pavers, 0.2),
        ]);
        let drive = side * (w - 4.5);
        self.on(site, drive, 0.5 * (y + hy), vec2(3.6, 0.5 * (y + hy)), ObjectKind::Paved(paving));
        self.on(site, x, 0.5 * setback, vec2(1.3, 0.5 * setback), ObjectKind::Paved((Pavers, Concrete, 0.5)));
        let terrace = self.dice.range(4.0, 7.0);
        self.on(site, x, y + hy + terrace, vec2(0.7 * hx, terrace), ObjectKind::Paved((Pavers, Concrete, 0.3)));

        self.house(site, x, y, hx, hy);
        if self.dice.chance(0.45) {
            let skin = self.mix(&FLAT_ROOFS);
            self.on(site, drive, y, vec2(4.0, 6.5), ObjectKind::Roof { shape: Outline::Flat, height: 2.6, skin });
        }
        if self.dice.chance(0.6) {
            let back = self.dice.range(5.0, 8.0);
            self.car(site, drive, back, false);
        }
        self.garden(site, w, y + hy + 2.0 * terrace, depth);
    }

    fn house(&mut self, site: &Site, x: f32, y: f32, hx: f32, hy: f32) {
        let skin = self.mix(&HOUSE_ROOFS);
        let height = self.dice.pick(&[3.0, 5.2, 5.6]);
        let modern = self.dice.chance(0.1);
        let shape =
            if modern { Outline::Flat } else { self.dice.pick(&[Outline::Gable, Outline::Gable, Outline::Hip]) };
        let skin = if modern { self.mix(&FLAT_ROOFS) } else { skin };
        let tone = self.dice.range(0.85, 1.15);
        let roof = ObjectKind::Roof { shape, height, skin };
        // The ridge runs along the longer side.
        let standing = self.put(site.at(x, y), site.axis, vec2(hx, hy), roof, tone);
        if standing && self.dice.chance(0.35) {
            let wing = site.at(x + self.dice.sign() * (hx - 5.5), y + 0.75 * hy);
            self.put(wing, site.axis.perp(), vec2(0.85 * hy, 5.5), roof, tone);
        }
        if standing && !modern {
            let ridge = height + (hy * PIXEL) * 0.65;
            let stack = ObjectKind::Crate { height: ridge + 0.9, skin: (BrownTile, Concrete, 0.4) };
            let along = self.dice.range(-0.6, 0.6) * hx;
            self.on(site, x + along, y + 1.2, vec2(1.0, 0.9), stack);
        }
    }

    fn garden(&mut self, site: &Site, w: f32, from: f32, depth: f32) {
        let room = depth - from;
        if room > 18.0 && self.dice.chance(0.3) {
            let half = vec2(self.dice.range(7.0, 9.5), self.dice.range(4.2, 5.4));
            let x = self.dice.range(-0.4, 0.4) * w;
            self.on(site, x, from + 3.0 + half.y, half, ObjectKind::Pool);
        } else if room > 16.0 && self.dice.chance(0.35) {
            let half = vec2(0.35 * w, 0.28 * room);
            let x = self.dice.range(-0.4, 0.4) * w;
            self.on(site, x, from + 0.6 * room, half, ObjectKind::Paved((DarkSoil, Lawn, 0.35)));
        }
        if self.dice.chance(0.4) {
            let skin = self.dice.pick(&[(BrownTile, Metal, 0.2), (GreySheet, Slate, 0.4), (DarkSoil, BrownTile, 0.4)]);
            let x = self.dice.sign() * (w - 6.0);
            self.on(site, x, depth - 6.0, vec2(3.4, 2.8), ObjectKind::Crate { height: 2.3, skin });
        }
        let hedge = |b: &mut Self, x: f32, y: f32, half: Vec2| b.on(site, x, y, half, ObjectKind::Hedge);
        if self.dice.chance(0.75) {
            hedge(self, w - 0.9, 0.5 * depth + 6.0, vec2(1.1, 0.5 * depth - 7.0));
        }
        if self.dice.chance(0.6) {
            hedge(self, 0.0, depth - 1.0, vec2(w - 1.5, 1.2));
        }
        for _ in 0..2 + self.dice.salt() % 4 {
            let radius = self.dice.range(2.6, 6.2);
            let (x, y) = (self.dice.range(-0.85, 0.85) * w, self.dice.range(from.min(depth - 4.0), depth));
            self.tree(site.at(x, y), radius);
        }
        if self.dice.chance(0.5) {
            let radius = self.dice.range(2.0, 4.2);
            let x = self.dice.range(-0.8, 0.8) * w;
            self.tree(site.at(x, 5.0), radius);
        }
    }

    /// Long slabs with parking between them.
    fn flats(&mut self, lo: Vec2, hi: Vec2) {
        let size = hi - lo;
        let site = self.site(vec2(0.5 * (lo.x + hi.x), lo.y), false);
        let rows = if size.y > 125.0 { 2 } else { 1 };
        let pitch = size.y / rows as f32;
        let skin = self.mix(&FLAT_ROOFS);
        for row in 0..rows {
            let y = pitch * row as f32;
            let slabs = if size.x > 150.0 { 2 } else { 1 };
            for k in 0..slabs {
                let share = size.x / slabs as f32;
                let x = -0.5 * size.x + share * (k as f32 + 0.5);
                let half = vec2(0.5 * share - self.dice.range(9.0, 18.0), self.dice.range(10.5, 13.0));
                let height = self.dice.pick(&[8.5, 11.5, 11.5, 14.0]);
                self.slab(&site, x, y + 0.34 * pitch, half, height, skin);
            }
            if pitch > 52.0 {
                self.parking(&site, 0.0, y + pitch - 17.0, 0.5 * size.x - 14.0, 0.6);
            }
        }
        self.scatter(lo, hi, 26, 3.4, 6.8);
    }

    /// A flat roof with what stands on such roofs.
    fn slab(&mut self, site: &Site, x: f32, y: f32, half: Vec2, height: f32, skin: Mix) {
        if !self.on(site, x, y, half, ObjectKind::Roof { shape: Outline::Flat, height, skin }) {
            return;
        }
        let boxes = 2 + (half.x * half.y / 180.0) as u32;
        for _ in 0..boxes {
            let (a, b) = (self.dice.range(-0.85, 0.85) * half.x, self.dice.range(-0.6, 0.6) * half.y);
            let unit = vec2(self.dice.range(1.2, 3.6), self.dice.range(1.2, 2.4));
            let skin = self.dice.pick(&[(Metal, GreySheet, 0.3), (GreySheet, Slate, 0.4), (WhiteSheet, Metal, 0.5)]);
            let rise = self.dice.range(0.9, 2.2);
            self.on(site, x + a, y + b, unit, ObjectKind::Crate { height: height + rise, skin });
        }
    }

    /// A parking lot of two bay rows around an aisle, `hx` px to either side.
    fn parking(&mut self, site: &Site, x: f32, y: f32, hx: f32, full: f32) {
        let bays = (2.0 * hx / BAY.x).floor();
        let half = vec2(0.5 * bays * BAY.x, BAY.y + 6.0);
        if !self.on(site, x, y, half, ObjectKind::Bays) {
            return;
        }
        for k in 0..bays as u32 {
            for row in [-1.0, 1.0] {
                if self.dice.chance(full) {
                    let wobble = vec2(self.dice.range(-0.3, 0.3), self.dice.range(-0.7, 0.7));
                    let bay = -half.x + BAY.x * (k as f32 + 0.5);
                    self.car(site, x + bay + wobble.x, y + row * (half.y - 0.5 * BAY.y) + wobble.y, false);
                }
            }
        }
    }

    /// Halls in a yard, lorries at their doors, a car park in front.
    fn works(&mut self, lo: Vec2, hi: Vec2) {
        let size = hi - lo;
        let far = self.dice.chance(0.5);
        let site = self.site(vec2(0.5 * (lo.x + hi.x), if far { hi.y } else { lo.y }), far);
        self.parking(&site, 0.0, 20.0, 0.5 * size.x - 12.0, 0.55);
        let halls = if size.x > 145.0 { 2 } else { 1 };
        let share = size.x / halls as f32;
        for k in 0..halls {
            let x = -0.5 * size.x + share * (k as f32 + 0.5);
            let half =
                vec2(0.5 * share - self.dice.range(7.0, 14.0), 0.5 * (size.y - 74.0) * self.dice.range(0.8, 1.0));
            let y = 44.0 + half.y;
            let height = self.dice.range(6.5, 10.0);
            if self.dice.chance(0.65) {
                let skin = self.mix(&HALL_ROOFS);
                self.on(&site, x, y, half, ObjectKind::Roof { shape: Outline::Hall, height, skin });
            } else {
                let skin = self.mix(&FLAT_ROOFS);
                self.slab(&site, x, y, half, height, skin);
            }
            let mut dock = x - half.x + 6.0;
            while dock < x + half.x - 6.0 {
                if self.dice.chance(0.4) {
                    let skin = self.dice.pick(&[
                        (WhiteSheet, Metal, 0.2),
                        (BluePaint, Metal, 0.3),
                        (RedPaint, BrownTile, 0.4),
                        (GreySheet, Metal, 0.3),
                        (Metal, WhiteSheet, 0.3),
                    ]);
                    let length = self.dice.range(6.5, 13.0);
                    self.on(
                        &site,
                        dock,
                        y + half.y + 2.0 + length,
                        vec2(2.5, length),
                        ObjectKind::Crate { height: 3.2, skin },
                    );
                }
                dock += 8.0;
            }
        }
        let edge = self.dice.range(3.0, 4.5);
        let mut x = -0.5 * size.x + 4.0;
        while x < 0.5 * size.x {
            let radius = edge + self.dice.range(-0.8, 0.8);
            self.tree(site.at(x, size.y - 4.0), radius);
            x += self.dice.range(9.0, 15.0);
        }
    }

    /// Groves, and a tennis court or two.
    fn park(&mut self, lo: Vec2, hi: Vec2) {
        let size = hi - lo;
        if size.x > 130.0 && size.y > 90.0 {
            let corner = vec2(lo.x + 0.26 * size.x, lo.y + 0.27 * size.y);
            let site = self.site(corner, false);
            let ground = self.dice.pick(&[ClayCourt, ClayCourt, BluePaint]);
            self.on(&site, 0.0, 0.0, vec2(29.0, 15.0), ObjectKind::Court(ground));
            if size.y > 150.0 {
                self.on(&site, 0.0, 30.5, vec2(29.0, 15.0), ObjectKind::Court(ground));
            }
        }
        let count = (size.x * size.y / 150.0) as u32;
        self.scatter(lo, hi, count, 4.0, 9.5);
    }

    /// Trees at random, thick in some places and absent from others.
    fn scatter(&mut self, lo: Vec2, hi: Vec2, count: u32, small: f32, large: f32) {
        let salt = self.dice.salt();
        for _ in 0..count {
            let t = vec2(self.dice.range(lo.x, hi.x), self.dice.range(lo.y, hi.y));
            let radius = self.dice.range(small, large);
            if noise(t, 38.0, salt) > 0.0 {
                let p = self.plan.frame.picture(t);
                self.tree(p, radius);
            }
        }
    }

    /// Hedgerows along field edges, and a copse.
    fn farmland(&mut self, lo: Vec2, hi: Vec2) {
        let edges = [(lo, vec2(hi.x, lo.y)), (lo, vec2(lo.x, hi.y))];
        for (from, to) in edges {
            if !self.dice.chance(0.6) {
                continue;
            }
            let length = (to - from).length();
            let way = (to - from).unit();
            let gaps = self.dice.salt();
            let mut s = 0.0;
            while s < length {
                let radius = self.dice.range(2.2, 6.0);
                if noise(vec2(s, 0.0), 30.0, gaps) > -0.25 {
                    let t = from + way * s + way.perp() * self.dice.range(-1.5, 1.5);
                    let p = self.plan.frame.picture(t);
                    self.tree(p, radius);
                }
                s += radius * self.dice.range(0.9, 1.7);
            }
        }
        if self.dice.chance(0.3) {
            let t = vec2(self.dice.range(lo.x, hi.x), self.dice.range(lo.y, hi.y));
            for _ in 0..14 {
                let off = vec2(self.dice.range(-16.0, 16.0), self.dice.range(-11.0, 11.0));
                let (p, radius) = (self.plan.frame.picture(t + off), self.dice.range(4.0, 7.5));
                self.tree(p, radius);
            }
        }
    }

    /// Cars on and beside the streets before a block and to its left, trees along the pavement.
    fn street_sides(&mut self, i: usize, j: usize) {
        let (lo, hi) = self.plan.inner(i, j);
        let v = (self.plan.v_streets[j], lo.x, hi.x, true, self.plan.v_track(i, j));
        let u = (self.plan.u_streets[i], lo.y, hi.y, false, self.plan.u_track(i, j));
        for (street, from, to, level, track) in [v, u] {
            if track {
                continue;
            }
            let busy = if street.main { 0.16 } else { 0.28 };
            let lane = if street.main { 4.4 } else { street.half - 2.3 };
            let avenue = street.main || self.dice.chance(0.35);
            let mut s = from + 8.0;
            while s < to - 8.0 {
                for side in [-1.0, 1.0] {
                    let t = |off: f32| if level { vec2(s, street.at + off) } else { vec2(street.at + off, s) };
                    if self.dice.chance(busy) {
                        let site = self.site(t(side * lane), false);
                        self.car(&site, 0.0, 0.0, level);
                    }
                    // The far pavement of these two streets belongs to the neighbours, but its trees may stand here.
                    if avenue && self.dice.chance(0.55) {
                        let p = self.plan.frame.picture(t(side * (street.half + street.walk - 1.0)));
                        let radius = self.dice.range(3.0, 5.4);
                        self.tree(p, radius);
                    }
                }
                s += self.dice.range(10.5, 14.0);
            }
        }
    }

    /// Willows along the water.
    fn riverbank(&mut self) {
        let reach = 0.5 * vec2(self.plan.width as f32, self.plan.height as f32).length();
        let groves = self.dice.salt();
        let mut s = -reach;
        while s < reach {
            for side in [-1.0, 1.0] {
                let d = self.plan.river.half() * 1.2 + self.plan.river.shore + self.dice.range(2.0, 14.0);
                let radius = self.dice.range(3.0, 7.5);
                let p = self.plan.river.beside(s, side * d);
                let t = self.plan.frame.town(p);
                let on_street = self.plan.on_street(t, 3.0);
                if !on_street && noise(vec2(s, side * 50.0), 45.0, groves) > -0.1 && self.plan.river.distance(p) > 3.0 {
                    self.tree(p, radius);
                }
            }
            s += self.dice.range(4.0, 8.0);
        }
    }
}
