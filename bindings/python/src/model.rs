//! Trained networks: from files, into files, applied to windows.

use std::path::PathBuf;

use pyo3::prelude::*;
use trapan::engine::Options;
use trapan::method::apply::{Application, apply};
use trapan::method::{self, Prior, Request, Watch};
use trapan::scene::{Scale, Scene, Survey};
use trapan::tiff::Window;

use crate::error::{Failure, Result};
use crate::fuse::{Destination, Fused, Place, Target, geometry, sensor_named};
use crate::image::Image;
use crate::watch::Watcher;

/// Networks of one pair, or of many.
#[pyclass(frozen)]
pub struct Model(Networks);

enum Networks {
    Own(Box<method::Model>),
    Prior(Box<Prior>),
}

impl Model {
    pub fn own(model: method::Model) -> Self {
        Self(Networks::Own(Box::new(model)))
    }
}

#[pymethods]
impl Model {
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(py.detach(|| -> Result<Self> {
            Ok(Self(match Prior::open(&path)? {
                Some(prior) => Networks::Prior(Box::new(prior)),
                None => Networks::Own(Box::new(method::Model::load(&path)?)),
            }))
        })?)
    }

    fn save(&self, py: Python<'_>, path: PathBuf, overwrite: bool) -> PyResult<()> {
        Ok(py.detach(|| -> Result<()> {
            match &self.0 {
                Networks::Own(model) => model.save(&path, overwrite)?,
                Networks::Prior(prior) => prior.save(&path, overwrite)?,
            }
            Ok(())
        })?)
    }

    #[getter]
    fn bands(&self) -> usize {
        match &self.0 {
            Networks::Own(model) => model.bands,
            Networks::Prior(prior) => prior.bands,
        }
    }

    #[getter]
    fn ratio(&self) -> usize {
        match &self.0 {
            Networks::Own(model) => model.ratio,
            Networks::Prior(prior) => prior.ratio,
        }
    }

    /// Settings of the training, as JSON.
    #[getter]
    fn settings(&self) -> String {
        let config = match &self.0 {
            Networks::Own(model) => &model.config,
            Networks::Prior(prior) => &prior.config,
        };
        serde_json::to_string(config).expect("plain values")
    }

    /// What the result is made of, in words; nothing of networks of many pairs.
    #[getter]
    fn summary(&self) -> Option<String> {
        match &self.0 {
            Networks::Own(model) => Some(model.summary().to_string()),
            Networks::Prior(_) => None,
        }
    }

    /// Applies it to a pair, or to first column, first row, columns and rows of PAN in the common area.
    #[pyo3(signature = (pan, ms, sensor, coregister, window, place, aligned, extent, target, callback=None))]
    #[expect(clippy::too_many_arguments, reason = "Python's side gives them names")]
    fn apply(
        &self,
        py: Python<'_>,
        pan: &Image,
        ms: &Image,
        sensor: Option<&str>,
        coregister: Option<&str>,
        window: Option<[usize; 4]>,
        place: Place,
        aligned: Option<&str>,
        extent: &str,
        target: Target,
        callback: Option<Py<PyAny>>,
    ) -> PyResult<Fused> {
        let watcher = Watcher::new(callback);
        Ok(py.detach(|| -> Result<Fused> {
            let geometry = geometry(aligned, extent)?;
            let images = [&*pan.image, &*ms.image];
            let scene = Scene::of(images[0], images[1], &geometry)?;
            let config = match &self.0 {
                Networks::Prior(prior) => {
                    prior.check(&prior.config, scene.ms().bands, scene.ratio())?;
                    &prior.config
                }
                Networks::Own(model) => {
                    model.check_shape(&scene)?;
                    &model.config
                }
            };
            let inputs: Vec<PathBuf> = pan.files.iter().chain(&ms.files).cloned().collect();
            target.check(&inputs, &scene)?;
            let mut request = Request::default();
            if let Some(how) = coregister {
                request.set("coregister", how)?;
            }
            let (mut scene, _) = request.register(images, &geometry, config)?;
            let [width, height] = [scene.columns.fine, scene.rows.fine];
            let [x, y, w, h] = window.unwrap_or([0, 0, width, height]);
            let window = Window { x, y, width: w, height: h };
            if !window.is_within([width, height]) {
                return Err(Failure::usage(format!(
                    "window {x},{y},{w},{h} is empty or reaches beyond the common area of {width}x{height} pixels"
                )));
            }
            let survey = Survey::of(&scene)?;
            let model = match &self.0 {
                Networks::Prior(prior) => {
                    let scale = Scale::new(&scene, &survey, None)?;
                    prior.adopt((&scene, &survey), &scale, sensor_named(sensor)?)?
                }
                Networks::Own(model) => (**model).clone().suited(&mut scene, &survey)?,
            };
            let device = place.open()?;
            let part = [y..y + h, x..x + w];
            let (options, memory) = (Options::default(), place.memory());
            let mut to = Destination::new(&target, &scene, &part, model.scale.range)?;
            let job = Application { scene: &scene, model: &model, device: &device, options, part, memory, lms: false };
            let mut watch = watcher.of_rows(h);
            let pass = watcher.end(apply(&job, &mut |rows| to.take(rows), &mut |row| watch.rows(row - y)))?;
            let [down, right] = scene.in_file(false, [0, 0]);
            let warnings = scene.warnings.iter().chain(&survey.warnings).chain(&pass.notes).cloned().collect();
            to.finish([down + y, right + x], warnings)
        })?)
    }
}
