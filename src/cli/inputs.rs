//! The pair that a command works on: files by name, or the folder of a product.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use trapan::method::config::Sensor;
use trapan::method::{Config, Coregistration, Gain, Gains, Preparation, Request, Shift};
use trapan::product::Product;
use trapan::scene::{GeometryOptions, Image, Scene};
use trapan::tiff::{Source, is_address, shown};

use super::geometry::GeometryArgs;
use super::remedy::in_flags;
use super::{CliError, Talk, stac};

/// Which files, and how they lie on each other.
#[derive(Args, Clone)]
pub(super) struct PairArgs {
    /// Folder of a product: Landsat Collection 2 level 1 (MTL, B8 and other bands), Maxar (*_PAN and
    /// *_MUL), Airbus (DIM_*_P_*.XML and DIM_*_MS_*.XML), GF-1/2/6, SuperView, Jilin-1, KOMPSAT-3, CBERS-4/4A or
    /// Sentinel-2; or a STAC item (.json, or an address), see --pan-asset; or the PAN file and the MS file or files, as
    /// with --pan and --ms. Wherever an image or an item is read, an address can stand: https://, s3://, gs:// or az://
    #[arg(value_name = "PRODUCT_DIR | ITEM | PAN MS", conflicts_with_all = ["pan", "ms"], required_unless_present_any = ["pan", "ms"])]
    files: Vec<PathBuf>,
    /// Panchromatic image of one band: GeoTIFF, VRT of such, or DIMAP; or several files, see --pan-band
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "files")]
    pan: Vec<PathBuf>,
    /// Band of PAN, where it has several: its name, its number from 1, or `mean`, the mean of all [default: the only
    /// one; Sentinel-2: mean]
    #[arg(long, value_name = "BAND")]
    pan_band: Option<String>,
    /// Multispectral image of the same area, or several files whose bands follow each other; up to 16
    /// bands are fused at once, see --ms-bands
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "files")]
    ms: Vec<PathBuf>,
    /// MS bands to fuse, by name or number from 1, in this order; the others are not read. Of a Landsat
    /// product by its own numbers (B4 or 4) [default: all; Landsat: B2 to B7; Landsat 7: B1 to B5, B7]
    #[arg(long, visible_alias = "bands", value_delimiter = ',', value_name = "BAND,…")]
    ms_bands: Vec<String>,
    #[command(flatten)]
    assets: stac::Assets,
    /// Value of pixels without data, or none, whatever the files state; two values: of PAN, of MS
    #[arg(long, allow_hyphen_values = true, value_name = "VALUE[,VALUE]", value_parser = nodata)]
    nodata: Option<[Option<f64>; 2]>,
    #[command(flatten)]
    pub geometry: GeometryArgs,
}

/// The two images, opened.
pub(super) struct Files {
    pub pan: Source,
    pub ms: Source,
    /// The preset of a product's sensor, if there is one.
    pub sensor: Option<Sensor>,
    /// All files of both, and of the product.
    pub paths: Vec<PathBuf>,
    /// The STAC item that names them, if one does.
    pub item: Option<stac::Found>,
}

impl Files {
    /// PAN and MS.
    pub(super) fn images(&self) -> [&dyn Image; 2] {
        [&self.pan, &self.ms]
    }
}

impl PairArgs {
    /// Opens the files, or those of the product.
    pub(super) fn open(&self) -> Result<Files, CliError> {
        let mut item = None;
        let (pan, mut ms, product) = match &self.files[..] {
            [path] if stac::is_item(path) => {
                let found = item.insert(stac::item(path, &self.assets)?);
                (self.pan(&found.reads[..1])?, Source::open(&found.reads[1..])?, Product::default())
            }
            [path] if path.is_file() || is_address(path) && !stac::is_folder(path) => {
                return Err(CliError::OneFile { path: shown(path) });
            }
            [folder] => {
                let mut product = Product::open(folder, &self.ms_bands)?;
                product.pan_band = self.pan_band.clone().or(product.pan_band);
                let [pan, ms] = product.sources()?;
                (pan, ms, product)
            }
            [pan, ms @ ..] => (self.pan(std::slice::from_ref(pan))?, Source::open(ms)?, Product::default()),
            [] => (self.pan(&self.pan)?, Source::open(&self.ms)?, Product::default()),
        };
        // It must not be written over.
        let named = item.iter().map(|item: &stac::Found| &item.href).filter(|href| !is_address(href));
        let paths =
            pan.header().files().chain(ms.header().files()).chain(&product.files).chain(named).cloned().collect();
        // A product has chosen for itself.
        if !self.ms_bands.is_empty() && product.ms.is_empty() {
            ms.choose(&self.ms_bands)?;
        }
        let mut inputs =
            Files { pan, ms, sensor: product.satellite.as_deref().and_then(Sensor::of_satellite), paths, item };
        for (i, image) in [&mut inputs.pan, &mut inputs.ms].into_iter().enumerate() {
            match (self.nodata, product.nodata) {
                (Some(given), _) => image.set_nodata(given[i]),
                (None, Some(usual)) => image.assume_nodata(usual),
                (None, None) => {}
            }
        }
        Ok(inputs)
    }

    /// PAN by the names of its files.
    fn pan(&self, files: &[PathBuf]) -> Result<Source, CliError> {
        let mut pan = Source::open(files)?;
        self.pan_band.iter().try_for_each(|band| pan.choose_one(band))?;
        Ok(pan)
    }
}

