//! Odd files are read as GDAL reads them, and every command that an error suggests repairs what it is about.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use trapan::scene::{Scene, SceneError, Survey};
use trapan::tiff::{Raster, Sample, Source, TiffError, Window, read};

use crate::cli::program::trapan;
use crate::fixture::{ALIGNED, Fixture, parse, scene};
use crate::support::skipped;

const SIZE: [usize; 3] = [64, 48, 3];

/// Old writers list tiles under the tags of strips, as libtiff takes them.
#[test]
fn tiles_under_the_tags_of_strips_are_read() {
    let file = Fixture { tile: Some([16, 16]), compression: 8, predictor: 2, ..Fixture::new(Sample::U16, SIZE) };
    let data = scene(Sample::U16, SIZE);
    let mut bytes = file.bytes(&data);
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes([bytes[first], bytes[first + 1]]));
    let mut entries: Vec<[u8; 12]> =
        bytes[first + 2..first + 2 + 12 * count].chunks(12).map(|entry| entry.try_into().unwrap()).collect();
    for entry in &mut entries {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let new = match tag {
            324 => 273u16,
            325 => 279,
            tag => tag,
        };
        entry[..2].copy_from_slice(&new.to_le_bytes());
    }
    entries.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
    bytes[first + 2..first + 2 + 12 * count].copy_from_slice(&entries.concat());
    assert!(parse(&bytes, "old.tif").unwrap().data == data);
}

/// LZW of before TIFF 6: codes from the lower end of a byte, and a width that grows one code later.
#[test]
fn old_lzw_is_read() {
    let size = [97, 61, 1];
    let data: Vec<f32> = (0..97 * 61).map(|i| (i * i / 7 % 256) as f32).collect();
    let raw: Vec<u8> = data.iter().map(|v| *v as u8).collect();
    let packed = weezl::encode::Encoder::new(weezl::BitOrder::Lsb, 8).encode(&raw).unwrap();
    assert_eq!((packed[0], packed[1] & 1), (0, 1), "it begins by clearing the table");
    let file = |place: u64| {
        let file = Fixture { compression: 5, ..Fixture::new(Sample::U8, [1, 1, 1]) }.with(256, 4, &[size[0] as u64]);
        let file = file.with(257, 4, &[size[1] as u64]).with(278, 4, &[size[1] as u64]);
        file.with(273, 4, &[place]).with(279, 4, &[packed.len() as u64]).bytes(&[0.0])
    };
    let place = file(0).len() as u64;
    assert!(parse(&[file(place), packed.clone()].concat(), "old.tif").unwrap().data == data);
}

/// Scale and tie point go before a matrix, of zeros in some files, and the scale of y counts as positive.
#[test]
fn contradicting_georeferences_are_read_as_gdal_does() {
    let doubles = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let place = |scale: [f64; 3], matrix: Option<[f64; 16]>| {
        let file = Fixture::new(Sample::U16, SIZE).with(33550, 12, &doubles(&scale));
        let file = file.with(33922, 12, &doubles(&[0.0, 0.0, 0.0, 5e5, 4e6, 0.0]));
        let file = match matrix {
            Some(matrix) => file.with(34264, 12, &doubles(&matrix)),
            None => file,
        };
        parse(&file.bytes(&scene(Sample::U16, SIZE)), "g.tif").unwrap().header.geo
    };
    let plain = place([2.0, 2.0, 0.0], None);
    assert_eq!(plain.affine().map(|a| (a.x0, a.y0, a.dx, a.dy)), Some((5e5, 4e6, 2.0, -2.0)));
    assert_eq!(place([2.0, -2.0, 0.0], None), plain);
    assert_eq!(place([2.0, 2.0, 0.0], Some([0.0; 16])), plain);
    let mut other = [0.0; 16];
    (other[0], other[3], other[5], other[7]) = (3.0, 7.0, -3.0, 9.0);
    assert_eq!(place([2.0, 2.0, 0.0], Some(other)), plain);
    // Without a scale the matrix counts.
    let by_matrix = place([0.0; 3], Some(other));
    assert_eq!(by_matrix.affine().map(|a| (a.x0, a.y0, a.dx, a.dy)), Some((7.0, 9.0, 3.0, -3.0)));
}

