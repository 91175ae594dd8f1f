//! What an outside program needs to replay a training step by step.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::crops::{crop_size, ten_crop};
use super::{Config, Learned, fitted, weights_file};
use crate::net::Layer;
use crate::raster::{Format, Output, RasterError, check_output, create_folder, write_atomically};

/// Names of the files.
const FILES: [(&str, Format); 4] = [
    ("config.json", Format::Json),
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
/// [`RasterError::Exists`] without `overwrite`, or what the file system reports.
pub fn check(dir: &Path, overwrite: bool) -> Result<(), RasterError> {
    create_folder(dir)?;
    FILES.iter().try_for_each(|(name, _)| check_output(&dir.join(name), overwrite))
}

/// Writes `config.json`, `init.safetensors`, `final.safetensors` and `steps.jsonl`
/// into a folder, which is created if need be. Weights have PyTorch names and layout.
///
/// # Errors
/// As for [`check`].
pub fn write(dir: &Path, learned: &Learned, config: &Config, overwrite: bool) -> Result<(), RasterError> {
    check(dir, overwrite)?;
    let outcome = &learned.outcome;
    let save = |name: &str, bytes: &[u8]| write_atomically(&dir.join(name), overwrite, |file| file.write_all(bytes));
    save("config.json", format!("{:#}\n", describe(learned, config)).as_bytes())?;
    save("init.safetensors", &weights(&outcome.initial))?;
    save("final.safetensors", &weights(&outcome.trained))?;
    let line = |step| serde_json::to_string(step).expect("a step is plain values") + "\n";
    let lines: Vec<String> = outcome.steps.iter().map(line).collect();
    save("steps.jsonl", lines.concat().as_bytes())
}

/// Everything that, with the pair and the steps, determines the training.
fn describe(learned: &Learned, config: &Config) -> serde_json::Value {
    let Learned { dims, outcome, fitted, .. } = learned;
    let scale = &fitted.scale;
    let (crop_height, crop_width) = crop_size(dims.rows.coarse, dims.columns.coarse);
    let crops = ten_crop(dims.rows.coarse, dims.columns.coarse).map(|[row, column, flip, _]| [row, column, flip]);
    json!({
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
        "width": config.width,
        "blocks": config.blocks,
        "dam_width": config.dam_width,
        "lr": { "dam": config.lr_dam, "reduced": config.lr_reduced, "full": config.lr_full },
        "betas": [config.adam.beta1, config.adam.beta2],
        "eps": config.adam.eps,
        "lambda_spectral": config.lambda_spectral,
        "lambda_spatial": config.lambda_spatial,
        "crop_height": crop_height,
        "crop_width": crop_width,
        "crops": crops,
        "best_dam_epoch": outcome.dam_epoch,
        "best_epoch": outcome.epoch,
        "keep": config.keep,
        "seed": config.seed,
        "device": learned.device,
        "instruction_set": learned.isa.map(|isa| isa.to_string()),
    })
}

/// Both networks as one safetensors file.
fn weights((fusion, dam): &(Vec<Layer>, Vec<Layer>)) -> Vec<u8> {
    weights_file::encode("trace", &fitted::named(fusion, dam))
}
