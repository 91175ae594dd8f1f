//! From fused rows to the GeoTIFF, strip by strip.

use std::ops::Range;

use trapan::method::apply::FusedRows;
use trapan::report::Collector;
use trapan::scene::Scene;
use trapan::tiff::{CogWriter, Creation, Layout, TiffError, Window, select};

use super::CliError;
use super::args::OutputArgs;

/// The file that fused rows go into; it is opened with the first of them.
pub(super) struct OutputFile<'a> {
    scene: &'a Scene<'a>,
    args: &'a OutputArgs,
    creation: &'a Creation,
    layout: Layout,
    /// Bands that are written.
    bands: Vec<usize>,
    writer: Option<CogWriter>,
    /// What pictures need.
    collector: Option<Collector>,
}

impl<'a> OutputFile<'a> {
    /// For rows and columns of a scene, their values within `range`; with `pictures`, what these need is kept.
    pub(super) fn new(
        scene: &'a Scene<'a>,
        part: [Range<usize>; 2],
        range: [f32; 2],
        pictures: bool,
        args: &'a OutputArgs,
        creation: &'a Creation,
    ) -> Result<Self, CliError> {
        let [rows, columns] = &part;
        let window = Window { x: columns.start, y: rows.start, width: columns.len(), height: rows.len() };
        let all = scene.ms().bands;
        let bands = args.bands(all)?;
        let layout = Layout { range, ..Layout::fused(&scene.pan().part(window), &scene.ms().select(&bands)) };
        let collector = pictures.then(|| Collector::new(part, all, range));
        Ok(Self { scene, args, creation, layout, bands, writer: None, collector })
    }

    /// Takes the next rows.
    pub(super) fn take(&mut self, rows: &FusedRows) -> Result<(), TiffError> {
        if let Some(collector) = &mut self.collector {
            collector.take(self.scene, rows)?;
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let Self { args, layout, creation, .. } = self;
                none.insert(CogWriter::create(&args.output, layout, creation, args.overwrite)?)
            }
        };
        let all = self.scene.ms().bands;
        if self.bands.iter().copied().eq(0..all) {
            return writer.write_rows(&rows.hrms, rows.valid.as_deref());
        }
        writer.write_rows(&select(&rows.hrms, all, &self.bands), rows.valid.as_deref())
    }

    /// Publishes the file once all rows are there, and gives what pictures need.
    pub(super) fn finish(self) -> Result<Option<Collector>, CliError> {
        self.writer.map_or(Ok(()), CogWriter::finish)?;
        Ok(self.collector)
    }
}
