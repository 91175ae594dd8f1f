//! `trapan info`: what is to be known of a pair before fusing it.

use std::fmt::Display;

use clap::Args;
use serde_json::{Value, json};
use trapan::engine::gpu::adapters;
use trapan::filter::Grid;
use trapan::kernels::Isa;
use trapan::method::config::{Profile, Sensor};
use trapan::method::estimate::Estimate;
use trapan::method::{Config, Coregistration};
use trapan::remedy::{Note, Remedy};
use trapan::scene::{
    Check, Geometry, GeometryError, GeometryOptions, Image, Registration, Scene, SceneError, ValueSummary, off_ms,
};
use trapan::tiff::{Header, Sample};

use super::args::cores;
use super::inputs::PairArgs;
use super::remedy::{in_flags, noted};
use super::{CliError, Talk, terminal};

/// Version of the JSON's layout.
const SCHEMA: u32 = 1;

/// Arguments of `info`.
#[derive(Args)]
pub(super) struct InfoArgs {
    #[command(flatten)]
    pair: PairArgs,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Runs `info`. A pair that cannot be fused as it is ends with the error that says so, after everything that can be
/// said of it.
pub(super) fn run(args: &InfoArgs, _talk: Talk) -> Result<(), CliError> {
    let files = args.pair.open()?;
    let info = Info::of(files.images(), files.sensor, &args.pair.geometry.options())?;
    match args.json {
        true => terminal::json(&info.json(in_flags)),
        false => info.lines().iter().for_each(terminal::line),
    }
    info.problem.map_or(Ok(()), |problem| Err(problem.into()))
}

/// What `info --json` prints of two images, with remedies in the library's words. A pair that cannot be fused is no error.
///
/// # Errors
/// What reading reports.
pub fn facts(images: [&dyn Image; 2], sensor: Option<Sensor>, options: &GeometryOptions) -> Result<Value, CliError> {
    Ok(Info::of(images, sensor, options)?.json(|text, _| text.to_string()))
}

fn estimate(scene: &Scene<'_>) -> Result<Estimate, CliError> {
    let config = Config::new(Sensor::Generic, Profile::Faithful, scene.ms().bands)?;
    Ok(Estimate::of(scene, &config))
}

/// The settings that `fuse` would have by itself.
fn config(sensor: Option<Sensor>, scene: &Scene<'_>) -> Result<Config, CliError> {
    let bands = scene.ms().bands;
    let sensor = sensor.filter(|sensor| sensor.ms_gains(bands).is_ok()).unwrap_or(Sensor::Generic);
    Ok(Config::new(sensor, Profile::Trapan, bands)?)
}

/// What is known of a pair whose images lie on each other.
struct PairInfo {
    geometry: Geometry,
    check: Check,
    estimate: Estimate,
    /// What `fuse` would do about the shift.
    coregistration: Coregistration,
}

/// What is known of a pair.
struct Info {
    /// PAN and MS.
    headers: [Header; 2],
    matched: Option<PairInfo>,
    /// Why it cannot be fused.
    problem: Option<SceneError>,
}

/// How one axis of the grids lies.
fn alignment(grid: &Grid) -> &'static str {
    if grid.phase == (grid.ratio as f64 - 1.0) / 2.0 {
        "area-aligned"
    } else if grid.phase == 0.0 {
        "centre-aligned"
    } else {
        "between pixels"
    }
}

/// The real bit depth, of integers.
fn bits(header: &Header, seen: &ValueSummary) -> Option<u8> {
    if header.sample == Sample::F32 { None } else { header.bits.or(seen.bits()) }
}

impl Info {
    fn of([pan, ms]: [&dyn Image; 2], sensor: Option<Sensor>, options: &GeometryOptions) -> Result<Self, CliError> {
        let headers = [pan.header().clone(), ms.header().clone()];
        let (geometry, problem) = match Geometry::of(&headers[0], &headers[1], options) {
            Ok(geometry) => (Some(geometry), None),
            // Measured all the same, where the ratio is nearly whole.
            Err(problem @ SceneError::Geometry(GeometryError::Ratio { .. })) => {
                let drifting = GeometryOptions { drifting: true, ..*options };
                (Geometry::of(&headers[0], &headers[1], &drifting).ok(), Some(problem))
            }
            Err(problem) => (None, Some(problem)),
        };
        let matched = geometry.map(|geometry| {
            let scene = Scene::new(pan, ms, geometry.clone());
            let check = Check::of(&scene)?;
            let estimate = estimate(&scene)?;
            let coregistration = Coregistration::of(&check, &scene, &config(sensor, &scene)?)?;
            Ok::<_, CliError>(PairInfo { geometry, check, estimate, coregistration })
        });
        Ok(Self { headers, matched: matched.transpose()?, problem })
    }

