//! GeoTIFF in and out, against a writer of our own, the `tiff` crate's encoder and GDAL; damaged
//! files; pairs and their errors.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env, fs,
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
    process::Command,
};

use proptest::prelude::*;
use tiff::encoder::{
    TiffEncoder, colortype,
    compression::{CompressionAlgorithm, Deflate, Lzw, Packbits},
};
use trapan::raster::{
    self, Alignment, Extent, GeoTags, GeometryOptions, Header, Kind, Output, Pair, Raster, RasterError, Sample, Scale,
    Source, check_output, encode, read, sha256, write, write_atomically,
};

use crate::support::{python, skipped};

const SAMPLES: [Sample; 4] = [Sample::U8, Sample::U16, Sample::I16, Sample::F32];

/// Largest single request of this thread, so that a test can see what a damaged file makes us allocate.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    // A thread that is ending has no cell any more, and no test to report to.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

// SAFETY: every request goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Most images here have no georeference.
const ALIGNED: GeometryOptions =
    GeometryOptions { assume_aligned: Some(Alignment::Area), extent: Extent::Intersection, shift: [0.0; 2] };

/// Values that use most of the type's range, extremes included; `[H, W, C]`.
fn scene(sample: Sample, [w, h, c]: [usize; 3]) -> Vec<f32> {
    let [low, high] = match sample {
        Sample::F32 => [-3.5, 1e4],
        _ => sample.range(),
    };
    let value = |i: usize| {
        let noise = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let smooth = (i / (w * c)) as f32 / h as f32;
        let value = low + (high - low) * (0.7 * smooth + 0.3 * noise as f32 / (1 << 24) as f32);
        if sample == Sample::F32 { value } else { value.round() }
    };
    let mut data: Vec<f32> = (0..w * h * c).map(value).collect();
    data[0] = low;
    data[w * h * c - 1] = high;
    data
}

fn utm() -> GeoTags {
    GeoTags {
        pixel_scale: vec![2.0, 2.0, 0.0],
        tiepoints: vec![0.0, 0.0, 0.0, 452085.0, 4484715.0, 0.0],
        transformation: vec![],
        keys: vec![1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 1026, 34737, 8, 0, 3072, 0, 1, 32630],
        double_params: vec![],
        ascii_params: b"UTM 30N|".to_vec(),
    }
}

/// An image as [`write`] takes it, all values valid and in range.
fn output<'a>(sample: Sample, [w, h, c]: [usize; 3], data: &'a [f32], geo: &'a GeoTags) -> Output<'a> {
    let (range, descriptions) = (sample.range(), &[]);
    Output { width: w, height: h, bands: c, sample, data, range, valid: None, nodata: None, geo, descriptions }
}

fn encoded(image: &Output, big: bool) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    encode(&mut file, image, big).unwrap();
    file.into_inner()
}

fn decode(bytes: &[u8], name: &str) -> Result<Raster, RasterError> {
    Source::from_bytes(bytes.to_vec(), Path::new(name))?.read_all()
}

fn parse(bytes: &[u8]) -> Result<Raster, RasterError> {
    decode(bytes, "some.tif")
}

/// An image in memory, as if read from `name`.
fn image(name: &str, sample: Sample, size: [usize; 3]) -> Raster {
    Raster::new(Header::new(name, sample, size), scene(sample, size))
}

/// The same with other data or another nodata value.
fn masked(raster: Raster, nodata: Option<f64>, change: impl FnOnce(&mut [f32])) -> Raster {
    let mut data = raster.data;
    change(&mut data);
    Raster::new(Header { nodata, ..raster.header }, data)
}

/// A TIFF writer for every layout we read, written from the specification and sharing no code with
/// the library; the crate compresses.
#[derive(Clone, Debug)]
struct Fixture {
    sample: Sample,
    size: [usize; 3],
    big_endian: bool,
    big_tiff: bool,
    planar: bool,
    tile: Option<[usize; 2]>,
    compression: u64,
    predictor: u64,
    photometric: u64,
    /// Tags to add or replace: number, type, values.
    set: Vec<(u16, u16, Vec<u64>)>,
}

impl Fixture {
    fn new(sample: Sample, size: [usize; 3]) -> Self {
        let set = Vec::new();
        Self {
            sample,
            size,
            big_endian: false,
            big_tiff: false,
            planar: false,
            tile: None,
            compression: 1,
            predictor: 1,
            photometric: 1,
            set,
        }
    }

    fn with(mut self, tag: u16, kind: u16, values: &[u64]) -> Self {
        self.set.push((tag, kind, values.to_vec()));
        self
    }

    fn number(&self, value: u64, width: usize) -> Vec<u8> {
        match self.big_endian {
            true => value.to_be_bytes()[8 - width..].to_vec(),
            false => value.to_le_bytes()[..width].to_vec(),
        }
    }

    fn bits(&self, value: f32) -> u64 {
        match self.sample {
            Sample::U8 => value as u64,
            Sample::U16 => value as u64,
            Sample::I16 => u64::from(value as i16 as u16),
            Sample::F32 => u64::from(value.to_bits()),
        }
    }

    /// One row of a chunk: predicted, in the file's byte order.
    fn row(&self, values: &[u64], samples: usize) -> Vec<u8> {
        let width = self.sample.bytes();
        match self.predictor {
            3 => {
                let byte = |i: usize| (values[i % values.len()] >> (24 - 8 * (i / values.len()))) as u8;
                let bytes: Vec<u8> = (0..4 * values.len()).map(byte).collect();
                let before = |i: usize| if i < samples { 0 } else { bytes[i - samples] };
                (0..bytes.len()).map(|i| bytes[i].wrapping_sub(before(i))).collect()
            }
            predictor => {
                let before = |i: usize| if predictor == 1 || i < samples { 0 } else { values[i - samples] };
                (0..values.len()).flat_map(|i| self.number(values[i].wrapping_sub(before(i)), width)).collect()
            }
        }
    }

