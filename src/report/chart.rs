//! Line charts as SVG. Colours come from the page's style sheet by class.

use maud::{Markup, html};

/// Size of the field that lines are drawn in, in a unit of about a CSS pixel.
const FIELD: [f64; 2] = [352.0, 200.0];
/// Space around it: left, right, top.
const MARGIN: [f64; 3] = [54.0, 14.0, 12.0];
/// Most points a line is drawn with: more than there are pixels show nothing.
const POINTS: usize = 500;

/// A line of a chart.
pub struct ChartLine {
    /// Name, in the legend.
    pub name: String,
    /// Class in the style sheet.
    pub class: &'static str,
    /// x and y, x growing.
    pub points: Vec<[f64; 2]>,
    /// Whether each point gets a dot.
    pub dots: bool,
}

/// The y axis.
#[derive(Clone, Copy, PartialEq)]
pub enum YAxis {
    /// Equal steps, from zero: heights can be compared.
    Linear,
    /// Equal ratios; values that are not positive are left out.
    Log,
}

/// A chart. Points that are not finite are left out.
pub struct Chart {
    /// What it shows, for those who cannot see it.
    pub label: String,
    /// Name of the x axis.
    pub x_name: &'static str,
    /// Least range of x, if the lines have a common one.
    pub x_range: Option<[f64; 2]>,
    /// Names of the x values 0, 1, 2, …; empty: numbers.
    pub x_labels: Vec<String>,
    /// The y axis.
    pub axis: YAxis,
    /// Lines, the most important last.
    pub lines: Vec<ChartLine>,
    /// A range of x to mark, with its name.
    pub shaded: Option<([f64; 2], &'static str)>,
    /// An x to mark, with its name.
    pub marked: Option<(f64, &'static str)>,
}

impl Chart {
    /// The chart as SVG; nothing if there is no point to draw.
    pub fn svg(&self) -> Markup {
        let usable = |p: &&[f64; 2]| p[0].is_finite() && p[1].is_finite() && (self.axis == YAxis::Linear || p[1] > 0.0);
        let lines: Vec<(&ChartLine, Vec<[f64; 2]>)> =
            self.lines.iter().map(|l| (l, thinned(l.points.iter().filter(usable).copied().collect()))).collect();
        let all = || lines.iter().flat_map(|(_, points)| points);
        let Some([x0, x1]) = ends(all().map(|p| p[0]).chain(self.x_range.into_iter().flatten())) else {
            return html! {};
        };
        let zero = (self.axis == YAxis::Linear).then_some(0.0);
        let Some([y0, y1]) = ends(all().map(|p| self.height(p[1])).chain(zero)) else { return html! {} };
        // Room above and below, and a range for a single value.
        let pad = if y1 > y0 { 0.06 * (y1 - y0) } else { 0.5 };
        let (x1, y0, y1) = (if x1 > x0 { x1 } else { x0 + 1.0 }, y0 - pad, y1 + pad);
        let ([left, right, top], [width, height]) = (MARGIN, FIELD);
        let x = |v: f64| left + (v - x0) / (x1 - x0) * width;
        let y = |v: f64| top + (y1 - self.height(v)) / (y1 - y0) * height;
        let path = |points: &[[f64; 2]]| {
            points.iter().map(|p| format!("{:.1},{:.1}", x(p[0]), y(p[1]))).collect::<Vec<_>>().join(" ")
        };
        let columns: Vec<(f64, String)> = match &self.x_labels[..] {
            [] => linear_ticks(x0, x1, 5).into_iter().map(|v| (v, number(v))).collect(),
            names => names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect(),
        };
        let rows = match self.axis {
            YAxis::Linear => linear_ticks(y0, y1, 5),
            YAxis::Log => log_ticks(y0, y1),
        };
        let slanted = self.x_labels.iter().any(|name| name.chars().count() > 3);
        let below = if slanted || !self.x_name.is_empty() { 38.0 } else { 22.0 };
        let size = [left + width + right, top + height + below];
        html! {
            svg.chart viewBox={ "0 0 " (size[0]) " " (size[1]) } role="img" aria-label=(self.label) {
                @if let Some(([from, to], name)) = &self.shaded {
                    @let (from, to) = (from.max(x0), to.min(x1));
                    @if to > from {
                        rect.shade x=(fixed(x(from))) y=(top) width=(fixed(x(to) - x(from))) height=(height) {}
                        text.note x=(fixed(x(from) + 5.0)) y=(top + height - 6.0) { (name) }
                    }
                }
                @for v in rows {
                    line.rule x1=(left) x2=(left + width) y1=(fixed(y(v))) y2=(fixed(y(v))) {}
                    text.tick x=(left - 6.0) y=(fixed(y(v) + 4.0)) text-anchor="end" { (number(v)) }
                }
                @for (v, name) in columns {
                    @if slanted {
                        text.tick text-anchor="end" transform={
                            "translate(" (fixed(x(v) + 4.0)) " " (top + height + 13.0) ") rotate(-30)"
                        } { (name) }
                    } @else {
                        text.tick x=(fixed(x(v))) y=(top + height + 16.0) text-anchor="middle" { (name) }
                    }
                }
                @if !self.x_name.is_empty() {
                    text.tick x=(left + width) y=(size[1] - 5.0) text-anchor="end" { (self.x_name) }
                }
                line.axis x1=(left) x2=(left + width) y1=(top + height) y2=(top + height) {}
                @if let Some((v, name)) = self.marked.filter(|(v, _)| (x0..=x1).contains(v)) {
                    @let end = x(v) > left + width / 2.0;
                    line.mark x1=(fixed(x(v))) x2=(fixed(x(v))) y1=(top) y2=(top + height) {}
                    text.note x=(fixed(x(v) + if end { -5.0 } else { 5.0 })) y=(top + 10.0)
                        text-anchor=(if end { "end" } else { "start" }) { (name) }
                }
                @for (line, points) in &lines {
                    polyline class={ "line " (line.class) } points=(path(points)) {}
                    @if line.dots || points.len() == 1 {
                        @for p in points {
                            circle class={ "dot " (line.class) } cx=(fixed(x(p[0]))) cy=(fixed(y(p[1]))) r="3" {}
                        }
                    }
                }
            }
        }
    }

    /// The lines' names beside their colours.
    pub(crate) fn legend(&self) -> Markup {
        html! {
            ul.legend { @for line in &self.lines { li { span class={ "key " (line.class) } {} (line.name) } } }
        }
    }

    fn height(&self, v: f64) -> f64 {
        if self.axis == YAxis::Log { v.log10() } else { v }
    }
}

/// A coordinate with the digits that can be seen.
fn fixed(v: f64) -> String {
    format!("{v:.1}")
}

fn ends(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.fold(None, |ends, v| Some(ends.map_or([v, v], |[low, high]: [f64; 2]| [low.min(v), high.max(v)])))
}

/// Groups of neighbours become their mean.
fn thinned(points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let group = points.len().div_ceil(POINTS).max(1);
    let mean = |g: &[[f64; 2]], i: usize| g.iter().map(|p| p[i]).sum::<f64>() / g.len() as f64;
    points.chunks(group).map(|g| [mean(g, 0), mean(g, 1)]).collect()
}

/// Round numbers within a range, about `count` of them.
fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(rough);
    // Multiples of a whole number of steps: no −0 and no 0.30000000000000004.
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|k| k as f64 * step).collect()
}

