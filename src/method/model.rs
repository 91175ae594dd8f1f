//! The method as static plans: one to prepare, one per kind of training step.

use std::ops::Range;
use std::sync::Arc;

use super::config::{Config, Reduced, Upsample};
use super::crops::crop_size;
use crate::filter::{self, Banded, Grid, Terms};
use crate::graph::{CheckError, PlanBuilder, PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use crate::kernels::resample::Axis;
use crate::kernels::{adam, image, loss, resample};
use crate::net::{Dam, Fusion, FusionShape};

/// Sizes of a pair, and how its grids lie on each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dims {
    /// MS on PAN, rows.
    pub rows: Grid,
    /// MS on PAN, columns; the same ratio.
    pub columns: Grid,
    /// Bands of MS.
    pub bands: usize,
}

impl Dims {
    /// MS of `h × w` pixels, each covering `ratio × ratio` pixels of PAN.
    pub fn aligned(h: usize, w: usize, bands: usize, ratio: usize) -> Self {
        Self { rows: Grid::aligned(ratio * h, ratio), columns: Grid::aligned(ratio * w, ratio), bands }
    }

    /// Shape of PAN.
    pub fn pan(&self) -> Shape {
        Shape([1, self.rows.fine, self.columns.fine, 1])
    }

    /// Shape of MS.
    pub fn ms(&self) -> Shape {
        Shape([1, self.rows.coarse, self.columns.coarse, self.bands])
    }
}

/// The method's program and the handles a run needs.
pub struct Model {
    /// Tensors and plans.
    pub program: Arc<Program>,
    /// PAN, `[1, H, W, 1]`.
    pub pan: Tensor,
    /// MS, `[1, h, w, C]`.
    pub ms: Tensor,
    /// Upsampled MS, `[1, H, W, C]`; written by [`Model::prepare`].
    pub lms: Tensor,
    /// The fused image, `[1, H, W, C]`.
    pub hrms: Tensor,
    /// Weights of the fusion network.
    pub fusion: Fusion,
    /// Weights of the degradation network.
    pub dam: Dam,
    /// Optimiser states, which start at zero.
    pub states: Vec<Tensor>,
    /// Filter tables, to be written once.
    pub tables: Vec<(Tensor, Vec<f32>)>,
    /// Computes everything that does not change: upsampled and degraded images.
    pub prepare: PlanId,
    /// One step of the degradation network on one crop; watches its loss.
    pub dam_step: PlanId,
    /// One reduced step; watches its loss.
    pub reduced_step: PlanId,
    /// One full step; watches the spectral and the spatial loss.
    pub full_step: PlanId,
    /// Calls of the full step that compute [`Model::hrms`].
    pub infer: Range<usize>,
}

/// Tables of an image operator: a sum of separable terms.
#[derive(Clone)]
struct Operator(Vec<Separable>);

#[derive(Clone, Copy)]
struct Separable {
    y: resample::Table,
    x: resample::Table,
}

/// Collects filter tables while the program is built.
struct Tables<'a> {
    program: &'a mut ProgramBuilder,
    data: Vec<(Tensor, Vec<f32>)>,
}

impl Tables<'_> {
    /// One axis; `bands` holds one operator for all bands, or one each.
    fn table(&mut self, name: &str, bands: &[&Banded]) -> resample::Table {
        let first = bands[0];
        let count = first.taps[0].len();
        assert!(
            bands.iter().all(|b| b.start == first.start && b.taps[0].len() == count),
            "{name}: bands differ in extent"
        );
        let shape = Shape([1, first.output(), count, bands.len()]);
        let taps = self.program.tensor(format!("{name}.taps"), shape, Role::Input);
        let start = self.program.tensor(format!("{name}.start"), Shape::flat(first.output()), Role::Input);
        let tap = |k: usize, t: usize| bands.iter().map(move |b| b.taps[k][t] as f32);
        let values = (0..first.output()).flat_map(|k| (0..count).flat_map(move |t| tap(k, t))).collect();
        self.data.push((taps, values));
        self.data.push((start, first.start.iter().map(|s| *s as f32).collect()));
        resample::Table { taps, start }
    }

    /// `bands` holds the operator of all bands, or one each.
    fn operator(&mut self, name: &str, bands: &[Terms]) -> Operator {
        let mut term = |t: usize| {
            let (y, x): (Vec<&Banded>, Vec<&Banded>) = bands.iter().map(|terms| (&terms[t].0, &terms[t].1)).unzip();
            Separable { y: self.table(&format!("{name}{t}.y"), &y), x: self.table(&format!("{name}{t}.x"), &x) }
        };
        Operator((0..bands[0].len()).map(&mut term).collect())
    }
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

    fn shrink(&self, p: &mut PlanBuilder<'_>, x: Tensor, name: &str, out: Tensor) {
        self.apply(p, Axis::Y, x, name, None, out);
    }

    fn grow(&self, p: &mut PlanBuilder<'_>, x: Tensor, name: &str, add: Option<Tensor>, out: Tensor) {
        self.apply(p, Axis::X, x, name, add, out);
    }
}

