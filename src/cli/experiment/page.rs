//! Logs as a page: what the paper shows, with its numbers beside ours.

use std::collections::BTreeMap;

use trapan::compare::experiment::{Curves, RunRecord, Study, TruthScores, paper};
use trapan::method::config::Sensor;
use trapan::report::{self, Better, Chart, Column, Sheet, SheetPart, Table, YAxis};

use super::tables::{StudyRow, across, at_scale, hqnr, rows, scales, table};

/// Everything that some logs hold.
pub(super) fn sheet(lines: &[RunRecord]) -> Sheet {
    let mut groups: BTreeMap<&str, Vec<&RunRecord>> = BTreeMap::new();
    for line in lines {
        groups.entry(&line.under).or_default().push(line);
    }
    let mut parts = Vec::new();
    for (under, lines) in &groups {
        let heading = if groups.len() > 1 { format!(" ({under})") } else { String::new() };
        for study in Study::ALL {
            parts.extend(of_study(study, lines).into_iter().map(|part| part.headed(&heading)));
        }
    }
    parts.push(SheetPart::Table(places(lines)));
    let under: Vec<&str> = groups.keys().copied().collect();
    Sheet {
        title: "The paper's experiments".to_owned(),
        lead: format!(
            "Means and standard deviations over {} runs, each row over its pairs and seeds. Settings: {}. Numbers of the \
             paper are of its own images, 20 for each sensor, and those of sensors it does not have stand beside its \
             WorldView-3: compare their order, not their size.",
            lines.len(),
            under.join("; ")
        ),
        parts,
    }
}

/// A heading that tells groups apart.
trait Heading {
    fn headed(self, more: &str) -> Self;
}

impl Heading for SheetPart {
    fn headed(mut self, more: &str) -> Self {
        match &mut self {
            Self::Table(Table { title, .. }) | Self::Charts { title, .. } => title.push_str(more),
        }
        self
    }
}

fn of_study(study: Study, lines: &[&RunRecord]) -> Vec<SheetPart> {
    let all = rows(study, lines.iter().copied());
    if all.is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    if study == Study::Methods {
        let mut sensors: BTreeMap<&str, Vec<&RunRecord>> = BTreeMap::new();
        for line in lines {
            sensors.entry(line.key.recipe.settings.sensor.name()).or_default().push(line);
        }
        for (name, lines) in sensors {
            let rows = rows(study, lines.iter().copied());
            if let Some(line) = rows.iter().find_map(|row| row.runs.lines.first()) {
                let beside = paper::sensor(line.key.recipe.settings.sensor);
                let mut table = noted(study, table(study, &rows, Some(beside)));
                table.title += &format!(", sensor {name}, paper's {beside}");
                parts.push(SheetPart::Table(table));
            }
        }
    } else {
        parts.push(SheetPart::Table(noted(study, table(study, &all, Some(Sensor::Wv3)))));
    }
    parts.extend(charts(study, &all));
    if study == Study::Scales {
        parts.extend(across(&all).into_iter().map(SheetPart::Table));
    }
    parts
}

/// A table with what a reader must know to understand it.
fn noted(study: Study, mut table: Table) -> Table {
    let note = match study {
        Study::Paradigms => {
            "a and b take the steps of one branch that alternation draws, a' and b' as many steps as it takes in all; c \
             and c' take the same steps in series."
        }
        Study::Commutation => {
            "apart: bands made PAN after degrading the fused image against before, root mean square in standard \
             deviations; 0 where both degradations commute."
        }
        Study::Scales => "One network for each scale, trained with the truth there, and fused at the pair's own scale.",
        _ => "",
    };
    let compared = table.columns.iter().any(|column| column.name == "HQNR − own");
    let own =
        if compared { "HQNR − own: differences to the marked row on the same pair with the same seed." } else { "" };
    table.note = [note, own].join(" ").trim().to_owned();
    table
}

/// The losses of one branch.
type BranchLosses = fn(&Curves) -> &[[f64; 2]];

