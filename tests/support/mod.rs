//! What several rungs share.

pub mod backbones;
pub mod devices;
pub mod formula;
pub mod memory;
pub mod oracle;
#[cfg(feature = "cloud")]
pub mod server;
pub mod session;
pub mod textbook;
pub mod values;

use std::io::Write;
use std::process::Command;

use serde_json::Value;

/// Says that a check was left out, past the test harness, which swallows what a passing
/// test prints.
pub fn skipped(why: &str) {
    // Nobody to tell if stderr is closed.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Python with these modules, if it is here; else says that `check` was left out.
pub fn python(check: &str, modules: &[&str]) -> Option<Command> {
    let probe = format!("import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, {modules:?})))");
    let found = Command::new("python3").args(["-c", &probe]).output().is_ok_and(|o| o.status.success());
    if !found {
        skipped(&format!("{check}: python3 with {} is not here", modules.join(", ")));
        return None;
    }
    let mut command = Command::new("python3");
    command.env("OMP_NUM_THREADS", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

/// Reads a file of `tests/data`.
pub fn data(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A number of a JSON file.
#[track_caller]
pub fn float(v: &Value) -> f64 {
    v.as_f64().unwrap_or_else(|| panic!("not a number: {v}"))
}

/// A list of numbers of a JSON file.
#[track_caller]
pub fn floats(v: &Value) -> Vec<f64> {
    list(v).iter().map(float).collect()
}

/// A list of whole numbers of a JSON file.
#[track_caller]
pub fn sizes(v: &Value) -> Vec<usize> {
    list(v).iter().map(|v| v.as_u64().unwrap_or_else(|| panic!("not a size: {v}")) as usize).collect()
}

/// A list of a JSON file.
#[track_caller]
pub fn list(v: &Value) -> &Vec<Value> {
    v.as_array().unwrap_or_else(|| panic!("not a list: {v}"))
}

/// Collects every disagreement of a test, so that a failure shows its extent.
#[derive(Default)]
pub struct Report {
    failures: Vec<String>,
    checked: usize,
}

impl Report {
    /// `|found − wanted| ≤ tolerance`; a value that is not finite fails.
    pub fn near(&mut self, label: &str, found: f64, wanted: f64, tolerance: f64) {
        self.checked += 1;
        let error = (found - wanted).abs();
        if error <= tolerance {
            return; // false for NaN
        }
        self.failures.push(format!("{label}: {found:e} instead of {wanted:e}, off by {error:.2e} > {tolerance:.1e}"));
    }

    /// [`near`](Self::near) for each element.
    pub fn all(&mut self, label: &str, found: &[f64], wanted: &[f64], tolerance: f64) {
        assert_eq!(found.len(), wanted.len(), "{label}: lengths");
        for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            self.near(&format!("{label}[{i}]"), *found, *wanted, tolerance);
        }
    }

    /// Compares with the eight samples and three sums that stand for an array in
    /// `golden.json`; see `digest` there.
    pub fn digest(&mut self, label: &str, found: &[f64], digest: &Value, tolerance: f64) {
        assert_eq!(found.len() as u64, digest["len"], "{label}: length");
        for (i, wanted) in floats(&digest["samples"]).into_iter().enumerate() {
            let at = i * (found.len() - 1) / 7;
            self.near(&format!("{label}[{at}]"), found[at], wanted, tolerance * wanted.abs().max(1.0));
        }
        let sums = [
            ("sum", found.iter().sum::<f64>()),
            ("squares", found.iter().map(|v| v * v).sum()),
            ("weighted", found.iter().enumerate().map(|(k, v)| v * (k as f64).cos()).sum()),
        ];
        for (name, sum) in sums {
            let wanted = float(&digest[name]);
            self.near(&format!("{label} {name}"), sum, wanted, tolerance * wanted.abs().max(1.0));
        }
    }

    /// Disagreements so far.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Fails with all disagreements, or if nothing was compared.
    #[track_caller]
    pub fn finish(self) {
        let Self { failures, checked } = self;
        assert!(checked > 0, "nothing was compared");
        assert!(failures.is_empty(), "{} of {checked} values disagree:\n{}", failures.len(), failures.join("\n"));
    }
}
