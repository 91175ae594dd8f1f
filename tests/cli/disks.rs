//! Publishing on small disks of their own: full ones, read-only ones, and kills in the middle.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Instant,
};

use crate::cli::program::{Pair, trapan};
use crate::fixture::listing;
use crate::support::skipped;

/// Settings of a fusion that trains as little as possible.
const LITTLE: [&str; 13] = [
    "--epochs",
    "2",
    "--dam-epochs",
    "1",
    "--warm-up-epochs",
    "0",
    "--width",
    "8",
    "--blocks",
    "1",
    "--device",
    "cpu",
    "--overwrite",
];

/// Runs an ignored test of this binary beside a pair and a disk, once for each kind of disk that may be mounted here.
/// Only the process itself sees the disk.
fn on_disks(test: &str) {
    for (kind, apart, mount) in [
        ("tmpfs", "-rm", "mount -t tmpfs -o size=4m tmpfs disk"),
        ("ext4", "-m", "truncate -s 8M image && mkfs.ext4 -q image && mount -o loop image disk"),
    ] {
        let pair = Pair::new(&[]);
        fs::create_dir(pair.path("disk")).unwrap();
        let mut line = Command::new("unshare");
        line.args([apart, "--", "sh", "-c", &format!("{mount} && mkdir disk/o && exec \"$0\" \"$@\"")]);
        line.arg(env::current_exe().unwrap()).args([test, "--exact", "--ignored", "--nocapture"]);
        let ended = line.env("TRAPAN_TEST_FOLDER", pair.0.path()).current_dir(pair.0.path()).output();
        if !Path::new(&pair.path("started")).exists() {
            skipped(&format!("{test}: no right to mount a disk of {kind}"));
            continue;
        }
        let ended = ended.unwrap();
        assert!(ended.status.success(), "{kind}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

/// In such a process: the folder of the pair, and that on the disk.
fn places() -> [PathBuf; 2] {
    let folder = PathBuf::from(env::var_os("TRAPAN_TEST_FOLDER").unwrap());
    fs::write(folder.join("started"), "").unwrap();
    [folder.join("disk/o"), folder].map(|path| path.canonicalize().unwrap())
}

/// What `fuse` writes, into a folder.
const NAMES: [&str; 3] = ["m.safetensors", "out.tif", "r.json"];

/// Arguments of a fusion of the pair into files of a folder.
fn fuse(folder: &Path, to: &Path) -> Vec<String> {
    let text = |path: PathBuf| path.display().to_string();
    let [pan, ms] = ["pan.tif", "ms.tif"].map(|name| text(folder.join(name)));
    let [model, out, report] = NAMES.map(|name| text(to.join(name)));
    let quicklook = text(to.join("q"));
    let files = ["fuse", &pan, &ms, "-o", &out, "--save-model", &model, "--report", &report, "--quicklook", &quicklook];
    files.iter().chain(&LITTLE).map(|word| (*word).to_owned()).collect()
}

fn run(args: &[String]) -> Output {
    trapan(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Fuses beside the pair, where there is room; the model and the image.
fn whole(folder: &Path) -> [Vec<u8>; 2] {
    let place = folder.join("whole");
    fs::create_dir(&place).unwrap();
    let ran = run(&fuse(folder, &place));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    [0, 1].map(|i| fs::read(place.join(NAMES[i])).unwrap())
}

/// Bytes of all files below a folder.
fn bytes_of(folder: &Path) -> u64 {
    let size = |entry: fs::DirEntry| {
        let found = entry.metadata().unwrap();
        if found.is_dir() { bytes_of(&entry.path()) } else { found.len() }
    };
    fs::read_dir(folder).unwrap().map(|entry| size(entry.unwrap())).sum()
}

fn put_old(disk: &Path) {
    NAMES.iter().for_each(|name| fs::write(disk.join(name), "old").unwrap());
}

#[test]
fn full_disks_leave_every_file_whole() {
    on_disks("cli::disks::child_fills_the_disk");
}

#[test]
#[ignore = "run by full_disks_leave_every_file_whole"]
fn child_fills_the_disk() {
    let [disk, folder] = places();
    let whole = whole(&folder);
    let total = bytes_of(&folder.join("whole"));
    let mut codes = Vec::new();
    for quarters in 0..=20 {
        put_old(&disk);
        let filler = disk.join("filler");
        let free = rustix::fs::statvfs(&disk).map(|found| found.f_bfree * found.f_frsize).unwrap();
        let filled = free.saturating_sub(total * quarters / 4);
        // As far as there is room.
        let _ = fs::write(&filler, vec![1; filled as usize]);
        let ran = run(&fuse(&folder, &disk));
        fs::remove_file(filler).unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        let [model, image, report] = NAMES.map(|name| fs::read(disk.join(name)).unwrap());
        assert!([&b"old"[..], &whole[0]].contains(&&model[..]), "{quarters}: half a model: {said}");
        assert!([&b"old"[..], &whole[1]].contains(&&image[..]), "{quarters}: half an image: {said}");
        assert!(report == b"old" || serde_json::from_slice::<serde_json::Value>(&report).is_ok(), "{quarters}: {said}");
        let pictures = disk.join("q");
        if pictures.exists() {
            for name in listing(&pictures) {
                let picture = fs::read(pictures.join(&name)).unwrap();
                assert!(picture.ends_with(b"IEND\xae\x42\x60\x82"), "{quarters}: half of {name}");
            }
            fs::remove_dir_all(&pictures).unwrap();
        }
        assert_eq!(listing(&disk), NAMES, "{quarters}: nothing else is left: {said}");
        let code = ran.status.code();
        assert!(code == Some(0) || code == Some(8) && said.contains("disk full"), "{quarters}: {code:?} {said}");
        if code == Some(0) {
            assert!(model == whole[0] && image == whole[1] && report != b"old", "{quarters}: {said}");
        }
        codes.push(code);
    }
    // With nothing free it is found out before any work. Some systems keep a share of what they call free.
    assert_eq!((codes[0], codes.last()), (Some(8), Some(&Some(0))), "{codes:?}");
    assert!(codes.is_sorted_by_key(|code| *code != Some(8)), "more room is no worse: {codes:?}");
}

#[test]
fn kills_leave_the_old_files() {
    on_disks("cli::disks::child_kills");
}

#[test]
#[ignore = "run by kills_leave_the_old_files"]
fn child_kills() {
    let [disk, folder] = places();
    let start = Instant::now();
    let whole = whole(&folder);
    let usual = start.elapsed();
    for i in 1..=10 {
        put_old(&disk);
        let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
        program.args(fuse(&folder, &disk)).stderr(Stdio::null());
        let mut program = program.spawn().unwrap();
        // From the middle to about the end, where it writes.
        thread::sleep(usual * (10 + i) / 20);
        program.kill().unwrap(); // SIGKILL, if it has not ended
        program.wait().unwrap();
        let [model, image] = [0, 1].map(|i| fs::read(disk.join(NAMES[i])).unwrap());
        assert!([&b"old"[..], &whole[0]].contains(&&model[..]), "{i}: half a model");
        assert!([&b"old"[..], &whole[1]].contains(&&image[..]), "{i}: half an image");
        // Killed between naming a file and putting it in the place of the old one: it is whole.
        let temporary = |name: &String| name.starts_with(".trapan-") && name.ends_with(".part");
        let left: Vec<String> = listing(&disk).into_iter().filter(temporary).collect();
        assert!(left.len() <= 1, "{i}: {left:?}");
        for name in left {
            let bytes = fs::read(disk.join(name)).unwrap();
            let report = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
            assert!(bytes == whole[0] || bytes == whole[1] || report, "{i}: half a file is left");
        }
    }
    let again = run(&fuse(&folder, &disk));
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let left: Vec<String> = listing(&disk).into_iter().filter(|name| name != "q").collect();
    assert_eq!(left, NAMES, "nothing else is left");
    assert!([0, 1].map(|i| fs::read(disk.join(NAMES[i])).unwrap()) == whole);
}

#[test]
fn read_only_folders_are_refused_before_any_work() {
    on_disks("cli::disks::child_may_not_write");
}

#[test]
#[ignore = "run by read_only_folders_are_refused_before_any_work"]
fn child_may_not_write() {
    let [disk, folder] = places();
    put_old(&disk);
    fs::create_dir(disk.join("q")).unwrap();
    let mount = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.parent().unwrap()).status().unwrap();
    assert!(mount.success());
    let [pan, ms, out] = ["pan.tif", "ms.tif", "out.tif"].map(|name| folder.join(name).display().to_string());
    let there = |name: &str| disk.join(name).display().to_string();
    for (option, name) in [
        ("-o", "out.tif"),
        ("-o", "new.tif"),
        ("--save-model", "m.safetensors"),
        ("--report", "r.json"),
        ("--quicklook", "q"),
        ("--quicklook", "new"),
        ("--trace", "new"),
    ] {
        let path = there(name);
        let files = ["fuse", &pan, &ms, option, &path];
        let out = if option == "-o" { vec![] } else { vec!["-o", &out] };
        let ran = trapan(&[&files[..], &out, &LITTLE].concat());
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(8), "{option} {name}: {said}");
        let first = said.lines().next().unwrap_or_default();
        assert!(first.starts_with("error: ") && first.contains("Read-only"), "{option} {name}, at once: {said}");
        assert!(!said.contains(".part") && !folder.join("out.tif").exists(), "{option} {name}: {said}");
    }
}
