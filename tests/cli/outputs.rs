//! Where outputs may go: never over an input, over each other, or over what is no regular file.

use std::fs;
use std::path::Path;

use crate::cli::program::{Pair, SHORT, listing, ok, refused};

/// A fast fusion that may write over files.
const FUSE: [&str; 4] = ["--method", "exp", "--overwrite", "-q"];

/// Fuses the pair by upsampling.
fn args<'a>(pan: &'a str, ms: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    [&["fuse", pan, ms], &FUSE[..], extra].concat()
}

#[test]
fn no_output_is_an_input_or_another_output() {
    let pair = Pair::new(&[]);
    let [pan, ms, out] = ["pan.tif", "ms.tif", "out.tif"].map(|name| pair.path(name));
    // The mask is not there: made by an output, it would be one.
    let (mask, overviews) = (pair.path("ms.tif.msk"), pair.path("ms.tif.ovr"));
    fs::write(&overviews, "precious").unwrap();
    let folder = pair.path("sub");
    fs::create_dir(&folder).unwrap();
    let detour = pair.path("sub/../ms.tif");
    #[cfg_attr(not(unix), expect(unused_mut, reason = "links are added where there are some"))]
    let mut inputs = vec![ms.clone(), mask, overviews, detour];
    #[cfg(unix)]
    {
        let [link, hard, through] = ["link.tif", "hard.tif", "through/ms.tif"].map(|name| pair.path(name));
        std::os::unix::fs::symlink(&ms, &link).unwrap();
        fs::hard_link(&ms, &hard).unwrap();
        std::os::unix::fs::symlink(pair.path("."), pair.path("through")).unwrap();
        inputs.extend([link, hard, through]);
    }
    let (before, bytes) = (listing(pair.0.path()), [&pan, &ms].map(|path| fs::read(path).unwrap()));
    for input in &inputs {
        refused(&args(&pan, &ms, &["-o", input]), 8, &[input, "input"]);
        for option in ["--report", "--save-model"] {
            refused(&args(&pan, &ms, &["-o", &out, option, input]), 8, &[input, "input"]);
        }
    }
    for extra in [
        vec!["-o", &out, "--report", &out],
        vec!["-o", &out, "--report", &pair.path("a.json"), "--report", &pair.path("sub/../a.json")],
        vec!["-o", &out, "--save-model", &pair.path("t/final.safetensors"), "--trace", &pair.path("t")],
        vec!["-o", &out, "--resume", "--save-model", &pair.path("out.tif.checkpoint")],
    ] {
        refused(&args(&pan, &ms, &extra), 8, &["two outputs"]);
    }
    let model = pair.path("m.safetensors");
    ok(&[&["fuse", &pan, &ms, "-o", &out, "--save-model", &model], &SHORT[..]].concat());
    refused(&["infer", &pan, &ms, "--model", &out, "-o", &out, "--overwrite"], 3, &["no weights file"]);
    let saved = fs::read(&model).unwrap();
    refused(&["infer", &pan, &ms, "--model", &model, "-o", &model, "--overwrite"], 8, &["m.safetensors", "input"]);
    refused(&["experiment", &pan, &ms, "-o", &ms], 8, &["ms.tif", "input"]);
    // Maps have names of their own, which an input may have too.
    fs::create_dir(pair.path("maps")).unwrap();
    let truth = pair.path("maps/q2n.tif");
    fs::copy(pair.path("truth.tif"), &truth).unwrap();
    let assess = ["assess", "--fused", &out, "--truth", &truth, "--maps", &pair.path("maps"), "--overwrite"];
    refused(&assess, 8, &["q2n.tif", "input"]);
    assert!(
        fs::read(&model).unwrap() == saved && fs::read(&truth).unwrap() == fs::read(pair.path("truth.tif")).unwrap()
    );
    for path in [&out, &model] {
        fs::remove_file(path).unwrap();
    }
    fs::remove_dir_all(pair.path("maps")).unwrap();
    assert_eq!(listing(pair.0.path()), before, "nothing is left of what was refused");
    assert!([&pan, &ms].map(|path| fs::read(path).unwrap()) == bytes, "the inputs are as they were");
}

