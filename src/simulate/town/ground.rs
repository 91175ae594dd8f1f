//! The ground as a function of position: streets, river, plots, parks and fields, everything that has no height.

use super::layout::{BlockKind, Street, TownPlan};
use super::materials::Material::{self, *};
use super::space::{Vec2, cycle, hash, noise, noise1, rough, smoothstep, vec2, wave};
use super::surface::{Owner, Surface};

/// Radius of the kerb at a street corner, px.
const CORNER: f32 = 7.0;
/// Distance from the water within which the main road has no junctions, px.
const BRIDGE_HEAD: f32 = 10.0;
/// Metres from the fields down to the river.
pub(super) const BANK: f32 = 1.5;

/// Where a point lies against the street nearest to it.
struct Approach {
    /// Distance to the edge of the carriageway, px; negative on it.
    edge: f32,
    /// Offset from the centre line and position along it, px.
    off: f32,
    along: f32,
    street: Street,
    /// A dirt track between fields instead of a street.
    track: bool,
}

/// The surface at a point of the picture before any object stands on it.
pub(super) fn ground(plan: &TownPlan, p: Vec2) -> Surface {
    let t = plan.frame.town(p);
    let (i, j) = plan.block_at(t);
    let mut across = approach(plan, &plan.u_streets, i, t.x, t.y, |k| plan.u_track(k, j));
    let down = approach(plan, &plan.v_streets, j, t.y, t.x, |k| plan.v_track(i, k));

    let river = plan.river.distance(p);
    let bridge = down.street.main && down.edge < down.street.walk;
    if !bridge && river < plan.river.shore_at(p) {
        return waterside(plan, p, river);
    }
    if bridge && river < BRIDGE_HEAD {
        // Streets end at the water: no junction in the middle of the bridge.
        across.edge = f32::MAX;
    }
    if let Some(road) = road(plan, p, &across, &down) {
        return road;
    }
    let block = plan.kind(i, j);
    match block {
        BlockKind::Industry => yard(plan, p),
        BlockKind::Houses | BlockKind::Flats => grass(p, plan.salt, 0.45),
        BlockKind::Park => park(plan, p, t, i, j),
        BlockKind::Fields => field(plan, p, t, i, j),
    }
}

fn approach(
    plan: &TownPlan,
    streets: &[Street],
    cell: usize,
    pos: f32,
    along: f32,
    is_track: impl Fn(usize) -> bool,
) -> Approach {
    let k = if pos - streets[cell].at < streets[cell + 1].at - pos { cell } else { cell + 1 };
    let street = streets[k];
    let off = pos - street.at;
    let track = is_track(k);
    // Verges of tracks wander.
    let half = if track { 3.2 + 0.8 * noise1(along, 23.0, plan.salt ^ k as u32) } else { street.half };
    Approach { edge: off.abs() - half, off, along, street, track }
}

/// Carriageway, kerb, pavement and markings; `None` beyond them.
fn road(plan: &TownPlan, p: Vec2, across: &Approach, down: &Approach) -> Option<Surface> {
    let (near, other) = if across.edge < down.edge { (across, down) } else { (down, across) };
    // Dirt meets asphalt at the asphalt's edge.
    let near = if near.track && !other.track && other.edge < other.street.walk { other } else { near };
    if near.track {
        return (near.edge < 0.0).then(|| dirt_track(plan, p, near));
    }
    let paved = !across.track && !down.track;
    let (x, y) = (CORNER - across.edge, CORNER - down.edge);
    let edge = if paved && x > 0.0 && y > 0.0 { CORNER - (x * x + y * y).sqrt() } else { near.edge };
    let edge = edge.min(near.edge);
    if edge < 0.0 {
        let crossing = if paved { other.edge } else { f32::MAX };
        return Some(carriageway(plan, p, near, crossing));
    }
    if edge < 0.7 {
        return Some(Surface::plain(Owner::Road, Concrete, 1.1));
    }
    (edge < near.street.walk).then(|| {
        // Paving slabs, and weeds in the joints.
        let slab = hash((near.along / 2.5).floor() as i32, (near.off / 2.5).floor() as i32, plan.salt);
        let tone = 0.86 + 0.10 * rough(p, 26.0, plan.salt ^ 7) + 0.12 * (slab - 0.5);
        Surface::flat(Owner::Road, Pavers, Concrete, 0.3 + 0.5 * noise(p, 60.0, plan.salt ^ 8), tone)
    })
}

fn carriageway(plan: &TownPlan, p: Vec2, road: &Approach, crossing: f32) -> Surface {
    let salt = plan.salt ^ road.street.salt;
    if let Some(tone) = marking(road, crossing) {
        return Surface::flat(Owner::Road, WhitePaint, OldAsphalt, 0.25 + 0.2 * noise(p, 5.0, salt), tone);
    }
    // Repair patches are rectangles along the road; tyres polish two tracks per lane.
    let patch = hash((road.along / 37.0).floor() as i32, (road.off / 5.2).floor() as i32, salt);
    let repair = if patch < 0.12 { -0.28 } else { 0.0 };
    let lane = road.street.half * 0.5;
    let wheel = ((road.off.abs() - lane).abs() - 1.6).abs();
    let tone =
        0.95 + 0.07 * rough(p, 9.0, salt) + 0.06 * noise1(road.along, 60.0, salt) + 0.07 * smoothstep(1.2, 0.2, wheel);
    Surface::flat(Owner::Road, NewAsphalt, OldAsphalt, road.street.wear + repair + 0.1 * noise(p, 40.0, salt), tone)
}

