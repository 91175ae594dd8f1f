//! The forward pass on one tile of a scene.

use std::sync::Arc;

use super::tables::{FilterTables, values};
use crate::filter::BandMatrix;
use crate::graph::{CheckError, PlanId, Program, ProgramBuilder, Role, Shape, Tensor};
use crate::net::{Fusion, FusionShape, Statistics};

/// The program that fuses one tile, and its handles.
pub struct TilePlan {
    /// Tensors and the plan.
    pub program: Arc<Program>,
    /// PAN, `[1, H, W, 1]`.
    pub pan: Tensor,
    /// MS, `[1, h, w, C]`.
    pub ms: Tensor,
    /// Upsampled MS, `[1, H, W, C]`.
    pub lms: Tensor,
    /// What the network adds to, unless that is upsampled MS, `[1, H, W, C]`.
    pub base: Option<Tensor>,
    /// The fused tile, `[1, H, W, C]`.
    pub hrms: Tensor,
    /// Weights of the fusion network.
    pub fusion: Fusion,
    /// What it takes from a whole image.
    pub statistics: Vec<Tensor>,
    /// Taps and places of the upsampling, along y and along x.
    up: [Tensor; 4],
    /// The plan.
    pub plan: PlanId,
}

impl TilePlan {
    /// Builds the program for tiles that are upsampled by `rows` and `columns`.
    ///
    /// # Errors
    /// [`CheckError`]s, which would be mistakes of this crate.
    pub fn build(
        rows: &BandMatrix,
        columns: &BandMatrix,
        shape: FusionShape,
        base: bool,
    ) -> Result<Self, Vec<CheckError>> {
        let full = Shape([1, rows.output(), columns.output(), shape.bands]);
        let mut b = ProgramBuilder::new();
        let pan = b.tensor("pan", full.with_c(1), Role::Input);
        let ms = b.tensor("ms", Shape([1, rows.input, columns.input, shape.bands]), Role::Input);
        let fusion = Fusion::new(&mut b, "fusion", Role::Param, shape);
        let mut tables = FilterTables::new(&mut b);
        let up = tables.operator("up", &[vec![(rows.clone(), columns.clone())]]);
        let up_tables = std::array::from_fn(|i| tables.data[i].0);
        let (lms, hrms) = (b.tensor("lms", full, Role::Output), b.tensor("hrms", full, Role::Output));
        let base = base.then(|| b.tensor("base", full, Role::Input));
        let vectors = shape.statistics().into_iter();
        let vectors = vectors.map(|(name, shape)| b.tensor(format!("statistics.{name}"), shape, Role::Input));
        let statistics: Vec<Tensor> = vectors.collect();
        let mut p = b.plan("tile");
        let d = p.activation("d", full.with_c(shape.inputs()));
        up.grow(&mut p, ms, "up", None, lms);
        fusion.input(&mut p, pan, lms, d);
        fusion.forward_with(&mut p, d, base.unwrap_or(lms), hrms, Statistics::Given(&statistics));
        let plan = p.finish();
        let program = Arc::new(b.finish()?);
        Ok(Self { program, pan, ms, lms, base, hrms, fusion, statistics, up: up_tables, plan })
    }

    /// What the upsampling tables hold for a tile at another place, of the same size.
    pub fn tables(&self, rows: &BandMatrix, columns: &BandMatrix) -> Vec<(Tensor, Vec<f32>)> {
        self.up.into_iter().zip([values(&[rows]), values(&[columns])].into_iter().flatten()).collect()
    }
}
