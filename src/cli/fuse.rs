//! `trapan fuse`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use trapan::compare::Contest;
use trapan::engine::Options;
use trapan::method::apply::{Application, Applied};
use trapan::method::{self, Checkpoints, Config, Learned, MethodError, Model};
use trapan::quality::Phase;
use trapan::report::Report;
use trapan::scene::{Scale, Scene, Survey};
use trapan::tiff::{self, Format, Output};

use super::args::{DeviceArgs, MethodArgs, OutputArgs};
use super::contender::Contender;
use super::inputs::{InputArgs, Matched};
use super::judge::{Judge, Trained, gate};
use super::output::write_scene;
use super::report::{Finished, ReportArgs, Times};
use super::{CliError, Talk, baseline, compare, profile, progress, terminal};

/// A checkpoint is written this often: so much work is lost at most.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Arguments of `fuse`.
#[derive(Args)]
pub struct FuseArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// How to fuse: trapan trains; the others do not, and tv alone holds the whole scene in memory
    ///
    /// tv minimises |MD x - MS|² + |Σ w x - PAN|² + λ TV(x) from upsampled MS on. It ends once an
    /// iteration changes the image by less than 1e-4 of it (root mean square), after 100 at most. λ is
    /// 0.001 of the standard deviation of PAN. The shares w of the bands in PAN are the published ones
    /// for wv2, wv3, wv4, ge1 and ikonos, fitted to the pair for the others; their scale always is.
    #[arg(long = "method", default_value = "trapan", value_parser = Contender::parser(), value_name = "NAME")]
    contender: Contender,
    /// Compare with all other methods, on stdout and in the report; trains once more, on the pair
    /// degraded by its ratio, and holds the whole scene in memory
    #[arg(long)]
    compare: bool,
    /// Exit with code 9, still writing everything, if a closed-form method is better by Wald's protocol, both in
    /// ERGAS and in Q2n; trains once more, on the degraded pair. Where that is too small to train on: both in
    /// HQNR and in what degrading the image gives back
    #[arg(long)]
    quality_gate: bool,
    /// Keep a checkpoint beside the output, and go on from it if there is one: a run that was killed
    /// ends with the same bytes
    #[arg(long)]
    resume: bool,
    /// Write the trained networks, for `trapan infer`
    #[arg(long, value_name = "FILE.safetensors")]
    save_model: Option<PathBuf>,
    /// Write what it takes to replay the training elsewhere
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// Print the static plans and stop
    #[arg(long)]
    pub dump_plan: bool,
    /// Take the time of every kernel and print it at the end; with -v, of every call
    #[arg(long)]
    profile: bool,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    pub reports: ReportArgs,
    #[command(flatten)]
    method: MethodArgs,
}

impl FuseArgs {
    /// Every file that may be written.
    fn outputs(&self) -> Vec<Output> {
        let model = self.save_model.iter().map(|path| Output::new(path, Format::Safetensors));
        let checkpoint = self.resume.then(|| Output::new(self.output.checkpoint(), Format::Safetensors));
        let trace = self.trace.iter().flat_map(|dir| method::trace::outputs(dir));
        self.output.outputs().chain(self.reports.outputs()).chain(model).chain(checkpoint).chain(trace).collect()
    }
}

/// Runs `fuse`.
pub fn run(args: &FuseArgs, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    let creation = args.output.creation()?;
    let Matched { mut scene, sensor, paths } = args.input.open(talk)?;
    scene.limit_memory(args.output.memory());
    let config = args.method.config_for(sensor, scene.ms().bands)?;
    let config = match args.contender {
        Contender::Classical(method) => args.method.closed_form(config, method),
        Contender::Faithful => args.method.faithful(&config),
        Contender::Trapan => config,
    };
    if config.trains() {
        config.check_grids(&scene.rows, &scene.columns)?;
    }
    tiff::check_outputs(&paths, &args.outputs())?;
    args.output.check(&creation, scene.ms())?;
    args.reports.check(scene.ms().bands, args.output.overwrite)?;
    if args.compare || args.quality_gate {
        Contest::check(scene.rows, scene.columns, Phase::of_ratio(scene.ratio()))?;
    }
    if let Some(path) = &args.save_model {
        tiff::check_output(path, args.output.overwrite)?;
    }
    if let Some(dir) = &args.trace {
        method::trace::check(dir, args.output.overwrite)?;
    }
    let mut scene = args.input.check(scene, &config, talk)?;
    let config = args.method.estimated(config, &scene, talk)?;
    // Matched anew where it was registered.
    scene.limit_memory(args.output.memory());
    let survey = Survey::of(&scene)?;
    scene.warnings.extend(survey.warnings.iter().cloned());
    let scale = args.method.scale(&scene, &survey)?;
    if args.dump_plan {
        let program = method::program(&scene, &survey, &scale, &config)?;
        terminal::lines(program);
        return Ok(());
    }
    describe(&scene, &scale, &config, talk);
    let read_time = start.elapsed();
    if !config.trains() {
        let trains = [args.compare, args.quality_gate, args.resume, args.profile];
        if trains.contains(&true) || args.save_model.is_some() || args.trace.is_some() {
            let wanted =
                "trapan, with training, for --compare, --quality-gate, --resume, --profile, --save-model and --trace"
                    .to_owned();
            let (name, value) = match args.contender {
                Contender::Classical(method) => ("method", method.to_string()),
                _ => ("effort", "fast".to_owned()),
            };
            return Err(MethodError::Setting { name, value, wanted }.into());
        }
        let name = args.contender.name();
        return baseline::run(name, (&scene, &survey), (&scale, &config), &creation, args, start, talk);
    }

    let device = args.device.open(talk)?;
    let options = Options { profile: args.profile, ..Options::default() };
    let mut checkpoints = args.resume.then(|| Checkpoints::new(&args.output.checkpoint(), CHECKPOINT_EVERY));
    let learned = progress::learn(&scene, &survey, &scale, &config, &device, options, checkpoints.as_mut(), talk)?;
    say_units(&learned.model, talk);
    if let Some(path) = &args.save_model {
        learned.model.save(path, args.output.overwrite)?;
    }
    let part = [0..scene.rows.fine, 0..scene.columns.fine];
    let memory = args.output.memory();
    let lms = args.reports.wanted();
    let job = Application { scene: &scene, model: &learned.model, device: &device, options, part, memory, lms };
    let (applied, collected) = write_scene(&job, &args.output, &creation, talk)?;
    if let Some(checkpoints) = &checkpoints {
        checkpoints.remove()?;
    }
    scene.warnings.extend(learned.notes.iter().chain(&applied.notes).cloned());
    for note in learned.notes.iter().chain(&applied.notes) {
        talk.say(format_args!("warning: {note}"));
    }
    let times = Times { read: read_time, total: start.elapsed() };
    if let Some(dir) = &args.trace {
        method::trace::write(dir, (&scene, &survey), &learned, &config, &scale, args.output.overwrite)?;
    }
    let run = Finished::trained((&scene, &learned.model.scale, &learned.model.config), &learned, &applied, &times);
    let mut report = args.reports.gather(run, collected.as_ref(), &args.output, talk)?;
    summarise(&learned, &applied, &times, talk);
    if args.profile {
        profile::show(&learned, &applied, talk);
    }
    talk.say(format_args!("wrote {}", args.output.output.display()));
    let seconds = (learned.load_time + learned.outcome.dam_time + learned.outcome.fusion_time).as_secs_f64();
    let trained = Trained { model: &learned.model, device: &device, seconds };
    let verdict = judge(args, (&scene, &scale, &config), &trained, report.as_mut(), talk);
    if let Some(report) = &mut report {
        report.warnings.extend(verdict.as_ref().err().map(ToString::to_string));
        args.reports.write(report, args.output.overwrite, talk)?;
    }
    verdict
}

