//! Options from files, completions and pages of the manual.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::cli::program::{Pair, listing, ok, refused};

/// A folder with a pair and a file of options.
fn with_options(text: &str) -> (Pair, String) {
    let pair = Pair::new(&[]);
    let path = pair.path("run.toml");
    fs::write(&path, text).expect("written");
    (pair, path)
}

const RUN: &str = r#"
sensor = "qb"
[fuse]
pan = "pan.tif"
ms = ["ms.tif"]
output = "fused.tif"
effort = "fast"
mtf_gains = [0.3, 0.3, 0.3, 0.25]
co = ["COMPRESS=LZW", "OVERVIEWS=NONE"]
coregister = true
[info]
json = true
"#;

#[test]
fn a_file_states_options_and_the_command_line_wins() {
    let (pair, path) = with_options(RUN);
    ok(&["fuse", "--config", &path]);
    let [by_file, by_flags, other] = ["fused.tif", "flags.tif", "other.tif"].map(|name| pair.path(name));
    let [pan, ms] = ["pan.tif", "ms.tif"].map(|name| pair.path(name));
    let rest = ["--effort", "fast", "--mtf-gains", "0.3,0.3,0.3,0.25", "--sensor", "qb", "--coregister"];
    let creation = ["--co", "COMPRESS=LZW", "--co", "OVERVIEWS=NONE"];
    ok(&[&["fuse", "--pan", &pan, "--ms", &ms, "-o", &by_flags][..], &rest, &creation].concat());
    let read = |path: &str| fs::read(path).expect("an image");
    assert!(read(&by_file) == read(&by_flags), "the file says what the flags say");
    // Files by their place leave out those by name, and one option of a kind all of the file's.
    ok(&["-q", "--config", &path, "fuse", &pan, &ms, "-o", &other, "--co", "COMPRESS=NONE"]);
    let values = 64 * 64 * 4 * 2;
    assert!(read(&by_file).len() < values && read(&other).len() > values, "the file's compression is left out");
}

#[test]
fn the_resolved_options_are_options_again() {
    let (pair, path) = with_options(RUN);
    let said = ok(&["config", "fuse", "--config", &path, "--seed", "3", "-q"]).stdout;
    let text = String::from_utf8(said).expect("text");
    for line in ["[fuse]", "effort = \"fast\"", "seed = 3", "quiet = true", "# extent = \"intersection\""] {
        assert!(text.lines().any(|found| found == line), "{line} is not in: {text}");
    }
    let again = pair.path("sub/again.toml");
    fs::create_dir(pair.path("sub")).expect("a folder");
    fs::write(&again, &text).expect("written");
    assert_eq!(String::from_utf8(ok(&["config", "--config", &again, "fuse"]).stdout).expect("text"), text);
    ok(&["fuse", "--config", &again]);
}

#[test]
fn what_is_wrong_in_a_file_is_named() {
    let cases = [
        ("sensr = 1\n[fuse]\nno_such = 2\n[bogus]\nx = 1", &["sensr", "fuse.no_such", "[bogus]"][..]),
        ("overwrite = \"yes\"", &["run.toml: overwrite must be true or false"]),
        ("[fuse]\nms = [1]", &["fuse.ms must be a file"]),
        ("config = \"other.toml\"", &["config: not among"]),
        ("x = [\n", &["line 1 is no TOML"]),
        ("sensor = \"hubble\"", &["hubble", "--sensor"]),
    ];
    for (text, words) in cases {
        let (_pair, path) = with_options(text);
        refused(&["fuse", "--config", &path, "-o", "x.tif", "pan.tif", "ms.tif"], 2, words);
    }
    refused(&["info", "--config", "no-such.toml"], 3, &["no-such.toml"]);
}

/// A shell reads the script without running anything.
#[test]
fn shells_take_the_completions() {
    for (name, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute"), ("powershell", "")] {
        let script = ok(&["completions", name]).stdout;
        let text = String::from_utf8(script.clone()).expect("text");
        assert!(text.contains("save-model") && text.contains("quality-gate"), "{name}");
        let shell = Command::new(name).arg(check).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut shell) = shell else { continue };
        shell.stdin.take().expect("a pipe").write_all(&script).expect("it reads");
        let ended = shell.wait_with_output().expect("it ends");
        assert!(ended.status.success() && ended.stderr.is_empty(), "{name}: {ended:?}");
    }
}

#[test]
fn every_command_has_a_page() {
    let pair = Pair::new(&[]);
    let folder = pair.path("man");
    ok(&["man", "-o", &folder]);
    let pages = listing(folder.as_ref());
    assert!(pages.len() > 15, "{pages:?}");
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page");
        let name = page.file_stem().expect("a name").to_string_lossy();
        assert!(text.contains(&format!(".TH {name} 1")), "{}", page.display());
    }
    let fuse = ok(&["man", "fuse"]).stdout;
    assert_eq!(fuse.trim_ascii_end(), fs::read(pair.path("man/trapan-fuse.1")).expect("a page").trim_ascii_end());
    refused(&["man", "-o", &folder], 8, &["--overwrite"]);
    refused(&["man", "nix"], 2, &["nix"]);
}
