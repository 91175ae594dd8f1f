//! `trapan infer`: trained networks on a scene.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};
use trapan::engine::Options;
use trapan::method::apply::{Application, apply};
use trapan::method::config::Sensor;
use trapan::method::{Model, Prior, Request, Watch};
use trapan::scene::{Scale, Scene, Survey};
use trapan::tiff::{Window, check_outputs};

use super::args::{DeviceArgs, OutputArgs};
use super::inputs::InputArgs;
use super::output::OutputFile;
use super::progress::{self, Bar};
use super::{CliError, Talk};

/// Arguments of `infer`.
#[derive(Args)]
pub(super) struct InferArgs {
    /// Networks that `trapan fuse --save-model` wrote, on this pair or another of the sensor; or what `trapan train` did
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: PathBuf,
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Fuse only these columns and rows of PAN (of the common area); the same bytes as in the whole
    #[arg(long, value_name = "X,Y,W,H", value_parser = window)]
    pub window: Option<Window>,
    /// Fuse only the K-th of N strips of rows, from 1; the same bytes as in the whole
    #[arg(long, value_name = "K/N", conflicts_with = "window")]
    pub strip: Option<Strip>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Of networks that were trained on this very pair: the shift that was corrected there. Nothing is measured again.
    #[arg(skip)]
    pub trained_at: Option<[f64; 2]>,
}

/// One of some strips of rows that make a scene, all its columns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Strip {
    /// Which, from 1.
    number: usize,
    of: usize,
}

impl Strip {
    /// All strips.
    pub(super) fn all(of: usize) -> impl Iterator<Item = Self> {
        (1..=of).map(move |number| Self { number, of })
    }

    /// Its part of a scene.
    fn window(self, [width, height]: [usize; 2]) -> Result<Window, CliError> {
        if self.of > height {
            return Err(CliError::Strip { strip: self.to_string(), rows: height });
        }
        // u128: no number of strips overflows.
        let end = |number: usize| (height as u128 * number as u128 / self.of as u128) as usize;
        let y = end(self.number - 1);
        Ok(Window { x: 0, y, width, height: end(self.number) - y })
    }
}

impl fmt::Display for Strip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl From<Strip> for String {
    fn from(strip: Strip) -> Self {
        strip.to_string()
    }
}

impl TryFrom<String> for Strip {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Strip {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.trim().parse().ok()?, n.trim().parse().ok()?)));
        let fits = numbers.filter(|(number, of)| (1..=*of).contains(number));
        fits.map(|(number, of)| Self { number, of }).ok_or("must be K/N, the K-th of N, as 3/16")
    }
}

fn window(text: &str) -> Result<Window, String> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some([x, y, width, height]) => Ok(Window { x: *x, y: *y, width: *width, height: *height }),
        _ => Err("must be four whole numbers: first column, first row, columns, rows".into()),
    }
}

/// What there is to apply.
enum Networks {
    /// Of one scene.
    Own(Box<Model>),
    /// Of many pairs.
    Prior(Box<Prior>),
}

impl Networks {
    /// Those for a scene, by a pass over it.
    fn suited(self, scene: &mut Scene<'_>, sensor: Option<Sensor>) -> Result<Model, CliError> {
        let survey = Survey::of(scene)?;
        let model = match self {
            Self::Prior(prior) => prior.adopt((scene, &survey), &Scale::new(scene, &survey, None)?, sensor)?,
            Self::Own(model) => model.suited(scene, &survey)?,
        };
        scene.warnings.extend(survey.warnings);
        Ok(model)
    }
}

/// Runs `infer`.
pub(super) fn run(args: &InferArgs, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    let creation = args.output.creation()?;
    let networks = match Prior::open(&args.model)? {
        Some(prior) => Networks::Prior(Box::new(prior)),
        None => Networks::Own(Box::new(Model::load(&args.model)?)),
    };
    let files = args.input.open(Some(args.output.memory()), talk)?;
    let scene = args.input.scene(&files)?;
    check_outputs(
        &[&files.paths[..], std::slice::from_ref(&args.model)].concat(),
        &args.output.outputs().collect::<Vec<_>>(),
    )?;
    let config = match &networks {
        Networks::Prior(prior) => {
            prior.check(&prior.config, scene.ms().bands, scene.ratio())?;
            &prior.config
        }
        Networks::Own(model) => {
            model.check_shape(&scene)?;
            &model.config
        }
    };
    args.output.check(&creation, scene.ms())?;
    let mut scene = match args.trained_at {
        Some(shift) => args.input.shifted(&files, shift)?,
        None => args.input.register(&files, &Request::default(), config, talk)?,
    };
    let all = Window { x: 0, y: 0, width: scene.columns.fine, height: scene.rows.fine };
    let window = match args.strip {
        Some(strip) => strip.window([all.width, all.height])?,
        None => args.window.unwrap_or(all),
    };
    if !window.is_within([all.width, all.height]) {
        return Err(CliError::Window { window, size: [all.width, all.height] });
    }
    let model = match networks {
        Networks::Own(model) if args.trained_at.is_some() => *model,
        networks => networks.suited(&mut scene, files.sensor)?,
    };
    scene.warnings.iter().for_each(|warning| talk.warn(warning));
    let device = args.device.open(talk)?;
    let part = [window.y..window.y + window.height, window.x..window.x + window.width];
    let (options, memory) = (Options::default(), args.output.memory());
    let job = Application { scene: &scene, model: &model, device: &device, options, part, memory, lms: false };
    let mut file = OutputFile::new(&scene, job.part.clone(), model.scale.range, false, &args.output, &creation)?;
    let mut bar = Bar::of_rows(window.height, talk);
    let pass = apply(&job, &mut |rows| file.take(&rows), &mut |row| bar.rows(row - window.y))?;
    drop(bar);
    progress::interrupted()?;
    file.finish()?;
    pass.notes.iter().for_each(|note| talk.warn(note));
    talk.say(format_args!("wrote {} in {:.1} s", args.output.output.display(), start.elapsed().as_secs_f64()));
    Ok(())
}
