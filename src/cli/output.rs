//! From trained networks to the GeoTIFF, strip by strip.

use trapan::method::apply::{Application, Applied, Rows};
use trapan::raster::{CogWriter, Creation, Layout, RasterError, Window, select};
use trapan::report::Collector;

use super::args::OutputArgs;
use super::{CliError, Talk, progress};

/// Fuses a part of a scene into a file. With `job.lms`, also gives what pictures need.
pub fn write_scene(
    job: &Application<'_>,
    args: &OutputArgs,
    creation: &Creation,
    talk: Talk,
) -> Result<(Applied, Option<Collector>), CliError> {
    let [rows, columns] = &job.part;
    let window = Window { x: columns.start, y: rows.start, width: columns.len(), height: rows.len() };
    let scale = &job.fitted.scale;
    let pan = job.scene.pan().part(window);
    let bands = args.bands(job.fitted.bands)?;
    let layout = Layout { range: scale.range, ..Layout::fused(&pan, &job.scene.ms().select(&bands)) };
    let mut file = CogWriter::create(&args.output, &layout, creation, args.overwrite)?;
    let mut collector = job.lms.then(|| Collector::new(job.part.clone(), job.fitted.bands, scale.range));
    let mut sink = |rows: Rows| -> Result<(), RasterError> {
        if let Some(collector) = &mut collector {
            collector.take(job.scene, &rows)?;
        }
        if bands.iter().copied().eq(0..job.fitted.bands) {
            return file.write_rows(&rows.hrms, rows.valid.as_deref());
        }
        file.write_rows(&select(&rows.hrms, job.fitted.bands, &bands), rows.valid.as_deref())
    };
    let applied = progress::apply(job, &mut sink, talk)?;
    file.finish()?;
    Ok((applied, collector))
}
