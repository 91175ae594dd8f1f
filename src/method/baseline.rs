//! Fusion without training, with the settings of a run: fitted to windows, applied strip by strip.

use std::ops::{ControlFlow, Range};

use super::apply::{FusedRows, LARGEST_STRIP, Sink, around};
use super::config::{Consistency, Sensor};
use super::windows::{self, TrainingWindow, window_dims};
use super::{Config, MethodError, strips};
use crate::classical::{self, Form, FormStream, Inputs, Method, TvSettings};
use crate::consistency::{self, CANDIDATES, ConsistencyStep, Experiment, Validity};
use crate::filter;
use crate::scene::{Image, Scene, Survey};
use crate::tiff::Block;

/// Shares of a sensor's bands in its PAN, as the literature has them (Palsson 2013 and the benchmark of
/// Vivone 2020); WorldView-2 has the bands of WorldView-3. The benchmark takes those of IKONOS for QuickBird
/// and GF-2, too. Another sensor's shares are worse than a regression on the pair.
fn shares_in_pan(sensor: Sensor) -> Option<&'static [f64]> {
    match sensor {
        Sensor::Wv2 | Sensor::Wv3 => Some(&[0.0657, 0.1012, 0.1537, 0.1473, 0.1245, 0.1545, 0.1338, 0.1192]),
        Sensor::Wv4 | Sensor::Ge1 => Some(&[0.1552, 0.3959, 0.2902, 0.1587]),
        Sensor::Ikonos => Some(&[0.1091, 0.2127, 0.2928, 0.3854]),
        Sensor::Qb | Sensor::Gf2 | Sensor::Generic => None,
    }
}

/// A window as the classical methods take it; `valid` is [`TrainingWindow::valid`].
fn inputs<'a>(window: &'a TrainingWindow, valid: Option<&'a [bool]>, config: &'a Config) -> Inputs<'a> {
    let weights = shares_in_pan(config.sensor).filter(|shares| shares.len() == window.dims.bands).map(<[f64]>::to_vec);
    Inputs {
        pan: &window.pan.data,
        ms: &window.ms.data,
        rows: window.dims.rows,
        columns: window.dims.columns,
        ms_gains: &config.ms_gains,
        pan_gain: config.pan_gain,
        upsample: config.upsample,
        valid,
        tv: TvSettings { weights, ..TvSettings::default() },
    }
}

/// Fits closed forms to a scene, in DN: to all of a small one, to the windows that training would look at of a
/// larger one.
///
/// # Errors
/// Those of [`Form::fit`] and of reading.
pub fn fit(methods: &[Method], scene: &Scene<'_>, survey: &Survey, config: &Config) -> Result<Vec<Form>, MethodError> {
    let dims = window_dims(scene, config);
    let places = windows::choose(scene, &survey.cells, &dims, config);
    let read = |place| TrainingWindow::read(scene, survey, &dims, place);
    fit_windows(methods, &places.into_iter().map(read).collect::<Result<Vec<_>, _>>()?, config)
}

fn fit_windows(methods: &[Method], windows: &[TrainingWindow], config: &Config) -> Result<Vec<Form>, MethodError> {
    let valid: Vec<_> = windows.iter().map(TrainingWindow::valid).collect();
    let inputs: Vec<_> = windows.iter().zip(&valid).map(|(window, v)| inputs(window, v.as_deref(), config)).collect();
    Ok(Form::fit(methods, &inputs)?)
}

