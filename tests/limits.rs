//! More bands than are fused at once, more threads than there are cores, values beyond any image.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use trapan::product::Product;
use trapan::tiff::{Source, TiffError, read, select};

use crate::cli::{ok, refused};
use crate::fixture::{Fixture, scene, utm};

/// GeoTIFF tags of a grid of square pixels from one corner.
fn at(image: Fixture, pixel: f64) -> Fixture {
    let geo = utm();
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let keys: Vec<u64> = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32630].to_vec();
    image.with(33550, 12, &bits(&[pixel, pixel, 0.0])).with(33922, 12, &bits(&geo.tiepoints)).with(34735, 3, &keys)
}

/// GDAL's names of the bands.
fn named(image: Fixture, names: &[&str]) -> Fixture {
    let item = |(i, name): (usize, &&str)| {
        format!("<Item name=\"DESCRIPTION\" sample=\"{i}\" role=\"description\">{name}</Item>")
    };
    let xml = format!("<GDALMetadata>{}</GDALMetadata>\0", names.iter().enumerate().map(item).collect::<String>());
    image.with(42112, 2, &xml.bytes().map(u64::from).collect::<Vec<_>>())
}

fn put(path: &Path, image: &Fixture) -> String {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, image.bytes(&scene(image.sample, image.size))).expect("writable");
    path.display().to_string()
}

use trapan::tiff::Sample::{F32, U8, U16};

#[test]
fn chosen_bands_are_those_of_the_file() {
    let place = TempDir::new().expect("a folder");
    let names = ["Blue", "Green", "Red", "NIR", "5", "1"];
    let pixel = named(Fixture::new(U16, [9, 8, 6]), &names);
    let planar = Fixture { planar: true, tile: Some([16, 16]), ..pixel.clone() };
    for (name, image) in [("pixel.tif", pixel), ("planar.tif", planar)] {
        let path = place.path().join(name);
        put(&path, &image);
        let whole = read(&path).expect("readable");
        // By name, whatever the case; by number; a name goes before a number.
        for (wanted, bands) in [(&["red", "1", "2"][..], [2, 5, 1]), (&["6", "NIR", "5"], [5, 3, 4])] {
            let mut source = Source::open(&[&path]).expect("readable");
            source.choose(wanted).expect("all are there");
            let chosen = source.read_all().expect("readable");
            assert_eq!(chosen.data, select(&whole.data, 6, &bands), "{name} {wanted:?}");
            assert_eq!(chosen.header, whole.header.select(&bands), "{name} {wanted:?}");
        }
        for (wanted, why) in [
            ("7", "no such band"),
            ("0", "no such band"),
            ("Swir", "no such band"),
            ("-1", "no such band"),
            ("Red,3", "already"),
        ] {
            let mut source = Source::open(&[&path]).expect("readable");
            let error = source.choose(&wanted.split(',').collect::<Vec<_>>()).expect_err(wanted);
            let said = error.to_string();
            let TiffError::Bands { wanted, .. } = error else { panic!("{said}") };
            assert!(said.contains(why) && said.contains(&format!("band {wanted}")), "{said}");
            assert!(said.contains("1 to 6 (Blue, Green, Red, NIR, 5, 1)"), "{said}");
        }
    }
    let twins = place.path().join("twins.tif");
    put(&twins, &named(Fixture::new(U8, [9, 8, 3]), &["Red", "Red", "Blue"]));
    let error = Source::open(&[&twins]).expect("readable").choose(&["Red"]).expect_err("which one?");
    assert!(error.to_string().contains("several bands"), "{error}");
}

#[test]
fn chosen_bands_of_several_files_keep_their_masks_and_nodata() {
    let place = TempDir::new().expect("a folder");
    let [a, b] = ["a.tif", "b.tif"].map(|name| place.path().join(name));
    let zero = [b'0', 0].map(u64::from);
    put(&a, &Fixture::new(U8, [9, 8, 2]).with(42113, 2, &zero));
    // Transparent where the last of its three bands is 0.
    let data = scene(U8, [9, 8, 3])
        .chunks(3)
        .enumerate()
        .flat_map(|(i, p)| [p[0], p[1], f32::from(u8::from(i % 5 != 0))])
        .collect::<Vec<_>>();
    fs::write(&b, Fixture::new(U8, [9, 8, 3]).with(338, 3, &[2]).bytes(&data)).expect("writable");
    let open = || Source::open(&[&a, &b]).expect("they fit");
    let (all, mut some) = (open().read_all().expect("readable"), open());
    some.choose(&["4", "1"]).expect("they are there");
    let some = some.read_all().expect("readable");
    assert_eq!((some.data, some.header.files().count()), (select(&all.data, 4, &[3, 0]), 2));
    let valid = some.header.nodata.is_some() && some.valid.as_ref().is_some_and(|valid| !valid[0] && valid[1]);
    assert!(valid, "{:?}", some.valid);
    // Without any of its bands the second file's transparency is none of the image's.
    let mut first = open();
    first.choose(&["2"]).expect("it is there");
    let first = first.read_all().expect("readable");
    assert_eq!(
        (&first.header.path, first.header.others.len(), first.valid.is_none()),
        (&a, 0, !first.data.contains(&0.0))
    );
    let mut second = open();
    second.choose(&["3"]).expect("it is there");
    assert_eq!(second.header().path, b, "errors name the file that is read");
}

