//! Runs as tables.

use std::collections::BTreeMap;

use serde::Serialize;
use trapan::compare::experiment::{Line, Sample, Scores, Spread, Study, TruthScores, paper};
use trapan::method::config::Sensor;
use trapan::report::{self, Better, Column, Table};

/// A row of a study: its runs over seeds and pairs.
pub struct Row<'a> {
    pub name: String,
    pub runs: Sample<'a>,
}

/// The rows of a study that some runs are.
pub fn rows<'a>(study: Study, lines: impl IntoIterator<Item = &'a Line>) -> Vec<Row<'a>> {
    let mut rows: BTreeMap<(usize, String), Sample<'a>> = BTreeMap::new();
    for line in lines {
        for label in line.rows.iter().filter(|label| label.study == study) {
            rows.entry((label.at, label.row.clone())).or_default().lines.push(line);
        }
    }
    rows.into_iter().map(|((_, name), runs)| Row { name, runs }).collect()
}

/// A number of a run.
struct Measure {
    column: Column,
    value: Box<dyn Fn(&Line) -> Option<f64>>,
}

impl Measure {
    fn new(name: &str, unit: &str, better: Better, decimals: usize, value: impl Fn(&Line) -> Option<f64> + 'static) -> Self {
        Self { column: Column::new(name, unit, better, decimals), value: Box::new(value) }
    }

    fn of(name: &str, better: Better, value: fn(&Scores) -> f64) -> Self {
        Self::new(name, "", better, 4, move |line| line.scores.as_ref().map(value))
    }
}

/// Indices against a truth: name, unit, which end is better, digits.
type Index = (&'static str, &'static str, Better, usize, fn(&TruthScores) -> f64);

const INDICES: [Index; 4] = [
    ("Q2n", "", Better::Higher, 4, |s| s.q2n),
    ("SAM", "°", Better::Lower, 3, |s| s.sam),
    ("ERGAS", "", Better::Lower, 3, |s| s.ergas),
    ("PSNR", "dB", Better::Higher, 2, |s| s.psnr),
];

pub fn hqnr(line: &Line) -> Option<f64> {
    line.scores.as_ref().map(|scores| scores.hqnr)
}

