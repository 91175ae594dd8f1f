//! `trapan fuse`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use trapan::compare::Contest;
use trapan::engine::{Device, Options};
use trapan::method::{self, Checkpoints, Config, Contender, Job, MethodError, Preparation, Prior, Request, Run};
use trapan::quality::Convention;
use trapan::report::{Collector, Report};
use trapan::scene::Scene;
use trapan::tiff::{self, Format, Output};

use super::args::{DeviceArgs, OutputArgs};
use super::inputs::{Files, InputArgs};
use super::judge::{Judge, contender, gate};
use super::output::OutputFile;
use super::progress::{self, Bar, Show};
use super::report::{ReportArgs, RunSummary, seconds};
use super::settings::MethodArgs;
use super::stac::item::ItemArgs;
use super::summary::{describe, summarise};
use super::{CliError, Talk, compare, profile, terminal};

/// A checkpoint is written this often: so much work is lost at most.
pub(super) const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Arguments of `fuse`.
#[derive(Args)]
pub(super) struct FuseArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// How to fuse: trapan trains; the others do not, and tv alone holds the whole scene in memory
    ///
    /// tv minimises |MD x - MS|² + |Σ w x - PAN|² + λ TV(x) from upsampled MS on. It ends once an
    /// iteration changes the image by less than 1e-4 of it (root mean square), after 100 at most. λ is
    /// 0.001 of the standard deviation of PAN. The shares w of the bands in PAN are the published ones
    /// for wv2, wv3, wv4, ge1 and ikonos, fitted to the pair for the others; their scale always is.
    #[arg(long = "method", default_value = "trapan", value_parser = contender(), value_name = "NAME")]
    contender: Contender,
    /// Compare with all other methods, on stdout and in the report; trains once more, on the pair
    /// degraded by its ratio, and holds the whole scene in memory, for tv
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
    pub resume: bool,
    /// Whether it is a task of a manifest, which resumes a training if there is one.
    #[arg(skip)]
    pub is_task: bool,
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
    item: ItemArgs,
    #[command(flatten)]
    pub reports: ReportArgs,
    #[command(flatten)]
    method: MethodArgs,
}

impl FuseArgs {
    /// Refuses what is of a training where there is none.
    fn check_untrained(&self) -> Result<(), CliError> {
        let resume = self.resume && !self.is_task;
        let trains = [self.compare, self.quality_gate, resume, self.profile, self.method.gives("init")];
        if !trains.contains(&true) && self.save_model.is_none() && self.trace.is_none() {
            return Ok(());
        }
        let wanted =
            "trapan, with training, for --compare, --quality-gate, --resume, --profile, --init, --save-model and --trace"
                .to_owned();
        let (name, value) = match self.contender {
            Contender::Classical(method) => ("method", method.to_string()),
            _ => ("effort", "fast".to_owned()),
        };
        Err(MethodError::Setting { name, value, wanted }.into())
    }

    /// Every file that may be written.
    fn outputs(&self) -> Vec<Output> {
        let model = self.save_model.iter().map(|path| Output::new(path, Format::Safetensors));
        let checkpoint = self.resume.then(|| Output::new(self.output.checkpoint(), Format::Safetensors));
        let trace = self.trace.iter().flat_map(|dir| method::trace::outputs(dir));
        let item = self.item.output(&self.output.output);
        self.output
            .outputs()
            .chain(item)
            .chain(self.reports.outputs())
            .chain(model)
            .chain(checkpoint)
            .chain(trace)
            .collect()
    }
}

/// Runs `fuse`.
pub(super) fn run(args: &FuseArgs, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    let files = args.input.open(Some(args.output.memory()), talk)?;
    let request = args.request();
    let (config, prior) = args.checked(&files, &request)?;
    let mut ready = args.input.prepare(&files, &request, config, talk)?;
    if args.dump_plan {
        let program = method::program(&ready.scene, &ready.survey, &ready.scale, &ready.config)?;
        terminal::lines(program);
        return Ok(());
    }
    describe(&ready, talk);
    if let Some(prior) = prior {
        talk.detail(format_args!("starts from a network that has learnt from {} pairs", prior.past.pairs));
    }
    let read = start.elapsed();
    if !ready.config.trains() {
        args.check_untrained()?;
    }
    let device = if ready.config.trains() { args.device.open(talk)? } else { Device::cpu(args.device.threads) };
    let fusing = Instant::now();
    let (run, collected) = args.fuse(&ready, &device, talk)?;
    let ended = [read, fusing.elapsed(), start.elapsed()];
    ready.scene.warnings.extend(run.notes.iter().cloned());
    run.notes.iter().for_each(|note| talk.warn(note));
    args.tell(&ready, &files, (&run, &device), collected.as_ref(), ended, talk)
}

/// The settings, and what the training starts from.
pub(super) fn settled(
    scene: &Scene<'_>,
    files: &Files,
    request: &Request,
) -> Result<(Config, Option<Prior>), CliError> {
    let config = request.config(files.sensor, scene.ms().bands)?;
    if !config.trains() {
        return Ok((config, None));
    }
    config.check_grids(&scene.rows, &scene.columns)?;
    let prior = Prior::asked_for(&config, scene.ms().bands, scene.ratio())?;
    Ok((config, prior))
}

