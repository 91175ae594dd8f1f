//! What a fusion will take, before it starts.

use super::windows::window_dims;
use super::{Config, schedule};
use crate::graph::{Call, Grain};
use crate::kernels::Isa;
use crate::method::crops::CROPS;
use crate::method::schedule::Branch;
use crate::scene::Scene;

/// Floating-point operations per second and core of whole steps, counted as direct sums. Measured with AVX-512; the
/// others by how its kernels compare.
const fn rate_per_core(isa: Isa) -> f64 {
    match isa {
        Isa::Avx512 => 240e9,
        Isa::Avx2 => 130e9,
        Isa::Portable => 45e9,
    }
}

/// What a fusion takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Floating-point operations of training.
    pub training: f64,
    /// Floating-point operations of the last forward pass over the scene.
    pub inference: f64,
    /// Bytes of the tensors of training: what a GPU must hold.
    pub device_bytes: u64,
    /// Bytes of main memory without a limit by the user: the tensors, and strips of the images.
    pub bytes: u64,
}

impl Estimate {
    /// Counts what the plans of a scene do.
    ///
    /// # Panics
    /// If the program does not pass its own checks: a mistake of this crate.
    pub fn of(scene: &Scene<'_>, config: &Config) -> Self {
        let dims = window_dims(scene, config);
        let config = &config.sized(&dims);
        let plans = super::build(dims, config, true, Grain::default());
        let flops = |calls: &[Call]| calls.iter().map(Call::flops).sum::<usize>() as f64;
        let calls = |plan| &plans.program.plan(plan).calls[..];
        let schedule = schedule::plan(config);
        let count = |branch: Branch| schedule.iter().filter(|step| step.branch == branch).count() as f64;
        let training = flops(calls(plans.dam_step)) * f64::from(config.dam_epochs) * CROPS as f64
            + flops(calls(plans.reduced_step)) * count(Branch::Reduced)
            + flops(calls(plans.full_step)) * count(Branch::Full);
        let per_pixel = config.shape(scene.ms().bands).flops();
        let inference = per_pixel as f64 * scene.rows.fine as f64 * scene.columns.fine as f64;
        let device_bytes = 4 * plans.program.buffers().iter().sum::<usize>() as u64;
        // Strips of 256 rows, read, normalised and fused, of a few at a time.
        let row = scene.columns.fine as u64 * (2 + 3 * scene.ms().bands as u64) * 4;
        Self { training, inference, device_bytes, bytes: device_bytes + row * 256.min(scene.rows.fine as u64) }
    }

    /// Seconds on the CPU engine with so many threads.
    pub fn seconds(&self, threads: usize) -> f64 {
        (self.training + self.inference) / (rate_per_core(Isa::best()) * threads as f64)
    }
}
