//! `trapan assess --pan --ms`: judging by the pair.

use std::path::{Path, PathBuf};

use serde_json::json;
use trapan::filter::Grid;
use trapan::method::{MethodError, Model};
use trapan::quality::{
    self, BLOCK, Commutation, ConsistencyScores, Convention, FullScores, Planar, QualityError, Setup,
};
use trapan::scene::{Image, Part};
use trapan::tiff::{Header, Source};

use super::maps::Maps;
use super::{AssessArgs, SCHEMA, constant, misplaced, size};
use crate::cli::terminal::{self, out};
use crate::cli::{CliError, Talk};

/// Everything there is to say.
struct Findings {
    scores: Vec<(Convention, FullScores)>,
    /// `None` if MS is smaller than a block.
    consistency: Option<ConsistencyScores>,
    commutation: Commutation,
}

pub(super) fn run(args: &AssessArgs, pan: &Path, talk: Talk) -> Result<(), CliError> {
    let (pan, mut ms, fused) = (Source::open(&[pan])?, Source::open(&args.ms)?, Source::open(&[&args.fused])?);
    let read: Vec<PathBuf> =
        [&pan, &ms, &fused].iter().flat_map(|s| s.header().files()).chain(&args.model).cloned().collect();
    if !args.ms_bands.is_empty() {
        ms.choose(&args.ms_bands)?;
    }
    let (setup, [pan_rows, ms_rows, fused_rows], mut warnings) = pair(args, [&pan, &ms, &fused])?;
    let place = [pan_rows.window().x, pan_rows.window().y];
    warnings.extend(misplaced(
        fused.header(),
        pan.header(),
        if fused_rows.window() == pan_rows.window() { [0; 2] } else { place },
    ));
    warnings.extend(constant("MS", &quality::ranges(&ms_rows)?));
    warnings.iter().for_each(|warning| talk.say(format_args!("warning: {warning}")));
    let possible = Convention::of_ratio(setup.rows.ratio);
    let phases = match args.phase {
        Some(Convention::True) if possible == Convention::Toolbox => vec![Convention::Toolbox, Convention::True],
        phase => vec![phase.unwrap_or(possible)],
    };
    let names = phases.iter().flat_map(|phase| match phase {
        Convention::Toolbox => ["d_lambda_toolbox", "d_s_toolbox"],
        Convention::True => ["d_lambda_true", "d_s_true"],
    });
    let names: Vec<&str> = names.chain(["consistency_sam", "consistency_error"]).collect();
    let maps = args.maps.as_deref().map(|folder| Maps::create(folder, &names, &read, args.overwrite)).transpose()?;

    let mut scores = Vec::new();
    for phase in phases {
        let (found, blocks) = quality::full(&pan_rows, &ms_rows, &fused_rows, &Setup { phase, ..setup.clone() })?;
        if let Some(maps) = &maps {
            let geo = pan.header().geo.part(pan_rows.window()).coarser(BLOCK);
            maps.write(&format!("d_lambda_{}", name(phase)), blocks.size, geo.clone(), &blocks.d_lambda)?;
            maps.write(&format!("d_s_{}", name(phase)), blocks.size, geo, &blocks.d_s)?;
        }
        scores.push((phase, found));
    }
    let commutation = match &args.model {
        Some(path) => {
            let model = Model::load(path)?;
            let bands = setup.ms_gains.len();
            if model.bands != bands {
                let (model, scene) = (model.bands.to_string(), bands.to_string());
                return Err(MethodError::Misfit { what: "bands", model, scene }.into());
            }
            quality::commutation(&pan_rows, &fused_rows, &setup, &model.response())?
        }
        None => {
            let response = quality::linear_response(&pan_rows, &ms_rows, &setup)?;
            let g = |bands: &[f64]| bands.iter().chain([&1.0]).zip(&response).map(|(v, weight)| v * weight).sum();
            quality::commutation(&pan_rows, &fused_rows, &setup, &g)?
        }
    };
    let findings =
        Findings { scores, consistency: consistency(&ms_rows, &fused_rows, &setup, maps.as_ref())?, commutation };
    if args.json {
        terminal::json(&report(args, &setup, &findings, &warnings));
    } else {
        let headers = [pan.header(), ms.header(), fused.header()];
        table(args, headers, &setup, &findings);
    }
    Ok(())
}

/// A part of an image that is read from files.
type OfFile<'a> = Part<&'a dyn Image>;