/// GDAL's programs in a folder.
struct Gdal(tempfile::TempDir);

impl Gdal {
    /// `None`, loudly, where they are not installed.
    fn new() -> Option<Self> {
        let found = Command::new("gdal_translate").arg("--version").output().is_ok_and(|ran| ran.status.success());
        if !found {
            skipped("the commands that errors suggest: gdal_translate is not here");
        }
        found.then(|| Self(tempfile::tempdir().unwrap()))
    }

    /// Runs a line of a shell in the folder.
    fn run(&self, line: &str) -> bool {
        let ran = Command::new("sh").args(["-c", line]).current_dir(self.0.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() || said.contains("not supported") || said.contains("Unknown"), "{line}: {said}");
        ran.status.success()
    }

    /// Writes a file of three bands, then makes another of it by GDAL; false if this GDAL cannot.
    fn make(&self, options: &str) -> bool {
        let data: Vec<f32> = scene(Sample::U16, SIZE).iter().map(|v| (v / 257.0).floor()).collect();
        fs::write(self.0.path().join("plain.tif"), Fixture::new(Sample::U8, SIZE).bytes(&data)).unwrap();
        let _ = fs::remove_file(self.0.path().join("in.tif"));
        self.run(&format!("gdal_translate -q {options} plain.tif in.tif"))
    }

    fn open(&self) -> Result<Raster, TiffError> {
        read(&self.0.path().join("in.tif"))
    }

    /// Runs the command at the end of a text; the repaired file.
    fn repaired(&self, text: &str) -> Raster {
        let line = &text[text.find("gdal_translate").unwrap_or_else(|| panic!("no command in: {text}"))..];
        let fixed = self.0.path().join("in_fixed.tif");
        let _ = fs::remove_file(&fixed);
        assert!(self.run(&line.replace("gdal_translate", "gdal_translate -q")), "{line}");
        read(&fixed).unwrap_or_else(|e| panic!("{line}: {e}"))
    }
}

#[test]
fn suggested_conversions_are_accepted() {
    let Some(gdal) = Gdal::new() else { return };
    let mut repaired = 0;
    for options in [
        "-ot UInt16 -co COMPRESS=JPEG -co NBITS=12",
        "-co COMPRESS=LZMA",
        "-ot UInt32",
        "-ot Int32",
        "-ot Float64",
        "-ot CFloat32",
        "-ot Byte -co PIXELTYPE=SIGNEDBYTE",
        "-ot Float32 -co NBITS=16",
        "-of PNG",
        "-of JPEG",
        "-of JP2OpenJPEG -co QUALITY=100 -co REVERSIBLE=YES",
        "-of HFA",
        "-of NITF",
        "-of VRT -scale 0 255 0 100",
    ] {
        if !gdal.make(options) {
            skipped(&format!("this GDAL writes no file with {options}"));
            continue;
        }
        let error = gdal.open().map(drop).expect_err(options);
        let found = gdal.repaired(&error.to_string());
        assert_eq!((found.width, found.height, found.bands), (SIZE[0], SIZE[1], SIZE[2]), "{options}: {error}");
        repaired += 1;
    }
    assert!(repaired > 8, "{repaired}");
}

/// A table of colours makes three bands, a table of greys one.
#[test]
fn colour_tables_become_the_bands_that_they_stand_for() {
    let Some(gdal) = Gdal::new() else { return };
    for (blue, bands, what) in [("99", 3, "never PAN"), ("7", 1, "greys")] {
        let vrt = format!(
            "<VRTDataset rasterXSize=\"64\" rasterYSize=\"48\"><VRTRasterBand dataType=\"Byte\" band=\"1\">\
             <ColorInterp>Palette</ColorInterp><ColorTable><Entry c1=\"0\" c2=\"0\" c3=\"0\" c4=\"255\"/>\
             <Entry c1=\"7\" c2=\"7\" c3=\"{blue}\" c4=\"255\"/></ColorTable></VRTRasterBand></VRTDataset>"
        );
        fs::write(gdal.0.path().join("table.vrt"), vrt).unwrap();
        assert!(gdal.run("gdal_translate -q table.vrt in.tif"));
        let error = gdal.open().map(drop).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert_eq!(gdal.repaired(&error).bands, bands);
        fs::remove_file(gdal.0.path().join("in.tif")).unwrap();
    }
}