/// Brightness of the paint at a point of the carriageway, if any.
fn marking(road: &Approach, crossing: f32) -> Option<f32> {
    let off = road.off.abs();
    let street = &road.street;
    if crossing < 0.0 {
        return None;
    }
    if (2.0..7.5).contains(&crossing) {
        let bar = street.zebra && cycle(road.off / 2.4) < 0.5 && off < street.half - 0.8;
        return bar.then_some(0.95);
    }
    let (wide, dash) = if street.main {
        (0.4, crossing < 24.0 || cycle(road.along / 14.0) < 0.5)
    } else {
        (0.28, cycle(road.along / 18.0) < 0.33)
    };
    let centre = street.lined && off < wide && dash;
    let stop = (8.6..9.8).contains(&crossing) && street.zebra && off < street.half - 0.8;
    let side = street.main && (off - (street.half - 1.4)).abs() < 0.36 && crossing > 9.0;
    (centre || stop || side).then_some(0.9)
}

fn dirt_track(plan: &TownPlan, p: Vec2, road: &Approach) -> Surface {
    let rut = smoothstep(1.5, 0.5, (road.off.abs() - 1.6).abs());
    let bare = 0.25 + 0.75 * rut + 0.35 * rough(p, 8.0, plan.salt ^ 21);
    Surface::flat(Owner::Road, DryGrass, PaleSoil, bare, 0.95 + 0.12 * noise(p, 2.3, plan.salt ^ 22))
}

fn waterside(plan: &TownPlan, p: Vec2, distance: f32) -> Surface {
    let salt = plan.salt ^ 0x77;
    let edge = distance + 1.5 * noise(p, 7.0, salt);
    if edge > 0.0 {
        let shore = plan.river.shore_at(p);
        // Wet mud, then gravel, then the grass of the bank.
        let dry = smoothstep(0.0, shore, edge + 2.0 * noise(p, 5.0, salt ^ 1));
        let (a, b, mix) = if dry < 0.5 { (DarkSoil, Gravel, 2.0 * dry) } else { (Gravel, DryGrass, 2.0 * dry - 1.0) };
        return Surface::flat(Owner::Water, a, b, mix, 0.85 + 0.18 * noise(p, 2.1, salt ^ 2));
    }
    // Streaks drawn out along the flow, deeper in the middle; the shallows show their bed.
    let q = p.within(plan.river.along);
    let streak = noise(vec2(q.x * 0.22, q.y), 9.0, salt ^ 3);
    let ripple = noise(vec2(q.x, q.y * 0.6), 2.2, salt ^ 4);
    let depth = smoothstep(0.0, 16.0, -edge + 4.0 * streak);
    let tone = 0.95 + 0.08 * streak + 0.06 * ripple;
    let bed = if edge > -2.0 { DarkSoil } else { DeepWater };
    let mix = if edge > -2.0 { -0.25 * edge } else { depth };
    let (a, b) = if edge > -2.0 { (bed, MurkyWater) } else { (MurkyWater, DeepWater) };
    let mix = if edge > -2.0 { 0.5 + mix } else { mix };
    Surface { height: -BANK, ..Surface::flat(Owner::Water, a, b, mix, tone) }
}

/// Grass; `dry` 0 is a watered lawn, 1 a summer meadow.
pub(super) fn grass(p: Vec2, salt: u32, dry: f32) -> Surface {
    let mix = dry + 0.28 * rough(p, 34.0, salt ^ 31) + 0.12 * noise(p, 3.0, salt ^ 32);
    let tone = 0.92 + 0.10 * noise(p, 1.7, salt ^ 33) + 0.10 * rough(p, 12.0, salt ^ 34);
    Surface::flat(Owner::Land, Lawn, DryGrass, mix, tone)
}

/// The hard standing of a works yard: slabs, cracks with weeds, oil.
fn yard(plan: &TownPlan, p: Vec2) -> Surface {
    let salt = plan.salt ^ 0x41;
    let worn = rough(p, 48.0, salt);
    let stain = smoothstep(0.35, 0.7, noise(p, 15.0, salt ^ 1));
    let tone = 0.92 + 0.14 * rough(p, 10.0, salt ^ 2) - 0.22 * stain;
    if worn < -0.42 {
        return Surface::flat(Owner::Land, Gravel, DryGrass, -3.0 * (worn + 0.42), tone);
    }
    Surface::flat(Owner::Land, OldAsphalt, Concrete, 0.15 + 0.8 * smoothstep(-0.1, 0.3, worn), tone)
}

