//! Numbers over runs.

use serde::Serialize;

use super::RunRecord;

/// Mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the sample; 0 of a single value.
    pub deviation: f64,
}

impl Spread {
    /// Of some values; nothing of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        (n > 0.0).then(|| Self { mean, deviation: if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 } })
    }
}

/// Runs that are one row: over seeds and pairs.
#[derive(Clone, Debug, Default)]
pub struct RunSample<'a> {
    /// The runs.
    pub lines: Vec<&'a RunRecord>,
}

impl<'a> RunSample<'a> {
    /// Values that runs have, those that diverged have none.
    pub fn spread(&self, value: impl Fn(&RunRecord) -> Option<f64>) -> Option<Spread> {
        Spread::of(&self.lines.iter().filter_map(|line| value(line)).collect::<Vec<_>>())
    }

    /// How a value differs from that of other runs of the same pair and seed.
    pub fn against(&self, others: &RunSample<'a>, value: impl Fn(&RunRecord) -> Option<f64>) -> Option<Spread> {
        let alike = |a: &RunRecord, b: &RunRecord| {
            a.key.pair == b.key.pair && a.key.recipe.settings.seed == b.key.recipe.settings.seed
        };
        let difference = |line: &&RunRecord| {
            let other = others.lines.iter().find(|other| alike(line, other))?;
            Some(value(line)? - value(other)?)
        };
        Spread::of(&self.lines.iter().filter_map(difference).collect::<Vec<_>>())
    }

    /// Runs that have come to an end.
    pub fn finished(&self) -> usize {
        self.lines.iter().filter(|line| line.scores.is_some()).count()
    }

    /// Different pairs.
    pub fn pairs(&self) -> usize {
        let mut pairs: Vec<_> = self.lines.iter().map(|line| &line.key.pair).collect();
        pairs.sort();
        pairs.dedup();
        pairs.len()
    }
}