/// What cannot be learnt from is left out, and transparency stays what it is.
#[test]
fn constant_bands_are_left_out_without_the_mask() {
    let Some(gdal) = Gdal::new() else { return };
    let path = gdal.0.path().join("in.tif");
    // Band 2 is constant; the mask stands at the end, or between.
    for (extra, alpha) in [(vec![0, 0, 2], 3), (vec![0, 2, 0], 2)] {
        let value = |i: usize| match i % 4 {
            1 => 9.0,
            band if band == alpha => f32::from(u8::from(i / 4 % 64 > 3)) * 255.0,
            _ => (i * 7 % 251) as f32,
        };
        let data: Vec<f32> = (0..64 * 64 * 4).map(value).collect();
        let file = Fixture::new(Sample::U8, [64, 64, 4]).with(338, 3, &extra);
        fs::write(&path, file.bytes(&data)).unwrap();
        let ms = read(&path).unwrap();
        assert_eq!(ms.alpha, Some(alpha));
        let pan = Fixture::new(Sample::U8, [256, 256, 1]);
        let pan = parse(&pan.bytes(&scene(Sample::U8, pan.size)), "pan.tif").unwrap();
        let survey = |pan, ms| Survey::of(&Scene::of(pan, ms, &ALIGNED).unwrap());
        let error = survey(pan.clone(), ms.clone()).unwrap_err();
        assert!(matches!(error, SceneError::Constant { band: 2, .. }), "{error}");
        let found = gdal.repaired(&error.to_string());
        assert_eq!((found.bands, found.alpha.is_some(), &found.valid), (2, true, &ms.valid), "{error}");
        survey(pan, found).unwrap();
    }
}

/// One band of PAN, few of MS, a mark or a value taken away.
#[test]
fn other_suggestions_are_accepted() {
    let Some(gdal) = Gdal::new() else { return };
    let image = |name: &str, file: &Fixture| {
        let data = scene(file.sample, file.size);
        let path = gdal.0.path().join("in.tif");
        fs::write(&path, file.bytes(&data)).unwrap();
        let found = read(&path).unwrap();
        assert!(found.path.ends_with(Path::new("in.tif")), "{name}");
        found
    };
    let small = Fixture::new(Sample::U16, [32, 32, 3]);
    let small = parse(&small.bytes(&scene(Sample::U16, small.size)), "ms.tif").unwrap();
    let pan = image("PAN of two bands", &Fixture::new(Sample::U16, [128, 128, 2]));
    let error = Scene::of(pan, small, &ALIGNED).map(drop).unwrap_err();
    assert!(matches!(error, SceneError::PanBands { .. }) && gdal.repaired(&error.to_string()).bands == 1, "{error}");
    let marked = image("near infrared as alpha", &Fixture::new(Sample::U16, [64, 64, 4]).with(338, 3, &[0, 0, 2]));
    let found = gdal.repaired(&marked.notes[0]);
    assert_eq!((found.bands, found.notes.len()), (4, 0), "{:?}", marked.notes);
}

/// A pair in a folder, and what the program says of it.
struct Files(Gdal);

impl Files {
    fn put(&self, name: &str, file: &Fixture) {
        self.values(name, file, &scene(file.sample, file.size));
    }

    fn values(&self, name: &str, file: &Fixture, data: &[f32]) {
        fs::write(self.path(name), file.bytes(data)).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.0.path().join(name).display().to_string()
    }

    /// Fuses the files, or what has been made of them.
    fn fuse(&self, names: &[&str], extra: &[&str]) -> Output {
        let fixed = |name: &&str| {
            let fixed = self.path(&name.replace(".tif", "_fixed.tif"));
            if Path::new(&fixed).exists() { fixed } else { self.path(name) }
        };
        let paths: Vec<String> = names.iter().map(fixed).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let out = self.path("out.tif");
        trapan(&[&["fuse"], &paths[..], &["-o", &out, "--method", "exp", "--overwrite"], extra].concat())
    }

