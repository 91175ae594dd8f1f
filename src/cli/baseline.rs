//! Fusion without training: `trapan fuse --method`, and `--effort fast`.

use std::time::Instant;

use trapan::classical::Method;
use trapan::engine::{Device, Options};
use trapan::method::apply::Application;
use trapan::method::{self, Config};
use trapan::scene::{Scale, Scene, Survey};
use trapan::tiff::Creation;

use super::fuse::{FuseArgs, say_units};
use super::output::{write_rows, write_scene};
use super::report::Finished;
use super::{CliError, Talk};

/// Fuses, writes the image and what else is asked for.
pub fn run(
    name: &str,
    (scene, survey): (&Scene<'_>, &Survey),
    (scale, config): (&Scale, &Config),
    creation: &Creation,
    args: &FuseArgs,
    start: Instant,
    talk: Talk,
) -> Result<(), CliError> {
    let read_time = start.elapsed();
    let fusing = Instant::now();
    let output = &args.output;
    let (memory, lms) = (output.memory(), args.reports.wanted());
    let part = [0..scene.rows.fine, 0..scene.columns.fine];
    let (model, collected) = if name == Method::Tv.name() {
        let range = scale.range;
        let ((), collected) = write_rows(scene, part, range, lms, output, creation, |sink| {
            Ok(method::total_variation(scene, config, memory, lms, sink)?)
        })?;
        (None, collected)
    } else {
        let model = method::closed_form(scene, survey, scale, config)?;
        say_units(&model, talk);
        talk.say(model.summary());
        let (device, options) = (&Device::cpu(args.device.threads), Options::default());
        let job = Application { scene, model: &model, device, options, part, memory, lms };
        let (_, collected) = write_scene(&job, output, creation, talk)?;
        (Some(model), collected)
    };
    let fuse_time = fusing.elapsed();
    let seconds = vec![("read", read_time), ("fuse", fuse_time), ("total", start.elapsed())];
    let model = model.as_ref();
    let run = Finished { scene, scale, method: name, device: "cpu", model, training: None, seconds };
    let report = args.reports.gather(run, collected.as_ref(), output, talk)?;
    talk.say(format_args!("{name}: {:.2} s with files", fuse_time.as_secs_f64()));
    talk.say(format_args!("wrote {}", output.output.display()));
    report.map_or(Ok(()), |report| args.reports.write(&report, output.overwrite, talk))
}