    fn verdict(&self) -> &'static str {
        let warned = self.matched.as_ref().is_some_and(|m| {
            !(m.check.warnings.is_empty()
                && m.check.undeclared.is_empty()
                && m.check.units.is_none()
                && m.geometry.notes.is_empty())
        });
        let warned = warned || self.headers.iter().any(|header| !header.notes.is_empty());
        match (&self.problem, warned) {
            (Some(_), _) => "cannot be fused as it is",
            (None, true) => "can be fused; see the warnings",
            (None, false) => "fits",
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let seen = |i: usize| self.matched.as_ref().map(|m| &m.check.seen[i]);
        for (i, name) in ["pan", "ms"].into_iter().enumerate() {
            lines.push(format!("{name:9}{}", file_line(&self.headers[i], seen(i))));
        }
        if let Some(PairInfo { geometry, check, estimate, coregistration }) = &self.matched {
            let (rows, columns) = (&geometry.rows, &geometry.columns);
            lines.push(format!(
                "grids    ratio {}; MS pixel centres on PAN rows {} + {r}k ({}), columns {} + {r}k ({}){}",
                rows.ratio,
                rows.phase,
                alignment(rows),
                columns.phase,
                alignment(columns),
                if geometry.ms_flip == [false; 2] { "" } else { "; MS runs the other way and is turned over" },
                r = rows.ratio,
            ));
            lines.push(format!("area     PAN {}, MS {}", geometry.pan, geometry.ms));
            lines.extend(geometry.notes.iter().map(|note| format!("         {note}")));
            if let Some(found) = &check.registration {
                lines.extend(shift_lines(found, &self.headers[1]));
                let decision = in_flags(coregistration, coregistration.remedy());
                lines.push(format!("fuse     {decision} (--coregister)"));
            }
            lines.extend(estimate_lines(estimate));
            lines.extend(
                check
                    .undeclared
                    .iter()
                    .chain(&check.units)
                    .chain(&check.warnings)
                    .map(|warning| format!("warning  {}", noted(warning))),
            );
        }
        let notes = self.headers.iter().flat_map(|header| &header.notes);
        lines.extend(notes.map(|note| format!("warning  {note}")));
        lines.push(format!("verdict  {}", self.verdict()));
        lines
    }

    /// As data, with what is to be done in the words of a program.
    fn json(&self, words: fn(&dyn Display, Option<Remedy>) -> String) -> Value {
        let noted = |note: &Note| words(note, note.remedy.clone());
        let seen = |i: usize| self.matched.as_ref().map(|m| &m.check.seen[i]);
        let mut value = json!({
            "schema": SCHEMA,
            "pan": file_json(&self.headers[0], seen(0)),
            "ms": file_json(&self.headers[1], seen(1)),
            "verdict": self.verdict(),
            "notes": self.headers.iter().flat_map(|header| &header.notes).collect::<Vec<_>>(),
            "problem": self.problem.as_ref().map(|problem| words(problem, problem.remedy())),
        });
        if let Some(PairInfo { geometry, check, estimate, coregistration }) = &self.matched {
            let axis = |grid: &Grid| json!({ "phase": grid.phase, "alignment": alignment(grid) });
            let window = |w: &trapan::tiff::Window| json!({ "x": w.x, "y": w.y, "width": w.width, "height": w.height });
            value["ratio"] = geometry.ratio().into();
            value["rows"] = axis(&geometry.rows);
            value["columns"] = axis(&geometry.columns);
            value["area"] =
                json!({ "pan": window(&geometry.pan), "ms": window(&geometry.ms), "notes": geometry.notes });
            value["shift"] = check.registration.as_ref().map(shift_json).into();
            let decision = json!({ "corrected": coregistration.correction(), "why": words(coregistration, coregistration.remedy()) });
            value["coregistration"] = decision;
            value["correlation"] = json!(check.registration.as_ref().map(|r| &r.correlation));
            value["estimate"] = estimate_json(estimate);
            value["warnings"] = json!(
                check.undeclared.iter().chain(&check.units).chain(&check.warnings).map(noted).collect::<Vec<_>>()
            );
        }
        value
    }
}

