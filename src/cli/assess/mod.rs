//! `trapan assess`.

mod full;
mod maps;
mod reduced;

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use trapan::method::config::Sensor;
use trapan::quality::Convention;
use trapan::tiff::Header;

use super::args::named;
use super::geometry::GeometryArgs;
use super::{CliError, Talk};

/// Version of the JSON's layout.
const SCHEMA: u32 = 1;

/// What the numbers are, for the end of the help.
const NOTE: &str = "The indices are those of the DLPan toolbox in double precision, in blocks of 32x32 pixels; blocks that \
nodata reaches, by a filter or itself, are left out. The toolbox's upsampled MS sits half a PAN pixel off the true grid \
of most pairs (a whole one for Landsat): published numbers have that in them, and an image that is true to its pixels \
pays for it. --phase true judges without it, too. What is degraded again is always compared at the true phase.";

/// Arguments of `assess`.
#[derive(Args)]
#[command(after_help = NOTE, group = ArgGroup::new("by").args(["pan", "truth"]).required(true))]
pub(super) struct AssessArgs {
    /// Fused GeoTIFF to judge
    #[arg(long, value_name = "FILE")]
    fused: PathBuf,
    /// Judge at full resolution: the PAN that was fused
    #[arg(long, value_name = "FILE", requires = "ms")]
    pan: Option<PathBuf>,
    /// The MS that was fused; several files of one or more bands each are stacked
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "pan")]
    ms: Vec<PathBuf>,
    /// The bands of MS that were fused, by name or number, if not all
    #[arg(long, value_delimiter = ',', value_name = "BAND,…", requires = "ms")]
    ms_bands: Vec<String>,
    /// Judge by the truth: of a simulation, or MS where its degraded pair was fused
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pan", "ms"])]
    truth: Option<PathBuf>,
    /// With --truth: PAN pixels per MS pixel of the fusion; ERGAS asks
    #[arg(long, value_name = "N", default_value_t = 4, conflicts_with = "pan")]
    ratio: usize,
    /// With --truth: bits of the values; PSNR and SSIM ask [default: declared in the file, else from
    /// the data]
    #[arg(long, value_name = "BITS", conflicts_with = "pan")]
    bit_depth: Option<u8>,
    /// With --truth: judge the border, too, of which the toolbox cuts off 20 and 21 pixels
    #[arg(long, conflicts_with = "pan")]
    whole: bool,
    /// Sensor: MTF gains
    #[arg(long, default_value = "generic", value_parser = named::<Sensor>(Sensor::NAMES))]
    sensor: Sensor,
    /// MTF gains at Nyquist, one per band [default: the sensor's]
    #[arg(long, value_delimiter = ',', value_name = "G,G,…")]
    mtf_gains: Option<Vec<f64>>,
    /// MTF gain of PAN at Nyquist [default: the sensor's]
    #[arg(long, value_name = "G")]
    pan_gain: Option<f64>,
    /// Where MS is upsampled to for the distortions: as the toolbox does, half a PAN pixel off; true:
    /// also exactly where the georeference says [default: toolbox; true where the ratio is no power of 2,
    /// which the toolbox cannot do]
    #[arg(long, value_parser = named::<Convention>(&["toolbox", "true"]))]
    phase: Option<Convention>,
    /// With --pan: networks that `trapan fuse --save-model` wrote; how far the degradations are from
    /// commuting is then found by the trained response of PAN [default: one fitted linearly to the pair]
    #[arg(long, value_name = "FILE.safetensors", conflicts_with = "truth")]
    model: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write maps as GeoTIFFs: indices per block of 32x32, angles and errors per pixel
    #[arg(long, value_name = "DIR")]
    pub maps: Option<PathBuf>,
    /// Replace existing maps
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    geometry: GeometryArgs,
}

/// Runs `assess`.
pub(super) fn run(args: &AssessArgs, talk: Talk) -> Result<(), CliError> {
    match (&args.pan, &args.truth) {
        (Some(pan), _) => full::run(args, pan, talk),
        (_, Some(truth)) => reduced::run(args, truth, talk),
        (None, None) => unreachable!("clap requires one of both"),
    }
}

/// `512x512x4`.
fn size(header: &Header) -> String {
    format!("{}x{}x{}", header.width, header.height, header.bands)
}

/// Warnings on bands of a reference that are constant.
fn constant(what: &str, ranges: &[[f64; 2]]) -> Vec<String> {
    let bands = ranges.iter().enumerate().filter(|(_, [low, high])| low == high);
    let warning = |(band, [value, _]): (usize, &[f64; 2])| {
        format!(
            "band {} of {what} is {value} wherever it is valid: by the toolbox's definition the slightest error there \
             brings Q2n of all bands to 0; leave the band out of all images",
            band + 1
        )
    };
    bands.map(warning).collect()
}

/// A warning if the first pixel of an image is not where it should be on the grid of another, both
/// georeferenced.
fn misplaced(image: &Header, on: &Header, [x, y]: [usize; 2]) -> Option<String> {
    let (fine, grid) = (image.geo.affine()?, on.geo.affine()?);
    let [column, row] = grid.find(fine.at(0.0, 0.0));
    let (sizes, wanted) = (fine.pixel_size(), grid.pixel_size());
    let scaled = (0..2).any(|i| (sizes[i] / wanted[i] - 1.0).abs() > 1e-3);
    let moved = (column - x as f64).abs().max((row - y as f64).abs()) > 0.5;
    (scaled || moved).then(|| {
        format!(
            "{} starts at column {column:.2}, row {row:.2} of {} with pixels of {:.6}, expected column {x}, row {y} \
             and {:.6}: it may show another place",
            image.path.display(),
            on.path.display(),
            sizes[0],
            wanted[0],
        )
    })
}
