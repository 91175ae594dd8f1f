//! Images that Python hands in: arrays, files, products.

use std::path::PathBuf;

use ndarray::Array3;
use numpy::{Element, IntoPyArray, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;
use trapan::method::config::Sensor;
use trapan::product::Product;
use trapan::scene;
use trapan::tiff::{Affine, GeoTags, Header, Raster, Sample, Source};

use crate::error::{Failure, Result};

/// What is known of an array beside its values.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct About {
    name: String,
    /// a, b, c, d, e, f as rasterio's: x = a·column + b·row + c.
    transform: Option<[f64; 6]>,
    /// WKT of the coordinate system.
    crs: Option<String>,
    nodata: Option<f64>,
    bits: Option<u8>,
    descriptions: Vec<Option<String>>,
}

/// An image to fuse or to judge: files that are read as they are needed, or an array.
#[pyclass(frozen)]
pub struct Image {
    pub image: Box<dyn scene::Image>,
    /// The files it is read from.
    pub files: Vec<PathBuf>,
}

#[pymethods]
impl Image {
    /// Files, whose bands follow each other; `bands` chooses some by name or number, `nodata` states a value.
    #[staticmethod]
    fn open(py: Python<'_>, paths: Vec<PathBuf>, bands: Vec<String>, nodata: Option<f64>) -> PyResult<Self> {
        Ok(py.detach(|| -> Result<Self> {
            let mut source = Source::open(&paths)?;
            if !bands.is_empty() {
                source.choose(&bands)?;
            }
            if nodata.is_some() {
                source.set_nodata(nodata);
            }
            Ok(Self::of_source(source))
        })?)
    }

    /// An array `[H, W, C]` of uint8, uint16, int16 or float32; `valid` `[H, W]` says where it holds data, beside nodata
    /// and what is not finite.
    #[staticmethod]
    fn array(values: &Bound<'_, PyAny>, about: About, valid: Option<PyReadonlyArray2<'_, bool>>) -> PyResult<Self> {
        let taken = taken::<u8>(values, Sample::U8)
            .or_else(|| taken::<u16>(values, Sample::U16))
            .or_else(|| taken::<i16>(values, Sample::I16))
            .or_else(|| taken::<f32>(values, Sample::F32));
        let Some((sample, [height, width, bands], data)) = taken else {
            let kind = values.getattr("dtype").map_or("no array".to_owned(), |dtype| dtype.to_string());
            let text = format!("{} is {kind}: it must be uint8, uint16, int16 or float32", about.name);
            return Err(Failure::usage(text).into());
        };
        let geo = match about.transform {
            None => GeoTags::default(),
            Some([dx, rx, x0, ry, dy, y0]) => {
                let affine = Affine { x0, dx, rx, y0, ry, dy };
                let refused = |why| Failure::usage(format!("the crs of {}: {why}", about.name));
                GeoTags::of(affine, about.crs.as_deref()).map_err(refused)?
            }
        };
        let mut header = Header::new(about.name, sample, [width, height, bands]);
        (header.geo, header.nodata, header.bits) = (geo, about.nodata, about.bits);
        if about.descriptions.len() == bands {
            header.descriptions = about.descriptions;
        }
        let mut raster = Raster::new(header, data);
        if let Some(valid) = valid {
            let own = raster.valid.take().unwrap_or_else(|| vec![true; height * width]);
            let both: Vec<bool> = own.iter().zip(valid.as_array().iter()).map(|(a, b)| *a && *b).collect();
            raster.valid = both.contains(&false).then_some(both);
        }
        Ok(Self { image: Box::new(raster), files: Vec::new() })
    }

    /// Rows, columns and bands.
    #[getter]
    fn shape(&self) -> [usize; 3] {
        let header = self.image.header();
        [header.height, header.width, header.bands]
    }
}

impl Image {
    fn of_source(source: Source) -> Self {
        let header = source.header();
        let files = header.files().chain(&header.beside).cloned().collect();
        Self { image: Box::new(source), files }
    }

    pub fn of_raster(raster: Raster) -> Self {
        Self { image: Box::new(raster), files: Vec::new() }
    }
}

/// PAN and MS of a product's folder, and the preset of its sensor.
#[pyfunction]
pub fn open_product(py: Python<'_>, folder: PathBuf, bands: Vec<String>) -> PyResult<(Image, Image, Option<String>)> {
    Ok(py.detach(|| -> Result<_> {
        let product = Product::open(&folder, &bands)?;
        let sources = product.sources()?.map(|mut source| {
            product.nodata.into_iter().for_each(|nodata| source.assume_nodata(nodata));
            Image::of_source(source)
        });
        let [pan, ms] = sources;
        let sensor = product.satellite.as_deref().and_then(Sensor::of_satellite);
        Ok((pan, ms, sensor.map(|sensor| sensor.to_string())))
    })?)
}

/// Values of an array of this type.
fn taken<T: Element + Copy + Into<f32>>(
    values: &Bound<'_, PyAny>,
    sample: Sample,
) -> Option<(Sample, [usize; 3], Vec<f32>)> {
    let array = values.extract::<PyReadonlyArray3<'_, T>>().ok()?;
    let array = array.as_array();
    let (height, width, bands) = array.dim();
    Some((sample, [height, width, bands], array.iter().map(|v| (*v).into()).collect()))
}

/// Values `[H, W, C]` that a file of this type would hold, as an array of it.
pub fn array<'py>(py: Python<'py>, values: &[f32], shape: [usize; 3], sample: Sample) -> Bound<'py, PyAny> {
    fn of<'py, T: Element>(
        py: Python<'py>,
        values: &[f32],
        shape: [usize; 3],
        each: impl Fn(f32) -> T,
    ) -> Bound<'py, PyAny> {
        let values = values.iter().map(|v| each(*v)).collect();
        Array3::from_shape_vec(shape, values).expect("as many as the shape has").into_pyarray(py).into_any()
    }
    match sample {
        Sample::U8 => of(py, values, shape, |v| v as u8),
        Sample::U16 => of(py, values, shape, |v| v as u16),
        Sample::I16 => of(py, values, shape, |v| v as i16),
        Sample::F32 => of(py, values, shape, |v| v),
    }
}