/// Every file that is read.
pub(super) fn inputs(files: &Files, config: &Config) -> Vec<PathBuf> {
    files.paths.iter().cloned().chain(config.init.file().map(Into::into)).collect()
}

impl FuseArgs {
    /// What is asked of the method.
    pub(super) fn request(&self) -> Request {
        self.method.request(self.contender)
    }

    /// The settings, and what the training starts from, once all is checked that can be without reading a pixel.
    fn checked(&self, files: &Files, request: &Request) -> Result<(Config, Option<Prior>), CliError> {
        let scene = self.input.scene(files)?;
        let (overwrite, bands) = (self.output.overwrite, scene.ms().bands);
        let (config, prior) = settled(&scene, files, request)?;
        tiff::check_outputs(&inputs(files, &config), &self.outputs())?;
        self.output.check(&self.output.creation()?, scene.ms())?;
        self.reports.check(bands, overwrite)?;
        self.item.check(files, &self.output.output, overwrite)?;
        if self.compare || self.quality_gate {
            Contest::check(scene.rows, scene.columns, Convention::of_ratio(scene.ratio()))?;
        }
        if let Some(path) = &self.save_model {
            tiff::check_output(path, overwrite)?;
        }
        if let Some(dir) = &self.trace {
            method::trace::check(dir, overwrite)?;
        }
        Ok((config, prior))
    }

    /// Trains, fuses and writes the image, the model and the trace; what pictures need, if they are wanted.
    fn fuse(&self, ready: &Preparation<'_>, device: &Device, talk: Talk) -> Result<(Run, Option<Collector>), CliError> {
        let Preparation { scene, survey, scale, config, .. } = ready;
        let creation = self.output.creation()?;
        let mut checkpoints = self.resume.then(|| Checkpoints::new(&self.output.checkpoint(), CHECKPOINT_EVERY));
        let part = [0..scene.rows.fine, 0..scene.columns.fine];
        let mut file = OutputFile::new(scene, part, scale.range, self.reports.wanted(), &self.output, &creation)?;
        let mut show = Show {
            bar: Bar::new(scene.rows.fine, talk),
            talk,
            summary: !config.trains(),
            save: self.save_model.as_deref().map(|path| (path, self.output.overwrite)),
        };
        let job = Job {
            options: Options { profile: self.profile, ..Options::default() },
            checkpoints: checkpoints.as_mut(),
            memory: self.output.memory(),
            lms: self.reports.wanted(),
            ..ready.job(device)
        };
        let run = method::run(job, &mut |rows| file.take(&rows), &mut show)?;
        drop(show);
        progress::interrupted()?;
        let collected = file.finish()?;
        // A task keeps it until its record is written.
        if let Some(checkpoints) = checkpoints.as_ref().filter(|_| !self.is_task) {
            checkpoints.remove()?;
        }
        if let Some(dir) = &self.trace {
            method::trace::write(dir, (scene, survey), &run, config, scale, self.output.overwrite)?;
        }
        Ok((run, collected))
    }

    /// Says what came of it, on the terminal and in reports, and judges it as far as that is asked for. Times are those of
    /// reading, of fusing with files, and of all.
    fn tell(
        &self,
        ready: &Preparation<'_>,
        files: &Files,
        (run, device): (&Run, &Device),
        collected: Option<&Collector>,
        [read, fusing, total]: [Duration; 3],
        talk: Talk,
    ) -> Result<(), CliError> {
        let (name, trained) = (self.contender.name(), run.model.as_ref().filter(|_| run.log.is_some()));
        let scale = trained.map_or(&ready.scale, |model| &model.scale);
        let seconds = match &run.log {
            Some(_) => seconds(run, read, total),
            None => vec![("read", read), ("fuse", fusing), ("total", total)],
        };
        let ended = RunSummary { scene: &ready.scene, scale, method: name, run, seconds };
        let mut report = self.reports.gather(ended, collected, &self.output, talk)?;
        match &run.log {
            Some(log) => summarise(run, log, [read, total], talk),
            None => talk.say(format_args!("{name}: {:.2} s with files", fusing.as_secs_f64())),
        }
        if self.profile {
            profile::show(run, talk);
        }
        talk.say(format_args!("wrote {}", self.output.output.display()));
        let item = self.item.write(files, &self.output.output, name, self.output.overwrite)?;
        item.iter().for_each(|path| talk.say(format_args!("wrote {}", path.display())));
        let verdict = judge(self, ready, (run, device), report.as_mut(), talk);
        if let Some(report) = &mut report {
            report.warnings.extend(verdict.as_ref().err().map(ToString::to_string));
            self.reports.write(report, self.output.overwrite, talk)?;
        }
        verdict
    }
}

/// Compares the trained result with other methods, as far as that is asked for.
fn judge(
    args: &FuseArgs,
    ready: &Preparation<'_>,
    (run, device): (&Run, &Device),
    report: Option<&mut Report>,
    talk: Talk,
) -> Result<(), CliError> {
    if !args.compare && !args.quality_gate {
        return Ok(());
    }
    let Preparation { scene, scale, config, .. } = ready;
    let phase = Convention::of_ratio(scene.ratio());
    let scene = scene.filled()?.stored()?;
    let judge = Judge { scene: &scene, scale, config, phase, device, run: Some(run), talk };
    let lines = if args.compare { judge.compare(judge.contenders())? } else { judge.compare(Judge::for_gate())? };
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
