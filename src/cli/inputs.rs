//! The pair that a command works on: files by name, or the folder of a product.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trapan::method::config::{Profile, Sensor};
use trapan::method::{Config, Coregistration};
use trapan::raster::{Check, Geometry, GeometryOptions, Product, Scene, Source};

use super::geometry::GeometryArgs;
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
    /// Multispectral GeoTIFF of the same area, 1 to 16 bands, or several files whose bands follow
    /// each other
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "files")]
    ms: Vec<PathBuf>,
    /// Bands of a Landsat product to fuse [default: B2 to B7; Landsat 7: B1 to B5, B7]
    #[arg(long, value_delimiter = ',', value_name = "B4,B3,…", requires = "files")]
    bands: Vec<String>,
    /// Value of pixels without data, for files that do not state one
    #[arg(long, allow_negative_numbers = true, value_name = "VALUE")]
    nodata: Option<f64>,
    #[command(flatten)]
    pub geometry: GeometryArgs,
}

/// The two images, opened.
pub struct Files {
    pub pan: Source,
    pub ms: Source,
    /// The preset of a product's sensor, if there is one.
    pub sensor: Option<Sensor>,
}

impl PairArgs {
    /// Opens the files, or those of the product.
    pub fn open(&self) -> Result<Files, CliError> {
        let (mut inputs, nodata) = match &self.files[..] {
            [path] if path.is_file() => return Err(CliError::OneFile { path: path.clone() }),
            [folder] => {
                let product = Product::open(folder, &self.bands)?;
                let [pan, ms] = product.sources()?;
                let sensor = product.satellite.as_deref().and_then(sensor);
                (Files { pan, ms, sensor }, product.nodata)
            }
            [_, _, ..] if !self.bands.is_empty() => return Err(CliError::BandsOfFiles),
            [pan, ms @ ..] => (Files { pan: Source::open(&[pan])?, ms: Source::open(ms)?, sensor: None }, None),
            [] => {
                let pan = Source::open(&self.pan.iter().collect::<Vec<_>>())?;
                (Files { pan, ms: Source::open(&self.ms)?, sensor: None }, None)
            }
        };
        if let Some(nodata) = self.nodata.or(nodata) {
            inputs.pan.assume_nodata(nodata);
            inputs.ms.assume_nodata(nodata);
        }
        Ok(inputs)
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

impl InputArgs {
    /// Opens and matches the files, without reading a pixel. With the product's sensor, if it has a preset.
    pub fn open(&self) -> Result<(Scene<'static>, Option<Sensor>), CliError> {
        self.matched(&self.pair.geometry.options())
    }

    fn matched(&self, options: &GeometryOptions) -> Result<(Scene<'static>, Option<Sensor>), CliError> {
        let Files { pan, ms, sensor } = self.pair.open()?;
        let geometry = Geometry::of(pan.header(), ms.header(), options)?;
        Ok((Scene::new(pan, ms, geometry), sensor))
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
                    Some(shift) => Some((GeometryOptions { shift, ..options }, found.to_string())),
                    None => {
                        talk.say(format_args!("{found} (--coregister)"));
                        None
                    }
                }
            }
        };
        if let Some((options, done)) = corrected {
            (scene, _) = self.matched(&options)?;
            check = Check::of(&scene)?;
            scene.warnings.push(format!("{done} (--coregister)"));
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