    fn bytes(&self, data: &[f32]) -> Vec<u8> {
        let [w, h, c] = self.size;
        let [cw, ch] = self.tile.unwrap_or([w, 7]);
        let (planes, samples) = if self.planar { (c, 1) } else { (1, c) };
        let offset = if self.big_tiff { 8 } else { 4 };
        let mut file = if self.big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        file.extend(self.number(if self.big_tiff { 43 } else { 42 }, 2));
        if self.big_tiff {
            file.extend([self.number(8, 2), self.number(0, 2)].concat());
        }
        let first = file.len();
        file.extend(vec![0; offset]);
        let (mut places, mut lengths) = (Vec::new(), Vec::new());
        for plane in 0..planes {
            for top in (0..h).step_by(ch) {
                for left in (0..w).step_by(cw) {
                    let rows = if self.tile.is_some() { ch } else { ch.min(h - top) };
                    let mut raw = Vec::new();
                    for y in top..top + rows {
                        let at = |x: usize, s: usize| (y.min(h - 1) * w + x.min(w - 1)) * c + plane + s;
                        let value = |i: usize| self.bits(data[at(left + i / samples, i % samples)]);
                        raw.extend(self.row(&(0..cw * samples).map(value).collect::<Vec<_>>(), samples));
                    }
                    let mut packed = Vec::new();
                    match self.compression {
                        5 => Lzw.write_to(&mut packed, &raw).unwrap(),
                        8 | 32946 => Deflate::default().write_to(&mut packed, &raw).unwrap(),
                        32773 => Packbits.write_to(&mut packed, &raw).unwrap(),
                        _ => packed.write(&raw).unwrap() as u64,
                    };
                    places.push(file.len() as u64);
                    lengths.push(packed.len() as u64);
                    file.extend(packed);
                }
            }
        }
        let format = [1, 1, 2, 3][SAMPLES.iter().position(|s| *s == self.sample).unwrap()];
        let mut tags = vec![
            (256, 4, vec![w as u64]),
            (257, 3, vec![h as u64]),
            (258, 3, vec![8 * self.sample.bytes() as u64; c]),
            (259, 3, vec![self.compression]),
            (262, 3, vec![self.photometric]),
            (277, 3, vec![c as u64]),
            (284, 3, vec![1 + u64::from(self.planar)]),
            (317, 3, vec![self.predictor]),
            (339, 3, vec![format; c]),
        ];
        let kind = if self.big_tiff { 16 } else { 4 };
        match self.tile {
            None => tags.extend([(273, kind, places), (278, 3, vec![ch as u64]), (279, kind, lengths)]),
            Some(_) => {
                tags.extend([(322, 3, vec![cw as u64]), (323, 3, vec![ch as u64])]);
                tags.extend([(324, kind, places), (325, kind, lengths)]);
            }
        }
        for new in &self.set {
            tags.retain(|tag| tag.0 != new.0);
            tags.push(new.clone());
        }
        tags.sort();
        let mut directory = self.number(tags.len() as u64, if self.big_tiff { 8 } else { 2 });
        for (tag, kind, values) in tags {
            let width = match kind {
                2 => 1,
                3 => 2,
                4 => 4,
                _ => 8,
            };
            let mut value: Vec<u8> = values.iter().flat_map(|v| self.number(*v, width)).collect();
            if value.len() > offset {
                let at = file.len() as u64;
                file.extend(value);
                value = self.number(at, offset);
            }
            value.resize(offset, 0);
            directory.extend([self.number(tag.into(), 2), self.number(kind.into(), 2)].concat());
            directory.extend([self.number(values.len() as u64, offset), value].concat());
        }
        directory.extend(vec![0; offset]);
        let at = self.number(file.len() as u64, offset);
        file[first..first + offset].copy_from_slice(&at);
        file.extend(directory);
        file
    }
}

#[test]
fn every_type_survives_a_round_trip() {
    let geo = utm();
    for sample in SAMPLES {
        for size in [[1, 1, 1], [70, 83, 3], [300, 260, 8], [256, 512, 1]] {
            for big in [false, true] {
                let data = scene(sample, size);
                let names: Vec<_> = (0..size[2]).map(|b| (b != 1).then(|| format!("bänd {b} <&\">"))).collect();
                let image = Output { nodata: Some(-7.25), descriptions: &names, ..output(sample, size, &data, &geo) };
                let back = parse(&encoded(&image, big)).unwrap();
                assert_eq!([back.width, back.height, back.bands], size);
                assert_eq!((back.sample, back.nodata, &back.geo), (sample, Some(-7.25), &geo));
                assert_eq!((&back.descriptions, back.alpha), (&names, None));
                assert_eq!(back.data, data, "{sample} {size:?}");
            }
        }
    }
}

#[test]
fn nodata_values_survive_a_round_trip() {
    let geo = GeoTags::default();
    for nodata in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f32::MIN.into(), -9999.0, 0.0, 1e-30, 0.1, 65535.0] {
        let image = Output { nodata: Some(nodata), ..output(Sample::F32, [1, 1, 1], &[5.0], &geo) };
        let back = parse(&encoded(&image, false)).unwrap().nodata.unwrap();
        assert!(back == nodata || back.is_nan() && nodata.is_nan(), "{nodata} came back as {back}");
    }
}

#[test]
fn values_are_rounded_clamped_and_kept_off_nodata() {
    let geo = GeoTags::default();
    let stored = |sample, range, nodata, data: &[f32]| {
        let size = [data.len(), 1, 1];
        let image = Output { range, nodata, ..output(sample, size, data, &geo) };
        parse(&encoded(&image, false)).unwrap().data
    };
    let values = [-0.5, 0.49, 0.5, 1.5, 2.5, 1023.4, 1023.5, 4000.0, f32::INFINITY];
    let rounded = [0.0, 0.0, 1.0, 2.0, 3.0, 1023.0, 1023.0, 1023.0, 1023.0];
    assert_eq!(stored(Sample::U16, [0.0, 1023.0], None, &values), rounded);
    // Zero means nodata: dark pixels become 1. The top means nodata: they go down.
    assert_eq!(stored(Sample::U8, [0.0, 300.0], Some(0.0), &[-5.0, 0.2, 1.0, 300.0]), [1.0, 1.0, 1.0, 255.0]);
    assert_eq!(stored(Sample::U8, [0.0, 255.0], Some(255.0), &[254.0, 255.0]), [254.0, 254.0]);
    assert_eq!(stored(Sample::I16, [-9e9, 9e9], None, &[-1.5, -0.4, -4e4, 4e4]), [-2.0, 0.0, -32768.0, 32767.0]);
    let [moved] = stored(Sample::F32, [-1.0, 1.0], Some(0.5), &[0.5])[..] else { panic!() };
    assert!(moved > 0.5 && moved < 0.500_001, "{moved}");
    assert_eq!(stored(Sample::F32, [-1.0, 1.0], None, &[0.5, -7.0, 7.0]), [0.5, -1.0, 1.0]);
}

