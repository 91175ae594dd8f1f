//! Judging and comparing. Results are JSON, in the forms that `trapan schema` describes.

use pyo3::prelude::*;
use serde_json::{Map, Value, json};
use trapan::compare::{Contest, compare as judged, fuser};
use trapan::engine::Device;
use trapan::method::config::{Profile, Sensor};
use trapan::method::{Contender, Preparation};
use trapan::quality::{self, BLOCK, Convention, Planar, Setup, TruthSetup};
use trapan::scene::{self, GeometryOptions};

use crate::error::{Failure, Result};
use crate::fuse::{Place, geometry, request, sensor_named};
use crate::image::Image;
use crate::watch::{Heard, Watcher};

/// Judges a fused image by the pair it was made from.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python's side gives them names")]
pub fn assess(
    py: Python<'_>,
    fused: &Image,
    pan: &Image,
    ms: &Image,
    sensor: &str,
    gains: Option<Vec<f64>>,
    pan_gain: Option<f64>,
    aligned: Option<&str>,
) -> PyResult<String> {
    let images = [&*pan.image, &*ms.image, &*fused.image];
    Ok(py.detach(|| -> Result<String> {
        let options = geometry(aligned, "intersection")?;
        let sensor = sensor_named(Some(sensor))?.unwrap_or(Sensor::Generic);
        let gains = gains.map_or_else(|| sensor.ms_gains(images[1].header().bands), Ok)?;
        let pan_gain = pan_gain.unwrap_or_else(|| sensor.pan_gain());
        let (setup, [pan, ms, fused], warnings) = Setup::of(images, &options, gains, pan_gain)?;
        let mut phases = vec![setup.phase, Convention::True];
        phases.dedup();
        let mut distortion = Map::new();
        for phase in phases {
            let (scores, _) = quality::full(&pan, &ms, &fused, &Setup { phase, ..setup.clone() })?;
            let name = if phase == Convention::True { "true" } else { "toolbox" };
            distortion.insert(name.to_owned(), json!(scores));
        }
        let [height, width, _] = ms.size();
        let large = height.min(width) >= BLOCK;
        let consistency = large.then(|| quality::consistency(&ms, &fused, &setup)).transpose()?;
        let response = quality::linear_response(&pan, &ms, &setup)?;
        let linear = |bands: &[f64]| bands.iter().chain([&1.0]).zip(&response).map(|(v, weight)| v * weight).sum();
        let commutation = quality::commutation(&pan, &fused, &setup, &linear)?;
        let found = json!({
            "distortion": distortion,
            "consistency": consistency,
            "commutation": commutation,
            "ratio": setup.rows.ratio,
            "warnings": warnings,
        });
        Ok(found.to_string())
    })?)
}

/// Judges a fused image by a truth.
#[pyfunction]
pub fn assess_truth(
    py: Python<'_>,
    fused: &Image,
    truth: &Image,
    ratio: usize,
    bit_depth: Option<u8>,
    whole: bool,
) -> PyResult<String> {
    Ok(py.detach(|| -> Result<String> {
        let truth = &*truth.image;
        let ranges = quality::ranges(&truth)?;
        let highest = ranges.iter().map(|[_, high]| *high).fold(f64::NEG_INFINITY, f64::max) as f32;
        let peak = scene::peak(truth.header(), highest, bit_depth)?.into();
        let setup = TruthSetup { ratio, peak, cut: !whole };
        Ok(json!(quality::reduced(&truth, &&*fused.image, &setup)?).to_string())
    })?)
}

/// What is to be known of a pair before it is fused.
#[pyfunction]
pub fn info(py: Python<'_>, pan: &Image, ms: &Image, sensor: Option<&str>, aligned: Option<&str>) -> PyResult<String> {
    Ok(py.detach(|| -> Result<String> {
        let options: GeometryOptions = geometry(aligned, "intersection")?;
        let facts: Value = trapan::cli::facts([&*pan.image, &*ms.image], sensor_named(sensor)?, &options)?;
        Ok(facts.to_string())
    })?)
}

/// Fuses a pair by some methods and judges the results.
#[pyfunction]
#[pyo3(signature = (pan, ms, sensor, options, place, aligned, methods, callback=None))]
#[expect(clippy::too_many_arguments, reason = "Python's side gives them names")]
pub fn compare(
    py: Python<'_>,
    pan: &Image,
    ms: &Image,
    sensor: Option<&str>,
    options: Vec<(String, String)>,
    place: Place,
    aligned: Option<&str>,
    methods: Option<Vec<String>>,
    callback: Option<Py<PyAny>>,
) -> PyResult<String> {
    let watcher = Watcher::new(callback);
    Ok(py.detach(|| -> Result<String> {
        let (request, options) = (request(&options)?, geometry(aligned, "intersection")?);
        let images = [&*pan.image, &*ms.image];
        let scene = scene::Scene::of(images[0], images[1], &options)?;
        let config = request.config(sensor_named(sensor)?, scene.ms().bands)?;
        let phase = Convention::of_ratio(scene.ratio());
        Contest::check(scene.rows, scene.columns, phase)?;
        let own = config.profile == Profile::Faithful;
        let contenders: Vec<Contender> = match methods {
            None => {
                Contender::all().filter(|c| *c != Contender::ZsPan && !(own && *c == Contender::Faithful)).collect()
            }
            Some(names) => names.iter().map(|name| named(name)).collect::<Result<_>>()?,
        };
        let trains = |contender: &Contender| match contender {
            Contender::Classical(_) => false,
            Contender::Faithful | Contender::ZsPan => true,
            Contender::Trapan => config.trains(),
        };
        let trains = contenders.iter().any(trains);
        if trains {
            config.check_grids(&scene.rows, &scene.columns)?;
        }
        let ready = request.prepare(images, &options, config)?;
        let filled = ready.scene.filled()?.stored()?;
        let Preparation { scale, config, .. } = &ready;
        let device = if trains { place.open()? } else { Device::cpu(place.threads) };
        let fusers: Vec<_> = contenders.iter().map(|c| fuser(*c, (&filled, scale), config, &device, None)).collect();
        let mut heard = Heard { watcher: watcher.clone(), done: 0, all: fusers.len() };
        let found = watcher.end(judged(&filled, (scale, config, phase), &fusers, &mut heard))?;
        Ok(serde_json::to_string(&found).expect("results are plain values"))
    })?)
}

fn named(name: &str) -> Result<Contender> {
    let names = || Contender::all().map(Contender::name).collect::<Vec<_>>().join(", ");
    let found = Contender::all().find(|contender| contender.name() == name);
    found.ok_or_else(|| Failure::usage(format!("method is {name}: it must be one of {}", names())))
}