fn file_line(header: &Header, seen: Option<&ValueSummary>) -> String {
    let more = match header.others.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let mut parts = vec![format!(
        "{}{more}: {}x{}x{} {}",
        header.path.display(),
        header.width,
        header.height,
        header.bands,
        header.sample
    )];
    if let Some(seen) = seen {
        let declared = if header.bits.is_some() { " declared" } else { "" };
        parts.extend(bits(header, seen).map(|bits| format!("{bits} bit{declared}")));
        parts.push(format!("values {} to {}", seen.range[0], seen.range[1]));
        parts.push(match (header.nodata, seen.invalid) {
            (None, 0) => "all valid".into(),
            (Some(nodata), 0) => format!("nodata {nodata}, none found"),
            (nodata, n) => {
                let value = nodata.map_or("mask".into(), |v| v.to_string());
                format!("nodata ({value}): {:.1} % of the pixels looked at", 100.0 * n as f64 / seen.pixels as f64)
            }
        });
    }
    match header.geo.affine() {
        Some(affine) => {
            let [x, y] = affine.pixel_size();
            let crs = header.geo.epsg().map_or("no EPSG code".into(), |code| format!("EPSG:{code}"));
            let point = if header.geo.pixel_is_point() { ", pixel is point" } else { "" };
            parts.push(format!("pixels {x} by {y}, {crs}{point}"));
        }
        None => parts.push("no georeference".into()),
    }
    if !header.beside.is_empty() {
        let names = header.beside.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy());
        parts.push(format!("with {}", names.collect::<Vec<_>>().join(", ")));
    }
    parts.join(", ")
}

fn file_json(header: &Header, seen: Option<&ValueSummary>) -> Value {
    json!({
        "path": header.path.display().to_string(),
        "width": header.width,
        "height": header.height,
        "bands": header.bands,
        "descriptions": header.descriptions,
        "beside": header.beside.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "sample": header.sample.to_string(),
        "bits_declared": header.bits,
        "bits": seen.and_then(|seen| bits(header, seen)),
        "range": seen.map(|seen| seen.range),
        "nodata": header.nodata.map(|n| if n.is_finite() { json!(n) } else { json!(n.to_string()) }),
        "pixels_seen": seen.map(|seen| seen.pixels),
        "pixels_invalid": seen.map(|seen| seen.invalid),
        "epsg": header.geo.epsg(),
        "pixel_size": header.geo.affine().map(|affine| affine.pixel_size()),
        "pixel_is_point": header.geo.pixel_is_point(),
    })
}

fn shift_lines(found: &Registration, ms: &Header) -> Vec<String> {
    let Registration { shift, spread, drift, windows, correlation, fit } = found;
    let bands = correlation.iter().enumerate().map(|(i, c)| match &ms.descriptions[i] {
        Some(name) => format!("{name} {c:.2}"),
        None => format!("{} {c:.2}", i + 1),
    });
    vec![
        format!(
            "shift    PAN lies {}, in PAN pixels; spread {:.2}, {:.2}; drift over the area {:.2}, {:.2} ({} windows, edges \
             correlate {fit:.2})",
            off_ms(*shift),
            spread[0],
            spread[1],
            drift[0],
            drift[1],
            windows.len()
        ),
        format!("bands    correlation with PAN: {}", bands.collect::<Vec<_>>().join(", ")),
    ]
}

fn shift_json(found: &Registration) -> Value {
    let windows = found.windows.iter().map(|w| json!({ "at": w.at, "shift": w.shift, "error": w.error }));
    json!({
        "rows": found.shift[0],
        "columns": found.shift[1],
        "spread": found.spread,
        "drift": found.drift,
        "edge_correlation": found.fit,
        "windows": windows.collect::<Vec<_>>(),
    })
}

fn estimate_lines(estimate: &Estimate) -> Vec<String> {
    let mega = |bytes: u64| bytes.div_ceil(1 << 20);
    let mut lines = vec![format!(
        "needs    {:.0} TFLOP; cpu, {} threads, {:?}: about {:.0} s and {} MiB",
        (estimate.training + estimate.inference) / 1e12,
        cores(),
        Isa::best(),
        estimate.seconds(cores()),
        mega(estimate.bytes)
    )];
    for (i, adapter) in adapters().iter().enumerate() {
        lines.push(format!(
            "         gpu:{i}, {adapter}: {} MiB of its memory; trapan bench --device gpu:{i} tells the time",
            mega(estimate.device_bytes)
        ));
    }
    lines
}

fn estimate_json(estimate: &Estimate) -> Value {
    let gpus = adapters();
    let gpus = gpus.iter().enumerate().map(|(i, adapter)| {
        json!({ "device": format!("gpu:{i}"), "name": adapter.to_string(), "bytes": estimate.device_bytes })
    });
    json!({
        "training_flop": estimate.training,
        "inference_flop": estimate.inference,
        "cpu": { "threads": cores(), "isa": format!("{:?}", Isa::best()), "seconds": estimate.seconds(cores()), "bytes": estimate.bytes },
        "gpus": gpus.collect::<Vec<_>>(),
    })
}
