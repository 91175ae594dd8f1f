//! Fusion without training, with the settings of a run: fitted to windows, applied strip by strip.

use super::apply::{Rows, Sink};
use super::config::{Consistency, Sensor};
use super::windows::{self, window_dims};
use super::{Config, MethodError};
use crate::classical::{self, Form, Inputs, Method, Stream, TvSettings};
use crate::consistency::{self, CANDIDATES, Experiment, Step, Validity};
use crate::filter;
use crate::scene::{Pair, Scene, Survey};

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

/// A pair as the classical methods take it; `valid` is [`Pair::valid`].
fn inputs<'a>(pair: &'a Pair, valid: Option<&'a [bool]>, config: &'a Config) -> Inputs<'a> {
    let weights = shares_in_pan(config.sensor).filter(|shares| shares.len() == pair.ms.bands).map(<[f64]>::to_vec);
    Inputs {
        pan: &pair.pan.data,
        ms: &pair.ms.data,
        rows: pair.rows,
        columns: pair.columns,
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
    let pairs: Vec<Pair> =
        places.iter().map(|place| windows::pair(scene, survey, &dims, *place)).collect::<Result<_, _>>()?;
    fit_pairs(methods, &pairs.iter().collect::<Vec<_>>(), config)
}

fn fit_pairs(methods: &[Method], pairs: &[&Pair], config: &Config) -> Result<Vec<Form>, MethodError> {
    let valid: Vec<_> = pairs.iter().map(|pair| pair.valid()).collect();
    let windows: Vec<_> = pairs.iter().zip(&valid).map(|(pair, v)| inputs(pair, v.as_deref(), config)).collect();
    Ok(Form::fit(methods, &windows)?)
}

/// Fuses a pair by a classical method: `[H, W, C]` in DN, neither rounded nor clamped.
///
/// # Errors
/// Those of [`classical::fuse`] and [`Survey::of`].
pub fn baseline(method: Method, pair: &Pair, config: &Config) -> Result<Vec<f32>, MethodError> {
    if method == Method::Tv {
        return Ok(classical::fuse(method, &inputs(pair, pair.valid().as_deref(), config))?);
    }
    let scene = Scene::of(pair);
    let dims = window_dims(&scene, config);
    let whole = [dims.rows, dims.columns] == [pair.rows, pair.columns];
    let forms = match whole {
        true => fit_pairs(&[method], &[pair], config)?,
        false => fit(&[method], &scene, &Survey::of(&scene)?, config)?,
    };
    let stream = Stream::new([pair.rows, pair.columns], config.upsample, &config.ms_gains, &forms)?;
    let (_, mut fused) = stream.whole(&pair.pan.data, &pair.ms.data);
    Ok(fused.swap_remove(0))
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
    let pair = scene.pair()?;
    let mut hrms = baseline(method, &pair, config)?;
    let nu = match config.consistency {
        Consistency::Off => vec![None; pair.ms.bands],
        Consistency::Nu(nu) => vec![Some(nu); pair.ms.bands],
        Consistency::Auto => chosen_nu(&pair, config)?,
    };
    let valid = pair.valid();
    let covered = valid.as_ref().map(|valid| filter::covered(valid, pair.rows, pair.columns));
    let validity = valid.as_deref().zip(covered.as_deref()).map(|(image, ms)| Validity { image, ms });
    Step::new(pair.rows, pair.columns, &config.ms_gains, &nu).whole(&mut hrms, &pair.ms.data, validity);
    let lms = if lms { baseline(Method::Exp, &pair, config)? } else { Vec::new() };
    Ok(sink(Rows { lms, hrms, valid })?)
}

/// ν of each band by the pair one resolution lower, fused by total variation.
fn chosen_nu(pair: &Pair, config: &Config) -> Result<Vec<Option<f64>>, MethodError> {
    let reduced = pair.coarser(&config.ms_gains, config.pan_gain);
    let x = baseline(Method::Tv, &reduced, config)?;
    let (image, below) = (reduced.pan.valid.as_deref(), reduced.ms.valid.as_deref());
    let noise = consistency::noise(&pair.ms.data, pair.columns.coarse, pair.ms.bands, pair.ms.valid.as_deref());
    let experiment = Experiment {
        grids: [reduced.rows, reduced.columns],
        x: &x,
        other: None,
        ms: &reduced.ms.data,
        truth: &pair.ms.data,
        known: image,
        judged: image,
        valid: image.zip(below).map(|(image, ms)| Validity { image, ms }),
        noise: &noise,
    };
    let choices = consistency::choose(&[experiment], &config.ms_gains, &CANDIDATES);
    Ok(choices.into_iter().map(|choice| choice.nu).collect())
}
