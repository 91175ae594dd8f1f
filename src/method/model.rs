//! What training gives: both networks, and all that applying them takes.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::base::Start;
use super::view::View;
use super::weights_file::{self, WeightsError};
use super::{Config, MethodError, pan_unit};
use crate::classical::{self, Method};
use crate::graph::Shape;
use crate::kernels::mlp;
use crate::kernels::turn::TURNS;
use crate::net::{self, FusionShape, Layer, NamedTensor};
use crate::scene::{Scale, Scene, Survey};
use crate::tiff::write_atomically;

/// Version of the file's metadata; another one is not read.
const VERSION: u32 = 1;

/// Trained networks with everything their use depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Settings of the training.
    pub config: Config,
    /// Bands of MS.
    pub bands: usize,
    /// PAN pixels per MS pixel.
    pub ratio: usize,
    /// The map between values and 0..1.
    pub scale: Scale,
    /// What stands in for nodata: mean of PAN, then of each band of MS, in DN.
    pub means: Vec<f32>,
    /// The fusion network.
    pub fusion: Vec<Layer>,
    /// What it took from the windows it was trained on as wholes: see [`FusionShape::statistics`].
    pub statistics: Vec<Vec<f32>>,
    /// The degradation network.
    pub dam: Vec<Layer>,
    /// What the network adds to, unless that is upsampled MS.
    pub start: Option<Start>,
    /// What withheld ground says of the fusion network.
    pub judgement: Option<super::Judgement>,
    /// From how many sides the network looks at a scene.
    pub sides: usize,
    /// How little the consistency step makes up for, band by band; `None`: nothing.
    pub nu: Vec<Option<f64>>,
}

/// What makes a result: its base, what the network adds to it, the consistency step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Closed form of each band; none for upsampled MS as FusionNet has it.
    pub base: Vec<Method>,
    /// Whether there is a network.
    pub trained: bool,
    /// Share of the base's squared error that the network leaves on withheld ground.
    pub left: Option<f64>,
    /// The same band by band.
    pub left_of_band: Vec<f64>,
    /// What the network adds to each band is multiplied by this.
    pub factors: Vec<f64>,
    /// From how many sides the network looks.
    pub sides: usize,
    /// ν of the consistency step in each band; `None`: the band is left alone.
    pub nu: Vec<Option<f64>>,
}

/// Values band by band, or one if all are alike.
fn listed<T: PartialEq>(values: &[T], show: impl Fn(&T) -> String) -> String {
    match values {
        [first, rest @ ..] if rest.iter().all(|v| v == first) => show(first),
        _ => values.iter().map(show).collect::<Vec<_>>().join(" "),
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.base[..] {
            [] => f.write_str("base: upsampled MS")?,
            base => write!(f, "base {}", listed(base, ToString::to_string))?,
        }
        match self.left {
            Some(_) if self.factors.iter().all(|factor| *factor == 0.0) => {
                f.write_str("; the network does not help here, the result is the base")?;
            }
            Some(left) => write!(
                f,
                "; the network removed {:.0} % of its squared error on ground kept from the training (factors {}), from {} sides",
                100.0 * (1.0 - left),
                listed(&self.factors, |factor| format!("{factor:.2}")),
                self.sides
            )?,
            None if self.trained => {}
            None => f.write_str("; no network")?,
        }
        match self.nu.iter().all(Option::is_none) {
            true => f.write_str("; no consistency step"),
            false => {
                let nu = listed(&self.nu, |nu| nu.map_or("off".to_owned(), |nu| nu.to_string()));
                write!(f, "; consistency step with ν {nu}")
            }
        }
    }
}

/// The line of metadata in a file.
#[derive(Serialize, Deserialize)]
struct Meta {
    version: u32,
    config: Config,
    bands: usize,
    ratio: usize,
    scale: Scale,
    means: Vec<f32>,
    start: Option<Start>,
    judgement: Option<super::Judgement>,
    sides: usize,
    nu: Vec<Option<f64>>,
}

impl Model {
    /// Sizes of the fusion network.
    pub fn shape(&self) -> FusionShape {
        self.config.shape(self.bands)
    }

    /// Whether it may be applied to images of a scene's shape.
    ///
    /// # Errors
    /// [`MethodError::Misfit`]: other bands, another ratio.
    pub fn check_shape(&self, scene: &Scene<'_>) -> Result<(), MethodError> {
        let misfit = |what, model: usize, scene: usize| {
            Err(MethodError::Misfit { what, model: model.to_string(), scene: scene.to_string() })
        };
        if self.bands != scene.ms().bands {
            return misfit("bands", self.bands, scene.ms().bands);
        }
        if self.ratio != scene.ratio() {
            return misfit("ratio", self.ratio, scene.ratio());
        }
        Ok(())
    }

