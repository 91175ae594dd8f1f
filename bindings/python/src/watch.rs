//! Progress to Python, and Ctrl-C from it.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use trapan::compare::Audience;
use trapan::method::{Contender, Phase, Progress, Watch};

use crate::error::Failure;

/// Python is asked this often at most.
const EVERY: Duration = Duration::from_millis(50);

/// Hears how a run goes on, hands it to a function of Python's, and breaks off where that or a signal raises.
#[derive(Clone)]
pub struct Watcher(Arc<Shared>);

struct Shared {
    /// Called with a phase, what is done of what there is, and losses.
    callback: Option<Py<PyAny>>,
    state: Mutex<State>,
}

struct State {
    asked: Option<Instant>,
    raised: Option<PyErr>,
    rows: usize,
}

impl Watcher {
    pub fn new(callback: Option<Py<PyAny>>) -> Self {
        Self(Arc::new(Shared { callback, state: Mutex::new(State { asked: None, raised: None, rows: 0 }) }))
    }

    /// Of a run that gives so many rows.
    pub fn of_rows(&self, rows: usize) -> Self {
        self.state(|state| (state.rows, state.asked) = (rows, None));
        self.clone()
    }

    /// The end of a run, or what was raised meanwhile: that has broken it off, or came too late to.
    pub fn end<T, E: Into<Failure>>(&self, result: Result<T, E>) -> Result<T, Failure> {
        match self.state(|state| state.raised.take()) {
            Some(error) => Err(Failure::Python(error)),
            None => result.map_err(Into::into),
        }
    }

    fn state<T>(&self, of: impl FnOnce(&mut State) -> T) -> T {
        of(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, phase: &str, [done, all]: [usize; 2], losses: &[(&str, Option<f64>)]) -> ControlFlow<()> {
        let due = self.state(|state| {
            let due = done == all || state.asked.is_none_or(|asked| asked.elapsed() >= EVERY);
            if due {
                state.asked = Some(Instant::now());
            }
            due
        });
        if !due {
            return ControlFlow::Continue(());
        }
        let told = Python::attach(|py| {
            py.check_signals()?;
            let Some(callback) = &self.0.callback else { return Ok(()) };
            let values = PyDict::new(py);
            for (name, loss) in losses.iter().filter(|(_, loss)| loss.is_some()) {
                values.set_item(name, loss)?;
            }
            callback.call1(py, (phase, done, all, values)).map(|_| ())
        });
        match told {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.state(|state| state.raised = Some(error));
                ControlFlow::Break(())
            }
        }
    }
}

impl Watch for Watcher {
    fn epoch(&mut self, p: &Progress) -> ControlFlow<()> {
        let phase = match (p.phase, p.warm_up) {
            (Phase::Dam, _) => "degradation",
            (_, true) => "warm-up",
            (_, false) => "alternation",
        };
        self.tell(phase, [p.steps_done, p.steps], &[("loss", p.dam), ("reduced", p.reduced), ("full", p.full)])
    }

    fn rows(&mut self, done: usize) -> ControlFlow<()> {
        let all = self.state(|state| state.rows);
        self.tell("inference", [done, all], &[])
    }
}

/// Tells of a comparison, method by method.
pub struct Heard {
    pub watcher: Watcher,
    pub done: usize,
    pub all: usize,
}

impl Audience for Heard {
    fn next(&mut self, method: Contender) {
        // What is raised here is found in the end.
        let _ = self.watcher.tell(method.name(), [self.done, self.all], &[]);
        self.done += 1;
    }

    fn watch(&mut self, rows: usize) -> Box<dyn Watch> {
        Box::new(self.watcher.of_rows(rows))
    }
}
