//! Tables and charts on one page, without a run.

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::Chart;
use super::page::{POLICY, STYLE, numbers};
use super::{Table, save};
use crate::tiff::{TiffError, visible};

/// Colours of many lines, beside those of a report.
const HUES: &str = include_str!("sheet.css");

/// A page of tables and charts.
pub struct Sheet {
    /// Heading.
    pub title: String,
    /// What a reader must know first.
    pub lead: String,
    /// From top to bottom.
    pub parts: Vec<SheetPart>,
}

/// Part of a sheet.
pub enum SheetPart {
    /// A table.
    Table(Table),
    /// Charts beside each other, each with its name. The first one's legend is that of all.
    Charts {
        /// Heading.
        title: String,
        /// What a reader must know to understand them; may be empty.
        note: String,
        /// Charts by name.
        charts: Vec<(String, Chart)>,
    },
}

impl Sheet {
    /// The page: one file that asks nothing of the network.
    pub fn html(&self) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (visible(&self.title)) }
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) (PreEscaped(HUES)) }
                }
                body {
                    header { h1 { (visible(&self.title)) } p.lead { (visible(&self.lead)) } }
                    main { @for part in &self.parts { (part.markup()) } }
                    footer { "trapan " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
        .into_string()
    }

    /// Writes [`html`](Self::html), whole or not at all.
    ///
    /// # Errors
    /// What the file system reports; an existing file unless `overwrite`.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), TiffError> {
        save(path, self.html().as_bytes(), overwrite)
    }
}

impl SheetPart {
    fn markup(&self) -> Markup {
        match self {
            Self::Table(table) => numbers::table(table),
            Self::Charts { title, note, charts } => html! {
                section {
                    h2 { (title) }
                    @if let Some((_, first)) = charts.first().filter(|(_, first)| first.lines.len() > 1) { (first.legend()) }
                    div.grid.three {
                        @for (name, chart) in charts { figure { h3 { (name) } (chart.svg()) } }
                    }
                    @if !note.is_empty() { p.caption { (note) } }
                }
            },
        }
    }
}
