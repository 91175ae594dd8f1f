//! The examples as a reader runs them: they do what they say, and say what is wrong with their arguments.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;
use trapan::classical::Method;
use trapan::method::apply::FusedRows;
use trapan::method::config::{Profile, Sensor};
use trapan::method::{self, Config, Model};
use trapan::scene::{GeometryOptions, Scene};
use trapan::tiff::read;

/// Where the examples are. They are built here, because `cargo test NAME` leaves those of an older source there.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_trapan"));
        let [folder, target] = [1, 2].map(|up| program.ancestors().nth(up).expect("target/profile/program"));
        let profile = folder.file_name().expect("a name").to_str().expect("text");
        let profile = if profile == "debug" { "dev" } else { profile };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--examples", "--profile", profile, "--target-dir"]).arg(target);
        // As the tests are built: of other features all would be built anew.
        cargo.args(if cfg!(feature = "cloud") { &["--features", "cloud"][..] } else { &[] });
        // What cargo says to a test of its package, build scripts of others would take for a change: the library, which
        // needs them, would be built anew, too.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG_")) {
            cargo.env_remove(name);
        }
        cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_LINKS");
        let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder.join("examples")
    })
}

/// Runs an example, with a folder of its own for temporary files.
fn run(name: &str, args: &[&str], temporary: &Path) -> Output {
    let mut command = Command::new(folder().join(name).with_extension(std::env::consts::EXE_EXTENSION));
    for variable in ["TMPDIR", "TMP", "TEMP"] {
        command.env(variable, temporary);
    }
    command.args(args).output().expect("the example starts")
}

/// What an example prints that ends well.
#[track_caller]
fn said(name: &str, args: &[&str], temporary: &Path) -> String {
    let output = run(name, args, temporary);
    assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Fails, with a word on stderr and nothing on stdout.
#[track_caller]
fn refused(name: &str, args: &[&str], word: &str) {
    let folder = TempDir::new().expect("a temporary folder");
    let output = run(name, args, folder.path());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{name} {args:?} ran");
    assert!(errors.contains(word) && !errors.contains("panicked"), "{word:?} is not in: {errors}");
}

/// The number that stands before a word.
#[track_caller]
fn before(text: &str, word: &str) -> f64 {
    let words: Vec<&str> = text.split_whitespace().map(|w| w.trim_matches([',', ';', ':'])).collect();
    let at = words.iter().position(|w| *w == word).unwrap_or_else(|| panic!("no {word:?} in: {text}"));
    words[at - 1].parse().unwrap_or_else(|_| panic!("no number before {word:?} in: {text}"))
}

#[test]
fn fuse_files() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = said("fuse_files", &[], folder.path());
    let at = |name: &str| folder.path().join("trapan-fuse-files").join(name);
    assert!(text.contains(&at("fused.tif").display().to_string()), "{text}");
    let image = |name: &str| read(&at(name)).expect("it can be read");
    let (fused, truth) = (image("fused.tif"), image("truth.tif"));
    assert_eq!((fused.size(), fused.bands, fused.sample), (truth.size(), truth.bands, truth.sample));
    assert_eq!(fused.geo.affine(), image("pan.tif").geo.affine());
    assert_eq!(fused.descriptions, image("ms.tif").descriptions);
    let error = |found: &[f32]| found.iter().zip(&truth.data).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    let scene = Scene::open(&at("pan.tif"), &[at("ms.tif")], &GeometryOptions::default()).expect("a pair");
    let config = Config::new(Sensor::Generic, Profile::Trapan, scene.ms().bands).expect("settings");
    for (method, most) in [(Method::Exp, 0.5), (Method::MtfGlpFs, 1.0)] {
        let mut other = Vec::new();
        let mut collect = |rows: FusedRows| {
            other.extend(rows.hrms);
            Ok(())
        };
        method::baseline(method, &scene, &config, &mut collect).expect("it is fused");
        let left = error(&fused.data) / error(&other);
        assert!(left < most, "{left:.2} of the squared error of {method}");
    }
    refused("fuse_files", &["pan.tif", "ms.tif"], "usage");
    refused("fuse_files", &["no-pan.tif", "no-ms.tif", "fused.tif"], "no-pan.tif");
}

#[test]
fn fuse_arrays() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = said("fuse_arrays", &[], folder.path());
    let [upsampled, fused] = ["upsampled", "fused"].map(|word| before(&text, word));
    assert!(fused > 0.0 && fused < 0.7 * upsampled, "{text}");
    assert!(before(&text, "steps") > 250.0, "{text}");
}

#[test]
fn judge() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = said("judge", &[], folder.path());
    let rows: Vec<(&str, Vec<f64>)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().expect("a name"), words.map(|word| word.parse().expect("a number")).collect())
        })
        .collect();
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["exp", "brovey", "gsa", "mtf-glp-fs", "mtf-glp-hpm-r", "bdsd-pc", "fast"]);
    let (fast, others) = rows.split_last().expect("rows");
    for (name, scores) in others {
        let better = fast.1[0] < scores[0] && fast.1[1] < scores[1] && fast.1[2] > scores[2];
        assert!(better, "fast {:?} against {name} {scores:?}", fast.1);
    }
    refused("judge", &["pan.tif"], "usage");
}

#[test]
fn train_once_apply_tiles() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = said("train_once_apply_tiles", &[], folder.path());
    assert!(text.trim_end().ends_with("6 tiles, 0 rows differ from the whole"), "{text}");
    let model = Model::load(&folder.path().join("trapan-model.safetensors")).expect("the model it names");
    assert_eq!((model.bands, model.ratio, model.config.epochs), (4, 4, 40));
}

#[test]
fn run_kernel() {
    let folder = TempDir::new().expect("a temporary folder");
    for (device, name) in [("cpu", "on CPU"), ("cpu:portable", "portable"), ("software", "software")] {
        let text = said("run_kernel", &[device], folder.path());
        assert!(text.contains(name) && text.contains("393216 values agree with the reference"), "{device}: {text}");
    }
    refused("run_kernel", &["abacus"], "auto, gpu, gpu:N, cpu, cpu:ISA or software");
}
