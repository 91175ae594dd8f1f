//! The pair that a command works on: files by name, or the folder of a product.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trapan::method::config::{Profile, Sensor};
use trapan::method::{Config, Coregistration};
use trapan::product::Product;
use trapan::scene::{Check, Geometry, GeometryOptions, Scene};
use trapan::tiff::Source;

use super::geometry::GeometryArgs;
use super::remedy::in_flags;
use super::{CliError, Talk};

/// Which files, and how they lie on each other.
#[derive(Args)]
pub struct PairArgs {
    /// Folder of a product: Landsat Collection 2 level 1 (MTL, B8 and other bands), Maxar (*_PAN and
    /// *_MUL) or GF-1/2; or the PAN file and the MS file or files, as with --pan and --ms
    #[arg(value_name = "PRODUCT_DIR | PAN MS", conflicts_with_all = ["pan", "ms"], required_unless_present_any = ["pan", "ms"])]
    files: Vec<PathBuf>,
    /// Panchromatic GeoTIFF, one band
    #[arg(long, value_name = "FILE", required_unless_present = "files")]
    pan: Option<PathBuf>,
    /// Multispectral GeoTIFF of the same area, or several files whose bands follow each other; up to 16
    /// bands are fused at once, see --ms-bands
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "files")]
    ms: Vec<PathBuf>,
    /// MS bands to fuse, by name or number from 1, in this order; the others are not read. Of a Landsat
    /// product by its own numbers (B4 or 4) [default: all; Landsat: B2 to B7; Landsat 7: B1 to B5, B7]
    #[arg(long, visible_alias = "bands", value_delimiter = ',', value_name = "BAND,…")]
    ms_bands: Vec<String>,
    /// Value of pixels without data, or none, whatever the files state; two values: of PAN, of MS
    #[arg(long, allow_hyphen_values = true, value_name = "VALUE[,VALUE]", value_parser = nodata)]
    nodata: Option<[Option<f64>; 2]>,
    #[command(flatten)]
    pub geometry: GeometryArgs,
}

/// The two images, opened.
pub struct Files {
    pub pan: Source,
    pub ms: Source,
    /// The preset of a product's sensor, if there is one.
    pub sensor: Option<Sensor>,
    /// All files of both, and of the product.
    pub paths: Vec<PathBuf>,
}

impl PairArgs {
    /// Opens the files, or those of the product.
    pub fn open(&self) -> Result<Files, CliError> {
        let (pan, mut ms, product) = match &self.files[..] {
            [path] if path.is_file() => return Err(CliError::OneFile { path: path.clone() }),
            [folder] => {
                let product = Product::open(folder, &self.ms_bands)?;
                let [pan, ms] = product.sources()?;
                (pan, ms, product)
            }
            [pan, ms @ ..] => (Source::open(&[pan])?, Source::open(ms)?, Product::default()),
            [] => {
                let pan = Source::open(&self.pan.iter().collect::<Vec<_>>())?;
                (pan, Source::open(&self.ms)?, Product::default())
            }
        };
        let paths = pan.header().files().chain(ms.header().files()).chain(&product.files).cloned().collect();
        // A product has chosen for itself.
        if !self.ms_bands.is_empty() && product.ms.is_empty() {
            ms.choose(&self.ms_bands)?;
        }
        let mut inputs = Files { pan, ms, sensor: product.satellite.as_deref().and_then(sensor), paths };
        for (i, image) in [&mut inputs.pan, &mut inputs.ms].into_iter().enumerate() {
            match (self.nodata, product.nodata) {
                (Some(given), _) => image.set_nodata(given[i]),
                (None, Some(usual)) => image.assume_nodata(usual),
                (None, None) => {}
            }
        }
        Ok(inputs)
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
#[derive(Args)]
pub struct InputArgs {
    #[command(flatten)]
    pair: PairArgs,
    /// Measure by how much PAN lies off MS and correct it: where one shift explains it and the degraded pair is
    /// fused better then (auto), always, and refused where one shift does not do (require), or never (off)
    /// [default: auto; presets faithful and paper: off; without a value: require]
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "require",
          help_heading = "Geometry")]
    coregister: Option<Coregister>,
}

/// What to do about a shift between PAN and MS.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Coregister {
    Auto,
    Off,
    Require,
}

/// The two images on each other.
pub struct Matched {
    pub scene: Scene<'static>,
    /// The preset of a product's sensor, if there is one.
    pub sensor: Option<Sensor>,
    /// All files that are read, and those of the product.
    pub paths: Vec<PathBuf>,
}

impl InputArgs {
    /// Opens and matches the files, without reading a pixel. With the product's sensor, if it has a preset.
    pub fn open(&self, talk: Talk) -> Result<Matched, CliError> {
        let matched = self.matched(&self.pair.geometry.options())?;
        let images = [matched.scene.pan(), matched.scene.ms()];
        let mistaken = images.into_iter().filter(|image| image.mistaken_alpha.is_some());
        mistaken.flat_map(|image| &image.notes).for_each(|note| talk.say_to_the_quiet(format_args!("warning: {note}")));
        Ok(matched)
    }

    fn matched(&self, options: &GeometryOptions) -> Result<Matched, CliError> {
        let Files { pan, ms, sensor, paths } = self.pair.open()?;
        let geometry = Geometry::of(pan.header(), ms.header(), options)?;
        Ok(Matched { scene: Scene::new(pan, ms, geometry), sensor, paths })
    }

    /// Checks what [`open`](Self::open) gave, and corrects its registration as asked for, or as `config`'s
    /// preset has it; what is to be known is among the scene's warnings.
    pub fn check(&self, mut scene: Scene<'static>, config: &Config, talk: Talk) -> Result<Scene<'static>, CliError> {
        let mut check = Check::of(&scene)?;
        let own = if config.profile == Profile::Trapan { Coregister::Auto } else { Coregister::Off };
        let options = self.pair.geometry.options();
        let corrected = match self.coregister.unwrap_or(own) {
            Coregister::Off => None,
            Coregister::Require => {
                let options = check.corrected(&options)?;
                let [down, right] = options.shift;
                Some((options, format!("PAN is taken to lie {down:+.2} rows and {right:+.2} columns off MS")))
            }
            Coregister::Auto => {
                let found = Coregistration::of(&check, &scene, config)?;
                match found.correction() {
                    Some(shift) => Some((GeometryOptions { shift, ..options }, in_flags(&found, found.remedy()))),
                    None => {
                        talk.say(format_args!("{} (--coregister)", in_flags(&found, found.remedy())));
                        None
                    }
                }
            }
        };
        if let Some((options, done)) = corrected {
            scene = self.matched(&options)?.scene;
            check = Check::of(&scene)?;
            scene.warnings.push(format!("{done} (--coregister)").into());
        }
        scene.warnings.extend(check.warnings);
        Ok(scene)
    }
}

/// The preset of a satellite.
fn sensor(satellite: &str) -> Option<Sensor> {
    match satellite {
        "QB02" => Some(Sensor::Qb),
        "IK01" | "IK02" => Some(Sensor::Ikonos),
        "GE01" => Some(Sensor::Ge1),
        "WV02" => Some(Sensor::Wv2),
        "WV03" => Some(Sensor::Wv3),
        "WV04" => Some(Sensor::Wv4),
        "GF2" => Some(Sensor::Gf2),
        _ => None,
    }
}