/// Compares the trained result with other methods, as far as that is asked for.
fn judge(
    args: &FuseArgs,
    (scene, scale, config): (&Scene<'_>, &Scale, &Config),
    trained: &Trained<'_>,
    report: Option<&mut Report>,
    talk: Talk,
) -> Result<(), CliError> {
    if !args.compare && !args.quality_gate {
        return Ok(());
    }
    let phase = Phase::of_ratio(scene.ratio());
    let faithful = args.method.faithful(config);
    let judge = Judge::new(scene.pair()?, scale, [config, &faithful], phase, talk);
    let lines = if args.compare { judge.all(trained)? } else { judge.for_gate(trained)? };
    if args.compare {
        let table = compare::table(&lines, phase);
        compare::print(&table);
        if let Some(report) = report {
            report.tables.push(table);
            report.maps = compare::maps(&lines);
        }
    }
    if args.quality_gate { gate(&lines, talk) } else { Ok(()) }
}

/// Says so where PAN had to be brought to the unit of MS.
pub fn say_units(model: &Model, talk: Talk) {
    if let Some(note) = model.scale.unit_note() {
        talk.say(format_args!("warning: {note}"));
    }
}

pub fn describe(scene: &Scene<'_>, scale: &Scale, config: &Config, talk: Talk) {
    let [pan, ms] = [scene.pan(), scene.ms()].map(|r| format!("{}x{}x{} {}", r.width, r.height, r.bands, r.sample));
    talk.say(format_args!("pan {pan}, ms {ms}, ratio {}, {scale}, sensor {}", scene.ratio(), config.sensor));
    for warning in &scene.warnings {
        talk.say(format_args!("warning: {warning}"));
    }
    talk.detail(format_args!("settings: {}", serde_json::to_string(config).expect("settings are plain values")));
}

fn summarise(learned: &Learned, applied: &Applied, times: &Times, talk: Talk) {
    let outcome = &learned.outcome;
    let full = outcome.best_full.map_or("no full step".into(), |loss| format!("full loss {loss:.6}"));
    talk.say(format_args!(
        "trained on {}: degradation loss {:.6} (epoch {}), {full} (weights of epoch {})",
        learned.device, outcome.dam_loss, outcome.dam_epoch, outcome.epoch
    ));
    if learned.model.start.is_some() {
        talk.say(learned.model.summary());
    }
    let s = |d: Duration| d.as_secs_f64();
    let loading = learned.loading;
    talk.detail(format_args!(
        "loaded in {:.0} ms: {} kernels{} in {:.0} ms; {:.0} MB of device memory",
        s(learned.load_time) * 1e3,
        loading.kernels,
        if loading.cached { " from the cache" } else { "" },
        s(loading.compiling) * 1e3,
        loading.bytes as f64 / 1e6
    ));
    let windows = learned.windows.len();
    let of = if windows > 1 { format!("{windows} windows of ") } else { String::new() };
    let [h, w] = [learned.dims.rows.fine, learned.dims.columns.fine];
    talk.detail(format_args!(
        "learnt from {of}{w}x{h} pixels of PAN; tiles of {1}x{0}",
        applied.tile[0], applied.tile[1]
    ));
    talk.say(format_args!(
        "{:.1} s: read {:.2}, load {:.2}, degradation {:.1}, alternation {:.1}, inference with files {:.2}",
        s(times.total),
        s(times.read),
        s(learned.load_time),
        s(outcome.dam_time),
        s(outcome.fusion_time),
        s(applied.time)
    ));
}
