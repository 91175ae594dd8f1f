//! `trapan fuse --method`: fusion without training.

use std::time::Instant;

use trapan::method::Untrained;
use trapan::raster::{Creation, Scale};

use super::fuse::FuseArgs;
use super::output::write_rows;
use super::report::Finished;
use super::{CliError, Talk, progress};

/// Fuses, writes the image and what else is asked for.
pub fn run(
    job: &Untrained<'_>,
    scale: &Scale,
    creation: &Creation,
    args: &FuseArgs,
    start: Instant,
    talk: Talk,
) -> Result<(), CliError> {
    let read_time = start.elapsed();
    let fusing = Instant::now();
    let (scene, output) = (job.scene, &args.output);
    let part = [0..scene.rows.fine, 0..scene.columns.fine];
    let ((), collected) = write_rows(scene, part, scale.range, job.lms, output, creation, |sink| {
        progress::rows(scene.rows.fine, talk, |observe| Ok(job.fuse(sink, observe)?))
    })?;
    let fuse_time = fusing.elapsed();
    let seconds = vec![("read", read_time), ("fuse", fuse_time), ("total", start.elapsed())];
    let run = Finished { scene, scale, method: job.method.name(), device: "cpu", training: None, seconds };
    let report = args.reports.gather(run, collected.as_ref(), output, talk)?;
    talk.say(format_args!("{}: {:.2} s with files", job.method, fuse_time.as_secs_f64()));
    talk.say(format_args!("wrote {}", output.output.display()));
    report.map_or(Ok(()), |report| args.reports.write(&report, output.overwrite, talk))
}
