//! Progress on a terminal, and the user's wish to stop.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trapan::engine::{Device, Options};
use trapan::method::apply::{Application, Applied, Sink};
use trapan::method::{self, Checkpoints, Config, Fused, Learned, MethodError, Phase, Progress};
use trapan::scene::{Pair, Scale, Scene, Survey};

use super::{CliError, Talk};

/// Set by the first Ctrl-C or SIGTERM.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler: the first signal ends the training after its step, the
/// second ends the program; neither leaves a temporary file.
pub fn watch_signals() {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            trapan::tiff::remove_temporary_files();
            std::process::exit(130);
        }
    };
    // Fails only if a handler is there already: then that one decides.
    let _ = ctrlc::set_handler(handler);
}

/// Breaks off once the user wants to stop.
fn go_on() -> ControlFlow<()> {
    if INTERRUPTED.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Trains with a bar, and honours the user's wish to stop.
pub fn learn(
    scene: &Scene<'_>,
    survey: &Survey,
    scale: &Scale,
    config: &Config,
    device: &Device,
    options: Options,
    checkpoints: Option<&mut Checkpoints>,
    talk: Talk,
) -> Result<Learned, CliError> {
    let mut bar = Bar::new(talk);
    let learned = method::learn(scene, survey, scale, config, device, options, checkpoints, &mut |p| bar.show(p));
    bar.bar.finish_and_clear();
    Ok(learned?)
}

/// Applies networks with a bar, and honours the user's wish to stop.
pub fn apply(job: &Application<'_>, sink: &mut Sink<'_>, talk: Talk) -> Result<Applied, CliError> {
    let part = &job.part[0];
    rows(part.len(), talk, |observe| Ok(method::apply::apply(job, sink, &mut |row| observe(row - part.start))?))
}

/// Goes through `count` rows with a bar, and honours the user's wish to stop. `work` tells how many rows are done.
pub fn rows<T>(
    count: usize,
    talk: Talk,
    work: impl FnOnce(&mut dyn FnMut(usize) -> ControlFlow<()>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let bar = Bar::new(talk).bar;
    bar.set_prefix("inference");
    bar.set_length(count as u64);
    let done = work(&mut |row| {
        bar.set_position(row as u64);
        go_on()
    });
    bar.finish_and_clear();
    let done = done?;
    match go_on() {
        ControlFlow::Continue(()) => Ok(done),
        ControlFlow::Break(()) => Err(MethodError::Interrupted.into()),
    }
}

/// Fuses a pair in memory with a bar, and honours the user's wish to stop.
pub fn fuse(
    pair: &Pair,
    scale: &Scale,
    config: &Config,
    device: &Device,
    options: Options,
    talk: Talk,
) -> Result<Fused, CliError> {
    let mut bar = Bar::new(talk);
    let fused = method::fuse(pair, scale, config, device, options, &mut |p| bar.show(p));
    bar.bar.finish_and_clear();
    Ok(fused?)
}

/// A bar on stderr with phase, epoch, losses and time left; silent when stderr is no terminal.
struct Bar {
    bar: ProgressBar,
    phase: Option<bool>,
}

impl Bar {
    /// A bar that shows nothing yet.
    fn new(talk: Talk) -> Self {
        let target = if talk == Talk::Quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{prefix:12} {wide_bar} {pos}/{len}, {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, phase: None }
    }

    /// Shows where the training stands.
    fn show(&mut self, p: &Progress) -> ControlFlow<()> {
        let is_dam = p.phase == Phase::Dam;
        if self.phase != Some(is_dam) {
            self.phase = Some(is_dam);
            self.bar.reset();
            self.bar.set_length(p.steps as u64);
        }
        let prefix = match (is_dam, p.warm_up) {
            (true, _) => "degradation",
            (false, true) => "warm-up",
            (false, false) => "alternation",
        };
        let loss = |name: &str, value: Option<f64>| value.map_or(String::new(), |v| format!(" {name} {v:.5}"));
        let losses = [loss("loss", p.dam), loss("reduced", p.reduced), loss("full", p.full)].concat();
        self.bar.set_prefix(prefix);
        self.bar.set_position(p.steps_done as u64);
        self.bar.set_message(format!("epoch {}/{}{losses}", p.epoch, p.epochs));
        go_on()
    }
}
