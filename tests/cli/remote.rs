//! Commands on images at addresses, and STAC items.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::cli::program::{Pair, listing, refused};
use crate::support::server::{Manner, Server};

/// Ways to fuse that take no training.
const FAST: [&str; 4] = ["--method", "gsa", "--device", "cpu"];

/// Runs the program, with patience for tests.
fn trapan(args: &[&str], set: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_trapan"));
    let usual = [("NO_PROXY", "127.0.0.1"), ("TRAPAN_HTTP_TIMEOUT", "5"), ("TRAPAN_NO_KERNEL_CACHE", "1")];
    program.envs(usual).envs(set.iter().copied()).args(args).output().expect("the program starts")
}

#[track_caller]
fn ok(args: &[&str], set: &[(&str, &str)]) -> Output {
    let output = trapan(args, set);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A pair here, and the same on a server with an item.
struct Place {
    pair: Pair,
    server: Server,
    item: String,
}

impl Place {
    fn new() -> Self {
        let (pair, server) = (Pair::new(&[]), Server::start());
        for name in ["pan.tif", "ms.tif"] {
            server.put(&format!("data/{name}"), fs::read(pair.path(name)).expect("a file"), Manner::Well);
        }
        let bands = ["blue", "green", "red", "nir"].map(|name| json!({ "eo:common_name": name }));
        let item = json!({
            "type": "Feature", "stac_version": "1.0.0", "id": "place",
            "properties": { "datetime": "2024-05-01T10:20:30Z", "platform": "one" },
            "assets": {
                "high": { "href": "../data/pan.tif?key=secret", "eo:bands": [{ "common_name": "pan" }] },
                "low": { "href": "../data/ms.tif", "bands": bands },
            },
        });
        let item = server.put("items/place.json", item.to_string().into(), Manner::Well);
        Self { pair, server, item }
    }

    /// What the files give.
    fn wanted(&self) -> Vec<u8> {
        let files = [&self.pair.path("pan.tif"), &self.pair.path("ms.tif"), "-o", &self.pair.path("wanted.tif")];
        ok(&[&["fuse"], &files[..], &FAST].concat(), &[]);
        fs::read(self.pair.path("wanted.tif")).expect("a file")
    }
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn addresses_and_items_give_the_bytes_of_files() {
    let place = Place::new();
    let wanted = place.wanted();
    let at = place.server.address();
    let [pan, ms] = ["pan", "ms"].map(|name| format!("/vsicurl/{at}/data/{name}.tif"));
    let (one, two) = (place.pair.path("one.tif"), place.pair.path("two.tif"));
    let report = place.pair.path("report.json");
    ok(&[&["fuse", &pan, &ms, "-o", &one, "--report", &report], &FAST[..]].concat(), &[]);
    assert!(fs::read(&one).expect("a file") == wanted);
    let inputs = &value(&fs::read(report).expect("a file"))["inputs"];
    assert_eq!((&inputs["pan"]["path"], &inputs["ms"]["sha256"]), (&json!(format!("{at}/data/pan.tif")), &Value::Null));
    let said = ok(&[&["fuse", &place.item, "-o", &two, "--stac"], &FAST[..]].concat(), &[]);
    assert!(fs::read(&two).expect("a file") == wanted);
    let item = fs::read_to_string(place.pair.path("two.json")).expect("an item");
    assert!(!item.contains("secret") && !String::from_utf8_lossy(&said.stderr).contains("secret"));
    let item = value(item.as_bytes());
    let known = [&item["properties"]["datetime"], &item["properties"]["platform"], &item["links"][0]["href"]];
    assert_eq!(known, [&json!("2024-05-01T10:20:30Z"), &json!("one"), &json!(place.item)]);
    let info = value(&ok(&["info", "--json", &place.item], &[]).stdout);
    assert_eq!(info["pan"]["path"], format!("{at}/data/pan.tif"));
    ok(&["assess", "--fused", &one, "--pan", &pan, "--ms", &ms], &[]);
}

#[test]
fn buckets_are_read_with_and_without_keys() {
    let place = Place::new();
    place.wanted();
    let endpoint = [("AWS_ENDPOINT", place.server.address()), ("AWS_ALLOW_HTTP", "true"), ("AWS_REGION", "here")];
    let open = [&endpoint[..], &[("AWS_SKIP_SIGNATURE", "true")]].concat();
    let keys = [&endpoint[..], &[("AWS_ACCESS_KEY_ID", "me"), ("AWS_SECRET_ACCESS_KEY", "word")]].concat();
    let azure = [
        ("AZURE_ENDPOINT", place.server.address()),
        ("AZURE_ALLOW_HTTP", "true"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "me"),
    ];
    let container = [&azure[..], &[("AZURE_SKIP_SIGNATURE", "true")]].concat();
    let account = [&azure[..], &[("AZURE_STORAGE_ACCOUNT_KEY", "d29yZA==")]].concat();
    let google =
        [("GOOGLE_BASE_URL", place.server.address()), ("GOOGLE_ALLOW_HTTP", "true"), ("GOOGLE_SKIP_SIGNATURE", "true")];
    for (scheme, gdal, set) in [
        ("s3", "vsis3", &open[..]),
        ("s3", "vsis3", &keys),
        ("az", "vsiaz", &container),
        ("az", "vsiaz", &account),
        ("gs", "vsigs", &google),
    ] {
        let [pan, ms] = [format!("{scheme}://data/pan.tif"), format!("/{gdal}/data/ms.tif")];
        let info = ok(&["info", "--json", &pan, &ms], set).stdout;
        assert_eq!(value(&info)["ms"]["path"], format!("{scheme}://data/ms.tif"));
    }
    place.server.put("data/pan.tif", Vec::new(), Manner::Refused(403));
    let said = trapan(&["info", "s3://data/pan.tif", "s3://data/ms.tif"], &open);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("s3://data/pan.tif") && said.contains("AWS_ACCESS_KEY_ID"), "{said}");
    let said = trapan(
        &["info", "az://box/pan.tif", "az://box/ms.tif"],
        &[("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_ACCOUNT_KEY", "?")],
    )
    .stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("az://box/pan.tif") && said.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{said}");
}

#[test]
fn late_answers_end_with_what_was_tried() {
    let place = Place::new();
    let late = place.server.put("data/late.tif", vec![0; 10], Manner::Late(2000));
    let set = [("TRAPAN_HTTP_TIMEOUT", "0.2"), ("TRAPAN_HTTP_RETRIES", "1")];
    let output = trapan(&["info", &format!("{late}?key=secret"), &late], &set);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for word in [&late[..], "up to 2 times", "0.2 s", "TRAPAN_HTTP_TIMEOUT"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn what_is_no_image_at_an_address_is_refused() {
    let place = Place::new();
    let before = listing(place.pair.0.path());
    let at = place.server.address();
    let (pan, ms) = (format!("{at}/data/pan.tif"), format!("{at}/data/ms.tif"));
    let fuse = |args: &[&str]| [&["fuse"], args, &FAST].concat().iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let folder = format!("{at}/data/");
    let out = place.pair.path("out.tif");
    for (args, code, words) in [
        (fuse(&[&pan, &ms, "-o", "s3://bucket/out.tif"]), 8, ["s3://bucket/out.tif", "upload"]),
        (fuse(&[&folder, "-o", &out]), 3, ["products", "STAC item"]),
        (fuse(&[&pan, "-o", &out]), 2, ["one file", "pan.tif"]),
        (fuse(&[&format!("{at}/data/ms"), "-o", &out]), 3, ["data/ms", "no such file"]),
    ] {
        refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), code, &words);
    }
    assert_eq!(before, listing(place.pair.0.path()));
}

#[test]
fn tasks_read_assets_at_addresses_and_know_when_they_change() {
    let place = Place::new();
    let wanted = place.wanted();
    let manifest = place.pair.path("many.jsonl");
    let plan = ["plan", &place.item, "-o", &manifest, "--into", &place.pair.path("out"), "--"];
    ok(&[&plan[..], &FAST[..2], &["--stac", "--datetime", "2024-05-01T10:20:30Z"]].concat(), &[]);
    ok(&["task", "--manifest", &manifest], &[]);
    let output = place.pair.path("out/place.tif");
    assert!(fs::read(&output).expect("a file") == wanted);
    let record = fs::read_to_string(format!("{output}.record.json")).expect("a record");
    assert!(!record.contains("secret"), "{record}");
    let input = &value(record.as_bytes())["inputs"][0];
    let pan = format!("{}/data/pan.tif", place.server.address());
    assert_eq!((&input["path"], &input["etag"], input.get("sha256")), (&json!(pan), &json!("\"one\""), None));
    let state = || {
        let listed = ok(&["status", "--manifest", &manifest, "--json"], &[]).stdout;
        assert!(!String::from_utf8_lossy(&listed).contains("secret"));
        value(&listed)[0]["state"].clone()
    };
    assert_eq!(state(), "done");
    let bytes = fs::read(place.pair.path("pan.tif")).expect("a file");
    place.server.put("data/pan.tif", bytes, Manner::Changing(0));
    assert_eq!(state(), "changed");
}
