//! The paper's tables and figures from one command: what is run, what is kept, what the page shows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::skipped;

/// Trainings that end at once.
const SHORT: [&str; 10] =
    ["--epochs", "2", "--dam-epochs", "1", "--warm-up-epochs", "1", "--seeds", "1", "--device", "cpu"];

fn trapan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapan")).args(args).output().expect("the program starts")
}

#[track_caller]
fn ok(args: &[&str]) -> [String; 2] {
    let output = trapan(args);
    let [out, said] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
    assert!(output.status.success(), "{args:?}: {said}");
    [out, said]
}

fn lines(log: &str) -> Vec<Value> {
    let text = fs::read_to_string(log).expect("the runs");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The cells of a row of a table of the page.
fn cells(page: &str, title: &str, row: &str) -> Vec<String> {
    let section = page.split("<section>").find(|part| part.contains(&format!("<h2>{title}"))).expect(title);
    let row = section.split("<tr").find(|part| part.contains(&format!("<th scope=\"row\">{row}</th>"))).expect(row);
    let cell = |part: &str| part.split_once('>').expect("a tag").1.split('<').next().unwrap_or_default().to_owned();
    row.split("<td").skip(1).map(cell).collect()
}

/// The mean HQNR of the runs that are a row, as a page prints it.
fn printed(lines: &[Value], study: &str, row: &str) -> String {
    let is = |label: &Value| label["study"] == study && label["row"] == row;
    let runs = lines.iter().filter(|line| line["rows"].as_array().is_some_and(|rows| rows.iter().any(is)));
    let found: Vec<f64> = runs.map(|line| line["scores"]["hqnr"].as_f64().expect("a number")).collect();
    assert!(!found.is_empty(), "{study} {row}");
    format!("{:.4}", found.iter().sum::<f64>() / found.len() as f64)
}

/// Every study on a real pair: each run once, none again, and a page with each table and figure.
#[test]
fn the_whole_experiment() {
    let folder = std::env::var_os("TRAPAN_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let [pan, ms] = ["pan", "ms"].map(|kind| folder.join(format!("wv3_tiny_{kind}.tif")).display().to_string());
    if !Path::new(&pan).is_file() {
        return skipped(&format!("no real pairs in {}; set TRAPAN_DATA to their folder", folder.display()));
    }
    let place = TempDir::new().expect("a temporary folder");
    let path = |name: &str| place.path().join(name).display().to_string();
    let (log, page) = (path("runs.jsonl"), path("page.html"));
    let pair = ["experiment", &pan, &ms, "--assume-aligned", "--sensor", "wv3", "-o", &log];
    let [tables, _] = ok(&[&pair[..], &["--page", &page], &SHORT].concat());

    let runs = lines(&log);
    let keys: BTreeSet<String> =
        runs.iter().map(|run| format!("{} {} {}", run["settings"], run["scale"], run["course"])).collect();
    assert_eq!(keys.len(), runs.len(), "no run twice");
    let html = fs::read_to_string(&page).expect("a page");
    let titles = [
        "Fig. 2: paradigms",
        "Table 1: methods",
        "Table 2: warm-up strategies",
        "Table 3: training order strategies",
        "Table 4: random sampling strategies",
        "Fig. 5: warm-up epochs m",
        "Fig. 6: losses by the warm-up",
        "Fig. 7: hidden width d of the degradation network",
        "Fig. 8: sampling ratio p",
        "Fig. 9: losses by the sampling ratio",
        "Table 5: backbones",
        "Supplement, Fig. 1: scale of the training",
        "Supplement, Fig. 1: error over the scale of the training",
        "ERGAS by the truth at each scale",
        "Supplement, Eq. 1: the degradations in either order",
    ];
    for title in titles {
        assert!(html.contains(&format!("<h2>{title}")), "{title}");
    }
    for [study, title, row] in [
        ["methods", "Table 1: methods", "trapan"],
        ["methods", "Table 1: methods", "bdsd-pc"],
        ["backbones", "Table 5: backbones", "lgpnet"],
        ["paradigms", "Fig. 2: paradigms", "d, TRA-PAN"],
        ["scales", "Supplement, Fig. 1: scale of the training", "trained at 2"],
    ] {
        let [cells, wanted] = [cells(&html, title, row), vec![printed(&runs, study, row)]];
        assert_eq!(cells[2..3], wanted, "{row}: {cells:?}");
    }
    // The paper's numbers stand beside ours.
    assert_eq!(cells(&html, "Table 1: methods", "bdsd-pc")[3..6], ["0.0630", "0.0730", "0.8690"]);
    assert_eq!(cells(&html, "Table 1: methods", "cannet (not run)")[3..6], ["0.0200", "0.0290", "0.9510"]);
    assert_eq!(cells(&html, "Table 5: backbones", "lagnet")[3..6], ["0.0939", "0.1065", "0.8103"]);
    // Curves of both branches.
    for figure in ["Fig. 2: losses", "Fig. 9: losses"] {
        let losses = html.split("<section>").find(|part| part.contains(&format!("<h2>{figure}"))).expect(figure);
        assert_eq!((losses.matches("<svg").count(), losses.matches("<polyline").count()), (2, 14), "{figure}");
    }

    // Nothing is run again; another page of the same runs is the same.
    let [again, said] = ok(&[&pair[..], &["--page", &page, "--overwrite"], &SHORT].concat());
    assert!(!said.contains("run 1 of") && again == tables, "{said}");
    assert_eq!(fs::read_to_string(&page).expect("a page"), html);
    // Some rows of a study, and one that there is not.
    let rows = |names| [&pair[..], &["--studies", "paradigms", "--rows", names], &SHORT].concat();
    let [some, said] = ok(&rows("d,a"));
    assert!(
        !said.contains("run 1 of") && some.contains("a, full only ") && some.contains("d, TRA-PAN"),
        "{said}{some}"
    );
    assert!(!some.contains("reduced only"), "{some}");
    let refused = trapan(&rows("d,e"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("--rows e") && said.contains("\"d, TRA-PAN\""), "{said}");
    // Without a pair a page is drawn from the log; it shows what is there.
    let text = fs::read_to_string(&log).expect("the runs");
    let (changed, other) = (path("changed.jsonl"), path("other.html"));
    let hqnr =
        runs.iter().find(|run| run["rows"].to_string().contains("\"bdsd-pc\"")).expect("a run")["scores"]["hqnr"]
            .to_string();
    fs::write(&changed, text.replace(&hqnr, "0.4321")).expect("written");
    ok(&["experiment", "-o", &changed, "--page", &other]);
    let other = fs::read_to_string(&other).expect("a page");
    assert_eq!(cells(&other, "Table 1: methods", "bdsd-pc")[2], "0.4321");
    assert_eq!(trapan(&["experiment", "-o", &path("none.jsonl"), "--page", &path("none.html")]).status.code(), Some(3));
    assert_eq!(
        trapan(&["experiment", "-o", &changed, "--page", &page]).status.code(),
        Some(8),
        "not without --overwrite"
    );
}

/// With a truth: indices by it, every scale trained and judged, several pairs, and networks that have learnt elsewhere.
#[test]
fn pairs_with_a_truth() {
    let place = TempDir::new().expect("a temporary folder");
    let path = |name: &str| place.path().join(name).display().to_string();
    let (pairs, log, page) = (path("places"), path("runs.jsonl"), path("page.html"));
    ok(&["simulate", "-o", &pairs, "--size", "128", "--ratio", "2", "--count", "2"]);
    let (list, network) = (path("places/pairs.jsonl"), path("small.safetensors"));
    let course = ["--steps", "2", "--patches", "1", "--patch", "16", "--validation", "0", "--preset", "faithful"];
    ok(&[&["train", "--pairs", &list, "-o", &network, "--device", "cpu"], &course[..]].concat());
    let args = ["experiment", "--pairs", &list, "-o", &log, "--studies", "methods,scales", "--networks", &network];
    let [tables, _] = ok(&[&args[..], &["--page", &page, "--json"], &SHORT].concat());
    let tables: Value = serde_json::from_str(&tables).expect("JSON");
    let rows = |study: usize| tables[study]["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows(0).iter().map(|row| row["name"].as_str().expect("a name")).collect();
    assert_eq!(names.last(), Some(&"fusionnet (small)"), "{names:?}");
    for row in rows(0) {
        assert_eq!(row["runs"], 2, "one for each pair: {row}");
        assert!(row["q2n"]["mean"].is_number() && row["psnr"]["mean"].as_f64() > Some(10.0), "{row}");
    }
    // 128, 64 and 32 pixels.
    assert_eq!(rows(1).len(), 3, "{}", rows(1).len());
    for row in rows(1) {
        let at = |scale: u32| row[format!("ergas_at_{scale}")]["mean"].as_f64();
        assert!((1..=3).all(|scale| at(scale) > Some(0.0)) && at(4).is_none(), "{row}");
        assert_eq!(row["ergas"], row["ergas_at_1"], "the pair's own scale");
    }
    let html = fs::read_to_string(&page).expect("a page");
    assert!(html.contains("00000/pan.tif") && html.contains("00001/pan.tif"), "pairs have names");

    let truth = path("places/00000/ms.tif");
    let [pan, ms] = ["pan", "ms"].map(|kind| path(&format!("places/00000/{kind}.tif")));
    let refused = trapan(&[&["experiment", &pan, &ms, "-o", &log, "--truth", &truth], &SHORT[..]].concat());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(4) && said.contains("128x128 pixels of 4 bands"), "{said}");
}
