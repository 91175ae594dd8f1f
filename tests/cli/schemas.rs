//! Every JSON that is written against the schema that `trapan schema` prints of it.

use std::fs;

use serde_json::{Value, json};

use crate::cli::program::{Pair, SHORT, ok};

fn schema(name: &str) -> Value {
    serde_json::from_slice(&ok(&["schema", name]).stdout).expect("JSON")
}

/// What a value does not keep of a schema, for the words that ours are written in.
fn wrong(value: &Value, schema: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, wanted) in schema.as_object().expect("a schema is an object") {
        let broken: Vec<String> = match word.as_str() {
            "$schema" | "title" | "description" => continue,
            "type" => {
                let is = |name: &Value| match name.as_str().expect("a name") {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("{other} is no type"),
                };
                let fits = wanted.as_array().map_or_else(|| is(wanted), |names| names.iter().any(is));
                (!fits).then(|| format!("{at} is no {wanted}: {value}")).into_iter().collect()
            }
            "minimum" => (value.as_f64() < wanted.as_f64()).then(|| format!("{at} is {value}")).into_iter().collect(),
            "const" => (value != wanted).then(|| format!("{at} is {value}")).into_iter().collect(),
            "enum" => {
                let names = wanted.as_array().expect("a list");
                (!names.contains(value)).then(|| format!("{at} is {value}, none of {wanted}")).into_iter().collect()
            }
            "anyOf" => {
                let all: Vec<_> = wanted.as_array().expect("a list").iter().map(|s| wrong(value, s, at)).collect();
                if all.iter().any(Vec::is_empty) { Vec::new() } else { all.concat() }
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items.flat_map(|(i, item)| wrong(item, wanted, &format!("{at}[{i}]"))).collect()
            }
            "minItems" | "maxItems" => {
                let length = value.as_array().map(|items| items.len() as u64);
                (length != wanted.as_u64()).then(|| format!("{at} has {length:?} items")).into_iter().collect()
            }
            "properties" => {
                let known = wanted.as_object().expect("an object");
                let parts = known.iter().filter_map(|(key, schema)| Some((key, value.get(key)?, schema)));
                parts.flat_map(|(key, value, schema)| wrong(value, schema, &format!("{at}.{key}"))).collect()
            }
            "required" => {
                let keys = wanted.as_array().expect("a list").iter().filter_map(Value::as_str);
                keys.filter(|key| value.get(*key).is_none()).map(|key| format!("{at}.{key} is missing")).collect()
            }
            "additionalProperties" => {
                let known = |key: &str| schema["properties"].get(key).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(key, _)| !known(key));
                match wanted {
                    Value::Bool(false) => others.map(|(key, _)| format!("{at}.{key} is not described")).collect(),
                    other => others.flat_map(|(key, value)| wrong(value, other, &format!("{at}.{key}"))).collect(),
                }
            }
            other => panic!("{other} is not read here"),
        };
        found.extend(broken);
    }
    found
}

#[track_caller]
pub fn fits(name: &str, text: &[u8]) {
    let value: Value = serde_json::from_slice(text).expect("JSON");
    let found = wrong(&value, &schema(name), name);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_is_written_fits_its_schema() {
    let pair = Pair::new(&["--size", "128", "--ratio", "2"]);
    let [pan, ms, truth, fused] = ["pan.tif", "ms.tif", "truth.tif", "fused.tif"].map(|name| pair.path(name));
    let [report, trace, runs] = ["report.json", "trace", "runs.jsonl"].map(|name| pair.path(name));
    let read = |path: &str| fs::read(path).expect("the file is there");
    let lines = |name: &str, path: &str| read(path).trim_ascii_end().split(|b| *b == b'\n').for_each(|l| fits(name, l));

    fits("info", &ok(&["info", &pan, &ms, "--json"]).stdout);
    pair.fused("fused.tif", &["--report", &report, "--trace", &trace, "--profile", "--compare"]);
    fits("report", &read(&report));
    lines("step", &format!("{trace}/steps.jsonl"));
    pair.fused("fast.tif", &["--effort", "fast", "--report", &report, "--overwrite"]);
    fits("report", &read(&report));
    fits("assess", &ok(&["assess", "--fused", &fused, "--pan", &pan, "--ms", &ms, "--phase", "true", "--json"]).stdout);
    fits("assess-truth", &ok(&["assess", "--fused", &fused, "--truth", &truth, "--json"]).stdout);
    fits("compare", &ok(&["compare", &pan, &ms, "--methods", "exp,gsa", "--json"]).stdout);
    let study = ["experiment", &pan, &ms, "-o", &runs, "--studies", "order", "--seeds", "1", "--json"];
    fits("experiment", &ok(&[&study[..], &SHORT].concat()).stdout);
    lines("experiment-run", &runs);
    let bench = ["bench", "--quick", "--device", "cpu", "--json"];
    fits("bench", &ok(&bench).stdout);
    fits("growth", &ok(&[&bench[..], &["--growth"]].concat()).stdout);
    let many = pair.path("many");
    ok(&["simulate", "-o", &many, "--size", "64", "--count", "2"]);
    lines("pair", &format!("{many}/pairs.jsonl"));
    let (list, manifest) = (format!("{many}/pairs.jsonl"), pair.path("many.jsonl"));
    ok(&["plan", &list, "-o", &manifest, "--strips", "2", "--", "--co", "LEVEL=1", "--co", "PREDICTOR=2"]);
    lines("entry", &manifest);
    fits("status", &ok(&["status", "--manifest", &manifest, "--json"]).stdout);
    ok(&[
        "task",
        "--manifest",
        &manifest,
        "--index",
        "0",
        "--",
        "--epochs",
        "1",
        "--dam-epochs",
        "1",
        "--warm-up-epochs",
        "1",
    ]);
    fits("record", &read(&pair.path("00000/model.safetensors.record.json")));
    fits("status", &ok(&["status", "--manifest", &manifest, "--json"]).stdout);
}

#[test]
fn what_a_schema_does_not_know_is_seen() {
    let form = json!({
        "type": "object",
        "properties": { "a": { "type": "integer", "minimum": 0 }, "b": { "anyOf": [{ "const": 1 }, { "type": "null" }] } },
        "required": ["a"],
        "additionalProperties": false,
    });
    assert!(wrong(&json!({ "a": 1, "b": null }), &form, "x").is_empty());
    for bad in [json!({}), json!({ "a": "1" }), json!({ "a": 1, "c": 2 }), json!({ "a": 1, "b": 2 }), json!(1)] {
        assert!(!wrong(&bad, &form, "x").is_empty(), "{bad}");
    }
}
