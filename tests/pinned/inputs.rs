//! The pairs that the cases fuse, made without the program under test: a made-up place, written by the tests' own
//! writer. What they hold is plain arithmetic, the same everywhere.

use std::fs;
use std::path::Path;

use trapan::tiff::Sample;

use crate::fixture::Fixture;

/// Where the first pixel's corner lies, and the coordinate system: UTM 32 north.
const CORNER: [f64; 2] = [500_000.0, 5_400_000.0];
const CODE: u64 = 32632;

/// A number in 0…1 for three others.
fn chance(seed: u64, y: i64, x: i64) -> f64 {
    let mut h = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (y as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h ^= (x as u64).wrapping_mul(0x94d0_49bb_1331_11eb);
    h = (h ^ (h >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    h = (h ^ (h >> 29)).wrapping_mul(0xa3b1_9535_4a39_b70d);
    ((h ^ (h >> 32)) >> 40) as f64 / (1u64 << 24) as f64
}

/// Chance on a lattice, linear between its points.
fn noise(seed: u64, [y, x]: [f64; 2], period: f64) -> f64 {
    let [(y, v), (x, u)] = [y / period, x / period].map(|at| (at.floor(), at - at.floor()));
    let at = |dy: i64, dx: i64| chance(seed, y as i64 + dy, x as i64 + dx);
    (1.0 - v) * ((1.0 - u) * at(0, 0) + u * at(0, 1)) + v * ((1.0 - u) * at(1, 0) + u * at(1, 1))
}

/// Reflectance of a band at a place, in pixels of PAN: fields, texture, roofs.
fn ground(band: usize, at: [f64; 2]) -> f64 {
    let own = 10 + band as u64;
    let [y, x] = at.map(|v| (v / 9.0).floor() as i64);
    let roof = if chance(4, y, x) > 0.8 { 0.3 + 0.2 * chance(own, y, x) } else { 0.0 };
    0.35 * noise(1, at, 24.0) + 0.2 * noise(2, at, 7.0) + 0.1 * noise(3, at, 2.5) + 0.15 * noise(own, at, 11.0) + roof
}

/// Changes one pixel of a band: row, column, band, value as it would be.
type Change = fn(usize, usize, usize, f32) -> f32;

/// A pair to write.
#[derive(Clone)]
struct Place {
    /// Columns and rows of PAN, and of MS.
    pan: [usize; 2],
    ms: [usize; 2],
    ratio: usize,
    bands: usize,
    sample: Sample,
    /// Values of reflectance 0 and 1.
    range: [f64; 2],
    /// Rows and columns that PAN lies off MS, in its pixels.
    shift: [f64; 2],
    pan_change: Change,
    ms_change: Change,
    nodata: Option<&'static str>,
    placed: bool,
    code: u64,
    /// The files' layout.
    pan_file: fn(Fixture) -> Fixture,
    ms_file: fn(Fixture) -> Fixture,
}

impl Place {
    fn new(pan: [usize; 2], bands: usize, ratio: usize, sample: Sample) -> Self {
        let range = match sample {
            Sample::U8 => [10.0, 240.0],
            Sample::U16 => [100.0, 1900.0],
            Sample::I16 => [-300.0, 4000.0],
            Sample::F32 => [-0.02, 0.9],
        };
        Self {
            pan,
            ms: pan.map(|n| n / ratio),
            ratio,
            bands,
            sample,
            range,
            shift: [0.0; 2],
            pan_change: |_, _, _, v| v,
            ms_change: |_, _, _, v| v,
            nodata: None,
            placed: true,
            code: CODE,
            pan_file: |file| file,
            ms_file: |file| file,
        }
    }

    fn value(&self, reflectance: f64) -> f32 {
        let value = self.range[0] + (self.range[1] - self.range[0]) * reflectance.min(1.0);
        if self.sample == Sample::F32 { value as f32 } else { value.round() as f32 }
    }

    fn pan_values(&self) -> Vec<f32> {
        let [w, h] = self.pan;
        let value = |i: usize| {
            let at = [(i / w) as f64 + 0.5 + self.shift[0], (i % w) as f64 + 0.5 + self.shift[1]];
            let mean = (0..self.bands).map(|band| ground(band, at)).sum::<f64>() / self.bands as f64;
            (self.pan_change)(i / w, i % w, 0, self.value(mean))
        };
        (0..w * h).map(value).collect()
    }

    /// The mean of what PAN's pixels there would see.
    fn ms_values(&self) -> Vec<f32> {
        let ([w, h], r) = (self.ms, self.ratio);
        let value = |i: usize| {
            let (y, x, band) = (i / self.bands / w, i / self.bands % w, i % self.bands);
            let place = |k: usize| [(y * r + k / r) as f64 + 0.5, (x * r + k % r) as f64 + 0.5];
            let mean = (0..r * r).map(|k| ground(band, place(k))).sum::<f64>() / (r * r) as f64;
            (self.ms_change)(y, x, band, self.value(mean))
        };
        (0..w * h * self.bands).map(value).collect()
    }

    /// A file at the place, with pixels as wide.
    fn file(&self, [w, h]: [usize; 2], bands: usize, pixel: f64) -> Fixture {
        let mut file = Fixture::new(self.sample, [w, h, bands]);
        if self.placed {
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            file = file.with(33550, 12, &bits(&[pixel, pixel, 0.0]));
            file = file.with(33922, 12, &bits(&[0.0, 0.0, 0.0, CORNER[0], CORNER[1], 0.0]));
            file = file.with(34735, 3, &[1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, self.code]);
        }
        match self.nodata {
            Some(text) => file.with(42113, 2, &ascii(text)),
            None => file,
        }
    }

    fn pan_bytes(&self) -> Vec<u8> {
        (self.pan_file)(self.file(self.pan, 1, 2.0)).bytes(&self.pan_values())
    }

    fn ms_bytes(&self) -> Vec<u8> {
        (self.ms_file)(self.file(self.ms, self.bands, 2.0 * self.ratio as f64)).bytes(&self.ms_values())
    }

    /// One file per band.
    fn band_bytes(&self) -> Vec<Vec<u8>> {
        let values = self.ms_values();
        let one = |band: usize| {
            let values: Vec<f32> = values.iter().skip(band).step_by(self.bands).copied().collect();
            (self.ms_file)(self.file(self.ms, 1, 2.0 * self.ratio as f64)).bytes(&values)
        };
        (0..self.bands).map(one).collect()
    }

    fn write(&self, folder: &Path) {
        put(&folder.join("pan.tif"), &self.pan_bytes());
        put(&folder.join("ms.tif"), &self.ms_bytes());
    }
}

fn ascii(text: &str) -> Vec<u64> {
    text.bytes().chain([0]).map(u64::from).collect()
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
    fs::write(path, bytes).expect("writable");
}

const METADATA: &str = "<GDALMetadata>\n  <Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">Blue</Item>\n  \
    <Item name=\"DESCRIPTION\" sample=\"1\" role=\"description\">Green &amp; more</Item>\n  \
    <Item name=\"OFFSET\" sample=\"0\" role=\"offset\">0.5</Item>\n  <Item name=\"ACQUIRED\">2026-07-10</Item>\n\
    </GDALMetadata>\n";

const BESIDE: &str = "<PAMDataset>\n  <PAMRasterBand band=\"1\">\n    <Description>Violet</Description>\n    \
    <NoDataValue>3</NoDataValue>\n  </PAMRasterBand>\n</PAMDataset>\n";

const MTL: &str = "GROUP = LANDSAT_METADATA_FILE\n  GROUP = PRODUCT_CONTENTS\n    PROCESSING_LEVEL = \"L1TP\"\n  \
    END_GROUP = PRODUCT_CONTENTS\n  GROUP = IMAGE_ATTRIBUTES\n    SPACECRAFT_ID = \"LANDSAT_8\"\n  \
    END_GROUP = IMAGE_ATTRIBUTES\nEND_GROUP = LANDSAT_METADATA_FILE\nEND\n";

/// Writes all pairs into a folder each.
pub fn write(folder: &Path) {
    let to = |name: &str| folder.join(name);
    let plain = Place::new([64, 64], 4, 4, Sample::U16);
    let few = |sample, bands, ratio| Place::new([64, 64], bands, ratio, sample);

    let tiled = |file: Fixture| Fixture { tile: Some([16, 16]), compression: 8, predictor: 2, ..file };
    Place { pan_file: tiled, ms_file: tiled, ..Place::new([72, 64], 3, 4, Sample::U8) }.write(&to("u8"));
    let planar = |file: Fixture| Fixture { planar: true, big_endian: true, compression: 5, ..file };
    Place { ms_file: planar, nodata: Some("-9999"), ..few(Sample::I16, 3, 2) }.write(&to("i16"));
    let big = |file: Fixture| Fixture { big_tiff: true, compression: 50000, predictor: 3, ..file };
    let hole: Change = |y, x, _, v| if (3..6).contains(&y) && (4..7).contains(&x) { f32::NAN } else { v };
    Place { pan_file: big, ms_change: hole, nodata: Some("nan"), ..few(Sample::F32, 4, 4) }.write(&to("f32"));
    let told = |file: Fixture| {
        let rpc: Vec<u64> = (0..92).map(|k| (f64::from(k) / 8.0).to_bits()).collect();
        let file = file.with(42112, 2, &ascii(METADATA)).with(306, 2, &ascii("2026:07:10 10:11:12"));
        Fixture { compression: 32773, ..file.with(50844, 12, &rpc) }
    };
    Place { pan_file: told, ms_file: told, ..plain.clone() }.write(&to("told"));
    few(Sample::U16, 1, 4).write(&to("one"));
    Place::new([66, 60], 4, 3, Sample::U16).write(&to("three"));
    Place::new([256, 256], 3, 8, Sample::U16).write(&to("eight"));
    Place { ms: [17, 16], ..Place::new([70, 67], 4, 4, Sample::U16) }.write(&to("odd"));
    Place { ms: [18, 16], ..plain.clone() }.write(&to("wide"));
    Place { ms: [17, 17], ..Place::new([80, 72], 4, 4, Sample::U16) }.write(&to("narrow"));
    Place { shift: [1.6, -2.3], ..Place::new([128, 96], 4, 4, Sample::U16) }.write(&to("shifted"));

    let collar: Change =
        |y, x, _, v| if x + y < 12 || (40..44).contains(&y) && (20..50).contains(&x) { 0.0 } else { v };
    let coarse: Change = |y, x, _, v| if x + y < 3 || y == 10 && (5..12).contains(&x) { 0.0 } else { v };
    let gaps = Place { pan_change: collar, ms_change: coarse, nodata: Some("0"), ..plain.clone() };
    gaps.write(&to("gaps"));
    Place { nodata: None, ..gaps.clone() }.write(&to("unstated"));
    let corner: Change = |y, x, _, v| if x + y < 5 { 0.0 } else { v };
    Place { pan: [192, 160], ms: [48, 40], pan_change: corner, ms_change: |_, _, _, v| v, ..gaps }.write(&to("corner"));
    Place {
        pan_change: |y, x, _, v| if (y, x) == (30, 31) || (y, x) == (5, 50) { 60000.0 } else { v },
        ms_change: |y, x, band, v| if (y, x, band) == (9, 3, 1) { 50000.0 } else { v },
        ..plain.clone()
    }
    .write(&to("hot"));
    Place { pan_change: |_, _, _, v| 10.0 * v + 300.0, ..plain.clone() }.write(&to("units"));
    Place { ms_change: |_, _, band, v| if band == 2 { 77.0 } else { v }, ..plain.clone() }.write(&to("constant"));
    Place { ms_change: |_, _, _, _| 0.0, nodata: Some("0"), ..plain.clone() }.write(&to("empty"));
    let masked = |file: Fixture| {
        let [w, h, _] = file.size;
        let mask = (0..w * h).map(|i| i % w + i / w > w / 4).collect();
        Fixture { mask: Some(mask), ..file }
    };
    Place { pan_file: masked, ms_file: masked, ..plain.clone() }.write(&to("mask"));
    Place {
        ms_change: |y, x, band, v| if band == 3 { if x + y > 4 { 255.0 } else { 0.0 } } else { v },
        ms_file: |file| file.with(338, 3, &[2]).with(262, 3, &[2]),
        ..few(Sample::U8, 4, 4)
    }
    .write(&to("alpha"));
    Place { ms_file: |file| file.with(338, 3, &[0, 0, 2]), ..plain.clone() }.write(&to("marked"));
    Place { placed: false, ..plain.clone() }.write(&to("bare"));
    Place { ms: [32, 32], ..plain.clone() }.write(&to("half"));
    few(Sample::U16, 17, 4).write(&to("many"));
    plain.write(&to("plain"));
    put(&to("plain/else.tif"), &Place { code: 32633, ..plain.clone() }.ms_bytes());
    put(&to("plain/text.tif"), b"not a picture");
    put(&to("plain/jpeg.tif"), &Fixture { compression: 7, ..plain.file([16, 16], 4, 8.0) }.bytes(&plain.ms_values()));
    // Strips without data; one row of values is more than addresses there are.
    let vast = Fixture::new(Sample::U16, [1, 1, 8192]).with(256, 4, &[4_000_000_000]).with(257, 4, &[40]);
    let vast = vast.with(278, 4, &[40]).with(273, 4, &[0]).with(279, 4, &[0]);
    put(&to("plain/vast.tif"), &vast.bytes(&[0.0; 8192]));
    let side = 3_000_000;
    let bomb = Fixture { compression: 8, ..plain.file([1, 1], 4, 8.0) }.with(256, 4, &[side]).with(257, 4, &[side]);
    put(&to("plain/bomb.tif"), &bomb.with(278, 4, &[side]).bytes(&[1.0; 4]));
    let table: Vec<u64> = (0..3 * 256).map(|k| k * 85).collect();
    let palette = Fixture::new(Sample::U8, [16, 16, 1]).with(262, 3, &[3]).with(320, 3, &table);
    put(&to("plain/palette.tif"), &palette.bytes(&[7.0; 256]));
    let whole = plain.ms_bytes();
    put(&to("plain/cut.tif"), &whole[..whole.len() / 2]);
    put(&to("plain/model.safetensors"), b"not a model");
    let turned = [2.0, 1.0, 0.0, CORNER[0], 1.0, -2.0, 0.0, CORNER[1], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let file = Place { placed: false, ..plain.clone() }.file([16, 16], 4, 8.0);
    put(&to("plain/turned.tif"), &file.with(34264, 12, &turned.map(f64::to_bits)).bytes(&plain.ms_values()));

    // Bands that are a file each.
    for (i, bytes) in plain.band_bytes().into_iter().enumerate() {
        put(&to(&format!("stack/b{}.tif", i + 1)), &bytes);
    }
    put(&to("stack/pan.tif"), &plain.pan_bytes());

    // Values of 12 bits, packed; what lies beside a file.
    let packed = |file: Fixture| Fixture { bits: Some(12), ..file };
    Place { pan_file: packed, ms_file: packed, ..plain.clone() }.write(&to("packed"));
    Place { placed: false, ..plain.clone() }.write(&to("beside"));
    put(&to("beside/pan.tfw"), b"2\n0\n0\n-2\n500001\n5399999\n");
    put(&to("beside/ms.tfw"), b"8\n0\n0\n-8\n500004\n5399996\n");
    put(&to("beside/ms.tif.aux.xml"), BESIDE.as_bytes());

    // Products. The first pixels of Landsat's images have one centre.
    let scene = "LC08_L1TP_203032_20260710_20260718_02_T1";
    let landsat = Place { pan: [63, 63], ms: [32, 32], shift: [-0.5; 2], ..few(Sample::U16, 6, 2) };
    let landsat = Place { range: [7000.0, 21000.0], placed: false, ..landsat };
    let at = |file: Fixture, pixel: f64| {
        let corner = [0.0, 0.0, 0.0, CORNER[0], CORNER[1], 0.0].map(f64::to_bits);
        let keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 2, 3072, 0, 1, CODE];
        file.with(33550, 12, &[pixel, pixel, 0.0].map(f64::to_bits)).with(33922, 12, &corner).with(34735, 3, &keys)
    };
    put(
        &to(&format!("landsat/{scene}_B8.TIF")),
        &at(landsat.file(landsat.pan, 1, 0.0), 15.0).bytes(&landsat.pan_values()),
    );
    let values = landsat.ms_values();
    for band in 0..6 {
        let one: Vec<f32> = values.iter().skip(band).step_by(6).copied().collect();
        let file = at(landsat.file(landsat.ms, 1, 0.0), 30.0);
        put(&to(&format!("landsat/{scene}_B{}.TIF", band + 2)), &file.bytes(&one));
    }
    put(&to(&format!("landsat/{scene}_MTL.txt")), MTL.as_bytes());
    put(&to(&format!("level2/{}_SR_B2.TIF", scene.replace("L1TP", "L2SP"))), b"");

    let worldview = few(Sample::U16, 8, 4);
    put(&to("maxar/1_PAN/26JUL10-P2AS-1_P001.TIF"), &worldview.pan_bytes());
    put(&to("maxar/1_MUL/26JUL10-M2AS-1_P001.TIF"), &worldview.ms_bytes());
    put(&to("maxar/1_MUL/26JUL10-M2AS-1_P001.IMD"), b"bitsPerPixel = 11;\nsatId = \"WV02\";\nEND;\n");
    // The same in two tiles.
    put(&to("tiled/1_PAN/x.TIF"), &worldview.pan_bytes());
    let values = worldview.ms_values();
    for (name, columns, at) in [("R1C1", 0..10, CORNER[0]), ("R1C2", 10..16, CORNER[0] + 80.0)] {
        let corner = [0.0, 0.0, 0.0, at, CORNER[1], 0.0].map(f64::to_bits);
        let file = worldview.file([columns.len(), 16], 8, 8.0).with(33922, 12, &corner);
        let values = (0..16).flat_map(|y| &values[(y * 16 + columns.start) * 8..(y * 16 + columns.end) * 8]);
        put(&to(&format!("tiled/1_MUL/y_{name}.TIF")), &file.bytes(&values.copied().collect::<Vec<f32>>()));
    }
    let gaofen = "GF2_PMS1_E113.9_N22.5_20261012_L1A0002080000";
    put(&to(&format!("gaofen/{gaofen}-PAN1.tiff")), &plain.pan_bytes());
    put(&to(&format!("gaofen/{gaofen}-MSS1.tiff")), &plain.ms_bytes());
}
