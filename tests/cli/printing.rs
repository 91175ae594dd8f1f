//! What is printed: readers that go away, disks that are full, names that want to be more than names.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::program::{Pair, SHORT, ok, trapan};

/// The least PAN whose MS the indices can judge.
const SMALL: [&str; 4] = ["--size", "64", "--ratio", "2"];

/// A name with an escape sequence, a line of its own, and letters that run backwards.
#[cfg(unix)]
const NASTY: &str = "a\u{1b}[2J\nerror: all is lost \u{202e}fit.tif";
/// What is shown of it.
#[cfg(unix)]
const SHOWN: &str = r"a\u{1b}[2J\nerror: all is lost \u{202e}fit.tif";

/// The program with streams that nobody reads.
fn unread(args: &[&str], both: bool) -> std::process::Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
    program.env("TRAPAN_NO_KERNEL_CACHE", "1").args(args).stderr(Stdio::piped());
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        writer
    };
    program.stdout(closed());
    if both {
        program.stderr(closed());
    }
    program.output().expect("the program starts")
}

#[test]
fn output_that_nobody_reads_loses_no_result() {
    let pair = Pair::new(&SMALL);
    let [pan, ms, out, report] = ["pan.tif", "ms.tif", "out.tif", "report.json"].map(|name| pair.path(name));
    let whole = pair.fused("whole.tif", &[]);
    for extra in [&["-v"][..], &["-v", "--profile"], &["--compare"]] {
        let args = [&["fuse", &pan, &ms, "-o", &out, "--report", &report, "--overwrite"], &SHORT[..], extra].concat();
        let ended = unread(&args, true);
        assert_eq!(ended.status.code(), Some(0), "{extra:?}: {ended:?}");
        assert!(fs::read(&out).expect("the image is there") == whole, "{extra:?}");
        let told: Value = serde_json::from_slice(&fs::read(&report).expect("the report is there")).expect("JSON");
        assert_eq!(told["tables"].as_array().map(Vec::len), Some(if extra == ["--compare"] { 2 } else { 1 }));
        fs::remove_file(&out).expect("it is there");
        fs::remove_file(&report).expect("it is there");
    }
    let runs = pair.path("runs.jsonl");
    let args = ["experiment", &pan, &ms, "-o", &runs, "--studies", "sampling", "--seeds", "1"];
    let ended = unread(&[&args[..], &SHORT].concat(), true);
    assert_eq!(
        (ended.status.code(), fs::read_to_string(&runs).expect("the runs are there").lines().count()),
        (Some(0), 3)
    );
}

#[cfg(unix)]
#[test]
fn what_only_prints_ends_as_other_programs_do() {
    use std::os::unix::process::ExitStatusExt;
    let pair = Pair::new(&["--size", "128"]);
    let [pan, ms, fused] = ["pan.tif", "ms.tif", "whole.tif"].map(|name| pair.path(name));
    pair.fused("whole.tif", &[]);
    let device = ["--device", "cpu"];
    for args in [
        &["info", &pan, &ms][..],
        &["info", &pan, &ms, "--json"],
        &["devices"],
        &["assess", "--fused", &fused, "--pan", &pan, "--ms", &ms],
        &["assess", "--fused", &fused, "--truth", &pair.path("truth.tif"), "--json"],
        &["compare", &pan, &ms, "--methods", "exp"],
        &[&["bench", "--quick"], &device[..]].concat(),
        &[&["fuse", &pan, &ms, "-o", &pair.path("x.tif"), "--dump-plan"], &device[..]].concat(),
    ] {
        let ended = unread(args, false);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.signal(), Some(13), "{args:?}: {:?} {said}", ended.status);
        assert!(!said.contains("panicked"), "{said}");
    }
    for args in [&["--help"][..], &["fuse", "--help"], &["--version"]] {
        assert!(!String::from_utf8_lossy(&unread(args, false).stderr).contains("panicked"), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let pair = Pair::new(&SMALL);
    let [pan, ms, out] = ["pan.tif", "ms.tif", "out.tif"].map(|name| pair.path(name));
    for args in [&["info", &pan, &ms][..], &[&["fuse", &pan, &ms, "-o", &out, "--compare"], &SHORT[..]].concat()] {
        let full = fs::File::options().write(true).open("/dev/full").expect("a device that is always full");
        let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
        let ended = program.args(args).stdout(full).stderr(Stdio::piped()).output().expect("the program starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(8) && said.contains("stdout"), "{args:?}: {said}");
    }
    assert!(fs::metadata(&out).is_ok(), "the image is written all the same");
}

/// No byte that a terminal acts on, but for line ends.
#[track_caller]
#[cfg(unix)]
fn harmless(text: &str) {
    let bad = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
    assert_eq!(text.chars().find(bad), None, "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: all is lost")), "{text}");
}

