//! Cloud-Optimised GeoTIFFs: what is in the file, byte by byte, and GDAL's opinion of it.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::json;
use trapan::tiff::{CogWriter, Creation, GeoTags, Item, Layout, Metadata, Sample, Source, Window, write};

use crate::fixture::{SAMPLES, parse, scene, utm};
use crate::support::python;
use crate::tiff::writing::round_trip;

/// One directory: where it is, and its tags with their numbers and where those are.
pub struct Ifd {
    at: u64,
    tags: BTreeMap<u16, (Vec<u64>, u64)>,
}

impl Ifd {
    pub fn get(&self, tag: u16) -> &[u64] {
        self.tags.get(&tag).map_or(&[], |(values, _)| values)
    }

    fn size(&self) -> [usize; 2] {
        [self.get(256)[0] as usize, self.get(257)[0] as usize]
    }
}

/// All directories of a little-endian file.
pub fn directories(file: &[u8]) -> Vec<Ifd> {
    let number = |at: u64, bytes: usize| {
        file[at as usize..][..bytes].iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte))
    };
    let (place, count) = if file[2] == 43 { (8, 8) } else { (4, 2) };
    let mut next = number(place as u64, place);
    let mut found = Vec::new();
    while next > 0 {
        let (at, entries) = (next, number(next, count));
        let entry = |i: u64| at + count as u64 + i * (4 + 2 * place as u64);
        let tags = (0..entries).map(|i| {
            let width = match number(entry(i) + 2, 2) {
                2 => 1,
                3 => 2,
                4 => 4,
                12 | 16 => 8,
                kind => panic!("type {kind}"),
            };
            let (length, field) = (number(entry(i) + 4, place), entry(i) + 4 + place as u64);
            let start = if length as usize * width > place { number(field, place) } else { field };
            let values = (0..length).map(|j| number(start + j * width as u64, width)).collect();
            (number(entry(i), 2) as u16, (values, start))
        });
        found.push(Ifd { at, tags: tags.collect() });
        assert!(found.last().unwrap().tags.len() as u64 == entries, "each tag once");
        next = number(entry(entries), place);
    }
    found
}

/// The file of an image.
pub fn bytes(layout: &Layout, data: &[f32], valid: Option<&[bool]>, options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.tif");
    write(&path, layout, data, valid, &Creation::parse(options).unwrap(), false).unwrap();
    fs::read(path).unwrap()
}

/// A mask with a border and single pixels that are invalid, and one corner that is whole.
fn holes([w, h]: [usize; 2]) -> Vec<bool> {
    (0..w * h).map(|i| (i % w > 40 || i / w < 5) && i % 1009 != 7 && !(i % w + 9 > w && i / w > h / 2)).collect()
}

