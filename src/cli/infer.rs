//! `trapan infer`: trained networks on a scene.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use trapan::engine::Options;
use trapan::method::apply::{Application, apply};
use trapan::method::{Model, Prior, Request, Watch};
use trapan::scene::{Scale, Survey};
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
    model: PathBuf,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Fuse only these columns and rows of PAN (of the common area); the same bytes as in the whole
    #[arg(long, value_name = "X,Y,W,H", value_parser = window)]
    window: Option<Window>,
    #[command(flatten)]
    device: DeviceArgs,
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
    let mut scene = args.input.register(&files, &Request::default(), config, talk)?;
    let all = Window { x: 0, y: 0, width: scene.columns.fine, height: scene.rows.fine };
    let window = args.window.unwrap_or(all);
    if !window.is_within([all.width, all.height]) {
        return Err(CliError::Window { window, size: [all.width, all.height] });
    }
    let survey = Survey::of(&scene)?;
    let model = match networks {
        Networks::Prior(prior) => prior.adopt((&scene, &survey), &Scale::new(&scene, &survey, None)?, files.sensor)?,
        Networks::Own(model) => model.suited(&mut scene, &survey)?,
    };
    scene.warnings.iter().chain(&survey.warnings).for_each(|warning| talk.warn(warning));
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
