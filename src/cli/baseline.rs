//! `trapan fuse --method`: fusion without training, the whole scene in memory.

use std::time::Instant;

use trapan::classical::Method;
use trapan::method::apply::Rows;
use trapan::method::{self, Config};
use trapan::raster::{self, Creation, Layout, Scale, Scene};
use trapan::report::Collector;

use super::fuse::FuseArgs;
use super::report::Finished;
use super::{CliError, Talk};

/// Fuses, writes the image and what else is asked for.
pub fn run(
    method: Method,
    (scene, scale, config): (&Scene<'_>, &Scale, &Config),
    creation: &Creation,
    args: &FuseArgs,
    start: Instant,
    talk: Talk,
) -> Result<(), CliError> {
    let read_time = start.elapsed();
    let pair = scene.pair()?;
    let fusing = Instant::now();
    let hrms = method::baseline(method, &pair, config)?;
    let fuse_time = fusing.elapsed();
    let output = &args.output;
    let valid = pair.valid();
    let bands = output.bands(pair.ms.bands)?;
    let layout = Layout { range: scale.range, ..Layout::fused(&pair.pan, &pair.ms.select(&bands)) };
    let written = raster::select(&hrms, pair.ms.bands, &bands);
    raster::write(&output.output, &layout, &written, valid.as_deref(), creation, output.overwrite)?;
    let collected = if args.reports.wanted() {
        let lms = method::baseline(Method::Exp, &pair, config)?;
        let mut collector = Collector::new([0..scene.rows.fine, 0..scene.columns.fine], pair.ms.bands, scale.range);
        collector.take(scene, &Rows { lms, hrms, valid })?;
        Some(collector)
    } else {
        None
    };
    let seconds = vec![("read", read_time), ("fuse", fuse_time), ("total", start.elapsed())];
    let run = Finished { scene, scale, method: method.name(), device: "cpu", training: None, seconds };
    let report = args.reports.gather(run, collected.as_ref(), output, talk)?;
    talk.say(format_args!("{method}: {:.2} s", fuse_time.as_secs_f64()));
    talk.say(format_args!("wrote {}", output.output.display()));
    report.map_or(Ok(()), |report| args.reports.write(&report, output.overwrite, talk))
}