#[test]
fn invalid_pixels_become_nodata() {
    let geo = GeoTags::default();
    let valid = [true, false, true];
    let data = [9.0, 0.0, f32::NAN, 5.0, 8.0, 9.0];
    let image = Output { valid: Some(&valid), nodata: Some(9.0), ..output(Sample::U16, [3, 1, 2], &data, &geo) };
    assert_eq!(parse(&encoded(&image, false)).unwrap().data, [10.0, 0.0, 9.0, 9.0, 8.0, 10.0]);
}

#[test]
fn every_layout_is_read() {
    let mut read = 0;
    for sample in SAMPLES {
        for compression in [1, 5, 8, 32773, 32946] {
            for predictor in [1, 2, 3] {
                if predictor == 3 && sample != Sample::F32 || predictor > 1 && matches!(compression, 1 | 32773) {
                    continue;
                }
                for variant in 0..16 {
                    let fixture = Fixture {
                        big_endian: variant & 1 > 0,
                        big_tiff: variant & 2 > 0,
                        planar: variant & 4 > 0,
                        tile: (variant & 8 > 0).then_some([16, 32]),
                        compression,
                        predictor,
                        ..Fixture::new(sample, [37, 45, 3])
                    };
                    let data = scene(sample, fixture.size);
                    let found = parse(&fixture.bytes(&data)).unwrap_or_else(|e| panic!("{fixture:?}: {e}"));
                    assert_eq!((found.sample, found.size(), found.bands), (sample, [37, 45], 3), "{fixture:?}");
                    assert!(found.data == data, "{fixture:?}");
                    read += 1;
                }
            }
        }
    }
    assert_eq!(read, 16 * (3 * 8 + 11));
}

#[test]
fn the_crates_own_encoder_is_read() {
    let data: Vec<u16> = (0..40 * 30 * 3).map(|i| (i * 17 % 4096) as u16).collect();
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file).unwrap().write_image::<colortype::RGB16>(40, 30, &data).unwrap();
    let found = parse(file.get_ref()).unwrap();
    assert!(found.data.iter().zip(&data).all(|(a, b)| *a == f32::from(*b)) && found.data.len() == data.len());
}

#[test]
fn extra_bands_of_a_colour_picture_are_kept() {
    // RGB plus near infrared, as four-band products are often stored; 2 marks the fourth as alpha.
    for (extra, alpha) in [(0, None), (2, Some(3))] {
        for predictor in [1, 2] {
            let fixture =
                Fixture { photometric: 2, compression: 8, predictor, ..Fixture::new(Sample::U16, [20, 20, 4]) };
            let data = scene(Sample::U16, fixture.size);
            let found = parse(&fixture.with(338, 3, &[extra]).bytes(&data)).unwrap();
            let kept = if extra == 0 { 4 } else { 3 };
            let expected: Vec<f32> = data.chunks_exact(4).flat_map(|p| &p[..kept]).copied().collect();
            assert_eq!((found.bands, found.alpha, found.data == expected), (kept, alpha, true));
        }
    }
}

#[test]
fn a_predictor_without_its_compression_is_ignored() {
    // As libtiff does: only LZW and deflate have one.
    for compression in [1, 32773] {
        let fixture = Fixture { compression, ..Fixture::new(Sample::U16, [20, 20, 2]) };
        let data = scene(Sample::U16, fixture.size);
        assert!(parse(&fixture.with(317, 3, &[2]).bytes(&data)).unwrap().data == data);
    }
}

#[test]
fn empty_tiles_are_nodata() {
    let fixture = Fixture { tile: Some([16, 16]), ..Fixture::new(Sample::U8, [32, 16, 1]) };
    let data = vec![5.0; 32 * 16];
    let expected: Vec<f32> = (0..32 * 16).map(|i| if i % 32 < 16 { 5.0 } else { 9.0 }).collect();
    let sparse = fixture.with(325, 4, &[256, 0]);
    assert_eq!(parse(&sparse.clone().with(42113, 2, &[b'9'.into(), 0]).bytes(&data)).unwrap().data, expected);
    let zeros: Vec<f32> = expected.iter().map(|v| if *v == 9.0 { 0.0 } else { *v }).collect();
    assert_eq!(parse(&sparse.bytes(&data)).unwrap().data, zeros);
}