/// MTF blur and decimation for every gain; one entry if all gains are equal.
fn degradations(gains: &[f64], rows: Grid, columns: Grid) -> Vec<Terms> {
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

fn upsampling(kind: Upsample, rows: Grid, columns: Grid) -> Terms {
    let axis = match kind {
        Upsample::Cubic => filter::upsample_cubic,
        Upsample::Interp23 => filter::upsample_interp23,
    };
    vec![(axis(rows), axis(columns))]
}

/// Images that [`Model::prepare`] computes once.
struct Prepared {
    lms: Tensor,
    /// `pan − lms`.
    d: Tensor,
    /// PAN at MS resolution.
    rr_pan: Tensor,
    /// Degraded MS, upsampled to MS size again.
    rr_lms: Tensor,
    /// `rr_pan − rr_lms`.
    rr_d: Tensor,
}

/// Optimiser state of one branch.
struct Moments {
    m: Tensor,
    v: Tensor,
}

impl Moments {
    fn new(program: &mut ProgramBuilder, name: &str, like: Tensor) -> Self {
        let mut state = |part: &str| program.tensor(format!("{name}.{part}"), like.shape(), Role::State);
        Self { m: state("m"), v: state("v") }
    }

    fn update(&self, p: &mut PlanBuilder<'_>, config: &Config, w: Tensor, grad: Tensor) {
        p.trains(w);
        adam::adam(p, config.adam, w, grad, self.m, self.v);
    }
}

impl Model {
    /// Builds and checks the program for one pair.
    ///
    /// # Errors
    /// [`CheckError`]s, which would be mistakes of this crate.
    pub fn build(dims: Dims, config: &Config) -> Result<Self, Vec<CheckError>> {
        let Dims { rows, columns, bands } = dims;
        let (full, ms_shape) = (dims.pan(), dims.ms());
        let mut b = ProgramBuilder::new();
        let pan = b.tensor("pan", full, Role::Input);
        let ms = b.tensor("ms", ms_shape, Role::Input);
        let shape = FusionShape { bands, width: config.width, blocks: config.blocks };
        let fusion = Fusion::new(&mut b, "fusion", Role::Param, shape);
        let fusion_grad = Fusion::new(&mut b, "dfusion", Role::Grad, shape);
        let dam = Dam::new(&mut b, "dam", Role::Param, bands, config.dam_width);
        let dam_grad = Dam::new(&mut b, "ddam", Role::Grad, bands, config.dam_width);

        let mut tables = Tables { program: &mut b, data: Vec::new() };
        let up = tables.operator("up", &[upsampling(config.upsample, rows, columns)]);
        let md = degradations(&config.ms_gains, rows, columns);
        let transposed: Vec<Terms> = md.iter().map(|terms| filter::transposed(terms)).collect();
        let md = tables.operator("md", &md);
        let md_adjoint = tables.operator("md_adjoint", &transposed);
        let md_pan = tables.operator("md_pan", &[filter::degrade(config.pan_gain, rows, columns)]);
        let (small_rows, small_columns) = (rows.coarser(), columns.coarser());
        let wald = (config.reduced == Reduced::Wald).then(|| {
            let md = tables.operator("md_ms", &degradations(&config.ms_gains, small_rows, small_columns));
            (md, tables.operator("up_ms", &[upsampling(config.upsample, small_rows, small_columns)]))
        });
        let tables = tables.data;

        let mut output = |name: &str, shape| b.tensor(name, shape, Role::Output);
        let images = Prepared {
            lms: output("lms", full.with_c(bands)),
            d: output("d", full.with_c(bands)),
            rr_pan: output("rr_pan", ms_shape.with_c(1)),
            rr_lms: output("rr_lms", ms_shape),
            rr_d: output("rr_d", ms_shape),
        };
        let hrms = output("hrms", full.with_c(bands));
        let loss = |b: &mut ProgramBuilder, name: &str| b.tensor(name, Shape::flat(1), Role::Output);

        let mut p = b.plan("prepare");
        up.grow(&mut p, ms, "up", None, images.lms);
        image::detail(&mut p, pan, images.lms, images.d);
        md_pan.shrink(&mut p, pan, "md_pan", images.rr_pan);
        match wald {
            Some((md_ms, up_ms)) => {
                let rr_ms = p.activation("rr_ms", Shape([1, small_rows.coarse, small_columns.coarse, bands]));
                md_ms.shrink(&mut p, ms, "md_ms", rr_ms);
                up_ms.grow(&mut p, rr_ms, "up_ms", None, images.rr_lms);
            }
            None => md.shrink(&mut p, images.lms, "md_lms", images.rr_lms),
        }
        image::detail(&mut p, images.rr_pan, images.rr_lms, images.rr_d);
        let prepare = p.finish();

        let (crop_h, crop_w) = crop_size(ms_shape.h(), ms_shape.w());
        let crops = |n: usize, c: usize| Shape([n, crop_h, crop_w, c]);

        let moments = Moments::new(&mut b, "adam.dam", dam.whole);
        let mut states = vec![moments.m, moments.v];
        let value = loss(&mut b, "dam.loss");
        let mut p = b.plan("dam");
        let x = p.activation("ms", crops(1, bands));
        let target = p.activation("rr_pan", crops(1, 1));
        image::crop(&mut p, ms, x);
        image::crop(&mut p, images.rr_pan, target);
        let y = dam.forward(&mut p, x);
        let dy = p.activation("dg", crops(1, 1));
        loss::l2(&mut p, y, target, 1.0, "part.loss", dy, value);
        dam.backward(&mut p, x, dy, &dam_grad);
        moments.update(&mut p, config, dam.whole, dam_grad.whole);
        p.watch(value);
        let dam_step = p.finish();

        let moments = Moments::new(&mut b, "adam.reduced", fusion.whole);
        states.extend([moments.m, moments.v]);
        let value = loss(&mut b, "reduced.loss");
        let mut p = b.plan("reduced");
        let [d, lms, target] = ["rr_d", "rr_lms", "ms"].map(|name| p.activation(name, crops(config.batch, bands)));
        for (from, to) in [(images.rr_d, d), (images.rr_lms, lms), (ms, target)] {
            image::crop(&mut p, from, to);
        }
        let y = p.activation("hrms", target.shape());
        let acts = fusion.forward(&mut p, d, lms, y);
        let dy = p.activation("dhrms", target.shape());
        loss::l2(&mut p, y, target, 1.0, "part.loss", dy, value);
        fusion.backward(&mut p, &acts, dy, &fusion_grad);
        moments.update(&mut p, config, fusion.whole, fusion_grad.whole);
        p.watch(value);
        let reduced_step = p.finish();

        let moments = Moments::new(&mut b, "adam.full", fusion.whole);
        states.extend([moments.m, moments.v]);
        let (spectral, spatial) = (loss(&mut b, "full.spectral"), loss(&mut b, "full.spatial"));
        let mut p = b.plan("full");
        let acts = fusion.forward(&mut p, images.d, images.lms, hrms);
        let infer = 0..p.len();
        let g = dam.forward(&mut p, hrms);
        let dg = p.activation("dg", full);
        loss::l2(&mut p, g, pan, config.lambda_spectral as f32, "part.spectral", dg, spectral);
        let through_dam = dam.backward_input(&mut p, hrms, dg);
        let low = p.activation("md", ms_shape);
        md.shrink(&mut p, hrms, "md.y", low);
        let dlow = p.activation("dmd", ms_shape);
        loss::l2(&mut p, low, ms, config.lambda_spatial as f32, "part.spatial", dlow, spatial);
        let dy = p.activation("dhrms", full.with_c(bands));
        md_adjoint.grow(&mut p, dlow, "dmd.x", Some(through_dam), dy);
        fusion.backward(&mut p, &acts, dy, &fusion_grad);
        moments.update(&mut p, config, fusion.whole, fusion_grad.whole);
        p.watch(spectral);
        p.watch(spatial);
        let full_step = p.finish();

        Ok(Self {
            program: Arc::new(b.finish()?),
            pan,
            ms,
            lms: images.lms,
            hrms,
            fusion,
            dam,
            states,
            tables,
            prepare,
            dam_step,
            reduced_step,
            full_step,
            infer,
        })
    }
}
