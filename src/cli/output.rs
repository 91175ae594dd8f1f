//! From fused rows to the GeoTIFF, strip by strip.

use std::ops::Range;

use trapan::method::apply::{Application, Applied, Rows, Sink};
use trapan::report::Collector;
use trapan::scene::Scene;
use trapan::tiff::{CogWriter, Creation, Layout, TiffError, Window, select};

use super::args::OutputArgs;
use super::{CliError, Talk, progress};

/// Fuses a part of a scene into a file by trained networks. With `job.lms`, also gives what pictures need.
pub fn write_scene(
    job: &Application<'_>,
    args: &OutputArgs,
    creation: &Creation,
    talk: Talk,
) -> Result<(Applied, Option<Collector>), CliError> {
    let (part, range) = (job.part.clone(), job.model.scale.range);
    write_rows(job.scene, part, range, job.lms, args, creation, |sink| progress::apply(job, sink, talk))
}

/// Writes the rows that `fuse` gives, within `range`, into a file. With `lms`, also gives what pictures need.
pub fn write_rows<T>(
    scene: &Scene<'_>,
    part: [Range<usize>; 2],
    range: [f32; 2],
    lms: bool,
    args: &OutputArgs,
    creation: &Creation,
    fuse: impl FnOnce(&mut Sink<'_>) -> Result<T, CliError>,
) -> Result<(T, Option<Collector>), CliError> {
    let [rows, columns] = &part;
    let window = Window { x: columns.start, y: rows.start, width: columns.len(), height: rows.len() };
    let all = scene.ms().bands;
    let bands = args.bands(all)?;
    let layout = Layout { range, ..Layout::fused(&scene.pan().part(window), &scene.ms().select(&bands)) };
    let mut file = CogWriter::create(&args.output, &layout, creation, args.overwrite)?;
    let mut collector = lms.then(|| Collector::new(part.clone(), all, range));
    let mut sink = |rows: Rows| -> Result<(), TiffError> {
        if let Some(collector) = &mut collector {
            collector.take(scene, &rows)?;
        }
        if bands.iter().copied().eq(0..all) {
            return file.write_rows(&rows.hrms, rows.valid.as_deref());
        }
        file.write_rows(&select(&rows.hrms, all, &bands), rows.valid.as_deref())
    };
    let done = fuse(&mut sink)?;
    file.finish()?;
    Ok((done, collector))
}
