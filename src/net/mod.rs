//! The two networks: the fusion network, of one of a few backbones, and the degradation-aware network.
//!
//! Layers have a `forward` that pushes calls onto a plan and a `backward` that pushes
//! the same list read bottom to top.

mod backbone;
mod canconv;
mod cannet;
mod dam;
mod fusionnet;
mod init;
mod lagnet;
mod lgpnet;
mod panmamba;
mod pass;
mod weights;

pub use backbone::{Acts, Backbone, Fusion, FusionShape, Statistics};
pub use dam::Dam;
pub(crate) use init::{init_dam, init_fusion};
pub use weights::{Layer, NamedTensor, import, layers_of_fusion, turned, turned_places};
pub(crate) use weights::{export, layers_of_dam};
