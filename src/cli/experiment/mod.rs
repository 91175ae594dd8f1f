//! `trapan experiment`: the paper's tables and figures on pairs.

mod log;
mod page;
mod place;
mod tables;

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use trapan::compare::experiment::{RunRecord, Study};
use trapan::method::config::Profile;
use trapan::tiff::{Format, Output, check_output, check_outputs};

use super::args::{DeviceArgs, named};
use super::inputs::InputArgs;
use super::pairs::entries;
use super::progress;
use super::settings::MethodArgs;
use super::{CliError, Talk, table, terminal};
use log::RunFile;
use place::{NamedPair, ReadyPair};
use tables::{Numbers, StudyRow};

/// Arguments of `experiment`.
#[derive(Args)]
#[command(mut_arg("files", |arg| arg.required_unless_present_any(["pairs", "page"])),
          mut_arg("pan", |arg| arg.required_unless_present_any(["pairs", "page"])),
          mut_arg("ms", |arg| arg.required_unless_present_any(["pairs", "page"])))]
pub(super) struct ExperimentArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Pairs instead of one: a folder of folders with pan.tif, ms.tif and perhaps truth.tif, or a file of JSON lines, as
    /// for train
    #[arg(long, value_name = "DIR|LIST.jsonl", conflicts_with_all = ["files", "pan", "ms", "truth"])]
    pairs: Option<PathBuf>,
    /// What the fused image should be, where that is known, as of simulate; a real pair has a truth once degrade made it
    /// coarser: its MS
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// File of finished runs, one JSON object per line; runs that are in it already are not repeated
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Studies to run: Fig. 2, Tables 1, 2, 3, 4, Figs. 5 and 6, 7, 8 and 9, Table 5, Fig. 1 and Eq. 1 of the supplement
    /// [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME,…", value_parser = named::<Study>(Study::NAMES))]
    studies: Option<Vec<Study>>,
    /// Of these studies the rows of these names alone, as the tables have them, or up to their first comma: fusionnet,lagnet
    /// of backbones, a,d of paradigms
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    rows: Vec<String>,
    /// Networks that train wrote, to stand in Table 1 where they fit a pair
    #[arg(long, value_delimiter = ',', value_name = "FILE,…")]
    networks: Vec<PathBuf>,
    /// Seeds per setting, from --seed on
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Draw all that the file of runs holds in the end, tables and figures, with the paper's numbers; without a pair
    /// nothing is run
    #[arg(long, value_name = "FILE.html")]
    page: Option<PathBuf>,
    /// More files of runs for the page
    #[arg(long, value_delimiter = ',', value_name = "FILE,…", requires = "page")]
    logs: Vec<PathBuf>,
    /// Replace an existing page
    #[arg(long)]
    overwrite: bool,
    /// Print the tables as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    method: MethodArgs,
}

impl ExperimentArgs {
    /// The pairs that are named.
    fn given(&self) -> Result<Vec<NamedPair>, CliError> {
        let Some(list) = &self.pairs else {
            let one = NamedPair { input: self.input.clone(), truth: self.truth.clone(), sensor: None };
            return Ok(Vec::from_iter(self.input.is_named().then_some(one)));
        };
        let entries = entries(list)?;
        if entries.is_empty() {
            return Err(CliError::NoPairs { path: list.clone() });
        }
        let given = entries.iter().map(|entry| NamedPair {
            input: self.input.of(&entry.pan, entry.ms()),
            truth: entry.truth.clone(),
            sensor: entry.sensor,
        });
        Ok(given.collect())
    }

    /// Refuses files that cannot be written, or that are read.
    fn check(&self, given: &[NamedPair]) -> Result<(), CliError> {
        let mut read: Vec<PathBuf> = self.networks.iter().chain(&self.logs).cloned().collect();
        for NamedPair { input, truth, .. } in given {
            read.extend(input.open(None, Talk::Quiet)?.paths);
            read.extend(truth.clone());
        }
        let mut outputs = vec![Output::new(&self.output, Format::Json)];
        outputs.extend(self.page.iter().map(|page| Output::new(page, Format::Html)));
        check_outputs(&read, &outputs)?;
        Ok(self.page.iter().try_for_each(|page| check_output(page, self.overwrite))?)
    }
}

/// Runs `experiment`.
pub(super) fn run(mut args: ExperimentArgs, talk: Talk) -> Result<(), CliError> {
    progress::watch_signals();
    // The paper's ablations are of the paper's method.
    args.method.by_default(Profile::Faithful);
    let given = args.given()?;
    args.check(&given)?;
    let networks = place::networks(&args.networks)?;
    let studies = args.studies.clone().unwrap_or_else(|| Study::ALL.to_vec());
    for given in &given {
        given.check(&args)?;
    }
    let mut lines = if given.is_empty() {
        log::read(&args.output)?
    } else {
        let mut log = RunFile::open(&args.output)?;
        let (mut device, mut shown) = (None, Vec::new());
        for given in &given {
            let files = given.input.open(None, talk)?;
            let place = ReadyPair::new(given, &files, &args, &networks, talk)?;
            shown.extend(place.run(&studies, (&args, &networks), &mut log, &mut device, talk)?);
        }
        show(&studies, &shown, args.json);
        log.lines
    };
    if let Some(path) = &args.page {
        let mut known: HashSet<String> = lines.iter().map(|line| line.key.text()).collect();
        for other in &args.logs {
            lines.extend(log::read(other)?.into_iter().filter(|line| known.insert(line.key.text())));
        }
        let unnamed = lines.iter().filter(|line| line.rows.is_empty()).count();
        if unnamed > 0 {
            talk.say(format_args!(
                "note: {unnamed} runs of an older program say no row that they are, and are left out"
            ));
        }
        lines.retain(|line| !line.rows.is_empty());
        page::sheet(&lines).write(path, args.overwrite)?;
        talk.say(format_args!("wrote {}: {} runs", path.display(), lines.len()));
    }
    Ok(())
}

/// Prints the tables of what was asked for.
fn show(studies: &[Study], lines: &[RunRecord], json: bool) {
    let tables: Vec<(Study, Vec<StudyRow<'_>>)> =
        studies.iter().map(|study| (*study, tables::rows(*study, lines))).collect();
    let tables: Vec<_> = tables.into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
    if json {
        let table = |(study, rows): &(Study, Vec<StudyRow<'_>>)| {
            let rows: Vec<Numbers> = rows.iter().map(|row| Numbers::of(*study, row)).collect();
            serde_json::json!({ "study": study, "title": study.title(), "rows": rows })
        };
        terminal::json(&serde_json::json!(tables.iter().map(table).collect::<Vec<_>>()));
        return;
    }
    for (study, rows) in &tables {
        let more = if *study == Study::Scales { tables::across(rows) } else { Vec::new() };
        for shown in std::iter::once(tables::table(*study, rows, None)).chain(more) {
            terminal::lines(format_args!("{}\n{}", shown.title, table::text(&shown)));
            terminal::line("");
        }
    }
}
