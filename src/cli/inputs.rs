//! The pair that a command works on: files by name, or the folder of a product.

use std::path::PathBuf;

use clap::Args;
use trapan::method::config::Sensor;
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
        for (i, image) in [&mut inputs.pan, &mut inputs.ms].into_iter().enumerate() {
            match (self.nodata, nodata) {
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
    /// Measure by how much PAN lies off MS and correct it; refused where one shift does not do
    #[arg(long, help_heading = "Geometry")]
    coregister: bool,
}

impl InputArgs {
    /// Opens and matches the files, without reading a pixel. With the product's sensor, if it has a preset.
    pub fn open(&self, talk: Talk) -> Result<(Scene<'static>, Option<Sensor>), CliError> {
        let (scene, sensor) = self.matched(&self.pair.geometry.options())?;
        let mistaken = [scene.pan(), scene.ms()].into_iter().filter(|image| image.mistaken_alpha.is_some());
        mistaken.flat_map(|image| &image.notes).for_each(|note| talk.say_to_the_quiet(format_args!("warning: {note}")));
        Ok((scene, sensor))
    }

    fn matched(&self, options: &GeometryOptions) -> Result<(Scene<'static>, Option<Sensor>), CliError> {
        let Files { pan, ms, sensor } = self.pair.open()?;
        let geometry = Geometry::of(pan.header(), ms.header(), options)?;
        Ok((Scene::new(pan, ms, geometry), sensor))
    }

    /// Checks what [`open`](Self::open) gave, and registers it if asked; what is to be known is among the
    /// scene's warnings.
    pub fn check(&self, mut scene: Scene<'static>) -> Result<Scene<'static>, CliError> {
        let mut check = Check::of(&scene)?;
        if self.coregister {
            let options = check.corrected(&self.pair.geometry.options())?;
            (scene, _) = self.matched(&options)?;
            check = Check::of(&scene)?;
            let [down, right] = options.shift;
            scene
                .warnings
                .push(format!("PAN is taken to lie {down:+.2} rows and {right:+.2} columns off MS (--coregister)"));
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
