//! Manifests: planning, tasks, what is left after a kill, and strips against one run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;
use trapan::tiff::{CogWriter, Creation, GeoTags, Layout, Sample, Window};

use crate::cli::program::{Pair, SHORT, ok, refused, trapan};
use crate::fixture::{scene, utm};

/// Places to fuse, and where a manifest of them goes.
struct Places {
    dir: TempDir,
    manifest: String,
}

impl Places {
    fn new(count: &str) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let manifest = dir.path().join("many.jsonl").display().to_string();
        ok(&["simulate", "-o", &dir.path().join("places").display().to_string(), "--size", "64", "--count", count]);
        Self { dir, manifest }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn plan(&self, extra: &[&str]) {
        let scenes = self.path("places/pairs.jsonl");
        ok(&[&["plan", &scenes, "-o", &self.manifest, "--overwrite", "--into", &self.path("out")], extra].concat());
    }

    /// Runs one task, or all.
    fn task<'a>(&'a self, extra: &[&'a str]) -> Vec<&'a str> {
        [&["task", "--manifest", &self.manifest], extra].concat()
    }

    /// States of all entries.
    fn states(&self) -> Vec<String> {
        let listed = ok(&["status", "--manifest", &self.manifest, "--json"]).stdout;
        let listed: Vec<Value> = serde_json::from_slice(&listed).expect("JSON");
        listed.iter().map(|entry| entry["state"].as_str().expect("a state").to_owned()).collect()
    }
}

#[track_caller]
fn says(args: &[&str], words: &str) {
    let said = ok(args).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains(words), "{words:?} is not in: {said}");
}

fn append(path: &str, text: &str) {
    fs::write(path, fs::read_to_string(path).expect("a file") + text).expect("it can be written");
}

/// Strips of one training make the file that one run writes, wherever the cuts fall.
#[test]
fn strips_make_the_bytes_of_one_run() {
    let pair = Pair::new(&["--height", "68"]);
    let storage = ["--co", "COMPRESS=LZW", "--out-bands", "4,2,1"];
    let whole = pair.fused("fused.tif", &storage);
    let (pan, ms, manifest) = (pair.path("pan.tif"), pair.path("ms.tif"), pair.path("strips.jsonl"));
    let plan = ["plan", &pan, &ms, "-o", &manifest, "--strips", "3", "--into", &pair.path("in"), "--"];
    ok(&[&plan[..], &SHORT, &storage].concat());
    let stages = ok(&["status", "--manifest", &manifest, "--stages"]).stdout;
    assert_eq!(String::from_utf8_lossy(&stages), "0\n1-3\n4\n");
    refused(&["task", "--manifest", &manifest, "--index", "4"], 10, &["entry 4", "entry 1"]);
    ok(&["task", "--manifest", &manifest]);
    let name = pair.0.path().file_name().expect("a name").to_string_lossy().into_owned();
    let output = pair.path(&format!("in/{name}.tif"));
    assert!(fs::read(&output).expect("the output") == whole, "other bytes");
    // A strip that is lost is made again, and nothing else is.
    let strip = pair.path(&format!("in/{name}/strip-2.tif"));
    let before = fs::read(&strip).expect("a strip");
    fs::remove_file(&strip).expect("it is there");
    assert_eq!(trapan(&["status", "--manifest", &manifest]).status.code(), Some(10));
    says(&["task", "--manifest", &manifest], "entry 4 is done");
    assert!(fs::read(&strip).expect("a strip") == before);
    refused(&["infer", &pan, &ms, "--model", &strip, "-o", &output, "--strip", "4/3"], 2, &["--strip", "K/N"]);
    let model = pair.path(&format!("in/{name}/model.safetensors"));
    refused(&["infer", &pan, &ms, "--model", &model, "-o", &pair.path("x.tif"), "--strip", "1/69"], 2, &["1/69", "68"]);
}

