//! `trapan degrade`.

use std::path::PathBuf;

use clap::Args;
use trapan::method::Contender;
use trapan::scene::{Image, StoredImage};
use trapan::tiff::{self, Creation, Format, Layout, Output, Raster, Sample};

use super::inputs::InputArgs;
use super::settings::MethodArgs;
use super::{CliError, Talk};

/// Arguments of `degrade`.
#[derive(Args)]
pub(super) struct DegradeArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Folder for pan.tif and ms.tif
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace existing files
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    method: MethodArgs,
}

/// Runs `degrade`.
pub(super) fn run(args: &DegradeArgs, talk: Talk) -> Result<(), CliError> {
    let files = args.input.open(None, talk)?;
    let scene = args.input.scene(&files)?;
    let names = ["pan.tif", "ms.tif"].map(|name| args.output.join(name));
    tiff::check_outputs(&files.paths, &names.clone().map(|path| Output::new(path, Format::GeoTiff)))?;
    tiff::create_folder(&args.output)?;
    names.iter().try_for_each(|path| tiff::check_output(path, args.overwrite))?;
    let request = args.method.request(Contender::Trapan);
    let config = request.config(files.sensor, scene.ms().bands)?;
    let phases = [scene.rows.phase, scene.columns.phase];
    let ready = args.input.prepare(&files, &request, config, talk)?;
    ready.scene.warnings.iter().for_each(|warning| talk.warn(warning));
    let (mut filled, config) = (ready.scene.filled()?, &ready.config);
    let pan = StoredImage::of(filled.coarser(&config.ms_gains, config.pan_gain).images()[0])?.raster()?;
    // Degraded PAN lies on MS. Degraded MS lies on that as the files say of the pair, without the shift that was
    // corrected: files without georeference can say nothing else.
    [filled.rows.phase, filled.columns.phase] = phases;
    let reduced = filled.coarser(&config.ms_gains, config.pan_gain);
    let ms = StoredImage::of(reduced.images()[1])?.raster()?;
    // The corner of the first pixel of degraded MS, in MS pixels.
    let corner = |phase: f64, ratio: usize| phase + 0.5 - ratio as f64 / 2.0;
    let corner = [&reduced.columns, &reduced.rows].map(|grid| corner(grid.phase, grid.ratio));
    let geo = filled.ms().geo.coarser_from(reduced.ratio(), corner);
    let write = |name: &str, image: &Raster, geo| {
        let layout = Layout {
            geo,
            nodata: image.valid.as_ref().map(|_| f64::NAN),
            descriptions: image.descriptions.clone(),
            ..Layout::new(image.size(), image.bands, Sample::F32)
        };
        let path = args.output.join(name);
        tiff::write(&path, &layout, &image.data, image.valid.as_deref(), &Creation::default(), args.overwrite)
    };
    write("pan.tif", &pan, filled.ms().geo.clone())?;
    write("ms.tif", &ms, geo)?;
    talk.say(format_args!("wrote pan.tif and ms.tif into {}; their truth is MS", args.output.display()));
    Ok(())
}