    /// A scene as it reads it.
    pub(super) fn view<'a>(&'a self, scene: &'a Scene<'a>) -> View<'a> {
        View { scene, scale: &self.scale, means: &self.means, near: self.config.robust, trusting: true }
    }

    /// Whether it may be applied to a scene.
    ///
    /// # Errors
    /// Those of [`check_shape`](Self::check_shape); [`MethodError::Misfit`] of values of another unit; those of
    /// [`Config::check_grids`].
    pub fn check(&self, scene: &Scene<'_>, scale: &Scale) -> Result<(), MethodError> {
        self.check_shape(scene)?;
        // Every scene has a range of its own; one of another unit or bit depth is further away.
        if !(0.25..=4.0).contains(&(self.scale.scale / scale.scale)) {
            let [model, scene] = [self.scale, *scale].map(|scale| scale.to_string());
            return Err(MethodError::Misfit { what: "value range", model, scene });
        }
        self.config.check_grids(&scene.rows, &scene.columns)
    }

    /// The model for another scene, whose values are in the same unit; says among its warnings where PAN is not.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), [`Scale::new`] and reading.
    pub fn suited(mut self, scene: &mut Scene<'_>, survey: &Survey) -> Result<Self, MethodError> {
        // A model in units of its bit depth is for scenes of that depth.
        let depth = self.scale.bits.filter(|_| self.scale == self.scale.by_depth());
        let scale = Scale::new(scene, survey, depth)?;
        let scale = if self.config.robust { scale.robust(survey) } else { scale };
        self.check(scene, &scale)?;
        if self.config.robust {
            let own = pan_unit(scene, survey, &scale, &self.config)?;
            scene.warnings.extend(self.scale.other_unit_note(own, survey));
        }
        // What is hot is so for its own scene.
        self.scale.bounds = scale.bounds;
        // Another scene may be brighter than the one it was trained on, or darker.
        let ([low, high], own) = (scale.range, &mut self.scale.range);
        *own = [own[0].min(low), own[1].max(high)];
        Ok(self)
    }

    /// The fusion network with what it adds to each band multiplied by the band's factor, if its last layer can hold
    /// that (else see [`factors`](Self::factors)); `None` where there is no network, or it adds nothing.
    pub fn scaled(&self) -> Option<Vec<Layer>> {
        if self.fusion.is_empty() || self.judgement.as_ref().is_some_and(|j| j.factors.iter().all(|f| *f == 0.0)) {
            return None;
        }
        let mut layers = self.fusion.clone();
        let judgement = self.judgement.as_ref().filter(|_| self.shape().ends_in_bands());
        if let (Some(judgement), Some(last)) = (judgement, layers.last_mut()) {
            let of_band = last.weight.len() / last.bias.len();
            for (b, factor) in judgement.factors.iter().enumerate() {
                let band = last.weight[b * of_band..][..of_band].iter_mut().chain([&mut last.bias[b]]);
                band.for_each(|w| *w *= *factor as f32);
            }
        }
        Some(layers)
    }

    /// What the network adds to each band is multiplied by this, if [`scaled`](Self::scaled) does not do so.
    pub fn factors(&self) -> Option<&[f64]> {
        let judgement = self.judgement.as_ref().filter(|_| !self.shape().ends_in_bands());
        judgement.map(|judgement| &judgement.factors[..])
    }

    /// What makes the result, for people and reports.
    pub fn summary(&self) -> Summary {
        Summary {
            base: self.start.as_ref().map_or(Vec::new(), |start| start.methods.clone()),
            trained: !self.fusion.is_empty(),
            left: self.judgement.as_ref().map(|judgement| judgement.left),
            left_of_band: self.judgement.as_ref().map_or(Vec::new(), |judgement| judgement.left_of_band.clone()),
            factors: self.judgement.as_ref().map_or(Vec::new(), |judgement| judgement.factors.clone()),
            sides: self.sides,
            nu: self.nu.clone(),
        }
    }

    /// The operator of the closed form that the network adds to, over these grids.
    ///
    /// # Errors
    /// Those of [`classical::FormStream::new`].
    pub(super) fn base(&self, dims: &super::Dims) -> Result<Option<classical::FormStream>, MethodError> {
        let form = self.start.as_ref().map(|start| std::slice::from_ref(&start.form));
        form.map(|forms| super::base::stream(dims.rows, dims.columns, &self.config, forms)).transpose()
    }

    /// The consistency step that ends a fusion over these grids.
    pub fn consistency(&self, dims: &super::Dims) -> crate::consistency::ConsistencyStep {
        crate::consistency::ConsistencyStep::new(dims.rows, dims.columns, &self.config.ms_gains, &self.nu)
    }

    /// How PAN responds to the bands of a pixel by the degradation network: `[C]` to a value, all in DN.
    pub fn response(&self) -> impl Fn(&[f64]) -> f64 + Sync + use<> {
        let flat: Vec<f64> = net::import(&self.dam).into_iter().map(f64::from).collect();
        let (bands, width, offset, scale) = (self.bands, self.config.dam_width, self.scale.offset, self.scale.scale);
        let [gain, constant] = self.scale.pan;
        move |dn| {
            let x: Vec<f64> = dn.iter().map(|v| (v - offset) / scale).collect();
            (mlp::mlp(&x, &mlp::MlpWeights::new(&flat, bands, width)) * scale + offset - constant) / gain
        }
    }

    /// Writes a safetensors file, weights in PyTorch names and layout.
    ///
    /// # Errors
    /// What the file system reports; an existing file unless `overwrite`.
    pub fn save(&self, path: &Path, overwrite: bool) -> Result<(), MethodError> {
        let Self { config, bands, ratio, scale, means, start, judgement, sides, nu, .. } = self.clone();
        let meta = Meta { version: VERSION, config, bands, ratio, scale, means, start, judgement, sides, nu };
        let meta = serde_json::to_string(&meta).expect("plain values");
        let mut tensors = named(&self.fusion, &self.dam);
        tensors.extend(self.named_statistics());
        let bytes = weights_file::encode(&meta, &tensors);
        Ok(write_atomically(path, overwrite, |file| file.write_all(&bytes))?)
    }

    /// What the fusion network takes from a whole image, as the biases that its layers have for each image.
    fn named_statistics(&self) -> Vec<NamedTensor> {
        let tensor = |((name, shape), values): ((String, Shape), &Vec<f32>)| {
            (statistic(&name), vec![shape.len()], values.clone())
        };
        self.shape().statistics().into_iter().zip(&self.statistics).map(tensor).collect()
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`WeightsError`] for files that cannot be read or are not whole.
    pub fn load(path: &Path) -> Result<Self, MethodError> {
        let bad = |reason: String| MethodError::from(WeightsError::Content { path: path.to_owned(), reason });
        let (meta, tensors) = weights_file::read(path)?;
        let meta: Meta = serde_json::from_str(&meta).map_err(|e| bad(e.to_string()))?;
        let Meta { version, config, bands, ratio, scale, means, start, judgement, sides, nu } = meta;
        if version != VERSION {
            return Err(bad(format!("its version is {version}, this program reads {VERSION}")));
        }
        config.check(bands).map_err(|e| bad(e.to_string()))?;
        let [low, high] = scale.range;
        let usable = scale.offset.is_finite()
            && scale.scale.is_finite()
            && scale.scale > 0.0
            && low <= high
            && scale.pan[0] > 0.0
            && scale.bounds.is_none_or(|bounds| bounds.iter().all(|[low, high]| low <= high));
        let share = |factor: &f64| (0.0..=1.0).contains(factor);
        // Where withheld ground found the network to do harm, the result is what it adds to.
        let usable = usable
            && (1..=TURNS).contains(&sides)
            && (nu.len() == bands && nu.iter().flatten().all(|nu| *nu > 0.0))
            && start.as_ref().is_none_or(|start| start.form.bands.len() == bands)
            && judgement.as_ref().is_none_or(|judgement| {
                start.is_some() && judgement.factors.len() == bands && judgement.factors.iter().all(share)
            });
        if means.len() != bands + 1 || !(2..=16).contains(&ratio) || !usable || means.iter().any(|m| !m.is_finite()) {
            return Err(bad("its metadata contradict each other".into()));
        }
        let shape = config.shape(bands);
        let fill = |network: &str, layers: Vec<Layer>| {
            layers.into_iter().map(|layer| filled(network, layer, &tensors)).collect::<Result<Vec<_>, _>>()
        };
        let fusion = fill("fusion", net::layers_of_fusion(shape)).map_err(bad)?;
        let dam = fill("dam", net::layers_of_dam(bands, config.dam_width)).map_err(bad)?;
        let find = |(name, shape): (String, Shape)| found(&statistic(&name), &[shape.len()], &tensors).cloned();
        let statistics = shape.statistics().into_iter().map(find).collect::<Result<Vec<_>, _>>().map_err(bad)?;
        Ok(Self { config, bands, ratio, scale, means, fusion, statistics, dam, start, judgement, sides, nu })
    }
}

