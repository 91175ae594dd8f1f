//! What comes of fusing a pair by several methods, and whether training was worth it.

use std::time::Instant;

use serde::Serialize;
use trapan::classical::Method;
use trapan::engine::{Device, Options};
use trapan::method::apply::{Application, Rows};
use trapan::method::{self, Config, Contest, Fitted, FullMaps, FullResult};
use trapan::quality::{Phase, ReducedScores, Thumbnail};
use trapan::raster::{Pair, Scale, Scene};

use super::contender::Contender;
use super::{CliError, Talk, progress};

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

/// Networks trained on the pair.
pub struct Trained<'a> {
    pub fitted: &'a Fitted,
    pub device: &'a Device,
    /// Time the training took.
    pub seconds: f64,
}

impl Trained<'_> {
    /// The fused image in memory.
    fn hrms(&self, pair: &Pair, talk: Talk) -> Result<Vec<f32>, CliError> {
        let scene = Scene::of(pair);
        let part = [0..scene.rows.fine, 0..scene.columns.fine];
        let Self { fitted, device, .. } = *self;
        let (options, memory) = (Options::default(), u64::MAX);
        let job = Application { scene: &scene, fitted, device, options, part, memory, lms: false };
        let mut hrms = Vec::new();
        let mut collect = |rows: Rows| {
            hrms.extend(rows.hrms);
            Ok(())
        };
        progress::apply(&job, &mut collect, talk)?;
        Ok(hrms)
    }
}

/// A pair in memory and how to judge what is made of it.
pub struct Judge<'a> {
    pair: Pair,
    scale: &'a Scale,
    config: &'a Config,
    phase: Phase,
    talk: Talk,
}

impl<'a> Judge<'a> {
    pub fn new(pair: Pair, scale: &'a Scale, config: &'a Config, phase: Phase, talk: Talk) -> Self {
        Self { pair, scale, config, phase, talk }
    }

    /// What was trained beside all other methods at both resolutions; trains on the reduced pair.
    pub fn all(&self, trained: &Trained<'_>) -> Result<Vec<Line>, CliError> {
        let contenders: Vec<Contender> = Contender::all().collect();
        let mut lines = self.compare(&contenders, true, |pair| match std::ptr::eq(pair, &self.pair) {
            true => trained.hrms(pair, self.talk),
            false => {
                let options = Options::default();
                Ok(progress::fuse(pair, self.scale, self.config, trained.device, options, self.talk)?.hrms)
            }
        })?;
        let own = lines.iter_mut().filter(|line| line.method == Contender::Trapan);
        own.for_each(|line| line.seconds += trained.seconds);
        Ok(lines)
    }

    /// What was trained beside the closed-form methods at full resolution: enough for [`gate`].
    pub fn closed_form(&self, trained: &Trained<'_>) -> Result<Vec<Line>, CliError> {
        let contenders: Vec<Contender> =
            CLOSED_FORM.into_iter().map(Contender::Classical).chain([Contender::Trapan]).collect();
        self.compare(&contenders, false, |pair| trained.hrms(pair, self.talk))
    }

    /// Fuses by some methods and judges the results, at full and if wanted at reduced resolution; `trapan`
    /// fuses by training.
    pub fn compare(
        &self,
        contenders: &[Contender],
        reduced: bool,
        trapan: impl Fn(&Pair) -> Result<Vec<f32>, CliError>,
    ) -> Result<Vec<Line>, CliError> {
        let contest = Contest::new(&self.pair, self.scale, self.config, self.phase);
        let fuse = |pair: &Pair, contender: Contender| match contender {
            Contender::Trapan => trapan(pair),
            Contender::Classical(method) => Ok(method::baseline(method, pair, self.config)?),
        };
        let mut lines = Vec::new();
        for method in contenders.iter().copied() {
            self.talk.detail(format_args!("{} …", method.name()));
            let start = Instant::now();
            let fused = fuse(&self.pair, method)?;
            let seconds = start.elapsed().as_secs_f64();
            let (at_full, distortions) = contest.full(&fused)?;
            let possible = method != Contender::Trapan || contest.is_trainable();
            if reduced && !possible {
                let [w, h] = contest.reduced.ms.size();
                self.talk.say(format_args!("note: no training at reduced resolution, where MS is only {w}x{h}"));
            }
            let (reduced, errors) = match reduced && possible {
                true => Some(contest.against_truth(&fuse(&contest.reduced, method)?)?).unzip(),
                false => (None, None),
            };
            lines.push(Line { method, at_full, reduced, seconds, distortions, errors });
        }
        Ok(lines)
    }
}

/// Fails if a closed-form method is better than what was trained, both in HQNR and in consistency.
pub fn gate(lines: &[Line], talk: Talk) -> Result<(), CliError> {
    let of = |method: Contender| lines.iter().find(|line| line.method == method).map(|line| line.at_full);
    let Some(own) = of(Contender::Trapan) else { return Ok(()) };
    let results = CLOSED_FORM.into_iter().filter_map(|method| Some((method, of(Contender::Classical(method))?)));
    let better = results.filter(|(_, result)| result.beats(&own));
    let Some((method, result)) = better.max_by(|a, b| a.1.full.hqnr.total_cmp(&b.1.full.hqnr)) else {
        talk.say("quality gate passed: no closed-form method is better both in HQNR and in consistency");
        return Ok(());
    };
    let both = |value: fn(&FullResult) -> f64| [value(&own), value(&result)];
    Err(CliError::Gate { method, hqnr: both(|r| r.full.hqnr), consistency: both(|r| r.consistency.ergas) })
}