/// Fuses a scene by a classical method, from top to bottom: in DN, neither rounded nor clamped. Gaps should be
/// [filled](Scene::filled), for what they hold is filtered with the rest. Total variation holds all of it in memory.
///
/// # Errors
/// Those of [`classical::fuse`] and [`Survey::of`], of reading and of the sink.
pub fn baseline(method: Method, scene: &Scene<'_>, config: &Config, sink: &mut Sink<'_>) -> Result<(), MethodError> {
    if method == Method::Tv {
        let window = TrainingWindow::whole(scene)?;
        let valid = window.valid();
        let hrms = classical::fuse(method, &inputs(&window, valid.as_deref(), config))?;
        return Ok(sink(FusedRows { lms: Vec::new(), hrms, valid })?);
    }
    let (dims, grids) = (window_dims(scene, config), [scene.rows, scene.columns]);
    let forms = match [dims.rows, dims.columns] == grids {
        true => fit_windows(&[method], &[TrainingWindow::whole(scene)?], config)?,
        false => fit(&[method], scene, &Survey::of(scene)?, config)?,
    };
    let stream = FormStream::new(grids, config.upsample, &config.ms_gains, &forms)?;
    let [[height, width], [ms_height, ms_width]] = [grids.map(|grid| grid.fine), grids.map(|grid| grid.coarse)];
    let fusable = scene.fusable();
    let rows = (0..height).step_by(LARGEST_STRIP).map(|start| start..(start + LARGEST_STRIP).min(height)).collect();
    let read = |rows: Range<usize>| {
        let [pan, ms] = stream.needs(rows.clone());
        let pan = around(pan, [height, width], |rows| scene.read_pan(rows, 0..width))?.data;
        let ms = around(ms, [ms_height, ms_width], |rows| scene.read_ms(rows, 0..ms_width))?.data;
        Ok((pan, ms, fusable.validity(rows.clone(), 0..width)?, rows))
    };
    let fuse = |(pan, ms, valid, rows): (Vec<f32>, Vec<f32>, _, Range<usize>)| {
        let mut hrms = vec![0.0; rows.len() * width * dims.bands];
        stream.rows(rows.clone(), &pan, &ms, &mut [], &mut [&mut hrms]);
        Ok((rows.end, FusedRows { lms: Vec::new(), hrms, valid }))
    };
    strips::pass(rows, read, fuse, sink, &mut |_| ControlFlow::Continue(()))
}

/// [`baseline`], all rows.
fn whole(method: Method, scene: &Scene<'_>, config: &Config) -> Result<Vec<f32>, MethodError> {
    let mut hrms = Vec::new();
    let mut collect = |rows: FusedRows| {
        hrms.extend(rows.hrms);
        Ok(())
    };
    baseline(method, scene, config, &mut collect)?;
    Ok(hrms)
}

/// Fuses a scene by total variation, all of it in memory, with the consistency step that `config` asks for.
///
/// # Errors
/// What reading or the sink reports; [`MethodError::Memory`] for a scene too large.
pub(crate) fn total_variation(
    scene: &Scene<'_>,
    config: &Config,
    memory: u64,
    lms: bool,
    sink: &mut Sink<'_>,
) -> Result<(), MethodError> {
    let method = Method::Tv;
    // In f64: image, multipliers, upsampled MS of each band, and what two bands in work take besides.
    let planes = 4 * scene.ms().bands + 16;
    let needed = 8 * (scene.rows.fine * scene.columns.fine * planes) as u64;
    if needed > memory {
        return Err(MethodError::Memory { method, needed, memory });
    }
    let scene = &scene.filled()?;
    let TrainingWindow { ms, dims, .. } = &TrainingWindow::whole(scene)?;
    let mut hrms = whole(method, scene, config)?;
    let nu = match config.consistency {
        Consistency::Off => vec![None; dims.bands],
        Consistency::Nu(nu) => vec![Some(nu); dims.bands],
        Consistency::Auto => chosen_nu(scene, ms, config)?,
    };
    let valid = scene.fusable().validity(0..dims.rows.fine, 0..dims.columns.fine)?;
    let covered = valid.as_ref().map(|valid| filter::covered(valid, dims.rows, dims.columns));
    let validity = valid.as_deref().zip(covered.as_deref()).map(|(image, ms)| Validity { image, ms });
    ConsistencyStep::new(dims.rows, dims.columns, &config.ms_gains, &nu).whole(&mut hrms, &ms.data, validity);
    let lms = if lms { whole(Method::Exp, scene, config)? } else { Vec::new() };
    Ok(sink(FusedRows { lms, hrms, valid })?)
}

/// ν of each band by the scene one resolution lower, fused by total variation; `ms` is all of MS.
fn chosen_nu(scene: &Scene<'_>, ms: &Block, config: &Config) -> Result<Vec<Option<f64>>, MethodError> {
    let coarser = scene.coarser(&config.ms_gains, config.pan_gain);
    let TrainingWindow { pan, ms: below, dims } = &TrainingWindow::whole(&coarser)?;
    let x = whole(Method::Tv, &coarser, config)?;
    let valid = pan.valid.as_deref();
    let noise = consistency::noise(&ms.data, dims.columns.fine, dims.bands, ms.valid.as_deref());
    let experiment = Experiment {
        grids: [dims.rows, dims.columns],
        x: &x,
        other: None,
        ms: &below.data,
        truth: &ms.data,
        known: valid,
        judged: valid,
        valid: valid.zip(below.valid.as_deref()).map(|(image, ms)| Validity { image, ms }),
        noise: &noise,
    };
    let choices = consistency::choose(&[experiment], &config.ms_gains, &CANDIDATES);
    Ok(choices.into_iter().map(|choice| choice.nu).collect())
}