#[test]
fn no_output_is_a_file_of_the_product() {
    let pair = Pair::new(&[]);
    let scene = "LC08_L1TP_203032_20260710_20260718_02_T1";
    let file = |end: &str| pair.path(&format!("scene/{scene}_{end}"));
    fs::create_dir(pair.path("scene")).unwrap();
    fs::copy(pair.path("pan.tif"), file("B8.TIF")).unwrap();
    fs::copy(pair.path("ms.tif"), file("B2.TIF")).unwrap();
    // Neither is read.
    let others = [file("B10.TIF"), file("ANG.txt")];
    others.iter().for_each(|path| fs::write(path, "precious").unwrap());
    for taken in [&file("B2.TIF"), &file("B8.TIF"), &others[0], &others[1]] {
        refused(&[&["fuse", &pair.path("scene"), "-o", taken], &FUSE[..]].concat(), 8, &[taken, "input"]);
    }
    assert!(others.iter().all(|path| fs::read(path).unwrap() == b"precious"));
    // A result beside them is none of theirs, however often.
    for _ in 0..2 {
        ok(&[&["fuse", &pair.path("scene"), "-o", &pair.path("scene/fused.tif")], &FUSE[..]].concat());
    }
}

#[test]
fn a_suffix_promises_what_is_written() {
    let pair = Pair::new(&[]);
    let [pan, ms, out] = ["pan.tif", "ms.tif", "out.tif"].map(|name| pair.path(name));
    let before = listing(pair.0.path());
    for (name, promised) in [
        ("a.jp2", "JPEG 2000"),
        ("a.VRT", "virtual"),
        ("a.png", "PNG"),
        ("a.img", "Erdas"),
        ("a.nc", "NetCDF"),
        ("a.html", "HTML"),
    ] {
        refused(&args(&pan, &ms, &["-o", &pair.path(name)]), 8, &[name, promised, "GeoTIFF"]);
    }
    refused(&args(&pan, &ms, &["-o", &out, "--report", &pair.path("r.tif")]), 8, &["r.tif", "GeoTIFF", "JSON"]);
    refused(&args(&pan, &ms, &["-o", &out, "--report", &pair.path("r.pdf")]), 8, &["r.pdf", "PDF", "JSON"]);
    refused(&args(&pan, &ms, &["-o", &out, "--save-model", &pair.path("m.onnx")]), 8, &["m.onnx", "safetensors"]);
    assert_eq!(listing(pair.0.path()), before);
    // What promises nothing is the user's own affair.
    for name in ["plain", "a.b-c", "A.TIF"] {
        ok(&args(&pan, &ms, &["-o", &pair.path(name), "--report", &pair.path(&format!("{name}.report"))]));
    }
}