#[test]
fn georeference_follows_the_pixel_convention() {
    let area = utm();
    assert_eq!(area.affine().unwrap().at(0.0, 0.0), [452085.0, 4484715.0]);
    assert_eq!(area.affine().unwrap().at(10.0, 1.0), [452105.0, 4484713.0]);
    let mut point = utm();
    point.keys[11] = 2;
    // The tie point names the centre of the first pixel: its corner lies half a pixel up and left.
    assert_eq!(point.affine().unwrap().at(0.0, 0.0), [452084.0, 4484716.0]);
    let matrix = [3.0, 1.0, 0.0, 100.0, 1.0, -3.0, 0.0, 200.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let rotated = GeoTags { transformation: matrix.to_vec(), ..GeoTags::default() }.affine().unwrap();
    assert_eq!(rotated.at(1.0, 2.0), [105.0, 195.0]);
    let [column, row] = rotated.find([105.0, 195.0]);
    assert!((column - 1.0).abs() + (row - 2.0).abs() < 1e-12);
    assert_eq!(rotated.pixel_size(), [10f64.sqrt(); 2]);
    let flat = GeoTags { pixel_scale: vec![0.0, 2.0, 0.0], ..utm() };
    assert_eq!((flat.affine(), GeoTags::default().affine()), (None, None));
}

/// Reads a file with these bytes; the error must be an input error that names the file.
fn refused(name: &str, bytes: &[u8]) -> RasterError {
    let error = decode(bytes, name).expect_err(name);
    assert_eq!(error.kind(), Kind::Input, "{error}");
    assert!(error.to_string().contains(name), "{error}");
    error
}

#[test]
fn files_that_are_not_tiff_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("none.tif")).unwrap_err();
    assert!(matches!(missing, RasterError::Missing { .. }), "{missing}");
    let directory = read(folder.path()).unwrap_err();
    assert!(matches!(directory, RasterError::Unreadable { .. }), "{directory}");
    for (bytes, name) in [(&b"\x89PNG\r\n\x1a\n"[..], "PNG"), (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"", "empty")] {
        let error = refused("a scene.jp2", bytes);
        let RasterError::NotTiff { found, fix, .. } = &error else { panic!("{error}") };
        assert_eq!(found, name);
        assert_eq!(fix, "gdal_translate 'a scene.jp2' 'a scene_fixed.tif'");
    }
    assert!(matches!(refused("a.tif", b"II\x2b\0tra-la-la-la-la"), RasterError::Truncated { .. }));
    assert!(matches!(refused("a.tif", b"IIII"), RasterError::NotTiff { .. }));
}

#[test]
fn every_truncation_is_recognised() {
    let fixture = Fixture { compression: 5, ..Fixture::new(Sample::U16, [20, 20, 2]) };
    let bytes = fixture.bytes(&scene(Sample::U16, fixture.size));
    for length in 2..bytes.len() - 4 {
        let error = refused("cut.tif", &bytes[..length]);
        assert!(matches!(error, RasterError::Truncated { .. }), "{length} of {}: {error}", bytes.len());
    }
    // Header first, data last, as most programs write: the end of the data is missing.
    let geo = GeoTags::default();
    let bytes = encoded(&output(Sample::U16, [20, 20, 2], &scene(Sample::U16, [20, 20, 2]), &geo), false);
    assert!(matches!(refused("cut.tif", &bytes[..bytes.len() / 2]), RasterError::Truncated { .. }));
}