#[test]
fn the_file_is_laid_out_as_its_note_says() {
    let size = [1100, 700];
    let data = scene(Sample::U16, [size[0], size[1], 2]);
    let valid = holes(size);
    for (big, mask) in [("NO", false), ("NO", true), ("YES", false), ("YES", true)] {
        let layout = Layout { geo: utm(), ..Layout::new(size, 2, Sample::U16) };
        let options = [&format!("BIGTIFF={big}")[..], "BLOCKSIZE=256"];
        let file = bytes(&layout, &data, mask.then_some(&valid[..]), &options);
        let note = &file[if big == "YES" { 16 } else { 8 }..][..43 + 140 + if mask { 34 } else { 0 }];
        let lines: Vec<&str> = std::str::from_utf8(note).unwrap().split('\n').collect();
        let length = if mask { 174 } else { 140 };
        assert_eq!(lines[0], format!("GDAL_STRUCTURAL_METADATA_SIZE=000{length} bytes"));
        assert_eq!((lines[1], lines[2]), ("LAYOUT=IFDS_BEFORE_DATA", "BLOCK_ORDER=ROW_MAJOR"));
        assert_eq!(lines.contains(&"MASK_INTERLEAVED_WITH_IMAGERY=YES"), mask);
        assert_eq!(lines[lines.len() - 2..], ["KNOWN_INCOMPATIBLE_EDITION=NO", " "]);

        let found = directories(&file);
        // The image, then its overviews, each followed by its mask.
        let kinds: Vec<u64> = found.iter().map(|ifd| ifd.get(254)[0]).collect();
        assert_eq!(kinds, if mask { vec![0, 4, 1, 5, 1, 5] } else { vec![0, 1, 1] });
        let step = if mask { 2 } else { 1 };
        let sizes: Vec<_> = found.iter().step_by(step).map(Ifd::size).collect();
        assert_eq!(sizes, [[1100, 700], [550, 350], [275, 175]]);
        assert!(found.is_sorted_by_key(|ifd| ifd.at), "directories in their order");
        let last = found.last().unwrap().at;
        let first_tile = found.iter().flat_map(|ifd| ifd.get(324)).min().copied().unwrap();
        for ifd in &found {
            assert!(ifd.at % 2 == 0 && ifd.at < first_tile);
            for (tag, (values, at)) in &ifd.tags {
                assert!(*at < first_tile, "tag {tag}");
                // Tables of tiles come after all directories.
                assert!(!matches!(tag, 324 | 325) || values.len() < 3 || *at > last, "tag {tag}");
            }
            let tiles = ifd.size().map(|side| side.div_ceil(256)).iter().product::<usize>();
            assert_eq!([ifd.get(324).len(), ifd.get(325).len()], [tiles; 2]);
        }
        // Tiles fill the rest of the file: levels from the smallest, rows of tiles from the top,
        // each tile with its mask behind it.
        let mut at = first_tile - 4;
        for level in found.chunks(step).rev() {
            for i in 0..level[0].get(324).len() {
                for ifd in level {
                    let (start, length) = (ifd.get(324)[i], ifd.get(325)[i]);
                    assert_eq!(start, at + 4, "tile {i} of {:?}", ifd.size());
                    let tile = &file[at as usize..][..length as usize + 8];
                    assert_eq!(tile[..4], (length as u32).to_le_bytes());
                    assert_eq!(tile[tile.len() - 8..tile.len() - 4], tile[tile.len() - 4..]);
                    at += 8 + length;
                }
            }
        }
        assert_eq!(at, file.len() as u64);
        let back = parse(&file, "f.tif").unwrap();
        assert_eq!(back.valid, mask.then(|| valid.clone()));
    }
}

/// Values and validity of a level of a file of whole u16 tiles without compression.
fn level(file: &[u8], image: &Ifd, mask: Option<&Ifd>, bands: usize) -> (Vec<u64>, Vec<bool>) {
    let ([w, h], [tw, th]) = (image.size(), [322, 323].map(|tag| image.get(tag)[0] as usize));
    let tile = |x: usize, y: usize| y / th * w.div_ceil(tw) + x / tw;
    let inside = |x: usize, y: usize| y % th * tw + x % tw;
    let value = |x: usize, y: usize, band: usize| {
        let at = image.get(324)[tile(x, y)] as usize + 2 * (inside(x, y) * bands + band);
        u64::from(u16::from_le_bytes([file[at], file[at + 1]]))
    };
    let masks: Vec<Vec<u8>> = mask.map_or(Vec::new(), |mask| {
        let tiles = mask.get(324).iter().zip(mask.get(325));
        let unpack = |(at, length): (&u64, &u64)| {
            let mut bits = Vec::new();
            let packed = &file[*at as usize..][..*length as usize];
            std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(packed), &mut bits).unwrap();
            bits
        };
        tiles.map(unpack).collect()
    });
    let is_valid =
        |x: usize, y: usize| masks.is_empty() || masks[tile(x, y)][inside(x, y) / 8] << (inside(x, y) % 8) & 0x80 > 0;
    let pixels = || (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
    let values = pixels().flat_map(|(x, y)| (0..bands).map(move |band| (x, y, band)));
    (values.map(|(x, y, b)| value(x, y, b)).collect(), pixels().map(|(x, y)| is_valid(x, y)).collect())
}

