//! Memory and time of reading are bounded, whatever a file claims or is.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use trapan::tiff::{ErrorClass, Sample, Source, TiffError, Window};

use crate::fixture::{Fixture, scene};
use crate::support::memory::most_memory;

const MIB: usize = 1 << 20;

/// Eight planes in tiles of 2 MiB.
fn planes() -> (Source, Vec<f32>) {
    let file = Fixture {
        planar: true,
        tile: Some([1024, 1024]),
        compression: 50000,
        ..Fixture::new(Sample::U16, [1100, 1024, 8])
    };
    let data = scene(Sample::U16, file.size);
    (Source::from_bytes(file.bytes(&data), Path::new("planes.tif")).unwrap(), data)
}

#[test]
fn a_limit_bounds_what_is_decoded_at_once() {
    let (source, data) = planes();
    let window = Window { x: 1000, y: 30, width: 60, height: 20 };
    let expected: Vec<f32> =
        (0..20).flat_map(|y| data[((30 + y) * 1100 + 1000) * 8..][..60 * 8].iter().copied()).collect();
    let (found, free) = most_memory(|| source.read(window).unwrap());
    assert!(found.data == expected && free > 30 * MIB, "two tiles of eight planes are 32 MiB: {free}");
    let (mut source, _) = planes();
    source.limit_memory(6 * MIB as u64);
    let (found, bound) = most_memory(|| source.read(window).unwrap());
    assert!(found.data == expected && bound < 12 * MIB, "{bound}");
    source.limit_memory(MIB as u64);
    let error = source.read(window).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, TiffError::Chunk { .. }) && text.contains("2097152 bytes"), "{text}");
    assert!(text.ends_with("gdal_translate -co TILED=YES planes.tif planes_fixed.tif"), "{text}");
}

/// An image of `side`² zeros in one strip.
fn one_strip(side: usize) -> Vec<u8> {
    let zeros = std::io::repeat(0).take((side * side) as u64);
    let packed = zstd::encode_all(zeros, 1).unwrap();
    let file = |place: usize| {
        let file = Fixture { compression: 50000, ..Fixture::new(Sample::U8, [1, 1, 1]) };
        let file = file.with(256, 4, &[side as u64]).with(257, 4, &[side as u64]).with(278, 4, &[side as u64]);
        file.with(273, 4, &[place as u64]).with(279, 4, &[packed.len() as u64]).bytes(&[0.0])
    };
    let place = file(0).len();
    [file(place), packed.clone()].concat()
}

/// Runs the program; what it says, and its exit code.
fn run(limits: &str, arguments: &[&str], folder: &Path) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_trapan");
    let script = format!("{limits} exec \"$0\" \"$@\"");
    let start = Instant::now();
    let ran = Command::new("sh").args(["-c", &script, program]).args(arguments).current_dir(folder).output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(60), "{arguments:?} took {:?}", start.elapsed());
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

#[test]
#[cfg(target_os = "linux")]
fn too_little_memory_is_an_error_and_no_abort() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pan.tif"), one_strip(30_000)).unwrap();
    fs::write(folder.path().join("ms.tif"), one_strip(7_500)).unwrap();
    let info = ["info", "pan.tif", "ms.tif", "--assume-aligned"];
    let (code, said) = run("ulimit -v 800000;", &info, folder.path());
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("strip 1 of 1 of 900000000 bytes does not fit in memory"), "{said}");
    // The limit of the command line names its own remedy.
    let fuse = ["fuse", "pan.tif", "ms.tif", "--assume-aligned", "-o", "out.tif", "--max-memory", "100M"];
    let (code, said) = run("", &fuse, folder.path());
    assert_eq!(code, Some(6), "{said}");
    let all = ["900000000 bytes is more than --max-memory 100 MB", "TILED=YES"];
    assert!(all.iter().all(|part| said.contains(part)), "{said}");
}

/// A pipe has no end to seek to, and waits for a writer; a device may have no end at all.
#[test]
#[cfg(unix)]
fn only_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe.tif")).status().unwrap();
    assert!(made.success());
    let file = Fixture::new(Sample::U16, [64, 64, 1]);
    fs::write(folder.path().join("ms.tif"), file.bytes(&scene(Sample::U16, file.size))).unwrap();
    for arguments in [
        &["info", "pipe.tif", "ms.tif"][..],
        &["info", "ms.tif", "/dev/zero"],
        &["infer", "--model", "/dev/zero", "ms.tif", "ms.tif", "-o", "o.tif"],
        &["infer", "--model", "pipe.tif", "ms.tif", "ms.tif", "-o", "o.tif"],
    ] {
        let (code, said) = run("", arguments, folder.path());
        assert_eq!(code, Some(3), "{arguments:?}: {said}");
        assert!(said.contains("not a file"), "{said}");
    }
    // So is what lies beside an image.
    let made = Command::new("mkfifo").arg(folder.path().join("ms.tfw")).status().unwrap();
    assert!(made.success());
    let error = Source::open(&[folder.path().join("ms.tif")]).err().unwrap();
    assert!(error.kind() == ErrorClass::Input && error.to_string().contains("ms.tfw"), "{error}");
}

/// A checkpoint or model that says it is larger than it is, or that is too large.
#[test]
fn model_files_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = trapan::method::Model::load(&path).err().unwrap().to_string();
    assert!(error.contains("1099511627776 bytes"), "{error}");
    // The length of the header comes first.
    fs::write(&path, [&u64::MAX.to_le_bytes()[..], b"{}"].concat()).unwrap();
    let (found, most) = most_memory(|| trapan::method::Model::load(&path).map(drop));
    assert!(found.is_err() && most < MIB, "{most}");
}
