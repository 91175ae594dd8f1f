//! Ways to fuse a pair, by name.

use std::time::Duration;

use crate::classical::Method;
use crate::engine::{Device, Options};
use crate::method::apply::{Application, Rows, apply};
use crate::method::{self, Config, Contender, MethodError, Run, Watch};
use crate::scene::{Pair, Scale, Scene};

/// A way to fuse a pair.
pub trait Fuser {
    /// Its name.
    fn contender(&self) -> Contender;

    /// Fuses a pair: `[H, W, C]` in DN, neither rounded nor clamped.
    ///
    /// # Errors
    /// What fitting, training or the device reports.
    fn fuse(&self, pair: &Pair, watch: &mut dyn Watch) -> Result<Vec<f32>, MethodError>;

    /// Time that was spent on a pair before it is fused.
    fn spent(&self, _pair: &Pair) -> Duration {
        Duration::ZERO
    }
}

/// A classical method.
pub struct Classical<'a> {
    /// Which.
    pub method: Method,
    /// Settings of the run: gains, upsampling.
    pub config: &'a Config,
}

impl Fuser for Classical<'_> {
    fn contender(&self) -> Contender {
        Contender::Classical(self.method)
    }

    fn fuse(&self, pair: &Pair, _watch: &mut dyn Watch) -> Result<Vec<f32>, MethodError> {
        method::baseline(self.method, pair, self.config)
    }
}

/// TRA-PAN, or the closed form that its settings ask for instead.
pub struct Learner<'a> {
    /// As the run has it, or as the paper does.
    pub contender: Contender,
    /// Settings.
    pub config: Config,
    /// The unit of the pair's values.
    pub scale: &'a Scale,
    /// Where to train.
    pub device: &'a Device,
    /// A pair that it has learnt from already.
    pub learnt: Option<(&'a Pair, &'a Run)>,
}

impl Learner<'_> {
    fn run(&self, pair: &Pair) -> Option<&Run> {
        self.learnt.filter(|(of, _)| std::ptr::eq(*of, pair)).map(|(_, run)| run)
    }
}

impl Fuser for Learner<'_> {
    fn contender(&self) -> Contender {
        self.contender
    }

    fn fuse(&self, pair: &Pair, watch: &mut dyn Watch) -> Result<Vec<f32>, MethodError> {
        let (device, options) = (self.device, Options::default());
        let Some(model) = self.run(pair).and_then(|run| run.model.as_ref()) else {
            return Ok(method::fuse(pair, self.scale, &self.config, device, options, watch)?.0.hrms);
        };
        watch.model(model)?;
        let scene = Scene::of(pair);
        let part = [0..scene.rows.fine, 0..scene.columns.fine];
        let job = Application { scene: &scene, model, device, options, part, memory: u64::MAX, lms: false };
        let mut hrms = Vec::new();
        let mut collect = |rows: Rows| {
            hrms.extend(rows.hrms);
            Ok(())
        };
        apply(&job, &mut collect, &mut |row| watch.rows(row))?;
        Ok(hrms)
    }

    fn spent(&self, pair: &Pair) -> Duration {
        self.run(pair).map_or(Duration::ZERO, Run::training_time)
    }
}
