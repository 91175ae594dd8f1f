//! Everything of the page that is looked at: the comparison by slider, the overview, the maps.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::super::chart::number;
use super::super::map::{Map, Ramp};
use super::super::pictures::{ImageKind, Look, PageImage};
use super::super::{Channels, Report};

/// The detail, upsampled on the left and fused on the right of a line that moves.
pub(crate) fn viewer(report: &Report) -> Markup {
    let [width, height] = report.pictures.detail_size;
    let [column, row] = report.pictures.detail_origin;
    let pane = |layers: &[ImageKind]| {
        html! { @for shown in report.detail.iter().filter(|s| layers.contains(&s.layer)) { (picture(shown, [width, height])) } }
    };
    html! {
        section {
            h2 { "Before and after" }
            div #stage tabindex="0" role="group" data-width=(width)
                style={ "aspect-ratio: " (width) " / " (height) "; max-width: calc(85vh * " (width) " / " (height) ")" }
                aria-label="Detail, enlarged: plus and minus zoom, arrow keys move the picture" {
                div.pane.after { (pane(&[ImageKind::Fused])) }
                div.pane.before { (pane(&[ImageKind::Upsampled, ImageKind::Pan])) }
                div #handle aria-hidden="true" {}
                span.tag.left aria-hidden="true" { span.upsampled { "upsampled MS" } span.pan { "PAN" } }
                span.tag.right aria-hidden="true" { "fused" }
            }
            div.controls {
                label.slide { "before" input #slider type="range" min="0" max="100" step="0.5" value="50"
                    aria-label="Share of the detail that shows the image before fusing, percent"; "after" }
                (choice("before", "Compare with", &[("upsampled", "upsampled MS"), ("pan", "PAN")]))
                @if report.pictures.colours.infrared.is_some() {
                    (choice("look", "Colour", &[("natural", "true"), ("infrared", "false")]))
                }
                div.zoom role="group" aria-label="Zoom" {
                    button #out type="button" aria-label="Zoom out" { "−" }
                    button #fit type="button" { "fit" }
                    button #in type="button" aria-label="Zoom in" { "+" }
                }
            }
            p.caption {
                @if [width, height] == [report.inputs.pan.width, report.inputs.pan.height] { "All of the pair" } @else {
                    "The busiest " (width) "×" (height) " pixels of the pair, from column " (column) ", row " (row)
                }
                ", at full resolution. Drag the line; zoom in and drag the picture."
            }
        }
    }
}

/// Radio buttons that set an attribute of the page.
fn choice(name: &str, legend: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        fieldset {
            legend { (legend) }
            @for (i, (value, text)) in options.iter().enumerate() {
                label { input type="radio" name=(name) value=(value) checked[i == 0]; span { (text) } }
            }
        }
    }
}

/// The whole pair in small, with the places of the detail and of the spectra.
pub(super) fn overview(report: &Report) -> Markup {
    let (pan, placed) = (&report.inputs.pan, &report.pictures);
    let size = [pan.width.div_ceil(placed.overview_step), pan.height.div_ceil(placed.overview_step)];
    let figure = |layer: ImageKind, text: &str, overlay: Markup| {
        html! {
            figure {
                div.frame {
                    @for shown in report.overview.iter().filter(|s| s.layer == layer) { (picture(shown, size)) }
                    (overlay)
                }
                figcaption { (text) }
            }
        }
    };
    let names = |channels: Channels| channels.map(|c| report.bands[c].clone()).join(", ");
    html! {
        section {
            h2 { "The whole pair" }
            div.grid.four {
                (figure(ImageKind::Pan, "PAN", marks(report, false)))
                (figure(ImageKind::Upsampled, "Upsampled MS", marks(report, false)))
                (figure(ImageKind::Fused, "Fused", marks(report, true)))
                (one_map(&report.added))
            }
            p.caption {
                "Shown as red, green, blue: " (names(placed.colours.natural))
                @if let Some(channels) = placed.colours.infrared { "; in false colour " (names(channels)) }
                ". One stretch for all pictures, 2 to 98 % of MS band by band, of PAN for PAN. "
                @if placed.overview_step > 1 { "Each pixel is the mean of " (placed.overview_step) "×" (placed.overview_step) ". " }
                "The frame is the detail above, the numbers are the places of the spectra."
            }
        }
    }
}