/// An overview is the mean, over the valid part of the area that a pixel covers, of the level
/// before: exact rational arithmetic against the file.
#[test]
fn overviews_are_means_of_what_they_cover() {
    for size in [[1030, 600], [1031, 603], [513, 1], [2, 530]] {
        let ([w, h], bands) = (size, 2);
        let data: Vec<f32> = scene(Sample::U16, [w, h, bands]).iter().map(|v| v / 3.0).collect();
        let valid = holes(size);
        for nodata in [None, Some(0.0)] {
            let layout = Layout { nodata, ..Layout::new(size, bands, Sample::U16) };
            let file = bytes(&layout, &data, Some(&valid), &["COMPRESS=NONE"]);
            let found = directories(&file);
            let levels: Vec<_> = match nodata {
                None => found.chunks(2).map(|l| (l[0].size(), level(&file, &l[0], Some(&l[1]), bands))).collect(),
                Some(_) => {
                    let values = found.iter().map(|ifd| (ifd.size(), level(&file, ifd, None, bands).0));
                    let known = |v: &Vec<u64>| v.chunks(bands).map(|pixel| pixel[0] > 0).collect();
                    values
                        .map(|(size, v)| {
                            (size, {
                                let valid = known(&v);
                                (v, valid)
                            })
                        })
                        .collect()
                }
            };
            assert!(levels.len() > 1 && levels.last().unwrap().0.iter().all(|side| *side <= 512));
            assert_eq!(levels[0].1.1, valid);
            for pair in levels.windows(2) {
                let [([w, h], (from, from_valid)), ([sw, sh], (to, to_valid))] = pair else { panic!() };
                assert_eq!([*sw, *sh], [w.div_ceil(2), h.div_ceil(2)]);
                // Overlap of [x, x + 1)·half and [i, i + 1)·full.
                let overlap = |x: usize, i: usize, full: usize, half: usize| {
                    ((x + 1) * half).min((i + 1) * full).saturating_sub((x * half).max(i * full)) as u64
                };
                for (i, j) in (0..*sh).flat_map(|j| (0..*sw).map(move |i| (i, j))) {
                    let ys = j * h / sh..((j + 1) * h).div_ceil(*sh);
                    let parts: Vec<(usize, u64)> = ys
                        .flat_map(|y| (i * w / sw..((i + 1) * w).div_ceil(*sw)).map(move |x| (x, y)))
                        .map(|(x, y)| (y * w + x, overlap(x, i, *w, *sw) * overlap(y, j, *h, *sh)))
                        .filter(|(at, _)| from_valid[*at])
                        .collect();
                    let weight: u64 = parts.iter().map(|(_, weight)| weight).sum();
                    assert_eq!(to_valid[j * sw + i], weight > 0, "{size:?}: {i}, {j}");
                    for band in (0..bands).filter(|_| weight > 0) {
                        let sum: u64 = parts.iter().map(|(at, weight)| from[at * bands + band] * weight).sum();
                        let (found, mean) = (to[(j * sw + i) * bands + band], sum as f64 / weight as f64);
                        // The mean in f32 may be off by the last place of 65535, at a half to either side.
                        assert!((found as f64 - mean).abs() <= 0.5 + 0.01, "{size:?}: {found} for {mean}");
                        let even = [w, h].iter().all(|side| **side % 2 == 0) && weight == 4 * (sw * sh) as u64;
                        assert!(!even || found == (mean + 0.5).floor() as u64, "{found} for {mean}");
                    }
                }
            }
        }
    }
}

