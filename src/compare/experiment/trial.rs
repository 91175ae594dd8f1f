//! Runs on one pair.

use std::cell::RefCell;

use super::{AtScale, Curves, Recipe, Rung, Scores, TruthScores, commutation, halved, ladder};
use crate::compare::{CompareError, Contest, Fuser};
use crate::engine::{Device, Options};
use crate::method::apply::{Application, Sink, apply};
use crate::method::config::Init;
use crate::method::prior::{Corpus, Course, Purpose, study};
use crate::method::{self, Config, Contender, Job, MethodError, Prior, Run, Watch};
use crate::quality::{self, Convention, TruthSetup};
use crate::scene::{Image, Scale, Scene, StoredImage, Survey};

/// A pair without gaps, and where runs on it take place.
pub struct Trial<'a> {
    /// The pair.
    pub scene: &'a Scene<'a>,
    /// What the fused image should be, in DN of MS, where that is known.
    pub truth: Option<&'a dyn Image>,
    /// The unit of the pair's values, at every scale.
    pub scale: &'a Scale,
    /// Gains that degrade it.
    pub config: &'a Config,
    /// How upsampled MS lies.
    pub phase: Convention,
    /// Where to train.
    pub device: &'a Device,
}

/// What a run achieves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// At the scale that was fused.
    pub scores: Scores,
    /// Against the truth at several scales.
    pub scales: Vec<AtScale>,
    /// Losses, if it was trained on the pair.
    pub losses: Option<Curves>,
}

impl Trial<'_> {
    /// Carries a recipe out; `network` is that of the recipe, if it names one.
    ///
    /// # Errors
    /// What training, fusing or judging reports.
    pub fn run(
        &self,
        recipe: &Recipe,
        network: Option<&Prior>,
        watch: &mut dyn Watch,
    ) -> Result<Outcome, CompareError> {
        if let Some(course) = &recipe.course {
            return self.supervised(recipe, course, watch);
        }
        let halved = match recipe.scale {
            1 => None,
            scale => Some(halved(self.scene, self.config, scale).map_err(MethodError::from)?),
        };
        let scene = halved.as_ref().unwrap_or(self.scene);
        let (fused, run) = self.fuse(scene, &recipe.settings, network, watch)?;
        let mut scores = self.full(scene, &fused)?;
        scores.truth =
            self.truth.filter(|_| recipe.scale == 1).map(|t| self.by_truth(t, &fused)).transpose()?.flatten();
        if let Some(model) = run.model.as_ref().filter(|model| !model.dam.is_empty()) {
            scores.commutation = Some(commutation(model, scene, &fused).map_err(MethodError::from)?);
        }
        Ok(Outcome { scores, scales: Vec::new(), losses: run.log.map(|log| Curves::of(&log.steps, &log.idle)) })
    }

    /// Learns from the truth at one scale, and is judged at all.
    fn supervised(&self, recipe: &Recipe, course: &Course, watch: &mut dyn Watch) -> Result<Outcome, CompareError> {
        let Recipe { settings, scale, .. } = recipe;
        let rungs = ladder(self.scene, self.truth, self.config).map_err(MethodError::from)?;
        let prior = self.learn(&rungs, *scale, settings, course, watch)?;
        let mut scales = Vec::new();
        for rung in &rungs {
            let Some(truth) = &rung.truth else { continue };
            let (fused, _) = self.fuse(&rung.scene, settings, Some(&prior), watch)?;
            scales.extend(self.by_truth(truth, &fused)?.map(|scores| AtScale { scale: rung.scale, scores }));
        }
        let (fused, _) = self.fuse(self.scene, settings, Some(&prior), watch)?;
        let truth = scales.iter().find(|at| at.scale == 1).map(|at| at.scores);
        let scores = Scores { truth, ..self.full(self.scene, &fused)? };
        Ok(Outcome { scores, scales, losses: None })
    }

    fn learn(
        &self,
        rungs: &[Rung],
        scale: u32,
        settings: &Config,
        course: &Course,
        watch: &mut dyn Watch,
    ) -> Result<Prior, MethodError> {
        let mut corpus = Corpus::new(self.scene.ms().bands, self.scene.ratio())?;
        for Rung { scene, truth, .. } in rungs.iter().filter(|rung| rung.scale == scale) {
            let survey = Survey::of(scene)?;
            let Some(truth) = truth else { continue };
            corpus.add_known((scene, &survey, self.scale), truth, settings, Purpose::Train)?;
        }
        let device = (self.device, Options::default());
        // What comes with the program knows the pair's own scale already.
        let settings = &Config { init: Init::Random, ..settings.clone() };
        // No row is fused yet; who watches may break off all the same.
        study(&corpus, course, settings, device, None, &mut |_| watch.rows(0))
    }

    fn fuse(
        &self,
        scene: &Scene<'_>,
        config: &Config,
        prior: Option<&Prior>,
        watch: &mut dyn Watch,
    ) -> Result<(StoredImage, Run), MethodError> {
        let pupil = Pupil { scale: self.scale, device: self.device, config, prior, run: RefCell::default() };
        let image = pupil.image(scene, self.scale, watch)?;
        Ok((image, pupil.run.take()))
    }

    fn full(&self, scene: &Scene<'_>, fused: &dyn Image) -> Result<Scores, CompareError> {
        Ok(Contest::new(scene, self.scale, self.config, self.phase)?.full(fused)?.0.into())
    }

    fn by_truth(&self, truth: &dyn Image, fused: &dyn Image) -> Result<Option<TruthScores>, CompareError> {
        let setup = TruthSetup { ratio: self.scene.ratio(), peak: self.scale.range[1].into(), cut: true };
        Ok(TruthScores::of(&quality::reduced(&truth, &fused, &setup)?))
    }
}

/// Trains on a scene, or applies a network, and remembers the run.
struct Pupil<'a> {
    scale: &'a Scale,
    device: &'a Device,
    config: &'a Config,
    prior: Option<&'a Prior>,
    run: RefCell<Run>,
}

impl Fuser for Pupil<'_> {
    fn contender(&self) -> Contender {
        Contender::Trapan
    }

    fn fuse(&self, scene: &Scene<'_>, sink: &mut Sink<'_>, watch: &mut dyn Watch) -> Result<(), MethodError> {
        let survey = Survey::of(scene)?;
        let Some(prior) = self.prior else {
            let job = Job { idle: true, ..Job::new((scene, &survey), self.scale, self.config, self.device) };
            self.run.replace(method::run(job, sink, watch)?);
            return Ok(());
        };
        let model = prior.adopt((scene, &survey), self.scale, Some(self.config.sensor))?;
        let part = [0..scene.rows.fine, 0..scene.columns.fine];
        let (device, options) = (self.device, Options::default());
        let job = Application { scene, model: &model, device, options, part, memory: u64::MAX, lms: false };
        apply(&job, sink, &mut |row| watch.rows(row))?;
        Ok(())
    }
}