fn charts(study: Study, rows: &[StudyRow<'_>]) -> Vec<SheetPart> {
    let part = |title: &str, note: &str, charts: Vec<(String, Chart)>| SheetPart::Charts {
        title: title.to_owned(),
        note: note.to_owned(),
        charts,
    };
    let losses = |branch: &str, of| (format!("{branch} loss"), curves(branch, rows, of));
    let [reduced, full]: [BranchLosses; 2] = [|c| &c.reduced, |c| &c.full];
    let both = || vec![losses("Reduced", reduced), losses("Full", full)];
    let note = "Means over runs, epoch by epoch in the order they ran: before the step of an epoch, and after it for a branch \
                without one.";
    match study {
        Study::WarmUpEpochs => vec![
            part("Fig. 5: HQNR over the warm-up", "", vec![("1 − HQNR".into(), against(rows, "m"))]),
            part("Fig. 6: losses by the warm-up", note, both()),
        ],
        Study::DamWidth => {
            vec![part("Fig. 7: HQNR over the hidden width", "", vec![("1 − HQNR".into(), against(rows, "d"))])]
        }
        Study::FullProbability => vec![
            part("Fig. 8: HQNR over the sampling ratio", "", vec![("1 − HQNR".into(), against(rows, "p"))]),
            part("Fig. 9: losses by the sampling ratio", note, both()),
        ],
        Study::Paradigms => vec![part("Fig. 2: losses by paradigm", note, both())],
        Study::Scales => {
            let [ergas, psnr]: [fn(&TruthScores) -> f64; 2] = [|s| s.ergas, |s| s.psnr];
            let charts = vec![
                ("ERGAS".into(), by_scale(rows, "ERGAS", ergas)),
                ("PSNR, dB".into(), by_scale(rows, "PSNR", psnr)),
            ];
            vec![part("Supplement, Fig. 1: error over the scale of the training", "", charts)]
        }
        _ => Vec::new(),
    }
}

/// Colours of lines; more lines begin anew.
const HUES: [&str; 7] = ["part0", "part1", "part2", "part3", "part4", "part5", "part6"];

fn hue(i: usize) -> &'static str {
    HUES[i % HUES.len()]
}

fn chart(label: String, x_name: &'static str, axis: YAxis, lines: Vec<report::ChartLine>) -> Chart {
    Chart { label, x_name, x_range: None, x_labels: Vec::new(), axis, lines, shaded: None, marked: None }
}

/// Losses over the epochs, a line for each row.
fn curves(branch: &str, rows: &[StudyRow<'_>], of: BranchLosses) -> Chart {
    let line = |(i, row): (usize, &StudyRow<'_>)| {
        let mut sums: BTreeMap<u64, (f64, u32)> = BTreeMap::new();
        for [epoch, loss] in row.runs.lines.iter().filter_map(|line| line.losses.as_ref()).flat_map(of) {
            let (sum, count) = sums.entry(*epoch as u64).or_default();
            (*sum, *count) = (*sum + loss, *count + 1);
        }
        let points = sums.into_iter().map(|(epoch, (sum, count))| [epoch as f64, sum / f64::from(count)]).collect();
        report::ChartLine { name: row.name.clone(), class: hue(i), points, dots: false }
    };
    let label = format!("{branch} loss over the epochs, logarithmic");
    chart(label, "epoch", YAxis::Log, rows.iter().enumerate().map(line).collect())
}

/// What HQNR lacks to 1, over the number in the rows' names.
fn against(rows: &[StudyRow<'_>], x_name: &'static str) -> Chart {
    let point = |row: &StudyRow<'_>| {
        let x = row.name.split("= ").nth(1)?.parse().ok()?;
        Some([x, 1.0 - row.runs.spread(hqnr)?.mean])
    };
    let points = rows.iter().filter_map(point).collect();
    let line = report::ChartLine { name: "1 − HQNR".to_owned(), class: hue(0), points, dots: true };
    chart(format!("1 − HQNR over {x_name}"), x_name, YAxis::Linear, vec![line])
}

/// An index over the scale of the training, a line for each scale that is judged.
fn by_scale(rows: &[StudyRow<'_>], name: &str, value: fn(&TruthScores) -> f64) -> Chart {
    let line = |(i, scale): (usize, u32)| {
        let point = |row: &StudyRow<'_>| {
            let trained = row.runs.lines.first()?.key.recipe.scale;
            Some([f64::from(trained), at_scale(row, scale, value)?.mean])
        };
        let points = rows.iter().filter_map(point).collect();
        report::ChartLine { name: format!("judged at scale {scale}"), class: hue(i), points, dots: true }
    };
    let lines = scales(rows).into_iter().enumerate().map(line).collect();
    chart(format!("{name} over the scale of the training"), "scale of the training", YAxis::Linear, lines)
}

/// The pairs, and what runs on them took.
fn places(lines: &[RunRecord]) -> Table {
    let mut places: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in lines {
        places.entry(&line.place).or_default().push(line.seconds);
    }
    let row = |(place, seconds): (&str, Vec<f64>)| {
        let (runs, sum) = (seconds.len() as f64, seconds.iter().sum::<f64>());
        report::Row { name: place.to_owned(), values: vec![Some(runs), Some(sum / runs), Some(sum)], own: false }
    };
    let column = |name: &str, decimals| Column::new(name, "", Better::Neither, decimals);
    Table {
        title: "Pairs".to_owned(),
        note: "Seconds: of a run, training and fusing and judging, and of all.".to_owned(),
        rows_are: "PAN".to_owned(),
        columns: vec![column("runs", 0), column("seconds of a run", 1), column("seconds", 0)],
        rows: places.into_iter().map(row).collect(),
    }
}
