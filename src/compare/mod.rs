//! Methods judged beside each other on one scene.
//!
//! A [`Fuser`] makes an image of a scene; a [`Contest`] judges it at full resolution and, by Wald's protocol, on the
//! scene degraded by its ratio. [`compare`] does both for several, [`gate`] tells whether training was worth it, and
//! [`experiment`] lists the paper's ablations.

mod comparison;
mod contest;
pub mod experiment;
mod fuser;
mod gate;

pub use comparison::{Audience, Comparison, MethodScores, compare};
pub use contest::{Contest, FullMaps, FullResult};
pub use fuser::{Classical, Fuser, Learner, fuser};
pub use gate::{BetterForm, CLOSED_FORM, gate};

use crate::remedy::Remedy;

/// What can go wrong in a comparison.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Fusing.
    #[error(transparent)]
    Method(#[from] crate::method::MethodError),
    /// Judging.
    #[error(transparent)]
    Quality(#[from] crate::quality::QualityError),
}

impl CompareError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Method(error) => error.remedy(),
            Self::Quality(error) => error.remedy(),
        }
    }
}
