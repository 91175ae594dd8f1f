//! What real pairs are like: gaps in stripes, units that differ, hot pixels, values far from 0.

use std::ops::{ControlFlow, Range};

use trapan::engine::{Device, Options};
use trapan::method::apply::{Application, Rows, apply};
use trapan::method::config::{Base, Effort, Profile, Sensor};
use trapan::method::simulate::{Spec, simulate};
use trapan::method::{self, Config, Fitted};
use trapan::raster::{Check, GeometryOptions, Pair, Raster, Sample, Scale, Scene, Survey};

/// A pair, and the image that fusing it should give.
struct Case {
    pan: Raster,
    ms: Raster,
    truth: Vec<f32>,
    /// Values that it may have.
    range: [f32; 2],
}

const RATIO: usize = 4;
const BANDS: usize = 4;

impl Case {
    fn new(size: usize, seed: u64) -> Self {
        let spec = Spec { size: [size; 2], bands: BANDS, ratio: RATIO, sensor: Sensor::Generic, seed };
        let simulated = simulate(&spec).expect("sizes fit");
        Self { pan: simulated.pan, ms: simulated.ms, truth: simulated.truth.data, range: [0.0, 2047.0] }
    }

    /// The pair with values of PAN and of MS put through functions, in floating point.
    fn with(&self, pan: impl Fn(f32) -> f32, ms: impl Fn(f32) -> f32) -> Self {
        let image = |raster: &Raster, f: &dyn Fn(f32) -> f32| {
            let mut raster = raster.clone();
            (raster.header.sample, raster.header.bits) = (Sample::F32, None);
            raster.data.iter_mut().for_each(|v| *v = f(*v));
            raster
        };
        let truth = self.truth.iter().map(|v| ms(*v)).collect();
        let range = self.range.map(&ms);
        Self { pan: image(&self.pan, &pan), ms: image(&self.ms, &ms), truth, range }
    }

    /// The pair with gaps where `gap` says so of a row and column of MS; what their pixels hold is `held`.
    fn with_gaps(&self, gap: impl Fn(usize, usize) -> bool, held: f32) -> Self {
        let image = |raster: &Raster, ratio: usize| {
            let mut raster = raster.clone();
            let width = raster.header.width;
            let valid: Vec<bool> =
                (0..width * raster.header.height).map(|i| !gap(i / width / ratio, i % width / ratio)).collect();
            let bands = raster.header.bands;
            let pixels = raster.data.chunks_exact_mut(bands).zip(&valid);
            pixels.filter(|(_, valid)| !**valid).for_each(|(pixel, _)| pixel.fill(held));
            raster.valid = Some(valid);
            raster
        };
        Self { pan: image(&self.pan, RATIO), ms: image(&self.ms, 1), truth: self.truth.clone(), range: self.range }
    }

    fn pair(&self) -> Pair {
        Pair::new(self.pan.clone(), self.ms.clone(), &GeometryOptions::default()).expect("a pair")
    }

    fn width(&self) -> usize {
        self.pan.header.width
    }

    /// Root mean square error over the pixels that `counts` says count, by row and column, within the range of 11 bits
    /// as images are written: closed forms that divide leave it at single pixels.
    fn error(&self, fused: &[f32], counts: impl Fn(usize, usize) -> bool) -> f64 {
        let [low, high] = self.range;
        let (mut sum, mut count) = (0.0, 0);
        for (i, (fused, truth)) in fused.chunks_exact(BANDS).zip(self.truth.chunks_exact(BANDS)).enumerate() {
            if counts(i / self.width(), i % self.width()) {
                sum += fused.iter().zip(truth).map(|(f, t)| f64::from(f.clamp(low, high) - t).powi(2)).sum::<f64>();
                count += BANDS;
            }
        }
        assert!(count > 0, "some pixels count");
        (sum / f64::from(count as u32)).sqrt()
    }
}

fn all(_: usize, _: usize) -> bool {
    true
}

fn config() -> Config {
    Config::new(Sensor::Generic, Profile::Trapan, BANDS).expect("any bands")
}

fn fast() -> Config {
    config().with_effort(Effort::Fast)
}

/// What no detail is brought into.
fn upsampled() -> Config {
    use trapan::classical::Method;
    use trapan::method::config::Consistency;
    Config { base: Base::Form(Method::Exp), consistency: Consistency::Off, ..fast() }
}

/// A training that takes a second.
fn short() -> Config {
    Config { epochs: 30, dam_epochs: 20, warm_up_epochs: 3, sides: 1, ..config() }
}

fn closed_form(case: &Case, config: &Config) -> Fitted {
    let pair = case.pair();
    let scene = Scene::of(&pair);
    let survey = Survey::of(&scene).expect("data");
    let scale = Scale::new(&scene, &survey, None).expect("a range");
    method::closed_form(&scene, &survey, &scale, config).expect("fits")
}

