//! Methods judged beside each other on one pair.

mod contest;
pub mod experiment;

pub use contest::{Contest, FullMaps, FullResult};
