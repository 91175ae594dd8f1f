//! Methods side by side on the command line: fusing without training, comparing, the quality gate,
//! the paper's ablations.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use trapan::tiff::{Creation, Layout, read, write};

/// Training that ends at once.
const SHORT: [&str; 8] = ["--epochs", "2", "--dam-epochs", "1", "--warm-up-epochs", "1", "--device", "cpu"];

/// A folder with a simulated pair of 128×128 PAN pixels at ratio 2: its MS can be judged, and trained on
/// once degraded.
struct Pair(TempDir);

impl Pair {
    fn new() -> Self {
        let pair = Self(TempDir::new().expect("a temporary folder"));
        let output = pair.trapan("simulate", &["-o", &pair.path("."), "--size", "128", "--ratio", "2", "--overwrite"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        pair
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn trapan(&self, command: &str, args: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
        program.arg(command).args(args).output().expect("the program starts")
    }

    /// Runs a command on the pair.
    fn run(&self, command: &str, args: &[&str]) -> Output {
        let (pan, ms) = (self.path("pan.tif"), self.path("ms.tif"));
        self.trapan(command, &[&["--pan", &pan, "--ms", &ms], args].concat())
    }

    #[track_caller]
    fn ok(&self, command: &str, args: &[&str]) -> String {
        let output = self.run(command, args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

#[test]
fn fuses_without_training() {
    let pair = Pair::new();
    let (out, report) = (pair.path("gsa.tif"), pair.path("gsa.json"));
    pair.ok("fuse", &["--method", "gsa", "-o", &out, "--report", &report]);
    let fused = read(Path::new(&out)).expect("the output is there");
    assert_eq!([fused.width, fused.height, fused.bands], [128, 128, 4]);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).expect("a report")).expect("JSON");
    assert_eq!(report["method"], "gsa");
    assert!(report["losses"].is_null() && report["settings"].is_null());
    // GSA brings detail that upsampling does not have.
    let lms = pair.path("exp.tif");
    pair.ok("fuse", &["--method", "exp", "-o", &lms]);
    let (lms, truth) =
        (read(Path::new(&lms)).expect("an image"), read(Path::new(&pair.path("truth.tif"))).expect("truth"));
    let error = |image: &[f32]| trapan::quality::rmse(image, &truth.data);
    assert!(error(&fused.data) < 0.9 * error(&lms.data), "{} {}", error(&fused.data), error(&lms.data));

    // What only training can do is not silently left undone.
    let (model, out) = (pair.path("m.safetensors"), pair.path("no.tif"));
    for flags in [&["--quality-gate"][..], &["--resume"], &["--profile"], &["--save-model", &model]] {
        let refused = pair.run("fuse", &[&["--method", "gsa", "-o", &out], flags].concat());
        assert_eq!(refused.status.code(), Some(2), "{flags:?}");
    }
}

/// Whatever the memory, and so the strips, the file is the same; a method that needs the whole scene says so.
#[test]
fn memory_changes_no_byte() {
    let pair = Pair::new();
    for upsample in ["cubic", "interp23", "spline"] {
        let fuse = |name: &str, memory: &str| {
            let out = pair.path(name);
            let flags = ["--method", "mtf-glp-fs", "--upsample", upsample, "--max-memory", memory, "--overwrite"];
            pair.ok("fuse", &[&flags[..], &["-o", &out]].concat());
            std::fs::read(out).expect("the output is there")
        };
        assert!(fuse("a.tif", "100K") == fuse("b.tif", "1G"), "{upsample}: strips of 16 and of 128 rows differ");
    }
    let refused = pair.run("fuse", &["--method", "tv", "--max-memory", "100K", "-o", &pair.path("tv.tif")]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("--max-memory"), "{said}");
}

#[test]
fn compares_at_both_resolutions() {
    let pair = Pair::new();
    let args = [&["--methods", "exp,mtf-glp-fs,trapan"], &SHORT[..]].concat();
    let lines: Value = serde_json::from_str(&pair.ok("compare", &[&args[..], &["--json"]].concat())).expect("JSON");
    let lines = lines["methods"].as_array().expect("a list");
    assert_eq!(
        lines.iter().map(|l| l["method"].as_str().expect("a name")).collect::<Vec<_>>(),
        ["exp", "mtf-glp-fs", "trapan"]
    );
    let number = |line: usize, part: &str, name: &str| lines[line][part][name].as_f64().expect("a number");
    for line in 0..3 {
        assert!((0.0..=1.0).contains(&number(line, "full", "hqnr")) && number(line, "reduced", "ergas") > 0.0);
    }
    assert!(number(1, "reduced", "q2n") > number(0, "reduced", "q2n"), "detail brings the pair closer to the truth");
    let table = pair.ok("compare", &["--methods", "exp,mtf-glp-fs"]);
    let rows: Vec<&str> = table.lines().take(3).collect();
    assert!(rows[0].starts_with("method") && rows[0].contains("HQNR") && rows[0].contains("ERGAS"), "{table}");
    assert!(rows[2].starts_with("mtf-glp-fs") && rows[2].contains('*'), "{table}");
}

/// A rate that ruins the training: the file is written, and the code says what it is worth.
#[test]
fn the_gate_judges_a_bad_training() {
    let pair = Pair::new();
    let out = pair.path("bad.tif");
    // The default would leave such a network out.
    let bad = ["--lr-full", "0.05", "--lr-reduced", "0.05", "--keep", "last", "--consistency", "off"];
    let args = [&["-o", out.as_str(), "--quality-gate"], &bad[..], &SHORT].concat();
    let output = pair.run("fuse", &args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(9), "{said}");
    assert!(said.contains("is better than the result") && said.contains("--method"), "{said}");
    assert!(read(Path::new(&out)).is_ok(), "the file is written all the same");
}

/// The report of a comparison has the maps of every method, of one kind under one ramp.
#[test]
fn the_report_shows_where_methods_err() {
    let pair = Pair::new();
    let (out, report) = (pair.path("fused.tif"), pair.path("report.json"));
    let told = ["--compare", "--quality-gate", "--report", &report, "--preset", "faithful"];
    let args = [&["-o", out.as_str()], &told[..], &SHORT].concat();
    let output = pair.run("fuse", &args);
    assert_eq!(output.status.code(), Some(9), "so short a training is worth nothing");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).expect("a report")).expect("JSON");
    let warnings = report["warnings"].as_array().expect("a list");
    assert!(
        warnings.iter().any(|w| w.as_str().is_some_and(|w| w.contains("is better than the result"))),
        "{warnings:?}"
    );
    let rows = report["tables"][1]["rows"].as_array().expect("the comparison");
    // MS as the truth has scores, but no map.
    let rows: Vec<&Value> = rows.iter().filter(|row| row["name"] != "truth").collect();
    let columns = report["tables"][1]["columns"].as_array().expect("columns");
    let column = |name: &str| columns.iter().position(|c| c["name"] == name).expect("a column of that name");
    let maps = report["maps"].as_array().expect("maps");
    let kinds: Vec<&[Value]> = maps.chunk_by(|a, b| a["name"] == b["name"]).collect();
    assert_eq!(kinds.len(), 4, "{maps:?}");
    for kind in kinds {
        assert_eq!(
            kind.iter().map(|m| &m["method"]).collect::<Vec<_>>(),
            rows.iter().map(|r| &r["name"]).collect::<Vec<_>>()
        );
        for map in kind {
            let (mean, high) = (map["mean"].as_f64().expect("a mean"), map["ramp"]["high"].as_f64().expect("an end"));
            assert!(0.0 < mean && mean < high, "{map}");
            assert_eq!(map["ramp"], kind[0]["ramp"], "comparable at a glance");
        }
    }
    // The mean over the blocks of a scene of whole blocks is the index; so are the angles of all pixels.
    for (kind, name) in [(1, "Dλ"), (3, "R-SAM")] {
        for (map, row) in maps[kind * rows.len()..].iter().zip(&rows) {
            let [mean, index] = [&map["mean"], &row["values"][column(name)]].map(|v| v.as_f64().expect("a number"));
            assert!((mean - index).abs() < 1e-5 * index, "{name} of {}: {mean} and {index}", row["name"]);
        }
    }
    let time = rows[7]["values"][column("time")].as_f64().expect("seconds");
    let alternation = report["seconds"]["alternation"].as_f64().expect("seconds");
    assert!(time > alternation, "the time of a trained method has the training in it");
}

/// What cannot be judged is refused before the training; where only judging shows it, all is written.
#[test]
fn pairs_that_cannot_be_judged() {
    let pair = Pair::new();
    let small = pair.path("small");
    assert!(pair.trapan("simulate", &["-o", &small, "--size", "64"]).status.success());
    let (pan, ms, out) = (format!("{small}/pan.tif"), format!("{small}/ms.tif"), pair.path("fused.tif"));
    for flag in ["--compare", "--quality-gate"] {
        let args = [&["--pan", &pan, "--ms", &ms, "-o", &out, flag], &SHORT[..]].concat();
        let output = pair.trapan("fuse", &args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("MS is 16x16: the indices need 32 pixels"), "{said}");
        assert!(!Path::new(&out).exists(), "before the training");
    }
    assert_eq!(pair.trapan("compare", &["--pan", &pan, "--ms", &ms]).status.code(), Some(4));

    // Nodata in every block.
    let image = read(Path::new(&pair.path("pan.tif"))).expect("PAN");
    let valid: Vec<bool> = (0..image.data.len()).map(|i| i % image.width % 32 >= 2).collect();
    let layout = Layout { nodata: Some(0.0), geo: image.geo.clone(), ..Layout::new(image.size(), 1, image.sample) };
    let (holes, ms, report) = (pair.path("holes.tif"), pair.path("ms.tif"), pair.path("report.json"));
    write(Path::new(&holes), &layout, &image.data, Some(&valid), &Creation::default(), false).expect("written");
    let files = ["--pan", holes.as_str(), "--ms", &ms, "-o", &out];
    let output = pair.trapan("fuse", &[&files[..], &["--compare", "--report", &report], &SHORT[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("there is nothing to judge") && Path::new(&out).exists(), "{said}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).expect("a report")).expect("JSON");
    assert_eq!(report["maps"], serde_json::json!([]));
    let last = report["warnings"].as_array().and_then(|w| w.last()?.as_str());
    assert!(last.is_some_and(|w| w.contains("there is nothing to judge")), "{last:?}");

    // The plan knows of nodata.
    let plan = |pan: &str| {
        let output = pair.trapan("fuse", &["--pan", pan, "--ms", &ms, "-o", "none.tif", "--dump-plan"]);
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(plan(&holes).contains("weight.pan") && !plan(&pair.path("pan.tif")).contains("weight.pan"));
}

#[test]
fn ablations_are_resumed() {
    let pair = Pair::new();
    let log = pair.path("runs.jsonl");
    let args = [&["-o", log.as_str(), "--studies", "order,sampling", "--seeds", "2"], &SHORT[..]].concat();
    let table = pair.ok("experiment", &args);
    assert!(table.contains("Table 3") && table.contains("Full/Reduced") && table.contains("Random"), "{table}");
    // Both tables have the default setting as a row: it runs once per seed.
    let runs = std::fs::read_to_string(&log).expect("the runs");
    assert_eq!(runs.lines().count(), 10);
    let cut = runs.trim_end().rfind('\n').expect("several lines") + 40;
    std::fs::write(&log, &runs[..cut]).expect("a run cut short");
    let output = pair.run("experiment", &args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("run 1 of 1"), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), table, "the same runs give the same tables");
    std::fs::write(&log, "no run\n").expect("another file");
    assert_eq!(pair.run("experiment", &args).status.code(), Some(3));
}
