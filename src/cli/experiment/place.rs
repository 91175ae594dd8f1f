//! Runs on one pair.

use std::path::PathBuf;
use std::time::Instant;

use trapan::compare::experiment::{Key, Label, Recipe, RunRecord, Study, StudyPlan, Trial, judged, supervised};
use trapan::compare::{CompareError, Contest};
use trapan::engine::Device;
use trapan::method::config::{Profile, Sensor, Upsample};
use trapan::method::{Config, Contender, MethodError, Preparation, Prior};
use trapan::quality::Convention;
use trapan::scene::{Image, Scene};
use trapan::tiff::{Source, sha256};

use super::ExperimentArgs;
use super::log::RunFile;
use crate::cli::inputs::{Files, InputArgs};
use crate::cli::progress::Bar;
use crate::cli::summary::describe;
use crate::cli::{CliError, Talk};

/// A pair that is named.
pub(super) struct NamedPair {
    pub input: InputArgs,
    pub truth: Option<PathBuf>,
    /// The sensor that a list says it is of.
    pub sensor: Option<Sensor>,
}

impl NamedPair {
    /// Finds out, before anything is run, whether the pair can be judged and takes the settings.
    pub(super) fn check(&self, args: &ExperimentArgs) -> Result<(), CliError> {
        let files = self.input.open(None, Talk::Quiet)?;
        let scene = self.input.scene(&files)?;
        let config = args.method.request(Contender::Trapan).config(self.sensor.or(files.sensor), scene.ms().bands)?;
        Contest::check(scene.rows, scene.columns, Convention::of_ratio(scene.ratio()))?;
        config.check_grids(&scene.rows, &scene.columns)?;
        let Some(path) = &self.truth else { return Ok(()) };
        let truth = Source::open(&[path])?;
        let size = |[width, height, bands]: [usize; 3]| format!("{width}x{height} pixels of {bands} bands");
        let [found, wanted] = [
            [truth.header().width, truth.header().height, truth.header().bands],
            [scene.columns.fine, scene.rows.fine, scene.ms().bands],
        ]
        .map(size);
        if found != wanted {
            return Err(MethodError::Unlike { what: "truth", wanted, found }.into());
        }
        Ok(())
    }
}

/// A network that has learnt elsewhere.
pub(super) struct PriorNetwork {
    name: String,
    checksum: String,
    prior: Prior,
}

/// Opens networks; each is named by its backbone, as the paper has it, and its file.
pub(super) fn networks(paths: &[PathBuf]) -> Result<Vec<PriorNetwork>, CliError> {
    let open = |path: &PathBuf| {
        let (prior, checksum) = (Prior::load(path)?, sha256(path)?);
        let file = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(PriorNetwork { name: format!("{} ({file})", prior.config.backbone), checksum, prior })
    };
    paths.iter().map(open).collect()
}

/// A pair, ready to run on.
pub(super) struct ReadyPair<'a> {
    ready: Preparation<'a>,
    filled: Scene<'static>,
    truth: Option<Source>,
    phase: Convention,
    plan: StudyPlan,
    /// Of all runs, but for the recipe.
    key: Key,
    name: String,
    under: String,
}

impl<'a> ReadyPair<'a> {
    pub(super) fn new(
        given: &NamedPair,
        files: &'a Files,
        args: &ExperimentArgs,
        networks: &[PriorNetwork],
        talk: Talk,
    ) -> Result<Self, CliError> {
        let request = args.method.request(Contender::Trapan);
        let sensor = given.sensor.or(files.sensor);
        let base = request.config(sensor, files.ms.header().bands)?;
        let ready = given.input.prepare(files, &request, base, talk)?;
        describe(&ready, talk);
        let filled = ready.scene.filled()?.stored()?;
        let Preparation { scene, scale, config, .. } = &ready;
        let truth = given.truth.as_ref().map(|path| Source::open(&[path])).transpose()?;
        let key = Key {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pair: [sha256(&scene.pan().path)?, sha256(&scene.ms().path)?],
            truth: given.truth.as_ref().map(|path| sha256(path)).transpose()?,
            init: config.init.file().map(sha256).transpose()?,
            geometry: format!("{:?} {:?} {scale:?}", scene.rows, scene.columns),
            recipe: config.clone().into(),
        };
        let fitting = networks.iter().filter(|n| n.prior.bands == scene.ms().bands && n.prior.ratio == scene.ratio());
        let plan = StudyPlan {
            base: config.clone(),
            methods: methods(args, sensor, config, scene)?,
            networks: fitting.map(|network| (network.name.clone(), network.checksum.clone())).collect(),
            supervised: supervised(scene, truth.is_some()),
            judged: judged(scene),
        };
        // Many pairs have files of the same names, in folders of their own.
        let parts: Vec<_> = scene.pan().path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let name = parts[parts.len().saturating_sub(2)..].join("/");
        let (phase, under) = (Convention::of_ratio(scene.ratio()), args.method.words());
        Ok(Self { filled, truth, phase, plan, key, name, under, ready })
    }

    fn key(&self, recipe: &Recipe) -> Key {
        Key { recipe: recipe.clone(), ..self.key.clone() }
    }

    /// Every row of some studies with every seed, and what it is; rows that are one run are there once each.
    fn wanted(&self, studies: &[Study], seeds: u64) -> Vec<(Label, Key)> {
        let mut wanted = Vec::new();
        for study in studies {
            let seeds = (0..seeds).map(|i| self.plan.base.seed.wrapping_add(i));
            let rows: Vec<_> = seeds.map(|seed| self.plan.rows(*study, seed)).collect();
            for at in 0..rows.first().map_or(0, Vec::len) {
                for (row, recipe) in rows.iter().map(|rows| &rows[at]) {
                    let entry = (Label { study: *study, row: row.clone(), at }, self.key(recipe));
                    if !wanted.contains(&entry) {
                        wanted.push(entry);
                    }
                }
            }
        }
        wanted
    }

