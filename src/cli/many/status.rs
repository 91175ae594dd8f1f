//! `trapan status`: how far a manifest is.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::ManyError;
use super::manifest::{Entry, Manifest};
use super::record::{Record, State};
use crate::cli::{CliError, terminal};

/// Arguments of `status`.
#[derive(Args)]
pub(crate) struct StatusArgs {
    /// Manifest that `trapan plan` wrote
    #[arg(short, long, value_name = "FILE.jsonl")]
    manifest: PathBuf,
    /// Print it as JSON, with what each entry waits for
    #[arg(long, conflicts_with = "stages")]
    json: bool,
    /// Print the numbers of entries that can run beside each other, a line for each stage, as 1-16 or 0,3
    #[arg(long)]
    stages: bool,
}

/// Runs `status`. Where something is not done the table ends as an error; JSON and stages are for programs that go on.
pub(crate) fn run(args: &StatusArgs) -> Result<(), CliError> {
    let manifest = Manifest::read(&args.manifest)?;
    if args.stages {
        stages(&manifest);
        return Ok(());
    }
    if args.json {
        let lines = lines(&manifest)?;
        terminal::json(&lines.iter().map(EntryLine::json).collect());
        return Ok(());
    }
    table(&manifest)
}

/// An entry and how far it is.
struct EntryLine<'a> {
    index: usize,
    entry: &'a Entry,
    after: &'a [usize],
    state: &'static str,
    record: Option<Record>,
}

impl EntryLine<'_> {
    fn json(&self) -> serde_json::Value {
        json!({
            "index": self.index,
            "run": self.entry.run.name(),
            "after": self.after,
            "reads": self.entry.shown().reads,
            "output": self.entry.output,
            "state": self.state,
            "seconds": self.record.as_ref().and_then(|record| record.seconds),
            "error": self.record.as_ref().and_then(|record| record.error.as_ref()),
        })
    }
}

/// What an entry's state may be called.
pub(crate) const STATES: &[&str] = &[DONE, FAILED, BEGUN, CHANGED, TO_DO];
const DONE: &str = "done";
const FAILED: &str = "failed";
const BEGUN: &str = "begun";
const CHANGED: &str = "changed";
const TO_DO: &str = "to do";

fn lines(manifest: &Manifest) -> Result<Vec<EntryLine<'_>>, CliError> {
    let line = |(index, entry)| {
        let record = Record::read(manifest, entry)?;
        let state = match record.as_ref().map(|record| record.state) {
            Some(State::Done) if record.as_ref().is_some_and(|r| r.is_done(manifest, entry)) => DONE,
            Some(State::Failed) => FAILED,
            Some(State::Begun) => BEGUN,
            Some(State::Done) => CHANGED,
            None => TO_DO,
        };
        Ok(EntryLine { index, entry, after: &manifest.after[index], state, record })
    };
    manifest.entries.iter().enumerate().map(line).collect()
}

/// Prints a table of all entries.
pub(super) fn table(manifest: &Manifest) -> Result<(), CliError> {
    let lines = lines(manifest)?;
    terminal::line("entry  run       state      seconds  output");
    for EntryLine { index, entry, state, record, .. } in &lines {
        let seconds = record.as_ref().and_then(|record| record.seconds).map_or("-".into(), |s| format!("{s:.1}"));
        let error =
            record.as_ref().and_then(|record| record.error.as_ref()).map_or(String::new(), |e| format!(": {e}"));
        let output = entry.output.display();
        terminal::line(format_args!("{index:5}  {:8}  {state:7}  {seconds:>9}  {output}{error}", entry.run.name()));
    }
    let left = lines.iter().filter(|line| line.state != DONE).count();
    let seconds = lines.iter().filter_map(|line| line.record.as_ref()?.seconds).fold(0.0, |sum, s| sum + s);
    terminal::line(format_args!("{} of {} done, {seconds:.1} s of work", lines.len() - left, lines.len()));
    match left {
        0 => Ok(()),
        _ => Err(ManyError::Unfinished { path: manifest.path.clone(), left, all: lines.len() }.into()),
    }
}

/// Prints the entries of each stage as ranges.
fn stages(manifest: &Manifest) {
    let stages = manifest.stages();
    for stage in 0..=stages.iter().copied().max().unwrap_or(0) {
        let mut ranges: Vec<[usize; 2]> = Vec::new();
        for index in (0..stages.len()).filter(|index| stages[*index] == stage) {
            match ranges.last_mut() {
                Some([_, last]) if *last + 1 == index => *last = index,
                _ => ranges.push([index; 2]),
            }
        }
        let shown = ranges.iter().map(|[a, b]| if a == b { a.to_string() } else { format!("{a}-{b}") });
        terminal::line(shown.collect::<Vec<_>>().join(","));
    }
}
