//! `trapan train`: a fusion network from many pairs.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use trapan::engine::Options;
use trapan::method::prior::{Corpus, Course, Lap, Purpose, study};
use trapan::method::{Contender, Prior};
use trapan::scene::{Image, Scale, Scene, Survey};
use trapan::tiff::{Format, Output, Source, check_output, check_outputs};

use super::args::DeviceArgs;
use super::geometry::GeometryArgs;
use super::pairs::{PairEntry, entries};
use super::progress::{self, StepBar};
use super::settings::MethodArgs;
use super::{CliError, Talk};

/// Arguments of `train`.
#[derive(Args)]
pub(super) struct TrainArgs {
    /// Folder whose subfolders hold pan.tif, ms.tif and perhaps truth.tif each, as `simulate --count` writes them; or a
    /// file of JSON lines: {"pan": FILE, "ms": FILE or [FILE, …], "truth": FILE, "sensor": NAME, "validation": true}, the
    /// last three if there is something to say, files beside it
    #[arg(long, value_name = "DIR|LIST.jsonl")]
    pairs: PathBuf,
    /// Network to write, for `fuse --init` and `infer --model`
    #[arg(short, long, value_name = "FILE.safetensors")]
    output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    overwrite: bool,
    /// Every N-th pair judges and is not learnt from; 0: none. Pairs of a list that say so themselves count alone
    #[arg(long, default_value_t = 8, value_name = "N")]
    validation: usize,
    /// Steps
    #[arg(long, default_value_t = Course::default().steps, value_name = "N")]
    steps: u32,
    /// Patches in a step
    #[arg(long, default_value_t = Course::default().patches, value_name = "N")]
    patches: usize,
    /// Pixels of a patch's side
    #[arg(long, default_value_t = Course::default().patch, value_name = "N")]
    patch: usize,
    /// Steps between two looks at the pairs that judge
    #[arg(long, default_value_t = Course::default().every, value_name = "N")]
    every: u32,
    /// Keep a checkpoint beside the output, and go on from it if there is one
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    geometry: GeometryArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// Runs `train`.
pub(super) fn run(args: &TrainArgs, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    let course = Course { patch: args.patch, patches: args.patches, steps: args.steps, every: args.every };
    course.check()?;
    let entries = entries(&args.pairs)?;
    let Some(first) = entries.first() else { return Err(CliError::NoPairs { path: args.pairs.clone() }) };
    let options = args.geometry.options();
    let open = |entry: &PairEntry| Scene::open(&entry.pan, entry.ms(), &options);
    let scene = open(first)?;
    let mut request = args.method.request(Contender::Trapan);
    if !args.method.gives("init") {
        request.settings.push(("init", "random".to_owned()));
    }
    let config = request.config(first.sensor, scene.ms().bands)?;
    Prior::asked_for(&config, scene.ms().bands, scene.ratio())?;
    let inputs = entries.iter().flat_map(|e| [&e.pan].into_iter().chain(e.ms()).chain(&e.truth).cloned());
    let inputs: Vec<PathBuf> = inputs.chain(config.init.file().map(Into::into)).collect();
    let mut checkpoint = args.output.as_os_str().to_owned();
    checkpoint.push(".checkpoint");
    let checkpoint = args.resume.then(|| PathBuf::from(checkpoint));
    let outputs = [Some(&args.output), checkpoint.as_ref()].into_iter().flatten();
    check_outputs(&inputs, &outputs.map(|path| Output::new(path, Format::Safetensors)).collect::<Vec<_>>())?;
    check_output(&args.output, args.overwrite)?;
    let mut corpus = Corpus::new(scene.ms().bands, scene.ratio())?;
    let told = entries.iter().any(|entry| entry.validation);
    let mut judging = 0;
    for (i, entry) in entries.iter().enumerate() {
        progress::interrupted()?;
        let scene = open(entry)?;
        let config = request.config(entry.sensor, scene.ms().bands)?;
        let survey = Survey::of(&scene)?;
        let scale = Scale::new(&scene, &survey, None)?;
        let every = args.validation > 0 && i % args.validation == args.validation - 1;
        let purpose = if entry.validation || !told && every { Purpose::Validate } else { Purpose::Train };
        judging += usize::from(purpose == Purpose::Validate);
        let truth = entry.truth.as_ref().map(|path| Source::open(&[path])).transpose()?;
        let truth = truth.as_ref().map(|truth| truth as &dyn Image);
        corpus.add((&scene, &survey, &scale), truth, &config, purpose)?;
        talk.detail(format_args!("read {} ({} of {})", entry.pan.display(), i + 1, entries.len()));
    }
    let learnt = entries.len() - judging;
    talk.say(format_args!(
        "{learnt} pairs to learn from, {judging} to judge by, read in {:.1} s",
        start.elapsed().as_secs_f64()
    ));
    let device = args.device.open(talk)?;
    let mut bar = StepBar::new(course.steps, talk);
    let mut lap = |lap: &Lap| -> ControlFlow<()> {
        let judged = lap.judged.map_or(String::new(), |loss| format!(", {loss:.6} on the pairs that judge"));
        talk.detail(format_args!("step {}: loss {:.6}{judged}", lap.step, lap.loss));
        bar.lap(lap)
    };
    let prior = study(&corpus, &course, &config, (&device, Options::default()), checkpoint.as_deref(), &mut lap);
    drop(bar);
    let prior = prior?;
    prior.save(&args.output, args.overwrite)?;
    let by = if judging > 0 { "pairs it has not seen" } else { "what it learnt from" };
    talk.say(format_args!(
        "wrote {} in {:.1} s: weights after step {}, loss {:.6} on {by}",
        args.output.display(),
        start.elapsed().as_secs_f64(),
        prior.past.step,
        prior.past.loss
    ));
    Ok(())
}
