//! What comes of fusing a pair by several methods, and whether training was worth it.

use std::time::Instant;

use serde::Serialize;
use trapan::classical::Method;
use trapan::compare::{Contest, FullMaps, FullResult};
use trapan::engine::{Device, Options};
use trapan::method::apply::{Application, Rows, apply};
use trapan::method::config::Profile;
use trapan::method::{self, Config, Model, Run, Watch};
use trapan::quality::{FullScores, Phase, ReducedScores, Thumbnail};
use trapan::scene::{Pair, Scale, Scene};

use super::contender::Contender;
use super::progress::Bar;
use super::{CliError, Talk};

/// Closed-form methods that a trained result must not fall behind.
const CLOSED_FORM: [Method; 5] = [Method::Brovey, Method::Gsa, Method::MtfGlpFs, Method::MtfGlpHpmR, Method::BdsdPc];

/// What a method achieves.
#[derive(Serialize)]
pub struct Line {
    pub method: Contender,
    #[serde(flatten)]
    pub at_full: FullResult,
    /// Nothing if that was not asked for, or if the pair is too small to train there.
    pub reduced: Option<ReducedScores>,
    /// Time to fuse the pair, training included.
    pub seconds: f64,
    #[serde(skip)]
    pub distortions: FullMaps,
    /// Errors at reduced resolution.
    #[serde(skip)]
    pub errors: Option<Thumbnail>,
}

/// What a comparison finds.
#[derive(Serialize)]
pub struct Lines {
    pub methods: Vec<Line>,
    /// How MS itself, the truth of the degraded pair, scores there without reference; nothing if that pair is too
    /// small.
    pub truth: Option<FullScores>,
}

/// A pair in memory and how to judge what is made of it.
pub struct Judge<'a> {
    pair: Pair,
    scale: &'a Scale,
    /// Of the run, and the paper's.
    configs: [&'a Config; 2],
    phase: Phase,
    talk: Talk,
}

