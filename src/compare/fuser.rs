//! Ways to fuse a scene, by name.

use std::time::Duration;

use crate::classical::Method;
use crate::engine::{Device, Options};
use crate::method::apply::{Application, FusedRows, Sink, apply};
use crate::method::config::Upsample;
use crate::method::{self, Config, Contender, Job, MethodError, Run, Watch};
use crate::scene::{Scale, Scene, StoredImage, Survey};
use crate::tiff::{Header, Sample};

/// A way to fuse a scene.
pub trait Fuser {
    /// Its name.
    fn contender(&self) -> Contender;

    /// Fuses a scene without gaps from top to bottom, in DN, neither rounded nor clamped.
    ///
    /// # Errors
    /// What fitting, training, the device, reading or the sink reports.
    fn fuse(&self, scene: &Scene<'_>, sink: &mut Sink<'_>, watch: &mut dyn Watch) -> Result<(), MethodError>;

    /// The fused image as it would be written, kept to be judged: within the range of the data, and whole numbers where
    /// MS has them.
    ///
    /// # Errors
    /// Those of [`fuse`](Self::fuse) and [`StoredImage::new`].
    fn image(&self, scene: &Scene<'_>, scale: &Scale, watch: &mut dyn Watch) -> Result<StoredImage, MethodError> {
        let Header { bands, sample, .. } = *scene.ms();
        let size = [scene.columns.fine, scene.rows.fine, bands];
        let mut image = StoredImage::new(Header::new(self.contender().name(), sample, size))?;
        let ([low, high], whole) = (scale.range, sample != Sample::F32);
        let mut keep = |mut rows: FusedRows| {
            rows.hrms.iter_mut().for_each(|v| *v = if whole { v.round() } else { *v }.clamp(low, high));
            image.push(&rows.hrms, None)
        };
        self.fuse(scene, &mut keep, watch)?;
        Ok(image)
    }

    /// Time that was spent on a scene before it is fused.
    fn spent(&self, _scene: &Scene<'_>) -> Duration {
        Duration::ZERO
    }
}

/// A way to fuse a scene by its name, with the gains and the seed of a run; `learnt` is what has been trained on the scene
/// with the settings of that run.
pub fn fuser<'a>(
    contender: Contender,
    (scene, scale): (&'a Scene<'a>, &'a Scale),
    config: &'a Config,
    device: &'a Device,
    learnt: Option<(&'a Scene<'a>, &'a Run)>,
) -> Box<dyn Fuser + 'a> {
    let learner = |config: Config, learnt| Box::new(Learner { contender, config, scale, device, learnt });
    match contender {
        Contender::Classical(method) => Box::new(Classical { method, config }),
        Contender::Faithful => learner(config.faithful(), None),
        Contender::ZsPan => learner(zs_pan(scene, config), None),
        Contender::Trapan => learner(config.clone(), learnt),
    }
}

/// ZS-Pan with the gains of a run; upsampled at the true phase where its interpolator does not suit the scene.
fn zs_pan(scene: &Scene<'_>, of: &Config) -> Config {
    let of_program = Config::zs_pan(of.sensor, of.ms_gains.clone());
    let config = Config { pan_gain: of.pan_gain, seed: of.seed, ..of_program };
    match config.check_grids(&scene.rows, &scene.columns) {
        Ok(()) => config,
        Err(_) => Config { upsample: Upsample::Cubic, ..config },
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

    fn fuse(&self, scene: &Scene<'_>, sink: &mut Sink<'_>, _watch: &mut dyn Watch) -> Result<(), MethodError> {
        method::baseline(self.method, scene, self.config, sink)
    }
}

/// TRA-PAN, or the closed form that its settings ask for instead.
pub struct Learner<'a> {
    /// As the run has it, or as the paper does.
    pub contender: Contender,
    /// Settings.
    pub config: Config,
    /// The unit of the scene's values.
    pub scale: &'a Scale,
    /// Where to train.
    pub device: &'a Device,
    /// A scene that it has learnt from already.
    pub learnt: Option<(&'a Scene<'a>, &'a Run)>,
}

impl Learner<'_> {
    fn run(&self, scene: &Scene<'_>) -> Option<&Run> {
        self.learnt.filter(|(of, _)| std::ptr::addr_eq(*of, scene)).map(|(_, run)| run)
    }
}

impl Fuser for Learner<'_> {
    fn contender(&self) -> Contender {
        self.contender
    }

    fn fuse(&self, scene: &Scene<'_>, sink: &mut Sink<'_>, watch: &mut dyn Watch) -> Result<(), MethodError> {
        let (device, options) = (self.device, Options::default());
        let Some(model) = self.run(scene).and_then(|run| run.model.as_ref()) else {
            let survey = Survey::of(scene)?;
            method::run(Job::new((scene, &survey), self.scale, &self.config, device), sink, watch)?;
            return Ok(());
        };
        watch.model(model)?;
        let part = [0..scene.rows.fine, 0..scene.columns.fine];
        let job = Application { scene, model, device, options, part, memory: u64::MAX, lms: false };
        apply(&job, sink, &mut |row| watch.rows(row))?;
        Ok(())
    }

    fn spent(&self, scene: &Scene<'_>) -> Duration {
        self.run(scene).map_or(Duration::ZERO, Run::training_time)
    }
}