/// The images on each other: their common part, and what is to be known.
fn pair<'a>(
    args: &AssessArgs,
    [pan, ms, fused]: [&'a Source; 3],
) -> Result<(Setup, [OfFile<'a>; 3], Vec<String>), CliError> {
    let ms_gains = match &args.mtf_gains {
        Some(gains) => gains.clone(),
        None => args.sensor.ms_gains(ms.header().bands)?,
    };
    let pan_gain = args.pan_gain.unwrap_or_else(|| args.sensor.pan_gain());
    Ok(Setup::of([pan, ms, fused], &args.geometry.options(), ms_gains, pan_gain)?)
}

fn consistency(
    ms: &OfFile<'_>,
    fused: &dyn Planar,
    setup: &Setup,
    maps: Option<&Maps>,
) -> Result<Option<ConsistencyScores>, QualityError> {
    let [height, width, _] = ms.size();
    if height.min(width) < BLOCK {
        return Ok(None);
    }
    let Some(maps) = maps else { return quality::consistency(ms, fused, setup).map(Some) };
    let geo = ms.header().geo.clone();
    let mut files = maps.pixels("consistency_", [height, width], &geo)?;
    let found = quality::consistency_maps(ms, fused, setup, &mut |rows| files.add(&rows))?;
    files.finish()?;
    Ok(Some(found))
}

/// By how many PAN pixels the toolbox's upsampled MS is off the true grid, along rows and columns, if the
/// toolbox can upsample it.
fn off(setup: &Setup) -> Option<[f64; 2]> {
    let of = |grid: &Grid| grid.ratio as f64 / 2.0 - grid.phase;
    let possible = Convention::of_ratio(setup.rows.ratio) == Convention::Toolbox;
    possible.then(|| [of(&setup.rows), of(&setup.columns)])
}

fn name(phase: Convention) -> &'static str {
    match phase {
        Convention::Toolbox => "toolbox",
        Convention::True => "true",
    }
}

fn report(args: &AssessArgs, setup: &Setup, findings: &Findings, warnings: &[String]) -> serde_json::Value {
    let scores: serde_json::Map<_, _> =
        findings.scores.iter().map(|(phase, scores)| (name(*phase).to_owned(), json!(scores))).collect();
    json!({
        "schema": SCHEMA,
        "pan": args.pan.as_ref().map(|path| path.to_string_lossy()),
        "ms": args.ms.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        "fused": args.fused.to_string_lossy(),
        "sensor": args.sensor,
        "ms_gains": setup.ms_gains,
        "pan_gain": setup.pan_gain,
        "ratio": setup.rows.ratio,
        "size": [setup.rows.fine, setup.columns.fine],
        "toolbox_offset": off(setup),
        "distortion": scores,
        "consistency": findings.consistency,
        "commutation": { "response": if args.model.is_some() { "trained" } else { "linear" }, "rms": findings.commutation.rms, "relative": findings.commutation.relative },
        "warnings": warnings,
    })
}

fn table(args: &AssessArgs, [pan, ms, fused]: [&Header; 3], setup: &Setup, findings: &Findings) {
    let Findings { scores, consistency, commutation } = findings;
    let first = &scores[0].1;
    let name_of = |image: &Header| format!("{} ({})", image.path.display(), size(image));
    out!("{} by {} and {}, sensor {}", name_of(fused), name_of(pan), name_of(ms), args.sensor);
    out!(
        "{} blocks of {BLOCK}x{BLOCK} PAN pixels; {} left out because nodata reaches them",
        first.blocks,
        first.blocks_left_out
    );
    out!("");
    let line = |what: &str, best: &str, values: &[String]| {
        out!("{what:34} {:>6} {}", best, values.iter().map(|v| format!("{v:>10}")).collect::<String>());
    };
    let each =
        |value: fn(&FullScores) -> f64| scores.iter().map(|(_, s)| format!("{:.4}", value(s))).collect::<Vec<_>>();
    line("distortion, MS upsampled as", "best", &scores.iter().map(|(p, _)| name(*p).to_owned()).collect::<Vec<_>>());
    line("  D_lambda, spectral (Khan)", "0", &each(|s| s.d_lambda));
    line("  D_s, spatial", "0", &each(|s| s.d_s));
    line("  HQNR", "1", &each(|s| s.hqnr));
    line("  D_s by regression, 1 - R2", "0", &[format!("{:.4}", first.d_s_regression)]);
    match consistency {
        Some(consistency) => {
            line("degraded again, against MS", "best", &[]);
            line(
                &format!("  Q{}", setup.ms_gains.len().next_power_of_two()),
                "1",
                &[format!("{:.4}", consistency.q2n)],
            );
            line("  SAM, degrees", "0", &[format!("{:.4}", consistency.sam)]);
            line("  ERGAS", "0", &[format!("{:.4}", consistency.ergas)]);
        }
        None => out!("degraded again, against MS: left out, MS has less than {BLOCK} pixels along a side"),
    }
    line("degradations, how far from commuting", "best", &[]);
    line("  DN (root mean square)", "0", &[format!("{:.4}", commutation.rms)]);
    line("  of the deviation of PAN", "0", &[format!("{:.2} %", 100.0 * commutation.relative)]);
    out!("");
    if let Some([y, x]) = off(setup) {
        out!("The toolbox's upsampled MS sits {y} rows and {x} columns of PAN off the true grid of this pair: images");
        out!("that are true to their pixels pay for it. --phase true judges at the true phase as well.");
    }
    if args.model.is_none() {
        out!("The response of PAN in the commutation is fitted linearly to this pair (least squares); --model takes");
        out!("that of a trained network.");
    }
}