    /// The files are refused, say `word`, and are accepted once the command is run that the refusal ends with.
    fn repaired(&self, names: &[&str], extra: &[&str], word: &str) {
        let refused = self.fuse(names, extra);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains(word), "{word}: {said}");
        self.follow(&said);
        let accepted = self.fuse(names, extra);
        let still = String::from_utf8(accepted.stderr).unwrap();
        assert!(accepted.status.success() && !still.contains("W-NODATA"), "{said}{still}");
        for name in names {
            let _ = fs::remove_file(self.path(&name.replace(".tif", "_fixed.tif")));
        }
    }

    /// Runs the command at the end of a text.
    fn follow(&self, said: &str) {
        let line = &said[said.find("gdal").unwrap_or_else(|| panic!("no command in: {said}"))..];
        assert!(self.0.run(line.trim_end()), "{line}");
    }
}

/// North-up in a coordinate system with a code.
fn placed(size: [usize; 3], pixel: f64, [x, y]: [f64; 2], code: u16) -> Fixture {
    let geographic = code < 30000;
    let keys = [1, 1, 0, 3, 1024, 0, 1, 1 + u64::from(geographic), 1025, 0, 1, 1];
    let keys = [&keys[..], &[if geographic { 2048 } else { 3072 }, 0, 1, u64::from(code)]].concat();
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let file = Fixture::new(Sample::U16, size).with(33550, 12, &bits(&[pixel, pixel, 0.0]));
    file.with(33922, 12, &bits(&[0.0, 0.0, 0.0, x, y, 0.0])).with(34735, 3, &keys)
}

/// Turned by 30°.
fn turned(size: [usize; 3], pixel: f64, [x, y]: [f64; 2]) -> Fixture {
    let (sin, cos) = 30f64.to_radians().sin_cos();
    let rows =
        [[pixel * cos, pixel * sin, 0.0, x], [pixel * sin, -pixel * cos, 0.0, y], [0.0; 4], [0.0, 0.0, 0.0, 1.0]];
    let bits: Vec<u64> = rows.concat().iter().map(|v| v.to_bits()).collect();
    let keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, u64::from(UTM)];
    Fixture::new(Sample::U16, size).with(34264, 12, &bits).with(34735, 3, &keys)
}

const UTM: u16 = 32630;
/// On the central meridian, 40° north.
const CORNER: [f64; 2] = [500_000.0, 4_427_756.0];

#[test]
fn grids_that_do_not_fit_are_resampled() {
    let Some(gdal) = Gdal::new() else { return };
    let files = Files(gdal);
    let pair = ["pan.tif", "ms.tif"];
    let fine = |pixel| placed([400, 400, 1], pixel, CORNER, UTM);
    let try_pair = |pan: Fixture, ms: Fixture, extra: &[&str], word: &str| {
        files.put("pan.tif", &pan);
        files.put("ms.tif", &ms);
        files.repaired(&pair, extra, word);
    };
    try_pair(fine(2.1), placed([140, 150, 3], 5.8, CORNER, UTM), &[], "ratio 3: gdalwarp -te");
    try_pair(fine(0.5), placed([400, 400, 3], 0.5, CORNER, UTM), &[], "original resolution");
    try_pair(fine(0.5), placed([300, 300, 3], 1.8e-5, [-3.001, 40.001], 4326), &[], "warp MS onto PAN's");
    // In the zone beside, 6° away.
    let beside = [-12_450.0, 4_445_150.0];
    try_pair(fine(0.5), placed([300, 300, 3], 2.0, beside, 32631), &[], "warp MS onto PAN's");
    try_pair(fine(0.5), turned([60, 60, 3], 2.0, CORNER), &[], "turned by 30.000°");
    try_pair(turned([400, 400, 1], 2.1, CORNER), turned([140, 150, 3], 5.8, CORNER), &[], "ratio 3: gdalwarp");
    let aligned = ["--assume-aligned=area"];
    let bare = |size| Fixture::new(Sample::U16, size);
    try_pair(bare([300, 400, 1]), bare([100, 100, 3]), &aligned, "the same whole ratio");
    try_pair(bare([256, 256, 1]), bare([256, 256, 3]), &aligned, "original resolution");
    // PAN in a system without a code: made by GDAL, which alone can write all of its parameters.
    files.put("plain.tif", &fine(0.5));
    let system = "+proj=tmerc +lat_0=0 +lon_0=-3.1 +k=0.9996 +x_0=500000 +y_0=0 +datum=WGS84";
    assert!(files.0.run(&format!("gdalwarp -q -overwrite -t_srs '{system}' -tr 0.5 0.5 -r cubic plain.tif pan.tif")));
    files.put("ms.tif", &placed([100, 100, 3], 2.0, CORNER, UTM));
    files.repaired(&pair, &[], "gdalsrsinfo -o wkt");
}

