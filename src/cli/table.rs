//! Tables of numbers on a terminal.

/// Which value of a column is best.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Best {
    High,
    Low,
    None,
}

/// A column of numbers; absent ones show as `-`.
pub struct Column<'a, T> {
    name: &'static str,
    digits: usize,
    best: Best,
    value: Box<dyn Fn(&T) -> Option<f64> + 'a>,
}

impl<'a, T> Column<'a, T> {
    pub fn new(name: &'static str, digits: usize, best: Best, value: impl Fn(&T) -> Option<f64> + 'a) -> Self {
        Self { name, digits, best, value: Box::new(value) }
    }

    /// The cells of all rows, the best ones marked: those that show the same digits as the best.
    fn cells(&self, rows: &[T]) -> Vec<String> {
        let text = |v: f64| format!("{v:.*}", self.digits);
        let values = || rows.iter().filter_map(|row| (self.value)(row));
        let best = match self.best {
            Best::High => values().max_by(f64::total_cmp),
            Best::Low => values().min_by(f64::total_cmp),
            Best::None => None,
        };
        let best = best.map(text);
        let cell = |row| match (self.value)(row).map(text) {
            Some(text) if Some(&text) == best.as_ref() => format!("{text}*"),
            Some(text) => format!("{text} "),
            None => "- ".to_owned(),
        };
        rows.iter().map(cell).collect()
    }
}

/// Columns after one of names.
pub struct Table<'a, T> {
    pub name: &'static str,
    pub columns: Vec<Column<'a, T>>,
}

impl<T> Table<'_, T> {
    /// The table as lines of text; `name` names a row.
    pub fn text(&self, rows: &[T], name: impl Fn(&T) -> String) -> String {
        let names: Vec<String> = rows.iter().map(name).collect();
        let width = |texts: &[String], head: &str| {
            texts.iter().map(|t| t.chars().count()).chain([head.chars().count()]).max().unwrap_or(0)
        };
        let first = width(&names, self.name);
        let mut lines = vec![format!("{:first$}", self.name)];
        lines.extend(names.iter().map(|name| format!("{name:first$}")));
        for column in &self.columns {
            let cells = column.cells(rows);
            let head = format!("{} ", column.name);
            let wide = width(&cells, &head);
            for (line, cell) in lines.iter_mut().zip([&head].into_iter().chain(&cells)) {
                line.push_str(&format!("  {cell:>wide$}"));
            }
        }
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}
