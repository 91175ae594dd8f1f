//! Tables of numbers on a terminal.

use trapan::report::Table;
use trapan::tiff::visible;

/// A table as lines of text; the best values of a column have a star.
pub(super) fn text(table: &Table) -> String {
    let pad = |text: &str, width: usize| " ".repeat(width - text.chars().count());
    let widest = |texts: &[String]| texts.iter().map(|t| t.chars().count()).max().unwrap_or(0);
    let mut names = vec![table.rows_are.clone()];
    names.extend(table.rows.iter().map(|row| visible(&row.name).into_owned()));
    let width = widest(&names);
    let mut lines: Vec<String> = names.iter().map(|name| format!("{name}{}", pad(name, width))).collect();
    for (c, column) in table.columns.iter().enumerate() {
        let best = table.best(c);
        let unit = if column.unit.is_empty() { String::new() } else { format!(" {}", column.unit) };
        let mut cells = vec![format!("{}{unit} ", column.name)];
        cells.extend(table.rows.iter().enumerate().map(|(r, row)| match row.value(c) {
            Some(value) => format!("{value:.*}{}", column.decimals, if best.contains(&r) { "*" } else { " " }),
            None => "- ".to_owned(),
        }));
        let width = widest(&cells);
        for (line, cell) in lines.iter_mut().zip(&cells) {
            line.push_str(&format!("  {}{cell}", pad(cell, width)));
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}