#[test]
fn bands_that_do_not_fit_are_resampled() {
    let Some(gdal) = Gdal::new() else { return };
    let files = Files(gdal);
    let three = ["pan.tif", "ms.tif", "nir.tif"];
    let [x, y] = CORNER;
    files.put("pan.tif", &placed([400, 400, 1], 0.5, CORNER, UTM));
    files.put("ms.tif", &placed([100, 100, 3], 2.0, CORNER, UTM));
    let near = placed([100, 100, 1], 2.0, CORNER, UTM);
    let bytes = Fixture { sample: Sample::U8, ..near };
    for (other, word) in [
        (placed([50, 50, 1], 4.0, CORNER, UTM), "50x50 pixels"),
        (placed([100, 100, 1], 2.0, [x + 0.7, y - 0.4], UTM), "another georeference"),
        (placed([100, 100, 1], 1.8e-5, [-3.0001, 40.0001], 4326), "another georeference"),
        (bytes, "type u8"),
    ] {
        files.put("nir.tif", &other);
        files.repaired(&three, &[], word);
    }
    let bare = |sample, size| Fixture::new(sample, size);
    files.put("pan.tif", &bare(Sample::U16, [256, 256, 1]));
    files.put("ms.tif", &bare(Sample::U16, [64, 64, 3]));
    files.put("nir.tif", &bare(Sample::U8, [32, 32, 1]));
    files.repaired(&three, &["--assume-aligned=area"], "32x32 pixels");
}

/// Where one of the two files is said to have no data each pixel has none, as neither is right.
#[test]
fn a_wrong_nodata_tag_is_taken_away() {
    let Some(gdal) = Gdal::new() else { return };
    let files = Files(gdal);
    let seven = [b'7', 0].map(u64::from);
    let half = |size: [usize; 3], right: bool, places: &[f32]| {
        let nodata = |i: usize| (i / size[2] % size[0] >= size[0] / 2) == right;
        (0..size.iter().product()).map(|i| if nodata(i) { 7.0 } else { places[i].max(8.0) }).collect::<Vec<_>>()
    };
    for (name, size, pixel, right) in [("pan.tif", [400, 400, 1], 0.5, false), ("ms.tif", [100, 100, 3], 2.0, true)] {
        let file = placed(size, pixel, CORNER, UTM).with(42113, 2, &seven);
        files.values(name, &file, &half(size, right, &scene(Sample::U16, size)));
    }
    let refused = String::from_utf8(files.fuse(&["pan.tif", "ms.tif"], &[]).stderr).unwrap();
    assert!(refused.contains("every pixel is nodata (7)") && refused.contains("-a_nodata none"), "{refused}");
    files.follow(&refused);
    let accepted = files.fuse(&["pan.tif", "ms.tif"], &[]);
    assert!(accepted.status.success(), "{refused}{}", String::from_utf8_lossy(&accepted.stderr));
}

