//! What a run left, as a line of a log.

use serde::{Deserialize, Serialize};

use super::{Recipe, Study};
use crate::compare::FullResult;
use crate::method::schedule::Branch;
use crate::method::{IdleRecord, StepRecord};
use crate::quality::ReducedScores;

/// What makes runs the same: the program, the pair, how its images lie on each other, what is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Of the program.
    pub version: String,
    /// SHA-256 of PAN and MS.
    pub pair: [String; 2],
    /// SHA-256 of the truth, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
    /// SHA-256 of the file that trainings start from, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Grids and unit.
    pub geometry: String,
    /// What is done.
    #[serde(flatten)]
    pub recipe: Recipe,
}

impl Key {
    /// The same for the same runs only.
    ///
    /// # Panics
    /// Never: it has plain values.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }
}

/// A row of a study that a run belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The study.
    pub study: Study,
    /// Name of the row.
    pub row: String,
    /// Which row of the study it is, from 0.
    pub at: usize,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Which.
    #[serde(flatten)]
    pub key: Key,
    /// How good the result is; none if the training diverged.
    pub scores: Option<Scores>,
    /// Time it took.
    pub seconds: f64,
    /// File of PAN, for readers.
    #[serde(default)]
    pub place: String,
    /// What was asked for, in words: runs of other settings are no rows of one table.
    #[serde(default)]
    pub under: String,
    /// The rows it is.
    #[serde(default)]
    pub rows: Vec<Label>,
    /// With a truth at several scales: how good the result is at each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scales: Vec<AtScale>,
    /// Losses of both branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<Curves>,
}

/// How good a result is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Spectral distortion.
    pub d_lambda: f64,
    /// Spatial distortion.
    pub d_s: f64,
    /// Both in one.
    pub hqnr: f64,
    /// ERGAS of the result, degraded again, against MS.
    pub consistency_ergas: f64,
    /// Against the truth, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<TruthScores>,
    /// How far the two degradations are from commuting: see [`commutation`](super::commutation()).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commutation: Option<f64>,
}

impl From<FullResult> for Scores {
    fn from(FullResult { full, consistency }: FullResult) -> Self {
        let (d_lambda, d_s, hqnr) = (full.d_lambda, full.d_s, full.hqnr);
        Self { d_lambda, d_s, hqnr, consistency_ergas: consistency.ergas, truth: None, commutation: None }
    }
}

/// How good a result is by the truth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthScores {
    /// Q4, Q8 and so on.
    pub q2n: f64,
    /// Degrees.
    pub sam: f64,
    /// Relative error.
    pub ergas: f64,
    /// Decibels.
    pub psnr: f64,
}

impl TruthScores {
    /// Of scores that are all finite: JSON has no others.
    pub fn of(scores: &ReducedScores) -> Option<Self> {
        let ReducedScores { q2n, sam, ergas, psnr, .. } = *scores;
        [q2n, sam, ergas, psnr].iter().all(|v| v.is_finite()).then_some(Self { q2n, sam, ergas, psnr })
    }
}

/// Scores at one scale of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtScale {
    /// Which.
    pub scale: u32,
    /// By the truth there.
    #[serde(flatten)]
    pub scores: TruthScores,
}

/// Losses over epochs in the order they ran, `[number, mean over its steps]`: of branches without a step in one, too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Of reduced steps.
    pub reduced: Vec<[f64; 2]>,
    /// Of full steps, weighed.
    pub full: Vec<[f64; 2]>,
}

impl Curves {
    /// Those of a training. Its epochs are counted as they ran: trainings in series have the same ones twice.
    pub fn of(steps: &[StepRecord], idle: &[IdleRecord]) -> Self {
        let mut curves = Self::default();
        let (mut number, mut last) = (0, 0);
        let mut sums = [(0, 0.0, 0); 2];
        let mut add = |number: u32, (branch, loss): (Branch, f64)| {
            let list = if branch == Branch::Reduced { &mut curves.reduced } else { &mut curves.full };
            let (last, sum, count) = &mut sums[usize::from(branch == Branch::Full)];
            if *last != number {
                (*last, *sum, *count) = (number, 0.0, 0);
                list.push([f64::from(number), 0.0]);
            }
            (*sum, *count) = (*sum + loss, *count + 1);
            if let Some(point) = list.last_mut() {
                point[1] = short(*sum / f64::from(*count));
            }
        };
        let mut idle = idle.iter().peekable();
        for (i, (epoch, loss)) in steps.iter().filter_map(lost).enumerate() {
            if epoch != last {
                (number, last) = (number + 1, epoch);
            }
            add(number, loss);
            while let Some(IdleRecord { record, .. }) = idle.next_if(|idle| idle.after == i + 1) {
                lost(record).into_iter().for_each(|(_, lost)| add(number, lost));
            }
        }
        curves
    }
}

/// Epoch, branch and loss of a step of the fusion network.
fn lost(step: &StepRecord) -> Option<(u32, (Branch, f64))> {
    match *step {
        StepRecord::Dam { .. } => None,
        StepRecord::Reduced { epoch, loss, .. } => Some((epoch, (Branch::Reduced, loss.into()))),
        StepRecord::Full { epoch, loss, .. } => Some((epoch, (Branch::Full, loss))),
    }
}

/// Five digits: more are noise, and a log has many.
fn short(v: f64) -> f64 {
    format!("{v:.4e}").parse().unwrap_or(v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_means_of_epochs() {
        let reduced = |epoch, loss| StepRecord::Reduced { epoch, sample: 0, crops: Vec::new(), turn: 0, loss };
        let full = |epoch, loss| StepRecord::Full { epoch, sample: 0, turn: 0, spectral: 0.0, spatial: 0.0, loss };
        let steps = [full(1, 0.123_456_789), reduced(2, 1.0), reduced(2, 2.0), full(2, 5.0), reduced(3, 4.0)];
        let curves = Curves::of(&steps, &[]);
        assert_eq!(curves.reduced, [[2.0, 1.5], [3.0, 4.0]]);
        assert_eq!(curves.full, [[1.0, 0.123_46], [2.0, 5.0]]);
        // What the other branch loses, and the epochs of a training in series after one another.
        let steps = [reduced(1, 1.0), reduced(3, 2.0), full(1, 3.0), full(2, 4.0)];
        let idle = [(1, full(1, 0.5)), (2, full(3, 0.25)), (3, reduced(1, 2.5)), (4, reduced(2, 3.5))];
        let idle = idle.map(|(after, record)| IdleRecord { after, record });
        let curves = Curves::of(&steps, &idle);
        assert_eq!(curves.reduced, [[1.0, 1.0], [2.0, 2.0], [3.0, 2.5], [4.0, 3.5]]);
        assert_eq!(curves.full, [[1.0, 0.5], [2.0, 0.25], [3.0, 3.0], [4.0, 4.0]]);
    }
}
