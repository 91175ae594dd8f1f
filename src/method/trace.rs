//! What an outside program needs to replay a training step by step.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::crops::{crop_size, ten_crop};
use super::learn::{TrainingSet, training_set};
use super::{Config, Log, MethodError, Model, Run, Timings, model, weights_file};
use crate::graph::Shape;
use crate::net::{Layer, NamedTensor};
use crate::scene::{Scale, Scene, Survey};
use crate::tiff::{Format, Output, TiffError, check_output, create_folder, write_atomically};

/// Names of the files.
const FILES: [(&str, Format); 5] = [
    ("config.json", Format::Json),
    ("samples.safetensors", Format::Safetensors),
    ("init.safetensors", Format::Safetensors),
    ("final.safetensors", Format::Safetensors),
    ("steps.jsonl", Format::Json),
];

/// The files that [`write()`] will write into a folder.
pub fn outputs(dir: &Path) -> impl Iterator<Item = Output> {
    FILES.iter().map(|(name, format)| Output::new(dir.join(name), *format))
}

/// Creates the folder and finds out whether [`write()`] can be expected to succeed.
///
/// # Errors
/// [`TiffError::Exists`] without `overwrite`, or what the file system reports.
pub fn check(dir: &Path, overwrite: bool) -> Result<(), TiffError> {
    create_folder(dir)?;
    FILES.iter().try_for_each(|(name, _)| check_output(&dir.join(name), overwrite))
}

/// Writes `config.json`, `samples.safetensors`, `init.safetensors`, `final.safetensors` and `steps.jsonl`
/// into a folder, which is created if need be. Weights have PyTorch names and layout. What the network adds to and
/// how much pixels count is found anew, as it was for the training: most do without a trace, and need not hold it.
///
/// # Errors
/// As for [`check`], and what reading reports.
pub fn write(
    dir: &Path,
    (scene, survey): (&Scene<'_>, &Survey),
    run: &Run,
    config: &Config,
    scale: &Scale,
    overwrite: bool,
) -> Result<(), MethodError> {
    check(dir, overwrite)?;
    let (Some(model), Some(log)) = (&run.model, &run.log) else { return Ok(()) };
    let set = training_set(scene, survey, scale, config)?;
    let save = |name: &str, bytes: &[u8]| write_atomically(&dir.join(name), overwrite, |file| file.write_all(bytes));
    save("config.json", format!("{:#}\n", describe((model, log, &run.timings), &set.config)).as_bytes())?;
    save("samples.safetensors", &samples(&set))?;
    save("init.safetensors", &weights(&log.initial))?;
    save("final.safetensors", &weights(&log.kept))?;
    let line = |step| serde_json::to_string(step).expect("a step is plain values") + "\n";
    let lines: Vec<String> = log.steps.iter().map(line).collect();
    Ok(save("steps.jsonl", lines.concat().as_bytes())?)
}

/// Everything that, with the pair and the steps, determines the training.
fn describe((model, log, timings): (&Model, &Log, &Timings), config: &Config) -> serde_json::Value {
    let dims = &log.dims;
    let scale = &model.scale;
    let (crop_height, crop_width) = crop_size(dims.rows.coarse, dims.columns.coarse);
    let crops = ten_crop(dims.rows.coarse, dims.columns.coarse).map(|[row, column, flip, _]| [row, column, flip]);
    let mut described = json!({
        "ms_height": dims.rows.coarse,
        "ms_width": dims.columns.coarse,
        "bands": dims.bands,
        "ratio": dims.rows.ratio,
        "offset": scale.offset,
        "scale": scale.scale,
        "pan": scale.pan,
        "bounds": scale.bounds,
        "ms_gains": config.ms_gains,
        "pan_gain": config.pan_gain,
        "upsample": config.upsample,
        "reduced": config.reduced,
        "base": config.base,
        "bend": config.bend,
        "width": config.width,
        "blocks": config.blocks,
        "dam_width": config.dam_width,
        "lr": { "dam": config.lr_dam, "reduced": config.lr_reduced, "full": config.lr_full },
        "lr_floor": config.lr_floor,
        "epochs": config.epochs,
        "betas": [config.adam.beta1, config.adam.beta2],
        "eps": config.adam.eps,
        "lambda_spectral": config.lambda_spectral,
        "lambda_spatial": config.lambda_spatial,
        "crop_height": crop_height,
        "crop_width": crop_width,
        "crops": crops,
        "windows": log.windows.iter().map(|place| [place.row, place.column]).collect::<Vec<_>>(),
        "best_dam_epoch": log.dam_epoch,
        "best_epoch": log.epoch,
        "keep": config.keep,
        "seed": config.seed,
        "device": timings.device,
        "instruction_set": timings.isa.map(|isa| isa.to_string()),
    });
    if !config.backbone.is_usual() {
        described["backbone"] = json!(config.backbone);
    }
    described
}

/// What the samples have besides their images, by number and name: what the network adds to, `[H, W, C]` and
/// `[h, w, C]`, and how much pixels count, `[H, W]` and `[h, w]`.
fn samples(TrainingSet { dims, samples, .. }: &TrainingSet) -> Vec<u8> {
    let mut tensors: Vec<NamedTensor> = Vec::new();
    let (pan, ms) = (dims.pan(), dims.ms());
    for (k, sample) in samples.iter().enumerate() {
        let mut add = |name: &str, shape: Shape, channels: usize, values: &[f32]| {
            let shape = [shape.h(), shape.w(), channels];
            let dims = if channels == 1 { &shape[..2] } else { &shape[..] };
            tensors.push((format!("{k}.{name}"), dims.to_vec(), values.to_vec()));
        };
        if let Some([full, reduced]) = &sample.bases {
            add("base", pan, dims.bands, full);
            add("base.reduced", ms, dims.bands, reduced);
        }
        if let Some(weights) = &sample.weights {
            add("weight.pan", pan, 1, &weights.pan);
            add("weight.ms", ms, 1, &weights.ms);
        }
        if let Some(weight) = sample.reduced_weight() {
            add("weight.reduced", ms, 1, weight);
        }
    }
    weights_file::encode("trace", &tensors)
}

/// Both networks as one safetensors file.
fn weights((fusion, dam): &(Vec<Layer>, Vec<Layer>)) -> Vec<u8> {
    weights_file::encode("trace", &model::named(fusion, dam))
}