#[test]
fn control_points_are_applied() {
    let Some(gdal) = Gdal::new() else { return };
    let files = Files(gdal);
    let pair = ["pan.tif", "ms.tif"];
    let [x, y] = CORNER;
    files.put("pan.tif", &placed([400, 400, 1], 0.5, CORNER, UTM));
    files.put("ms.tif", &Fixture::new(Sample::U16, [100, 100, 3]));
    let point = |(i, [column, row]): (usize, [f64; 2])| {
        let (x, y) = (x + 2.0 * column, y - 2.0 * row);
        format!("<GCP Id=\"{i}\" Pixel=\"{column}\" Line=\"{row}\" X=\"{x}\" Y=\"{y}\"/>")
    };
    let corners = [[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]];
    let points: String = corners.into_iter().enumerate().map(point).collect();
    let pam = format!("<PAMDataset><GCPList Projection=\"EPSG:{UTM}\">{points}</GCPList></PAMDataset>");
    fs::write(files.path("ms.tif.aux.xml"), pam).unwrap();
    let notes = Source::open(&[files.path("ms.tif")]).unwrap().header().notes.clone();
    let note = notes.iter().find(|note| note.contains("control points")).unwrap();
    files.follow(note);
    let accepted = files.fuse(&pair, &[]);
    assert!(accepted.status.success(), "{note}: {}", String::from_utf8_lossy(&accepted.stderr));
    // With points of the user's own, as for images whose shift is not one.
    let gcp = |[column, row]: [f64; 2]| format!("-gcp {column} {row} {} {} ", x + 2.0 * column, y - 2.0 * row);
    let gcps: String = corners.into_iter().map(gcp).collect();
    fs::remove_file(files.path("ms_fixed.tif")).unwrap();
    assert!(files.0.run(&format!("gdal_translate -q -a_srs EPSG:{UTM} {gcps} ms.tif points.tif")));
    assert!(files.0.run("gdalwarp -q -order 1 points.tif ms_fixed.tif"));
    assert!(files.fuse(&pair, &[]).status.success());
}

/// The part that is suggested of an image that does not fit in memory lies within it.
#[test]
fn parts_of_large_images_are_parts() {
    let Some(gdal) = Gdal::new() else { return };
    // Compressed zeros, as many as nobody has room for.
    let side = 3_000_000;
    let file = Fixture { compression: 8, ..Fixture::new(Sample::F32, [1, 1, 1]) };
    let file = file.with(256, 4, &[side]).with(257, 4, &[3000]).with(278, 4, &[1]);
    let (places, lengths) = (vec![0; 3000], vec![0; 3000]);
    let path = gdal.0.path().join("in.tif");
    fs::write(&path, file.with(273, 4, &places).with(279, 4, &lengths).bytes(&[0.0])).unwrap();
    let source = Source::open(&[&path]).unwrap();
    let window = Window { x: 0, y: 0, width: side as usize, height: 3000 };
    let error = source.read(window).map(drop).unwrap_err();
    assert!(matches!(error, TiffError::TooLarge { .. }), "{error}");
    let found = gdal.repaired(&error.to_string());
    assert_eq!(found.size(), [4096, 3000], "{error}");
}

/// A strip that is more than may be held becomes tiles that are not.
#[test]
fn images_in_one_strip_are_tiled() {
    let Some(gdal) = Gdal::new() else { return };
    let file = Fixture::new(Sample::U16, [2048, 1024, 1]);
    let path = gdal.0.path().join("in.tif");
    let data = scene(Sample::U16, file.size);
    fs::write(gdal.0.path().join("strips.tif"), file.bytes(&data)).unwrap();
    assert!(gdal.run("gdal_translate -q -co COMPRESS=DEFLATE -co BLOCKYSIZE=1024 strips.tif in.tif"));
    let window = Window { x: 100, y: 50, width: 20, height: 10 };
    let limited = |path: &Path| {
        let mut source = Source::open(&[path]).unwrap();
        source.limit_memory(1 << 20);
        source.read(window)
    };
    let error = limited(&path).unwrap_err();
    assert!(matches!(error, TiffError::Chunk { .. }), "{error}");
    gdal.repaired(&error.to_string());
    let found = limited(&gdal.0.path().join("in_fixed.tif")).unwrap();
    let expected: Vec<f32> = (50..60).flat_map(|y| data[y * 2048 + 100..][..20].iter().copied()).collect();
    assert_eq!(found.data, expected);
}

/// Its errors, warnings and notes are for any program: flags and subcommands are the command line's.
#[test]
fn the_library_names_no_flag() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("cli") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                read += 1;
                for (i, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
                    let said = !line.trim_start().starts_with("//");
                    let flag = line.split("--").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
                    let command = ["`trapan ", "(trapan "].iter().any(|start| line.contains(start));
                    assert!(!said || !(flag || command), "{}:{}: {line}", path.display(), i + 1);
                }
            }
        }
    }
    assert!(read > 100, "{read} files");
}
