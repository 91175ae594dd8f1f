//! Fusing a pair, to an array or to a file.

use std::ops::Range;
use std::path::PathBuf;

use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;
use trapan::cli::usual_memory;
use trapan::engine::Device;
use trapan::method::apply::FusedRows;
use trapan::method::config::Sensor;
use trapan::method::{self, Job, Prior, Request, Run};
use trapan::remedy::Note;
use trapan::scene::{Alignment, Extent, GeometryOptions, Scene};
use trapan::tiff::{
    CogWriter, Creation, Format, Layout, Output, TiffError, Window, check_output, check_outputs, select,
};

use crate::error::{Failure, Result};
use crate::image::{Image, array};
use crate::model::Model;
use crate::watch::Watcher;

/// Where a result goes, and what of it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Target {
    output: Option<PathBuf>,
    overwrite: bool,
    /// `KEY=VALUE` by GDAL's names.
    creation: Vec<String>,
    /// Bands from 1; all without any.
    out_bands: Vec<usize>,
    /// Values as they are computed, not rounded to the type of MS.
    exact: bool,
}

/// Where to compute.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Place {
    device: String,
    pub threads: usize,
    /// Bytes for tiles and strips.
    memory: Option<u64>,
}

impl Place {
    pub fn open(&self) -> Result<Device> {
        let choice = self.device.parse().map_err(|error| Failure::usage(format!("device: {error}")))?;
        Ok(Device::open(choice, self.threads)?.0)
    }

    pub fn memory(&self) -> u64 {
        self.memory.unwrap_or_else(usual_memory)
    }
}

/// How PAN and MS lie on each other.
pub fn geometry(assume_aligned: Option<&str>, extent: &str) -> Result<GeometryOptions> {
    let assume_aligned = match assume_aligned {
        None => None,
        Some("area") => Some(Alignment::Area),
        Some("centre") => Some(Alignment::Centre),
        Some(other) => return Err(Failure::usage(format!("assume_aligned is {other}: it must be area or centre"))),
    };
    let extent = match extent {
        "intersection" => Extent::Intersection,
        "pan" => Extent::Pan,
        other => return Err(Failure::usage(format!("extent is {other}: it must be intersection or pan"))),
    };
    Ok(GeometryOptions { assume_aligned, extent, ..GeometryOptions::default() })
}

/// A sensor by its name.
pub fn sensor_named(name: Option<&str>) -> Result<Option<Sensor>> {
    let mut request = Request::default();
    name.map(|name| request.set("sensor", name)).transpose()?;
    Ok(request.sensor)
}

/// What is asked of a run, by names.
pub fn request(options: &[(String, String)]) -> Result<Request> {
    let mut request = Request::default();
    options.iter().try_for_each(|(name, text)| request.set(name, text))?;
    Ok(request)
}

impl Target {
    /// The bands to write, from 0.
    fn bands(&self, all: usize) -> Result<Vec<usize>> {
        if let Some(band) = self.out_bands.iter().find(|band| !(1..=all).contains(*band)) {
            return Err(Failure::usage(format!("out_bands has {band}: MS has bands 1 to {all}")));
        }
        Ok(if self.out_bands.is_empty() { (0..all).collect() } else { self.out_bands.iter().map(|b| b - 1).collect() })
    }

    /// Finds out, before a long computation, whether the result can be written.
    pub fn check(&self, inputs: &[PathBuf], scene: &Scene<'_>) -> Result<()> {
        self.bands(scene.ms().bands)?;
        let Some(output) = &self.output else { return Ok(()) };
        check_outputs(inputs, &[Output::new(output, Format::GeoTiff)])?;
        Creation::parse(&self.creation).and_then(|c| c.check(scene.ms().sample)).map_err(TiffError::from)?;
        Ok(check_output(output, self.overwrite)?)
    }
}

/// Fused rows on their way: into a file, or into memory.
pub struct Destination<'a> {
    target: &'a Target,
    layout: Layout,
    all: usize,
    bands: Vec<usize>,
    writer: Option<CogWriter>,
    values: Vec<f32>,
    valid: Vec<bool>,
}

impl<'a> Destination<'a> {
    /// For rows and columns of a scene, their values within `range`.
    pub fn new(target: &'a Target, scene: &Scene<'_>, part: &[Range<usize>; 2], range: [f32; 2]) -> Result<Self> {
        let [rows, columns] = part;
        let window = Window { x: columns.start, y: rows.start, width: columns.len(), height: rows.len() };
        let all = scene.ms().bands;
        let bands = target.bands(all)?;
        let layout = Layout { range, ..Layout::fused(&scene.pan().part(window), &scene.ms().select(&bands)) };
        Ok(Self { target, layout, all, bands, writer: None, values: Vec::new(), valid: Vec::new() })
    }

    /// Takes the next rows.
    pub fn take(&mut self, rows: FusedRows) -> std::result::Result<(), TiffError> {
        let Self { target, layout, all, bands, writer, .. } = self;
        let whole = bands.iter().copied().eq(0..*all);
        let mut values = if whole { rows.hrms } else { select(&rows.hrms, *all, bands) };
        let valid = rows.valid.as_deref();
        if let Some(path) = &target.output {
            let file = match writer {
                Some(file) => file,
                none => {
                    let creation = Creation::parse(&target.creation)?;
                    none.insert(CogWriter::create(path, layout, &creation, target.overwrite)?)
                }
            };
            return file.write_rows(&values, valid);
        }
        if !target.exact {
            let refused = |what| TiffError::Write { path: "the result".into(), source: std::io::Error::other(what) };
            layout.hold(&mut values, valid).map_err(refused)?;
        }
        let pixels = values.len() / bands.len();
        self.values.append(&mut values);
        self.valid.extend(rows.valid.unwrap_or_else(|| vec![true; pixels]));
        Ok(())
    }

