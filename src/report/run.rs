//! What a run leaves behind, as the report tells it.

use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Map as Object, Value};

use super::colours::Colours;
use super::losses::Losses;
use super::map::{Map, Ramp};
use super::pictures::{PageImage, pictures};
use super::spectra::{Spectrum, sample};
use super::table::Table;
use super::view::{Images, Preview};
use super::{ReportError, SCHEMA, bands, page, save};
use crate::engine::Timing;
use crate::method::config::{Sensor, Upsample};
use crate::method::{self, Config, Model, Summary};
use crate::quality::Thumbnail;
use crate::scene::Scale;
use crate::tiff::{Format, Header, TiffError, sha256, visible_json};

/// Longest side of the overview pictures on the page, px. With [`DETAIL`] the page stays below 7 MB
/// whatever the pictures show, and is 4 to 5 MB for usual scenes.
const OVERVIEW: usize = 512;
/// Columns and rows of the detail that is compared by the slider, px.
const DETAIL: [usize; 2] = [432, 270];

/// A run to report on, and what came of it.
pub struct Subject<'a> {
    /// Name of the method, e.g. `trapan`.
    pub method: &'a str,
    /// The pair's files.
    pub inputs: InputPair,
    /// Names of the bands, where they have one.
    pub bands: &'a [Option<String>],
    /// What the user should look into.
    pub warnings: &'a [String],
    /// How the pair's values were scaled.
    pub scale: &'a Scale,
    /// The upsampled and the fused image.
    pub images: Images<'a>,
    /// How pictures are coloured.
    pub colours: &'a Colours,
    /// File of the fused image.
    pub output: &'a Path,
    /// What it did.
    pub run: &'a method::Run,
    /// Seconds per part of the run, in order; the last one is the total.
    pub seconds: Vec<(&'static str, Duration)>,
}

/// The report of a run; see the [module](super) for its JSON.
#[derive(Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Version of the layout, [`SCHEMA`].
    pub schema: u32,
    /// Versions of the program and its target.
    pub versions: Object<String, Value>,
    /// Name of the method.
    pub method: String,
    /// The pair.
    pub inputs: InputPair,
    /// File of the fused image.
    pub output: String,
    /// What the user should look into.
    pub warnings: Vec<String>,
    /// What helps to read the numbers.
    pub notes: Vec<String>,
    /// Device it ran on.
    pub device: String,
    /// Instruction set of a training on a CPU, which decides on the last bits: `avx512`, `avx2`, `portable`.
    pub instruction_set: Option<String>,
    /// Seed of all randomness.
    pub seed: Option<u64>,
    /// Settings of the training.
    pub settings: Option<Config>,
    /// How values were scaled.
    pub scale: Scale,
    /// Epochs and losses of the weights that were kept.
    pub result: Option<BestEpochs>,
    /// Base, network and consistency step.
    pub fusion: Option<Summary>,
    /// Losses of the training.
    pub losses: Option<Losses>,
    /// Seconds per part of the run, the total last.
    #[serde(serialize_with = "as_object")]
    pub seconds: Vec<(&'static str, f64)>,
    /// Time per call, where it was taken.
    pub profile: Vec<CallTime>,
    /// Where the pictures lie, and their colours.
    pub pictures: PictureLayout,
    /// Spectra of a few places.
    pub spectra: Vec<Spectrum>,
    /// Tables; the first one is about the bands.
    pub tables: Vec<Table>,
    /// Where fusing has changed the upsampled image.
    pub added: Map,
    /// Maps of errors and distortions.
    pub maps: Vec<Map>,
    /// Names of the bands.
    #[serde(skip)]
    pub(super) bands: Vec<String>,
    #[serde(skip)]
    pub(super) overview: Vec<PageImage>,
    #[serde(skip)]
    pub(super) detail: Vec<PageImage>,
}

/// The two images of the pair.
#[derive(Serialize)]
pub struct InputPair {
    /// PAN.
    pub pan: InputImage,
    /// MS.
    pub ms: InputImage,
    /// PAN pixels per MS pixel, along each axis.
    pub ratio: usize,
}

