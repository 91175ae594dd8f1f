//! `trapan compare`, `fuse --compare` and `fuse --quality-gate`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use trapan::classical::Method;
use trapan::engine::{Device, Options};
use trapan::method::{self, Config, Contest, FullResult};
use trapan::quality::{Phase, ReducedScores};
use trapan::raster::{Pair, Scale};

use super::args::{DeviceArgs, MethodArgs, named};
use super::contender::Contender;
use super::geometry::GeometryArgs;
use super::table::{Best, Column, Table};
use super::{CliError, Talk, progress};

/// Arguments of `compare`.
#[derive(Args)]
pub struct CompareArgs {
    /// Panchromatic GeoTIFF, one band
    #[arg(long, value_name = "FILE")]
    pan: PathBuf,
    /// Multispectral GeoTIFF of the same area, 1 to 16 bands
    #[arg(long, value_name = "FILE")]
    ms: PathBuf,
    /// Methods to compare [default: all; trapan trains twice]
    #[arg(long, value_delimiter = ',', value_parser = Contender::parser(), value_name = "NAME,…")]
    methods: Option<Vec<Contender>>,
    #[command(flatten)]
    phase: PhaseArgs,
    /// Print the comparison as JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    geometry: GeometryArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// How full resolution is judged.
#[derive(Args, Clone, Copy)]
pub struct PhaseArgs {
    /// Upsampled MS that full resolution is judged by: as the DLPan toolbox has it, half a PAN pixel
    /// off the true grid but comparable with published numbers, or exactly on it
    #[arg(long, default_value = "toolbox", value_parser = named::<Phase>(&["toolbox", "true"]))]
    phase: Phase,
}

/// What a method achieves. Values that cannot be had are absent.
#[derive(Serialize)]
struct Line {
    method: Contender,
    #[serde(flatten)]
    at_full: FullResult,
    reduced: Option<ReducedScores>,
    seconds: f64,
}

/// Runs `compare`.
pub fn run(args: &CompareArgs, talk: Talk) -> Result<(), CliError> {
    progress::watch_signals();
    let pair = Pair::open(&args.pan, &[&args.ms], &args.geometry.options())?;
    let config = args.method.config(pair.ms.bands)?;
    let scale = Scale::of(&pair, args.method.bit_depth)?;
    super::fuse::describe(&pair, &scale, &config, talk);
    let contenders = args.methods.clone().unwrap_or_else(|| Contender::all().collect());
    let device = match contenders.contains(&Contender::Trapan) {
        true => Some(args.device.open(talk)?),
        false => None,
    };
    let match_ = Match { pair: &pair, scale: &scale, config: &config, phase: args.phase.phase, talk };
    show(&match_.play(&contenders, device.as_ref(), None)?, args.json);
    Ok(())
}

/// Compares the image that was just fused with the classical methods, on stdout.
pub fn beside(
    (pair, scale, config): (&Pair, &Scale, &Config),
    hrms: &[f32],
    device: &Device,
    talk: Talk,
) -> Result<(), CliError> {
    let match_ = Match { pair, scale, config, phase: Phase::default(), talk };
    let contenders: Vec<Contender> = Contender::all().collect();
    show(&match_.play(&contenders, Some(device), Some(hrms))?, false);
    Ok(())
}

/// Closed-form methods a trained result must not fall behind.
const CLOSED_FORM: [Method; 5] = [Method::Brovey, Method::Gsa, Method::MtfGlpFs, Method::MtfGlpHpmR, Method::BdsdPc];

/// Fails if a closed-form method is better than the fused image both in HQNR and in consistency.
pub fn gate((pair, scale, config): (&Pair, &Scale, &Config), hrms: &[f32], talk: Talk) -> Result<(), CliError> {
    let contest = Contest::new(pair, scale, config, Phase::default());
    let trained = contest.full(hrms)?;
    let mut better: Option<(Method, FullResult)> = None;
    for method in CLOSED_FORM {
        let result = contest.full(&method::baseline(method, pair, config)?)?;
        if result.beats(&trained) && better.is_none_or(|(_, best)| result.full.hqnr > best.full.hqnr) {
            better = Some((method, result));
        }
    }
    let Some((method, result)) = better else {
        talk.say("quality gate: no closed-form method is better in both HQNR and consistency");
        return Ok(());
    };
    let [hqnr, consistency] = [[trained, result].map(|r| r.full.hqnr), [trained, result].map(|r| r.consistency.ergas)];
    Err(CliError::Gate { method, hqnr, consistency })
}

struct Match<'a> {
    pair: &'a Pair,
    scale: &'a Scale,
    config: &'a Config,
    phase: Phase,
    talk: Talk,
}

