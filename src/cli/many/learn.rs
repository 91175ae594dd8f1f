//! A training alone: what `trapan fuse` does before it fuses.

use std::time::Instant;

use trapan::method::{Checkpoints, Job, Watch, learn};
use trapan::tiff::{Format, Output, check_output, check_outputs};

use crate::cli::fuse::{CHECKPOINT_EVERY, FuseArgs, inputs, settled};
use crate::cli::progress::{self, Bar};
use crate::cli::summary::describe;
use crate::cli::{CliError, Talk};

/// Trains on a pair: the networks go to where its image would. The checkpoint stays beside them. Gives the shift that
/// was corrected.
pub(super) fn run(args: &FuseArgs, talk: Talk) -> Result<[f64; 2], CliError> {
    let start = Instant::now();
    let files = args.input.open(Some(args.output.memory()), talk)?;
    let request = args.request();
    let (config, _) = settled(&args.input.scene(&files)?, &files, &request)?;
    let (path, checkpoint) = (&args.output.output, args.output.checkpoint());
    let outputs = [path, &checkpoint].map(|path| Output::new(path, Format::Safetensors));
    check_outputs(&inputs(&files, &config), &outputs)?;
    check_output(path, args.output.overwrite)?;
    let ready = args.input.prepare(&files, &request, config, talk)?;
    describe(&ready, talk);
    let device = args.device.open(talk)?;
    let mut checkpoints = Checkpoints::new(&checkpoint, CHECKPOINT_EVERY);
    let mut bar = Bar::new(ready.scene.rows.fine, talk);
    let mut job = Job { checkpoints: Some(&mut checkpoints), ..ready.job(&device) };
    let run = learn(&mut job, &mut |progress| bar.epoch(progress))?;
    drop(bar);
    progress::interrupted()?;
    let model = run.model.expect("a training gives a model");
    model.save(path, args.output.overwrite)?;
    run.notes.iter().for_each(|note| talk.warn(note));
    talk.say(model.summary());
    talk.say(format_args!("wrote {} in {:.1} s", path.display(), start.elapsed().as_secs_f64()));
    Ok(ready.scene.shift)
}