#[test]
fn unsupported_layouts_name_themselves_and_the_remedy() {
    let u16s = || Fixture::new(Sample::U16, [20, 20, 1]);
    for (fixture, what, fix) in [
        (u16s().with(259, 3, &[7]), "JPEG", "-co COMPRESS=DEFLATE"),
        (u16s().with(259, 3, &[34887]), "LERC", "-co COMPRESS=DEFLATE"),
        (u16s().with(259, 3, &[4711]), "method 4711", "-co COMPRESS=DEFLATE"),
        (u16s().with(258, 3, &[32]), "32-bit unsigned", "-ot Float32"),
        (u16s().with(258, 3, &[64]).with(339, 3, &[3]), "64-bit floating-point", "-ot Float32"),
        (u16s().with(258, 3, &[8]).with(339, 3, &[2]), "8-bit signed", "-ot Int16"),
        (u16s().with(339, 3, &[5]), "complex", "-ot Float32"),
        (u16s().with(262, 3, &[3]), "colour table", "-expand rgb"),
        (u16s().with(262, 3, &[6]), "photometric interpretation 6", "-co PHOTOMETRIC=MINISBLACK"),
        (u16s().with(259, 3, &[5]).with(317, 3, &[3]), "predictor 3 for 16-bit u16", "-co PREDICTOR=1"),
        (u16s().with(258, 3, &[16, 8]), "different values per band", "-ot UInt16"),
    ] {
        let error = refused("in.tif", &fixture.bytes(&scene(Sample::U16, fixture.size)));
        assert!(matches!(error, RasterError::Unsupported { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(&format!("gdal_translate {fix} in.tif in_fixed.tif")), "{text}");
    }
}

#[test]
fn contradictions_are_damage() {
    let u8s = || Fixture { compression: 8, ..Fixture::new(Sample::U8, [20, 21, 2]) };
    let huge = u32::MAX.into();
    for fixture in [
        u8s().with(256, 4, &[0]),
        u8s().with(256, 4, &[huge]),
        u8s().with(257, 4, &[huge]),
        u8s().with(277, 4, &[0]),
        u8s().with(277, 4, &[huge]),
        u8s().with(278, 4, &[0]),
        u8s().with(284, 3, &[3]),
        u8s().with(273, 4, &[]),
        u8s().with(279, 4, &[1, 2]),
        u8s().with(279, 4, &[1, 1, 1]),
        u8s().with(256, 2, &[20]),
        u8s().with(256, 99, &[20]),
        u8s().with(33550, 3, &[1, 2, 3]),
        // As planar, rows times bands overflow 32 bits.
        u8s().with(257, 4, &[huge]).with(278, 4, &[1]).with(284, 3, &[2]),
        Fixture { tile: Some([16, 16]), ..u8s() }.with(322, 4, &[huge]).with(323, 4, &[huge]),
        Fixture { tile: Some([16, 16]), ..u8s() }.with(322, 4, &[1]).with(323, 4, &[1]).with(256, 4, &[huge]),
        // Sparse, and far larger than any file of this size.
        u8s().with(279, 4, &[0, 0, 0]).with(256, 4, &[huge]),
    ] {
        let error = refused("odd.tif", &fixture.bytes(&scene(Sample::U8, fixture.size)));
        assert!(matches!(error, RasterError::Damaged { .. }), "{fixture:?}: {error}");
    }
    // The compressed data themselves.
    let mut bytes = u8s().bytes(&scene(Sample::U8, [20, 21, 2]));
    bytes[8..40].fill(0xff);
    let error = refused("odd.tif", &bytes);
    assert!(error.to_string().contains("strip 1 of 3"), "{error}");
}

/// Small files of different make.
fn corpus() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for (i, sample) in SAMPLES.into_iter().enumerate() {
        for compression in [1, 5, 8, 32773] {
            let fixture = Fixture {
                big_endian: i % 2 > 0,
                big_tiff: compression == 5,
                planar: i > 1,
                tile: (compression > 5).then_some([16, 16]),
                compression,
                predictor: if matches!(compression, 5 | 8) { 2 + u64::from(i == 3) } else { 1 },
                ..Fixture::new(sample, [24, 18, 3])
            };
            let fixture = fixture.with(33550, 12, &[2f64.to_bits(); 3]).with(34735, 3, &[1, 1, 0, 1, 1025, 0, 1, 2]);
            files.push(fixture.bytes(&scene(sample, fixture.size)));
        }
        let (data, geo, names) = (scene(sample, [24, 18, 3]), utm(), [Some("a".into()), None, Some("b".into())]);
        let image = Output { descriptions: &names, nodata: Some(3.0), ..output(sample, [24, 18, 3], &data, &geo) };
        files.push(encoded(&image, i % 2 > 0));
    }
    files
}

/// Reads damaged bytes: any answer but a panic or an allocation beyond what the documentation of
/// the reader allows (4096 decoded bytes per stored byte, each of them an f32).
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    LARGEST.set(0);
    if let Ok(found) = parse(bytes) {
        prop_assert_eq!(found.data.len(), found.width * found.height * found.bands);
        let _ = (found.geo.affine(), found.geo.pixel_is_point());
    }
    let largest = LARGEST.get();
    prop_assert!(largest <= bytes.len() * 4 * 4096 + (1 << 16), "{} bytes asked for {largest}", bytes.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        file in prop::sample::select(corpus()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..6),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut bytes = file;
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        survives(&bytes)?;
    }

    /// Most of a file is pixels: here the damage goes where sizes and places are.
    #[test]
    fn damaged_directories_never_panic(
        file in prop::sample::select(corpus()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut bytes = file;
        // Our fixtures, like the encoder, put the directory at the end.
        let tail = bytes.len().min(420);
        let start = bytes.len() - tail;
        for (at, value) in damage {
            bytes[start + at.index(tail)] = value;
        }
        survives(&bytes)?;
    }
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn outputs_appear_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let geo = GeoTags::default();
    let good = output(Sample::U8, [2, 2, 1], &[1.0, 2.0, 3.0, 4.0], &geo);
    let bad = Output { data: &[1.0, f32::NAN, 3.0, 4.0], ..good };

    check_output(&path, false).unwrap();
    let error = write(&path, &bad, false).unwrap_err();
    assert!(
        matches!(&error, RasterError::Write { source, .. } if source.to_string().contains("row 1, column 2 is NaN"))
    );
    assert_eq!(listing(folder.path()), [""; 0]);

    write(&path, &good, false).unwrap();
    assert_eq!((read(&path).unwrap().data, listing(folder.path())), (good.data.to_vec(), vec!["out.tif".to_owned()]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "as readable as any new file");
        fs::remove_file(plain).unwrap();
    }

    for refused in [check_output(&path, false), write(&path, &good, false)] {
        assert!(matches!(refused, Err(RasterError::Exists { .. })));
    }
    // A failure in the middle leaves the old file as it was.
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        let error = write_atomically(&path, true, |file| file.write_all(b"half").and(Err(kind.into()))).unwrap_err();
        assert_eq!(matches!(error, RasterError::DiskFull { .. }), kind == io::ErrorKind::StorageFull, "{error}");
        assert_eq!(error.kind(), Kind::Output);
        assert_eq!((read(&path).unwrap().data, listing(folder.path()).len()), (good.data.to_vec(), 1));
    }
    // The name is taken while the contents are being made.
    let other = folder.path().join("other");
    let error = write_atomically(&other, false, |_| fs::write(&other, "theirs")).unwrap_err();
    assert!(matches!(error, RasterError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&other).unwrap(), b"theirs");

    let changed = Output { data: &[4.0, 3.0, 2.0, 1.0], ..good };
    write(&path, &changed, true).unwrap();
    assert_eq!((read(&path).unwrap().data, listing(folder.path()).len()), (changed.data.to_vec(), 2));
}

