//! The program as a user meets it: results, reports, refusals and their exit codes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use trapan::tiff::{self, Creation, Layout, read};

use crate::support::python;

pub fn trapan(args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
    // The user's cache folder is none of a test's business.
    program.env("TRAPAN_NO_KERNEL_CACHE", "1").args(args).output().expect("the program starts")
}

#[track_caller]
pub fn ok(args: &[&str]) -> Output {
    let output = trapan(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Fails with `code`, says every one of `words`, and prints nothing on stdout.
#[track_caller]
pub fn refused(args: &[&str], code: i32, words: &[&str]) {
    let output = trapan(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert!(output.stdout.is_empty());
}

/// Settings of a short fusion on the CPU.
pub const SHORT: [&str; 8] = ["--epochs", "3", "--dam-epochs", "2", "--warm-up-epochs", "1", "--device", "cpu"];

/// A folder with a simulated pair.
pub struct Pair(pub TempDir);

impl Pair {
    pub fn new(extra: &[&str]) -> Self {
        let pair = Self(TempDir::new().expect("a temporary folder"));
        ok(&[&["simulate", "-o", &pair.path("."), "--size", "64", "--overwrite"], extra].concat());
        pair
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Arguments of a short fusion on the CPU.
    pub fn fuse(&self, output: &str, extra: &[&str]) -> Vec<String> {
        let files = ["--pan", &self.path("pan.tif"), "--ms", &self.path("ms.tif"), "-o", &self.path(output)];
        [&["fuse"], &files[..], &SHORT, extra].concat().iter().map(|s| (*s).to_owned()).collect()
    }

    #[track_caller]
    pub fn fused(&self, output: &str, extra: &[&str]) -> Vec<u8> {
        let args = self.fuse(output, extra);
        ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
        std::fs::read(self.path(output)).expect("the output is there")
    }

    #[track_caller]
    pub fn refused(&self, extra: &[&str], code: i32, words: &[&str]) {
        let before = listing(self.0.path());
        let args = self.fuse("out.tif", extra);
        refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), code, words);
        assert_eq!(before, listing(self.0.path()), "a refusal leaves everything as it was");
    }
}

pub fn listing(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    names.sort();
    names
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("the file is there")).expect("it is JSON")
}

#[test]
fn fusing_carries_type_grid_and_names() {
    let pair = Pair::new(&[]);
    pair.fused("fused.tif", &[]);
    let [pan, ms, fused] =
        ["pan.tif", "ms.tif", "fused.tif"].map(|name| read(Path::new(&pair.path(name))).expect("readable"));
    assert_eq!((fused.width, fused.height, fused.bands), (pan.width, pan.height, ms.bands));
    assert_eq!((fused.sample, &fused.geo, &fused.descriptions), (ms.sample, &pan.geo, &ms.descriptions));
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_does_not() {
    let pair = Pair::new(&[]);
    // Epochs are too few here for the default's network to help: judged, it would be left out whatever the seed.
    for preset in [&["--preset", "faithful"][..], &["--keep", "last"]] {
        let fused = |name: &str, seed: &str, threads: &str| {
            pair.fused(name, &[preset, &["--seed", seed, "-j", threads, "--overwrite"]].concat())
        };
        let first = fused("a.tif", "7", "1");
        assert!(first == fused("b.tif", "7", "2"), "{preset:?}: threads change the bytes");
        assert!(first != fused("c.tif", "8", "1"), "{preset:?}: the seed changes nothing");
    }
}

#[test]
fn report_and_trace_tell_the_whole_run() {
    let pair = Pair::new(&["--bands", "8"]);
    let (report, trace) = (pair.path("report.json"), pair.path("trace"));
    let told = ["--report", &report, "--trace", &trace];
    pair.fused("fused.tif", &[&["--sensor", "wv3", "--full-probability", "1"][..], &told].concat());
    let report = json(&report);
    assert_eq!(report["schema"], 2);
    assert_eq!(report["settings"]["ms_gains"].as_array().map(Vec::len), Some(8));
    assert_eq!(report["inputs"]["pan"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(report["losses"]["full"]["rows"].as_array().map(Vec::len), Some(3));
    let best = trapan::kernels::Isa::best().to_string();
    let config = json(&format!("{trace}/config.json"));
    assert_eq!((&report["instruction_set"], &config["instruction_set"]), (&best.clone().into(), &best.into()));
    assert_eq!(report["device"], config["device"]);
    let steps = std::fs::read_to_string(format!("{trace}/steps.jsonl")).expect("steps");
    let steps: Vec<Value> = steps.lines().map(|line| serde_json::from_str(line).expect("one step a line")).collect();
    let phases: Vec<&str> = steps.iter().map(|s| s["phase"].as_str().expect("a phase")).collect();
    let wanted = [vec!["dam"; 20], vec!["full", "reduced", "full", "reduced", "full"]].concat();
    assert_eq!(phases, wanted, "warm-up of one epoch, then alternation");
    let mut crops: Vec<u64> = steps[..10].iter().map(|s| s["crop"].as_u64().expect("a crop")).collect();
    crops.sort_unstable();
    assert_eq!(crops, (0..10).collect::<Vec<_>>(), "an epoch sees each crop once");
    for name in ["init", "final"] {
        let bytes = std::fs::read(format!("{trace}/{name}.safetensors")).expect("weights");
        let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
        for (tensor, shape) in [
            ("fusion.conv_in.weight", &[32, 16, 3, 3][..]),
            ("fusion.conv_in.bias", &[32]),
            ("fusion.block0.conv_a.weight", &[32, 32, 3, 3]),
            ("fusion.block3.conv_b.bias", &[32]),
            ("fusion.conv_out.weight", &[8, 32, 3, 3]),
            ("dam.fc1.weight", &[32, 8]),
            ("dam.fc2.weight", &[32, 32]),
            ("dam.fc3.bias", &[1]),
        ] {
            assert_eq!(tensors.tensor(tensor).expect("named as PyTorch does").shape(), shape, "{tensor}");
        }
        assert_eq!(tensors.len(), 26);
    }
}

#[test]
fn a_profile_counts_every_run_and_changes_no_byte() {
    let pair = Pair::new(&[]);
    let small = ["--width", "4", "--blocks", "1", "--full-probability", "1"];
    for device in ["cpu", "software"] {
        let plain = pair.fused(&format!("{device}.tif"), &[&small[..], &["--device", device]].concat());
        let (output, report) = (format!("{device}-profile.tif"), pair.path(&format!("{device}.json")));
        let extra = ["--device", device, "--profile", "-v", "--report", &report];
        let args = pair.fuse(&output, &[&small[..], &extra].concat());
        let said = ok(&args.iter().map(String::as_str).collect::<Vec<_>>()).stderr;
        assert!(plain == std::fs::read(pair.path(&output)).expect("the output is there"), "{device}: other bytes");
        let said = String::from_utf8(said).expect("text");
        for line in ["\nconv2d_grad_weight ", "full: conv2d ", "degradation: ", "alternation and inference: "] {
            assert!(said.contains(line), "{device}: {line:?} is not in {said}");
        }

        let report = json(&report);
        let profile = report["profile"].as_array().expect("a list");
        let runs = |plan: &str| -> Vec<u64> {
            let own = profile.iter().filter(|t| t["plan"] == plan);
            own.map(|t| t["runs"].as_u64().expect("a count")).collect()
        };
        assert!(runs("prepare").iter().all(|r| *r == 1), "{device}");
        assert!(runs("dam").iter().all(|r| *r == 20), "{device}: two epochs of ten crops");
        assert!(runs("reduced").iter().all(|r| *r == 2), "{device}: one epoch of three is warm-up");
        assert!(runs("full").iter().all(|r| *r == 3), "{device}: one per epoch");
        assert!(runs("tile").iter().all(|r| *r == 1), "{device}: one tile");
        for plan in ["prepare", "dam", "reduced", "full"] {
            assert!(!runs(plan).is_empty(), "{device}: {plan}");
        }
        let sum: f64 = profile.iter().map(|t| t["seconds"].as_f64().expect("a time")).sum();
        assert!(sum > 0.0 && sum < report["seconds"]["total"].as_f64().expect("a time"), "{device}: {sum} s");
    }
    let plain = pair.path("plain.json");
    pair.fused("plain.tif", &["--report", &plain]);
    assert_eq!(json(&plain)["profile"].as_array().map(Vec::len), Some(0));
}

/// PyTorch follows a run of this program step by step from its trace.
#[test]
fn pytorch_replays_a_trace() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/replay.py");
    let check = "replay of a trace";
    let faithful = &["--sensor", "qb", "--preset", "faithful"][..];
    for extra in [faithful, &["--preset", "paper", "--sampling", "random"], &["--sensor", "qb"]] {
        let Some(mut python) = python(check, &["torch", "rasterio", "safetensors"]) else { return };
        let pair = Pair::new(&[]);
        let trace = pair.path("trace");
        pair.fused("fused.tif", &[extra, &["--trace", &trace]].concat());
        let output = python
            .arg(&script)
            .args([&trace, &pair.path("pan.tif"), &pair.path("ms.tif")])
            .output()
            .expect("python3 starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{extra:?}: {said}");
    }
}

#[test]
fn options_change_what_they_say() {
    let pair = Pair::new(&[]);
    let faithful = &["--preset", "faithful"][..];
    let plain = pair.fused("plain.tif", faithful);
    for (i, extra) in [
        &["--upsample", "interp23"][..],
        &["--reduced", "asrun"],
        &["--warm-up", "reduced"],
        &["--order", "reduced-full"],
        &["--keep", "last", "--lr-full", "0.01"],
        &["--mtf-gains", "0.2,0.2,0.3,0.3"],
        &["--pan-gain", "0.3"],
        &["--bit-depth", "16"],
        &["--width", "8", "--blocks", "2", "--dam-width", "4"],
        &["--base", "exp", "--sees-ms", "true"],
        &["--crops", "random"],
        &["--border", "2"],
        &["--bend", "0.01"],
        &["--lr-floor", "0.1"],
        &["--consistency", "0.1"],
        &["--sides", "2"],
        &["--keep", "mean", "--mean-decay", "0.5"],
    ]
    .into_iter()
    .enumerate()
    {
        let changed = pair.fused(&format!("{i}.tif"), &[faithful, extra].concat());
        assert!(plain != changed, "{extra:?} changes nothing");
    }
    let [paper, default] =
        [&["--preset", "paper"][..], &[]].map(|extra| pair.fused("preset.tif", &[extra, &["--overwrite"]].concat()));
    assert!(plain != paper && plain != default && paper != default, "--preset changes nothing");
    // A coin that never falls on full: only reduced steps, only full ones, only reduced ones.
    let sampled = |name: &str| {
        let rare = ["--full-probability", "0", "--sampling", name];
        pair.fused(&format!("{name}.tif"), &[faithful, &rare].concat())
    };
    let [reduced, full, random] = ["always-reduced", "always-full", "random"].map(sampled);
    assert!(reduced != full && full != random, "--sampling changes nothing");
}

#[test]
fn every_ratio_and_odd_sizes_work() {
    for (ratio, size, height) in [("2", "68", "52"), ("4", "72", "104"), ("8", "256", "264")] {
        let pair = Pair::new(&["--ratio", ratio, "--size", size, "--height", height]);
        pair.fused("fused.tif", &["--width", "4", "--blocks", "1"]);
    }
}

#[test]
fn plans_can_be_printed() {
    let pair = Pair::new(&[]);
    let args = pair.fuse("none.tif", &["--dump-plan"]);
    let output = ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let text = String::from_utf8(output.stdout).expect("text");
    for plan in ["plan prepare", "plan dam", "plan reduced", "plan full", "conv2d_grad_weight", "trains fusion"] {
        assert!(text.contains(plan), "{plan} is not in the dump");
    }
    assert!(!Path::new(&pair.path("none.tif")).exists());
}

#[test]
fn quiet_is_quiet() {
    let pair = Pair::new(&[]);
    let args = pair.fuse("fused.tif", &["-q"]);
    let output = ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn usage_errors_exit_with_2() {
    let pair = Pair::new(&[]);
    pair.refused(&["--sensor", "hubble"], 2, &["hubble", "wv3", "generic"]);
    pair.refused(&["--device", "abacus"], 2, &["auto, gpu, gpu:N, cpu, cpu:ISA or software"]);
    pair.refused(&["--batch", "11"], 2, &["--batch is 11", "1 to 10"]);
    pair.refused(&["--lr-full", "nan"], 2, &["--lr-full is NaN"]);
    pair.refused(&["--mtf-gains", "0.3,0.3"], 2, &["2 gains", "one per band: 4"]);
    pair.refused(&["--pan-gain", "1.5"], 2, &["1.5", "between 0 and 1"]);
    pair.refused(&["--co", "COMPRESS=JPEG"], 2, &["COMPRESS=JPEG", "unknown compression", "ZSTD"]);
    pair.refused(&["--co", "PREDICTOR=3"], 2, &["u16", "FLOATING_POINT"]);
    pair.refused(&["--rgb", "1,2,5"], 2, &["--rgb is 1,2,5", "1 to 4", "red, green, blue"]);
    pair.refused(&["--rgb", "1,2"], 2, &["--rgb is 1,2", "three or four"]);
}

#[test]
fn images_that_do_not_fit_exit_with_4() {
    let pair = Pair::new(&[]);
    pair.refused(&["--sensor", "wv3"], 4, &["wv3 has 8 bands", "has 4", "--mtf-gains"]);
    let (pan, ms) = (pair.path("pan.tif"), pair.path("ms.tif"));
    let out = pair.path("out.tif");
    refused(&["fuse", "--pan", &ms, "--ms", &pan, "-o", &out], 4, &["pan.tif", "ms.tif"]);
    refused(
        &["fuse", "--pan", &pair.path("truth.tif"), "--ms", &ms, "-o", &out],
        4,
        &["4 bands", "gdal_translate -b 1"],
    );
    // MS of a larger place is cut, of another ratio it is not guessed. That place has the smaller one in its middle,
    // which would be found.
    let other = Pair::new(&["--size", "80"]);
    let fuse = ["fuse", "--pan", &pan, "--ms", &other.path("ms.tif"), "-o", &out, "--coregister=off"];
    let said = ok(&[&fuse[..], &SHORT].concat()).stderr;
    assert!(String::from_utf8_lossy(&said).contains("left out: the last 4 rows, the last 4 columns"));
    let truth = pair.path("truth.tif");
    refused(&["fuse", "--pan", &pan, "--ms", &truth, "-o", &out], 4, &["pixel size of PAN", "gdalwarp"]);
}

#[test]
fn unreadable_inputs_exit_with_3() {
    let pair = Pair::new(&[]);
    let (pan, out) = (pair.path("pan.tif"), pair.path("out.tif"));
    let text = pair.path("notes.tif");
    std::fs::write(&text, "not a picture").expect("writable");
    refused(&["fuse", "--pan", &pan, "--ms", &pair.path("nowhere.tif"), "-o", &out], 3, &["nowhere.tif"]);
    refused(&["fuse", "--pan", &pan, "--ms", &text, "-o", &out], 3, &["notes.tif", "TIFF"]);
    let whole = std::fs::read(pair.path("ms.tif")).expect("readable");
    let cut = pair.path("cut.tif");
    std::fs::write(&cut, &whole[..whole.len() / 2]).expect("writable");
    refused(&["fuse", "--pan", &pan, "--ms", &cut, "-o", &out], 3, &["cut.tif"]);
    assert!(!Path::new(&out).exists());
}

#[test]
fn outputs_in_the_way_exit_with_8() {
    let pair = Pair::new(&[]);
    std::fs::write(pair.path("out.tif"), "precious").expect("writable");
    pair.refused(&[], 8, &["out.tif", "--overwrite"]);
    assert_eq!(std::fs::read(pair.path("out.tif")).expect("still there"), b"precious");
    pair.fused("out.tif", &["--overwrite"]);
    let (pan, ms) = (pair.path("pan.tif"), pair.path("ms.tif"));
    let nowhere = pair.path("no/such/folder/out.tif");
    refused(&["fuse", "--pan", &pan, "--ms", &ms, "-o", &nowhere, "--device", "cpu"], 8, &["no/such/folder"]);
    let fresh = pair.path("fresh.tif");
    let fuse = ["fuse", "--pan", &pan, "--ms", &ms, "-o", &fresh, "--device", "cpu"];
    refused(&[&fuse[..], &["--report", &pan]].concat(), 8, &["pan.tif", "an input"]);
    refused(&[&fuse[..], &["--trace", &pan]].concat(), 8, &["pan.tif", "not a folder"]);
}

#[test]
fn a_device_that_is_not_there_exits_with_5() {
    let pair = Pair::new(&[]);
    let mut args = pair.fuse("out.tif", &[]);
    let device = args.iter().position(|a| a == "cpu").expect("the device");
    args[device] = "gpu:99".into();
    refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), 5, &["adapter 99", "trapan devices"]);
}

#[test]
fn divergence_exits_with_7() {
    let pair = Pair::new(&[]);
    pair.refused(&["--lr-full", "1e30", "--full-probability", "1"], 7, &["diverged", "epoch 2", "--lr-"]);
}

/// Ctrl-C and SIGTERM: exit code 130, no output, no temporary.
#[cfg(unix)]
#[test]
fn interruption_leaves_nothing() {
    for signal in ["INT", "TERM"] {
        let pair = Pair::new(&[]);
        let before = listing(pair.0.path());
        let args = pair.fuse("out.tif", &[]);
        let endless: Vec<&str> = args.iter().map(|a| if a == "3" { "100000" } else { a.as_str() }).collect();
        let mut child = Command::new(env!("CARGO_BIN_EXE_trapan"))
            .args(&endless)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(Duration::from_millis(700)); // reading 64×64 pixels takes a few
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill runs").success());
        let asked = Instant::now();
        let status = child.wait().expect("the program ends");
        assert_eq!(status.code(), Some(130), "{signal}");
        assert!(asked.elapsed() < Duration::from_secs(60), "it ends after the step it is in");
        assert_eq!(before, listing(pair.0.path()), "{signal} leaves nothing behind");
    }
}

/// What was broken off goes on with the same bytes, on as many threads as there are now.
#[cfg(unix)]
#[test]
fn a_run_is_resumed_on_other_threads() {
    let pair = Pair::new(&[]);
    let args = |name: &str, epochs: &str, extra: &[&str]| {
        let args = pair.fuse(name, &[&["--keep", "last"], extra].concat());
        args.into_iter().map(|a| if a == "3" { epochs.to_owned() } else { a }).collect::<Vec<_>>()
    };
    let checkpoint = pair.path("out.tif.checkpoint");
    let broken_off = |epochs: &&str| {
        let args = args("out.tif", epochs, &["--resume", "-j", "2", "--overwrite"]);
        let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
        let mut child = program.args(args).stderr(Stdio::null()).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(700));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs").success());
        child.wait().expect("the program ends").code() == Some(130) && Path::new(&checkpoint).exists()
    };
    // On a fast machine a short run has ended by then.
    let epochs = ["40", "400", "4000"].into_iter().find(broken_off).expect("a checkpoint is left");
    let fused = |name: &str, extra: &[&str]| {
        let args = args(name, epochs, extra);
        ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
        std::fs::read(pair.path(name)).expect("the output is there")
    };
    assert!(fused("out.tif", &["--resume", "-j", "1"]) == fused("whole.tif", &["-j", "2"]));
    assert!(!Path::new(&checkpoint).exists());
}

#[test]
fn selftest_passes_on_the_cpu_and_the_software_gpu() {
    for device in ["cpu", "software"] {
        let output = ok(&["selftest", "--device", device]);
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.ends_with("passed, 0 failed\n"), "{text}");
        assert!(text.contains("conv2d_grad_weight") && text.contains("resample"), "{text}");
    }
}

