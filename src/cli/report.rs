//! The JSON report of a run.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use trapan::engine::Timing;
use trapan::method::{Config, Fused, StepRecord};
use trapan::raster::{Pair, Raster, RasterError, Scale, sha256, write_atomically};

/// Version of the report's layout.
pub const SCHEMA: u32 = 1;

/// Times outside of training.
pub struct Times {
    /// Reading and checking the pair.
    pub read: Duration,
    /// Writing the fused image.
    pub write: Duration,
    /// From start to end.
    pub total: Duration,
}

/// What the report tells about.
pub struct Report<'a> {
    pub pair: &'a Pair,
    pub scale: &'a Scale,
    pub config: &'a Config,
    pub fused: &'a Fused,
    pub times: &'a Times,
    pub output: &'a Path,
}

impl Report<'_> {
    /// Writes the report.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), RasterError> {
        let text = format!("{:#}\n", self.json()?);
        write_atomically(path, overwrite, |file| file.write_all(text.as_bytes()))
    }

    fn json(&self) -> Result<Value, RasterError> {
        let (outcome, scale) = (&self.fused.outcome, self.scale);
        let seconds = |d: Duration| d.as_secs_f64();
        Ok(json!({
            "schema": SCHEMA,
            "versions": versions(),
            "inputs": { "pan": input(&self.pair.pan)?, "ms": input(&self.pair.ms)?, "ratio": self.pair.ratio() },
            "output": self.output.display().to_string(),
            "warnings": self.pair.warnings,
            "device": self.fused.device,
            "seed": self.config.seed,
            "settings": self.config,
            "scale": {
                "offset": scale.offset,
                "scale": scale.scale,
                "bits": scale.bits,
                "declared": scale.declared,
                "range": scale.range,
            },
            "result": {
                "dam_epoch": outcome.dam_epoch,
                "dam_loss": outcome.dam_loss,
                "epoch": outcome.epoch,
                "full_loss": outcome.best_full,
            },
            "losses": self.losses(),
            "seconds": {
                "read": seconds(self.times.read),
                "load": seconds(self.fused.load_time),
                "degradation": seconds(outcome.dam_time),
                "alternation": seconds(outcome.fusion_time),
                "inference": seconds(self.fused.infer_time),
                "write": seconds(self.times.write),
                "total": seconds(self.times.total),
            },
            "profile": self.fused.timings.iter().map(timing).collect::<Vec<_>>(),
        }))
    }

    /// Losses per branch: mean per epoch of the degradation network, else one entry per step.
    fn losses(&self) -> Value {
        let (mut dam, mut reduced, mut full) = (Vec::<[f64; 2]>::new(), Vec::new(), Vec::new());
        for step in &self.fused.outcome.steps {
            match step {
                StepRecord::Dam { epoch, loss, .. } => {
                    let share = f64::from(*loss) / trapan::method::crops::CROPS as f64;
                    match dam.last_mut().filter(|last| last[0] == f64::from(*epoch)) {
                        Some(last) => last[1] += share,
                        None => dam.push([f64::from(*epoch), share]),
                    }
                }
                StepRecord::Reduced { epoch, loss, .. } => reduced.push(json!([epoch, loss])),
                StepRecord::Full { epoch, spectral, spatial, loss, .. } => {
                    full.push(json!([epoch, spectral, spatial, loss]));
                }
            }
        }
        json!({
            "dam": { "columns": ["epoch", "loss"], "rows": dam },
            "reduced": { "columns": ["epoch", "loss"], "rows": reduced },
            "full": { "columns": ["epoch", "spectral", "spatial", "loss"], "rows": full },
        })
    }
}

fn timing(t: &Timing) -> Value {
    json!({
        "plan": t.plan,
        "label": t.label,
        "kernel": t.kernel,
        "runs": t.runs,
        "seconds": t.total.as_secs_f64(),
        "flops": t.flops,
        "bytes": t.bytes,
    })
}

/// The program's version and what it was built for.
pub fn versions() -> Value {
    json!({
        "trapan": env!("CARGO_PKG_VERSION"),
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    })
}

/// A file of the pair.
pub fn input(raster: &Raster) -> Result<Value, RasterError> {
    Ok(json!({
        "path": raster.path.display().to_string(),
        "sha256": sha256(&raster.path)?,
        "width": raster.width,
        "height": raster.height,
        "bands": raster.bands,
        "sample": raster.sample.to_string(),
        "nodata": raster.nodata,
        "georeferenced": raster.geo.affine().is_some(),
    }))
}
