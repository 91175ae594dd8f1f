//! `trapan experiment`: the paper's ablations on a pair.

mod log;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use trapan::compare::experiment::Study;
use trapan::compare::{Contest, Fuser, Learner};
use trapan::engine::Device;
use trapan::method::config::Profile;
use trapan::method::{Config, Contender, MethodError, Preparation};
use trapan::quality::Convention;
use trapan::report::{self, Better, Column, Table};
use trapan::scene::{Scale, Scene};
use trapan::tiff::{Format, Output, check_outputs, sha256};

use super::args::{DeviceArgs, named};
use super::inputs::InputArgs;
use super::progress::{self, Bar};
use super::settings::MethodArgs;
use super::{CliError, Talk, table, terminal};
use log::{Key, Log, Scores};

/// Arguments of `experiment`.
#[derive(Args)]
pub struct ExperimentArgs {
    #[command(flatten)]
    input: InputArgs,
    /// File of finished runs, one JSON object per line; runs that are in it already are not repeated
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Ablations to run: Tables 2, 3, 4 and Figs. 5, 7, 8 [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME,…",
          value_parser = named::<Study>(&["warm-up", "order", "sampling", "warm-up-epochs", "dam-width", "full-probability"]))]
    studies: Option<Vec<Study>>,
    /// Seeds per setting, from --seed on
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Print the tables as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// Mean and standard deviation over the seeds.
#[derive(Clone, Copy, Serialize)]
struct Spread {
    mean: f64,
    deviation: f64,
}

/// One setting over all seeds.
#[derive(Serialize)]
struct Row {
    name: String,
    d_lambda: Option<Spread>,
    d_s: Option<Spread>,
    hqnr: Option<Spread>,
    consistency_ergas: Option<Spread>,
    runs: usize,
    diverged: usize,
}

/// Runs `experiment`.
pub fn run(mut args: ExperimentArgs, talk: Talk) -> Result<(), CliError> {
    progress::watch_signals();
    // The paper's ablations are of the paper's method.
    args.method.by_default(Profile::Faithful);
    let files = args.input.open(None, talk)?;
    let scene = args.input.scene(&files)?;
    check_outputs(&files.paths, &[Output::new(&args.output, Format::Json)])?;
    let request = args.method.request(Contender::Trapan);
    let base = request.config(files.sensor, scene.ms().bands)?;
    let phase = Convention::of_ratio(scene.ratio());
    Contest::check(scene.rows, scene.columns, phase)?;
    base.check_grids(&scene.rows, &scene.columns)?;
    let ready = args.input.prepare(&files, &request, base, talk)?;
    super::fuse::describe(&ready, talk);
    let filled = ready.scene.filled()?.stored()?;
    let Preparation { scene, scale, config: base, .. } = &ready;
    let mut log = Log::open(&args.output)?;
    let files = [sha256(&scene.pan().path)?, sha256(&scene.ms().path)?];
    let key = |config: Config| Key {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pair: files.clone(),
        geometry: format!("{:?} {:?} {scale:?}", scene.rows, scene.columns),
        settings: config,
    };
    let seeds = |config: &Config| {
        let config = config.clone();
        (0..args.seeds).map(move |i| Config { seed: base.seed.wrapping_add(i), ..config.clone() })
    };

    let studies = args.studies.clone().unwrap_or_else(|| Study::ALL.to_vec());
    let mut missing: Vec<Key> = Vec::new();
    for (_, config) in studies.iter().flat_map(|study| study.variants(base)) {
        config.check(scene.ms().bands)?;
        for key in seeds(&config).map(key) {
            if log.find(&key).is_none() && !missing.contains(&key) {
                missing.push(key);
            }
        }
    }
    if !missing.is_empty() {
        let device = args.device.open(talk)?;
        let contest = Contest::new(&filled, scale, base, phase)?;
        for (i, key) in missing.iter().enumerate() {
            talk.say(format_args!("run {} of {}", i + 1, missing.len()));
            let start = Instant::now();
            let scores = train(&contest, (&filled, scale, &key.settings), &device, talk)?;
            log.add(key, scores, start.elapsed().as_secs_f64())?;
        }
    }

    let row = |(name, config): (String, Config)| {
        let results: Vec<Option<Scores>> = seeds(&config).filter_map(|config| log.find(&key(config))).collect();
        Row::new(name, &results)
    };
    let tables: Vec<(Study, Vec<Row>)> =
        studies.iter().map(|study| (*study, study.variants(base).into_iter().map(row).collect())).collect();
    show(&tables, args.json);
    Ok(())
}

