//! The paper's experiments, and those of its supplement.
//!
//! A [`Study`] is what one of its tables or figures asks: a list of [`Recipe`]s by name, which a [`Plan`] writes down. A
//! [`Trial`] carries one out on a pair, and a [`Line`] of a log holds what came of it. [`Sample`] counts lines, and
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
pub use line::{AtScale, Curves, Key, Label, Line, Scores, TruthScores};
pub use plan::{Plan, Recipe};
pub use statistics::{Sample, Spread};
pub use study::Study;
pub use trial::{Outcome, Trial};
