//! What the network adds to: a closed form, chosen band by band on ground that the training does not see.

use serde::{Deserialize, Serialize};

use super::config::{Base, Config};
use super::{Dims, Example, MethodError};
use crate::classical::{self, ClassicalError, Form, Inputs, Method, TvSettings};
use crate::filter::{self, Grid};

/// Closed forms to choose from, the simplest first: of equal ones the first is taken.
const CANDIDATES: [Method; 3] = [Method::Exp, Method::MtfGlpFs, Method::MtfGlpHpmR];

/// A closed form fitted to the windows of a scene, in units of the scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Of the pair.
    pub form: Form,
    /// The method that each band is of.
    pub methods: Vec<Method>,
}

/// The pair of a sample one resolution lower, in units of the scale.
pub(super) struct Lower {
    /// `[h, w]`.
    pub pan: Vec<f32>,
    /// `[h / ratio, w / ratio, C]`.
    pub ms: Vec<f32>,
}

impl Lower {
    /// PAN through its MTF onto the grid of MS, MS through its own onto the next.
    pub(super) fn of(sample: &Example, dims: &Dims, config: &Config) -> Self {
        let [rows, columns] = [dims.rows.coarser(), dims.columns.coarser()];
        let pan = [filter::degrade(config.pan_gain, dims.rows, dims.columns)];
        let ms: Vec<_> = config.ms_gains.iter().map(|gain| filter::degrade(*gain, rows, columns)).collect();
        Self {
            pan: filter::apply(&sample.pan, dims.columns.fine, &pan),
            ms: filter::apply(&sample.ms, columns.fine, &ms),
        }
    }
}

/// The operator of forms over grids.
pub(super) fn stream(
    rows: Grid,
    columns: Grid,
    config: &Config,
    forms: &[Form],
) -> Result<classical::FormStream, MethodError> {
    Ok(classical::FormStream::new([rows, columns], config.upsample, &config.ms_gains, forms)?)
}

/// PAN, MS, and where both are valid.
pub(super) type PairImages<'a> = (&'a [f32], &'a [f32], Option<Vec<bool>>);

/// Fits methods to images of one size together.
///
/// # Errors
/// Those of [`Form::fit`].
pub(super) fn fit(
    methods: &[Method],
    images: &[PairImages<'_>],
    [rows, columns]: [Grid; 2],
    config: &Config,
) -> Result<Vec<Form>, ClassicalError> {
    let windows: Vec<Inputs<'_>> = images
        .iter()
        .map(|(pan, ms, valid)| Inputs {
            pan,
            ms,
            rows,
            columns,
            ms_gains: &config.ms_gains,
            pan_gain: config.pan_gain,
            upsample: config.upsample,
            valid: valid.as_deref(),
            tv: TvSettings::default(),
        })
        .collect();
    if config.robust { Form::fit_bounded(methods, &windows) } else { Form::fit(methods, &windows) }
}

/// Chooses the base, and computes it for every sample: of the pair and of the reduced pair. Without a base the
/// samples stay as they are.
///
/// # Errors
/// Those of [`Form::fit`].
pub(super) fn choose(samples: &mut [Example], dims: &Dims, config: &Config) -> Result<Option<Start>, MethodError> {
    let methods = match config.base {
        Base::None => return Ok(None),
        Base::Auto => &CANDIDATES[..],
        Base::Form(ref method) => std::slice::from_ref(method),
    };
    let bands = dims.bands;
    let (full, small) = ([dims.rows, dims.columns], [dims.rows.coarser(), dims.columns.coarser()]);
    let lower: Vec<Lower> = samples.iter().map(|sample| Lower::of(sample, dims, config)).collect();
    let mask = |weights: &[f32]| weights.iter().map(|w| *w > 0.0).collect::<Vec<bool>>();
    let images: Vec<_> =
        samples.iter().map(|s| (&s.pan[..], &s.ms[..], s.weights.as_ref().map(|w| mask(&w.pan)))).collect();
    let forms = fit(methods, &images, full, config)?;
    let images: Vec<_> = samples
        .iter()
        .zip(&lower)
        .map(|(s, lower)| (&lower.pan[..], &lower.ms[..], s.weights.as_ref().map(|w| mask(&w.reduced))))
        .collect();
    let reduced_forms = fit(methods, &images, small, config)?;

    // Squared errors of each method in each band where the training does not look.
    let operator = stream(small[0], small[1], config, &reduced_forms)?;
    let mut errors = vec![vec![0.0; bands]; methods.len()];
    for (sample, lower) in samples.iter().zip(&lower) {
        let (_, fused) = operator.whole(&lower.pan, &lower.ms);
        for (errors, fused) in errors.iter_mut().zip(fused) {
            for (i, (fused, truth)) in fused.chunks_exact(bands).zip(sample.ms.chunks_exact(bands)).enumerate() {
                if sample.ground.as_ref().is_none_or(|ground| ground.judged[i]) {
                    errors.iter_mut().zip(fused).zip(truth).for_each(|((e, f), t)| *e += f64::from(f - t).powi(2));
                }
            }
        }
    }
    let best = |b: usize| (0..methods.len()).min_by(|i, j| errors[*i][b].total_cmp(&errors[*j][b])).unwrap_or(0);
    let chosen: Vec<usize> = (0..bands).map(best).collect();
    let together =
        |forms: &[Form]| Form { bands: chosen.iter().enumerate().map(|(b, m)| forms[*m].bands[b].clone()).collect() };
    let (form, reduced_form) = (together(&forms), together(&reduced_forms));
    let at_full = stream(full[0], full[1], config, std::slice::from_ref(&form))?;
    let at_reduced = stream(small[0], small[1], config, &[reduced_form])?;
    for (sample, lower) in samples.iter_mut().zip(&lower) {
        let only = |(_, fused): (Vec<f32>, Vec<Vec<f32>>)| fused.into_iter().next().expect("one form");
        sample.bases =
            Some([only(at_full.whole(&sample.pan, &sample.ms)), only(at_reduced.whole(&lower.pan, &lower.ms))]);
    }
    Ok(Some(Start { form, methods: chosen.into_iter().map(|m| methods[m]).collect() }))
}
