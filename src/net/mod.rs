//! The two networks: FusionNet and the degradation-aware network.
//!
//! Layers have a `forward` that pushes calls onto a plan and a `backward` that pushes
//! the same list read bottom to top.

mod dam;
mod fusion;
mod init;
mod weights;

pub use dam::Dam;
pub use fusion::{Acts, Fusion, FusionShape};
pub(crate) use init::{init_dam, init_fusion};
pub use weights::{Layer, NamedTensor, import, turned, turned_places};
pub(crate) use weights::{export, layers_of_dam, layers_of_fusion};
