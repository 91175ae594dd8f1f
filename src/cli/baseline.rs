//! `trapan fuse --method`: fusion without training.

use std::io::Write;
use std::time::Instant;

use serde_json::json;
use trapan::classical::Method;
use trapan::method::{self, Config};
use trapan::raster::{Creation, Pair, Scale, write_atomically};

use super::fuse::FuseArgs;
use super::report::{SCHEMA, input, versions};
use super::{CliError, Talk};

/// Fuses, writes the image and, if asked for, the report.
pub fn run(
    method: Method,
    (pair, scale, config): (&Pair, &Scale, &Config),
    creation: &Creation,
    args: &FuseArgs,
    start: Instant,
    talk: Talk,
) -> Result<(), CliError> {
    let fusing = Instant::now();
    let hrms = method::baseline(method, pair, config)?;
    let fuse_time = fusing.elapsed();
    super::fuse::write_fused(&args.output, pair, scale, &hrms, creation, args.overwrite)?;
    if let Some(path) = &args.report {
        let report = json!({
            "schema": SCHEMA,
            "versions": versions(),
            "method": method,
            "inputs": { "pan": input(&pair.pan)?, "ms": input(&pair.ms)?, "ratio": pair.ratio() },
            "output": args.output.display().to_string(),
            "warnings": pair.warnings,
            "settings": {
                "sensor": config.sensor,
                "ms_gains": config.ms_gains,
                "pan_gain": config.pan_gain,
                "upsample": config.upsample,
            },
            "seconds": { "fuse": fuse_time.as_secs_f64(), "total": start.elapsed().as_secs_f64() },
        });
        write_atomically(path, args.overwrite, |file| file.write_all(format!("{report:#}\n").as_bytes()))?;
    }
    talk.say(format_args!("{method}: {:.2} s", fuse_time.as_secs_f64()));
    talk.say(format_args!("wrote {}", args.output.display()));
    Ok(())
}
