//! Progress on a terminal, and the user's wish to stop.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trapan::method::prior::Lap;
use trapan::method::{MethodError, Model, Phase, Progress, Watch};

use super::Talk;

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

/// A bar on stderr: phase, epoch, losses and time left, then rows; silent when stderr is no terminal. Honours the
/// user's wish to stop.
pub(super) struct Bar {
    bar: ProgressBar,
    phase: Option<bool>,
    /// Rows there will be.
    height: usize,
}

impl Bar {
    /// A bar that shows nothing yet, of a run that gives `height` rows.
    pub(super) fn new(height: usize, talk: Talk) -> Self {
        Self { bar: empty(talk), phase: None, height }
    }

    /// A bar of rows only.
    pub(super) fn of_rows(height: usize, talk: Talk) -> Self {
        let bar = Self::new(height, talk);
        bar.turns_to_rows();
        bar
    }

    fn turns_to_rows(&self) {
        self.bar.reset();
        self.bar.set_prefix("inference");
        self.bar.set_message("");
        self.bar.set_length(self.height as u64);
    }
}

fn empty(talk: Talk) -> ProgressBar {
    let target = if talk == Talk::Quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = "{prefix:12} {wide_bar} {pos}/{len}, {eta} left  {msg}";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// A bar over the steps of a course.
pub(super) struct Steps(ProgressBar);

impl Steps {
    /// A bar that shows nothing yet.
    pub(super) fn new(steps: u32, talk: Talk) -> Self {
        let bar = empty(talk);
        bar.set_length(u64::from(steps));
        bar.set_prefix("training");
        Self(bar)
    }

    /// Shows where the course stands, and whether the user wants to stop.
    pub(super) fn lap(&mut self, lap: &Lap) -> ControlFlow<()> {
        let judged = lap.judged.map_or(String::new(), |loss| format!(" others {loss:.6}"));
        self.0.set_position(u64::from(lap.step));
        self.0.set_message(format!("loss {:.6}{judged}", lap.loss));
        go_on()
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Bar {
    fn epoch(&mut self, p: &Progress) -> ControlFlow<()> {
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

    fn model(&mut self, _model: &Model) -> Result<(), MethodError> {
        self.turns_to_rows();
        Ok(())
    }

    fn rows(&mut self, done: usize) -> ControlFlow<()> {
        self.bar.set_position(done as u64);
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
        self.bar.bar.suspend(|| {
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
