//! Facts of the run: files, settings, time.

use maud::{Markup, html};
use serde_json::Value;

use super::super::chart::number;
use super::super::{InputImage, Report};
use super::file_name;
use crate::tiff::visible;

/// Files, settings, timings.
pub(super) fn run(report: &Report) -> Markup {
    html! {
        section {
            h2 { "The run" }
            (timings(report))
            details open {
                summary { "Files" }
                div.scroll tabindex="0" role="region" aria-label="Files" { (files(report)) }
            }
            @if let Some(settings) = &report.settings {
                details {
                    summary { "Settings" }
                    dl.settings { @for (name, value) in entries(&serde_json::to_value(settings).unwrap_or_default()) {
                        div { dt { (name) } dd { (value) } }
                    } }
                }
            }
        }
    }
}

/// A bar with the parts of the run, and their seconds.
fn timings(report: &Report) -> Markup {
    let Some(((_, total), parts)) = report.seconds.split_last() else { return html! {} };
    let share = |seconds: f64| 100.0 * seconds / total.max(f64::MIN_POSITIVE);
    html! {
        div.bar role="img" aria-label="Shares of the time, listed below" {
            @for (i, (_, seconds)) in parts.iter().enumerate() {
                span class={ "part" (i % 6) } style={ "width: " (format!("{:.2}", share(*seconds))) "%" } {}
            }
        }
        ul.legend {
            @for (i, (name, seconds)) in parts.iter().enumerate() {
                li { span class={ "key part" (i % 6) } {} (name) " " (duration(*seconds)) }
            }
            li { b { "total " (duration(*total)) } " on " (visible(&report.device)) }
        }
    }
}

fn files(report: &Report) -> Markup {
    let images = [("PAN", &report.inputs.pan), ("MS", &report.inputs.ms)];
    let bits = report
        .scale
        .bits
        .map(|bits| format!("{bits} bit{}", if report.scale.declared { "" } else { ", from the data" }));
    let pixel = |i: &InputImage| i.pixel_size.map_or("–".into(), |[x, y]| format!("{} × {}", number(x), number(y)));
    let checksum = |i: &InputImage| i.sha256.clone().unwrap_or_else(|| "–".into());
    let nodata = |i: &InputImage| i.nodata.map_or("none".into(), number);
    html! {
        table.facts {
            thead { tr {
                th scope="col" { "image" } th scope="col" { "file" } th scope="col" { "size" } th scope="col" { "bands" }
                th scope="col" { "values" } th scope="col" { "pixel" } th scope="col" { "nodata" } th scope="col" { "SHA-256" }
            } }
            tbody {
                @for (name, i) in images {
                    tr {
                        th scope="row" { (name) }
                        td title=(visible(&i.path)) { (file_name(&i.path)) }
                        td { (i.width) "×" (i.height) }
                        td { (i.bands) }
                        td { (i.sample) @if let Some(bits) = &bits { ", " (bits) } }
                        td { (pixel(i)) }
                        td { (nodata(i)) }
                        td { code title=(checksum(i)) { (checksum(i).chars().take(12).collect::<String>()) } }
                    }
                }
            }
        }
        p.caption { "Values are trained on as (DN − " (number(report.scale.offset)) ") / " (number(report.scale.scale)) "." }
    }
}

/// Names and values of a settings object, nested ones with the outer name first.
fn entries(value: &Value) -> Vec<(String, String)> {
    let Value::Object(object) = value else { return Vec::new() };
    let entry = |(name, value): (&String, &Value)| {
        let name = name.replace('_', " ");
        let text = match value {
            Value::Object(_) => {
                return entries(value).into_iter().map(|(inner, v)| (format!("{name} {inner}"), v)).collect();
            }
            Value::Array(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Value::String(text) => text.clone(),
            Value::Null => "–".into(),
            other => other.to_string(),
        };
        vec![(name, text)]
    };
    object.iter().flat_map(entry).collect()
}

/// Seconds as people write them.
pub(crate) fn duration(seconds: f64) -> String {
    format!("{seconds:.*} s", if seconds < 10.0 { 2 } else { 1 })
}