/// Windows of an image with overviews, gaps and metadata, written as `infer` writes them, join to the same file.
#[test]
fn windows_join_to_the_bytes_of_the_whole() {
    let dir = TempDir::new().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let [width, height, bands] = [530, 521, 2];
    let cuts = [[0, 0, 530, 200], [0, 200, 300, 321], [300, 200, 230, 321]];
    for (sample, nodata, geo) in [
        (Sample::U16, Some(0.0), utm()),
        (Sample::I16, None, utm()),
        (Sample::F32, Some(-9999.0), utm()),
        (Sample::U8, None, GeoTags::default()),
    ] {
        let mut data = scene(sample, [width, height, bands]);
        data.iter_mut().filter(|v| Some(f64::from(**v)) == nodata).for_each(|v| *v += 1.0);
        let valid: Vec<bool> = (0..width * height).map(|i| i % width + i / width > 40 || i / width > 150).collect();
        let layout = Layout { nodata, geo: geo.clone(), ..Layout::new([width, height], bands, sample) };
        let creation = Creation::default();
        // Without a georeference only strips tell by their order where they lie.
        let placed = geo != GeoTags::default();
        let cuts = if placed { &cuts[..] } else { &[[0, 0, 530, 200], [0, 200, 530, 321]] };
        let write = |name: &str, [x, y, w, h]: [usize; 4]| {
            let geo = geo.part(Window { x, y, width: w, height: h });
            let layout = Layout { width: w, height: h, geo, ..layout.clone() };
            let mut file = CogWriter::create(path(name).as_ref(), &layout, &creation, true).expect("a file");
            for row in y..y + h {
                let at = row * width + x;
                file.write_rows(&data[at * bands..][..w * bands], Some(&valid[at..][..w])).expect("a row");
            }
            file.finish().expect("all rows are there");
            path(name)
        };
        let whole = write("whole.tif", [0, 0, width, height]);
        let mut parts: Vec<String> = cuts.iter().zip(["a", "b", "c"]).map(|(cut, name)| write(name, *cut)).collect();
        if placed {
            parts.reverse();
        }
        let joined = path("joined.tif");
        let assemble = |parts: &[String]| {
            let words = ["assemble", "-o", &joined, "--overwrite"].map(str::to_owned);
            trapan(&words.iter().chain(parts).map(String::as_str).collect::<Vec<_>>())
        };
        assert!(assemble(&parts).status.success());
        assert!(fs::read(&joined).expect("joined") == fs::read(&whole).expect("whole"), "{sample}: other bytes");
        if placed {
            for (wrong, word) in [(&parts[1..], "gaps"), (&[&parts[..], &parts[..1]].concat(), "overlap")] {
                let output = assemble(wrong);
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.code() == Some(3) && said.contains(word), "{said}");
            }
        }
    }
}

/// What is done stays done until its inputs, its settings or its output change; copies and touched files do not count.
#[test]
fn a_finished_entry_is_known_by_its_contents() {
    let places = Places::new("2");
    places.plan(&["--", "--effort", "fast"]);
    refused(&places.task(&["--index", "2"]), 2, &["--index 2", "0 to 1"]);
    ok(&places.task(&[]));
    assert_eq!(places.states(), ["done", "done"]);
    let again = places.task(&["--index", "1"]);
    says(&again, "entry 1 is done");
    let ms = places.path("places/00001/ms.tif");
    let file = fs::File::options().write(true).open(&ms).expect("a file");
    file.set_modified(SystemTime::now()).expect("a time");
    says(&again, "entry 1 is done");
    append_byte(&ms);
    assert_eq!(places.states(), ["done", "changed"]);
    says(&again, "wrote");
    append_byte(&places.path("out/00001.tif"));
    says(&again, "wrote");
    places.plan(&["--", "--effort", "fast", "--co", "LEVEL=2"]);
    assert_eq!(places.states(), ["changed", "changed"]);
    ok(&places.task(&[]));
    // What was made of inputs that are gone stays done.
    fs::remove_dir_all(places.path("places/00000")).expect("a folder");
    assert_eq!(places.states(), ["done", "done"]);
    says(&places.task(&["--index", "0"]), "entry 0 is done");
}

fn append_byte(path: &str) {
    let mut bytes = fs::read(path).expect("a file");
    bytes.push(0);
    fs::write(path, bytes).expect("it can be written");
}

