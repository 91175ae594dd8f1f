//! `trapan experiment`: the paper's ablations on a pair.

mod log;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use trapan::engine::{Device, Options};
use trapan::method::experiment::Study;
use trapan::method::{Config, Contest, MethodError};
use trapan::quality::Phase;
use trapan::raster::{Pair, Scale, sha256};

use super::args::{DeviceArgs, MethodArgs, named};
use super::geometry::GeometryArgs;
use super::table::{Best, Column, Table};
use super::{CliError, Talk, progress};
use log::{Key, Log, Scores};

/// Arguments of `experiment`.
#[derive(Args)]
pub struct ExperimentArgs {
    /// Panchromatic GeoTIFF, one band
    #[arg(long, value_name = "FILE")]
    pan: PathBuf,
    /// Multispectral GeoTIFF of the same area, 1 to 16 bands
    #[arg(long, value_name = "FILE")]
    ms: PathBuf,
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
    geometry: GeometryArgs,
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
pub fn run(args: &ExperimentArgs, talk: Talk) -> Result<(), CliError> {
    progress::watch_signals();
    let pair = Pair::open(&args.pan, &[&args.ms], &args.geometry.options())?;
    let base = args.method.config(pair.ms.bands)?;
    let scale = Scale::of(&pair, args.method.bit_depth)?;
    super::fuse::describe(&pair, &scale, &base, talk);
    let mut log = Log::open(&args.output)?;
    let files = [sha256(&pair.pan.path)?, sha256(&pair.ms.path)?];
    let key = |config: Config| Key {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pair: files.clone(),
        geometry: format!("{:?} {:?} {:?}", pair.rows, pair.columns, scale.bits),
        settings: config,
    };
    let seeds = |config: &Config| {
        let config = config.clone();
        (0..args.seeds).map(move |i| Config { seed: base.seed.wrapping_add(i), ..config.clone() })
    };

    let studies = args.studies.clone().unwrap_or_else(|| Study::ALL.to_vec());
    let mut missing: Vec<Key> = Vec::new();
    for (_, config) in studies.iter().flat_map(|study| study.variants(&base)) {
        config.check(pair.ms.bands)?;
        for key in seeds(&config).map(key) {
            if log.find(&key).is_none() && !missing.contains(&key) {
                missing.push(key);
            }
        }
    }
    if !missing.is_empty() {
        let device = args.device.open(talk)?;
        let contest = Contest::new(&pair, &scale, &base, Phase::default());
        for (i, key) in missing.iter().enumerate() {
            talk.say(format_args!("run {} of {}", i + 1, missing.len()));
            let start = Instant::now();
            let scores = train(&contest, (&pair, &scale, &key.settings), &device, talk)?;
            log.add(key, scores, start.elapsed().as_secs_f64())?;
        }
    }

    let row = |(name, config): (String, Config)| {
        let results: Vec<Option<Scores>> = seeds(&config).filter_map(|config| log.find(&key(config))).collect();
        Row::new(name, &results)
    };
    let tables: Vec<(Study, Vec<Row>)> =
        studies.iter().map(|study| (*study, study.variants(&base).into_iter().map(row).collect())).collect();
    show(&tables, args.json);
    Ok(())
}

/// Trains with one setting and judges the result; none if it diverges.
fn train(
    contest: &Contest<'_>,
    (pair, scale, config): (&Pair, &Scale, &Config),
    device: &Device,
    talk: Talk,
) -> Result<Option<Scores>, CliError> {
    match progress::fuse(pair, scale, config, device, Options::default(), talk) {
        Ok(fused) => Ok(Some(contest.full(&fused.hrms)?.into())),
        Err(CliError::Method(error @ MethodError::Diverged { .. })) => {
            talk.say(format_args!("warning: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
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

#[expect(clippy::print_stdout, reason = "the tables are the command's output")]
fn show(tables: &[(Study, Vec<Row>)], json: bool) {
    if json {
        let table = |(study, rows): &(Study, Vec<Row>)| serde_json::json!({ "study": study, "title": study.title(), "rows": rows });
        let tables: Vec<_> = tables.iter().map(table).collect();
        println!("{:#}", serde_json::json!(tables));
        return;
    }
    for (study, rows) in tables {
        let mean = |name, best, value: fn(&Row) -> Option<Spread>| {
            Column::new(name, 4, best, move |row: &Row| value(row).map(|s| s.mean))
        };
        let deviation = |value: fn(&Row) -> Option<Spread>| {
            Column::new("±", 4, Best::None, move |row: &Row| value(row).map(|s| s.deviation))
        };
        let columns = vec![
            mean("Dλ↓", Best::Low, |r| r.d_lambda),
            deviation(|r| r.d_lambda),
            mean("Ds↓", Best::Low, |r| r.d_s),
            deviation(|r| r.d_s),
            mean("HQNR↑", Best::High, |r| r.hqnr),
            deviation(|r| r.hqnr),
            mean("R-ERGAS↓", Best::Low, |r| r.consistency_ergas),
            deviation(|r| r.consistency_ergas),
            Column::new("runs", 0, Best::None, |row: &Row| Some(row.runs as f64)),
        ];
        println!("{}", study.title());
        println!("{}", Table { name: "", columns }.text(rows, |row| row.name.clone()));
    }
}