#[test]
fn rows_per_call_and_threads_change_nothing() {
    let (size, folder) = ([900, 700], tempfile::tempdir().unwrap());
    let layout = Layout { nodata: Some(0.0), ..Layout::new(size, 3, Sample::U8) };
    let (data, valid) = (scene(Sample::U8, [size[0], size[1], 3]), holes(size));
    let whole = bytes(&layout, &data, Some(&valid), &["BLOCKSIZE=128"]);
    for (rows, threads) in [(1, 1), (7, 2), (128, 3), (500, 5)] {
        let path = folder.path().join(format!("{rows}.tif"));
        let creation = Creation::parse(&["BLOCKSIZE=128", &format!("NUM_THREADS={threads}")]).unwrap();
        let mut file = CogWriter::create(&path, &layout, &creation, false).unwrap();
        for (rows, valid) in data.chunks(rows * size[0] * 3).zip(valid.chunks(rows * size[0])) {
            file.write_rows(rows, Some(valid)).unwrap();
        }
        file.finish().unwrap();
        assert!(fs::read(path).unwrap() == whole, "{rows} rows at a time, {threads} threads");
    }
}

#[test]
fn validity_survives_with_or_without_a_nodata_value() {
    let (size, valid) = ([600, 530], holes([600, 530]));
    for (sample, nodata, kept) in [
        (Sample::U16, None, None),
        (Sample::U8, Some(-9999.0), None), // the type has no such value
        (Sample::I16, Some(-9999.0), Some(-9999.0)),
        (Sample::F32, None, None),
    ] {
        let layout = Layout { nodata, ..Layout::new(size, 2, sample) };
        let data = scene(sample, [size[0], size[1], 2]);
        let back = round_trip(&layout, &data, Some(&valid), &[]);
        assert_eq!((back.nodata, back.valid.as_deref()), (kept, Some(&valid[..])), "{sample}");
        let same = |(i, v): (usize, &f32)| !valid[i / 2] || *v == data[i] || data[i] == -9999.0 && *v == -9998.0;
        assert!(back.data.iter().enumerate().all(same), "{sample}");
        // Where all pixels are valid there is no mask.
        let file = bytes(&layout, &data, Some(&vec![true; valid.len()]), &[]);
        assert_eq!(directories(&file).len(), 2);
        assert_eq!(parse(&file, "f").unwrap().valid, None);
    }
}

/// A layout with all there is to say.
fn everything(sample: Sample, size: [usize; 3]) -> Layout {
    let bands = size[2];
    let item = |name: &str, band, role: Option<&str>, value: &str| Item {
        name: name.into(),
        sample: band,
        role: role.map(Into::into),
        domain: None,
        value: value.into(),
    };
    let colours = ["Blue", "Green", "Red", "Undefined"].map(|c| Some(c.to_owned()));
    Layout {
        geo: utm(),
        descriptions: (0..bands).map(|b| (b != 1).then(|| format!("b{b} <&\" é>"))).collect(),
        metadata: Metadata {
            colours: colours.into_iter().cycle().take(bands).collect(),
            items: vec![
                item("SATELLITE", None, None, "A & <B>"),
                item("SCALE", Some(0), Some("scale"), "0.5"),
                item("OFFSET", Some(0), Some("offset"), "-3"),
            ],
            rpc: (0..92).map(|i| f64::from(i) / 7.0).collect(),
            date_time: Some("2024:05:06 07:08:09".into()),
        },
        ..Layout::new([size[0], size[1]], bands, sample)
    }
}

#[test]
fn what_is_known_of_a_scene_is_kept() {
    let layout = everything(Sample::U16, [60, 50, 5]);
    let back = round_trip(&layout, &scene(Sample::U16, [60, 50, 5]), None, &[]);
    assert_eq!((&back.geo, &back.descriptions), (&layout.geo, &layout.descriptions));
    assert_eq!(back.metadata, layout.metadata);
    // Red, green, blue: by their names, and in TIFF's own terms.
    let names = ["RED", "green", "Blue", "NIR"].map(|name| Some(name.to_owned())).to_vec();
    let layout = Layout { descriptions: names.clone(), ..Layout::new([60, 50], 4, Sample::U16) };
    let file = bytes(&layout, &scene(Sample::U16, [60, 50, 4]), None, &[]);
    let ifd = &directories(&file)[0];
    assert_eq!((ifd.get(262), ifd.get(338)), (&[2][..], &[0][..]), "a colour picture with one band more, no alpha");
    let back = parse(&file, "f").unwrap();
    assert_eq!((back.bands, &back.descriptions), (4, &names));
}