/// Powers of ten between `10^low` and `10^high`, their halves and fifths if those are few, round numbers if even
/// these are.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    if high - low < 0.7 {
        return linear_ticks(10f64.powf(low), 10f64.powf(high), 4);
    }
    let steps: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = low.floor() as i32..=high.ceil() as i32;
    let values = powers.flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)));
    values.filter(|v| (low..=high).contains(&v.log10())).collect()
}

/// A number as people write it: up to four significant digits, powers of ten if it is very small or large.
pub(super) fn number(v: f64) -> String {
    if !v.is_finite() {
        return "–".into();
    }
    let size = v.abs();
    if size == 0.0 {
        return "0".into();
    }
    if (1e-3..1e5).contains(&size) {
        let digits = (3 - size.log10().floor() as i32).max(0) as usize;
        let text = format!("{v:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        return text.replace('-', "−");
    }
    let power = size.log10().floor() as i32;
    let mantissa = number((v / 10f64.powi(power) * 1e3).round() / 1e3);
    let power: String = power.to_string().chars().map(superscript).collect();
    if mantissa == "1" { format!("10{power}") } else { format!("{mantissa}·10{power}") }
}

fn superscript(digit: char) -> char {
    match digit {
        '-' => '⁻',
        _ => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit.to_digit(10).unwrap_or(0) as usize],
    }
}