impl Match<'_> {
    /// Fuses by every method at both resolutions and judges the results. `trained`: TRA-PAN's image
    /// of the pair, if there is one already.
    fn play(
        &self,
        contenders: &[Contender],
        device: Option<&Device>,
        trained: Option<&[f32]>,
    ) -> Result<Vec<Line>, CliError> {
        let contest = Contest::new(self.pair, self.scale, self.config, self.phase);
        let mut lines = Vec::new();
        for contender in contenders {
            self.talk.detail(format_args!("{} …", contender.name()));
            let start = Instant::now();
            let at_full = match trained.filter(|_| *contender == Contender::Trapan) {
                Some(hrms) => contest.full(hrms)?,
                None => contest.full(&self.fuse(self.pair, *contender, device)?)?,
            };
            let seconds = start.elapsed().as_secs_f64();
            let trainable = *contender != Contender::Trapan || contest.is_trainable();
            let reduced = match trainable {
                true => Some(contest.against_truth(&self.fuse(&contest.reduced, *contender, device)?)?),
                false => None,
            };
            if reduced.is_none() {
                let [h, w] = [contest.reduced.ms.height, contest.reduced.ms.width];
                self.talk.say(format_args!("note: no training at reduced resolution: MS is only {w}x{h} there"));
            }
            lines.push(Line { method: *contender, at_full, reduced, seconds });
        }
        Ok(lines)
    }

    fn fuse(&self, pair: &Pair, contender: Contender, device: Option<&Device>) -> Result<Vec<f32>, CliError> {
        match (contender, device) {
            (Contender::Trapan, Some(device)) => {
                Ok(progress::fuse(pair, self.scale, self.config, device, Options::default(), self.talk)?.hrms)
            }
            (Contender::Classical(method), _) => Ok(method::baseline(method, pair, self.config)?),
            (Contender::Trapan, None) => unreachable!("a device is opened wherever TRA-PAN takes part"),
        }
    }
}

#[expect(clippy::print_stdout, reason = "the comparison is the command's output")]
fn show(lines: &[Line], json: bool) {
    if json {
        println!("{:#}", serde_json::to_value(lines).expect("results are plain values"));
        return;
    }
    let full = |name, best, value: fn(&FullResult) -> f64| -> Column<'_, Line> {
        Column::new(name, 4, best, move |line: &Line| Some(value(&line.at_full)))
    };
    let reduced = |name, digits, best, value: fn(&ReducedScores) -> f64| -> Column<'_, Line> {
        Column::new(name, digits, best, move |line: &Line| line.reduced.as_ref().map(value))
    };
    let table = Table {
        name: "method",
        columns: vec![
            full("HQNR", Best::High, |r| r.full.hqnr),
            full("Dλ", Best::Low, |r| r.full.d_lambda),
            full("Ds", Best::Low, |r| r.full.d_s),
            full("R-Q2n", Best::High, |r| r.consistency.q2n),
            full("R-SAM", Best::Low, |r| r.consistency.sam),
            full("R-ERGAS", Best::Low, |r| r.consistency.ergas),
            reduced("Q2n", 4, Best::High, |r| r.q2n),
            reduced("SAM", 3, Best::Low, |r| r.sam),
            reduced("ERGAS", 3, Best::Low, |r| r.ergas),
            reduced("SCC", 4, Best::High, |r| r.scc),
            reduced("PSNR", 2, Best::High, |r| r.psnr),
            reduced("SSIM", 4, Best::High, |r| r.ssim),
            Column::new("s", 2, Best::None, |line: &Line| Some(line.seconds)),
        ],
    };
    print!("{}", table.text(lines, |line| line.method.name().to_owned()));
    println!("\n* best of its column. HQNR, Dλ, Ds: full resolution, no reference. R-…: degraded again,");
    println!("against MS. The others: Wald's protocol, the pair degraded by its ratio, against MS.");
}
