//! Everything of the page that is counted: tables, spectra, losses.

use maud::{Markup, html};

use super::super::chart::{Chart, ChartLine, YAxis, number};
use super::super::losses::Losses;
use super::super::table::{Better, Column, Table};
use super::super::{Report, Spectrum};
use crate::method::config::WarmUp;

/// A table, the best of each column marked.
pub(crate) fn table(table: &Table) -> Markup {
    let best: Vec<Vec<usize>> = (0..table.columns.len()).map(|column| table.best(column)).collect();
    html! {
        section {
            h2 { (table.title) }
            div.scroll tabindex="0" role="region" aria-label=(table.title) {
                table {
                    thead { tr { th scope="col" { (table.rows_are) } @for column in &table.columns { (head(column)) } } }
                    tbody {
                        @for (i, row) in table.rows.iter().enumerate() {
                            tr.own[row.own] {
                                th scope="row" { (row.name) }
                                @for (k, column) in table.columns.iter().enumerate() {
                                    @let is_best = best[k].contains(&i);
                                    td.best[is_best] {
                                        @match row.value(k) {
                                            Some(v) => { (format!("{v:.*}", column.decimals).replace('-', "−")) }
                                            None => { "–" }
                                        }
                                        @if is_best { span.unseen { " (best)" } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if best.iter().any(|b| !b.is_empty()) { p.caption { "↑ higher is better, ↓ lower; the best is marked." } }
            @if !table.note.is_empty() { p.caption { (table.note) } }
        }
    }
}

fn head(column: &Column) -> Markup {
    let (arrow, words) = match column.better {
        Better::Higher => ("↑ ", "higher is better"),
        Better::Lower => ("↓ ", "lower is better"),
        Better::Neither => ("", ""),
    };
    html! {
        th scope="col" title=[(!words.is_empty()).then_some(words)] {
            // A name may break at its spaces only.
            (column.name.replace('-', "\u{2011}")) " " span.unit { (arrow) (column.unit) }
        }
    }
}

/// Spectra before and after.
pub(crate) fn spectra(report: &Report) -> Markup {
    let one = |(i, s): (usize, &Spectrum)| {
        let chart = spectrum_chart(report, i + 1, s);
        html! { figure { (chart.svg()) figcaption { b { (i + 1) } ": column " (s.column) ", row " (s.row) } } }
    };
    html! {
        @if let Some(first) = report.spectra.first() {
            section {
                h2 { "Spectra before and after" }
                (spectrum_chart(report, 1, first).legend())
                div.grid.three { @for spectrum in report.spectra.iter().enumerate().map(one) { (spectrum) } }
                p.caption {
                    "DN per band at smooth places, as different as the scene has them (numbers in the fused image above). "
                    "Fusing should keep their shape."
                }
            }
        }
    }
}

fn spectrum_chart(report: &Report, place: usize, s: &Spectrum) -> Chart {
    let points = |values: &[f32]| values.iter().enumerate().map(|(i, v)| [i as f64, f64::from(*v)]).collect();
    let line =
        |name: &str, class, values: &[f32], dots| ChartLine { name: name.into(), class, points: points(values), dots };
    Chart {
        label: format!("Spectrum at place {place}"),
        x_name: "",
        x_range: None,
        x_labels: report.bands.iter().map(|name| name.strip_prefix("band ").unwrap_or(name).to_owned()).collect(),
        axis: YAxis::Linear,
        lines: vec![
            line("PAN", "pan", &vec![s.pan; s.fused.len()], false),
            line("upsampled", "before", &s.upsampled, true),
            line("fused", "after", &s.fused, true),
        ],
        shaded: None,
        marked: None,
    }
}

/// Losses of the three phases.
pub(crate) fn losses(report: &Report, losses: &Losses) -> Markup {
    let line = |name: &str, class, points| ChartLine { name: name.into(), class, points, dots: false };
    let warm_up = report.settings.as_ref().filter(|s| s.warm_up != WarmUp::None && s.warm_up_epochs > 0);
    let warm_up = warm_up.map(|s| ([1.0, f64::from(s.warm_up_epochs.min(s.epochs))], "warm-up"));
    let epochs = report.settings.as_ref().map(|s| s.epochs);
    let kept = |epoch: Option<u32>| epoch.map(|e| (f64::from(e), "kept"));
    let chart = |label: &str, lines, shaded, epochs: Option<u32>, epoch: Option<u32>| Chart {
        label: format!("{label} over the epochs, logarithmic"),
        x_name: "epoch",
        x_range: epochs.map(|epochs| [1.0, f64::from(epochs)]),
        x_labels: Vec::new(),
        axis: YAxis::Log,
        lines,
        shaded,
        marked: kept(epoch),
    };
    let result = report.result.as_ref();
    let phases = [
        (
            "Degradation network",
            "It learns from the degraded pair what PAN would see.",
            losses.dam.points(1),
            chart(
                "Loss of the degradation network",
                vec![line("loss", "after", losses.dam.points(1))],
                None,
                None,
                result.map(|r| r.dam_epoch),
            ),
        ),
        (
            "Reduced resolution",
            "The fused degraded pair against MS.",
            losses.reduced.points(1),
            chart(
                "Reduced-resolution loss",
                vec![line("loss", "after", losses.reduced.points(1))],
                warm_up,
                epochs,
                result.map(|r| r.epoch),
            ),
        ),
        (
            "Full resolution",
            "The fused pair, degraded, against PAN and MS.",
            losses.full.points(3),
            chart(
                "Full-resolution loss",
                vec![
                    line("to PAN (spectral)", "before", losses.full.points(1)),
                    line("to MS (spatial)", "raw", losses.full.points(2)),
                    line("weighted sum", "after", losses.full.points(3)),
                ],
                warm_up,
                epochs,
                result.map(|r| r.epoch),
            ),
        ),
    ];
    html! {
        section {
            h2 { "Training" }
            div.grid.three {
                @for (name, what, points, chart) in &phases {
                    figure {
                        h3 { (name) }
                        @if points.is_empty() { p.caption { "No such step in this run." } } @else {
                            (chart.svg())
                            @if chart.lines.len() > 1 { (chart.legend()) }
                            figcaption { (what) " " (summary(points)) }
                        }
                    }
                }
            }
            p.caption { "Mean squared errors of values scaled to 0…1." }
        }
    }
}

/// The first, the last and the lowest loss.
fn summary(points: &[[f64; 2]]) -> String {
    let lowest = points.iter().min_by(|a, b| a[1].total_cmp(&b[1]));
    let (Some(first), Some(last), Some(lowest)) = (points.first(), points.last(), lowest) else { return String::new() };
    let [first_loss, last_loss, low] = [first[1], last[1], lowest[1]].map(number);
    format!("First {first_loss}, last {last_loss}, lowest {low} in epoch {}.", lowest[0])
}