    /// Leaves the rows of some names, if there are names: a whole one, or what stands before its first comma.
    fn choose(&self, wanted: &mut Vec<(Label, Key)>, names: &[String]) -> Result<(), CliError> {
        let is = |row: &str, name: &str| row == name || row.split(',').next() == Some(name);
        if let Some(name) = names.iter().find(|name| !wanted.iter().any(|(label, _)| is(&label.row, name))) {
            let mut rows: Vec<_> = wanted.iter().map(|(label, _)| format!("{:?}", label.row)).collect();
            rows.dedup();
            return Err(CliError::NoRow { name: name.clone(), place: self.name.clone(), rows: rows.join(", ") });
        }
        wanted.retain(|(label, _)| names.is_empty() || names.iter().any(|name| is(&label.row, name)));
        Ok(())
    }

    /// Runs what is not in the log yet; gives the runs of the studies.
    pub(super) fn run(
        &self,
        studies: &[Study],
        (args, networks): (&ExperimentArgs, &[PriorNetwork]),
        log: &mut RunFile,
        device: &mut Option<Device>,
        talk: Talk,
    ) -> Result<Vec<RunRecord>, CliError> {
        if studies.contains(&Study::Scales) && self.plan.supervised.is_empty() {
            talk.say(format_args!("note: {} is too small for a training at another scale: no scales", self.name));
        }
        let mut wanted = self.wanted(studies, args.seeds);
        self.choose(&mut wanted, &args.rows)?;
        let mut missing: Vec<&Key> = Vec::new();
        for (_, key) in &wanted {
            key.recipe.settings.check(self.filled.ms().bands)?;
            if log.find(key).is_none() && !missing.contains(&key) {
                missing.push(key);
            }
        }
        // A run may be a row of a study that is asked for later.
        let all = self.wanted(&Study::ALL, args.seeds);
        let labels = |key: &Key| all.iter().filter(|(_, other)| other == key).map(|(label, _)| label.clone()).collect();
        for (i, key) in missing.iter().enumerate() {
            if device.is_none() {
                *device = Some(args.device.open(talk)?);
            }
            talk.say(format_args!("run {} of {}", i + 1, missing.len()));
            let Some(device) = device.as_ref() else { continue };
            let line = RunRecord { rows: labels(key), ..self.line(key, networks, device, talk)? };
            log.add(line)?;
        }
        let line =
            |(label, key): &(Label, Key)| Some(RunRecord { rows: vec![label.clone()], ..log.find(key)?.clone() });
        Ok(wanted.iter().filter_map(line).collect())
    }

    /// Runs; no scores if the training diverges.
    fn line(&self, key: &Key, networks: &[PriorNetwork], device: &Device, talk: Talk) -> Result<RunRecord, CliError> {
        let Preparation { scale, config, .. } = &self.ready;
        let truth = self.truth.as_ref().map(|truth| truth as &dyn Image);
        let trial = Trial { scene: &self.filled, truth, scale, config, phase: self.phase, device };
        let network = networks.iter().find(|network| Some(&network.checksum) == key.recipe.network.as_ref());
        let start = Instant::now();
        let mut bar = Bar::new(self.filled.rows.fine, talk);
        let outcome = trial.run(&key.recipe, network.map(|network| &network.prior), &mut bar);
        drop(bar);
        let outcome = match outcome {
            Ok(outcome) => Some(outcome),
            Err(CompareError::Method(error @ MethodError::Diverged { .. })) => {
                talk.say(format_args!("warning: {}", CliError::from(error)));
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok(RunRecord {
            key: key.clone(),
            scores: outcome.as_ref().map(|outcome| outcome.scores),
            seconds: start.elapsed().as_secs_f64(),
            place: self.name.clone(),
            under: self.under.clone(),
            rows: Vec::new(),
            scales: outcome.as_ref().map_or(Vec::new(), |outcome| outcome.scales.clone()),
            losses: outcome.and_then(|outcome| outcome.losses),
        })
    }
}

/// The methods of Table 1 with the gains of a run; those that train heed the settings that were given.
fn methods(
    args: &ExperimentArgs,
    sensor: Option<Sensor>,
    base: &Config,
    scene: &Scene<'_>,
) -> Result<Vec<(String, Config)>, CliError> {
    let config = |contender: Contender| {
        let mut request = args.method.request(contender);
        let epochs =
            request.settings.iter().find(|(name, _)| *name == "epochs").and_then(|(_, n)| n.parse::<u32>().ok());
        match (contender, epochs) {
            (Contender::Trapan, _) => request.profile = Some(Profile::Trapan),
            // Of its 130 epochs 50 are full steps.
            (Contender::ZsPan, Some(epochs)) => {
                request.settings.push(("full_epochs", (epochs * 50 / 130).max(1).to_string()));
            }
            _ => {}
        }
        let config = request.config(sensor, scene.ms().bands)?;
        let config = Config { ms_gains: base.ms_gains.clone(), ..config };
        let suits = config.check_grids(&scene.rows, &scene.columns).is_ok();
        let upsample = if suits { config.upsample } else { Upsample::Cubic };
        Ok((contender.name().to_owned(), Config { upsample, ..config }))
    };
    Contender::all().map(config).collect()
}