#[test]
fn missing_folders_are_named() {
    let pair = Pair::new(&["--size", "128"]);
    let [pan, ms, out] = ["pan.tif", "ms.tif", "out.tif"].map(|name| pair.path(name));
    let (nowhere, under) = (pair.path("none/such/x.tif"), pair.path("pan.tif/x.tif"));
    for (path, folder) in [(&nowhere, "none/such"), (&under, "pan.tif")] {
        let output = crate::cli::program::trapan(&args(&pan, &ms, &["-o", path]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{said}");
        assert!(said.contains(&format!("folder {}", pair.path(folder))) && !said.contains(".part"), "{said}");
    }
    refused(&["experiment", &pan, &ms, "-o", &pair.path("none/such/runs.jsonl")], 8, &["folder", "none/such"]);
    refused(&["degrade", &pan, &ms, "-o", &pan], 8, &["pan.tif", "not a folder"]);
    for option in ["--quicklook", "--trace"] {
        let train = ["fuse", &pan, &ms, "-o", &out, option, &pan, "--device", "cpu"];
        refused(&train, 8, &["pan.tif", "not a folder"]);
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;

    use crate::support::skipped;

    #[test]
    fn only_regular_files_are_replaced() {
        let pair = Pair::new(&[]);
        let [pan, ms, out] = ["pan.tif", "ms.tif", "out.tif"].map(|name| pair.path(name));
        let pipe = pair.path("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(pair.path("socket")).unwrap();
        symlink(&pipe, pair.path("link")).unwrap();
        let mut special = vec![("pipe", "a pipe"), ("socket", "a socket"), ("link", "a pipe")];
        // A node of our own with the numbers of /dev/null.
        let null = pair.path("null");
        match Command::new("mknod").args([&null, "c", "1", "3"]).output() {
            Ok(made) if made.status.success() => special.push(("null", "a device")),
            _ => skipped("device node as output: no right to make one"),
        }
        for (name, kind) in special {
            let path = pair.path(name);
            for options in
                [vec!["-o", &path], vec!["-o", &out, "--report", &path], vec!["-o", &out, "--save-model", &path]]
            {
                refused(&args(&pan, &ms, &options), 8, &[&path, kind, "regular"]);
            }
            let found = fs::metadata(&path).unwrap().file_type();
            assert!(found.is_fifo() || found.is_socket() || found.is_char_device(), "{name} is what it was");
        }
        assert!(!Path::new(&out).exists());
    }

    #[test]
    fn symbolic_links_are_followed() {
        let pair = Pair::new(&[]);
        let [pan, ms, link] = ["pan.tif", "ms.tif", "link.tif"].map(|name| pair.path(name));
        fs::create_dir(pair.path("real")).unwrap();
        // Relative, and through another link; at first to a file that is not there yet.
        symlink("second.tif", &link).unwrap();
        symlink("real/out.tif", pair.path("second.tif")).unwrap();
        refused(&["fuse", &pan, &ms, "-o", &link, "--method", "exp"], 8, &["link.tif", "exists"]);
        for _ in 0..2 {
            ok(&args(&pan, &ms, &["-o", &link]));
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link stays");
            assert_eq!(listing(Path::new(&pair.path("real"))), [Path::new(&pair.path("real/out.tif"))]);
        }
        symlink("b.tif", pair.path("a.tif")).unwrap();
        symlink("a.tif", pair.path("b.tif")).unwrap();
        refused(&args(&pan, &ms, &["-o", &pair.path("a.tif")]), 8, &["a.tif", "circle"]);
    }

    /// The name outlives a loss of power only if the folder is flushed after it was given.
    #[cfg(target_os = "linux")]
    #[test]
    fn folders_are_flushed_after_the_name_is_given() {
        let place = tempfile::tempdir().unwrap();
        let (log, folder) = (place.path().join("log"), place.path().join("out"));
        let mut traced = Command::new("strace");
        traced.args(["-f", "-y", "-e", "trace=fsync,linkat,rename,renameat,renameat2", "-o"]).arg(&log);
        traced.args([env!("CARGO_BIN_EXE_trapan"), "simulate", "--size", "64", "-o"]).arg(&folder);
        if !traced.output().is_ok_and(|output| output.status.success()) {
            return skipped("flushing of folders: strace is not here, or may not trace");
        }
        let log = fs::read_to_string(log).unwrap();
        for name in ["pan.tif", "ms.tif", "truth.tif"] {
            let given = log.find(&format!("/{name}\"")).expect("the name is given");
            let flushed = format!("<{}>", fs::canonicalize(&folder).unwrap().display());
            let after = log[given..].lines().find(|line| line.contains("fsync(")).unwrap_or_default();
            assert!(after.contains(&flushed), "{name}: {after} in\n{log}");
        }
    }
}