/// One image.
#[derive(Serialize)]
pub struct InputImage {
    /// File.
    pub path: String,
    /// Its SHA-256; none for images that were never a file here.
    pub sha256: Option<String>,
    /// Where bands are stacked, the other files.
    pub others: Vec<Other>,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bands.
    pub bands: usize,
    /// Type of the values.
    pub sample: String,
    /// The value that stands for "no data".
    pub nodata: Option<f64>,
    /// Whether pixels have coordinates.
    pub georeferenced: bool,
    /// Sides of a pixel in the unit of the coordinates.
    pub pixel_size: Option<[f64; 2]>,
}

/// One more file of an image.
#[derive(Serialize)]
pub struct Other {
    /// File.
    pub path: String,
    /// Its SHA-256; none for what lies at an address.
    pub sha256: Option<String>,
}

/// Epochs and losses of the weights that were kept.
#[derive(Serialize)]
pub struct BestEpochs {
    /// Epoch of the degradation network, from 1.
    pub dam_epoch: u32,
    /// Its mean loss.
    pub dam_loss: f64,
    /// Epoch of the fusion network, from 1.
    pub epoch: u32,
    /// The lowest full loss, if there was a full step.
    pub full_loss: Option<f64>,
}

/// Time one call of a plan has taken.
#[derive(Serialize)]
pub struct CallTime {
    plan: String,
    label: String,
    kernel: &'static str,
    runs: u64,
    seconds: f64,
    flops: usize,
    bytes: usize,
}

/// Where the pictures lie, and their colours.
#[derive(Serialize)]
pub struct PictureLayout {
    /// Bands shown, and DN that become black and white.
    pub colours: Colours,
    /// PAN pixels per pixel of the overview, along each axis.
    pub overview_step: usize,
    /// First column and row of the detail, PAN pixels.
    pub detail_origin: [usize; 2],
    /// Columns and rows of the detail, PAN pixels.
    pub detail_size: [usize; 2],
}

impl Report {
    /// Gathers the report of a run.
    ///
    /// # Errors
    /// A part without extent, of which there is no picture.
    pub fn new(subject: Subject<'_>) -> Result<Self, ReportError> {
        let Subject { method, inputs, bands, warnings, scale, images, colours, output, run, seconds } = subject;
        let (images, method::Run { model, log, timings, .. }) = (&images, run);
        let names = bands::names(bands, images.bands);
        let (overview, detail) = (Preview::overview(images, OVERVIEW), Preview::detail(images, DETAIL));
        let trained = model.as_ref().filter(|_| log.is_some()).map(|model| &model.config);
        let version = |name: &str, value: String| (name.to_owned(), Value::from(value));
        Ok(Self {
            schema: SCHEMA,
            versions: [
                version("trapan", env!("CARGO_PKG_VERSION").into()),
                version("target", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)),
            ]
            .into_iter()
            .collect(),
            method: method.to_owned(),
            inputs,
            output: output.display().to_string(),
            warnings: warnings.to_vec(),
            notes: model.iter().flat_map(notes).collect(),
            device: timings.device.clone(),
            instruction_set: timings.isa.map(|isa| isa.to_string()),
            seed: trained.map(|config| config.seed),
            settings: trained.cloned(),
            scale: *scale,
            result: log.as_ref().map(|o| BestEpochs {
                dam_epoch: o.dam_epoch,
                dam_loss: o.dam_loss,
                epoch: o.epoch,
                full_loss: o.best_full,
            }),
            fusion: model.as_ref().map(Model::summary),
            losses: log.as_ref().map(|log| Losses::of(&log.steps)),
            seconds: seconds.iter().map(|(part, time)| (*part, time.as_secs_f64())).collect(),
            profile: timings.calls.iter().map(CallTime::of).collect(),
            pictures: PictureLayout {
                colours: colours.clone(),
                overview_step: overview.step,
                detail_origin: detail.origin,
                detail_size: [detail.width, detail.height],
            },
            spectra: sample(images, colours),
            tables: vec![bands::table(&names, images)],
            added: added(&overview, images.bands),
            maps: Vec::new(),
            bands: names,
            overview: pictures(&overview, colours)?,
            detail: pictures(&detail, colours)?,
        })
    }

    /// The report as data.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        visible_json(&text.expect("plain values, and numbers that are not finite become null")).into_owned() + "\n"
    }

    /// The report as one self-contained page.
    pub fn html(&self) -> String {
        page::page(self)
    }

    /// What a report of this name contains.
    pub fn format(path: &Path) -> Format {
        let end = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        if matches!(end.as_deref(), Some("html" | "htm")) { Format::Html } else { Format::Json }
    }

    /// Writes the report: the page if the name ends in `.html` or `.htm`, else the data.
    ///
    /// # Errors
    /// What the file system reports; without `overwrite` also if the file exists.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), TiffError> {
        let text = if Self::format(path) == Format::Html { self.html() } else { self.json() };
        save(path, text.as_bytes(), overwrite)
    }
}

