//! Image operators of the method as tables of the program.

use crate::filter::{self, BandMatrix, Grid, Terms};
use crate::graph::{PlanBuilder, ProgramBuilder, Role, Shape, Tensor};
use crate::kernels::resample::{self, Axis};
use crate::method::config::Upsample;

/// Tables of an image operator: a sum of separable terms.
#[derive(Clone)]
pub(super) struct Operator(Vec<Separable>);

#[derive(Clone, Copy)]
struct Separable {
    y: resample::OperatorTable,
    x: resample::OperatorTable,
}

/// Collects filter tables while the program is built.
pub(super) struct FilterTables<'a> {
    program: &'a mut ProgramBuilder,
    /// The tables' values, to be written once.
    pub(super) data: Vec<(Tensor, Vec<f32>)>,
}

impl<'a> FilterTables<'a> {
    pub(super) fn new(program: &'a mut ProgramBuilder) -> Self {
        Self { program, data: Vec::new() }
    }

    /// One axis; `bands` holds one operator for all bands, or one each.
    fn table(&mut self, name: &str, bands: &[&BandMatrix]) -> resample::OperatorTable {
        let first = bands[0];
        let count = first.taps[0].len();
        assert!(
            bands.iter().all(|b| b.start == first.start && b.taps[0].len() == count),
            "{name}: bands differ in extent"
        );
        let shape = Shape([1, first.output(), count, bands.len()]);
        let taps = self.program.tensor(format!("{name}.taps"), shape, Role::Input);
        let start = self.program.tensor(format!("{name}.start"), Shape::flat(first.output()), Role::Input);
        self.data.extend([taps, start].into_iter().zip(values(bands)));
        resample::OperatorTable { taps, start }
    }

    /// Declares an operator; `bands` holds one for all bands, or one each.
    pub(super) fn operator(&mut self, name: &str, bands: &[Terms]) -> Operator {
        let mut term = |t: usize| {
            let (y, x): (Vec<&BandMatrix>, Vec<&BandMatrix>) =
                bands.iter().map(|terms| (&terms[t].0, &terms[t].1)).unzip();
            Separable { y: self.table(&format!("{name}{t}.y"), &y), x: self.table(&format!("{name}{t}.x"), &x) }
        };
        Operator((0..bands[0].len()).map(&mut term).collect())
    }
}

/// Taps `[output, tap, band]` and first input positions `[output]`, as the kernel wants them.
pub(super) fn values(bands: &[&BandMatrix]) -> [Vec<f32>; 2] {
    let (outputs, count) = (bands[0].output(), bands[0].taps[0].len());
    let tap = |k: usize, t: usize| bands.iter().map(move |b| b.taps[k][t] as f32);
    let taps = (0..outputs).flat_map(|k| (0..count).flat_map(move |t| tap(k, t))).collect();
    [taps, bands[0].start.iter().map(|s| *s as f32).collect()]
}

impl Operator {
    /// Adds `out = A x + add`, along `first` and then along the other axis: rows first
    /// is cheapest where the image shrinks, columns first where it grows.
    fn apply(&self, p: &mut PlanBuilder<'_>, first: Axis, x: Tensor, name: &str, add: Option<Tensor>, out: Tensor) {
        let [n, h, w, c] = x.shape().0;
        let mut sum = add;
        for (t, term) in self.0.iter().enumerate() {
            let (between, tables) = match first {
                Axis::Y => (Shape([n, out.shape().h(), w, c]), [(term.y, Axis::Y), (term.x, Axis::X)]),
                Axis::X => (Shape([n, h, out.shape().w(), c]), [(term.x, Axis::X), (term.y, Axis::Y)]),
            };
            let between = p.activation(&format!("{name}{t}.half"), between);
            let last = t + 1 == self.0.len();
            let to = if last { out } else { p.activation(&format!("{name}{t}"), out.shape()) };
            let [(table, axis), (next, other)] = tables;
            resample::resample(p, x, table, axis, None, between);
            resample::resample(p, between, next, other, sum, to);
            sum = Some(to);
        }
    }

    /// Adds `out = A x` for an operator that makes images smaller.
    pub(super) fn shrink(&self, p: &mut PlanBuilder<'_>, x: Tensor, name: &str, out: Tensor) {
        self.apply(p, Axis::Y, x, name, None, out);
    }

    /// Adds `out = A x + add` for an operator that makes images larger.
    pub(super) fn grow(&self, p: &mut PlanBuilder<'_>, x: Tensor, name: &str, add: Option<Tensor>, out: Tensor) {
        self.apply(p, Axis::X, x, name, add, out);
    }
}

/// MTF blur and decimation for every gain; one entry if all gains are equal.
pub(super) fn degradations(gains: &[f64], rows: Grid, columns: Grid) -> Vec<Terms> {
    let same = gains.iter().all(|g| *g == gains[0]);
    let gains = if same { &gains[..1] } else { gains };
    let mut bands: Vec<Terms> = gains.iter().map(|g| filter::degrade(*g, rows, columns)).collect();
    // A band whose second term vanishes does without it only if all do.
    let terms = bands.iter().map(Vec::len).max().unwrap_or(1);
    for band in &mut bands {
        while band.len() < terms {
            band.push((band[0].0.zeroed(), band[0].1.zeroed()));
        }
    }
    bands
}

pub(in crate::method) fn upsampling(kind: Upsample, rows: Grid, columns: Grid) -> Terms {
    vec![(kind.operator(rows), kind.operator(columns))]
}