impl<'a> Judge<'a> {
    pub fn new(pair: Pair, scale: &'a Scale, configs: [&'a Config; 2], phase: Phase, talk: Talk) -> Self {
        Self { pair, scale, configs, phase, talk }
    }

    /// What was trained beside all other methods at both resolutions; trains on the reduced pair.
    pub fn all(&self, trained: (&Run, &Device)) -> Result<Lines, CliError> {
        self.with_trained(&self.contenders().collect::<Vec<_>>(), trained)
    }

    /// What was trained beside the closed-form methods: enough for [`gate`]; trains on the reduced pair.
    pub fn for_gate(&self, trained: (&Run, &Device)) -> Result<Lines, CliError> {
        let closed = CLOSED_FORM.into_iter().map(Contender::Classical);
        self.with_trained(&closed.chain([Contender::Trapan]).collect::<Vec<_>>(), trained)
    }

    /// All methods; the paper's once, if the run has its settings.
    pub fn contenders(&self) -> impl Iterator<Item = Contender> {
        let own = self.configs[0].profile == Profile::Faithful;
        Contender::all().filter(move |contender| !own || *contender != Contender::Faithful)
    }

    fn with_trained(&self, contenders: &[Contender], trained: (&Run, &Device)) -> Result<Lines, CliError> {
        let (run, device) = trained;
        let mut lines = self.compare(contenders, |pair, contender| match &run.model {
            Some(model) if std::ptr::eq(pair, &self.pair) && contender == Contender::Trapan => {
                self.apply(model, device)
            }
            _ => self.train(pair, contender, device),
        })?;
        let own = lines.methods.iter_mut().filter(|line| line.method == Contender::Trapan);
        own.for_each(|line| line.seconds += run.training_time().as_secs_f64());
        Ok(lines)
    }

    /// The pair as a model fuses it.
    fn apply(&self, model: &Model, device: &Device) -> Result<Vec<f32>, CliError> {
        let scene = Scene::of(&self.pair);
        let part = [0..scene.rows.fine, 0..scene.columns.fine];
        let (options, memory) = (Options::default(), u64::MAX);
        let job = Application { scene: &scene, model, device, options, part, memory, lms: false };
        let mut hrms = Vec::new();
        let mut collect = |rows: Rows| {
            hrms.extend(rows.hrms);
            Ok(())
        };
        let mut bar = Bar::of_rows(scene.rows.fine, self.talk);
        apply(&job, &mut collect, &mut |row| bar.rows(row))?;
        Ok(hrms)
    }

    /// Fuses a pair by training, or by the closed form that the settings ask for instead.
    pub fn train(&self, pair: &Pair, contender: Contender, device: &Device) -> Result<Vec<f32>, CliError> {
        let config = self.configs[usize::from(contender == Contender::Faithful)];
        let mut bar = Bar::new(pair.rows.fine, self.talk);
        Ok(method::fuse(pair, self.scale, config, device, Options::default(), &mut bar)?.0.hrms)
    }

    /// Fuses by some methods and judges the results at full and at reduced resolution; `train` fuses by training.
    pub fn compare(
        &self,
        contenders: &[Contender],
        train: impl Fn(&Pair, Contender) -> Result<Vec<f32>, CliError>,
    ) -> Result<Lines, CliError> {
        let config = self.configs[0];
        let contest = Contest::new(&self.pair, self.scale, config, self.phase);
        let fuse = |pair: &Pair, contender: Contender| match contender {
            Contender::Classical(method) => Ok(method::baseline(method, pair, config)?),
            trained => train(pair, trained),
        };
        let mut methods = Vec::new();
        for method in contenders.iter().copied() {
            self.talk.detail(format_args!("{} …", method.name()));
            let start = Instant::now();
            let fused = fuse(&self.pair, method)?;
            let seconds = start.elapsed().as_secs_f64();
            let (at_full, distortions) = contest.full(&fused)?;
            let possible = matches!(method, Contender::Classical(_)) || contest.is_trainable();
            if !possible {
                let [w, h] = contest.reduced.ms.size();
                self.talk.say(format_args!("note: no training at reduced resolution, where MS is only {w}x{h}"));
            }
            let (reduced, errors) = match possible {
                true => Some(contest.against_truth(&fuse(&contest.reduced, method)?)?).unzip(),
                false => (None, None),
            };
            methods.push(Line { method, at_full, reduced, seconds, distortions, errors });
        }
        let truth = match Contest::check(contest.reduced.rows, contest.reduced.columns, self.phase) {
            Ok(()) => {
                let below = Contest::new(&contest.reduced, self.scale, config, self.phase);
                Some(below.full(&self.pair.ms.data)?.0.full)
            }
            Err(_) => None,
        };
        Ok(Lines { methods, truth })
    }
}

/// Fails if a closed-form method is better than what was trained. By Wald's protocol, where a truth is known, if the
/// pair is large enough to train there: in ERGAS and Q2n. Else without reference: in HQNR and in consistency.
pub fn gate(lines: &Lines, talk: Talk) -> Result<(), CliError> {
    let line = |method: Contender| lines.methods.iter().find(|line| line.method == method);
    let Some(own) = line(Contender::Trapan) else { return Ok(()) };
    let measures = |line: &Line| match (&own.reduced, &line.reduced) {
        (Some(_), Some(scores)) => [scores.ergas, scores.q2n],
        _ => [line.at_full.consistency.ergas, line.at_full.full.hqnr],
    };
    let names = if own.reduced.is_some() {
        ["ERGAS by Wald's protocol", "Q2n"]
    } else {
        ["ERGAS of the result degraded again", "HQNR"]
    };
    let [error, quality] = measures(own);
    let others = CLOSED_FORM.into_iter().filter_map(|method| Some((method, line(Contender::Classical(method))?)));
    let better = others.map(|(method, line)| (method, measures(line))).filter(|(_, m)| m[0] < error && m[1] > quality);
    let Some((method, other)) = better.min_by(|a, b| a.1[0].total_cmp(&b.1[0])) else {
        talk.say(format_args!(
            "quality gate passed: no closed-form method is better both in {} and in {}",
            names[0], names[1]
        ));
        return Ok(());
    };
    Err(CliError::Gate { method, names, own: [error, quality], other })
}