/// Nodata of PAN and of MS.
fn nodata(text: &str) -> Result<[Option<f64>; 2], String> {
    let one = |text: &str| match text.trim() {
        "none" => Ok(None),
        number => number.parse().map(Some).map_err(|_| format!("{number} is neither a number nor none")),
    };
    match &text.split(',').collect::<Vec<_>>()[..] {
        [both] => one(both).map(|both| [both; 2]),
        [pan, ms] => Ok([one(pan)?, one(ms)?]),
        _ => Err("must be one value, or two: of PAN, of MS".to_owned()),
    }
}

/// The pair to work on.
#[derive(Args, Clone)]
pub(super) struct InputArgs {
    #[command(flatten)]
    pair: PairArgs,
    /// Measure by how much PAN lies off MS and correct it: where one shift explains it and the degraded pair is
    /// fused better then (auto), always, and refused where one shift does not do (require), or never (off)
    /// [default: auto; presets faithful and paper: off; without a value: require]
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "require",
          help_heading = "Geometry",
          value_parser = PossibleValuesParser::new(["auto", "off", "require"]).try_map(|text| shift(&text)))]
    coregister: Option<Shift>,
}

/// A way to deal with a shift, by its name.
fn shift(text: &str) -> Result<Shift, String> {
    match text {
        "auto" => Ok(Shift::Auto),
        "off" => Ok(Shift::Off),
        "require" => Ok(Shift::Require),
        _ => Err("none of these".to_owned()),
    }
}

impl InputArgs {
    /// The same questions to other files.
    pub(super) fn of(&self, pan: &Path, ms: &[PathBuf]) -> Self {
        let (files, pan, ms) = (Vec::new(), vec![pan.to_owned()], ms.to_vec());
        Self { pair: PairArgs { files, pan, ms, ..self.pair.clone() }, ..self.clone() }
    }

    /// Whether a pair is named.
    pub(super) fn is_named(&self) -> bool {
        let PairArgs { files, pan, ms, .. } = &self.pair;
        !(files.is_empty() && pan.is_empty() && ms.is_empty())
    }

    /// Opens the files, or those of a product; each of the two images holds about this many bytes of decoded pixels.
    pub(super) fn open(&self, memory: Option<u64>, talk: Talk) -> Result<Files, CliError> {
        let mut files = self.pair.open()?;
        if let Some(bytes) = memory {
            [&mut files.pan, &mut files.ms].into_iter().for_each(|image| image.limit_memory(bytes));
        }
        let images = [files.pan.header(), files.ms.header()];
        let mistaken = images.into_iter().filter(|image| image.mistaken_alpha.is_some());
        mistaken.flat_map(|image| &image.notes).for_each(|note| talk.say_to_the_quiet(format_args!("warning: {note}")));
        Ok(files)
    }

    /// Lays the images on each other by what the files say, without reading a pixel.
    pub(super) fn scene<'a>(&self, files: &'a Files) -> Result<Scene<'a>, CliError> {
        Ok(Scene::of(&files.pan, &files.ms, &self.pair.geometry.options())?)
    }

    /// The same with PAN off MS by what was found before.
    pub(super) fn shifted<'a>(&self, files: &'a Files, shift: [f64; 2]) -> Result<Scene<'a>, CliError> {
        Ok(Scene::of(&files.pan, &files.ms, &GeometryOptions { shift, ..self.pair.geometry.options() })?)
    }

    /// Registers the images as asked for, or as `config`'s preset has it, and says what was found.
    pub(super) fn register<'a>(
        &self,
        files: &'a Files,
        request: &Request,
        config: &Config,
        talk: Talk,
    ) -> Result<Scene<'a>, CliError> {
        let (scene, found) = self.asking(request).register(files.images(), &self.pair.geometry.options(), config)?;
        say_shift(found.as_ref(), talk);
        Ok(scene)
    }

    /// Everything that is settled before a run; says what was found.
    pub(super) fn prepare<'a>(
        &self,
        files: &'a Files,
        request: &Request,
        config: Config,
        talk: Talk,
    ) -> Result<Preparation<'a>, CliError> {
        let ready = self.asking(request).prepare(files.images(), &self.pair.geometry.options(), config)?;
        say_shift(ready.shift.as_ref(), talk);
        say_gains(&ready, &request.gains, talk);
        Ok(ready)
    }

    fn asking(&self, request: &Request) -> Request {
        Request { shift: self.coregister, ..request.clone() }
    }
}

/// Says what was found of a shift that is left; one that is corrected is among the warnings.
fn say_shift(found: Option<&Coregistration>, talk: Talk) {
    if let Some(found) = found.filter(|found| found.correction().is_none()) {
        talk.say(format_args!("{} (--coregister)", in_flags(found, found.remedy())));
    }
}

/// Says which gains were found to be the pair's.
fn say_gains(ready: &Preparation<'_>, asked: &Gains, talk: Talk) {
    if ready.gains.is_empty() {
        return;
    }
    if *asked == Gains::Sensor {
        talk.say(format_args!(
            "warning: W-GAINS: MS is much sharper than the MTF gains of sensor {} make it, as if it were made by \
             averaging PAN's pixels: gains by the pair are used; --mtf-gains or --sensor state others",
            ready.config.sensor
        ));
    }
    let said = ready.gains.iter().map(|Gain { given, found, used }| match found {
        Some(found) if used == given => format!("{used:.3} as given ({found:.3} found)"),
        None if used == given => format!("{used:.3} as given (PAN tells too little)"),
        Some(_) => format!("{used:.3}"),
        None => format!("{used:.3} as the others (PAN tells too little)"),
    });
    talk.say(format_args!("MTF gains by the pair: {}", said.collect::<Vec<_>>().join(", ")));
}