/// A failure leaves a record and nothing else, and the others go on.
#[test]
fn failures_leave_a_record() {
    let places = Places::new("3");
    places.plan(&["--", "--effort", "fast"]);
    let ms = places.path("places/00001/ms.tif");
    let good = fs::read(&ms).expect("a file");
    fs::write(&ms, "no image").expect("it can be written");
    fs::create_dir(places.path("out")).expect("a folder");
    fs::write(places.path("out/00002.tif"), "mine").expect("it can be written");
    let all = trapan(&places.task(&[]));
    assert_eq!(all.status.code(), Some(10), "{}", String::from_utf8_lossy(&all.stderr));
    assert_eq!(places.states(), ["done", "failed", "to do"]);
    assert!(!Path::new(&places.path("out/00001.tif")).exists());
    let record = fs::read_to_string(places.path("out/00001.tif.record.json")).expect("a record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!((&record["exit_code"], record["error"].as_str().map(|e| e.contains("ms.tif"))), (&json!(3), Some(true)));
    assert_eq!(fs::read(places.path("out/00002.tif")).expect("a file"), b"mine", "not ours to replace");
    refused(&places.task(&["--index", "2"]), 8, &["00002.tif", "no task"]);
    fs::write(&ms, good).expect("it can be written");
    fs::remove_file(places.path("out/00002.tif")).expect("a file");
    ok(&places.task(&[]));
    fs::write(places.path("out/00001.tif.record.json"), "{").expect("it can be written");
    refused(&places.task(&["--index", "1"]), 3, &["record.json", "line 1"]);
}

/// A worker that is killed in the middle of its training loses nothing but time.
#[test]
fn a_killed_task_ends_with_the_same_bytes() {
    let places = Places::new("1");
    let settings = ["--", "--dam-epochs", "2", "--warm-up-epochs", "1", "--device", "cpu", "--epochs"];
    places.plan(&[&settings[..], &["4"]].concat());
    ok(&places.task(&["--index", "0"]));
    let output = places.path("out/00000.tif");
    let whole = fs::read(&output).expect("an output");
    // Too many epochs to end before the kill.
    places.plan(&[&settings[..], &["100000"]].concat());
    let mut worker = Command::new(env!("CARGO_BIN_EXE_trapan"));
    let mut worker = worker.args(places.task(&["--index", "0"])).stderr(Stdio::null()).spawn().expect("it starts");
    while places.states() != ["begun"] {
        sleep(Duration::from_millis(20));
    }
    worker.kill().expect("it runs");
    worker.wait().expect("it ends");
    assert!(fs::read(&output).expect("an output") == whole, "the result before is whole until there is a new one");
    places.plan(&[&settings[..], &["4"]].concat());
    ok(&places.task(&["--index", "0"]));
    assert!(fs::read(&output).expect("an output") == whole, "other bytes");
    assert!(!Path::new(&format!("{output}.checkpoint")).exists());
}

#[test]
fn scenes_come_from_folders_tables_and_collections() {
    let places = Places::new("2");
    let planned = |source: &str, extra: &[&str]| -> Vec<Value> {
        ok(&[&["plan", &places.path(source), "-o", &places.manifest, "--overwrite"], extra].concat());
        let text = fs::read_to_string(&places.manifest).expect("a manifest");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let reads = json!(["places/00001/pan.tif", "places/00001/ms.tif"]);
    let folder = planned("places", &["--", "--report", &places.path("{name}.html")]);
    assert_eq!((folder.len(), &folder[1]["reads"], &folder[1]["output"]), (2, &reads, &json!("00001.tif")));
    assert_eq!(folder[1]["options"], json!({ "report": ["00001.html"] }));
    let table = "name,pan,ms,effort\nharbour,places/00001/pan.tif,places/00001/ms.tif,fast\n";
    fs::write(places.path("t.csv"), table).expect("it can be written");
    let rows = planned("t.csv", &["--", "--effort", "quick", "--seed", "3"]);
    let wanted =
        json!({ "run": "fuse", "reads": reads, "output": "harbour.tif", "options": { "effort": "fast", "seed": 3 } });
    assert_eq!(rows, [wanted]);
    let band = |name: &str| json!([{ "name": "b", "common_name": name }]);
    let assets = json!({
        "p": { "href": "places/00001/pan.tif", "eo:bands": band("pan") },
        "r": { "href": "red.tif", "bands": [{ "eo:common_name": "red" }] },
        "b": { "href": "blue.tif", "eo:bands": band("blue") },
        "t": { "href": "places/00001/ms.tif" },
    });
    let write = |assets: &Value| {
        let items = json!({ "type": "FeatureCollection", "features": [{ "id": "item-7", "assets": assets }] });
        fs::write(places.path("items.json"), items.to_string()).expect("it can be written");
    };
    write(&assets);
    let items = planned("items.json", &[]);
    assert_eq!(items[0]["reads"], json!(["places/00001/pan.tif", "blue.tif", "red.tif"]), "bands by wavelength");
    assert_eq!(items[0]["output"], "item-7.tif");
    assert_eq!(planned("items.json", &["--ms-assets", "t"])[0]["reads"], reads);
    let refuses = |source: &str, words: &[&str]| {
        refused(&["plan", &places.path(source), "-o", &places.path("new.jsonl")], 3, words);
        assert!(!Path::new(&places.path("new.jsonl")).exists());
    };
    let far = json!({ "p": { "href": "https://there/pan.tif?key", "eo:bands": band("pan") }, "b": assets["b"] });
    write(&far);
    assert_eq!(planned("items.json", &[])[0]["reads"], json!(["https://there/pan.tif?key", "blue.tif"]));
    write(&json!({ "p": { "href": "ftp://there/pan.tif", "eo:bands": band("pan") }, "b": assets["b"] }));
    refuses("items.json", &["item-7", "download"]);
    write(&json!({ "visual": { "href": "v.tif" } }));
    refuses("items.json", &["item-7", "pan", "visual", "--pan-asset"]);
    fs::write(places.path("items.json"), "[]").expect("it can be written");
    refuses("items.json", &["STAC"]);
    for name in ["../harbour", "/harbour", "."] {
        fs::write(places.path("named.csv"), format!("name,pan,ms\n{name},a.tif,b.tif\n")).expect("it can be written");
        refuses("named.csv", &[name, "no name of a file"]);
    }
    append(&places.path("t.csv"), "harbour,a.tif,b.tif,\n");
    refuses("t.csv", &["harbour", "name"]);
    append(&places.path("t.csv"), "x,y\n");
    refuses("t.csv", &["line 4", "2 cells"]);
    fs::write(places.path("t.csv"), "pan,ms,sharpness\na.tif,b.tif,9\n").expect("it can be written");
    refused(&["plan", &places.path("t.csv"), "-o", &places.path("new.jsonl")], 2, &["sharpness", "fuse --help"]);
    fs::create_dir(places.path("empty")).expect("a folder");
    refuses("empty", &["no pairs"]);
    let plan = ["plan", &places.path("places"), "-o", &places.path("new.jsonl")];
    for (wrong, words) in [
        (&["--", "a.tif"][..], "no files"),
        (&["--", "-o", "x.tif"], "no -o"),
        (&["--", "--resume"], "resume"),
        (&["--strips", "2", "--", "--effort", "fast"], "effort fast"),
        (&["--strips", "2", "--", "--method", "gsa"], "method gsa"),
    ] {
        let output = trapan(&[&plan[..], wrong].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{wrong:?}: {said}");
    }
}

#[test]
fn bad_manifests_are_refused_by_their_line() {
    let dir = TempDir::new().expect("a temporary folder");
    let path = dir.path().join("m.jsonl").display().to_string();
    let fuse = |output: &str| json!({ "run": "fuse", "reads": ["pan.tif", "ms.tif"], "output": output });
    let with = |key: &str, value: Value| {
        let mut entry = fuse("b.tif");
        entry[key] = value;
        entry.to_string()
    };
    for (second, words) in [
        ("{".to_owned(), "line 2"),
        (with("run", json!("sharpen")), "sharpen"),
        (with("colour", json!("red")), "colour"),
        (with("output", json!("./a.tif")), "line 1 writes"),
        (with("reads", json!(["b.tif", "ms.tif"])), "stand above"),
        (with("reads", json!([])), "reads nothing"),
        (with("model", json!("m.safetensors")), "apply has a model"),
        (with("strip", json!("3/2")), "K/N"),
        (with("strip", json!("1/2")), "only apply"),
        (with("options", json!({ "output": "c.tif" })), "no option output"),
        (
            json!({ "run": "train", "reads": ["p"], "output": "m", "options": { "report": "r" } }).to_string(),
            "no option report",
        ),
    ] {
        fs::write(&path, format!("{}\n{second}\n", fuse("a.tif"))).expect("it can be written");
        refused(&["task", "--manifest", &path, "--index", "0"], 3, &["m.jsonl", "line 2", words, "trapan plan"]);
    }
    fs::write(&path, "").expect("it can be written");
    refused(&["status", "--manifest", &path], 3, &["m.jsonl"]);
    refused(&["status", "--manifest", "nowhere.jsonl"], 3, &["nowhere.jsonl"]);
    fs::write(&path, with("options", json!({ "sharpness": 9 }))).expect("it can be written");
    refused(&["task", "--manifest", &path, "--index", "0"], 2, &["sharpness"]);
    fs::write(&path, with("options", json!({ "epochs": -1 }))).expect("it can be written");
    refused(&["task", "--manifest", &path, "--index", "0"], 3, &["line 1", "epochs"]);
}