    /// The result once all rows are there.
    pub fn finish(self, offset: [usize; 2], warnings: Vec<Note>) -> Result<Fused> {
        self.writer.map_or(Ok(()), CogWriter::finish)?;
        let warnings = warnings.iter().map(ToString::to_string).collect();
        let (layout, exact) = (self.layout, self.target.exact);
        Ok(Fused { layout, exact, values: self.values, valid: self.valid, offset, warnings, run: None })
    }
}

/// A fused image, and how it came about.
#[pyclass]
pub struct Fused {
    layout: Layout,
    exact: bool,
    values: Vec<f32>,
    valid: Vec<bool>,
    offset: [usize; 2],
    warnings: Vec<String>,
    run: Option<Run>,
}

#[pymethods]
impl Fused {
    /// Values `[H, W, C]`, handed over once; nothing where they went into a file.
    fn take_values<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let Layout { width, height, bands, sample, .. } = self.layout;
        let values = std::mem::take(&mut self.values);
        let sample = if self.exact { trapan::tiff::Sample::F32 } else { sample };
        (!values.is_empty()).then(|| array(py, &values, [height, width, bands], sample))
    }

    /// Where they are valid, `[H, W]`, handed over once; nothing: everywhere, or in a file.
    fn take_valid<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyArray2<bool>>> {
        let valid = std::mem::take(&mut self.valid);
        let shape = [self.layout.height, self.layout.width];
        valid.contains(&false).then(|| Array2::from_shape_vec(shape, valid).expect("one per pixel").into_pyarray(py))
    }

    /// a, b, c, d, e, f as rasterio's.
    #[getter]
    fn transform(&self) -> Option<[f64; 6]> {
        self.layout.geo.affine().map(|a| [a.dx, a.rx, a.x0, a.ry, a.dy, a.y0])
    }

    #[getter]
    fn nodata(&self) -> Option<f64> {
        self.layout.nodata
    }

    #[getter]
    fn descriptions(&self) -> Vec<Option<String>> {
        self.layout.descriptions.clone()
    }

    /// First row and column in PAN.
    #[getter]
    fn offset(&self) -> [usize; 2] {
        self.offset
    }

    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// What makes the result, where that is a model.
    #[getter]
    fn model(&self) -> Option<Model> {
        self.run.as_ref()?.model.clone().map(Model::own)
    }

    /// In words.
    #[getter]
    fn summary(&self) -> Option<String> {
        Some(self.run.as_ref()?.model.as_ref()?.summary().to_string())
    }

    #[getter]
    fn device(&self) -> Option<String> {
        self.run.as_ref().map(|run| run.timings.device.clone())
    }
}

/// Fuses PAN and MS.
#[pyfunction]
#[pyo3(signature = (pan, ms, sensor, options, place, aligned, extent, target, callback=None))]
#[expect(clippy::too_many_arguments, reason = "Python's side gives them names")]
pub fn fuse(
    py: Python<'_>,
    pan: &Image,
    ms: &Image,
    sensor: Option<&str>,
    options: Vec<(String, String)>,
    place: Place,
    aligned: Option<&str>,
    extent: &str,
    target: Target,
    callback: Option<Py<PyAny>>,
) -> PyResult<Fused> {
    let watcher = Watcher::new(callback);
    Ok(py.detach(|| -> Result<Fused> {
        let (request, geometry) = (request(&options)?, geometry(aligned, extent)?);
        let images = [&*pan.image, &*ms.image];
        let scene = Scene::of(images[0], images[1], &geometry)?;
        let config = request.config(sensor_named(sensor)?, scene.ms().bands)?;
        if config.trains() {
            config.check_grids(&scene.rows, &scene.columns)?;
            Prior::asked_for(&config, scene.ms().bands, scene.ratio())?;
        }
        let inputs: Vec<PathBuf> =
            pan.files.iter().chain(&ms.files).cloned().chain(config.init.file().map(Into::into)).collect();
        target.check(&inputs, &scene)?;
        let ready = request.prepare(images, &geometry, config)?;
        let device = if ready.config.trains() { place.open()? } else { Device::cpu(place.threads) };
        let part = [0..ready.scene.rows.fine, 0..ready.scene.columns.fine];
        let mut to = Destination::new(&target, &ready.scene, &part, ready.scale.range)?;
        let job = Job { memory: place.memory(), ..ready.job(&device) };
        let mut watch = watcher.of_rows(ready.scene.rows.fine);
        let run = watcher.end(method::run(job, &mut |rows| to.take(rows), &mut watch))?;
        let offset = ready.scene.in_file(false, [0, 0]);
        let warnings = ready.scene.warnings.iter().chain(&run.notes).cloned().collect();
        Ok(Fused { run: Some(run), ..to.finish(offset, warnings)? })
    })?)
}
