//! The pair that a command works on: files by name, or the folder of a product.

use std::path::PathBuf;

use clap::Args;
use trapan::method::config::Sensor;
use trapan::raster::{Product, RasterError};

/// Which files.
#[derive(Args)]
pub struct InputArgs {
    /// Folder of a product: Landsat Collection 2 level 1 (B8 and other bands, MTL), Maxar (*_PAN and
    /// *_MUL) or GF-1/2; instead of --pan and --ms
    #[arg(value_name = "PRODUCT_DIR", conflicts_with_all = ["pan", "ms"])]
    product: Option<PathBuf>,
    /// Panchromatic GeoTIFF, one band
    #[arg(long, value_name = "FILE", required_unless_present = "product")]
    pan: Option<PathBuf>,
    /// Multispectral GeoTIFF of the same place, 1 to 16 bands, or several files whose bands follow
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

impl InputArgs {
    /// The files, with what a product's metadata say of them.
    pub fn find(&self) -> Result<Product, RasterError> {
        let product = match (&self.product, &self.pan) {
            (Some(folder), _) => Product::open(folder, &self.bands)?,
            (None, pan) => Product { pan: pan.clone().unwrap_or_default(), ms: self.ms.clone(), ..Product::default() },
        };
        Ok(Product { nodata: self.nodata.or(product.nodata), ..product })
    }
}

/// The preset of a product's satellite, if there is one.
pub fn sensor(product: &Product) -> Option<Sensor> {
    match product.satellite.as_deref()? {
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