#[test]
fn impossible_outputs_are_refused_early() {
    let folder = tempfile::tempdir().unwrap();
    let error = check_output(&folder.path().join("none/out.tif"), false).unwrap_err();
    assert!(matches!(error, RasterError::Folder { .. }) && error.kind() == Kind::Output, "{error}");
    for overwrite in [false, true] {
        let error = check_output(folder.path(), overwrite).unwrap_err();
        assert!(matches!(error, RasterError::Write { .. }), "{error}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = check_output(&file.join("out.tif"), false).unwrap_err();
    assert!(matches!(error, RasterError::Folder { .. }), "{error}");
    assert_eq!(listing(folder.path()), ["file"]);

    let geo = GeoTags::default();
    let good = output(Sample::U8, [2, 1, 1], &[1.0, 2.0], &geo);
    for bad in [
        Output { width: 3, ..good },
        Output { bands: 0, data: &[], ..good },
        Output { range: [2.0, 1.0], ..good },
        Output { range: [f32::NAN, 1.0], ..good },
        Output { range: [300.0, 400.0], ..good },
        Output { valid: Some(&[true]), ..good },
    ] {
        assert_eq!(encode(Cursor::new(Vec::new()), &bad, false).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

/// Runs one ignored test of this binary in a process of its own, through a shell line.
fn child(test: &str, folder: &Path, shell: &str) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{shell} exec \"$0\" \"$@\"")]).arg(env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).env("TRAPAN_TEST_FOLDER", folder).output().unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupted_process_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ended = child("raster::child_is_interrupted", folder.path(), "");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_eq!(listing(folder.path()), ["seen"], "the temporary file was there, and was removed");
}

#[test]
#[ignore = "run by an_interrupted_process_leaves_nothing"]
fn child_is_interrupted() {
    let folder = PathBuf::from(env::var_os("TRAPAN_TEST_FOLDER").unwrap());
    let _ = write_atomically(&folder.join("out.tif"), false, |file| {
        file.write_all(b"half")?;
        if listing(&folder).iter().any(|name| name.starts_with(".trapan-") && name.ends_with(".part")) {
            fs::write(folder.join("seen"), "")?;
        }
        // What a handler of interrupts does.
        raster::remove_temporary_files();
        std::process::exit(130)
    });
}

#[cfg(unix)]
#[test]
fn a_refused_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Files of at most 4 to 8 KiB, and the signal that would end the process ignored.
    let ended = child("raster::child_runs_out_of_room", folder.path(), "trap '' XFSZ; ulimit -f 8;");
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[test]
#[ignore = "run by a_refused_write_leaves_nothing"]
fn child_runs_out_of_room() {
    let path = PathBuf::from(env::var_os("TRAPAN_TEST_FOLDER").unwrap()).join("out.tif");
    let (size, geo) = ([300, 300, 1], GeoTags::default());
    let error = write(&path, &output(Sample::F32, size, &scene(Sample::F32, size), &geo), false).unwrap_err();
    assert!(matches!(error, RasterError::Write { .. } | RasterError::DiskFull { .. }), "{error}");
}

fn pair_error(pan: Raster, ms: Raster) -> RasterError {
    Pair::new(pan, ms, &ALIGNED).expect_err("a pair that does not fit")
}

#[test]
fn pairs_take_their_ratio_from_the_sizes() {
    for ratio in [2, 4, 8] {
        let (w, h) = (40, 33);
        let pair = Pair::new(
            image("pan.tif", Sample::U16, [ratio * w, ratio * h, 1]),
            image("ms.tif", Sample::U16, [w, h, 5]),
            &ALIGNED,
        );
        let pair = pair.unwrap();
        assert_eq!((pair.ratio(), pair.valid(), pair.warnings), (ratio, None, vec![]));
    }
}

#[test]
fn pairs_that_do_not_fit_say_what_would() {
    let pan = |w, h, c| image("p.tif", Sample::U16, [w, h, c]);
    let ms = |w, h, c| image("m.tif", Sample::U16, [w, h, c]);
    let geometry = |pan, ms, parts: &[&str]| {
        let error = pair_error(pan, ms);
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Geometry, "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        error
    };
    let error = geometry(pan(128, 128, 4), ms(32, 32, 4), &["4 bands", "gdal_translate -b 1 p.tif p_fixed.tif"]);
    assert!(matches!(error, RasterError::PanBands { bands: 4, .. }));
    let error = geometry(pan(128, 128, 1), ms(32, 32, 17), &["17 bands", "16"]);
    assert!(matches!(error, RasterError::MsBands { .. }));
    let error = geometry(pan(60, 60, 1), ms(15, 15, 3), &["15x15", "16"]);
    assert!(matches!(error, RasterError::TooSmall { least: 16, .. }));
    assert!(matches!(pair_error(pan(248, 248, 1), ms(31, 31, 3)), RasterError::TooSmall { least: 32, ratio: 8, .. }));
}

#[test]
fn unusable_values_are_refused() {
    let pan = || image("p.tif", Sample::F32, [64, 64, 1]);
    let ms = || image("m.tif", Sample::F32, [16, 16, 3]);
    let mut flat = ms();
    flat.data.iter_mut().skip(1).step_by(3).for_each(|v| *v = 8.0);
    let error = pair_error(pan(), flat);
    assert!(matches!(error, RasterError::Constant { band: 2, value: 8.0, .. }), "{error}");
    assert!(error.to_string().contains("gdal_translate -b 1 -b 3 m.tif"), "{error}");
    let flat = masked(pan(), None, |data| data.fill(0.0));
    let error = pair_error(flat, ms());
    assert!(matches!(error, RasterError::Constant { band: 1, .. }) && error.kind() == Kind::Input, "{error}");
    let empty = masked(pan(), Some(-9999.0), |data| data.fill(-9999.0));
    assert!(matches!(pair_error(empty, ms()), RasterError::NoData { .. }));
    // PAN valid on the left only, MS on the right only.
    let left = masked(pan(), Some(-9999.0), |data| {
        data.iter_mut().enumerate().filter(|(i, _)| i % 64 > 31).for_each(|(_, v)| *v = -9999.0);
    });
    let right = masked(ms(), Some(-9999.0), |data| {
        data.iter_mut().enumerate().filter(|(i, _)| i / 3 % 16 < 8).for_each(|(_, v)| *v = -9999.0);
    });
    assert!(matches!(pair_error(left, right), RasterError::NoData { .. }));
}

#[test]
fn nodata_is_masked_and_filled() {
    // NaN and infinity need no tag.
    for (value, nodata) in
        [(-9999.0, Some(-9999.0)), (f32::NAN, Some(f64::NAN)), (f32::NAN, None), (f32::INFINITY, None)]
    {
        let pan = masked(image("p.tif", Sample::F32, [64, 64, 1]), nodata, |data| data[64 * 10 + 3] = value);
        // One band is enough. MS pixel (row 2, column 5) covers PAN rows 8..12, columns 20..24.
        let ms = image("m.tif", Sample::F32, [16, 16, 2]);
        let ms = masked(ms, nodata, |data| data[2 * (16 * 2 + 5) + 1] = value);
        let mean = |data: &[f32], first: usize, skipped: usize| {
            let values = data.iter().skip(first).step_by(2).enumerate().filter(|(i, _)| *i != skipped);
            (values.map(|(_, v)| f64::from(*v)).sum::<f64>() / 255.0) as f32
        };
        let means = [mean(&ms.data, 0, 37), mean(&ms.data, 1, 37)];
        let pair = Pair::new(pan, ms, &ALIGNED).unwrap();
        let invalid: Vec<usize> =
            pair.valid().unwrap().iter().enumerate().filter(|(_, v)| !**v).map(|(i, _)| i).collect();
        let mut expected: Vec<usize> = (8..12).flat_map(|y| (20..24).map(move |x| 64 * y + x)).collect();
        expected.push(64 * 10 + 3);
        expected.sort();
        assert_eq!(invalid, expected);
        assert_eq!(pair.ms.data[2 * 37..2 * 38], means);
        assert!(pair.pan.data.iter().all(|v| *v >= -3.5), "no fill value is left");
        assert_eq!(pair.warnings.len(), 2);
        assert!(pair.warnings[1].contains("m.tif: 1 of 256 pixels are nodata"), "{:?}", pair.warnings);
    }
    let mut pair =
        Pair::new(image("p", Sample::U16, [64, 64, 1]), image("m", Sample::U8, [16, 16, 2]), &ALIGNED).unwrap();
    assert_eq!(pair.nodata(), None);
    pair.pan.nodata = Some(65535.0);
    assert_eq!(pair.nodata(), None, "does not fit in the MS's u8");
    pair.pan.nodata = Some(255.0);
    assert_eq!(pair.nodata(), Some(255.0));
    pair.ms.nodata = Some(0.0);
    assert_eq!(pair.nodata(), Some(0.0));
}

#[test]
fn an_alpha_band_is_reported() {
    let mut ms = image("m.tif", Sample::U16, [16, 16, 2]);
    ms.alpha = Some(2);
    let alpha = Pair::new(image("p.tif", Sample::U16, [64, 64, 1]), ms, &ALIGNED).unwrap().warnings;
    assert!(alpha.len() == 1 && alpha[0].contains("band 3 is marked as alpha"), "{alpha:?}");
}

#[test]
fn the_scale_is_the_real_bit_depth() {
    let pair = |sample, top: f32| {
        let [mut pan, mut ms] = [image("p.tif", sample, [64, 64, 1]), image("m.tif", sample, [16, 16, 2])];
        let [low, high] = [0.0f32, top];
        for data in [&mut pan.data, &mut ms.data] {
            let n = data.len() as f32;
            data.iter_mut().enumerate().for_each(|(i, v)| *v = low + (high - low) * i as f32 / (n - 1.0));
        }
        Pair::new(pan, ms, &ALIGNED).unwrap()
    };
    for (top, bits) in
        [(200.0, 8), (255.0, 8), (256.0, 10), (1024.0, 11), (2047.0, 11), (2048.0, 12), (9e3, 14), (6e4, 16)]
    {
        let scale = Scale::of(&pair(Sample::U16, top), None).unwrap();
        let most = f32::exp2(bits as f32) - 1.0;
        assert_eq!((scale.bits, scale.declared, scale.offset), (Some(bits), false, 0.0));
        assert_eq!((scale.scale, scale.range), (f64::from(most), [0.0, most]));
    }
    let mut declared = pair(Sample::U16, 900.0);
    declared.ms.bits = Some(11);
    let scale = Scale::of(&declared, None).unwrap();
    assert_eq!((scale.bits, scale.declared), (Some(11), true));
    declared.ms.bits = Some(8);
    assert_eq!(Scale::of(&declared, None).unwrap().bits, Some(10), "a declaration that the data refute");
    assert_eq!(Scale::of(&declared, Some(12)).unwrap().scale, 4095.0);
    for bits in [0, 9, 17, 255] {
        let error = Scale::of(&declared, Some(bits)).unwrap_err();
        assert!(matches!(error, RasterError::BitDepth { max: 900.0, .. }), "{error}");
    }
    let reflectance = Scale::of(&pair(Sample::F32, 0.8), None).unwrap();
    assert_eq!((reflectance.bits, reflectance.offset, reflectance.range), (None, 0.0, [0.0, 0.8]));
    let mut signed = pair(Sample::I16, 1000.0);
    signed.ms.data[0] = -24.0;
    let scale = Scale::of(&signed, None).unwrap();
    assert_eq!((scale.offset, scale.scale, scale.range), (-24.0, 1024.0, [-24.0, 1000.0]));
    assert_eq!(scale.normalise(&[-24.0, 488.0, 1000.0]), [0.0, 0.5, 1.0]);
    let dn: Vec<f32> = (0..=65535).map(|v| v as f32).collect();
    let scale = Scale::of(&pair(Sample::U16, 65535.0), None).unwrap();
    let back = scale.restore(&scale.normalise(&dn));
    assert!(dn.iter().zip(&back).all(|(a, b)| *a == b.round()), "every value comes back");
}

#[test]
fn declared_bits_are_read() {
    let xml = "<GDALMetadata>\n<Item name=\"NBITS\">11</Item>\n</GDALMetadata>\0";
    let fixture = Fixture::new(Sample::U16, [9, 9, 1]);
    let fixture = fixture.with(42112, 2, &xml.bytes().map(u64::from).collect::<Vec<_>>());
    assert_eq!(parse(&fixture.bytes(&scene(Sample::U16, fixture.size))).unwrap().bits, Some(11));
}

#[test]
fn checksums_are_those_of_the_standard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abc");
    fs::write(&path, "abc").unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(sha256(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(matches!(sha256(&folder.path().join("none")), Err(RasterError::Missing { .. })));
}

/// Folder of real pairs, which cannot be distributed.
fn real_data() -> Option<PathBuf> {
    let folder = env::var_os("TRAPAN_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("no real pairs in {}; set TRAPAN_DATA to their folder", folder.display()));
    None
}

#[test]
fn real_pairs_are_read() {
    let Some(folder) = real_data() else { return };
    // Sizes and extremes as GDAL reports them.
    for (name, pan, ms, pan_range, ms_range, bits) in [
        ("wv2", [512, 512], [128, 128, 8], [1.0, 2047.0], [1.0, 2047.0], 11),
        ("pleiades", [512, 512], [128, 128, 4], [118.0, 2901.0], [26.0, 1101.0], 12),
        ("spot6", [512, 512], [128, 128, 4], [89.0, 1202.0], [97.0, 889.0], 11),
        ("gf2_patch0", [256, 256], [64, 64, 4], [49.0, 949.0], [45.0, 469.0], 10),
        ("landsat8_momotombo", [512, 512], [256, 256, 6], [6613.0, 23279.0], [5120.0, 51264.0], 16),
        ("landsat8_madrid", [512, 512], [256, 256, 3], [7953.0, 33672.0], [7475.0, 33389.0], 16),
        ("wv3_tiny", [128, 128], [32, 32, 8], [1.0, 2047.0], [1.0, 2047.0], 11),
    ] {
        let file = |kind: &str| folder.join(format!("{name}_{kind}.tif"));
        let pair = Pair::open(&file("pan"), &[&file("ms")], &ALIGNED).unwrap_or_else(|e| panic!("{e}"));
        let range = |r: &Raster| r.data.iter().fold([f32::MAX, f32::MIN], |[low, high], v| [low.min(*v), high.max(*v)]);
        assert_eq!((pair.pan.size(), pair.ms.size(), pair.ms.bands), (pan, [ms[0], ms[1]], ms[2]), "{name}");
        assert_eq!((range(&pair.pan), range(&pair.ms)), (pan_range, ms_range), "{name}");
        assert_eq!((pair.pan.sample, pair.valid().is_none()), (Sample::U16, true), "{name}");
        assert_eq!(pair.ratio(), pan[0] / ms[0]);
        assert_eq!(Scale::of(&pair, None).unwrap().bits, Some(bits), "{name}");
        assert_eq!(pair.warnings, [""; 0], "{name}");
        if name == "landsat8_madrid" {
            let affine = pair.pan.geo.affine().unwrap();
            assert_eq!((affine.at(0.0, 0.0), affine.pixel_size()), ([452077.5, 4484722.5], [15.0; 2]));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pan.tif");
            let image = output(Sample::U16, [pan[0], pan[1], 1], &pair.pan.data, &pair.pan.geo);
            write(&path, &image, false).unwrap();
            let back = read(&path).unwrap();
            assert_eq!((back.header.geo, back.data == pair.pan.data), (pair.pan.geo.clone(), true));
        }
    }
}

/// The script that asks GDAL; `None`, loudly, where Python has no rasterio.
fn gdal(arguments: &[&Path]) -> Option<std::process::Output> {
    let mut python = python("comparison with GDAL", &["rasterio", "numpy"])?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/check_geotiff.py");
    Some(python.arg(script).args(arguments).output().unwrap())
}

#[test]
fn gdal_reads_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let [file, json, values] = ["f.tif", "f.json", "f.f32"].map(|name| folder.path().join(name));
    let point =
        GeoTags { keys: utm().keys.iter().enumerate().map(|(i, k)| if i == 11 { 2 } else { *k }).collect(), ..utm() };
    for (i, sample) in SAMPLES.into_iter().enumerate() {
        let size = [300, 260, [1, 3, 4, 8][i]];
        let geo = if i == 1 { &point } else { &utm() };
        let shift = if i == 1 { 1.0 } else { 0.0 };
        let nodata = [0.0, 65535.0, -32768.0, f64::NAN][i];
        let valid: Vec<bool> = (0..300 * 260).map(|p| p % 7 != 3).collect();
        let names: Vec<_> = (0..size[2]).map(|b| (b > 0).then(|| format!("b{b} <&\" é>"))).collect();
        let data = scene(sample, size);
        let image = Output {
            nodata: Some(nodata),
            valid: Some(&valid),
            descriptions: &names,
            ..output(sample, size, &data, geo)
        };
        fs::write(&file, encoded(&image, i > 1)).unwrap();
        // What must be there, from the rules: the mask, and one unit away from nodata.
        let store = |(j, v): (usize, &f32)| match valid[j / size[2]] {
            false => nodata as f32,
            true if f64::from(*v) == nodata => v + if nodata == 65535.0 { -1.0 } else { 1.0 },
            true => *v,
        };
        let bytes: Vec<u8> = data.iter().enumerate().map(store).flat_map(f32::to_le_bytes).collect();
        fs::write(&values, bytes).unwrap();
        let wanted = serde_json::json!({
            "sample": sample.to_string(), "size": size, "epsg": 32630, "nodata": nodata, "descriptions": names,
            "transform": [2.0, 0.0, 452085.0 - shift, 0.0, -2.0, 4484715.0 + shift],
            "area_or_point": if i == 1 { "Point" } else { "Area" },
        });
        // JSON has no NaN; Python's reader takes the bare word.
        let wanted = wanted.to_string().replace("\"nodata\":null", "\"nodata\":NaN");
        fs::write(&json, wanted).unwrap();
        let Some(ran) = gdal(&[Path::new("check"), &file, &json, &values]) else { return };
        assert!(
            ran.status.success(),
            "{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        // The comparison can fail: one pixel changed.
        let mut bytes = fs::read(&values).unwrap();
        bytes[5] ^= 64;
        fs::write(&values, bytes).unwrap();
        let ran = gdal(&[Path::new("check"), &file, &json, &values]).unwrap();
        assert_eq!(ran.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&ran.stdout).contains("1 pixels differ"));
    }
}

#[test]
fn we_read_what_gdal_writes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(ran) = gdal(&[Path::new("write"), folder.path()]) else { return };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut compared = 0;
    for name in listing(folder.path()).iter().filter_map(|name| name.strip_suffix(".tif")) {
        let file = |end: &str| folder.path().join(format!("{name}.{end}"));
        let about: serde_json::Value = serde_json::from_slice(&fs::read(file("json")).unwrap()).unwrap();
        let values: Vec<f32> =
            fs::read(file("f32")).unwrap().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let found = read(&file("tif")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(about["sample"], found.sample.to_string(), "{name}");
        assert_eq!(about["bands"], found.bands, "{name}");
        assert_eq!(about["description"].as_str(), found.descriptions[0].as_deref(), "{name}");
        assert_eq!((found.size(), found.nodata, found.data == values), ([70, 83], Some(7.0), true), "{name}");
        assert_eq!(found.geo.affine().unwrap().at(0.0, 0.0), [452085.0, 4484715.0], "{name}");
        compared += 1;
    }
    assert_eq!(compared, 1 + 4 * (16 + 2 + 1) + 2, "all of GDAL's files");
}