#[test]
fn many_bands_are_fused_in_part() {
    let place = TempDir::new().expect("a folder");
    let pan = put(&place.path().join("pan.tif"), &at(Fixture::new(U16, [192, 192, 1]), 5.0));
    let ms = put(&place.path().join("ms.tif"), &at(Fixture::new(U16, [32, 32, 63]), 30.0));
    let out = place.path().join("out.tif").display().to_string();
    // Which values are hot pixels, the default preset tells by all bands together.
    let how = ["-o", &out, "--method", "exp", "--preset", "faithful", "--overwrite"];
    let fuse = |extra: &[&'static str]| [&["fuse", &pan, &ms], &how[..], extra].concat();
    refused(&fuse(&[]), 4, &["63 bands", "at most 16", "--ms-bands 1,2,5"]);
    refused(&fuse(&["--ms-bands", "1,64"]), 2, &["--ms-bands 64", "1 to 63"]);
    let shown = |extra: &[&'static str]| {
        ok(&fuse(extra));
        read(out.as_ref()).expect("a result")
    };
    let (some, one) = (shown(&["--ms-bands", "63,7,30"]), shown(&["--ms-bands", "7"]));
    assert_eq!((some.bands, one.bands), (3, 1));
    // The unit that values are computed in depends on the other bands, and with it their rounding.
    let pairs = select(&some.data, 3, &[1]).into_iter().zip(one.data.iter());
    let most = pairs.map(|(some, one)| (some - one).abs()).fold(0.0, f32::max);
    assert!(most <= 1.0, "each band is fused as it would be alone, but for {most} DN");
    // The judge has to be told, too.
    let assess = ["assess", "--fused", &out, "--pan", &pan, "--ms", &ms];
    refused(&assess, 4, &["bands"]);
    ok(&[&assess[..], &["--ms-bands", "7"]].concat());
}

#[test]
fn bands_of_every_product_are_chosen_by_name_or_number() {
    let place = TempDir::new().expect("a folder");
    let (pan, ms) = (at(Fixture::new(U16, [9, 8, 1]), 0.5), at(Fixture::new(U16, [9, 8, 8]), 2.0));
    let wv = place.path().join("maxar");
    put(&wv.join("1_PAN/P.TIF"), &pan);
    put(&wv.join("1_MUL/M.TIF"), &ms);
    let groups = ["C", "B", "G", "Y", "R", "RE", "N", "N2"].map(|band| format!("BEGIN_GROUP = BAND_{band}\n")).concat();
    fs::write(wv.join("1_MUL/M.IMD"), groups).expect("writable");
    let tiles = place.path().join("tiles");
    put(&tiles.join("1_PAN/P.TIF"), &pan);
    put(&tiles.join("1_MUL/M_R1C1.TIF"), &ms);
    let beside = [0.0, 0.0, 0.0, 452085.0 + 18.0, 4484715.0, 0.0].map(f64::to_bits);
    put(&tiles.join("1_MUL/M_R1C2.TIF"), &ms.clone().with(33922, 12, &beside));
    fs::write(tiles.join("1_MUL/M.IMD"), fs::read(wv.join("1_MUL/M.IMD")).expect("readable")).expect("writable");
    let gf = place.path().join("gf");
    put(&gf.join("GF2_PMS1_A-PAN1.tiff"), &pan);
    put(&gf.join("GF2_PMS1_A-MSS1.tiff"), &Fixture::new(U16, [9, 8, 4]));
    let landsat = place.path().join("landsat");
    for band in [1, 2, 3, 4, 8] {
        put(&landsat.join(format!("LC08_L1TP_1_2_3_02_T1_B{band}.TIF")), &pan);
    }
    for (folder, wanted, names) in [
        (&wv, ["Red", "2"], ["Red", "Blue"]),
        (&tiles, ["nir2", "1"], ["NIR2", "Coastal"]),
        (&gf, ["4", "green"], ["NIR", "Green"]),
        // By Landsat's own numbers, which count the coastal band.
        (&landsat, ["Coastal", "B3"], ["Coastal", "Green"]),
    ] {
        let wanted = wanted.map(String::from);
        let product = Product::open(folder, &wanted).expect("a product");
        let [_, chosen] = product.sources().expect("readable");
        let found: Vec<_> = chosen.header().descriptions.iter().flatten().collect();
        assert_eq!(found, names, "{}", folder.display());
        let [_, all] = Product::open(folder, &[]).expect("a product").sources().expect("readable");
        if folder != &landsat {
            let place = |name| all.header().descriptions.iter().position(|own| own.as_deref() == Some(name));
            let bands = names.map(|name| place(name).expect("it has a place"));
            let whole = all.read_all().expect("readable");
            let chosen = chosen.read_all().expect("readable");
            assert_eq!(chosen.data, select(&whole.data, whole.bands, &bands), "{}", folder.display());
        }
    }
    let error =
        Product::open(&wv, &["Purple".into()]).expect("a product").sources().map(|_| ()).expect_err("no such band");
    assert!(error.to_string().contains("(Coastal, Blue, Green"), "{error}");
}

/// The most threads that the program had at a time.
#[cfg(target_os = "linux")]
fn most_threads(mut program: std::process::Command) -> usize {
    let mut child = program.stdout(std::process::Stdio::null()).spawn().expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("Threads:")).and_then(|n| n.trim().parse().ok());
        most = most.max(count.unwrap_or(0));
        if let Some(ended) = child.try_wait().expect("it can be waited for") {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    assert!(ended.success(), "{ended}");
    most
}

#[cfg(target_os = "linux")]
#[test]
fn threads_are_as_many_as_the_machine_has() {
    use crate::cli::{Pair, SHORT};
    use std::process::Command;
    let pair = Pair::new(&[]);
    let cores = std::thread::available_parallelism().expect("cores").get();
    let fuse = |extra: &[&str], variable: Option<&str>| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
        program.args(pair.fuse("out.tif", &["--overwrite", "-q"])).args(extra).env_remove("RAYON_NUM_THREADS");
        program.envs(variable.map(|name| (name, "9999")));
        most_threads(program)
    };
    // Pools of the program, of the engine and of the writer, and what else there is.
    let bound = 3 * cores + 8;
    let usual = fuse(&[], None);
    assert!(usual > 1 && usual <= bound, "{usual} threads on {cores} cores");
    for (extra, variable) in [
        (&["-j", "100000"][..], None),
        (&["--co", "NUM_THREADS=1024"], None),
        (&[], Some("RAYON_NUM_THREADS")),
        (&[], Some("RAYON_RS_NUM_CPUS")),
    ] {
        let most = fuse(extra, variable);
        assert!(most <= bound, "{extra:?} {variable:?}: {most} threads on {cores} cores");
    }
    let args = pair.fuse("out.tif", &["--overwrite", "-j", "100000"]);
    let said = ok(&[&args.iter().map(String::as_str).collect::<Vec<_>>()[..], &SHORT].concat()).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("-j 100000") && said.contains(&format!("{cores} threads")), "{said}");
}

