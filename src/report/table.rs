//! Tables of numbers: rows have names, columns know which end is better.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Which end of a column is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The largest value is the best.
    Higher,
    /// The smallest value is the best.
    Lower,
    /// The value judges nothing.
    Neither,
}

/// A column.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// Name, e.g. `HQNR`.
    pub name: String,
    /// Unit, e.g. `°`; empty without one.
    pub unit: String,
    /// Which end is better.
    pub better: Better,
    /// Digits after the point.
    pub decimals: usize,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, unit: impl Into<String>, better: Better, decimals: usize) -> Self {
        Self { name: name.into(), unit: unit.into(), better, decimals }
    }
}

/// A row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name, e.g. of a method or a band.
    pub name: String,
    /// One value per column; `None` where there is none. What is not finite counts as none.
    pub values: Vec<Option<f64>>,
    /// Whether the row is what the report is about, e.g. the fused image among other methods.
    pub own: bool,
}

impl Row {
    /// The value of a column, if it is a number.
    pub fn value(&self, column: usize) -> Option<f64> {
        self.values.get(column).copied().flatten().filter(|v| v.is_finite())
    }
}

/// A table. In JSON it also has `best`: per column the rows [`Table::best`] gives.
#[derive(Clone, Debug)]
pub struct Table {
    /// Heading.
    pub title: String,
    /// What a reader must know to understand it; may be empty.
    pub note: String,
    /// What the rows are, e.g. `method`.
    pub rows_are: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// The rows with the best value of a column, all that are equal as printed; none if nothing is better there,
    /// or if there is nothing to compare with.
    pub fn best(&self, column: usize) -> Vec<usize> {
        let Some(Column { better, decimals, .. }) = self.columns.get(column) else { return Vec::new() };
        let values: Vec<(usize, f64)> =
            self.rows.iter().enumerate().filter_map(|(i, row)| Some((i, row.value(column)?))).collect();
        let best = match better {
            Better::Higher => values.iter().map(|v| v.1).max_by(f64::total_cmp),
            Better::Lower => values.iter().map(|v| v.1).min_by(f64::total_cmp),
            Better::Neither => None,
        };
        let Some(best) = best.filter(|_| values.len() > 1) else { return Vec::new() };
        let printed = |v: f64| format!("{v:.decimals$}");
        values.into_iter().filter(|(_, v)| printed(*v) == printed(best)).map(|(row, _)| row).collect()
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let best: Vec<Vec<usize>> = (0..self.columns.len()).map(|column| self.best(column)).collect();
        let mut object = serializer.serialize_struct("Table", 6)?;
        object.serialize_field("title", &self.title)?;
        object.serialize_field("note", &self.note)?;
        object.serialize_field("rows_are", &self.rows_are)?;
        object.serialize_field("columns", &self.columns)?;
        object.serialize_field("rows", &self.rows)?;
        object.serialize_field("best", &best)?;
        object.end()
    }
}
