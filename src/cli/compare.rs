//! `trapan compare`, `fuse --compare` and `fuse --quality-gate`.

use std::time::Instant;

use clap::Args;
use serde::Serialize;
use trapan::classical::Method;
use trapan::engine::{Device, Options};
use trapan::method::apply::{Application, Rows};
use trapan::method::{self, Config, Contest, Fitted, FullResult};
use trapan::quality::{Phase, ReducedScores};
use trapan::raster::{Pair, Scale, Scene};
use trapan::report::{Better, Column, Row, Table};

use super::args::{DeviceArgs, MethodArgs, named};
use super::contender::Contender;
use super::inputs::InputArgs;
use super::{CliError, Talk, progress, table};

/// Arguments of `compare`.
#[derive(Args)]
pub struct CompareArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Methods to compare [default: all; trapan trains twice]
    #[arg(long, value_delimiter = ',', value_parser = Contender::parser(), value_name = "NAME,…")]
    methods: Option<Vec<Contender>>,
    /// Upsampled MS that full resolution is judged by: as the DLPan toolbox has it, half a PAN pixel
    /// off the true grid but comparable with published numbers, or exactly on it
    #[arg(long, default_value = "toolbox", value_parser = named::<Phase>(&["toolbox", "true"]))]
    phase: Phase,
    /// Print the comparison as JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// What a method achieves; nothing at reduced resolution if the pair is too small to train there.
#[derive(Serialize)]
pub struct Line {
    method: Contender,
    #[serde(flatten)]
    at_full: FullResult,
    reduced: Option<ReducedScores>,
    seconds: f64,
}

/// Runs `compare`.
#[expect(clippy::print_stdout, reason = "the comparison is the command's output")]
pub fn run(args: &CompareArgs, talk: Talk) -> Result<(), CliError> {
    progress::watch_signals();
    let (scene, sensor) = args.input.open()?;
    let config = args.method.config_for(sensor, scene.ms().bands)?;
    let contenders = args.methods.clone().unwrap_or_else(|| Contender::all().collect());
    if contenders.contains(&Contender::Trapan) {
        config.check_grids(&scene.rows, &scene.columns)?;
    }
    let scene = args.input.check(scene)?;
    let pair = scene.pair()?;
    let scale = Scale::of(&pair, args.method.bit_depth)?;
    super::fuse::describe(&scene, &scale, &config, talk);
    let device = contenders.contains(&Contender::Trapan).then(|| args.device.open(talk)).transpose()?;
    let judge = Judge::new(pair, &scale, &config, args.phase, talk);
    let lines = judge.compare(&contenders, |pair| match &device {
        Some(device) => Ok(progress::fuse(pair, &scale, &config, device, Options::default(), talk)?.hrms),
        None => unreachable!("a device is opened wherever TRA-PAN takes part"),
    })?;
    if args.json {
        println!("{:#}", serde_json::to_value(&lines).expect("results are plain values"));
    } else {
        print(&table(&lines));
    }
    Ok(())
}

/// Closed-form methods that a trained result must not fall behind.
const CLOSED_FORM: [Method; 5] = [Method::Brovey, Method::Gsa, Method::MtfGlpFs, Method::MtfGlpHpmR, Method::BdsdPc];

/// Networks trained on the pair.
pub struct Trained<'a> {
    pub fitted: &'a Fitted,
    pub device: &'a Device,
}

impl Trained<'_> {
    /// The fused image in memory.
    fn hrms(&self, pair: &Pair, talk: Talk) -> Result<Vec<f32>, CliError> {
        let scene = Scene::of(pair);
        let part = [0..scene.rows.fine, 0..scene.columns.fine];
        let Self { fitted, device } = *self;
        let (options, memory) = (Options::default(), u64::MAX);
        let job = Application { scene: &scene, fitted, device, options, part, memory, lms: false };
        let mut hrms = Vec::new();
        let mut collect = |rows: Rows| {
            hrms.extend(rows.hrms);
            Ok(())
        };
        progress::apply(&job, &mut collect, talk)?;
        Ok(hrms)
    }
}

/// A pair in memory and how to judge what is made of it.
pub struct Judge<'a> {
    pair: Pair,
    scale: &'a Scale,
    config: &'a Config,
    phase: Phase,
    talk: Talk,
}

impl<'a> Judge<'a> {
    pub fn new(pair: Pair, scale: &'a Scale, config: &'a Config, phase: Phase, talk: Talk) -> Self {
        Self { pair, scale, config, phase, talk }
    }