/// Some rows and columns of what a model makes of a pair, in strips as the memory allows.
fn applied(case: &Case, fitted: &Fitted, part: [Range<usize>; 2], memory: u64) -> Vec<f32> {
    let pair = case.pair();
    let (scene, device) = (Scene::of(&pair), Device::cpu(2));
    let options = Options::default();
    let job = Application { scene: &scene, fitted, device: &device, options, part, memory, lms: false };
    let mut hrms = Vec::new();
    let mut collect = |rows: Rows| {
        hrms.extend(rows.hrms);
        Ok(())
    };
    apply(&job, &mut collect, &mut |_| ControlFlow::Continue(())).expect("applies");
    hrms
}

/// Fuses without training.
fn quick(case: &Case, config: &Config) -> Vec<f32> {
    let width = case.width();
    applied(case, &closed_form(case, config), [0..width, 0..width], u64::MAX)
}

/// Fuses with a training.
fn trained(case: &Case, config: &Config) -> Vec<f32> {
    let pair = case.pair();
    let scale = Scale::of(&pair, None).expect("a range");
    let go = &mut |_: &_| ControlFlow::Continue(());
    method::fuse(&pair, &scale, config, &Device::cpu(2), Options::default(), go).expect("trains").hrms
}

/// Stripes across the scene as of a broken scan line corrector, by row and column of MS: up to six of 24 pixels.
fn stripe(y: usize, x: usize) -> bool {
    (y + x / 4) % 24 < 4 + x / 32
}

/// Whether there is a stripe within so many pixels of PAN.
fn within(y: usize, x: usize, far: usize, size: usize) -> bool {
    let range = |at: usize| at.saturating_sub(far)..(at + far + 1).min(size);
    range(y).any(|y| range(x).any(|x| stripe(y / RATIO, x / RATIO)))
}

#[test]
fn away_from_stripes_a_scene_is_as_good_as_whole() {
    let whole = Case::new(256, 3);
    let gaps = whole.with_gaps(stripe, 0.0);
    let far = |y: usize, x: usize| !within(y, x, 12, 256);
    let beside = |y: usize, x: usize| within(y, x, 4, 256) && !stripe(y / RATIO, x / RATIO);
    let rough = quick(&gaps, &upsampled());
    for (name, fuse, config) in
        [("fast", quick as fn(&Case, &Config) -> Vec<f32>, fast()), ("trained", trained, short())]
    {
        let (of_whole, of_gaps) = (fuse(&whole, &config), fuse(&gaps, &config));
        let [a, b] = [&of_whole, &of_gaps].map(|fused| whole.error(fused, far));
        // A training of few steps sees fewer pixels.
        let most = if name == "fast" { 1.03 } else { 1.05 };
        assert!(b <= most * a, "{name}: {b:.2} away from gaps, {a:.2} without gaps");
        let [a, b] = [&rough, &of_gaps].map(|fused| whole.error(fused, beside));
        assert!(b <= a, "{name}: {b:.2} beside gaps, {a:.2} upsampled");
    }
}

/// Two fills: neither reaches a byte of what is valid.
#[test]
fn what_gaps_hold_changes_nothing() {
    let whole = Case::new(128, 4);
    let [a, b] = [0.0, 65535.0].map(|held| quick(&whole.with_gaps(stripe, held), &fast()));
    let [c, d] = [0.0, 65535.0].map(|held| trained(&whole.with_gaps(stripe, held), &Config { epochs: 4, ..short() }));
    assert!(a == b && c == d, "fused images differ");
}

#[test]
fn parts_of_a_scene_with_gaps_are_those_of_the_whole() {
    let case = Case::new(512, 5).with_gaps(stripe, 0.0);
    let fitted = closed_form(&case, &fast());
    let whole = applied(&case, &fitted, [0..512, 0..512], u64::MAX);
    assert_eq!(applied(&case, &fitted, [0..512, 0..512], 1), whole, "in the thinnest strips");
    let part = applied(&case, &fitted, [170..260, 41..300], u64::MAX);
    for (y, line) in part.chunks_exact(259 * BANDS).enumerate() {
        assert_eq!(line, &whole[((170 + y) * 512 + 41) * BANDS..][..259 * BANDS], "row {}", 170 + y);
    }
}