#[test]
fn fused_images_take_place_from_pan_and_bands_from_ms() {
    let from = |layout: &Layout, bands| {
        round_trip(layout, &scene(Sample::U16, [layout.width, layout.height, bands]), None, &[]).header
    };
    let ms = from(&everything(Sample::U16, [30, 20, 3]), 3);
    let geo = GeoTags { pixel_scale: vec![0.5, 0.5, 0.0], ..utm() };
    let rpc = vec![2.0; 92];
    let about = Metadata { rpc: rpc.clone(), date_time: None, ..Metadata::default() };
    let pan = from(&Layout { geo: geo.clone(), metadata: about, ..Layout::new([120, 80], 1, Sample::U16) }, 1);
    let fused = Layout::fused(&pan, &ms);
    assert_eq!((fused.width, fused.height, fused.bands, fused.sample), (120, 80, 3, Sample::U16));
    assert_eq!((fused.geo, fused.metadata.rpc, fused.metadata.date_time), (geo, rpc, None));
    assert_eq!((fused.descriptions, fused.metadata.items), (ms.descriptions.clone(), ms.metadata.items.clone()));
}

#[test]
fn memory_grows_with_the_width_only() {
    let creation = Creation { threads: Some(2), ..Creation::default() };
    let memory = |w, h| CogWriter::memory(&Layout::new([w, h], 8, Sample::U16), &creation).unwrap() >> 20;
    // Twice 160 MiB for the rows of tiles, 128 for tiles under way.
    assert_eq!(memory(20_000, 20_000), 452);
    assert!(memory(20_000, 200_000) < 470);
    assert!(memory(10_000, 20_000) < 300);
}