fn measures(study: Study, rows: &[Row<'_>]) -> Vec<Measure> {
    let mut measures = vec![
        Measure::of("Dλ", Better::Lower, |s| s.d_lambda),
        Measure::of("Ds", Better::Lower, |s| s.d_s),
        Measure::of("HQNR", Better::Higher, |s| s.hqnr),
        Measure::of("R-ERGAS", Better::Lower, |s| s.consistency_ergas),
    ];
    let truth = |line: &Line| line.scores.as_ref().and_then(|scores| scores.truth);
    if rows.iter().any(|row| row.runs.lines.iter().any(|line| truth(line).is_some())) {
        measures.extend(INDICES.map(|(name, unit, better, decimals, value)| {
            Measure::new(name, unit, better, decimals, move |line| truth(line).as_ref().map(value))
        }));
    }
    if study == Study::Commutation {
        let value = |line: &Line| line.scores.as_ref().and_then(|scores| scores.commutation);
        measures.push(Measure::new("apart", "σ of PAN", Better::Lower, 4, value));
    }
    measures
}

/// Means and standard deviations, as the paper's tables have the means; on a page the paper's beside them, and how far
/// each row is from the method's own.
pub fn table(study: Study, rows: &[Row<'_>], paper: Option<Sensor>) -> Table {
    let measures = measures(study, rows);
    let spread = |spread: Option<Spread>| [spread.map(|s| s.mean), spread.map(|s| s.deviation)];
    let deviation = |decimals| Column::new("±", "", Better::Neither, decimals);
    let mut columns: Vec<Column> =
        measures.iter().flat_map(|m| [m.column.clone(), deviation(m.column.decimals)]).collect();
    let own = paper.and(study.own()).and_then(|own| rows.iter().find(|row| row.name == own));
    if own.is_some() {
        columns.extend([Column::new("HQNR − own", "", Better::Neither, 4), deviation(4)]);
    }
    columns.push(Column::new("runs", "", Better::Neither, 0));
    if paper.is_some() {
        columns.push(Column::new("pairs", "", Better::Neither, 0));
    }
    let known = |name: &str| paper.and_then(|sensor| paper::published(study, name, sensor));
    let unheard = paper::methods().filter(|name| paper.is_some() && study == Study::Methods && !has(rows, name));
    let unheard: Vec<&str> = unheard.collect();
    let beside = rows.iter().any(|row| known(&row.name).is_some()) || !unheard.is_empty();
    if let Some(sensor) = paper.filter(|_| beside) {
        let names = ["Dλ", "Ds", "HQNR"].into_iter().zip([Better::Lower, Better::Lower, Better::Higher]);
        columns.extend(names.map(|(name, better)| Column::new(format!("paper, {sensor}: {name}"), "", better, 4)));
    }
    let published = |name: &str| known(name).into_iter().flatten().map(Some);
    let row = |row: &Row<'_>| {
        let mut values: Vec<Option<f64>> = measures.iter().flat_map(|m| spread(row.runs.spread(&m.value))).collect();
        if let Some(own) = own {
            values.extend(spread(row.runs.against(&own.runs, hqnr).filter(|_| row.name != own.name)));
        }
        values.push(Some(row.runs.finished() as f64));
        values.extend(paper.map(|_| Some(row.runs.pairs() as f64)));
        values.extend(published(&row.name));
        report::Row { name: row.name.clone(), values, own: paper.is_some() && study.own() == Some(&row.name) }
    };
    let mut table_rows: Vec<report::Row> = rows.iter().map(row).collect();
    table_rows.extend(unheard.iter().map(|name| {
        let mut values = vec![None; columns.len() - 3];
        values.extend(published(name));
        report::Row { name: format!("{name} (not run)"), values, own: false }
    }));
    let (title, note, rows_are) = (study.title().to_owned(), String::new(), study.rows_are().to_owned());
    Table { title, note, rows_are, columns, rows: table_rows }
}

/// Whether a method is among the rows; a network goes by the first word of its name.
fn has(rows: &[Row<'_>], name: &str) -> bool {
    rows.iter().any(|row| row.name.split(' ').next() == Some(name))
}

/// Scores at each scale after a training at each: a table for each index; none without such runs.
pub fn across(rows: &[Row<'_>]) -> Vec<Table> {
    let scales = scales(rows);
    let table = |(name, unit, better, decimals, value): Index| {
        let columns = scales.iter().flat_map(|scale| {
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            [
                Column::new(format!("at {scale}"), unit.trim(), better, decimals),
                Column::new("±", "", Better::Neither, decimals),
            ]
        });
        let row = |row: &Row<'_>| {
            let at = |scale: &u32| at_scale(row, *scale, value);
            let values = scales.iter().map(at).flat_map(|s| [s.map(|s| s.mean), s.map(|s| s.deviation)]).collect();
            report::Row { name: row.name.clone(), values, own: false }
        };
        Table {
            title: format!("{name} by the truth at each scale"),
            note: "Scale 1 is the pair's own; at each further one pair and truth are degraded once more.".to_owned(),
            rows_are: Study::Scales.rows_are().to_owned(),
            columns: columns.collect(),
            rows: rows.iter().map(row).collect(),
        }
    };
    if scales.is_empty() { Vec::new() } else { INDICES.map(table).into() }
}

/// The scales at which there are scores.
pub fn scales(rows: &[Row<'_>]) -> Vec<u32> {
    let all = rows.iter().flat_map(|row| &row.runs.lines).flat_map(|line| &line.scales);
    let mut scales: Vec<u32> = all.map(|at| at.scale).collect();
    scales.sort_unstable();
    scales.dedup();
    scales
}

/// An index at a scale.
pub fn at_scale(row: &Row<'_>, scale: u32, value: fn(&TruthScores) -> f64) -> Option<Spread> {
    row.runs.spread(|line| line.scales.iter().find(|at| at.scale == scale).map(|at| value(&at.scores)))
}

/// A row as data.
#[derive(Serialize)]
pub struct Numbers {
    name: String,
    d_lambda: Option<Spread>,
    d_s: Option<Spread>,
    hqnr: Option<Spread>,
    consistency_ergas: Option<Spread>,
    #[serde(flatten)]
    more: BTreeMap<String, Spread>,
    runs: usize,
    diverged: usize,
}

impl Numbers {
    pub fn of(row: &Row<'_>) -> Self {
        let spread = |value: fn(&Scores) -> f64| row.runs.spread(|line| line.scores.as_ref().map(value));
        let indices = INDICES.iter().map(|(name, .., value)| (name.to_lowercase(), *value));
        let truth = |value: fn(&TruthScores) -> f64| row.runs.spread(|l| l.scores?.truth.as_ref().map(value));
        let own = indices.clone().map(|(name, value)| (name, truth(value)));
        let scales = scales(std::slice::from_ref(row));
        let at = scales.iter().flat_map(|scale| {
            indices.clone().map(move |(name, value)| (format!("{name}_at_{scale}"), at_scale(row, *scale, value)))
        });
        let apart = ("commutation".to_owned(), row.runs.spread(|line| line.scores?.commutation));
        let more = own.chain(at).chain([apart]).filter_map(|(name, spread)| Some((name, spread?)));
        Self {
            name: row.name.clone(),
            d_lambda: spread(|s| s.d_lambda),
            d_s: spread(|s| s.d_s),
            hqnr: spread(|s| s.hqnr),
            consistency_ergas: spread(|s| s.consistency_ergas),
            more: more.collect(),
            runs: row.runs.finished(),
            diverged: row.runs.lines.len() - row.runs.finished(),
        }
    }
}
