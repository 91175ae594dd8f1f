//! `trapan fuse`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use trapan::engine::Options;
use trapan::method::{self, Config, Fused, MethodError};
use trapan::raster::{self, Creation, Layout, Pair, RasterError, Scale};

use super::args::{DeviceArgs, MethodArgs};
use super::contender::Contender;
use super::geometry::GeometryArgs;
use super::progress;
use super::report::{Report, Times};
use super::{CliError, Talk, baseline, compare, profile};

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
    pub output: PathBuf,
    /// Replace existing output files
    #[arg(long)]
    pub overwrite: bool,
    /// How to fuse: trapan trains, the others do not
    #[arg(long = "method", default_value = "trapan", value_parser = Contender::parser(), value_name = "NAME")]
    contender: Contender,
    /// Then compare with all other methods, on stdout; trains once more, on the pair degraded
    #[arg(long)]
    compare: bool,
    /// Exit with code 9, still writing the image, if a closed-form method is better than training
    /// both in HQNR and in what degrading the image gives back
    #[arg(long)]
    quality_gate: bool,
    /// How the file is stored, by GDAL's names: COMPRESS=NONE|LZW|DEFLATE|ZSTD|PACKBITS,
    /// LEVEL, PREDICTOR, BLOCKSIZE, BIGTIFF, OVERVIEWS=AUTO|NONE, NUM_THREADS; repeatable
    #[arg(long = "co", value_name = "KEY=VALUE")]
    creation: Vec<String>,
    /// Write settings, checksums, losses and timings as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
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
    geometry: GeometryArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// Runs `fuse`.
pub fn run(args: &FuseArgs, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    let creation = Creation::parse(&args.creation).map_err(RasterError::from)?;
    let pair = Pair::open(&args.pan, &[&args.ms], &args.geometry.options())?;
    let config = args.method.config(pair.ms.bands)?;
    if args.dump_plan {
        dump_plan(&pair, &config);
        return Ok(());
    }
    creation.check(pair.ms.sample).map_err(RasterError::from)?;
    raster::check_output(&args.output, args.overwrite)?;
    if let Some(report) = &args.report {
        raster::check_output(report, args.overwrite)?;
    }
    if let Some(dir) = &args.trace {
        method::trace::check(dir)?;
    }
    let scale = Scale::of(&pair, args.method.bit_depth)?;
    describe(&pair, &scale, &config, talk);
    let read_time = start.elapsed();
    if let Contender::Classical(method) = args.contender {
        if args.compare || args.quality_gate {
            let wanted = "trapan with --compare and --quality-gate".to_owned();
            return Err(MethodError::Setting { name: "method", value: method.to_string(), wanted }.into());
        }
        return baseline::run(method, (&pair, &scale, &config), &creation, args, start, talk);
    }

    let device = args.device.open(talk)?;
    let options = Options { profile: args.profile, ..Options::default() };
    let fused = progress::fuse(&pair, &scale, &config, &device, options, talk)?;

    let writing = Instant::now();
    write_fused(&args.output, &pair, &scale, &fused.hrms, &creation, args.overwrite)?;
    let times = Times { read: read_time, write: writing.elapsed(), total: start.elapsed() };
    if let Some(dir) = &args.trace {
        method::trace::write(dir, method::dims(&pair), &config, &scale, &fused.outcome)?;
    }
    if let Some(path) = &args.report {
        Report { pair: &pair, scale: &scale, config: &config, fused: &fused, times: &times, output: &args.output }
            .write(path, args.overwrite)?;
    }
    summarise(&fused, &times, talk);
    if args.profile {
        profile::show(&fused, talk);
    }
    talk.say(format_args!("wrote {}", args.output.display()));
    if args.compare {
        compare::beside((&pair, &scale, &config), &fused.hrms, &device, talk)?;
    }
    if args.quality_gate {
        compare::gate((&pair, &scale, &config), &fused.hrms, talk)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the plan is the command's output")]
fn dump_plan(pair: &Pair, config: &Config) {
    print!("{}", method::build(method::dims(pair), config, pair.valid().is_some()).program);
}

pub fn describe(pair: &Pair, scale: &Scale, config: &Config, talk: Talk) {
    let [pan, ms] = [&pair.pan, &pair.ms].map(|r| format!("{}x{}x{} {}", r.width, r.height, r.bands, r.sample));
    let depth = match scale.bits {
        Some(bits) if scale.declared => format!("{bits} bit (declared)"),
        Some(bits) => format!("{bits} bit (from the data)"),
        None => format!("values {} to {}", scale.range[0], scale.range[1]),
    };
    talk.say(format_args!("pan {pan}, ms {ms}, ratio {}, {depth}, sensor {}", pair.ratio(), config.sensor));
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
    let loading = fused.loading;
    talk.detail(format_args!(
        "loaded in {:.0} ms: {} kernels{} in {:.0} ms; {:.0} MB of device memory",
        s(fused.load_time) * 1e3,
        loading.kernels,
        if loading.cached { " from the cache" } else { "" },
        s(loading.compiling) * 1e3,
        loading.bytes as f64 / 1e6
    ));
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
pub fn write_fused(
    path: &Path,
    pair: &Pair,
    scale: &Scale,
    hrms: &[f32],
    creation: &Creation,
    overwrite: bool,
) -> Result<(), CliError> {
    let layout = Layout { range: scale.range, nodata: pair.nodata(), ..Layout::fused(&pair.pan, &pair.ms) };
    Ok(raster::write(path, &layout, hrms, pair.valid().as_deref(), creation, overwrite)?)
}
