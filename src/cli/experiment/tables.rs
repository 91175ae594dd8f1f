//! Runs as tables.

use std::collections::BTreeMap;

use serde::Serialize;
use trapan::compare::experiment::{RunRecord, RunSample, Scores, Spread, Study, TruthScores, paper};
use trapan::method::config::Sensor;
use trapan::report::{self, Better, Column, Table};

/// A row of a study: its runs over seeds and pairs.
pub(super) struct StudyRow<'a> {
    pub name: String,
    pub runs: RunSample<'a>,
}

/// The rows of a study that some runs are.
pub(super) fn rows<'a>(study: Study, lines: impl IntoIterator<Item = &'a RunRecord>) -> Vec<StudyRow<'a>> {
    let mut rows: BTreeMap<(usize, String), RunSample<'a>> = BTreeMap::new();
    for line in lines {
        for label in line.rows.iter().filter(|label| label.study == study) {
            rows.entry((label.at, label.row.clone())).or_default().lines.push(line);
        }
    }
    rows.into_iter().map(|((_, name), runs)| StudyRow { name, runs }).collect()
}

/// What a run has of it.
type Value = dyn Fn(&RunRecord) -> Option<f64>;

/// A number of a run.
struct Quantity {
    column: Column,
    value: Box<Value>,
}

