//! From settings to a fused image: training, models, the preset, closed forms.

mod classical;
mod gains;
mod models;
mod prior;
mod robust;
pub mod sharpen;
mod sharpness;
mod training;