#[cfg(unix)]
#[test]
fn names_are_shown_escaped() {
    let pair = Pair::new(&[]);
    let (pan, ms) = (pair.path("pan.tif"), pair.path(NASTY));
    // A band's name is from outside, too.
    let mut image = trapan::tiff::read(pair.path("ms.tif").as_ref()).expect("readable");
    image.header.descriptions[0] = Some("Bl\u{1b}]0;ue\n\u{202e}".into());
    let layout = trapan::tiff::Layout::fused(&image, &image);
    trapan::tiff::write(ms.as_ref(), &layout, &image.data, None, &Default::default(), true).expect("writable");
    let (out, page, report) = (pair.path(&format!("out{NASTY}")), pair.path("r.html"), pair.path("r.json"));

    let output = ok(&["fuse", &pan, &ms, "-o", &out, "--method", "exp", "--report", &page, "--report", &report]);
    let said = String::from_utf8_lossy(&output.stderr);
    harmless(&said);
    assert!(said.contains(SHOWN), "{said}");
    let html = fs::read_to_string(&page).expect("a page");
    harmless(&html);
    assert!(html.contains(SHOWN) && html.contains(r"Bl\u{1b}]0;ue\n\u{202e}"), "the page shows them escaped");
    let text = fs::read_to_string(&report).expect("a report");
    harmless(&text);
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((told["inputs"]["ms"]["path"].as_str(), told["output"].as_str()), (Some(&ms[..]), Some(&out[..])));

    let info = ok(&["info", &pan, &ms]);
    let told = String::from_utf8_lossy(&info.stdout);
    harmless(&told);
    assert!(told.contains(SHOWN), "{told}");
    let info = ok(&["info", &pan, &ms, "--json"]);
    harmless(&String::from_utf8_lossy(&info.stdout));
    let told: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert_eq!(told["ms"]["path"].as_str(), Some(&ms[..]), "JSON means the name itself");
    let judged = ok(&["assess", "--fused", &out, "--pan", &pan, "--ms", &ms, "--json"]);
    harmless(&String::from_utf8_lossy(&judged.stdout));
    let told: Value = serde_json::from_slice(&judged.stdout).expect("JSON");
    assert_eq!(told["fused"].as_str(), Some(&out[..]));
    harmless(&String::from_utf8_lossy(&ok(&["assess", "--fused", &out, "--pan", &pan, "--ms", &ms]).stdout));

    // Refusals, also those of the command line itself.
    for args in [
        &["fuse", &pan, &pair.path(&format!("none{NASTY}")), "-o", "x.tif"][..],
        &["fuse", &pan, &ms, "-o", &out],
        &["fuse", &pan, &ms, "-o", "x.tif", "--sensor", NASTY],
        &["fuse", &pan, &ms, "-o", "x.tif", &format!("--sensor={NASTY}")],
        &[NASTY],
        &["fuse", &ms, &pan, "-o", "x.tif"],
    ] {
        let output = trapan(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?}");
        harmless(&said);
        assert!(said.contains(SHOWN), "{said}");
    }
}

/// A command that a refusal suggests is read by the shell as it is meant.
#[cfg(unix)]
#[test]
fn suggested_commands_name_the_file_itself() {
    let pair = Pair::new(&[]);
    let odd = pair.path("it's a \u{202e}\n\\ pan.tif");
    fs::copy(pair.path("ms.tif"), &odd).expect("a copy");
    let output = trapan(&["fuse", &odd, &pair.path("ms.tif"), "-o", "x.tif"]);
    let said = String::from_utf8(output.stderr).expect("text");
    let command = said.split_once("gdal_translate ").expect("a command").1.trim_end();
    let listed =
        Command::new("bash").args(["-c", &format!("printf '%s\\0' {command}")]).env("LC_ALL", "C.UTF-8").output();
    let listed = String::from_utf8(listed.expect("bash is here").stdout).expect("text");
    let words: Vec<&str> = listed.split('\0').collect();
    assert!(words.contains(&&odd[..]), "{said}: {words:?}");
}