/// The frame of the detail and, if wanted, the numbered places, over a picture of all of PAN.
fn marks(report: &Report, places: bool) -> Markup {
    let (pan, placed) = (&report.inputs.pan, &report.pictures);
    let ([x, y], [w, h]) = (placed.detail_origin, placed.detail_size);
    // Sizes in the picture's own unit, so that they look the same for every scene.
    let unit = pan.width.max(pan.height) as f64 / 100.0;
    html! {
        svg.marks viewBox={ "0 0 " (pan.width) " " (pan.height) } aria-hidden="true" style={ "font-size: " (5.0 * unit) "px" } {
            rect x=(x) y=(y) width=(w) height=(h) {}
            @if places {
                @for (i, s) in report.spectra.iter().enumerate() {
                    circle cx=(s.column) cy=(s.row) r=(3.2 * unit) {}
                    text x=(s.column) y=(s.row as f64 + 1.75 * unit) text-anchor="middle" { (i + 1) }
                }
            }
        }
    }
}

fn picture(shown: &PageImage, [width, height]: [usize; 2]) -> Markup {
    let (class, name) = match (shown.layer, shown.look) {
        (ImageKind::Pan, _) => ("pan", "Panchromatic image"),
        (ImageKind::Upsampled, Look::Infrared) => ("upsampled infrared", "Upsampled multispectral image, false colour"),
        (ImageKind::Upsampled, _) => ("upsampled natural", "Upsampled multispectral image, true colour"),
        (ImageKind::Fused, Look::Infrared) => ("fused infrared", "Fused image, false colour"),
        (ImageKind::Fused, _) => ("fused natural", "Fused image, true colour"),
    };
    html! {
        img class=(class) src=(data(&shown.png)) alt=(name) width=(width) height=(height)
            draggable="false";
    }
}

/// Maps with their legends; those of one name side by side, with one legend.
pub(super) fn maps(report: &Report) -> Markup {
    html! {
        @if !report.maps.is_empty() {
            section {
                h2 { "Maps" }
                @for kind in report.maps.chunk_by(|a, b| a.name == b.name) {
                    h3 { (kind[0].name) }
                    div.grid.many { @for map in kind {
                        figure.own[map.method.as_ref() == Some(&report.method)] {
                            (frame(map))
                            figcaption { @if let Some(method) = &map.method { b { (method) } " " } (mean(map)) }
                        }
                    } }
                    div.common { (legend(&kind[0])) }
                    p.caption { (kind[0].note) }
                }
            }
        }
    }
}

fn one_map(map: &Map) -> Markup {
    html! {
        figure {
            (frame(map))
            figcaption { b { (map.name) } ", " (mean(map)) (legend(map)) (map.note) }
        }
    }
}

fn frame(map: &Map) -> Markup {
    let of = map.method.as_ref().map(|method| format!(", {method}")).unwrap_or_default();
    html! {
        div.frame {
            // A map without extent has no picture.
            @if let Ok(png) = map.png() {
                img.pixels src=(data(&png)) alt={ "Map: " (map.name) (of) } style={ "aspect-ratio: " (map.width) " / " (map.height) };
            }
        }
    }
}

fn mean(map: &Map) -> String {
    map.mean.map_or("no values".into(), |mean| format!("mean {}", with_unit(mean, &map.unit)))
}

fn with_unit(value: f64, unit: &str) -> String {
    format!("{}{}{unit}", number(value), if unit.is_empty() || unit == "°" { "" } else { " " })
}

/// The colours and what they stand for.
fn legend(map: &Map) -> Markup {
    let [low, high] = map.ramp.ends();
    let stop = |i: u8| {
        let [r, g, b] = map.ramp.colour(low + (high - low) * f32::from(i) / 8.0);
        format!("rgb({r} {g} {b})")
    };
    let stops: Vec<String> = (0..=8).map(stop).collect();
    let more = if matches!(map.ramp, Ramp::Sequential { .. }) { "≥ " } else { "" };
    html! {
        div.ramp style={ "background: linear-gradient(to right, " (stops.join(", ")) ")" } {}
        div.ends { span { (number(low.into())) } span { (more) (with_unit(high.into(), &map.unit)) } }
    }
}

fn data(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}
