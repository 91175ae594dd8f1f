//! A fusion network that has learnt from other pairs, before it sees the one to fuse.
//!
//! A [`Corpus`] holds what pairs teach: one resolution lower, where MS is the truth (Wald's protocol), and at their own
//! where the truth is known, as of simulated places. A [`Course`] goes over random patches of it, and a [`Prior`] is what
//! comes of that: fitted to the closed form of each pair, it starts a zero-shot training, or is applied as it is.

mod bands;
mod corpus;
mod course;
mod shipped;

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use corpus::{Corpus, Purpose};
pub use course::{Course, Lap, study};

use super::config::{Base, Sensor};
use super::learn::{TrainingSet, training_set};
use super::step::settle;
use super::weights_file::{self, WeightsError};
use super::{Config, MethodError, Model, model};
use crate::net::{self, Layer, NamedTensor};
use crate::scene::{Scale, Scene, Survey};
use crate::tiff::write_atomically;

/// Version of the file's metadata; another one is not read.
const VERSION: u32 = 1;

/// A fusion network trained on many pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// Settings of the training: what the network sees and adds to.
    pub config: Config,
    /// Bands of MS.
    pub bands: usize,
    /// PAN pixels per MS pixel.
    pub ratio: usize,
    /// The network.
    pub fusion: Vec<Layer>,
    /// How it came about.
    pub past: Past,
}

/// How a prior came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Pairs it learnt from.
    pub pairs: usize,
    /// The course it took.
    pub course: Course,
    /// Step after which it was kept.
    pub step: u32,
    /// Its mean loss on pairs that it did not learn from, in units of their scale; without such pairs, that of the
    /// latest steps.
    pub loss: f64,
}

#[derive(Serialize, Deserialize)]
struct Meta {
    prior: u32,
    config: Config,
    bands: usize,
    ratio: usize,
    past: Past,
}

impl Prior {
    /// The network of a model, which has learnt from one pair.
    pub fn of(model: &Model) -> Self {
        let Model { config, bands, ratio, fusion, .. } = model.clone();
        Self { config, bands, ratio, fusion, past: Past { pairs: 1, ..Past::default() } }
    }

    /// Whether a training with these settings can start from it.
    ///
    /// # Errors
    /// [`MethodError::Misfit`]: other bands, another ratio, another network, another sort of base.
    pub fn check(&self, config: &Config, bands: usize, ratio: usize) -> Result<(), MethodError> {
        let misfit = |what, model: String, scene: String| Err(MethodError::Misfit { what, model, scene });
        if self.bands != bands {
            return misfit("bands", self.bands.to_string(), bands.to_string());
        }
        if self.ratio != ratio {
            return misfit("ratio", self.ratio.to_string(), ratio.to_string());
        }
        let network = |config: &Config| {
            let adds_to = if config.base == Base::None { "upsampled MS" } else { "a closed form" };
            let sees = if config.sees_ms { " seeing MS" } else { "" };
            let (backbone, width, blocks) = (config.backbone, config.width, config.blocks);
            format!("{backbone} of {width} channels and {blocks} blocks{sees} that adds to {adds_to}")
        };
        let [own, wanted] = [&self.config, config].map(network);
        if own != wanted {
            return misfit("a network", own, wanted);
        }
        Ok(())
    }

    /// A model of a scene with this network as it is: only its base, unit and consistency step are the scene's, with the
    /// gains of a sensor, of its own without any.
    ///
    /// # Errors
    /// Those of [`check`](Self::check); [`MethodError::Setting`] of a backbone that takes something from a whole image, which
    /// only a training finds; what reading or fitting reports.
    pub fn adopt(
        &self,
        (scene, survey): (&Scene<'_>, &Survey),
        scale: &Scale,
        sensor: Option<Sensor>,
    ) -> Result<Model, MethodError> {
        let bands = scene.ms().bands;
        let sensor = sensor.unwrap_or(self.config.sensor);
        let own = Config::new(sensor, self.config.profile, bands)?;
        let config = Config { sensor, ms_gains: own.ms_gains, pan_gain: own.pan_gain, ..self.config.clone() };
        self.check(&config, bands, scene.ratio())?;
        if !self.config.shape(bands).statistics().is_empty() {
            let wanted = "one that looks at a pixel's surroundings alone, to be applied without a training here";
            let value = self.config.backbone.to_string();
            return Err(MethodError::Setting { name: "backbone", value, wanted: wanted.to_owned() });
        }
        let TrainingSet { config, scale, dims, samples, start, .. } = training_set(scene, survey, scale, &config)?;
        let nu = settle(&samples, &[], &dims, &config).nu;
        let dam = net::layers_of_dam(bands, config.dam_width);
        let (means, fusion) = (survey.means.clone(), self.fusion.clone());
        let (ratio, sides) = (self.ratio, config.sides.max(1));
        let (statistics, judgement) = (Vec::new(), None);
        Ok(Model { config, bands, ratio, scale, means, start, fusion, statistics, dam, judgement, sides, nu })
    }

    /// Writes a safetensors file, weights in PyTorch names and layout.
    ///
    /// # Errors
    /// What the file system reports; an existing file unless `overwrite`.
    pub fn save(&self, path: &Path, overwrite: bool) -> Result<(), MethodError> {
        let Self { config, bands, ratio, fusion, past } = self.clone();
        let meta = Meta { prior: VERSION, config, bands, ratio, past };
        let meta = serde_json::to_string(&meta).expect("plain values");
        let bytes = weights_file::encode(&meta, &model::named(&fusion, &[]));
        Ok(write_atomically(path, overwrite, |file| file.write_all(&bytes))?)
    }

    /// Reads what [`save`](Self::save) wrote, or the network of what [`Model::save`] did.
    ///
    /// # Errors
    /// [`WeightsError`] for files that cannot be read or are not whole.
    pub fn load(path: &Path) -> Result<Self, MethodError> {
        match Self::open(path)? {
            Some(prior) => Ok(prior),
            None => Ok(Self::of(&Model::load(path)?)),
        }
    }

    /// Reads what [`save`](Self::save) wrote; nothing if the file is none of those.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn open(path: &Path) -> Result<Option<Self>, MethodError> {
        let bad = |reason: String| MethodError::from(WeightsError::Content { path: path.to_owned(), reason });
        let (line, tensors) = weights_file::read(path)?;
        Self::of_file(&line, &tensors).map_err(bad)
    }

    /// From a file's metadata and tensors; nothing if they are of another sort.
    fn of_file(line: &str, tensors: &[NamedTensor]) -> Result<Option<Self>, String> {
        let Ok(meta) = serde_json::from_str::<Meta>(line) else { return Ok(None) };
        let Meta { prior, config, bands, ratio, past } = meta;
        if prior != VERSION {
            return Err(format!("its version is {prior}, this program reads {VERSION}"));
        }
        config.check(bands).map_err(|e| e.to_string())?;
        if !(2..=16).contains(&ratio) {
            return Err(format!("its ratio is {ratio}"));
        }
        let layers = net::layers_of_fusion(config.shape(bands)).into_iter();
        let fusion = layers.map(|layer| model::filled("fusion", layer, tensors)).collect::<Result<_, _>>()?;
        Ok(Some(Self { config, bands, ratio, fusion, past }))
    }
}
