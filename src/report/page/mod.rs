//! The report as a page: one HTML file that asks nothing of the network.
//!
//! A content security policy in the page forbids it to: `default-src 'none'`, pictures from `data:` addresses only.

mod facts;
mod images;
pub(super) mod numbers;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use super::chart::number;
use crate::tiff::visible;

pub(super) const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
pub(super) const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let title = format!("{}: {} report", file_name(&report.output), report.method);
    html! {
        (DOCTYPE)
        html lang="en" data-look="natural" data-before="upsampled" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(report))
                main {
                    @if !report.warnings.is_empty() {
                        section.warnings aria-label="Warnings" {
                            h2 { "Look into this first" }
                            ul { @for warning in &report.warnings { li { (visible(warning)) } } }
                        }
                    }
                    (images::viewer(report))
                    (images::overview(report))
                    @for table in report.tables.iter().skip(1) { (numbers::table(table)) }
                    (images::maps(report))
                    (numbers::spectra(report))
                    @for table in report.tables.iter().take(1) { (numbers::table(table)) }
                    @if let Some(losses) = &report.losses { (numbers::losses(report, losses)) }
                    (facts::run(report))
                    @if !report.notes.is_empty() {
                        section { h2 { "Notes" } ul { @for note in &report.notes { li { (visible(note)) } } } }
                    }
                }
                footer { "trapan " (version(report)) ", report layout " (report.schema) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn version(report: &Report) -> &str {
    report.versions.get("trapan").and_then(|v| v.as_str()).unwrap_or_default()
}

fn header(report: &Report) -> Markup {
    let (pan, ms) = (&report.inputs.pan, &report.inputs.ms);
    let sensor = report.settings.as_ref().map(|s| s.sensor.to_string());
    let figures = [
        ("method", Some(report.method.clone())),
        ("sensor", sensor),
        ("fused", Some(format!("{}×{}, {}", pan.width, pan.height, counted(ms.bands, "band")))),
        ("ratio", Some(report.inputs.ratio.to_string())),
        ("kept epoch", report.result.as_ref().map(|r| r.epoch.to_string())),
        ("full loss", report.result.as_ref().and_then(|r| r.full_loss).map(number)),
        ("time", report.seconds.last().map(|(_, total)| facts::duration(*total))),
    ];
    html! {
        header {
            h1 { (file_name(&report.output)) }
            p.lead { "Fused from " b { (file_name(&pan.path)) } " and " b { (file_name(&ms.path)) } " on " (visible(&report.device)) "." }
            dl.figures {
                @for (name, value) in figures.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}

/// `1 band`, `4 bands`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The last part of a path, as it is shown.
fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy());
    visible(&name).into_owned()
}
