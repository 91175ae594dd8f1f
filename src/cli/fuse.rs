//! `trapan fuse`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use trapan::engine::Options;
use trapan::method::{self, Config, Fused};
use trapan::raster::{self, Output, Pair, Scale};

use super::args::{DeviceArgs, MethodArgs};
use super::progress;
use super::report::{ReportArgs, Times};
use super::{CliError, Talk, profile};

/// Arguments of `fuse`.
#[derive(Args)]
pub struct FuseArgs {
    /// Panchromatic GeoTIFF, one band
    #[arg(long, value_name = "FILE")]
    pan: PathBuf,
    /// Multispectral GeoTIFF of the same area, 1 to 16 bands
    #[arg(long, value_name = "FILE")]
    ms: PathBuf,
    /// Fused GeoTIFF to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace existing output files
    #[arg(long)]
    overwrite: bool,
    /// Write what it takes to replay the training elsewhere
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// Print the static plans and stop
    #[arg(long)]
    dump_plan: bool,
    /// Take the time of every kernel and print it at the end; with -v, of every call
    #[arg(long)]
    profile: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    reports: ReportArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// Runs `fuse`.
pub fn run(args: &FuseArgs, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    let pair = Pair::open(&args.pan, &args.ms)?;
    let config = args.method.config(pair.ms.bands)?;
    if args.dump_plan {
        dump_plan(&pair, &config);
        return Ok(());
    }
    raster::check_output(&args.output, args.overwrite)?;
    args.reports.check(&pair, args.overwrite)?;
    if let Some(dir) = &args.trace {
        method::trace::check(dir)?;
    }
    let scale = Scale::of(&pair, args.method.bit_depth)?;
    describe(&pair, &scale, &config, talk);
    let read_time = start.elapsed();

    let device = args.device.open(talk)?;
    let options = Options { profile: args.profile, ..Options::default() };
    let fused = progress::fuse(&pair, &scale, &config, &device, options, talk)?;

    let writing = Instant::now();
    write_fused(&args.output, &pair, &scale, &fused.hrms, args.overwrite)?;
    let times = Times { read: read_time, write: writing.elapsed(), total: start.elapsed() };
    if let Some(dir) = &args.trace {
        method::trace::write(dir, method::dims(&pair), &config, &scale, &fused.outcome)?;
    }
    if let Some(report) =
        args.reports.gather((&pair, &scale, &config), &fused, &times, &args.output, args.overwrite, talk)?
    {
        args.reports.write(&report, args.overwrite, talk)?;
    }
    summarise(&fused, &times, talk);
    if args.profile {
        profile::show(&fused, talk);
    }
    talk.say(format_args!("wrote {}", args.output.display()));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the plan is the command's output")]
fn dump_plan(pair: &Pair, config: &Config) {
    print!("{}", method::build(method::dims(pair), config).program);
}

fn describe(pair: &Pair, scale: &Scale, config: &Config, talk: Talk) {
    let [pan, ms] = [&pair.pan, &pair.ms].map(|r| format!("{}x{}x{} {}", r.width, r.height, r.bands, r.sample));
    let depth = match scale.bits {
        Some(bits) if scale.declared => format!("{bits} bit (declared)"),
        Some(bits) => format!("{bits} bit (from the data)"),
        None => format!("values {} to {}", scale.range[0], scale.range[1]),
    };
    talk.say(format_args!("pan {pan}, ms {ms}, ratio {}, {depth}, sensor {}", pair.ratio, config.sensor));
    for warning in &pair.warnings {
        talk.say(format_args!("warning: {warning}"));
    }
    talk.detail(format_args!("settings: {}", serde_json::to_string(config).expect("settings are plain values")));
}

fn summarise(fused: &Fused, times: &Times, talk: Talk) {
    let outcome = &fused.outcome;
    let full = outcome.best_full.map_or("no full step".into(), |loss| format!("full loss {loss:.6}"));
    talk.say(format_args!(
        "trained on {}: degradation loss {:.6} (epoch {}), {full} (weights of epoch {})",
        fused.device, outcome.dam_loss, outcome.dam_epoch, outcome.epoch
    ));
    let s = |d: std::time::Duration| d.as_secs_f64();
    talk.say(format_args!(
        "{:.1} s: load {:.2}, degradation {:.1}, alternation {:.1}, inference {:.2}, files {:.2}",
        s(times.total),
        s(fused.load_time),
        s(outcome.dam_time),
        s(outcome.fusion_time),
        s(fused.infer_time),
        s(times.read + times.write)
    ));
}

/// Writes the fused image in the MS's data type on the PAN's grid.
pub fn write_fused(path: &Path, pair: &Pair, scale: &Scale, hrms: &[f32], overwrite: bool) -> Result<(), CliError> {
    let output = Output {
        width: pair.pan.width,
        height: pair.pan.height,
        bands: pair.ms.bands,
        sample: pair.ms.sample,
        data: hrms,
        range: scale.range,
        valid: pair.valid.as_deref(),
        nodata: pair.nodata(),
        geo: &pair.pan.geo,
        descriptions: &pair.ms.descriptions,
    };
    Ok(raster::write(path, &output, overwrite)?)
}
