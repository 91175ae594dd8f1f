//! The pair that a command works on: files by name, or the folder of a product.

use std::path::PathBuf;

use clap::Args;
use trapan::method::config::Sensor;
use trapan::raster::{Product, RasterError, Source};

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
}

/// The two images, opened.
pub struct Inputs {
    /// The panchromatic image.
    pub pan: Source,
    /// The multispectral image.
    pub ms: Source,
    /// The sensor of a product, if it is one that has a preset.
    pub sensor: Option<Sensor>,
}

impl InputArgs {
    /// Opens the files, or finds those of the product.
    pub fn open(&self) -> Result<Inputs, RasterError> {
        let (mut inputs, nodata) = match (&self.product, &self.pan) {
            (Some(folder), _) => {
                let product = Product::open(folder, &self.bands)?;
                let [pan, ms] = product.sources()?;
                let sensor = product.satellite.as_deref().and_then(sensor);
                (Inputs { pan, ms, sensor }, product.nodata)
            }
            (None, pan) => {
                let pan = Source::open(&pan.iter().collect::<Vec<_>>())?;
                (Inputs { pan, ms: Source::open(&self.ms)?, sensor: None }, None)
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
