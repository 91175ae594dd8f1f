//! `trapan assemble`: window results of one scene, joined.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use trapan::method::Watch;
use trapan::tiff::{CogWriter, Creation, Format, Layout, Output, Source, TiffError, Window, check_outputs};

use super::progress::{self, Bar};
use super::{CliError, Talk};

/// Rows that are read and handed on at a time.
const ROWS: usize = 256;

/// Arguments of `assemble`.
#[derive(Args)]
pub(super) struct AssembleArgs {
    /// Window results of one scene, as `trapan infer --strip` or `--window` wrote them; they lie where their
    /// georeference says, or without any below each other in this order
    #[arg(value_name = "WINDOW", required = true)]
    windows: Vec<PathBuf>,
    /// Fused GeoTIFF to write: the same bytes as of one run over the whole scene with the same --co
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace an existing file, never an input
    #[arg(long)]
    overwrite: bool,
    /// How the file is stored, as for `trapan fuse`; repeatable
    #[arg(long = "co", value_name = "KEY=VALUE")]
    creation: Vec<String>,
}

impl AssembleArgs {
    /// Into a file that may be written over.
    pub(super) fn over(windows: Vec<PathBuf>, output: PathBuf) -> Self {
        Self { windows, output, overwrite: true, creation: Vec::new() }
    }
}

/// Runs `assemble`.
pub(super) fn run(args: &AssembleArgs, talk: Talk) -> Result<(), CliError> {
    let creation = Creation::parse(&args.creation).map_err(TiffError::from)?;
    assemble(args, &creation, talk)
}

/// Joins windows to one file.
///
/// Their values are rounded and in their range already, and overviews follow from rounded values: so the bytes are those of
/// a file that was written at once.
pub(super) fn assemble(args: &AssembleArgs, creation: &Creation, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    check_outputs(&args.windows, &[Output::new(&args.output, Format::GeoTiff)])?;
    let image = Source::joined(&args.windows)?;
    let header = image.header();
    let [width, height] = header.size();
    let mut file = CogWriter::create(&args.output, &Layout::fused(header, header), creation, args.overwrite)?;
    let mut bar = Bar::of_rows(height, talk);
    for y in (0..height).step_by(ROWS) {
        let rows = image.read(Window { x: 0, y, width, height: ROWS.min(height - y) })?;
        file.write_rows(&rows.data, rows.valid.as_deref())?;
        if bar.rows(y).is_break() {
            break;
        }
    }
    drop(bar);
    progress::interrupted()?;
    file.finish()?;
    talk.say(format_args!(
        "wrote {} of {} windows in {:.1} s",
        args.output.display(),
        args.windows.len(),
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}
