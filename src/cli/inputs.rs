//! The pair that a command works on: files by name, or the folder of a product.

use std::path::PathBuf;

use clap::Args;
use trapan::method::config::Sensor;
use trapan::raster::{Check, Geometry, GeometryOptions, Product, RasterError, Scene, Source};

use super::geometry::GeometryArgs;

/// Which files.
#[derive(Args)]
pub struct InputArgs {
    /// Folder of a product: Landsat Collection 2 level 1 (MTL, B8 and other bands), Maxar (*_PAN and
    /// *_MUL) or GF-1/2; instead of --pan and --ms
    #[arg(value_name = "PRODUCT_DIR", conflicts_with_all = ["pan", "ms"], required_unless_present_any = ["pan", "ms"])]
    product: Option<PathBuf>,
    /// Panchromatic GeoTIFF, one band
    #[arg(long, value_name = "FILE", required_unless_present = "product")]
    pan: Option<PathBuf>,
    /// Multispectral GeoTIFF of the same area, 1 to 16 bands, or several files whose bands follow
    /// each other
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "product")]
    ms: Vec<PathBuf>,
    /// Bands of a Landsat product to fuse [default: B2 to B7; Landsat 7: B1 to B5, B7]
    #[arg(long, value_delimiter = ',', value_name = "B4,B3,…", requires = "product")]
    bands: Vec<String>,
    /// Value of pixels without data, for files that do not state one
    #[arg(long, allow_negative_numbers = true, value_name = "VALUE")]
    nodata: Option<f64>,
    #[command(flatten)]
    geometry: GeometryArgs,
    /// Measure by how much PAN lies off MS and correct it; refused where one shift does not do
    #[arg(long, help_heading = "Geometry")]
    coregister: bool,
}

/// The two images, opened.
struct Files {
    pan: Source,
    ms: Source,
    sensor: Option<Sensor>,
}

impl InputArgs {
    /// Opens, matches and checks the files, or those of the product, and registers them if asked; what is
    /// to be known is among the scene's warnings. With the product's sensor, if it has a preset.
    pub fn open(&self) -> Result<(Scene<'static>, Option<Sensor>), RasterError> {
        let open = |options: &GeometryOptions| {
            let Files { pan, ms, sensor } = self.files()?;
            let geometry = Geometry::of(pan.header(), ms.header(), options)?;
            Ok::<_, RasterError>((Scene::new(pan, ms, geometry), sensor))
        };
        let options = self.geometry.options();
        let (mut scene, sensor) = open(&options)?;
        let mut check = Check::of(&scene)?;
        if self.coregister {
            let options = check.corrected(&options)?;
            (scene, _) = open(&options)?;
            check = Check::of(&scene)?;
            let [down, right] = options.shift;
            scene
                .warnings
                .push(format!("PAN is taken to lie {down:+.2} rows and {right:+.2} columns off MS (--coregister)"));
        }
        scene.warnings.extend(check.warnings);
        Ok((scene, sensor))
    }

    fn files(&self) -> Result<Files, RasterError> {
        let (mut inputs, nodata) = match (&self.product, &self.pan) {
            (Some(folder), _) => {
                let product = Product::open(folder, &self.bands)?;
                let [pan, ms] = product.sources()?;
                let sensor = product.satellite.as_deref().and_then(sensor);
                (Files { pan, ms, sensor }, product.nodata)
            }
            (None, pan) => {
                let pan = Source::open(&pan.iter().collect::<Vec<_>>())?;
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