/// Files of every type, some big, some masked, as GDAL and rio-cogeo see them.
#[test]
fn gdal_reads_what_we_write() {
    let gdal = || python("comparison with GDAL", &["rasterio", "numpy"]);
    if gdal().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let point =
        GeoTags { keys: utm().keys.iter().enumerate().map(|(i, k)| if i == 11 { 2 } else { *k }).collect(), ..utm() };
    for (i, sample) in SAMPLES.into_iter().enumerate() {
        let size = [700, 560, [1, 3, 4, 8][i]];
        let nodata = [Some(0.0), Some(65535.0), None, Some(f64::NAN)][i];
        let valid = holes([size[0], size[1]]);
        let shift = if i == 1 { 1.0 } else { 0.0 };
        let layout = everything(sample, size);
        let layout = Layout { nodata, geo: if i == 1 { point.clone() } else { layout.geo }, ..layout };
        let data = scene(sample, size);
        let compress = ["LZW", "DEFLATE", "ZSTD", "DEFLATE"][i];
        let options = [&format!("COMPRESS={compress}")[..], ["BIGTIFF=NO", "BIGTIFF=YES"][i % 2]];
        let file = |end: &str| folder.path().join(format!("{sample}.{end}"));
        write(&file("tif"), &layout, &data, Some(&valid), &Creation::parse(&options).unwrap(), false).unwrap();
        // What must be there, from the rules: the mask, and one unit away from nodata.
        let store = |(j, v): (usize, &f32)| match (valid[j / size[2]], nodata) {
            (false, nodata) => nodata.unwrap_or(0.0) as f32,
            (true, Some(n)) if f64::from(*v) == n => v + if n == 65535.0 { -1.0 } else { 1.0 },
            _ => *v,
        };
        let values: Vec<u8> = data.iter().enumerate().map(store).flat_map(f32::to_le_bytes).collect();
        fs::write(file("f32"), values).unwrap();
        fs::write(file("mask"), valid.iter().map(|v| if *v { 255 } else { 0 }).collect::<Vec<u8>>()).unwrap();
        let wanted = json!({
            "sample": sample.to_string(), "size": size, "epsg": 32630, "nodata": nodata,
            "descriptions": layout.descriptions, "colours": layout.metadata.colours,
            "transform": [2.0, 0.0, 452085.0 - shift, 0.0, -2.0, 4484715.0 + shift],
            "area_or_point": if i == 1 { "Point" } else { "Area" }, "compression": compress,
            "mask": if nodata.is_none() { "per_dataset" } else { "nodata" },
        });
        // JSON has no NaN; Python's reader takes the bare word.
        let nan = if nodata.is_some_and(f64::is_nan) { "\"nodata\":NaN" } else { "\"nodata\":null" };
        fs::write(file("json"), wanted.to_string().replace("\"nodata\":null", nan)).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/check_cog.py");
    let check = || gdal().expect("it was there").arg(&script).arg(folder.path()).output().unwrap();
    let ran = check();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{out}");
    // The comparison can fail: one pixel changed.
    let path = folder.path().join("u16.f32");
    let mut values = fs::read(&path).unwrap();
    values[4 * 3 * 100 + 1] ^= 64;
    fs::write(&path, values).unwrap();
    let ran = check();
    assert_eq!(ran.status.code(), Some(1));
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(out.contains("u16.tif: 1 values differ"), "{out}");
}

/// By hand, in a process of its own: `TRAPAN_SCENE=20000x2000 TRAPAN_CO="COMPRESS=ZSTD" cargo test
/// large_scene -- --ignored --nocapture` writes 8 bands of waves with 11 bits of which 4 are noise.
#[test]
#[ignore = "by hand: time and memory of a large scene"]
#[expect(clippy::print_stdout, reason = "what it measures is its result")]
fn large_scene() {
    let size = std::env::var("TRAPAN_SCENE").unwrap_or("4000x2000".into());
    let [w, h] = size.split_once('x').map(|(w, h)| [w, h].map(|n| n.parse::<usize>().unwrap())).unwrap();
    let options = std::env::var("TRAPAN_CO").unwrap_or_default();
    let options: Vec<&str> = options.split_whitespace().collect();
    let folder = tempfile::tempdir_in(std::env::var("TRAPAN_FOLDER").unwrap_or(".".into())).unwrap();
    let path = folder.path().join("scene.tif");
    let creation = Creation::parse(&options).unwrap();
    let layout = Layout { range: [0.0, 2047.0], nodata: Some(0.0), ..Layout::new([w, h], 8, Sample::U16) };
    let (mut making, start) = (std::time::Duration::ZERO, std::time::Instant::now());
    let mut file = CogWriter::create(&path, &layout, &creation, false).unwrap();
    let mut row = vec![0.0; w * 8];
    for y in 0..h {
        let begin = std::time::Instant::now();
        for (i, v) in row.iter_mut().enumerate() {
            let (x, band) = ((i / 8) as f32, (i % 8) as f32);
            let noise =
                ((y * w * 8 + i) as u32).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b) >> 28;
            *v = (400.0 + 200.0 * (x / 37.0).sin() * (y as f32 / 53.0).cos()) * (1.0 + 0.1 * band) + noise as f32;
        }
        making += begin.elapsed();
        file.write_rows(&row, None).unwrap();
    }
    let rows = start.elapsed();
    file.finish().unwrap();
    let total = start.elapsed();
    let raw = (w * h * 16) as f64 / 1e6;
    let stored = fs::metadata(&path).unwrap().len() as f64 / 1e6;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    println!("{size} {options:?}: {raw:.0} MB stored as {stored:.0}, {peak}");
    println!("{total:.1?}, of which the pixels took {making:.1?} and the end {:.1?}", total - rows);
    let last = Window { x: w - 1, y: h - 1, width: 1, height: 1 };
    let back = Source::open(&[path]).unwrap().read(last).unwrap().data;
    assert_eq!(back, row[(w - 1) * 8..].iter().map(|v| v.round()).collect::<Vec<f32>>());
}