/// One value of 3e38 and its like in an image, and what is said of it.
#[test]
fn an_impossible_pixel_is_named() {
    let place = TempDir::new().expect("a folder");
    let (width, height) = (40, 36);
    let bits = |values: [f64; 6]| values.map(f64::to_bits);
    let usual = |i: usize| 200.0 + ((i * 7919) % 1601) as f32;
    let pan = at(Fixture::new(F32, [4 * width, 4 * height, 1]), 1.0);
    fs::write(place.path().join("pan.tif"), pan.bytes(&(0..16 * width * height).map(usual).collect::<Vec<_>>()))
        .expect("writable");
    // MS reaches two of its pixels beyond PAN on the left and on top.
    let ms = at(Fixture::new(F32, [width, height, 2]), 4.0).with(
        33922,
        12,
        &bits([2.0, 2.0, 0.0, 452085.0, 4484715.0, 0.0]),
    );
    let write = |name: &str, pixels: &[(usize, f32)]| {
        let mut data: Vec<f32> = (0..2 * width * height).map(usual).collect();
        pixels.iter().for_each(|(i, value)| data[*i] = *value);
        let path = place.path().join(name);
        fs::write(&path, ms.bytes(&data)).expect("writable");
        path.display().to_string()
    };
    let [pan, out] = ["pan.tif", "out.tif"].map(|name| place.path().join(name).display().to_string());
    let (row, column) = (17, 9);
    let pixel = 2 * (row * width + column) + 1;
    for (value, shown) in [(3e38, "3e38"), (-3e38, "-3e38"), (1e9, "1e9")] {
        let bad = write("bad.tif", &[(pixel, value)]);
        for method in ["trapan", "exp"] {
            let words = ["bad.tif: band 2, row 18, column 10", &format!(" is {shown}"), &format!("--nodata={shown}")];
            refused(&["fuse", &pan, &bad, "-o", &out, "--method", method, "--device", "cpu"], 3, &words);
        }
        let nodata = format!("--nodata={shown}");
        ok(&["fuse", &pan, &bad, "-o", &out, "--method", "exp", "--overwrite", &nodata]);
        fs::remove_file(&out).expect("the result of what was suggested");
    }
    // In what is not fused it does not matter; a glint is one; a whole area is no single pixel.
    let area: Vec<(usize, f32)> = (0..400).map(|i| (2 * (10 * width + i), 3e38)).collect();
    for fine in
        [write("beyond.tif", &[(2 * width + 1, 3e38)]), write("glint.tif", &[(pixel, 1e6)]), write("area.tif", &area)]
    {
        let said = ok(&["fuse", &pan, &fine, "-o", &out, "--method", "exp", "--overwrite"]).stderr;
        assert!(!String::from_utf8_lossy(&said).contains("no image has"), "{fine}");
    }
}