/// Both networks' tensors by name.
pub(super) fn named(fusion: &[Layer], dam: &[Layer]) -> Vec<NamedTensor> {
    [("fusion", fusion), ("dam", dam)]
        .into_iter()
        .flat_map(|(network, layers)| layers.iter().flat_map(|l| l.named(network)).collect::<Vec<_>>())
        .collect()
}

/// A layer with the values of a file.
pub(super) fn filled(network: &str, mut layer: Layer, tensors: &[NamedTensor]) -> Result<Layer, String> {
    let wanted = layer.named(network);
    for ((name, shape, _), values) in wanted.into_iter().zip([&mut layer.weight, &mut layer.bias]) {
        values.clone_from(found(&name, &shape, tensors)?);
    }
    Ok(layer)
}

/// The values of a file's tensor, which must have this shape.
fn found<'a>(name: &str, shape: &[usize], tensors: &'a [NamedTensor]) -> Result<&'a Vec<f32>, String> {
    match tensors.iter().find(|(n, ..)| n == name) {
        Some((_, found, data)) if found == shape => Ok(data),
        Some((_, found, _)) => Err(format!("{name} has shape {found:?} instead of {shape:?}")),
        None => Err(format!("{name} is missing")),
    }
}

/// The name in files of what a layer of the fusion network takes from a whole image.
fn statistic(layer: &str) -> String {
    format!("fusion.{layer}.bias")
}