/// A documented small bench: every kernel is there, and all numbers are possible.
#[test]
fn a_bench_covers_every_kernel_and_step() {
    for device in ["cpu", "software"] {
        let output = ok(&["bench", "--quick", "--device", device, "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).expect("stdout is JSON and nothing else");
        let positive = |v: &Value| v.as_f64().is_some_and(|v| v > 0.0 && v.is_finite());
        let (ceilings, fuse) = (&found["ceilings"], &found["fuse"]);
        let whole = [&ceilings["copy_gb_s"], &ceilings["fma_gflop_s"], &fuse["seconds"]];
        assert!(whole.into_iter().all(positive), "{device}: {ceilings} {fuse}");
        let list = |name: &str| found[name].as_array().unwrap_or_else(|| panic!("{device}: {name} is a list")).clone();
        let (kernels, steps) = (list("kernels"), list("steps"));
        for row in kernels.iter().chain(&steps) {
            for number in ["seconds", "bytes", "gb_s", "roofline"] {
                assert!(positive(&row[number]), "{device}: {number} of {row}");
            }
            let moves_only = ["crop", "picked", "turn", "fold", "unfold"]
                .iter()
                .any(|name| row["kernels"] == serde_json::json!([name]));
            assert!(moves_only || positive(&row["flops"]) && positive(&row["gflop_s"]), "{device}: {row}");
            assert_eq!(row["shape"].as_array().map(Vec::len), Some(4), "{device}: {row}");
        }
        let names: BTreeSet<&str> = kernels.iter().map(|k| k["name"].as_str().expect("a name")).collect();
        assert_eq!(names.len(), kernels.len(), "{device}: a name twice");
        let covered = kernels.iter().flat_map(|k| k["kernels"].as_array().expect("a list").clone());
        let covered: BTreeSet<String> = covered.map(|name| name.as_str().expect("a name").to_owned()).collect();
        let all = trapan::kernels::ALL.iter().filter(|k| k.family != "ceiling");
        assert_eq!(covered, all.map(|k| k.name.to_owned()).collect(), "{device}: kernels measured, and all");
        let steps: Vec<(&Value, &Value)> = steps.iter().map(|s| (&s["name"], &s["count"])).collect();
        assert_eq!(steps[0], (&"dam step".into(), &2500.into()), "{device}: 250 epochs of ten crops");
        assert_eq!(steps[1], (&"reduced step".into(), &230.into()), "{device}: 250 epochs without 20 of warm-up");
        assert_eq!(steps[2].0, "full step", "{device}");
        let full = steps[2].1.as_u64().expect("a count");
        assert!((150..=250).contains(&full), "{device}: {full} is not about 0.8 of 250");
    }
    let text = String::from_utf8(ok(&["bench", "--quick", "--device", "cpu"]).stdout).expect("text");
    for line in ["ceilings: copy ", "\nconv2d full 32→32 grad_weight ", "\nfull step ", "2500 dam, 230 reduced"] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
}

/// Growth is measured, and instruction sets can be chosen and are named.
#[test]
fn a_bench_of_growth() {
    let output = ok(&["bench", "--quick", "--growth", "--device", "cpu:portable", "-j", "2", "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("stdout is JSON and nothing else");
    assert_eq!(found["device"], "CPU (portable, 2 threads)");
    let [point] = &found["growth"].as_array().expect("a list")[..] else { panic!("one quick size: {found}") };
    assert_eq!((&point["side"], &point["bands"]), (&128.into(), &8.into()));
    for number in ["seconds", "bytes", "ns_per_pixel"] {
        assert!(point[number].as_f64().is_some_and(|v| v > 0.0), "{number} of {point}");
    }
    let text = String::from_utf8(ok(&["bench", "--quick", "--growth", "--device", "cpu"]).stdout).expect("text");
    assert!(text.contains("ns/pixel") && text.contains("128x128"), "{text}");
    refused(&["bench", "--device", "cpu:mmx"], 2, &["cpu:mmx", "cpu:portable"]);
}

#[test]
fn devices_are_listed_with_their_limits() {
    let text = String::from_utf8(ok(&["devices"]).stdout).expect("text");
    assert!(text.contains("CPU engine") && text.contains("gpu:0") && text.contains("storage binding"), "{text}");
}

#[test]
fn the_demo_writes_its_pictures() {
    let dir = TempDir::new().expect("a temporary folder");
    let out = dir.path().display().to_string();
    ok(&["demo", "-o", &out, "--size", "64", "--epochs", "2", "--dam-epochs", "1", "--device", "cpu"]);
    for name in ["pan.png", "upsampled.png", "fused.png", "demo.png"] {
        let bytes = std::fs::read(dir.path().join(name)).expect("the picture is there");
        assert!(bytes.starts_with(b"\x89PNG"), "{name}");
    }
    assert!(dir.path().join("fused.tif").exists() && dir.path().join("truth.tif").exists());
    let page = std::fs::read_to_string(dir.path().join("report.html")).expect("the page is there");
    assert!(page.contains("Against the truth") && page.contains("Upsampled MS"));
}

#[test]
fn simulation_is_deterministic() {
    let [a, b] = [Pair::new(&["--seed", "3"]), Pair::new(&["--seed", "3"])];
    let other = Pair::new(&["--seed", "4"]);
    for name in ["pan.tif", "ms.tif", "truth.tif"] {
        let [a, b, other] = [&a, &b, &other].map(|p| std::fs::read(p.path(name)).expect("written"));
        assert!(a == b && a != other, "{name}");
    }
    refused(&["simulate", "-o", &a.path("x"), "--size", "65"], 2, &["65x65", "68x68"]);
}

/// Writes the bands of an image as files of their own and gives their names.
fn split(from: &str, to: impl Fn(usize) -> String) -> Vec<String> {
    let image = read(from.as_ref()).expect("the image is there");
    let write = |band: usize| {
        let one = image.select(&[band]);
        let layout =
            Layout { geo: one.geo, descriptions: one.descriptions, ..Layout::new(image.size(), 1, image.sample) };
        let (path, data) = (to(band), tiff::select(&image.data, image.bands, &[band]));
        tiff::write(path.as_ref(), &layout, &data, None, &Creation::default(), false).expect("the band is written");
        path
    };
    (0..image.bands).map(write).collect()
}

/// OSGeo/gdal#1413: which bands are written must not change their values.
#[test]
fn bands_come_from_several_files_and_go_where_they_are_wanted() {
    let pair = Pair::new(&["--sensor", "generic"]);
    pair.fused("whole.tif", &[]);
    let whole = read(pair.path("whole.tif").as_ref()).expect("the output is there");
    let files = split(&pair.path("ms.tif"), |band| pair.path(&format!("b{band}.tif")));
    // Named together or one by one.
    let one_by_one: Vec<&str> = files.iter().flat_map(|file| ["--ms", file]).collect();
    let together: Vec<&str> = ["--ms"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let (pan, out) = (pair.path("pan.tif"), pair.path("stacked.tif"));
    let rest = ["fuse", "--pan", &pan, "-o", &out, "--overwrite"];
    for ms in [one_by_one, together] {
        ok(&[&rest[..], &SHORT, &ms].concat());
        let stacked = read(out.as_ref()).expect("the output is there");
        assert_eq!((&stacked.data, &stacked.descriptions), (&whole.data, &whole.descriptions));
    }
    refused(&[&rest[..], &["--ms", &files[0], &pan]].concat(), 4, &["pan.tif: has 64x64 pixels, not 16x16", "b0.tif"]);
    pair.fused("some.tif", &["--out-bands", "3,1"]);
    let some = read(pair.path("some.tif").as_ref()).expect("the output is there");
    assert_eq!(some.descriptions, [2, 0].map(|band: usize| whole.descriptions[band].clone()));
    assert_eq!(some.data, tiff::select(&whole.data, whole.bands, &[2, 0]));
    pair.refused(&["--out-bands", "1,9"], 2, &["--out-bands 9", "bands 1 to"]);
}

#[test]
fn product_folders_are_fused() {
    let pair = Pair::new(&["--sensor", "generic"]);
    let scene = "LC08_L1TP_203032_20260710_20260718_02_T1";
    let folder = pair.path("landsat");
    std::fs::create_dir(&folder).expect("a new folder");
    split(&pair.path("ms.tif"), |band| format!("{folder}/{scene}_B{}.TIF", band + 2));
    split(&pair.path("pan.tif"), |_| format!("{folder}/{scene}_B8.TIF"));
    let out = pair.path("landsat.tif");
    ok(&[&["fuse", &folder, "--bands", "B4,B3", "-o", &out], &SHORT[..]].concat());
    let fused = read(out.as_ref()).expect("the output is there");
    assert_eq!((fused.bands, fused.size(), fused.nodata), (2, [64, 64], Some(0.0)));
    let told = ok(&["info", &folder, "--bands", "B4,B3", "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&told["ms"]["bands"], &told["ms"]["descriptions"][0]), (&2.into(), &"Red".into()));
    refused(&["fuse", &folder, "--bands", "B11", "-o", "x.tif"], 3, &["no 30 m reflective band B11"]);
    refused(&["fuse", &pair.path("."), "-o", "x.tif"], 3, &["--pan and --ms"]);
    refused(&["fuse", "-o", "x.tif"], 2, &["--pan"]);

    let pair = Pair::new(&["--sensor", "wv2", "--bands", "8"]);
    for (from, to) in [("pan.tif", "d/1_PAN/1-P2AS.TIF"), ("ms.tif", "d/1_MUL/1-M2AS.TIF")] {
        let to = PathBuf::from(pair.path(to));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a new folder");
        std::fs::copy(pair.path(from), to).expect("a copy");
    }
    std::fs::write(pair.path("d/1_MUL/1-M2AS.IMD"), "satId = \"WV02\";\n").expect("a file");
    let output = ok(&[&["fuse", &pair.path("d"), "-o", &pair.path("maxar.tif")], &SHORT[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("sensor wv2"), "{said}");
}

#[test]
fn a_model_fuses_its_own_scene_as_the_training_did() {
    let pair = Pair::new(&[]);
    let [pan, ms, out, again, model] =
        ["pan.tif", "ms.tif", "out.tif", "again.tif", "m.safetensors"].map(|name| pair.path(name));
    // Whatever the values are scaled by: their largest, or one of a depth they do not fill.
    let networks = &["--consistency", "0.1", "--sides", "8", "--keep", "last"][..];
    for scale in [&[][..], networks, &["--bit-depth", "16"], &["--preset", "paper"], &["--preset", "faithful"]] {
        let fuse = ["fuse", &pan, &ms, "-o", &out, "--save-model", &model, "--overwrite"];
        ok(&[&fuse[..], &SHORT, scale].concat());
        let infer = ["infer", &pan, &ms, "--model", &model, "-o", &again, "--overwrite", "--device", "cpu"];
        ok(&infer);
        let [fused, inferred] = [&out, &again].map(|path| read(path.as_ref()).expect("a raster").data);
        assert_eq!(fused, inferred, "{scale:?}");
        ok(&[&infer[..], &["--window", "10,21,31,17"]].concat());
        let window = read(again.as_ref()).expect("a raster").data;
        let row = |y: usize| &fused[(y * 64 + 10) * 4..(y * 64 + 41) * 4];
        assert!((21..38).flat_map(row).eq(&window), "{scale:?}: a window has other bytes than the whole");
    }
}

#[test]
fn a_precision_that_the_device_lacks_is_refused() {
    Pair::new(&[]).refused(&["--precision", "f16"], 5, &["f16", "lacks", "--precision auto"]);
    for command in ["selftest", "bench"] {
        refused(&[command, "--device", "cpu", "--precision", "f16"], 5, &["CPU", "f16"]);
    }
    refused(&["selftest", "--precision", "f8"], 2, &["auto, f32 or f16"]);
    refused(&["selftest", "--device", "cpu", "--convolution", "direct"], 5, &["CPU", "--convolution direct"]);
}