impl Quantity {
    fn new(
        name: &str,
        unit: &str,
        better: Better,
        decimals: usize,
        value: impl Fn(&RunRecord) -> Option<f64> + 'static,
    ) -> Self {
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

pub(super) fn hqnr(line: &RunRecord) -> Option<f64> {
    line.scores.as_ref().map(|scores| scores.hqnr)
}

fn measures(study: Study, rows: &[StudyRow<'_>]) -> Vec<Quantity> {
    let mut measures = vec![
        Quantity::of("Dλ", Better::Lower, |s| s.d_lambda),
        Quantity::of("Ds", Better::Lower, |s| s.d_s),
        Quantity::of("HQNR", Better::Higher, |s| s.hqnr),
        Quantity::of("R-ERGAS", Better::Lower, |s| s.consistency_ergas),
    ];
    let truth = |line: &RunRecord| line.scores.as_ref().and_then(|scores| scores.truth);
    if rows.iter().any(|row| row.runs.lines.iter().any(|line| truth(line).is_some())) {
        measures.extend(INDICES.map(|(name, unit, better, decimals, value)| {
            Quantity::new(name, unit, better, decimals, move |line| truth(line).as_ref().map(value))
        }));
    }
    if study == Study::Commutation {
        let value = |line: &RunRecord| line.scores.as_ref().and_then(|scores| scores.commutation);
        measures.push(Quantity::new("apart", "σ of PAN", Better::Lower, 4, value));
    }
    measures
}

/// A column with its values, row by row.
struct ColumnValues {
    column: Column,
    values: Vec<Option<f64>>,
}

impl ColumnValues {
    fn new(name: &str, decimals: usize, values: Vec<Option<f64>>) -> Self {
        Self { column: Column::new(name, "", Better::Neither, decimals), values }
    }
}

/// Means, and beside them standard deviations; on a page only where there are several runs.
fn spreads(column: Column, spreads: &[Option<Spread>], brief: bool) -> Vec<ColumnValues> {
    let deviations: Vec<_> = spreads.iter().map(|s| s.map(|s| s.deviation)).collect();
    let single = deviations.iter().flatten().all(|deviation| *deviation == 0.0);
    let deviations = ColumnValues::new("±", column.decimals, deviations);
    let means = ColumnValues { column, values: spreads.iter().map(|s| s.map(|s| s.mean)).collect() };
    if brief && single { vec![means] } else { vec![means, deviations] }
}

/// Indices of the paper.
const PUBLISHED: usize = 3;

/// Means and standard deviations, as the paper's tables have the means; on a page, with a sensor of the paper, its
/// numbers beside them, and how far each row is from the method's own.
pub(super) fn table(study: Study, rows: &[StudyRow<'_>], paper: Option<Sensor>) -> Table {
    let of_page = paper.is_some();
    let own = rows.iter().find(|row| of_page && study.own() == Some(&row.name));
    // What the paper has, and nobody has run.
    let others = paper::methods().filter(|name| of_page && study == Study::Methods && !has(rows, name));
    let others: Vec<&str> = others.collect();
    let mut columns: Vec<ColumnValues> = Vec::new();
    for (i, Quantity { column, value }) in measures(study, rows).into_iter().enumerate() {
        let found: Vec<_> = rows.iter().map(|row| row.runs.spread(&value)).collect();
        columns.extend(spreads(column, &found, of_page));
        if let Some(sensor) = paper.filter(|_| i + 1 == PUBLISHED) {
            columns.extend(published(study, rows, &others, sensor));
            if let Some(own) = own {
                let other = |row: &StudyRow<'_>| row.name != own.name;
                let against = |row: &StudyRow<'_>| row.runs.against(&own.runs, hqnr).filter(|_| other(row));
                let found: Vec<_> = rows.iter().map(against).collect();
                columns.extend(spreads(Column::new("HQNR − own", "", Better::Neither, 4), &found, true));
            }
        }
    }
    let count = |count: fn(&RunSample<'_>) -> usize| rows.iter().map(|row| Some(count(&row.runs) as f64)).collect();
    columns.push(ColumnValues::new("runs", 0, count(|runs| runs.finished())));
    if of_page {
        columns.push(ColumnValues::new("pairs", 0, count(|runs| runs.pairs())));
    }
    let names = rows.iter().map(|row| row.name.clone()).chain(others.iter().map(|name| format!("{name} (not run)")));
    let row = |(i, name): (usize, String)| {
        let values = columns.iter().map(|column| column.values.get(i).copied().flatten()).collect();
        report::Row { own: own.is_some_and(|own| own.name == name), name, values }
    };
    let table_rows = names.enumerate().map(row).collect();
    Table {
        title: study.title().to_owned(),
        note: String::new(),
        rows_are: study.rows_are().to_owned(),
        columns: columns.into_iter().map(|filled| filled.column).collect(),
        rows: table_rows,
    }
}

/// The paper's columns, if it has any of the rows.
fn published(study: Study, rows: &[StudyRow<'_>], others: &[&str], sensor: Sensor) -> Vec<ColumnValues> {
    let names = || rows.iter().map(|row| &row.name[..]).chain(others.iter().copied());
    let values = |i: usize| names().map(|name| Some(paper::published(study, name, sensor)?[i])).collect::<Vec<_>>();
    if values(0).iter().all(Option::is_none) {
        return Vec::new();
    }
    let columns = [("paper Dλ", Better::Lower), ("paper Ds", Better::Lower), ("paper HQNR", Better::Higher)];
    let column = |(i, (name, better))| ColumnValues { column: Column::new(name, "", better, 4), values: values(i) };
    columns.into_iter().enumerate().map(column).collect()
}

/// Whether a method is among the rows; a network goes by the first word of its name.
fn has(rows: &[StudyRow<'_>], name: &str) -> bool {
    rows.iter().any(|row| row.name.split(' ').next() == Some(name))
}

/// Scores at each scale after a training at each: a table for each index; none without such runs.
pub(super) fn across(rows: &[StudyRow<'_>]) -> Vec<Table> {
    let scales = scales(rows);
    let table = |(name, unit, better, decimals, value): Index| {
        let columns = scales.iter().flat_map(|scale| {
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            [
                Column::new(format!("at {scale}"), unit.trim(), better, decimals),
                Column::new("±", "", Better::Neither, decimals),
            ]
        });
        let row = |row: &StudyRow<'_>| {
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
pub(super) fn scales(rows: &[StudyRow<'_>]) -> Vec<u32> {
    let all = rows.iter().flat_map(|row| &row.runs.lines).flat_map(|line| &line.scales);
    let mut scales: Vec<u32> = all.map(|at| at.scale).collect();
    scales.sort_unstable();
    scales.dedup();
    scales
}

/// An index at a scale.
pub(super) fn at_scale(row: &StudyRow<'_>, scale: u32, value: fn(&TruthScores) -> f64) -> Option<Spread> {
    row.runs.spread(|line| line.scales.iter().find(|at| at.scale == scale).map(|at| value(&at.scores)))
}

/// A row as data.
#[derive(Serialize)]
pub(super) struct Numbers {
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
    pub(super) fn of(study: Study, row: &StudyRow<'_>) -> Self {
        let spread = |value: fn(&Scores) -> f64| row.runs.spread(|line| line.scores.as_ref().map(value));
        let indices = INDICES.iter().map(|(name, .., value)| (name.to_lowercase(), *value));
        let truth = |value: fn(&TruthScores) -> f64| row.runs.spread(|l| l.scores?.truth.as_ref().map(value));
        let own = indices.clone().map(|(name, value)| (name, truth(value)));
        let scales = scales(std::slice::from_ref(row));
        let at = scales.iter().flat_map(|scale| {
            indices.clone().map(move |(name, value)| (format!("{name}_at_{scale}"), at_scale(row, *scale, value)))
        });
        let apart = (study == Study::Commutation).then(|| row.runs.spread(|line| line.scores?.commutation));
        let apart = apart.map(|spread| ("commutation".to_owned(), spread));
        let more = own.chain(at).chain(apart).filter_map(|(name, spread)| Some((name, spread?)));
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
