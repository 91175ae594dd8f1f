//! Progress on a terminal or for another program, and the user's wish to stop.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use trapan::method::prior::Lap;
use trapan::method::{MethodError, Model, Phase, Progress, Watch};

use super::{Talk, terminal};

/// Set by the first Ctrl-C or SIGTERM.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler: the first signal ends the training after its step, the
/// second ends the program; neither leaves a temporary file.
pub(super) fn watch_signals() {
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

/// The error of a user who wants to stop, if so.
pub(super) fn interrupted() -> Result<(), MethodError> {
    if go_on().is_break() { Err(MethodError::Interrupted) } else { Ok(()) }
}

/// Set where another program shows the progress.
static JSON: AtomicBool = AtomicBool::new(false);

/// Says the progress as lines of JSON on stderr, `{"progress": {"stage", "done", "of", "text"}}`, at most a hundred of
/// each stage, instead of drawing a bar.
pub(super) fn as_json() {
    JSON.store(true, Ordering::SeqCst);
}

/// How far a stage of the work has come.
struct Meter {
    bar: ProgressBar,
    /// Hundredths that were said last.
    said: Option<u64>,
}

impl Meter {
    /// Of nothing yet; a bar is silent when stderr is no terminal.
    fn new(talk: Talk) -> Self {
        let hidden = talk == Talk::Quiet || JSON.load(Ordering::SeqCst);
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{prefix:12} {wide_bar} {pos}/{len}, {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, said: None }
    }

    /// Begins a stage of so many steps.
    fn begin(&mut self, stage: &'static str, of: u64) {
        self.bar.reset();
        self.bar.set_length(of);
        self.said = None;
        self.show(stage, 0, String::new());
    }

    /// So many steps are done.
    fn show(&mut self, stage: &'static str, done: u64, text: String) {
        let of = self.bar.length().unwrap_or(0);
        let hundredths = (100 * done).checked_div(of);
        if JSON.load(Ordering::SeqCst) && self.said != hundredths {
            self.said = hundredths;
            terminal::note(json!({"progress": {"stage": stage, "done": done, "of": of, "text": text}}));
        }
        self.bar.set_prefix(stage);
        self.bar.set_position(done);
        self.bar.set_message(text);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Progress of a fusion: phase, epoch, losses and time left, then rows. Honours the user's wish to stop.
pub(super) struct Bar {
    meter: Meter,
    phase: Option<bool>,
    /// Rows there will be.
    height: usize,
}

impl Bar {
    /// A bar that shows nothing yet, of a run that gives `height` rows.
    pub(super) fn new(height: usize, talk: Talk) -> Self {
        Self { meter: Meter::new(talk), phase: None, height }
    }

    /// A bar of rows only.
    pub(super) fn of_rows(height: usize, talk: Talk) -> Self {
        let mut bar = Self::new(height, talk);
        bar.turns_to_rows();
        bar
    }

    fn turns_to_rows(&mut self) {
        self.meter.begin(ROWS, self.height as u64);
    }
}

/// Name of the last stage.
const ROWS: &str = "inference";

/// A bar over the steps of a course.
pub(super) struct StepBar(Meter);

impl StepBar {
    /// A bar that shows nothing yet.
    pub(super) fn new(steps: u32, talk: Talk) -> Self {
        let mut meter = Meter::new(talk);
        meter.begin("training", u64::from(steps));
        Self(meter)
    }

    /// Shows where the course stands, and whether the user wants to stop.
    pub(super) fn lap(&mut self, lap: &Lap) -> ControlFlow<()> {
        let judged = lap.judged.map_or(String::new(), |loss| format!(" others {loss:.6}"));
        self.0.show("training", u64::from(lap.step), format!("loss {:.6}{judged}", lap.loss));
        go_on()
    }
}

impl Watch for Bar {
    fn epoch(&mut self, p: &Progress) -> ControlFlow<()> {
        let is_dam = p.phase == Phase::Dam;
        let stage = match (is_dam, p.warm_up) {
            (true, _) => "degradation",
            (false, true) => "warm-up",
            (false, false) => "alternation",
        };
        let loss = |name: &str, value: Option<f64>| value.map_or(String::new(), |v| format!(" {name} {v:.5}"));
        let losses = [loss("loss", p.dam), loss("reduced", p.reduced), loss("full", p.full)].concat();
        if self.phase != Some(is_dam) {
            self.phase = Some(is_dam);
            self.meter.begin(stage, p.steps as u64);
        }
        self.meter.show(stage, p.steps_done as u64, format!("epoch {}/{}{losses}", p.epoch, p.epochs));
        go_on()
    }

    fn model(&mut self, _model: &Model) -> Result<(), MethodError> {
        self.turns_to_rows();
        Ok(())
    }

    fn rows(&mut self, done: usize) -> ControlFlow<()> {
        self.meter.show(ROWS, done as u64, String::new());
        go_on()
    }
}

/// A bar that also says what there is to say of the model, and saves it, before it is applied.
pub(super) struct Show<'a> {
    pub bar: Bar,
    pub talk: Talk,
    /// Whether to say what makes the result.
    pub summary: bool,
    /// Where to save the model, and whether over what is there.
    pub save: Option<(&'a Path, bool)>,
}

impl Watch for Show<'_> {
    fn epoch(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.bar.epoch(progress)
    }

    fn model(&mut self, model: &Model) -> Result<(), MethodError> {
        self.bar.meter.bar.suspend(|| {
            // PAN had to be brought to the unit of MS.
            if let Some(note) = model.scale.unit_note() {
                self.talk.say(format_args!("warning: {note}"));
            }
            if self.summary {
                self.talk.say(model.summary());
            }
        });
        if let Some((path, overwrite)) = self.save {
            model.save(path, overwrite)?;
        }
        self.bar.model(model)
    }

    fn rows(&mut self, done: usize) -> ControlFlow<()> {
        self.bar.rows(done)
    }
}