impl CallTime {
    fn of(t: &Timing) -> Self {
        let (plan, label, seconds) = (t.plan.clone(), t.label.clone(), t.total.as_secs_f64());
        Self { plan, label, kernel: t.kernel, runs: t.runs, seconds, flops: t.flops, bytes: t.bytes }
    }
}

/// The checksum of a file.
fn checksum(path: &Path) -> Result<Option<String>, TiffError> {
    path.is_file().then(|| sha256(path)).transpose()
}

impl InputPair {
    /// A pair's files.
    ///
    /// # Errors
    /// A file that can no longer be read, for its checksum.
    pub fn of(pan: &Header, ms: &Header, ratio: usize) -> Result<Self, TiffError> {
        let input = |raster: &Header| {
            let affine = raster.geo.affine();
            Ok::<_, TiffError>(InputImage {
                path: raster.path.display().to_string(),
                sha256: checksum(&raster.path)?,
                others: raster
                    .others
                    .iter()
                    .map(|path| Ok(Other { path: path.display().to_string(), sha256: checksum(path)? }))
                    .collect::<Result<_, TiffError>>()?,
                width: raster.width,
                height: raster.height,
                bands: raster.bands,
                sample: raster.sample.to_string(),
                nodata: raster.nodata.filter(|n| n.is_finite()),
                georeferenced: affine.is_some(),
                pixel_size: affine.map(|a| a.pixel_size()),
            })
        };
        Ok(Self { pan: input(pan)?, ms: input(ms)?, ratio })
    }
}

/// What the settings imply for reading the numbers.
fn notes(model: &Model) -> Vec<String> {
    let config = &model.config;
    let mut notes = Vec::new();
    if model.start.is_some() {
        notes.push(format!("What was done: {}.", model.summary()));
    }
    if matches!(config.sensor, Sensor::Generic | Sensor::Gf2) {
        notes.push(format!(
            "The MTF of sensor {} is not known: gains at Nyquist of {:?} for the bands and {} for PAN were assumed.",
            config.sensor, config.ms_gains, config.pan_gain
        ));
    }
    if config.upsample == Upsample::Interp23 {
        notes.push(
            "The upsampled image was made with the 23-tap interpolator of the published codes: at ratio 4 it lies half \
             a PAN pixel to the lower right of the true grid."
                .to_owned(),
        );
    }
    notes
}

/// Where fusing has changed the upsampled image, and by how much.
fn added(view: &Preview, bands: usize) -> Map {
    let change = |(i, (fused, lms)): (usize, (&[f32], &[f32]))| {
        let sum: f32 = fused.iter().zip(lms).map(|(f, l)| (f - l).powi(2)).sum();
        if view.valid.as_ref().is_none_or(|v| v[i]) { (sum / bands as f32).sqrt() } else { f32::NAN }
    };
    let pixels = view.fused.chunks_exact(bands).zip(view.lms.chunks_exact(bands));
    let values: Vec<f32> = pixels.enumerate().map(change).collect();
    let shown = Thumbnail::of([view.height, view.width], &values);
    let map = Map::new("Added detail", "DN", &shown, Ramp::errors(&shown.values()));
    map.with_note("Fused less upsampled image, root mean square over the bands.")
}

fn as_object<S: Serializer>(pairs: &[(&'static str, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}