#[test]
fn the_unit_of_pan_does_not_matter() {
    let same = Case::new(192, 6);
    let short = Config { epochs: 8, dam_epochs: 10, ..short() };
    let [fused, learned] = [quick(&same, &fast()), trained(&same, &short)];
    let [quick_error, error] = [&fused, &learned].map(|fused| same.error(fused, all));
    type Unit = fn(f32) -> f32;
    let units: [(&str, Unit); 4] = [
        ("reflectance", |v| v / 1e4),
        ("eight bits", |v| (v / 8.0).round()),
        ("ten times", |v| 10.0 * v),
        ("an offset", |v| v + 20000.0),
    ];
    for (name, unit) in units {
        // Rounding to eight bits is more than another unit: closed forms are chosen anew, for better, too.
        let least = if name == "eight bits" { 0.9 } else { 0.98 };
        let other = same.with(unit, |v| v);
        let found = same.error(&quick(&other, &fast()), all);
        assert!((least..1.02).contains(&(found / quick_error)), "{name}, fast: {found:.2} instead of {quick_error:.2}");
        let found = same.error(&trained(&other, &short), all);
        assert!((least..1.02).contains(&(found / error)), "{name}, trained: {found:.2} instead of {error:.2}");
    }
}

#[test]
fn another_unit_of_pan_is_said() {
    let same = Case::new(256, 6);
    // By a fit, and before anything is fitted.
    let units = |case: &Case| {
        let pair = case.pair();
        let check = Check::of(&Scene::of(&pair)).expect("reads");
        let note = closed_form(case, &fast()).scale.unit_note();
        assert_eq!(note.is_some(), check.units.is_some(), "{note:?}, {:?}", check.units);
        note
    };
    assert_eq!(units(&same), None);
    assert!(units(&same.with(|v| 10.0 * v, |v| v)).is_some_and(|note| note.contains("PAN is in other units")));
    assert!(units(&same.with(|v| v + 20000.0, |v| v)).is_some());
}

#[test]
fn hot_pixels_spoil_their_surroundings_only() {
    let clean = Case::new(256, 7);
    let heat = |image: &mut Raster, places: &[[usize; 2]], band: usize| {
        let (width, bands) = (image.header.width, image.header.bands);
        places.iter().for_each(|[y, x]| image.data[(y * width + x) * bands + band] = 65535.0);
    };
    let in_pan: Vec<[usize; 2]> = (0..36).map(|i| [(i * 97 + 13) % 256, (i * 53 + 31) % 256]).collect();
    let in_ms: Vec<[usize; 2]> = (0..3).map(|i| [(i * 29 + 11) % 64, (i * 17 + 20) % 64]).collect();
    let mut hot = clean.with(|v| v, |v| v);
    let clean = clean.with(|v| v, |v| v);
    heat(&mut hot.pan, &in_pan, 0);
    heat(&mut hot.ms, &in_ms, 1);
    let near = |y: usize, x: usize, far: usize| {
        let spots = in_pan.iter().copied().chain(in_ms.iter().map(|[y, x]| [y * RATIO + 2, x * RATIO + 2]));
        spots.into_iter().any(|spot| spot[0].abs_diff(y).max(spot[1].abs_diff(x)) <= far)
    };
    for (name, fuse, config) in
        [("fast", quick as fn(&Case, &Config) -> Vec<f32>, fast()), ("trained", trained, short())]
    {
        let (a, b) = (fuse(&clean, &config), fuse(&hot, &config));
        let [wanted, found] = [&a, &b].map(|fused| clean.error(fused, |y, x| !near(y, x, 10)));
        assert!(found < 1.05 * wanted, "{name}: {found:.2} away from hot pixels, {wanted:.2} without");
        let [wanted, found] =
            [&a, &b].map(|fused| clean.error(fused, |y, x| !in_pan.contains(&[y, x]) && !near(y, x, 0)));
        assert!(found < 2.0 * wanted, "{name}: {found:.2} with hot pixels, {wanted:.2} without");
    }
}

#[test]
fn a_large_offset_does_not_matter() {
    let plain = Case::new(256, 8).with(|v| v, |v| v);
    let far = plain.with(|v| v + 1e5, |v| v + 1e5);
    for (name, fuse, config) in
        [("fast", quick as fn(&Case, &Config) -> Vec<f32>, fast()), ("trained", trained, short())]
    {
        let [a, b] = [&plain, &far].map(|case| case.error(&fuse(case, &config), all));
        assert!((b / a - 1.0).abs() < 0.05, "{name}: {b:.2} with an offset, {a:.2} without");
    }
}

/// The paper's method reads values as they are.
#[test]
fn other_presets_keep_their_unit() {
    let case = Case::new(128, 9);
    let pair = case.pair();
    let scale = Scale::of(&pair, None).expect("a range");
    for profile in [Profile::Faithful, Profile::Paper] {
        let config = Config::new(Sensor::Generic, profile, BANDS).expect("any bands");
        let config = Config { base: Base::Form(trapan::classical::Method::MtfGlpFs), ..config };
        assert_eq!(closed_form(&case, &config).scale, scale, "{profile:?}");
    }
}