/// Trains with one setting and judges the result; none if it diverges.
fn train(
    contest: &Contest<'_>,
    (scene, scale, config): (&Scene<'_>, &Scale, &Config),
    device: &Device,
    talk: Talk,
) -> Result<Option<Scores>, CliError> {
    let mut bar = Bar::new(scene.rows.fine, talk);
    let config = config.clone();
    let learner = Learner { contender: Contender::Trapan, config, scale, device, learnt: None };
    let fused = learner.image(scene, scale, &mut bar);
    drop(bar);
    match fused {
        Ok(fused) => Ok(Some(contest.full(&fused)?.0.into())),
        Err(error @ MethodError::Diverged { .. }) => {
            talk.say(format_args!("warning: {}", CliError::from(error)));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

impl Row {
    fn new(name: String, results: &[Option<Scores>]) -> Self {
        let scores: Vec<Scores> = results.iter().flatten().copied().collect();
        let spread = |value: fn(&Scores) -> f64| {
            let n = scores.len() as f64;
            let mean = scores.iter().map(value).sum::<f64>() / n;
            let squares: f64 = scores.iter().map(|s| (value(s) - mean).powi(2)).sum();
            (n > 0.0).then(|| Spread { mean, deviation: if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 } })
        };
        Self {
            name,
            d_lambda: spread(|s| s.d_lambda),
            d_s: spread(|s| s.d_s),
            hqnr: spread(|s| s.hqnr),
            consistency_ergas: spread(|s| s.consistency_ergas),
            runs: scores.len(),
            diverged: results.len() - scores.len(),
        }
    }
}

fn show(tables: &[(Study, Vec<Row>)], json: bool) {
    if json {
        let table = |(study, rows): &(Study, Vec<Row>)| serde_json::json!({ "study": study, "title": study.title(), "rows": rows });
        let tables: Vec<_> = tables.iter().map(table).collect();
        terminal::json(&serde_json::json!(tables));
        return;
    }
    for (study, rows) in tables {
        terminal::lines(format_args!("{}\n{}", study.title(), table::text(&table_of(*study, rows))));
        terminal::line("");
    }
}

/// Means and standard deviations, as the paper's tables have the means.
fn table_of(study: Study, rows: &[Row]) -> Table {
    let spread = |name: &str, better| [Column::new(name, "", better, 4), Column::new("±", "", Better::Neither, 4)];
    let mut columns: Vec<Column> = [("Dλ", Better::Lower), ("Ds", Better::Lower), ("HQNR", Better::Higher)]
        .into_iter()
        .chain([("R-ERGAS", Better::Lower)])
        .flat_map(|(name, better)| spread(name, better))
        .collect();
    columns.push(Column::new("runs", "", Better::Neither, 0));
    let row = |row: &Row| {
        let spreads = [row.d_lambda, row.d_s, row.hqnr, row.consistency_ergas];
        let mut values: Vec<Option<f64>> =
            spreads.into_iter().flat_map(|s| [s.map(|s| s.mean), s.map(|s| s.deviation)]).collect();
        values.push(Some(row.runs as f64));
        report::Row { name: row.name.clone(), values, own: false }
    };
    let rows_are = match study {
        Study::WarmUp | Study::Order | Study::Sampling => "strategy",
        Study::WarmUpEpochs | Study::DamWidth | Study::FullProbability => "value",
    };
    let title = study.title().to_owned();
    Table { title, note: String::new(), rows_are: rows_are.to_owned(), columns, rows: rows.iter().map(row).collect() }
}
