//! The method as static plans: one to prepare, one per kind of training step, one for a tile.

mod tables;
mod tile;

use std::ops::Range;
use std::sync::Arc;

pub use tile::TilePlan;

use super::config::{Base, Config, Crops, Keep, Reduced};
use super::crops::crop_size;
use crate::filter::{self, Grid, Terms};
use crate::graph::{CheckError, Grain, PlanBuilder, PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use crate::kernels::loss::{Measure, Operands};
use crate::kernels::{adam, image, loss, turn};
use crate::net::{self, Acts, Dam, Fusion, Statistics};
pub(super) use tables::upsampling;
use tables::{FilterTables, degradations};

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
pub struct Plans {
    /// Sizes it was built for.
    pub dims: Dims,
    /// Tensors and plans.
    pub program: Arc<Program>,
    /// PAN, `[1, H, W, 1]`.
    pub pan: Tensor,
    /// MS, `[1, h, w, C]`.
    pub ms: Tensor,
    /// Upsampled MS, `[1, H, W, C]`; written by [`Plans::prepare`].
    pub lms: Tensor,
    /// What the network adds to, unless that is upsampled MS.
    pub bases: Option<Bases>,
    /// How much each pixel counts in the losses of both phases, if not all count alike.
    pub weights: Option<PixelWeights>,
    /// `[1, h, w, 1]`: how much each pixel counts in the reduced loss, if not all count alike.
    pub reduced_weight: Option<Tensor>,
    /// Weights of the fusion network.
    pub fusion: Fusion,
    /// The reduced pair fused as a whole, if it is judged.
    pub judged: Option<JudgePlan>,
    /// What the network takes from the whole pair, if it takes something.
    pub frozen: Option<Frozen>,
    /// Weights of the degradation network.
    pub dam: Dam,
    /// Optimiser states, which start at zero.
    pub states: Vec<Tensor>,
    /// Filter tables, to be written once.
    pub tables: Vec<(Tensor, Vec<f32>)>,
    /// Computes what the images alone decide: upsampled and degraded images.
    pub prepare: PlanId,
    /// Calls of [`Plans::prepare`] that the degradation network's steps need.
    pub(crate) prepare_dam: Range<usize>,
    /// One step of the degradation network on one crop; watches its loss and the weights after it.
    pub dam_step: PlanId,
    /// One reduced step; watches its loss, and the weights after it where these may be kept.
    pub reduced_step: PlanId,
    /// One full step; watches the spectral and the spatial loss, and the weights after it.
    pub full_step: PlanId,
}

/// How much each pixel counts in the losses, mean 1: 0 where a value rests on nodata.
pub struct PixelWeights {
    /// `[1, H, W, 1]`, in the spectral loss.
    pub pan: Tensor,
    /// `[1, h, w, 1]`, in the spatial loss and that of the degradation network.
    pub ms: Tensor,
}

/// Closed forms that the network adds to.
pub struct Bases {
    /// Of the pair, `[1, H, W, C]`.
    pub full: Tensor,
    /// Of the reduced pair, `[1, h, w, C]`.
    pub reduced: Tensor,
}

/// The reduced pair fused as a whole, by weights of its own.
pub struct JudgePlan {
    /// The weights.
    pub fusion: Fusion,
    /// The fused reduced pair, `[1, h, w, C]`.
    pub hrms: Tensor,
    /// The plan.
    pub plan: PlanId,
}

/// What the network takes from the whole pair, for parts of a scene: see [`FusionShape::statistics`].
///
/// [`FusionShape::statistics`]: crate::net::FusionShape::statistics
pub struct Frozen {
    /// As the network has them for one image.
    pub statistics: Vec<Tensor>,
    /// The plan.
    pub plan: PlanId,
}

/// Images that [`Plans::prepare`] computes once.
struct PreparedImages {
    lms: Tensor,
    /// What enters the network.
    d: Tensor,
    /// PAN at MS resolution.
    rr_pan: Tensor,
    /// Degraded MS, upsampled to MS size again.
    rr_lms: Tensor,
    /// What enters the network of the reduced pair.
    rr_d: Tensor,
}

/// The network as steps see it: upright, or turned by the step's symmetry.
struct Sides {
    upright: Fusion,
    grads: Fusion,
    /// Places, turned weights and their gradients.
    turned: Option<(Tensor, Fusion, Fusion)>,
}

impl Sides {
    /// Adds what turns the weights, and gives them.
    fn weights(&self, p: &mut PlanBuilder<'_>) -> &Fusion {
        let Some((places, turned, _)) = &self.turned else { return &self.upright };
        turn::turn(p, self.upright.whole, *places, false, turned.whole);
        turned
    }

    /// Adds the gradients of the upright weights.
    fn backward(&self, p: &mut PlanBuilder<'_>, acts: Acts, dy: Tensor) {
        let Some((places, turned, grads)) = &self.turned else {
            return self.upright.backward(p, acts, dy, &self.grads);
        };
        turned.backward(p, acts, dy, grads);
        turn::turn(p, grads.whole, *places, true, self.grads.whole);
    }
}

/// Optimiser state of one branch.
struct AdamState {
    m: Tensor,
    v: Tensor,
}

impl AdamState {
    fn new(program: &mut ProgramBuilder, name: &str, like: Tensor) -> Self {
        let mut state = |part: &str| program.tensor(format!("{name}.{part}"), like.shape(), Role::State);
        Self { m: state("m"), v: state("v") }
    }

    /// Parameters before `first` keep their values.
    fn update(&self, p: &mut PlanBuilder<'_>, config: &Config, first: usize, w: Tensor, grad: Tensor) {
        p.trains(w);
        adam::adam_from(p, config.adam, first, w, grad, self.m, self.v);
    }
}

impl Plans {
    /// Builds and checks the program for pairs of one size, to run on cores; `weighted` if some of
    /// their pixels are nodata.
    ///
    /// # Errors
    /// [`CheckError`]s, which would be mistakes of this crate.
    pub fn build(dims: Dims, config: &Config, weighted: bool) -> Result<Self, Vec<CheckError>> {
        Self::build_for(dims, config, weighted, Grain::Coarse)
    }

    /// Builds and checks the program for pairs of one size and a sort of device.
    ///
    /// # Errors
    /// [`CheckError`]s, which would be mistakes of this crate.
    pub(crate) fn build_for(
        dims: Dims,
        config: &Config,
        weighted: bool,
        grain: Grain,
    ) -> Result<Self, Vec<CheckError>> {
        let Dims { rows, columns, bands } = dims;
        let (full, ms_shape) = (dims.pan(), dims.ms());
        let mut b = ProgramBuilder::for_grain(grain);
        let pan = b.tensor("pan", full, Role::Input);
        let ms = b.tensor("ms", ms_shape, Role::Input);
        let weights = weighted.then(|| {
            let mut input = |name: &str, shape: Shape| b.tensor(name, shape.with_c(1), Role::Input);
            PixelWeights { pan: input("weight.pan", full), ms: input("weight.ms", ms_shape) }
        });
        let reduced_weight =
            (weighted || config.weighs_reduced()).then(|| b.tensor("weight.reduced", ms_shape.with_c(1), Role::Input));
        let bases = (config.base != Base::None).then(|| Bases {
            full: b.tensor("base", full.with_c(bands), Role::Input),
            reduced: b.tensor("rr_base", ms_shape, Role::Input),
        });
        let shape = config.shape(bands);
        let fusion = Fusion::new(&mut b, "fusion", Role::Param, shape);
        let fusion_grad = Fusion::new(&mut b, "dfusion", Role::Grad, shape);
        let dam = Dam::new(&mut b, "dam", Role::Param, bands, config.dam_width);
        let dam_grad = Dam::new(&mut b, "ddam", Role::Grad, bands, config.dam_width);

        let turned = (config.crops == Crops::Random && config.backbone.turns()).then(|| {
            let places = b.tensor("places", Shape([turn::TURNS, 1, 1, fusion.whole.shape().c()]), Role::Input);
            let turned = Fusion::new(&mut b, "fusion.turned", Role::Output, shape);
            (places, turned, Fusion::new(&mut b, "dfusion.turned", Role::Grad, shape))
        });
        let judged = (config.keep == Keep::Mean).then(|| Fusion::new(&mut b, "judged", Role::Input, shape));

        let mut tables = FilterTables::new(&mut b);
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
        let mut tables = tables.data;
        tables.extend(turned.iter().map(|(places, ..)| (*places, net::turned_places(shape))));
        let sides = Sides { upright: fusion, grads: fusion_grad, turned };
        let (fusion, first) = (&sides.upright, shape.start_of(config.frozen));

        let mut output = |name: &str, shape| b.tensor(name, shape, Role::Output);
        let images = PreparedImages {
            lms: output("lms", full.with_c(bands)),
            d: output("d", full.with_c(shape.inputs())),
            rr_pan: output("rr_pan", ms_shape.with_c(1)),
            rr_lms: output("rr_lms", ms_shape),
            rr_d: output("rr_d", ms_shape.with_c(shape.inputs())),
        };
        let loss = |b: &mut ProgramBuilder, name: &str| b.tensor(name, Shape::flat(1), Role::Output);

        let mut p = b.plan("prepare");
        md_pan.shrink(&mut p, pan, "md_pan", images.rr_pan);
        let prepare_dam = 0..p.len();
        up.grow(&mut p, ms, "up", None, images.lms);
        fusion.input(&mut p, pan, images.lms, images.d);
        match wald {
            Some((md_ms, up_ms)) => {
                let rr_ms = p.activation("rr_ms", Shape([1, small_rows.coarse, small_columns.coarse, bands]));
                md_ms.shrink(&mut p, ms, "md_ms", rr_ms);
                up_ms.grow(&mut p, rr_ms, "up_ms", None, images.rr_lms);
            }
            None => md.shrink(&mut p, images.lms, "md_lms", images.rr_lms),
        }
        fusion.input(&mut p, images.rr_pan, images.rr_lms, images.rr_d);
        let prepare = p.finish();
        let base = bases.as_ref().map_or(images.lms, |b| b.full);
        let rr_base = bases.as_ref().map_or(images.rr_lms, |b| b.reduced);

        let (crop_h, crop_w) = crop_size(ms_shape.h(), ms_shape.w());
        let crops = |n: usize, c: usize| Shape([n, crop_h, crop_w, c]);

        let moments = AdamState::new(&mut b, "adam.dam", dam.whole);
        let mut states = vec![moments.m, moments.v];
        let value = loss(&mut b, "dam.loss");
        let mut p = b.plan("dam");
        let x = p.activation("ms", crops(1, bands));
        let target = p.activation("rr_pan", crops(1, 1));
        image::crop(&mut p, ms, x);
        image::crop(&mut p, images.rr_pan, target);
        let weight = weights.as_ref().map(|w| {
            let weight = p.activation("weight", crops(1, 1));
            image::crop(&mut p, w.ms, weight);
            weight
        });
        let y = dam.forward(&mut p, x);
        let dy = p.activation("dg", crops(1, 1));
        loss::l2(&mut p, Operands { y, target, weight }, 1.0, "part.loss", dy, value);
        dam.backward(&mut p, x, dy, &dam_grad);
        moments.update(&mut p, config, 0, dam.whole, dam_grad.whole);
        p.watch(value);
        p.watch(dam.whole);
        let dam_step = p.finish();

        let moments = AdamState::new(&mut b, "adam.reduced", fusion.whole);
        states.extend([moments.m, moments.v]);
        let value = loss(&mut b, "reduced.loss");
        let mut p = b.plan("reduced");
        let cropped = |p: &mut PlanBuilder<'_>, name: &str, from: Tensor| {
            let to = p.activation(name, crops(config.batch, from.shape().c()));
            image::crop(p, from, to);
            to
        };
        let d = cropped(&mut p, "rr_d", images.rr_d);
        let below = cropped(&mut p, if bases.is_some() { "rr_base" } else { "rr_lms" }, rr_base);
        let target = cropped(&mut p, "ms", ms);
        let weight = reduced_weight.map(|weight| cropped(&mut p, "weight", weight));
        let y = p.activation("hrms", target.shape());
        let acts = sides.weights(&mut p).forward(&mut p, d, below, y);
        let dy = p.activation("dhrms", target.shape());
        let measure = if config.bend > 0.0 { Measure::Charbonnier(config.bend as f32) } else { Measure::Square };
        loss::mean(&mut p, Operands { y, target, weight }, measure, 1.0, "part.loss", dy, value);
        sides.backward(&mut p, acts, dy);
        moments.update(&mut p, config, first, fusion.whole, sides.grads.whole);
        p.watch(value);
        if judged.is_some() || config.keeps_reduced() {
            p.watch(fusion.whole);
        }
        let reduced_step = p.finish();

        let moments = AdamState::new(&mut b, "adam.full", fusion.whole);
        states.extend([moments.m, moments.v]);
        let (spectral, spatial) = (loss(&mut b, "full.spectral"), loss(&mut b, "full.spatial"));
        let mut p = b.plan("full");
        let hrms = p.activation("hrms", full.with_c(bands));
        let acts = sides.weights(&mut p).forward(&mut p, images.d, base, hrms);
        let g = dam.forward(&mut p, hrms);
        let dg = p.activation("dg", full);
        let compared = Operands { y: g, target: pan, weight: weights.as_ref().map(|w| w.pan) };
        loss::l2(&mut p, compared, config.lambda_spectral as f32, "part.spectral", dg, spectral);
        let through_dam = dam.backward_input(&mut p, hrms, dg);
        let low = p.activation("md", ms_shape);
        md.shrink(&mut p, hrms, "md.y", low);
        let dlow = p.activation("dmd", ms_shape);
        let compared = Operands { y: low, target: ms, weight: weights.as_ref().map(|w| w.ms) };
        loss::l2(&mut p, compared, config.lambda_spatial as f32, "part.spatial", dlow, spatial);
        let dy = p.activation("dhrms", full.with_c(bands));
        md_adjoint.grow(&mut p, dlow, "dmd.x", Some(through_dam), dy);
        sides.backward(&mut p, acts, dy);
        moments.update(&mut p, config, first, fusion.whole, sides.grads.whole);
        p.watch(spectral);
        p.watch(spatial);
        p.watch(fusion.whole);
        let full_step = p.finish();

        let judged = judged.map(|fusion| {
            let mut p = b.plan("judge");
            let hrms = p.tensor("judged.hrms", ms_shape, Role::Output);
            fusion.forward(&mut p, images.rr_d, rr_base, hrms);
            let plan = p.finish();
            JudgePlan { fusion, hrms, plan }
        });
        let statistics = shape.statistics();
        let frozen = (!statistics.is_empty()).then(|| {
            let mut p = b.plan("freeze");
            let output =
                |p: &mut PlanBuilder<'_>, name: &str, shape| p.tensor(format!("frozen.{name}"), shape, Role::Output);
            let hrms = output(&mut p, "hrms", full.with_c(bands));
            let vectors = statistics.iter().map(|(name, shape)| output(&mut p, name, *shape));
            let statistics: Vec<Tensor> = vectors.collect();
            sides.upright.forward_with(&mut p, images.d, base, hrms, Statistics::Kept(&statistics));
            let plan = p.finish();
            Frozen { statistics, plan }
        });
        let fusion = sides.upright;

        Ok(Self {
            dims,
            program: Arc::new(b.finish()?),
            pan,
            ms,
            lms: images.lms,
            bases,
            weights,
            reduced_weight,
            judged,
            frozen,
            fusion,
            dam,
            states,
            tables,
            prepare,
            prepare_dam,
            dam_step,
            reduced_step,
            full_step,
        })
    }
}
