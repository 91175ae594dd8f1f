//! The paper's experiments, and those of its supplement.
//!
//! A [`Study`] is what one of its tables or figures asks: a list of [`Recipe`]s by name, which a [`StudyPlan`] writes down. A
//! [`Trial`] carries one out on a pair, and a [`RunRecord`] of a log holds what came of it. [`RunSample`] counts lines, and
//! [`paper`] knows what was published.

mod commutation;
mod ladder;
mod line;
pub mod paper;
mod plan;
mod statistics;
mod study;
mod trial;

pub use commutation::commutation;
use ladder::{LEAST, halved};
pub use ladder::{Rung, judged, ladder, supervised};
pub use line::{AtScale, Curves, Key, Label, RunRecord, Scores, TruthScores};
pub use plan::{Recipe, StudyPlan};
pub use statistics::{RunSample, Spread};
pub use study::Study;
pub use trial::{Outcome, Trial};
