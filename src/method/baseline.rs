//! Fusion without training, with the settings of a run: fitted to windows, applied strip by strip.

use std::ops::{ControlFlow, Range};

use super::apply::{Rows, Sink};
use super::config::Sensor;
use super::windows::{self, window_dims};
use super::{Config, MethodError, strips};
use crate::classical::{self, Form, Inputs, Method, Stream, TvSettings};
use crate::raster::{Block, Pair, RasterError, Scene, Survey, fill};

/// Rows of a strip at most: fewer are computed with more rows around them, more gain nothing.
const LARGEST: usize = 256;
/// Rows of a strip at least, whatever the memory.
const SMALLEST: usize = 16;

/// Shares of a sensor's bands in its PAN, as the literature has them (Palsson 2013 and the benchmark of
/// Vivone 2020); WorldView-2 has the bands of WorldView-3. The benchmark takes those of IKONOS for QuickBird
/// and GF-2, too. Another sensor's shares are worse than a regression on the pair, ERGAS by Wald's protocol:
/// Pléiades 2.10 instead of 1.90, SPOT 6 4.08 instead of 1.47, GF-2 3.81 instead of 3.48.
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

/// A scene to fuse without training.
pub struct Untrained<'a> {
    /// The method.
    pub method: Method,
    /// The scene.
    pub scene: &'a Scene<'a>,
    /// What was found on it.
    pub survey: &'a Survey,
    /// Gains, upsampling, windows.
    pub config: &'a Config,
    /// Bytes that strips may take together.
    pub memory: u64,
    /// Whether upsampled MS is wanted too.
    pub lms: bool,
}

impl Untrained<'_> {
    /// Fuses from top to bottom. `observe` hears how many rows are done and may break off.
    ///
    /// # Errors
    /// What fitting, reading or the sink reports; [`MethodError::Interrupted`]; [`MethodError::Memory`] for
    /// [`Method::Tv`] on a large scene.
    pub fn fuse(
        &self,
        sink: &mut Sink<'_>,
        observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(), MethodError> {
        let Self { method, scene, survey, config, .. } = *self;
        if method == Method::Tv {
            return self.fuse_whole(sink);
        }
        let forms = fit(&[method], scene, survey, config)?;
        let stream = Stream::new([scene.rows, scene.columns], config.upsample, &config.ms_gains, &forms)?;
        let height = scene.rows.fine;
        let step = self.strip_rows(&stream);
        let ranges = (0..height).step_by(step).map(|first| first..(first + step).min(height)).collect();
        let compute = |Strip { rows, pan, ms, valid }: Strip| {
            let image = || vec![0.0; rows.len() * scene.columns.fine * scene.ms().bands];
            let (mut lms, mut hrms) = (if self.lms { image() } else { Vec::new() }, image());
            stream.rows(rows.clone(), &pan, &ms, &mut lms, &mut [&mut hrms]);
            Ok((rows.end, Rows { lms, hrms, valid }))
        };
        strips::pass(ranges, |rows| read(scene, &survey.means, &stream, rows), compute, sink, observe)
    }

    /// Rows of a strip such that those read, computed and handed on stay within the memory.
    fn strip_rows(&self, stream: &Stream) -> usize {
        let (scene, width, bands) = (self.scene, self.scene.columns.fine, self.scene.ms().bands);
        let middle = scene.rows.fine / 2;
        let bytes = |rows: usize| {
            let [pan, ms] = stream.needs(middle..(middle + rows).min(scene.rows.fine));
            // One strip is read, one waits, one is computed; upsampled along x, in bands and in as many gains.
            let read = 3 * (pan.len() * width + ms.len() * scene.columns.coarse * bands);
            let wide = 2 * ms.len() * width * bands;
            let fused = 2 * rows * width * bands * (1 + usize::from(self.lms));
            4 * (read + wide + fused) as u64
        };
        let fits = (SMALLEST..=LARGEST).rev().step_by(SMALLEST).find(|rows| bytes(*rows) <= self.memory);
        fits.unwrap_or(SMALLEST)
    }

    /// A method that goes over the whole image again and again.
    fn fuse_whole(&self, sink: &mut Sink<'_>) -> Result<(), MethodError> {
        let Self { method, scene, config, memory, .. } = *self;
        // In f64: image, multipliers, upsampled MS of each band, and what two bands in work take besides.
        let planes = 4 * scene.ms().bands + 16;
        let needed = 8 * (scene.rows.fine * scene.columns.fine * planes) as u64;
        if needed > memory {
            return Err(MethodError::Memory { method, needed, memory });
        }
        let pair = scene.pair()?;
        let hrms = baseline(method, &pair, config)?;
        let lms = if self.lms { baseline(Method::Exp, &pair, config)? } else { Vec::new() };
        Ok(sink(Rows { lms, hrms, valid: pair.valid() })?)
    }
}

/// Some rows of a scene with those around them that a stream needs, nodata filled in.
struct Strip {
    rows: Range<usize>,
    pan: Vec<f32>,
    ms: Vec<f32>,
    /// Where the result is valid.
    valid: Option<Vec<bool>>,
}

fn read(scene: &Scene<'_>, means: &[f32], stream: &Stream, rows: Range<usize>) -> Result<Strip, RasterError> {
    let [pan_rows, ms_rows] = stream.needs(rows.clone());
    let (grid, width, ms_width) = (scene.rows, scene.columns.fine, scene.columns.coarse);
    let Block { data: mut pan, valid: pan_valid } =
        around(pan_rows.clone(), [grid.fine, width], |rows| scene.read_pan(rows, 0..width))?;
    let Block { data: mut ms, valid: ms_valid } =
        around(ms_rows.clone(), [grid.coarse, ms_width], |rows| scene.read_ms(rows, 0..ms_width))?;
    fill(&mut pan, pan_valid.as_deref(), &means[..1]);
    fill(&mut ms, ms_valid.as_deref(), &means[1..]);
    let above = |read: &Range<usize>, row: usize, height: usize| (row + height - read.start) % height;
    let given = above(&pan_rows, rows.start, grid.fine) * width;
    let first = rows.clone().find_map(|row| grid.over(row)).unwrap_or(ms_rows.start);
    let under = above(&ms_rows, first, grid.coarse) * ms_width;
    let pan_valid = pan_valid.as_deref().map(|valid| &valid[given..given + rows.len() * width]);
    let valid = scene.valid(rows.clone(), pan_valid, first, ms_valid.as_deref().map(|valid| &valid[under..]));
    Ok(Strip { rows, pan, ms, valid })
}

/// Rows of an image `[height, width]` whose count goes on past the last one with the first.
fn around(
    rows: Range<usize>,
    [height, width]: [usize; 2],
    read: impl Fn(Range<usize>) -> Result<Block, RasterError>,
) -> Result<Block, RasterError> {
    let mut block = read(rows.start..rows.end.min(height))?;
    if rows.end > height {
        let begin = read(0..rows.end - height)?;
        block.data.extend(begin.data);
        if block.valid.is_some() || begin.valid.is_some() {
            let all = |valid: Option<Vec<bool>>, rows: usize| valid.unwrap_or_else(|| vec![true; rows * width]);
            let mut valid = all(block.valid, height - rows.start);
            valid.extend(all(begin.valid, rows.end - height));
            block.valid = Some(valid);
        }
    }
    Ok(block)
}