    fn contest(&self) -> Contest<'_> {
        Contest::new(&self.pair, self.scale, self.config, self.phase)
    }

    /// Compares what was trained with the classical methods; trains on the reduced pair.
    pub fn beside(&self, trained: &Trained<'_>) -> Result<Vec<Line>, CliError> {
        let contenders: Vec<Contender> = Contender::all().collect();
        self.compare(&contenders, |pair| match std::ptr::eq(pair, &self.pair) {
            true => trained.hrms(pair, self.talk),
            false => {
                let options = Options::default();
                Ok(progress::fuse(pair, self.scale, self.config, trained.device, options, self.talk)?.hrms)
            }
        })
    }

    /// Fuses by every method at both resolutions and judges the results; `trapan` fuses by training.
    fn compare(
        &self,
        contenders: &[Contender],
        trapan: impl Fn(&Pair) -> Result<Vec<f32>, CliError>,
    ) -> Result<Vec<Line>, CliError> {
        let contest = self.contest();
        let fuse = |pair: &Pair, contender: Contender| match contender {
            Contender::Trapan => trapan(pair),
            Contender::Classical(method) => Ok(method::baseline(method, pair, self.config)?),
        };
        let mut lines = Vec::new();
        for contender in contenders.iter().copied() {
            self.talk.detail(format_args!("{} …", contender.name()));
            let start = Instant::now();
            let fused = fuse(&self.pair, contender)?;
            let seconds = start.elapsed().as_secs_f64();
            let at_full = contest.full(&fused)?;
            let reduced = if contender != Contender::Trapan || contest.is_trainable() {
                Some(contest.against_truth(&fuse(&contest.reduced, contender)?)?)
            } else {
                let [w, h] = contest.reduced.ms.size();
                self.talk.say(format_args!("note: no training at reduced resolution, where MS is only {w}x{h}"));
                None
            };
            lines.push(Line { method: contender, at_full, reduced, seconds });
        }
        Ok(lines)
    }

    /// Fails if a closed-form method is better than what was trained, both in HQNR and in consistency.
    pub fn gate(&self, trained: &Trained<'_>) -> Result<(), CliError> {
        let contest = self.contest();
        let own = contest.full(&trained.hrms(&self.pair, self.talk)?)?;
        let mut better: Option<(Method, FullResult)> = None;
        for method in CLOSED_FORM {
            let result = contest.full(&method::baseline(method, &self.pair, self.config)?)?;
            if result.beats(&own) && better.is_none_or(|(_, best)| result.full.hqnr > best.full.hqnr) {
                better = Some((method, result));
            }
        }
        let Some((method, result)) = better else {
            self.talk.say("quality gate passed: no closed-form method is better both in HQNR and in consistency");
            return Ok(());
        };
        let both = |value: fn(&FullResult) -> f64| [value(&own), value(&result)];
        Err(CliError::Gate { method, hqnr: both(|r| r.full.hqnr), consistency: both(|r| r.consistency.ergas) })
    }
}

/// Prints a comparison.
#[expect(clippy::print_stdout, reason = "the comparison is the command's output")]
pub fn print(table: &Table) {
    print!("{}", table::text(table));
    println!("\n{}", table.note);
}

/// The comparison as a table, for a terminal and for the report.
pub fn table(lines: &[Line]) -> Table {
    use Better::{Higher, Lower, Neither};
    let columns = [
        ("HQNR", "", Higher, 4),
        ("Dλ", "", Lower, 4),
        ("Ds", "", Lower, 4),
        ("R-Q2n", "", Higher, 4),
        ("R-SAM", "°", Lower, 3),
        ("R-ERGAS", "", Lower, 3),
        ("Q2n", "", Higher, 4),
        ("SAM", "°", Lower, 3),
        ("ERGAS", "", Lower, 3),
        ("SCC", "", Higher, 4),
        ("PSNR", "dB", Higher, 2),
        ("SSIM", "", Higher, 4),
        ("time", "s", Neither, 2),
    ];
    let row = |line: &Line| {
        let FullResult { full, consistency } = line.at_full;
        let reduced = |value: fn(&ReducedScores) -> f64| line.reduced.as_ref().map(value);
        let at_full = [full.hqnr, full.d_lambda, full.d_s, consistency.q2n, consistency.sam, consistency.ergas];
        let mut values = at_full.map(Some).to_vec();
        values.extend([reduced(|r| r.q2n), reduced(|r| r.sam), reduced(|r| r.ergas)]);
        values.extend([reduced(|r| r.scc), reduced(|r| r.psnr), reduced(|r| r.ssim), Some(line.seconds)]);
        Row { name: line.method.name().to_owned(), values, own: line.method == Contender::Trapan }
    };
    Table {
        title: "Comparison of methods".to_owned(),
        note: "HQNR, Dλ, Ds: full resolution, no reference. R-…: the result degraded again, against MS. The others: \
               Wald's protocol, the pair degraded by its ratio and fused, against MS."
            .to_owned(),
        rows_are: "method".to_owned(),
        columns: columns.map(|(name, unit, better, decimals)| Column::new(name, unit, better, decimals)).into(),
        rows: lines.iter().map(row).collect(),
    }
}