/// Mown grass crossed by two winding gravel paths.
fn park(plan: &TownPlan, p: Vec2, t: Vec2, i: usize, j: usize) -> Surface {
    let salt = plan.block_salt(i, j);
    let (lo, hi) = plan.inner(i, j);
    let mid = (lo + hi) * 0.5;
    let path = |off: f32, along: f32, k: u32| (off - 14.0 * noise1(along, 55.0, salt ^ k)).abs();
    let off = path(t.y - mid.y, t.x, 1).min(path(t.x - mid.x, t.y, 2));
    if off < 2.6 {
        return Surface::flat(
            Owner::Road,
            Gravel,
            PaleSoil,
            0.5 + 0.4 * rough(p, 9.0, salt),
            0.95 + 0.08 * noise(p, 2.0, salt),
        );
    }
    let mown = 0.05 * if cycle((t.x + 0.4 * t.y) / 9.0) < 0.5 { 1.0 } else { -1.0 };
    let mut s = grass(p, salt, 0.22 + 0.35 * smoothstep(5.0, 2.6, off));
    s.tone += mown;
    s
}

/// What grows in a strip of farmland.
#[derive(Clone, Copy)]
enum Crop {
    Rows { plant: Material, soil: Material, cover: f32 },
    Cereal { ripe: f32 },
    Tilled { pale: f32 },
    Meadow,
}

fn crop(salt: u32) -> Crop {
    let r = |k| hash(k, 5, salt);
    match (r(0) * 7.0) as u32 {
        0 | 1 => Crop::Rows { plant: GreenCrop, soil: DarkSoil, cover: 0.25 + 0.55 * r(1) },
        2 => Crop::Rows { plant: Broadleaf, soil: PaleSoil, cover: 0.25 + 0.25 * r(1) },
        3 | 4 => Crop::Cereal { ripe: if r(2) < 0.5 { 0.1 + 0.2 * r(1) } else { 0.75 + 0.25 * r(1) } },
        5 => Crop::Tilled { pale: r(1) },
        _ => Crop::Meadow,
    }
}

/// Strips of different crops, each with its rows, growth and margin.
fn field(plan: &TownPlan, p: Vec2, t: Vec2, i: usize, j: usize) -> Surface {
    let salt = plan.block_salt(i, j);
    let (lo, hi) = plan.inner(i, j);
    let lengthwise = hash(1, 1, salt) < 0.5;
    let (off, start, size, along) =
        if lengthwise { (t.y, lo.y, hi.y - lo.y, t.x) } else { (t.x, lo.x, hi.x - lo.x, t.y) };
    let strips = 1.0 + (hash(2, 2, salt) * 2.99).floor();
    let width = size / strips;
    let k = ((off - start) / width).floor().clamp(0.0, strips - 1.0);
    let own = salt ^ (k as u32 + 1).wrapping_mul(0x9e37_79b9);
    let inside = off - start - k * width;
    let margin = inside.min(width - inside).min(t.x - lo.x).min(hi.x - t.x).min(t.y - lo.y).min(hi.y - t.y);
    if margin < 2.0 + 1.3 * noise(p, 6.0, own) {
        return grass(p, own, 0.75);
    }
    let growth = rough(p, 70.0, own);
    let grain = noise(p, 1.6, own ^ 3);
    let land = |a, b, mix, tone| Surface::flat(Owner::Land, a, b, mix, tone);
    // Tractors leave a pair of wheel tracks every 12 m; the headland at the end is driven crosswise.
    let drive = ((cycle(inside / 24.0) - 0.5).abs() * 24.0 - 1.8).abs() < 0.55;
    match crop(own) {
        Crop::Rows { plant, soil, cover } => {
            let period = 3.4 + 2.6 * hash(7, 7, own);
            let gap = 0.5 * wave(inside / period + 0.15 * noise1(along, 40.0, own));
            let mix = cover + gap + 0.45 * growth + 0.18 * noise(p, 2.4, own ^ 9);
            let shade = 1.0 - 0.12 * (0.5 - mix).abs();
            land(soil, plant, mix, shade * (0.95 + 0.10 * grain))
        }
        Crop::Cereal { ripe } => {
            let ripe = ripe + 0.16 * growth + if drive { 0.1 } else { 0.0 };
            let lodged = 0.10 * smoothstep(0.35, 0.55, noise(p, 30.0, own ^ 5));
            let tone = 0.95 + 0.07 * grain + 0.04 * wave(inside / 2.6) - lodged - if drive { 0.24 } else { 0.0 };
            land(GreenCrop, RipeCrop, ripe, tone)
        }
        Crop::Tilled { pale } => {
            let furrow = 0.07 * wave(inside / 3.1);
            let moist = pale + 0.45 * growth;
            land(DarkSoil, PaleSoil, moist, 0.95 + furrow + 0.09 * grain)
        }
        Crop::Meadow => {
            let swath = 0.06 * wave(inside / 11.0);
            let mut s = grass(p, own, 0.3 + 0.3 * growth);
            s.tone += swath;
            s
        }
    }
}
